"""test_tensor.py - tensors from Python alone: numbers and lists, types, operators, indices, errors, memory."""
import array
import gc
import inspect
import itertools
import math

import common
from common import Case, tp


def nested(dims, start=0):
    """Nested lists of start, start + 1, ... in a shape."""
    if not dims:
        return float(start)
    step = math.prod(dims[1:])
    return [nested(dims[1:], start + i * step) for i in range(dims[0])]


class Making(Case):
    def test_lists_give_types_as_pytorch_does(self):
        for data, kind in [(1, "int64"), (1.5, "float32"), (True, "bool"), ([1, 2], "int64"), ([1, 2.0], "float32"), ([True, 0], "int64"),
                           ([[True], [False]], "bool"), ([], "float32"), ([[], []], "float32")]:
            t = tp.tensor(data)
            self.assertEqual(t.dtype, kind, data)
            self.assertEqual(t.tolist(), data)

    def test_every_dtype_by_every_name(self):
        for kind in ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"):
            t = tp.tensor([0, 1, 1], dtype=kind)
            self.assertIs(t.dtype, getattr(tp, kind))
            self.assertEqual(t.tolist(), [0, 1, 1])
            self.assertEqual(repr(t.dtype), f"taper.{kind}")
        self.assertIs(tp.tensor([1], dtype=float).dtype, tp.float32)
        self.assertIs(tp.long, tp.int64)
        self.fails(tp.DtypeError, "there is no dtype 'int7'", tp.zeros, 2, dtype="int7")
        self.fails(TypeError, "uint8 does not hold all of [256]", tp.tensor, [256], dtype=tp.uint8)
        self.fails(tp.ShapeError, "different lengths", tp.tensor, [[1, 2], [3]])

    def test_shapes_come_one_by_one_or_as_a_list(self):
        for t in (tp.zeros(2, 3), tp.zeros((2, 3)), tp.zeros([2, 3]), tp.ones(6).reshape(2, 3), tp.ones(6).reshape((2, -1)),
                  tp.ones(3, 2).permute(1, 0), tp.ones(3, 2).T, tp.ones(1, 3).expand(2, -1), tp.ones(1, 3).repeat(2, 1)):
            self.assertEqual(t.shape, (2, 3))
        self.assertEqual(tp.zeros().shape, ())

    def test_counted_and_random_ones(self):
        self.assertEqual(tp.arange(5).tolist(), [0, 1, 2, 3, 4])
        self.assertEqual(tp.arange(1, 2, 0.5).tolist(), [1.0, 1.5])
        self.assertEqual(tp.linspace(0, 1, 5).tolist(), [0, 0.25, 0.5, 0.75, 1])
        self.assertEqual(tp.eye(2).tolist(), [[1, 0], [0, 1]])
        self.assertEqual(tp.full((2,), 7).dtype, tp.int64)
        tp.manual_seed(3)
        a, b = tp.randn(100), tp.randn(100)
        self.assertNotEqual(a.tolist(), b.tolist())
        tp.manual_seed(3)
        self.assertEqual(tp.randn(100).tolist(), a.tolist())
        self.assertEqual(tp.rand(5, seed=1).tolist(), tp.rand(5, seed=1).tolist())
        self.assertEqual(sorted(tp.randperm(50).tolist()), list(range(50)))
        self.assertTrue(all(3 <= x < 7 for x in tp.randint(3, 7, (100,)).tolist()))
        self.assertTrue(((tp.dropout(tp.ones(1000), 0.5) == 0).sum() > 300).item())
        self.assertNotEqual(tp.dropout(tp.ones(64)).tolist(), tp.dropout(tp.ones(64)).tolist())
        state = tp.get_rng_state()
        x = tp.rand(3)
        tp.set_rng_state(state)
        self.assertEqual(tp.rand(3).tolist(), x.tolist())

    def test_memory_of_arrays_without_numpy(self):
        self.assertEqual(tp.tensor(array.array("d", [1, 2, 3])).dtype, tp.float64)
        self.assertEqual(tp.tensor(memoryview(b"abc")).tolist(), [97, 98, 99])

    def test_text_is_what_pytorch_prints(self):
        self.assertEqual(repr(tp.tensor([[1.0, 2.5], [-3, 4]])), "tensor([[ 1.0000,  2.5000],\n        [-3.0000,  4.0000]])")
        self.assertEqual(repr(tp.tensor([1.0], requires_grad=True)), "tensor([1.], requires_grad=True)")
        self.assertIn("grad_fn=<mul>", repr(tp.tensor([1.0], requires_grad=True) * 2))
        self.assertEqual(f"{tp.tensor(1.23456):.2f}", "1.23")


    def test_print_options(self):
        x = tp.tensor([1 / 3, 1000.0])
        tp.set_printoptions(precision=2, sci_mode=False)
        try:
            self.assertEqual(repr(x), "tensor([   0.33, 1000.00])")
        finally:
            tp.set_printoptions(precision=4)
            tp._tensor._format.sci_mode = 0
        self.assertEqual(repr(tp.tensor([0.5])), "tensor([0.5000])")

    def test_filled_in_place(self):
        x = tp.zeros(200)
        self.assertTrue(0 < x.uniform_().mean().item() < 1)
        self.assertTrue(set(x.bernoulli_(0.3).tolist()) == {0, 1})
        self.assertTrue(set(x.random_(2, 4).tolist()) == {2, 3})
        self.assertGreater(x.exponential_(2).min().item(), 0)
        self.assertEqual(tp.tensor([1.0, 2.0]).where(tp.tensor([True, False]), 9).tolist(), [1, 9])


class Operators(Case):
    def test_numbers_and_tensors(self):
        a, b = [1.5, -2.0, 3.0], [2.0, 0.5, -1.5]
        x, y = tp.tensor(a), tp.tensor(b)
        for name, f in [("+", lambda p, q: p + q), ("-", lambda p, q: p - q), ("*", lambda p, q: p * q), ("/", lambda p, q: p / q),
                        ("//", lambda p, q: p // q), ("%", lambda p, q: p % q)]:
            self.close(f(x, y), [f(p, q) for p, q in zip(a, b)])
            self.close(f(x, 2), [f(p, 2) for p in a])
            self.close(f(2.5, x), [f(2.5, p) for p in a])
        self.close(x ** 2, [p ** 2 for p in a])
        self.close(2 ** x, [2 ** p for p in a])
        self.close(-x, [-p for p in a])
        self.close(abs(x), [abs(p) for p in a])
        self.assertEqual((x > 0).tolist(), [True, False, True])
        self.assertEqual((0 < x).tolist(), [True, False, True])
        self.assertEqual((x == y).tolist(), [False] * 3)
        self.assertEqual((~(x > 0)).tolist(), [False, True, False])
        self.assertEqual((tp.tensor([6, 5]) & 3).tolist(), [2, 1])
        self.assertEqual((1 << tp.tensor([1, 2])).tolist(), [2, 4])
        self.assertEqual((tp.tensor([[1, 2]]) @ tp.tensor([[3], [4]])).tolist(), [[11]])

    def test_the_number_yields_to_the_tensor(self):
        self.assertEqual((tp.tensor([1]) + 1).dtype, tp.int64)
        self.assertEqual((tp.tensor([1]) + 1.5).dtype, tp.float32)
        self.assertEqual((tp.tensor([1.0], dtype=tp.float64) + 1).dtype, tp.float64)
        self.assertEqual((tp.tensor([1], dtype=tp.uint8) + True).dtype, tp.uint8)
        self.assertEqual((tp.tensor([True]) + True).dtype, tp.bool)

    def test_zero_and_minus_zero_are_two_numbers(self):
        for zero in (0.0, -0.0, 0.0):
            self.assertEqual(math.copysign(1, (tp.tensor([1.0]) * zero).item()), math.copysign(1, zero))
            self.assertEqual(math.copysign(1, tp.tensor([1.0]).masked_fill(tp.tensor([True]), zero).item()), math.copysign(1, zero))

    def test_in_place_is_the_same_memory(self):
        x = tp.tensor([1.0, 2.0])
        p, view = x.data_ptr(), x[1:]
        x += 1
        x *= tp.tensor([2.0, 3.0])
        x.sqrt_().clamp_(max=2.5)
        x -= 1
        x /= 2
        self.assertEqual(x.data_ptr(), p)
        self.close(x, [0.5, 0.75])
        self.close(view, [0.75])
        self.close(x.fill_(3), [3, 3])
        self.close(x.zero_(), [0, 0])

    def test_what_is_no_operand(self):
        for f in (lambda: tp.ones(2) + "x", lambda: None - tp.ones(2), lambda: tp.ones(2) < object()):
            self.assertRaises(TypeError, f)

    def test_truth_and_numbers(self):
        self.assertTrue(tp.tensor(3))
        self.assertFalse(tp.tensor([0.0]))
        self.assertRaises(ValueError, bool, tp.ones(2))
        self.assertEqual(int(tp.tensor(3.7)), 3)
        self.assertEqual([1, 2, 3][tp.tensor(1)], 2)
        self.assertEqual(list(range(5))[tp.tensor(1):tp.tensor(3)], [1, 2])
        self.assertIn(2, tp.tensor([1, 2]))
        self.assertEqual([t.item() for t in tp.tensor([1, 2])], [1, 2])
        self.assertRaises(tp.Error, tp.ones(2).item)

    def test_several_results(self):
        x = tp.tensor([[3.0, 1.0, 2.0]])
        values, indices = x.sort(dim=1)
        self.assertEqual((values.tolist(), indices.tolist()), ([[1, 2, 3]], [[1, 2, 0]]))
        self.assertEqual(x.max(dim=1).indices.tolist(), [0])
        self.assertEqual(x.max().item(), 3)
        self.assertEqual([t.shape for t in x.split(2, dim=1)], [(1, 2), (1, 1)])
        self.assertEqual(len(x.chunk(1)), 1)
        self.assertEqual(len(tp.tensor([1, 1, 2]).unique(return_counts=True)), 2)
        self.assertIs(tp.equal(x, x), True)


class Indices(Case):
    dims = (3, 4, 5)

    def check(self, index):
        """Against Python's lists: the flat number that each place holds."""
        x = tp.tensor(nested(self.dims))
        wanted = common.np.array(nested(self.dims), "float32")[index] if common.np else None
        got = x[index]
        if wanted is not None:
            self.assertEqual(got.shape, wanted.shape, index)
            self.assertEqual(got.tolist(), wanted.tolist(), index)
            value = x.clone()
            value[index] = -1
            copy = common.np.array(nested(self.dims), "float32")
            copy[index] = -1
            self.assertEqual(value.tolist(), copy.tolist(), index)

    def test_every_mixture_of_views(self):
        parts = [1, -1, slice(None), slice(1, None), slice(None, None, 2), slice(-3, -1), slice(2, 1), None, Ellipsis]
        for n in (1, 2, 3):
            for index in itertools.product(parts, repeat=n):
                if sum(i is Ellipsis for i in index) <= 1:
                    self.check(index)
        self.check(0)
        self.check(Ellipsis)
        self.check(())

    def test_lists_and_masks(self):
        for index in ([0, 2], ([0, 2], [1, 1]), (slice(None), [0, -1]), ([0, 1], slice(None), [1, 2]), (Ellipsis, [0, 0, 1]),
                      (slice(1, 3), [1, 2]), (None, [1, 2]), (slice(None), [[0, 1], [2, 3]])):
            self.check(index)
        x = tp.tensor(nested(self.dims))
        self.assertEqual(x[x > 50].tolist(), [float(i) for i in range(51, 60)])
        self.assertEqual(x[tp.tensor([True, False, True])].shape, (2, 4, 5))
        self.assertEqual(x[:, x[0, :, 0] > 5].shape, (3, 2, 5))
        x[x > 5] = 0
        self.assertEqual(x.sum().item(), 15)
        x[tp.tensor([0, 1]), 0] = tp.tensor([1.0, 2, 3, 4, 5])
        self.assertEqual(x[1, 0].tolist(), [1, 2, 3, 4, 5])
        x[0, 1] += 2
        self.assertEqual(x[0, 1].tolist(), [7, 2, 2, 2, 2])

    def test_views_share_memory_and_lists_copy(self):
        x = tp.zeros(4, 4)
        x[1:3, ::2] = 1
        x[0] = tp.arange(4)
        self.assertEqual(x.tolist(), [[0, 1, 2, 3], [1, 0, 1, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
        y = x[[0, 1]]
        y[0] = 9
        self.assertEqual(x[0, 0].item(), 0)

    def test_errors_of_indices(self):
        x = tp.zeros(2, 3)
        self.fails(IndexError, "index 2 is outside of dim 0 of (2, 3)", lambda: x[2])
        self.fails(IndexError, "3 indices", lambda: x[0, 0, 0])
        self.fails(ValueError, "step is at least 1", lambda: x[::-1])
        self.fails(TypeError, "an index is", lambda: x["a"])
        self.fails(tp.Error, "", lambda: x[[5]])


class Gradients(Case):
    def test_of_a_formula(self):
        x = tp.tensor([1.0, 2.0, 3.0], requires_grad=True)
        y = (x ** 2).sum()
        self.assertEqual((y.grad_fn, y.is_leaf, x.is_leaf, x.grad), ("sum", False, True, None))
        y.backward()
        self.close(x.grad, [2, 4, 6])
        (x * 2).sum().backward()
        self.close(x.grad, [4, 6, 8])
        x.grad.zero_()
        self.close(x.grad, [0, 0, 0])
        x.grad = None
        self.assertIsNone(x.grad)

    def test_of_gradients(self):
        x = tp.tensor([2.0], dtype="float64", requires_grad=True)
        y = x ** 4
        for wanted in (32, 48, 48, 24):  # 4 x^3, 12 x^2, 24 x, 24
            y, = tp.autograd.grad(y, x, create_graph=True)
            self.assertAlmostEqual(y.item(), wanted)

    def test_modes(self):
        x = tp.ones(2, requires_grad=True)
        with tp.no_grad():
            self.assertFalse((x * 2).requires_grad)
            with tp.enable_grad():
                self.assertTrue((x * 2).requires_grad)
            x += 1
        self.assertTrue(tp.is_grad_enabled())

        @tp.no_grad()
        def f(t):
            return t * 2
        self.assertFalse(f(x).requires_grad)
        self.assertRaises(ZeroDivisionError, lambda: self.raising())
        self.assertTrue(tp.is_grad_enabled())

    @tp.no_grad()
    def raising(self):
        return 1 / 0

    def test_misuse(self):
        x = tp.ones(2, requires_grad=True)
        self.fails(tp.GradError, "in place", x.add_, 1)
        y = (x * 2).sum()
        y.backward()
        self.fails(RuntimeError, "backward", y.backward)
        self.fails(tp.GradError, "", (x * 2).backward)
        self.fails(tp.Error, "float", tp.ones(2, dtype=tp.int64).requires_grad_)
        z = x.exp()
        s = z.sum()
        z.mul_(2)
        self.assertRaises(tp.GradError, s.backward)

    def test_hooks(self):
        x = tp.ones(2, requires_grad=True)
        seen = []
        kept = x.register_hook(lambda g: seen.append(g.tolist()))
        x.register_hook(lambda g: g * 10)
        (x * 3).sum().backward()
        self.assertEqual((seen, x.grad.tolist()), ([[3, 3]], [30, 30]))
        kept.remove()
        x.sum().backward()
        self.assertEqual(len(seen), 1)

        def bad(g):
            raise KeyError("mine")
        x.register_hook(bad)
        self.assertRaises(KeyError, lambda: x.sum().backward())
        self.close(tp.ones(2) + 1, [2, 2])  # nothing is left pending

    def test_anomaly(self):
        x = tp.tensor([0.0], requires_grad=True)
        with tp.autograd.detect_anomaly():
            self.fails(tp.GradError, "", lambda: (x.sqrt() * 0).sum().backward())


class Errors(Case):
    def test_each_is_python_s_too(self):
        for kind, base, f in [(tp.ShapeError, ValueError, lambda: tp.ones(2) + tp.ones(3)),
                              (tp.ArgumentError, ValueError, lambda: tp.gelu(tp.ones(2), approximate="x")),
                              (tp.DtypeError, TypeError, lambda: tp.ones(2).bitwise_and(tp.ones(2))),
                              (tp.IndexOutOfRange, IndexError, lambda: tp.ones(2)[3]),
                              (tp.DeviceError, RuntimeError, lambda: tp.ones(2).cuda()),
                              (tp.FileError, OSError, lambda: tp.load("/there/is/nothing.npz"))]:
            with self.assertRaises(kind) as caught:
                f()
            self.assertIsInstance(caught.exception, base)
            self.assertIsInstance(caught.exception, tp.Error)
            self.close(tp.ones(1) + 1, [2])  # taken: the next call works

    def test_the_text_is_the_library_s(self):
        self.fails(ValueError, "conv2d: input (8, 3, 32, 32) has 3 channels, weight (6, 1, 5, 5) wants 1", tp.conv2d,
                   tp.ones(8, 3, 32, 32), tp.ones(6, 1, 5, 5))
        self.fails(TypeError, "missing", tp.softmax, tp.ones(2))
        self.fails(TypeError, "unexpected keyword", tp.ones(2).sum, foo=1)


class Help(Case):
    def test_a_function_says_its_arguments(self):
        self.assertEqual(str(inspect.signature(tp.conv2d)),
                         "(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, precise=None)")
        self.assertEqual(str(inspect.signature(tp.gather)), "(x, dim, index)")
        self.assertEqual(str(inspect.signature(tp.layer_norm)), "(input, normalized_shape, weight=None, bias=None, eps=1e-05)")
        self.assertEqual(str(inspect.signature(tp.Tensor.permute)), "(x, *dims)")
        self.assertIn("sum of x", tp.sum.__doc__)

    def test_precise_counts(self):
        x, w = tp.randn(1, 16, 16, 16), tp.randn(32, 16, 3, 3)
        fast = tp.conv2d(x, w, padding=1)
        tp.set_precise(True)
        try:
            precise = tp.conv2d(x, w, padding=1)
        finally:
            tp.set_precise(False)
        self.assertEqual(precise.tolist(), tp.conv2d(x, w, padding=1, precise=True).tolist())
        self.close(fast, precise, 1e-3, 1e-3)


class Memory(Case):
    def steady(self, step):
        for _ in range(3):
            step()
        gc.collect()
        before = tp.memory_stats()
        for _ in range(200):
            step()
        gc.collect()
        after = tp.memory_stats()
        self.assertEqual((after.live_blocks, after.live_bytes), (before.live_blocks, before.live_bytes))

    def test_is_steady(self):
        x, mask = tp.randn(20, 20, requires_grad=True), tp.rand(20, 20) > 0.5

        def step():
            y = (x @ x.T).tanh().softmax(dim=1)
            (y[1:, ::2].sum() + y[mask].sum() + y.max(dim=1).values.sum()).backward()
            x.grad = None
            with tp.no_grad():
                x[0] = 0.5
                x[mask] = 0.25
            tp.tensor([[1.0, 2], [3, 4]]).tolist()
            repr(y)
            tp.cat([y, y]).chunk(4)
            tp.autograd.grad(x.sum(), x)
        self.steady(step)

    def test_is_steady_with_errors(self):
        def step():
            for f in (lambda: tp.ones(2) + tp.ones(3), lambda: tp.ones(3, 4).split(0), lambda: tp.ones(2)[7]):
                self.assertRaises(tp.Error, f)
        self.steady(step)

    def test_is_steady_with_hooks(self):
        w = tp.ones(3, requires_grad=True)

        def step():
            x = tp.ones(3, requires_grad=True)
            x.register_hook(lambda g: g * 2)
            y = x * w
            y.register_hook(lambda g: g + 1)
            y.sum().backward()
            self.assertEqual(x.grad.tolist(), [4, 4, 4])
            y.register_hook(lambda g: None).remove()
            w.grad = None
        self.steady(step)
        self.assertEqual(len(tp._tensor._hooks), 0)
        kept = []
        tp.ones(2, requires_grad=True).register_hook(kept.append)
        y = tp.ones(2, requires_grad=True) * 2
        z = y.exp().sum()
        y.register_hook(lambda g: kept.append(g.shape))
        del y
        z.backward()
        self.assertEqual(kept, [(2,)])  # the history has it, though nothing in Python has the tensor

    def test_goes_at_once(self):
        before = tp.memory_stats().live_bytes
        x = tp.zeros(1000, 1000)
        self.assertGreaterEqual(tp.memory_stats().live_bytes - before, 4000000)
        view = x[0]
        del x
        self.assertGreaterEqual(tp.memory_stats().live_bytes - before, 4000000)
        del view
        self.assertLess(tp.memory_stats().live_bytes - before, 10000)


if __name__ == "__main__":
    common.main()

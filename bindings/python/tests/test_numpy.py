"""test_numpy.py - the same memory as NumPy's, both ways; the same results."""
import gc
import sys
import unittest

import common
from common import Case, np, tp

KINDS = ("float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


@unittest.skipUnless(np, "NumPy is not here")
class Memory(Case):
    def arrays(self):
        for kind in KINDS:
            for dims in ((), (5,), (3, 4), (2, 3, 4), (0, 2)):
                yield np.asarray((np.arange(int(np.prod(dims))) % 3).reshape(dims).astype(kind))

    def test_to_numpy_without_a_copy(self):
        for x in self.arrays():
            for t in (tp.tensor(x), tp.tensor(x).transpose(0, -1) if x.ndim else tp.tensor(x)):
                y = t.numpy()
                self.assertEqual((y.dtype, y.shape), (x.dtype, t.shape))
                self.assertEqual(y.tolist(), t.tolist())
                if x.size:
                    self.assertEqual(y.__array_interface__["data"][0], t.data_ptr())
        t = tp.zeros(3)
        t.numpy()[1] = 5
        self.assertEqual(t.tolist(), [0, 5, 0])

    def test_from_numpy_without_a_copy(self):
        if not hasattr(np, "from_dlpack"):
            self.skipTest("this NumPy has no DLPack")
        for x in self.arrays():
            if x.ndim and x.dtype != bool:
                for y in (x, x.T, x[::2]):
                    t = tp.from_numpy(y)
                    self.assertEqual(t.tolist(), y.tolist())
                    self.assertEqual(t.dtype.name, str(y.dtype))
        x = np.zeros(3, "float32")
        t = tp.from_numpy(x)
        t += 1
        x[0] = 7
        self.assertEqual(t.tolist(), [7, 1, 1])
        self.assertEqual(tp.tensor(x).fill_(3).tolist() + x.tolist(), [3, 3, 3, 7, 1, 1])  # tensor copies

    def test_memory_lives_as_long_as_either_needs_it(self):
        gc.collect()
        live = tp.memory_stats().live_bytes
        y = tp.arange(100000).numpy()
        self.assertEqual(y[-1], 99999)
        view = y[5:]
        del y
        self.assertEqual(view[0], 5)
        del view
        self.assertLess(tp.memory_stats().live_bytes - live, 1000)
        x = np.arange(1000.0)
        count = sys.getrefcount(x)
        t = tp.from_numpy(x)
        self.assertGreater(sys.getrefcount(x), count)
        del t
        gc.collect()
        self.assertEqual(sys.getrefcount(x), count)

    def test_dlpack_both_ways(self):
        if not hasattr(np, "from_dlpack"):
            self.skipTest("this NumPy has no DLPack")
        t = tp.arange(6, dtype="float32").reshape(2, 3).T
        y = np.from_dlpack(t)
        self.assertEqual((y.tolist(), y.__array_interface__["data"][0]), (t.tolist(), t.data_ptr()))
        live = tp.memory_stats().live_blocks
        for _ in range(10):
            t.__dlpack__()  # a capsule that nobody takes
            t.__dlpack__(max_version=(1, 0))
        gc.collect()
        self.assertEqual(tp.memory_stats().live_blocks, live)
        self.fails(tp.GradError, "detach", t.requires_grad_().__dlpack__)

    def test_what_cannot_be_shared(self):
        x = np.arange(4.0)
        x.flags.writeable = False
        self.assertRaises((ValueError, BufferError, TypeError), tp.from_numpy, x)
        self.assertEqual(tp.tensor(x).tolist(), [0, 1, 2, 3])
        self.assertEqual(tp.tensor(np.arange(4.0)[::-1]).tolist(), [3, 2, 1, 0])
        self.assertEqual(tp.tensor(np.arange(4, dtype=">i4")).tolist(), [0, 1, 2, 3])
        self.assertEqual(tp.tensor(np.float32(1.5)).tolist(), 1.5)
        self.assertRaises(TypeError, tp.tensor, np.array(["a"]))
        self.assertRaises(TypeError, tp.ones(2, dtype=tp.bfloat16).numpy)
        self.assertRaises(ValueError, tp.ones(2, requires_grad=True).numpy)


@unittest.skipUnless(np, "NumPy is not here")
class Results(Case):
    def test_arrays_are_operands(self):
        x, a = tp.tensor([1.0, 2.0]), np.array([3.0, 4.0], "float32")
        for y, wanted in ((x + a, [4, 6]), (a + x, [4, 6]), (a * x, [3, 8]), (x @ a, 11), (a - x, [2, 2]), (x == a, [False, False])):
            self.assertIsInstance(y, tp.Tensor)
            self.assertEqual(y.tolist(), wanted)
        self.assertEqual(np.asarray(x).tolist(), [1, 2])
        self.assertEqual(np.sin(x).tolist(), np.sin([1, 2], dtype="float32").tolist())
        self.assertEqual((x * np.float32(2)).tolist(), [2, 4])
        self.assertEqual(x[np.array([1, 0])].tolist(), [2, 1])
        self.assertEqual(x[np.int64(1)].item(), 2)

    def test_functions(self):
        rng = np.random.default_rng(0)
        a, b = rng.standard_normal((4, 5)), rng.standard_normal((5, 3))
        x, y = tp.tensor(a), tp.tensor(b)
        for got, wanted in [(x @ y, a @ b), (x.sum(0), a.sum(0)), (x.mean(), a.mean()), (x.var(dim=1), a.var(axis=1, ddof=1)),
                            (x.cumsum(1), a.cumsum(1)), (x.sort(dim=0).values, np.sort(a, 0)), (x.exp(), np.exp(a)),
                            (tp.einsum("ij,jk->ki", x, y), np.einsum("ij,jk->ki", a, b)), (tp.tensordot(x, y, 1), np.tensordot(a, b, 1)),
                            (tp.tensordot(x, x, ([0, 1], [0, 1])), np.tensordot(a, a, ([0, 1], [0, 1]))),
                            (tp.where(x > 0, x, 0.0), np.where(a > 0, a, 0)), (tp.stack([x, x]), np.stack([a, a])),
                            (x.repeat_interleave(2, dim=0), np.repeat(a, 2, 0)), (x.clamp(-0.5, 0.5), np.clip(a, -0.5, 0.5)),
                            (tp.repeat_interleave(x, tp.tensor([1, 0, 2, 1]), dim=0), np.repeat(a, [1, 0, 2, 1], 0)),
                            (x.quantile(0.3, dim=1), np.quantile(a, 0.3, axis=1)), (tp.outer(x[0], x[1]), np.outer(a[0], a[1]))]:
            self.close(got, wanted, 1e-12, 1e-14)

    def test_gradient_is_the_slope(self):
        rng = np.random.default_rng(1)
        a = rng.standard_normal((3, 4))

        def f(x):
            return (x @ x.T).tanh().softmax(dim=1)[:, 1:].log().sum() + (x ** 3).mean()
        x = tp.tensor(a, requires_grad=True)
        f(x).backward()
        for i in np.ndindex(*a.shape):
            up, down = a.copy(), a.copy()
            up[i] += 1e-6
            down[i] -= 1e-6
            slope = (f(tp.tensor(up)).item() - f(tp.tensor(down)).item()) / 2e-6
            self.assertAlmostEqual(x.grad[i].item(), slope, places=6)


if __name__ == "__main__":
    common.main()

"""test_nn.py - modules: the library's and ones written in Python, their state, training, files, runs and the program."""
import copy
import gc
import json
import os
import subprocess
import tempfile
import unittest

import common
from common import PROGRAM, TOP, Case, tp

from taper import nn, optim  # noqa: E402

MNIST = os.path.join(TOP, "data", "mnist")


class MLP(nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.inner = nn.Linear(inputs, hidden)
        self.outer = nn.Linear(hidden, outputs)
        self.scale = nn.Parameter(tp.ones(1))
        self.register_buffer("calls", tp.zeros(1))

    def forward(self, x):
        with tp.no_grad():
            self.calls += 1
        return self.outer(self.inner(x).tanh()) * self.scale


class Modules(Case):
    def test_one_written_in_python(self):
        m = MLP(4, 8, 3)
        names = ["scale", "inner.weight", "inner.bias", "outer.weight", "outer.bias"]
        self.assertEqual([n for n, _ in m.named_parameters()], names)
        self.assertEqual(set(m.state_dict()), {*names, "calls"})
        self.assertEqual(m.numel(), 1 + 32 + 8 + 24 + 3)
        y = m(tp.randn(5, 4))
        self.assertEqual((y.shape, m.calls.item()), ((5, 3), 1))
        y.sum().backward()
        self.assertEqual(m.inner.weight.grad.shape, (8, 4))
        m.zero_grad()
        self.assertIsNone(m.inner.weight.grad)
        self.assertIs(m.inner, m.inner)
        self.assertIn("(inner): Linear(4, 8)", repr(m))
        self.fails(AttributeError, "no attribute 'nix'", lambda: m.nix)
        self.assertEqual([n for n, _ in m.named_modules()], ["", "inner", "outer"])

    def test_inside_of_the_library_s(self):
        """C calls back; the modules stay alive though nothing in Python names them."""
        net = nn.Sequential(MLP(4, 6, 5), nn.ReLU(), MLP(5, 6, 2))
        gc.collect()
        self.assertEqual(net(tp.randn(3, 4)).shape, (3, 2))
        self.assertEqual(net[0].calls.item(), 1)
        self.assertIn("0.inner.weight", net.state_dict())
        x = tp.randn(3, 4)
        self.close(net(x), net[2](net[0](x).relu()))
        self.assertIn("multiply-adds", nn.summary(net, (1, 4)))

    def test_an_exception_travels_through_c(self):
        class Bad(nn.Module):
            def forward(self, x):
                raise KeyError("mine")

        class NoTensor(nn.Module):
            def forward(self, x):
                return 3
        self.assertRaises(KeyError, nn.Sequential(nn.ReLU(), nn.Sequential(Bad())), tp.ones(2))
        self.fails(TypeError, "one tensor is wanted", nn.Sequential(NoTensor()), tp.ones(2))
        self.close(nn.Sequential(nn.ReLU())(tp.tensor([-1.0, 2.0])), [0, 2])

    def test_containers(self):
        net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        net.append(nn.Linear(3, 1))
        self.assertEqual(len(net), 3)
        self.assertEqual([type(m).__name__ for m in net], ["Linear", "ReLU", "Linear"])
        named = nn.Sequential({"a": nn.Linear(2, 3), "b": nn.ReLU()})
        self.assertEqual([n for n, _ in named.named_children()], ["a", "b"])
        self.assertEqual(named.get_submodule("a").weight.shape, (3, 2))

        class Listed(nn.Module):
            def __init__(self):
                self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])

            def forward(self, x):
                for layer in self.layers:
                    x = layer(x).relu()
                return x
        self.assertEqual(len(list(Listed().parameters())), 6)
        self.assertEqual(Listed()(tp.ones(1, 2)).shape, (1, 2))
        block = nn.Residual(conv=nn.Conv2d(3, 3, 3, padding=1), bn=nn.BatchNorm2d(3))
        self.assertEqual(block(tp.ones(1, 3, 4, 4)).shape, (1, 3, 4, 4))
        self.assertEqual(nn.Concat(a=nn.Conv2d(3, 2, 1), b=nn.Conv2d(3, 5, 1))(tp.ones(1, 3, 4, 4)).shape, (1, 7, 4, 4))

    def test_modes_and_freezing(self):
        net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))
        x = tp.randn(8, 4)
        self.assertNotEqual(net(x).tolist(), net(x).tolist())
        net.eval()
        self.assertFalse(net.training or net[1].training)
        self.assertEqual(net(x).tolist(), net(x).tolist())
        net.train().freeze("0")
        self.assertFalse(net[0].weight.requires_grad)
        self.assertTrue(net[2].weight.requires_grad)
        net.unfreeze("0.bias")
        self.assertTrue(net[0].bias.requires_grad)
        self.assertIs(net.double()[0].weight.dtype, tp.float64)

    def test_state(self):
        a, b = MLP(4, 8, 3), MLP(4, 8, 3)
        x = tp.randn(2, 4)
        b.load_state_dict(a.state_dict())
        self.close(a(x), b(x))
        self.fails(ValueError, "missing: scale", b.load_state_dict, {"calls": tp.zeros(1)})
        self.fails(ValueError, "inner.weight", b.load_state_dict, {**a.state_dict(), "inner.weight": tp.zeros(2, 2)})
        b.load_state_dict({**a.state_dict(), "inner.weight": tp.zeros(2, 2)}, except_for="inner")
        with tempfile.TemporaryDirectory() as folder:
            for ending in ("safetensors", "npz", "pth"):
                path = os.path.join(folder, "x." + ending)
                try:
                    tp.save(a, path)
                except tp.UnsupportedError:  # a build without libzip
                    continue
                read = tp.load(path)
                self.assertEqual(list(read), list(a.state_dict()))
                b.load_state_dict(read)
                self.close(a.inner.weight, b.inner.weight)
            path = os.path.join(folder, "x.safetensors")
            tp.save({"w": tp.ones(2)}, path, metadata={"who": "me"})
            self.assertEqual(tp.metadata(path, "who"), "me")
            self.assertEqual(tp.load(path, mapped=True)["w"].tolist(), [1, 1])
            tp.save(tp.arange(3), os.path.join(folder, "x.npy"))
            self.assertEqual(tp.load(os.path.join(folder, "x.npy")).tolist(), [0, 1, 2])
            self.fails(tp.ArgumentError, "as the name ends", tp.save, a, os.path.join(folder, "x.what"))
            with open(path, "r+b") as f:
                f.truncate(20)
            self.fails(tp.FormatError, "x.safetensors", tp.load, path)

    def test_options_that_are_not_there(self):
        for words, f in [("out_features is missing", lambda: nn.Linear(3)), ("no option 'foo'", lambda: nn.Conv2d(3, 4, 3, foo=1)),
                         ("no option 'foo'", lambda: tp.models.resnet18(foo=1)), ("no option 'foo'", lambda: nn.MSELoss(foo=1)),
                         ("no option 'foo'", lambda: optim.Adam(nn.Linear(1, 1).parameters(), foo=1))]:
            self.fails(TypeError, words, f)
        self.fails(tp.ArgumentError, "no parameters", optim.Adam, [])
        self.fails(tp.ArgumentError, "lr is -1", optim.SGD, nn.Linear(1, 1), lr=-1)
        self.fails(AttributeError, "there is no model 'nix'; there are mlp, lenet5", lambda: tp.models.nix)

    def test_the_zoo(self):
        self.assertEqual(tp.models.resnet18(classes=10).fc.weight.shape, (10, 512))
        self.assertEqual(tp.models.resnet18().numel(), 11689512)  # torchvision's
        for name in ("mlp", "lenet5", "resnet18", "transformer_classifier"):
            self.assertIn(name, tp.models.names())
            tp.models.create(name)
        self.assertEqual(tp.models.input_shape("lenet5"), (1, 1, 32, 32))
        self.assertIn("classes=1000", tp.models.resnet18.__doc__)

    def test_memory_is_steady(self):
        net = nn.Sequential(MLP(6, 8, 8), nn.LayerNorm(8), nn.Linear(8, 3))
        adam, lstm = optim.Adam(net, lr=0.01), nn.LSTM(3, 4)
        loss, x, y = nn.CrossEntropyLoss(), tp.randn(16, 6), tp.randint(3, (16,))

        def step():
            adam.zero_grad()
            value = loss(net(x), y)
            value.backward()
            adam.step()
            _, state = lstm(tp.randn(5, 2, 3))
            lstm(tp.randn(5, 2, 3), state)
            net.state_dict()
            nn.Sequential(nn.Linear(2, 2), MLP(2, 2, 2))(tp.ones(1, 2)).sum().backward()
            nn.utils.clip_grad_norm_(net, 1.0)
            return value.item()
        first = step()
        for _ in range(5):
            step()
        gc.collect()
        before = tp.memory_stats()
        for _ in range(100):
            last = step()
        gc.collect()
        after = tp.memory_stats()
        self.assertEqual((after.live_blocks, after.live_bytes), (before.live_blocks, before.live_bytes))
        self.assertLess(last, first)

    def test_schedules_and_averages(self):
        self.assertIn("cosine", optim.schedules())
        self.assertIn("adamw", optim.names())
        m = nn.Linear(2, 2)
        o = optim.Optimizer(m, lr=1.0, name="momentum")
        s = optim.Schedule(o, "linear", total=4, warmup=2)
        rates = []
        for _ in range(4):
            rates.append(o.lr)
            s.step()
        self.assertEqual(rates[0], 0)
        o = optim.SGD(m, lr=1.0)
        s = optim.ReduceLROnPlateau(o, patience=1)
        for metric in (1.0, 2.0, 3.0, 4.0):
            s.step(metric)
        self.assertLess(o.lr, 1.0)
        average = optim.EMA(m, 0.5)
        average.update()
        weight = m.weight.tolist()
        with tp.no_grad():
            m.weight.add_(1)
        average.update()
        average.swap()
        self.close(m.weight, [[v + 0.5 for v in row] for row in weight])

    def test_optimizer_goes_on_where_it_was(self):
        a, x = MLP(4, 4, 2), tp.randn(8, 4)
        o = optim.Adam(a.parameters(), lr=0.05)

        def steps(module, optimizer, n):
            for _ in range(n):
                optimizer.zero_grad()
                module(x).square().mean().backward()
                optimizer.step()
        steps(a, o, 3)
        b = MLP(4, 4, 2)
        b.load_state_dict(a.state_dict())
        p = optim.Adam(b.parameters(), lr=0.05)
        p.load_state_dict({"steps": o.state_dict()["steps"], "state": {n: t.clone() for n, t in o.state_dict()["state"].items()}})
        steps(a, o, 3)
        steps(b, p, 3)
        self.assertEqual(a.inner.weight.tolist(), b.inner.weight.tolist())


class Alive(Case):
    def test_a_module_written_in_python_whose_object_is_gone(self):
        net = nn.Sequential(MLP(2, 2, 2))
        net._kept.clear()
        gc.collect()
        self.fails(tp.StateError, "its Python object is gone", net, tp.ones(1, 2))
        self.fails(tp.StateError, "its Python object is gone", net[0], tp.ones(1, 2))

    def test_a_hook_on_a_parameter_that_only_c_has(self):
        m, seen = nn.Linear(2, 2), []
        hook = m.weight.register_hook(lambda g: seen.append(1))
        m(tp.ones(1, 2)).sum().backward()
        hook.remove()
        m(tp.ones(1, 2)).sum().backward()
        self.assertEqual(seen, [1])

    def test_forward_hooks(self):
        for net in (nn.Sequential(nn.Linear(2, 3), nn.ReLU()), MLP(2, 3, 3)):
            seen = []
            inner = net[0] if isinstance(net, nn.Sequential) else net.inner
            hooks = [inner.register_forward_hook(lambda m, inputs, y: seen.append((m is inner, inputs[0].shape, y.shape))),
                     net.register_forward_hook(lambda m, inputs, y: y * 0)]
            self.assertEqual(net(tp.ones(1, 2)).tolist(), [[0, 0, 0]])
            self.assertEqual(seen, [(True, (1, 2), (1, 3))])
            for hook in hooks:
                hook.remove()
            self.assertNotEqual(net(tp.ones(1, 2)).abs().sum().item() + len(seen), 2.0)
            self.assertEqual(len(seen), 1)

            def bad(m, inputs, y):
                raise KeyError("mine")
            hook = net.register_forward_hook(bad)
            self.assertRaises(KeyError, net, tp.ones(1, 2))
            hook.remove()

    def test_what_a_network_looks_at(self):
        net = tp.models.lenet5().eval()
        x = tp.rand(2, 1, 32, 32)
        self.assertEqual(nn.saliency(net, x).shape, (2, 32, 32))
        self.assertEqual(nn.grad_cam(net, x).shape[0], 2)
        self.assertEqual(nn.output_of(net, net[0], x).shape, (2, 6, 28, 28))

    def test_lists_and_arrays_go_in(self):
        self.assertEqual(nn.ReLU()([[-1.0, 2.0]]).tolist(), [[0, 2]])
        self.assertRaises(TypeError, nn.ReLU(), "x")
        copied = copy.deepcopy({"w": tp.ones(2, requires_grad=True)})
        self.assertTrue(copied["w"].requires_grad)


class Digits(Case):
    """An MLP written in Python learns MNIST's test part (10,000 pictures; the larger files stay closed), and the program measures it."""

    def setUp(self):
        if not os.path.exists(os.path.join(MNIST, "t10k-images-idx3-ubyte.gz")):
            self.skipTest("MNIST's files are not here")

    def accuracy(self, net, data):
        net.eval()
        right = 0
        with tp.no_grad():
            for x, y in tp.data.Loader(data, 500):
                right += int((net(x).argmax(dim=1) == y).sum())
        net.train()
        return right / len(data)

    def test_learns_and_is_measured_by_the_program(self):
        digits = tp.data.mnist(MNIST, train=False)
        train, test = digits.subset(0, 8000), digits.subset(8000, 2000)
        tp.manual_seed(0)
        net = tp.models.mlp(features=784, classes=10, hidden="64")
        adam, loss = optim.Adam(net, lr=3e-3), nn.CrossEntropyLoss()
        loader = tp.data.Loader(train, 64, shuffle=True)
        for _ in range(4):
            for x, y in loader:
                adam.zero_grad()
                loss(net(x), y).backward()
                adam.step()
        reached = self.accuracy(net, test)
        self.assertGreater(reached, 0.93)
        if not os.path.exists(PROGRAM):
            self.skipTest("the program is not here")
        with tempfile.TemporaryDirectory() as folder:
            weights, run = os.path.join(folder, "mlp.safetensors"), os.path.join(folder, "run")
            net.save(weights)
            # a run that begins with the weights and is too slow to change one of them
            tp.train.run("mlp", MNIST, run, init=weights, epochs=1, limit_examples=64, optim="sgd", optim_options={"lr": 1e-30},
                         transform="normalize=0/1", model_options={"hidden": "64"})
            said = json.loads(subprocess.check_output([PROGRAM, "eval", run, "--json"]))
            self.assertAlmostEqual(said["accuracy"], self.accuracy(net, digits), places=6)
            opened = tp.Run(run)
            self.assertEqual(len(opened.classes), 10)
            name, weight = next(iter(net.state_dict().items()))
            self.assertEqual(opened.model.state_dict()[name].tolist(), weight.tolist())
            self.assertAlmostEqual(opened.evaluate()["accuracy"], said["accuracy"], places=6)
            self.assertEqual(opened.predict(tp.rand(2, 1, 28, 28)).shape, (2, 10))

    def test_a_run_tells_of_its_epochs(self):
        seen = []
        with tempfile.TemporaryDirectory() as folder:
            run = tp.train.run("mlp", MNIST, os.path.join(folder, "a"), progress=seen.append, epochs=2, limit_examples=500,
                               model_options={"hidden": "16"}, optim_options={"lr": 0.01})
            self.assertEqual([p["epoch"] for p in seen], [1, 2])
            self.assertGreater(run.evaluate()["accuracy"], 0.5)

            def bad(_):
                raise KeyError("mine")
            self.assertRaises(KeyError, tp.train.run, "mlp", MNIST, os.path.join(folder, "b"), progress=bad, epochs=1, limit_examples=64)
            self.fails(TypeError, "no option 'foo'", tp.train.run, "mlp", MNIST, os.path.join(folder, "c"), foo=1)

    def test_datasets(self):
        digits = tp.data.mnist(MNIST, train=False)
        self.assertEqual((len(digits), digits.shape, digits.classes), (10000, (1, 28, 28), 10))
        x, y = digits[0]
        self.assertEqual((x.shape, y), ((1, 28, 28), 7))
        self.assertRaises(IndexError, lambda: digits[10000])
        batches = list(tp.data.Loader(digits.subset(0, 100), 32, transform="pad=2"))
        self.assertEqual([b[0].shape for b in batches], [(32, 1, 32, 32)] * 3 + [(4, 1, 32, 32)])
        self.assertEqual(batches[0][1][0].item(), 7)  # batches that are kept stay as they are
        loader = tp.data.Loader(digits, 100, shuffle=True)
        self.assertNotEqual(next(iter(loader))[1].tolist(), next(iter(loader))[1].tolist())
        own = tp.data.tensors(tp.rand(10, 3), tp.arange(10) % 2, 2)
        self.assertEqual([b[1].tolist() for b in tp.data.Loader(own, 5)], [[0, 1, 0, 1, 0], [1, 0, 1, 0, 1]])
        self.assertRaises(tp.Error, tp.data.Loader, own, 0)


class Text(Case):
    def test_tokenizer_and_generation(self):
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "text.txt")
            with open(source, "w", encoding="utf-8") as f:
                f.write("the cat sat on the mat. the rat sat on the hat.\n" * 60)
            t = tp.Tokenizer.train(source, os.path.join(folder, "tokenizer.json"), vocabulary=290)
            ids = t.encode("the cat sat")
            self.assertEqual(t.decode(ids), "the cat sat")
            self.assertEqual(t.decode(tp.tensor(ids)), "the cat sat")
            self.assertLess(len(ids), 11)
            self.assertEqual(t.id_to_token(t.token_to_id("t")), "t")
            self.assertIsNone(t.token_to_id("nothing of the kind"))
            ids, spans = t.encode_with_offsets("the cat")
            self.assertEqual(spans[0][0], 0)
            self.assertEqual(spans[-1][1], 7)
            self.assertRaises(tp.FileError, tp.Tokenizer, os.path.join(folder, "nix.json"))
            run = tp.train.run("char_lm", source, os.path.join(folder, "run"), epochs=2, optim_options={"lr": 0.01},
                               data_options={"kind": "text", "window": 16}, model_options={"hidden": "32"})
            pieces = []
            text = run.generate("the ", told=pieces.append, length=20, temperature=0, seed=1)
            self.assertEqual("".join(pieces), text)
            self.assertGreaterEqual(len(text), 20)
            self.assertEqual(run.generate("the ", length=20, temperature=0), text)
            self.assertLess(len(run.generate("the ", told=lambda piece: False, length=20)), 20)

    @unittest.skipUnless(os.path.exists(os.path.join(TOP, "data", "stories260K")), "the stories are not here")
    def test_a_pretrained_network_writes(self):
        folder = os.path.join(TOP, "data", "stories260K")
        file = next((os.path.join(folder, f) for f in sorted(os.listdir(folder)) if f.endswith(".bin") and "tok" not in f), folder)
        net, t = tp.models.pretrained(file), tp.text.pretrained_tokenizer(file)
        said = tp.generate(net, t, "Once upon a time", length=30, temperature=0)
        self.assertGreater(len(said), 40)


if __name__ == "__main__":
    common.main()

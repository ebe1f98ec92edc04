"""test_torch.py - side by side with PyTorch: layers with the same weights, losses, optimizers, indices, memory, files."""
import os
import random
import tempfile
import unittest

import common
from common import Case, difference, torch, tp


def to_torch(t):
    return torch.tensor(t.tolist(), dtype=getattr(torch, t.dtype.name))


def copied(theirs, ours):
    """PyTorch's module with our weights."""
    theirs.load_state_dict({n: to_torch(t) for n, t in ours.state_dict().items()})
    return theirs


@unittest.skipUnless(torch, "PyTorch is not here")
class Torch(Case):
    def same(self, got, wanted, rtol=1e-4, atol=1e-5):
        self.assertEqual(got.shape, tuple(wanted.shape))
        self.assertEqual(str(wanted.dtype), "torch." + got.dtype.name)
        wrong = difference(got.detach(), tp.tensor(wanted.detach().tolist(), dtype=got.dtype).reshape(got.shape), rtol, atol)
        self.assertIsNone(wrong)

    def test_memory_is_shared_both_ways(self):
        for name in ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"):
            x = torch.arange(6).reshape(2, 3).to(getattr(torch, name))
            for y in (x, x.T, x[:, 1:]):
                t = tp.from_dlpack(y)
                self.assertEqual((t.dtype.name, t.tolist(), t.data_ptr()), (name, y.tolist(), y.data_ptr()))
                z = torch.from_dlpack(t)
                self.assertTrue(torch.equal(z, y))
                self.assertEqual(z.data_ptr(), y.data_ptr())
        del t, x, y, z
        live = tp.memory_stats().live_bytes
        z = torch.from_dlpack(tp.ones(1000))
        z += 1
        self.assertEqual(z.sum().item(), 2000)
        del z
        self.assertEqual(tp.memory_stats().live_bytes, live)
        self.assertEqual((tp.ones(2) + torch.ones(2)).tolist(), [2, 2])

    def test_indices(self):
        random.seed(0)
        for _ in range(400):
            dims = [random.randint(1, 5) for _ in range(random.randint(1, 4))]
            x = torch.arange(float(torch.tensor(dims).prod())).reshape(dims)
            index, left, rest = [], len(dims), False
            while left and random.random() < 0.8:
                kind = random.choice(["int", "slice", "slice", "none", "rest", "list", "tensor"])
                size = dims[len(dims) - left]
                if kind == "rest":
                    if rest:
                        continue
                    rest = True
                    index.append(Ellipsis)
                    break
                left -= kind != "none"
                index.append({"int": random.randrange(-size, size), "none": None, "list": [random.randrange(size) for _ in range(2)],
                              "slice": slice(random.choice([None, *range(-size, size)]), random.choice([None, *range(-size, size)]),
                                             random.choice([None, 1, 2])),
                              "tensor": torch.tensor([[random.randrange(size)], [random.randrange(size)]])}[kind])
            index = tuple(index)
            ours = tuple(tp.tensor(i.tolist()) if isinstance(i, torch.Tensor) else i for i in index)
            t = tp.tensor(x.tolist(), requires_grad=True)
            a = x.clone().requires_grad_()
            self.same(t[ours], a[index])
            t[ours].sin().sum().backward()
            a[index].sin().sum().backward()
            self.same(t.grad, a.grad)
            with tp.no_grad(), torch.no_grad():
                t[ours] = -1.5
                a[index] = -1.5
            self.same(t, a)

    def test_layers(self):
        nn, tnn = tp.nn, torch.nn
        x, seq = (2, 3, 12, 12), (2, 5, 4)
        for ours, theirs, dims in [
                (nn.Linear(4, 6), tnn.Linear(4, 6), seq), (nn.Linear(4, 6, bias=False), tnn.Linear(4, 6, bias=False), seq),
                (nn.Conv2d(3, 8, 3, padding=1), tnn.Conv2d(3, 8, 3, padding=1), x),
                (nn.Conv2d(3, 6, (3, 5), stride=(2, 1), padding=(1, 0), groups=3), tnn.Conv2d(3, 6, (3, 5), (2, 1), (1, 0), groups=3), x),
                (nn.Conv2d(3, 4, 3, dilation=2, bias=False), tnn.Conv2d(3, 4, 3, dilation=2, bias=False), x),
                (nn.Conv1d(5, 4, 3), tnn.Conv1d(5, 4, 3), seq), (nn.ConvTranspose2d(3, 4, 3, stride=2), tnn.ConvTranspose2d(3, 4, 3, 2), x),
                (nn.BatchNorm2d(3), tnn.BatchNorm2d(3), x), (nn.BatchNorm2d(3, affine=False, momentum=0.3), tnn.BatchNorm2d(3, affine=False, momentum=0.3), x),
                (nn.BatchNorm2d(3, momentum=None), tnn.BatchNorm2d(3, momentum=None), x),
                (nn.LayerNorm(4), tnn.LayerNorm(4), seq), (nn.LayerNorm((5, 4), eps=1e-3), tnn.LayerNorm((5, 4), eps=1e-3), seq),
                (nn.GroupNorm(3, 3), tnn.GroupNorm(3, 3), x), (nn.MaxPool2d(3, stride=2, padding=1), tnn.MaxPool2d(3, 2, 1), x),
                (nn.AvgPool2d(2), tnn.AvgPool2d(2), x), (nn.AdaptiveAvgPool2d((3, 2)), tnn.AdaptiveAvgPool2d((3, 2)), x),
                (nn.ReLU(), tnn.ReLU(), x), (nn.GELU(), tnn.GELU(), x), (nn.SiLU(), tnn.SiLU(), x), (nn.LeakyReLU(0.2), tnn.LeakyReLU(0.2), x),
                (nn.Softmax(1), tnn.Softmax(1), x), (nn.LogSoftmax(-1), tnn.LogSoftmax(-1), x), (nn.Flatten(), tnn.Flatten(), x)]:
            copied(theirs, ours)
            self.assertEqual([n for n, _ in ours.named_parameters()], [n for n, _ in theirs.named_parameters()])
            t = tp.randn(dims, requires_grad=True)
            a = to_torch(t.detach()).requires_grad_()
            y, b = ours(t), theirs(a)
            self.same(y, b)
            (y.square().sum()).backward()
            (b.square().sum()).backward()
            self.same(t.grad, a.grad, 1e-3, 1e-4)
            for (name, p), q in zip(ours.named_parameters(), theirs.parameters()):
                self.same(p.grad, q.grad, 1e-3, 1e-3)
            for (name, p), q in zip(ours.named_buffers(), theirs.buffers()):
                self.same(p, q)

    def test_recurrent_layers_and_their_states(self):
        for name in ("RNN", "LSTM", "GRU"):
            for options in ({}, {"num_layers": 2, "bidirectional": True, "batch_first": True}):
                ours = getattr(tp.nn, name)(3, 5, **options)
                theirs = copied(getattr(torch.nn, name)(3, 5, **options), ours)
                x = tp.randn(4, 2, 3)
                y, s = ours(x)
                b, r = theirs(to_torch(x))
                for got, wanted in zip((y, *(s if name == "LSTM" else (s,))), (b, *(r if name == "LSTM" else (r,)))):
                    self.same(got, wanted)
                self.same(ours(x, s)[0], theirs(to_torch(x), r)[0])  # from the state on
        cell, theirs = tp.nn.LSTMCell(3, 5), torch.nn.LSTMCell(3, 5)
        copied(theirs, cell)
        x = tp.randn(2, 3)
        (h, c), (p, q) = cell(x), theirs(to_torch(x))
        self.same(h, p)
        self.same(c, q)

    def test_losses(self):
        x, labels, y = tp.randn(6, 4), tp.tensor([0, 1, 2, 3, 1, 0]), tp.rand(6, 4)
        a, b, z = to_torch(x), to_torch(labels), to_torch(y)
        for name, options, args, theirs in [
                ("CrossEntropyLoss", {"label_smoothing": 0.1}, (x, labels), (a, b)), ("CrossEntropyLoss", {"reduction": "sum", "ignore_index": 1}, (x, labels), (a, b)),
                ("MSELoss", {}, (x, y), (a, z)), ("L1Loss", {"reduction": "none"}, (x, y), (a, z)), ("SmoothL1Loss", {"beta": 0.5}, (x, y), (a, z)),
                ("BCEWithLogitsLoss", {}, (x, y), (a, z)), ("BCELoss", {}, (y, y), (z, z)), ("HuberLoss", {"delta": 0.3}, (x, y), (a, z)),
                ("NLLLoss", {}, (x.log_softmax(1), labels), (a.log_softmax(1), b)), ("KLDivLoss", {"reduction": "batchmean"}, (x, y), (a, z)),
                ("PoissonNLLLoss", {}, (x, y), (a, z)), ("TripletMarginLoss", {"swap": True}, (x, y, x + 1), (a, z, a + 1))]:
            self.same(getattr(tp.nn, name)(**options)(*args), getattr(torch.nn, name)(**options)(*theirs))
        self.same(tp.nn.CrossEntropyLoss(weight=y[0])(x, labels), torch.nn.CrossEntropyLoss(weight=z[0])(a, b))

    def test_optimizers_walk_the_same_way(self):
        for name, options in [("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}), ("Adagrad", {"lr": 0.1}),
                              ("RMSprop", {"lr": 0.01, "momentum": 0.5, "centered": True}), ("Adam", {"lr": 0.1, "betas": (0.7, 0.9)}),
                              ("Adam", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1}), ("AdamW", {"lr": 0.1, "weight_decay": 0.0}), ("AdamW", {"lr": 0.1})]:
            ours = tp.nn.Sequential(tp.nn.Linear(4, 8), tp.nn.Tanh(), tp.nn.Linear(8, 2)).double()
            theirs = copied(torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).double(), ours)
            p, q = getattr(tp.optim, name)(ours.parameters(), **options), getattr(torch.optim, name)(theirs.parameters(), **options)
            x = tp.randn(16, 4, dtype=tp.float64)
            a = to_torch(x)
            s, r = tp.optim.StepLR(p, 3, 0.5), torch.optim.lr_scheduler.StepLR(q, 3, 0.5)
            for _ in range(10):
                p.zero_grad()
                q.zero_grad()
                ours(x).square().mean().backward()
                theirs(a).square().mean().backward()
                n = tp.optim.clip_grad_norm_(ours.parameters(), 0.5)
                m = torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
                self.assertAlmostEqual(n, m.item())
                p.step()
                q.step()
                s.step()
                r.step()
                self.assertAlmostEqual(p.param_groups[0]["lr"], q.param_groups[0]["lr"])
            for t, w in zip(ours.parameters(), theirs.parameters()):
                self.same(t, w, 1e-7, 1e-8)

    def test_groups(self):
        a, b = (tp.ones(2, requires_grad=True) for _ in range(2))
        o = tp.optim.SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.1)
        (a.sum() + b.sum()).backward()
        o.step()
        self.close(a, [0.9, 0.9])
        self.close(b, [0, 0])
        o.param_groups[1]["lr"] = 0.5
        self.assertEqual([g["lr"] for g in o.param_groups], [0.1, 0.5])

    def test_schedules(self):
        for ours, theirs in [(lambda o: tp.optim.CosineAnnealingLR(o, 10, 0.01), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10, 0.01)),
                             (lambda o: tp.optim.ExponentialLR(o, 0.9), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9)),
                             (lambda o: tp.optim.MultiStepLR(o, [2, 5]), lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [2, 5]))]:
            o, q = tp.optim.SGD([tp.ones(1, requires_grad=True)], lr=0.1), torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
            s, r = ours(o), theirs(q)
            for _ in range(10):
                o.step()
                q.step()
                s.step()
                r.step()
                self.assertAlmostEqual(o.lr, q.param_groups[0]["lr"])
        o, q = tp.optim.SGD([tp.ones(1, requires_grad=True)], lr=1.0), torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
        s, r = tp.optim.ReduceLROnPlateau(o, patience=1), torch.optim.lr_scheduler.ReduceLROnPlateau(q, patience=1)
        for metric in (1.0, 0.9, 0.95, 0.95, 0.95, 0.8, 0.81, 0.82, 0.83):
            s.step(metric)
            r.step(metric)
            self.assertAlmostEqual(o.lr, q.param_groups[0]["lr"])

    def test_files(self):
        net = tp.models.simple_cnn(image_size=28, channels=1)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "net.pth")
            net.save(path)
            state = torch.load(path, weights_only=True)
            self.assertEqual(list(state), list(net.state_dict()))
            for name, t in net.state_dict().items():
                self.same(t, state[name])
            torch.save({"epoch": 3, "model": {n: w + 1 for n, w in state.items()}}, path)
            net.load(path)
            for name, t in net.state_dict().items():
                self.same(t, state[name] + 1)

    def test_the_same_program(self):
        """Attention written by hand, in both."""
        def attend(lib, x, w):
            q, k, v = (x @ w).chunk(3, dim=-1)
            scores = (q @ k.transpose(-2, -1)) / q.shape[-1] ** 0.5
            mask = lib.ones(5, 5, dtype=lib.bool).triu(1)
            return (scores.masked_fill(mask, float("-inf")).softmax(dim=-1) @ v).mean(dim=(0, 1))
        x, w = tp.randn(2, 5, 8, requires_grad=True), tp.randn(8, 24, requires_grad=True)
        a, b = to_torch(x.detach()).requires_grad_(), to_torch(w.detach()).requires_grad_()
        attend(tp, x, w).sum().backward()
        attend(torch, a, b).sum().backward()
        self.same(x.grad, a.grad)
        self.same(w.grad, b.grad)


if __name__ == "__main__":
    common.main()

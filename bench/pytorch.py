"""The measurements of bench/*.c in PyTorch, with as many threads: python3 bench/pytorch.py [threads]."""
import statistics
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)


def windows(run, seconds, count=7):
    run()
    rates = []
    for _ in range(count):
        begin, runs = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            run()
            runs += 1
        rates.append(runs / (time.perf_counter() - begin))
    return statistics.median(rates)


for m, n, k in [(64,) * 3, (128,) * 3, (256,) * 3, (512,) * 3, (1024,) * 3, (2048,) * 3,
                (64, 120, 400), (1, 4096, 4096), (16, 4096, 1024), (4096, 16, 1024)]:
    a, b = torch.randn(m, k), torch.randn(k, n)
    print(f"gemm_{m}x{n}x{k} {2e-9 * m * n * k * windows(lambda: a @ b, 0.2):.1f} GFLOP/s", flush=True)


class LeNet5(torch.nn.Sequential):
    def __init__(self):
        nn = torch.nn
        super().__init__(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
                         nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


for batch in 64, 1:
    net = LeNet5()
    adam = torch.optim.Adam(net.parameters())
    x, y = torch.randn(batch, 1, 32, 32), torch.zeros(batch, dtype=torch.long)

    def step():
        adam.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        adam.step()

    for _ in range(50):
        step()
    print(f"lenet5_batch_{batch} {windows(step, 0.5):.0f} steps/s", flush=True)

x, y = torch.full((16,), 0.01), torch.ones(16)


def adds():
    for _ in range(1000):
        torch.add(x, y)


print(f"add_16 {1e-3 * windows(adds, 0.2, 9):.2f} op/us")
w = torch.full((16,), 2.0, requires_grad=True)


def chain():
    z = w
    for _ in range(100):
        z = z * y + x
    z.sum().backward()
    w.grad = None


print(f"chain_200_forward_backward {200e-6 * windows(chain, 0.2, 9):.2f} op/us")

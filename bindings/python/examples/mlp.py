"""mlp.py - a network learns handwritten digits.

    python3 bindings/python/examples/mlp.py data/mnist [EPOCHS] [EXAMPLES]
"""
import sys

import taper as tp
from taper import nn


class MLP(nn.Module):
    def __init__(self, hidden: int) -> None:
        self.inner = nn.Linear(28 * 28, hidden)
        self.outer = nn.Linear(hidden, 10)

    def forward(self, x: tp.Tensor) -> tp.Tensor:
        y: tp.Tensor = self.outer(self.inner(x.flatten(1)).relu())
        return y


def accuracy(net: nn.Module, data: tp.data.Dataset) -> float:
    right = 0
    with tp.no_grad():
        for x, y in tp.data.Loader(data, 500):
            right += int((net(x).argmax(dim=1) == y).sum())
    return right / len(data)


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else "data/mnist"
    epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    train, test = tp.data.mnist(folder), tp.data.mnist(folder, train=False)
    if len(sys.argv) > 3:
        train = train.subset(0, int(sys.argv[3]))

    tp.manual_seed(0)
    net = MLP(128)
    print(nn.summary(net, (1, 1, 28, 28)))
    adam = tp.optim.Adam(net.parameters(), lr=1e-3)
    batches = tp.data.Loader(train, 64, shuffle=True)
    for epoch in range(1, epochs + 1):
        total = 0.0
        for x, y in batches:
            loss = tp.cross_entropy(net(x), y)
            adam.zero_grad()
            loss.backward()
            adam.step()
            total += loss.item()
        print(f"epoch {epoch}: loss {total / len(batches):.4f}, test accuracy {accuracy(net, test):.4f}")


if __name__ == "__main__":
    main()

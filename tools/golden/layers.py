#!/usr/bin/env python3
"""layers.py - five training steps through 1-d and transposed convolutions, from the same weights: tests/golden/layers.safetensors.

    python3 tools/golden/layers.py     needs Python 3 with torch 2.15

For net in "one", "two" (dims):
    <net>/state/<name>     f32, parameters at first
    <net>/x, <net>/y       inputs and targets
    <net>/losses (5)       f64: mean squared error before each step of SGD (lr 0.05)
    <net>/out              f64, after the last step
"""
import torch
from torch import nn
from lib.golden import write_safetensors

torch.manual_seed(11)
nets = {
    "one": (nn.Sequential(nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), nn.ReLU(), nn.Conv1d(6, 4, 2, dilation=3, bias=False),
                          nn.ConvTranspose1d(4, 6, 4, stride=3, padding=2, output_padding=1, groups=2), nn.ReLU(),
                          nn.ConvTranspose1d(6, 3, 3, dilation=2, bias=False)), (3, 4, 17)),
    "two": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), output_padding=(1, 0)),
                          nn.ReLU(), nn.ConvTranspose2d(6, 6, 3, stride=2, groups=6), nn.ReLU(),
                          nn.ConvTranspose2d(6, 2, 3, padding=1, dilation=2, bias=False)), (2, 3, 7, 6)),
}
tensors = {}
for name, (net, shape) in nets.items():
    tensors |= {f"{name}/state/{k}": v.detach().clone() for k, v in net.state_dict().items()}
    x = torch.randn(shape)
    y = torch.randn(net(x).shape)
    tensors |= {f"{name}/x": x, f"{name}/y": y}
    net, x, y = net.double(), x.double(), y.double()
    sgd, losses = torch.optim.SGD(net.parameters(), lr=0.05), []
    for _ in range(5):
        sgd.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        losses.append(loss.detach())
        sgd.step()
    tensors |= {f"{name}/losses": torch.stack(losses), f"{name}/out": net(x).detach()}
write_safetensors("tests/golden/layers.safetensors", tensors, {"torch": torch.__version__, "script": "tools/golden/layers.py", "seed": "11"})

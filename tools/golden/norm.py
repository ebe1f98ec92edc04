#!/usr/bin/env python3
"""norm.py - ten training steps through every layer of normalisation, from the same weights: tests/golden/norm.safetensors.

    python3 tools/golden/norm.py       needs Python 3 with torch 2.15

    state/<name>                f32, parameters and buffers at first
    images (10, 6, 2, 8, 7), targets (10, 6, 5)     a batch a step
    losses (10)                 f64, as all results: mean squared error before each step of SGD (lr 0.05)
    running/<name> (10, C)      running_mean and running_var of the layers that have them, after each step
    after/<name>                parameters and buffers after the last step
    eval                        of the first batch, then, in evaluation
"""
import torch
from torch import nn
from lib.golden import write_safetensors

STEPS = 10
torch.manual_seed(7)
net = nn.Sequential()
for name, module in (("conv1", nn.Conv2d(2, 4, 3, bias=False)), ("bn1", nn.BatchNorm2d(4)), ("relu1", nn.ReLU()),
                     ("conv2", nn.Conv2d(4, 6, 3)), ("bn2", nn.BatchNorm2d(6, momentum=None, affine=False)), ("relu2", nn.ReLU()),
                     ("in1", nn.InstanceNorm2d(6, affine=True, track_running_stats=True, momentum=0.2)), ("gn1", nn.GroupNorm(3, 6, eps=1e-3)),
                     ("lrn", nn.LocalResponseNorm(3, alpha=0.1)), ("flatten", nn.Flatten()), ("fc1", nn.Linear(72, 8)),
                     ("bn3", nn.BatchNorm1d(8, eps=1e-3, momentum=0.3)), ("relu3", nn.ReLU()), ("bn4", nn.BatchNorm1d(8, track_running_stats=False)),
                     ("ln1", nn.LayerNorm(8)), ("rms", nn.RMSNorm(8)), ("fc2", nn.Linear(8, 5))):
    net.add_module(name, module)
images, targets = torch.randn(STEPS, 6, 2, 8, 7) * 2 + 1, torch.randn(STEPS, 6, 5)
tensors = {f"state/{k}": v.detach().clone() for k, v in net.state_dict().items()}
tensors |= {"images": images.clone(), "targets": targets.clone()}

net.double()
sgd, losses = torch.optim.SGD(net.parameters(), lr=0.05), []
running = {k: [] for k in net.state_dict() if "running" in k}
for x, y in zip(images.double(), targets.double()):
    sgd.zero_grad()
    loss = nn.functional.mse_loss(net(x), y)
    loss.backward()
    losses.append(loss.detach())
    sgd.step()
    for k in running:
        running[k].append(net.state_dict()[k].clone())
tensors["losses"] = torch.stack(losses)
tensors |= {f"running/{k}": torch.stack(v) for k, v in running.items()}
tensors |= {f"after/{k}": v.detach().clone() for k, v in net.state_dict().items()}
net.eval()
tensors["eval"] = net(images[0].double()).detach()

write_safetensors("tests/golden/norm.safetensors", tensors, {"torch": torch.__version__, "script": "tools/golden/norm.py", "seed": "7"})

#!/usr/bin/env python3
"""lenet5.py - LeNet-5 with tanh: logits, loss, gradients and three Adam steps from the same weights: tests/golden/lenet5.safetensors.

    python3 tools/golden/lenet5.py       needs Python 3 with torch 2.15

    weight/<name>           f32, PyTorch's initialisation from seed 5: what both sides start from
    images (4, 1, 32, 32)   the first four training images of data/mnist, divided by 255, two zeros around;  labels (4)
    logits, loss            f64, as all results: the weights converted first
    grad/<name>             at the elements of sample/<name> (row-major indices), all of them where they are few
    norm/<name>             2-norm of the whole gradient
    losses (3)              before each step of Adam with its defaults, always on this batch
    after/<name>            the weights after the third step, at the same elements
"""
import gzip, os
import torch
from torch import nn
from lib.golden import TOP, write_safetensors

ALL_UP_TO, SAMPLED, STEPS = 500, 300, 3


def idx(name, skip):
    with gzip.open(os.path.join(TOP, "data", "mnist", name)) as f:
        return torch.frombuffer(bytearray(f.read()[skip:]), dtype=torch.uint8)


images = idx("train-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)[:4].float() / 255
images = nn.functional.pad(images, (2, 2, 2, 2))
labels = idx("train-labels-idx1-ubyte.gz", 8)[:4].long()

torch.manual_seed(5)
net = nn.Sequential()
for name, module in (("conv1", nn.Conv2d(1, 6, 5)), ("tanh1", nn.Tanh()), ("pool1", nn.AvgPool2d(2)), ("conv2", nn.Conv2d(6, 16, 5)), ("tanh2", nn.Tanh()),
                     ("pool2", nn.AvgPool2d(2)), ("flatten", nn.Flatten()), ("fc1", nn.Linear(400, 120)), ("relu1", nn.ReLU()), ("fc2", nn.Linear(120, 84)),
                     ("relu2", nn.ReLU()), ("fc3", nn.Linear(84, 10))):
    net.add_module(name, module)
tensors = {f"weight/{name}": p.detach().clone() for name, p in net.named_parameters()}
tensors |= {"images": images.clone(), "labels": labels}

net.double()
loss_of = lambda: nn.functional.cross_entropy(net(images.double()), labels)
tensors["logits"], loss = net(images.double()).detach(), loss_of()
loss.backward()
tensors["loss"] = loss.detach()
g = torch.Generator().manual_seed(6)
sample = {}
for name, p in net.named_parameters():
    n = p.numel()
    sample[name] = torch.arange(n) if n <= ALL_UP_TO else torch.randperm(n, generator=g)[:SAMPLED].sort().values
    tensors[f"sample/{name}"] = sample[name].to(torch.int32)
    tensors[f"grad/{name}"] = p.grad.reshape(-1)[sample[name]]
    tensors[f"norm/{name}"] = p.grad.norm()

adam, losses = torch.optim.Adam(net.parameters(), foreach=False), []
for _ in range(STEPS):
    adam.zero_grad()
    loss = loss_of()
    loss.backward()
    losses.append(loss.detach())
    adam.step()
tensors["losses"] = torch.stack(losses)
for name, p in net.named_parameters():
    tensors[f"after/{name}"] = p.detach().reshape(-1)[sample[name]].clone()

write_safetensors("tests/golden/lenet5.safetensors", tensors, {"torch": torch.__version__, "script": "tools/golden/lenet5.py", "seed": "5"})

#!/usr/bin/env python3
"""zoo.py - the CNN zoo beside torchvision: outputs, losses, gradients, running statistics and ten SGD steps: tests/golden/zoo.safetensors.

    python3 tools/golden/zoo.py       needs Python 3 with torch 2.15 and torchvision

Both sides fill every tensor from its name alone (`numbers`), so that no weights are stored; nets that torchvision lacks (the papers'
forms) are written out here.  Everything is computed in f64.  For each case <c> of CASES:

    <c>/eval           logits of the first picture in evaluation mode
    <c>/train          logits of the batch in training mode (dropout 0); then, from the same weights:
    <c>/losses (11)    cross entropy (GoogLeNet: + 0.3 of each auxiliary one) before each of ten steps of SGD (momentum 0.9) and after
    <c>/norms          of the first step's gradients, in the order of parameters
    <c>/samples        (parameters, 4): these gradients at the elements `numbers` picks
    <c>/running        sum of |running_mean| and |running_var| of each batch norm after the first step
"""
import numpy as np
import torch, torchvision
from torch import nn
from torch.nn.functional import cross_entropy
from lib.filled import fill, numbers, raw
from lib.golden import write_safetensors

CLASSES, BATCH, SAMPLES, STEPS, AUX = 10, 3, 4, 10, 0.3
torch.use_deterministic_algorithms(True)
torch.set_num_threads(2)

# ---- what torchvision lacks -------------------------------------------------------------------------------------------------

def alexnet_paper(groups):
    lrn = lambda: nn.LocalResponseNorm(5, 5e-4, 0.75, 2)
    net = nn.Module()
    net.features = nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), lrn(), nn.MaxPool2d(3, 2), nn.Conv2d(96, 256, 5, padding=2, groups=groups), nn.ReLU(), lrn(), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1, groups=groups), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=groups), nn.ReLU(), nn.MaxPool2d(3, 2))
    net.classifier = nn.Sequential(nn.Dropout(0), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(0), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, CLASSES))
    net.forward = lambda x: net.classifier(torch.flatten(nn.functional.adaptive_avg_pool2d(net.features(x), 6), 1))
    return net


class Conv(nn.Module):
    def __init__(self, i, o, k, s=1):
        super().__init__()
        self.conv = nn.Conv2d(i, o, k, s, k // 2)

    def forward(self, x):
        return torch.relu(self.conv(x))


class Inception(nn.Module):
    def __init__(self, i, a, b1, b, c1, c, d):
        super().__init__()
        self.branch1 = Conv(i, a, 1)
        self.branch2 = nn.Sequential(Conv(i, b1, 1), Conv(b1, b, 3))
        self.branch3 = nn.Sequential(Conv(i, c1, 1), Conv(c1, c, 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Conv(i, d, 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Aux(nn.Module):
    def __init__(self, i):
        super().__init__()
        self.conv, self.fc1, self.fc2 = Conv(i, 128, 1), nn.Linear(2048, 1024), nn.Linear(1024, CLASSES)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(torch.flatten(self.conv(nn.functional.adaptive_avg_pool2d(x, 4)), 1))))


class GoogLeNetPaper(nn.Module):
    ROWS = {"3a": (192, 64, 96, 128, 16, 32, 32), "3b": (256, 128, 128, 192, 32, 96, 64), "4a": (480, 192, 96, 208, 16, 48, 64),
            "4b": (512, 160, 112, 224, 24, 64, 64), "4c": (512, 128, 128, 256, 24, 64, 64), "4d": (512, 112, 144, 288, 32, 64, 64),
            "4e": (528, 256, 160, 320, 32, 128, 128), "5a": (832, 256, 160, 320, 32, 128, 128), "5b": (832, 384, 192, 384, 48, 128, 128)}

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = Conv(3, 64, 7, 2), Conv(64, 64, 1), Conv(64, 192, 3)
        for name, row in self.ROWS.items():
            self.add_module("inception" + name, Inception(*row))
        self.aux1, self.aux2, self.fc = Aux(512), Aux(528), nn.Linear(1024, CLASSES)
        self.lrn, self.pool = nn.LocalResponseNorm(5, 5e-4, 0.75, 1), nn.MaxPool2d(3, 2, ceil_mode=True)

    def forward(self, x):
        x = self.pool(self.lrn(self.conv3(self.conv2(self.lrn(self.pool(self.conv1(x)))))))
        aux = []
        for name in self.ROWS:
            x = getattr(self, "inception" + name)(self.pool(x) if name in ("4a", "5a") else x)
            if self.training and name in ("4a", "4d"):
                aux.append(getattr(self, "aux1" if name == "4a" else "aux2")(x))
        x = self.fc(x.mean((2, 3)))
        return (x, aux[1], aux[0]) if aux else x


def small_stem(net, **changes):
    for name, module in changes.items():
        setattr(net, name, module)
    return net


def vgg(make):
    """The linear layers of the stem "cifar"."""
    net = make(num_classes=CLASSES, init_weights=False, dropout=0)
    net.avgpool, net.classifier[0], net.classifier[3], net.classifier[6] = nn.AdaptiveAvgPool2d(1), nn.Linear(512, 512), nn.Linear(512, 512), nn.Linear(512, CLASSES)
    return net


def densenet_cifar():
    net = tv.densenet121(num_classes=CLASSES)
    net.features.conv0, net.features.pool0 = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return net


def googlenet():
    net = tv.googlenet(num_classes=CLASSES, init_weights=False, dropout=0, dropout_aux=0)
    return net


tv = torchvision.models
# name in tests/test_zoo.c: (network, picture's side, learning rate)
CASES = {
    "alexnet": (lambda: tv.alexnet(num_classes=CLASSES, dropout=0), 67, 2e-5),
    "alexnet-paper": (lambda: alexnet_paper(1), 75, 2e-5),
    "alexnet-paper_groups": (lambda: alexnet_paper(2), 75, 2e-5),
    "vgg11_bn-cifar": (lambda: vgg(tv.vgg11_bn), 64, 1e-3),
    "vgg16-cifar": (lambda: vgg(tv.vgg16), 45, 1e-4),
    "googlenet": (googlenet, 81, 1e-3),
    "googlenet-paper": (GoogLeNetPaper, 75, 3e-5),
    "resnet18": (lambda: tv.resnet18(num_classes=CLASSES), 67, 1e-3),
    "resnet18-cifar": (lambda: small_stem(tv.resnet18(num_classes=CLASSES), conv1=nn.Conv2d(3, 64, 3, padding=1, bias=False), maxpool=nn.Identity()), 19, 1e-3),
    "resnet50": (lambda: tv.resnet50(num_classes=CLASSES), 65, 2e-5),
    "densenet121": (lambda: tv.densenet121(num_classes=CLASSES), 65, 1e-3),
    "densenet121-cifar": (densenet_cifar, 17, 1e-3),
    "squeezenet1_1": (lambda: tv.squeezenet1_1(num_classes=CLASSES, dropout=0), 67, 1e-4),
}


def loss_of(net, images, labels):
    out = net(images)
    if isinstance(out, tuple):
        return cross_entropy(out[0], labels) + sum(AUX * cross_entropy(a, labels) for a in out[1:]), out[0]
    return cross_entropy(out, labels), out


tensors = {}
labels = torch.arange(BATCH) * 7 % CLASSES
for case, (make, side, lr) in CASES.items():
    net = make()
    fill(net)
    net.double()
    images = numbers("images", (BATCH, 3, side, side)) * 2
    net.eval()
    with torch.no_grad():
        tensors[f"{case}/eval"] = net(images[:1])
    net.train()
    sgd, losses = torch.optim.SGD(net.parameters(), lr, momentum=0.9), []
    for step in range(STEPS + 1):
        sgd.zero_grad()
        loss, logits = loss_of(net, images, labels)
        losses.append(loss.detach())
        if step == STEPS:
            break
        loss.backward()
        if step == 0:
            tensors[f"{case}/train"] = logits.detach()
            named = list(net.named_parameters())
            tensors[f"{case}/norms"] = torch.stack([p.grad.norm() for _, p in named])
            tensors[f"{case}/samples"] = torch.stack([p.grad.reshape(-1)[torch.from_numpy((raw(n + "?", SAMPLES) % np.uint64(p.numel())).astype(np.int64))] for n, p in named])
            norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
            if norms:
                tensors[f"{case}/running"] = torch.stack([torch.stack([m.running_mean.abs().sum(), m.running_var.abs().sum()]) for m in norms])
        sgd.step()
    tensors[f"{case}/losses"] = torch.stack(losses)
    print(case, [round(l.item(), 4) for l in losses], tensors[f"{case}/eval"].abs().max().item())

write_safetensors("tests/golden/zoo.safetensors", tensors, {"torch": torch.__version__, "torchvision": torchvision.__version__, "script": "tools/golden/zoo.py"})

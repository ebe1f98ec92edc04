#!/usr/bin/env python3
"""seeing.py - torchinfo's figures, saliency and Grad-CAM in PyTorch: tests/golden/seeing.safetensors.

    python3 tools/golden/seeing.py       needs Python 3 with torch 2.15, torchvision and torchinfo 1.8.0

For each network <m> of SUMMED, one picture of 3x224x224, in evaluation mode:

    <m>/totals         total and trainable params, mult-adds, input, forward/backward and params bytes
    <m>/layers (n, 4)  of the layers with parameters, in order: params, mult-adds, elements of the input and of the output

For each case <c> of SEEN, filled by name (lib/filled.py), computed in f64, evaluation mode, two pictures:

    <c>/label          classes of the highest scores
    <c>/saliency       max over channels of |d score / d pixel|, of these classes           (2, H, W)
    <c>/saliency3      the same of class 3
    <c>/cam, <c>/cam3  Grad-CAM on LAYER: relu(sum_k mean(d score / d A_k) A_k)             (2, h, w)
"""
import torch, torchvision, torchinfo
from torch import nn
from lib.filled import fill, numbers
from lib.golden import write_safetensors

tv = torchvision.models
OBJECT = 64  # torchinfo 1.8.0 takes sys.getsizeof of the input: an object around the elements
SUMMED = ["alexnet", "vgg16", "googlenet", "resnet18", "densenet121"]


def resnet18_cifar():
    net = tv.resnet18(num_classes=10)
    net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    return net


# name in tests/test_seeing.c: (network, the picture's side, LAYER)
SEEN = {
    "resnet18": (resnet18_cifar, 19, "layer4"),
    "alexnet": (lambda: tv.alexnet(num_classes=10), 67, "features.10"),
    "squeezenet1_1": (lambda: tv.squeezenet1_1(num_classes=10), 43, "features.12"),
}
tensors = {}


def summed_up(name):
    net = getattr(tv, name)(**({"init_weights": False} if name == "googlenet" else {}))
    s = torchinfo.summary(net, (1, 3, 224, 224), verbose=0, depth=10)
    tensors[f"{name}/totals"] = torch.tensor([s.total_params, s.trainable_params, s.total_mult_adds, s.total_input - OBJECT, s.total_output_bytes, s.total_param_bytes])
    n = lambda size: int(torch.tensor(size).prod())
    tensors[f"{name}/layers"] = torch.tensor([[l.num_params, l.macs, n(l.input_size), n(l.output_size)] for l in s.summary_list if l.is_leaf_layer and l.num_params])


def seen(case, make, side, layer):
    net = make()
    fill(net)
    net.double().eval()
    for m in net.modules():
        if isinstance(m, nn.ReLU):
            m.inplace = False  # it would write into the maps before
    maps = {}
    net.get_submodule(layer).register_forward_hook(lambda m, i, o: maps.update(a=o))
    for suffix, fixed in ("", None), ("3", 3):
        x = (numbers("images", (2, 3, side, side)) * 2).requires_grad_()
        y = net(x)
        label = y.argmax(1) if fixed is None else torch.full((2,), fixed)
        if fixed is None:
            tensors[f"{case}/label"] = label
        dx, da = torch.autograd.grad(y.gather(1, label[:, None]).sum(), [x, maps["a"]])
        tensors[f"{case}/saliency{suffix}"] = dx.abs().amax(1).float()
        tensors[f"{case}/cam{suffix}"] = torch.relu((da.mean((2, 3), keepdim=True) * maps["a"]).sum(1)).detach()


for name in SUMMED:
    summed_up(name)
for case, row in SEEN.items():
    seen(case, *row)
    print(case, {k: tuple(t.shape) for k, t in tensors.items() if k.startswith(case + "/")}, tensors[f"{case}/cam"].max().item(), tensors[f"{case}/saliency"].max().item())
write_safetensors("tests/golden/seeing.safetensors", tensors, {"torch": torch.__version__, "torchvision": torchvision.__version__, "torchinfo": torchinfo.__version__, "script": "tools/golden/seeing.py"})

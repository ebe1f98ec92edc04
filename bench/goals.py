"""goals.py - what is to be reached: PyTorch's (or another peer's) time over Taper's.  Read next: run.py.

A goal with a star is the geometric mean of all cases that its pattern fits; the others are one case.  On a machine without AVX-512
the musts of convolutions and small networks are a tenth lower.  With a peer named, that one is meant; else the fastest.
"""
from collections import namedtuple

Goal = namedtuple("Goal", "pattern must aim eased title peer", defaults=(None, False, None, None))

GOALS = [
    Goal("gemm.256x256x256", .95, 1), Goal("gemm.1024x1024x1024", .95, 1), Goal("gemm.2048x2048x2048", .95, 1),
    Goal("conv.3x3.*.forward", 2.0, 3, True, "3x3 convolutions, forward"),
    Goal("conv.3x3.*.input_grad", 2.0, 3, True, "3x3 convolutions, gradient of the input"),
    Goal("conv.3x3.*.weight_grad", 1.5, 2.2, True, "3x3 convolutions, gradient of the weight"),
    Goal("conv.other.*", .95, 1.1, True, "1x1 and strided convolutions"),
    Goal("conv.first.*", None, None, True, "first layers"),
    Goal("overhead.add.16", 10, 30), Goal("overhead.chain.200", 15, 50),
    Goal("mlp.train.1", 3, 6, True), Goal("mlp.train.64", 1.4, 2, True), Goal("mlp.train.256", 1.05, 1.2, True),
    Goal("lenet5.train.1", 5, 15, True), Goal("lenet5.train.64", 2.5, 5, True), Goal("lenet5.train.256", 2.5, 5, True),
    Goal("lenet5.infer.1", 5, 15, True), Goal("lenet5.infer.256", 2.5, 5, True),
    Goal("alexnet.infer.8", 1.1, 1.4), Goal("resnet18.infer.8", 1.3, 1.8), Goal("vgg16.infer.8", 1.8, 2.5),
    Goal("googlenet.infer.8", 1.1, 1.5), Goal("densenet121.infer.8", 1.0, 1.3),
    Goal("alexnet.train.8", 1.2, 1.6), Goal("resnet18.train.8", 1.4, 2), Goal("vgg16.train.8", 1.8, 2.7),
    Goal("googlenet.train.8", 1.2, 1.6), Goal("densenet121.train.8", 1.2, 1.6),
    Goal("rnn.train.32", 1.5, 2), Goal("lstm.train.32", 1.3, 1.8), Goal("gru.train.32", 1.8, 2.5),
    Goal("rnn.step.1", 3, 6), Goal("lstm.step.1", 10, 15), Goal("gru.step.1", 3, 6),
    Goal("rnn.small.infer.1", 10, 20), Goal("lstm.small.infer.1", 10, 20), Goal("gru.small.infer.1", 10, 20),
    Goal("gpt.4x64.train", 2), Goal("gpt.6x384.train", 1.1), Goal("gpt2.train", 1.3), Goal("translate.6x512.train", 1.2),
    Goal("gpt2.generate", 1.5, peer="transformers"),
    Goal("optim.adam.10M", 1.0, 1.2),
]
LIBRARY_BYTES = (3e6, 1.5e6)  # the stripped library: must, aim

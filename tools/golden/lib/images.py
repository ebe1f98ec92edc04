"""images.py - cases of convolution and pooling.  Pairs are (height, width).

Read next: golden.py for the format, losses.py.
"""
import functools, math
import torch
import torch.nn.functional as F
from .golden import Family, In

f32, f64 = torch.float32, torch.float64
INF, NAN = math.inf, math.nan


def conv(script):
    c = Family("conv", {"conv2d": lambda x, w, b=None, stride=1, padding=0, dilation=1, groups=1: F.conv2d(x, w, b, stride, padding, dilation, groups)}, script)
    n, h = c.randn, functools.partial(c.randn, dtype=f32)
    for name, x, w, b, a in (
            ("plain", (2, 3, 5, 6), (4, 3, 3, 3), True, {}), ("no_bias", (2, 1, 4, 5), (2, 1, 3, 2), False, {}), ("one_by_one", (2, 3, 3, 4), (5, 3, 1, 1), True, {}),
            ("stride", (1, 2, 7, 6), (3, 2, 3, 3), True, {"stride": 2}), ("stride_pair", (1, 2, 6, 7), (2, 2, 3, 2), True, {"stride": [3, 2]}),
            ("padding", (1, 2, 4, 4), (2, 2, 3, 3), True, {"padding": 1}), ("padding_pair", (1, 1, 4, 3), (2, 1, 3, 4), False, {"padding": [0, 2]}),
            ("padding_large", (1, 1, 2, 2), (1, 1, 2, 2), True, {"padding": 3}), ("dilation", (1, 2, 7, 7), (2, 2, 3, 3), True, {"dilation": 2}),
            ("dilation_pair", (1, 1, 6, 7), (2, 1, 2, 3), False, {"dilation": [3, 1], "padding": [1, 0]}),
            ("everything", (2, 4, 8, 7), (6, 2, 3, 2), True, {"stride": [2, 1], "padding": [2, 1], "dilation": [2, 3], "groups": 2}),
            ("groups", (2, 4, 4, 4), (6, 2, 3, 3), True, {"groups": 2, "padding": 1}), ("depthwise", (2, 3, 4, 5), (3, 1, 3, 3), True, {"groups": 3, "padding": 1}),
            ("depthwise_twice", (1, 2, 4, 4), (4, 1, 2, 2), False, {"groups": 2, "stride": 2}), ("whole_image", (3, 2, 4, 5), (3, 2, 4, 5), True, {}),
            ("not_all_seen", (1, 1, 6, 8), (1, 1, 2, 3), True, {"stride": 3}), ("row_kernel", (1, 2, 3, 6), (2, 2, 1, 4), True, {}), ("column_kernel", (1, 2, 6, 3), (2, 2, 4, 1), False, {"stride": [1, 2]}),
            ("stride_over_kernel", (1, 1, 9, 9), (2, 1, 2, 2), False, {"stride": 4}), ("one_pixel", (1, 1, 1, 1), (1, 1, 1, 1), True, {}),
            ("no_images", (0, 2, 4, 4), (3, 2, 3, 3), True, {}), ("five", (1, 1, 8, 8), (2, 1, 5, 5), True, {"padding": 2}), ("groups_one_out", (1, 4, 3, 3), (2, 2, 2, 2), True, {"groups": 2})):
        inputs = [n(*x), n(*w), n(w[0]) if b else None]
        c.case(name, "conv2d", *inputs, **a)
    c.case("channels_last", "conv2d", In(n(2, 3, 4, 5), "cl"), n(2, 3, 3, 3), n(2), padding=1)
    c.case("channels_last_both", "conv2d", In(n(2, 3, 4, 4), "cl"), In(n(2, 3, 3, 3), "cl"), None)
    c.case("transposed", "conv2d", In(n(2, 2, 5, 4), "t"), In(n(3, 2, 3, 3), "t"), n(3))
    c.case("stepped", "conv2d", In(n(1, 2, 4, 4), "step"), In(n(2, 2, 3, 3), "step"), In(n(2), "step"))
    c.case("wide", "conv2d", In(n(1, 2, 4, 4), "wide"), In(n(2, 2, 3, 3), "wide"), In(n(2), "wide"))
    c.case("f32_wide", "conv2d", In(h(1, 2, 6, 7), "wide"), In(h(5, 2, 3, 3), "wide"), In(h(5), "wide"), wide=True)
    c.case("expanded", "conv2d", In(n(1, 1, 4, 4), "e2,3,4,4"), n(2, 3, 3, 3), None)
    for name, x, w, a in (
            ("f32", (2, 3, 6, 7), (5, 3, 3, 3), {"padding": 1}), ("f32_many_channels", (1, 17, 5, 5), (19, 17, 3, 3), {"padding": 1}), ("f32_lenet", (1, 1, 12, 12), (6, 1, 5, 5), {}),
            ("f32_stride", (1, 8, 9, 9), (16, 8, 3, 3), {"stride": 2, "padding": 1}), ("f32_one_by_one", (2, 16, 4, 4), (33, 16, 1, 1), {}),
            ("f32_depthwise", (1, 17, 6, 6), (17, 1, 3, 3), {"groups": 17, "padding": 1}), ("f32_groups", (1, 8, 6, 5), (12, 4, 3, 3), {"groups": 2}), ("f32_dilation", (1, 4, 9, 9), (8, 4, 3, 3), {"dilation": 3, "padding": [2, 3]}),
            ("f32_stem", (1, 3, 14, 13), (8, 3, 7, 7), {"stride": 2, "padding": 3})):
        c.case(name, "conv2d", h(*x), h(*w), h(w[0]), wide=True, **a)
    c.case("f32_channels_last", "conv2d", In(h(2, 8, 5, 5), "cl"), h(16, 8, 3, 3), None, padding=1, wide=True)
    return c


def pool(script):
    c = Family("pool", {
        "max_pool2d": lambda x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False: F.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode),
        "avg_pool2d": lambda x, kernel, stride=None, padding=0, ceil_mode=False, exclude_pad=False: F.avg_pool2d(x, kernel, stride, padding, ceil_mode, not exclude_pad),
        "adaptive_avg_pool2d": lambda x, size: F.adaptive_avg_pool2d(x, size),
    }, script)
    both = (("halve", (2, 3, 4, 6), {"kernel": 2}), ("odd", (2, 2, 5, 7), {"kernel": 2}), ("odd_ceil", (2, 2, 5, 7), {"kernel": 2, "ceil_mode": True}), ("overlap", (1, 2, 6, 7), {"kernel": 3, "stride": 2}),
            ("overlap_padded", (1, 2, 6, 7), {"kernel": 3, "stride": 2, "padding": 1}), ("ceil_padded", (1, 2, 6, 6), {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
            ("dense", (1, 1, 4, 5), {"kernel": 3, "stride": 1, "padding": 1}), ("pairs", (1, 2, 6, 5), {"kernel": [3, 2], "stride": [1, 2], "padding": [1, 0]}), ("pair_kernel", (1, 2, 5, 6), {"kernel": [1, 3]}),
            ("stride_over_kernel", (1, 1, 8, 9), {"kernel": 2, "stride": 3}), ("stride_ceil", (1, 1, 8, 7), {"kernel": 2, "stride": 3, "ceil_mode": True}),
            ("ceil_dropped", (1, 1, 6, 9), {"kernel": 2, "stride": 3, "ceil_mode": True}), ("ceil_dropped_padded", (1, 2, 5, 4), {"kernel": 2, "stride": 2, "padding": 1, "ceil_mode": True}),
            ("whole", (2, 2, 3, 4), {"kernel": [3, 4]}), ("one", (1, 2, 3, 3), {"kernel": 1}),
            ("no_images", (0, 2, 4, 4), {"kernel": 2}))
    for op in ("max_pool2d", "avg_pool2d"):
        x = c.distinct if op == "max_pool2d" else c.randn
        for name, size, a in both:
            c.case(name, op, x(*size), **a)
        for layout in ("cl", "t", "step"):
            c.case("layout_" + layout, op, In(x(2, 3, 4, 4), layout), kernel=2)
        c.case("f32", op, x(2, 19, 6, 7, dtype=f32), kernel=3, stride=2, padding=1, wide=op == "avg_pool2d")
        c.case("f32_halve", op, In(x(2, 6, 4, 4, dtype=f32), "cl"), kernel=2, wide=op == "avg_pool2d")
    for name, size, a in both:
        if "padding" in a or "ceil_mode" in a:
            c.case(name + "_excluded", "avg_pool2d", c.randn(*size), exclude_pad=True, **a)
    c.case("dilation", "max_pool2d", c.distinct(1, 2, 7, 7), kernel=3, dilation=2, stride=1)
    c.case("dilation_padded", "max_pool2d", c.distinct(1, 1, 6, 7), kernel=2, dilation=3, stride=2, padding=1, ceil_mode=True)
    c.case("ties", "max_pool2d", torch.tensor([[1.0, 1, 2, 2], [1, 1, 2, 1], [0, 0, -1, -1], [0, 0, -1, -1]], dtype=f64).reshape(1, 1, 4, 4), kernel=2, rough=1)
    c.case("special", "max_pool2d", torch.tensor([[1.0, NAN, -INF, -INF], [1, 2, -INF, -INF], [INF, 0, NAN, INF], [3, 0, -1, NAN]], dtype=f64).reshape(1, 1, 4, 4), kernel=2, rough=1)
    c.case("minus_inf_padded", "max_pool2d", torch.full((1, 1, 2, 2), -INF, dtype=f64), kernel=2, padding=1, rough=1)
    for name, size, to in (("to_one", (2, 3, 4, 5), [1, 1]), ("even", (1, 2, 6, 4), [3, 2]), ("odd", (1, 2, 5, 7), [3, 2]), ("larger", (1, 1, 3, 2), [5, 4]), ("same", (1, 1, 3, 3), [3, 3]),
                           ("overlapping", (1, 2, 7, 10), [5, 3]), ("no_images", (0, 2, 4, 4), [2, 2])):
        c.case(name, "adaptive_avg_pool2d", c.randn(*size), size=to)
    c.case("channels_last", "adaptive_avg_pool2d", In(c.randn(2, 3, 4, 5), "cl"), size=[2, 2])
    c.case("stepped", "adaptive_avg_pool2d", In(c.randn(1, 2, 4, 5), "step"), size=[1, 1])
    c.case("f32", "adaptive_avg_pool2d", c.randn(2, 19, 7, 7, dtype=f32), size=[1, 1], wide=True)
    c.case("f32_odd", "adaptive_avg_pool2d", c.randn(1, 5, 6, 7, dtype=f32), size=[4, 3], wide=True)
    return c


FAMILIES = {"conv": conv, "pool": pool}

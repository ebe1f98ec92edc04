"""losses.py - cases of softmax, log_softmax and the losses.

Read next: golden.py for the format.
"""
import functools, math
import torch
import torch.nn.functional as F
from .golden import Family, In

f32, f64 = torch.float32, torch.float64
INF, NAN = math.inf, math.nan


def softmax(script):
    c = Family("softmax", {"softmax": F.softmax, "log_softmax": F.log_softmax}, script)
    for op in ("softmax", "log_softmax"):
        for d in (0, 1, 2, -1, -2):
            c.case(f"dim{d}", op, c.randn(2, 3, 4), dim=d)
        c.case("vector", op, c.randn(5), dim=0)
        c.case("scalar", op, c.randn(), dim=0)
        c.case("one", op, c.randn(3, 1), dim=1)
        c.case("transposed", op, In(c.randn(4, 3), "t"), dim=1)
        c.case("transposed_first", op, In(c.randn(4, 3), "t"), dim=0)
        c.case("stepped", op, In(c.randn(3, 4), "step"), dim=-1)
        c.case("images", op, In(c.randn(2, 3, 2, 2), "cl"), dim=1)
        c.case("no_rows", op, c.randn(0, 4), dim=1)
        c.case("no_columns", op, c.randn(4, 0), dim=1)
        c.case("large", op, torch.tensor([[1000.0, 1001.0, 999.0], [-1000.0, -1001.0, 0.0]], dtype=f64), dim=1)
        c.case("large_f32", op, torch.tensor([[300.0, 301.0, 299.0], [-300.0, -301.0, 0.0]]), dim=1, wide=True)
        c.case("minus_inf", op, torch.tensor([[0.0, -INF, 1.0], [-INF, 2.0, -INF]], dtype=f64), dim=1, rough=1, grad=op == "softmax")
        c.case("special", op, torch.tensor([[NAN, 0.0, 1.0], [INF, 0.0, 1.0], [-INF, -INF, -INF]], dtype=f64), dim=1, grad=False)
        c.case("f32", op, c.randn(5, 67, dtype=f32) * 3, dim=1, wide=True)
        hole = c.randn(2, 67, dtype=f32)
        hole[0, 20:40] = -INF
        c.case("minus_inf_f32", op, hole, dim=1, wide=True, grad=op == "softmax")
        c.case("wide_f32", op, In(c.randn(3, 35, dtype=f32), "wide"), dim=1, wide=True)
        c.case("f32_columns", op, c.randn(9, 5, dtype=f32) * 3, dim=0, wide=True)
    return c


def loss(script):
    def bce(x, y, weight=None, pos_weight=None, reduction="mean"):
        return F.binary_cross_entropy_with_logits(x, y, weight, reduction=reduction, pos_weight=pos_weight)

    def mse(x, y, reduction="mean", half=False):
        return F.mse_loss(x, y, reduction=reduction) * (0.5 if half else 1)

    def ce(x, y, weight=None, reduction="mean", label_smoothing=0.0, ignore_index=-100):
        return F.cross_entropy(x, y, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)

    c = Family("loss", {"mse_loss": mse, "cross_entropy": ce, "binary_cross_entropy_with_logits": bce}, script)
    n, i = c.randn, c.ints
    h = functools.partial(c.randn, dtype=f32)
    op = "mse_loss"
    for r in ("mean", "sum", "none"):
        for half in (False, True):
            c.case(r + ("_half" if half else ""), op, n(3, 4), n(3, 4), reduction=r, half=half)
    c.case("vector", op, n(7), n(7))
    c.case("scalar", op, n(), n())
    c.case("transposed", op, In(n(4, 3), "t"), n(4, 3))
    c.case("no_rows_sum", op, n(0, 3), n(0, 3), reduction="sum")
    c.case("no_rows", op, n(0, 3), n(0, 3), rough=1)
    c.case("f32", op, h(5, 13), h(5, 13), wide=True)
    c.case("f32_none", op, h(5, 13), h(5, 13), wide=True, reduction="none")

    op = "cross_entropy"
    probabilities = lambda *s: torch.rand(s, generator=c.g, dtype=f64)
    for r in ("mean", "sum", "none"):
        w = In(c.pos(5), grad=False)
        c.case(f"indices_{r}", op, n(4, 5), i(0, 5, 4), reduction=r)
        c.case(f"weight_{r}", op, n(4, 5), i(0, 5, 4), w, reduction=r)
        c.case(f"smooth_{r}", op, n(4, 5), i(0, 5, 4), reduction=r, label_smoothing=0.1)
        c.case(f"smooth_weight_{r}", op, n(4, 5), i(0, 5, 4), w, reduction=r, label_smoothing=0.3)
        ignored = i(0, 5, 4)
        ignored[1] = -100
        c.case(f"ignored_{r}", op, n(4, 5), ignored, reduction=r)
        c.case(f"everything_{r}", op, n(4, 5), ignored, w, reduction=r, label_smoothing=0.2)
        c.case(f"ignored_class_{r}", op, n(4, 5), torch.tensor([2, 0, 2, 4]), w, reduction=r, ignore_index=2)
        c.case(f"ignored_zero_{r}", op, n(4, 5), torch.tensor([2, 0, 0, 4]), reduction=r, ignore_index=0)
        c.case(f"ignored_minus_one_{r}", op, n(4, 5), torch.tensor([2, -1, 0, 4]), reduction=r, ignore_index=-1, label_smoothing=0.1)
        c.case(f"d1_{r}", op, n(2, 3, 4), i(0, 3, 2, 4), reduction=r)
        c.case(f"d1_everything_{r}", op, n(2, 3, 4), torch.tensor([[0, 1, 2, -100], [2, 2, -100, 0]]), In(c.pos(3), grad=False), reduction=r, label_smoothing=0.1)
        c.case(f"images_{r}", op, In(n(2, 3, 2, 2), "cl"), i(0, 3, 2, 2, 2), reduction=r)
        c.case(f"vector_{r}", op, n(5), torch.tensor(3), reduction=r)
        c.case(f"probabilities_{r}", op, n(4, 5), probabilities(4, 5), reduction=r)
        c.case(f"probabilities_weight_{r}", op, n(4, 5), probabilities(4, 5), w, reduction=r, label_smoothing=0.1)
        c.case(f"probabilities_d1_{r}", op, n(2, 3, 2), probabilities(2, 3, 2), reduction=r)
        c.case(f"f32_{r}", op, h(7, 10) * 3, i(0, 10, 7), reduction=r, wide=True)
    c.case("probabilities_smooth", op, n(4, 5), probabilities(4, 5), label_smoothing=0.2)
    c.case("probabilities_vector", op, n(5), probabilities(5))
    c.case("one_class", op, n(3, 1), i(0, 1, 3), rough=1)
    c.case("smooth_one", op, n(4, 5), i(0, 5, 4), label_smoothing=1.0)
    c.case("transposed", op, In(n(4, 5), "t"), In(i(0, 5, 4), "step"))
    c.case("u8_labels", op, n(4, 5), i(0, 5, 4, dtype=torch.uint8))
    c.case("large", op, torch.tensor([[1000.0, -1000.0], [-1000.0, 1000.0]], dtype=f64), torch.tensor([1, 1]), rough=1)
    c.case("all_ignored_sum", op, n(2, 3), torch.tensor([-100, -100]), reduction="sum", rough=1)
    c.case("all_ignored_mean", op, n(2, 3), torch.tensor([-100, -100]), rough=1, grad=False)
    c.case("no_rows_sum", op, n(0, 3), i(0, 3, 0), reduction="sum", rough=1)
    c.case("no_rows_none", op, n(0, 3), i(0, 3, 0), reduction="none", rough=1)
    c.case("f32_everything", op, h(6, 10), i(0, 10, 6), In(c.pos(10, dtype=f32), grad=False), label_smoothing=0.1, wide=True)

    op = "binary_cross_entropy_with_logits"
    for r in ("mean", "sum", "none"):
        c.case(f"plain_{r}", op, n(3, 4), probabilities(3, 4), reduction=r)
        c.case(f"weight_{r}", op, n(3, 4), probabilities(3, 4), In(c.pos(3, 1), grad=False), reduction=r)
        c.case(f"pos_weight_{r}", op, n(3, 4), probabilities(3, 4), None, In(c.pos(4), grad=False), reduction=r)
        c.case(f"everything_{r}", op, n(3, 4), probabilities(3, 4), In(c.pos(3, 4), grad=False), In(c.pos(4), grad=False), reduction=r)
    c.case("hard", op, n(3, 4), i(0, 2, 3, 4).double())
    c.case("large", op, torch.tensor([1000.0, -1000.0, 50.0, -50.0, 0.0], dtype=f64), torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0], dtype=f64), reduction="none", rough=1)
    c.case("tiny", op, torch.tensor([30.0, 25.0, 40.0], dtype=f64), torch.tensor([1.0, 1.0, 1.0], dtype=f64), reduction="none", atol=0, rtol=1e-10, rough=1, grad=False)
    c.case("transposed", op, In(n(4, 3), "t"), probabilities(4, 3))
    c.case("scalar", op, n(), probabilities())
    c.case("no_rows_sum", op, n(0, 3), probabilities(0, 3), reduction="sum")
    c.case("f32", op, h(5, 13) * 4, probabilities(5, 13).float(), wide=True)
    c.case("f32_pos_weight", op, h(5, 13), probabilities(5, 13).float(), None, In(c.pos(13, dtype=f32), grad=False), wide=True)
    return c


FAMILIES = {"softmax": softmax, "loss": loss}

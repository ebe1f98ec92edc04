"""extra.py - calls of PyTorch for operations that its database of operators does not know, or knows in a form that we have not.

Each row: inputs, attributes of ours, and the function that makes the outputs.  Read next: ../opdb.py, which stores them beside the rest.
"""
import torch
import torch.nn.functional as F
from lib import recurrent

TO = torch.float64


def randn(*shape):
    return torch.randn(shape, dtype=TO, requires_grad=True)


def positive(*shape):
    return (torch.rand(shape, dtype=TO) + 0.25).requires_grad_()


def signs(*shape):
    return (torch.randint(0, 2, shape) * 2 - 1).to(TO)


def rows():
    i64 = lambda *v: torch.tensor(v)
    return {
        "sum_to": [((randn(2, 3, 4),), {"shape": s}, lambda x, s=s: x.sum_to_size(s)) for s in ((3, 1), (1, 3, 4), (4,), (1,))],
        "kron": [((randn(*a), randn(*b)), {}, torch.kron) for a, b in (((2, 3), (3, 2)), ((4,), (2, 3)), ((), (3,)), ((1, 2, 2), (2, 1, 3)))],
        "cdist": [((randn(*a), randn(*b)), {"p": p}, lambda x, y, p=p: torch.cdist(x, y, p, "donot_use_mm_for_euclid_dist"))
                  for a, b, p in (((3, 4), (5, 4), 2.0), ((2, 3, 2), (2, 1, 2), 1.0), ((3, 2), (2, 2), float("inf")), ((3, 4), (2, 4), 3.0))],
        "swapaxes": [((randn(2, 3, 4),), {"axis0": 0, "axis1": -1}, lambda x: torch.swapaxes(x, 0, -1))],
        "tensor_split": [((randn(7, 3),), {"sections": 3}, lambda x: torch.tensor_split(x, 3)),
                         ((randn(2, 7),), {"indices": (2, 4), "dim": 1}, lambda x: torch.tensor_split(x, (2, 4), 1)),
                         ((randn(5),), {"indices": (-2, 9)}, lambda x: torch.tensor_split(x, (-2, 9)))],
        "as_strided": [((randn(12),), {"size": (3, 2), "stride": (2, 3), "storage_offset": 1}, lambda x: x.as_strided((3, 2), (2, 3), 1)),
                       ((randn(12),), {"size": (4, 5), "stride": (2, 1)}, lambda x: x.as_strided((4, 5), (2, 1)))],
        "as_strided_scatter": [((randn(12).detach(), randn(3, 2).detach()),  # PyTorch's gradient is that of other elements
                                {"size": (3, 2), "stride": (2, 7), "storage_offset": 0},
                                lambda x, y: torch.as_strided_scatter(x, y, (3, 2), (2, 7), 0))],
        "cartesian_prod": [((randn(2), randn(3)), {}, torch.cartesian_prod), ((randn(4),), {}, torch.cartesian_prod),
                           ((randn(2), randn(1), randn(2)), {}, torch.cartesian_prod)],
        "constant_pad": [((randn(2, 3),), {"before": (1, 0), "after": (0, 2), "value": 0.5}, lambda x: F.pad(x, (0, 2, 1, 0), value=0.5)),
                         ((randn(4, 3),), {"before": (-1, 1), "after": (0, -1)}, lambda x: F.pad(x, (1, -1, -1, 0)))],
        "slice_scatter": [((randn(4, 3), randn(2, 3)), {"dim": 0, "start": 1, "end": 4, "step": 2},
                           lambda x, y: torch.slice_scatter(x, y, 0, 1, 4, 2)),
                          ((randn(2, 6), randn(2, 2)), {"dim": -1, "start": -3, "end": -1}, lambda x, y: torch.slice_scatter(x, y, -1, -3, -1))],
        "tril_indices": [((), {"row": r, "col": c, "offset": o}, lambda r=r, c=c, o=o: torch.tril_indices(r, c, o)) for r, c, o in ((3, 4, 0), (4, 2, -1), (2, 5, 2), (0, 3, 0))],
        "triu_indices": [((), {"row": r, "col": c, "offset": o}, lambda r=r, c=c, o=o: torch.triu_indices(r, c, o)) for r, c, o in ((3, 4, 0), (4, 2, -1), (2, 5, 2), (0, 3, 0))],
        "gaussian_nll_loss": [((randn(4, 3), randn(4, 3), positive(4, 3)), {"reduction": r, "full": f}, lambda x, y, v, r=r, f=f: F.gaussian_nll_loss(x, y, v, full=f, reduction=r))
                              for r, f in (("mean", False), ("sum", True), ("none", False))],
        "soft_margin_loss": [((randn(3, 5), signs(3, 5)), {"reduction": r}, lambda x, y, r=r: F.soft_margin_loss(x, y, reduction=r)) for r in ("mean", "sum", "none")],
        "index": [((randn(4, 3), i64(2, 0, -1)), {}, lambda x, i: x[i]),
                  ((randn(4, 3, 2), i64(1, 3), i64(0, -1)), {}, lambda x, i, j: x[i, j]),
                  ((randn(4, 3, 2), None, torch.tensor([[0, 2], [1, 1]])), {}, lambda x, _, j: x[:, j]),
                  ((randn(4, 3, 2), i64(1, 3), None, i64(1)), {}, lambda x, i, _, k: x[i, :, k]),
                  ((randn(4, 3), torch.tensor([True, False, True, True])), {}, lambda x, m: x[m])],
        "add_relu": [((randn(4, 3), randn(4, 3)), {}, lambda x, y: F.relu(x + y)), ((randn(2, 3, 4), randn(3, 1)), {}, lambda x, y: F.relu(x + y))],
        "linear_relu": [((randn(4, 3), randn(5, 3), randn(5)), {}, lambda x, w, b: F.relu(F.linear(x, w, b))),
                        ((randn(2, 3, 7), randn(2, 7), None), {}, lambda x, w, _: F.relu(F.linear(x, w)))],
        "conv2d_relu": [((randn(2, 3, 6, 5), randn(4, 3, 3, 3), randn(4)), {"padding": 1}, lambda x, w, b: F.relu(F.conv2d(x, w, b, padding=1))),
                        ((randn(1, 4, 7, 7), randn(6, 2, 3, 3), None), {"stride": 2, "groups": 2}, lambda x, w, _: F.relu(F.conv2d(x, w, stride=2, groups=2))),
                        ((randn(2, 16, 9, 6), randn(16, 16, 3, 3), randn(16)), {"padding": 1}, lambda x, w, b: F.relu(F.conv2d(x, w, b, padding=1)))],
        "batch_norm_relu": [((randn(3, 4, 2, 3), None, None, randn(4), randn(4)), {"training": True}, lambda x, m, v, w, b: F.relu(F.batch_norm(x, m, v, w, b, True))),
                            ((randn(5, 3), randn(3).detach(), positive(3).detach(), None, randn(3)), {"training": False, "eps": 1e-3},
                             lambda x, m, v, w, b: F.relu(F.batch_norm(x, m, v, w, b, False, eps=1e-3)))],
        "expand": [((randn(2, 1, 4),), {"size": (5, 2, 3, -1)}, lambda x: x.expand(5, 2, 3, -1)), ((randn(),), {"size": (2, 2)}, lambda x: x.expand(2, 2))],
        "clamp": [((randn(3, 4),), {"min": -0.5, "max": 0.5}, lambda x: x.clamp(-0.5, 0.5)), ((randn(7),), {"min": 0.1}, lambda x: x.clamp(0.1))],
        "to": [((randn(3, 4),), {"dtype": "f32"}, lambda x: x.to(torch.float32)), ((randn(5),), {"dtype": "i64"}, lambda x: x.to(torch.int64))],
        **recurrent.rows(),
    }

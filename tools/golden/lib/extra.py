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


def attention(q, k, v, mask=None, lengths=None, prefix=None, slopes=None, is_causal=False, scale=None, window=0, at_end=False):
    """scaled_dot_product_attention with the masks that PyTorch has no words for written out."""
    t, s = q.shape[-2], k.shape[-2]
    if not (lengths is not None or prefix is not None or slopes is not None or window or at_end):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=is_causal, scale=scale, enable_gqa=q.dim() > 3)
    length = lengths if lengths is not None else torch.full((q.shape[0],), s)
    key, at = torch.arange(s).view(1, 1, s), torch.arange(t).view(1, t, 1) + (length - t if at_end else length * 0).view(-1, 1, 1)
    seen = key < length.view(-1, 1, 1)
    if is_causal:
        seen = seen & ((key <= at) | (key < (prefix if prefix is not None else length * 0).view(-1, 1, 1)))
    if window:
        seen = seen & (key > at - window) & (key < at + window)
    bias = torch.zeros(seen.shape, dtype=q.dtype).masked_fill(~seen, float("-inf")).unsqueeze(1)
    if slopes is not None:
        bias = bias + slopes.view(-1, 1, 1) * -(key - at).abs().unsqueeze(1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias if mask is None else bias + mask, scale=scale, enable_gqa=True)


def packed_attention(x, mask=None, lengths=None, prefix=None, slopes=None, heads=1, kv_heads=1, **more):
    b, t, _ = x.shape
    q, k, v = x.view(b, t, heads + 2 * kv_heads, -1).transpose(1, 2).split((heads, kv_heads, kv_heads), 1)
    return attention(q, k, v, mask, lengths, prefix, slopes, **more).transpose(1, 2).reshape(b, t, -1)


def attention_rows():
    i64 = lambda *v: torch.tensor(v)
    calls = [((randn(2, 2, 5, 4), randn(2, 2, 7, 4), randn(2, 2, 7, 3)), {}),
             ((randn(2, 2, 5, 4), randn(2, 2, 7, 4), randn(2, 2, 7, 3), torch.rand(5, 7) > 0.3), {"scale": 0.7}),
             ((randn(2, 4, 5, 4), randn(2, 2, 5, 4), randn(2, 2, 5, 4), randn(1, 4, 1, 5)), {}),
             ((randn(3, 5, 4), randn(3, 9, 4), randn(3, 9, 4)), {"is_causal": True}),
             ((randn(1, 1, 150, 3), randn(1, 1, 200, 3), randn(1, 1, 200, 3)), {"is_causal": True}),
             ((randn(1, 1, 130, 2), randn(1, 1, 300, 2), randn(1, 1, 300, 2), None, i64(290)), {"is_causal": True, "at_end": True, "window": 140}),
             ((randn(2, 3, 70, 3), randn(2, 1, 70, 3), randn(2, 1, 70, 2), None, i64(70, 40)), {}),
             ((randn(2, 2, 6, 4), randn(2, 2, 6, 4), randn(2, 2, 6, 4), None, None, i64(3, 0)), {"is_causal": True}),
             ((randn(1, 2, 66, 2), randn(1, 2, 66, 2), randn(1, 2, 66, 2), None, None, None, randn(2)), {"is_causal": True}),
             ((randn(2, 4, 1, 4), randn(2, 2, 9, 4), randn(2, 2, 9, 4), None, i64(9, 4)), {"is_causal": True, "at_end": True}),
             ((randn(1, 2, 3, 4), randn(1, 2, 9, 4), randn(1, 2, 9, 4), None, None, None, randn(2)), {"is_causal": True, "at_end": True, "window": 5}),
             ((randn(1, 1, 80, 2), randn(1, 1, 80, 2), randn(1, 1, 80, 2)), {"window": 9})]
    packed = [((randn(2, 6, 12),), {"heads": 2, "kv_heads": 1, "is_causal": True}),
              ((randn(1, 140, 12), None, i64(139)), {"heads": 1, "kv_heads": 1}),
              ((randn(2, 5, 18), randn(5, 5), None, i64(2, 4), randn(1)), {"heads": 1, "kv_heads": 1, "is_causal": True, "scale": 0.4})]
    return {"scaled_dot_product_attention": [(x, a, lambda *x, a=a: attention(*x, **a)) for x, a in calls],
            "packed_attention": [(x, a, lambda *x, a=a: packed_attention(*x, **a)) for x, a in packed]}


def rope(x, cosines, sines, places=None, width=2, heads=0, adjacent=False):
    """Su et al. 2021, equation 34, and the form with halves of Hugging Face's Llama (rotate_half)."""
    b, t, c = x.shape
    half, at = cosines.shape[1], torch.arange(t) + (places.view(-1, 1) if places is not None else 0)
    all_heads = x.view(b, t, c // width, width)
    turned, rest = (all_heads[:, :, :heads], all_heads[:, :, heads:]) if heads else (all_heads, all_heads[:, :, :0])
    cos, sin = (m[at].view(-1, t, 1, half) for m in (cosines, sines))
    u, v = (turned[..., 0 : 2 * half : 2], turned[..., 1 : 2 * half : 2]) if adjacent else (turned[..., :half], turned[..., half : 2 * half])
    y = (u * cos - v * sin, v * cos + u * sin)
    y = torch.stack(y, -1).flatten(-2) if adjacent else torch.cat(y, -1)
    return torch.cat((torch.cat((y, turned[..., 2 * half :]), -1), rest), 2).reshape(b, t, c)


def rope_rows():
    calls = [((randn(2, 3, 12), randn(5, 3), randn(5, 3)), {"width": 6}),
             ((randn(2, 3, 20), randn(8, 2), randn(8, 2), torch.tensor((4, 0))), {"width": 5, "heads": 3, "adjacent": True}),
             ((randn(1, 3, 40), randn(3, 8), randn(3, 8)), {"width": 20, "heads": 1})]
    return {"rope": [(x, a, lambda *x, a=a: rope(*x, **a)) for x, a in calls]}


def gated_rows():
    kinds = {"swiglu": F.silu, "geglu": F.gelu, "geglu_tanh": lambda x: F.gelu(x, approximate="tanh"), "reglu": F.relu}
    gate = lambda x, f: f(x.chunk(2, -1)[0]) * x.chunk(2, -1)[1]
    return {n: [((randn(*s),), {}, lambda x, f=f: gate(x, f)) for s in ((2, 3, 8), (1, 74), (6,))] for n, f in kinds.items()}


def rows():
    i64 = lambda *v: torch.tensor(v)
    head = {"linear_cross_entropy": [((randn(5, 3), randn(7, 3), i64(0, 6, 3, 3, 1)), {}, lambda x, w, t: F.cross_entropy(F.linear(x, w), t)),
                                     ((randn(40, 4), randn(6, 4), torch.arange(40) % 6), {"ignore_index": 2},
                                      lambda x, w, t: F.cross_entropy(F.linear(x, w), t, ignore_index=2))]}
    all_rows = {**others(), **head, **attention_rows(), **rope_rows(), **gated_rows()}
    biased = lambda n, d, c, **a: ((randn(n, d), randn(c, d), torch.arange(n) * 5 % c, randn(c)), a,
                                   lambda x, w, t, b: F.cross_entropy(F.linear(x, w, b), t, **a))
    head["linear_cross_entropy"] += [biased(5, 3, 7), biased(40, 4, 6, ignore_index=2)]  # last: what is above stays as it was
    return all_rows


def others():
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

"""oracle.py - PyTorch's operators under the names, inputs and attributes of Taper's table.

bind() turns a call of PyTorch (a sample of its operator database) into inputs and attributes of the operation of the same name;
call() goes the other way, and runs PyTorch on inputs and attributes.  Names are the same on both sides, so most operations need nothing
here; the tables hold those that do.
"""
import inspect, math
import torch
import torch.nn.functional as F
from torch.fx.operator_schemas import get_signature_for_torch_op, type_matches
from .golden import NAMES, text_of


class Unsupported(Exception):
    pass


# ---- names in the operator database, where they are others than ours --------------------------------------------------

DATABASE = {
    "gelu": "nn.functional.gelu",
    "_softmax": [], "_log_softmax": [],
    **{random: [] for random in ("rand", "randn", "uniform", "normal", "exponential", "randint", "randperm", "bernoulli", "poisson", "multinomial", "dropout", "dropout2d")},
    "soft_margin_loss": [],  # overflows there in half precision
    "arange": [],  # whole numbers are i64 there; our default type is f32
    "sum_to": "sum_to_size", "max_pool2d_with_indices": "nn.functional.max_pool2d",
    "clamp": "clamp",
    "min": "min", "max": "max",
}

# How the database calls what is a method or a lambda there: names of the arguments after the input.
ARGUMENTS = {
    "view": ["size*"], "reshape": ["shape"], "expand": ["size*"], "permute": ["dims"], "repeat": ["repeats*"], "tile": ["dims"],
    "unfold": ["dimension", "size", "step"], "to": ["dtype"], "slice": ["dim", "start", "end", "step"],
    "slice_scatter": ["src", "dim", "start", "end", "step"], "sum_to": ["size*"], "unflatten": ["dim", "sizes"],
    "as_strided": ["size", "stride", "storage_offset"], "expand_as": ["other"], "view_as": ["other"], "contiguous": ["memory_format"],
    "split": ["split_size_or_sections", "dim"], "tensor_split": ["indices_or_sections", "dim"],
    "embedding": ["index", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse"],
    "polygamma": ["n"], "nonzero": ["as_tuple"], "tril_indices": ["col", "offset"], "triu_indices": ["col", "offset"],
    "adaptive_max_pool2d": ["output_size", "return_indices"], "zeros": [], "ones": [], "full": ["fill_value"], "eye": ["m"],
    "clone": ["memory_format"], "where": ["condition", "other"],
    "layer_norm": ["normalized_shape", "weight", "bias", "eps"], "rms_norm": ["normalized_shape", "weight", "eps"],
    "batch_norm": ["running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"],
    "instance_norm": ["running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps"],
    "group_norm": ["num_groups", "weight", "bias", "eps"],
}
# Functions without a tensor: what their first argument is called.
FIRST = {"tril_indices": "row", "triu_indices": "row", "zeros": "size", "ones": "size", "full": "size", "eye": "n"}
# Arguments that are part of our operation's name.
MEANT = {"max_pool2d_with_indices": ("return_indices", True)}
# Where PyTorch itself is less exact: a constant in single precision, halves rounded on the way.  Words of the case.
LOOSE = {("hardsigmoid", "f64"): "rtol=1e-6", ("logit", "f16"): "rtol=2e-2 atol=1e-3", ("logit", "bf16"): "rtol=4e-2 atol=1e-2"}
LOOSE[("polygamma", "f32")] = "rtol=1e-4"
LOOSE[("batch_norm", "bf16")] = LOOSE[("instance_norm", "bf16")] = "rtol=3e-2 atol=1e-2"
# Dtypes to compare in, where others say nothing: polygamma has poles at whole numbers, where each has its own huge number;
# local_response_norm of integers rounds on the way.
ONLY = {"polygamma": ("f64", "f32"), "local_response_norm": ("f64", "f32", "f16", "bf16")}
# Our order of the inputs, as places in PyTorch's.
ORDER = {"where": (1, 0, 2), "embedding": (1, 0)}
# Our attribute for PyTorch's argument.
RENAMED = {
    ("view", "size"): "shape", ("expand", "size"): "size", ("sum_to", "size"): "size",
}
DROPPED = {"out", "layout", "device", "pin_memory", "memory_format", "names", "requires_grad", "generator", "inplace", "implicit", "_stacklevel",
           "size_average", "reduce", "sparse", "scale_grad_by_freq", "max_norm", "norm_type", "non_blocking", "copy"}


def signatures(name, op):
    if name in ARGUMENTS:
        return []
    try:
        found = get_signature_for_torch_op(op)
        if found:
            return found + ([inspect.signature(op)] if inspect.isfunction(op) else [])
    except Exception:
        pass
    try:
        return [inspect.signature(op)]
    except (TypeError, ValueError):
        found = []
        for prefix in ("aten::", "aten::linalg_", "aten::special_"):
            for schema in torch._C._jit_get_schemas_for_operator(prefix + name):
                from torch.fx.operator_schemas import _torchscript_schema_to_signature
                found.append(_torchscript_schema_to_signature(schema))
        return found


def matches(signature, args, kwargs):
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return None
    for name, value in bound.arguments.items():
        kind = signature.parameters[name].annotation
        if kind is inspect.Parameter.empty or value is None:
            continue
        if isinstance(value, torch.Tensor) and kind in (int, float, bool, str):
            return None
        try:
            fits = type_matches(kind, type(value)) or not isinstance(value, (torch.Tensor, str)) and kind is not torch.Tensor
            if isinstance(value, (int, float)) and kind is torch.Tensor:
                fits = False
            if isinstance(value, torch.Tensor) and kind is not torch.Tensor and "Tensor" not in str(kind):
                fits = False
        except Exception:
            fits = True
        if not fits:
            return None
    return bound


def arguments(name, op, args, kwargs, inputs):
    """[(name, value, default)] in the order of the signature; inputs: the names of ours."""
    if name in ARGUMENTS:
        names = [FIRST.get(name, "input")] + ARGUMENTS[name]
        pairs, optional = [], inputs.split()
        rest = list(args)
        for n in names:
            if n.endswith("*"):
                value = rest[0] if len(rest) == 1 and isinstance(rest[0], (tuple, list, torch.Size)) else tuple(rest)
                pairs.append((n[:-1], value, None))
                rest = []
            elif rest:
                pairs.append((n, rest.pop(0), None))
            elif n in kwargs or n + "?" in optional:
                pairs.append((n, kwargs.pop(n, None), None))
        if rest:
            raise Unsupported("more arguments than known")
        return pairs + [(k, v, None) for k, v in kwargs.items()]
    for s in signatures(name, op):
        bound = matches(s, args, kwargs)
        if bound is None:
            continue
        pairs = []
        for k, v in bound.arguments.items():
            p = s.parameters[k]
            if p.kind is inspect.Parameter.VAR_POSITIONAL:
                pairs.append((k, list(v), None))
            elif p.kind is inspect.Parameter.VAR_KEYWORD:
                pairs += [(kk, vv, None) for kk, vv in v.items()]
            else:
                pairs.append((k, v, None if p.default is inspect.Parameter.empty else p.default))
        return pairs
    raise Unsupported("no signature of PyTorch fits")


def attribute_text(value):
    if isinstance(value, str):
        return value.replace(" ", "") or "none"
    if isinstance(value, (tuple, list, torch.Size)):
        if not all(isinstance(v, int) for v in value):
            raise Unsupported("a list that is not of integers")
        return ",".join(str(int(v)) for v in value) or "()"
    if isinstance(value, torch.dtype):
        if value not in NAMES:
            raise Unsupported("dtype " + str(value))
        return NAMES[value]
    if isinstance(value, complex):
        raise Unsupported("complex")
    if isinstance(value, torch.Tensor) and value.dim() == 0:
        value = value.item()
    if not isinstance(value, (bool, int, float)):
        raise Unsupported("an argument of type " + type(value).__name__)
    return text_of(value)


def bind(op, info, sample):
    name, known = op["name"], {a["name"]: a["type"] for a in op["attributes"]}
    inputs, attrs = [], {}
    if name in MEANT and sample.kwargs.get(MEANT[name][0]) != MEANT[name][1]:
        raise Unsupported("another operation of ours")
    for k, v, default in arguments(name, info.op, (sample.input,) + tuple(sample.args), dict(sample.kwargs), op["inputs"]):
        k = RENAMED.get((name, k), k)
        if name in MEANT and k == MEANT[name][0]:
            continue
        if k == "unbiased" and "correction" in known:
            k, v = "correction", int(v)
        if k in known:
            if isinstance(v, str) and known[k] in ("integer", "integer or two", "number", "integers"):
                raise Unsupported(f"{k}={v}")
            if v is not None:
                attrs[k] = attribute_text(v)
        elif isinstance(v, torch.Tensor):
            inputs.append(v)
        elif isinstance(v, (tuple, list)) and v and all(isinstance(x, torch.Tensor) for x in v):
            inputs += list(v)
        elif v is None and k not in DROPPED and "?" in op["inputs"] and k not in ("dim", "dtype"):
            inputs.append(None)
        elif k in DROPPED or v is None or v == default or v is False:
            continue
        elif isinstance(v, (bool, int, float)) and len(inputs) < len(op["inputs"].split()) and "..." not in op["inputs"]:
            inputs.append(v)
        else:
            raise Unsupported(f"{k}={str(v)[:20]}")
    if name == "index_put":
        inputs = [inputs[0], inputs[-1], *inputs[1:-1]]
    if name in ("topk", "kthvalue") and not sample.input.is_floating_point():
        raise Unsupported("which of equal elements is named is left open")
    if name in ("as_strided", "as_strided_scatter"):
        raise Unsupported("what it sees depends on the sample's storage")
    if name == "matrix_power" and int(attrs["n"]) < 0:
        raise Unsupported("an inverse")
    if name == "batch_norm" and sample.input.dim() < 2:
        raise Unsupported("an input without channels")
    if name == "linear" and inputs[1].dim() == 1:
        raise Unsupported("a weight that is a vector")
    if name == "squeeze" and attrs.get("dim") == "()":
        raise Unsupported("an empty list of dims")
    if name in ("addr", "cosine_similarity") and sample.input.dtype in (torch.float16, torch.bfloat16):
        raise Unsupported("PyTorch rounds on the way")
    if name in ORDER and len(ORDER[name]) == len(inputs):
        inputs = [inputs[i] for i in ORDER[name]]
    while inputs and inputs[-1] is None:
        inputs.pop()
    wanted = op["inputs"].split()
    if "..." in op["inputs"]:
        if len(inputs) > 16:
            raise Unsupported("more than 16 inputs")
    else:
        inputs += [None] * (len(wanted) - len(inputs))
        if len(inputs) > len(wanted):
            raise Unsupported(f"{len(inputs)} inputs")
        for x, w in zip(inputs, wanted):
            if x is None and not w.endswith("?"):
                raise Unsupported("an input is missing")
    if any(isinstance(x, complex) for x in inputs):
        raise Unsupported("complex")
    for a in op["attributes"]:
        if a["default"] is None and a["name"] not in attrs:
            raise Unsupported("no " + a["name"])
    return inputs, attrs


# ---- the other way: PyTorch on our inputs and attributes ---------------------------------------------------------------

CALLS = {
    "view": lambda x, shape: x.view(shape), "reshape": lambda x, shape: x.reshape(shape), "permute": lambda x, dims: x.permute(dims),
    "expand": lambda x, **a: x.expand(*a.values()), "repeat": lambda x, **a: x.repeat(*a.values()), "clone": lambda x, **a: x.clone(),
    "to": lambda x, dtype: x.to(dtype), "copy": lambda x, y: x.copy_(y), "sum_to": lambda x, **a: x.sum_to_size(*a.values()),
    "slice": lambda x, dim, start, end, step: x[(slice(None),) * (dim % x.dim()) + (slice(start, end, step),)],
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "gelu": lambda x, approximate="none": F.gelu(x, approximate=approximate),
    "cat": lambda *x, dim=0: torch.cat(x, dim), "stack": lambda *x, dim=0: torch.stack(x, dim),
    "einsum": lambda *x, equation: torch.einsum(equation, *x), "contiguous": lambda x: x.contiguous(),
    "ones": lambda size, dtype: torch.ones(size, dtype=dtype), "zeros": lambda size, dtype: torch.zeros(size, dtype=dtype),
    **{f"{n}_like": lambda x, n=n, **a: getattr(torch, f"{n}_like")(x, *[v for k, v in a.items() if k == "fill_value"]) for n in ("zeros", "ones", "full")},
    "uniform": lambda low, high, size, dtype: torch.empty(size, dtype=dtype).uniform_(low, high),
    "exponential": lambda lambd, size, dtype: torch.empty(size, dtype=dtype).exponential_(lambd),
    "polygamma": lambda x, n: torch.polygamma(n, x),
    "div": lambda x, y, rounding_mode: torch.div(x, y, rounding_mode=None if rounding_mode == "none" else rounding_mode),
    "logsumexp": lambda x, dim=(), keepdim=False: torch.logsumexp(x, dim or tuple(range(x.dim())), keepdim),
    "tensordot": lambda x, y, dims, dims_self, dims_other: torch.tensordot(x, y, (dims_self, dims_other) if dims is None else dims),
    **{n: lambda *x, f=getattr(torch, n) if hasattr(torch, n) else torch.linalg.multi_dot, **a: f(x, **a) for n in ("hstack", "vstack", "dstack", "column_stack", "multi_dot")},
    "tensor_split": lambda x, sections, indices, dim: torch.tensor_split(x, indices if sections is None else sections, dim),
    "unfold": lambda x, dimension, size, step: x.unfold(dimension, size, step),
    "constant_pad": lambda x, before, after, value: F.pad(x, [v for p in reversed(list(zip(before, after))) for v in p], value=value),
    "index": lambda x, *i: x[tuple(slice(None) if k is None else k for k in i)],
    "embedding": lambda i, w, padding_idx=None: F.embedding(i, w, padding_idx),
    **{n: lambda x, *rest, dim, n=n, **a: getattr(torch, n)(x, dim, *rest, **a) for n in ("gather", "index_select", "scatter_add", "index_copy", "index_add")},
    "scatter_value": lambda x, i, dim, value: torch.scatter(x, dim, i, value), "index_fill": lambda x, i, dim, value: torch.index_fill(x, dim, i, value),
    "scatter_reduce": lambda x, i, s, dim, reduce, include_self: torch.scatter_reduce(x, dim, i, s, reduce, include_self=include_self),
    "layer_norm": lambda x, w=None, b=None, **a: F.layer_norm(x, weight=w, bias=b, **a),
    "rms_norm": lambda x, w=None, *, eps, **a: F.rms_norm(x, weight=w, eps=None if eps == -math.inf else eps, **a),
    "batch_norm": F.batch_norm, "batch_norm_relu": lambda *x, **a: F.relu(F.batch_norm(*x, **a)), "instance_norm": F.instance_norm,
    "group_norm": lambda x, w=None, b=None, **a: F.group_norm(x, weight=w, bias=b, **a),
    "pad": lambda x, **a: F.pad(x, a.pop("pad"), **a), "linear": lambda x, w, b=None: F.linear(x, w, b),
}
# Of these torch has its own, with numbers for words.
CALLS.update({name: getattr(F, name) for name in (
    "kl_div", "dropout", "cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss", "triplet_margin_loss", "poisson_nll_loss")})
CALLS["binary_cross_entropy_with_logits"] = lambda x, y, w=None, p=None, **a: F.binary_cross_entropy_with_logits(x, y, w, pos_weight=p, **a)
# Attributes of ours that PyTorch does not take by these names, or whose default is a None there.
NOT_GIVEN = {"seed", "stream"}


def value_of(kind, text):
    if kind == "true or false":
        return text in ("1", "true")
    if kind == "integer":
        return None if text in ("none", "-2147483648") else int(text)
    if kind == "number":
        return float(text)
    if kind == "integers":
        return tuple(int(t) for t in text.strip("()").split(",") if t)
    if kind == "integer or two":
        pair = tuple(int(t) for t in text.split(","))
        return pair[0] if len(set(pair)) == 1 else pair
    if kind == "dtype" and text in ("none", "?"):
        return None
    if kind == "dtype":
        from .golden import DTYPES
        return DTYPES[text]
    return text


def function(name):
    for place in (torch, F, torch.linalg, torch.special):
        if hasattr(place, name):
            return getattr(place, name)
    if hasattr(torch.Tensor, name):
        return getattr(torch.Tensor, name)
    raise Unsupported("PyTorch has no " + name)


def caller(op, inputs, texts):
    """A function without arguments that runs PyTorch's operation."""
    kinds = {a["name"]: a["type"] for a in op["attributes"]}
    attrs = {k: value_of(kinds[k], t) for k, t in texts.items() if k not in NOT_GIVEN}
    if op["name"] in CALLS:
        f = CALLS[op["name"]]
        return lambda: f(*inputs, **attrs)
    attrs = {k: v for k, v in attrs.items() if v is not None and not (kinds[k] == "integers" and v == () and k in ("dim", "dims", "size"))}
    if kinds.get("dim") == "integers" and "keepdim" in attrs and "dim" not in attrs:
        del attrs["keepdim"]
    if attrs.get("stride") == 0:  # pooling: the kernel's
        del attrs["stride"]
    f = function(op["name"])
    inputs = [x for x in inputs if x is not None] if inputs and inputs[-1] is None else inputs
    return lambda: f(*inputs, **attrs)

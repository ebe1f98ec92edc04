"""peers.py - the cases of bench/*.c in PyTorch, torch.compile, ONNX Runtime and OpenVINO, built from the parameters that the C side tells.

peers_of(case) gives (name, make) pairs; make() builds and returns what is timed.  A function by the case's kind stands at the end, in KINDS.
Read next: run.py.
"""
import contextlib, functools, importlib, logging, os, signal, tempfile, warnings
import torch
from torch import nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")
logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # "no CUDA runtime"
LAYOUTS = {"": torch.contiguous_format, " nhwc": torch.channels_last}
compile_seconds = 60  # 0: torch.compile is left out
capped = False        # to a lower instruction set: leaves out what cannot be


class TooSlow(Exception):
    pass


def setup(threads):
    torch.set_num_threads(threads)
    torch.manual_seed(1)


def versions():
    found = {"torch": torch.__version__}
    for name in ("torchvision", "onnxruntime", "openvino", "transformers"):
        with contextlib.suppress(ImportError):
            found[name] = importlib.import_module(name).__version__
    return found


def mode(case):
    """Around the timing, not in each call that is timed."""
    return torch.inference_mode(case["kind"] in ("gemm", "conv", "add") or case.get("train") is False)


# ---- operations -----------------------------------------------------------------------------------------------------

def gemm(case):
    def make():
        a, b = torch.randn(case["m"], case["k"]), torch.randn(case["k"], case["n"])
        return lambda: a @ b
    yield "torch", make


def conv(case):
    n, c, k, size, kernel, stride, padding = (case[p] for p in ("n", "c", "k", "size", "kernel", "stride", "padding"))
    out = (size + 2 * padding - kernel) // stride + 1

    def make(layout):
        random = lambda *shape: torch.randn(shape).contiguous(memory_format=layout)
        x, w = random(n, c, size, size), random(k, c, kernel, kernel)
        if case["direction"] == "forward":
            return lambda: F.conv2d(x, w, stride=stride, padding=padding)
        dy = random(n, k, out, out)
        wanted = [case["direction"] == "input_grad", case["direction"] == "weight_grad", False]
        return lambda: torch.ops.aten.convolution_backward(dy, x, w, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, wanted)
    for name, layout in LAYOUTS.items():
        yield "torch" + name, functools.partial(make, layout)


def add(case):
    def make():
        x, y = torch.full((case["elements"],), 0.01), torch.ones(case["elements"])
        return lambda: torch.add(x, y)
    yield "torch", make


def chain(case):
    def make():
        x, y = torch.full((case["elements"],), 0.01), torch.ones(case["elements"])
        w = torch.full((case["elements"],), 2.0, requires_grad=True)

        def run():
            z = w
            for _ in range(case["pairs"]):
                z = z * y + x
            z.sum().backward()
            w.grad = None
        return run
    yield "torch", make


def adam(case):
    def make(**options):
        parameters = [torch.randn(case["elements"], requires_grad=True) for _ in range(case["tensors"])]
        for p in parameters:
            p.grad = torch.randn_like(p)
        return torch.optim.Adam(parameters, **options).step
    yield "torch", make
    yield "torch fused", functools.partial(make, fused=True)


# ---- networks ----------------------------------------------------------------------------------------------------------

def mlp(case):
    widths = [case["features"], *map(int, case["hidden"].split(",")), case["classes"]]
    layers = []
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def lenet5(case):
    return nn.Sequential(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
                         nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, case["classes"]))


def from_torchvision(case):
    import torchvision
    options = {"init_weights": False} if case["model"] == "googlenet" else {}
    return getattr(torchvision.models, case["model"])(num_classes=case["classes"], **options)


def model_of(case):
    build = {"mlp": mlp, "lenet5": lenet5}.get(case["model"], from_torchvision)
    return build(case).train(case["train"])


def input_of(case):
    if case["features"]:
        return torch.randn(case["batch"], case["features"])
    return torch.randn(case["batch"], case["channels"], case["size"], case["size"])


@contextlib.contextmanager
def at_most(seconds, what):
    def late(*_):
        raise TooSlow(f"{what} took longer than {seconds} s")
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def compiled(case, **options):
    """Runs once here, so that compiling is over before anything is timed."""
    torch._dynamo.reset()
    with at_most(compile_seconds, "torch.compile"), mode(case):
        run = eager(case, torch.contiguous_format, compile=True, **options)
        run()
    return run


def eager(case, layout, compile=False, fused=False):
    model, x = model_of(case), input_of(case)
    if x.dim() == 4:
        model, x = model.to(memory_format=layout), x.contiguous(memory_format=layout)
    if not case["train"]:
        model = torch.compile(model) if compile else model
        return lambda: model(x)
    y = torch.zeros(case["batch"], dtype=torch.long)
    if case["sgd"]:
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=fused)
    else:
        optimizer = torch.optim.Adam(model.parameters(), fused=fused)

    def loss():
        out = model(x)
        if isinstance(out, tuple):  # GoogLeNet with its auxiliary classifiers
            return F.cross_entropy(out[0], y) + sum(.3 * F.cross_entropy(o, y) for o in out[1:])
        return F.cross_entropy(out, y)
    loss = torch.compile(loss) if compile else loss

    def step():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    return step


def onnxruntime(case, threads):
    import onnxruntime as ort
    model, x = model_of(case), input_of(case)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        with open(os.devnull, "w") as null, contextlib.redirect_stdout(null), contextlib.redirect_stderr(null):
            torch.onnx.export(model, (x,), path, input_names=["x"])
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {"x": x.numpy()}
    return lambda: session.run(None, feed)


def openvino(case, threads):
    import openvino as ov
    model, x = model_of(case), input_of(case)
    converted = ov.convert_model(model, example_input=x, input=[tuple(x.shape)])
    request = ov.Core().compile_model(converted, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                                                         "INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    x = x.numpy()
    return lambda: request.infer([x], share_inputs=True, share_outputs=True)


def net(case):
    images = not case["features"]
    if case["train"]:
        yield "torch", functools.partial(eager, case, torch.contiguous_format)
        yield "torch fused", functools.partial(eager, case, torch.contiguous_format, fused=True)
        if images:
            yield "torch nhwc fused", functools.partial(eager, case, torch.channels_last, fused=True)
    else:
        for name, layout in LAYOUTS.items():
            if images or not name:
                yield "torch" + name, functools.partial(eager, case, layout)
    if compile_seconds:
        yield "torch.compile", functools.partial(compiled, case, fused=case["train"])
    if not case["train"]:
        if not capped:  # its kernels know no cap
            yield "onnxruntime", functools.partial(onnxruntime, case, torch.get_num_threads())
        yield "openvino", functools.partial(openvino, case, torch.get_num_threads())


# ---- recurrent layers ------------------------------------------------------------------------------------------------------

def recurrent(case):
    def make(fused=False):
        hidden = case["hidden"]
        model = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[case["model"]](hidden, hidden, case["layers"])
        x = torch.randn(case["steps"], case["batch"], hidden)
        if case["train"]:
            optimizer = torch.optim.Adam(model.parameters(), fused=fused)

            def step():
                optimizer.zero_grad()
                model(x)[0].square().mean().backward()
                optimizer.step()
            return step
        if case["steps"] > 1:
            return lambda: model(x)
        h = torch.zeros(case["layers"], case["batch"], hidden)
        state = (h, h.clone()) if case["model"] == "lstm" else h
        return lambda: model(x, state)
    yield "torch", make
    if case["train"]:
        yield "torch fused", functools.partial(make, fused=True)


# ---- Transformers ------------------------------------------------------------------------------------------------------------

class Block(nn.Module):
    """GPT-2's layer; with a cache of keys and values where one is given."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.ln_1, self.ln_2 = heads, nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.c_attn, self.c_proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.c_fc, self.c_out = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x, cache=None):
        b, t, c = x.shape
        q, k, v = (p.view(b, t, self.heads, -1).transpose(1, 2) for p in self.c_attn(self.ln_1(x)).split(c, 2))
        if cache is not None:
            k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
        x = x + self.c_proj(y.transpose(1, 2).reshape(b, t, c))
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x))))


class Gpt(nn.Module):
    def __init__(self, case):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(case["vocabulary"], case["dim"]), nn.Embedding(1024, case["dim"])
        self.layers = nn.ModuleList(Block(case["dim"], case["heads"]) for _ in range(case["layers"]))
        self.norm = nn.LayerNorm(case["dim"])
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=.02)

    def forward(self, tokens, caches=None):
        first = caches[0][0].shape[2] if caches else 0
        x = self.wte(tokens) + self.wpe.weight[first : first + tokens.shape[1]]
        for i, layer in enumerate(self.layers):
            x = layer(x, caches[i] if caches else None)
        return F.linear(self.norm(x), self.wte.weight)


class Translate(nn.Module):
    def __init__(self, case):
        super().__init__()
        dim, heads, layers = case["dim"], case["heads"], case["layers"]
        self.source, self.target, self.place = nn.Embedding(case["vocabulary"], dim), nn.Embedding(case["vocabulary"], dim), nn.Embedding(1024, dim)
        self.place2, options = nn.Embedding(1024, dim), dict(dim_feedforward=4 * dim, dropout=0, batch_first=True)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(dim, heads, **options), layers, enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(dim, heads, **options), layers)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(case["tokens"]))

    def forward(self, x):
        t = x.shape[2]
        memory = self.encoder(self.source(x[:, 0]) + self.place.weight[:t])
        y = self.decoder(self.target(x[:, 1]) + self.place2.weight[:t], memory, tgt_mask=self.mask, tgt_is_causal=True)
        return F.linear(y, self.target.weight)


def transformer(case):
    def make(fused=False, compile=False):
        torch._dynamo.reset()
        model = (Translate if case["pair"] else Gpt)(case)
        shape = (case["batch"], 2, case["tokens"]) if case["pair"] else (case["batch"], case["tokens"])
        x, y = torch.randint(1, case["vocabulary"], shape), torch.randint(1, case["vocabulary"], (case["batch"] * case["tokens"],))
        if case["what"] == "generate":
            model.eval()
            caches = [tuple(torch.randn(case["batch"], case["heads"], case["read"], case["dim"] // case["heads"]) for _ in "kv")
                      for _ in range(case["layers"])]
            return lambda: model(x, caches)
        if case["what"] == "infer":
            model.eval()
            model = torch.compile(model) if compile else model
            return lambda: model(x)
        optimizer = torch.optim.AdamW(model.parameters(), fused=fused)
        loss = lambda: F.cross_entropy(model(x).flatten(0, 1), y)
        loss = torch.compile(loss) if compile else loss

        def step():
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
        return step

    def compiled_first():
        with at_most(compile_seconds, "torch.compile"), mode(case):
            run = make(case["train"], True)
            run()
        return run

    def hugging_face():
        hf = importlib.import_module("transformers")
        hf.logging.set_verbosity_error()  # newer versions have other names for arguments
        model = hf.GPT2LMHeadModel(hf.GPT2Config()).eval()
        x = torch.randint(1, case["vocabulary"], (1, case["read"] + 1))
        with torch.no_grad():
            cache = model(x[:, :-1], use_cache=True).past_key_values

        def tokens():
            model.generate(x, past_key_values=cache, max_new_tokens=16, min_new_tokens=16, do_sample=False, pad_token_id=0)
            cache.crop(-16)
        tokens.steps = 16
        return tokens
    yield "torch", make
    if case["train"]:
        yield "torch fused", functools.partial(make, fused=True)
    if case["what"] == "generate":
        yield "transformers", hugging_face
    elif compile_seconds:
        yield "torch.compile", compiled_first


KINDS = {"gemm": gemm, "conv": conv, "add": add, "chain": chain, "adam": adam, "net": net, "recurrent": recurrent, "transformer": transformer}


def peers_of(case):
    return KINDS[case["kind"]](case)

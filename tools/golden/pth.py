#!/usr/bin/env python3
"""pth.py - state dicts as PyTorch saves them, and files that are wrong: tests/data/pth/, fuzz/corpus/pth/.

NAME.zip.pth, NAME.old.pth   torch.save, both forms
NAME.safetensors             the same tensors, contiguous, under the names that are wanted: what torch.load gives
bad_*.pth                    one thing wrong in each; test_bad_pth.c says what

Made with PyTorch 2.15.0 and safetensors 0.8.0; values are seeded, so the tensors are the same again, but the older form's
keys of storages are addresses.
"""
import collections, io, os, shutil, warnings, zipfile
import torch
from safetensors.torch import save_file

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
folder, corpus = os.path.join(top, "tests", "data", "pth"), os.path.join(top, "fuzz", "corpus", "pth")
os.makedirs(folder, exist_ok=True)
os.makedirs(corpus, exist_ok=True)


def path(name):
    return os.path.join(folder, name)


def save(name, value, wanted, forms=("zip", "old"), **options):
    for form in forms:
        torch.save(value, path(f"{name}.{form}.pth"), _use_new_zipfile_serialization=form == "zip", **options)
    if wanted is None:
        return
    save_file({k: v.detach().clone(memory_format=torch.contiguous_format) for k, v in wanted.items()},
              path(f"{name}.safetensors"))
    os.chmod(path(f"{name}.safetensors"), 0o644)


# ---- good ones ------------------------------------------------------------------------------------------------------

torch.manual_seed(6)
net = torch.nn.Sequential(collections.OrderedDict(
    conv=torch.nn.Conv2d(1, 3, 3), bn=torch.nn.BatchNorm2d(3), fc=torch.nn.Linear(12, 4)))
net.bn(torch.randn(5, 3, 2, 2))
state = net.state_dict()
save("conv", state, state)

types = {str(t).removeprefix("torch."): torch.tensor([-2, -1, 0, 1, 2, 100]).abs().to(t) if t == torch.uint8
         else torch.tensor([-2, -1, 0, 1, 2, 100]).to(t)
         for t in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
                   torch.int8, torch.uint8, torch.bool)}
types.update(scalar=torch.tensor(2.5), none=torch.zeros(0), nothing=torch.zeros(3, 0, 2),
             long=torch.tensor([-2**63, 2**63 - 1]), parameter=torch.nn.Parameter(torch.randn(2, 2)))
save("types", types, types)

base = torch.arange(24, dtype=torch.float32)
views = collections.OrderedDict(
    base=base, turned=base.view(4, 6).t(), piece=base[5:11], corner=base.view(2, 3, 4)[1:, 1:, ::2],
    tied=base, last=torch.randn(1, 2, 3, 3).contiguous(memory_format=torch.channels_last),
    spread=torch.tensor([7.0]).expand(3, 4), diagonal=base[:16].view(4, 4).diagonal(), empty=base[3:3])
save("views", views, views)

# What a training script keeps, with DataParallel's names.
parallel = torch.nn.DataParallel(net)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
for p in net.parameters():
    p.grad = torch.randn_like(p)
optimizer.step()
checkpoint = dict(epoch=3, best=0.25, done=False, model=parallel.state_dict(), optimizer=optimizer.state_dict(),
                  schedule=schedule.state_dict(), tags={"a"}, raw=b"\0\1", size=torch.Size([2, 3]),
                  dtype=torch.float16, device=torch.device("cpu"), big=2**40, huge=2**70, minus=-5, note=None)
save("checkpoint", checkpoint, net.state_dict())

nested = dict(encoder=dict(weight=torch.ones(2), deep=dict(bias=torch.zeros(1))), decoder=collections.OrderedDict(
    weight=torch.full((2,), 2.0)), blocks=[torch.arange(2), (torch.arange(3), 5)], steps={7: torch.tensor(1)},
    text="none of it")
save("nested", nested, {
    "encoder.weight": nested["encoder"]["weight"], "encoder.deep.bias": torch.zeros(1),
    "decoder.weight": nested["decoder"]["weight"], "blocks.0": torch.arange(2), "blocks.1.0": torch.arange(3),
    "steps.7": torch.tensor(1)})

save("protocol4", state, None, pickle_protocol=4)
save("protocol5", types, None, forms=("zip",), pickle_protocol=5)
save("empty", collections.OrderedDict(), {})

# A big-endian machine's: the elements turned round, and the note that says so.
with zipfile.ZipFile(path("types.zip.pth")) as z, zipfile.ZipFile(path("big.zip.pth"), "w") as out:
    sizes = {}
    for key, t in enumerate(types.values()):
        sizes[str(key)] = t.element_size()
    for name in z.namelist():
        data, key = z.read(name), name.split("/")[-1]
        if "/data/" in name and key in sizes:
            n = sizes[key]
            data = b"".join(data[i:i + n][::-1] for i in range(0, len(data), n))
        if key == "byteorder":
            data = b"big"
        info = zipfile.ZipInfo(name)
        out.writestr(info, data)
back = torch.load(path("big.zip.pth"), weights_only=True)
assert all(torch.equal(back[k], types[k]) for k in types)

# ---- bad ones: archives; bad pickles are in the test itself -------------------------------------------------------------

good = path("conv.zip.pth")


def members():
    with zipfile.ZipFile(good) as z:
        return {name: z.read(name) for name in z.namelist()}


def bad(name, changed, method=zipfile.ZIP_STORED, twice=(), after=lambda b: b):
    """Members changed ({ending: bytes, or None to leave it out}), then the bytes of the file."""
    f = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(f, "w", method) as z:
        warnings.simplefilter("ignore")
        for member, data in members().items():
            ending = member.split("/", 1)[1]
            data = changed.get(ending, data)
            for _ in range(2 if ending in twice else 1):
                if data is not None:
                    z.writestr(zipfile.ZipInfo(member), data, method)
        for ending, data in changed.items():
            if ending.startswith("new:"):
                z.writestr(zipfile.ZipInfo(ending[4:]), data, method)
    with open(path(f"bad_{name}.pth"), "wb") as out:
        out.write(after(f.getvalue()))


def flip(find, offset=0, bit=1):
    def change(data):
        at = data.index(find) + offset
        return data[:at] + bytes([data[at] ^ bit]) + data[at + 1:]
    return change


weight = members()["conv.zip/data/0"]
bad("no_pickle", {"data.pkl": None})
bad("other_folder", {"data.pkl": None, "new:other/data.pkl": members()["conv.zip/data.pkl"]})
bad("deflated", {}, zipfile.ZIP_DEFLATED)
bad("missing", {"data/0": None})
bad("short", {"data/0": weight[:-4]})
bad("long", {"data/0": weight + b"more"})
bad("byteorder", {"byteorder": b"middle"})
bad("after", {"data.pkl": members()["conv.zip/data.pkl"] + b"."})
bad("script", {"new:conv.zip/constants.pkl": b"\x80\x02)."})
bad("twice", {}, twice=["data.pkl"])
bad("crc", {}, after=flip(weight))
bad("crc_pickle", {}, after=flip(b"conv.bias"))
bad("encrypted", {}, after=lambda b: flip(b"PK\1\2", 8)(flip(b"PK\3\4", 6)(b)))
bad("cut", {}, after=lambda b: b[:-30])

for name in ("conv.zip", "conv.old", "views.old", "nested.old", "checkpoint.old", "protocol4.old", "big.zip"):
    shutil.copy(path(f"{name}.pth"), os.path.join(corpus, name))

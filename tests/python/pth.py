"""pth.py - `taper import` against PyTorch: torchvision's networks go through .pth of both forms, safetensors and back."""
import os, subprocess, sys, tempfile

try:
    import torch, torchvision
    from safetensors.torch import load_file
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

taper = sys.argv[1]


def same(got, wanted):
    assert list(got) == list(wanted), (list(got)[:5], list(wanted)[:5])
    for name, t in wanted.items():
        assert got[name].dtype == t.dtype and torch.equal(got[name], t), name


def run(*words):
    subprocess.run([taper, *words], check=True, stdout=subprocess.DEVNULL)


def round_trip(folder, name, **options):
    there, between, back = (os.path.join(folder, f) for f in ("there.pth", "between.safetensors", "back.pth"))
    net = torchvision.models.get_model(name, weights=None, **options)
    wanted = net.state_dict()
    for zip_form in (True, False):
        torch.save(wanted, there, _use_new_zipfile_serialization=zip_form)
        run("import", there, "-o", between)
        got = load_file(between)
        same({k: got[k] for k in wanted}, wanted)
        run("import", there, "-o", back)
        for mapped in (False, True):
            same(torch.load(back, weights_only=True, mmap=mapped), wanted)
        run("import", between, "-o", back)
        other = torchvision.models.get_model(name, weights=None, **options)
        other.load_state_dict(torch.load(back, weights_only=True))  # strict: every name, every shape
        same({k: other.state_dict()[k] for k in wanted}, wanted)
    torch.save({"state_dict": torch.nn.DataParallel(net).state_dict(), "epoch": 3}, there)
    run("import", there, "-o", back)
    same(torch.load(back, weights_only=True), wanted)


with tempfile.TemporaryDirectory() as folder:
    round_trip(folder, "squeezenet1_1")
    round_trip(folder, "resnet18")
    round_trip(folder, "googlenet", aux_logits=True, init_weights=False)
print("ok")

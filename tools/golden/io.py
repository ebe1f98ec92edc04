#!/usr/bin/env python3
"""io.py - small files of other programs, and what those programs read from them: tests/data/.

pictures/*.png *.jpg   by Pillow (interlaced PNG and odd bit depths by hand)   pixels as Pillow's convert() gives them
npy/*.npy              by NumPy
python.safetensors     by Hugging Face's safetensors, every type that Taper has
expected.safetensors   pixels and arrays of all of the above; resize and affine by torchvision

Made with Pillow 13.0.0, NumPy 2.4.6, safetensors 0.8.0, torch 2.15.0, torchvision 0.29.2.  The pixels are a formula and
a fixed seed: the same files again.
"""
import io, os, struct, zlib
import numpy as np, torch
import torchvision.transforms.functional as F
from torchvision.transforms import InterpolationMode
from PIL import Image, ImageOps
from safetensors.torch import save_file

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "data")
pictures, arrays = os.path.join(top, "pictures"), os.path.join(top, "npy")
os.makedirs(pictures, exist_ok=True)
os.makedirs(arrays, exist_ok=True)
expected = {}
H, W = 19, 29
rng = np.random.default_rng(7)


def smooth(channels, height=H, width=W):
    """A picture that JPEG keeps well, different in every corner."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [128 + 100 * np.sin((x * (c + 1) + 2 * y * (c + 2)) / 17 + c) for c in range(channels)]
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def expect(name, keep_rotation=False):
    image = Image.open(os.path.join(pictures, name))
    if not keep_rotation:
        image = ImageOps.exif_transpose(image)
    for mode in ("L", "RGB"):
        a = np.array(image.convert(mode))
        expected[f"{name}:{mode}"] = torch.from_numpy(a.copy())


def save(name, array, mode, **options):
    Image.fromarray(array, mode).save(os.path.join(pictures, name), **options)
    expect(name)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_row(values, depth):
    """One row of samples of depth bits."""
    if depth == 16:
        return b"".join(struct.pack(">H", int(v)) for v in values)
    bits = "".join(format(int(v), f"0{depth}b") for v in values)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def raw_png(name, samples, depth, colour_type, extra=b"", interlaced=False):
    """samples (H, W, C): filter 0, one IDAT."""
    height, width, _ = samples.shape
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    data = b""
    for row, col, down, right in passes:
        part = samples[row::down, col::right]
        if part.size:
            data += b"".join(b"\0" + pack_row(line.reshape(-1), depth) for line in part)
    with open(os.path.join(pictures, name), "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n")
        f.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))))
        f.write(extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


# ---- PNG
rgb = smooth(3)
save("grey8.png", smooth(1)[..., 0], "L")
save("rgb8.png", rgb, "RGB")
save("rgba8.png", smooth(4), "RGBA")
save("grey_alpha8.png", smooth(2), "LA")
raw_png("rgb8_interlaced.png", rgb, 8, 2, interlaced=True)
expect("rgb8_interlaced.png")
for depth in (1, 2, 4):
    grey = rng.integers(0, 1 << depth, (H, W, 1))
    raw_png(f"grey{depth}.png", grey, depth, 0)
    expect(f"grey{depth}.png")
    raw_png(f"grey{depth}_interlaced.png", grey, depth, 0, interlaced=True)
    expect(f"grey{depth}_interlaced.png")
    colours = rng.integers(0, 256, (1 << depth, 3), dtype=np.uint8)
    alpha = chunk(b"tRNS", bytes(range(1 << depth)))
    raw_png(f"palette{depth}.png", grey, depth, 3, chunk(b"PLTE", colours.tobytes()) + alpha)
    expect(f"palette{depth}.png")
deep = rng.integers(0, 65536, (H, W, 3))
raw_png("rgb16.png", deep, 16, 2)
expect("rgb16.png")
raw_png("grey16.png", deep[..., :1], 16, 0)  # Pillow cuts 16-bit grey off at 255; Taper keeps the high byte, as for RGB
high = torch.from_numpy((deep[..., 0] >> 8).astype(np.uint8))
expected["grey16.png:L"], expected["grey16.png:RGB"] = high, high[..., None].expand(H, W, 3).contiguous()

# ---- JPEG
save("grey.jpg", smooth(1)[..., 0], "L", quality=90)
save("rgb420.jpg", rgb, "RGB", quality=90, subsampling=2)
save("rgb444.jpg", rgb, "RGB", quality=90, subsampling=0)
save("rgb_progressive.jpg", rgb, "RGB", quality=90, progressive=True)
save("rgb_restart.jpg", rgb, "RGB", quality=90, restart_marker_blocks=2)
save("cmyk.jpg", smooth(4), "CMYK", quality=90)
with open(os.path.join(pictures, "cmyk.jpg"), "rb") as f:
    data = bytearray(f.read())
data[data.index(b"Adobe") + 11] = 2  # Adobe's marker: its four components are Y, Cb, Cr, K
with open(os.path.join(pictures, "ycck.jpg"), "wb") as f:
    f.write(data)
expect("ycck.jpg")
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(f"turned{orientation}.jpg", rgb, "RGB", quality=90, subsampling=0, exif=exif)

# ---- npy
def save_array(name, array, **options):
    path = os.path.join(arrays, name)
    with open(path, "wb") as f:
        np.lib.format.write_array(f, array, **options)
    back = np.ascontiguousarray(np.load(path))
    expected[name] = torch.from_numpy(back.astype(back.dtype.newbyteorder("=")).copy()).reshape(array.shape)


numbers = rng.standard_normal((2, 3, 4))
save_array("f32.npy", numbers.astype("<f4"))
save_array("f64_fortran.npy", np.asfortranarray(numbers))
save_array("f64_big.npy", numbers.astype(">f8"))
save_array("f16.npy", numbers.astype("<f2"))
save_array("i64.npy", (1000 * numbers).astype("<i8"))
save_array("i32_big_fortran.npy", np.asfortranarray((1000 * numbers).astype(">i4")))
save_array("i16.npy", (1000 * numbers).astype("<i2"))
save_array("i8.npy", (20 * numbers).astype("i1"))
save_array("u8.npy", (20 * numbers + 100).astype("u1"))
save_array("bool.npy", numbers > 0)
save_array("scalar.npy", np.array(2.5))
save_array("one.npy", np.arange(5, dtype="<f4"))
save_array("empty.npy", np.zeros((0, 3), "<f4"))
save_array("version2.npy", numbers.astype("<f4"), version=(2, 0))
save_array("version3.npy", numbers.astype("<f4"), version=(3, 0))

# ---- safetensors
t = torch.from_numpy(numbers)
save_file({
    "f32": t.float(), "f64": t, "f16": t.half(), "bf16": t.bfloat16(), "i64": (1000 * t).long(),
    "i32": (1000 * t).int(), "i16": (1000 * t).short(), "i8": (20 * t).char(), "u8": (20 * t + 100).byte(),
    "bool": t > 0, "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "layer.0.weight": t.float()[0].clone(),
    "naïve \"name\"": torch.ones(1),
}, os.path.join(top, "python.safetensors"), metadata={"format": "pt", "quoted": 'a "b" \\ \u00fc'})

# ---- transforms
image = torch.from_numpy(smooth(3)).permute(2, 0, 1).float() / 255
expected["image"] = image.contiguous()
for height, width in ((32, 32), (7, 9), (19, 11), (38, 58), (1, 1), (50, 5)):
    resized = F.resize(image, [height, width], InterpolationMode.BILINEAR, antialias=True)
    expected[f"resize {height}x{width}"] = resized.contiguous()
    pil = [np.array(Image.fromarray(p.numpy(), "F").resize((width, height), Image.BILINEAR)) for p in image]
    assert np.abs(np.stack(pil) - resized.numpy()).max() < 1e-5
for i, (angle, dx, dy, scale, shear, fill) in enumerate(
        ((0, 0, 0, 1, 0, 0), (90, 0, 0, 1, 0, 0), (17, 3, -2, 1, 0, 0.5), (-30, 1, 4, 0.8, 10, 0), (5, -3, 0, 1.3, -20, 1))):
    # without fill: torchvision's own weighs the pixels at the edge twice (img * mask, where img is weighted already)
    moved = F.affine(image.double() - fill, angle, [dx, dy], scale, [shear, 0], InterpolationMode.BILINEAR)
    expected[f"affine {i}"] = (moved + fill).float().contiguous()
mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
expected["normalize"] = F.normalize(image, mean, std).contiguous()
expected["pad"] = F.pad(image, [2, 2, 2, 2], fill=0.25).contiguous()

save_file({k: v.contiguous() for k, v in expected.items()}, os.path.join(top, "expected.safetensors"))
print(sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(top) for f in files), "bytes")

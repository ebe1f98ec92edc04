#!/usr/bin/env python3
"""images.py - what torchvision makes of pictures: tests/golden/images.safetensors.

    python3 tools/golden/images.py       needs Python 3 with torch 2.15, torchvision 0.29, Pillow 13

Everything is torchvision.transforms.v2.functional on float32 tensors in [0, 1] (its tensor path).  "pil ..." are PIL pictures
of bytes, whose resize rounds between and after its two passes: there half a level, here none.  A name is "<transform> | <picture>",
where the transform is Taper's text form, or a function and its arguments.

    image        (3, 19, 29)   a smooth picture with noise
    small        (3, 13, 7)    smaller than the crops
    grey         (1, 11, 16)
    mixup, cutmix: x, y, parameters (lambda, box) that torchvision drew, and its results from "mix x", "mix y"
    pca          the colours' covariance: eigenvalues and eigenvectors by numpy
    metadata     "imagenet", "cifar10", "svhn": torchvision's policies in the text form
"""
import numpy as np, torch
import torchvision.transforms.v2 as v2
import torchvision.transforms.v2.functional as F
from torchvision.transforms import AutoAugmentPolicy, InterpolationMode
from lib.golden import write_safetensors

rng = np.random.default_rng(11)
BILINEAR = InterpolationMode.BILINEAR
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def picture(channels, height, width):
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [128 + 110 * np.sin((x * (c + 1) + 2 * y * (c + 2)) / 13 + c) for c in range(channels)]
    noisy = np.stack(planes) + rng.normal(0, 12, (channels, height, width))
    return torch.from_numpy(np.clip(noisy, 0, 255).astype(np.uint8))


bytes_ = {"image": picture(3, 19, 29), "small": picture(3, 13, 7), "grey": picture(1, 11, 16)}
bytes_["image"][:, 3, 4] = 77  # a grey pixel, one with two equal channels, black and white: the hue's edges
bytes_["image"][:2, 5, 6] = 200
bytes_["image"][:, 0, 0], bytes_["image"][:, 0, 1] = 0, 255
out = {name: t.float() / 255 for name, t in bytes_.items()}
image = dict(out)


def case(text, name, tensor):
    out[f"{text} | {name}"] = tensor.contiguous().clone()


# ---- geometry
for name in image:
    for size in (5, 12) + ((16,) if name == "grey" else ()):
        case(f"resize={size}", name, F.resize(image[name], [size], antialias=True))
        pil = F.resize(F.to_pil_image(bytes_[name]), [size])
        case(f"pil resize={size}", name, F.pil_to_tensor(pil).float() / 255)
    case("resize=10x15", name, F.resize(image[name], [10, 15], antialias=True))
    for size in (8, 9, 16):
        case(f"centercrop={size}", name, F.center_crop(image[name], [size, size]))
    case("centercrop=14x6", name, F.center_crop(image[name], [14, 6]))
    case("resize=12 centercrop=11", name, F.center_crop(F.resize(image[name], [12], antialias=True), [11, 11]))
    case("hflip=1", name, F.hflip(image[name]))
    case("vflip=1", name, F.vflip(image[name]))
    for angle in (0, 90, 180, 17.5, -33, 122):
        # fill 0.25, but not by fill: torchvision weighs the edge's pixels twice then (img * mask, img being weighted already)
        case(f"rotate {angle}", name, F.rotate(image[name] - 0.25, angle, BILINEAR) + 0.25)
case("resize=12 centercrop=11 normalize=0.485,0.456,0.406/0.229,0.224,0.225", "image",
     F.normalize(F.center_crop(F.resize(image["image"], [12], antialias=True), [11, 11]), MEAN, STD))
for box in ((3, 5, 12, 17, 14, 18), (0, 0, 19, 29, 8, 8), (4, 20, 1, 9, 7, 7)):
    case("resized_crop %d %d %d %d %d %d" % box, "image",
         F.resized_crop(image["image"], *box[:4], list(box[4:]), interpolation=BILINEAR, antialias=True))
for box in ((-2, -3, 12, 12), (10, 20, 12, 12), (2, 3, 7, 9)):  # what lies outside is padding
    case("crop %d %d %d %d" % box, "image", F.crop(image["image"], *box))

# ---- colours
for name in image:
    for f in (0.0, 0.4, 1.0, 1.7):
        case(f"adjust_brightness {f}", name, F.adjust_brightness(image[name], f))
        case(f"adjust_contrast {f}", name, F.adjust_contrast(image[name], f))
        case(f"adjust_saturation {f}", name, F.adjust_saturation(image[name], f))
    for f in (-0.5, -0.21, 0.0, 0.1, 0.5):
        case(f"adjust_hue {f}", name, F.adjust_hue(image[name], f))

# ---- operations of the policies, by v2.AutoAugment's own dispatch
auto = v2.AutoAugment(interpolation=BILINEAR)
ops = {"ShearX": (0.3, -0.17), "ShearY": (0.2, -0.3), "TranslateX": (7.9, -11.0), "TranslateY": (6.0, -9.5),
       "Rotate": (30.0, -13.0), "Brightness": (0.9, -0.5), "Color": (0.9, -0.9), "Contrast": (0.6, -0.4),
       "Sharpness": (0.9, -0.7), "Posterize": (4.0, 7.0), "Solarize": (0.3, 0.9), "AutoContrast": (0.0,),
       "Equalize": (0.0,), "Invert": (0.0,)}
for op, magnitudes in ops.items():
    for m in magnitudes:
        for name in image:
            case(f"op {op.lower()} {m}", name,
                 auto._apply_image_or_video_transform(image[name], op, m, BILINEAR, {torch.Tensor: None}))
out["flat"] = torch.full((3, 4, 4), 0.25)
for op in ("AutoContrast", "Equalize", "Sharpness"):
    case(f"op {op.lower()} 0.0", "flat",
         auto._apply_image_or_video_transform(out["flat"], op, 0.0, BILINEAR, {torch.Tensor: None}))


def text_of(policy):
    unit = [name for name, m in ops.items() if m == (0.0,)]
    step = lambda op, p, m: f"{op.lower()}:{p}" + ("" if op in unit else f":{m}")
    return "/".join("+".join(step(*op) for op in pair) for pair in auto._get_policies(policy))


metadata = {p.value: text_of(p) for p in AutoAugmentPolicy}

# ---- mixing: the parameters that torchvision drew, and its results
torch.manual_seed(5)
x, y = torch.rand(4, 3, 6, 10), torch.tensor([2, 0, 1, 2])
for kind in (v2.MixUp, v2.CutMix):
    mix = kind(alpha=1.0, num_classes=3)
    params = mix.make_params([x])
    mix.make_params = lambda _: params
    mx, my = mix(x, y)
    name = kind.__name__.lower()
    lam = params["lam"] if "lam" in params else params["lam_adjusted"]
    out[f"{name} x"], out[f"{name} y"] = mx.contiguous(), my.contiguous()
    out[f"{name} parameters"] = torch.tensor([lam, *map(float, params.get("box", (0, 0, 0, 0)))], dtype=torch.float64)
    logits = torch.rand(4, 3)
    out[f"{name} logits"], out[f"{name} loss"] = logits, torch.nn.functional.cross_entropy(logits, my).reshape(1)
out["mix x"], out["mix y"] = x, torch.nn.functional.one_hot(y, 3).float()

# ---- principal components
pixels = out["image"].double().reshape(3, -1).numpy()
values, vectors = np.linalg.eigh(np.cov(pixels, bias=True))
order = np.argsort(values)[::-1]
vectors = vectors[:, order]
vectors *= np.sign(vectors[np.abs(vectors).argmax(0), range(3)])
out["pca values"] = torch.from_numpy(values[order].copy()).float()
out["pca vectors"] = torch.from_numpy(vectors.copy()).float()

write_safetensors("tests/golden/images.safetensors", out, {
    **metadata, "script": "tools/golden/images.py", "seed": "11", "made with": "torch 2.15.0, torchvision 0.29.2, Pillow 13.0.0"})

"""roofline.py - the cases of a run as a picture: operations a second over operations a byte, below what the machine could do at most
(Williams, Waterman and Patterson 2009).  Read next: run.py.

Plain SVG, readable on light and dark pages.  A dot has the number of its name in the list beside the picture, and tells its name when
pointed at; what is above the sloping roof lives in the caches.
"""
import math, re, statistics
from xml.sax.saxutils import escape
from timing import BUSY

HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 800, 60, 900, 50, 750
ROW, COLUMN = 12, 215  # of the list of names
FAMILIES = [  # pattern, legend, colour readable on both grounds
    (r"gemm\.", "matrix products", "#d9822b"), (r"conv\.3x3\.", "3x3 convolutions", "#3b82d0"),
    (r"conv\.other\.", "1x1 and strided", "#2a9d7f"), (r"conv\.first\.", "first layers", "#b05cc6"),
    (r".*\.(infer|train|step|generate)(\.|$)", "networks", "#d64550"), (r"", "others", "#8a8f98")]
DIRECTIONS = {"forward": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", "input_grad": "M0-5L5 4H-5Z", "weight_grad": "M-4-4h8v8h-8Z"}
WORDS = {"forward": "forward", "input_grad": "gradient of the input", "weight_grad": "gradient of the weight"}
STYLE = """
text { font: 10px system-ui, sans-serif; fill: #333 } .title { font-size: 15px } .axis { font-size: 12px } .number { font-size: 9px }
.grid { stroke: #888; stroke-opacity: .2 } .roof { stroke: #333; stroke-width: 2; fill: none }
@media (prefers-color-scheme: dark) { text { fill: #ccc } .roof { stroke: #ccc } }
"""


def family(name):
    return next(i for i, (pattern, _, _) in enumerate(FAMILIES) if re.match(pattern, name))


class Scale:
    """Logarithms of values onto pixels."""

    def __init__(self, values, first, last):
        low, high = math.log10(min(values)) - .1, math.log10(max(values)) + .1
        self.low, self.first, self.unit = low, first, (last - first) / (high - low)
        self.ticks = [t for i in range(math.floor(low), math.ceil(high)) for t in (10.0 ** i, 2 * 10.0 ** i, 5 * 10.0 ** i) if low <= math.log10(t) <= high]

    def __call__(self, value):
        return self.first + (math.log10(value) - self.low) * self.unit


def number_spot(x, y, taken):
    """The nearest free place for a number beside a dot; the place right of it if there is none."""
    for distance in (9, 13, 18):
        for degrees in (0, 180, 270, 90, 315, 225, 45, 135):
            px, py = x + distance * math.cos(math.radians(degrees)), y + distance * math.sin(math.radians(degrees))
            if all(abs(px - a) > 11 or abs(py - b) > 8 for a, b in taken):
                taken.append((px, py))
                return px, py + 3
    return x + 9, y + 3


def draw(run, path):
    peak, band = run["peaks"]["flops"] / 1e9, run["peaks"]["bytes"] / 1e9
    dots = [(r["name"], r["flops"] / r["bytes"], r["flops"] / statistics.median(r["ours"]["seconds"]) / 1e9)
            for r in run["cases"] if r["flops"] and r["bytes"]]
    dots.sort(key=lambda dot: family(dot[0]))
    x = Scale([dot[1] for dot in dots] + [peak / band], LEFT, RIGHT)
    y = Scale([dot[2] for dot in dots] + [peak], BOTTOM, TOP)
    out = ["", "<title>Roofline of Taper's cases</title>", f"<style>{STYLE}</style>"]

    def say(px, py, text, kind="", anchor="middle", turn=0):
        at = f'transform="translate({px:.1f} {py:.1f}) rotate({turn:.1f})"' if turn else f'x="{px:.1f}" y="{py:.1f}"'
        out.append(f'<text {at} class="{kind}" text-anchor="{anchor}">{escape(text)}</text>')

    def mark(px, py, direction, colour, title=""):
        out.append(f'<path transform="translate({px:.1f} {py:.1f})" d="{DIRECTIONS[direction]}" fill="{colour}"><title>{escape(title)}</title></path>')

    m = run["machine"]
    busy = statistics.mean(r["others"] for r in run["cases"])
    if busy > BUSY:
        say(LEFT, 40, f"disturbed: others kept {busy:.1f} cores busy, so dots and roofs lie too low, each by another share", "axis", "start")
    say(LEFT, 24, f"Taper {run['versions']['taper']} on {m['cpu']}, {m['isa']}, {m['threads']} threads, {run['date'][:10]}, {run['commit']}", "title", "start")
    for t in x.ticks:
        out.append(f'<line x1="{x(t):.1f}" y1="{TOP}" x2="{x(t):.1f}" y2="{BOTTOM}" class="grid"/>')
        say(x(t), BOTTOM + 16, f"{t:g}", "axis")
    for t in y.ticks:
        out.append(f'<line x1="{LEFT}" y1="{y(t):.1f}" x2="{RIGHT}" y2="{y(t):.1f}" class="grid"/>')
        say(LEFT - 6, y(t) + 4, f"{t:g}", "axis", "end")
    say((LEFT + RIGHT) / 2, HEIGHT - 12, "floating-point operations a byte between processor and memory", "axis")
    say(16, (TOP + BOTTOM) / 2, "GFLOP/s", "axis", turn=-90)
    foot = max(10 ** x.low, 10 ** y.low / band)
    ridge = x(peak / band), y(peak)
    out.append(f'<path class="roof" d="M{x(foot):.1f} {y(foot * band):.1f}L{ridge[0]:.1f} {ridge[1]:.1f}H{RIGHT}"/>')
    say(RIGHT, ridge[1] - 6, f"multiply-adds in registers, {peak:.0f} GFLOP/s", "axis", "end")
    slope = math.degrees(math.atan2(ridge[1] - y(foot * band), ridge[0] - x(foot)))
    say((x(foot) + ridge[0]) / 2 - 6, (y(foot * band) + ridge[1]) / 2 - 6, f"memory, {band:.1f} GB/s", "axis", turn=slope)

    # The three directions of a convolution share a name, so a number.
    names, taken = {}, [(x(dot[1]), y(dot[2])) for dot in dots]
    for name, intensity, rate in dots:
        stem, _, last = name.rpartition(".")
        key, direction = (stem, last) if last in DIRECTIONS else (name, "forward")
        k = names.setdefault(key, len(names) + 1)
        px, py = x(intensity), y(rate)
        mark(px, py, direction, FAMILIES[family(name)][2], f"{name}: {rate:.1f} GFLOP/s")
        say(*number_spot(px, py, taken), str(k), "number")
    left, py, group = RIGHT + 40, TOP, None
    for direction in DIRECTIONS:
        mark(left, py - 3, direction, "#8a8f98")
        say(left + 10, py, WORDS[direction], "", "start")
        py += 13
    for key, k in names.items():
        if py > HEIGHT - 2 * ROW:
            left, py = left + COLUMN, TOP
        if family(key) != group:
            group = family(key)
            py += ROW * .5
            mark(left, py - 3, "forward", FAMILIES[group][2])
            say(left + 10, py, FAMILIES[group][1], "axis", "start")
            py += ROW * 1.2
        say(left + 14, py, str(k), "number", "end")
        say(left + 20, py, re.sub(r"^conv\.\w+\.", "", key), "", "start")
        py += ROW
    out[0] = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + COLUMN} {HEIGHT}" role="img">'
    out.append("</svg>")
    with open(path, "w") as f:
        f.write("\n".join(out) + "\n")

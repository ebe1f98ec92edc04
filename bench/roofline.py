"""roofline.py - the cases of a run as a picture: operations a second over operations a byte, below what the machine could do at most
(Williams, Waterman and Patterson 2009).  Read next: run.py.

Plain SVG, readable on light and dark pages.  Every dot tells its name when pointed at; names are written where they have room.
"""
import math, re, statistics
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1200, 800, 70, 25, 60, 60
FONT, LETTER = 10, 5.6  # height, mean width of a letter
FAMILIES = [  # pattern, legend, colour readable on both grounds
    (r"gemm\.", "matrix products", "#d9822b"), (r"conv\.3x3\.", "3x3 convolutions", "#3b82d0"),
    (r"conv\.other\.", "1x1 and strided", "#2a9d7f"), (r"conv\.first\.", "first layers", "#b05cc6"),
    (r".*\.(infer|train)\.", "networks", "#d64550"), (r"", "others", "#8a8f98")]
SHORTER = [(r"^conv\.(3x3|other|first)\.", ""), (r"^optim\.", ""), (r"\.forward$", " y"), (r"\.input_grad$", " dx"), (r"\.weight_grad$", " dw"), (r"/1@", "@")]
STYLE = """
text { font: 10px system-ui, sans-serif; fill: #333 } .title { font-size: 16px } .axis { font-size: 12px }
.grid { stroke: #888; stroke-opacity: .2 } .roof { stroke: #333; stroke-width: 2; fill: none } .lead { stroke: #888; stroke-opacity: .6 }
@media (prefers-color-scheme: dark) { text { fill: #ccc } .roof { stroke: #ccc } }
"""


def short(name):
    for pattern, to in SHORTER:
        name = re.sub(pattern, to, name)
    return name


class Scale:
    """Decades onto pixels."""

    def __init__(self, values, first, last):
        self.low, self.high, self.first, self.last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))), first, last

    def __call__(self, value):
        return self.first + (math.log10(value) - self.low) / (self.high - self.low) * (self.last - self.first)

    def decades(self):
        return [10.0 ** i for i in range(self.low, self.high + 1)]


def place(x, y, width, taken):
    """The nearest free spot for a label of that width beside (x, y): its left end and baseline, or None."""
    for distance in (6, 14, 24, 36):
        for angle in range(0, 360, 30):
            a = math.radians(angle)
            px, py = x + distance * math.cos(a), y + distance * math.sin(a) + FONT / 3
            left = px if math.cos(a) > .1 else px - width if math.cos(a) < -.1 else px - width / 2
            box = (left - 1, py - FONT, left + width + 1, py + 2)
            inside = box[0] > LEFT and box[2] < WIDTH - 4 and box[1] > TOP and box[3] < HEIGHT - BOTTOM
            if inside and not any(box[0] < t[2] and t[0] < box[2] and box[1] < t[3] and t[1] < box[3] for t in taken):
                taken.append(box)
                return left, py
    return None


def draw(run, path):
    peak, band = run["peaks"]["flops"] / 1e9, run["peaks"]["bytes"] / 1e9
    dots = [(r["name"], r["flops"] / r["bytes"], r["flops"] / statistics.median(r["ours"]["seconds"]) / 1e9)
            for r in run["cases"] if r["flops"] and r["bytes"]]
    ridge = peak / band
    x = Scale([d[1] for d in dots] + [ridge], LEFT, WIDTH - RIGHT)
    y = Scale([d[2] for d in dots] + [peak], HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">', "<title>Roofline of Taper's benchmark</title>",
           f"<style>{STYLE}</style>"]
    say = lambda px, py, text, kind="", anchor="middle": out.append(f'<text x="{px:.1f}" y="{py:.1f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>')
    line = lambda ax, ay, bx, by, kind: out.append(f'<line x1="{ax:.1f}" y1="{ay:.1f}" x2="{bx:.1f}" y2="{by:.1f}" class="{kind}"/>')
    m = run["machine"]
    say(LEFT, 24, f"Taper {run['versions']['taper']} on {m['cpu']}, {m['isa']}, {m['threads']} threads, {run['date'][:10]}, {run['commit']}", "title", "start")
    for v in x.decades():
        line(x(v), TOP, x(v), HEIGHT - BOTTOM, "grid")
        say(x(v), HEIGHT - BOTTOM + 18, f"{v:g}", "axis")
    for v in y.decades():
        line(LEFT, y(v), WIDTH - RIGHT, y(v), "grid")
        say(LEFT - 8, y(v) + 4, f"{v:g}", "axis", "end")
    say((LEFT + WIDTH) / 2, HEIGHT - 16, "floating-point operations a byte that passes between processor and memory", "axis")
    out.append(f'<text class="axis" text-anchor="middle" transform="translate(20 {HEIGHT / 2}) rotate(-90)">GFLOP/s</text>')
    low = max(10.0 ** x.low, 10.0 ** y.low / band)
    out.append(f'<polyline class="roof" points="{x(low):.1f},{y(low * band):.1f} {x(ridge):.1f},{y(peak):.1f} {WIDTH - RIGHT},{y(peak):.1f}"/>')
    say(WIDTH - RIGHT, y(peak) - 6, f"multiply-adds in registers, {peak:.0f} GFLOP/s", "axis", "end")
    slope = math.degrees(math.atan2(y(peak) - y(low * band), x(ridge) - x(low)))
    out.append(f'<text class="axis" text-anchor="start" transform="translate({x(low) + 30:.1f} {y(low * band) - 28:.1f}) rotate({slope:.1f})">memory, {band:.1f} GB/s</text>')
    family = lambda name: next((label, colour) for pattern, label, colour in FAMILIES if re.match(pattern, name))
    taken = [(x(d[1]) - 4, y(d[2]) - 4, x(d[1]) + 4, y(d[2]) + 4) for d in dots]
    taken += [(LEFT, y(peak) - 20, WIDTH, y(peak) + 2), (WIDTH - 170, HEIGHT - BOTTOM - 120, WIDTH, HEIGHT - BOTTOM)]
    for name, intensity, rate in dots:
        px, py = x(intensity), y(rate)
        out.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="{family(name)[1]}"><title>{escape(name)}: {rate:.1f} GFLOP/s</title></circle>')
        spot = place(px, py, LETTER * len(short(name)), taken)
        if spot:
            out.append(f'<text x="{spot[0]:.1f}" y="{spot[1]:.1f}">{escape(short(name))}</text>')
    for i, (label, colour) in enumerate(dict.fromkeys(family(d[0]) for d in dots)):
        py = HEIGHT - BOTTOM - 105 + 16 * i
        out.append(f'<circle cx="{WIDTH - 155}" cy="{py}" r="4" fill="{colour}"/>')
        say(WIDTH - 145, py + 4, label, "axis", "start")
    out.append("</svg>")
    with open(path, "w") as f:
        f.write("\n".join(out) + "\n")

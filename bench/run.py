#!/usr/bin/env python3
"""run.py - Taper beside its peers, in turns, in one run: build/bench/all and PyTorch, torch.compile, ONNX Runtime, OpenVINO.

    bench/run.py [--only PATTERN] [--rounds N] [--threads N] [--isa avx2]     measure; `make bench` does it with all that is needed
    bench/run.py --show FILE                                                  the table of an earlier run
    bench/run.py --roofline FILE.svg [--show FILE]                            its roofline picture

A round is one of ours and one of each peer's; a ratio is the peer's time over ours (above 1 Taper is faster), for the peer that is
fastest over all rounds.  Read next: goals.py, peers.py, ../bench/README.md.
"""
import argparse, contextlib, datetime, fnmatch, json, math, os, platform, re, statistics, subprocess, sys, tempfile, time
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path.insert(0, HERE)
from goals import GOALS, LIBRARY_BYTES
from timing import BUSY, Memory, Others, seconds, wait_passively_if_busy

FAR = 1.5  # a peer that far behind the best one in the first round is left out of the others


# ---- our side ------------------------------------------------------------------------------------------------------

class Ours:
    def __init__(self, build, threads):
        self.program, self.threads = os.path.join(build, "bench", "all"), threads
        self.start()
        self.about = json.loads(self.first)
        self.cases = self.about.pop("cases")

    def start(self):
        self.process = subprocess.Popen([self.program, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=dict(os.environ, OMP_NUM_THREADS=str(self.threads)))
        self.first = self.process.stdout.readline()

    def round(self, name):
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.start()
            raise RuntimeError(f"{self.program} ended with {code}")
        answer = json.loads(line)
        if answer["error"] and name:
            raise RuntimeError(answer["error"])
        return answer

    def close(self):  # the case that is open
        self.round("")


def stripped_bytes(build):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "lib")
        try:
            subprocess.run(["strip", "-o", out, os.path.realpath(os.path.join(build, "libtaper.so"))], check=True, capture_output=True)
            return os.path.getsize(out)
        except (OSError, subprocess.CalledProcessError):
            return None


# ---- measuring a case ---------------------------------------------------------------------------------------------------

def measure(case, ours, peers, args, skipped):
    """One case, all rounds.  The memory of peers is what the first round of each needed."""
    result = {**case, "ours": {"seconds": []}, "peers": {}}
    runs, began, others = {}, time.monotonic(), Others(ours.process.pid)
    for i in range(args.rounds):
        if i >= 2 and time.monotonic() - began > args.seconds:
            break
        answer = ours.round(case["name"])
        result["ours"]["seconds"].append(answer["seconds"])
        result["ours"]["memory"] = answer["memory"] if answer["memory"] >= 0 else None
        result.update(flops=answer["flops"], bytes=answer["bytes"])
        if i == 0:
            makers = {name: maker for name, maker in dict(peers.peers_of(case)).items() if fnmatch.fnmatchcase(name, args.peers)} if peers else {}
        for name in list(makers):
            try:
                if i == 0:
                    memory = Memory()
                    runs[name] = makers[name]()
                with peers.mode(case):
                    if i == 0:
                        runs[name]()
                    took = seconds(runs[name])
            except Exception as e:
                skipped.setdefault(f"{name}: {type(e).__name__}: {(str(e).splitlines() or [''])[0][:110]}", []).append(case["name"])
                result["peers"].pop(name, None), runs.pop(name, None), makers.pop(name)
                continue
            result["peers"].setdefault(name, {"seconds": []})["seconds"].append(took)
            if i == 0:
                result["peers"][name]["memory"] = memory.grown()
        if i == 0 and makers:
            best = min(result["peers"][name]["seconds"][0] for name in makers)
            meant = {g.peer for g in GOALS if g.pattern == case["name"]}
            for name in list(makers):
                if result["peers"][name]["seconds"][0] > FAR * best and name not in meant:
                    makers.pop(name), runs.pop(name)
    ours.close()
    result["others"] = round(others.cores(), 2)
    return result


def finish(result):
    """best and ratio, from the rounds of the peers that came to the end."""
    n = len(result["ours"]["seconds"])
    whole = {name: p for name, p in result["peers"].items() if len(p["seconds"]) == n}
    if whole:
        result["best"] = min(whole, key=lambda name: statistics.median(whole[name]["seconds"]))
        result["ratio"] = over(result["best"], result)
    return result


# ---- goals -----------------------------------------------------------------------------------------------------------

def mean(numbers):
    return math.exp(sum(map(math.log, numbers)) / len(numbers))


def over(peer, result):
    """A peer's seconds over ours, round by round; [] if it did not come to the end."""
    theirs, ours = result["peers"].get(peer, {}).get("seconds", []), result["ours"]["seconds"]
    return [t / o for t, o in zip(theirs, ours)] if len(theirs) == len(ours) else []


def reached(goal, results, isa):
    """The goal's row: its ratio over the cases that it is about, must and aim on this instruction set; None if none was measured."""
    rows = [over(goal.peer or r.get("best"), r) for r in results if fnmatch.fnmatchcase(r["name"], goal.pattern)]
    rows = [r for r in rows if r]
    if not rows:
        return None
    must = goal.must and goal.must * (.9 if goal.eased and isa != "avx512" else 1)
    most = max(len(r) for r in rows)  # long cases have fewer rounds, which count again
    rounds = [mean([r[i % len(r)] for r in rows]) for i in range(most)]
    ratio = mean([statistics.median(r) for r in rows])
    return {"goal": goal.title or goal.pattern, "cases": len(rows), "ratio": ratio, "spread": [min(rounds), max(rounds)],
            "must": must, "aim": goal.aim, "mark": mark(ratio, must, goal.aim)}


def mark(value, must, aim):
    return "" if must is None else "aim" if aim and value >= aim else "must" if value >= must else "NO"


# ---- the table ---------------------------------------------------------------------------------------------------------

def text_seconds(s):
    for unit in "s", "ms", "us", "ns":
        if s >= 0.9995 or unit == "ns":
            return f"{s:.{2 if s < 9.995 else 1 if s < 99.95 else 0}f} {unit}"
        s *= 1000


def text_memory(*sides):
    return "/".join("-" if b is None else f"{b / 1e6:.0f}" for b in sides) if any(b and b > 10e6 for b in sides) else ""


ROW = "{:<51} {:>8} {:>8} {:<16} {:>6} {:>11} {:>5} {:>5} {:>9} {:>5} {:>5} {:<4}"
HEAD = ROW.format("case", "ours", "theirs", "by", "ratio ", "rounds", "peak", "band", "MB", "must", "aim", "")


def number(x):
    return "" if x is None else f"{x:.2f}" if x < 9.995 else f"{x:.1f}"


def percent(part, seconds, whole):
    return f"{100 * part / seconds / whole:.0f}%" if part and whole else ""


def print_case(r, peaks, isa):
    """A case's own goal, if it has one, stands in its row."""
    own = median = statistics.median(r["ours"]["seconds"])
    goal = next((g for g in (reached(g, [r], isa) for g in GOALS if g.pattern == r["name"]) if g), {})
    theirs, ratio, spread, memory = "", None, "", text_memory(r["ours"].get("memory"))
    if "best" in r:
        best = r["peers"][r["best"]]
        theirs, ratio = text_seconds(statistics.median(best["seconds"])), statistics.median(r["ratio"])
        spread = f"{number(min(r['ratio']))}-{number(max(r['ratio']))}"
        memory = text_memory(r["ours"].get("memory"), best.get("memory"))
    print(ROW.format(r["name"], text_seconds(median), theirs, r.get("best", ""), number(ratio) + ("~" if ratio and r["others"] > BUSY else " "), spread, percent(r["flops"], own, peaks.get("flops")),
                     percent(r["bytes"], own, peaks.get("bytes")), memory, number(goal.get("must")), number(goal.get("aim")), goal.get("mark", "")), flush=True)


def print_goals(goals, library):
    row = "{:<51} {:>6} {:>11} {:>6} {:>6}  {}"
    print("\n" + row.format("goal", "ratio", "rounds", "must", "aim", "reached"))
    for g in goals:
        print(row.format(g["goal"] + (f" ({g['cases']})" if g["cases"] > 1 else ""), number(g["ratio"]),
                         "-".join(map(number, g["spread"])), number(g["must"]), number(g["aim"]), g["mark"]))
    if library:
        must, aim = LIBRARY_BYTES
        print(row.format("stripped library, MB", number(library / 1e6), "", number(must / 1e6), number(aim / 1e6), mark(-library, -must, -aim)))


def print_pictures(run):
    """Of each network: pictures a second and memory, ours and the best peer's."""
    row = "{:<12} {:<6} {:>5} {:>9} {:>9} {:>6}  {:>7} {:>7}  {}"
    print("\n" + row.format("network", "", "batch", "Taper/s", "peer/s", "ratio", "MB", "peer MB", "peer"))
    for r in run["cases"]:
        if "best" in r and "batch" in r and "model" in r:
            own, peer = r["ours"], r["peers"][r["best"]]
            rate = lambda side: f"{r['batch'] / statistics.median(side['seconds']):.4g}"
            megabytes = lambda side: "-" if side.get("memory") is None else f"{side['memory'] / 1e6:.0f}"
            print(row.format(r["model"], "train" if r["train"] else "infer", r["batch"], rate(own), rate(peer), number(statistics.median(r["ratio"])),
                             megabytes(own), megabytes(peer), r["best"]))


def print_head(run):
    m, versions = run["machine"], ", ".join(f"{k} {v}" for k, v in run["versions"].items())
    print(f"{m['cpu']}, {m['isa']}, {m['threads']} threads of {m['cores']} cores; {versions}; {run['commit']}, {run['date']}")
    if run["waiting"]:
        print(f"OMP_WAIT_POLICY={run['waiting']}")
    if run["peaks"]:
        print(f"measured peaks: {run['peaks']['flops'] / 1e9:.0f} GFLOP/s, {run['peaks']['bytes'] / 1e9:.1f} GB/s "
              "(peak, band: our share of them; a convolution by Winograd counts as a direct one)")


def print_tail(run, pictures):
    if pictures:
        print_pictures(run)
    print_goals(run["goals"], run["library_bytes"])
    busy = [r["others"] for r in run["cases"] if r["others"] > BUSY]
    if busy:
        print(f"~ others kept {statistics.mean(busy):.1f} cores busy in {len(busy)} of {len(run['cases'])} cases: those numbers are noisy")
    for why, names in run["skipped"].items():
        print(f"left out: {why}" + (f" ({len(names)}: {names[0]} ...)" if len(names) > 1 else f" ({names[0]})" if names else ""))


# ---- the run ------------------------------------------------------------------------------------------------------------

def cpu_name():
    with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo") as f:
        return next(line.partition(":")[2].strip() for line in f if line.startswith("model name"))
    return platform.processor() or platform.machine()


def commit():
    git = lambda *a: subprocess.run(["git", "-C", TOP, *a], capture_output=True, text=True).stdout.strip()
    with contextlib.suppress(OSError):
        name = git("rev-parse", "--short=8", "HEAD")
        return (name or "unknown") + ("+" if git("status", "--porcelain", "-uno") else "")
    return "unknown"


def rounded(x):
    """Five digits are enough, all through what json takes."""
    if isinstance(x, float):
        return float(f"{x:.5g}")
    return {k: rounded(v) for k, v in x.items()} if isinstance(x, dict) else [rounded(v) for v in x] if isinstance(x, list) else x


def write(run, path):
    """One case a line, so that two runs can be compared with diff."""
    run = rounded(run)
    lists = {key: "[\n" + ",\n".join("  " + json.dumps(item) for item in run[key]) + "\n ]" for key in ("goals", "cases")}
    text = json.dumps({**run, **{key: key.upper() for key in lists}}, indent=1)
    for key, lines in lists.items():
        text = text.replace(f'"{key.upper()}"', lines)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as f:
        f.write(text + "\n")


def find_peers(args, skipped):
    try:
        import peers
    except ImportError as e:
        skipped[f"all peers: {e}"] = []
        return None
    peers.setup(args.threads)
    peers.compile_seconds, peers.capped = args.compile, bool(args.isa)
    return peers


def measure_peaks(ours, peaks, rounds=1):
    for key, name in ("flops", "peak.arithmetic"), ("bytes", "peak.memory"):
        for _ in range(rounds):
            answer = ours.round(name)
            peaks[key] = max(peaks.get(key, 0), answer[key] / answer["seconds"])
    ours.close()


def run_all(args):
    skipped = {}
    peers = find_peers(args, skipped)
    ours = Ours(args.build, args.threads)
    cases = [c for c in ours.cases if c["kind"] != "peak" and any(fnmatch.fnmatch(c["name"], f"*{p}*") for p in args.only or ["*"])]
    known = {c["name"] for c in ours.cases}
    missing = sorted({g.pattern.partition(".")[0] for g in GOALS if "*" not in g.pattern and g.pattern not in known})
    if missing and not args.only:
        skipped["not in the zoo yet: " + ", ".join(missing)] = []
    machine = {"cpu": cpu_name(), "isa": ours.about["isa"], "cores": os.cpu_count(), "threads": ours.about["threads"], "system": platform.platform()}
    run = {"date": datetime.datetime.now().isoformat(timespec="minutes"), "commit": commit(), "machine": machine,
           "versions": {"taper": ours.about["version"], **(peers.versions() if peers else {})}, "rounds": args.rounds,
           "waiting": os.environ.get("OMP_WAIT_POLICY", ""), "peaks": {}, "library_bytes": stripped_bytes(args.build), "goals": [], "skipped": skipped, "cases": []}
    measure_peaks(ours, run["peaks"], 5)
    print_head(run)
    print(HEAD, flush=True)
    for i, case in enumerate(cases):
        if i % 8 == 7:  # others may have been at work when they were measured
            measure_peaks(ours, run["peaks"])
        try:
            result = finish(measure(case, ours, peers, args, skipped))
        except RuntimeError as e:
            skipped.setdefault(str(e), []).append(case["name"])
            continue
        except KeyboardInterrupt:
            print("interrupted: what follows is about the cases above")
            args.only = args.only or ["*"]  # not a complete run
            break
        run["cases"].append(result)
        print_case(result, run["peaks"], machine["isa"])
    run["goals"] = [g for g in (reached(g, run["cases"], machine["isa"]) for g in GOALS) if g]
    slug = re.sub(r"[^a-z0-9]+", "-", f"{machine['cpu']} {machine['isa']}".lower()).strip("-")
    path = args.out or (None if args.only else os.path.join(HERE, "results", f"{run['date'][:10]}-{slug}-{run['commit']}.json"))
    if path:
        write(run, path)
    print_tail(run, args.pictures)
    if path:
        print("written:", os.path.relpath(path))
    return run


def show(path, pictures):
    with open(path) as f:
        run = json.load(f)
    print_head(run)
    print(HEAD)
    for r in run["cases"]:
        print_case(r, run["peaks"], run["machine"]["isa"])
    print_tail(run, pictures)
    return run


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="\n".join(__doc__.splitlines()[2:]),
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", action="append", metavar="PATTERN", help='cases whose name has it: "conv.3x3", "*.forward" (again for more)')
    p.add_argument("--rounds", type=int, default=5, metavar="N", help="of each case (5)")
    p.add_argument("--seconds", type=float, default=4, metavar="S", help="after which a case that has two rounds gets no more (4)")
    p.add_argument("--threads", type=int, default=int(os.environ.get("THREADS", 2)), metavar="N", help="of both sides (THREADS, or 2)")
    p.add_argument("--peers", default="*", metavar="PATTERN", help='only those: "torch*"')
    p.add_argument("--pictures", action="store_true", help="end with a table of networks in pictures a second")
    p.add_argument("--isa", choices=["avx2"], help="hold both sides to that instruction set")
    p.add_argument("--compile", type=int, default=60, metavar="S", help="seconds that torch.compile may take for a case; 0: leave it out (60)")
    p.add_argument("--build", default=os.environ.get("BUILD", os.path.join(TOP, "build")), metavar="DIR", help="(BUILD, or build)")
    p.add_argument("--out", metavar="FILE", help="write the result there (all cases: bench/results/DATE-MACHINE-COMMIT.json)")
    p.add_argument("--show", metavar="FILE", help="print an earlier result instead of measuring")
    p.add_argument("--roofline", metavar="FILE.svg", help="draw the result")
    args = p.parse_args()
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "taper")
    os.environ.update(OMP_NUM_THREADS=str(args.threads), TORCHINDUCTOR_COMPILE_THREADS="1")
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.path.join(cache, "inductor"))
    if args.isa:
        os.environ.update(TAPER_ISA=args.isa, ATEN_CPU_CAPABILITY=args.isa, ONEDNN_MAX_CPU_ISA=args.isa.upper(), MKL_ENABLE_INSTRUCTIONS=args.isa.upper())
    if not args.show:
        wait_passively_if_busy()
    run = show(args.show, args.pictures) if args.show else run_all(args)
    if args.roofline:
        from roofline import draw
        draw(run, args.roofline)


if __name__ == "__main__":
    main()

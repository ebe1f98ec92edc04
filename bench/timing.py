"""timing.py - how Python's side is timed: as bench/support/bench.c does it, so that both may be compared.  Read next: run.py."""
import ctypes, gc, os, time

BUSY = .2  # cores that others may use before it is said


def seconds(run, window=0.03, windows=3):
    """Seconds of one call, or of a step where run.steps says how many it makes: the best of some windows of at least that many
    seconds, each of as many calls as fill it; no further window begins after ten times as long."""
    def of(calls):
        begin = time.perf_counter()
        for _ in range(calls):
            run()
        return time.perf_counter() - begin

    start, calls = time.perf_counter(), 1
    while (took := of(calls)) < window and calls < 1 << 24:
        calls *= 4 if took < window / 8 else 2
    for _ in range(windows - 1):
        if time.perf_counter() - start < 10 * window:
            took = min(took, of(calls))
    return took / calls / getattr(run, "steps", 1)


class Memory:
    """Bytes by which the process grew at most since the object was made; None where the system does not tell."""

    def __init__(self):
        gc.collect()
        try:
            ctypes.CDLL(None).malloc_trim(0)
            with open("/proc/self/clear_refs", "w") as f:
                f.write("5")
            self.before = self.status("VmRSS")
        except (OSError, AttributeError):
            self.before = None

    def grown(self):
        return None if self.before is None else self.status("VmHWM") - self.before

    @staticmethod
    def status(name):
        with open("/proc/self/status") as f:
            return next(1024 * int(line.split()[1]) for line in f if line.startswith(name))


class Others:
    """How many cores everybody else keeps busy, since the object was made: then numbers are noisy, and threads that wait actively
    (OpenMP's) lose a time slice at each barrier.  0 where the system does not tell."""

    def __init__(self, *pids):
        self.pids, self.began, self.before = ("self", *pids), time.monotonic(), 0
        self.before = self.seconds()

    def seconds(self):
        try:
            with open("/proc/stat") as f:
                user, nice, system, _, _, irq, softirq, steal = map(int, f.readline().split()[1:9])
            ours = 0
            for pid in self.pids:
                with open(f"/proc/{pid}/stat") as f:
                    ours += sum(map(int, f.read().rpartition(")")[2].split()[11:15]))  # its own and its children's that ended
            return (user + nice + system + irq + softirq + steal - ours) / os.sysconf("SC_CLK_TCK") - self.before
        except (OSError, ValueError):
            return 0

    def cores(self):
        return max(0, self.seconds() / max(time.monotonic() - self.began, 0.01))


def wait_passively_if_busy():
    """To be called before torch is imported.  OpenMP's threads wait actively unless told, and lose a time slice at each barrier where
    somebody else is at work: a product of 256 x 256 then takes PyTorch twenty milliseconds.  That would be no comparison."""
    if "OMP_WAIT_POLICY" not in os.environ:
        others = Others()
        time.sleep(.5)
        if others.cores() > BUSY:
            os.environ["OMP_WAIT_POLICY"] = "passive"

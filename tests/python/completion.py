"""completion.py - what TAB shows in bash, zsh and fish themselves, each in a terminal of its own; shells that are not there are left out.

The program is the argument; without any of the shells the script ends with 77, which ctest counts as skipped.
"""
import os, pty, re, select, shutil, subprocess, sys, tempfile, time

program = os.path.abspath(sys.argv[1])

# What is typed; what has to stand there after TAB; what must not.
CASES = [
    ("taper tra", ["train"], []),
    ("taper train len", ["lenet5"], []),
    ("taper train --opt", ["--optim"], []),
    ("taper train lenet5 --optim ada", ["adagrad", "adamw"], ["sgd"]),
    ("taper train lenet5 --optim=ada", ["adagrad", "adamw"], ["sgd"]),
    ("taper train --model goo", ["googlenet"], []),
    ("taper train --config m", ["my conf"], []),
    ("taper train --config x.conf sched", ["schedule"], ["lenet5"]),
    ("taper train --config x.conf schedule=cos", ["schedule=cosine"], []),
    ("taper train --resume runs/", ["one", "two"], []),
    ("taper eval r", ["one", "two"], ["photos"]),
    ("taper eval ph", ["photos"], []),
    ("taper summary resnet", ["resnet18", "resnet152"], ["lenet5"]),
    ("taper init t", ["table", "text-classification", "translation"], ["forecast"]),
    ("taper plot gr", ["gradcam"], []),
    ("taper help sum", ["summary"], []),
    ("taper completion f", ["fish"], []),
]


def drained(fd, seconds):
    text = b""
    while select.select([fd], [], [], seconds)[0]:
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    return text


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[\r\x07]", "", text.decode(errors="replace").replace("\\ ", " "))


def shown(fd, line, wanted):
    os.write(fd, line.encode() + b"\t\t")
    text, until = drained(fd, 0.5), time.time() + 10
    while time.time() < until and not all(w in plain(text) for w in wanted):
        text += drained(fd, 0.5)
    os.write(fd, b"\x15")  # ctrl-U takes the line away
    drained(fd, 0.2)
    return plain(text)


def terminal(command, setup, folder):
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ.update(TERM="dumb", PS1="> ", HOME=folder, COLUMNS="300", LC_ALL="C.UTF-8")
        os.execvp(command[0], command)
    drained(fd, 1)
    for line in setup:
        os.write(fd, line.encode() + b"\r")
        drained(fd, 0.3)
    os.write(fd, b"echo re''ady\r")
    seen, until = b"", time.time() + 20
    while b"ready" not in seen and time.time() < until:
        seen += drained(fd, 0.2)
    assert b"ready" in seen, seen
    return pid, fd


def in_terminal(command, setup):
    def ask(folder):
        pid, fd = terminal(command, setup, folder)
        answers = [shown(fd, line, wanted) for line, wanted, _ in CASES]
        os.write(fd, b"exit\r")
        os.close(fd)
        os.waitpid(pid, 0)
        return answers
    return ask


def in_fish(folder):
    def one(line):
        out = subprocess.run(["fish", "--no-config", "-c", "source script; complete -C \"$argv[1]\"", line], cwd=folder,
                             env=dict(os.environ, HOME=folder), capture_output=True, text=True)
        assert not out.stderr, out.stderr
        return out.stdout
    return [one(line) for line, _, _ in CASES]


SHELLS = {
    "bash": in_terminal(["bash", "--norc", "--noprofile", "-i"],
                        ["bind 'set show-all-if-ambiguous on'", "bind 'set completion-query-items 0'",
                         "bind 'set page-completions off'", "bind 'set bell-style none'", ". ./script"]),
    "zsh": in_terminal(["zsh", "-f", "-i"], ["autoload -U compinit && compinit -u -D", "LISTMAX=1000", "source ./script"]),
    "fish": in_fish,
}

there = [shell for shell in SHELLS if shutil.which(shell)]
if not there:
    print("skipped: neither bash nor zsh nor fish")
    sys.exit(77)
failed = 0
for shell in there:
    with tempfile.TemporaryDirectory() as folder:
        for path in ("runs/one", "runs/two", "photos", "train", "bin"):
            os.makedirs(f"{folder}/{path}")
        for path in ("runs/one/config.json", "runs/two/config.json", "my conf", "x.conf"):
            open(f"{folder}/{path}", "w").close()
        os.symlink(program, f"{folder}/bin/taper")
        os.environ["PATH"] = f"{folder}/bin:" + os.environ["PATH"]
        with open(f"{folder}/script", "w") as f:
            subprocess.run([program, "completion", shell], stdout=f, check=True)
        for (line, wanted, never), text in zip(CASES, SHELLS[shell](folder)):
            missing = [w for w in wanted if w not in text]
            extra = [w for w in never if w in text]
            if missing or extra:
                failed += 1
                print(f"{shell}: {line}<TAB>: without {missing}, with {extra}: {text!r}")
    print(f"{shell}: {len(CASES)} lines")
sys.exit(1 if failed else 0)

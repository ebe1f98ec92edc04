# Exit codes other than those of usage.
"$TAPER" version >/dev/full; echo "exit $?"
"$TAPER" help >/dev/full; echo "exit $?"
"$TAPER" models --json >/dev/full; echo "exit $?"
"$TAPER" eval nowhere; echo "exit $?"
"$TAPER" predict nowhere a.png; echo "exit $?"
"$TAPER" train --resume nowhere; echo "exit $?"
"$TAPER" train lenet5 --data nowhere --epochs 1; echo "exit $?"
"$TAPER" inspect nowhere; echo "exit $?"
: >empty
"$TAPER" inspect empty; echo "exit $?"
mkdir folder
"$TAPER" inspect folder; echo "exit $?"
"$TAPER" inspect "$(printf 'new\nline')"; echo "exit $?"
("$TAPER" help; echo "exit $?" >code) | head -1
cat code 2>/dev/null || echo "ended by the pipe"

# taper serve: its help, and what it says when it cannot begin; what it answers is in test_serve.c.
"$TAPER" serve --help
"$TAPER" watch --help
echo "--- what cannot be"
"$TAPER" serve
echo "exit $?"
"$TAPER" serve nowhere
echo "exit $?"
"$TAPER" serve run --port 65536
echo "exit $?"
"$TAPER" serve run --queue 0
echo "exit $?"
"$TAPER" serve run --timeout 0
echo "exit $?"
i=0
while [ $i -lt 200 ]; do echo "2026-01-01,$((i % 7))"; i=$((i + 1)); done | awk -F, 'BEGIN { print "t,x" } { print NR "," $2 }' >series.csv
"$TAPER" train forecaster --data series.csv --columns x --window 8 --horizon 2 --hidden 4 --layers 1 --epochs 1 --out series >log || cat log
"$TAPER" serve series
echo "exit $?"

# taper watch where the output is no terminal: one frame, and the exit codes; metrics are written here, so that nothing is measured.
"$TAPER" train lenet5 --data "$DATA/mnist" --limit 64 --epochs 1 --seed 7 --out run >log || cat log
sed -i 's/"epochs": 1/"epochs": 12/; s|"data": ".*mnist"|"data": "data/mnist"|' run/config.json
row() { # row EPOCH LOSS RIGHT BEST
    printf '{"epoch":%d,"global_step":%d,"lr":0.001,"train_loss":0.4,"train_accuracy":0.9,"test_loss":%s,"test_accuracy":%s,"is_best":%s,"seconds":4.0,"examples_per_second":15800.2}\n' "$1" "$1" "$2" "$3" "$4"
}
echo "--- nothing yet"
: >run/metrics.jsonl
"$TAPER" watch run
echo "exit $?"
echo "--- half a last line is not looked at"
{ row 1 0.5 0.8 true; row 2 0.3 0.9 true; row 3 0.35 0.85 false; row 4 0.2 0.93 true; printf '{"epoch":5,"global_st'; } >run/metrics.jsonl
"$TAPER" watch run --once
echo "exit $?"
echo "--- 20 columns, no Unicode"
COLUMNS=20 LC_ALL=C "$TAPER" watch run
echo "--- two runs, the second is done; its task has no accuracy"
cp -r run other
sed -i 's/"epochs": 12/"epochs": 4/' other/config.json
sed -i 's/"\(t[a-z]*_accuracy\)":[0-9.]*/"\1":null/g; /"epoch":5/d' other/metrics.jsonl
COLUMNS=40 "$TAPER" watch run other
echo "--- what is no run"
mkdir empty
"$TAPER" watch empty
echo "exit $?"
"$TAPER" watch run nowhere
echo "exit $?"
echo '{}' >empty/config.json
"$TAPER" watch empty
echo "exit $?"
"$TAPER" watch
echo "exit $?"
echo "--- a line that is no epoch: one reader"
{ row 1 0.5 0.8 true; echo '{"train_loss":0.4}'; row 3 0.3 0.9 true; } >run/metrics.jsonl
"$TAPER" watch run --once 2>&1; echo "exit $?"
"$TAPER" plot curves run 2>&1; echo "exit $?"
"$TAPER" train lenet5 --data "$DATA/mnist" --limit 64 --epochs 1 --out real >/dev/null 2>&1
"$TAPER" inspect real | tail -2 | cut -c1-16
echo 'no JSON' >real/metrics.jsonl
"$TAPER" inspect real 2>&1 | tail -1; "$TAPER" watch real --once 2>&1; echo "exit $?"

# A run from its beginning to its end: train, eval, predict, inspect, resume; measured numbers are masked.
small="--data $DATA/mnist --limit 512 --batch 64 --seed 7"
. "$CLI/masked"
cp "$FILES/pictures/seven.png" .
echo "--- train"
run train lenet5 $small --epochs 1 --out a/run
ls a/run a/run/best
run train lenet5 $small --epochs 1 --out a/run
echo "--- eval"
run eval a/run | sed -n '1,3p;$p'
"$TAPER" eval a/run --json >log; echo "exit $?"
grep -c precision log
run eval a/run --data nowhere
echo "--- predict"
run predict a/run seven.png
run predict a/run seven.png seven.png --topk 20 | sed -E 's/  [0-9] N/ D N/g; s/[0-9] N %/D N %/g'
run predict a/run nowhere.png
echo "not a picture" >bad.png
run predict a/run bad.png seven.png nowhere.png | sed -E 's/  [0-9] N/ D N/'
run predict a/run bad.png --json
echo "--- resume: 1 epoch and 1 more are the same bits as 2"
run train --resume a/run --epochs 2
run train --resume a/run --lr 1
run train lenet5 $small --epochs 2 --out b --threads 1
cmp a/run/last/model.safetensors b/last/model.safetensors && echo same
echo "--- an interrupted run goes on to the same bits"
"$TAPER" train lenet5 $small --epochs 300 --out c >interrupted 2>&1 &
until grep -qs "^epoch" interrupted; do sleep 0.05; done
kill -TERM $!
wait $!; echo "exit $?"
tail -1 interrupted
echo "--- inspect"
run summary b | tail -5
run summary b --classes 3
run inspect b
run inspect b/last/model.safetensors
run inspect seven.png "$DATA/mnist"
echo "--- broken runs"
printf x | dd of=b/best/model.safetensors bs=1 seek=20000 conv=notrunc 2>/dev/null
run eval b
rm b/config.json
run eval b
run inspect b

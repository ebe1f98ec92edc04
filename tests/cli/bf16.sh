# --dtype bf16: kept with the run and used when it goes on; where nothing multiplies bf16 a note, and f32's bits.
small="--data $DATA/mnist --limit 128 --batch 64 --seed 7"
. "$CLI/masked"
echo "--- without"
export TAPER_ISA=generic
run train lenet5 $small --epochs 1 --out a --dtype bf16
grep -o '"dtype": *"[^"]*"' a/config.json
run train lenet5 $small --epochs 1 --out b
cmp a/last/model.safetensors b/last/model.safetensors && echo same
run train --resume a --epochs 2
run eval a | sed -n '1,3p'
"$TAPER" bench lenet5 --steps 1 --dtype bf16 --json | grep dtype
echo "--- as this machine can: 1 epoch and 1 more are the same bits as 2"
unset TAPER_ISA
"$TAPER" train lenet5 $small --epochs 1 --out c --dtype bf16 >log 2>&1; echo "exit $?"
"$TAPER" train --resume c --epochs 2 >log 2>&1; echo "exit $?"
"$TAPER" train lenet5 $small --epochs 2 --out d --dtype bf16 --threads 1 >log 2>&1; echo "exit $?"
cmp c/last/model.safetensors d/last/model.safetensors && echo same
echo "--- other words"
run train lenet5 $small --dtype f16
sed -i 's/"bf16"/"f64"/' c/config.json
run eval c
sed -i 's/"f64"/null/' c/config.json
run eval c

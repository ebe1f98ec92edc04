# Fine-tuning: weights of another run, a classifier for other classes, frozen layers, rates by name.
small="--data $DATA/mnist --limit 128 --batch 64 --seed 7 --epochs 1"
. "$CLI/masked"
run train lenet5 $small --classes 26 --out first | tail -1
w=first/best/model.safetensors
echo "--- what does not fit"
run train lenet5 $small --init $w --out a
run train lenet5 $small --init $w --init-except fc4 --out a
run train lenet5 $small --init nowhere.safetensors --out a
run train lenet5 $small --init-except fc3 --out a
ls
echo "--- what does"
run train lenet5 $small --init $w --init-except fc3 --freeze conv1,conv2 --lr-of fc1=0.1 --no-decay norms,biases --weight-decay 1e-4 --out a
run train --resume a --epochs 2 | tail -1
grep -E '"(init|init_except|freeze|lr_of|no_decay)"' a/config.json
for t in conv1.weight conv2.bias fc1.weight; do
    "$TAPER" op eq $w:$t a/last/model.safetensors:$t -o eq.npy && "$TAPER" op all eq.npy
done
echo "--- patterns"
run train lenet5 $small --freeze featurs --out b
run train lenet5 $small --freeze '*' --out b
run train lenet5 $small --lr-of fc1 --out b

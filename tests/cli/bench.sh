# Times differ from run to run: they become 0.  What is wrong is one line and its exit code.
try() {
    echo "\$ taper bench $*"
    "$TAPER" bench "$@" >out; code=$?
    sed -E '1s/(avx512|avx2|neon|generic), [0-9]+ threads/ISA, N threads/; /^parameters/!{1!s/ +[0-9.,]+( [KM]iB)?/ 0/g}' out
    echo "exit $code"
}
try lenet5 --batch 2 --steps 3
try lenet5 --batch 2 --steps 3 --train
try mlp --features 10 --hidden 4 --classes 3 --steps 2 --train --optim sgd --threads 1
"$TAPER" bench lenet5 --image-size 16 --channels 3 --steps 2 --json | grep -o '"[^"]*":'
"$TAPER" bench lenet5 --batch 2 --steps 7 --json | grep -E '"(model|steps|parameters|optim)"'
try
try lenet
try nosuch
try lenet5 mlp
try lenet5 --optim sgd
try lenet5 --optim adm --train
try lenet5 --batch 0
try lenet5 --steps x
try lenet5 --image-size 3
try lenet5 --variant b
try lenet5 --lr 1
try lenet5 --batch 999999999999 --steps 1

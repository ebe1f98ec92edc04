# What a person types wrongly: each is one line on stderr and exit 2.
try() {
    echo "\$ taper $*"
    "$TAPER" "$@"
    echo "exit $?"
}
try trian
try lenet5
try --data x
try xyzzy
try train
try train lenet5
try train lenet --data d
try train nothing-like-it --data d
try train lenet5 --data
try train lenet5 --data --epochs 3
try train lenet5 --data d --epoch 3
try train lenet5 --data d --epohcs 3
try train lenet5 --data d --xyzzy
try train lenet5 --data d --topk 3
try train lenet5 --data d -x
try train lenet5 --data d --nesterov=yes
try train lenet5 --data d --seed 1 --seed 2
try train lenet5 --data d --nesterov --nesterov
try train lenet5 mlp --data d
try train --resume r --lr 1
try train lenet5 --resume r
try eval
try eval a b
try eval r --lr 1
try predict run
try summary
try summary lenet
try summary no/such/folder
try models x
try inspect
try completion
try completion tcsh
try help trian
try help --man trian
try version --jsno

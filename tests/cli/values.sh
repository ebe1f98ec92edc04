# Values are checked hard: the message names option, value and what is wanted; exit 2.
try() {
    echo "\$ taper train lenet5 --data d $*"
    "$TAPER" train lenet5 --data d "$@"
    echo "exit $?"
}
for lr in nan inf -1 0 1e999 1e-999 0x1p3 1,5 "" " 1" 1e-3x; do try --lr "$lr"; done
for batch in 0 -1 x 12abc 1.5 1e3 99999999999999999999 "" "+1" " 1"; do try --batch="$batch"; done
try --epochs x
try -e 0
try -b0
try --seed -1
try --seed 18446744073709551616
try --workers 257
try --workers -2
try --threads 0
try --momentum 1
try --label-smoothing 1
try --gamma 0
try --optim adm
try --optim xyzzy
try --schedule cosin
try --header maybe
try --delimiter ab
try --milestones 3,2
try --milestones 3,,4
try --milestones 1,x
try --data ""

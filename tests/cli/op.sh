# Operations on files: values, gradients, what goes wrong.
try() {
    echo "\$ taper op $*"
    "$TAPER" op "$@"
    echo "exit $?"
}
top=${DATA%/data}
# docs/ops.md is what the table says
"$TAPER" op --list --markdown | cmp - "$top/docs/ops.md" && echo "docs/ops.md is up to date"

"$TAPER" op full --size 2,3 --fill_value 2 -o two.npy
"$TAPER" op arange --start 0 --end 6 --dtype f32 -o six.npy
try view six.npy --shape 2,3 -o x.npy
try add x.npy 1
try mul x.npy -0.5
try sum x.npy --dim 1 --keepdim
try matmul x.npy two.npy
try transpose two.npy --dim0 0 --dim1 1 -o t.npy
try matmul x.npy t.npy -o y.npy --backward-of sum
try clone dx0.npy
try clone dx1.npy
"$TAPER" op full --size 2,2 --fill_value 10 -o dy.npy
try matmul x.npy t.npy -o y.npy --grad dy.npy --grad-out g.npy
try clone g0.npy
try einsum "ij,kj->ik" x.npy two.npy
try chunk x.npy --chunks 3 --dim 1 -o part.npy
try clone part2.npy
try linear x.npy two.npy
try linear x.npy two.npy none
try linear x.npy two.npy none none
try add x.npy
try add x.npy y.npy
try add x.npy nosuch.npy
try adsd x.npy
try sum x.npy --dimm 1
try sum x.npy --dim 1 --dim 0
try sum x.npy --dim 7
try sum x.npy --dim one
try eq x.npy x.npy --backward-of sum
try full --fill_value 1
try einsum "ij,jk" x.npy two.npy
try --list x
try
try softmax --help
"$TAPER" op --list | tail -1 | sed 's/[0-9][0-9]*/N/g'

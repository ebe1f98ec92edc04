# The overview, the help of each verb, the version; nothing is wider than 80 columns.
"$TAPER" help; echo "exit $?"
"$TAPER"; echo "exit $?"
"$TAPER" --version; echo "exit $?"
"$TAPER" version; echo "exit $?"
"$TAPER" version --json; echo "exit $?"
for verb in train eval predict summary bench models inspect import export hub doctor version help completion; do
    echo
    echo "\$ taper $verb --help"
    "$TAPER" $verb --help; echo "exit $?"
    "$TAPER" help $verb | awk 'length > 80 { print "too wide: " $0 }'
done
"$TAPER" train --help >a; "$TAPER" help train >b; "$TAPER" train -h >c; "$TAPER" train --lr 1 nonsense --help >d
cmp a b && cmp a c && cmp a d && echo same
"$TAPER" --help >e; "$TAPER" help >f; cmp e f && echo same

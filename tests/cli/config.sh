# Configurations: what taper init writes trains; the file, words and options in their order; what is wrong, by file, line and key.
. "$CLI/masked"
try() {
    echo "\$ taper $*"
    "$TAPER" "$@"
    echo "exit $?"
}
value() { grep "\"$2\":" "$1/config.json" | tr -d ' ,'; }
echo "--- every task trains as it was written, on little data"
mkdir photos photos/dark photos/light
for i in 1 2 3 4 5 6 7 8; do cp "$FILES/pictures/seven.png" photos/dark/$i.png; cp "$FILES/pictures/seven.png" photos/light/$i.png; done
i=0
echo "day,a,b" >series.csv
echo "a,b,kind" >table.csv
while [ $i -lt 150 ]; do
    printf '2024-%02d-%02d,%d,%d\n' $((i / 28 + 1)) $((i % 28 + 1)) $((i % 7)) $((i % 5)) >>series.csv
    printf '%d,%d,%s\n' $((i % 7)) $((i % 5)) $([ $((i % 2)) = 0 ] && echo yes || echo no) >>table.csv
    printf 'thing %d is %s\t%s\n' $i $([ $((i % 2)) = 0 ] && echo fine || echo bad) $([ $((i % 2)) = 0 ] && echo good || echo poor) >>reviews.txt
    printf 'number%d\tn u m %d\n' $i $((i % 10)) >>pairs.tsv
    printf 'once upon a time there was a number %d, and it was small. ' $i >>book.txt
    i=$((i + 1))
done
small="epochs=1 batch=16"
for task in image-classification table regression text-classification language-model forecast translation; do
    "$TAPER" init $task -o $task.conf >log; head -1 log
    awk 'length > 80 { print "too wide: " $0 }' $task.conf
    case $task in
    image-classification) more="augment=hflip image-size=32 stem=cifar limit=8" ;;
    table) more="data=table.csv" ;;
    regression) more="data=series.csv" ;;
    language-model) more="dim=32 heads=2 layers=1 window=16" ;;
    text-classification | translation) more="dim=16 heads=2 layers=1" ;;
    *) more="" ;;
    esac
    "$TAPER" train --config $task.conf $small $more >log 2>&1 || cat log
    grep -c "^best: " log
done
"$TAPER" init table >one; "$TAPER" init table >two; cmp one two && echo same
echo "--- a key with its # taken off counts, and so does every other one"
sed 's/^#\([a-z]\)/\1/' table.conf >all.conf
run train --config all.conf data=table.csv target=kind tensorboard=board out=all delimiter=, epochs=1 | head -2
ls board | sed 's/events.*/an event file/'
echo "--- the file, then words, then options"
cat >three.conf <<'END'
# a comment
model = mlp
  data=table.csv   # and one behind a value
epochs = 2
lr = 0.5
optim_options.weight_decay = 0.25
out = "three # runs"
nesterov = false
hidden = "8,8"
early_stop = 7

END
run train --config three.conf optim=sgd lr=0.25 --lr 0.125 epochs=1 nesterov=true momentum=0.5 | head -2
for field in lr weight_decay epochs nesterov hidden early_stop optim; do value "three # runs" $field; done
run summary --config three.conf hidden=4 | head -6
run bench --config three.conf --steps 1 --json | grep -c model
run summary lenet5 --config three.conf
echo "--- what is wrong"
wrong() { printf '%s\n' "$1" >wrong.conf; shift; try train --config wrong.conf "$@"; }
wrong 'epoch = 3'
wrong 'optim_options.lrr = 3'
wrong 'xyzzy = 3'
wrong 'lr = abc'
wrong 'epochs = 2.5'
wrong 'epochs = 2.5' --epochs 3
wrong 'optim = adma'
wrong 'optim = nothing-like-it'
wrong 'nesterov = yes'
wrong 'nesterov ='
wrong 'augment = "hflip'
wrong 'augment = "hflip" vflip'
wrong 'just words'
wrong '= 3'
wrong '{ "lr": 3 }'
wrong '[optim]'
wrong 'resume = runs/a'
wrong 'model = lenett' data=table.csv
printf '# one\nlr = 1\n\nlr = 2\n' >wrong.conf
try train --config wrong.conf
try train --config nowhere.conf
try train --config photos
printf 'lr = 1\000' >wrong.conf
try train --config wrong.conf
try train mlp epochz=3
try train mlp epochs=three
try train mlp epochs=3 epochs=4
try train --config three.conf --config three.conf
try train --resume runs/table lr=3
try train --config table.conf
try summary --config series.csv
try eval runs/table lr=3
try init
try init tabel
try init xyzzy
try init table -o table.conf
try init table -o nowhere/table.conf

# The page of a run: its command makes the same run, it asks nobody; pages that compare runs; what is wrong.
train() { "$TAPER" train "$@" >log 2>&1 || cat log; }
# Runs the command of a page again, elsewhere; the configuration and the weights must be the same bytes.
again() {
    awk '/class="copy"/ { sub(/.*class="copy"[^>]*>/, ""); on = 1 } on { end = sub(/<\/pre>.*/, ""); print; if (end) exit }' "$1/report.html" |
        sed "s/&#39;/'/g; s/&quot;/\"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g; s/^taper /\"\$TAPER\" /" >"$1.sh"
    sh "./$1.sh" >/dev/null 2>"$1.err" || cat "$1.err"
    for file in config.json evaluation.json best/SUMS last/model.safetensors; do
        cmp "$1/$file" "$1-again/$file" || echo "$1: another $file"
    done
    echo "$1 made again"
}
awk 'BEGIN { for (i = 0; i < 120; i++) { k = i % 3; print i % 7 + k ";" 3 - k + i % 5 / 4 ";" (k ? k == 1 ? "it'"'"'s" : "<b>" : "a \"b\" & c") } }' >t.csv
awk 'BEGIN { for (i = 0; i < 300; i++) { w = r = ""; for (k = 0; k < 2 + i % 3; k++) { c = substr("abcd", int(i / 4 ^ k) % 4 + 1, 1); w = w c; r = r (k ? " " : "") c } print w "\t" r } }' >pairs.tsv
awk 'BEGIN { for (i = 0; i < 200; i++) printf "the cat sat on the %s. ", i % 3 ? "mat" : "hat" }' >book.txt
awk 'BEGIN { print "day,sales"; for (i = 0; i < 120; i++) printf "2024-%02d-%02d,%d\n", 1 + int(i / 28), 1 + i % 28, i % 7 * 3 + i / 10 }' >s.csv

echo "--- the same run again"
train mlp --data t.csv --hidden 8,4 --epochs 3 --delimiter ';' --header no --dropout 0.1 --lr 3e-3 --seed 18446744073709551615 \
    --schedule multi_step --milestones 4,6 --gamma 0.25 --warmup 0.5 --clip-norm 1 --balance --ema 0.9 --out 'my table'
train mlp --data t.csv --regression --target 0 --optim sgd --momentum 0.9 --lr 1e-3 --weight-decay 0 --batch 16 --accumulate 2 --epochs 2 --out values
train seq2seq --data pairs.tsv --hidden 8 --embedding 4 --epochs 2 --beam 2 --label-smoothing 0.1 --out pairs
train char-lm --data book.txt --hidden 8 --embedding 4 --window 16 --carry --epochs 1 --out text
train forecaster --data s.csv --date day --window 14 --horizon 3 --season 7 --quantiles 0.1,0.5,0.9 --hidden 4 --epochs 2 --out series
train lenet5 --data "$DATA/mnist" --limit 64 --augment 'affine=10:0.1' --epochs 1 --out digits
mkdir -p set/seven set/eight
for i in 1 2 3 4 5 6; do cp "$FILES/pictures/seven.png" set/seven/$i.png; cp "$FILES/pictures/seven.png" set/eight/$i.png; done
train simple_cnn --data set --image-size 16 --batch 4 --augment "randomresizedcrop=16 hflip" --on-bad-image skip --epochs 1 --out folder
for run in 'my table' values pairs text series digits folder; do again "$run"; done
mv 'my table' table
mv 'my table-again' table-again
grep -o 'Instruction set</th><td class="v">[a-z0-9]' digits/report.html | wc -l

echo "--- anew, and of several"
rm pairs/report.html
"$TAPER" report pairs/ && grep -c '</html>' pairs/report.html
printf '{"epoch":3,"train_lo' >>pairs/metrics.jsonl # as while it is written
"$TAPER" report pairs
"$TAPER" report table table-again -o same.html && grep -o 'The configurations are the same' same.html
"$TAPER" report table values pairs text series digits folder -o all.html
grep -o '<h3>[^<]*</h3>' all.html
grep -o '<th scope="col"[^>]*><button type="button">[^<]*' all.html | sed 's/.*>//'
"$TAPER" report digits digits-again table -o three.html
grep -c '<small>best</small>' three.html
sed -n '/What differs/,$p' three.html | grep -o '<th scope="row" class="k">[a-z_.]*' | sed 's/.*>//' | head -5

echo "--- pages ask nobody, and only the script that is known may run"
for page in */report.html all.html; do
    sed 's/base64,[A-Za-z0-9+\/=]*//g' "$page" >page.txt
    grep -n 'https\?:\|<link\|@import\|url(\|<iframe\|src="\|"nan\|>nan<' page.txt && echo "in $page"
    grep -q "Content-Security-Policy\" content=\"default-src 'none'" page.txt || echo "$page has no policy"
done
grep -l '<script' */report.html
hash=$(sed -n 's/.*<script>\(.*\)<\/script>.*/\1/p' all.html | tr -d '\n' | sha256sum | cut -c 1-64)
bytes=$(echo "$hash" | awk '{ h = "0123456789abcdef"; for (i = 1; i < 65; i += 2) printf "\\%03o", 16 * (index(h, substr($0, i, 1)) - 1) + index(h, substr($0, i + 1, 1)) - 1 }')
grep -c "script-src 'sha256-$(printf "$bytes" | base64)';" all.html

echo "--- wrong"
wrong() { "$TAPER" report "$@"; echo "exit $?"; }
mkdir empty
wrong
wrong nowhere
wrong empty
wrong empty table -o x.html
wrong table -o x.html
wrong table values
wrong table values -o x.png
wrong table values -o nowhere/x.html
wrong t.csv
ls x.html nowhere 2>&1

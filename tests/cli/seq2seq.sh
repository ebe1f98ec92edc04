# Pairs of sequences: train, measure, ask, and what is wrong with a file of pairs.
. "$CLI/masked"

awk 'BEGIN { for (i = 0; i < 400; i++) { w = ""; r = ""; n = 2 + i % 3
    for (k = 0; k < n; k++) { c = substr("abcd", int(i / 4 ^ k) % 4 + 1, 1); w = w c; r = r (k ? " " : "") toupper(c) }
    print w " " r } }' > pairs.dict

echo '--- a run'
run train seq2seq --data pairs.dict --hidden 16 --embedding 8 --epochs 30 --batch 16 --lr 1e-2 --out run | tail -6
run eval run --beam 2 | head -4
i=0
while [ $i -lt 40 ]; do printf 'ab A B\nbcz B C Z\nda%s D A\n' $((i % 9)); i=$((i + 1)); done >other.dict
run eval run --data other.dict --part train | head -7 | sed 's/^BLEU .*/BLEU N/'
run predict run abcd ''
run predict run dab --topk 2 --json | sed 's/}, {"target": "[^"]*"/}, {"target": "..."/' # the second best is a matter of rounding
printf 'ab\r\ncd\n' | run predict run -
run predict run abc --length-penalty 0 --beam 3
"$TAPER" predict run abc --topk 3 | wc -l

echo '--- what is wrong'
printf 'ab A B\ncd\n' > bad.dict
run train seq2seq --data bad.dict --out bad
run train seq2seq --data pairs.dict --attention loud --out bad
run train seq2seq --data pairs.dict --source-unit bytes --out bad
run train lenet5 --data pairs.dict --out bad
run train lenet5 --data pairs.dict --scheduled-sampling 0.5 --out bad
run train seq2seq --data pairs.dict --scheduled-sampling 1.5 --out bad
run train seq2seq --data pairs.dict --reward 0.5 --out bad
run train lenet5 --data pairs.dict --adversarial -1 --out bad
run train char-lm --data pairs.dict --attention dot --out bad
run predict run abc --beam 0
run generate run

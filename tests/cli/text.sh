# A character language model: texts that are none, a run, what it writes; measured numbers are masked.
. "$CLI/masked"
i=0
while [ $i -lt 400 ]; do printf 'the rain in spain stays mainly in the plain\n'; i=$((i + 1)); done >plain.txt
small="--hidden 32 --layers 1 --embedding 16 --epochs 3 --batch 16 --window 32 --lr 1e-2 --seed 1"
echo "--- texts that are none"
: >empty.txt
printf x >one.txt
printf 'abc\377def%0200d' 0 >latin.txt
run train char-lm --data empty.txt
run train char-lm --data one.txt
run train char-lm --data latin.txt
run train char-lm --data plain.txt --window 10000
run train char-lm --data nowhere.txt
run train char-lm --data plain.txt --unit words
run train char-lm --data plain.txt --cell mgu
run train lenet5 --data plain.txt
run train char-lm --data latin.txt --unit bytes --hidden 8 --layers 1 --window 4 --epochs 1 --out bytes | tail -3
run train char-lm --data latin.txt --on-bad-text replace --hidden 8 --layers 1 --window 4 --epochs 1 --out replaced | tail -3
echo "--- a run"
run train char-lm --data plain.txt $small --out lm
ls lm
run eval lm | head -5
run summary lm | head -12
i=0
while [ $i -lt 30 ]; do printf 'pain in the plain'; i=$((i + 1)); done >other.txt
run eval lm --data other.txt | head -4
printf 'Pain' >>other.txt
run eval lm --data other.txt
echo "--- writing"
"$TAPER" generate lm --prompt 'the rain' --length 80 --temperature 0
"$TAPER" generate lm --prompt 'the' -n 200 --seed 3 --threads 1 >a
"$TAPER" generate lm --prompt 'the' -n 200 --seed 3 --threads 2 >b
cmp a b && wc -c <a
run generate lm --prompt 'zebra'
run generate lm --temperature -1
run generate nowhere
"$TAPER" generate bytes -n 7 | wc -c
echo "--- another model's run writes nothing"
run train sequence-classifier --data "$DATA/mnist" --limit 64 --epochs 1 --hidden 8 --out rows | tail -4
run generate rows

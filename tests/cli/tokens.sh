# A language model of tokens: tokenizers and documents that are none, a run that keeps its tokenizer, what it writes; measured numbers are masked.
. "$CLI/masked"
i=0
while [ $i -lt 200 ]; do printf '{"id": %d, "story": "Once upon a time caf\303\251 number %d had \342\202\254%d. The end."}\n' $i $i $((i % 7)); i=$((i + 1)); done >stories.jsonl
sed 's/.*"story": "//; s/"}$//' stories.jsonl >stories.txt
"$TAPER" train tokenizer --data stories.txt --vocab 300 --out tokenizer.json | head -1
tokens="--tokenizer tokenizer.json --field story"
small="--hidden 32 --layers 1 --embedding 16 --epochs 3 --batch 16 --window 32 --lr 1e-2 --seed 1"
echo "--- what cannot be"
printf '{"story": "one"}\n{"text": "two"}\n' >field.jsonl
printf '{"story": "one"}\n{"story": ""}\n' >empty.jsonl
printf '{"story": "one"}\n{"story": "two\377"}\n' >latin.jsonl
printf '{"story": "one"}\n{"story": "two"\n' >cut.jsonl
printf '{"story": "one"}\n' >single.jsonl
printf 'no tokenizer' >tokenizer.txt
run train char-lm --data stories.jsonl --tokenizer nowhere.json
run train char-lm --data stories.jsonl --tokenizer tokenizer.txt
run train char-lm --data stories.jsonl $tokens --unit bytes
for file in field empty latin cut single; do run train char-lm --data $file.jsonl $tokens; done
run train char-lm --data stories.jsonl $tokens --window 5000
run train char-lm --data stories.jsonl --tokenizer tokenizer.json
run train lenet5 --data "$DATA/mnist" --tokenizer tokenizer.json
echo "--- a run"
run train char-lm --data stories.jsonl $tokens $small --out lm
ls lm lm/tokenizer
mv tokenizer.json away.json
run eval lm | head -6
run train --resume lm --epochs 4 | head -4
run export lm --c plain
echo "--- writing"
"$TAPER" generate lm --prompt 'Once upon' --length 7 --temperature 0
"$TAPER" generate lm -n 300 --seed 3 --threads 1 >a
"$TAPER" generate lm -n 300 --seed 3 --threads 2 >b
cmp a b && iconv -f UTF-8 -t UTF-8 a | cmp - a && echo the same, and UTF-8
printf 'x\377' >bad
run generate lm --prompt "$(cat bad)" | tr -d '\377'
echo "--- a folder of documents, by characters"
mkdir folder
for i in 1 2 3 4 5 6 7 8 9; do head -$((20 * i)) stories.txt | tail -20 >folder/$i.txt; done
run train char-lm --data folder $small --out characters | tail -8
: >folder/4.txt
run train char-lm --data folder $small --out other

# Tokenizers: training of each kind, ids, pieces, places, and back; words that do not go together.
run() { "$TAPER" "$@"; code=$?; [ $code = 0 ] || echo "exit $code"; }
i=0
while [ $i -lt 20 ]; do printf 'the rain in Spain stays mainly in the plain\nlow lower lowest, caf\303\251 \346\227\245\346\234\254\n'; i=$((i + 1)); done >rain.txt
echo "--- training"
for kind in bpe wordpiece unigram chars bytes; do
    run train tokenizer --data rain.txt --kind $kind --vocab $([ $kind = bpe ] && echo 300 || echo 60) --out $kind.json | head -1
done
run train tokenizer --data rain.txt --kind wordpiece --lowercase --special '[UNK],[CLS],[SEP],<|x|>' --vocab 60 --min-frequency 5 --out small.json | head -1
echo "--- ids, pieces, bytes"
for kind in bpe wordpiece unigram chars bytes small; do
    run tokenize $kind.json 'the lower plain' 'Spain, caf'
    run tokenize $kind.json --pieces 'the lower plain'
done
run tokenize bpe.json --json 'rain é<|endoftext|>日'
run tokenize bpe.json --json --plain '<|endoftext|>'
run tokenize wordpiece.json --no-special --count 'the rain' ''
printf 'the rain\n\nin Spain' | run tokenize bpe.json --lines
printf 'the rain\n\nin Spain' | run tokenize bpe.json --count
echo "--- and back"
run tokenize bpe.json <rain.txt >ids && run tokenize bpe.json --decode <ids | cmp - rain.txt && echo the same
run tokenize wordpiece.json --decode '[2, 5,' '6] 3'
run tokenize wordpiece.json --decode --keep-special 2 5 3
run tokenize unigram.json --decode --json $("$TAPER" tokenize unigram.json 'stays mainly')
echo "--- a tokenizer of others"
run tokenize "$FILES/tokenizers/llama3.json" --pieces 'It was the best of times'
run tokenize "$FILES/tokenizers/bpe.model" --pieces 'It was the best of times'
echo "--- what cannot be"
run tokenize
run tokenize nowhere.json x
run tokenize rain.txt x
run tokenize bpe.json --decode x
run tokenize bpe.json --decode 99999
run tokenize bpe.json --lines x
printf 'ab\377' | run tokenize bpe.json
run train tokenizer --data rain.txt
run train tokenizer --data rain.txt --out x.json --kind word
run train tokenizer --data rain.txt --out x.json --epochs 3
run train tokenizer --data rain.txt --out x.json --vocab 20
run train lenet5 --data rain.txt --vocab 20

# Texts to vectors: a table, the numbers of one, the nearest of many, files, and what cannot be.
folder=$FILES/../golden/presets/bert_sentence
embed="$TAPER embed $folder"
echo "--- how alike"
$embed 'the cat sat on the mat' 'a cat sat on a mat' 'dog'
echo "--- one text"
$embed dog | tr ' ' '\n' | wc -l
$embed dog --json | cut -c1-26
echo "--- the nearest"
printf 'the cat sat\n\nthe dog ran\r\na mat\n' | $embed 'the cat sat on the mat' - --topk 2
printf 'the cat sat\nthe dog ran\n' | $embed 'the cat sat' - --topk 1 --json
echo "--- a file"
printf 'dog\ncat\n' | $embed -o vectors.npy && "$TAPER" inspect vectors.npy | head -2
echo "--- what cannot be"
$embed </dev/null; echo "exit $?"
$embed dog --topk 2; echo "exit $?"
for i in 1 2 3 4 5 6 7 8; do echo $i; done | $embed; echo "exit $?"
"$TAPER" embed nowhere dog; echo "exit $?"
$embed "$(printf 'd\377g')"; echo "exit $?"

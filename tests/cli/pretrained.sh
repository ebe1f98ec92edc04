# Texts by a network that others trained: llama2.c's stories260K at temperature 0 says what its own page shows; ways of drawing; a beam.
stories=$DATA/stories260K
generate="$TAPER generate $stories/stories260K.bin"
echo "--- the documented text"
$generate --temperature 0 --length 260 | head -c 560 >mine
head -c 560 "$stories/expected-greedy.txt" | cmp - mine && echo same
for threads in 1 3; do $generate --temperature 0 --length 60 --threads $threads | cksum; done
echo "--- ways of drawing"
for how in "--top-k 5" "--top-p 0.9" "--min-p 0.1" "--gumbel 1" "--repetition-penalty 1.3 --temperature 0" "--stop dog" "--beam 4" \
    "--samples 2" "--beam 3 --samples 2"; do
    echo "[$how]"
    $generate --prompt 'The dragon' --length 20 --seed 3 $how
done
echo "--- longer than the context: it begins again with its last half"
$generate --prompt 'The dragon' --length 600 --temperature 0 | wc -c
echo "--- what cannot be"
head -c 1000 "$stories/stories260K.bin" >cut.bin
printf 'a network' >text.bin
for file in cut.bin text.bin; do $TAPER generate $file --tokenizer "$stories/tok512.bin"; echo "exit $?"; done
$generate --tokenizer text.bin; echo "exit $?"
$generate --top-p 1.5; echo "exit $?"
$generate --beam 2 --samples 3; echo "exit $?"

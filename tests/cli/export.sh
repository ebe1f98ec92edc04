# export: a run's network as C: what is written, that it compiles and answers as predict does, what is refused.
try() {
    echo "\$ taper $*"
    "$TAPER" "$@"
    echo "exit $?"
}
numbers() { sed -E 's/-?[0-9]+\.?[0-9]*(e-?[0-9]+)?f/Nf/g'; }
"$TAPER" train lenet5 --data "$DATA/mnist" --limit 64 --seed 7 --epochs 1 --out lenet >log || cat log
try export lenet --c c
ls c
cat c/lenet5.h
sed -n '/---- the network/,$p' c/lenet5.c
head -n 8 c/lenet5_weights.h | numbers
echo "--- the program, where there is a compiler"
if command -v cc >/dev/null; then
    cc -std=c99 -Wall -Wextra -Wconversion -pedantic -O2 c/lenet5.c c/lenet5_main.c -lm -o digits || echo "does not compile"
    awk 'BEGIN { for (i = 0; i < 1568; i++) print i % 7 / 7 }' | ./digits >said
    cut -d' ' -f1 said | uniq -c | tr -s ' ' | cut -d' ' -f2
else
    echo 2
fi

echo "--- a text"
for i in 1 2 3 4 5 6 7 8; do echo "abc de? \"f\" \\ g"; done >text.txt
"$TAPER" train char-lm --data text.txt --window 8 --hidden 4 --embedding 3 --layers 1 --epochs 1 --out text >log || cat log
try export text --c c --name letters
ls c
sed -n '/define\|typedef struct letters/,$p' c/letters.h
sed -n '/---- the network/,$p' c/letters.c

echo "--- what is refused"
"$TAPER" train mlp --data "$DATA/mnist" --limit 64 --hidden 5 --activation softmax --epochs 1 --out soft >log || cat log
try export soft --c soft_c
ls soft_c 2>&1
try export lenet
try export lenet --c c --name 9lives
try export lenet --c c --name ../x
try export nowhere --c c
try export lenet --c not/there

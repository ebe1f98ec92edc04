# Many pictures: folders in the order of names, globs in quotes, what is broken stops nothing; JSON lines.
mask() { # answers and probabilities differ from machine to machine
    sed -E 's/-?[0-9]+\.[0-9]+(e-?[0-9]+)?/N/g; s/ +[0-9] +N %/ D N %/g; s/"class": "[0-9]"/"class": "D"/g'
}
"$TAPER" train lenet5 --data "$DATA/mnist" --limit 512 --batch 64 --seed 7 --epochs 1 --out run >log || cat log
cp -r "$DATA/../examples/digits" digits
mkdir digits/more digits/none
cp digits/7.png digits/more/seven.png
echo "not a picture" >digits/more/bad.png
echo "--- a folder"
"$TAPER" predict run digits >out
echo "exit $?"
mask <out
"$TAPER" predict run digits --threads 1 --batch 3 >again 2>log
cut -d' ' -f1-4 out >a && cut -d' ' -f1-4 again | cmp - a && echo same
echo "--- globs, in quotes, and nothing"
"$TAPER" predict run 'digits/[2-3].png' 'digits/*.jpg' digits/none -k 2 >out
echo "exit $?"
mask <out
echo "--- lines of JSON"
"$TAPER" predict run digits/3.png digits/more --json >out
echo "exit $?"
mask <out
"$TAPER" predict run digits/3.png --json --topk 2 | mask

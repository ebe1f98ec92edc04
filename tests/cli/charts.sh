# Charts: forms for the terminal, numbers read back from the SVG against formulas and PyTorch, and what is told wrong.
plot() { "$TAPER" plot "$@"; }
# The greatest value of the line of colour K in the first panel, by the places of the labels at its left.
greatest() {
    tr '<' '\n' <"$1" | awk -v k="$2" 'BEGIN { n = 0 }
        /text-anchor="end">-?[0-9.]+$/ && n < 2 { split($0, a, "\""); v = $0; sub(/.*>/, "", v); y[n] = a[4] - 4; value[n++] = v }
        $0 ~ "path class=.l k" k { d = $0; sub(/.* d="M/, "", d); sub(/".*/, "", d); if (d ~ /h16/ || found++) next
            gsub(/-/, " -", d); sub(/l/, " ", d); m = split(d, p, " "); at = p[2]; top = at
            for (i = 4; i <= m; i += 2) { at += p[i]; if (at < top) top = at } }
        END { printf "%.2f\n", value[0] + (value[1] - value[0]) * (top - y[0]) / (y[1] - y[0]) }'
}
echo "--- in the terminal"
plot activation tanh
COLUMNS=20 plot activation relu
LC_ALL=C COLUMNS=40 plot loss half_mse
COLUMNS=20 plot position alibi | head -9
LC_ALL=C COLUMNS=30 plot position sinusoidal | head -4
COLUMNS=50 plot schedule cosine --steps 100 --warmup 20 --min-factor 0.1
echo "--- the greatest derivative: 1/4, 1, 1, 1.10, 1.13"
for name in sigmoid tanh relu silu gelu; do
    plot activation $name -o $name.svg >/dev/null
    greatest $name.svg 2
done
echo "--- losses at an error of 3: 9, 4.5, 3, 2.5, 4"
for name in mse half_mse l1 smooth_l1 huber; do
    plot loss $name -o $name.svg >/dev/null
    greatest $name.svg 1
done
echo "--- the last places of six optimizers on Rosenbrock's function, against PyTorch"
plot optimizers --steps 200 -o paths.svg
tr '<' '\n' <paths.svg | awk 'BEGIN { n = m = 0 }
    /text-anchor="middle">-?[0-9.]+$/ && n < 5 { split($0, a, "\""); v = $0; sub(/.*>/, "", v); px[n] = a[2]; vx[n++] = v }
    /text-anchor="end">-?[0-9.]+$/ && m < 5 { split($0, a, "\""); v = $0; sub(/.*>/, "", v); py[m] = a[4] - 4; vy[m++] = v }
    /^circle class="p k/ { split($0, a, "\""); print vx[0] + (vx[4] - vx[0]) * (a[4] - px[0]) / (px[4] - px[0]),
        vy[0] + (vy[4] - vy[0]) * (a[6] - py[0]) / (py[4] - py[0]) }' >places
paste -d ' ' places "$CLI/../golden/rosenbrock.txt" | awk '
    { dx = $1 - $4; dy = $2 - $5; print $3, (dx * dx + dy * dy < 1e-4) ? "is there" : "is at " $1 ", " $2 " and not at " $4 ", " $5 }'
for name in beale saddle local bowl troubles; do plot optimizers --surface $name --steps 5 -o $name.svg; done
plot optimizers sgd adam --lr 1 --surface bowl | head -2
echo "--- of runs"
awk 'BEGIN { for (i = 0; i < 400; i++) { w = ""; r = ""; n = 2 + i % 3
    for (k = 0; k < n; k++) { c = substr("abcd", int(i / 4 ^ k) % 4 + 1, 1); w = w c; r = r (k ? " " : "") toupper(c) }
    print w " " r } }' >pairs.dict
"$TAPER" train seq2seq --data pairs.dict --hidden 8 --embedding 4 --epochs 1 --out s2s >/dev/null 2>&1
"$TAPER" train transformer --data pairs.dict --dim 16 --layers 1 --heads 2 --epochs 2 --out t >/dev/null 2>&1
"$TAPER" train transformer-lm --data pairs.dict --dim 16 --layers 1 --heads 2 --epochs 1 --window 16 --out lm >/dev/null 2>&1
plot attention s2s abc 'A B C' | awk '{ print $1 }'
plot attention t ab 'A B' | awk '{ print $1 }'
plot attention t ab 'A B' --layer decoder.layers.0.cross | grep head
plot attention lm abA | awk '{ print $1 }'
plot attention "$DATA/stories260K/stories260K.bin" 'Once upon a time' --layer decoder.layers.4.attention | awk '{ print $1, $2 }' | tail -8 | sed 's/[░▒▓█]//g'
plot attention t ab A -o map.svg && grep -q '<title>A, a: [0-9]' map.svg && echo with its numbers
plot curves t | grep -v '[│┤└]' | sed 's/^ *//'
plot curves s2s t -o curves.svg
plot position learned lm -o learned.svg
echo "--- every file ends as it should"
for file in *.svg; do grep -q '^</svg>$' $file && ! grep -q 'nan\|inf' $file || echo "$file is broken"; done
echo "--- wrong"
wrong() { plot "$@"; echo "exit $?"; }
wrong activation relo
wrong loss tanh
wrong optimizers adan
wrong optimizers --surface rosen
wrong optimizers sgd --surface troubles
wrong optimizers --lr 0
wrong schedule cosine --steps 100 --warmup 200
wrong schedule --lr 1
wrong activation tanh -o tanh.png
wrong activation tanh -o nowhere/tanh.svg
wrong position
wrong position rope 3
wrong position learned s2s
wrong attention s2s
wrong attention s2s ''
wrong attention lm ab A
wrong attention t ab --layer encoder
wrong attention t ab --surface bowl
wrong curves nowhere
wrong confusion nowhere
wrong curve t

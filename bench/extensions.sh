#!/bin/sh
# extensions.sh - what each extension of the Transformer brings on words and their sounds: the same network with it and without it.
#
#   bench/extensions.sh cmudict.dict OUT [EPOCHS]
#
# A part of the dictionary (20,000 words to learn from, 2,000 others to measure on) keeps it to some minutes a run.  Measured are the
# shares of wrong sounds on held-out words; on the same words with a typing error each; and, for copying, on words with a number behind
# them, of whose digits 7, 8 and 9 are rare in training.  TAPER, THREADS: by default build/taper and 2.  Read next: ../docs/transformers-extensions.md.
set -eu

dictionary=$1 out=$2 epochs=${3:-4}
: "${TAPER:=$(cd "$(dirname "$0")/.." && pwd)/build/taper}" "${THREADS:=2}"
mkdir -p "$out"

# ---- data -----------------------------------------------------------------------------------------------------------------------

# word TAB sounds, of words of 3 to 12 plain letters; what is learned from, and what is measured on: as it is, and with a typing error
# (a letter doubled, left out, changed, or two swapped).
[ -e "$out/train.tsv" ] || awk -v out="$out" '
BEGIN { srand(1) }
function typo(w,   n, i, kind, letter) {
    n = length(w); i = 1 + int(rand() * n); kind = int(rand() * 4)
    letter = substr("abcdefghijklmnopqrstuvwxyz", 1 + int(26 * rand()), 1)
    if (kind == 0) return substr(w, 1, i) substr(w, i)
    if (kind == 1) return substr(w, 1, i - 1) substr(w, i + 1)
    if (kind == 2) return substr(w, 1, i - 1) letter substr(w, i + 1)
    i = i == n ? n - 1 : i
    return substr(w, 1, i - 1) substr(w, i + 1, 1) substr(w, i, 1) substr(w, i + 2)
}
function number(rare,   n, k, text) {
    n = 2 + int(rand() * 3)
    for (k = 0; k < n; k++) text = text int(rand() * (rare ? 10 : 7))
    return text
}
function spaced(text) { gsub(/./, " &", text); return text }
$1 ~ /^[a-z]+$/ && length($1) >= 3 && length($1) <= 12 && rand() < 0.17 {
    w = $1; sounds = $2
    for (i = 3; i <= NF; i++) sounds = sounds " " $i
    if (learned < 20000 && rand() < 0.91) {
        learned++
        d = number(rand() < 0.02)
        print w "\t" sounds > (out "/train.tsv")
        print w d "\t" sounds spaced(d) > (out "/numbers.tsv")
    } else if (held < 2000) {
        held++
        d = number(1)
        print w "\t" sounds > (out "/clean.tsv")
        print typo(w) "\t" sounds > (out "/typing.tsv")
        print w d "\t" sounds spaced(d) > (out "/digits.tsv")
    }
}' "$dictionary"

# ---- runs -----------------------------------------------------------------------------------------------------------------------

learn() { # learn NAME DATA EPOCHS RATE OPTION...
    name=$1 data=$2 passes=$3 rate=$4
    shift 4
    [ -e "$out/$name/done" ] && return
    "$TAPER" train transformer --data "$out/$data.tsv" --source-unit chars --batch 64 --optim adamw --lr "$rate" --schedule cosine \
        --warmup 0.3 --dropout 0.1 --clip-norm 1 --position rope --activation swiglu --norm rms --layers 3 --seed 1 --epochs "$passes" \
        --threads "$THREADS" --out "$out/$name" "$@" >"$out/$name.log"
    touch "$out/$name/done"
}

# tell NAME DATA [OPTION...]: what the network writes for each word of the file, against what stands there: edits by token
tell() {
    name=$1 data=$2
    shift 2
    cut -f 1 "$out/$data.tsv" | "$TAPER" predict "$out/$name" - --json --threads "$THREADS" "$@" |
        sed 's/.*"target": "\([^"]*\)".*/\1/' | paste - "$out/$data.tsv" | awk -F '\t' -v name="$name" -v data="$data" -v how="$*" '
        function least(a, b) { return a < b ? a : b }
        function edits(a, b,   x, y, n, m, i, j, row, left, above) {
            n = split(a, x, " "); m = split(b, y, " ")
            for (j = 0; j <= m; j++) row[j] = j
            for (i = 1; i <= n; i++) {
                left = row[0]; row[0] = i
                for (j = 1; j <= m; j++) {
                    above = row[j]
                    row[j] = least(left + (x[i] != y[j]), least(above, row[j - 1]) + 1)
                    left = above
                }
            }
            wanted += m
            return row[m]
        }
        { e = edits($1, $3); wrong += e; words += e > 0 }
        END { printf "%-12s %-8s %-9s wrong: %5.2f %% of tokens, %5.2f %% of words\n", name, data, how, 100 * wrong / wanted, 100 * words / NR }'
}

learn plain train "$epochs" 1.5e-3
learn guided train "$epochs" 1.5e-3 --guided 1
learn scheduled train "$epochs" 1.5e-3 --scheduled-sampling 0.3
learn adversarial train "$epochs" 1.5e-3 --adversarial 0.3
# Another pass over what was learned, without the reward and with it.
learn again train 1 1e-4 --init "$out/plain/best/model.safetensors"
learn reward train 1 1e-4 --init "$out/plain/best/model.safetensors" --reward 0.5
learn numbers numbers "$epochs" 1.5e-3
learn copying numbers "$epochs" 1.5e-3 --copy

for name in plain guided scheduled adversarial again reward; do tell $name clean; done
tell plain clean --beam 4
for name in plain scheduled adversarial; do tell $name typing; done
for name in numbers copying; do tell $name digits; done

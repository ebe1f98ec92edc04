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

learn() { # learn NAME DATA OPTION...
    name=$1 data=$2
    shift 2
    [ -e "$out/$name/done" ] && return
    "$TAPER" train transformer --data "$out/$data.tsv" --source-unit chars --batch 64 --optim adamw --lr 1.5e-3 --schedule cosine \
        --warmup 0.3 --dropout 0.1 --clip-norm 1 --position rope --activation swiglu --norm rms --layers 3 --seed 1 --epochs "$epochs" \
        --threads "$THREADS" --out "$out/$name" "$@" >"$out/$name.log"
    touch "$out/$name/done"
}

# tell NAME DATA [OPTION...]: wrong tokens and sequences among nine tenths of the file (what would be learned from, were it learned from)
tell() {
    name=$1 data=$2
    shift 2
    "$TAPER" eval "$out/$name" --data "$out/$data.tsv" --part train --threads "$THREADS" "$@" --json |
        awk -v name="$name" -v data="$data" -v how="$*" -F '[:,]' '
            /"token error"/ { token = $2 } /"sequence error"/ { sequence = $2 }
            END { printf "%-12s %-8s %-10s wrong: %5.2f %% of tokens, %5.2f %% of sequences\n", name, data, how, 100 * token, 100 * sequence }'
}

learn plain train
learn guided train --guided 1
learn scheduled train --scheduled-sampling 0.3
learn adversarial train --adversarial 0.3
learn reward train --init "$out/plain/best/model.safetensors" --reward 0.9 --lr 2e-4 --epochs 1
learn numbers numbers
learn copying numbers --copy

for name in plain guided scheduled adversarial reward; do tell $name clean; done
tell plain clean --beam 4
for name in plain scheduled adversarial; do tell $name typing; done
for name in numbers copying; do tell $name digits; done

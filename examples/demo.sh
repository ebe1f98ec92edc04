#!/bin/sh
# demo.sh - builds Taper, trains LeNet-5 on MNIST, says where to look.  `make demo` runs it.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
run=${RUN:-runs/lenet5}

# shellcheck disable=SC2086
cmake -S . -B "$build" --log-level=NOTICE ${CMAKE_FLAGS:-} >/dev/null
cmake --build "$build" -j "${JOBS:-2}" --target taper_program

if [ -e "$run/config.json" ]; then
    echo "$run is there already; remove it to train again"
else
    "$build/taper" train lenet5 --data data/mnist --out "$run" --epochs 12 \
        --optim adam --lr 2e-3 --schedule cosine --warmup 0.5 \
        --augment "affine=8:0.06:0.93-1.07:4"
fi

"$build/taper" eval "$run" --data data/mnist

cat <<END

What to look at:
  $run/report.html        curves, confusion matrix, worst mistakes; open it in a browser
What to try next:
  $build/taper serve $run      draw digits yourself, in a browser
  $build/taper predict $run examples/digits/*.png
  $build/taper summary lenet5
  $build/taper help
END

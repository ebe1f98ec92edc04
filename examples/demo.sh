#!/bin/sh
# demo.sh - builds Taper, trains LeNet-5 on MNIST, says where to look.  `make demo` runs it.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}

# shellcheck disable=SC2086
cmake -S . -B "$build" --log-level=NOTICE ${CMAKE_FLAGS:-} >/dev/null
cmake --build "$build" -j "${JOBS:-2}" --target taper_program

"$build/taper" train lenet5 --data data/mnist --epochs 5 --lr 1e-3 --optim adam --out runs/lenet5

cat <<END

What to look at:
  runs/lenet5/report.html        curves, confusion matrix, worst mistakes; open it in a browser
What to try next:
  $build/taper predict runs/lenet5 digit.png
  $build/taper summary lenet5
  $build/taper help
END

# What doctor looks at; the answers differ from machine to machine, the self-test must be right.
"$TAPER" doctor >log; [ $? -le 1 ] && echo "an answer"
sed '/^$/,$d' log | grep -vE '^(gpu|opencl) ' | sed -E 's/^(.{14}).*/\1/; s/ +$//'
grep -E '^(matmul|gradient) ' log
"$TAPER" doctor --json >log; [ $? -le 1 ] && echo "an answer"
grep -o '"[^"]*":' log | grep -vE '"(gpu|opencl)[ "]'
TAPER_ISA=generic "$TAPER" doctor | grep -E '^(isa|TAPER_ISA|matmul|gradient) '

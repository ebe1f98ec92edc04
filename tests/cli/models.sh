# The zoo, and the summary of LeNet-5: 61,706 parameters.
"$TAPER" models; echo "exit $?"
"$TAPER" models --json; echo "exit $?"
"$TAPER" summary lenet5; echo "exit $?"
"$TAPER" summary lenet5 --batch 64 --classes 7 >log; echo "exit $?"; tail -4 log
"$TAPER" summary lenet5 --json; echo "exit $?"
"$TAPER" summary mlp --hidden 300,100; echo "exit $?"
"$TAPER" summary simple_cnn; echo "exit $?"
"$TAPER" summary mlp --hidden 3,x; echo "exit $?"
"$TAPER" summary lenet5 --activation rleu; echo "exit $?"

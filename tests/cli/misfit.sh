# Weights that do not fit: every missing, unexpected and misshapen name, one a line.
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "$i.5,$((i % 3)),$((i * i % 7)),$((i % 2))"; done >d.csv
"$TAPER" train mlp --data d.csv --hidden 4,4 --epochs 1 --out run >/dev/null 2>&1; echo "exit $?"
sed -i 's/"hidden": "4,4"/"hidden": "5,4,4"/' run/config.json
"$TAPER" eval run; echo "exit $?"
sed -i 's/"hidden": "5,4,4"/"hidden": "8,8,8,8,8,8,8,8,8,8,8,8"/' run/config.json
"$TAPER" eval run; echo "exit $?"
sed -i 's/"hidden": "8.*8"/"hidden": "4"/' run/config.json
"$TAPER" predict run x.png; echo "exit $?"

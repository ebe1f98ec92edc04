# A series: train, measure, what comes next, and what is wrong with a table; measured numbers are masked.
. "$CLI/masked"
awk 'BEGIN { print "month,rain,value"; for (i = 0; i < 120; i++)
    printf "%d-%02d,%s,%.2f\r\n", 2000 + i / 12, i % 12 + 1, i % 17 == 5 ? "" : i * 7 % 13, 50 + i + 10 * sin(i * 3.14159 / 6) }' >values.csv
echo "--- a run"
run train forecaster --data values.csv --horizon 6 --epochs 3 --hidden 8 --batch 16 --lr 1e-2 --out run | tail -13
run eval run
run predict run | sed 's/  */ /g'
run predict run values.csv --json | head -1
run inspect run | head -20
grep -c '<path class="b k2"' run/report.html
echo "--- what is wrong"
sed '7d;9s/^.*$/2000-02,1,2/' values.csv >backwards.csv
run train forecaster --data backwards.csv --out bad
sed '9s/,[0-9.]*\r$/,much/' values.csv >text.csv
run train forecaster --data text.csv --out bad
run train forecaster --data values.csv --missing error --out bad
run train forecaster --data values.csv --quantiles 0.5,2 --out bad
run train forecaster --data values.csv --target snow --out bad
run train forecaster --data values.csv --window 100 --out bad
run train forecaster --data values.csv --level first --out bad
run predict run text.csv
run predict run --beam 3
echo "--- a table as others write it: a sign before the text, CR LF, semicolons, quotes, commas in a name, no dates, a constant"
awk 'BEGIN { printf "\357\273\277\"Rain; mm, a day\";\"level, \"\"cm\"\"\"\r\n"
    for (i = 0; i < 120; i++) printf "3;\"%.2f\"\r\n", i % 5 + i % 10 / 4 }' >other.csv
run train forecaster --data other.csv --horizon 2 --epochs 2 --hidden 8 --out other | grep season
run predict other | sed 's/  */ /g'
run predict other --json | head -1
sed '5s/;.*$/\r/' other.csv >ragged.csv
run train forecaster --data ragged.csv --out bad

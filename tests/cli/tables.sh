# Tables: classes and values of rows, in the run's own table and in others; what is wrong with these.
. "$CLI/masked"
awk 'BEGIN { print "width,colour,price"; for (i = 1; i <= 40; i++) { print i ",red," 3 * i; print i ",blue," 2 * i } }' >prices.csv
awk 'BEGIN { for (i = 0; i < 60; i++) print (i % 2 ? "large" : "small") "," i % 2 * 5 + i % 3 "," i % 5 }' >sizes.csv
echo "--- values"
run train mlp --data prices.csv --regression --epochs 30 --lr 1e-2 --seed 1 --out prices | tail -4
run eval prices | sed -E 's/(RMSE|MAE|R2) .*/\1 N/'
printf 'shop,price,colour,width\n,1,red,7\nAcme,2,blue,9\n' >new.csv
run predict prices new.csv | sed -E 's/(csv:[0-9]+) .*/\1 N/'
run eval prices --data new.csv | head -1
cut -d, -f3,4 new.csv >unknown.csv
run predict prices unknown.csv --json | sed -E 's/: [0-9.]+}/: N}/'
run eval prices --data unknown.csv
echo "--- classes"
run train mlp --data sizes.csv --target 0 --epochs 20 --lr 1e-2 --seed 1 --out sizes | tail -4
printf 'large,6,1\nsmall,1,2\n' >two.csv
run predict sizes two.csv --topk 2
cut -d, -f2,3 two.csv >unknown.csv
run predict sizes unknown.csv
run eval sizes --data two.csv | head -3
echo "--- what is wrong"
printf 'colour,width\nred,7\ngreen,8\n' >green.csv
printf 'colour\nred\n' >narrow.csv
printf 'colour,width\nred,wide\n' >wide.csv
run predict prices green.csv narrow.csv wide.csv nowhere.csv new.csv | sed -E 's/(csv:[0-9]+) .*/\1 N/'
run predict prices
printf 'small,1\n' >narrow.csv
run predict sizes narrow.csv
run eval sizes --data sizes.csv --part whole --json | head -3
echo "--- a run whose columns have no names"
sed 's/"width"/7/' prices/config.json >config.json && cp config.json prices/
run predict prices new.csv
tr -d '\n' <config.json | sed 's/\[ *7, */[/' >prices/config.json
run predict prices new.csv

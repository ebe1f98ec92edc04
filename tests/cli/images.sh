# Pictures from folders: training with augmented and mixed ones, broken ones, what is wrong before a run begins, the sheet.
. "$CLI/masked"
cp "$FILES/pictures/seven.png" .
mkdir -p set/seven set/eight
for i in 1 2 3 4 5 6; do cp seven.png set/seven/$i.png; cp seven.png set/eight/$i.png; done
small="--data set --image-size 16 --batch 4 --epochs 1 --seed 1"
echo "--- mixed"
run train simple_cnn $small --out mixed --augment "randomresizedcrop=16 hflip pcajitter=0.1:data mixup=0.2 cutmix=1"
run inspect mixed | grep augment
echo "--- broken pictures"
printf '<html>' >set/seven/page.jpg
head -c 100 seven.png >set/eight/cut.png
ln -s nowhere.png set/eight/gone.png
run train simple_cnn $small --out broken
rm set/eight/gone.png
run train simple_cnn $small --out broken | sed -E 's/set.*: byte.*/PICTURE: byte .../'
run train simple_cnn $small --out skipped --on-bad-image skip >told
grep -v "left out" told | head -2
grep "left out" told | sort
run train --resume skipped --epochs 2 | grep -c "left out"
run eval skipped | head -1
echo "--- other pictures: all of them, by the run's classes"
mkdir -p other/seven strange/nine
cp seven.png other/seven/a.png
cp seven.png strange/nine/a.png
run eval mixed --data other | sed -n '1p;/^class/,$p'
run eval mixed --data other --part test
run eval mixed --data strange
run train simple_cnn $small --out never --on-bad-image ignore
echo "--- before a run begins"
mkdir set/none
run train simple_cnn $small --out never
rmdir set/none
rm set/seven/page.jpg set/eight/cut.png
run train simple_cnn $small --out never --augment "pcajitter=0.1"
run train simple_cnn $small --out never --augment "mixup=-1"
run train simple_cnn $small --out never --transform "resize=16x16 mixup=1"
run train simple_cnn --data "$DATA/mnist" --limit 64 --out never --augment "resize=8 what"
ls never
echo "--- CIFAR-10's files"
mkdir cifar
head -c 6146 /dev/zero >cifar/data_batch_1.bin
head -c 3073 /dev/zero >cifar/test_batch.bin
run inspect cifar | head -5
run train simple_cnn --data cifar --epochs 1 --out cifar-run --channels 3 | head -2
printf x >>cifar/data_batch_1.bin
run train simple_cnn --data cifar --out never
echo "--- the sheet"
printf '<html>' >set/seven/page.jpg
run show augment set --on-bad-image skip --augment "rotation=30 randaugment=2" -o sheet.png
rm set/seven/page.jpg
run inspect sheet.png | grep -o "(3, [0-9, ]*)"
run show augment mixed -o sheet.png | tail -2
run show augment "$DATA/mnist" --augment "affine=20:0.1 mixup=1" --seed 3 -o sheet.png
run show augment set -o sheet.png --augment "pcajitter=0.1:data"
run show augment set
run show augment set -o sheet.jpg
run show augments set -o sheet.png
run show augment nothing -o sheet.png

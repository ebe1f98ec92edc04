# Pictures of a run: filters, features, saliency, Grad-CAM; what they are told wrong.  Probabilities are masked.
small="--data $DATA/mnist --limit 512 --batch 64 --seed 7 --epochs 1"
"$TAPER" train lenet5 $small --out run >/dev/null 2>&1; echo "exit $?"
"$TAPER" train mlp $small --out mlp >/dev/null 2>&1; echo "exit $?"
cp "$FILES/pictures/seven.png" .
plot() { # the file's size follows the message
    "$TAPER" plot "$@" >log 2>&1
    code=$?
    sed -E 's/, [0-9.]+ %/, P %/' log
    echo "exit $code"
}
for what in "filters run" "filters run --layer conv2" "filters mlp" "filters run/best/model.safetensors" \
    "features run seven.png" "features run seven.png --layer fc2" "saliency mlp seven.png" "saliency run seven.png" \
    "gradcam run seven.png" "gradcam run seven.png --class 3 --layer conv1"; do
    plot $what -o out.png
    "$TAPER" inspect out.png | tail -1 | grep -o "(3, [0-9, ]*)"
    rm -f out.png
done
echo "--- wrong"
plot filter run -o out.png
plot filters run
plot filters run -o out.jpg
plot filters run seven.png -o out.png
plot saliency run -o out.png
plot filters run --class 3 -o out.png
plot saliency run seven.png --layer conv1 -o out.png
plot filters run --layer fc2 -o out.png
plot filters run --layer conv9 -o out.png
plot features run seven.png --layer conv9 -o out.png
plot features mlp seven.png -o out.png
plot gradcam mlp seven.png -o out.png
plot gradcam run seven.png --layer fc1 -o out.png
plot gradcam run seven.png --class ten -o out.png
plot gradcam run seven.png --class 10 -o out.png
plot gradcam run nothing.png -o out.png
plot filters nothing -o out.png
plot filters run -o nowhere/out.png
ls out.png

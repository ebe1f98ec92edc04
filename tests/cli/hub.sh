# The hub's verb without a network: what is typed wrongly, what a cache holds, what an unreachable hub means; nothing of a token is printed.
unset HF_TOKEN HUGGING_FACE_HUB_TOKEN HUGGINGFACE_TOKEN HF_HOME HF_HUB_CACHE HF_ENDPOINT HF_TOKEN_PATH XDG_CACHE_HOME
unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE http_proxy HTTP_PROXY all_proxy ALL_PROXY
try() {
    echo "\$ taper $*"
    "$TAPER" "$@" >log 2>&1
    code=$?
    sed "s|$HOME|HOME|g" log
    echo "exit $code"
}
echo "--- words"
try hub
try hub dwonload
try hub fetch gpt2
try hub download
try hub download a/b/c
try hub download org/name model.bin --include '*.json'
try hub whoami me
try hub logout --revision x
echo "--- a cache, and no network"
commit=0123456789abcdef0123456789abcdef01234567
place=$HOME/.cache/huggingface/hub/models--org--name
mkdir -p "$place/refs" "$place/blobs" "$place/snapshots/$commit"
printf %s $commit >"$place/refs/main"
echo '{}' >"$place/blobs/3914be8a"
ln -s ../../blobs/3914be8a "$place/snapshots/$commit/config.json"
export HF_HUB_OFFLINE=1
try hub download org/name
try hub download org/name config.json --revision $commit
try hub download org/name model.safetensors
try hub download org/name --revision v2
try hub download org/other
try generate hf:org/name
try generate hf:org/name/config.json
try generate hf:
try generate hf:org/other@v1
try tokenize hf:org/other hello
try train mlp --data none.csv --init hf:org/name
echo "--- networks and tokenizers by their name"
cp "$FILES/tokenizers/bert.json" "$place/snapshots/$commit/tokenizer.json"
"$TAPER" tokenize "$FILES/tokenizers/bert.json" 'the lower plain' >ids
"$TAPER" tokenize hf:org/name 'the lower plain' | cmp - ids && echo the same
awk 'BEGIN { print "a,b,y"; for (i = 0; i < 60; i++) print i % 7 "," i % 5 "," (i % 7 > 3 ? "u" : "v") }' >d.csv
small="--data d.csv --hidden 8 --seed 7 --epochs 1"
"$TAPER" train mlp $small --out first >log || cat log
cp first/best/model.safetensors "$place/snapshots/$commit"
for from in hf:org/name hf://org/name@main/model.safetensors first/best/model.safetensors; do
    "$TAPER" train mlp $small --init $from --out second >log || cat log
    "$TAPER" eval second --json | cksum
    rm -r second
done | uniq -c | sed -E 's/^ *([0-9]+) .*/the same \1 times/'
unset HF_HUB_OFFLINE
echo "--- no hub"
export HF_ENDPOINT=http://127.0.0.1:1
try hub download org/name
try hub download org/other
HF_ENDPOINT=ftp://x try hub download org/name
echo "--- the account"
try hub whoami
try hub logout
echo '' | try hub login
echo 'hf_two words' | try hub login
echo 'hf_secret' | try hub login
HF_TOKEN=hf_secret try hub whoami
ls "$HOME/.cache/huggingface"
printf 'hf_secret\n' >"$HOME/.cache/huggingface/token"
try hub whoami
HF_TOKEN=hf_other try hub logout
ls "$HOME/.cache/huggingface"

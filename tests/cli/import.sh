# import: .pth of both forms to safetensors and back, checkpoints, what is refused, exit codes; inspect and op read a .pth.
cp "$(dirname "$0")"/../data/pth/*.pth .
try() {
    echo "\$ taper $*"
    "$TAPER" "$@"
    echo "exit $?"
}
try import conv.zip.pth -o zip.safetensors
try import conv.old.pth -o old.safetensors
cmp zip.safetensors old.safetensors && echo same
try import zip.safetensors -o back.pth
try import back.pth -o back.safetensors
cmp zip.safetensors back.safetensors && echo same
try import back.pth -o back.pt
cmp back.pth back.pt && echo same
try import checkpoint.old.pth -o net.safetensors
try import checkpoint.old.pth --key optimizer -o adam.safetensors
try import views.zip.pth -o views.pth
try inspect checkpoint.old.pth back.pth
try inspect conv.zip.pth --json
try op sum conv.zip.pth:bn.num_batches_tracked

# the command line
try import conv.zip.pth
try import conv.zip.pth -o conv.npz
try import conv.zip.pth -o .pth
try import -o x.pth
try import checkpoint.old.pth --key nothing -o x.pth
try import zip.safetensors --key model -o x.pth

# files
try import nowhere.pth -o x.safetensors
try import bad_cut.pth -o x.safetensors
try import bad_script.pth -o x.safetensors
echo "<html>not found</html>" >page.pth
try import page.pth -o x.safetensors
try inspect page.pth
# what runs code in Python: os.system, and an instance of a class
front='\200\002\212\012\154\374\234\106\371\040\152\250\120\031.\200\002M\351\003.\200\002}.'
printf "$front"'\200\002cposix\nsystem\nX\012\000\000\000touch owned\205R.' >system.pth
printf "$front"'\200\002(i__main__\nNet\n.' >net.pth
try import system.pth -o x.safetensors
try import net.pth -o x.safetensors
ls owned x.* 2>&1
try import conv.zip.pth -o folder/x.safetensors

# Every example of every verb's help is a command line that is right: where nothing is there that it speaks of it may fail, but not as wrong usage.
mkdir -p bin ~/.local/share/bash-completion/completions ~/.config/fish/completions ~/.zsh
ln -s "$TAPER" bin/taper
PATH=$PWD/bin:$PATH
for verb in $("$TAPER" help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
    "$TAPER" help $verb | sed '1,/^Examples:/d; s/^  //' | grep -E "^(TAPER_ISA=generic )?taper" >lines
    [ "$(grep -c . lines)" -ge 2 ] || echo "$verb: fewer than two examples"
    [ $verb = bench ] && sed 's/$/ --steps 1/' lines >few && mv few lines
    while read -r line; do
        sh -c "$line" >out 2>err </dev/null
        grep -q "^taper: .*taper help $verb\|has no option\|no key\|is wanted$\|did you mean" err && echo "$line: $(cat err)"
        true
    done <lines
    echo "$verb: $(grep -c . lines)"
done

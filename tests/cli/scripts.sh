# Completion scripts are well formed and complete; the manual page has every verb and option.
for shell in bash zsh fish; do
    "$TAPER" completion $shell >$shell; echo "exit $?"
    grep -c . $shell >/dev/null && echo "$shell: some lines"
    for option in $("$TAPER" train --help | grep -o '^ .*--[a-z0-9-]*' | grep -o '[-][-][a-z0-9-]*$'); do
        grep -qe "${option#--}" $shell || echo "$shell: no $option"
    done
done
bash -n bash && echo "bash: parses"
cat >ask.bash <<'END'
. ./bash
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _taper; echo "$*: ${COMPREPLY[*]}"; }
ask taper ""
ask taper tr
ask taper train le
ask taper train --opt
ask taper train --optim ad
ask taper train --optim ""
ask taper eval r --part t
ask taper help su
ask taper completion ""
ask taper train --lr ""
END
bash ask.bash
"$TAPER" help --man >taper.1; echo "exit $?"
head -3 taper.1
for word in train eval predict summary bench models inspect doctor version completion 'EXIT STATUS' weight; do
    grep -q "$word" taper.1 || echo "man: no $word"
done

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
# The manual: one page of taper, which names all verbs, and one of each verb, with all its options.
"$TAPER" help --man >taper.1; echo "exit $?"
head -3 taper.1
lint() { ! command -v mandoc >/dev/null || mandoc -Tlint -W error "$1"; }
lint taper.1
for verb in $("$TAPER" help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
    grep -q "taper.-$verb.fR(1)" taper.1 || echo "taper.1: no $verb"
    "$TAPER" help $verb --man >page; lint page
    for option in $("$TAPER" help $verb | grep -o '^ .*--[a-z0-9-]*  ' | grep -o '[-][-][a-z0-9-]* ' | tr -d ' -'); do
        tr -d '\\-' <page | grep -q "^fB.*$option" || echo "$verb: no $option"
    done
    for word in NAME SYNOPSIS DESCRIPTION OPTIONS EXAMPLES 'EXIT STATUS'; do grep -q "^.SH $word" page || echo "$verb: no $word"; done
done

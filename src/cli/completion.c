/* completion.c - `taper completion bash|zsh|fish`: scripts made of the two tables.
 *
 * Names that a list holds (optimizers, schedules, models) are written into the script when it is made.  Where a run is wanted, folders
 * that hold one come first; behind --config, words key=value are completed as the options are.
 * Layer: cli.  Depends on cli.h.  Read next: help.c. */
#include "cli/cli.h"
#include "cli/text.h"

#include <string.h>

static bool serves(const option *o, int v)
{
    return o->verbs >> v & 1;
}

/* A name first, then files. */
static bool is_thing_and_files(const verb *v)
{
    return v->words == WORDS_PLOTS || v->words == WORDS_SHOWS;
}

static bool takes_files(const verb *v)
{
    return v->words == WORDS_FILES || is_thing_and_files(v);
}

static void print_names(choice_fn *names)
{
    for (int i = 0; names(i); i++)
        printf("%s%s", i ? " " : "", names(i));
}

static choice_fn *names_of_words(words_kind kind)
{
    return kind == WORDS_MODELS || kind == WORDS_MODELS_FOLDERS ? model_choice
           : kind == WORDS_OPS                                  ? op_choice
           : kind == WORDS_VERBS                                ? verb_name_at
           : kind == WORDS_SHELLS                               ? shell_choice
           : kind == WORDS_PLOTS                                ? plot_choice
           : kind == WORDS_SHOWS                                ? show_choice
           : kind == WORDS_HUB                                  ? hub_choice
           : kind == WORDS_TASKS                                ? task_choice
                                                                : NULL;
}

static choice_fn *names_of_option(const option *o)
{
    return o->field == offsetof(cli, model) ? model_choice : o->choice;
}

static bool is_run(const verb *v)
{
    return v->words == WORDS_FOLDERS || v->words == WORDS_MODELS_FOLDERS;
}

static bool takes_settings(const verb *v)
{
    return option_of_verb(v, "config") != NULL;
}

static bool option_wants_run(const option *o)
{
    return o->kind == ARG_FOLDER && !strcmp(o->name, "resume");
}

/* Text inside single quotes; what the shell or its completion system would take for its own is left out. */
static void print_plain(const char *text, const char *not_these)
{
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (!strchr(not_these, *text))
            putchar(*text);
}

/* ---- bash ------------------------------------------------------------------------------------------ */

static void bash_value(const option *o, int v)
{
    printf("        %s:--%s", verbs[v].name, o->name);
    if (o->letter)
        printf("|%s:-%c", verbs[v].name, o->letter);
    fputs(") ", stdout);
    if (names_of_option(o)) {
        fputs("_taper_names '", stdout);
        print_names(names_of_option(o));
        fputs("'; ", stdout);
    } else if (option_wants_run(o)) {
        fputs("_taper_runs; ", stdout);
    } else if (o->kind == ARG_PATH || o->kind == ARG_FOLDER) {
        printf("_taper_files -%c; ", o->kind == ARG_PATH ? 'f' : 'd');
    }
    fputs("return ;;\n", stdout);
}

static void bash_words(int v)
{
    const verb *of = &verbs[v];
    printf("        %s) ", of->name);
    if (takes_files(of))
        fputs("_taper_files -f; ", stdout);
    if (is_run(of))
        fputs("_taper_runs; ", stdout);
    if (names_of_words(of->words)) {
        fputs("_taper_names '", stdout);
        print_names(names_of_words(of->words));
        fputs("'; ", stdout);
    }
    if (takes_settings(of)) {
        fputs("case $COMP_LINE in *' --config'*|*' -c'*) _taper_keys '", stdout);
        for (int i = 0; i < n_options; i++)
            if (serves(&options[i], v))
                printf("%s= ", options[i].name);
        fputs("' ;; esac ", stdout);
    }
    fputs(";;\n", stdout);
}

static const char bash_functions[] =
    "# bash completion of taper; made by: taper completion bash\n"
    "_taper_names() { COMPREPLY+=($(compgen -W \"$1\" -- \"$cur\")); }\n"
    "_taper_keys() {\n"
    "    COMPREPLY+=($(compgen -W \"$1\" -- \"$cur\"))\n"
    "    case ${COMPREPLY[0]} in *=) compopt -o nospace 2>/dev/null ;; esac\n"
    "}\n"
    "_taper_files() {\n"
    "    local IFS=$'\\n'\n"
    "    COMPREPLY+=($(compgen \"$1\" -- \"$cur\"))\n"
    "    compopt -o filenames 2>/dev/null\n"
    "}\n"
    "# Folders with a config.json, here or one below; if there is none, any folder.\n"
    "_taper_runs() {\n"
    "    local IFS=$'\\n' folder below\n"
    "    for folder in $(compgen -d -- \"$cur\"); do\n"
    "        for below in \"$folder\" \"$folder\"/*; do\n"
    "            [ -e \"$below/config.json\" ] && COMPREPLY+=(\"$below\")\n"
    "        done\n"
    "    done\n"
    "    [ ${#COMPREPLY[@]} -gt 0 ] || _taper_files -d\n"
    "    compopt -o filenames 2>/dev/null\n"
    "}\n"
    "_taper() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}\n"
    "    COMPREPLY=()\n"
    "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        _taper_names '";

/* bash cuts words at '=': "--optim=ad" is three, and so is "optim=ad", which is read as the option. */
static const char bash_value_begin[] = "'\n        return\n    fi\n"
                                       "    if [ \"$cur\" = = ]; then\n"
                                       "        cur=\n"
                                       "        prev=--${prev#--}\n"
                                       "    elif [ \"$prev\" = = ]; then\n"
                                       "        prev=${COMP_WORDS[COMP_CWORD-2]}\n"
                                       "        prev=--${prev#--}\n"
                                       "    fi\n"
                                       "    case $verb:$prev in\n";

static void bash(void)
{
    fputs(bash_functions, stdout);
    print_names(verb_name_at);
    fputs(bash_value_begin, stdout);
    for (int v = 0; v < N_VERBS; v++)
        for (int i = 0; i < n_options; i++)
            if (serves(&options[i], v) && options[i].kind != ARG_FLAG)
                bash_value(&options[i], v);
    fputs("    esac\n    case $verb:$cur in\n", stdout);
    for (int v = 0; v < N_VERBS; v++) {
        printf("        %s:-*) _taper_names '", verbs[v].name);
        for (int i = 0; i < n_options; i++)
            if (serves(&options[i], v))
                printf("--%s ", options[i].name);
        fputs("'; return ;;\n", stdout);
    }
    fputs("    esac\n    case $verb in\n", stdout);
    for (int v = 0; v < N_VERBS; v++)
        bash_words(v);
    fputs("    esac\n}\ncomplete -F _taper taper\n", stdout);
}

/* ---- zsh ------------------------------------------------------------------------------------------- */

static void zsh_option(const option *o)
{
    const char *assign = o->kind == ARG_FLAG ? "" : "=";
    fputs("                ", stdout);
    if (o->letter)
        printf("'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter, *assign ? "+" : "", o->name,
               assign);
    else
        printf("'--%s%s[", o->name, assign);
    print_plain(o->help, "[]");
    putchar(']');
    if (o->kind != ARG_FLAG) {
        putchar(':');
        print_plain(o->place, ":");
        putchar(':');
    }
    if (names_of_option(o)) {
        putchar('(');
        print_names(names_of_option(o));
        putchar(')');
    } else if (option_wants_run(o)) {
        fputs("_taper_runs", stdout);
    } else if (o->kind == ARG_PATH || o->kind == ARG_FOLDER) {
        fputs(o->kind == ARG_PATH ? "_files" : "_files -/", stdout);
    }
    fputs("' \\\n", stdout);
}

static void zsh_words(const verb *v)
{
    choice_fn *names = names_of_words(v->words);
    fputs("                ", stdout);
    if (v->words == WORDS_NONE) {
        fputs("&& return\n", stdout);
        return;
    }
    if (is_thing_and_files(v)) {
        fputs("'1:what:(", stdout);
        print_names(names);
        fputs(")' '*:file:_files'\n", stdout);
        return;
    }
    if (takes_settings(v)) {
        printf("'*:word:_taper_words_%s'\n", v->name);
        return;
    }
    printf("'%s:word:", v->max_words == 0 ? "*" : "1");
    if (names) {
        putchar('(');
        print_names(names);
        putchar(')');
    } else {
        fputs(v->words == WORDS_FOLDERS ? "_taper_runs" : "_files", stdout);
    }
    fputs("'\n", stdout);
}

/* The words of a verb that takes settings: values of the key that stands there; else models, and behind --config keys. */
static void zsh_settings(int v)
{
    printf("_taper_words_%s() {\n    if compset -P 1 '*='; then\n        case $IPREFIX in\n", verbs[v].name);
    for (int i = 0; i < n_options; i++) {
        const option *o = &options[i];
        if (!serves(o, v) || (!names_of_option(o) && o->kind != ARG_FLAG))
            continue;
        printf("            %s=) compadd ", o->name);
        if (names_of_option(o))
            print_names(names_of_option(o));
        else
            fputs("true false", stdout);
        fputs(" ;;\n", stdout);
    }
    fputs("            *) _files ;;\n        esac\n        return\n    fi\n    compadd -- ", stdout);
    print_names(names_of_words(verbs[v].words));
    fputs(is_run(&verbs[v]) ? "\n    _taper_runs\n" : "\n", stdout);
    fputs("    case \" $words\" in *' --config'*|*' -c'*) compadd -q -S = -- ", stdout);
    for (int i = 0; i < n_options; i++)
        if (serves(&options[i], v))
            printf("%s ", options[i].name);
    fputs(";; esac\n}\n", stdout);
}

static void zsh(void)
{
    fputs("#compdef taper\n# zsh completion of taper; made by: taper completion zsh\n"
          "# Folders with a config.json, here or one below; if there is none, any folder.\n"
          "_taper_runs() {\n"
          "    local -a runs\n"
          "    runs=($PREFIX*/config.json(N:h) $PREFIX*/*/config.json(N:h))\n"
          "    if (( $#runs )); then\n        compadd -f -a runs\n    else\n        _files -/\n    fi\n}\n",
          stdout);
    for (int v = 0; v < N_VERBS; v++)
        if (takes_settings(&verbs[v]))
            zsh_settings(v);
    fputs("_taper() {\n    local -a verbs\n    verbs=(\n", stdout);
    for (int v = 0; v < N_VERBS; v++) {
        printf("        '%s:", verbs[v].name);
        print_plain(verbs[v].title, ":");
        fputs("'\n", stdout);
    }
    fputs("    )\n    if (( CURRENT == 2 )); then\n        _describe verb verbs\n        return\n    fi\n"
          "    local verb=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $verb in\n",
          stdout);
    for (int v = 0; v < N_VERBS; v++) {
        printf("        %s)\n            _arguments -S \\\n", verbs[v].name);
        for (int i = 0; i < n_options; i++)
            if (serves(&options[i], v))
                zsh_option(&options[i]);
        zsh_words(&verbs[v]);
        fputs("            ;;\n", stdout);
    }
    fputs("    esac\n}\nif [ \"$funcstack[1]\" = _taper ]; then\n    _taper \"$@\"\nelse\n    compdef _taper "
          "taper\nfi\n",
          stdout);
}

/* ---- fish ------------------------------------------------------------------------------------------ */

/* In fish, \' stands for a quote inside of quotes. */
static void fish_text(const char *text)
{
    putchar('\'');
    for (; *text; text++)
        printf("%s%c", *text == '\'' || *text == '\\' ? "\\" : "", *text);
    putchar('\'');
}

static void fish_option(const option *o, const verb *v)
{
    printf("complete -c taper -n '__taper_verb %s' -l %s", v->name, o->name);
    if (o->letter)
        printf(" -s %c", o->letter);
    if (names_of_option(o)) {
        fputs(" -x -a '", stdout);
        print_names(names_of_option(o));
        putchar('\'');
    } else if (option_wants_run(o)) {
        fputs(" -x -a '(__taper_runs)'", stdout);
    } else if (o->kind == ARG_PATH) {
        fputs(" -r -F", stdout);
    } else if (o->kind == ARG_FOLDER) {
        fputs(" -x -a '(__fish_complete_directories)'", stdout);
    } else if (o->kind != ARG_FLAG) {
        fputs(" -x", stdout);
    }
    fputs(" -d ", stdout);
    fish_text(o->help);
    putchar('\n');
}

/* Values of a key=value word; keys where there is no '='. */
static void fish_keys(int v)
{
    printf("function __taper_keys_%s\n    switch (commandline -ct)\n", verbs[v].name);
    for (int i = 0; i < n_options; i++) {
        const option *o = &options[i];
        if (!serves(o, v) || (!names_of_option(o) && o->kind != ARG_FLAG))
            continue;
        printf("        case '%s=*'\n            printf '%s=%%s\\n' ", o->name, o->name);
        if (names_of_option(o))
            print_names(names_of_option(o));
        else
            fputs("true false", stdout);
        putchar('\n');
    }
    fputs("        case '*=*'\n        case '*'\n            printf '%s=\\n' ", stdout);
    for (int i = 0; i < n_options; i++)
        if (serves(&options[i], v))
            printf("%s ", options[i].name);
    printf("\n    end\nend\ncomplete -c taper -n '__taper_verb %s; and __taper_configured' -a "
           "'(__taper_keys_%s)'\n",
           verbs[v].name, verbs[v].name);
}

static void fish_words(const verb *v)
{
    choice_fn *names = names_of_words(v->words);
    if (names) {
        printf("complete -c taper -n '__taper_verb %s' -a '", v->name);
        print_names(names);
        fputs("'\n", stdout);
    }
    if (takes_files(v))
        printf("complete -c taper -n '__taper_verb %s' -F\n", v->name);
    if (is_run(v))
        printf("complete -c taper -n '__taper_verb %s' -a '(__taper_runs)'\n", v->name);
}

static const char fish_functions[] =
    "# fish completion of taper; made by: taper completion fish\n"
    "function __taper_verb\n"
    "    set -l words (commandline -opc)\n"
    "    test (count $words) -gt 1; and test $words[2] = $argv[1]\n"
    "end\n"
    "function __taper_configured\n"
    "    string match -qr -- '^(--config|-c)' (commandline -opc)\n"
    "end\n"
    "# Folders with a config.json, here or one below; if there is none, any folder.\n"
    "function __taper_runs\n"
    "    set -l word (commandline -ct | string replace -r '^--resume=' '')\n"
    "    set -l runs $word*/config.json $word*/*/config.json\n"
    "    if set -q runs[1]\n"
    "        string replace /config.json '' -- $runs\n"
    "    else\n"
    "        __fish_complete_directories $word\n"
    "    end\n"
    "end\n"
    "complete -c taper -f\n";

static void fish(void)
{
    fputs(fish_functions, stdout);
    for (int v = 0; v < N_VERBS; v++) {
        printf("complete -c taper -n __fish_use_subcommand -a %s -d ", verbs[v].name);
        fish_text(verbs[v].title);
        putchar('\n');
    }
    for (int v = 0; v < N_VERBS; v++) {
        fish_words(&verbs[v]);
        if (takes_settings(&verbs[v]))
            fish_keys(v);
        for (int i = 0; i < n_options; i++)
            if (serves(&options[i], v))
                fish_option(&options[i], &verbs[v]);
    }
}

int verb_completion(cli *c)
{
    static void (*const scripts[])(void) = { bash, zsh, fish };
    for (int i = 0; i < 3 && shell_choice(i); i++)
        if (!strcmp(shell_choice(i), c->words[0])) {
            scripts[i]();
            return EXIT_FINE;
        }
    return usage_error("no completion for '%s'; bash, zsh or fish is wanted", c->words[0]);
}

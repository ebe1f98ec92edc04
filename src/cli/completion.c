/* completion.c - `taper completion bash|zsh|fish`: scripts made of the two tables.
 *
 * Names that a list holds (optimizers, schedules, models) are written into the script when it is made.
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
                                                                : NULL;
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
    if (o->choice) {
        fputs("COMPREPLY=($(compgen -W '", stdout);
        print_names(o->choice);
        fputs("' -- \"$cur\")); ", stdout);
    } else if (o->kind == ARG_PATH || o->kind == ARG_FOLDER) {
        printf("COMPREPLY=($(compgen -%c -- \"$cur\")); ", o->kind == ARG_PATH ? 'f' : 'd');
    }
    fputs("return ;;\n", stdout);
}

static void bash_words(int v)
{
    choice_fn *names = names_of_words(verbs[v].words);
    printf("        %s) ", verbs[v].name);
    if (names) {
        fputs("COMPREPLY=($(compgen -W '", stdout);
        print_names(names);
        fputs("' -- \"$cur\")) ", stdout);
    }
    if (takes_files(&verbs[v]))
        fputs("COMPREPLY+=($(compgen -f -- \"$cur\")) ", stdout);
    if (verbs[v].words == WORDS_FOLDERS || verbs[v].words == WORDS_MODELS_FOLDERS)
        fputs("COMPREPLY+=($(compgen -d -- \"$cur\")) ", stdout);
    fputs(";;\n", stdout);
}

static void bash(void)
{
    fputs("# bash completion of taper; made by: taper completion bash\n"
          "_taper() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '",
          stdout);
    print_names(verb_name_at);
    fputs("' -- \"$cur\"))\n        return\n    fi\n    case $verb:$prev in\n", stdout);
    for (int v = 0; v < N_VERBS; v++)
        for (int i = 0; i < n_options; i++)
            if (serves(&options[i], v) && options[i].kind != ARG_FLAG)
                bash_value(&options[i], v);
    fputs("    esac\n    case $verb:$cur in\n", stdout);
    for (int v = 0; v < N_VERBS; v++) {
        printf("        %s:-*) COMPREPLY=($(compgen -W '", verbs[v].name);
        for (int i = 0; i < n_options; i++)
            if (serves(&options[i], v))
                printf("--%s ", options[i].name);
        fputs("' -- \"$cur\")); return ;;\n", stdout);
    }
    fputs("    esac\n    case $verb in\n", stdout);
    for (int v = 0; v < N_VERBS; v++)
        bash_words(v);
    fputs("    esac\n}\ncomplete -o filenames -F _taper taper\n", stdout);
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
    if (o->choice) {
        putchar('(');
        print_names(o->choice);
        putchar(')');
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
    printf("'%s:word:", v->max_words == 0 ? "*" : "1");
    if (v->words == WORDS_MODELS_FOLDERS)
        fputs("{ _alternative \"models:model:(", stdout);
    else if (names)
        putchar('(');
    if (names)
        print_names(names);
    if (v->words == WORDS_MODELS_FOLDERS)
        fputs(")\" \"runs:run:_files -/\" }", stdout);
    else if (names)
        putchar(')');
    else
        fputs(v->words == WORDS_FOLDERS ? "_files -/" : "_files", stdout);
    fputs("'\n", stdout);
}

static void zsh(void)
{
    fputs("#compdef taper\n# zsh completion of taper; made by: taper completion zsh\n"
          "_taper() {\n"
          "    local -a verbs\n    verbs=(\n",
          stdout);
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

static void fish_option(const option *o, const verb *v)
{
    printf("complete -c taper -n '__fish_seen_subcommand_from %s' -l %s", v->name, o->name);
    if (o->letter)
        printf(" -s %c", o->letter);
    if (o->choice) {
        fputs(" -x -a '", stdout);
        print_names(o->choice);
        putchar('\'');
    } else if (o->kind == ARG_PATH) {
        fputs(" -r -F", stdout);
    } else if (o->kind == ARG_FOLDER) {
        fputs(" -x -a '(__fish_complete_directories)'", stdout);
    } else if (o->kind != ARG_FLAG) {
        fputs(" -x", stdout);
    }
    fputs(" -d '", stdout);
    for (const char *p = o->help; *p; p++) /* in fish, \' stands for a quote inside quotes */
        printf("%s%c", *p == '\'' || *p == '\\' ? "\\" : "", *p);
    fputs("'\n", stdout);
}

static void fish(void)
{
    fputs("# fish completion of taper; made by: taper completion fish\ncomplete -c taper -f\n", stdout);
    for (int v = 0; v < N_VERBS; v++)
        printf("complete -c taper -n __fish_use_subcommand -a %s -d '%s'\n", verbs[v].name, verbs[v].title);
    for (int v = 0; v < N_VERBS; v++) {
        choice_fn *names = names_of_words(verbs[v].words);
        bool folders = verbs[v].words == WORDS_FOLDERS || verbs[v].words == WORDS_MODELS_FOLDERS;
        if (names) {
            printf("complete -c taper -n '__fish_seen_subcommand_from %s' -a '", verbs[v].name);
            print_names(names);
            fputs("'\n", stdout);
        }
        if (takes_files(&verbs[v]))
            printf("complete -c taper -n '__fish_seen_subcommand_from %s' -F\n", verbs[v].name);
        if (folders)
            printf(
                "complete -c taper -n '__fish_seen_subcommand_from %s' -a '(__fish_complete_directories)'\n",
                verbs[v].name);
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

/* hub.c - `taper hub download | login | logout | whoami`, and names of networks that begin with hf:.
 *
 * stdout gets what a script wants (a path, a name), stderr the bar.  The token is read from the terminal without an echo, or from
 * standard input; never from the command line, which others can see.
 * Layer: cli.  Depends on hub.h.  Read next: progress.c, docs/hub.md. */
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <taper/hub.h>
#include <termios.h>
#include <unistd.h>

/* ---- download -------------------------------------------------------------------------------------- */

static int download(const char *repo, char folder[PATH_MAX], tp_hub_options *o)
{
    o->struct_size = sizeof *o;
    o->progress = show_download;
    catch_signals();
    const tp_status status = tp_hub_download_opt(repo, folder, PATH_MAX, o);
    close_progress_line();
    print_notes();
    if (status == TP_ERR_STATE && caught_signal()) {
        tp_error_take(NULL, 0);
        complain("stopped; the same command goes on where this one ended");
        return EXIT_SIGNAL + caught_signal();
    }
    return status ? library_error() : EXIT_FINE;
}

static int hub_download(cli *c)
{
    char folder[PATH_MAX];
    if (c->n_words < 2)
        return usage_error("hub download wants REPO; 'taper help hub' says more");
    if (c->include && c->n_words > 2)
        return usage_error("hub download: --include chooses among all files; '%s' is one file", c->words[2]);
    tp_hub_options o = { .revision = c->revision, .local_dir = c->local_dir, .include = c->include };
    o.files = (const char *const *)c->words + 2;
    o.n_files = c->n_words - 2;
    const int code = download(c->words[1], folder, &o);
    if (!code)
        puts(folder);
    return code;
}

/* ---- hf:ORG/NAME[@REVISION][/FILE] ------------------------------------------------------------------ */

typedef struct hub_name {
    char repo[200], revision[200];
    const char *file; /* NULL: none */
} hub_name;

static bool parse_name(const char *text, hub_name *n)
{
    text += strlen("hf:");
    text += 2 * !strncmp(text, "//", 2);
    const char *slash = strchr(text, '/');
    const size_t repo = slash ? (size_t)(slash + 1 - text) + strcspn(slash + 1, "@/") : strcspn(text, "@");
    const size_t revision = text[repo] == '@' ? strcspn(text + repo + 1, "/") : 0;
    const char *rest = text + repo + (text[repo] == '@') + revision;
    if (!repo || repo >= sizeof n->repo || revision >= sizeof n->revision)
        return false;
    snprintf(n->repo, sizeof n->repo, "%.*s", (int)repo, text);
    snprintf(n->revision, sizeof n->revision, "%.*s", (int)revision, text + repo + 1);
    n->file = *rest == '/' && rest[1] ? rest + 1 : NULL;
    return true;
}

/* The one file of weights in a folder that was downloaded. */
static const char *weights_in(const char *folder, char path[PATH_MAX])
{
    static const char *const names[] = { "model.safetensors", "pytorch_model.bin" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (path_of(path, PATH_MAX, folder, names[i]) && !access(path, F_OK))
            return path;
    return NULL;
}

int fetch_from_hub(const char **path, bool of_weights)
{
    static char folder[PATH_MAX], file[PATH_MAX];
    hub_name n;
    if (!*path || strncmp(*path, "hf:", 3) != 0 || !access(*path, F_OK))
        return EXIT_FINE;
    if (!parse_name(*path, &n))
        return usage_error("'%s': hf:ORG/NAME, hf:ORG/NAME@REVISION or hf:ORG/NAME/FILE is wanted", *path);
    tp_hub_options o = { .pretrained = !n.file, .revision = *n.revision ? n.revision : NULL };
    o.files = &n.file;
    o.n_files = n.file != NULL;
    const int code = download(n.repo, folder, &o);
    if (code)
        return code;
    const char *asked = *path;
    *path = n.file       ? path_of(file, sizeof file, folder, n.file)
            : of_weights ? weights_in(folder, file)
                         : folder;
    if (!*path) {
        complain("%s: has neither model.safetensors nor pytorch_model.bin; name a file: hf:%s/FILE", asked,
                 n.repo);
        return EXIT_INPUT;
    }
    return EXIT_FINE;
}

/* ---- the account ----------------------------------------------------------------------------------- */

/* A line of a terminal that does not show it; Ctrl-C ends it, and the terminal is as it was. */
static bool read_hidden(char *text, size_t room)
{
    struct termios before, hidden;
    if (tcgetattr(STDIN_FILENO, &before))
        return false;
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    hidden.c_cc[VEOL] = before.c_cc[VINTR]; /* a signal would leave the terminal without an echo */
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    const ssize_t n = read(STDIN_FILENO, text, room - 1);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    text[n > 0 ? n : 0] = 0;
    return n > 0 && text[n - 1] != (char)before.c_cc[VINTR];
}

static int hub_login(void)
{
    char token[1024] = "", name[200];
    tp_hub_place place;
    if (tp_hub_where(&place) && tp_error_pending() != TP_ERR_ARGUMENT)
        return library_error();
    tp_error_take(NULL, 0); /* a token that is there may be wrong: a new one comes */
    if (!isatty(STDIN_FILENO)) {
        if (!fgets(token, sizeof token, stdin))
            return usage_error("hub login: standard input is empty; a token is wanted");
    } else {
        fprintf(stderr, "A token comes from %s/settings/tokens.\nToken (it is not shown): ", place.endpoint);
        if (!read_hidden(token, sizeof token))
            return EXIT_SIGNAL + 2;
    }
    if (tp_hub_login(token, name, sizeof name))
        return library_error();
    printf("logged in as %s; the token is in %s\n", name, place.token_file);
    return EXIT_FINE;
}

static int hub_logout(void)
{
    tp_hub_place place;
    if (tp_hub_where(&place) && tp_error_pending() != TP_ERR_ARGUMENT)
        return library_error();
    tp_error_take(NULL, 0);
    const bool was_there = !access(place.token_file, F_OK);
    if (tp_hub_logout())
        return library_error();
    printf(was_there ? "logged out; %s is removed\n" : "there is no token in %s\n", place.token_file);
    if (*place.token_from && strcmp(place.token_from, "file") != 0)
        complain("%s in the environment still counts", place.token_from);
    return EXIT_FINE;
}

static int hub_whoami(void)
{
    char name[200];
    if (tp_hub_whoami(name, sizeof name))
        return library_error();
    puts(name);
    return EXIT_FINE;
}

/* ---- the verb -------------------------------------------------------------------------------------- */

const char *hub_choice(int i)
{
    static const char *const names[] = { "download", "login", "logout", "whoami" };
    return i < (int)(sizeof names / sizeof *names) ? names[i] : NULL;
}

int verb_hub(cli *c)
{
    static int (*const simple[])(void) = { NULL, hub_login, hub_logout, hub_whoami };
    int what = 0;
    while (hub_choice(what) && strcmp(hub_choice(what), c->words[0]) != 0)
        what++;
    if (!hub_choice(what)) {
        const char *meant = nearest_name(c->words[0], hub_choice);
        return meant ? usage_error("hub: no '%s'; did you mean '%s'?", c->words[0], meant)
                     : usage_error("hub: no '%s'; download, login, logout or whoami is wanted", c->words[0]);
    }
    if (what == 0)
        return hub_download(c);
    if (c->n_words > 1)
        return usage_error("hub %s: '%s' is one word too many", c->words[0], c->words[1]);
    static const char *const of_download[] = { "revision", "local-dir", "include" };
    for (size_t i = 0; i < sizeof of_download / sizeof *of_download; i++)
        if (option_given(c, of_download[i]))
            return usage_error("hub %s: --%s belongs to hub download", c->words[0], of_download[i]);
    return simple[what]();
}

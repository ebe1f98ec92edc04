/* train.c - `taper train`: begin a run or go on with one, show how it goes, say what comes next.
 *
 * The library trains; this file checks that the words go together and talks.
 * Layer: cli.  Depends on train.h.  Read next: progress.c. */
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/text.h"

#include <taper/dist.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* ---- do the words go together? --------------------------------------------------------------------- */

static int check_resume(const cli *c)
{
    static const char *const allowed[] = { "resume", "epochs", "threads" };
    if (c->n_words)
        return usage_error("--resume takes model and data from the run; '%s' is one word too many",
                           c->words[0]);
    for (int i = 0; i < n_options; i++) {
        bool fine = !c->given[i];
        for (size_t k = 0; k < sizeof allowed / sizeof *allowed; k++)
            fine = fine || !strcmp(options[i].name, allowed[k]);
        if (!fine)
            return usage_error(
                "--%s cannot stand beside --resume: the run in '%s' has its own; a new run can change it",
                options[i].name, c->resume);
    }
    return 0;
}

static int check_new(const cli *c)
{
    for (int i = 0; i < n_options; i++)
        if (c->given[i] && !strcmp(options[i].group, "Tokenizer"))
            return usage_error("--%s belongs to 'taper train tokenizer'", options[i].name);
    if (!c->n_words)
        return usage_error("train wants MODEL --data PATH, or --resume DIR; 'taper help train' says more");
    if (!tp_model_find(c->words[0]))
        return no_model(c->words[0]);
    if (!c->train.data)
        return usage_error("train wants --data PATH: what to learn from, such as --data data/mnist");
    return 0;
}

/* The folders above the run folder; the library makes the last one. */
static int make_parents(const char *path)
{
    char text[4096];
    if (strlen(path) >= sizeof text)
        return usage_error("--out: the path is longer than %zu bytes", sizeof text - 1);
    strcpy(text, path);
    for (char *slash = strchr(text + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(text, 0777) && errno != EEXIST && errno != EISDIR) {
            int reason = errno;
            complain("%s: cannot make this folder: %s", text, strerror(reason));
            return reason == ENOSPC || reason == EDQUOT ? EXIT_OUTPUT : EXIT_INPUT;
        }
        *slash = '/';
    }
    return 0;
}

/* ---- before and after ------------------------------------------------------------------------------ */

/* Printed with the first step, when all that can be wrong with the words has been found. */
static void start_line(const tp_train_config *t, const char *folder, char *text, size_t room)
{
    char who[64];
    const int threads = tp_num_threads(), processes = tp_dist_size();
    if (processes > 1)
        snprintf(who, sizeof who, "%d processes of %d thread%s", processes, threads, threads > 1 ? "s" : "");
    else
        snprintf(who, sizeof who, "%d threads", threads);
    if (t)
        snprintf(text, room, "%s on %s -> %s  (%s, batch %lld, %s, %s%s)", t->model, t->data, folder,
                 t->optim, (long long)t->batch_size, who, tp_isa(),
                 strcmp(t->dtype, "bf16") != 0 || !tp_has_bf16() ? "" : ", bf16");
    else
        snprintf(text, room, "going on with %s  (%s, %s)", folder, who, tp_isa());
}

static void print_result(const tp_train_result *r)
{
    char duration[TEXT_ROOM];
    text_duration(duration, r->seconds);
    if (r->stopped_early)
        printf("stopped early: no better result in a while\n");
    if (!strcmp(r->best_of, "accuracy"))
        printf("best: %.2f %% of the test examples right, after epoch %lld; %s in all\n", 100 * r->best,
               (long long)r->best_epoch, duration);
    else
        printf("best: test %s %.6g, after epoch %lld; %s in all\n", r->best_of, r->best,
               (long long)r->best_epoch, duration);
    print_figures(r->figures, r->n_figures);
}

static void print_next(const char *out, const char *board, const tp_train_result *r)
{
    printf("\nlook at   %s/report.html\n", out);
    printf("try next  taper eval %s\n", out);
    if (r->verb)
        printf("          taper %s %s%s%s\n", r->verb, out, *r->words ? " " : "", r->words);
    printf("          taper summary %s\n", out);
    if (board)
        printf("          tensorboard --logdir %s\n", board);
}

static int interrupted(const char *out)
{
    const int signal = caught_signal();
    close_progress_line();
    printf("saved; to go on: taper train --resume %s\n", out);
    return EXIT_SIGNAL + (signal ? signal : SIGTERM); /* 0: another process caught it */
}

/* Of several processes the first one talks. */
static bool train_silently(void *start, const tp_progress *p)
{
    (void)start;
    (void)p;
    return !caught_signal();
}

static int show_end(const cli *c, const char *folder, const tp_train_result *result)
{
    if (result->stopped)
        return interrupted(folder);
    close_progress_line();
    print_result(result);
    print_next(folder, c->train.tensorboard, result);
    return EXIT_FINE;
}

static int train(cli *c)
{
    tp_train_result result = { 0 };
    char out[256], start[4096];
    int code = c->resume ? check_resume(c) : check_new(c);
    if (!code && tp_dist_begin())
        return library_error();
    if (code || (code = fetch_from_hub(&c->train.init, true)))
        return code;
    const char *folder = c->resume;
    if (!folder) {
        c->train.model = c->words[0];
        snprintf(out, sizeof out, "runs/%s", c->train.model);
        folder = c->train.out = c->train.out ? c->train.out : out;
        if (!tp_dist_rank() && is_run_folder(folder))
            return usage_error(
                "%s: holds a run; go on with it by taper train --resume %s, or choose another --out", folder,
                folder);
    }
    tp_train_config config = c->train; /* resolved, to be shown; the run resolves its own */
    if (!c->resume && (tp_train_config_resolve(&config) || (code = make_parents(folder))))
        return code ? code : library_error();
    catch_signals();
    start_line(c->resume ? NULL : &config, folder, start, sizeof start);
    const int rank = tp_dist_rank();
    tp_progress_fn *progress = rank ? train_silently : show_progress;
    tp_status status = c->resume ? tp_train_resume(folder, c->train.epochs, progress, start, &result)
                                 : tp_train_run(&c->train, progress, start, &result);
    if (status || tp_dist_end())
        return library_error();
    return rank ? EXIT_FINE : show_end(c, folder, &result);
}

int verb_train(cli *c)
{
    if (c->n_words && !strcmp(c->words[0], "tokenizer") && !c->resume)
        return train_tokenizer(c);
    const int code = train(c);
    fflush(stdout);
    if (code) /* the others may wait for this one */
        tp_dist_abort(code);
    return code;
}

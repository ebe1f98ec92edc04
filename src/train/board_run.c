/* board_run.c - what a run tells TensorBoard: curves, pictures, histograms, its network, options and command.
 *
 * Everything stands at the run's global step.  A run that goes on writes a file of its own, which takes back what older ones hold
 * of steps that are done again.  Nothing here changes a bit of the run.
 * Layer: train.  Depends on board.h, loop.h, run.h.  Read next: board.c, loop.c. */
#include "train/board_run.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/json.h"
#include "train/folder.h"
#include "train/run.h"
#include "train/task.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    POINTS = 200,
    PICTURES = 24,
    MAX_FILTERS = 256,
    MAX_OPTIONS = 128
}; /* points of a step's curve in an epoch */

static tp_board *board_of(const trainer *t)
{
    return t->board.board;
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

/* Where the build has no PNG, the run goes without pictures. */
static tp_status without_png(void)
{
    if (tp_error_pending() == TP_ERR_UNSUPPORTED)
        tp_error_take(NULL, 0);
    return tp_error_pending();
}

/* The first of the training, as it sees them. */
static tp_status put_pictures(const trainer *t)
{
    TP_SCOPE;
    tp_batch b = { 0 };
    if (!shows_pictures(t->setup))
        return TP_OK;
    tp_loader *loader = loader_as_seen(t->setup, t->train, PICTURES);
    if (loader && tp_loader_next(loader, &b))
        tp_board_images(board_of(t), "pictures/training", b.x, 0);
    return without_png();
}

/* Kernels of the first convolution: in colours where they read three, else grey; 0 is the grey in the middle. */
static tp_status put_filters(const trainer *t)
{
    TP_SCOPE;
    TP_NO_GRAD;
    for (int i = 0; i < tp_params_count(t->parameters); i++) {
        tp_tensor *w = tp_params_at(t->parameters, i);
        if (tp_ndim(w) != 4 || tp_size(w, 2) < 2)
            continue;
        if (tp_size(w, 1) != 3)
            w = tp_reshape(w, TP_SHAPE(-1, 1, tp_size(w, 2), tp_size(w, 3)));
        int64_t n = w ? tp_size(w, 0) : 0;
        w = tp_narrow(w, 0, 0, n < MAX_FILTERS ? n : MAX_FILTERS);
        tp_tensor *most = tp_clamp(tp_amax(tp_abs(w), TP_SHAPE(1, 2, 3), true), 1e-30, INFINITY);
        tp_board_images(board_of(t), "pictures/filters", tp_add(tp_mul(tp_div(w, most), 0.5), 0.5),
                        t->state.global_step);
        break;
    }
    return without_png();
}

static tp_status put_histograms(const trainer *t)
{
    char tag[600];
    for (int i = 0; i < tp_params_count(t->parameters) && !tp_pending(); i++) {
        TP_SCOPE;
        tp_tensor *w = tp_params_at(t->parameters, i), *g = tp_grad(w);
        snprintf(tag, sizeof tag, "weights/%s", tp_params_name(t->parameters, i));
        tp_board_histogram(board_of(t), tag, w, t->state.global_step);
        snprintf(tag, sizeof tag, "gradients/%s", tp_params_name(t->parameters, i));
        if (g)
            tp_board_histogram(board_of(t), tag, g, t->state.global_step);
    }
    return tp_error_pending();
}

/* ---- options: the configuration's fields that are not nothing, by their names in config.json ------------------------ */

typedef struct option_list {
    tp_metadata pairs[MAX_OPTIONS];
    char keys[MAX_OPTIONS][64], values[MAX_OPTIONS][32];
    int n;
} option_list;

/* "optim.lr" for lr of optim_options */
static void add_option(option_list *o, const char *section, const char *name, const js_value *v)
{
    double x = 0;
    const char *text = js_string(v);
    if (o->n == MAX_OPTIONS || (text ? !*text : !js_true(v) && !(js_number(v, &x) && x != 0)))
        return;
    snprintf(o->keys[o->n], sizeof *o->keys, "%.*s%s%s", (int)strcspn(section, "_"), section,
             *section ? "." : "", name);
    if (!text && js_true(v))
        text = "true";
    else if (!text)
        snprintf(o->values[o->n], sizeof *o->values, "%.10g", x);
    o->pairs[o->n] = (tp_metadata){ o->keys[o->n], text ? text : o->values[o->n] };
    o->n++;
}

static bool is_option(const char *name) /* and not about the file or the data */
{
    static const char *const others[] = { "taper", "format", "tensorboard", "workers", "dataset", "steps" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(others[i], name))
            return false;
    return true;
}

static tp_status put_options(const trainer *t, const js_value *config)
{
    static const char *const metrics[] = { "loss/test", "loss/train", "accuracy/test", "accuracy/train" };
    option_list *o = tp_calloc(sizeof *o);
    for (js_member m = js_first(config); o && m.name; js_next(config, &m)) {
        if (!is_option(m.name))
            continue;
        if (js_kind_of(m.value) != JS_OBJECT)
            add_option(o, "", m.name, m.value);
        else
            for (js_member k = js_first(m.value); k.name; js_next(m.value, &k))
                add_option(o, m.name, k.name, k.value);
    }
    if (o)
        tp_board_hparams(board_of(t), o->pairs, o->n, metrics, t->setup->classes ? 4 : 2);
    tp_free(o, sizeof *o);
    return tp_error_pending();
}

/* As code in Markdown: every line begins with four blanks. */
static tp_status put_code(const trainer *t, const char *tag, const char *text, size_t size)
{
    file_bytes code = { 0 };
    for (size_t at = 0; at < size && !tp_pending();) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t n = end ? (size_t)(end - (text + at)) + 1 : size - at;
        file_bytes_append(&code, "    ", 4);
        file_bytes_append(&code, text + at, n);
        at += n;
    }
    if (!tp_pending() && !file_bytes_append(&code, "", 1))
        tp_board_text(board_of(t), tag, (const char *)code.data, t->state.global_step);
    file_bytes_free(&code);
    return tp_error_pending();
}

static tp_status put_configuration(const trainer *t)
{
    char path[PATH_MAX];
    file_bytes text = { 0 };
    const char *command = t->config->command;
    if (command && put_code(t, "command", command, strlen(command)))
        return tp_error_pending();
    js_value *config = folder_path(path, t->folder, "config.json") ? NULL : js_read(path);
    if (config && !file_read(path, (int64_t)1 << 28, &text) &&
        !put_code(t, "config.json", (const char *)text.data, text.size))
        put_options(t, config);
    js_free(config);
    file_bytes_free(&text);
    return tp_error_pending();
}

/* ---- the run --------------------------------------------------------------------------------------------------------- */

static tp_status put_beginning(trainer *t)
{
    tp_status status;
    tp_shape input = setup_input(t->setup, &status);
    if (status || put_configuration(t))
        return tp_error_pending();
    if (t->state.global_step)
        return tp_board_restart(board_of(t), t->state.global_step + 1);
    if (tp_board_graph(board_of(t), t->net, input) || put_pictures(t))
        return tp_error_pending();
    return put_filters(t);
}

tp_status run_board_open(trainer *t)
{
    t->board = (run_board){ .loss_sum = t->state.loss_sum, .seen = t->state.seen, .gradient_norm = NAN };
    if (!t->config->tensorboard)
        return TP_OK;
    t->board.board = tp_board_open(t->config->tensorboard);
    return board_of(t) ? put_beginning(t) : tp_error_pending();
}

static bool is_told(const trainer *t, int64_t step) /* of the epoch, from 1 */
{
    const int64_t every = (t->steps + POINTS - 1) / POINTS;
    return step % every == 0 || step == t->steps;
}

tp_status run_board_gradients(trainer *t)
{
    t->board.gradient_norm = NAN;
    if (board_of(t) && is_told(t, t->state.step + 1))
        t->board.gradient_norm = tp_clip_grad_norm(t->parameters, HUGE_VAL); /* which clips nothing */
    return tp_error_pending();
}

typedef struct curve {
    const char *tag;
    double value;
} curve;

static tp_status put_curves(const trainer *t, const curve *curves, size_t n)
{
    for (size_t i = 0; i < n && !tp_pending(); i++)
        if (!isnan(curves[i].value))
            tp_board_scalar(board_of(t), curves[i].tag, curves[i].value, t->state.global_step);
    return tp_error_pending();
}

tp_status run_board_step(trainer *t, const tp_progress *p)
{
    run_board *b = &t->board;
    if (!b->board || !is_told(t, t->state.step))
        return TP_OK;
    if (t->state.seen < b->seen) /* a new epoch */
        *b = (run_board){ .board = b->board, .gradient_norm = b->gradient_norm };
    const curve curves[] = {
        { "step/loss", (t->state.loss_sum - b->loss_sum) / (double)(t->state.seen - b->seen) },
        { "step/gradient_norm", b->gradient_norm },
        { "step/learning_rate", p->lr },
        { "step/examples_per_second", p->examples_per_second },
    };
    b->loss_sum = t->state.loss_sum;
    b->seen = t->state.seen;
    return put_curves(t, curves, sizeof curves / sizeof *curves);
}

tp_status run_board_epoch(trainer *t, const tp_progress *p)
{
    char tag[80];
    const curve curves[] = {
        { "loss/train", p->train_loss },         { "loss/test", p->test_loss },
        { "accuracy/train", p->train_accuracy }, { "accuracy/test", p->test_accuracy },
        { "epoch/learning_rate", p->lr },        { "epoch/examples_per_second", p->examples_per_second },
        { "epoch/seconds", p->seconds },         { "epoch/number", (double)p->epoch },
    };
    t->board.loss_sum = 0;
    t->board.seen = 0;
    if (!board_of(t) || put_curves(t, curves, sizeof curves / sizeof *curves))
        return tp_error_pending();
    for (int i = 0; i < p->n_figures && !tp_pending(); i++) {
        snprintf(tag, sizeof tag, "figures/%s", p->figures[i].name);
        put_curves(t, &(curve){ tag, p->figures[i].value }, 1);
    }
    return put_histograms(t) ? tp_error_pending() : put_filters(t);
}

tp_status run_board_close(trainer *t)
{
    return board_of(t) && !t->stopped ? tp_board_hparams_end(board_of(t), true) : tp_error_pending();
}

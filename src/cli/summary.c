/* summary.c - `taper summary MODEL|DIR`: layers, output shapes, parameters, multiply-adds, memory.
 *
 * The library measures by a dry run, so a network larger than the machine can be summed up.
 * Layer: cli.  Depends on train.h, json.h.  Read next: models.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <string.h>

/* ---- which network, which input -------------------------------------------------------------------- */

static int options_of_run(const cli *c)
{
    for (int i = 0; i < n_options; i++)
        if (c->given[i] && options[i].verbs & IN_summary && !strcmp(options[i].group, "Model"))
            return usage_error("--%s: the run in '%s' has its own; it can only be given with a model's name",
                               options[i].name, c->words[0]);
    return 0;
}

/* ---- as a table ------------------------------------------------------------------------------------ */

enum { NAME = 22, TYPE = 18, SHAPE = 18, NUMBER = 10 };

static void print_row(const tp_summary_row *r)
{
    char name[160], shape[TEXT_ROOM], count[TEXT_ROOM], work[TEXT_ROOM];
    const char *last = strrchr(r->name, '.');
    snprintf(name, sizeof name, "%*s%s", r->depth > 1 ? 2 * (r->depth - 1) : 0, "",
             last ? last + 1 : r->name);
    print_padded(stdout, name, NAME - 1);
    putchar(' ');
    print_padded(stdout, r->type, TYPE - 1);
    putchar(' ');
    print_padded(stdout, text_shape(shape, r->output), SHAPE);
    printf(" %*s %*s\n", NUMBER, r->params ? text_count(count, r->params) : "-", NUMBER - 1,
           r->flops > 0 ? text_quantity(work, r->flops / 2) : "-");
}

static void print_rule(void)
{
    for (int i = 0; i < NAME + TYPE + SHAPE + 2 * NUMBER + 1; i++)
        putchar('-');
    putchar('\n');
}

static void print_summary(const char *what, tp_shape input, const tp_summary *s)
{
    char a[TEXT_ROOM], b[TEXT_ROOM];
    printf("%s%s%s, input %s\n\n", bold(stdout), what, no_style(stdout), text_shape(a, input));
    printf("%-*s%-*s%-*s %*s %*s\n", NAME, "name", TYPE, "type", SHAPE, "output", NUMBER, "parameters",
           NUMBER - 1, "mult-adds");
    print_rule();
    for (int i = 0; i < s->n_rows; i++)
        print_row(&s->rows[i]);
    print_rule();
    printf("%-16s%12s   (%s trainable)\n", "parameters", text_count(a, s->params),
           text_count(b, s->trainable));
    printf("%-16s%12s   in one forward pass\n", "multiply-adds", text_count(a, (int64_t)(s->flops / 2)));
    printf("%-16s%12s   parameters\n", "memory", text_bytes(a, 4 * (double)s->params));
    printf("%-16s%12s   outputs that stay for the backward pass\n", "",
           text_bytes(a, (double)s->activation_bytes));
}

/* ---- as JSON --------------------------------------------------------------------------------------- */

static void json_summary(const char *what, tp_shape input, const tp_summary *s)
{
    emit_object(NULL);
    emit_text("model", what);
    emit_shape("input", input);
    emit_list("modules");
    for (int i = 0; i < s->n_rows; i++) {
        emit_object(NULL);
        emit_text("name", s->rows[i].name);
        emit_text("type", s->rows[i].type);
        emit_text("info", s->rows[i].info);
        emit_shape("output", s->rows[i].output);
        emit_integer("parameters", s->rows[i].params);
        emit_integer("multiply_adds", (int64_t)(s->rows[i].flops / 2));
        emit_end();
    }
    emit_end();
    emit_integer("parameters", s->params);
    emit_integer("trainable", s->trainable);
    emit_integer("multiply_adds", (int64_t)(s->flops / 2));
    emit_integer("parameter_bytes", 4 * s->params);
    emit_integer("activation_bytes", s->activation_bytes);
    emit_end();
}

int verb_summary(cli *c)
{
    TP_SCOPE;
    const char *what = c->words[0];
    const tp_model_info *info = tp_model_find(what);
    const tp_model_options *o = &c->train.model_options;
    int64_t batch = c->train.batch_size ? c->train.batch_size : 1;
    tp_module *net = NULL;
    tp_summary s = { 0 };
    if (info) {
        net = tp_model_opt(what, o);
    } else if (is_directory(what)) {
        int code = options_of_run(c);
        if (code)
            return code;
        tp_run *run = tp_run_open(what);
        if (!run)
            return library_error();
        const tp_train_config *config = tp_run_config(run);
        net = tp_run_model(run);
        o = &config->model_options;
        info = tp_model_find(config->model);
    } else if (strchr(what, '/')) {
        complain("%s: no run folder there, and no model by that name", what);
        return EXIT_INPUT;
    }
    if (!info && !tp_error_pending())
        return no_model(what);
    tp_shape input = { 0 };
    if (net)
        input = model_input(info, o, batch);
    if (!net || tp_summarize(net, input, &s))
        return library_error();
    (c->json ? json_summary : print_summary)(what, input, &s);
    tp_summary_free(&s);
    return EXIT_FINE;
}

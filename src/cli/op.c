/* op.c - `taper op NAME FILE...`: any operation of the library on arrays in files, and its gradients.
 *
 * Nothing here knows an operation by name: inputs, attributes and outputs follow from its row in the table.
 * Layer: cli.  Depends on ops.h, io.h.  Read next: op_list.c, which tells about operations. */
#include "cli/op.h"
#include "cli/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <taper/io.h>

typedef struct job {
    const cli *c;
    const tp_op *op;
    int n_in, n_out;
    tp_tensor *in[TP_MAX_INPUTS], *out[TP_MAX_PARTS];
    _Alignas(16) char attrs[1024];
} job;

/* ---- attributes ------------------------------------------------------------------------------------ */

static const tp_attr *attribute(const tp_op *op, const char *name, size_t length)
{
    for (const tp_attr *a = op->attrs; a && a->name; a++)
        if (strlen(a->name) == length && !memcmp(a->name, name, length))
            return a;
    return NULL;
}

static const tp_op *names_of; /* whose attributes attribute_choice lists */

static const char *attribute_choice(int i)
{
    for (const tp_attr *a = names_of->attrs; a && a->name; a++)
        if (i-- == 0)
            return a->name;
    return NULL;
}

static int no_attribute(const tp_op *op, const char *name, size_t length)
{
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(length < 60 ? length : 60), name);
    names_of = op;
    const char *meant = nearest_name(word, attribute_choice);
    if (meant)
        return usage_error("op %s has no option '--%s'; did you mean '--%s'?", op->name, word, meant);
    return usage_error("op %s has no option '--%s'; 'taper op %s --help' lists them", op->name, word,
                       op->name);
}

int op_option(cli *c, const char *name, size_t length, const char *value, const char *next, int *used)
{
    if (!c->n_words)
        return usage_error("op: the name of the operation comes before '--%.*s'", (int)length, name);
    const tp_op *op = tp_op_find(c->words[0]);
    if (!op)
        return no_op(c->words[0]);
    const tp_attr *a = attribute(op, name, length);
    if (!a)
        return no_attribute(op, name, length);
    if (!value && a->type != TP_ATTR_BOOL) {
        if (!next)
            return usage_error("--%s wants a value; 'taper op %s --help' says which", a->name, op->name);
        value = next;
        *used = 2;
    }
    for (int i = 0; i < c->n_attributes; i++)
        if (!strcmp(c->attribute_names[i], a->name))
            return usage_error("--%s is given twice: '%s', then '%s'", a->name, c->attribute_texts[i],
                               value ? value : "");
    if (c->n_attributes == MAX_ATTRIBUTES)
        return usage_error("op: more than %d attributes", MAX_ATTRIBUTES);
    c->attribute_names[c->n_attributes] = a->name;
    c->attribute_texts[c->n_attributes++] = value ? value : "";
    return 0;
}

static int read_attributes(job *j)
{
    const cli *c = j->c;
    const char *given[MAX_ATTRIBUTES + 1];
    int n = 0;
    if (j->op->attrs_size > sizeof j->attrs)
        return usage_error("op %s: its attributes are too large", j->op->name);
    tp_op_defaults(j->op, j->attrs);
    for (int i = 0; i < c->n_attributes; i++) {
        tp_op_set(j->op, j->attrs, c->attribute_names[i], c->attribute_texts[i]);
        given[n++] = c->attribute_names[i];
    }
    if (op_takes_text(j->op) && c->n_words > 1) {
        tp_op_set(j->op, j->attrs, j->op->attrs->name, c->words[1]);
        given[n++] = j->op->attrs->name;
    }
    if (tp_error_pending())
        return library_error();
    const char *missing = tp_op_missing(j->op, given, n);
    return missing ? usage_error("op %s wants --%s; 'taper op %s --help' says more", j->op->name, missing,
                                 j->op->name)
                   : 0;
}

/* ---- inputs ---------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

/* "2", "-0.5", "inf": a C number, which does not decide the dtype. */
static tp_tensor *read_number(const char *word)
{
    char *end;
    errno = 0;
    long long whole = strtoll(word, &end, 10);
    if (*word && !*end && !errno)
        return tp_integer(whole);
    double real = strtod(word, &end);
    return *word && !*end ? tp_number(real) : NULL;
}

/* weights.safetensors:conv1.weight, weights.pth:conv1.weight, arrays.npz:x */
static tp_tensor *read_member(const char *word, const char *colon)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%.*s", (int)(colon - word), word) >= (int)sizeof path) {
        tp_error_set(TP_ERR_ARGUMENT, "%s: the path is too long", word);
        return NULL;
    }
    if (ends_with(path, ".npz"))
        return tp_npz_read_one(path, colon + 1);
    tp_params *all = tp_weights_read(path);
    tp_tensor *x = tp_params_find(all, colon + 1);
    if (!x && !tp_error_pending())
        tp_error_set(TP_ERR_ARGUMENT, "%s: holds no tensor '%s'; 'taper inspect' lists them", path,
                     colon + 1);
    return x;
}

static tp_tensor *read_input(const char *word)
{
    const char *colon = strrchr(word, ':');
    if (*word == '[')
        return tp_from_list(word);
    if (colon && colon > word && !ends_with(word, ".npy"))
        return read_member(word, colon);
    return tp_npy_read(word);
}

static int wrong_count(const tp_op *op, int got)
{
    return usage_error("op %s takes %s%s%s, %d %s given", op->name, op_takes_text(op) ? op->attrs->name : "",
                       op_takes_text(op) ? " " : "", *op->inputs ? op->inputs : "no input", got,
                       got == 1 ? "is" : "are");
}

static int read_inputs(job *j)
{
    const cli *c = j->c;
    int first = 1 + op_takes_text(j->op), words = c->n_words - first;
    if (words < op_least_inputs(j->op) || words > (j->op->n_in < 0 ? TP_MAX_INPUTS : j->op->n_in))
        return wrong_count(j->op, words < 0 ? 0 : words);
    j->n_in = j->op->n_in < 0 ? words : j->op->n_in; /* optional ones that are not named stay NULL */
    bool wants_gradient = c->grad || c->backward_of;
    for (int i = 0; i < words && !tp_error_pending(); i++) {
        const char *word = c->words[first + i];
        if (!strcmp(word, "none"))
            continue;
        tp_tensor *number = read_number(word);
        j->in[i] = number ? number : read_input(word);
        if (j->in[i] && !number && wants_gradient && tp_dtype_is_float(tp_dtype_of(j->in[i])))
            tp_requires_grad_(j->in[i], true);
    }
    return library_error();
}

/* ---- outputs --------------------------------------------------------------------------------------- */

/* y.npy, or y0.npy, y1.npy where there are several */
static int write_numbered(const char *path, int i, bool several, tp_tensor *t)
{
    char name[4096], shape[TEXT_ROOM];
    size_t stem = strlen(path) - (ends_with(path, ".npy") ? 4 : 0);
    if (several)
        snprintf(name, sizeof name, "%.*s%d.npy", (int)stem, path, i);
    else
        snprintf(name, sizeof name, "%s", path);
    if (tp_npy_write(name, t))
        return library_error();
    printf("%s  %s %s\n", name, tp_dtype_name(tp_dtype_of(t)), text_shape(shape, tp_shape_of(t)));
    return 0;
}

static int put_outputs(const job *j)
{
    int code = 0;
    for (int i = 0; i < j->n_out && !code; i++)
        if (j->out[i] && j->c->out)
            code = write_numbered(j->c->out, i, j->n_out > 1, tp_detach(j->out[i]));
        else if (j->out[i])
            tp_print(tp_detach(j->out[i]), stdout);
    return code ? code : library_error();
}

/* ---- gradients ------------------------------------------------------------------------------------- */

static tp_tensor *seed_of(const job *j, tp_tensor *y)
{
    if (j->c->grad)
        return tp_npy_read(j->c->grad);
    bool mean = !strcmp(j->c->backward_of, "mean");
    return tp_full_like(y, mean && tp_numel(y) ? 1 / (double)tp_numel(y) : 1);
}

static int put_gradients(const job *j)
{
    tp_tensor *leaves[TP_MAX_INPUTS], *grads[TP_MAX_INPUTS] = { 0 }, *y = NULL;
    int n = 0, place[TP_MAX_INPUTS];
    for (int i = 0; i < j->n_out && !y; i++)
        y = tp_requires_grad(j->out[i]) ? j->out[i] : NULL;
    if (!y)
        return usage_error("op %s: %s", j->op->name,
                           j->op->not_differentiable ? "is not differentiable"
                                                     : "no input here has a gradient");
    for (int i = 0; i < j->n_in; i++)
        if (tp_requires_grad(j->in[i])) {
            place[n] = i;
            leaves[n++] = j->in[i];
        }
    if (tp_gradients(y, leaves, n, grads, .gradient = seed_of(j, y)))
        return library_error();
    int code = 0;
    for (int k = 0; k < n && !code; k++)
        code = write_numbered(j->c->grad_out ? j->c->grad_out : "dx.npy", place[k], true,
                              grads[k] ? grads[k] : tp_zeros_like(leaves[k]));
    return code;
}

/* ---- the verb -------------------------------------------------------------------------------------- */

static int run(job *j)
{
    int code = read_attributes(j);
    code = code ? code : read_inputs(j);
    if (code)
        return code;
    if (tp_apply_n(j->op, j->in, j->n_in, j->attrs, j->out))
        return library_error();
    j->n_out = j->op->n_out > 0 ? j->op->n_out : j->op->n_out == 0;
    while (j->op->n_out < 0 && j->n_out < TP_MAX_PARTS && j->out[j->n_out])
        j->n_out++;
    code = put_outputs(j);
    return code || !(j->c->grad || j->c->backward_of) ? code : put_gradients(j);
}

int verb_op(cli *c)
{
    if (c->list || (c->markdown && !c->n_words))
        return c->n_words ? usage_error("op --list takes no word, but '%s' is given", c->words[0])
                          : op_print_list(c);
    if (!c->n_words)
        return usage_error("op wants the name of an operation; 'taper op --list' shows them all");
    job j = { .c = c, .op = tp_op_find(c->words[0]) };
    if (!j.op)
        return no_op(c->words[0]);
    if (c->help) {
        op_print_page(j.op);
        return EXIT_FINE;
    }
    if (c->grad && c->backward_of)
        return usage_error("op: --grad and --backward-of exclude each other");
    return run(&j);
}

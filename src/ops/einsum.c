/* einsum.c - sums of products by an equation: "bij,bjk->bik".
 *
 * The equation is read, then bound to the operands' shapes; repeated letters become diagonals and sizes of 1 are left out,
 * both views; contract.c multiplies what is left; the result gets its dims in the output's order, again a view.
 * Every malformed equation is an error that shows it, the position, and the shapes.
 * Layer: ops.  Depends on contract.c.  Read next: einsum.h, contract.c. */
#include "ops/einsum.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct subscripts {
    int n; /* letters */
    uint8_t label[TP_MAX_DIMS];
    int position[TP_MAX_DIMS]; /* of each in the text */
    int ellipsis;              /* so many letters stand before it; -1: there is none */
    int begin;                 /* in the text */
} subscripts;

typedef struct equation {
    const char *text;
    const tp_call *call;
    int n; /* operands */
    subscripts in[EINSUM_OPERANDS], out;
    bool has_output;
    int dotted; /* dims of the longest "..." */
    int64_t size[EINSUM_LABELS];
} equation;

/* ---- errors --------------------------------------------------------------------------------------------------------------- */

static tp_status wrong(const equation *e, tp_status status, int position, const char *format, ...)
    TP_PRINTF(4, 5);
static tp_status wrong(const equation *e, tp_status status, int position, const char *format, ...)
{
    char what[256], shapes[256];
    va_list arguments;
    size_t used = 0;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    shapes[0] = 0;
    for (int i = 0; i < e->call->n_in && used < sizeof shapes; i++)
        used += (size_t)snprintf(shapes + used, sizeof shapes - used, i ? ", %s" : "%s",
                                 tensor_shape_text(e->call->in[i]));
    return tp_fail(status, "einsum: '%.200s', position %d: %s; operands %s%s", e->text, position, what,
                   shapes, used < sizeof shapes ? "" : " ...");
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------- */

static int label_of(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

static char letter_of(int label)
{
    return label >= 52 ? '.' : (char)(label < 26 ? 'A' + label : 'a' + label - 26);
}

static tp_status read_letter(const equation *e, subscripts *s, int at)
{
    int label = label_of(e->text[at]);
    if (label < 0)
        return wrong(e, TP_ERR_ARGUMENT, at, "a letter, ',', '...' or '->' is wanted, not %s%.1s%s",
                     e->text[at] >= ' ' && e->text[at] < 127 ? "'" : "a character outside of ASCII",
                     e->text[at] >= ' ' && e->text[at] < 127 ? e->text + at : "",
                     e->text[at] >= ' ' && e->text[at] < 127 ? "'" : "");
    if (s->n == TP_MAX_DIMS)
        return wrong(e, TP_ERR_SHAPE, at, "more than %d letters; a tensor has at most as many dims",
                     TP_MAX_DIMS);
    s->position[s->n] = at;
    s->label[s->n++] = (uint8_t)label;
    return TP_OK;
}

static tp_status read_dots(const equation *e, subscripts *s, int *at)
{
    if (e->text[*at + 1] != '.' || e->text[*at + 2] != '.')
        return wrong(e, TP_ERR_ARGUMENT, *at, "a '.' that is not a part of '...'");
    if (s->ellipsis >= 0)
        return wrong(e, TP_ERR_ARGUMENT, *at, "a second '...' in one operand");
    s->ellipsis = s->n;
    *at += 2;
    return TP_OK;
}

static tp_status read_equation(equation *e)
{
    subscripts *s = &e->in[0];
    e->n = 1;
    *s = e->out = (subscripts){ .ellipsis = -1 };
    for (int at = 0; e->text[at]; at++) {
        if (e->text[at] == ' ')
            continue;
        if (e->text[at] == ',') {
            if (e->has_output)
                return wrong(e, TP_ERR_ARGUMENT, at, "a ',' after '->'; there is one output");
            if (e->n == EINSUM_OPERANDS)
                return wrong(e, TP_ERR_ARGUMENT, at, "more than %d operands", EINSUM_OPERANDS);
            s = &e->in[e->n++];
            *s = (subscripts){ .ellipsis = -1, .begin = at + 1 };
        } else if (e->text[at] == '-') {
            if (e->text[at + 1] != '>')
                return wrong(e, TP_ERR_ARGUMENT, at, "a '-' without '>' after it");
            if (e->has_output)
                return wrong(e, TP_ERR_ARGUMENT, at, "a second '->'");
            e->has_output = true;
            s = &e->out;
            s->begin = at += 1;
        } else if (e->text[at] == '.' ? read_dots(e, s, &at) : read_letter(e, s, at))
            return tp_error_pending();
    }
    if (e->n != e->call->n_in)
        return wrong(e, TP_ERR_ARGUMENT, 0, "subscripts for %d operands, got %d", e->n, e->call->n_in);
    return TP_OK;
}

/* ---- binding to the shapes ------------------------------------------------------------------------------------------------------ */

/* The label of every dim of operand i. */
static void labels_of(const subscripts *s, int ndim, uint8_t *label)
{
    int dotted = ndim - s->n;
    for (int d = 0, letter = 0; d < ndim; d++) {
        int k = d - s->ellipsis;
        label[d] = s->ellipsis >= 0 && k >= 0 && k < dotted ? (uint8_t)(EINSUM_LABELS - dotted + k)
                                                            : s->label[letter++];
    }
}

static tp_status bind_dim(equation *e, int operand, int label, int64_t size, int position, uint64_t *own,
                          int64_t *own_size)
{
    if (*own >> label & 1 && own_size[label] != size)
        return wrong(e, TP_ERR_SHAPE, position, "'%c' stands twice in operand %d, with sizes %lld and %lld",
                     letter_of(label), operand, (long long)own_size[label], (long long)size);
    *own |= UINT64_C(1) << label;
    own_size[label] = size;
    if (size != 1 && e->size[label] != 1 && e->size[label] != size)
        return wrong(e, TP_ERR_SHAPE, position, "'%c' has size %lld in operand %d, %lld before",
                     letter_of(label), (long long)size, operand, (long long)e->size[label]);
    e->size[label] = e->size[label] == 1 ? size : e->size[label];
    return TP_OK;
}

static tp_status bind_operand(equation *e, int i)
{
    const subscripts *s = &e->in[i];
    const tp_tensor *x = e->call->in[i];
    uint8_t label[TP_MAX_DIMS];
    uint64_t own = 0;
    int64_t own_size[EINSUM_LABELS];
    if (s->ellipsis < 0 ? s->n != x->ndim : s->n > x->ndim)
        return wrong(e, TP_ERR_SHAPE, s->begin, "%d letters%s for operand %d, which has %d dims", s->n,
                     s->ellipsis < 0 ? "" : " beside '...'", i, x->ndim);
    labels_of(s, x->ndim, label);
    for (int d = 0, letter = 0; d < x->ndim; d++) {
        int position = label[d] >= 52 ? s->begin : s->position[letter++];
        if (bind_dim(e, i, label[d], x->shape[d], position, &own, own_size))
            return tp_error_pending();
    }
    if (x->ndim - s->n > e->dotted)
        e->dotted = x->ndim - s->n;
    return TP_OK;
}

/* Every letter that stands once, in alphabetical order, after "...". */
static tp_status implicit_output(equation *e)
{
    int count[52] = { 0 };
    for (int i = 0; i < e->n; i++)
        for (int k = 0; k < e->in[i].n; k++)
            count[e->in[i].label[k]]++;
    e->out = (subscripts){ .ellipsis = e->dotted ? 0 : -1 };
    for (int label = 0; label < 52; label++) {
        if (count[label] != 1)
            continue;
        if (e->out.n + e->dotted == TP_MAX_DIMS)
            return wrong(e, TP_ERR_SHAPE, 0, "the output has more than %d dims", TP_MAX_DIMS);
        e->out.label[e->out.n++] = (uint8_t)label;
    }
    return TP_OK;
}

static tp_status check_output(equation *e, uint64_t known)
{
    uint64_t seen = 0;
    for (int k = 0; k < e->out.n; k++) {
        int label = e->out.label[k];
        if (!(known >> label & 1))
            return wrong(e, TP_ERR_ARGUMENT, e->out.position[k],
                         "'%c' stands in the output and in no operand", letter_of(label));
        if (seen >> label & 1)
            return wrong(e, TP_ERR_ARGUMENT, e->out.position[k], "'%c' stands twice in the output",
                         letter_of(label));
        seen |= UINT64_C(1) << label;
    }
    if (e->out.n + (e->out.ellipsis >= 0 ? e->dotted : 0) > TP_MAX_DIMS)
        return wrong(e, TP_ERR_SHAPE, e->out.begin, "the output has more than %d dims", TP_MAX_DIMS);
    return TP_OK;
}

static tp_status bind_shapes(equation *e)
{
    uint64_t known = 0;
    for (int i = 0; i < EINSUM_LABELS; i++)
        e->size[i] = 1;
    for (int i = 0; i < e->n; i++) {
        if (bind_operand(e, i))
            return tp_error_pending();
        for (int k = 0; k < e->in[i].n; k++)
            known |= UINT64_C(1) << e->in[i].label[k];
    }
    return e->has_output ? check_output(e, known) : implicit_output(e);
}

/* ---- the operands as terms ------------------------------------------------------------------------------------------------------- */

/* Diagonals of what stands twice; each moves to the end. */
static void take_diagonals(term *t)
{
    for (int a = 0; a < t->ndim; a++)
        for (int b = a + 1; b < t->ndim; b++)
            if (t->label[a] == t->label[b]) {
                uint8_t label = t->label[a];
                t->tensor = tp_diagonal(t->tensor, 0, a, b);
                memmove(t->label + b, t->label + b + 1, (size_t)(t->ndim - b - 1));
                memmove(t->label + a, t->label + a + 1, (size_t)(t->ndim - a - 2));
                t->ndim--;
                t->label[t->ndim - 1] = label;
                b = a; /* another label stands at a now */
            }
}

static term term_of(const equation *e, int i)
{
    term t = { .tensor = e->call->in[i], .ndim = e->call->in[i]->ndim };
    tp_shape shape = { 0 };
    labels_of(&e->in[i], t.ndim, t.label);
    take_diagonals(&t);
    for (int d = 0; t.tensor && d < t.ndim; d++)
        if (t.tensor->shape[d] != 1) {
            t.label[shape.ndim] = t.label[d];
            shape.dim[shape.ndim++] = t.tensor->shape[d];
        }
    if (t.tensor && shape.ndim < t.ndim)
        t.tensor = tp_view(t.tensor, shape);
    t.ndim = shape.ndim;
    for (int d = 0; d < t.ndim; d++)
        t.labels |= UINT64_C(1) << t.label[d];
    return t;
}

/* The result with its dims in the output's order, those of size 1 among them. */
static tp_tensor *in_output_order(const equation *e, const term *y, const uint8_t *label, int n)
{
    tp_shape order = { 0 }, shape = { .ndim = n };
    bool same = true;
    for (int i = 0; i < n; i++) {
        shape.dim[i] = e->size[label[i]];
        for (int d = 0; d < y->ndim; d++)
            if (y->label[d] == label[i]) {
                same &= d == order.ndim;
                order.dim[order.ndim++] = d;
            }
    }
    tp_tensor *result = same && e->n > 1 ? y->tensor : tp_permute(y->tensor, order);
    return order.ndim == n ? result : tp_view(result, shape);
}

static void einsum_compose(tp_call *c)
{
    equation e = { .text = *(const char *const *)c->attrs, .call = c };
    uint8_t label[TP_MAX_DIMS], wanted[TP_MAX_DIMS];
    term terms[EINSUM_OPERANDS];
    uint64_t out = 0;
    int n_wanted = 0;
    if (!e.text) {
        tp_fail(TP_ERR_ARGUMENT, "einsum: the equation is NULL");
        return;
    }
    if (read_equation(&e) || bind_shapes(&e))
        return;
    int n = e.out.n + (e.out.ellipsis >= 0 ? e.dotted : 0);
    labels_of(&e.out, n, label);
    for (int i = 0; i < n; i++)
        if (e.size[label[i]] != 1) {
            wanted[n_wanted++] = label[i];
            out |= UINT64_C(1) << label[i];
        }
    for (int i = 0; i < e.n; i++)
        terms[i] = term_of(&e, i);
    if (tp_pending())
        return;
    term y = einsum_contract(terms, e.n, out, wanted, n_wanted, e.size, e.text);
    if (y.tensor)
        c->out[0] = in_output_order(&e, &y, label, n);
}

COMPOSED_OP(einsum, "tensors...", -1,
            "y = sums of products of the tensors' elements, dims by the letters of equation",
            OP_ATTRS(const char *, { "equation", TP_ATTR_TEXT, 0, TP_REQUIRED, NULL }),
            OP_EXAMPLES({ "2,3 3,4", &(const char *){ "ij,jk->ik" } },
                        { "2,3,4@t 2,4,5", &(const char *){ "bij,bjk->bki" } },
                        { "3,3", &(const char *){ "ii" } }, { "2,3,3", &(const char *){ "aii->ai" } },
                        { "2,3 4,3,5 2,5", &(const char *){ "bn,anm,bm->ba" } },
                        { "3 4 2", &(const char *){ "i,j,k->kji" } },
                        { "2,1,3,4 5,4,2@t", &(const char *){ "...ij,...jk" } },
                        { "2,3 2,3@t", &(const char *){ "ij,ij->" } },
                        { "s 2,3", &(const char *){ ",ab->ba" } }, { "2,0 0,3", &(const char *){ "ij,jk" } },
                        { "3,4,2 3,4,2@t", &(const char *){ "bqh,bkh->hqk" } }));

tp_tensor *tp_einsum(const char *text, tp_tensor *const *tensors, int n)
{
    return tp_apply(&tp_op_einsum, tensors, n, &text);
}

/* contract.c - products of tensors with labelled dims: the order of the products, and each as one batched matmul.
 *
 * A pair has four kinds of labels: in both and kept (batch), in both and summed (inner), in one of them (rows, columns).
 * Permuted and joined dims are views wherever the strides allow it, and the order within each kind is chosen so that they do.
 * Up to OPTIMAL terms the order is the cheapest of all, by a table over subsets; above that the next pair is always
 * the one whose result is smallest beside its factors.
 * Layer: ops.  Depends on matmul.c.  Read next: einsum.c. */
#include "ops/einsum.h"

#include <math.h>
#include <string.h>

enum { OPTIMAL = 8 };

typedef struct contraction {
    term *terms;
    int n;
    uint64_t out;
    const uint8_t *order;
    int n_order;
    const int64_t *size;
    const char *equation;
} contraction;

static int count_of(uint64_t labels)
{
    return __builtin_popcountll(labels);
}

static double elements_of(const contraction *c, uint64_t labels)
{
    double n = 1;
    for (; labels; labels &= labels - 1)
        n *= (double)c->size[__builtin_ctzll(labels)];
    return n;
}

static int place_of(const term *t, int label)
{
    int i = 0;
    while (t->label[i] != label)
        i++;
    return i;
}

/* ---- one term ---------------------------------------------------------------------------------------------------------- */

static void set_labels(term *t, const uint8_t *label, int n)
{
    t->ndim = n;
    t->labels = 0;
    for (int i = 0; i < n; i++) {
        t->label[i] = label[i];
        t->labels |= UINT64_C(1) << label[i];
    }
}

/* Sums over the labels that neither the output nor another term has. */
static void sum_alone(const contraction *c, int which)
{
    term *t = &c->terms[which];
    uint64_t others = c->out;
    tp_shape dims = { 0 };
    uint8_t left[TP_MAX_DIMS];
    int n = 0;
    for (int i = 0; i < c->n; i++)
        others |= i == which ? 0 : c->terms[i].labels;
    for (int i = 0; i < t->ndim; i++)
        if (others >> t->label[i] & 1)
            left[n++] = t->label[i];
        else
            dims.dim[dims.ndim++] = i;
    if (!dims.ndim)
        return;
    t->tensor = tp_sum(t->tensor, dims, false);
    set_labels(t, left, n);
}

/* ---- a pair without a sum: element by element --------------------------------------------------------------------------- */

/* t with its dims in the order of label, and a dim of size 1 for each that it lacks. */
static tp_tensor *spread(const term *t, const uint8_t *label, int n)
{
    tp_shape order = { 0 }, shape = { .ndim = n };
    bool same = t->ndim == n;
    for (int i = 0; i < n; i++) {
        shape.dim[i] = 1;
        if (!(t->labels >> label[i] & 1))
            continue;
        int at = place_of(t, label[i]);
        same &= at == i;
        shape.dim[i] = tp_size(t->tensor, at);
        order.dim[order.ndim++] = at;
    }
    if (same)
        return t->tensor;
    tp_tensor *y = tp_permute(t->tensor, order);
    return order.ndim == n ? y : tp_view(y, shape);
}

/* The labels in `set`, as the output wants them; then those that it has not, as the two terms have them. */
static int in_order(const contraction *c, const term *a, const term *b, uint64_t set, uint8_t *label)
{
    int n = 0;
    for (int i = 0; i < c->n_order; i++)
        if (set >> c->order[i] & 1)
            label[n++] = c->order[i];
    for (int k = 0; k < 2; k++) {
        const term *t = k ? b : a;
        for (int i = 0; i < t->ndim; i++)
            if (set >> t->label[i] & 1 && !(c->out >> t->label[i] & 1) &&
                !(k && a->labels >> t->label[i] & 1))
                label[n++] = t->label[i];
    }
    return n;
}

static term multiplied(const contraction *c, const term *a, const term *b)
{
    term y;
    uint8_t label[TP_MAX_DIMS];
    int n = in_order(c, a, b, a->labels | b->labels, label);
    y.tensor = tp_mul(spread(a, label, n), spread(b, label, n));
    set_labels(&y, label, n);
    return y;
}

/* ---- a pair with a sum: a batched product --------------------------------------------------------------------------------- */

typedef struct group { /* labels of one kind, outer ones first */
    int n;
    uint8_t label[TP_MAX_DIMS];
} group;

/* As t has them in memory. */
static group by_stride(const term *t, uint64_t set)
{
    group g = { 0 };
    for (int i = 0; i < t->ndim; i++) {
        if (!(set >> t->label[i] & 1))
            continue;
        int at = g.n++;
        for (; at > 0 && t->tensor->stride[place_of(t, g.label[at - 1])] < t->tensor->stride[i]; at--)
            g.label[at] = g.label[at - 1];
        g.label[at] = t->label[i];
    }
    return g;
}

/* One stride serves the whole group. */
static bool joins(const term *t, const group *g)
{
    for (int i = 1; i < g->n; i++) {
        int outer = place_of(t, g->label[i - 1]), inner = place_of(t, g->label[i]);
        if (t->tensor->stride[outer] != t->tensor->stride[inner] * t->tensor->shape[inner])
            return false;
    }
    return true;
}

/* The order of the inner labels that spares most copies. */
static group inner_order(const term *a, const term *b, uint64_t set)
{
    group ga = by_stride(a, set), gb = by_stride(b, set);
    return joins(b, &gb) && joins(a, &gb)    ? gb
           : joins(a, &ga) && joins(b, &ga)  ? ga
           : joins(b, &gb) && !joins(a, &ga) ? gb
                                             : ga;
}

static int64_t add_group(const contraction *c, const group *g, const term *t, tp_shape *order)
{
    int64_t n = 1;
    for (int i = 0; i < g->n; i++) {
        order->dim[order->ndim++] = place_of(t, g->label[i]);
        n *= c->size[g->label[i]];
    }
    return n;
}

/* (batch..., rows, cols); the batch as one dim where there are too many. */
static tp_tensor *as_matrices(const contraction *c, const term *t, const group *batch, const group *rows,
                              const group *cols)
{
    tp_shape order = { 0 }, shape = { 0 };
    int64_t all = add_group(c, batch, t, &order);
    for (int i = 0; i < batch->n; i++)
        shape.dim[shape.ndim++] = c->size[batch->label[i]];
    if (batch->n > TP_MAX_DIMS - 2)
        shape = TP_SHAPE(all);
    shape.dim[shape.ndim++] = add_group(c, rows, t, &order);
    shape.dim[shape.ndim++] = add_group(c, cols, t, &order);
    tp_tensor *y = t->tensor;
    bool same = true;
    for (int i = 0; i < order.ndim; i++)
        same &= order.dim[i] == i;
    if (!same)
        y = tp_permute(y, order);
    return rows->n == 1 && cols->n == 1 && shape.ndim == order.ndim ? y : tp_reshape(y, shape);
}

static term product(const contraction *c, const term *a, const term *b, uint64_t keep)
{
    uint64_t both = a->labels & b->labels;
    group batch = { 0 }, rows = by_stride(a, a->labels & ~both), cols = by_stride(b, b->labels & ~both),
          inner = inner_order(a, b, both & ~keep);
    batch.n = in_order(c, a, b, both & keep, batch.label);
    tp_tensor *left = as_matrices(c, a, &batch, &rows, &inner),
              *right = as_matrices(c, b, &batch, &inner, &cols);
    term y = { .tensor = tp_matmul(left, right) };
    const group *groups[] = { &batch, &rows, &cols };
    uint8_t label[TP_MAX_DIMS];
    tp_shape shape = { 0 };
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < groups[k]->n; i++) {
            label[shape.ndim] = groups[k]->label[i];
            shape.dim[shape.ndim++] = c->size[groups[k]->label[i]];
        }
    if (rows.n != 1 || cols.n != 1 || batch.n > TP_MAX_DIMS - 2)
        y.tensor = tp_view(y.tensor, shape);
    set_labels(&y, label, shape.ndim);
    return y;
}

static void same_integers(term *a,
                          term *b) /* sums of integers are i64, and meet others that are not summed */
{
    if (!a->tensor || !b->tensor || a->tensor->dtype == b->tensor->dtype ||
        tp_dtype_is_float((tp_dtype)a->tensor->dtype) || tp_dtype_is_float((tp_dtype)b->tensor->dtype))
        return;
    tp_dtype dtype = tp_promote((tp_dtype)a->tensor->dtype, (tp_dtype)b->tensor->dtype);
    a->tensor = tp_to(a->tensor, dtype);
    b->tensor = tp_to(b->tensor, dtype);
}

static term contract_pair(const contraction *c, term a, term b, uint64_t keep)
{
    same_integers(&a, &b);
    if (!a.tensor || !b.tensor)
        return (term){ 0 };
    if (!(a.labels & b.labels & ~keep))
        return multiplied(c, &a, &b);
    /* columns are adjacent in the result: the label that comes last in the output should be one of them */
    int last = c->n_order ? c->order[c->n_order - 1] : -1;
    bool swap = last >= 0 && a.labels >> last & 1 && !(b.labels >> last & 1);
    return swap ? product(c, &b, &a, keep) : product(c, &a, &b, keep);
}

/* ---- the order ------------------------------------------------------------------------------------------------------------- */

typedef struct subset {
    double cost;
    uint64_t labels; /* of the product of the subset's terms */
    unsigned left;   /* which of them are multiplied first; the others next, and these two last */
} subset;

static void find_order(const contraction *c, subset *table)
{
    for (unsigned s = 1; s < 1u << c->n; s++) {
        uint64_t within = 0, outside = c->out;
        for (int i = 0; i < c->n; i++)
            *(s >> i & 1 ? &within : &outside) |= c->terms[i].labels;
        table[s] = (subset){ .cost = s & (s - 1) ? INFINITY : 0, .labels = within & outside };
        if (!(s & (s - 1))) {
            table[s].labels = within;
            continue;
        }
        if (count_of(table[s].labels) > TP_MAX_DIMS)
            continue;
        for (unsigned left = (s - 1) & s; left > (s & ~left);
             left = (left - 1) & s) { /* each way to cut s once */
            const subset *l = &table[left], *r = &table[s & ~left];
            double cost = l->cost + r->cost + elements_of(c, l->labels | r->labels);
            if (cost < table[s].cost)
                table[s].cost = cost, table[s].left = left;
        }
    }
}

static term contract_subset(const contraction *c, const subset *table, unsigned s)
{
    if (!(s & (s - 1)))
        return c->terms[__builtin_ctz(s)];
    unsigned left = table[s].left, right = s & ~left;
    return contract_pair(c, contract_subset(c, table, left), contract_subset(c, table, right),
                         table[s].labels);
}

static term too_many_dims(const contraction *c)
{
    tp_fail(TP_ERR_SHAPE,
            "einsum: '%.200s': every order of the products makes a tensor of more than %d dims on the way",
            c->equation, TP_MAX_DIMS);
    return (term){ 0 };
}

static uint64_t kept_of(const contraction *c, int a, int b)
{
    uint64_t others = c->out;
    for (int i = 0; i < c->n; i++)
        others |= i == a || i == b ? 0 : c->terms[i].labels;
    return others & (c->terms[a].labels | c->terms[b].labels);
}

static term contract_greedily(contraction *c)
{
    while (c->n > 1) {
        double best = INFINITY;
        int first = -1, second = -1;
        for (int a = 0; a < c->n; a++)
            for (int b = a + 1; b < c->n; b++) {
                uint64_t kept = kept_of(c, a, b);
                double gain = elements_of(c, kept) - elements_of(c, c->terms[a].labels) -
                              elements_of(c, c->terms[b].labels);
                if (count_of(kept) <= TP_MAX_DIMS && gain < best)
                    best = gain, first = a, second = b;
            }
        if (first < 0)
            return too_many_dims(c);
        c->terms[first] = contract_pair(c, c->terms[first], c->terms[second], kept_of(c, first, second));
        if (!c->terms[first].tensor)
            return (term){ 0 };
        c->terms[second] = c->terms[--c->n];
    }
    return c->terms[0];
}

term einsum_contract(term *terms, int n, uint64_t out, const uint8_t *order, int n_order, const int64_t *size,
                     const char *equation)
{
    contraction c = { terms, n, out, order, n_order, size, equation };
    for (int i = 0; i < n; i++)
        sum_alone(&c, i);
    if (tp_pending() || n == 1)
        return terms[0];
    if (n == 2)
        return contract_pair(&c, terms[0], terms[1], out & (terms[0].labels | terms[1].labels));
    if (n > OPTIMAL)
        return contract_greedily(&c);
    subset table[1 << OPTIMAL];
    find_order(&c, table);
    return isinf(table[(1u << n) - 1].cost) ? too_many_dims(&c) : contract_subset(&c, table, (1u << n) - 1);
}

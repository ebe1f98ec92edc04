/* golden_calls.c - the table from a name in a golden file to the public function, its inputs and attributes.
 *
 * A new operation needs a row here and cases in tools/golden/lib/.  Layer: tests.  Read next: golden.h. */
#include "support/golden.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef golden_case G;

static tp_reduction reduction(const G *c)
{
    char word[16];
    golden_word(c, "reduction", word, sizeof word);
    return !strcmp(word, "sum") ? TP_SUM : !strcmp(word, "none") ? TP_NONE : TP_MEAN;
}

static int dim(const G *c, const char *key)
{
    return (int)golden_i64(c, key, 0);
}

static bool keepdim(const G *c)
{
    return golden_i64(c, "keepdim", 0) != 0;
}

/* One number is for both, two are a pair. */
static int64_t size_or_pair(const G *c, const char *key, int64_t pair[2])
{
    tp_shape s = golden_dims(c, key);
    if (s.ndim == 2) {
        pair[0] = s.dim[0];
        pair[1] = s.dim[1];
    }
    return s.ndim == 1 ? s.dim[0] : 0;
}

/* ---- creation ------------------------------------------------------------------------------------------------------ */

static tp_tensor *full(const G *c)
{
    return tp_full(golden_dims(c, "shape"), golden_f64(c, "value", 0), .dtype = golden_dtype(c, "dtype"));
}
static tp_tensor *zeros(const G *c)
{
    return tp_zeros(golden_dims(c, "shape"), .dtype = golden_dtype(c, "dtype"));
}
static tp_tensor *ones(const G *c)
{
    return tp_ones(golden_dims(c, "shape"), .dtype = golden_dtype(c, "dtype"));
}
static tp_tensor *eye(const G *c)
{
    return tp_eye(golden_i64(c, "n", 0), golden_i64(c, "m", 0), .dtype = golden_dtype(c, "dtype"));
}
static tp_tensor *arange(const G *c)
{
    return tp_arange(golden_f64(c, "start", 0), golden_f64(c, "end", 0), golden_f64(c, "step", 1),
                     .dtype = golden_dtype(c, "dtype"));
}
static tp_tensor *linspace(const G *c)
{
    return tp_linspace(golden_f64(c, "start", 0), golden_f64(c, "end", 0), golden_i64(c, "steps", 1),
                       .dtype = golden_dtype(c, "dtype"));
}
static tp_tensor *logspace(const G *c)
{
    return tp_logspace(golden_f64(c, "start", 0), golden_f64(c, "end", 0), golden_i64(c, "steps", 1),
                       golden_f64(c, "base", 10), .dtype = golden_dtype(c, "dtype"));
}

/* ---- copies and element-wise ----------------------------------------------------------------------------------------- */

static tp_tensor *to(const G *c)
{
    return tp_to(c->in[0], golden_dtype(c, "dtype"));
}
static tp_tensor *clamp(const G *c)
{
    return tp_clamp(c->in[0], golden_f64(c, "low", -INFINITY), golden_f64(c, "high", INFINITY));
}
static tp_tensor *leaky_relu(const G *c)
{
    return tp_leaky_relu(c->in[0], golden_f64(c, "negative_slope", 0.01));
}
static tp_tensor *where(const G *c)
{
    return (tp_where)(c->in[0], c->in[1], c->in[2]);
}
static tp_tensor *masked_fill(const G *c)
{
    return tp_masked_fill(c->in[0], c->in[1], golden_f64(c, "value", 0));
}

/* ---- reductions ------------------------------------------------------------------------------------------------------ */

static tp_tensor *var(const G *c)
{
    return tp_var(c->in[0], golden_dims(c, "dims"), golden_i64(c, "correction", 1), keepdim(c));
}
static tp_tensor *std_(const G *c)
{
    return tp_std(c->in[0], golden_dims(c, "dims"), golden_i64(c, "correction", 1), keepdim(c));
}
static tp_tensor *norm(const G *c)
{
    return tp_norm(c->in[0], golden_f64(c, "p", 2), golden_dims(c, "dims"), keepdim(c));
}
static void max_(G *c)
{
    c->out[0] = tp_max(c->in[0], dim(c, "dim"), keepdim(c), &c->out[1]);
    c->n_out = 2;
}
static void min_(G *c)
{
    c->out[0] = tp_min(c->in[0], dim(c, "dim"), keepdim(c), &c->out[1]);
    c->n_out = 2;
}
static tp_tensor *argmax(const G *c)
{
    return tp_argmax(c->in[0], dim(c, "dim"), keepdim(c));
}
static tp_tensor *argmin(const G *c)
{
    return tp_argmin(c->in[0], dim(c, "dim"), keepdim(c));
}
static tp_tensor *linear(const G *c)
{
    return tp_linear(c->in[0], c->in[1], c->in[2]);
}

/* ---- shape ------------------------------------------------------------------------------------------------------------ */

static tp_tensor *view(const G *c)
{
    return tp_view(c->in[0], golden_dims(c, "shape"));
}
static tp_tensor *reshape(const G *c)
{
    return tp_reshape(c->in[0], golden_dims(c, "shape"));
}
static tp_tensor *flatten(const G *c)
{
    return tp_flatten(c->in[0], dim(c, "start"), dim(c, "end"));
}
static tp_tensor *permute(const G *c)
{
    return tp_permute(c->in[0], golden_dims(c, "dims"));
}
static tp_tensor *transpose(const G *c)
{
    return tp_transpose(c->in[0], dim(c, "dim0"), dim(c, "dim1"));
}
static tp_tensor *squeeze(const G *c)
{
    return tp_squeeze(c->in[0], dim(c, "dim"));
}
static tp_tensor *unsqueeze(const G *c)
{
    return tp_unsqueeze(c->in[0], dim(c, "dim"));
}
static tp_tensor *expand(const G *c)
{
    return tp_expand(c->in[0], golden_dims(c, "shape"));
}
static tp_tensor *slice(const G *c)
{
    return tp_slice(c->in[0], dim(c, "dim"), golden_i64(c, "start", 0), golden_i64(c, "end", INT64_MAX),
                    golden_i64(c, "step", 1));
}
static tp_tensor *select_(const G *c)
{
    return tp_select(c->in[0], dim(c, "dim"), golden_i64(c, "index", 0));
}
static tp_tensor *narrow(const G *c)
{
    return tp_narrow(c->in[0], dim(c, "dim"), golden_i64(c, "start", 0), golden_i64(c, "length", 0));
}
static void split(G *c)
{
    c->n_out = dim(c, "parts");
    tp_split(c->in[0], golden_i64(c, "size", 1), dim(c, "dim"), c->out, c->n_out);
}
static void chunk(G *c)
{
    tp_chunk(c->in[0], dim(c, "chunks"), dim(c, "dim"), c->out, &c->n_out);
}
static tp_tensor *cat(const G *c)
{
    return tp_cat(c->in, c->n_in, dim(c, "dim"));
}
static tp_tensor *stack(const G *c)
{
    return tp_stack(c->in, c->n_in, dim(c, "dim"));
}
static tp_tensor *repeat(const G *c)
{
    return tp_repeat(c->in[0], golden_dims(c, "times"));
}
static tp_tensor *flip(const G *c)
{
    return tp_flip(c->in[0], golden_dims(c, "dims"));
}
static tp_tensor *pad(const G *c)
{
    return tp_pad(c->in[0], golden_dims(c, "before"), golden_dims(c, "after"), golden_f64(c, "value", 0));
}

/* ---- indexing --------------------------------------------------------------------------------------------------------- */

static tp_tensor *gather(const G *c)
{
    return tp_gather(c->in[0], dim(c, "dim"), c->in[1]);
}
static tp_tensor *scatter_add(const G *c)
{
    return tp_scatter_add(c->in[0], dim(c, "dim"), c->in[1], c->in[2]);
}
static tp_tensor *index_select(const G *c)
{
    return tp_index_select(c->in[0], dim(c, "dim"), c->in[1]);
}
static tp_tensor *one_hot(const G *c)
{
    return tp_one_hot(c->in[0], golden_i64(c, "classes", 0));
}

/* ---- images ------------------------------------------------------------------------------------------------------------ */

static tp_tensor *conv2d(const G *c)
{
    tp_conv2d_options o = { .struct_size = sizeof o, .bias = c->in[2], .groups = golden_i64(c, "groups", 0) };
    o.stride = size_or_pair(c, "stride", o.stride_hw);
    o.padding = size_or_pair(c, "padding", o.padding_hw);
    o.dilation = size_or_pair(c, "dilation", o.dilation_hw);
    return tp_conv2d_opt(c->in[0], c->in[1], &o);
}

static tp_pool2d_options pool_options(const G *c, int64_t *kernel)
{
    tp_pool2d_options o = { .struct_size = sizeof o, .dilation = golden_i64(c, "dilation", 0) };
    *kernel = size_or_pair(c, "kernel", o.kernel_hw);
    o.stride = size_or_pair(c, "stride", o.stride_hw);
    o.padding = size_or_pair(c, "padding", o.padding_hw);
    o.ceil_mode = golden_i64(c, "ceil_mode", 0) != 0;
    o.exclude_pad = golden_i64(c, "exclude_pad", 0) != 0;
    return o;
}
static tp_tensor *max_pool2d(const G *c)
{
    int64_t kernel;
    tp_pool2d_options o = pool_options(c, &kernel);
    return tp_max_pool2d_opt(c->in[0], kernel, &o);
}
static tp_tensor *avg_pool2d(const G *c)
{
    int64_t kernel;
    tp_pool2d_options o = pool_options(c, &kernel);
    return tp_avg_pool2d_opt(c->in[0], kernel, &o);
}
static tp_tensor *adaptive_avg_pool2d(const G *c)
{
    tp_shape size = golden_dims(c, "size");
    return tp_adaptive_avg_pool2d(c->in[0], size.dim[0], size.dim[1]);
}

/* ---- softmax and losses --------------------------------------------------------------------------------------------------- */

static tp_tensor *softmax(const G *c)
{
    return tp_softmax(c->in[0], dim(c, "dim"));
}
static tp_tensor *log_softmax(const G *c)
{
    return tp_log_softmax(c->in[0], dim(c, "dim"));
}
static tp_tensor *mse_loss(const G *c)
{
    return tp_mse_loss(c->in[0], c->in[1], .reduction = reduction(c), .half = golden_i64(c, "half", 0) != 0);
}
static tp_tensor *cross_entropy(const G *c)
{
    int64_t ignored = golden_i64(c, "ignore_index", -100);
    return tp_cross_entropy(c->in[0], c->in[1], .reduction = reduction(c), .weight = c->in[2],
                            .label_smoothing = golden_f64(c, "label_smoothing", 0), .ignore_index = ignored,
                            .ignore_zero = ignored == 0);
}
static tp_tensor *bce(const G *c)
{
    return tp_binary_cross_entropy_with_logits(c->in[0], c->in[1], .reduction = reduction(c),
                                               .weight = c->in[2], .pos_weight = c->in[3]);
}

/* ---- the table -------------------------------------------------------------------------------------------------------------- */

typedef struct row {
    const char *name;
    tp_tensor *(*one)(tp_tensor *);
    tp_tensor *(*two)(tp_tensor *, tp_tensor *);
    tp_tensor *(*reduces)(tp_tensor *, tp_shape, bool);
    tp_tensor *(*other)(const G *);
    void (*many)(G *);
} row;

/* clang-format off */
#define ONE(op) { .name = #op, .one = tp_##op },
#define TWO(op) { .name = #op, .two = (tp_##op) },
#define REDUCES(op) { .name = #op, .reduces = tp_##op },
#define OTHER(op) { .name = #op, .other = op },
static const row table[] = {
    ONE(neg) ONE(abs) ONE(sign) ONE(exp) ONE(expm1) ONE(log) ONE(log1p) ONE(sqrt) ONE(rsqrt) ONE(square) ONE(reciprocal)
    ONE(sin) ONE(cos) ONE(erf) ONE(floor) ONE(ceil) ONE(round) ONE(logical_not) ONE(sigmoid) ONE(tanh) ONE(relu) ONE(gelu)
    ONE(gelu_tanh) ONE(silu) ONE(softplus) ONE(clone) ONE(contiguous)
    TWO(add) TWO(sub) TWO(mul) TWO(div) TWO(pow) TWO(maximum) TWO(minimum) TWO(eq) TWO(ne) TWO(lt) TWO(le) TWO(gt) TWO(ge)
    TWO(add_) TWO(sub_) TWO(mul_) TWO(div_) TWO(copy_)
    TWO(logical_and) TWO(logical_or) TWO(logical_xor) TWO(matmul)
    REDUCES(sum) REDUCES(mean) REDUCES(prod) REDUCES(amax) REDUCES(amin) REDUCES(any) REDUCES(all) REDUCES(logsumexp)
    OTHER(full) OTHER(zeros) OTHER(ones) OTHER(eye) OTHER(arange) OTHER(linspace) OTHER(logspace) OTHER(to) OTHER(clamp)
    OTHER(leaky_relu) OTHER(where) OTHER(masked_fill) OTHER(var) { .name = "std", .other = std_ }, OTHER(norm)
    { .name = "max", .many = max_ }, { .name = "min", .many = min_ }, OTHER(argmax) OTHER(argmin) OTHER(linear)
    OTHER(view) OTHER(reshape) OTHER(flatten) OTHER(permute) OTHER(transpose) OTHER(squeeze) OTHER(unsqueeze) OTHER(expand)
    OTHER(slice) { .name = "select", .other = select_ }, OTHER(narrow) { .name = "split", .many = split },
    { .name = "chunk", .many = chunk }, OTHER(cat) OTHER(stack) OTHER(repeat) OTHER(flip) OTHER(pad) OTHER(gather)
    OTHER(scatter_add) OTHER(index_select) OTHER(one_hot) OTHER(conv2d) OTHER(max_pool2d) OTHER(avg_pool2d)
    OTHER(adaptive_avg_pool2d) OTHER(softmax) OTHER(log_softmax) OTHER(mse_loss) OTHER(cross_entropy)
    { .name = "binary_cross_entropy_with_logits", .other = bce },
};
/* clang-format on */

/* ---- operations by their row in the library's table ---------------------------------------------------------------------- */

static bool is_the_tests_own(const tp_op *op, const char *key)
{
    for (const tp_attr *a = op->attrs; a && a->name; a++)
        if (!strcmp(a->name, key)) /* isclose has an rtol of its own */
            return false;
    static const char *const keys[] = { "inputs", "rtol", "atol", "rough", "zeros" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(key, keys[i]))
            return true;
    return !strncmp(key, "in", 2) && key[2] >= '0' && key[2] <= '9';
}

static void call_row(golden_case *c)
{
    _Alignas(16) char attrs[1024];
    char text[GOLDEN_TEXT], *rest;
    const tp_op *op = tp_op_find(c->op);
    if (!op)
        fail_msg("%s: %s: there is no operation %s", c->family, c->name, c->op);
    assert_true(op->attrs_size <= sizeof attrs);
    tp_op_defaults(op, attrs);
    snprintf(text, sizeof text, "%s", c->attrs);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        *value++ = 0;
        if (!is_the_tests_own(op, word))
            tp_op_set(op, attrs, word, value);
    }
    c->n_out = op->n_out > 0 ? op->n_out : op->n_out == 0;
    tp_apply_n(op, c->in, c->n_in, attrs, c->out);
    while (op->n_out < 0 && c->n_out < TP_MAX_PARTS && c->out[c->n_out])
        c->n_out++;
}

void golden_call(golden_case *c)
{
    if (!strncmp(c->family, "opdb/", 5)) {
        call_row(c);
        return;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const row *r = &table[i];
        if (strcmp(r->name, c->op) != 0)
            continue;
        memset(c->out, 0, sizeof c->out);
        c->n_out = 1;
        if (r->many)
            r->many(c);
        else
            c->out[0] = r->one       ? r->one(c->in[0])
                        : r->two     ? r->two(c->in[0], c->in[1])
                        : r->reduces ? r->reduces(c->in[0], golden_dims(c, "dims"), keepdim(c))
                                     : r->other(c);
        return;
    }
    fail_msg("%s: %s: golden_calls.c has no row for operation %s", c->family, c->name, c->op);
}

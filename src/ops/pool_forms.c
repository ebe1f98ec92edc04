/* pool_forms.c - pooling as people call it: stride left out, no batch, half precision, one dimension, adaptive windows.
 *
 * All of it is made of the operations in pool.c; half precision is computed in f32, integers in f64.
 * Layer: ops.  Read next: pool.c, nn/pool.c. */
#include "base/error.h"
#include "ops/pool.h"

/* ---- the window as it is given -------------------------------------------------------------------------------------------- */

typedef struct window {
    int64_t kernel[2], stride[2], padding[2], dilation[2];
    bool ceil_mode, count_include_pad;
} window;

static pool_attrs attrs_of_window(const window *w)
{
    pool_attrs a = { .ceil_mode = w->ceil_mode, .exclude_pad = !w->count_include_pad };
    for (int i = 0; i < 2; i++) {
        a.kernel[i] = w->kernel[i];
        a.stride[i] = w->stride[i] ? w->stride[i] : w->kernel[i];
        a.padding[i] = w->padding[i];
        a.dilation[i] = w->dilation[i];
    }
    return a;
}

static pool_attrs attrs_of_options(int64_t kernel, const tp_pool2d_options *o)
{
    pool_attrs a = { .ceil_mode = o->ceil_mode, .exclude_pad = o->exclude_pad };
    for (int i = 0; i < 2; i++) {
        a.kernel[i] = o->kernel_hw[i] ? o->kernel_hw[i] : kernel;
        a.stride[i] = o->stride_hw[i] ? o->stride_hw[i] : o->stride ? o->stride : a.kernel[i];
        a.padding[i] = o->padding_hw[0] || o->padding_hw[1] ? o->padding_hw[i] : o->padding;
        a.dilation[i] = o->dilation ? o->dilation : 1;
    }
    return a;
}

/* (N, C, H, W) of f32 or f64, out of an image without a batch, of half precision, or of integers where PyTorch takes them. */
static tp_tensor *as_image(tp_tensor *x, bool average)
{
    bool whole = x && !tp_dtype_is_float((tp_dtype)x->dtype) && x->dtype != TP_BOOL;
    if (is_half(x))
        x = tp_float(x);
    else if (whole && (!average || x->dtype == TP_I64))
        x = tp_double(x);
    return x && x->ndim == 3 ? tp_unsqueeze(x, 0) : x;
}

/* y, made from as_image(x), the way x was. */
static tp_tensor *as_given(const tp_tensor *x, tp_tensor *y)
{
    y = x && y && x->ndim == 3 ? tp_squeeze(y, 0) : y;
    return y && tp_dtype_is_float((tp_dtype)y->dtype) ? tp_to(y, tp_dtype_of(x)) : y;
}

static tp_tensor *max_pool(tp_tensor *x, const pool_attrs *a, tp_tensor **indices)
{
    tp_tensor *out[TP_MAX_OUTPUTS], *image;
    TP_SCOPE;
    image = as_image(x, false);
    if (!indices && !tp_grad_mode())
        return tp_keep(as_given(x, tp_apply(&tp_op__max_pool2d_values, &image, 1, a)));
    pool_attrs all = *a;
    all.taps = !indices && a->kernel[0] < 16 && a->kernel[1] < 16;
    if (tp_apply_n(&tp_op__max_pool2d, &image, 1, &all, out))
        return NULL;
    if (indices)
        *indices = tp_keep(as_given(x, out[1]));
    return tp_keep(as_given(x, out[0]));
}

static tp_tensor *avg_pool(tp_tensor *x, const pool_attrs *a)
{
    TP_SCOPE;
    tp_tensor *image = as_image(x, true);
    return tp_keep(as_given(x, tp_apply(&tp_op__avg_pool2d, &image, 1, a)));
}

tp_tensor *tp_max_pool2d_opt(tp_tensor *x, int64_t kernel, const tp_pool2d_options *o)
{
    pool_attrs a = attrs_of_options(kernel, o);
    return max_pool(x, &a, NULL);
}

tp_tensor *tp_max_pool2d_with_indices_opt(tp_tensor *x, int64_t kernel, tp_tensor **indices,
                                          const tp_pool2d_options *o)
{
    pool_attrs a = attrs_of_options(kernel, o);
    *indices = NULL;
    return max_pool(x, &a, indices);
}

tp_tensor *tp_avg_pool2d_opt(tp_tensor *x, int64_t kernel, const tp_pool2d_options *o)
{
    pool_attrs a = attrs_of_options(kernel, o);
    return avg_pool(x, &a);
}

/* ---- two dimensions: the table ---------------------------------------------------------------------------------------------- */

static void max_pool2d_compose(tp_call *c)
{
    pool_attrs a = attrs_of_window(c->attrs);
    c->out[0] = max_pool(c->in[0], &a, c->n_out > 1 ? &c->out[1] : NULL);
}

static void avg_pool2d_compose(tp_call *c)
{
    pool_attrs a = attrs_of_window(c->attrs);
    a.dilation[0] = a.dilation[1] = 1;
    c->out[0] = avg_pool(c->in[0], &a);
}

#define KERNEL_AND_STRIDE                                                         \
    { "kernel_size", TP_ATTR_PAIR, offsetof(window, kernel), TP_REQUIRED },       \
        { "stride", TP_ATTR_PAIR, offsetof(window, stride), 0 }, /* the kernel */ \
        { "padding", TP_ATTR_PAIR, offsetof(window, padding), 0 },                \
    {                                                                             \
        "ceil_mode", TP_ATTR_BOOL, offsetof(window, ceil_mode), 0                 \
    }

static const tp_attr max_attrs[] = { KERNEL_AND_STRIDE,
                                     { "dilation", TP_ATTR_PAIR, offsetof(window, dilation), 1 },
                                     { 0 } };

static const tp_example max_examples[] = {
    { "2,3,4,6", &(window){ { 2, 2 }, { 0, 0 }, { 0, 0 }, { 1, 1 }, false, false } },
    { "1,2,5,4", &(window){ { 3, 2 }, { 2, 1 }, { 1, 1 }, { 1, 2 }, true, false } },
    { "3,5,4@t", &(window){ { 2, 3 }, { 1, 1 }, { 0, 0 }, { 1, 1 }, false, false } },
    { NULL, NULL }
};

const tp_op tp_op_max_pool2d = {
    .name = "max_pool2d",
    .formula = "y[n,c,i,j] = largest x in window (i, j)",
    .inputs = "input",
    .n_in = 1,
    .attrs_size = sizeof(window),
    .attrs = max_attrs,
    .compose = max_pool2d_compose,
    .examples = max_examples,
};

const tp_op tp_op_max_pool2d_with_indices = {
    .name = "max_pool2d_with_indices",
    .formula = "y[n,c,i,j] = largest x in window (i, j), and where it stands: row times width plus column",
    .inputs = "input",
    .n_in = 1,
    .n_out = 2,
    .attrs_size = sizeof(window),
    .attrs = max_attrs,
    .compose = max_pool2d_compose,
    .examples = max_examples,
};

const tp_op tp_op_avg_pool2d = {
    .name = "avg_pool2d",
    .formula = "y[n,c,i,j] = mean of x in window (i, j)",
    .inputs = "input",
    .n_in = 1,
    .attrs_size = sizeof(window),
    .attrs = (const tp_attr[]){ KERNEL_AND_STRIDE,
                                { "count_include_pad", TP_ATTR_BOOL, offsetof(window, count_include_pad), 1 },
                                { 0 } },
    .compose = avg_pool2d_compose,
    .examples =
        (const tp_example[]){ { "2,3,4,6", &(window){ { 2, 2 }, { 0, 0 }, { 0, 0 }, { 1, 1 }, false, true } },
                              { "1,2,5,4", &(window){ { 3, 2 }, { 2, 1 }, { 1, 1 }, { 1, 1 }, true, false } },
                              { "3,5,4@t", &(window){ { 2, 3 }, { 1, 1 }, { 0, 1 }, { 1, 1 }, false, true } },
                              { NULL, NULL } },
};

/* ---- one dimension: an image one pixel high ------------------------------------------------------------------------------------ */

typedef struct window1d {
    int64_t kernel, stride, padding, dilation;
    bool ceil_mode, count_include_pad;
} window1d;

static tp_tensor *pool1d(tp_tensor *x, const window1d *w, bool average)
{
    pool_attrs a = { .kernel = { 1, w->kernel },
                     .stride = { 1, w->stride ? w->stride : w->kernel },
                     .padding = { 0, w->padding },
                     .dilation = { 1, average ? 1 : w->dilation },
                     .ceil_mode = w->ceil_mode,
                     .exclude_pad = !w->count_include_pad };
    TP_SCOPE;
    tp_tensor *image = tp_unsqueeze(x, -2);
    return tp_keep(tp_squeeze(average ? avg_pool(image, &a) : max_pool(image, &a, NULL), -2));
}

static void max_pool1d_compose(tp_call *c)
{
    c->out[0] = pool1d(c->in[0], c->attrs, false);
}

static void avg_pool1d_compose(tp_call *c)
{
    c->out[0] = pool1d(c->in[0], c->attrs, true);
}

#define KERNEL_AND_STRIDE_1D                                                       \
    { "kernel_size", TP_ATTR_I64, offsetof(window1d, kernel), TP_REQUIRED },       \
        { "stride", TP_ATTR_I64, offsetof(window1d, stride), 0 }, /* the kernel */ \
        { "padding", TP_ATTR_I64, offsetof(window1d, padding), 0 },                \
    {                                                                              \
        "ceil_mode", TP_ATTR_BOOL, offsetof(window1d, ceil_mode), 0                \
    }

const tp_op tp_op_max_pool1d = {
    .name = "max_pool1d",
    .formula = "y[n,c,i] = largest x in window i",
    .inputs = "input",
    .n_in = 1,
    .attrs_size = sizeof(window1d),
    .attrs = (const tp_attr[]){ KERNEL_AND_STRIDE_1D,
                                { "dilation", TP_ATTR_I64, offsetof(window1d, dilation), 1 },
                                { 0 } },
    .compose = max_pool1d_compose,
    .examples = (const tp_example[]){ { "2,3,7", &(window1d){ 3, 0, 1, 1, false, false } },
                                      { "3,8@t", &(window1d){ 2, 1, 0, 2, true, false } },
                                      { NULL, NULL } },
};

const tp_op tp_op_avg_pool1d = {
    .name = "avg_pool1d",
    .formula = "y[n,c,i] = mean of x in window i",
    .inputs = "input",
    .n_in = 1,
    .attrs_size = sizeof(window1d),
    .attrs =
        (const tp_attr[]){ KERNEL_AND_STRIDE_1D,
                           { "count_include_pad", TP_ATTR_BOOL, offsetof(window1d, count_include_pad), 1 },
                           { 0 } },
    .compose = avg_pool1d_compose,
    .examples = (const tp_example[]){ { "2,3,7", &(window1d){ 3, 0, 1, 1, false, true } },
                                      { "3,8@t", &(window1d){ 2, 1, 1, 1, true, false } },
                                      { NULL, NULL } },
};

static window1d window_of(int64_t kernel, const tp_pool2d_options *o)
{
    return (window1d){ kernel,       o->stride,      o->padding, o->dilation ? o->dilation : 1,
                       o->ceil_mode, !o->exclude_pad };
}

tp_tensor *tp_max_pool1d_opt(tp_tensor *x, int64_t kernel, const tp_pool2d_options *o)
{
    window1d w = window_of(kernel, o);
    return tp_apply(&tp_op_max_pool1d, &x, 1, &w);
}

tp_tensor *tp_avg_pool1d_opt(tp_tensor *x, int64_t kernel, const tp_pool2d_options *o)
{
    window1d w = window_of(kernel, o);
    return tp_apply(&tp_op_avg_pool1d, &x, 1, &w);
}

/* ---- adaptive: windows [floor(i H / h), ceil((i + 1) H / h)) ------------------------------------------------------------------------ */

static int64_t window_begin(int64_t i, int64_t in, int64_t out)
{
    return i * in / out;
}
static int64_t window_end(int64_t i, int64_t in, int64_t out)
{
    return ((i + 1) * in + out - 1) / out;
}

/* (out, in): row i averages window i.  Rows times columns of such matrices are any adaptive pooling. */
static tp_tensor *averaging_matrix(int64_t out, int64_t in, tp_dtype dtype)
{
    tp_tensor *m = tensor_new(TP_F64, TP_SHAPE(out, in));
    double *p = m ? (double *)(void *)tensor_data(m) : NULL;
    for (int64_t i = 0; i < out && p; i++) {
        int64_t begin = window_begin(i, in, out), end = window_end(i, in, out);
        for (int64_t j = 0; j < in; j++)
            p[i * in + j] = j >= begin && j < end ? 1 / (double)(end - begin) : 0;
    }
    return tp_to(m, dtype);
}

static tp_tensor *adaptive_avg(tp_tensor *x, int64_t height, int64_t width)
{
    int64_t h = x->shape[2], w = x->shape[3];
    if (height == 1 && width == 1)
        return tp_mean(x, TP_SHAPE(2, 3), true);
    if (h >= height && w >= width && h % height == 0 && w % width == 0) {
        if (h / height * (w / width) < 64 || !tensor_is_contiguous(x))
            return tp_avg_pool2d(x, 1, .kernel_hw = { h / height, w / width });
        tp_shape parts = TP_SHAPE(x->shape[0], x->shape[1], height, h / height, width, w / width);
        return tp_mean(tp_view(x, parts), TP_SHAPE(3, 5), false); /* large windows where they lie */
    }
    tp_tensor *rows = averaging_matrix(height, h, (tp_dtype)x->dtype),
              *cols = averaging_matrix(width, w, (tp_dtype)x->dtype);
    return tp_matmul(tp_matmul(rows, tp_contiguous(x)), tp_transpose(cols, 0, 1));
}

/* The first largest of each window: (N, C) for each place, put together at the end. */
static tp_tensor *adaptive_max(tp_tensor *x, int64_t height, int64_t width)
{
    int64_t h = x->shape[2], w = x->shape[3];
    if (h >= height && w >= width && h % height == 0 && w % width == 0)
        return tp_max_pool2d(x, 1, .kernel_hw = { h / height, w / width });
    tp_tensor *all = NULL;
    for (int64_t i = 0; i < height; i++) {
        tp_tensor *row = NULL,
                  *lines = tp_slice(x, 2, window_begin(i, h, height), window_end(i, h, height), 1);
        for (int64_t j = 0; j < width; j++) {
            tp_tensor *part = tp_slice(lines, 3, window_begin(j, w, width), window_end(j, w, width), 1);
            part = tp_unsqueeze(tp_max(tp_flatten(part, 2, 3), 2, true, NULL), 3);
            row = row ? tp_cat((tp_tensor *[]){ row, part }, 2, 3) : part;
        }
        all = all ? tp_cat((tp_tensor *[]){ all, row }, 2, 2) : row;
    }
    return all;
}

static tp_tensor *adaptive(const char *op, tp_tensor *x, int64_t height, int64_t width,
                           tp_tensor *f(tp_tensor *, int64_t, int64_t))
{
    if (tp_pending())
        return NULL;
    if (!x)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: the input is NULL", op);
    TP_SCOPE;
    tp_tensor *image = as_image(x, f == adaptive_avg);
    if (!image || check_image(op, image))
        return NULL;
    if (height < 1 || width < 1)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: size %lldx%lld, at least 1x1 is wanted", op,
                            (long long)height, (long long)width);
    if (!image->shape[2] || !image->shape[3])
        return tp_fail_null(TP_ERR_SHAPE, "%s: input %s is empty", op, tensor_shape_text(x));
    return tp_keep(as_given(x, f(image, height, width)));
}

tp_tensor *tp_adaptive_avg_pool2d(tp_tensor *x, int64_t height, int64_t width)
{
    return adaptive("adaptive_avg_pool2d", x, height, width, adaptive_avg);
}

tp_tensor *tp_adaptive_max_pool2d(tp_tensor *x, int64_t height, int64_t width)
{
    return adaptive("adaptive_max_pool2d", x, height, width, adaptive_max);
}

static void adaptive_compose(tp_call *c)
{
    const int64_t *size = c->attrs;
    c->out[0] = adaptive(c->op->name, c->in[0], size[0], size[1], c->op->tag ? adaptive_max : adaptive_avg);
}

#define ADAPTIVE(op, is_max, text)                                                            \
    const tp_op tp_op_##op = {                                                                \
        .name = #op,                                                                          \
        .formula = text,                                                                      \
        .inputs = "input",                                                                    \
        .n_in = 1,                                                                            \
        .attrs_size = sizeof(int64_t[2]),                                                     \
        .attrs = (const tp_attr[]){ { "output_size", TP_ATTR_PAIR, 0, TP_REQUIRED }, { 0 } }, \
        .compose = adaptive_compose,                                                          \
        .tag = is_max,                                                                        \
        .examples = (const tp_example[]){ { "2,3,4,6", &(const int64_t[2]){ 2, 3 } },         \
                                          { "1,2,5,7", &(const int64_t[2]){ 3, 2 } },         \
                                          { "3,5,4@t", &(const int64_t[2]){ 1, 1 } },         \
                                          { NULL, NULL } },                                   \
    };

ADAPTIVE(adaptive_avg_pool2d, 0, "y[n,c,i,j] = mean of x in one of h x w windows that cover it")
ADAPTIVE(adaptive_max_pool2d, 1, "y[n,c,i,j] = largest x in one of h x w windows that cover it")

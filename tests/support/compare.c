/* compare.c - tensors against tensors, and inputs laid out in memory.
 *
 * Layer: tests.  Read next: compare.h. */
#include "support/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- comparing ----------------------------------------------------------------------------------------------------- */

static void shape_words(tp_shape s, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "(");
    for (int i = 0; i < s.ndim && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, i ? ", %lld" : "%lld", (long long)s.dim[i]);
    if (used < size)
        snprintf(text + used, size - used, ")");
}

static bool same_shape(tp_shape a, tp_shape b)
{
    bool same = a.ndim == b.ndim;
    for (int i = 0; i < a.ndim && same; i++)
        same = a.dim[i] == b.dim[i];
    return same;
}

static bool close_enough(double got, double wanted, tolerance t)
{
    if (isnan(wanted) || isnan(got))
        return isnan(wanted) && isnan(got);
    if (isinf(wanted) || isinf(got))
        return got == wanted;
    if (t.signed_zeros && wanted == 0 && got == 0)
        return signbit(wanted) == signbit(got);
    return fabs(got - wanted) <= t.atol + t.rtol * fabs(wanted);
}

static bool comparable(const char *what, tp_tensor *got, tp_tensor *wanted, char *text, size_t size)
{
    char a[128], b[128];
    if (tp_error_pending() || !got || !wanted) {
        int n = snprintf(text, size, "%s: %s: ", what, got ? "the call fails" : "is NULL");
        if (n > 0 && (size_t)n < size)
            tp_error_take(text + n, size - (size_t)n);
        return false;
    }
    if (tp_dtype_of(got) != tp_dtype_of(wanted)) {
        snprintf(text, size, "%s is %s, wanted %s", what, tp_dtype_name(tp_dtype_of(got)),
                 tp_dtype_name(tp_dtype_of(wanted)));
        return false;
    }
    if (!same_shape(tp_shape_of(got), tp_shape_of(wanted))) {
        shape_words(tp_shape_of(got), a, sizeof a);
        shape_words(tp_shape_of(wanted), b, sizeof b);
        snprintf(text, size, "%s is %s, wanted %s", what, a, b);
        return false;
    }
    return true;
}

static bool same_integers(const char *what, tp_tensor *got, tp_tensor *wanted, char *text, size_t size)
{
    int64_t n = tp_numel(got), *g = calloc((size_t)n + 1, sizeof *g), *w = calloc((size_t)n + 1, sizeof *w);
    tp_to_i64(got, g, n);
    tp_to_i64(wanted, w, n);
    bool same = true;
    for (int64_t i = 0; i < n && same; i++)
        if (g[i] != w[i]) {
            snprintf(text, size, "%s: element %lld of %lld is %lld, wanted %lld", what, (long long)i,
                     (long long)n, (long long)g[i], (long long)w[i]);
            same = false;
        }
    free(g);
    free(w);
    return same;
}

static bool same_floats(const char *what, tp_tensor *got, tp_tensor *wanted, tolerance t, char *text,
                        size_t size)
{
    int64_t n = tp_numel(got), wrong = 0, first = 0;
    double *g = calloc((size_t)n + 1, sizeof *g), *w = calloc((size_t)n + 1, sizeof *w);
    tp_to_f64(got, g, n);
    tp_to_f64(wanted, w, n);
    for (int64_t i = n; i-- > 0;)
        if (!close_enough(g[i], w[i], t)) {
            wrong++;
            first = i;
        }
    if (wrong)
        snprintf(text, size, "%s: element %lld is %.17g, wanted %.17g (%lld of %lld differ)", what,
                 (long long)first, g[first], w[first], (long long)wrong, (long long)n);
    free(g);
    free(w);
    return !wrong;
}

bool same_tensor(const char *what, tp_tensor *got, tp_tensor *wanted, tolerance t, char *text, size_t size)
{
    if (!comparable(what, got, wanted, text, size))
        return false;
    if (tp_dtype_is_float(tp_dtype_of(wanted)))
        return same_floats(what, got, wanted, t, text, size);
    return same_integers(what, got, wanted, text, size);
}

bool same_bits(const char *what, tp_tensor *got, tp_tensor *wanted, char *text, size_t size)
{
    if (!comparable(what, got, wanted, text, size))
        return false;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_tensor *g = tp_contiguous(got), *w = tp_contiguous(wanted);
    if (!comparable(what, g, w, text, size))
        return false;
    size_t element = tp_dtype_size(tp_dtype_of(got));
    const char *a = tp_data(g), *b = tp_data(w);
    for (int64_t i = 0; i < tp_numel(got); i++)
        if (memcmp(a + (size_t)i * element, b + (size_t)i * element, element) != 0) {
            double x = NAN, y = NAN;
            tp_shape one = { 1, { 1 } };
            tp_to_f64(tp_tensor_copied(a + (size_t)i * element, tp_dtype_of(got), one), &x, 1);
            tp_to_f64(tp_tensor_copied(b + (size_t)i * element, tp_dtype_of(got), one), &y, 1);
            snprintf(text, size, "%s: element %lld of %lld is %.17g, not the bits of %.17g", what,
                     (long long)i, (long long)tp_numel(got), x, y);
            return false;
        }
    return true;
}

/* ---- laying out ---------------------------------------------------------------------------------------------------- */

/* A copy whose memory has dim order[0] outermost, seen in x's own order of dims. */
static tp_tensor *in_order(tp_tensor *x, const int *order)
{
    tp_shape s = tp_shape_of(x), stored = { .ndim = s.ndim }, back = { .ndim = s.ndim };
    for (int i = 0; i < s.ndim; i++) {
        stored.dim[i] = order[i];
        back.dim[order[i]] = i;
    }
    return tp_permute(tp_clone(tp_contiguous(tp_permute(x, stored))), back);
}

static tp_tensor *transposed(tp_tensor *x)
{
    int order[TP_MAX_DIMS], n = tp_ndim(x);
    if (n < 2)
        return tp_clone(x);
    for (int i = 0; i < n; i++)
        order[i] = i == n - 1 ? n - 2 : i == n - 2 ? n - 1 : i;
    return in_order(x, order);
}

/* x inside a larger tensor, whose other elements are no numbers: along dim d from first[d] in steps of step[d].  Written
 * element by element, so that a broken copy of strided memory cannot hide itself. */
static tp_tensor *inside(tp_tensor *x, tp_shape large, const int64_t *first, const int64_t *step)
{
    tp_shape s = tp_shape_of(x);
    size_t element = tp_dtype_size(tp_dtype_of(x)), bytes = element;
    for (int i = 0; i < s.ndim; i++) {
        bytes *= (size_t)large.dim[i];
    }
    char *memory = malloc(bytes);
    memset(memory, 0xff, bytes); /* NaN, or -1 */
    const char *from = tp_data(tp_contiguous(x));
    for (int64_t i = 0; i < tp_numel(x); i++) {
        int64_t rest = i, to = 0, stride = 1;
        for (int d = s.ndim; d-- > 0;) {
            to += (first[d] + step[d] * (rest % s.dim[d])) * stride;
            rest /= s.dim[d];
            stride *= large.dim[d];
        }
        memcpy(memory + (size_t)to * element, from + (size_t)i * element, element);
    }
    tp_tensor *y = tp_tensor_copied(memory, tp_dtype_of(x), large);
    free(memory);
    for (int d = 0; d < s.ndim; d++)
        y = tp_slice(y, d, first[d], first[d] + step[d] * s.dim[d], step[d]);
    return y;
}

static tp_tensor *stepped(tp_tensor *x)
{
    tp_shape large = tp_shape_of(x);
    int64_t first[TP_MAX_DIMS], step[TP_MAX_DIMS];
    for (int i = 0; i < large.ndim; i++) {
        large.dim[i] = 2 * large.dim[i] + 1;
        first[i] = 1;
        step[i] = 2;
    }
    return inside(x, large, first, step);
}

static tp_tensor *with_wide_rows(tp_tensor *x)
{
    tp_shape large = tp_shape_of(x);
    int64_t first[TP_MAX_DIMS] = { 0 }, step[TP_MAX_DIMS];
    for (int i = 0; i < large.ndim; i++)
        step[i] = 1;
    if (large.ndim) {
        first[large.ndim - 1] = 2;
        large.dim[large.ndim - 1] += 5;
    }
    return inside(x, large, first, step);
}

static tp_tensor *expanded(tp_tensor *x, const char *sizes)
{
    tp_shape to = { 0 };
    for (char *at = (char *)sizes; *at && to.ndim < TP_MAX_DIMS; at += *at == ',')
        to.dim[to.ndim++] = strtoll(at, &at, 10);
    return tp_expand(x, to);
}

tp_tensor *laid_out(tp_tensor *x, const char *layout)
{
    TP_SCOPE;
    TP_NO_GRAD;
    if (!x)
        return NULL;
    if (!strcmp(layout, "t"))
        return tp_keep(transposed(x));
    if (!strcmp(layout, "cl"))
        return tp_keep(in_order(x, (int[]){ 0, 2, 3, 1 }));
    if (!strcmp(layout, "step"))
        return tp_keep(stepped(x));
    if (!strcmp(layout, "wide"))
        return tp_keep(with_wide_rows(x));
    if (*layout == 'e')
        return tp_keep(expanded(x, layout + 1));
    return tp_keep(tp_clone(tp_contiguous(x)));
}

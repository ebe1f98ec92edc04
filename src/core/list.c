/* list.c - a tensor as nested lists in text, and back: [[1.0, 2.5], [3.0, NaN]].
 *
 * Written as Python's json.dumps(x.tolist()) writes it: every element, as the shortest decimal that gives the same
 * number back.  Read strictly, in two passes: the first one finds shape and type, the second one fills.
 *
 *   value = '[' [ value { ',' value } ] ']' | number | NaN | Infinity | -Infinity | true | false
 *
 * Layer: core.  Depends on text.h, base/number.h.  Read next: format.c. */
#include "base/number.h"
#include "core/text.h"
#include "device/device.h"
#include "kernels/kernels.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static void put_element(text_out *out, const tp_tensor *t, int64_t offset)
{
    char text[32];
    element_value x = text_element(t, offset);
    if (t->dtype == TP_BOOL)
        snprintf(text, sizeof text, x.integer ? "true" : "false");
    else if (!tp_dtype_is_float((tp_dtype)t->dtype))
        snprintf(text, sizeof text, "%lld", (long long)x.integer);
    else if (isfinite(x.real))
        print_number_shortest(text, x.real);
    else
        snprintf(text, sizeof text, isnan(x.real) ? "NaN" : x.real > 0 ? "Infinity" : "-Infinity");
    text_put(out, text);
}

static void put_list(text_out *out, const tp_tensor *t, int dim, int64_t offset)
{
    if (dim == t->ndim) {
        put_element(out, t, offset);
        return;
    }
    text_put(out, "[");
    for (int64_t i = 0; i < t->shape[dim]; i++) {
        if (i)
            text_put(out, ", ");
        put_list(out, t, dim + 1, offset + i * t->stride[dim]);
    }
    text_put(out, "]");
}

size_t tp_tolist(const tp_tensor *t, char *text, size_t size)
{
    text_out out = { .text = text, .room = size };
    if (!t || (t->numel && !tensor_data(t)))
        text_put(&out, "null");
    else
        put_list(&out, t, 0, 0);
    return text_end(&out);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

typedef struct reader {
    const char *text, *p;
    tp_shape shape; /* dim[d] is -1 until the first list at depth d has ended */
    bool any_real, any_integer, any_bool;
    tp_tensor *into; /* in the second pass */
    int64_t done;
} reader;

typedef struct number {
    enum { REAL, INTEGER, BOOL } kind;
    double real;
    int64_t integer;
} number;

static tp_status fail_at(const reader *r, const char *at, const char *wanted)
{
    char got[16] = "the end";
    if (*at)
        snprintf(got, sizeof got, *at >= ' ' && *at < 127 ? "'%c'" : "0x%02x", (unsigned char)*at);
    return tp_fail(TP_ERR_FORMAT, "from_list: byte %lld: %s, %s is wanted", (long long)(at - r->text), got,
                   wanted);
}

static void skip_spaces(reader *r)
{
    r->p += strspn(r->p, " \t\n\r");
}

static bool take_word(reader *r, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(r->p, word, n) != 0)
        return false;
    r->p += n;
    return true;
}

/* The words of JSON as Python extends it, and those of Python itself. */
static bool read_word(reader *r, number *x)
{
    static const struct {
        const char *word;
        number value;
    } words[] = {
        { "true", { BOOL, 1, 1 } },
        { "false", { BOOL, 0, 0 } },
        { "True", { BOOL, 1, 1 } },
        { "False", { BOOL, 0, 0 } },
        { "NaN", { REAL, (double)NAN, 0 } },
        { "nan", { REAL, (double)NAN, 0 } },
        { "Infinity", { REAL, INFINITY, 0 } },
        { "-Infinity", { REAL, -INFINITY, 0 } },
        { "inf", { REAL, INFINITY, 0 } },
        { "-inf", { REAL, -INFINITY, 0 } },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (take_word(r, words[i].word)) {
            *x = words[i].value;
            return true;
        }
    return false;
}

/* JSON's numbers: no sign +, no leading zeros, digits on both sides of the point. */
static tp_status read_number(reader *r, number *x)
{
    const char *at = r->p, *p = at + (*at == '-'), *end;
    if (*p < '0' || *p > '9')
        return fail_at(r, at, "a number or a list");
    if (*p == '0' && ((p[1] >= '0' && p[1] <= '9') || p[1] == 'x' || p[1] == 'X'))
        return fail_at(r, p + 1, "a decimal number without leading zeros");
    p += strspn(p, "0123456789");
    bool real = *p == '.' || *p == 'e' || *p == 'E';
    if (*p == '.') {
        size_t n = strspn(p + 1, "0123456789");
        if (!n)
            return fail_at(r, p + 1, "a digit");
        p += n + 1;
    }
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '-' || p[1] == '+');
        size_t n = strspn(p, "0123456789");
        if (!n)
            return fail_at(r, p, "a digit");
        p += n;
    }
    *x = (number){ .kind = real ? REAL : INTEGER };
    if (!parse_number(at, &x->real, &end) || end != p)
        return tp_fail(TP_ERR_FORMAT, "from_list: byte %lld: a number that no f64 holds",
                       (long long)(at - r->text));
    errno = 0;
    if (!real)
        x->integer = strtoll(at, NULL, 10);
    if (!real && errno)
        return tp_fail(TP_ERR_FORMAT, "from_list: byte %lld: an integer that no i64 holds",
                       (long long)(at - r->text));
    r->p = p;
    return TP_OK;
}

/* Whether the type can hold the value; a fraction or a number out of range is never cut silently. */
static tp_status check_fits(const reader *r, const char *at, const number *x, tp_dtype dtype)
{
    static const struct {
        int64_t low, high;
    } range[TP_N_DTYPES] = { [TP_I64] = { INT64_MIN, INT64_MAX }, [TP_I32] = { INT32_MIN, INT32_MAX },
                             [TP_I16] = { INT16_MIN, INT16_MAX }, [TP_I8] = { INT8_MIN, INT8_MAX },
                             [TP_U8] = { 0, UINT8_MAX },          [TP_BOOL] = { 0, 1 } };
    if (tp_dtype_is_float(dtype))
        return TP_OK;
    if (x->kind == REAL)
        return tp_fail(TP_ERR_DTYPE, "from_list: byte %lld: a real number, %s is wanted",
                       (long long)(at - r->text), tp_dtype_name(dtype));
    if (x->integer < range[dtype].low || x->integer > range[dtype].high)
        return tp_fail(TP_ERR_DTYPE, "from_list: byte %lld: %lld does not fit %s", (long long)(at - r->text),
                       (long long)x->integer, tp_dtype_name(dtype));
    return TP_OK;
}

static tp_status read_scalar(reader *r, int depth)
{
    number x;
    const char *at = r->p;
    if (!read_word(r, &x) && read_number(r, &x))
        return tp_error_pending();
    if (r->shape.ndim < 0)
        r->shape.ndim = depth;
    if (depth != r->shape.ndim)
        return tp_fail(TP_ERR_SHAPE,
                       "from_list: byte %lld: a number, where the lists before have lists (ragged)",
                       (long long)(at - r->text));
    r->any_real |= x.kind == REAL;
    r->any_integer |= x.kind == INTEGER;
    r->any_bool |= x.kind == BOOL;
    if (!r->into)
        return TP_OK;
    tp_dtype dtype = (tp_dtype)r->into->dtype;
    tp_status status = check_fits(r, at, &x, dtype);
    const kernel_table *kernels = r->into->storage->device->kernels();
    char *to = tensor_data(r->into) + r->done++ * (int64_t)tensor_element_size(r->into);
    if (!status && x.kind == REAL)
        kernels->convert[dtype][TP_F64](to, 1, &x.real, 1, 1);
    else if (!status)
        kernels->convert[dtype][TP_I64](to, 1, &x.integer, 1, 1);
    return status;
}

static tp_status read_value(reader *r, int depth);

static tp_status read_list(reader *r, int depth)
{
    const char *at = r->p++;
    if (depth == TP_MAX_DIMS)
        return tp_fail(TP_ERR_UNSUPPORTED, "from_list: byte %lld: lists nest deeper than %d",
                       (long long)(at - r->text), TP_MAX_DIMS);
    if (r->shape.ndim >= 0 && depth >= r->shape.ndim)
        return tp_fail(TP_ERR_SHAPE,
                       "from_list: byte %lld: a list, where the lists before have numbers (ragged)",
                       (long long)(at - r->text));
    int64_t n = 0;
    tp_status status = TP_OK;
    for (skip_spaces(r); !status && *r->p != ']'; n++) {
        if (n && *r->p != ',')
            return fail_at(r, r->p, "a comma or ]");
        r->p += n > 0;
        status = read_value(r, depth + 1);
        skip_spaces(r);
    }
    if (status)
        return status;
    r->p++;
    if (n == 0 && r->shape.ndim < 0)
        r->shape.ndim = depth + 1;
    if (r->shape.dim[depth] < 0)
        r->shape.dim[depth] = n;
    if (r->shape.dim[depth] != n)
        return tp_fail(TP_ERR_SHAPE,
                       "from_list: byte %lld: a list of %lld, the ones before have %lld (ragged)",
                       (long long)(at - r->text), (long long)n, (long long)r->shape.dim[depth]);
    return TP_OK;
}

static tp_status read_value(reader *r, int depth)
{
    skip_spaces(r);
    return *r->p == '[' ? read_list(r, depth) : read_scalar(r, depth);
}

static tp_status read_text(reader *r, const char *text)
{
    r->text = r->p = text;
    r->done = 0;
    tp_status status = read_value(r, 0);
    if (status)
        return status;
    skip_spaces(r);
    return *r->p ? fail_at(r, r->p, "the end") : TP_OK;
}

/* dtype TP_N_DTYPES: found from the numbers. */
static tp_tensor *from_list(const char *text, tp_dtype dtype)
{
    reader r = { .shape.ndim = -1 };
    for (int i = 0; i < TP_MAX_DIMS; i++)
        r.shape.dim[i] = -1;
    if (tp_pending())
        return NULL;
    if (!text)
        return tp_fail_null(TP_ERR_ARGUMENT, "from_list: the text is NULL");
    if (read_text(&r, text))
        return NULL;
    if (dtype == TP_N_DTYPES)
        dtype = r.any_real ? TP_F32 : r.any_integer ? TP_I64 : r.any_bool ? TP_BOOL : TP_F32;
    TP_SCOPE;
    r.into = tensor_new(dtype, r.shape);
    return r.into && !read_text(&r, text) ? tp_keep(r.into) : NULL;
}

tp_tensor *tp_from_list(const char *text)
{
    return from_list(text, TP_N_DTYPES);
}

tp_tensor *tp_from_list_as(const char *text, tp_dtype dtype)
{
    if ((unsigned)dtype >= TP_N_DTYPES)
        return tp_fail_null(TP_ERR_DTYPE, "from_list: dtype %d is none", (int)dtype);
    return from_list(text, dtype);
}

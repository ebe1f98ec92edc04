/* npy_header.c - the header of an npy file, read strictly.
 *
 *   header = '{' [ item { ',' item } [ ',' ] ] '}' spaces newline        item = string ':' value
 *   'descr': string      'fortran_order': True | False      'shape': '(' [ integer { ',' integer } [ ',' ] ] ')'
 *
 * Layer: io.  Depends on npy_header.h.  Read next: npy.c. */
#include "io/npy_header.h"

#include "base/error.h"

#include <string.h>

typedef struct reader {
    const char *path, *text, *p;
    int64_t base;
} reader;

static tp_status wrong(const reader *r, const char *wanted)
{
    char got[8] = "the end";
    if (*r->p)
        snprintf(got, sizeof got, *r->p >= ' ' && *r->p < 127 ? "'%c'" : "0x%02x", (unsigned char)*r->p);
    return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: npy header: %s, %s is wanted", r->path,
                   (long long)(r->base + (r->p - r->text)), got, wanted);
}

static void skip(reader *r)
{
    while (*r->p == ' ' || *r->p == '\t')
        r->p++;
}

static bool take(reader *r, char c)
{
    skip(r);
    if (*r->p != c)
        return false;
    r->p++;
    return true;
}

/* A quoted string without escapes. */
static tp_status read_string(reader *r, char *out, size_t size)
{
    skip(r);
    char quote = *r->p;
    if (quote != '\'' && quote != '"')
        return wrong(r, "a string");
    size_t length = strcspn(r->p + 1, quote == '"' ? "\"\\\n" : "'\\\n");
    if (r->p[1 + length] != quote || length >= size) {
        r->p += 1 + (length < size ? length : 0);
        return wrong(r, "a short string without escapes");
    }
    memcpy(out, r->p + 1, length);
    out[length] = 0;
    r->p += length + 2;
    return TP_OK;
}

/* ---- descr: byte order, kind, size ------------------------------------------------------------------------------- */

static const struct {
    const char *name; /* without the byte order */
    tp_dtype dtype;
    char order; /* as NumPy writes it: '|' for single bytes */
} descrs[] = {
    { "f4", TP_F32, '<' }, { "f8", TP_F64, '<' }, { "f2", TP_F16, '<' },
    { "i8", TP_I64, '<' }, { "i4", TP_I32, '<' }, { "i2", TP_I16, '<' },
    { "i1", TP_I8, '|' },  { "u1", TP_U8, '|' },  { "b1", TP_BOOL, '|' },
};

const char *npy_descr_of(tp_dtype dtype)
{
    static const char *const names[TP_N_DTYPES] = {
        [TP_F32] = "<f4", [TP_F64] = "<f8", [TP_F16] = "<f2", [TP_I64] = "<i8", [TP_I32] = "<i4",
        [TP_I16] = "<i2", [TP_I8] = "|i1",  [TP_U8] = "|u1",  [TP_BOOL] = "|b1"
    };
    return names[dtype];
}

static tp_status read_descr(reader *r, npy_header *h)
{
    char text[32];
    skip(r);
    if (*r->p == '[')
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: byte %lld: npy header: structured elements are not read",
                       r->path, (long long)(r->base + (r->p - r->text)));
    const char *at = r->p;
    tp_status status = read_string(r, text, sizeof text);
    if (status)
        return status;
    for (size_t i = 0; i < sizeof descrs / sizeof *descrs; i++)
        if (text[0] && strchr("<>=|", text[0]) && !strcmp(text + 1, descrs[i].name) &&
            (text[0] != '|' || descrs[i].order == '|')) {
            h->dtype = descrs[i].dtype;
            h->big_endian = text[0] == '>';
            return TP_OK;
        }
    return tp_fail(TP_ERR_UNSUPPORTED,
                   "%s: byte %lld: npy header: elements '%s', numbers of f2 f4 f8 i1 i2 i4 i8 u1 b1 are read",
                   r->path, (long long)(r->base + (at - r->text)), text);
}

static tp_status read_bool(reader *r, bool *out)
{
    skip(r);
    *out = !strncmp(r->p, "True", 4);
    if (!*out && strncmp(r->p, "False", 5) != 0)
        return wrong(r, "True or False");
    r->p += *out ? 4 : 5;
    return TP_OK;
}

/* ---- shape: a tuple of integers ---------------------------------------------------------------------------------- */

static tp_status read_size(reader *r, int64_t *out)
{
    skip(r);
    int64_t value = 0;
    if (*r->p < '0' || *r->p > '9')
        return wrong(r, "a size");
    if (*r->p == '0' && r->p[1] >= '0' && r->p[1] <= '9')
        return wrong(r, "a size without leading zeros");
    for (; *r->p >= '0' && *r->p <= '9'; r->p++)
        if (!__builtin_mul_overflow(value, 10, &value) && !__builtin_add_overflow(value, *r->p - '0', &value))
            continue;
        else
            return wrong(r, "a size below 2^63");
    if (*r->p == 'L') /* Python 2 wrote its long integers so */
        r->p++;
    *out = value;
    return TP_OK;
}

static tp_status read_shape(reader *r, npy_header *h)
{
    bool comma = false;
    int64_t n = 0;
    if (!take(r, '('))
        return wrong(r, "a tuple of sizes");
    while (!take(r, ')')) {
        int64_t size = 0;
        if (n && !comma)
            return wrong(r, "a comma or the end of the tuple");
        tp_status status = read_size(r, &size);
        if (status)
            return status;
        if (n < TP_MAX_DIMS)
            h->shape.dim[n] = size;
        n++;
        comma = take(r, ',');
    }
    if (n == 1 && !comma) {
        r->p--;
        return wrong(r, "a comma: a tuple of one size is (3,)");
    }
    if (n > TP_MAX_DIMS)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: byte %lld: npy header: %lld dims, at most %d are possible",
                       r->path, (long long)(r->base + (r->p - r->text)), (long long)n, TP_MAX_DIMS);
    h->shape.ndim = (int)n;
    return TP_OK;
}

/* ---- the dict ---------------------------------------------------------------------------------------------------- */

static tp_status read_item(reader *r, npy_header *h, unsigned *seen)
{
    static const char *const keys[] = { "descr", "fortran_order", "shape" };
    char key[32];
    const char *at = r->p;
    tp_status status = read_string(r, key, sizeof key);
    if (status)
        return status;
    unsigned k = 0;
    while (k < 3 && strcmp(key, keys[k]) != 0)
        k++;
    if (k == 3 || *seen >> k & 1)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte %lld: npy header: %s key '%s'; descr, fortran_order and shape are wanted",
                       r->path, (long long)(r->base + (at - r->text)), k == 3 ? "unknown" : "second", key);
    *seen |= 1u << k;
    if (!take(r, ':'))
        return wrong(r, "a colon");
    return k == 0 ? read_descr(r, h) : k == 1 ? read_bool(r, &h->fortran_order) : read_shape(r, h);
}

tp_status npy_parse_header(const char *path, const char *text, int64_t length, int64_t base, npy_header *out)
{
    reader r = { .path = path, .text = text, .p = text, .base = base };
    unsigned seen = 0;
    bool comma = true;
    *out = (npy_header){ 0 };
    if (!take(&r, '{'))
        return wrong(&r, "'{'");
    while (!take(&r, '}')) {
        if (!comma)
            return wrong(&r, "a comma or '}'");
        tp_status status = read_item(&r, out, &seen);
        if (status)
            return status;
        comma = take(&r, ',');
    }
    if (seen != 7)
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: npy header: the key '%s' is missing", path,
                       (long long)base,
                       !(seen & 1)   ? "descr"
                       : !(seen & 2) ? "fortran_order"
                                     : "shape");
    skip(&r);
    if (*r.p != '\n')
        return wrong(&r, "a newline at its end");
    r.p++;
    return r.p - text == length ? TP_OK : wrong(&r, "nothing after the newline");
}

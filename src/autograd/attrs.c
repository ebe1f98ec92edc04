/* attrs.c - the attributes of an operation from text: how the shell, bindings and tests fill in an op's own struct.
 *
 * Layer: autograd.  Depends on base, core.  Read next: taper/autograd.h for tp_attr, cli/op.c, which uses it. */
#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <taper/autograd.h>

/* ---- defaults --------------------------------------------------------------------------------------------- */

static void set_default(const tp_attr *a, void *field)
{
    double x = isnan(a->otherwise) ? 0 : a->otherwise;
    switch (a->type) {
    case TP_ATTR_I64: *(int64_t *)field = x >= 0x1p63 ? INT64_MAX : (int64_t)x; break;
    case TP_ATTR_U64: *(uint64_t *)field = (uint64_t)x; break;
    case TP_ATTR_F64: *(double *)field = x; break;
    case TP_ATTR_BOOL: *(bool *)field = x != 0; break;
    case TP_ATTR_DIMS: *(tp_shape *)field = (tp_shape){ x != 0, { (int64_t)x } }; break;
    case TP_ATTR_PAIR: ((int64_t *)field)[0] = ((int64_t *)field)[1] = (int64_t)x; break;
    case TP_ATTR_DTYPE: *(tp_dtype *)field = (tp_dtype)x; break;
    case TP_ATTR_WORD: *(int *)field = (int)x; break;
    case TP_ATTR_TEXT: *(const char **)field = a->words ? a->words : ""; break;
    case TP_ATTR_END: break;
    }
}

void tp_op_defaults(const tp_op *op, void *attrs)
{
    if (op->attrs_size)
        memset(attrs, 0, op->attrs_size);
    for (const tp_attr *a = op->attrs; a && a->name; a++)
        set_default(a, (char *)attrs + a->offset);
}

const char *tp_op_missing(const tp_op *op, const char *const *given, int n)
{
    for (const tp_attr *a = op->attrs; a && a->name; a++) {
        bool there = !isnan(a->otherwise);
        for (int i = 0; i < n && !there; i++)
            there = !strcmp(given[i], a->name);
        if (!there)
            return a->name;
    }
    return NULL;
}

/* ---- values ----------------------------------------------------------------------------------------------- */

static bool read_i64(const char *text, char **end, int64_t *out)
{
    if (!strncmp(text, "none", 4)) {
        *end = (char *)text + 4;
        *out = TP_NO_DIM;
        return true;
    }
    errno = 0;
    *out = strtoll(text, end, 10);
    return *end != text && !errno && *text != ' ' && *text != '+';
}

static bool read_f64(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end && *text != ' ' && !strpbrk(text, "xX");
}

static bool read_bool(const char *text, bool *out)
{
    static const char *const words[] = { "0", "1", "false", "true", "False", "True" };
    for (int i = 0; i < 6; i++)
        if (!strcmp(text, words[i])) {
            *out = i % 2;
            return true;
        }
    *out = true;
    return !*text; /* a flag alone means yes */
}

/* "2", "0,-1", "(2, 3)", "[2,3]", "(3,)", "" */
static bool read_dims(const char *text, tp_shape *out)
{
    const char close = *text == '(' ? ')' : *text == '[' ? ']' : 0;
    *out = (tp_shape){ 0 };
    for (text += close != 0; *text && *text != close; out->ndim++) {
        char *end;
        if (out->ndim == TP_MAX_DIMS || !read_i64(text, &end, &out->dim[out->ndim]))
            return false;
        text = end + (*end == ',');
        if (*end != ',' && *end != close)
            return false;
        while (*text == ' ')
            text++;
    }
    return *text == close && (!close || !text[1]);
}

static bool read_pair(const char *text, int64_t *out)
{
    tp_shape s;
    if (!read_dims(text, &s) || s.ndim < 1 || s.ndim > 2)
        return false;
    out[0] = s.dim[0];
    out[1] = s.dim[s.ndim - 1];
    return true;
}

static bool read_word(const char *words, const char *text, int *out)
{
    size_t length = strlen(text);
    *out = 0;
    for (const char *at = words; *at; (*out)++) {
        size_t n = strcspn(at, " ");
        if (n == length && !memcmp(at, text, n))
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

static bool read_value(const tp_attr *a, const char *text, void *field)
{
    char *end = NULL;
    switch (a->type) {
    case TP_ATTR_I64: return read_i64(text, &end, field) && !*end;
    case TP_ATTR_U64: {
        errno = 0;
        *(uint64_t *)field = strtoull(text, &end, 10);
        return *text >= '0' && *text <= '9' && !*end && !errno;
    }
    case TP_ATTR_F64: return read_f64(text, field);
    case TP_ATTR_BOOL: return read_bool(text, field);
    case TP_ATTR_DIMS: return read_dims(text, field);
    case TP_ATTR_PAIR: return read_pair(text, field);
    case TP_ATTR_DTYPE: {
        if (!strcmp(text, "none")) { /* where that is the default */
            set_default(a, field);
            return a->otherwise < 0;
        }
        bool known = !tp_dtype_from_name(text, field);
        if (!known)
            tp_error_take(NULL, 0); /* ours says more */
        return known;
    }
    case TP_ATTR_WORD: return read_word(a->words, text, field);
    case TP_ATTR_TEXT: *(const char **)field = text; return true;
    case TP_ATTR_END: break;
    }
    return false;
}

static const char *wanted(const tp_attr *a)
{
    static const char *const texts[] = {
        [TP_ATTR_I64] = "an integer",
        [TP_ATTR_U64] = "an integer from 0 on",
        [TP_ATTR_F64] = "a number",
        [TP_ATTR_BOOL] = "true or false",
        [TP_ATTR_DIMS] = "integers joined by commas, at most 8",
        [TP_ATTR_PAIR] = "an integer, or two joined by a comma",
        [TP_ATTR_DTYPE] = "one of f64 f32 f16 bf16 i64 i32 i16 i8 u8 bool",
        [TP_ATTR_TEXT] = "a text",
    };
    return a->type == TP_ATTR_WORD ? a->words : texts[a->type];
}

tp_status tp_op_set(const tp_op *op, void *attrs, const char *name, const char *text)
{
    if (tp_pending())
        return tp_error_pending();
    for (const tp_attr *a = op->attrs; a && a->name; a++) {
        if (strcmp(a->name, name) != 0)
            continue;
        if (read_value(a, text, (char *)attrs + a->offset))
            return TP_OK;
        return tp_fail(TP_ERR_ARGUMENT, "%s: %s is '%s', wanted: %s", op->name, name, text, wanted(a));
    }
    return tp_fail(TP_ERR_ARGUMENT, "%s: has no attribute '%s'", op->name, name);
}

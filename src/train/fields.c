/* fields.c - members of a JSON object, read strictly.
 *
 * A run folder may have been edited by hand: every error says which file, which field, what is there and what was
 * wanted.
 * Layer: train.  Depends on io/json.h.  Read next: fields.h, config_file.c. */
#include "train/fields.h"

#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *dot(const fields *f)
{
    return *f->section ? "." : "";
}

tp_status fields_wrong(const fields *f, const char *name, const char *wanted)
{
    const js_value *value = js_get(f->object, name);
    if (!value)
        return tp_fail(TP_ERR_FORMAT, "%s: field '%s%s%s' is missing, %s is wanted", f->path, f->section,
                       dot(f), name, wanted);
    return tp_fail(TP_ERR_FORMAT, "%s: field '%s%s%s' is %s, %s is wanted", f->path, f->section, dot(f), name,
                   js_kind_name(js_kind_of(value)), wanted);
}

const js_value *fields_get(const fields *f, const char *name, js_kind kind)
{
    const js_value *value = js_get(f->object, name);
    if (value && js_kind_of(value) == kind)
        return value;
    fields_wrong(f, name, js_kind_name(kind));
    return NULL;
}

tp_status fields_section(const fields *f, const char *name, fields *out)
{
    *out = (fields){ f->path, name, fields_get(f, name, JS_OBJECT) };
    return out->object ? TP_OK : tp_error_pending();
}

tp_status fields_integer(const fields *f, const char *name, int64_t min, int64_t max, int64_t *out)
{
    int64_t value;
    if (!js_integer(js_get(f->object, name), &value))
        return fields_wrong(f, name, "an integer");
    if (value < min || value > max)
        return tp_fail(TP_ERR_FORMAT, "%s: field '%s%s%s' is %lld, %lld to %lld is possible", f->path,
                       f->section, dot(f), name, (long long)value, (long long)min, (long long)max);
    *out = value;
    return TP_OK;
}

tp_status fields_count(const fields *f, const char *name, int64_t *out)
{
    return fields_integer(f, name, 0, INT64_MAX, out);
}

/* JSON's integers end at 2^63: larger seeds are written as strings. */
tp_status fields_seed(const fields *f, const char *name, uint64_t *out)
{
    const js_value *value = js_get(f->object, name);
    const char *text = js_string(value);
    int64_t number;
    if (js_integer(value, &number) && number >= 0) {
        *out = (uint64_t)number;
        return TP_OK;
    }
    if (!text || strspn(text, "0123456789") != strlen(text) || !*text)
        return fields_wrong(f, name, "a seed (an integer, 0 or more)");
    errno = 0;
    *out = strtoull(text, NULL, 10);
    return errno ? fields_wrong(f, name, "a seed below 2^64") : TP_OK;
}

js_value *json_seed(uint64_t seed)
{
    char text[32];
    if (seed <= INT64_MAX)
        return js_new_integer((int64_t)seed);
    snprintf(text, sizeof text, "%" PRIu64, seed);
    return js_new_string(text);
}

tp_status fields_number(const fields *f, const char *name, double *out)
{
    const js_value *value = js_get(f->object, name);
    const char *text = js_string(value);
    if (js_number(value, out))
        return TP_OK;
    if (!text)
        return fields_wrong(f, name, "a number");
    if (!strcmp(text, "nan"))
        *out = NAN;
    else if (!strcmp(text, "inf"))
        *out = INFINITY;
    else if (!strcmp(text, "-inf"))
        *out = -INFINITY;
    else
        return fields_wrong(f, name, "a number");
    return TP_OK;
}

js_value *json_exact(double x)
{
    if (isfinite(x))
        return js_new_number(x);
    return js_new_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

tp_status fields_bool(const fields *f, const char *name, bool *out)
{
    const js_value *value = fields_get(f, name, JS_BOOL);
    if (!value)
        return tp_error_pending();
    *out = js_true(value);
    return TP_OK;
}

tp_status fields_text(const fields *f, const char *name, const char **out)
{
    const js_value *value = js_get(f->object, name);
    *out = js_string(value);
    if (*out || (value && js_kind_of(value) == JS_NULL))
        return TP_OK;
    return fields_wrong(f, name, "a string or null");
}

js_value *json_text(const char *text)
{
    return text ? js_new_string(text) : js_new_number((double)NAN); /* not a number: null */
}

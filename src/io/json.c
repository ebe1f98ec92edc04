/* json.c - JSON by jansson, behind json.h.
 *
 * A js_value is a json_t.  Layer: io.  Depends on file.h, jansson.  Read next: json.h. */
#include "io/json.h"

#include "base/error.h"
#include "base/memory.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static json_t *inner(const js_value *value)
{
    return (json_t *)(uintptr_t)value;
}

static js_value *outer(json_t *value)
{
    return (js_value *)value;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

js_value *js_parse(const char *name, const void *text, size_t size, int64_t base)
{
    json_error_t error;
    if (tp_pending())
        return NULL;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value)
        return outer(value);
    if (json_error_code(&error) == json_error_out_of_memory)
        return tp_fail_null(TP_ERR_MEMORY, "%s: out of memory while reading JSON", name);
    return tp_fail_null(TP_ERR_FORMAT, "%s: byte %lld: not valid JSON: %s", name,
                        (long long)(base + error.position), error.text);
}

js_value *js_read(const char *path)
{
    file_bytes text;
    if (file_read(path, (int64_t)256 << 20, &text))
        return NULL;
    js_value *value = js_parse(path, text.data, text.size, 0);
    file_bytes_free(&text);
    return value;
}

void js_free(js_value *value)
{
    json_decref(inner(value));
}

js_kind js_kind_of(const js_value *value)
{
    if (!value)
        return JS_NULL;
    switch (json_typeof(inner(value))) {
    case JSON_OBJECT: return JS_OBJECT;
    case JSON_ARRAY: return JS_ARRAY;
    case JSON_STRING: return JS_STRING;
    case JSON_INTEGER: return JS_INTEGER;
    case JSON_REAL: return JS_REAL;
    case JSON_TRUE:
    case JSON_FALSE: return JS_BOOL;
    default: return JS_NULL;
    }
}

const char *js_kind_name(js_kind kind)
{
    static const char *const names[] = {
        [JS_NULL] = "null",          [JS_BOOL] = "true or false", [JS_INTEGER] = "an integer",
        [JS_REAL] = "a real number", [JS_STRING] = "a string",    [JS_ARRAY] = "an array",
        [JS_OBJECT] = "an object"
    };
    return names[kind];
}

int64_t js_count(const js_value *value)
{
    return json_is_array(inner(value)) ? (int64_t)json_array_size(inner(value))
                                       : (int64_t)json_object_size(inner(value));
}

const js_value *js_at(const js_value *array, int64_t i)
{
    return i < 0 ? NULL : outer(json_array_get(inner(array), (size_t)i));
}

const js_value *js_get(const js_value *object, const char *name)
{
    return outer(json_object_get(inner(object), name));
}

const char *js_string(const js_value *value)
{
    return json_string_value(inner(value));
}

bool js_integer(const js_value *value, int64_t *out)
{
    if (!json_is_integer(inner(value)))
        return false;
    *out = json_integer_value(inner(value));
    return true;
}

bool js_number(const js_value *value, double *out)
{
    if (!json_is_number(inner(value)))
        return false;
    *out = json_number_value(inner(value));
    return true;
}

bool js_true(const js_value *value)
{
    return json_is_true(inner(value));
}

static js_member member_at(void *position)
{
    if (!position)
        return (js_member){ 0 };
    return (js_member){ json_object_iter_key(position), outer(json_object_iter_value(position)), position };
}

js_member js_first(const js_value *object)
{
    return member_at(json_object_iter(inner(object)));
}

void js_next(const js_value *object, js_member *member)
{
    *member = member_at(json_object_iter_next(inner(object), member->position));
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

static js_value *made(json_t *value)
{
    return value ? outer(value) : tp_fail_null(TP_ERR_MEMORY, "json: out of memory");
}

js_value *js_new_object(void)
{
    return tp_pending() ? NULL : made(json_object());
}

js_value *js_new_array(void)
{
    return tp_pending() ? NULL : made(json_array());
}

js_value *js_new_string(const char *text)
{
    if (tp_pending())
        return NULL;
    json_t *value = json_string(text);
    if (!value) /* a path or a name need not be UTF-8: each byte that jansson refuses becomes a question mark */
        if ((value = json_stringn_nocheck(text, strlen(text)))) {
            char *bytes = (char *)(uintptr_t)json_string_value(value);
            for (; *bytes; bytes++)
                if ((unsigned char)*bytes >= 0x80)
                    *bytes = '?';
        }
    return made(value);
}

js_value *js_new_integer(int64_t n)
{
    return tp_pending() ? NULL : made(json_integer(n));
}

js_value *js_new_number(double x)
{
    return tp_pending() ? NULL : made(isfinite(x) ? json_real(x) : json_null());
}

js_value *js_new_bool(bool b)
{
    return tp_pending() ? NULL : made(json_boolean(b));
}

tp_status js_set(js_value *object, const char *name, js_value *value)
{
    if (tp_pending() || !object || !value) {
        json_decref(inner(value));
        return tp_fail(TP_ERR_ARGUMENT, "json: the object or the value for '%s' is NULL", name);
    }
    if (json_object_set_new(inner(object), name, inner(value))) /* it lets go of the value on failure */
        return tp_fail(TP_ERR_ARGUMENT, "json: the name '%s' is not valid UTF-8", name);
    return TP_OK;
}

tp_status js_append(js_value *array, js_value *value)
{
    if (tp_pending() || !array || !value) {
        json_decref(inner(value));
        return tp_fail(TP_ERR_ARGUMENT, "json: the array or the value is NULL");
    }
    return json_array_append_new(inner(array), inner(value)) ? tp_fail(TP_ERR_MEMORY, "json: out of memory")
                                                             : TP_OK;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static int append(const char *text, size_t size, void *out)
{
    return file_bytes_append(out, text, size) ? -1 : 0;
}

tp_status js_format(const js_value *value, bool indented, file_bytes *out)
{
    if (tp_pending())
        return tp_error_pending();
    if (!value)
        return tp_fail(TP_ERR_ARGUMENT, "json: the value is NULL");
    size_t flags = JSON_ENCODE_ANY | (indented ? JSON_INDENT(2) : JSON_COMPACT);
    if (json_dump_callback(inner(value), append, out, flags))
        return tp_fail(TP_ERR_MEMORY, "json: out of memory while writing");
    return TP_OK;
}

tp_status js_write(const char *path, const js_value *value)
{
    file_bytes text = { 0 };
    tp_status status = js_format(value, true, &text);
    if (!status)
        status = file_bytes_append(&text, "\n", 1);
    if (!status)
        status = file_write(path, text.data, text.size);
    file_bytes_free(&text);
    return status;
}

const char *json_library(bool running)
{
    return running ? jansson_version_str() : JANSSON_VERSION;
}

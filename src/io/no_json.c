/* no_json.c - json.h in a build without jansson: everything that would make a value fails with words.
 *
 * Layer: io.  Depends on base.  Read next: json.h. */
#include "io/json.h"

#include "base/error.h"

static js_value *unsupported(const char *what)
{
    return tp_fail_null(TP_ERR_UNSUPPORTED, "%s: JSON is unsupported: built without jansson", what);
}

js_value *js_parse(const char *name, const void *text, size_t size, int64_t base)
{
    (void)text, (void)size, (void)base;
    return unsupported(name);
}

js_value *js_read(const char *path)
{
    return unsupported(path);
}
void js_free(js_value *value)
{
    (void)value;
}
js_kind js_kind_of(const js_value *value)
{
    (void)value;
    return JS_NULL;
}
const char *js_kind_name(js_kind kind)
{
    (void)kind;
    return "null";
}
int64_t js_count(const js_value *value)
{
    (void)value;
    return 0;
}
const js_value *js_at(const js_value *array, int64_t i)
{
    (void)array, (void)i;
    return NULL;
}
const js_value *js_get(const js_value *object, const char *name)
{
    (void)object, (void)name;
    return NULL;
}
const char *js_string(const js_value *value)
{
    (void)value;
    return NULL;
}
bool js_integer(const js_value *value, int64_t *out)
{
    (void)value, (void)out;
    return false;
}
bool js_number(const js_value *value, double *out)
{
    (void)value, (void)out;
    return false;
}
bool js_true(const js_value *value)
{
    (void)value;
    return false;
}
js_member js_first(const js_value *object)
{
    (void)object;
    return (js_member){ 0 };
}
void js_next(const js_value *object, js_member *member)
{
    (void)object;
    *member = (js_member){ 0 };
}

js_value *js_new_object(void)
{
    return unsupported("json");
}
js_value *js_new_array(void)
{
    return unsupported("json");
}
js_value *js_new_string(const char *text)
{
    (void)text;
    return unsupported("json");
}
js_value *js_new_integer(int64_t n)
{
    (void)n;
    return unsupported("json");
}
js_value *js_new_number(double x)
{
    (void)x;
    return unsupported("json");
}
js_value *js_new_bool(bool b)
{
    (void)b;
    return unsupported("json");
}

static tp_status no_value(void)
{
    unsupported("json");
    return tp_error_pending();
}

tp_status js_set(js_value *object, const char *name, js_value *value)
{
    (void)object, (void)name, (void)value;
    return no_value();
}

tp_status js_append(js_value *array, js_value *value)
{
    (void)array, (void)value;
    return no_value();
}

tp_status js_format(const js_value *value, bool indented, file_bytes *out)
{
    (void)value, (void)indented, (void)out;
    return no_value();
}

tp_status js_write(const char *path, const js_value *value)
{
    (void)value;
    unsupported(path);
    return tp_error_pending();
}

const char *json_library(bool running)
{
    (void)running;
    return NULL;
}

/* load_steps.c - steps of a tokenizer from tokenizer.json: their names in the tables, and their options.
 *
 * An option that is not known by its value is an error that names it.
 * Layer: text.  Depends on io/json.h.  Read next: load_json.c, normalise.c. */
#include "text/load_steps.h"

#include "base/error.h"
#include "base/memory.h"
#include "text/charsmap.h"
#include "text/unicode.h"

#include <string.h>

/* ---- members ------------------------------------------------------------------------------------------------------- */

static tp_status wrong(loader *l, const js_value *got, const char *name, const char *wanted)
{
    return tp_fail(TP_ERR_FORMAT, "%s: \"%s\" is %s, %s is wanted", l->path, name,
                   js_kind_name(js_kind_of(got)), wanted);
}

tp_status get_bool(loader *l, const js_value *from, const char *name, bool missing, bool *out)
{
    const js_value *v = js_get(from, name);
    *out = js_kind_of(v) == JS_NULL ? missing : js_true(v);
    return js_kind_of(v) == JS_NULL || js_kind_of(v) == JS_BOOL ? TP_OK : wrong(l, v, name, "true or false");
}

tp_status get_count(loader *l, const js_value *from, const char *name, int64_t missing, int64_t *out)
{
    const js_value *v = js_get(from, name);
    *out = missing;
    if (js_kind_of(v) == JS_NULL)
        return TP_OK;
    return js_integer(v, out) && *out >= 0 ? TP_OK : wrong(l, v, name, "a whole number of 0 or more");
}

tp_status get_text(loader *l, const js_value *from, const char *name, const char *missing, const char **out,
                   int64_t *size)
{
    const js_value *v = js_get(from, name);
    const char *text = js_kind_of(v) == JS_NULL ? missing : js_string(v);
    if (!text)
        return wrong(l, v, name, "a string");
    *out = keep_text(l->t, text, (int64_t)strlen(text));
    if (size)
        *size = (int64_t)strlen(text);
    return tp_error_pending();
}

/* {"String": "..."}, {"Regex": "..."} or "..." */
static tp_status get_pattern(loader *l, const js_value *from, step *s)
{
    const js_value *pattern = js_get(from, "pattern"), *expression = js_get(pattern, "Regex");
    if (js_string(expression)) {
        s->pattern = regex_new(l->path, js_string(expression));
        return tp_error_pending();
    }
    if (js_string(pattern))
        return get_text(l, from, "pattern", NULL, &s->text, &s->text_size);
    if (!js_string(js_get(pattern, "String")))
        return wrong(l, pattern, "pattern", "{\"String\": text} or {\"Regex\": text}");
    return get_text(l, pattern, "String", NULL, &s->text, &s->text_size);
}

static tp_status get_behaviour(loader *l, const js_value *from, cut_behaviour missing, cut_behaviour *out)
{
    static const char *const names[] = {
        [CUT_REMOVED] = "Removed",
        [CUT_ISOLATED] = "Isolated",
        [CUT_WITH_PREVIOUS] = "MergedWithPrevious",
        [CUT_WITH_NEXT] = "MergedWithNext",
        [CUT_CONTIGUOUS] = "Contiguous",
    };
    const js_value *v = js_get(from, "behavior");
    *out = missing;
    if (js_kind_of(v) == JS_NULL)
        return TP_OK;
    for (int i = 0; i < 5; i++)
        if (js_string(v) && !strcmp(js_string(v), names[i])) {
            *out = (cut_behaviour)i;
            return TP_OK;
        }
    return wrong(l, v, "behavior", "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

/* ---- normalisers ----------------------------------------------------------------------------------------------------- */

tp_status read_nothing(loader *l, const js_value *v, step *s)
{
    (void)l, (void)v, (void)s;
    return TP_OK;
}

tp_status read_unicode(loader *l, const js_value *v, step *s)
{
    (void)v;
    return unicode_there() ? TP_OK
                           : tp_fail(TP_ERR_UNSUPPORTED, "%s: %s is unsupported: built without utf8proc",
                                     l->path, s->type->name);
}

static tp_status form(loader *l, const js_value *v, step *s, unicode_form f)
{
    s->start = f;
    return read_unicode(l, v, s);
}

tp_status read_nfc(loader *l, const js_value *v, step *s)
{
    return form(l, v, s, NFC);
}
tp_status read_nfd(loader *l, const js_value *v, step *s)
{
    return form(l, v, s, NFD);
}
tp_status read_nfkc(loader *l, const js_value *v, step *s)
{
    return form(l, v, s, NFKC);
}
tp_status read_nfkd(loader *l, const js_value *v, step *s)
{
    return form(l, v, s, NFKD);
}

tp_status read_bert(loader *l, const js_value *v, step *s)
{
    if (get_bool(l, v, "clean_text", true, &s->flags[0]) ||
        get_bool(l, v, "handle_chinese_chars", true, &s->flags[1]) ||
        get_bool(l, v, "lowercase", true, &s->flags[3]) ||
        get_bool(l, v, "strip_accents", s->flags[3], &s->flags[2]))
        return tp_error_pending();
    return read_unicode(l, v, s);
}

tp_status read_replace(loader *l, const js_value *v, step *s)
{
    return get_pattern(l, v, s) ? tp_error_pending()
                                : get_text(l, v, "content", NULL, &s->content, &s->content_size);
}

tp_status read_prepend(loader *l, const js_value *v, step *s)
{
    return get_text(l, v, "prepend", NULL, &s->text, &s->text_size);
}

tp_status read_strip(loader *l, const js_value *v, step *s)
{
    return get_bool(l, v, "strip_left", true, &s->flags[0]) ||
                   get_bool(l, v, "strip_right", true, &s->flags[1])
               ? tp_error_pending()
               : read_unicode(l, v, s);
}

/* Of four characters of base64 three bytes; -1 if it is none. */
static int64_t base64(const char *text, unsigned char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int64_t n = 0;
    uint32_t bits = 0;
    int held = 0;
    for (; *text && *text != '='; text++) {
        const char *digit = strchr(digits, *text);
        if (!digit)
            return -1;
        bits = bits << 6 | (uint32_t)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (unsigned char)(bits >> held);
        }
    }
    return n;
}

tp_status read_precompiled(loader *l, const js_value *v, step *s)
{
    const char *text = js_string(js_get(v, "precompiled_charsmap"));
    if (!text)
        return wrong(l, js_get(v, "precompiled_charsmap"), "precompiled_charsmap", "a string");
    const size_t room = strlen(text) + 1;
    unsigned char *blob = tp_alloc(room);
    int64_t size = blob ? base64(text, blob) : -1;
    tp_status status = size < 0 ? tp_fail(TP_ERR_FORMAT, "%s: \"precompiled_charsmap\" is no base64", l->path)
                                : read_charsmap(l, blob, size);
    tp_free(blob, room);
    s->map = l->t->map;
    return status ? status : read_unicode(l, v, s);
}

/* ---- pre-tokenisers ---------------------------------------------------------------------------------------------------- */

tp_status read_byte_level(loader *l, const js_value *v, step *s)
{
    bool pattern;
    if (get_bool(l, v, "add_prefix_space", true, &s->flags[0]) || get_bool(l, v, "use_regex", true, &pattern))
        return tp_error_pending();
    if (pattern)
        s->pattern = regex_new(l->path, "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
                                        "|\\s+(?!\\S)|\\s+");
    return tp_error_pending();
}

tp_status read_metaspace(loader *l, const js_value *v, step *s) /* also the decoder */
{
    const char *scheme = "";
    bool in_front, cut;
    if (get_text(l, v, "replacement", METASPACE, &s->text, &s->text_size) ||
        get_bool(l, v, "add_prefix_space", true, &in_front) || get_bool(l, v, "split", true, &cut) ||
        get_text(l, v, "prepend_scheme", in_front ? "always" : "never", &scheme, NULL))
        return tp_error_pending();
    s->flags[0] = !strcmp(scheme, "always");
    s->flags[1] = !strcmp(scheme, "first");
    s->flags[2] = !cut;
    if (!s->flags[0] && !s->flags[1] && strcmp(scheme, "never") != 0)
        return wrong(l, js_get(v, "prepend_scheme"), "prepend_scheme", "always, first or never");
    if (s->text_size < 1 || character_bytes((unsigned char)*s->text) != s->text_size)
        return wrong(l, js_get(v, "replacement"), "replacement", "one character");
    return TP_OK;
}

tp_status read_split(loader *l, const js_value *v, step *s)
{
    return get_pattern(l, v, s) || get_behaviour(l, v, CUT_ISOLATED, &s->behaviour)
               ? tp_error_pending()
               : get_bool(l, v, "invert", false, &s->flags[0]);
}

tp_status read_delimiter(loader *l, const js_value *v, step *s)
{
    s->behaviour = CUT_REMOVED;
    return get_text(l, v, "delimiter", NULL, &s->text, &s->text_size);
}

tp_status read_digits(loader *l, const js_value *v, step *s)
{
    return get_bool(l, v, "individual_digits", false, &s->flags[0]) ? tp_error_pending()
                                                                    : read_unicode(l, v, s);
}

tp_status read_punctuation(loader *l, const js_value *v, step *s)
{
    return get_behaviour(l, v, CUT_ISOLATED, &s->behaviour) ? tp_error_pending() : read_unicode(l, v, s);
}

/* ---- decoders ---------------------------------------------------------------------------------------------------------- */

tp_status read_wordpiece_decoder(loader *l, const js_value *v, step *s)
{
    return get_text(l, v, "prefix", "##", &s->text, &s->text_size)
               ? tp_error_pending()
               : get_bool(l, v, "cleanup", true, &s->flags[0]);
}

tp_status read_suffix(loader *l, const js_value *v, step *s)
{
    return get_text(l, v, "suffix", "</w>", &s->text, &s->text_size);
}

tp_status read_strip_decoder(loader *l, const js_value *v, step *s)
{
    return get_text(l, v, "content", NULL, &s->text, &s->text_size) || get_count(l, v, "start", 0, &s->start)
               ? tp_error_pending()
               : get_count(l, v, "stop", 0, &s->stop);
}

/* ---- lists ------------------------------------------------------------------------------------------------------------- */

step *steps_add(step_list *list, const step_type *type)
{
    if (tp_grow((void **)&list->items, &list->room, list->count + 1, sizeof *list->items))
        return NULL;
    list->items[list->count] = (step){ .type = type };
    return &list->items[list->count++];
}

tp_status read_steps(loader *l, const js_value *v, const step_type *table, const char *members,
                     const char *what, step_list *list)
{
    if (js_kind_of(v) == JS_NULL)
        return TP_OK;
    const char *type = js_string(js_get(v, "type"));
    if (!type)
        return tp_fail(TP_ERR_FORMAT, "%s: a %s without a \"type\"", l->path, what);
    if (!strcmp(type, "Sequence")) {
        const js_value *items = js_get(v, members);
        if (js_kind_of(items) != JS_ARRAY)
            return wrong(l, items, members, "an array");
        for (int64_t i = 0; i < js_count(items); i++)
            if (read_steps(l, js_at(items, i), table, members, what, list))
                return tp_error_pending();
        return TP_OK;
    }
    while (table->name && strcmp(table->name, type) != 0)
        table++;
    if (!table->name)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: the %s '%.60s' is unsupported", l->path, what, type);
    step *s = steps_add(list, table);
    return s ? table->read(l, v, s) : tp_error_pending();
}

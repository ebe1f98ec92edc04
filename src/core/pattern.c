/* pattern.c - names chosen by patterns: "features,*.bias".
 *
 * A pattern is a glob over the whole dotted name (* any letters, dots too; ? one), or over the name of a module that it
 * lies in.  The matcher goes back to the last star only, so that no pattern makes it slow.
 * Layer: core.  Depends on tensor.h.  Read next: params.c, nn/freeze.c, train/learner.c. */
#include "core/tensor.h"

#include <string.h>

static bool glob(const char *p, const char *p_end, const char *s, const char *s_end)
{
    const char *star = NULL, *taken = NULL;
    while (s < s_end)
        if (p < p_end && *p == '*') {
            star = ++p;
            taken = s;
        } else if (p < p_end && (*p == '?' || *p == *s)) {
            p++, s++;
        } else if (star) {
            p = star;
            s = ++taken;
        } else {
            return false;
        }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}

/* The name, or what stands before one of its dots. */
static bool matches(const char *pattern, size_t length, const char *name)
{
    for (const char *end = name;; end++)
        if ((!*end || *end == '.') && glob(pattern, pattern + length, name, end))
            return true;
        else if (!*end)
            return false;
}

bool tp_name_matches(const char *patterns, const char *name)
{
    for (const char *p = patterns; p && name && *p;) {
        size_t length = strcspn(p, ",");
        if (length && matches(p, length, name))
            return true;
        p += length + (p[length] == ',');
    }
    return false;
}

/* "features, classifier": what the names begin with, each once as long as they stand together. */
static const char *beginnings(const tp_params *list)
{
    char *text = error_piece();
    size_t used = 0, last = 0, last_length = 0;
    text[0] = 0;
    for (int i = 0; i < tp_params_count(list); i++) {
        const char *name = tp_params_name(list, i);
        size_t length = strcspn(name, ".");
        if (last_length == length && !memcmp(text + last, name, length))
            continue;
        if (used + length + 8 > ERROR_PIECE) {
            strcpy(text + used, ", ...");
            break;
        }
        last = used ? used + 2 : 0;
        last_length = length;
        used +=
            (size_t)snprintf(text + used, ERROR_PIECE - used, "%s%.*s", used ? ", " : "", (int)length, name);
    }
    return text;
}

static bool matches_any(const tp_params *list, const char *pattern, size_t length)
{
    for (int i = 0; i < tp_params_count(list); i++)
        if (matches(pattern, length, tp_params_name(list, i)))
            return true;
    return false;
}

tp_params *tp_params_matching(const tp_params *list, const char *patterns)
{
    if (tp_pending())
        return NULL;
    if (!list || !patterns)
        return tp_fail_null(TP_ERR_ARGUMENT, "params_matching: the %s NULL",
                            list ? "patterns are" : "list is");
    for (const char *p = patterns; *p;) {
        size_t length = strcspn(p, ",");
        if (length && !matches_any(list, p, length))
            return tp_fail_null(TP_ERR_ARGUMENT, "no name matches '%.*s'; the names begin with %s",
                                (int)length, p, beginnings(list));
        p += length + (p[length] == ',');
    }
    TP_SCOPE;
    tp_params *found = tp_params_new();
    for (int i = 0; i < tp_params_count(list) && found; i++)
        if (tp_name_matches(patterns, tp_params_name(list, i)))
            tp_params_add(found, tp_params_name(list, i), tp_params_at(list, i));
    return tp_pending() ? NULL : tp_keep(found);
}

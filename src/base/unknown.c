/* unknown.c - a name that a table does not have: an error that says which one was meant.
 *
 * Layer: base.  Depends on error.h.  Read next: error.c. */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* Letters to add, drop or change to come from a to b (Levenshtein 1966); 99 for words too long to be worth it. */
static int distance(const char *a, const char *b)
{
    enum { LONGEST = 31 };
    int row[LONGEST + 1];
    const size_t n = strlen(b);
    if (strlen(a) > LONGEST || n > LONGEST)
        return 99;
    for (size_t j = 0; j <= n; j++)
        row[j] = (int)j;
    for (size_t i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            const int changed = diagonal + (a[i - 1] != b[j - 1]),
                      nearest = row[j] < row[j - 1] ? row[j] : row[j - 1];
            diagonal = row[j];
            row[j] = changed < nearest + 1 ? changed : nearest + 1;
        }
    }
    return row[n];
}

tp_status tp_error_unknown(const char *what, const char *name, const char *(*name_at)(int))
{
    char list[600] = "";
    const char *meant = NULL;
    size_t used = 0;
    int best = 4; /* more letters than that are another word */
    for (int i = 0; name_at(i); i++) {
        const int d = distance(name, name_at(i)),
                  n = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", name_at(i));
        used = n > 0 && used + (size_t)n < sizeof list ? used + (size_t)n : sizeof list - 1;
        if (d < best) {
            best = d;
            meant = name_at(i);
        }
    }
    return tp_fail(TP_ERR_ARGUMENT, "unknown %s '%.60s'%s%s%s (known: %s)", what, name,
                   meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "", list);
}

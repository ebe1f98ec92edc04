/* filled.c - numbers from names: tools/golden/lib/filled.py.
 *
 * Layer: tests.  Depends on taper.  Read next: filled.h. */
#include "support/filled.h"

#include <math.h>
#include <string.h>

uint64_t filled_raw(const char *name, const char *suffix, int64_t i)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++)
        h = (h ^ (unsigned char)*c) * 0x100000001b3u;
    for (const char *c = suffix; *c; c++)
        h = (h ^ (unsigned char)*c) * 0x100000001b3u;
    uint64_t x = h + (uint64_t)(i + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

void filled_tensor(const char *name, tp_tensor *t, double scale, double shift)
{
    float *to = tp_data(t);
    for (int64_t i = 0; i < tp_numel(t); i++)
        to[i] = (float)(shift + scale * ((double)(filled_raw(name, "", i) >> 40) / (1 << 23) - 1));
}

bool filled_ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcmp(name + n - m, end);
}

void filled_module(tp_module *net)
{
    TP_NO_GRAD;
    tp_params *state = tp_state_dict(net);
    for (int i = 0; i < tp_params_count(state); i++) {
        tp_tensor *t = tp_params_at(state, i);
        const char *name = tp_params_name(state, i);
        if (filled_ends_with(name, "num_batches_tracked"))
            tp_zero_(t);
        else if (tp_ndim(t) > 1)
            filled_tensor(name, t, sqrt(6 / ((double)tp_numel(t) / (double)tp_size(t, 0))), 0);
        else if (filled_ends_with(name, "running_mean") || filled_ends_with(name, "bias"))
            filled_tensor(name, t, 0.1, 0);
        else
            filled_tensor(name, t, 0.25, 1);
    }
}

/* freeze.c - parts of a network that do not learn, for fine-tuning.
 *
 * A frozen parameter requires no gradient, so backward stops where nothing below wants one and optimizers leave it out.
 * A module with statistics (batch norm) whose parameters are all frozen stays in evaluation mode whatever tp_train says,
 * because its outputs would change otherwise although its weights do not.
 * Layer: nn.  Depends on module.h.  Read next: module.c, core/pattern.c. */
#include "nn/module.h"

#include <string.h>

typedef struct freezing {
    const char *patterns;
    bool frozen, training; /* training: of the whole */
    char name[512];        /* of the module; "" at the top */
} freezing;

/* Keeps statistics, and nothing of it learns; without parameters its own name decides. */
static bool rests(const freezing *f, const tp_module *m)
{
    bool statistics = false, parameters = false;
    for (int64_t i = 0; i < m->n_tensors; i++) {
        statistics |= m->tensors[i].is_buffer;
        parameters |= !m->tensors[i].is_buffer;
        if (!m->tensors[i].is_buffer && tp_requires_grad(m->tensors[i].tensor))
            return false;
    }
    if (!parameters && statistics)
        return tp_name_matches(f->patterns, f->name) ? f->frozen : m->frozen;
    return statistics;
}

static void rest_modules(freezing *f, tp_module *m)
{
    size_t length = strlen(f->name);
    bool before = m->frozen;
    m->frozen = rests(f, m);
    if (m->frozen != before)
        m->training = f->training && !m->frozen;
    for (int64_t i = 0; i < m->n_children; i++) {
        text_add(f->name, sizeof f->name, "%s%s", length ? "." : "", m->children[i].name);
        rest_modules(f, m->children[i].module);
        f->name[length] = 0;
    }
}

static tp_status freeze(tp_module *m, const char *patterns, bool frozen)
{
    TP_SCOPE;
    if (tp_pending())
        return tp_error_pending();
    tp_params *chosen = tp_params_matching(tp_parameters(m), patterns);
    for (int i = 0; i < tp_params_count(chosen) && !tp_pending(); i++)
        tp_requires_grad_(tp_params_at(chosen, i), !frozen);
    if (!tp_pending())
        rest_modules(&(freezing){ patterns, frozen, m->training, "" }, m);
    return tp_error_pending();
}

tp_status tp_freeze(tp_module *m, const char *patterns)
{
    return freeze(m, patterns, true);
}

tp_status tp_unfreeze(tp_module *m, const char *patterns)
{
    return freeze(m, patterns, false);
}

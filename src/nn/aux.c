/* aux.c - outputs beside the result: auxiliary classifiers, each with the weight of its loss.
 *
 * A forward function leaves them with its module; whoever computes the loss takes them.  What was not taken goes at the
 * module's next forward, or with it.
 * Layer: nn.  Depends on module.h.  Read next: models/googlenet.c, train/loop.c. */
#include "nn/module.h"

#include <string.h>

enum { MOST = 8 };

struct module_aux {
    tp_tensor *output[MOST]; /* held */
    double weight[MOST];
    int n;
};

void aux_drop(tp_module *m)
{
    for (int i = 0; m->aux && i < m->aux->n; i++)
        tp_release(m->aux->output[i]);
    if (m->aux)
        m->aux->n = 0;
}

void aux_free(tp_module *m)
{
    aux_drop(m);
    tp_free(m->aux, sizeof *m->aux);
}

void tp_leave_aux(tp_module *m, tp_tensor *output, double weight)
{
    if (tp_pending())
        return;
    if (!m->aux && !(m->aux = tp_calloc(sizeof *m->aux)))
        return;
    if (m->aux->n == MOST) {
        tp_fail(TP_ERR_ARGUMENT, "leave_aux: %s has %d outputs beside its result, no more are held", m->type,
                MOST);
        return;
    }
    m->aux->output[m->aux->n] = tp_retain(output);
    m->aux->weight[m->aux->n++] = weight;
}

tp_tensor *tp_take_aux(tp_module *m, double *weight)
{
    tp_tensor *found = NULL;
    if (m->aux && m->aux->n) {
        struct module_aux *a = m->aux;
        found = a->output[0];
        *weight = a->weight[0];
        a->n--;
        memmove(a->output, a->output + 1, (size_t)a->n * sizeof *a->output);
        memmove(a->weight, a->weight + 1, (size_t)a->n * sizeof *a->weight);
        return tp_scope_own(found);
    }
    for (int64_t i = 0; i < m->n_children && !found; i++)
        found = tp_take_aux(m->children[i].module, weight);
    return found;
}

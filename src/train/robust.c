/* robust.c - scheduled sampling, and embeddings moved against the network; what the loop asks of all robust training.
 *
 * Every random number is drawn from the thread's generator inside a step, which seeds it: a function of seed and step.
 *   scheduled sampling  Bengio et al. 2015; two passes in place of one a token: Mihaylova and Martins 2019
 *   adversary           Miyato et al. 2017: w + eps g / |g|, g the loss's gradient by the table w
 * Layer: train.  Depends on robust.h, data/vocabulary.h.  Read next: reinforce.c, loop.c. */
#include "train/robust.h"

#include "data/vocabulary.h"

#include <math.h>
#include <string.h>

/* ---- checks -------------------------------------------------------------------------------------------------------- */

static tp_status check_share(const char *name, double value)
{
    if (!(value >= 0 && value <= 1))
        return tp_fail(TP_ERR_ARGUMENT, "train: %s is %g, [0, 1] is wanted", name, value);
    return TP_OK;
}

tp_status robust_check(const tp_train_config *c)
{
    const tp_model_info *info = tp_model_find(c->model);
    const bool pairs = info && info->task && !strcmp(info->task, "seq2seq");
    if (check_share("scheduled_sampling", c->scheduled_sampling) || check_share("reward", c->reward))
        return tp_error_pending();
    if (!(c->adversarial >= 0) || isinf(c->adversarial))
        return tp_fail(TP_ERR_ARGUMENT, "train: adversarial is %g, a number of 0 or more is wanted",
                       c->adversarial);
    if ((c->scheduled_sampling > 0 || c->reward > 0) && !pairs)
        return tp_fail(TP_ERR_ARGUMENT, "train: %s is for runs of pairs (seq2seq, transformer), not for %s",
                       c->reward > 0 ? "reward" : "scheduled_sampling", c->model);
    if (c->reward > 0 && (!c->init || !*c->init))
        return tp_fail(TP_ERR_ARGUMENT,
                       "train: reward without init: it goes on from a trained network's weights");
    if (c->adversarial > 0 && c->carry)
        return tp_fail(TP_ERR_ARGUMENT, "train: adversarial with carry: the second pass would begin with the "
                                        "state that the first one ended in");
    return TP_OK;
}

/* ---- tables of embeddings ------------------------------------------------------------------------------------------ */

/* Each once, though it stand in several places. */
static tp_status find_tables(adversary *a, tp_module *m)
{
    const bool is_embedding = !strcmp(tp_module_type(m), "embedding");
    tp_tensor *weight = is_embedding ? tp_params_at(tp_parameters(m), 0) : NULL;
    for (int i = 0; i < a->n && weight; i++)
        if (a->table[i].weight == weight)
            weight = NULL;
    if (weight && a->n == MOST_TABLES)
        return tp_fail(TP_ERR_ARGUMENT, "train: adversarial: more than %d embedding layers", MOST_TABLES);
    if (weight && tp_requires_grad(weight))
        a->table[a->n++].weight = weight;
    for (int i = 0; i < tp_n_children(m) && !tp_pending(); i++)
        find_tables(a, tp_child_at(m, i));
    return tp_error_pending();
}

tp_status robust_check_net(const tp_train_config *c, tp_module *net)
{
    TP_SCOPE;
    adversary a = { .n = 0 };
    if (!(c->adversarial > 0) || find_tables(&a, net))
        return tp_error_pending();
    if (!a.n)
        return tp_fail(TP_ERR_ARGUMENT, "train: adversarial moves embeddings, and %s has none that learn",
                       c->model);
    return TP_OK;
}

/* The direction is this batch's: gradients of batches before are set aside. */
tp_status adversary_begin(adversary *a, tp_module *net)
{
    TP_NO_GRAD;
    *a = (adversary){ .n = 0 };
    if (find_tables(a, net))
        return tp_error_pending();
    for (int i = 0; i < a->n; i++) {
        struct moved_table *t = &a->table[i];
        if ((t->gradient = tp_grad(t->weight))) {
            t->gradient = tp_clone(t->gradient);
            tp_set_grad(t->weight, NULL);
        }
    }
    return tp_error_pending();
}

/* A table without a gradient, or with one that points nowhere, stays. */
tp_status adversary_move(adversary *a, double eps)
{
    TP_NO_GRAD;
    for (int i = 0; i < a->n && !tp_pending(); i++) {
        struct moved_table *t = &a->table[i];
        tp_tensor *g = tp_grad(t->weight);
        const double norm = g ? tp_item(tp_norm(tp_flatten(g, 0, -1), 2, TP_SHAPE(0), false)) : 0;
        if (!(norm > 0) || isinf(norm))
            continue;
        t->value = tp_clone(t->weight);
        tp_add_(t->weight, tp_mul(g, eps / norm));
    }
    return tp_error_pending();
}

/* Values are put back as they were copied: what is added and taken away again would not be the same bits. */
tp_status adversary_end(adversary *a)
{
    TP_NO_GRAD;
    for (int i = 0; i < a->n && !tp_pending(); i++) {
        struct moved_table *t = &a->table[i];
        if (t->value)
            tp_copy_(t->weight, t->value);
        if (t->gradient)
            tp_set_grad(t->weight,
                        tp_grad(t->weight) ? tp_add(t->gradient, tp_grad(t->weight)) : t->gradient);
    }
    return tp_error_pending();
}

/* ---- scheduled sampling -------------------------------------------------------------------------------------------- */

double scheduled_share(double last, int64_t step, int64_t steps)
{
    return steps > 1 ? last * (double)step / (double)(steps - 1) : 0;
}

/* The likeliest token after each place, i64 (N, T); <pad> and <begin> are never written. */
static tp_tensor *likeliest(tp_module *net, tp_tensor *x)
{
    const bool training = tp_is_training(net);
    tp_eval(net); /* what the network would write, without dropout */
    tp_tensor *y = tp_forward(net, x);
    tp_train(net, training);
    if (!y)
        return NULL;
    tp_tensor *written = tp_narrow(y, 2, TOKEN_END, tp_size(y, 2) - TOKEN_END);
    return tp_contiguous(tp_add(tp_argmax(written, 2, false), tp_integer(TOKEN_END)));
}

tp_tensor *scheduled_input(tp_module *net, tp_tensor *x, double share)
{
    TP_SCOPE;
    TP_NO_GRAD;
    const int64_t n = tp_size(x, 0), length = tp_size(x, 2);
    tp_tensor *own = likeliest(net, x), *uniform = tp_rand(TP_SHAPE(n, length)),
              *mixed = tp_zeros(TP_SHAPE(n, 2, length));
    if (tp_pending() || !tp_copy_(mixed, x))
        return NULL;
    const int64_t *token = tp_data(own);
    const float *u = tp_data(uniform);
    float *to = tp_data(mixed);
    for (int64_t i = 0; i < n; i++) {
        float *target = to + (2 * i + 1) * length;
        for (int64_t k = 1; k < length; k++) /* what goes in at k was written after k - 1 */
            if (target[k] != TOKEN_PAD && (double)u[i * length + k] < share)
                target[k] = (float)token[i * length + k - 1];
    }
    return tp_keep(mixed);
}

/* ---- a batch of the loop ------------------------------------------------------------------------------------------- */

tp_status robust_begin(const trainer *t, const tp_batch *b, robust_batch *r)
{
    const tp_train_config *c = t->config;
    const double share = scheduled_share(c->scheduled_sampling, t->state.global_step, c->epochs * t->steps);
    *r = (robust_batch){ .x = b->x };
    if (share > 0)
        r->x = scheduled_input(t->net, b->x, share);
    if (c->reward > 0)
        self_critical_draw(t->net, b->x, b->y, r);
    return tp_error_pending();
}

tp_tensor *robust_loss(const trainer *t, const robust_batch *r, tp_tensor *loss)
{
    const double reward = t->config->reward;
    if (!r->drawn)
        return loss;
    return tp_add(tp_mul(loss, 1 - reward), tp_mul(self_critical_loss(t->net, r), reward));
}

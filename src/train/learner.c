/* learner.c - what learns in a run: the network, what of it is frozen, the optimizer's groups of parameters, the weights of
 * classes, and the means of weights.
 *
 * A parameter's group follows from its name alone (its factor of lr_of, whether no_decay means it), so that a resumed run
 * makes the same groups.  Group 0 is the parameters with the run's own rate and decay, even if there are none.
 * Layer: train.  Depends on nn, optim.  Read next: loop.c, core/pattern.c. */
#include "train/learner.h"

#include "base/number.h"
#include "train/checkpoint.h"

#include <math.h>
#include <string.h>

enum { ITEM_ROOM = 256 };

/* ---- lists in text: "a,b,c" -------------------------------------------------------------------------------------- */

/* The next item, which may be empty, into item; NULL at the end or with an error. */
static const char *next_item(const char *what, const char *list, char *item)
{
    if (!list || !*list)
        return NULL;
    size_t length = strcspn(list, ",");
    if (length >= ITEM_ROOM) {
        tp_fail(TP_ERR_ARGUMENT, "train: %s: '%.40s...' is longer than %d letters", what, list,
                ITEM_ROOM - 1);
        return NULL;
    }
    memcpy(item, list, length);
    item[length] = 0;
    return list + length + (list[length] == ',');
}

/* "PATTERN=FACTOR": cuts the pattern off at the last = and reads the factor. */
static tp_status split_rate(char *item, double *factor)
{
    char *equals = strrchr(item, '=');
    const char *end;
    if (!equals || equals == item || !parse_number(equals + 1, factor, &end) || *end || !(*factor > 0))
        return tp_fail(TP_ERR_ARGUMENT,
                       "train: lr_of '%s': PATTERN=FACTOR with a factor above 0 is wanted, as in "
                       "'features=0.1'",
                       item);
    *equals = 0;
    return TP_OK;
}

tp_status learner_check_rates(const char *lr_of)
{
    char item[ITEM_ROOM];
    double factor;
    for (const char *p = lr_of; (p = next_item("lr_of", p, item));)
        if (split_rate(item, &factor))
            break;
    return tp_error_pending();
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

typedef struct group {
    double factor;
    bool no_decay;
} group;

static bool same_group(group a, group b)
{
    return a.factor == b.factor && a.no_decay == b.no_decay;
}

/* The factor of the last pattern that matches. */
static double factor_of(const char *lr_of, const char *name)
{
    char item[ITEM_ROOM];
    double factor, found = 1;
    for (const char *p = lr_of; (p = next_item("lr_of", p, item));)
        if (!split_rate(item, &factor) && tp_name_matches(item, name))
            found = factor;
    return found;
}

static bool is_bias(const char *name)
{
    const char *dot = strrchr(name, '.');
    return !strncmp(dot ? dot + 1 : name, "bias", 4); /* bias, bias_ih_l0 */
}

static bool is_of_norm(tp_module *net, const char *name)
{
    char module[512];
    const char *dot = strrchr(name, '.');
    snprintf(module, sizeof module, "%.*s", dot ? (int)(dot - name) : 0, name);
    return strstr(tp_module_type(tp_find_module(net, module)), "_norm") != NULL;
}

static bool goes_without_decay(const char *no_decay, tp_module *net, const char *name)
{
    char item[ITEM_ROOM];
    for (const char *p = no_decay; (p = next_item("no_decay", p, item));)
        if (!strcmp(item, "biases")  ? is_bias(name)
            : !strcmp(item, "norms") ? is_of_norm(net, name)
                                     : tp_name_matches(item, name))
            return true;
    return false;
}

/* Every pattern must choose a parameter; the words norms and biases may mean none. */
static tp_status check_patterns(const tp_train_config *c, tp_params *all)
{
    char item[ITEM_ROOM];
    double factor;
    for (const char *p = c->lr_of; (p = next_item("lr_of", p, item));)
        if (split_rate(item, &factor) || !tp_params_matching(all, item))
            return tp_error_pending();
    for (const char *p = c->no_decay; (p = next_item("no_decay", p, item));)
        if (strcmp(item, "biases") != 0 && strcmp(item, "norms") != 0 && !tp_params_matching(all, item))
            return tp_error_pending();
    return tp_error_pending();
}

/* Adds to the optimizer the parameters of that group, or makes it with them. */
static tp_status add_group(trainer *t, const group *groups, group g)
{
    TP_SCOPE;
    tp_optim_options o = t->config->optim_options;
    tp_params *members = tp_params_new();
    for (int i = 0; i < tp_params_count(t->parameters); i++)
        if (same_group(groups[i], g) && tp_requires_grad(tp_params_at(t->parameters, i)))
            tp_params_add(members, tp_params_name(t->parameters, i), tp_params_at(t->parameters, i));
    if (tp_pending())
        return tp_error_pending();
    o.lr *= g.factor;
    o.weight_decay = g.no_decay ? TP_ZERO : o.weight_decay;
    if (t->optim)
        return tp_params_count(members) ? tp_add_group_opt(t->optim, members, &o) : TP_OK;
    t->optim = tp_optim_new(t->config->optim, members, &o);
    if (t->optim)
        tp_keep(t->optim);
    return tp_error_pending();
}

static tp_status make_groups(trainer *t)
{
    const tp_train_config *c = t->config;
    const group own = { .factor = 1 };
    int n = tp_params_count(t->parameters), learning = 0;
    group *groups = tp_calloc(((size_t)n + 1) * sizeof *groups);
    for (int i = 0; i < n && groups; i++) {
        const char *name = tp_params_name(t->parameters, i);
        groups[i] = (group){ factor_of(c->lr_of, name), goes_without_decay(c->no_decay, t->net, name) };
        learning += tp_requires_grad(tp_params_at(t->parameters, i));
    }
    if (!tp_pending() && !learning)
        tp_fail(TP_ERR_ARGUMENT, "train: freeze '%s' leaves no parameter that learns",
                c->freeze ? c->freeze : "");
    if (!tp_pending())
        add_group(t, groups, own);
    for (int i = 0; i < n && !tp_pending(); i++) {
        bool first = !same_group(groups[i], own);
        for (int k = 0; k < i && first; k++)
            first = !same_group(groups[k], groups[i]);
        if (first)
            add_group(t, groups, groups[i]);
    }
    tp_free(groups, ((size_t)n + 1) * sizeof *groups);
    return tp_error_pending();
}

/* ---- balance ----------------------------------------------------------------------------------------------------- */

/* n / (classes n_k), as scikit-learn's "balanced"; classes without examples do not count, and weigh nothing. */
static tp_status weigh_classes(trainer *t)
{
    TP_SCOPE;
    const setup *s = t->setup;
    int64_t outputs = 0, present = 0;
    if (!s->class_counts)
        return TP_OK;
    for (int64_t k = 0; k < s->classes; k++)
        present += s->class_counts[k] > 0;
    tp_tensor *weights = setup_outputs(s, t->net, &outputs) ? NULL : tp_zeros(TP_SHAPE(outputs));
    if (!weights)
        return tp_error_pending();
    float *w = tp_data(weights);
    for (int64_t k = 0; k < s->classes; k++)
        if (s->class_counts[k])
            w[k] = (float)((double)s->train_examples / ((double)present * (double)s->class_counts[k]));
    t->class_weights = tp_keep(weights);
    return TP_OK;
}

/* ---- the learner ------------------------------------------------------------------------------------------------- */

tp_status learner_make(trainer *t)
{
    const tp_train_config *c = t->config;
    if (!(t->net = setup_model(t->setup)) || !(t->parameters = tp_parameters(t->net)))
        return tp_error_pending();
    if ((c->freeze && tp_freeze(t->net, c->freeze)) || check_patterns(c, t->parameters))
        return tp_error_pending();
    if (make_groups(t) || weigh_classes(t))
        return tp_error_pending();
    t->ema = c->ema > 0 ? tp_ema_new(tp_state_dict(t->net), c->ema) : NULL;
    return tp_error_pending();
}

tp_status learner_init(trainer *t)
{
    const tp_train_config *c = t->config;
    char text[900];
    if (!c->init || !tp_load_except(t->net, c->init, c->init_except))
        return tp_error_pending();
    tp_status status = tp_error_take(text, sizeof text);
    bool fits_not = status == TP_ERR_ARGUMENT || status == TP_ERR_SHAPE || status == TP_ERR_DTYPE;
    return fits_not ? tp_fail(TP_ERR_FORMAT, "%s; init_except leaves out names that need not fit %s", text,
                              c->model)
                    : tp_fail(status, "%s", text);
}

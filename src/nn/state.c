/* state.c - lists of a module's tensors by dotted name, and loading values into them.
 *
 * Apart from module.c because it is what files and optimizers see of a network: names, shapes, values.
 * A list is made by one walk: a module's own tensors first, then its children's, in the order of definition.
 * Layer: nn.  Depends on module.h, core/tensor.h.  Read next: sequential.c, io/safetensors.c. */
#include "nn/module.h"

#include "core/tensor.h"

#include <string.h>

typedef struct walk {
    tp_params *list;
    bool parameters, buffers, passing;
    bool once;      /* a tensor that is there under another name is left out */
    char name[512]; /* of the module, with the final dot */
} walk;

static bool listed(const tp_params *list, const tp_tensor *t)
{
    for (int i = 0; i < tp_params_count(list); i++)
        if (tp_params_at(list, i) == t)
            return true;
    return false;
}

static void walk_module(walk *w, const tp_module *m)
{
    size_t length = strlen(w->name);
    for (int64_t i = 0; i < m->n_tensors; i++) {
        const module_tensor *t = &m->tensors[i];
        if (!(t->passing     ? w->passing
              : t->is_buffer ? w->buffers
                             : w->parameters) ||
            (w->once && listed(w->list, t->tensor)))
            continue;
        text_add(w->name, sizeof w->name, "%s", t->name);
        if (strlen(w->name) == sizeof w->name - 1)
            tp_fail(TP_ERR_ARGUMENT, "%s: a name of a tensor is longer than %zu characters", m->type,
                    sizeof w->name);
        tp_params_add(w->list, w->name, t->tensor);
        w->name[length] = 0;
    }
    for (int64_t i = 0; i < m->n_children && !tp_pending(); i++) {
        text_add(w->name, sizeof w->name, "%s.", m->children[i].name);
        walk_module(w, m->children[i].module);
        w->name[length] = 0;
    }
}

static tp_params *list_of(const tp_module *m, walk w)
{
    if (tp_pending())
        return NULL;
    if (!m)
        return tp_fail_null(TP_ERR_ARGUMENT, "parameters: the module is NULL");
    w.list = tp_params_new();
    if (w.list)
        walk_module(&w, m);
    return tp_pending() ? NULL : w.list;
}

tp_params *tp_parameters(tp_module *m)
{
    return list_of(m, (walk){ .parameters = true, .once = true });
}

tp_params *tp_buffers(tp_module *m)
{
    return list_of(m, (walk){ .buffers = true, .once = true });
}

tp_params *tp_passing_buffers(tp_module *m)
{
    return list_of(m, (walk){ .passing = true });
}

tp_params *tp_state_dict(tp_module *m)
{
    return list_of(m, (walk){ .parameters = true, .buffers = true });
}

void tp_zero_grads(tp_module *m)
{
    if (!m)
        return;
    for (int64_t i = 0; i < m->n_tensors; i++)
        if (!m->tensors[i].is_buffer)
            tp_set_grad(m->tensors[i].tensor, NULL);
    for (int64_t i = 0; i < m->n_children; i++)
        tp_zero_grads(m->children[i].module);
}

/* ---- loading: everything is checked before anything is written -------------------------------------------------- */

typedef struct name_list {
    char text[220];
    int shown, hidden;
} name_list;

static void name_add(name_list *l, const char *item)
{
    const size_t reserve = sizeof ", and 2147483647 more";
    if (l->hidden || strlen(l->text) + strlen(item) + reserve + 2 > sizeof l->text) {
        l->hidden++;
        return;
    }
    text_add(l->text, sizeof l->text, "%s%s", l->shown++ ? ", " : "", item);
}

/* A batch norm's counter, which PyTorch's files of 2018 and before do not have; it stays as it is then, as in PyTorch. */
static bool may_be_missing(const char *name)
{
    const char *dot = strrchr(name, '.');
    return !strcmp(dot ? dot + 1 : name, "num_batches_tracked");
}

/* The length of the shortest module in name that holds nothing the other list knows; of the name where each holds something. */
static size_t foreign_part(const char *name, const tp_params *other)
{
    for (size_t length = strcspn(name, "."); name[length]; length += 1 + strcspn(name + length + 1, ".")) {
        bool known = false;
        for (int i = 0; i < tp_params_count(other) && !known; i++)
            known = !strncmp(tp_params_name(other, i), name, length + 1);
        if (!known)
            return length;
    }
    return strlen(name);
}

/* own: the list is the module's, of which some may be missing elsewhere. */
static bool is_foreign(const tp_params *list, int i, const tp_params *other, const char *except, bool own)
{
    const char *name = tp_params_name(list, i);
    return !tp_params_find(other, name) && !tp_name_matches(except, name) && !(own && may_be_missing(name));
}

/* Names of one list that the other does not have; a whole module that it does not have is "layer4.1 (12)". */
static void add_foreign(name_list *l, const tp_params *list, const tp_params *other, const char *except,
                        bool own)
{
    for (int i = 0; i < tp_params_count(list);) {
        const char *first = tp_params_name(list, i), *one = NULL;
        size_t length = tp_params_find(other, first) ? strlen(first) : foreign_part(first, other);
        char item[200];
        int count = 0;
        for (; i < tp_params_count(list); i++) { /* the names of that module stand together */
            const char *name = tp_params_name(list, i);
            if (strncmp(name, first, length) != 0 || (name[length] && name[length] != '.'))
                break;
            if (!is_foreign(list, i, other, except, own))
                continue;
            one = name;
            count++;
        }
        snprintf(item, sizeof item, "%.*s (%d)", (int)length, first, count);
        if (count)
            name_add(l, count > 1 ? item : one);
    }
}

static void report(char *text, size_t size, const char *title, const name_list *l)
{
    if (!l->shown && !l->hidden)
        return;
    text_add(text, size, "%s%s: %s", *text ? "; " : "", title, l->text);
    if (l->hidden)
        text_add(text, size, "%s%d more", l->shown ? ", and " : "", l->hidden);
}

/* Floats convert into each other; anything else would change what was saved. */
static bool can_load(tp_dtype mine, tp_dtype given)
{
    return mine == given || (tp_dtype_is_float(mine) && tp_dtype_is_float(given));
}

typedef enum misfit { FITS, OTHER_SHAPE, OTHER_TYPE, MISFITS } misfit;

/* How tensor i and what is given under its name differ, if they do, in words: "fc.weight (4, 5) instead of (4, 3)". */
static misfit misfit_of(const tp_params *own, int i, const tp_params *state, const char *except,
                        char item[200])
{
    const char *name = tp_params_name(own, i), *is = NULL, *want = NULL;
    const tp_tensor *mine = tp_params_at(own, i), *given = tp_params_find(state, name);
    misfit kind = FITS;
    if (!given || tp_name_matches(except, name))
        return FITS;
    if (!tensor_same_shape(mine, given))
        kind = OTHER_SHAPE, is = tensor_shape_text(given), want = tensor_shape_text(mine);
    else if (!can_load(tp_dtype_of(mine), tp_dtype_of(given)))
        kind = OTHER_TYPE, is = tp_dtype_name(tp_dtype_of(given)), want = tp_dtype_name(tp_dtype_of(mine));
    if (kind != FITS)
        snprintf(item, 200, "%s %s instead of %s", name, is, want);
    return kind;
}

static const char *const misfit_titles[] = {
    [OTHER_SHAPE] = "of another shape", [OTHER_TYPE] = "of another type"
};

static tp_status check_state(const tp_params *own, const tp_params *state, const char *except)
{
    name_list missing = { 0 }, unexpected = { 0 }, misfits[MISFITS] = { { "" } };
    char item[200];
    for (int i = 0; i < tp_params_count(own); i++) {
        const misfit kind = misfit_of(own, i, state, except, item);
        if (kind != FITS)
            name_add(&misfits[kind], item);
    }
    add_foreign(&missing, own, state, except, true);
    add_foreign(&unexpected, state, own, except, false);
    char text[900] = "";
    report(text, sizeof text, "missing", &missing);
    report(text, sizeof text, "unexpected", &unexpected);
    bool names = *text;
    report(text, sizeof text, misfit_titles[OTHER_SHAPE], &misfits[OTHER_SHAPE]);
    bool shapes = *text;
    report(text, sizeof text, misfit_titles[OTHER_TYPE], &misfits[OTHER_TYPE]);
    if (!*text)
        return TP_OK;
    return tp_fail(names ? TP_ERR_ARGUMENT : shapes ? TP_ERR_SHAPE : TP_ERR_DTYPE, "load_state: %s", text);
}

static void list_foreign(const char *title, const tp_params *list, const tp_params *other, const char *except,
                         bool own)
{
    for (int i = 0; i < tp_params_count(list); i++)
        if (is_foreign(list, i, other, except, own))
            tp_error_detail("%s: %s %s", title, tp_params_name(list, i),
                            tensor_shape_text(tp_params_at(list, i)));
}

/* The same once more for who has the room: every name on a line of its own. */
static void list_differences(const tp_params *own, const tp_params *state, const char *except)
{
    char item[200];
    list_foreign("missing", own, state, except, true);
    list_foreign("unexpected", state, own, except, false);
    for (int i = 0; i < tp_params_count(own); i++) {
        const misfit kind = misfit_of(own, i, state, except, item);
        if (kind != FITS)
            tp_error_detail("%s: %s", misfit_titles[kind], item);
    }
}

/* Whether each pattern chooses something, here or there. */
static tp_status check_except(const tp_params *own, const tp_params *state, const char *except)
{
    TP_SCOPE;
    if (!except)
        return TP_OK;
    tp_params *both = tp_params_new();
    for (int i = 0; i < tp_params_count(own); i++)
        tp_params_add(both, tp_params_name(own, i), tp_params_at(own, i));
    for (int i = 0; i < tp_params_count(state); i++)
        if (!tp_params_find(own, tp_params_name(state, i)))
            tp_params_add(both, tp_params_name(state, i), tp_params_at(state, i));
    tp_params_matching(both, except);
    return tp_error_pending();
}

tp_status tp_load_state(tp_module *m, const tp_params *state)
{
    return tp_load_state_except(m, state, NULL);
}

tp_status tp_load_state_except(tp_module *m, const tp_params *state, const char *except)
{
    if (tp_pending())
        return tp_error_pending();
    if (!m || !state)
        return tp_fail(TP_ERR_ARGUMENT, "load_state: the %s is NULL", m ? "state" : "module");
    TP_SCOPE;
    TP_NO_GRAD;
    tp_params *own = tp_state_dict(m);
    if (!own || check_except(own, state, except))
        return tp_error_pending();
    if (check_state(own, state, except)) {
        list_differences(own, state, except);
        return tp_error_pending();
    }
    for (int i = 0; i < tp_params_count(own) && !tp_pending(); i++) {
        const char *name = tp_params_name(own, i);
        tp_tensor *given = tp_params_find(state, name);
        if (given && !tp_name_matches(except, name))
            tp_copy_(tp_params_at(own, i), given);
    }
    return tp_error_pending();
}

/* module.c - what every module is: named tensors, named children, a forward function.
 *
 * One struct for layers, containers and modules written by users; the layers differ only in state and forward.
 * Invariants: names are unique within a module and have no dot; modules form no cycle.
 * Layer: nn.  Depends on base, ops.h.  Read next: state.c, sequential.c, linear.c. */
#include "nn/module.h"

#include "ops/conv.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

static _Thread_local struct {
    tp_observer *call;
    void *context;
} observer;

static void free_text(char *text)
{
    if (text)
        tp_free(text, strlen(text) + 1);
}

static void module_destroy(void *object)
{
    tp_module *m = object;
    for (int64_t i = 0; i < m->n_tensors; i++) {
        free_text(m->tensors[i].name);
        tp_release(m->tensors[i].tensor);
    }
    for (int64_t i = 0; i < m->n_children; i++) {
        free_text(m->children[i].name);
        tp_release(m->children[i].module);
    }
    tp_free(m->tensors, (size_t)m->tensors_capacity * sizeof *m->tensors);
    tp_free(m->children, (size_t)m->children_capacity * sizeof *m->children);
    tp_free(m->state, m->state_bytes);
    hooks_free(m->hooks);
    aux_free(m);
    free_text(m->info);
    tp_free(m, sizeof *m);
}

static const tp_class module_class = { "module", module_destroy };

/* ---- writing a module ------------------------------------------------------------------------------------------- */

tp_module *tp_module_new(const char *type, size_t state_bytes, tp_forward_fn *forward)
{
    if (tp_pending())
        return NULL;
    if (!type || !forward)
        return tp_fail_null(TP_ERR_ARGUMENT, "module_new: the %s is NULL",
                            type ? "forward function" : "type");
    tp_module *m = tp_object_new(&module_class, sizeof *m);
    if (!m)
        return NULL;
    m->type = type;
    m->forward = forward;
    m->training = true;
    m->state = tp_calloc(state_bytes ? state_bytes : 1);
    m->state_bytes = state_bytes ? state_bytes : 1;
    return m->state ? m : NULL;
}

void *tp_module_state(tp_module *m)
{
    return m ? m->state : NULL;
}

/* Is the name free and a name at all?  what: "parameter", "child". */
static tp_status check_name(const tp_module *m, const char *what, const char *name, const void *value)
{
    if (tp_pending())
        return tp_error_pending();
    if (!m || !name || !value)
        return tp_fail(TP_ERR_ARGUMENT, "%s '%s': the %s is NULL", what, name ? name : "",
                       !m      ? "module"
                       : !name ? "name"
                               : what);
    if (!*name || strchr(name, '.'))
        return tp_fail(TP_ERR_ARGUMENT, "%s: %s '%s': a name is not empty and has no dot", m->type, what,
                       name);
    bool taken = false;
    for (int64_t i = 0; i < m->n_tensors; i++)
        taken |= strcmp(m->tensors[i].name, name) == 0;
    for (int64_t i = 0; i < m->n_children; i++)
        taken |= strcmp(m->children[i].name, name) == 0;
    return taken ? tp_fail(TP_ERR_ARGUMENT, "%s: the name '%s' is there already", m->type, name) : TP_OK;
}

static tp_tensor *add_tensor(tp_module *m, const char *name, tp_tensor *t, bool is_buffer, bool passing)
{
    void *tensors = m->tensors;
    if (tp_grow(&tensors, &m->tensors_capacity, m->n_tensors + 1, sizeof *m->tensors))
        return NULL;
    m->tensors = tensors;
    char *copy = tp_memdup(name, strlen(name) + 1);
    if (!copy)
        return NULL;
    m->tensors[m->n_tensors++] = (module_tensor){ copy, tp_retain(t), is_buffer, passing };
    return t;
}

tp_tensor *tp_parameter(tp_module *m, const char *name, tp_tensor *t)
{
    if (check_name(m, "parameter", name, t) || !tp_requires_grad_(t, true))
        return NULL;
    return add_tensor(m, name, t, false, false);
}

tp_tensor *tp_buffer(tp_module *m, const char *name, tp_tensor *t)
{
    return check_name(m, "buffer", name, t) ? NULL : add_tensor(m, name, t, true, false);
}

static module_tensor *find_tensor(const tp_module *m, const char *name)
{
    for (int64_t i = 0; i < m->n_tensors; i++)
        if (strcmp(m->tensors[i].name, name) == 0)
            return &m->tensors[i];
    return NULL;
}

tp_tensor *module_tensor_named(const tp_module *m, const char *name)
{
    const module_tensor *found = find_tensor(m, name);
    return found ? found->tensor : NULL;
}

static tp_tensor *replace(module_tensor *place, tp_tensor *t)
{
    tp_retain(t);
    tp_release(place->tensor);
    return place->tensor = t;
}

tp_tensor *module_put_parameter(tp_module *m, const char *name, tp_tensor *t)
{
    module_tensor *place = find_tensor(m, name);
    if (!place)
        return tp_parameter(m, name, t);
    return t && tp_requires_grad_(t, true) ? replace(place, t) : NULL;
}

tp_tensor *tp_passing_buffer(tp_module *m, const char *name, tp_tensor *t)
{
    module_tensor *place = m && name && !tp_pending() ? find_tensor(m, name) : NULL;
    if (place && place->passing && t)
        return replace(place, t);
    if (place && place->passing) {
        free_text(place->name);
        tp_release(place->tensor);
        m->n_tensors--;
        memmove(place, place + 1, (size_t)(m->tensors + m->n_tensors - place) * sizeof *place);
        return NULL;
    }
    if (!t && m && name && !place)
        return NULL;
    return check_name(m, "buffer", name, t) ? NULL : add_tensor(m, name, t, true, true);
}

void module_drop_child(tp_module *m, int64_t i)
{
    free_text(m->children[i].name);
    tp_release(m->children[i].module);
    m->n_children--;
    memmove(m->children + i, m->children + i + 1, (size_t)(m->n_children - i) * sizeof *m->children);
}

static bool reaches(const tp_module *from, const tp_module *to)
{
    if (from == to)
        return true;
    for (int64_t i = 0; i < from->n_children; i++)
        if (reaches(from->children[i].module, to))
            return true;
    return false;
}

tp_module *tp_child(tp_module *m, const char *name, tp_module *child)
{
    if (check_name(m, "child", name, child))
        return NULL;
    if (reaches(child, m))
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: child '%s' would hold itself", m->type, name);
    void *children = m->children;
    if (tp_grow(&children, &m->children_capacity, m->n_children + 1, sizeof *m->children))
        return NULL;
    m->children = children;
    char *copy = tp_memdup(name, strlen(name) + 1);
    if (!copy)
        return NULL;
    m->children[m->n_children++] = (module_child){ copy, tp_retain(child) };
    return child;
}

void tp_module_set_info(tp_module *m, const char *format, ...)
{
    char text[256];
    if (!m || tp_pending())
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *copy = tp_memdup(text, strlen(text) + 1);
    if (!copy)
        return;
    free_text(m->info);
    m->info = copy;
}

tp_module *tp_module_built(tp_module *m)
{
    return tp_pending() ? NULL : m;
}

/* ---- using one -------------------------------------------------------------------------------------------------- */

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static tp_status check_call(const tp_module *m, tp_tensor *const *in, int n_in, int n_out)
{
    if (tp_pending())
        return tp_error_pending();
    if (!m || n_in < 1 || !in[0])
        return tp_fail(TP_ERR_ARGUMENT, "forward: the %s is NULL", m ? "input" : "module");
    if (n_in > TP_MAX_INPUTS || n_out < 1 || n_out > TP_MAX_INPUTS)
        return tp_fail(TP_ERR_ARGUMENT, "%s: %d inputs and %d outputs, 1 to %d are possible", m->type, n_in,
                       n_out, TP_MAX_INPUTS);
    return TP_OK;
}

tp_status tp_module_call(tp_module *m, tp_tensor *const *inputs, int n_in, tp_tensor **out, int n_out,
                         tp_module_body *body, void *context)
{
    tp_tensor *in[TP_MAX_INPUTS];
    void *crossing = NULL;
    for (int i = 0; i < n_out; i++)
        out[i] = NULL;
    if (check_call(m, inputs, n_in, n_out))
        return tp_error_pending();
    memcpy(in, inputs, sizeof *in * (size_t)n_in);
    aux_drop(m);
    TP_SCOPE;
    double started = observer.call ? seconds_now() : 0;
    if (!m->hooks || !hooks_begin(m, in, n_in, &crossing))
        body(m, in, n_in, out, n_out, context);
    if (!out[0] && !tp_pending())
        tp_fail(TP_ERR_STATE, "%s: its forward function returned NULL without an error", m->type);
    if (m->hooks)
        hooks_end(m, in, n_in, out, n_out, crossing);
    if (!tp_pending() && observer.call)
        observer.call(observer.context, m, in[0], out[0], seconds_now() - started);
    for (int i = 0; i < n_out; i++)
        out[i] = tp_pending() ? NULL : tp_keep(out[i]);
    return tp_error_pending();
}

static tp_tensor *checkpointed(tp_tensor *const *in, int n, void *module)
{
    (void)n;
    return ((tp_module *)module)->forward(module, in[0]);
}

static tp_status plain_forward(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                               void *context)
{
    (void)n_out, (void)context;
    if (m->recomputes && m->training)
        out[0] = tp_checkpoint(checkpointed, in, n_in, m, .keep = m);
    else
        out[0] = m->forward(m, in[0]);
    return tp_error_pending();
}

tp_tensor *tp_forward(tp_module *m, tp_tensor *x)
{
    tp_tensor *y;
    return tp_module_call(m, &x, 1, &y, 1, plain_forward, NULL) ? NULL : y;
}

static tp_status relu_forward(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                              void *context)
{
    (void)n_in, (void)n_out, (void)context;
    out[0] = m->forward_relu(m, in[0]);
    return tp_error_pending();
}

bool module_fuses(const tp_module *m, const tp_module *relu)
{
    return m->forward_relu && !m->hooks && !observer.call &&
           (!relu || (!relu->hooks && strcmp(relu->type, "relu") == 0));
}

tp_tensor *module_forward_relu(tp_module *m, tp_tensor *x)
{
    tp_tensor *y;
    return tp_module_call(m, &x, 1, &y, 1, relu_forward, NULL) ? NULL : y;
}

static tp_status into_forward(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                              void *weight)
{
    (void)n_in, (void)n_out;
    out[0] = m->forward_into(m, in[0], weight);
    return tp_error_pending();
}

tp_tensor *module_fuses_into(const tp_module *m, const tp_module *next)
{
    return m->forward_into && next->pointwise && !next->hooks ? next->pointwise(next) : NULL;
}

tp_tensor *module_forward_into(tp_module *m, tp_tensor *x, tp_tensor *weight)
{
    tp_tensor *y;
    return tp_module_call(m, &x, 1, &y, 1, into_forward, weight) ? NULL : y;
}

static tp_status pooled_forward(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                                void *activation)
{
    (void)n_in, (void)n_out;
    out[0] = m->forward_pooled(m, in[0], *(const int *)activation);
    return tp_error_pending();
}

int module_pools(const tp_module *m, const tp_module *activation, const tp_module *pool)
{
    const bool can = m->forward_pooled && pool->halves && !m->hooks && !activation->hooks && !pool->hooks &&
                     !observer.call && !tp_grad_mode();
    return can ? conv_activation(activation->type) : -1;
}

tp_tensor *module_forward_pooled(tp_module *m, tp_tensor *x, int activation)
{
    tp_tensor *y;
    return tp_module_call(m, &x, 1, &y, 1, pooled_forward, &activation) ? NULL : y;
}

void tp_set_observer(tp_observer *call, void *context)
{
    observer.call = call;
    observer.context = context;
}

void tp_module_recompute(tp_module *m, bool recompute)
{
    if (m)
        m->recomputes = recompute;
}

void tp_train(tp_module *m, bool training)
{
    if (!m)
        return;
    m->training = training && !m->frozen;
    for (int64_t i = 0; i < m->n_children; i++)
        tp_train(m->children[i].module, training);
}

void tp_eval(tp_module *m)
{
    tp_train(m, false);
}

bool tp_is_training(const tp_module *m)
{
    return m && m->training;
}

const char *tp_module_type(const tp_module *m)
{
    return m ? m->type : "";
}

const char *tp_module_info(const tp_module *m)
{
    return m && m->info ? m->info : "";
}

tp_shape tp_module_kernel(const tp_module *m)
{
    return m ? m->kernel : (tp_shape){ 0 };
}

/* ---- children ---------------------------------------------------------------------------------------------------- */

int tp_n_children(const tp_module *m)
{
    return m ? (int)m->n_children : 0;
}

tp_module *tp_child_at(const tp_module *m, int i)
{
    return m && i >= 0 && i < m->n_children ? m->children[i].module : NULL;
}

const char *tp_child_name(const tp_module *m, int i)
{
    return m && i >= 0 && i < m->n_children ? m->children[i].name : NULL;
}

/* "layers.0.fc": the child whose name is the text before the dot, then the rest below it; "" is the module itself. */
tp_module *tp_find_module(tp_module *m, const char *name)
{
    while (m && name && *name) {
        size_t length = strcspn(name, ".");
        tp_module *next = NULL;
        for (int64_t i = 0; i < m->n_children && !next; i++)
            if (strlen(m->children[i].name) == length && memcmp(m->children[i].name, name, length) == 0)
                next = m->children[i].module;
        m = next;
        name += length;
        if (*name == '.' && !*++name)
            return NULL;
    }
    return name ? m : NULL;
}

void tp_module_decodes(tp_module *m, const tp_decoding_functions *functions)
{
    if (m)
        m->decoding = functions;
}

const tp_decoding_functions *tp_module_decoding(const tp_module *m)
{
    return m ? m->decoding : NULL;
}

/* ---- texts and pairs, for the layers --------------------------------------------------------------------------- */

void text_add(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

void pair_of(int64_t pair[2], int64_t number, const int64_t hw[2], int64_t otherwise)
{
    bool given = hw[0] || hw[1];
    pair[0] = given ? hw[0] : number ? number : otherwise;
    pair[1] = given ? hw[1] : number ? number : otherwise;
}

void text_add_pair(char *text, size_t size, const char *what, const int64_t pair[2], int64_t otherwise)
{
    if (pair[0] != pair[1])
        text_add(text, size, ", %s %lldx%lld", what, (long long)pair[0], (long long)pair[1]);
    else if (pair[0] != otherwise)
        text_add(text, size, ", %s %lld", what, (long long)pair[0]);
}

tp_status check_pair(const char *layer, const char *what, const int64_t pair[2], int64_t least)
{
    for (int i = 0; i < 2; i++)
        if (pair[i] < least || pair[i] > INT32_MAX)
            return tp_fail(TP_ERR_ARGUMENT, "%s: %s is %lld, at least %lld is wanted", layer, what,
                           (long long)pair[i], (long long)least);
    return TP_OK;
}

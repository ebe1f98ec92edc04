/* apply.c - running an operation: infer, allocate, forward, record.
 *
 * Every operation goes through here, so this is where a small network's time goes: one output with no gradient
 * costs two blocks from the free lists and one entry in the scope's stack.
 * Layer: autograd.  Depends on core, device.  Read next: node.c, backward.c. */
#include "autograd/node.h"
#include "base/memory.h"
#include "device/device.h"

#include <string.h>

static _Thread_local bool grad_enabled = true;
static _Thread_local tp_dry_run_total *dry_run;

bool tp_grad_mode(void)
{
    return grad_enabled;
}

bool tp_grad_mode_set(bool enabled)
{
    bool before = grad_enabled;
    grad_enabled = enabled;
    return before;
}

void tp_grad_mode_restore(const bool *before)
{
    grad_enabled = *before;
}

bool in_dry_run(void)
{
    return dry_run != NULL;
}

void tp_dry_run(tp_dry_run_total *total)
{
    dry_run = total;
}

/* ---- checks ------------------------------------------------------------------------------------------ */

int op_input_name(const tp_op *op, int i, const char **name)
{
    const char *at = op->inputs ? op->inputs : "";
    size_t n = strcspn(at, " ");
    for (; i > 0 && n; i--, n = strcspn(at, " "))
        at += n + (at[n] == ' ');
    *name = at;
    return (int)n;
}

/* Whether input i may be left out; *at and *passed: how far the names have been read, which is not begun anew for each. */
static bool is_optional(const char **at, int *passed, int i)
{
    for (; *passed <= i; ++*passed) {
        while (**at == ' ')
            ++*at;
        while (**at && **at != ' ')
            ++*at;
    }
    return (*at)[-1] == '?';
}

static tp_status missing_input(const tp_op *op, int i)
{
    const char *name;
    const int length = op_input_name(op, i, &name);
    return tp_fail(TP_ERR_ARGUMENT, "%s: input %d (%.*s) is NULL", op->name, i, length, name);
}

static tp_status check_inputs(const tp_op *op, tp_tensor *const *in, int n_in)
{
    if (tp_pending())
        return tp_error_pending();
    if (__builtin_expect(op->n_in >= 0 ? n_in != op->n_in : n_in < 1, 0))
        return tp_fail(TP_ERR_ARGUMENT, "%s: got %d inputs, wants %s", op->name, n_in, op->inputs);
    const char *names = op->inputs;
    int passed = 0;
    for (int i = 0; i < n_in; i++) {
        if (__builtin_expect(!in[i], 0)) {
            if (!names || !is_optional(&names, &passed, i))
                return missing_input(op, i);
        } else if (__builtin_expect(tensor_is_stale(in[i]), 0) && tensor_refresh(in[i]))
            return tp_error_pending();
    }
    return TP_OK;
}

static bool wants_record(const tp_op *op, tp_tensor *const *in, int n_in)
{
    if (!grad_enabled || op->not_differentiable || (dry_run && !dry_run->records))
        return false;
    for (int i = 0; i < n_in; i++)
        if (in[i] && in[i]->requires_grad)
            return true;
    return false;
}

/* ---- running ------------------------------------------------------------------------------------------- */

static void share_storage(tp_tensor *y, tp_tensor *x)
{
    if (!(y->storage = x->storage))
        return;
    storage_retain(y->storage);
    y->base = tp_retain(x->base ? x->base : x);
    y->view_version = y->storage->version;
    y->view_kind = x->view_kind ? x->view_kind : grad_enabled ? VIEW_PLAIN : VIEW_NO_GRAD;
}

static void dry_hold(size_t bytes, size_t scratch)
{
    dry_run->live_bytes += (int64_t)bytes;
    int64_t most = dry_run->live_bytes + (int64_t)scratch;
    dry_run->peak_bytes = most > dry_run->peak_bytes ? most : dry_run->peak_bytes;
}

static void dry_release(void *bytes)
{
    if (dry_run)
        dry_run->live_bytes -= (int64_t)(intptr_t)bytes;
}

/* An output without memory.  When history is recorded it has a storage, so that its life can be followed. */
static tp_status dry_output(tp_tensor *y)
{
    size_t bytes = (size_t)y->numel * tensor_element_size(y);
    dry_run->output_bytes += (int64_t)bytes;
    if (!dry_run->records)
        return TP_OK;
    dry_hold(bytes, 0);
    return tensor_promise(y, dry_release, (void *)(intptr_t)bytes);
}

static tp_status allocate_outputs(tp_call *c)
{
    for (int i = 0; i < c->n_out; i++) {
        tp_tensor *y = c->out[i];
        if (c->op->is_view)
            share_storage(y, c->in[0]);
        else if (dry_run ? dry_output(y) : tensor_allocate(y))
            return TP_ERR_MEMORY;
    }
    return TP_OK;
}

static tp_status take_scratch(tp_call *c)
{
    return c->scratch_bytes && !(c->scratch = tp_alloc(c->scratch_bytes)) ? TP_ERR_MEMORY : TP_OK;
}

static tp_status run_forward(tp_call *c)
{
    if (c->op->is_view || !c->op->forward)
        return TP_OK;
    if (dry_run) {
        dry_hold(0, c->scratch_bytes);
        dry_run->flops += c->op->cost ? c->op->cost(c) : (double)c->out[0]->numel;
        return TP_OK;
    }
    if (take_scratch(c))
        return TP_ERR_MEMORY;
    c->op->forward(c);
    tp_free(c->scratch, c->scratch_bytes);
    return TP_OK;
}

static tp_status no_dry_run(const tp_call *c)
{
    return tp_fail(TP_ERR_UNSUPPORTED,
                   "%s: the shape of its result depends on values, which a dry run has not", c->op->name);
}

static tp_status run(tp_call *c)
{
    if (dry_run && c->op->shape_needs_values)
        return no_dry_run(c);
    for (int i = 0; i < c->n_out; i++)
        if (!(c->out[i] = tensor_blank()))
            return TP_ERR_MEMORY;
    c->kernels = device_cpu.kernels(); /* the same in infer and forward, whatever another thread sets */
    if (c->op->infer(c) || allocate_outputs(c) || run_forward(c))
        return tp_error_pending();
    return TP_OK;
}

/* An operation made of others: what they make on the way dies here, the results go to the caller's scope. */
static tp_status compose(tp_call *c)
{
    TP_SCOPE;
    if (dry_run && c->op->shape_needs_values)
        return no_dry_run(c);
    c->op->compose(c);
    for (int i = 0; i < c->n_out && !tp_pending(); i++)
        tp_keep(c->out[i]);
    return tp_error_pending();
}

static tp_status apply(tp_call *c)
{
    if (check_inputs(c->op, c->in, c->n_in) || (c->op->compose ? compose(c) : run(c)))
        return tp_error_pending();
    if (!c->op->compose && wants_record(c->op, c->in, c->n_in) && node_record(c))
        return TP_ERR_MEMORY;
    return TP_OK;
}

static int room_for(const tp_op *op)
{
    return op->n_out > 0 ? op->n_out : op->n_out ? TP_MAX_PARTS : 1;
}

tp_status tp_apply_n(const tp_op *op, tp_tensor *const *in, int n_in, const void *attrs, tp_tensor **out)
{
    size_t room = (size_t)room_for(op) * sizeof *out;
    tp_call c = {
        .op = op, .n_in = n_in, .n_out = op->n_out ? op->n_out : 1, .in = in, .out = out, .attrs = attrs
    };
    memset(out, 0, room);
    if (apply(&c))
        memset(out, 0, room);
    return tp_error_pending();
}

tp_tensor *tp_apply(const tp_op *op, tp_tensor *const *in, int n_in, const void *attrs)
{
    if (op->n_out > TP_MAX_OUTPUTS || op->n_out < 0)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: gives several tensors; use tp_apply_n", op->name);
    tp_tensor *out[TP_MAX_OUTPUTS];
    tp_call c = {
        .op = op, .n_in = n_in, .n_out = op->n_out ? op->n_out : 1, .in = in, .out = out, .attrs = attrs
    };
    return apply(&c) ? NULL : out[0];
}

tp_tensor *tp_apply_retained(const tp_op *op, tp_tensor *const *in, int n_in, const void *attrs)
{
    TP_SCOPE;
    return tp_retain(tp_apply(op, in, n_in, attrs));
}

/* ---- in place ------------------------------------------------------------------------------------------ */

static tp_status check_history(const tp_op *op, const tp_tensor *x)
{
    const char *why = NULL;
    if (x->base && x->view_kind == VIEW_NO_GRAD)
        why = "the view was made under TP_NO_GRAD and would be changed outside of it: do both inside or both "
              "outside";
    else if (x->base && x->view_kind == VIEW_BORDER)
        why = "an input or output of a module with backward hooks cannot be changed in place; clone it first";
    else if (x->base && x->requires_grad && x->base->requires_grad && !x->base->grad_fn)
        why = "a view of a leaf that requires a gradient cannot be changed in place; do it under TP_NO_GRAD";
    else if (x->requires_grad && !x->grad_fn)
        why = "a leaf that requires a gradient cannot be changed in place; do it under TP_NO_GRAD";
    return why ? tp_fail(TP_ERR_GRAD, "%s_: %s", op->name, why) : TP_OK;
}

static tp_status check_in_place(const tp_op *op, const tp_tensor *x, bool records)
{
    if (records && check_history(op, x))
        return TP_ERR_GRAD;
    for (int i = 0; i < x->ndim && x->numel; i++)
        if (x->stride[i] == 0 && x->shape[i] > 1)
            return tp_fail(
                TP_ERR_ARGUMENT,
                "%s_: several elements of %s share one place in memory (an expanded view); clone it first",
                op->name, tensor_shape_text(x));
    return TP_OK;
}

/* Another input that overlaps x in memory, but not element by element, is read from a copy. */
static tp_status part_from_overlaps(const tp_tensor *x, tp_tensor **in, int n_in)
{
    for (int i = 1; i < n_in; i++) {
        tp_tensor *y = in[i];
        if (!y || y->storage != x->storage)
            continue;
        bool same = y->offset == x->offset && tensor_same_shape(x, y) &&
                    !memcmp(x->stride, y->stride, sizeof *x->stride * x->ndim);
        if (!same && !(in[i] = engine_clone(y)))
            return tp_error_pending();
    }
    return TP_OK;
}

static tp_status check_result(const tp_op *op, const tp_tensor *x, const tp_tensor *y)
{
    if (!tensor_same_shape(x, y))
        return tp_fail(TP_ERR_SHAPE, "%s_: the result %s does not fit into %s", op->name,
                       tensor_shape_text(y), tensor_shape_text(x));
    if (x->dtype != y->dtype)
        return tp_fail(TP_ERR_DTYPE, "%s_: the result is %s, the tensor %s", op->name,
                       tp_dtype_name(y->dtype), tp_dtype_name(x->dtype));
    return TP_OK;
}

static tp_tensor *in_place_by_copy(const tp_op *op, tp_tensor *x, tp_tensor *const *in, int n_in,
                                   const void *attrs)
{
    tp_tensor *y = tp_apply(op, in, n_in, attrs);
    if (!y || check_result(op, x, y))
        return NULL;
    return tp_apply_(&tp_op_copy, (tp_tensor *[]){ x, y }, 2, NULL);
}

/* The node of the call, before the tensor changes: what it saves, it saves with the version from before.  *node is x's
 * own, or of a view the one behind its base's. */
static tp_status record_in_place(const tp_call *c, tp_node **node)
{
    tp_tensor *x = c->out[0];
    tp_node *before = tp_retain(x->grad_fn);
    uint8_t output = x->output;
    bool wanted = x->requires_grad;
    tp_status status = node_record(c);
    *node = x->grad_fn;
    if (!status && x->base && (status = rebase_history(x))) {
        tp_release(x->grad_fn);
        x->grad_fn = tp_retain(before);
        x->output = output;
        x->requires_grad = wanted;
    }
    tp_release(before);
    return status;
}

tp_tensor *tp_apply_(const tp_op *op, tp_tensor *const *inputs, int n_in, const void *attrs)
{
    tp_tensor *in[TP_MAX_INPUTS];
    if (check_inputs(op, inputs, n_in))
        return NULL;
    if (n_in > TP_MAX_INPUTS || op->n_out > 1 || op->n_out < 0 || op->is_view)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: has no form in place", op->name);
    memcpy(in, inputs, sizeof *in * (size_t)n_in);
    tp_tensor *x = in[0], *out[1];
    tp_node *node = NULL;
    bool records = wants_record(op, in, n_in);
    TP_SCOPE;
    if (op->compose) /* what it makes is copied in */
        return in_place_by_copy(op, x, in, n_in, attrs);
    tp_call c = { .op = op,
                  .n_in = n_in,
                  .n_out = 1,
                  .in = in,
                  .out = out,
                  .attrs = attrs,
                  .kernels = device_cpu.kernels() };
    if (check_in_place(op, x, records) || part_from_overlaps(x, in, n_in) || !(out[0] = tensor_blank()) ||
        op->infer(&c))
        return NULL;
    if (check_result(op, x, c.out[0]))
        return NULL;
    if (dry_run)
        return x;
    out[0] = x;
    if (take_scratch(&c)) /* the last thing that can fail but recording, which comes before x changes */
        return NULL;
    if (records && record_in_place(&c, &node)) {
        tp_free(c.scratch, c.scratch_bytes);
        return NULL;
    }
    op->forward(&c);
    tp_free(c.scratch, c.scratch_bytes);
    x->storage->version++;
    if (x->base) /* its history was up to date and is so again */
        x->view_version = x->storage->version;
    if (node && (op->saves_out & 1)) { /* the node's own alias of the result */
        if (!is_promise(node->out[0].saved.tensor))
            node->out[0].saved.version = x->storage->version;
        if (recompute_active())
            recompute_written(x->storage);
    }
    return x;
}

/* ---- for infer ----------------------------------------------------------------------------------------- */

tp_status tp_infer_shape(tp_call *c, int output, tp_dtype dtype, tp_shape shape)
{
    return tensor_set_shape(c->out[output], c->op->name, dtype, shape);
}

tp_status tp_infer_like(tp_call *c, int input)
{
    const tp_tensor *x = c->in[input];
    tp_tensor *y = c->out[0];
    y->dtype = x->dtype;
    y->ndim = x->ndim;
    y->numel = x->numel;
    memcpy(y->shape, x->shape,
           sizeof x->shape); /* all of it: moves, where a number of dims would be a call */
    if (__builtin_expect(tensor_is_contiguous(x) || tensor_is_dense(x), 1)) {
        memcpy(y->stride, x->stride, sizeof x->stride);
        return TP_OK;
    }
    return tensor_set_shape(y, c->op->name, (tp_dtype)x->dtype, tp_shape_of(x));
}

/* Two kinds of operands decide the dtype, as in PyTorch: tensors first; 0-dimensional ones and C numbers only where they
 * are of a higher class (bool < integer < float). */
static int class_of(tp_dtype d)
{
    return tp_dtype_is_float(d) ? 2 : d != TP_BOOL;
}

tp_dtype call_promoted(const tp_call *c)
{
    int best[3] = { -1, -1, -1 }; /* result among tensors, 0-dimensional tensors, numbers */
    for (int i = 0; i < c->n_in; i++) {
        if (!c->in[i])
            continue;
        int kind = c->in[i]->is_number ? 2 : c->in[i]->ndim == 0;
        tp_dtype d = c->in[i]->dtype;
        if (kind == 2)
            d = tp_dtype_is_float(d)
                    ? TP_F32
                    : d; /* numbers bring a class, not a width: float means the default type */
        best[kind] = best[kind] < 0 ? (int)d : (int)tp_promote((tp_dtype)best[kind], d);
    }
    int result = best[0];
    for (int kind = 1; kind < 3; kind++)
        if (best[kind] >= 0 && (result < 0 || class_of((tp_dtype)best[kind]) > class_of((tp_dtype)result)))
            result = best[kind];
    return (tp_dtype)result;
}

static tp_status broadcast_failure(const tp_call *c, int dim_from_right)
{
    char text[256];
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < c->n_in && used < sizeof text; i++)
        if (c->in[i])
            used += (size_t)snprintf(text + used, sizeof text - used, used ? " and %s" : "%s",
                                     tensor_shape_text(c->in[i]));
    return tp_fail(TP_ERR_SHAPE, "%s: shapes %s do not broadcast: dim -%d differs and is not 1", c->op->name,
                   text, dim_from_right);
}

static tp_status broadcast_shape(const tp_call *c, tp_shape *shape)
{
    shape->ndim = 0;
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i] && c->in[i]->ndim > shape->ndim)
            shape->ndim = c->in[i]->ndim;
    for (int k = 1; k <= shape->ndim; k++) {
        int64_t size = 1;
        for (int i = 0; i < c->n_in; i++) {
            const tp_tensor *x = c->in[i];
            int64_t s = x && x->ndim >= k ? x->shape[x->ndim - k] : 1;
            if (s != 1 && size != 1 && s != size)
                return broadcast_failure(c, k);
            size = size == 1 ? s : size;
        }
        shape->dim[shape->ndim - k] = size;
    }
    return TP_OK;
}

/* One of the inputs that already has the result's shape lends its strides, so that channels-last stays channels-last. */
static const tp_tensor *layout_source(const tp_call *c, const tp_shape *shape)
{
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        if (x && x->ndim == shape->ndim && !memcmp(x->shape, shape->dim, sizeof *x->shape * x->ndim) &&
            tensor_is_dense(x))
            return x;
    }
    return NULL;
}

tp_status tp_infer_broadcast(tp_call *c)
{
    tp_shape shape;
    tp_tensor *y = c->out[0], *a = c->in[0], *b = c->n_in > 1 ? c->in[c->n_in - 1] : a;
    if (c->n_in == 2 && a->dtype == b->dtype && !a->is_number && !b->is_number && tensor_same_shape(a, b) &&
        tensor_is_contiguous(a)) /* the common case, without the search */
        return tp_infer_like(c, 0);
    if (broadcast_shape(c, &shape) || tensor_set_shape(y, c->op->name, call_promoted(c), shape))
        return tp_error_pending();
    const tp_tensor *source = layout_source(c, &shape);
    if (source)
        memcpy(y->stride, source->stride, sizeof *y->stride * y->ndim);
    return TP_OK;
}

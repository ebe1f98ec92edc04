/* dist.c - several processes: who this one is, and sums over all of them.
 *
 * Invariant: all processes come by the same sums in the same order; so what one of them decides alone (that it has no gradient,
 * that it is to stop) goes into a sum before another one acts on it.
 * Layer: dist.  Depends on autograd.h, transport.h.  Read next: mpi.c, train/loop.c. */
#include "dist/dist.h"

#include "base/error.h"
#include "base/memory.h"
#include "core/tensor.h"
#include "dist/transport.h"

#include <taper/autograd.h>
#include <taper/ops.h>

#include <stdlib.h>
#include <string.h>

static struct {
    int rank, size;
    bool joined;
} self = { .size = 1 };

/* Whether a launcher of Open MPI, or of MPICH, what stems from it and others that speak its PMI, started this process beside others. */
static bool are_others(void)
{
    static const char *const names[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *size = getenv(names[i]);
        if (size && strtol(size, NULL, 10) > 1)
            return true;
    }
    return false;
}

tp_status tp_dist_begin(void)
{
    if (tp_pending() || self.joined || !are_others())
        return tp_error_pending();
    int rank = 0, size = 1;
    if (transport_join(&rank, &size))
        return tp_error_pending();
    self.rank = rank, self.size = size, self.joined = true;
    return TP_OK;
}

tp_status tp_dist_end(void)
{
    const bool joined = self.joined;
    self.rank = 0, self.size = 1, self.joined = false;
    return joined ? transport_leave() : tp_error_pending();
}

void tp_dist_abort(int code)
{
    if (self.size > 1)
        transport_abort(code);
}

int tp_dist_rank(void)
{
    return self.rank;
}

int tp_dist_size(void)
{
    return self.size;
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

tp_status dist_sum_numbers(double *numbers, int64_t n)
{
    return self.size > 1 && !tp_pending() ? transport_sum(numbers, n, true) : tp_error_pending();
}

tp_status tp_dist_sum(tp_tensor *x)
{
    if (tp_pending())
        return tp_error_pending();
    if (!x)
        return tp_fail(TP_ERR_ARGUMENT, "dist_sum: the tensor is NULL");
    if (x->dtype != TP_F32 && x->dtype != TP_F64)
        return tp_fail(TP_ERR_DTYPE, "dist_sum: %s, f32 or f64 is wanted", tp_dtype_name((tp_dtype)x->dtype));
    if (!tensor_is_contiguous(x))
        return tp_fail(TP_ERR_STATE, "dist_sum: the tensor is not contiguous");
    x->storage->version++;
    return self.size > 1 && x->numel ? transport_sum(tensor_data(x), x->numel, x->dtype == TP_F64) : TP_OK;
}

/* That of a process whose batches did not come by the parameter is zeros. */
static tp_tensor *gradient_or_zeros(tp_tensor *parameter)
{
    tp_tensor *g = tp_grad(parameter), *own = g ? tp_contiguous(g) : tp_zeros_like(parameter);
    if (own && own != g)
        tp_set_grad(parameter, own);
    return own;
}

static tp_status sum_gradients(tp_params *parameters, double factor)
{
    TP_SCOPE;
    TP_NO_GRAD;
    const int n = tp_params_count(parameters);
    const size_t bytes = ((size_t)n + 1) * sizeof(double);
    double *has = tp_alloc(bytes); /* how many processes have one of each */
    for (int i = 0; i < n && has; i++)
        has[i] = tp_grad(tp_params_at(parameters, i)) != NULL;
    if (has && !dist_sum_numbers(has, n))
        for (int i = 0; i < n && !tp_pending(); i++)
            if (has[i] > 0) {
                tp_tensor *g = gradient_or_zeros(tp_params_at(parameters, i));
                if (g && !tp_dist_sum(g) && factor != 1)
                    tp_mul_(g, factor);
            }
    tp_free(has, bytes);
    return tp_error_pending();
}

tp_status dist_sum_gradients(tp_params *parameters)
{
    return self.size > 1 && !tp_pending() ? sum_gradients(parameters, 1) : tp_error_pending();
}

tp_status tp_dist_mean_gradients(tp_params *parameters)
{
    if (!tp_pending() && !parameters)
        return tp_fail(TP_ERR_ARGUMENT, "dist_mean_gradients: the list of parameters is NULL");
    return self.size > 1 && !tp_pending() ? sum_gradients(parameters, 1.0 / self.size) : tp_error_pending();
}

tp_status dist_take_first(double *numbers, int64_t n)
{
    if (self.rank > 0)
        memset(numbers, 0, (size_t)n * sizeof *numbers);
    return dist_sum_numbers(numbers, n);
}

tp_status dist_take_first_tensors(tp_params *tensors)
{
    for (int i = 0; self.size > 1 && i < tp_params_count(tensors) && !tp_pending(); i++) {
        tp_tensor *t = tp_params_at(tensors, i);
        if (t->dtype != TP_F32 && t->dtype != TP_F64)
            continue;
        if (self.rank > 0 && tensor_is_contiguous(t))
            memset(tensor_data(t), 0, (size_t)t->numel * tensor_element_size(t));
        tp_dist_sum(t);
    }
    return tp_error_pending();
}

tp_status dist_mean_of(tp_params *tensors, const char *ending)
{
    TP_SCOPE;
    TP_NO_GRAD;
    for (int i = 0; self.size > 1 && i < tp_params_count(tensors) && !tp_pending(); i++) {
        const char *name = tp_params_name(tensors, i);
        const size_t length = strlen(name), end = strlen(ending);
        if (length >= end && !strcmp(name + length - end, ending) && !tp_dist_sum(tp_params_at(tensors, i)))
            tp_mul_(tp_params_at(tensors, i), 1.0 / self.size);
    }
    return tp_error_pending();
}

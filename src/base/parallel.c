/* parallel.c - parallel_for over OpenMP.
 *
 * The only file that knows OpenMP.  A piece is [i grain, (i + 1) grain): threads take pieces as they come,
 * so which thread does what varies, and what is done does not.
 * Layer: base.  Depends on nothing.  Read next: parallel.h. */
#include "base/parallel.h"

#include <taper/base.h>

#include <omp.h>

int parallel_threads(void)
{
    return omp_in_parallel() ? 1 : omp_get_max_threads();
}

int parallel_thread(void)
{
    return omp_get_thread_num();
}

int tp_num_threads(void)
{
    return omp_get_max_threads();
}

void tp_set_num_threads(int n)
{
    omp_set_num_threads(n < 1 ? 1 : n > 1024 ? 1024 : n);
}

static void run_here(int64_t n, int64_t grain, parallel_body *body, void *context)
{
    for (int64_t begin = 0; begin < n; begin += grain)
        body(context, begin, begin + grain < n ? begin + grain : n);
}

void parallel_for(int64_t n, int64_t grain, parallel_body *body, void *context)
{
    if (grain < 1)
        grain = 1;
    int64_t pieces = (n + grain - 1) / grain;
    if (pieces <= 1 || parallel_threads() == 1) {
        run_here(n, grain, body, context);
        return;
    }
    int threads = (int)(pieces < omp_get_max_threads() ? pieces : omp_get_max_threads());
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (int64_t i = 0; i < pieces; i++)
        body(context, i * grain, (i + 1) * grain < n ? (i + 1) * grain : n);
}

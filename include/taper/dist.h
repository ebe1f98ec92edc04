/* taper/dist.h - several processes, each with a share of the work, as mpirun starts them: on the cores of a machine, or on many machines.
 *
 * Data parallel: every process holds the same network and learns from other batches, and before each step their gradients are added.
 * tp_train_run does so by itself once tp_dist_begin was called, and so does `taper train`.  In a loop of one's own the loader takes
 * .first_batch = tp_dist_rank() and .stride = tp_dist_size(), and tp_dist_mean_gradients stands before tp_step: examples/several_processes.c.
 *
 * What stands here is called by every process, in the same order, from the thread that began, and waits for the others.  Needs MPI
 * (built with -DTAPER_WITH_MPI=ON); without it a process is alone, and to be started beside others is an error.
 * Layer: dist.  Depends on tensor.h.  Read next: docs/processes.md. */
#ifndef TAPER_DIST_H
#define TAPER_DIST_H

#include <taper/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

TP_API tp_status tp_dist_begin(void); /* joins the others; does nothing where there are none, or the second time */
TP_API tp_status tp_dist_end(void);   /* when all is done: the last that is called */
TP_API void tp_dist_abort(int code);  /* ends all processes, where there are several: what is left to one that cannot go on */
TP_API int tp_dist_rank(void);        /* which of the processes this is, from 0 */
TP_API int tp_dist_size(void);        /* how many there are: 1 before tp_dist_begin */

TP_API tp_status tp_dist_sum(tp_tensor *); /* f32 or f64, contiguous: becomes the sum of all processes' ones, the same bits in each */

/* The same of gradients, as means.  Where a process has none of a parameter and another one has, it counts as zeros. */
TP_API tp_status tp_dist_mean_gradients(tp_params *);

#ifdef __cplusplus
}
#endif
#endif

/* transport.h - how processes hear of each other: mpi.c, or no_mpi.c in a build without it.
 *
 * Layer: dist.  Depends on base.  Read next: mpi.c. */
#ifndef DIST_TRANSPORT_H
#define DIST_TRANSPORT_H

#include <taper/base.h>

tp_status transport_join(int *rank, int *size);
tp_status transport_leave(void);
void transport_abort(int code); /* does not return */

/* In place, the sum over all processes. */
tp_status transport_sum(void *numbers, int64_t n, bool are_f64);

#endif

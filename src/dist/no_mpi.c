/* no_mpi.c - a build without MPI: a process that was started beside others would learn alone, and write where they write.
 *
 * Layer: dist.  Read next: mpi.c. */
#include "base/error.h"
#include "dist/transport.h"

tp_status transport_join(int *rank, int *size)
{
    (void)rank;
    (void)size;
    return tp_fail(TP_ERR_UNSUPPORTED,
                   "dist: started as one of several processes, but this build is without MPI; configure with "
                   "-DTAPER_WITH_MPI=ON");
}

tp_status transport_leave(void)
{
    return TP_OK;
}

void transport_abort(int code)
{
    (void)code;
}

tp_status transport_sum(void *numbers, int64_t n, bool are_f64)
{
    (void)numbers;
    (void)n;
    (void)are_f64;
    return TP_OK;
}

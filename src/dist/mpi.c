/* mpi.c - processes through MPI, which any implementation of its second version or later gives.
 *
 * Layer: dist.  Depends on MPI.  Read next: dist.c. */
#include "base/error.h"
#include "dist/transport.h"

#include <mpi.h>

enum { MOST_AT_ONCE = 1 << 28 }; /* MPI counts with int */

static tp_status check(const char *what, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    if (code == MPI_SUCCESS)
        return TP_OK;
    MPI_Error_string(code, text, &length);
    return tp_fail(TP_ERR_IO, "dist: %s: %.*s", what, length, text);
}

tp_status transport_join(int *rank, int *size)
{
    int is_there = 0, threads = 0;
    if (check("MPI_Initialized", MPI_Initialized(&is_there)) ||
        (!is_there && check("MPI_Init_thread", MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &threads))) ||
        check("MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN)) ||
        check("MPI_Comm_rank", MPI_Comm_rank(MPI_COMM_WORLD, rank)))
        return tp_error_pending();
    return check("MPI_Comm_size", MPI_Comm_size(MPI_COMM_WORLD, size));
}

tp_status transport_leave(void)
{
    return check("MPI_Finalize", MPI_Finalize());
}

void transport_abort(int code)
{
    MPI_Abort(MPI_COMM_WORLD, code);
}

tp_status transport_sum(void *numbers, int64_t n, bool are_f64)
{
    char *at = numbers;
    for (int64_t left = n; left > 0 && !tp_error_pending();) {
        const int count = left < MOST_AT_ONCE ? (int)left : MOST_AT_ONCE;
        check("MPI_Allreduce", MPI_Allreduce(MPI_IN_PLACE, at, count, are_f64 ? MPI_DOUBLE : MPI_FLOAT,
                                             MPI_SUM, MPI_COMM_WORLD));
        at += (size_t)count * (are_f64 ? sizeof(double) : sizeof(float));
        left -= count;
    }
    return tp_error_pending();
}

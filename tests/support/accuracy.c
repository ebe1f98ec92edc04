/* accuracy.c - the worst of each function: blocks of bit patterns, shared out over threads.
 *
 * The reference is computed once for all instruction sets: it is what takes the time.
 * Layer: tests.  Depends on accuracy.def.  Read next: ../accuracy.c. */
#include "support/accuracy.h"
#include "base/parallel.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

const accuracy_row accuracy_rows[] = {
#define FUNCTION(name, kernel, units, floor) { #name, KERNEL_##kernel, units, floor },
#include "support/accuracy.def"
#undef FUNCTION
};
const int accuracy_row_count = sizeof accuracy_rows / sizeof *accuracy_rows;
const double accuracy_parameters[4] = { 1, 20, 0, 0 };

double accuracy_units(float got, double want)
{
    if ((isnan(got) && isnan(want)) || (double)got == want)
        return 0;
    if (!isfinite(got) || !isfinite((float)want))
        return (double)got == (double)(float)want ? 0 : INFINITY;
    uint64_t bits, one;
    memcpy(&bits, &want, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52 & 0x7ff) - 1023, last = exponent < -126 ? -149 : exponent - 23;
    one = (uint64_t)(1023 - last) << 52; /* 1 / the last place, by hand: ldexp would take most of the time */
    double per_unit;
    memcpy(&per_unit, &one, sizeof one);
    return fabs((double)got - want) * per_unit;
}

enum { BLOCK = 2048 };

typedef struct measuring {
    const accuracy_row *row;
    uint32_t step;
    int isas;
    const kernel_table *tables[ACCURACY_ISAS];
    accuracy_worst *worst;
    pthread_mutex_t lock;
} measuring;

static void compare(const measuring *m, const float *x, const float *y, const double *want, int64_t n,
                    accuracy_worst *worst)
{
    for (int64_t i = 0; i < n; i++) {
        if (y[i] == (float)want[i] &&
            fabs(want[i]) > 1e-37) /* half a unit at most: fast, and nearly all of them */
            continue;
        double units = accuracy_units(y[i], want[i]);
        if (!(units <= worst->units) && !(fabs((double)y[i] - want[i]) <= m->row->floor))
            worst->units = units, worst->at = x[i], worst->got = y[i], worst->wanted = want[i];
    }
}

static void measure_blocks(void *context, int64_t begin, int64_t end)
{
    measuring *m = context;
    const kernel_table *ref = kernels_for("ref");
    const int64_t all = (((int64_t)1 << 32) + m->step - 1) / m->step;
    accuracy_worst worst[ACCURACY_ISAS] = { 0 };
    for (int64_t block = begin; block < end; block++) {
        float x[BLOCK], y[BLOCK];
        double wide[BLOCK], want[BLOCK];
        int64_t n = all - block * BLOCK < BLOCK ? all - block * BLOCK : BLOCK;
        for (int64_t i = 0; i < n; i++) {
            uint32_t bits = (uint32_t)((block * BLOCK + i) * m->step);
            memcpy(&x[i], &bits, sizeof bits);
            wide[i] = (double)x[i];
        }
        ref->unary[m->row->kernel][KT_F64](want, wide, n, accuracy_parameters);
        for (int k = 0; k < m->isas; k++) {
            m->tables[k]->unary[m->row->kernel][KT_F32](y, x, n, accuracy_parameters);
            compare(m, x, y, want, n, &worst[k]);
        }
    }
    pthread_mutex_lock(&m->lock);
    for (int k = 0; k < m->isas; k++)
        if (worst[k].units > m->worst[k].units) {
            worst[k].isa = m->worst[k].isa;
            m->worst[k] = worst[k];
        }
    pthread_mutex_unlock(&m->lock);
}

int accuracy_measure(const accuracy_row *row, uint32_t step, accuracy_worst worst[ACCURACY_ISAS])
{
    measuring m = { .row = row, .step = step, .worst = worst, .lock = PTHREAD_MUTEX_INITIALIZER };
    for (int i = 1; kernels_isa_at(i) && m.isas < ACCURACY_ISAS; i++) {
        const kernel_table *table = kernels_for(kernels_isa_at(i));
        if (!table || table->unary[row->kernel][KT_F32] == kernels_for("ref")->unary[row->kernel][KT_F32])
            continue; /* the C library's own */
        worst[m.isas] = (accuracy_worst){ .isa = table->isa };
        m.tables[m.isas++] = table;
    }
    const int64_t all = (((int64_t)1 << 32) + step - 1) / step;
    parallel_for((all + BLOCK - 1) / BLOCK, 64, measure_blocks, &m);
    return m.isas;
}

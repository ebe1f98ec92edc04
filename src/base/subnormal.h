/* subnormal.h - a while in which numbers below 1.2e-38 (of doubles 2.2e-308) are zero.
 *
 * Processors by Intel and AMD take a hundred times as long for a product with one of them.  What decays ends among them:
 * Adam's mean of a gradient that is zero from some step on does after eight hundred more, and stays there.
 * Layer: base.  Depends on nothing.  Read next: ../optim/optim.c. */
#ifndef BASE_SUBNORMAL_H
#define BASE_SUBNORMAL_H

#ifdef __SSE__
#include <xmmintrin.h>
#endif

/* Of this thread; returns what restore_subnormals wants. */
static inline unsigned flush_subnormals(void)
{
#ifdef __SSE__
    const unsigned before = _mm_getcsr(), inputs = 0x40, results = 0x8000;
    _mm_setcsr(before | inputs | results);
    return before;
#else
    return 0;
#endif
}

static inline void restore_subnormals(unsigned before)
{
#ifdef __SSE__
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

#endif

/* loops.h - the loops of element-wise functions: y[i] = an expression of x, of a and b, or of a, b and c.
 *
 * REAL is what they read, RESULT what BINARY writes.
 * Layer: kernels.  Depends on plain.h.  Read next: elementwise.h. */
#ifndef KERNELS_PLAIN_LOOPS_H
#define KERNELS_PLAIN_LOOPS_H

#include "kernels/plain/plain.h"

#define UNARY(name, expression)                                            \
    static void name(void *y_, const void *x_, int64_t n, const double *p) \
    {                                                                      \
        REAL *y = y_;                                                      \
        const REAL *in = x_;                                               \
        (void)p;                                                           \
        for (int64_t i = 0; i < n; i++) {                                  \
            REAL x = in[i];                                                \
            y[i] = (REAL)(expression);                                     \
        }                                                                  \
    }

/* The same with parameters, in q: read before the loop, because what a condition reads keeps a loop from being vectors. */
#define UNARY_P(name, parameters, expression)                              \
    static void name(void *y_, const void *x_, int64_t n, const double *p) \
    {                                                                      \
        REAL *y = y_, q[4] = { 0 };                                        \
        const REAL *in = x_;                                               \
        for (int i = 0; i < parameters; i++)                               \
            q[i] = (REAL)p[i];                                             \
        const REAL q0 = q[0], q1 = q[1], q2 = q[2];                        \
        (void)q0, (void)q1, (void)q2;                                      \
        for (int64_t i = 0; i < n; i++) {                                  \
            REAL x = in[i];                                                \
            y[i] = (REAL)(expression);                                     \
        }                                                                  \
    }

/* y may be x: each element is read before it is written, and restrict would be a lie */
#define BINARY_LOOP(a_index, b_index, expression) \
    for (int64_t i = 0; i < n; i++) {             \
        REAL a = a_[a_index], b = b_[b_index];    \
        y[i] = (RESULT)(expression);              \
    }

/* One loop for each pair of steps, so that every one of them becomes vectors; of two single numbers one result. */
#define BINARY(name, expression)                                                                  \
    static void name(void *y_, const void *pa, int64_t sa, const void *pb, int64_t sb, int64_t n) \
    {                                                                                             \
        RESULT *y = y_;                                                                           \
        const REAL *a_ = pa, *b_ = pb;                                                            \
        if (sa && sb)                                                                             \
            BINARY_LOOP(i, i, expression)                                                         \
        else if (sa)                                                                              \
            BINARY_LOOP(i, 0, expression)                                                         \
        else if (sb)                                                                              \
            BINARY_LOOP(0, i, expression)                                                         \
        else if (n > 0) {                                                                         \
            REAL a = a_[0], b = b_[0];                                                            \
            const RESULT value = (RESULT)(expression);                                            \
            for (int64_t i = 0; i < n; i++)                                                       \
                y[i] = value;                                                                     \
        }                                                                                         \
    }

/* q: the parameters in the type itself; a few pairs of steps have a loop of their own */
#define TERNARY_LOOP(b_index, c_index, expression)             \
    for (int64_t i = 0; i < n; i++) {                          \
        REAL a = a_[i * sa], b = b_[b_index], c = c_[c_index]; \
        y[i] = (REAL)(expression);                             \
    }
#define TERNARY(name, parameters, expression)                                                          \
    static void name(void *y_, const void *pa, int64_t sa, const void *pb, int64_t sb, const void *pc, \
                     int64_t sc, int64_t n, const double *p)                                           \
    {                                                                                                  \
        REAL *y = y_, q[4] = { 0 };                                                                    \
        const REAL *a_ = pa, *b_ = pb, *c_ = pc;                                                       \
        for (int i = 0; i < parameters; i++)                                                           \
            q[i] = (REAL)p[i];                                                                         \
        const REAL q0 = q[0], q1 = q[1], q2 = q[2], q3 = q[3];                                         \
        (void)q0, (void)q1, (void)q2, (void)q3;                                                        \
        if (sa && sb && sc) {                                                                          \
            sa = 1;                                                                                    \
            TERNARY_LOOP(i, i, expression)                                                             \
        } else if (sa && sb) {                                                                         \
            sa = 1;                                                                                    \
            TERNARY_LOOP(i, 0, expression)                                                             \
        } else                                                                                         \
            TERNARY_LOOP(i *sb, i *sc, expression)                                                     \
    }

#endif

/* constant_power.h - a body (plain.h): x^e for the exponents of everyday, each an instruction or three, for REAL.
 *
 * Layer: kernels.  Read next: ../isa/power.c. */
#define EACH(expression)              \
    for (int64_t i = 0; i < n; i++) { \
        REAL x = in[i];               \
        y[i] = expression;            \
    }                                 \
    return true;

/* false: it is another exponent, and nothing is done */
static bool constant_power(REAL *y, const REAL *in, REAL e, int64_t n)
{
    switch ((int)(e >= -2 && e <= 3 && 2 * e == M(rint)(2 * e) ? 2 * e : 99)) {
    case -4: EACH(1 / (x * x))
    case -2: EACH(1 / x)
    case -1: EACH(1 / M(sqrt)(x))
    case 0: EACH(((void)x, (REAL)1))
    case 1: EACH(M(sqrt)(x))
    case 2: EACH(x)
    case 4: EACH(x * x)
    case 6: EACH(x * x * x)
    default: return false;
    }
}
#undef EACH

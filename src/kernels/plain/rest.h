/* rest.h - a body (plain.h): what PyTorch's remainder and floor division make of r = fmod(a, b), for REAL.
 *
 * Layer: kernels.  Read next: ../isa/division.c. */
static inline REAL remainder_from(REAL r, REAL b) /* the sign of b */
{
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* a - r is a multiple of b: its quotient is an integer but for rounding */
static inline REAL floor_divide_from(REAL r, REAL a, REAL b)
{
    REAL q = (a - r) / b;
    q = r != 0 && (b < 0) != (r < 0) ? q - 1 : q;
    REAL whole = M(floor)(q);
    whole = q - whole > (REAL)0.5 ? whole + 1 : whole;
    whole = q == 0 ? M(copysign)(0, a / b) : whole;
    return b == 0 ? a / b : whole;
}

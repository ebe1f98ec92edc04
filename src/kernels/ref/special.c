/* special.c - erfinv, log Gamma and its derivatives.
 *
 * Poles and signs are those that PyTorch gives: digamma(0) = -inf with the other sign of the zero, NaN at negative integers.
 * Layer: kernels.  Depends on nothing.  Read next: real.inc.h. */
#include "kernels/ref/special.h"

#include <math.h>

double special_lgamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* A first guess (Winitzki), then Halley's steps on erf(y) - x; by erfc, which stays exact near 1. */
double special_erfinv(double x)
{
    double a = fabs(x);
    if (!(a < 1))
        return a == 1 ? copysign(INFINITY, x) : NAN;
    if (a == 0)
        return x;
    double l = log1p(-a * a), b = 2 / (M_PI * 0.147) + l / 2;
    double y = sqrt(sqrt(b * b - l / 0.147) - b);
    for (int i = 0; i < 3; i++) {
        double error = a < 0.5 ? erf(y) - a : (1 - a) - erfc(y);
        double u = error / (M_2_SQRTPI * exp(-y * y));
        y -= u / (1 + y * u);
    }
    return copysign(y, x);
}

double special_digamma(double x)
{
    if (x == 0)
        return copysign(INFINITY, -x);
    double y = 0;
    if (x < 0) { /* reflection */
        double whole, rest = modf(x, &whole);
        if (rest == 0)
            return NAN;
        y = -M_PI / tan(M_PI * rest);
        x = 1 - x;
    }
    while (x < 10) {
        y -= 1 / x;
        x++;
    }
    double z = 1 / (x * x); /* Bernoulli numbers over 2k */
    double tail =
        z * (1.0 / 12 -
             z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * 691.0 / 32760)))));
    return y + log(x) - 0.5 / x - (x < 1e17 ? tail : 0);
}

/* Hurwitz zeta: sum over k >= 0 of (q + k)^-s, s > 1, by Euler and Maclaurin from q + k >= 10 on. */
static double zeta(double s, double q)
{
    if (q == INFINITY)
        return 0;
    if (q <= 0 && q == floor(q))
        return INFINITY;
    double sum = 0;
    while (q < 10) {
        sum += pow(q, -s);
        q++;
    }
    double power = pow(q, -s), term = s / q;
    static const double bernoulli[] = { 1.0 / 12,           -1.0 / 720,     1.0 / 30240,
                                        -1.0 / 1209600,     1.0 / 47900160, -691.0 / 1307674368000.0,
                                        1.0 / 74724249600.0 };
    sum += power * (q / (s - 1) + 0.5);
    for (int k = 0; k < 7; k++) {
        sum += bernoulli[k] * term * power;
        term *= (s + 2 * k + 1) * (s + 2 * k + 2) / (q * q);
    }
    return sum;
}

static double trigamma(double x)
{
    if (x >= 0.5)
        return zeta(2, x);
    double s = sin(M_PI * x); /* reflection */
    return M_PI * M_PI / (s * s) - zeta(2, 1 - x);
}

double special_polygamma(int64_t n, double x)
{
    if (n == 0)
        return special_digamma(x);
    if (n == 1)
        return trigamma(x);
    return (n % 2 ? 1 : -1) * tgamma((double)n + 1) * zeta((double)n + 1, x);
}

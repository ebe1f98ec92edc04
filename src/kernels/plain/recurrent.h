/* recurrent.h - a body (plain.h): the gates of LSTM and GRU, some units of a row at a time, and their derivatives.
 *
 * In vectors of any width: who includes this has what lanes.h wants, gate_of and tanh_of.
 * Formulas: kernels.h.
 * Layer: kernels.  Read next: ops/recurrent.h. */
#include "kernels/plain/lanes.h"

static void lstm(const lstm_args *a)
{
    const int64_t n = a->n, gap = a->gap;
    const REAL *x = a->x, *s = a->s, *before = a->before, *peephole = a->peephole;
    REAL *gates = a->gates, *c = a->c, *h = a->h;
    for (int64_t k = 0; k < n; k += WIDTH) {
        const int m = lanes_left(n - k);
        const vec c_before = get(before + k, m);
        vec i = get(x + k, m) + get(s + k, m), f = get(x + gap + k, m) + get(s + gap + k, m),
            g = get(x + 2 * gap + k, m) + get(s + 2 * gap + k, m),
            o = get(x + 3 * gap + k, m) + get(s + 3 * gap + k, m);
        if (peephole) {
            i += get(peephole + k, m) * c_before;
            f += get(peephole + gap + k, m) * c_before;
        }
        i = gate_of(i), f = gate_of(f), g = tanh_of(g);
        const vec now = f * c_before + i * g;
        if (peephole)
            o += get(peephole + 2 * gap + k, m) * now;
        o = gate_of(o);
        put(c + k, m, now);
        put(h + k, m, o * tanh_of(now));
        if (!gates)
            continue;
        put(gates + k, m, i);
        put(gates + gap + k, m, f);
        put(gates + 2 * gap + k, m, g);
        put(gates + 3 * gap + k, m, o);
    }
}

static void lstm_backward(const lstm_backward_args *a)
{
    const int64_t n = a->n;
    const REAL *gates = a->gates, *before = a->before, *peephole = a->peephole, *c = a->c, *dy = a->dy,
               *dh = a->dh;
    REAL *dc = a->dc, *d = a->dgates;
    for (int64_t k = 0; k < n; k += WIDTH) {
        const int m = lanes_left(n - k);
        const vec i = get(gates + k, m), f = get(gates + n + k, m), g = get(gates + 2 * n + k, m),
                  o = get(gates + 3 * n + k, m), t = tanh_of(get(c + k, m));
        const vec flow = dy ? get(dh + k, m) + get(dy + k, m) : get(dh + k, m);
        const vec d_o = flow * t * o * (1 - o);
        vec now = get(dc + k, m) + flow * o * (1 - t * t);
        if (peephole)
            now += d_o * get(peephole + 2 * n + k, m);
        const vec di = now * g * i * (1 - i), df = now * get(before + k, m) * f * (1 - f);
        vec then = now * f;
        if (peephole)
            then += di * get(peephole + k, m) + df * get(peephole + n + k, m);
        put(dc + k, m, then);
        put(d + k, m, di);
        put(d + n + k, m, df);
        put(d + 2 * n + k, m, now * i * (1 - g * g));
        put(d + 3 * n + k, m, d_o);
    }
}

static void gru(const gru_args *a)
{
    const int64_t n = a->n, gap = a->gap;
    const REAL *x = a->x, *s = a->s, *before = a->before;
    REAL *gates = a->gates, *h = a->h;
    for (int64_t k = 0; k < n; k += WIDTH) {
        const int m = lanes_left(n - k);
        const vec r = gate_of(get(x + k, m) + get(s + k, m)),
                  z = gate_of(get(x + gap + k, m) + get(s + gap + k, m)), sn = get(s + 2 * gap + k, m),
                  new = tanh_of(get(x + 2 * gap + k, m) + r * sn);
        put(h + k, m, new + z *(get(before + k, m) - new));
        if (!gates)
            continue;
        put(gates + k, m, r);
        put(gates + gap + k, m, z);
        put(gates + 2 * gap + k, m, new);
        put(gates + 3 * gap + k, m, sn);
    }
}

static void gru_backward(const gru_backward_args *a)
{
    const int64_t n = a->n;
    const REAL *gates = a->gates, *before = a->before, *dy = a->dy;
    REAL *dh = a->dh, *dx = a->dx, *ds = a->ds;
    for (int64_t k = 0; k < n; k += WIDTH) {
        const int m = lanes_left(n - k);
        const vec r = get(gates + k, m), z = get(gates + n + k, m), new = get(gates + 2 * n + k, m),
                  sn = get(gates + 3 * n + k, m);
        const vec flow = dy ? get(dh + k, m) + get(dy + k, m) : get(dh + k, m);
        const vec dz = flow * (get(before + k, m) - new) * z * (1 - z), dn = flow * (1 - z) * (1 - new *new),
                  dr = dn * sn * r * (1 - r);
        put(dh + k, m, flow * z);
        put(dx + k, m, dr);
        put(dx + n + k, m, dz);
        put(dx + 2 * n + k, m, dn);
        put(ds + k, m, dr);
        put(ds + n + k, m, dz);
        put(ds + 2 * n + k, m, dn * r);
    }
}

static void fill_recurrent(kernel_table *t, kernel_type type)
{
    t->recurrent[type] = (recurrent_kernels){ lstm, lstm_backward, gru, gru_backward };
}

/* step.h - a body (plain.h): one step of each optimizer, and dropout, for REAL (float, double).
 *
 * Formulas and their order of operations are PyTorch's (torch/optim).
 * Layer: kernels.  Depends on base/philox.h.  Read next: pool.h. */
static void sgd(void *param, const void *grad, void *momentum, int64_t n, const sgd_args *a)
{
    REAL *restrict p = param, *restrict m = momentum;
    const REAL *restrict g = grad;
    const REAL lr = (REAL)(a->maximize ? -a->lr : a->lr),
               decay = (REAL)(a->maximize ? -a->weight_decay : a->weight_decay);
    const REAL scale = (REAL)a->grad_scale, mu = (REAL)a->momentum;
    if (!m) {
        for (int64_t i = 0; i < n; i++)
            p[i] -= lr * (g[i] * scale + decay * p[i]);
        return;
    }
    const bool fresh = a->first && !a->averaging;
    const REAL keep = fresh ? 0 : mu,
               take = fresh ? 1 : (REAL)(a->averaging ? 1 - a->momentum : 1 - a->dampening);
    const REAL of_gradient = a->nesterov ? 1 : 0, of_momentum = a->nesterov ? mu : 1;
    for (int64_t i = 0; i < n; i++) {
        REAL d = g[i] * scale + decay * p[i];
        m[i] = keep * m[i] + take * d;
        p[i] -= lr * (of_gradient * d + of_momentum * m[i]);
    }
}

static void adam(void *param, const void *grad, void *m_, void *v_, void *v_max, int64_t n,
                 const adam_args *a)
{
    REAL *restrict p = param, *restrict m = m_, *restrict v = v_, *restrict top = v_max;
    const REAL *restrict g = grad;
    const REAL shrink = (REAL)(a->decoupled ? 1 - a->lr * a->weight_decay : 1),
               decay = (REAL)(a->decoupled ? 0 : a->weight_decay);
    const REAL take1 = (REAL)(1 - a->beta1), keep2 = (REAL)a->beta2, take2 = (REAL)(1 - a->beta2),
               eps = (REAL)a->eps;
    const REAL step = (REAL)(a->lr / a->correction1), root = (REAL)M(sqrt)((REAL)a->correction2);
    if (top) {
        for (int64_t i = 0; i < n; i++) {
            REAL x = p[i] * shrink, d = g[i] + decay * x;
            m[i] += take1 * (d - m[i]);
            v[i] = keep2 * v[i] + take2 * d * d;
            top[i] = v[i] > top[i] ? v[i] : top[i];
            p[i] = x - step * m[i] / (M(sqrt)(top[i]) / root + eps);
        }
        return;
    }
    const REAL unroot = 1 / root;
    for (int64_t i = 0; i < n; i++) {
        REAL x = p[i] * shrink, d = g[i] + decay * x;
        m[i] += take1 * (d - m[i]);
        v[i] = keep2 * v[i] + take2 * d * d;
        p[i] = x - step * m[i] / (M(sqrt)(v[i]) * unroot + eps);
    }
}

static void rmsprop(void *param, const void *grad, void *square_, void *mean_, void *momentum, int64_t n,
                    const rmsprop_args *a)
{
    REAL *restrict p = param, *restrict s = square_, *restrict mean = mean_, *restrict m = momentum;
    const REAL *restrict g = grad;
    const REAL keep = (REAL)a->alpha, take = (REAL)(1 - a->alpha), eps = (REAL)a->eps, lr = (REAL)a->lr;
    const REAL decay = (REAL)a->weight_decay, mu = (REAL)a->momentum;
    for (int64_t i = 0; i < n; i++) {
        REAL d = g[i] + decay * p[i];
        s[i] = keep * s[i] + take * d * d;
        REAL v = s[i];
        if (mean) {
            mean[i] += take * (d - mean[i]);
            v -= mean[i] * mean[i];
        }
        REAL step = d / (M(sqrt)(v) + eps);
        if (m)
            step = m[i] = mu * m[i] + step;
        p[i] -= lr * step;
    }
}

static void adagrad(void *param, const void *grad, void *sum, int64_t n, const adagrad_args *a)
{
    REAL *restrict p = param, *restrict s = sum;
    const REAL *restrict g = grad;
    const REAL lr = (REAL)a->lr, eps = (REAL)a->eps, decay = (REAL)a->weight_decay;
    for (int64_t i = 0; i < n; i++) {
        REAL d = g[i] + decay * p[i];
        s[i] += d * d;
        p[i] -= lr * d / (M(sqrt)(s[i]) + eps);
    }
}

/* Kept when the word, as a fraction of 2^32, is at least p. */
static void dropout(void *y_, const void *x_, int64_t n, double p, uint64_t seed, uint64_t stream,
                    int64_t first)
{
    REAL *y = y_;
    const REAL *x = x_, scale = (REAL)(1 / (1 - p));
    for (int64_t i = 0; i < n;) {
        int64_t at = first + i, lane = at % 4;
        philox_block block = philox(seed, stream, (uint64_t)(at / 4));
        for (; lane < 4 && i < n; lane++, i++)
            y[i] = (double)uniform_f32(block.v[lane]) >= p ? x[i] * scale : 0;
    }
}

static void fill_step(kernel_table *t, kernel_type type)
{
    t->sgd[type] = sgd;
    t->adam[type] = adam;
    t->rmsprop[type] = rmsprop;
    t->adagrad[type] = adagrad;
    t->dropout[type] = dropout;
}

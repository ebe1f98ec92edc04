/* custom_module.c - a module of your own: a residual block y = x + fc2(tanh(fc1(x))) scale, in a small net that learns
 * a made-up function.
 *
 * A module is a state struct, a constructor that defines parameters and children, and a forward function.
 * Layer: examples.  Depends on taper/taper.h.  Read next: custom_op.c. */
#include <taper/taper.h>

typedef struct block {
    tp_module *fc1, *fc2; /* borrowed: the module holds them */
    tp_tensor *scale;
} block;

static tp_tensor *block_forward(tp_module *m, tp_tensor *x)
{
    const block *b = tp_module_state(m);
    tp_tensor *h = tp_forward(b->fc2, tp_tanh(tp_forward(b->fc1, x)));
    return tp_add(x, tp_mul(h, b->scale));
}

static tp_module *residual_block(int64_t width)
{
    tp_module *m = tp_module_new("residual_block", sizeof(block), block_forward);
    block *b = tp_module_state(m);
    if (!b)
        return NULL;
    b->fc1 = tp_child(m, "fc1", tp_nn_linear(width, 2 * width));
    b->fc2 = tp_child(m, "fc2", tp_nn_linear(2 * width, width));
    b->scale = tp_parameter(m, "scale", tp_ones(TP_SHAPE(width)));
    tp_module_set_info(m, "%lld", (long long)width);
    return tp_module_built(m);
}

static double loss_of(tp_module *net, tp_tensor *x, tp_tensor *y)
{
    TP_SCOPE;
    TP_NO_GRAD;
    return tp_item(tp_mse_loss(tp_forward(net, x), y));
}

int main(void)
{
    TP_SCOPE;
    tp_manual_seed(1);
    tp_module *net = tp_nn_sequential("in", tp_nn_linear(2, 16), "block1", residual_block(16), "block2",
                                      residual_block(16), "out", tp_nn_linear(16, 1));
    tp_tensor *x = tp_uniform(-1, 1, TP_SHAPE(256, 2)); /* y = sin(3 a) b */
    tp_tensor *y = tp_mul(tp_sin(tp_mul(tp_narrow(x, 1, 0, 1), 3)), tp_narrow(x, 1, 1, 1));
    tp_optim *adam = tp_adam(tp_parameters(net), .lr = 1e-2);

    double before = loss_of(net, x, y);
    for (int step = 0; step < 300 && !tp_error_pending(); step++) {
        TP_SCOPE;
        tp_zero_grad(adam);
        tp_backward(tp_mse_loss(tp_forward(net, x), y));
        tp_step(adam);
    }
    double after = loss_of(net, x, y);
    if (tp_report_error(stderr))
        return 1;
    printf("%lld parameters, loss %.4f before and %.4f after\n",
           (long long)tp_params_numel(tp_parameters(net)), before, after);
    return after < before / 2 ? 0 : 1;
}

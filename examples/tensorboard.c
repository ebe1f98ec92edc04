/* tensorboard.c - a loop of your own that TensorBoard shows: tensorboard --logdir board
 *
 * Fits y = sin x by a small network; tells the loss at every step, and now and then the weights and a picture of the fit.
 * Read next: train_mlp.c, ../docs/tensorboard.md. */
#include <taper/taper.h>

#include <math.h>
#include <stdio.h>

enum { N = 64, STEPS = 200, SIDE = 64 };

/* (1, 1, SIDE, SIDE): x to the right, y upward; the curve is white. */
static tp_tensor *picture_of(tp_tensor *y)
{
    float pixels[SIDE * SIDE] = { 0 };
    const float *values = tp_data(tp_contiguous(y));
    for (int i = 0; values && i < SIDE; i++) {
        int row = (int)(SIDE / 2 - values[i] * SIDE / 3);
        if (row >= 0 && row < SIDE)
            pixels[row * SIDE + i] = 1;
    }
    return tp_tensor_copied(pixels, TP_F32, TP_SHAPE(1, 1, SIDE, SIDE));
}

int main(void)
{
    TP_SCOPE;
    tp_manual_seed(0);
    float points[N], truth[N];
    for (int i = 0; i < N; i++) {
        points[i] = (float)(i - N / 2) / 10;
        truth[i] = sinf(points[i]);
    }
    tp_tensor *x = tp_tensor_copied(points, TP_F32, TP_SHAPE(N, 1));
    tp_tensor *y = tp_tensor_copied(truth, TP_F32, TP_SHAPE(N, 1));
    tp_module *net =
        tp_nn_sequential("fc1", tp_nn_linear(1, 32), "tanh", tp_nn_tanh(), "fc2", tp_nn_linear(32, 1));
    tp_optim *adam = tp_adam(tp_parameters(net), .lr = 1e-2);
    tp_board *board = tp_board_open("board");
    tp_board_text(board, "notes", "*y = sin x*, 64 points, Adam", 0);
    tp_board_graph(board, net, TP_SHAPE(N, 1));

    for (int step = 1; step <= STEPS; step++) {
        TP_SCOPE;
        tp_tensor *fit = tp_forward(net, x), *loss = tp_mse_loss(fit, y);
        tp_zero_grad(adam);
        tp_backward(loss);
        tp_step(adam);
        tp_board_scalar(board, "loss", tp_item(loss), step);
        if (step % 50 == 0) {
            tp_board_histogram(board, "weights/fc1", tp_params_find(tp_parameters(net), "fc1.weight"), step);
            tp_board_images(board, "fit", picture_of(tp_detach(fit)), step);
            printf("step %d  loss %.4f\n", step, tp_item(loss));
        }
    }
    return tp_report_error(stderr);
}

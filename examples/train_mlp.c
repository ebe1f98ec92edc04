/* train_mlp.c - trains a two-layer network on MNIST's digits, from the dataset to the test accuracy.
 *
 *   cc train_mlp.c $(pkg-config --cflags --libs taper) && ./a.out [folder with MNIST's files]
 *
 * Layer: examples.  Read next: custom_module.c. */
#include <taper/taper.h>

static double accuracy(tp_module *net, tp_dataset *data)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_loader *batches = tp_loader_new(data, 500);
    double right = 0;
    tp_eval(net);
    for (tp_batch b; tp_loader_next(batches, &b);) {
        TP_SCOPE;
        tp_tensor *answer = tp_argmax(tp_forward(net, b.x), 1, false);
        right += tp_item(tp_sum(tp_eq(answer, b.y), TP_ALL_DIMS, false));
    }
    tp_train(net, true);
    return right / (double)tp_dataset_count(data);
}

int main(int argc, char **argv)
{
    TP_SCOPE;
    const char *folder = argc > 1 ? argv[1] : "data/mnist";
    tp_dataset *train = tp_mnist(folder, TP_TRAIN), *test = tp_mnist(folder, TP_TEST);

    tp_manual_seed(1);
    tp_module *net = tp_nn_sequential("flatten", tp_nn_flatten(), "fc1", tp_nn_linear(28 * 28, 128), "relu",
                                      tp_nn_relu(), "fc2", tp_nn_linear(128, 10));
    tp_optim *adam = tp_adam(tp_parameters(net), .lr = 2e-3);

    for (int epoch = 1; epoch <= 2 && train; epoch++) {
        TP_SCOPE;
        tp_loader *batches = tp_loader_new(train, 128, .shuffle = true, .seed = (uint64_t)epoch);
        double sum = 0;
        for (tp_batch b; tp_loader_next(batches, &b);) {
            TP_SCOPE;
            tp_zero_grad(adam);
            tp_tensor *loss = tp_cross_entropy(tp_forward(net, b.x), b.y);
            tp_backward(loss);
            tp_step(adam);
            sum += tp_item(loss);
        }
        printf("epoch %d  loss %.4f  test accuracy %.2f %%\n", epoch,
               sum / (double)tp_loader_batches(batches), 100 * accuracy(net, test));
    }
    tp_save(net, "mlp.safetensors");
    return tp_report_error(stderr);
}

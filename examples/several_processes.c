/* several_processes.c - a training loop of one's own that several processes share, each with its part of the batches.
 *
 *   cc several_processes.c $(pkg-config --cflags --libs taper) && mpirun -np 2 ./a.out [folder with MNIST's files]
 *
 * Started alone, or with a library that was built without MPI, it is one process with all of them.
 * Layer: examples.  Read next: train_mlp.c, taper/dist.h. */
#include <taper/taper.h>

static void learn(tp_module *net, tp_optim *adam, tp_dataset *data, int epoch)
{
    TP_SCOPE;
    tp_loader *batches = tp_loader_new(data, 64, .shuffle = true, .drop_last = true, .seed = (uint64_t)epoch,
                                       .first_batch = tp_dist_rank(), .stride = tp_dist_size());
    const int64_t steps =
        tp_loader_batches(batches) / tp_dist_size(); /* each as many: all take part in each */
    tp_batch b;
    for (int64_t step = 0; step < steps && tp_loader_next(batches, &b); step++) {
        TP_SCOPE;
        tp_zero_grad(adam);
        tp_backward(tp_cross_entropy(tp_forward(net, b.x), b.y));
        tp_dist_mean_gradients(tp_parameters(net));
        tp_step(adam);
    }
}

int main(int argc, char **argv)
{
    TP_SCOPE;
    const char *folder = argc > 1 ? argv[1] : "data/mnist";
    tp_dist_begin();
    tp_manual_seed(1); /* all begin with the same weights */
    tp_dataset *train = tp_subset(tp_mnist(folder, TP_TRAIN), 0, 20000), *test = tp_mnist(folder, TP_TEST);
    tp_module *net = tp_nn_sequential("flatten", tp_nn_flatten(), "fc1", tp_nn_linear(28 * 28, 128), "relu",
                                      tp_nn_relu(), "fc2", tp_nn_linear(128, 10));
    tp_optim *adam = tp_adam(tp_parameters(net), .lr = 2e-3);
    for (int epoch = 1; epoch <= 2 && train; epoch++)
        learn(net, adam, train, epoch);

    /* each measures its part of the test digits; the sums are everybody's */
    TP_NO_GRAD;
    tp_tensor *right = tp_zeros(TP_SHAPE(1), .dtype = TP_F64);
    tp_loader *batches = tp_loader_new(test, 500, .first_batch = tp_dist_rank(), .stride = tp_dist_size());
    for (tp_batch b; tp_loader_next(batches, &b);)
        tp_add_(right, tp_sum(tp_eq(tp_argmax(tp_forward(net, b.x), 1, false), b.y), TP_ALL_DIMS, false));
    tp_dist_sum(right);
    if (tp_dist_rank() == 0 && right)
        printf("%d process%s: %.2f %% of the test digits right\n", tp_dist_size(),
               tp_dist_size() > 1 ? "es" : "", 100 * tp_item(right) / (double)tp_dataset_count(test));
    if (!tp_error_pending())
        tp_dist_end();
    return tp_report_error(stderr);
}

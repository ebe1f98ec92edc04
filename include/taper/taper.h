/* taper/taper.h - Taper: deep learning in C.  One include for all of it.
 *
 * A complete program:
 *
 *     #include <taper/taper.h>
 *
 *     int main(void)
 *     {
 *         TP_SCOPE;
 *         tp_dataset *mnist = tp_mnist("data/mnist", TP_TRAIN);
 *         tp_module  *net   = tp_model("lenet5", .classes = 10);
 *         tp_optim   *adam  = tp_adam(tp_parameters(net), .lr = 1e-3);
 *         tp_transform *pad = tp_transform_pad(2, 0);                   // LeNet-5 takes 32x32
 *
 *         for (int epoch = 0; epoch < 5; epoch++) {
 *             TP_SCOPE;
 *             tp_loader *batches = tp_loader_new(mnist, 64, .shuffle = true, .seed = epoch, .transform = pad);
 *             for (tp_batch b; tp_loader_next(batches, &b);) {      // b belongs to the loader until the next one
 *                 TP_SCOPE;
 *                 tp_zero_grad(adam);
 *                 tp_tensor *loss = tp_cross_entropy(tp_forward(net, b.x), b.y);
 *                 tp_backward(loss);
 *                 tp_step(adam);
 *             }
 *         }
 *         tp_save(net, "lenet5.safetensors");
 *         return tp_report_error(stderr);                           // 0, or 1 after printing the first error
 *     }
 *
 * Three rules carry everything.  What a function returns belongs to the innermost TP_SCOPE and dies with it.
 * The first error stays pending and makes everything after it do nothing, so one check at the end is enough.
 * Names are PyTorch's wherever PyTorch has one.
 *
 * Read in this order: base.h, tensor.h, ops.h, autograd.h, nn.h, optim.h, models.h, text.h, data.h, io.h, hub.h, train.h; plot.h, dist.h. */
#ifndef TAPER_TAPER_H
#define TAPER_TAPER_H

#include <taper/autograd.h>
#include <taper/base.h>
#include <taper/data.h>
#include <taper/dist.h>
#include <taper/hub.h>
#include <taper/io.h>
#include <taper/models.h>
#include <taper/nn.h>
#include <taper/ops.h>
#include <taper/optim.h>
#include <taper/plot.h>
#include <taper/tensor.h>
#include <taper/text.h>
#include <taper/train.h>

#endif

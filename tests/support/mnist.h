/* mnist.h - a folder with the first examples of MNIST.
 *
 * Layer: tests.  Read next: mnist.c. */
#ifndef SUPPORT_MNIST_H
#define SUPPORT_MNIST_H

#include "support/files.h"

const char *small_mnist(uint32_t train, uint32_t test); /* of this process's first call */

#endif

/* llama2c.h - networks from llama2.c's files.
 *
 * Layer: train.  Depends on taper/nn.h.  Read next: llama2c.c. */
#ifndef TRAIN_LLAMA2C_H
#define TRAIN_LLAMA2C_H

#include <taper/nn.h>

/* The network, or NULL: the file cannot be read, or is no such file, which an error tells. */
tp_module *llama2c_read(const char *path);

#endif

/* cifar.h - whether CIFAR-10's files lie in a folder.
 *
 * Layer: data.  Depends on taper/data.h.  Read next: cifar.c. */
#ifndef DATA_CIFAR_H
#define DATA_CIFAR_H

#include <taper/data.h>

bool cifar10_is_there(const char *folder);

#endif

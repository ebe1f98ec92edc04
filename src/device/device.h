/* device.h - a device is memory functions and a kernel table; nothing above may know which one it is.
 *
 * Layer: device.  Depends on kernels.  Read next: cpu.c, devices.def. */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include "kernels/kernels.h"

#include <taper/base.h>

typedef struct tp_device {
    const char *name;
    void *(*alloc)(size_t bytes); /* 64-byte aligned; NULL with an error pending */
    void (*free)(void *data, size_t bytes);
    const kernel_table *(*kernels)(void);
} tp_device;

extern const tp_device device_cpu;

const tp_device *device_find(const char *name); /* NULL with an error that lists those there are */
bool device_is_there(const char *name);

#endif

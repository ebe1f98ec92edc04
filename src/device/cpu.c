/* cpu.c - the processor: memory from the caching allocator, kernels of the best instruction set.
 *
 * Layer: device.  Depends on base/memory.h, kernels/kernels.h.  Read next: device.h. */
#include "base/memory.h"
#include "device/device.h"

const tp_device device_cpu = { .name = "cpu", .alloc = tp_alloc, .free = tp_free, .kernels = kernels_best };

const char *tp_isa(void)
{
    return kernels_best()->isa;
}

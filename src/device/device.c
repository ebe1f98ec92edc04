/* device.c - devices by name.
 *
 * Layer: device.  Depends on devices.def.  Read next: cpu.c. */
#include "device/device.h"

#include "base/error.h"

#include <string.h>

static const tp_device *const devices[] = {
#define DEVICE(name) &device_##name,
#include "device/devices.def"
#undef DEVICE
};

static const tp_device *look_up(const char *name)
{
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (!strcmp(devices[i]->name, name))
            return devices[i];
    return NULL;
}

const tp_device *device_find(const char *name)
{
    const tp_device *device = look_up(name);
    return device ? device
                  : tp_fail_null(TP_ERR_DEVICE, "device '%.60s' is not there: this build knows cpu", name);
}

bool device_is_there(const char *name)
{
    return look_up(name) != NULL;
}

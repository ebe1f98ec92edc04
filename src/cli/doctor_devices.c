/* doctor_devices.c - for `taper doctor`: GPUs, by the libraries of their drivers, if these are there.
 *
 * The libraries are opened while the program runs, so that one program serves every machine.  Their numbers (attributes, kinds of
 * information) are those of cuda.h, nvml.h and cl.h, which stay for good.  None found is a normal answer.
 * Layer: cli.  Depends on dlopen.  Read next: doctor.c. */
#include "cli/doctor.h"
#include "cli/text.h"

#include <dlfcn.h>
#include <string.h>

/* The function of that name, into a pointer of its type; POSIX lets a function stand in a void *. */
static bool find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found;
}

/* ---- NVIDIA: libcuda, and libnvidia-ml for the driver's own version -------------------------------------- */

static void driver_version(char *text, unsigned room)
{
    int (*init)(void), (*version)(char *, unsigned), (*end)(void);
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    snprintf(text, room, "of unknown version");
    if (library && find(library, "nvmlInit_v2", &init) && find(library, "nvmlShutdown", &end) &&
        find(library, "nvmlSystemGetDriverVersion", &version) && !init()) {
        version(text, room);
        end();
    }
    if (library)
        dlclose(library);
}

typedef struct cuda {
    int (*init)(unsigned), (*version)(int *), (*count)(int *), (*get)(int *, int), (*name)(char *, int, int),
        (*memory)(size_t *, int), (*attribute)(int *, int, int), (*error)(int, const char **);
} cuda;

static bool find_cuda(void *library, cuda *c)
{
    return find(library, "cuInit", &c->init) && find(library, "cuDriverGetVersion", &c->version) &&
           find(library, "cuDeviceGetCount", &c->count) && find(library, "cuDeviceGet", &c->get) &&
           find(library, "cuDeviceGetName", &c->name) && find(library, "cuDeviceTotalMem_v2", &c->memory) &&
           find(library, "cuDeviceGetAttribute", &c->attribute) &&
           find(library, "cuGetErrorString", &c->error);
}

static void tell_cuda_device(const cuda *c, int i)
{
    enum { MULTIPROCESSORS = 16, MAJOR = 75, MINOR = 76 };
    int device, major = 0, minor = 0, processors = 0;
    char label[16], name[256] = "", size[TEXT_ROOM];
    size_t bytes = 0;
    snprintf(label, sizeof label, "gpu %d", i);
    if (c->get(&device, i) || c->name(name, sizeof name, device) || c->memory(&bytes, device) ||
        c->attribute(&major, MAJOR, device) || c->attribute(&minor, MINOR, device) ||
        c->attribute(&processors, MULTIPROCESSORS, device)) {
        wrong("gpu %d: the driver does not tell what it is", i);
        return;
    }
    tell(label, "%s, %s, compute capability %d.%d, %d multiprocessors", name, text_bytes(size, (double)bytes),
         major, minor, processors);
}

static void tell_cuda(void)
{
    enum { NO_DEVICE = 100 };
    cuda c;
    char driver[80];
    const char *why = NULL;
    int version = 0, n = 0;
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        tell("cuda", "none found");
        return;
    }
    if (!find_cuda(library, &c)) {
        tell("cuda", "the driver's library lacks what is asked for");
        wrong("libcuda.so.1 is not NVIDIA's, or older than CUDA 6");
        return;
    }
    const int failed = c.init(0);
    driver_version(driver, sizeof driver);
    if (failed) {
        c.error(failed, &why);
        tell("cuda", "driver %s, no devices: %s", driver, why ? why : "unknown error");
        if (failed != NO_DEVICE)
            wrong("libcuda.so.1 is there, but its cuInit fails with error %d: %s", failed,
                  why ? why : "unknown");
        return; /* the library stays open: it has threads of its own */
    }
    c.version(&version);
    c.count(&n);
    tell("cuda", "driver %s, CUDA %d.%d, %d device%s (Taper does not use them)", driver, version / 1000,
         version % 1000 / 10, n, n == 1 ? "" : "s");
    for (int i = 0; i < n; i++)
        tell_cuda_device(&c, i);
}

/* ---- OpenCL ------------------------------------------------------------------------------------------------ */

typedef struct opencl {
    int (*platforms)(unsigned, void **, unsigned *), (*platform)(void *, unsigned, size_t, void *, size_t *),
        (*devices)(void *, uint64_t, unsigned, void **, unsigned *),
        (*device)(void *, unsigned, size_t, void *, size_t *);
} opencl;

static void tell_platform(const opencl *c, void *platform, unsigned which)
{
    enum { PLATFORM_VERSION = 0x0901, PLATFORM_NAME = 0x0902, DEVICE_NAME = 0x102b, DEVICE_MEMORY = 0x101f };
    char name[200] = "", version[512] = "", size[TEXT_ROOM];
    char label[32];
    void *devices[16];
    unsigned n = 0;
    c->platform(platform, PLATFORM_NAME, sizeof name, name, NULL);
    c->platform(platform, PLATFORM_VERSION, sizeof version, version, NULL);
    if (c->devices(platform, 0xffffffffu, 16, devices, &n))
        n = 0;
    snprintf(label, sizeof label, "opencl %u", which);
    size_t length = strcspn(version, " "); /* "OpenCL 3.0", and then what the vendor likes */
    length += version[length] ? 1 + strcspn(version + length + 1, " ") : 0;
    tell(label, "%s, %.*s, %u device%s", name, (int)length, version, n, n == 1 ? "" : "s");
    for (unsigned i = 0; i < n && i < 16; i++) {
        uint64_t bytes = 0;
        name[0] = 0;
        c->device(devices[i], DEVICE_NAME, sizeof name, name, NULL);
        c->device(devices[i], DEVICE_MEMORY, sizeof bytes, &bytes, NULL);
        snprintf(label, sizeof label, "opencl %u.%u", which, i);
        tell(label, "%s, %s", name, text_bytes(size, (double)bytes));
    }
}

static void tell_opencl(void)
{
    opencl c = { 0 };
    void *platforms[16], *library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    unsigned n = 0;
    if (!library || !find(library, "clGetPlatformIDs", &c.platforms) ||
        !find(library, "clGetPlatformInfo", &c.platform) || !find(library, "clGetDeviceIDs", &c.devices) ||
        !find(library, "clGetDeviceInfo", &c.device) || c.platforms(16, platforms, &n))
        n = 0;
    if (!n)
        tell("opencl", "none found");
    for (unsigned i = 0; i < n && i < 16; i++)
        tell_platform(&c, platforms[i], i);
}

void tell_devices(void)
{
    tell_cuda();
    tell_opencl();
}

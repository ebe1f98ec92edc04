/* doctor_machine.c - for `taper doctor`: the processor, threads, memory and disk, and what a container leaves of them.
 *
 * A container's limits stand in files of its control group and of the groups above it: cpu.max and memory.max (version 2),
 * cpu.cfs_quota_us and memory.limit_in_bytes (version 1).  The smallest counts.
 * Layer: cli.  Depends on libc only.  Read next: doctor.c. */
#include "cli/doctor.h"
#include "cli/text.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <taper/hub.h>
#include <unistd.h>

/* ---- words of files --------------------------------------------------------------------------------- */

/* The value of the first line that begins with name, after a colon; false if there is none. */
static bool line_of(const char *path, const char *name, char *value, size_t room)
{
    char line[512];
    bool found = false;
    FILE *f = fopen(path, "r");
    while (f && !found && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        found = colon && !strncmp(line, name, strlen(name));
        if (found)
            snprintf(value, room, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    if (f)
        fclose(f);
    return found;
}

/* The numbers at the begin of a file; "max" and what is not there are infinite. */
static double number_in(const char *folder, const char *name, double *second)
{
    char path[PATH_MAX], first[32] = "max";
    FILE *f = path_of(path, sizeof path, folder, name) ? fopen(path, "r") : NULL;
    *second = NAN;
    if (f && fscanf(f, "%31s %lf", first, second) < 1)
        strcpy(first, "max");
    if (f)
        fclose(f);
    const double value = strcmp(first, "max") ? atof(first) : INFINITY;
    return value < 0 ? INFINITY : value;
}

/* ---- limits of a container -------------------------------------------------------------------------- */

typedef struct limits {
    double cores, bytes;
} limits;

static void look_into(const char *folder, limits *l)
{
    double period, rest, quota = number_in(folder, "cpu.max", &period);
    if (isinf(quota)) {
        quota = number_in(folder, "cpu.cfs_quota_us", &rest);
        period = number_in(folder, "cpu.cfs_period_us", &rest);
    }
    if (isfinite(quota) && period > 0)
        l->cores = fmin(l->cores, quota / period);
    l->bytes = fmin(l->bytes, number_in(folder, "memory.max", &rest));
    l->bytes = fmin(l->bytes, number_in(folder, "memory.limit_in_bytes", &rest));
}

/* "4:memory:/a/b": /sys/fs/cgroup/memory/a/b, its parents, and the root, which is the group itself in a container. */
static limits find_limits(void)
{
    limits l = { INFINITY, INFINITY };
    char line[2048], folder[PATH_MAX];
    FILE *f = fopen("/proc/self/cgroup", "r");
    while (f && fgets(line, sizeof line, f)) {
        char *kind = strchr(line, ':'), *path = kind ? strchr(kind + 1, ':') : NULL;
        if (!path)
            continue;
        line[strcspn(line, "\n")] = 0;
        *path++ = 0;
        for (char *slash = path + strlen(path); slash; slash = strrchr(path, '/')) {
            *slash = 0;
            snprintf(folder, sizeof folder, "/sys/fs/cgroup/%s%s", kind + 1, path);
            look_into(folder, &l);
        }
    }
    if (f)
        fclose(f);
    return l;
}

/* ---- what is told ----------------------------------------------------------------------------------- */

static void tell_processor(long cores)
{
    const char *cap = getenv("TAPER_ISA");
    tell("cpu", "%s, %ld core%s", tp_processor(), cores, cores == 1 ? "" : "s");
#if defined(__x86_64__)
    tell("cpu has", "generic%s%s%s",
         __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? ", avx2" : "",
         __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
             ? ", avx512"
             : "",
         tp_has_bf16() ? ", bf16" : "");
#else
    tell("cpu has", "generic");
#endif
    tell("isa", "%s", tp_isa());
    if (cap && *cap)
        tell("TAPER_ISA", "%s", cap);
}

static void tell_threads(long cores, double limit)
{
    const int threads = tp_num_threads();
    char most[48] = "";
    if (limit < (double)cores)
        snprintf(most, sizeof most, ", of which this container may use %.3g", limit);
    tell("threads", "%d of %ld core%s%s", threads, cores, cores == 1 ? "" : "s", most);
    if (threads > cores)
        wrong("%d threads on %ld cores: slower than one a core; look at OMP_NUM_THREADS", threads, cores);
    else if (threads > 1 && threads > limit)
        wrong("%d threads, but this container may use %.3g cores: they wait for each other; set "
              "OMP_NUM_THREADS=%d",
              threads, limit, limit < 1 ? 1 : (int)limit);
}

static void tell_memory(double limit)
{
    char text[64], all[TEXT_ROOM], left[TEXT_ROOM], most[TEXT_ROOM];
    const double page = (double)sysconf(_SC_PAGESIZE), total = page * (double)sysconf(_SC_PHYS_PAGES);
    double available = page * (double)sysconf(_SC_AVPHYS_PAGES);
    if (line_of("/proc/meminfo", "MemAvailable", text, sizeof text)) /* with what caches would give back */
        available = 1024 * atof(text);
    if (limit < total)
        tell("memory", "%s, %s of it free; this container may use %s", text_bytes(all, total),
             text_bytes(left, available), text_bytes(most, limit));
    else
        tell("memory", "%s, %s of it free", text_bytes(all, total), text_bytes(left, available));
}

static void tell_disk(const char *name, const char *path)
{
    struct statvfs info;
    char folder[PATH_MAX], left[TEXT_ROOM], all[TEXT_ROOM];
    snprintf(folder, sizeof folder, "%s", path);
    while (statvfs(folder, &info) && strrchr(folder, '/') > folder) /* it may not be there yet */
        *strrchr(folder, '/') = 0;
    if (statvfs(folder, &info))
        return;
    const double room = (double)info.f_frsize * (double)info.f_bavail;
    tell(name, "%s of %s free in %s", text_bytes(left, room),
         text_bytes(all, (double)info.f_frsize * (double)info.f_blocks), path);
    if (room < 256 << 20)
        wrong("only %s are free in %s", text_bytes(left, room), path);
}

void tell_machine(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const limits l = find_limits();
    char here[PATH_MAX];
    tp_hub_place place;
    tell_processor(cores);
    tell_threads(cores, l.cores);
    tell_memory(l.bytes);
    if (getcwd(here, sizeof here))
        tell_disk("disk", here);
    tp_hub_where(&place);
    tp_error_take(NULL, 0); /* the hub's own lines tell */
    if (*place.cache)
        tell_disk("hub disk", place.cache);
}

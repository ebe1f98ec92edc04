/* version.c - what runs: the version of the library, its compiler, the processor.
 *
 * Layer: base.  Depends on libc only.  Read next: taper/base.h. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <taper/base.h>

const char *tp_version(void)
{
    return TP_VERSION;
}

const char *tp_compiler(void)
{
#if defined(__clang__)
    return __VERSION__;
#else
    return "gcc " __VERSION__;
#endif
}

/* ---- the processor ------------------------------------------------------------------------------------------------ */

static char processor[256];

/* The value of the first line that begins with one of the names; architectures call it differently. */
static void read_processor(void)
{
    static const char *const names[] = { "model name", "Model", "Hardware", "cpu model", "uarch" };
    char line[512];
    struct utsname system;
    size_t best = sizeof names / sizeof *names;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && best && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        for (size_t i = 0; i < best && colon && colon[1] == ' '; i++)
            if (!strncmp(line, names[i], strlen(names[i]))) {
                snprintf(processor, sizeof processor, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
                best = i;
            }
    }
    if (f)
        fclose(f);
    if (!*processor && !uname(&system))
        snprintf(processor, sizeof processor, "%s", system.machine);
}

const char *tp_processor(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_processor);
    return processor;
}

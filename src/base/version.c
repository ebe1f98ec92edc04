/* version.c - the version of the library that runs.
 *
 * Layer: base.  Depends on nothing.  Read next: taper/base.h. */
#include <taper/base.h>

const char *tp_version(void)
{
    return TP_VERSION;
}

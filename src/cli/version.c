/* version.c - `taper version`.
 *
 * A program may run with another library than it was compiled for; then both are told.
 * Layer: cli.  Depends on base.h.  Read next: doctor.c. */
#include "cli/cli.h"
#include "cli/json.h"

#include <string.h>

int verb_version(cli *c)
{
    if (c->json) {
        emit_object(NULL);
        emit_text("version", tp_version());
        emit_end();
    } else if (!strcmp(tp_version(), TP_VERSION)) {
        printf("taper %s\n", tp_version());
    } else {
        printf("taper %s, with the library %s\n", TP_VERSION, tp_version());
    }
    return EXIT_FINE;
}

/* watch.c - `taper watch DIR...`: how far trainings are that run elsewhere.
 *
 * Layer: cli. */
#include "cli/cli.h"
int verb_watch(cli *c) { (void)c; return 0; }

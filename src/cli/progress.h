/* progress.h - what a training run, or a download, shows while it goes, and how it is interrupted.
 *
 * On a terminal one line that is rewritten, otherwise one plain line an epoch.
 * Layer: cli.  Depends on train.h.  Read next: progress.c. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/cli.h"

#include <taper/hub.h>

void catch_signals(void); /* the first SIGINT, SIGTERM or SIGHUP is remembered, the second kills */
int caught_signal(void);  /* 0: none */
bool show_progress(void *start,
                   const tp_progress *); /* a tp_progress_fn; start: the line before all others */
bool show_download(
    void *, const tp_hub_progress *); /* a tp_hub_progress_fn: a bar on stderr, if that is a terminal */

#endif

/* environment.h - what ran a training: environment.json of its folder.
 *
 * Layer: train.  Depends on taper/base.h.  Read next: environment.c. */
#ifndef TRAIN_ENVIRONMENT_H
#define TRAIN_ENVIRONMENT_H

#include <taper/base.h>

tp_status environment_write(const char *folder); /* when a run begins, and anew when it goes on */

#endif

/* labelled.h - texts with a class, and tokens with a label each, by tokens and labels that may be known before.
 *
 * Layer: data.  Depends on vocabulary.h.  Read next: labelled.c. */
#ifndef DATA_LABELLED_H
#define DATA_LABELLED_H

#include "data/vocabulary.h"

#include <taper/data.h>

tp_dataset *labelled_open(const char *path, tp_part, token_unit, bool tags, uint64_t seed,
                          const tp_known_names *);

#endif

/* pairs.h - an example of a sequence and the sequence it is to become.
 *
 * Layer: data.  Read next: pairs.c. */
#ifndef DATA_PAIRS_H
#define DATA_PAIRS_H

#include "data/vocabulary.h"

/* The words of the options source_unit and target_unit; NULL: which is otherwise.  -1 with an error. */
int pairs_unit(const char *option, const char *word, token_unit otherwise);

#endif

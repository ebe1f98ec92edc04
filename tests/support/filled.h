/* filled.h - tensors filled with numbers that follow from names alone, so that golden files hold no weights.
 *
 * The same numbers as tools/golden/lib/filled.py.
 * Layer: tests.  Depends on taper.  Read next: filled.c, test_zoo.c. */
#ifndef SUPPORT_FILLED_H
#define SUPPORT_FILLED_H

#include <taper/nn.h>

/* Number i that the name followed by the suffix gives. */
uint64_t filled_raw(const char *name, const char *suffix, int64_t i);

void filled_tensor(const char *name, tp_tensor *, double scale,
                   double shift); /* f32: shift + scale [-1, 1) */
void filled_module(tp_module *);  /* weights as He's uniform ones, norms about 1, biases and means about 0 */

bool filled_ends_with(const char *name, const char *end);

#endif

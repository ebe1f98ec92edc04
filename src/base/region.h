/* region.h - large blocks, cut out of regions that come from the system.
 *
 * Layer: base.  Depends on nothing.  Read next: region.c. */
#ifndef BASE_REGION_H
#define BASE_REGION_H

#include <stddef.h>
#include <stdint.h>

typedef struct region_totals {
    int64_t cached; /* free bytes of the regions */
    int64_t system_calls;
} region_totals;

/* 64-byte aligned; NULL: the system has no more.  *taken: what it takes out of its region. */
void *region_alloc(size_t bytes, int64_t *taken);
int64_t region_free(void *block); /* what it took */
void region_trim(void);           /* regions without a block go back to the system */
region_totals region_stats(void);

#endif

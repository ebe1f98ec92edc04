/* random.c - the reference of random words and normal numbers.
 *
 * Layer: kernels.  Depends on base/philox.h, plain/random.h.  Read next: ../isa/random.c. */
#include "base/philox.h"
#include "kernels/ref/ref.h"

#include <string.h>

#include "kernels/plain/random.h"

static void words(uint32_t *out, uint64_t seed, uint64_t stream, uint64_t first, int64_t blocks)
{
    for (int64_t b = 0; b < blocks; b++) {
        philox_block p = philox(seed, stream, first + (uint64_t)b);
        memcpy(out + 4 * b, p.v, sizeof p.v);
    }
}

void ref_fill_random(kernel_table *t)
{
    t->random_words = words;
    t->random_normals = normals;
}

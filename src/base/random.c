/* random.c - the thread's generator: a seed and the number of the next stream.
 *
 * Every drawing call takes one stream; the numbers inside it are philox(seed, stream, index).
 * Layer: base.  Depends on philox.h.  Read next: ops/random.c. */
#include "base/random.h"

_Thread_local bool random_unfilled;

static _Thread_local tp_rng generator;

void tp_manual_seed(uint64_t seed)
{
    generator = (tp_rng){ .seed = seed };
}

tp_rng tp_rng_state(void)
{
    return generator;
}

void tp_set_rng_state(tp_rng state)
{
    generator = state;
}

tp_rng random_take_stream(void)
{
    tp_rng taken = generator;
    generator.stream++;
    return taken;
}

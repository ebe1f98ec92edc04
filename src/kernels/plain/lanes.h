/* lanes.h - for bodies in vectors of any width: how many lanes the rest of a row fills.
 *
 * Who includes such a body has vec, WIDTH, and get(p, n), put(p, n, v) of the first n lanes; what get leaves out is 0.
 * Layer: kernels.  Read next: recurrent.h, attention.h. */
#ifndef KERNELS_PLAIN_LANES_H
#define KERNELS_PLAIN_LANES_H

static inline int lanes_left(int64_t left)
{
    return left < WIDTH ? (int)left : WIDTH;
}

#endif

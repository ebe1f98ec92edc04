/* transfer.c - copies between any strides and any dtypes.
 *
 * The dims are ordered and merged as in map.c.  What remains is rows; or, where the source is contiguous along another dim
 * than the destination, squares of these two dims, so that no line of memory is visited twice.
 * Layer: ops.  Kernels: move, transpose, convert (kernels.h).  Read next: map.c. */
#include "base/parallel.h"
#include "ops/map.h"

#include <string.h>

enum {
    PIECE = 16384, /* most elements of a row that are copied at once */
    SIDE = 64,     /* of a square */
    SHORT = 16,    /* elements of a row below which another dim may be a better one */
    GRAIN = 32768, /* elements below which threads cost more than they bring */
};

typedef struct transfer {
    const map *m;
    convert_fn *move;
    transpose_fn *transpose; /* NULL: rows */
    int across;              /* the dim along which the source is contiguous */
    int64_t
        step[TP_MAX_DIMS]; /* what a piece covers of each dim: 1, or a part of a row, or a side of a square */
    int64_t pieces[TP_MAX_DIMS];
    int64_t size[2];
} transfer;

static void copy_piece(const transfer *t, const int64_t *at, char *dst, const char *src)
{
    const map *m = t->m;
    int inner = m->ndim - 1;
    int64_t n = m->shape[inner] - at[inner];
    n = n < t->step[inner] ? n : t->step[inner];
    if (!t->transpose) {
        t->move(dst, m->stride[0][inner], src, m->stride[1][inner], n);
        return;
    }
    int64_t k = m->shape[t->across] - at[t->across];
    t->transpose(dst, m->stride[0][t->across], src, m->stride[1][inner], n,
                 k < t->step[t->across] ? k : t->step[t->across]);
}

static void copy_pieces(void *context, int64_t begin, int64_t end)
{
    const transfer *t = context;
    const map *m = t->m;
    int64_t at[TP_MAX_DIMS], rest = begin, offset[2] = { 0 };
    for (int i = m->ndim; i-- > 0; rest /= t->pieces[i]) {
        at[i] = rest % t->pieces[i] * t->step[i];
        offset[0] += at[i] * m->stride[0][i];
        offset[1] += at[i] * m->stride[1][i];
    }
    for (int64_t p = begin; p < end; p++) {
        copy_piece(t, at, m->data[0] + offset[0] * t->size[0], m->data[1] + offset[1] * t->size[1]);
        for (int i = m->ndim; i-- > 0;) {
            at[i] += t->step[i];
            offset[0] += t->step[i] * m->stride[0][i];
            offset[1] += t->step[i] * m->stride[1][i];
            if (at[i] < m->shape[i])
                break;
            offset[0] -= at[i] * m->stride[0][i];
            offset[1] -= at[i] * m->stride[1][i];
            at[i] = 0;
        }
    }
}

/* Squares serve where both sides are long enough to fill lines. */
static void choose_squares(transfer *t)
{
    const map *m = t->m;
    int inner = m->ndim - 1;
    if (m->stride[0][inner] != 1 || m->stride[1][inner] == 1 || m->stride[1][inner] == 0 ||
        m->shape[inner] < 4)
        return;
    for (int i = 0; i < inner; i++)
        if (m->stride[1][i] == 1 && m->shape[i] >= 4) {
            t->transpose = m->kernels->transpose[move_kind(tp_dtype_size(m->stored[0]))];
            t->across = i;
            t->step[i] = t->step[inner] = SIDE;
        }
}

/* Short rows (two pixels, one element three times) give way to a long dim, best one along which the source is contiguous. */
static void lengthen_rows(map *m)
{
    int inner = m->ndim - 1, best = inner;
    for (int i = 0; i < inner; i++)
        if (m->shape[i] >= 4 * m->shape[inner] &&
            (best == inner || (m->stride[1][i] == 1) > (m->stride[1][best] == 1) ||
             ((m->stride[1][i] == 1) == (m->stride[1][best] == 1) && m->shape[i] >= m->shape[best])))
            best = i;
    for (; best < inner; best++)
        map_swap_dims(m, best, best + 1);
}

static void run(map *m)
{
    transfer t = { .m = m };
    int64_t pieces = 1, elements = 1;
    map_simplify(m);
    bool as_is = m->stored[0] == m->stored[1];
    for (int i = 0; i < TP_MAX_DIMS; i++)
        t.step[i] = i == m->ndim - 1 ? PIECE : 1;
    t.move = as_is ? m->kernels->move[move_kind(tp_dtype_size(m->stored[0]))]
                   : m->kernels->convert[m->stored[0]][m->stored[1]];
    if (as_is)
        choose_squares(&t);
    if (!t.transpose && m->shape[m->ndim - 1] < SHORT)
        lengthen_rows(m);
    for (int k = 0; k < 2; k++)
        t.size[k] = (int64_t)tp_dtype_size(m->stored[k]);
    for (int i = 0; i < m->ndim; i++) {
        t.pieces[i] = (m->shape[i] + t.step[i] - 1) / t.step[i];
        pieces *= t.pieces[i];
        elements *= m->shape[i];
    }
    if (elements)
        parallel_for(pieces, elements <= GRAIN ? INT64_MAX / 2 : (GRAIN / 2 * pieces) / elements + 1,
                     copy_pieces, &t);
}

void copy_tensor(const kernel_table *kernels, const tp_tensor *dst, const tp_tensor *src)
{
    map m = { 0 };
    map_tensors(&m, kernels, dst, &src, 1);
    run(&m);
}

void copy_strided(const kernel_table *kernels, int ndim, const int64_t *shape, void *dst, tp_dtype dst_type,
                  const int64_t *dst_stride, const void *src, tp_dtype src_type, const int64_t *src_stride)
{
    map m = { .n = 2,
              .ndim = ndim,
              .kernels = kernels,
              .data = { dst, (char *)(uintptr_t)src },
              .stored = { dst_type, src_type } };
    memcpy(m.shape, shape, sizeof *shape * (size_t)ndim);
    memcpy(m.stride[0], dst_stride, sizeof *shape * (size_t)ndim);
    memcpy(m.stride[1], src_stride, sizeof *shape * (size_t)ndim);
    run(&m);
}

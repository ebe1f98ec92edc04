/* tile.inc.h - the register tile: mr x (nv vectors) sums of products, for REAL; everything GEMM-shaped rides on it.
 *
 *   out[i][j] = start + sum over segments s, over t < s.n of a(s, i, t) b(s, t, j)
 *
 * A segment's a is either packed, a[t a_step + i], or lies in rows, rows[i][offset + t a_step]; its b is b[t b_step + j].
 * An element of a and b is one number, or a pair of them whose two products are added (pairs.inc.h).
 * A matrix product has one segment a tile, a convolution one for each tap (or row of taps), a weight gradient one for
 * each row of the picture.  mr, nv, packed and partial are constants where the tile is instantiated.
 * Layer: kernels.  Depends on simd.h, numbers.inc.h or pairs.inc.h.  Read next: gemm.inc.h, conv.inc.h. */
typedef V(v) vec;
enum { WIDTH = LANES_OF_V, TILE_COLS = TILE_VECTORS * WIDTH };

typedef struct segment {
    const REAL *b;
    const REAL *a;           /* packed */
    const REAL *const *rows; /* in rows: mr pointers */
    int64_t offset, n;
} segment;

typedef struct tile_args {
    const segment *segments;
    int n_segments;
    int cols; /* of the tile's columns, those that are stored */
    int64_t a_step, b_step;
    _Alignas(64) REAL *out[TILE_ROWS]; /* aligned: written as vectors, read as pointers at once */
    const REAL *bias;                  /* start, the same for every row; NULL: 0 */
    bool accumulate;                   /* start is what out holds */
    bool relu;                         /* out is max(sum, 0) */
} tile_args;

typedef void tile_fn(const tile_args *);

/* The vectors of the first cols columns, of which only the last may hang over. */
typedef struct columns {
    int last;     /* vector */
    V(mask) some; /* its lanes */
    bool whole;   /* all of them, where a mask costs */
} columns;

INLINE columns columns_of(int cols, int vectors)
{
    int left = cols - (vectors - 1) * WIDTH;
    return (columns){ vectors - 1, V(first)(left), !FREE_MASKS && left == WIDTH };
}

INLINE vec load_cols(const REAL *p, int j, columns c)
{
    return j < c.last || c.whole ? V(load)(p + j * WIDTH) : V(load_first)(p + j * WIDTH, c.some);
}

INLINE void store_cols(REAL *p, int j, columns c, vec v)
{
    if (j < c.last || c.whole)
        V(store)(p + j * WIDTH, v);
    else
        V(store_first)(p + j * WIDTH, c.some, v);
}

/* As many of a tile's rows as x86 has registers for beside the loop's own.  One more is read from memory at each step: gcc would
 * keep it in a vector register, and taking it from there costs a multiplier's turn, 5 % of the tile. */
enum { POINTERS = 11 };

/* partial: b must not be read beyond its first cols columns.  Every loop over sums is unrolled: they stay in registers. */
INLINE void tile(const tile_args *t, const int mr, const int nv, const bool packed, const bool partial)
{
    vec sum[TILE_ROWS][TILE_VECTORS];
    const columns c = columns_of(t->cols, nv);
    if (t->accumulate) {
#pragma GCC unroll 16
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 2
            for (int j = 0; j < nv; j++)
                sum[i][j] = load_cols(t->out[i], j, c);
    } else {
        vec start[TILE_VECTORS];
#pragma GCC unroll 2
        for (int j = 0; j < nv; j++)
            start[j] = t->bias ? load_cols(t->bias, j, c) : (vec){ 0 };
#pragma GCC unroll 16
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 2
            for (int j = 0; j < nv; j++)
                sum[i][j] = start[j];
#pragma GCC unroll 16
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 2
            for (int j = 0; j < nv; j++)
                __builtin_prefetch(t->out[i] + j * WIDTH, 1, 3);
    }
    const int64_t a_step = t->a_step, b_step = t->b_step;
    for (const segment *s = t->segments, *end = s + t->n_segments; s < end; s++) {
        const REAL *b = s->b, *a = s->a, *row[TILE_ROWS];
        const REAL *volatile last_row;
        if (!packed)
            for (int i = 0; i < mr; i++)
                row[i] = s->rows[i] + s->offset;
        if (!packed && mr > POINTERS)
            last_row = row[mr - 1];
        for (int64_t k = 0, at = 0; k < s->n; k++, b += b_step, at += a_step) {
            vec right[TILE_VECTORS];
            if (packed &&
                VECTOR_BYTES == 64) { /* copies lie in the second cache, whose latency shows: 6 to 15 % */
                __builtin_prefetch(b + 12 * b_step, 0, 3);
                __builtin_prefetch(b + 12 * b_step + WIDTH, 0, 3);
                __builtin_prefetch(a + 12 * a_step, 0, 3);
            }
#pragma GCC unroll 2
            for (int j = 0; j < nv; j++)
                right[j] = partial ? load_cols(b, j, c) : V(load)(b + j * WIDTH);
#pragma GCC unroll 16
            for (int i = 0; i < mr; i++) {
                REAL left = packed ? a[i] : (i < POINTERS ? row[i] : last_row)[at];
#pragma GCC unroll 2
                for (int j = 0; j < nv; j++)
                    sum[i][j] = MULTIPLY_ADD(sum[i][j], left, right[j]);
            }
            if (packed)
                a += a_step;
        }
    }
    if (t->relu) {
#pragma GCC unroll 16
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 2
            for (int j = 0; j < nv; j++)
                sum[i][j] = V(rectified)(sum[i][j]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 2
        for (int j = 0; j < nv; j++)
            store_cols(t->out[i], j, c, sum[i][j]);
}

/* clang-format off */
#define EACH_OF_4(DO, ...) DO(1, __VA_ARGS__) DO(2, __VA_ARGS__) DO(3, __VA_ARGS__) DO(4, __VA_ARGS__)
#define EACH_OF_6(DO, ...) EACH_OF_4(DO, __VA_ARGS__) DO(5, __VA_ARGS__) DO(6, __VA_ARGS__)
#define EACH_OF_12(DO, ...)                                                                                     \
    EACH_OF_6(DO, __VA_ARGS__) DO(7, __VA_ARGS__) DO(8, __VA_ARGS__) DO(9, __VA_ARGS__) DO(10, __VA_ARGS__)     \
    DO(11, __VA_ARGS__) DO(12, __VA_ARGS__)
#if defined(__AVX512F__)
#define EACH_ROW_COUNT EACH_OF_12
#define EACH_FEW_ROWS EACH_OF_6
#elif defined(__AVX2__)
#define EACH_ROW_COUNT EACH_OF_6
#define EACH_FEW_ROWS EACH_OF_6
#else
#define EACH_ROW_COUNT EACH_OF_4
#define EACH_FEW_ROWS EACH_OF_4
#endif
enum { FEW_ROWS = TILE_ROWS < 6 ? TILE_ROWS : 6 };
/* clang-format on */

#define TILE(mr, name, nv, packed, partial)     \
    static void name##_##mr(const tile_args *t) \
    {                                           \
        tile(t, mr, nv, packed, partial);       \
    }
#define TILE_ENTRY(mr, name, ...) [mr] = name##_##mr,
#define TILES_OF(EACH, name, nv, packed, partial) \
    EACH(TILE, name, nv, packed, partial)         \
    static tile_fn *const name[TILE_ROWS + 1] = { EACH(TILE_ENTRY, name, ) };
#define TILES(name, nv, packed, partial) TILES_OF(EACH_ROW_COUNT, name, nv, packed, partial)

TILES(rows_1, 1, false, false)
TILES(rows_2, 2, false, false)
TILES_OF(EACH_FEW_ROWS, rows_partial_1, 1, false, true)
TILES_OF(EACH_FEW_ROWS, rows_partial_2, 2, false, true)
TILES(packed_1, 1, true, false)
TILES(packed_2, 2, true, false)

/* For mr rows and cols columns. */
static tile_fn *tile_for(int mr, int cols, bool packed)
{
    return packed ? (cols <= WIDTH ? packed_1 : packed_2)[mr] : (cols <= WIDTH ? rows_1 : rows_2)[mr];
}

/* The same in rows, at most FEW_ROWS of them, where b must not be read beyond cols. */
static tile_fn *partial_tile_for(int mr, int cols)
{
    static tile_fn *const *const tables[2][2] = { { rows_2, rows_1 }, { rows_partial_2, rows_partial_1 } };
    return tables[cols % WIDTH != 0][cols <= WIDTH][mr];
}

/* Rows that are left are shared out evenly: 25 rows are 8 + 8 + 9, not 12 + 12 + 1, and half of the tiles are half of the rows. */
typedef struct cut {
    int64_t tiles, size;
    double larger; /* share of the tiles that have size + 1 rows */
} cut;

static cut cut_into(int64_t rows, int64_t most)
{
    cut c = { .tiles = (rows + most - 1) / most };
    c.size = c.tiles ? rows / c.tiles : 0;
    c.larger = c.tiles ? (double)(rows % c.tiles) / (double)c.tiles : 0;
    return c;
}

static cut cut_rows(int64_t rows)
{
    return cut_into(rows, TILE_ROWS);
}

static int64_t cut_begin(const cut *c, int64_t tile_index)
{
    return tile_index * c->size + (int64_t)(((double)tile_index + 0.5) * c->larger);
}

/* Panels of b: TILE_COLS wide, the last one only a vector wide where that is enough. */
static int64_t panel_width(int64_t cols, int64_t panel)
{
    return cols - panel * TILE_COLS <= WIDTH ? WIDTH : TILE_COLS;
}

static size_t rounded(int64_t elements)
{
    return ((size_t)elements * sizeof(REAL) + 63) / 64 * 64;
}

/* conv_bands.inc.h - how convolutions of few channels are shared out among threads, for REAL.
 *
 * By images; where these are fewer than threads they are cut into bands of rows of the result, of pairs of rows where they are pooled.
 * Each band lays out the weights for itself: from another core's cache they would come at more than that.
 * Layer: kernels.  Depends on conv.inc.h.  Read next: conv_rows.inc.h, conv_planar.inc.h. */
enum {
    BAND_WORK = 3 << 15, /* multiply-adds, at least */
    BETWEEN_WORK = 24,   /* of an activation */
};

typedef struct band {
    int64_t image, first, end; /* its rows */
} band;

static double work_of_image(const gather *g)
{
    return (double)(g->dh * g->dw * g->out) *
           (double)(g->in * g->kernel[0] * g->kernel[1] + (g->between ? BETWEEN_WORK : 0));
}

static int64_t bands_of(const gather *g)
{
    const double most = work_of_image(g) / BAND_WORK;
    const int64_t rows = g->dh / 2, each = parallel_threads() / g->n, bands = each < rows ? each : rows;
    return bands < 2 || most < 2 ? 1 : (double)bands < most ? bands : (int64_t)most;
}

static band band_at(const gather *g, int64_t bands, int64_t i)
{
    const int64_t step = g->between ? 2 : 1, rows = g->dh / step, b = i % bands;
    return (band){ i / bands, divided(rows * b, bands) * step, divided(rows * (b + 1), bands) * step };
}

static void run_bands(const gather *g, int64_t bands, const conv_args *a, size_t slot_bytes,
                      parallel_body *body, void *context)
{
    const int64_t n = g->n * bands, slots = (int64_t)(a->scratch_bytes / slot_bytes);
    parallel_for_at_most((int)slots, n, bands > 1 ? 1 : grain_for(work_of_image(g) * (double)n, n), body,
                         context);
}

static void *slot_here(const conv_args *a, size_t slot_bytes)
{
    return (char *)a->scratch + parallel_thread() * (int64_t)slot_bytes;
}

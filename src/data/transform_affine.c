/* transform_affine.c - random rotation, translation, scale and shear in one bilinear sampling.
 *
 * The parameters are torchvision's RandomAffine: output pixel p shows the input at M p, where M is the inverse of
 * translate * rotate * shear_x * scale about the image's centre; beyond the edge lies the fill value.
 * Each example draws from Philox(seed, stream, place in the chain), so that augmentation does not depend on threads.
 * Layer: data.  Depends on base/philox.h.  Read next: transform.c. */
#include "data/transform.h"

#include <math.h>

static const uint64_t affine_seed =
    0x616666696e650000u; /* "affine": apart from what else takes the same seed */

void affine_inverse_matrix(double angle, double dx, double dy, double scale, double shear, double m[6])
{
    const double degree = 0.017453292519943295;
    double rot = angle * degree, sx = shear * degree;
    /* rotate * shear = [[a, b], [c, d]] of determinant 1, as torchvision writes it with no shear in y */
    double a = cos(rot), b = -cos(rot) * tan(sx) - sin(rot), c = sin(rot), d = -sin(rot) * tan(sx) + cos(rot);
    m[0] = d / scale, m[1] = -b / scale, m[3] = -c / scale, m[4] = a / scale;
    m[2] = -m[0] * dx - m[1] * dy;
    m[5] = -m[3] * dx - m[4] * dy;
}

static inline float pixel(const float *x, int64_t height, int64_t width, int64_t row, int64_t col,
                          float outside)
{
    return row >= 0 && row < height && col >= 0 && col < width ? x[row * width + col] : outside;
}

/* Samples one plane at (u, v) = (column, row). */
static inline float sample(const float *x, int64_t height, int64_t width, float u, float v, float outside)
{
    if (!(u > -1 && v > -1 && u < (float)width && v < (float)height))
        return outside;
    float fu = floorf(u), fv = floorf(v), du = u - fu, dv = v - fv;
    int64_t col = (int64_t)fu, row = (int64_t)fv;
    float p00, p01, p10, p11;
    if (col >= 0 && row >= 0 && col + 1 < width && row + 1 < height) {
        const float *p = x + row * width + col;
        p00 = p[0], p01 = p[1], p10 = p[width], p11 = p[width + 1];
    } else {
        p00 = pixel(x, height, width, row, col, outside),
        p01 = pixel(x, height, width, row, col + 1, outside);
        p10 = pixel(x, height, width, row + 1, col, outside),
        p11 = pixel(x, height, width, row + 1, col + 1, outside);
    }
    float top = p00 + du * (p01 - p00), bottom = p10 + du * (p11 - p10);
    return top + dv * (bottom - top);
}

void affine_planes(int64_t planes, int64_t height, int64_t width, const float *x, const double m[6],
                   float outside, float *y)
{
    double centre_x = ((double)width - 1) / 2, centre_y = ((double)height - 1) / 2;
    float step_u = (float)m[0], step_v = (float)m[3];
    for (int64_t p = 0; p < planes; p++, x += height * width)
        for (int64_t row = 0; row < height; row++, y += width) {
            double dy = (double)row - centre_y;
            float u = (float)(centre_x - m[0] * centre_x + m[1] * dy + m[2]);
            float v = (float)(centre_y - m[3] * centre_x + m[4] * dy + m[5]);
            for (int64_t col = 0; col < width; col++)
                y[col] = sample(x, height, width, u + step_u * (float)col, v + step_v * (float)col, outside);
        }
}

static tp_status affine_run(const tp_transform *t, tp_shape in, const float *x, float *y, transform_draw draw)
{
    const tp_affine_options *o = &t->affine;
    philox_block b[2] = { philox(draw.seed ^ affine_seed, draw.stream, 2 * draw.place),
                          philox(draw.seed ^ affine_seed, draw.stream, 2 * draw.place + 1) };
    double u[5]; /* [0, 1) */
    for (int i = 0; i < 5; i++)
        u[i] = (double)b[i / 4].v[i % 4] * 0x1p-32;
    double matrix[6];
    affine_inverse_matrix((2 * u[0] - 1) * o->degrees, (2 * u[1] - 1) * o->translate * (double)in.dim[2],
                          (2 * u[2] - 1) * o->translate * (double)in.dim[1],
                          o->scale_min + u[3] * (o->scale_max - o->scale_min), (2 * u[4] - 1) * o->shear,
                          matrix);
    affine_planes(in.dim[0], in.dim[1], in.dim[2], x, matrix, (float)o->fill, y);
    return TP_OK;
}

static const transform_kind affine_kind = { "affine", transform_same_shape, affine_run, NULL, NULL };

tp_transform *tp_transform_affine_opt(const tp_affine_options *options)
{
    tp_affine_options o = { 0 };
    if (tp_pending())
        return NULL;
    if (options)
        for (size_t i = 0; i < sizeof o && i < options->struct_size; i++)
            ((char *)&o)[i] = ((const char *)options)[i];
    o.scale_min = o.scale_min != 0 ? o.scale_min : 1;
    o.scale_max = o.scale_max != 0 ? o.scale_max : o.scale_min > 1 ? o.scale_min : 1;
    if (!(o.degrees >= 0 && o.degrees <= 360) || !(o.translate >= 0 && o.translate <= 1) ||
        !(o.shear >= 0 && o.shear < 90) || !isfinite((float)o.fill))
        return tp_fail_null(
            TP_ERR_ARGUMENT,
            "affine: degrees %g, translate %g, shear %g; 0 to 360, 0 to 1, 0 to below 90 are wanted",
            o.degrees, o.translate, o.shear);
    if (!(o.scale_min > 0 && o.scale_max >= o.scale_min && o.scale_max <= 1000))
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "affine: scale %g to %g, two factors above 0 in order are wanted", o.scale_min,
                            o.scale_max);
    tp_transform *t = transform_new(&affine_kind);
    if (t)
        t->affine = o;
    return t;
}

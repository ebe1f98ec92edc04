/* report_augmented.c - the first pictures of the training, as it saw them: in its order, cut and turned as they were, before
 * normalising.
 *
 * Order and draws follow from the run's seed alone, so they are made once more here.
 * Layer: train.  Depends on report.h, run.h, loop.h.  Read next: report_pictures.c. */
#include "base/error.h"
#include "train/loop.h"
#include "train/report.h"
#include "train/run.h"

enum { PICTURES = 24 };

static tp_transform *as_seen(const tp_train_config *c)
{
    tp_transform *both[] = { tp_transform_parse(c->augment ? c->augment : ""),
                             transform_to_see(c->transform) };
    return tp_pending() ? NULL : tp_transform_chain(both, 2);
}

bool shows_pictures(const setup *s)
{
    return s->data_shape.ndim == 3 && (s->data_shape.dim[0] == 1 || s->data_shape.dim[0] == 3);
}

tp_loader *loader_as_seen(const setup *s, tp_dataset *train, int64_t n)
{
    const tp_train_config *c = &s->config;
    tp_transform *seen = train ? as_seen(c) : NULL;
    return seen ? tp_loader_new(train, c->batch_size < n ? c->batch_size : n, .shuffle = true,
                                .seed = loop_epoch_seed(c->seed, 0), .workers = -1, .transform = seen)
                : NULL;
}

/* Of mixed labels the likeliest. */
static int64_t label_of(const tp_batch *b, int64_t i)
{
    tp_tensor *y = tp_select(b->y, 0, i);
    return (int64_t)tp_item(tp_ndim(y) ? tp_argmax(y, 0, false) : y);
}

static void put_pictures(report_page *p, const report_run *r, const tp_batch *b)
{
    tp_shape s = tp_shape_of(b->x), picture = TP_SHAPE(s.dim[1], s.dim[2], s.dim[3]);
    tp_tensor *x = tp_contiguous(b->x);
    page_put(p, "<div class=\"cards small\">\n");
    for (int64_t i = 0; i < b->n && !tp_pending(); i++) {
        int64_t label = r->regression ? -1 : label_of(b, i);
        char number[24], name[48];
        page_put(p, "<figure>");
        snprintf(name, sizeof name, "Training picture %lld", (long long)i + 1);
        page_picture(p, (const float *)tp_data(x) + i * s.dim[1] * s.dim[2] * s.dim[3], picture, name);
        page_put(p, "<figcaption>");
        if (label >= 0)
            page_cut(p, report_class(r, label, number), 16);
        page_put(p, "</figcaption></figure>\n");
    }
    page_put(p, "</div>\n");
}

void report_augmented(report_page *p, const report_run *r)
{
    TP_SCOPE;
    tp_batch b = { 0 };
    if (!r->run || !shows_pictures(r->run->setup))
        return; /* the model's section says why there is no run */
    const tp_train_config *c = &r->run->setup->config;
    page_put(p, "<section>\n<h2>As the training saw them</h2>\n");
    tp_loader *loader = loader_as_seen(r->run->setup, setup_data(r->run->setup, TP_TRAIN), PICTURES);
    if (loader && tp_loader_next(loader, &b)) {
        page_put(p, "<p class=\"soft\">The first pictures of the first epoch");
        if (c->augment && *c->augment) {
            page_put(p, ", after <code>");
            page_text(p, c->augment);
            page_put(p, "</code>");
        }
        page_put(p, ".</p>\n");
        put_pictures(p, r, &b);
    }
    if (tp_pending() || !b.n)
        page_missing(p, "Without their pictures");
    page_put(p, "</section>\n");
}

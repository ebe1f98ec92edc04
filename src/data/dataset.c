/* dataset.c - the dataset object, and datasets made of other datasets.
 *
 * A dataset is a count, a shape and a function that fills example i; it never changes after it is made, so that any
 * number of threads may read it.  Layer: data.  Depends on base.  Read next: idx.c, loader.c. */
#include "data/dataset.h"

#include "core/tensor.h"
#include "data/folder.h"
#include "data/permutation.h"

#include <math.h>
#include <string.h>

/* ---- the object -------------------------------------------------------------------------------------------------- */

static void dataset_destroy(void *object)
{
    tp_dataset *d = object;
    if (d->functions.destroy)
        d->functions.destroy(d->context);
    tp_free(d, sizeof *d);
}

static const tp_class dataset_class = { "dataset", dataset_destroy };

static tp_status check_new(const tp_dataset_functions *f, int64_t count, tp_shape shape, int64_t classes)
{
    if (tp_pending())
        return tp_error_pending();
    if (!f || f->struct_size < offsetof(tp_dataset_functions, example_name) ||
        (!f->get && (f->struct_size < offsetof(tp_dataset_functions, targets) || !f->load)))
        return tp_fail(TP_ERR_ARGUMENT, "dataset: the functions lack struct_size, get or load");
    if (f->struct_size > offsetof(tp_dataset_functions, targets) &&
        (f->targets < 0 || f->targets > (int64_t)1 << 32))
        return tp_fail(TP_ERR_ARGUMENT, "dataset: %lld targets an example, 1 or more are wanted",
                       (long long)f->targets);
    if (count < 0 || classes < 0)
        return tp_fail(TP_ERR_ARGUMENT, "dataset: %lld examples of %lld classes, 0 or more are wanted",
                       (long long)count, (long long)classes);
    if (shape.ndim < 1 || shape.ndim >= TP_MAX_DIMS) /* a batch has one dim more */
        return tp_fail(TP_ERR_SHAPE, "dataset: an example has %d dims, 1 to %d are possible", shape.ndim,
                       TP_MAX_DIMS - 1);
    return TP_OK;
}

static tp_status fill_shape(tp_dataset *d, tp_shape shape, bool sizes_differ)
{
    d->shape = shape;
    d->numel = 1;
    for (int i = 0; i < shape.ndim; i++)
        if (shape.dim[i] == -1 && sizes_differ)
            d->numel = 0;
        else if (shape.dim[i] < 1 || !tp_mul_fits(d->numel, shape.dim[i], &d->numel) ||
                 d->numel > INT64_MAX / 8)
            return tp_fail(TP_ERR_SHAPE, "dataset: an example of shape %s cannot be", shape_text(shape));
    return TP_OK;
}

tp_dataset *tp_dataset_new(const tp_dataset_functions *functions, void *context, int64_t count,
                           tp_shape shape, int64_t classes)
{
    TP_SCOPE;
    if (check_new(functions, count, shape, classes))
        return NULL;
    tp_dataset *d = tp_object_new(&dataset_class, sizeof *d);
    if (!d || fill_shape(d, shape, !functions->get))
        return NULL; /* its functions are not set yet: the context stays the caller's */
    size_t known =
        functions->struct_size < sizeof d->functions ? functions->struct_size : sizeof d->functions;
    memcpy(&d->functions, functions, known);
    d->context = context;
    d->count = count;
    d->classes = classes;
    d->targets = d->functions.targets ? d->functions.targets : 1;
    return tp_keep(d);
}

tp_dataset *dataset_of(const tp_dataset_functions *functions, void *context, int64_t count, tp_shape shape,
                       int64_t classes)
{
    tp_dataset *d = tp_dataset_new(functions, context, count, shape, classes);
    if (!d && context)
        functions->destroy(context);
    return d;
}

int64_t tp_dataset_count(const tp_dataset *d)
{
    return d ? d->count : 0;
}

tp_shape tp_dataset_shape(const tp_dataset *d)
{
    return d ? d->shape : (tp_shape){ 0 };
}

int64_t tp_dataset_classes(const tp_dataset *d)
{
    return d ? d->classes : 0;
}

int64_t tp_dataset_targets(const tp_dataset *d)
{
    return d ? d->targets : 0;
}

int64_t tp_dataset_inputs(const tp_dataset *d)
{
    return d && d->functions.input_name ? d->functions.inputs : 0;
}

const char *tp_dataset_input_name(const tp_dataset *d, int64_t token)
{
    return token >= 0 && token < tp_dataset_inputs(d) ? d->functions.input_name(d->context, token) : NULL;
}

const char *tp_dataset_column_name(const tp_dataset *d, int64_t i)
{
    return d && d->functions.column_name && d->shape.ndim == 1 && i >= 0 && i <= d->shape.dim[0]
               ? d->functions.column_name(d->context, i)
               : NULL;
}

int64_t tp_dataset_group(const tp_dataset *d, int64_t i)
{
    return d && d->functions.group && i >= 0 && i < d->count ? d->functions.group(d->context, i) : i;
}

int64_t tp_dataset_length(const tp_dataset *d, int64_t i)
{
    return d && d->functions.length && i >= 0 && i < d->count ? d->functions.length(d->context, i) : 0;
}

const char *tp_dataset_kind(const tp_dataset *d)
{
    return d && d->functions.kind ? d->functions.kind : "";
}

const char *tp_dataset_class_name(const tp_dataset *d, int64_t label)
{
    static _Thread_local char ring[4][24];
    static _Thread_local unsigned turn;
    const char *name = NULL;
    if (d && d->functions.class_name && label >= 0 && label < d->classes)
        name = d->functions.class_name(d->context, label);
    if (name)
        return name;
    char *text = ring[turn++ % 4];
    snprintf(text, sizeof *ring, "%lld", (long long)label);
    return text;
}

char *tp_dataset_example_name(const tp_dataset *d, int64_t i, char *text, size_t size)
{
    if (!text || !size)
        return text;
    if (d && d->functions.example_name && i >= 0 && i < d->count)
        return d->functions.example_name(d->context, i, text, size);
    snprintf(text, size, "%s[%lld]", tp_dataset_kind(d), (long long)i);
    return text;
}

/* ---- one example ------------------------------------------------------------------------------------------------- */

float *tp_sample_room(tp_sample *s, tp_shape shape)
{
    int64_t numel = 1;
    if (tp_pending())
        return NULL;
    for (int i = 0; i < shape.ndim; i++)
        if (shape.dim[i] < 1 || !tp_mul_fits(numel, shape.dim[i], &numel) || numel > (int64_t)1 << 40)
            return tp_fail_null(TP_ERR_SHAPE, "dataset: an example of shape %s cannot be", shape_text(shape));
    size_t bytes = (size_t)numel * sizeof(float);
    s->shape = shape;
    if (bytes > s->room) {
        tp_free(s->x, s->room);
        s->x = tp_alloc(bytes);
        s->room = s->x ? bytes : 0;
    }
    return s->x;
}

double *tp_sample_targets(tp_sample *s, int64_t n)
{
    int64_t bytes;
    if (tp_pending())
        return NULL;
    if (n < 1 || !tp_mul_fits(n, (int64_t)sizeof *s->targets, &bytes))
        return tp_fail_null(TP_ERR_ARGUMENT, "dataset: %lld targets, 1 or more are wanted", (long long)n);
    if ((size_t)bytes > s->targets_room) {
        tp_free(s->targets, s->targets_room);
        s->targets = tp_alloc((size_t)bytes);
        s->targets_room = s->targets ? (size_t)bytes : 0;
    }
    return s->targets;
}

void sample_pass_targets(tp_sample *to, tp_sample *from)
{
    tp_sample had = *to;
    to->y = from->y;
    to->targets = from->targets, to->targets_room = from->targets_room;
    from->targets = had.targets, from->targets_room = had.targets_room;
}

void tp_sample_free(tp_sample *s)
{
    tp_free(s->x, s->room);
    tp_free(s->targets, s->targets_room);
    *s = (tp_sample){ 0 };
}

static tp_status call(const tp_dataset *d, int64_t i, tp_sample *s)
{
    if (d->functions.load)
        return d->functions.load(d->context, i, s);
    float *x = tp_sample_room(s, d->shape);
    double *y = d->targets > 1 ? tp_sample_targets(s, d->targets) : &s->y;
    return x && y ? d->functions.get(d->context, i, x, y) : tp_error_pending();
}

/* What load made is what the dataset said: buffers behind it have the size of that. */
static bool fits(tp_shape got, tp_shape said)
{
    bool same = got.ndim == said.ndim;
    for (int i = 0; i < said.ndim && same; i++)
        same = got.dim[i] == said.dim[i] || (said.dim[i] == -1 && got.dim[i] > 0);
    return same;
}

static tp_status check_targets(const tp_dataset *d, int64_t i, const tp_sample *s)
{
    const double *y = d->targets > 1 ? s->targets : &s->y;
    if (!y || (d->targets > 1 && s->targets_room < (size_t)d->targets * sizeof *y))
        return tp_fail(TP_ERR_SHAPE, "dataset: example %lld of '%s' lacks its %lld targets", (long long)i,
                       tp_dataset_kind(d), (long long)d->targets);
    for (int64_t k = 0; k < d->targets && d->classes; k++) {
        const bool known = y[k] >= 0 && y[k] < (double)d->classes && y[k] == floor(y[k]);
        char name[256];
        if (!known && !(d->targets > 1 && y[k] == TP_IGNORED))
            return tp_fail(TP_ERR_INDEX, "%s: label %g, a whole number from 0 to %lld is wanted",
                           tp_dataset_example_name(d, i, name, sizeof name), y[k], (long long)d->classes - 1);
    }
    return TP_OK;
}

tp_status dataset_load(const tp_dataset *d, int64_t i, tp_sample *s)
{
    s->skipped = false;
    tp_status status = call(d, i, s);
    if (status && !tp_pending()) /* a user's function that returned a status and no words */
        tp_fail(status, "dataset: example %lld of '%s' cannot be had", (long long)i, tp_dataset_kind(d));
    if (tp_pending())
        return tp_error_pending();
    if (!s->skipped && (!s->x || !fits(s->shape, d->shape)))
        return tp_fail(TP_ERR_SHAPE, "dataset: example %lld of '%s' has shape %s, the dataset says %s",
                       (long long)i, tp_dataset_kind(d), shape_text(s->shape), shape_text(d->shape));
    return s->skipped ? TP_OK : check_targets(d, i, s);
}

tp_status dataset_blame(const tp_dataset *d, int64_t i)
{
    char name[512];
    const tp_status status = tp_error_pending();
    if (!status || status == TP_ERR_MEMORY)
        return status;
    return tp_error_in(tp_dataset_example_name(d, i, name, sizeof name));
}

static tp_status check_index(const tp_dataset *d, int64_t i)
{
    if (i < 0 || i >= d->count)
        return tp_fail(TP_ERR_INDEX, "dataset_get: example %lld, the dataset has %lld", (long long)i,
                       (long long)d->count);
    return TP_OK;
}

tp_status tp_dataset_load(const tp_dataset *d, int64_t i, tp_sample *s)
{
    if (tp_pending())
        return tp_error_pending();
    if (!d || !s)
        return tp_fail(TP_ERR_ARGUMENT, "dataset_load: the dataset or the place for the example is NULL");
    return check_index(d, i) ? tp_error_pending() : dataset_load(d, i, s);
}

tp_status tp_dataset_get(const tp_dataset *d, int64_t i, float *x, double *y)
{
    if (tp_pending())
        return tp_error_pending();
    if (!d || !x || !y)
        return tp_fail(TP_ERR_ARGUMENT, "dataset_get: the dataset or a place for its values is NULL");
    if (check_index(d, i))
        return tp_error_pending();
    if (!d->numel)
        return tp_fail(TP_ERR_SHAPE,
                       "dataset_get: examples of shape %s differ in size; dataset_load takes them",
                       shape_text(d->shape));
    tp_sample s = { 0 };
    tp_status status = dataset_load(d, i, &s);
    if (!status && s.skipped)
        status = tp_fail(TP_ERR_FORMAT, "dataset_get: example %lld is one that cannot be read", (long long)i);
    if (!status) {
        memcpy(x, s.x, (size_t)d->numel * sizeof *x);
        memcpy(y, d->targets > 1 ? s.targets : &s.y, (size_t)d->targets * sizeof *y);
    }
    tp_sample_free(&s);
    return status;
}

tp_status tp_dataset_label(const tp_dataset *d, int64_t i, double *y)
{
    if (tp_pending())
        return tp_error_pending();
    if (!d || !y || i < 0 || i >= d->count)
        return tp_fail(
            d && y ? TP_ERR_INDEX : TP_ERR_ARGUMENT,
            "dataset_label: example %lld of %lld, or the dataset or the place for the label is NULL",
            (long long)i, (long long)tp_dataset_count(d));
    if (d->targets > 1)
        return tp_fail(TP_ERR_ARGUMENT, "dataset_label: examples of '%s' have %lld targets, not one",
                       tp_dataset_kind(d), (long long)d->targets);
    if (d->functions.label)
        return d->functions.label(d->context, i, y);
    tp_sample s = { 0 };
    tp_status status = dataset_load(d, i, &s);
    if (!status)
        *y = s.y;
    tp_sample_free(&s);
    return status;
}

/* ---- part of another one, the same in another order, or with other classes ---------------------------------------- */

typedef struct selection {
    tp_dataset *of;
    int64_t first;
    bool shuffled;
    permutation order;
    int64_t *labels; /* of each class of the other; NULL: as it has them */
    name_list names; /* with labels */
} selection;

static int64_t selected(const selection *s, int64_t i)
{
    return s->shuffled ? permutation_at(&s->order, i) : s->first + i;
}

static tp_status selection_load(void *context, int64_t i, tp_sample *sample)
{
    selection *s = context;
    const tp_status status = dataset_load(s->of, selected(s, i), sample);
    if (!status && s->labels && !sample->skipped)
        sample->y = (double)s->labels[(int64_t)sample->y];
    return status;
}

static tp_status selection_label(void *context, int64_t i, double *y)
{
    selection *s = context;
    const tp_status status = tp_dataset_label(s->of, selected(s, i), y);
    if (!status && s->labels)
        *y = (double)s->labels[(int64_t)*y];
    return status;
}

static const char *selection_class_name(void *context, int64_t label)
{
    const selection *s = context;
    return s->labels ? names_at(&s->names, label) : tp_dataset_class_name(s->of, label);
}

static char *selection_example_name(void *context, int64_t i, char *text, size_t size)
{
    selection *s = context;
    return tp_dataset_example_name(s->of, selected(s, i), text, size);
}

static const char *selection_input_name(void *context, int64_t token)
{
    return tp_dataset_input_name(((selection *)context)->of, token);
}

static const char *selection_column_name(void *context, int64_t i)
{
    return tp_dataset_column_name(((selection *)context)->of, i);
}

static int64_t selection_group(void *context, int64_t i)
{
    selection *s = context;
    return tp_dataset_group(s->of, selected(s, i));
}

static int64_t selection_length(void *context, int64_t i)
{
    selection *s = context;
    return tp_dataset_length(s->of, selected(s, i));
}

static void free_labels(const tp_dataset *of, selection *s)
{
    tp_free(s->labels, s->labels ? (size_t)of->classes * sizeof *s->labels : 0);
    names_free(&s->names);
}

static void selection_destroy(void *context)
{
    selection *s = context;
    free_labels(s->of, s);
    tp_release(s->of);
    tp_free(s, sizeof *s);
}

/* The labels go with it, or are freed. */
static tp_dataset *select_from(tp_dataset *of, selection how, int64_t count)
{
    selection *s = tp_memdup(&how, sizeof how);
    if (!s) {
        free_labels(of, &how);
        return NULL;
    }
    s->of = tp_retain(of);
    const int64_t classes = s->labels ? s->names.count : of->classes;
    tp_dataset *d =
        dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                            .kind = of->functions.kind,
                                            .load = selection_load,
                                            .class_name = selection_class_name,
                                            .destroy = selection_destroy,
                                            .example_name = selection_example_name,
                                            .label = selection_label,
                                            .targets = of->targets,
                                            .inputs = of->functions.inputs,
                                            .input_name =
                                                of->functions.input_name ? selection_input_name : NULL,
                                            .group = of->functions.group ? selection_group : NULL,
                                            .length = of->functions.length ? selection_length : NULL,
                                            .column_name = selection_column_name },
                   s, count, of->shape, classes);
    if (d)
        d->unknown = of->unknown;
    return d;
}

tp_dataset *tp_subset(tp_dataset *of, int64_t first, int64_t count)
{
    if (tp_pending())
        return NULL;
    if (!of)
        return tp_fail_null(TP_ERR_ARGUMENT, "subset: the dataset is NULL");
    if (first < 0 || count < 0 || first > of->count || count > of->count - first)
        return tp_fail_null(TP_ERR_INDEX, "subset: examples %lld to %lld, the dataset has %lld",
                            (long long)first, (long long)first + (long long)count - 1, (long long)of->count);
    return select_from(of, (selection){ .first = first }, count);
}

tp_dataset *tp_shuffled(tp_dataset *of, uint64_t seed)
{
    if (tp_pending())
        return NULL;
    if (!of)
        return tp_fail_null(TP_ERR_ARGUMENT, "shuffled: the dataset is NULL");
    return select_from(of, (selection){ .shuffled = true, .order = permutation_of(of->count, seed) },
                       of->count);
}

static tp_status find_labels(tp_dataset *of, const name_list *names, int64_t *labels)
{
    for (int64_t k = 0; k < of->classes; k++) {
        const char *name = tp_dataset_class_name(of, k);
        int64_t i = name ? 0 : k; /* without names: by their numbers */
        while (name && i < names->count && strcmp(names_at(names, i), name) != 0)
            i++;
        if (i >= names->count)
            return tp_fail(TP_ERR_ARGUMENT, "class %lld, '%.60s', is none of the %lld that are known",
                           (long long)k, name ? name : "", (long long)names->count);
        labels[k] = i;
    }
    return TP_OK;
}

tp_dataset *tp_relabelled(tp_dataset *of, const char *const *names, int64_t n)
{
    if (tp_pending())
        return NULL;
    if (!of || !names || n < 1 || !of->classes || of->targets != 1)
        return tp_fail_null(
            TP_ERR_ARGUMENT,
            "relabelled: a dataset with a class an example, and names of classes, are wanted");
    selection how = { .labels = tp_alloc((size_t)of->classes * sizeof *how.labels) };
    for (int64_t i = 0; i < n && how.labels; i++)
        names_add(&how.names, names[i] ? names[i] : "");
    if (!tp_pending() && !find_labels(of, &how.names, how.labels))
        return select_from(of, how, of->count);
    free_labels(of, &how);
    return NULL;
}

/* ---- helpers of the formats -------------------------------------------------------------------------------------- */

void bytes_to_unit(float *restrict y, const unsigned char *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)x[i] / 255.0f; /* a division as PyTorch's ToTensor has it: the same bits */
}

char *join_path(const char *folder, const char *name, size_t *room)
{
    size_t length = strlen(folder);
    *room = length + strlen(name) + 2;
    char *path = tp_alloc(*room);
    if (path)
        snprintf(path, *room, "%s%s%s", folder, length && folder[length - 1] != '/' ? "/" : "", name);
    return path;
}

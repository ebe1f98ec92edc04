/* loader.c - batches in a fixed order, made in the background.
 *
 * A ring of slots; the b-th batch is made in slot b % depth, so that what is in a batch never depends on which worker made it.
 * Invariants, all under lock:
 *  1. A slot goes EMPTY -> FILLING (a worker took batch next_fill) -> READY -> HELD (the caller has it) -> EMPTY.
 *  2. Batches next_take <= b < next_fill are FILLING or READY; workers take them in order, so the first one that the
 *     caller waits for is always under way.
 *  3. Only the caller's thread makes and releases tensors; workers write into the memory of FILLING slots.
 *  4. A slot's tensors are used again only if nobody else owns them, their storage, or a gradient of them.
 * Layer: data.  Depends on core, pthreads.  Read next: permutation.h, transform.c. */
#include "core/tensor.h"
#include "data/bucket.h"
#include "data/dataset.h"
#include "data/permutation.h"
#include "data/transform.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { MAX_WORKERS = 256 };

typedef enum slot_state { EMPTY, FILLING, READY, HELD } slot_state;

typedef struct slot {
    slot_state state;
    tp_tensor *x, *y;
    float *x_data;
    void *y_data;
    int64_t *examples, n;
    tp_error_record error;
} slot;

struct tp_loader {
    tp_object object;
    tp_dataset *dataset;
    tp_loader_options options;
    tp_shape example; /* after the transform */
    int64_t numel;    /* of one example, after the transform */
    bool mixes;       /* the transform mixes examples and their labels */
    int64_t batch_size, batches;
    permutation order;
    int64_t *buckets; /* the order instead, where batches are of like lengths; NULL */
    slot *slots;
    int64_t depth, next_fill, next_take;
    slot *held;
    bool any; /* a batch was given, or the epoch began behind its first one */
    pthread_t threads[MAX_WORKERS];
    int n_threads;
    bool stopping, lock_made;
    pthread_mutex_t lock;
    pthread_cond_t filled, emptied;
};

/* ---- making one batch -------------------------------------------------------------------------------------------- */

/* Floats: a number a class where the transform mixes labels, one number a target where there are no classes. */
static int64_t numbers_of_label(const tp_loader *l)
{
    return !l->dataset->classes ? l->dataset->targets : l->mixes ? l->dataset->classes : 0;
}

static void put_targets(const tp_loader *l, slot *s, int64_t i, const tp_sample *sample)
{
    const int64_t numbers = numbers_of_label(l), targets = l->dataset->targets;
    const double *y = targets > 1 ? sample->targets : &sample->y;
    float *row = (float *)s->y_data + i * numbers;
    for (int64_t k = 0; k < targets && !numbers; k++)
        ((int64_t *)s->y_data)[i * targets + k] = (int64_t)y[k];
    for (int64_t k = 0; k < numbers; k++)
        row[k] = !l->dataset->classes ? (float)y[k] : k == (int64_t)*y;
}

/* Makes an example in place i, which it leaves empty when the example is one that is skipped. */
static tp_status fill_example(tp_loader *l, slot *s, int64_t example, int64_t i, tp_sample *sample)
{
    float *x = s->x_data + i * l->numel;
    tp_transform *transform = l->options.transform;
    tp_status status = dataset_load(l->dataset, example, sample);
    if (status || sample->skipped)
        return status;
    if (transform &&
        tp_transform_run(transform, sample->shape, sample->x, x, l->options.seed, (uint64_t)example))
        return dataset_blame(l->dataset, example);
    if (!transform)
        memcpy(x, sample->x, (size_t)l->numel * sizeof *x);
    put_targets(l, s, i, sample);
    return status;
}

static tp_status mix(tp_loader *l, slot *s, int64_t batch)
{
    const tp_shape *e = &l->example;
    mix_batch b = { .x = s->x_data,
                    .y = s->y_data,
                    .n = s->n,
                    .numel = l->numel,
                    .planes = e->dim[0],
                    .height = e->ndim == 3 ? e->dim[1] : 1,
                    .width = e->ndim == 3 ? e->dim[2] : 1,
                    .outputs = numbers_of_label(l) };
    return transform_mix(l->options.transform, &b, l->options.seed, (uint64_t)batch);
}

/* Example i of the batch; of streams, i is the stream, and each is as long as there are batches. */
static int64_t example_at(const tp_loader *l, int64_t batch, int64_t i)
{
    const int64_t place = l->options.streams ? i * l->batches + batch : batch * l->batch_size + i;
    return l->buckets ? l->buckets[place] : l->options.shuffle ? permutation_at(&l->order, place) : place;
}

static int64_t examples_in(const tp_loader *l, int64_t batch)
{
    const int64_t left = l->dataset->count - batch * l->batch_size;
    if (l->options.streams)
        return (l->dataset->count - batch + l->batches - 1) / l->batches;
    return left < l->batch_size ? left : l->batch_size;
}

/* Runs on any thread that has no error pending; an error goes into the slot. */
static void fill_slot(tp_loader *l, slot *s, int64_t batch)
{
    TP_SCOPE; /* a user's get may make tensors */
    const int64_t wanted = examples_in(l, batch);
    tp_sample sample = { 0 };
    s->n = 0;
    for (int64_t i = 0; i < wanted && !tp_pending(); i++) {
        const int64_t example = example_at(l, batch, i);
        fill_example(l, s, example, s->n, &sample);
        s->examples[s->n] = example;
        s->n += !sample.skipped;
    }
    tp_sample_free(&sample);
    if (l->mixes && s->n && !tp_pending())
        mix(l, s, batch);
    tp_error_export(&s->error);
}

static slot *slot_of(const tp_loader *l, int64_t batch)
{
    return &l->slots[(batch - l->options.first_batch) / l->options.stride % l->depth];
}

/* ---- workers ----------------------------------------------------------------------------------------------------- */

static void *work(void *context)
{
    tp_loader *l = context;
    pthread_mutex_lock(&l->lock);
    while (!l->stopping && l->next_fill < l->batches) {
        slot *s = slot_of(l, l->next_fill);
        if (s->state != EMPTY) {
            pthread_cond_wait(&l->emptied, &l->lock);
            continue;
        }
        int64_t batch = l->next_fill;
        l->next_fill += l->options.stride;
        s->state = FILLING;
        pthread_mutex_unlock(&l->lock);
        fill_slot(l, s, batch);
        pthread_mutex_lock(&l->lock);
        s->state = READY;
        pthread_cond_signal(&l->filled);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static tp_status start_workers(tp_loader *l, int n)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are for the program's own threads: Ctrl-C must reach the loop */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    for (; l->n_threads < n && !error; l->n_threads += !error)
        error = pthread_create(&l->threads[l->n_threads], NULL, work, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error && l->n_threads == 0) { /* fewer than wanted make the same batches */
        char text[128];
        return tp_fail(TP_ERR_MEMORY, "loader: no thread can be started: %s",
                       strerror_r(error, text, sizeof text));
    }
    return TP_OK;
}

static void stop_workers(tp_loader *l)
{
    if (!l->lock_made)
        return;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_cond_broadcast(&l->emptied);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->n_threads; i++)
        pthread_join(l->threads[i], NULL);
    pthread_cond_destroy(&l->filled);
    pthread_cond_destroy(&l->emptied);
    pthread_mutex_destroy(&l->lock);
}

/* ---- slots ------------------------------------------------------------------------------------------------------- */

static bool is_ours_alone(const tp_tensor *t)
{
    return t && __atomic_load_n(&t->object.refs, __ATOMIC_ACQUIRE) == 1 &&
           __atomic_load_n(&t->storage->refs, __ATOMIC_ACQUIRE) == 1 && !t->grad && !t->grad_fn &&
           !t->requires_grad;
}

static tp_tensor *new_tensor(tp_dtype dtype, tp_shape shape)
{
    TP_SCOPE;
    return tp_retain(tensor_new(dtype, shape));
}

/* Tensors that may be written: those of before if nobody kept them, else new ones. */
static tp_status prepare_slot(tp_loader *l, slot *s)
{
    int64_t size = l->batch_size < l->dataset->count ? l->batch_size : l->dataset->count;
    if (!is_ours_alone(s->x)) {
        tp_shape shape = { .ndim = l->example.ndim + 1, .dim = { size } };
        memcpy(shape.dim + 1, l->example.dim, (size_t)l->example.ndim * sizeof *shape.dim);
        tp_release(s->x);
        s->x = new_tensor(TP_F32, shape);
    }
    if (!is_ours_alone(s->y)) {
        tp_release(s->y);
        int64_t numbers = numbers_of_label(l), targets = l->dataset->targets;
        s->y =
            new_tensor(numbers ? TP_F32 : TP_I64, (tp_shape){ .ndim = numbers || targets > 1 ? 2 : 1,
                                                              .dim = { size, numbers ? numbers : targets } });
    }
    if (!s->x || !s->y)
        return tp_error_pending();
    s->x_data = (float *)tensor_data(s->x);
    s->y_data = tensor_data(s->y);
    return TP_OK;
}

/* The last batch may be smaller: the tensors shrink, their memory stays. */
static void set_count(tp_tensor *t, int64_t n)
{
    t->numel = t->numel / t->shape[0] * n;
    t->shape[0] = n;
}

static void loader_destroy(void *object)
{
    tp_loader *l = object;
    stop_workers(l);
    for (int64_t i = 0; i < l->depth && l->slots; i++) {
        tp_release(l->slots[i].x);
        tp_release(l->slots[i].y);
        tp_free(l->slots[i].examples, (size_t)l->batch_size * sizeof(int64_t));
    }
    tp_free(l->slots, (size_t)l->depth * sizeof *l->slots);
    tp_free(l->buckets, l->buckets ? (size_t)l->dataset->count * sizeof *l->buckets : 0);
    tp_release(l->dataset);
    tp_release(l->options.transform);
    tp_free(l, sizeof *l);
}

static const tp_class loader_class = { "loader", loader_destroy };

/* ---- making a loader --------------------------------------------------------------------------------------------- */

static tp_status check_options(const tp_dataset *d, int64_t batch_size, const tp_loader_options *o)
{
    if (!d)
        return tp_fail(TP_ERR_ARGUMENT, "loader: the dataset is NULL");
    if (batch_size < 1 || batch_size > (int64_t)1 << 40)
        return tp_fail(TP_ERR_ARGUMENT, "loader: batch size %lld, 1 or more is wanted",
                       (long long)batch_size);
    if (o->workers < -1 || o->workers > MAX_WORKERS)
        return tp_fail(TP_ERR_ARGUMENT, "loader: %d workers, -1 (none) to %d are possible", o->workers,
                       MAX_WORKERS);
    if (o->stride < 1)
        return tp_fail(TP_ERR_ARGUMENT, "loader: stride %lld, 1 or more is wanted", (long long)o->stride);
    if (o->streams && (o->shuffle || o->drop_last || o->bucket))
        return tp_fail(TP_ERR_ARGUMENT,
                       "loader: streams go neither with shuffle nor with drop_last or bucket");
    return TP_OK;
}

static tp_status make_buckets(tp_loader *l)
{
    l->buckets = tp_alloc((size_t)l->dataset->count * sizeof *l->buckets);
    return l->buckets
               ? bucket_order(l->dataset, l->batch_size, l->options.shuffle, l->options.seed, l->buckets)
               : tp_error_pending();
}

static tp_status set_sizes(tp_loader *l)
{
    tp_dataset *d = l->dataset;
    l->example = d->shape;
    if (l->options.transform && tp_transform_shape(l->options.transform, d->shape, &l->example))
        return tp_error_pending();
    if (!transform_is_known(l->example))
        return tp_fail(
            TP_ERR_SHAPE,
            "loader: examples of shape %s, the sizes differ: a transform like resize=224 centercrop=224 is "
            "wanted",
            shape_text(l->example));
    l->mixes = transform_mixes(l->options.transform);
    if (l->mixes && d->targets > 1)
        return tp_fail(TP_ERR_ARGUMENT, "loader: examples of %lld targets cannot be mixed",
                       (long long)d->targets);
    l->numel = 1;
    for (int i = 0; i < l->example.ndim; i++)
        l->numel *= l->example.dim[i];
    if (l->batch_size > d->count && !l->options.drop_last && d->count)
        l->batch_size = d->count;
    l->batches =
        l->options.drop_last ? d->count / l->batch_size : (d->count + l->batch_size - 1) / l->batch_size;
    int64_t first = l->options.first_batch;
    if (first < 0 || first > l->batches)
        return tp_fail(TP_ERR_ARGUMENT, "loader: first batch %lld, the epoch has %lld", (long long)first,
                       (long long)l->batches);
    l->next_fill = l->next_take = first;
    l->any = first > 0;
    l->order = permutation_of(d->count, l->options.seed);
    return l->options.bucket && d->functions.length && d->count ? make_buckets(l) : TP_OK;
}

static tp_status make_slots(tp_loader *l, int workers)
{
    const int64_t wanted = workers ? 2 * (int64_t)workers + 1 : 1,
                  rest = (l->batches - l->next_take + l->options.stride - 1) / l->options.stride;
    l->depth = wanted < rest ? wanted : rest;
    if (l->depth == 0)
        return TP_OK;
    l->slots = tp_calloc((size_t)l->depth * sizeof *l->slots);
    if (!l->slots)
        return TP_ERR_MEMORY;
    for (int64_t i = 0; i < l->depth; i++) {
        l->slots[i].examples = tp_alloc((size_t)l->batch_size * sizeof(int64_t));
        if (!l->slots[i].examples || prepare_slot(l, &l->slots[i]))
            return tp_error_pending();
    }
    return TP_OK;
}

tp_loader *tp_loader_new_opt(tp_dataset *dataset, int64_t batch_size, const tp_loader_options *options)
{
    TP_SCOPE;
    tp_loader_options o = { 0 };
    if (tp_pending())
        return NULL;
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    o.stride = o.stride ? o.stride : 1;
    tp_loader *l = check_options(dataset, batch_size, &o) ? NULL : tp_object_new(&loader_class, sizeof *l);
    if (!l)
        return NULL;
    l->dataset = tp_retain(dataset);
    l->options = o;
    tp_retain(o.transform);
    l->batch_size = batch_size;
    int workers = o.workers == 0 ? 1 : o.workers < 0 ? 0 : o.workers;
    if (set_sizes(l) || make_slots(l, workers))
        return NULL;
    if (workers && l->depth) {
        pthread_mutex_init(&l->lock, NULL);
        pthread_cond_init(&l->filled, NULL);
        pthread_cond_init(&l->emptied, NULL);
        l->lock_made = true;
        if (start_workers(l, workers < l->depth ? workers : (int)l->depth))
            return NULL;
    }
    return tp_keep(l);
}

/* ---- taking batches ---------------------------------------------------------------------------------------------- */

static void set_state(tp_loader *l, slot *s, slot_state state)
{
    if (l->lock_made)
        pthread_mutex_lock(&l->lock);
    s->state = state;
    if (l->lock_made) {
        pthread_cond_signal(&l->emptied);
        pthread_mutex_unlock(&l->lock);
    }
}

/* Gives the batch that the caller had to the workers again. */
static tp_status give_back(tp_loader *l)
{
    slot *s = l->held;
    if (!s)
        return TP_OK;
    int64_t size = l->batch_size < l->dataset->count ? l->batch_size : l->dataset->count;
    if (is_ours_alone(s->x))
        set_count(s->x, size);
    if (is_ours_alone(s->y))
        set_count(s->y, size);
    if (prepare_slot(l, s))
        return tp_error_pending();
    l->held = NULL;
    set_state(l, s, EMPTY);
    return TP_OK;
}

static slot *wait_for(tp_loader *l, int64_t batch)
{
    slot *s = slot_of(l, batch);
    if (!l->lock_made) {
        fill_slot(l, s, batch);
        s->state = HELD;
        return s;
    }
    pthread_mutex_lock(&l->lock);
    while (s->state != READY)
        pthread_cond_wait(&l->filled, &l->lock);
    s->state = HELD;
    pthread_mutex_unlock(&l->lock);
    return s;
}

static bool at_end(const tp_loader *l)
{
    if (!l->any && l->batches)
        tp_fail(TP_ERR_FORMAT, "loader: none of the %lld examples can be read", (long long)l->dataset->count);
    return false;
}

bool tp_loader_next(tp_loader *l, tp_batch *batch)
{
    if (batch)
        *batch = (tp_batch){ 0 };
    if (tp_pending())
        return false;
    if (!l || !batch) {
        tp_fail(TP_ERR_ARGUMENT, "loader_next: the loader or the place for the batch is NULL");
        return false;
    }
    slot *s = NULL;
    while (!s || !s->n) { /* a batch of skipped examples only is no batch */
        if (give_back(l))
            return false;
        if (l->next_take >= l->batches)
            return at_end(l);
        s = l->held = wait_for(l, l->next_take);
        l->next_take += l->options.stride;
        if (tp_error_import(&s->error))
            return false;
    }
    l->any = true;
    set_count(s->x, s->n);
    set_count(s->y, s->n);
    *batch = (tp_batch){
        .x = s->x, .y = s->y, .n = s->n, .index = l->next_take - l->options.stride, .examples = s->examples
    };
    return true;
}

int64_t tp_loader_batches(const tp_loader *l)
{
    return l ? l->batches : 0;
}

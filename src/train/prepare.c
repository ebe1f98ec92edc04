/* prepare.c - what follows from the data: the transform, the network's options, class names; and the network itself.
 *
 * The default transform brings the dataset's pictures to the size that the network takes and normalises them by the
 * training part's mean and deviation; tables are normalised by column.
 * Layer: train.  Depends on data, models, task.h.  Read next: data/transform_parse.c, loop.c. */
#include "train/config.h"

#include "data/dataset.h"
#include "data/text.h"
#include "data/transform.h"
#include "data/vocabulary.h"
#include "text/mapped.h"
#include "train/forecast.h"
#include "train/task.h"

#include <math.h>
#include <string.h>

enum { MAX_CHANNELS = 64, TRANSFORM_ROOM = 4096 };

/* ---- data -------------------------------------------------------------------------------------------------------- */

static tp_dataset *open_data(const setup *s, const char *data, tp_part part, tp_known_names known)
{
    static const char *const kinds[] = {
        [TP_INPUT_PICTURE] = NULL,        [TP_INPUT_FLAT] = NULL,      [TP_INPUT_SEQUENCE] = NULL,
        [TP_INPUT_TEXT] = "text",         [TP_INPUT_PAIR] = "pairs",   [TP_INPUT_SERIES] = "series",
        [TP_INPUT_LABELLED] = "labelled", [TP_INPUT_TAGGED] = "tagged"
    };
    const tp_model_info *info = tp_model_find(s->config.model);
    const tp_model_options *m = &s->config.model_options;
    tp_data_options o = s->config.data_options;
    o.tokenizer = s->tokenizer;
    o.known = known;
    if (known.n_columns && !o.csv.target)
        o.csv.target = s->target_name;
    if (info && kinds[info->input])
        o.kind = kinds[info->input];
    if (!o.channels) /* pictures of a folder come as the network wants them */
        o.channels = m->channels ? m->channels : info ? info->defaults.channels : 0;
    if (!o.image_size && s->pictures_cropped) /* a run whose pictures the dataset brought to size */
        o.image_size = s->data_shape.dim[1];
    if (!o.image_size)
        o.image_size = TP_WHOLE_PICTURES;
    return tp_data_open_opt(data, part, &o);
}

tp_dataset *setup_whole_data(const setup *s, tp_part part)
{
    return open_data(s, s->config.data, part, (tp_known_names){ 0 });
}

tp_known_names setup_known_names(const setup *s)
{
    return (tp_known_names){ .inputs = (const char *const *)s->input_names,
                             .classes = (const char *const *)s->class_names,
                             .n_inputs = s->inputs,
                             .n_classes = s->classes,
                             .columns = (const char *const *)s->column_names,
                             .n_columns = s->columns };
}

tp_dataset *setup_other_data(const setup *s, const char *data, tp_part part)
{
    return open_data(s, data, part, setup_known_names(s));
}

tp_dataset *setup_data(const setup *s, tp_part part)
{
    TP_SCOPE;
    tp_dataset *d = setup_whole_data(s, part);
    int64_t limit = s->config.limit_examples;
    if (part == TP_TRAIN && d && limit && limit < tp_dataset_count(d))
        d = tp_subset(tp_shuffled(d, s->config.seed), 0, limit);
    return d ? tp_keep(d) : NULL;
}

tp_status setup_count_classes(setup *s, tp_dataset *train)
{
    double y;
    if (!s->classes || s->targets > 1)
        return tp_fail(TP_ERR_ARGUMENT, "train: balance wants classes, %s has %s to learn", s->config.data,
                       s->classes ? "a class at each place" : "values");
    s->class_counts = tp_calloc((size_t)s->classes * sizeof *s->class_counts);
    for (int64_t i = 0; i < tp_dataset_count(train) && !tp_pending(); i++)
        if (!tp_dataset_label(train, i, &y))
            s->class_counts[(int64_t)y]++;
    return tp_error_pending();
}

/* ---- transform --------------------------------------------------------------------------------------------------- */

/* As few digits as are worth reading: 0.1307. */
static int print_number(char *text, size_t room, double x)
{
    return snprintf(text, room, fabs(x) >= 0.01 && fabs(x) < 100 ? "%.4f" : "%.6g", x);
}

static void print_list(char *text, size_t room, const float *x, int n)
{
    size_t used = 0;
    for (int i = 0; i < n && used + 32 < room; i++) {
        if (i)
            text[used++] = ',';
        used += (size_t)print_number(text + used, room - used, (double)x[i]);
    }
}

/* " normalize=MEAN/STD" by the training part, as the text makes it. */
static tp_status add_normalize(char *text, tp_dataset *whole, int channels)
{
    float mean[MAX_CHANNELS], std[MAX_CHANNELS];
    TP_SCOPE;
    tp_dataset *train = transform_is_known(tp_dataset_shape(whole))
                            ? whole
                            : tp_transformed(whole, tp_transform_parse(text), 0);
    if (tp_dataset_statistics(dataset_some(train), 0, mean, std, channels))
        return tp_error_pending();
    for (int i = 0; i < channels; i++)
        if (!(std[i] > 1e-6f))
            std[i] = 1; /* a constant column */
    size_t used = strlen(text);
    used += (size_t)snprintf(text + used, TRANSFORM_ROOM - used, "%snormalize=", used ? " " : "");
    print_list(text + used, TRANSFORM_ROOM - used, mean, channels);
    used += strlen(text + used);
    used += (size_t)snprintf(text + used, TRANSFORM_ROOM - used, "/");
    print_list(text + used, TRANSFORM_ROOM - used, std, channels);
    return TP_OK;
}

/* Pictures of any size: the shorter side resized, the middle cut out. */
static void print_size(char *text, size_t room, int64_t size)
{
    snprintf(text, room, "resize=%lld centercrop=%lld", (long long)size, (long long)size);
}

/* A transform that leaves the size open gets one: it works on what it would have got by default. */
static tp_status close_transform(setup *s, int64_t size)
{
    char text[TRANSFORM_ROOM];
    tp_shape input;
    TP_SCOPE;
    if (tp_transform_shape(tp_transform_parse(s->config.transform), s->data_shape, &input))
        return tp_error_pending();
    if (transform_is_known(input))
        return TP_OK;
    print_size(text, sizeof text, size);
    size_t used = strlen(text);
    if (strlen(s->config.transform) + used + 2 > sizeof text)
        return tp_fail(TP_ERR_ARGUMENT, "train: a transform of more than %d bytes", TRANSFORM_ROOM);
    snprintf(text + used, sizeof text - used, " %s", s->config.transform);
    s->config.transform = setup_text(s, text);
    return tp_error_pending();
}

/* size 0: as they are. */
static tp_status default_transform(setup *s, tp_dataset *train, int64_t size)
{
    char text[TRANSFORM_ROOM] = "";
    tp_shape shape = s->data_shape;
    bool pictures = shape.ndim == 3;
    if (!transform_is_known(shape))
        print_size(text, sizeof text, size);
    else if (pictures && size && (shape.dim[1] != size || shape.dim[2] != size)) {
        int64_t more = size - shape.dim[1];
        if (shape.dim[1] == shape.dim[2] && more > 0 && more <= 8 && more % 2 == 0)
            snprintf(text, sizeof text, "pad=%lld", (long long)more / 2);
        else
            snprintf(text, sizeof text, "resize=%lldx%lld", (long long)size, (long long)size);
    }
    const bool numbers = pictures || (shape.ndim == 1 && !tp_model_find(s->config.model)->task);
    if (shape.dim[0] <= MAX_CHANNELS && numbers && add_normalize(text, train, (int)shape.dim[0]))
        return tp_error_pending();
    s->config.transform = setup_text(s, text);
    return tp_error_pending();
}

/* ---- augment ----------------------------------------------------------------------------------------------------- */

/* The axes of colours stand in the run's configuration as numbers; a step that does not go with the data is found here. */
static tp_status resolve_augment(setup *s, tp_dataset *train)
{
    char text[2 * TRANSFORM_ROOM];
    tp_shape shape;
    TP_SCOPE;
    if (!s->config.augment)
        return TP_OK;
    if (tp_transform_resolve(s->config.augment, train, text, sizeof text))
        return tp_error_pending();
    s->config.augment = setup_text(s, text);
    return tp_transform_shape(tp_transform_parse(text), s->data_shape, &shape);
}

/* ---- options of the model ---------------------------------------------------------------------------------------- */

/* Whether the model reads the option of that name. */
static bool reads(const tp_model_info *info, const char *name)
{
    size_t length = strlen(name);
    for (const char *p = info->options ? info->options : ""; *p;) {
        size_t n = strcspn(p, " ");
        if (n == length && !strncmp(p, name, n))
            return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

static tp_status check_inputs(const setup *s, const tp_model_info *info)
{
    const tp_train_config *c = &s->config;
    tp_shape shape = s->data_shape;
    const bool pictures_only = info->input == TP_INPUT_PICTURE;
    if (shape.ndim == 1 && pictures_only)
        return tp_fail(TP_ERR_SHAPE, "%s takes pictures, %s has rows of %lld numbers", c->model, c->data,
                       (long long)shape.dim[0]);
    int64_t channels = c->model_options.channels ? c->model_options.channels : info->defaults.channels;
    if (shape.ndim == 3 && pictures_only && channels && channels != shape.dim[0] &&
        (c->model_options.channels || !reads(info, "channels")))
        return tp_fail(TP_ERR_SHAPE, "%s takes pictures of %lld channels, those of %s have %lld", c->model,
                       (long long)channels, c->data, (long long)shape.dim[0]);
    if (s->classes && c->model_options.classes && c->model_options.classes < s->classes)
        return tp_fail(TP_ERR_SHAPE, "%s with %lld outputs, %s has %lld classes", c->model,
                       (long long)c->model_options.classes, c->data, (long long)s->classes);
    if (!s->classes && c->model_options.classes > 1)
        return tp_fail(TP_ERR_SHAPE, "%s with %lld outputs, %s has one value to learn", c->model,
                       (long long)c->model_options.classes, c->data);
    return TP_OK;
}

/* Fills what the model reads, the user left open and the data decide; input is an example after the transform. */
static void fill_model_options(setup *s, const tp_model_info *info, tp_shape input)
{
    tp_model_options *m = &s->config.model_options;
    double quantiles[MAX_QUANTILES];
    if (!m->classes && info->input == TP_INPUT_SERIES)
        m->classes = s->targets * forecast_quantiles(s, quantiles);
    if (!m->classes && reads(info, "classes"))
        m->classes = !s->classes ? 1 : task_of(s)->outputs ? task_of(s)->outputs(s) : s->classes;
    if (info->input == TP_INPUT_SERIES && !m->features)
        m->features = input.dim[1];
    if (!m->inputs && reads(info, "inputs"))
        m->inputs = s->inputs;
    if (!m->features && info->input == TP_INPUT_SEQUENCE) {
        m->features = input.ndim == 3 ? input.dim[0] * input.dim[2] : input.ndim == 2 ? input.dim[1] : 1;
        return;
    }
    if (input.ndim != 3) {
        if (!m->features && reads(info, "features"))
            m->features = input.dim[0];
        return;
    }
    bool square = input.dim[1] == input.dim[2];
    if (!m->channels && reads(info, "channels"))
        m->channels = input.dim[0];
    if (!m->image_size && square && reads(info, "image_size"))
        m->image_size = input.dim[1];
    if (!m->features && !square && reads(info, "features"))
        m->features = input.dim[0] * input.dim[1] * input.dim[2];
}

/* Whether its columns have names that config.json can hold. */
static bool are_texts(const tp_dataset *d)
{
    bool all = tp_dataset_column_name(d, 0);
    for (int64_t i = 0; all && i <= tp_dataset_shape(d).dim[0]; i++) {
        const char *name = tp_dataset_column_name(d, i);
        const int64_t size = (int64_t)strlen(name);
        all = utf8_valid(name, size) == size;
    }
    return all;
}

static tp_status take(setup *s, const char ***names, int64_t *has, const tp_dataset *d, int64_t n,
                      const char *(*name)(const tp_dataset *, int64_t))
{
    setup_room_for_names(names, has, n);
    for (int64_t i = 0; i < *has && !tp_pending(); i++)
        (*names)[i] = setup_text(s, name(d, i));
    return tp_error_pending();
}

static tp_status take_names(setup *s, tp_dataset *train)
{
    const int64_t columns = are_texts(train) ? s->data_shape.dim[0] : 0;
    if (setup_room_for_classes(s, tp_dataset_classes(train)))
        return tp_error_pending();
    for (int64_t i = 0; i < s->classes && !tp_pending(); i++)
        s->class_names[i] = setup_text(s, tp_dataset_class_name(train, i));
    if (tp_pending() ||
        take(s, &s->input_names, &s->inputs, train, tp_dataset_inputs(train), tp_dataset_input_name) ||
        take(s, &s->column_names, &s->columns, train, columns, tp_dataset_column_name))
        return tp_error_pending();
    s->target_name = columns ? setup_text(s, tp_dataset_column_name(train, columns)) : NULL;
    return tp_error_pending();
}

/* What another file, or the same one when it has grown, is to be read with. */
static tp_status keep_series(setup *s, const series *v)
{
    char scaling[8192];
    tp_series_options *o = &s->config.data_options.series;
    if (!v || series_scaling(v, scaling, sizeof scaling))
        return tp_error_pending();
    o->season = v->season;
    o->level = setup_text(s, v->by_season ? "season" : "last");
    o->scaling = setup_text(s, scaling);
    return tp_error_pending();
}

tp_status setup_resolve_data(setup *s, tp_dataset *train, tp_dataset *test)
{
    TP_SCOPE;
    if (tp_pending())
        return tp_error_pending();
    const tp_model_info *info = tp_model_find(s->config.model);
    tp_train_config *c = &s->config;
    tp_shape input;
    int64_t limit = c->limit_examples, count = tp_dataset_count(train);
    s->data_shape = tp_dataset_shape(train);
    s->data_kind = setup_text(s, tp_dataset_kind(train));
    s->targets = tp_dataset_targets(train);
    s->pictures_cropped = s->data_shape.ndim == 3 && transform_is_known(s->data_shape) && s->data_kind &&
                          strstr(s->data_kind, "folder");
    s->train_examples = limit && limit < count ? limit : count;
    s->test_examples = tp_dataset_count(test);
    if (!s->train_examples || !s->test_examples)
        return tp_fail(TP_ERR_FORMAT, "%s: the %s part has no examples", c->data,
                       count ? "test" : "training");
    if (s->tokenizer && !text_bytes(train))
        return tp_fail(TP_ERR_ARGUMENT, "train: the tokenizer %s is for a text, %s is read as %s by %s",
                       s->tokenizer, c->data, s->data_kind, c->model);
    if (c->carry && !text_bytes(train))
        return tp_fail(TP_ERR_ARGUMENT,
                       "train: carry is for a text, the examples of %s do not follow on each other", c->data);
    if (keep_series(s, series_of(train)) || take_names(s, train) || check_inputs(s, info))
        return tp_error_pending();
    const bool any_size = info->input != TP_INPUT_PICTURE && !c->model_options.image_size;
    int64_t size = any_size ? 0 : tp_model_image_size(info, &c->model_options);
    bool sizes_differ = !transform_is_known(s->data_shape);
    size = sizes_differ && !size ? 224 : size;
    if (c->transform ? sizes_differ && close_transform(s, size) : default_transform(s, train, size))
        return tp_error_pending();
    if (resolve_augment(s, train))
        return tp_error_pending();
    if (tp_transform_shape(tp_transform_parse(c->transform), s->data_shape, &input))
        return tp_error_pending();
    fill_model_options(s, info, input);
    return TP_OK;
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

tp_shape setup_input(const setup *s, tp_status *status)
{
    TP_SCOPE;
    tp_shape example = { 0 }, input = { .ndim = 1, .dim = { 1 } };
    *status = tp_transform_shape(tp_transform_parse(s->config.transform), s->data_shape, &example);
    for (int i = 0; i < example.ndim && input.ndim < TP_MAX_DIMS; i++)
        input.dim[input.ndim++] = example.dim[i];
    return input;
}

/* A forward of shapes only: does the network take the data, and answer as the task wants it? */
tp_status setup_outputs(const setup *s, tp_module *net, int64_t *outputs)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_status status;
    tp_shape input = setup_input(s, &status);
    tp_dry_run_total total = { 0 };
    const bool training = tp_is_training(net);
    if (status)
        return status;
    tp_eval(net);
    tp_dry_run(&total);
    tp_tensor *y = tp_forward(net, tp_zeros(input));
    tp_dry_run(NULL);
    tp_train(net, training);
    return y ? task_of(s)->check(s, y, outputs) : tp_error_pending();
}

/* A network that copies has a table of which target token each source token is: that of the same name. */
static tp_status fill_targets(const setup *s, tp_module *net)
{
    TP_SCOPE;
    tp_tensor *targets = s->config.model_options.copy ? tp_params_find(tp_buffers(net), "targets") : NULL;
    vocabulary names = { 0 };
    if (targets && !vocabulary_of(&names, s->class_names, s->classes)) {
        int64_t *target = tp_data(targets);
        for (int64_t i = 0; i < s->inputs && i < tp_numel(targets); i++)
            if (s->input_names[i])
                target[i] = vocabulary_find(&names, s->input_names[i], strlen(s->input_names[i]));
    }
    vocabulary_free(&names);
    return tp_error_pending();
}

tp_module *setup_model(const setup *s)
{
    TP_SCOPE;
    if (tp_pending())
        return NULL;
    int64_t outputs;
    tp_manual_seed(s->config.seed);
    tp_module *net = tp_model_opt(s->config.model, &s->config.model_options);
    if (!net || fill_targets(s, net) || setup_outputs(s, net, &outputs))
        return NULL;
    return tp_keep(net);
}

/* config_file.c - config.json: everything resolved, written and read back strictly.
 *
 * One table says which field of tp_train_config stands where in the file; a new option is one row.
 * Layer: train.  Depends on io/json.h.  Read next: fields.c, config.h. */
#include "train/config.h"
#include "train/fields.h"
#include "train/folder.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1 };

typedef enum field_kind { TEXT, COUNT, INT, SEED, NUMBER, BOOL, CHARACTER } field_kind;

typedef struct field {
    const char *section, *name; /* section NULL: at the top */
    field_kind kind;
    size_t offset; /* in tp_train_config */
    bool may_lack; /* a run that is older than it goes without it */
} field;

#define ROW(section, name, kind, member)                              \
    {                                                                 \
        section, name, kind, offsetof(tp_train_config, member), false \
    }
#define LATER_ROW(section, name, kind, member)                       \
    {                                                                \
        section, name, kind, offsetof(tp_train_config, member), true \
    }
static const field table[] = {
    ROW(NULL, "model", TEXT, model),
    ROW(NULL, "data", TEXT, data),
    ROW(NULL, "optim", TEXT, optim),
    ROW(NULL, "schedule", TEXT, schedule),
    ROW(NULL, "warmup_epochs", NUMBER, warmup_epochs),
    ROW(NULL, "epochs", COUNT, epochs),
    ROW(NULL, "batch_size", COUNT, batch_size),
    ROW(NULL, "accumulate", COUNT, accumulate),
    ROW(NULL, "seed", SEED, seed),
    ROW(NULL, "transform", TEXT, transform),
    ROW(NULL, "augment", TEXT, augment),
    ROW(NULL, "init", TEXT, init),
    ROW(NULL, "init_except", TEXT, init_except),
    ROW(NULL, "freeze", TEXT, freeze),
    ROW(NULL, "lr_of", TEXT, lr_of),
    ROW(NULL, "no_decay", TEXT, no_decay),
    ROW(NULL, "clip_norm", NUMBER, clip_norm),
    ROW(NULL, "label_smoothing", NUMBER, label_smoothing),
    ROW(NULL, "balance", BOOL, balance),
    ROW(NULL, "ema", NUMBER, ema),
    ROW(NULL, "early_stop", COUNT, early_stop),
    ROW(NULL, "checkpoint_steps", COUNT, checkpoint_steps),
    ROW(NULL, "limit_examples", COUNT, limit_examples),
    ROW(NULL, "workers", INT, workers),
    ROW(NULL, "carry", BOOL, carry),
    ROW(NULL, "quantiles", TEXT, quantiles),
    ROW(NULL, "beam", COUNT, beam),
    ROW(NULL, "dtype", TEXT, dtype),
    LATER_ROW(NULL, "scheduled_sampling", NUMBER, scheduled_sampling),
    LATER_ROW(NULL, "adversarial", NUMBER, adversarial),
    LATER_ROW(NULL, "reward", NUMBER, reward),
    LATER_ROW(NULL, "tensorboard", TEXT, tensorboard),
    ROW("model_options", "classes", COUNT, model_options.classes),
    ROW("model_options", "channels", COUNT, model_options.channels),
    ROW("model_options", "image_size", COUNT, model_options.image_size),
    ROW("model_options", "features", COUNT, model_options.features),
    ROW("model_options", "hidden", TEXT, model_options.hidden),
    ROW("model_options", "activation", TEXT, model_options.activation),
    ROW("model_options", "variant", TEXT, model_options.variant),
    ROW("model_options", "stem", TEXT, model_options.stem),
    ROW("model_options", "dropout", NUMBER, model_options.dropout),
    ROW("model_options", "recompute", BOOL, model_options.recompute),
    ROW("model_options", "cell", TEXT, model_options.cell),
    ROW("model_options", "layers", COUNT, model_options.layers),
    ROW("model_options", "embedding", COUNT, model_options.embedding),
    ROW("model_options", "bidirectional", BOOL, model_options.bidirectional),
    ROW("model_options", "pooling", TEXT, model_options.pooling),
    ROW("model_options", "inputs", COUNT, model_options.inputs),
    ROW("model_options", "attention", TEXT, model_options.attention),
    ROW("model_options", "structure", TEXT, model_options.structure),
    ROW("model_options", "position", TEXT, model_options.position),
    ROW("model_options", "norm", TEXT, model_options.norm),
    ROW("model_options", "heads", COUNT, model_options.heads),
    ROW("model_options", "kv_heads", COUNT, model_options.kv_heads),
    ROW("model_options", "dim", COUNT, model_options.dim),
    ROW("model_options", "ff", COUNT, model_options.ff),
    ROW("model_options", "context", COUNT, model_options.context),
    ROW("model_options", "attention_window", COUNT, model_options.attention_window),
    ROW("model_options", "untied", BOOL, model_options.untied),
    ROW("model_options", "guided", NUMBER, model_options.guided),
    ROW("model_options", "copy", BOOL, model_options.copy),
    ROW("data_options", "channels", COUNT, data_options.channels),
    ROW("data_options", "image_size", COUNT, data_options.image_size),
    ROW("data_options", "seed", SEED, data_options.seed),
    ROW("data_options", "on_bad_image", TEXT, data_options.on_bad_image),
    ROW("data_options", "kind", TEXT, data_options.kind),
    ROW("data_options", "window", COUNT, data_options.window),
    ROW("data_options", "unit", TEXT, data_options.unit),
    ROW("data_options", "on_bad_text", TEXT, data_options.on_bad_text),
    ROW("data_options", "tokenizer", TEXT, data_options.tokenizer),
    ROW("data_options", "field", TEXT, data_options.field),
    ROW("data_options", "source_unit", TEXT, data_options.source_unit),
    ROW("data_options", "target_unit", TEXT, data_options.target_unit),
    ROW("data_options", "horizon", COUNT, data_options.series.horizon),
    ROW("data_options", "columns", TEXT, data_options.series.columns),
    ROW("data_options", "date", TEXT, data_options.series.date),
    ROW("data_options", "missing", TEXT, data_options.series.missing),
    ROW("data_options", "test_share", NUMBER, data_options.series.test_share),
    ROW("data_options", "season", COUNT, data_options.series.season),
    ROW("data_options", "level", TEXT, data_options.series.level),
    ROW("data_options", "no_calendar", BOOL, data_options.series.no_calendar),
    ROW("data_options", "scaling", TEXT, data_options.series.scaling),
    ROW("data_options", "csv_target", TEXT, data_options.csv.target),
    ROW("data_options", "csv_delimiter", CHARACTER, data_options.csv.delimiter),
    ROW("data_options", "csv_header", INT, data_options.csv.header),
    ROW("data_options", "csv_regression", BOOL, data_options.csv.regression),
    ROW("optim_options", "lr", NUMBER, optim_options.lr),
    ROW("optim_options", "weight_decay", NUMBER, optim_options.weight_decay),
    ROW("optim_options", "momentum", NUMBER, optim_options.momentum),
    ROW("optim_options", "dampening", NUMBER, optim_options.dampening),
    ROW("optim_options", "nesterov", BOOL, optim_options.nesterov),
    ROW("optim_options", "averaging", BOOL, optim_options.averaging),
    ROW("optim_options", "beta1", NUMBER, optim_options.beta1),
    ROW("optim_options", "beta2", NUMBER, optim_options.beta2),
    ROW("optim_options", "eps", NUMBER, optim_options.eps),
    ROW("optim_options", "amsgrad", BOOL, optim_options.amsgrad),
    ROW("optim_options", "alpha", NUMBER, optim_options.alpha),
    ROW("optim_options", "centered", BOOL, optim_options.centered),
    ROW("optim_options", "lr_decay", NUMBER, optim_options.lr_decay),
    ROW("optim_options", "initial_accumulator", NUMBER, optim_options.initial_accumulator),
    ROW("schedule_options", "warmup", COUNT, schedule_options.warmup),
    ROW("schedule_options", "warmup_start", NUMBER, schedule_options.warmup_start),
    ROW("schedule_options", "total", COUNT, schedule_options.total),
    ROW("schedule_options", "step_size", COUNT, schedule_options.step_size),
    ROW("schedule_options", "gamma", NUMBER, schedule_options.gamma),
    ROW("schedule_options", "min_factor", NUMBER, schedule_options.min_factor),
    ROW("schedule_options", "max_factor", NUMBER, schedule_options.max_factor),
    ROW("schedule_options", "final_factor", NUMBER, schedule_options.final_factor),
    ROW("schedule_options", "rise", NUMBER, schedule_options.rise),
    ROW("schedule_options", "patience", COUNT, schedule_options.patience),
    ROW("schedule_options", "threshold", NUMBER, schedule_options.threshold),
    ROW("schedule_options", "maximize", BOOL, schedule_options.maximize),
};
static const char *const sections[] = { "model_options", "data_options", "optim_options",
                                        "schedule_options" };
enum { N_FIELDS = sizeof table / sizeof *table, N_SECTIONS = sizeof sections / sizeof *sections };

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static js_value *field_value(const tp_train_config *c, const field *f)
{
    const void *at = (const char *)c + f->offset;
    char text[2] = "";
    switch (f->kind) {
    case TEXT: return json_text(*(const char *const *)at);
    case COUNT: return js_new_integer(*(const int64_t *)at);
    case INT: return js_new_integer(*(const int *)at);
    case SEED: return json_seed(*(const uint64_t *)at);
    case NUMBER: return json_exact(*(const double *)at);
    case BOOL: return js_new_bool(*(const bool *)at);
    case CHARACTER: text[0] = *(const char *)at; return js_new_string(text);
    }
    return NULL;
}

static bool in_section(const field *f, const char *section)
{
    return section ? f->section && !strcmp(f->section, section) : !f->section;
}

static void set_fields(js_value *object, const tp_train_config *c, const char *section)
{
    for (int i = 0; i < N_FIELDS; i++)
        if (in_section(&table[i], section))
            js_set(object, table[i].name, field_value(c, &table[i]));
}

static js_value *integers(const int64_t *values, int64_t n)
{
    js_value *array = js_new_array();
    for (int64_t i = 0; i < n; i++)
        js_append(array, js_new_integer(values[i]));
    return array;
}

static js_value *names_json(const char *const *names, int64_t n)
{
    js_value *array = js_new_array();
    for (int64_t i = 0; i < n; i++)
        js_append(array, json_text(names[i]));
    return array;
}

static js_value *dataset_of_run(const setup *s)
{
    js_value *object = js_new_object();
    js_set(object, "kind", json_text(s->data_kind));
    js_set(object, "shape", integers(s->data_shape.dim, s->data_shape.ndim));
    js_set(object, "cropped", js_new_bool(s->pictures_cropped));
    js_set(object, "train_examples", js_new_integer(s->train_examples));
    js_set(object, "test_examples", js_new_integer(s->test_examples));
    js_set(object, "targets", js_new_integer(s->targets));
    js_set(object, "classes", js_new_integer(s->classes));
    js_set(object, "class_names", names_json(s->class_names, s->classes));
    js_set(object, "input_names", names_json(s->input_names, s->inputs));
    js_set(object, "column_names", names_json(s->column_names, s->columns));
    js_set(object, "target_name", json_text(s->target_name));
    js_set(object, "class_counts", integers(s->class_counts, s->class_counts ? s->classes : 0));
    return object;
}

/* For whoever reads the file; not read back. */
static js_value *steps_of_run(const setup *s)
{
    tp_schedule_options o = setup_schedule(s);
    js_value *object = js_new_object();
    js_set(object, "per_epoch", js_new_integer(setup_steps_per_epoch(s)));
    js_set(object, "schedule_total", js_new_integer(o.total));
    js_set(object, "schedule_warmup", js_new_integer(o.warmup));
    return object;
}

tp_status setup_write(const setup *s, const char *folder)
{
    char path[PATH_MAX];
    if (folder_path(path, folder, "config.json"))
        return tp_error_pending();
    js_value *top = js_new_object();
    js_set(top, "taper", js_new_string(tp_version()));
    js_set(top, "format", js_new_integer(FORMAT));
    set_fields(top, &s->config, NULL);
    for (int i = 0; i < N_SECTIONS; i++) {
        js_value *section = js_new_object();
        set_fields(section, &s->config, sections[i]);
        if (!strcmp(sections[i], "schedule_options"))
            js_set(section, "milestones",
                   integers(s->config.schedule_options.milestones, s->config.schedule_options.n_milestones));
        js_set(top, sections[i], section);
    }
    js_set(top, "dataset", dataset_of_run(s));
    js_set(top, "steps", steps_of_run(s));
    tp_status status = tp_pending() ? tp_error_pending() : js_write(path, top);
    js_free(top);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static tp_status read_character(const fields *from, const char *name, char *out)
{
    const char *text;
    if (fields_text(from, name, &text))
        return tp_error_pending();
    if (!text || strlen(text) > 1)
        return fields_wrong(from, name, "a string of at most one character");
    *out = *text;
    return TP_OK;
}

static tp_status read_text(setup *s, const fields *from, const char *name, const char **out)
{
    const char *text;
    if (fields_text(from, name, &text))
        return tp_error_pending();
    *out = setup_text(s, text);
    return tp_error_pending();
}

static tp_status read_field(setup *s, const fields *from, const field *f)
{
    void *at = (char *)&s->config + f->offset;
    int64_t integer = 0;
    tp_status status;
    switch (f->kind) {
    case TEXT: return read_text(s, from, f->name, at);
    case COUNT: return fields_count(from, f->name, at);
    case SEED: return fields_seed(from, f->name, at);
    case NUMBER: return fields_number(from, f->name, at);
    case BOOL: return fields_bool(from, f->name, at);
    case CHARACTER: return read_character(from, f->name, at);
    case INT:
        status = fields_integer(from, f->name, INT_MIN, INT_MAX, &integer);
        *(int *)at = (int)integer;
        return status;
    }
    return TP_OK;
}

/* Options of models and data are added all the time. */
static bool may_lack(const field *f)
{
    return f->may_lack ||
           (f->section && (!strcmp(f->section, "model_options") || !strcmp(f->section, "data_options")));
}

static tp_status read_fields(setup *s, const fields *from, const char *section)
{
    tp_status status = TP_OK;
    for (int i = 0; i < N_FIELDS && !status; i++)
        if (in_section(&table[i], section) && !(may_lack(&table[i]) && !js_get(from->object, table[i].name)))
            status = read_field(s, from, &table[i]);
    return status;
}

static tp_status read_milestones(setup *s, const fields *from)
{
    const js_value *array = fields_get(from, "milestones", JS_ARRAY);
    int64_t n = js_count(array);
    if (!array || n == 0)
        return tp_error_pending();
    if (n > 100000 || !(s->milestones = tp_calloc((size_t)n * sizeof *s->milestones)))
        return fields_wrong(from, "milestones", "at most 100000 of them");
    s->config.schedule_options.n_milestones = (int)n;
    s->config.schedule_options.milestones = s->milestones;
    for (int64_t i = 0; i < n; i++)
        if (!js_integer(js_at(array, i), &s->milestones[i]))
            return fields_wrong(from, "milestones", "an array of integers");
    return TP_OK;
}

static tp_status read_shape(const fields *from, tp_shape *shape)
{
    const js_value *array = fields_get(from, "shape", JS_ARRAY);
    int64_t n = js_count(array), numel = 1;
    if (!array)
        return tp_error_pending();
    if (n < 1 || n > TP_MAX_DIMS - 1)
        return fields_wrong(from, "shape", "an array of 1 to 7 sizes");
    shape->ndim = (int)n;
    for (int64_t i = 0; i < n; i++)
        if (!js_integer(js_at(array, i), &shape->dim[i]) || shape->dim[i] == 0 || shape->dim[i] < -1 ||
            (shape->dim[i] == -1 && (n != 3 || !i)) || /* pictures of any size */
            !tp_mul_fits(numel, llabs(shape->dim[i]), &numel) || numel > (int64_t)1 << 40)
            return fields_wrong(from, "shape", "an array of sizes, 1 or more each,");
    return TP_OK;
}

/* One a class where the run is balanced, none otherwise. */
static tp_status read_counts(setup *s, const fields *from)
{
    const js_value *array = fields_get(from, "class_counts", JS_ARRAY);
    int64_t n = js_count(array);
    if (!array || (n == 0 && !s->config.balance))
        return tp_error_pending();
    if (n != s->classes || n == 0)
        return fields_wrong(from, "class_counts", "an array of one number a class");
    if (!(s->class_counts = tp_calloc((size_t)n * sizeof *s->class_counts)))
        return tp_error_pending();
    for (int64_t i = 0; i < n; i++)
        if (!js_integer(js_at(array, i), &s->class_counts[i]) || s->class_counts[i] < 0 ||
            s->class_counts[i] > s->train_examples)
            return fields_wrong(from, "class_counts", "an array of numbers of examples");
    return TP_OK;
}

/* Of tokens, or of a table's columns; older runs have none. */
static tp_status read_names(setup *s, const fields *from, const char *name, const char ***names, int64_t *n)
{
    const js_value *array = js_get(from->object, name);
    setup_room_for_names(names, n, js_count(array));
    for (int64_t i = 0; i < *n && !tp_pending(); i++)
        if (!((*names)[i] = setup_text(s, js_string(js_at(array, i)))) && !tp_pending())
            return fields_wrong(from, name, "an array of texts");
    return tp_error_pending();
}

static tp_status read_dataset(setup *s, const fields *from)
{
    int64_t classes;
    if (read_text(s, from, "kind", &s->data_kind) || read_shape(from, &s->data_shape) ||
        fields_bool(from, "cropped", &s->pictures_cropped) ||
        fields_count(from, "test_examples", &s->test_examples) ||
        fields_count(from, "train_examples", &s->train_examples) ||
        fields_integer(from, "targets", 1, (int64_t)1 << 32, &s->targets) ||
        fields_integer(from, "classes", 0, 1 << 24, &classes))
        return tp_error_pending();
    const js_value *names = fields_get(from, "class_names", JS_ARRAY);
    if (!names)
        return tp_error_pending();
    if (js_count(names) != classes)
        return tp_fail(TP_ERR_FORMAT, "%s: field 'dataset.class_names' has %lld names, %lld are wanted",
                       from->path, (long long)js_count(names), (long long)classes);
    if (setup_room_for_classes(s, classes))
        return tp_error_pending();
    for (int64_t i = 0; i < classes && !tp_pending(); i++)
        s->class_names[i] = setup_text(s, js_string(js_at(names, i)));
    if (read_names(s, from, "input_names", &s->input_names, &s->inputs) ||
        read_names(s, from, "column_names", &s->column_names, &s->columns))
        return tp_error_pending();
    if (s->columns && s->columns != s->data_shape.dim[0])
        return fields_wrong(from, "column_names", "a text for each feature");
    s->target_name = setup_text(s, js_string(js_get(from->object, "target_name")));
    return read_counts(s, from);
}

static tp_status read_all(setup *s, const char *path, const js_value *json)
{
    fields top = { path, "", json }, section;
    int64_t format;
    if (js_kind_of(json) != JS_OBJECT)
        return tp_fail(TP_ERR_FORMAT, "%s: is %s, an object is wanted", path, js_kind_name(js_kind_of(json)));
    if (fields_integer(&top, "format", 1, INT_MAX, &format))
        return tp_error_pending();
    if (format > FORMAT)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: format %lld; this version (%s) knows up to %d", path,
                       (long long)format, tp_version(), FORMAT);
    tp_status status = read_fields(s, &top, NULL);
    for (int i = 0; i < N_SECTIONS && !status; i++) {
        status = fields_section(&top, sections[i], &section);
        if (!status)
            status = read_fields(s, &section, sections[i]);
        if (!status && !strcmp(sections[i], "schedule_options"))
            status = read_milestones(s, &section);
    }
    if (!status)
        status = fields_section(&top, "dataset", &section);
    return status ? status : read_dataset(s, &section);
}

/* Words of the library about a configuration that came from a file: they gain the file's name. */
static tp_status check_read(setup *s, const char *path)
{
    char text[900];
    if (!s->config.model || !s->config.data || !s->config.transform || !s->config.dtype)
        return tp_fail(TP_ERR_FORMAT, "%s: fields 'model', 'data', 'transform' and 'dtype' cannot be null",
                       path);
    if (!s->config.epochs || !s->config.batch_size || !s->train_examples)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: fields 'epochs', 'batch_size' and 'dataset.train_examples' cannot be 0", path);
    tp_status status = tp_train_config_resolve(&s->config);
    if (!status || status == TP_ERR_MEMORY)
        return status;
    tp_error_take(text, sizeof text);
    return tp_fail(TP_ERR_FORMAT, "%s: %s", path, text);
}

setup *setup_read(const char *folder)
{
    char path[PATH_MAX];
    TP_SCOPE;
    if (tp_pending() || folder_path(path, folder, "config.json"))
        return NULL;
    js_value *json = js_read(path);
    setup *s = json ? setup_new() : NULL;
    tp_status status = s ? read_all(s, path, json) : tp_error_pending();
    js_free(json);
    if (status || check_read(s, path))
        return NULL;
    s->config.out = setup_text(s, folder);
    if (s->config.data_options.tokenizer && !folder_path(path, folder, "tokenizer"))
        s->tokenizer = setup_text(s, path);
    return tp_pending() ? NULL : tp_keep(s);
}

/* http_answer.c - from a request's body to the text of its answer, by what the network has learned.
 *
 * The program's own JSON goes to standard output line by line (json.c); here texts of others are read and answers are built in memory,
 * for which jansson is there anyway: no run opens without it.
 * Layer: cli.  Depends on jansson, train.h.  Read next: http.h, docs/serve.md. */
#include "cli/answer.h"
#include "cli/http.h"
#include "cli/text.h"

#include <jansson.h>
#include <math.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_PIXELS = 4 << 20,
    LONGEST_TEXT = 10000,
    OUT_OF_MEMORY = MHD_HTTP_SERVICE_UNAVAILABLE,
    UNPROCESSABLE = 422
};

/* ---- JSON out --------------------------------------------------------------------------------------------- */

/* A text of which nobody knows that it is UTF-8. */
static json_t *text_json(const char *text)
{
    json_t *value = json_string(text);
    char *plain = value ? NULL : strdup(text);
    for (char *p = plain; p && *p; p++)
        if (*p & 0x80)
            *p = '?';
    value = value ? value : plain ? json_string(plain) : NULL;
    free(plain);
    return value;
}

static json_t *real_json(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* The value, which is freed, as a line. */
static char *line_of(json_t *value)
{
    char *text = value ? json_dumps(value, JSON_REAL_PRECISION(9)) : NULL, *line = NULL;
    const size_t length = text ? strlen(text) : 0;
    json_decref(value);
    if (text && (line = realloc(text, length + 2)))
        memcpy(line + length, "\n", 2);
    if (!line)
        free(text);
    return line;
}

char *answer_error(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p; p++)
        *p = *p == '\n' ? ' ' : *p;
    return line_of(json_pack("{s:o}", "error", text_json(text)));
}

static void fail(job *j, int status, char *error)
{
    job_end(j, error ? status : OUT_OF_MEMORY, error);
}

static void fail_with(job *j, tp_status status, const char *text)
{
    fail(j,
         status == TP_ERR_MEMORY ? OUT_OF_MEMORY
         : status == TP_ERR_ARGUMENT || status == TP_ERR_FORMAT || status == TP_ERR_SHAPE ||
                 status == TP_ERR_IO || status == TP_ERR_UNSUPPORTED
             ? UNPROCESSABLE
             : MHD_HTTP_INTERNAL_SERVER_ERROR,
         answer_error("%s", text));
}

/* The pending error, taken. */
static void fail_pending(job *j)
{
    char text[1024];
    const tp_status status = tp_error_take(text, sizeof text);
    fail_with(j, status, text);
}

static void succeed(job *j, json_t *value)
{
    char *text = line_of(value);
    job_end(j, text ? MHD_HTTP_OK : OUT_OF_MEMORY, text ? text : NULL);
}

static json_t *classes_json(const served *s, const job *j, const double *values, int64_t n)
{
    const int64_t top = j->top ? j->top : MOST_CLASSES;
    answer *ranked = malloc((size_t)(n ? n : 1) * sizeof *ranked);
    json_t *list = ranked ? json_array() : NULL;
    if (list)
        rank_answers(ranked, values, n);
    for (int64_t i = 0; i < n && i < top && list; i++) {
        char label[256];
        answer_label(s->run, ranked[i].label, label, sizeof label);
        json_array_append_new(list, json_pack("{s:o,s:o}", "label", text_json(label), "probability",
                                              real_json(ranked[i].p)));
    }
    free(ranked);
    return list;
}

/* ---- JSON in ---------------------------------------------------------------------------------------------- */

typedef enum field_kind { FIELD_TEXT, FIELD_WHOLE, FIELD_REAL, FIELD_LIST, FIELD_ROW } field_kind;

typedef struct field {
    const char *name;
    field_kind kind;
    double low, high;
    void *to; /* const char *, int64_t, double; json_t of a list, and of a row: a list or an object */
    bool wanted;
} field;

static bool read_field(const field *f, json_t *value)
{
    const double x = json_number_value(value);
    switch (f->kind) {
    case FIELD_TEXT: *(const char **)f->to = json_string_value(value); return json_is_string(value);
    case FIELD_LIST:
    case FIELD_ROW:
        *(json_t **)f->to = value;
        return json_is_array(value) || (f->kind == FIELD_ROW && json_is_object(value));
    case FIELD_WHOLE:
        *(int64_t *)f->to = json_integer_value(value);
        return json_is_integer(value) && x >= f->low && x <= f->high;
    case FIELD_REAL: *(double *)f->to = x; return json_is_number(value) && x >= f->low && x <= f->high;
    }
    return false;
}

static char *wrong_field(const field *f)
{
    static const char *const wanted[] = { [FIELD_TEXT] = "text",
                                          [FIELD_LIST] = "list",
                                          [FIELD_ROW] = "list, or an object with the columns' names,",
                                          [FIELD_WHOLE] = "whole number",
                                          [FIELD_REAL] = "number" };
    if (f->kind != FIELD_WHOLE && f->kind != FIELD_REAL)
        return answer_error("%s: a %s is wanted", f->name, wanted[f->kind]);
    return answer_error("%s: a %s from %.9g to %.9g is wanted", f->name, wanted[f->kind], f->low, f->high);
}

/* The body's fields; NULL after the job has failed.  What they point to lives as long as the value that is returned. */
static json_t *read_body(job *j, const field *fields, int n)
{
    json_error_t error;
    json_t *body = json_loadb(j->body, j->size, JSON_REJECT_DUPLICATES, &error);
    char *wrong = NULL;
    int status = UNPROCESSABLE;
    const char *name;
    json_t *value;
    if (!body) {
        wrong = answer_error("the body is not JSON: byte %d: %s", error.position, error.text);
        status = MHD_HTTP_BAD_REQUEST;
    } else if (!json_is_object(body)) {
        wrong = answer_error("the body is JSON, but no object: {\"%s\": ...} is wanted", fields[0].name);
    }
    json_object_foreach(wrong ? NULL : body, name, value)
    {
        int i = 0;
        while (i < n && strcmp(fields[i].name, name) != 0)
            i++;
        wrong = wrong                           ? wrong
                : i == n                        ? answer_error("there is no field '%.60s' here", name)
                : read_field(&fields[i], value) ? NULL
                                                : wrong_field(&fields[i]);
    }
    for (int i = 0; i < n && !wrong && body; i++)
        if (fields[i].wanted && !json_object_get(body, fields[i].name))
            wrong = answer_error("the field '%s' is missing", fields[i].name);
    if (body && !wrong)
        return body;
    json_decref(body);
    fail(j, status, wrong);
    return NULL;
}

/* ---- pictures and tables ------------------------------------------------------------------------------------- */

/* A value from 0 to 1, or one for each of three colours; false: it is neither. */
static bool read_pixel(json_t *value, float *to, int64_t channels, int64_t plane)
{
    for (int64_t k = 0; k < channels; k++) {
        json_t *one = json_is_array(value) ? json_array_get(value, (size_t)k) : value;
        const double x = json_number_value(one);
        if (!json_is_number(one) || !(x >= 0 && x <= 1) ||
            (json_is_array(value) && json_array_size(value) != (size_t)channels))
            return false;
        to[k * plane] = (float)x;
    }
    return true;
}

static tp_tensor *picture_of(json_t *rows, int64_t channels)
{
    const int64_t height = (int64_t)json_array_size(rows),
                  width = (int64_t)json_array_size(json_array_get(rows, 0));
    if (height < 1 || width < 1 || height > MOST_PIXELS || width > MOST_PIXELS ||
        height * width > MOST_PIXELS)
        return tp_error_set(TP_ERR_ARGUMENT, "pixels: 1 to %d rows of numbers are wanted", MOST_PIXELS), NULL;
    tp_tensor *x = tp_empty(TP_SHAPE(channels, height, width));
    float *to = x ? tp_data(x) : NULL;
    for (int64_t i = 0; i < height && to; i++) {
        json_t *row = json_array_get(rows, (size_t)i);
        if ((int64_t)json_array_size(row) != width)
            return tp_error_set(TP_ERR_ARGUMENT, "pixels: row %lld has %lld numbers, row 0 has %lld",
                                (long long)i, (long long)json_array_size(row), (long long)width),
                   NULL;
        for (int64_t k = 0; k < width; k++)
            if (!read_pixel(json_array_get(row, (size_t)k), to + i * width + k, channels, height * width))
                return tp_error_set(
                           TP_ERR_ARGUMENT,
                           "pixels: row %lld, column %lld: a number from 0 to 1 is wanted, or a list of %lld",
                           (long long)i, (long long)k, (long long)channels),
                       NULL;
    }
    return x;
}

static tp_tensor *row_of(json_t *values, int64_t features)
{
    if ((int64_t)json_array_size(values) != features)
        return tp_error_set(TP_ERR_ARGUMENT, "values: %lld numbers, the network reads %lld",
                            (long long)json_array_size(values), (long long)features),
               NULL;
    tp_tensor *x = tp_empty(TP_SHAPE(features));
    float *to = x ? tp_data(x) : NULL;
    for (int64_t i = 0; i < features && to; i++) {
        json_t *one = json_array_get(values, (size_t)i);
        if (!json_is_number(one))
            return tp_error_set(TP_ERR_ARGUMENT, "values: number %lld is none", (long long)i), NULL;
        to[i] = (float)json_number_value(one);
    }
    return x;
}

static void put_cell(FILE *to, bool first, const char *text)
{
    fputs(first ? "\"" : ",\"", to);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

/* Columns' names and what they hold as a CSV text; NULL with an error. */
static char *csv_of(json_t *values)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    const char *name;
    json_t *value;
    if (!to)
        return tp_error_set(TP_ERR_MEMORY, "values: no memory"), NULL;
    bool first = true;
    json_object_foreach(values, name, value)
    {
        put_cell(to, first, name);
        first = false;
    }
    fputs("\n", to);
    first = true;
    json_object_foreach(values, name, value)
    {
        char number[32];
        snprintf(number, sizeof number, "%.17g", json_number_value(value));
        if (!json_is_string(value) && !json_is_number(value))
            tp_error_set(TP_ERR_ARGUMENT, "values: '%.60s': a number or a text is wanted", name);
        put_cell(to, first, json_is_string(value) ? json_string_value(value) : number);
        first = false;
    }
    if (fclose(to))
        tp_error_set(TP_ERR_MEMORY, "values: no memory");
    return text;
}

static tp_tensor *named_row_of(const served *s, json_t *values)
{
    char *csv = csv_of(values);
    tp_tensor *x = tp_error_pending() ? NULL : tp_run_rows(s->run, csv);
    free(csv);
    return x;
}

/* The picture or row of the body, as the network reads it; NULL with an error, or after the job has failed. */
static tp_tensor *read_example(const served *s, job *j)
{
    const tp_shape shape = tp_run_shape(s->run);
    const bool table = s->task == SERVE_TABLE;
    json_t *given = NULL;
    if (strcmp(j->type, "application/json") != 0)
        return tp_run_input_of(s->run, tp_image_decode("the body", j->body, j->size, (int)shape.dim[0]));
    json_t *body = read_body(j,
                             (field[]){ { table ? "values" : "pixels", table ? FIELD_ROW : FIELD_LIST,
                                          .to = &given, .wanted = true },
                                        { "top", FIELD_WHOLE, 1, 1e6, &j->top } },
                             2);
    tp_tensor *x = !body                   ? NULL
                   : json_is_object(given) ? named_row_of(s, given)
                                           : tp_run_input_of(s->run, table ? row_of(given, shape.dim[0])
                                                                           : picture_of(given, shape.dim[0]));
    json_decref(body);
    return x;
}

static void predict_example(const served *s, job *j)
{
    tp_tensor *x = read_example(s, j);
    if (!x && !tp_error_pending())
        return;
    const double begun = clock_now();
    tp_tensor *y = x ? tp_contiguous(tp_double(tp_predict(s->run, x))) : NULL;
    const double *values = y ? tp_data(y) : NULL;
    const int64_t classes = tp_run_classes(s->run), n = y ? tp_numel(y) : 0;
    if (y && n != (classes ? classes : 1))
        tp_error_set(TP_ERR_SHAPE, "the network answers with %lld numbers", (long long)n);
    if (tp_error_pending()) {
        fail_pending(j);
        return;
    }
    json_t *answers = classes ? classes_json(s, j, values, n) : real_json(values[0]);
    succeed(j,
            json_pack("{s:o,s:f}", classes ? "classes" : "value", answers, "seconds", clock_now() - begun));
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

typedef struct telling {
    const served *served;
    job *job;
    json_t *list; /* of tokens, or targets; or the classes of a text */
    tp_status status;
    char error[1024];
} telling;

static bool told(telling *t, tp_status status, const char *error)
{
    if (error) {
        t->status = status;
        snprintf(t->error, sizeof t->error, "%s", error);
    }
    return !error && clock_now() < t->job->deadline && job_wanted(t->job);
}

static bool tell_label(void *context, const tp_label *l)
{
    telling *t = context;
    if (!told(t, l->status, l->error))
        return false;
    json_t *classes = classes_json(t->served, t->job, l->values, l->n);
    if (!l->token)
        t->list = classes;
    else if (t->list || (t->list = json_array()))
        json_array_append_new(t->list,
                              json_pack("{s:o,s:o}", "token", text_json(l->token), "classes", classes));
    return true;
}

static bool tell_translation(void *context, const tp_translation *l)
{
    telling *t = context;
    if (!told(t, l->status, l->error))
        return false;
    t->list = json_array();
    for (int64_t i = 0; i < l->n; i++)
        json_array_append_new(t->list, json_pack("{s:o,s:o,s:o}", "text", text_json(l->texts[i]),
                                                 "log_probability", real_json(l->log_probabilities[i]),
                                                 "score", real_json(l->scores[i])));
    return true;
}

static void predict_text(const served *s, job *j)
{
    const char *text = NULL;
    int64_t beam = 0, best = 0;
    telling t = { .served = s, .job = j };
    const bool pairs = s->task == SERVE_PAIRS;
    json_t *body = read_body(j,
                             (field[]){ { "text", FIELD_TEXT, .to = &text, .wanted = true },
                                        { pairs ? "n_best" : "top", FIELD_WHOLE, 1, pairs ? 64 : 1e6,
                                          pairs ? &best : &j->top },
                                        { "beam", FIELD_WHOLE, 1, 64, &beam } },
                             pairs ? 3 : 2);
    if (!body)
        return;
    tp_decode_options o = { .struct_size = sizeof o, .beam = beam, .n_best = best };
    if (best > 1 && !beam)
        o.beam = best;
    if (pairs)
        tp_run_translate_opt(s->run, &text, 1, tell_translation, &t, &o);
    else
        tp_run_label(s->run, &text, 1, tell_label, &t);
    json_decref(body);
    if (tp_error_pending())
        fail_pending(j);
    else if (t.status)
        fail_with(j, t.status, t.error);
    else
        succeed(j, json_pack("{s:o}",
                             pairs                   ? "targets"
                             : s->task == SERVE_TAGS ? "tokens"
                                                     : "classes",
                             t.list));
}

void answer_predict(const served *s, job *j)
{
    if (s->task == SERVE_IMAGE || s->task == SERVE_TABLE)
        predict_example(s, j);
    else
        predict_text(s, j);
}

/* ---- a text that goes on -------------------------------------------------------------------------------------------- */

typedef struct writing {
    job *job;
    char left[4]; /* the beginning of a character */
    size_t n_left;
    bool late;
} writing;

/* data: {...}, as an event of the stream. */
static void put_event(job *j, json_t *value)
{
    char *line = line_of(value);
    if (line) {
        job_put(j, "data: ", 6);
        job_put(j, line, strlen(line));
        job_put(j, "\n", 1);
    }
    free(line);
}

/* Bytes of the character at p; 0: it is not whole; -1: it is none. */
static int character_at(const char *p, size_t n)
{
    const unsigned char c = (unsigned char)*p;
    const int bytes = c < 0x80                ? 1
                      : c >= 0xc2 && c < 0xe0 ? 2
                      : c >= 0xe0 && c < 0xf0 ? 3
                      : c >= 0xf0 && c < 0xf5 ? 4
                                              : -1;
    for (int i = 1; i < bytes && (size_t)i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return -1;
    return bytes > 0 && (size_t)bytes > n ? 0 : bytes;
}

/* Whole characters of left and the text; what is none becomes U+FFFD. */
static void put_text(writing *w, const char *text, size_t n, bool end)
{
    char *all = malloc(4 + n + 1), *out = malloc(3 * (4 + n) + 1);
    size_t size = 0, at = 0, used = 0;
    if (all && out) {
        memcpy(all, w->left, w->n_left);
        memcpy(all + w->n_left, text, n);
        size = w->n_left + n;
        w->n_left = 0;
    }
    while (at < size) {
        const int bytes = character_at(all + at, size - at);
        if (bytes == 0 && !end) {
            w->n_left = size - at;
            memcpy(w->left, all + at, w->n_left);
            break;
        }
        json_t *good = bytes > 0 ? json_stringn(all + at, (size_t)bytes) : NULL;
        memcpy(out + used, good ? all + at : "\xef\xbf\xbd", good ? (size_t)bytes : 3);
        used += good ? (size_t)bytes : 3;
        at += good ? (size_t)bytes : 1;
        json_decref(good);
    }
    if (used)
        put_event(w->job, json_pack("{s:s%}", "text", out, used));
    free(all);
    free(out);
}

static bool write_on(void *context, const char *text, size_t n)
{
    writing *w = context;
    put_text(w, text, n, false);
    const bool wanted = job_wanted(w->job); /* asked first: who waits for it gives up at the deadline, too */
    w->late = clock_now() > w->job->deadline;
    return wanted && !w->late;
}

void answer_generate(const served *s, job *j)
{
    int64_t seed = 0, tokens = 0;
    tp_generate_options o = { .struct_size = sizeof o, .tokens = &tokens };
    double temperature = 1;
    writing w = { .job = j };
    const field fields[] = {
        { "prompt", FIELD_TEXT, .to = &o.prompt },
        { "length", FIELD_WHOLE, 1, LONGEST_TEXT, &o.length },
        { "temperature", FIELD_REAL, 0, 100, &temperature },
        { "top_k", FIELD_WHOLE, 0, 1e9, &o.top_k },
        { "top_p", FIELD_REAL, 0, 1, &o.top_p },
        { "min_p", FIELD_REAL, 0, 1, &o.min_p },
        { "repetition_penalty", FIELD_REAL, 0.01, 100, &o.repetition_penalty },
        { "seed", FIELD_WHOLE, 0, 9007199254740992.0, &seed }, /* 2^53: what JavaScript has */
        { "stop", FIELD_TEXT, .to = &o.stop },
    };
    json_t *body = read_body(j, fields, (int)(sizeof fields / sizeof *fields));
    if (!body)
        return;
    o.temperature = temperature > 0 ? temperature : TP_ZERO;
    o.seed = (uint64_t)seed;
    if (s->run)
        tp_run_generate_opt(s->run, write_on, &w, &o);
    else
        tp_generate_opt(s->net, s->tokenizer, write_on, &w, &o);
    json_decref(body);
    if (tp_error_pending()) {
        fail_pending(j); /* of a stream that has begun, this ends it */
        return;
    }
    put_text(&w, "", 0, true);
    put_event(j, json_pack("{s:b,s:I,s:s}", "done", 1, "tokens", (json_int_t)tokens, "reason",
                           w.late                                  ? "time"
                           : tokens >= (o.length ? o.length : 200) ? "length"
                                                                   : "end"));
    job_end(j, MHD_HTTP_OK, NULL);
}

/* ---- what is served --------------------------------------------------------------------------------------------------- */

/* Whether the pictures that it learned from are dark on light: their mean is in normalize=MEAN:STD. */
static bool dark_on_light(const served *s)
{
    const char *transform = tp_run_config(s->run)->transform,
               *mean = transform ? strstr(transform, "normalize=") : NULL;
    return mean && strtod(mean + strlen("normalize="), NULL) > 0.5;
}

char *answer_model(const served *s)
{
    static const char *const tasks[] = {
        [SERVE_IMAGE] = "image", [SERVE_TABLE] = "table", [SERVE_TEXT] = "text",
        [SERVE_TAGS] = "tags",   [SERVE_PAIRS] = "pairs", [SERVE_LANGUAGE] = "language"
    };
    const bool named = s->task != SERVE_LANGUAGE && s->task != SERVE_PAIRS;
    const tp_shape shape = s->run ? tp_run_shape(s->run) : (tp_shape){ 0 };
    const bool shaped = s->task == SERVE_IMAGE || s->task == SERVE_TABLE;
    json_t *classes = json_array(), *size = json_array(), *columns = json_array();
    for (int64_t i = 0; named && i < tp_run_classes(s->run); i++) {
        char label[256];
        json_array_append_new(classes, text_json(answer_label(s->run, i, label, sizeof label)));
    }
    for (int i = 0; i < shape.ndim && shaped; i++)
        json_array_append_new(size, json_integer(shape.dim[i] < 0
                                                     ? tp_run_config(s->run)->model_options.image_size
                                                     : shape.dim[i])); /* they differ: the network's size */
    for (int64_t i = 0; i < shape.dim[0] && s->task == SERVE_TABLE && tp_run_column_name(s->run, i); i++)
        json_array_append_new(columns, text_json(tp_run_column_name(s->run, i)));
    json_t *all =
        json_pack("{s:o,s:o,s:s,s:o,s:o,s:o,s:b,s:I,s:s,s:{s:I,s:f}}", "name", text_json(s->name), "title",
                  text_json(s->title), "task", tasks[s->task], "classes", classes, "shape", size, "columns",
                  columns, "dark_on_light", s->task == SERVE_IMAGE && dark_on_light(s), "parameters",
                  (json_int_t)tp_params_numel(tp_parameters(s->net)), "version", tp_version(), "limits",
                  "body", (json_int_t)s->options->max_body, "seconds", s->options->timeout);
    return line_of(all);
}

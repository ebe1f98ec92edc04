/* label_texts.c - what a run that learned texts with classes, or tokens with labels, says of other texts.
 *
 * Layer: train.  Depends on run.h, data/vocabulary.h.  Read next: translate.c, task_tokens.c. */
#include "data/folder.h"
#include "data/vocabulary.h"
#include "train/run.h"

#include <string.h>

enum { MOST_TOKENS = 65536 };

typedef struct text_reader {
    tp_run *run;
    vocabulary tokens;
    token_unit unit;
    bool tags;
} text_reader;

/* The text's tokens, and their names one after the other, each ended by a 0; how many, or -1 with an error. */
static int64_t read_text(const text_reader *r, const char *text, int64_t *tokens, name_list *names)
{
    const char *at = text, *end = at + strlen(at);
    int64_t n, count = 0;
    for (; (n = token_next(r->unit, &at, end)) > 0 && count < MOST_TOKENS; at += n) {
        char name[256];
        const int64_t token = vocabulary_find(&r->tokens, at, (size_t)n);
        tokens[count++] = token < 0 ? TOKEN_UNKNOWN : token;
        snprintf(name, sizeof name, "%.*s", (int)(n < 255 ? n : 255), at);
        if (r->tags && names_add(names, name))
            return -1;
    }
    if (n < 0)
        tp_fail(TP_ERR_FORMAT, "predict: '%.80s' is not UTF-8", text);
    else if (n > 0 || !count)
        tp_fail(TP_ERR_ARGUMENT, "predict: a text of 1 to %d tokens is wanted", MOST_TOKENS);
    return tp_pending() ? -1 : count;
}

static tp_status label_text(const text_reader *r, const char *text, int64_t *tokens, name_list *names,
                            tp_label_fn *told, void *context, bool *go_on)
{
    TP_SCOPE;
    TP_NO_GRAD;
    const int64_t n = read_text(r, text, tokens, names), classes = r->run->setup->classes;
    tp_tensor *y = n < 0 ? NULL : tp_forward(r->run->net, tp_tensor_copied(tokens, TP_I64, TP_SHAPE(1, n)));
    y = y ? tp_narrow(y, -1, 0, classes) : NULL;
    y = y ? tp_contiguous(tp_softmax(tp_double(y), -1)) : NULL;
    const bool fits = y && tp_numel(y) == classes * (r->tags ? n : 1);
    if (y && !fits)
        return tp_fail(TP_ERR_SHAPE, "predict: the network answers with %lld numbers",
                       (long long)tp_numel(y));
    tp_error_record error = { TP_OK };
    tp_error_export(&error);
    if (error.status == TP_ERR_MEMORY)
        return tp_error_import(&error) ? tp_error_pending() : TP_OK;
    const int64_t rows = y ? tp_numel(y) / classes : 0;
    for (int64_t i = 0; i < rows && *go_on; i++)
        *go_on = told(context, &(tp_label){ .text = text,
                                            .token = r->tags ? names_at(names, i) : NULL,
                                            .index = i,
                                            .tokens = rows,
                                            .n = classes,
                                            .values = (const double *)tp_data(y) + i * classes });
    if (!y)
        *go_on = told(context, &(tp_label){ .text = text, .status = error.status, .error = error.text });
    return TP_OK;
}

bool tp_run_labels_texts(const tp_run *run)
{
    const char *kind = run ? run->setup->data_kind : NULL;
    return kind && (!strcmp(kind, "labelled") || !strcmp(kind, "tagged"));
}

tp_status tp_run_label(tp_run *run, const char *const *texts, int64_t n, tp_label_fn *told, void *context)
{
    TP_SCOPE;
    if (tp_pending())
        return tp_error_pending();
    if (!tp_run_labels_texts(run) || !told || n < 0 || (n && !texts))
        return tp_fail(TP_ERR_ARGUMENT,
                       "run_label: a run that learned labelled texts, texts and a function are wanted");
    const setup *s = run->setup;
    const char *unit = s->config.data_options.source_unit;
    text_reader r = { .run = run, .tags = !strcmp(s->data_kind, "tagged") };
    r.unit = r.tags || (unit && !strcmp(unit, "words")) ? UNIT_WORDS : UNIT_CHARS;
    int64_t *tokens = tp_alloc(MOST_TOKENS * sizeof *tokens);
    bool go_on = true;
    if (tokens && !vocabulary_of(&r.tokens, s->input_names, s->inputs))
        for (int64_t i = 0; i < n && go_on && !tp_pending(); i++) {
            name_list names = { 0 };
            label_text(&r, texts[i] ? texts[i] : "", tokens, &names, told, context, &go_on);
            names_free(&names);
        }
    vocabulary_free(&r.tokens);
    tp_free(tokens, tokens ? MOST_TOKENS * sizeof *tokens : 0);
    return tp_error_pending();
}

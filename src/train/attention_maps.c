/* attention_maps.c - what a run's network looks at: its attentions' shares for one text, with the names of tokens.
 *
 * Of pairs the source and a target, what the network itself makes of the source unless one is given, go through together, as in
 * training.  Row t of a decoder's map is what stands before token t, named by the token that it wrote.
 * Layer: train.  Depends on run.h, units.h, data/pairs.h, taper/nn.h.  Read next: translate.c, label_texts.c. */
#include "data/folder.h"
#include "data/pairs.h"
#include "train/run.h"
#include "train/units.h"

#include <string.h>

enum { MOST = 512 /* tokens of a side: pictures of more show nothing */ };

typedef struct side {
    int64_t tokens[MOST + 1];
    const char *names[2 * MOST + 2]; /* they live in the setup, the tokenizer, or in own */
    name_list own;
    int64_t n;
} side;

typedef struct maps {
    tp_run *run;
    side source, target; /* target: what goes in, <begin> first; written: what comes out */
    const char *written[MOST + 1];
    tp_attention_fn *told;
    void *context;
} maps;

/* ---- texts to tokens --------------------------------------------------------------------------------------------------------- */

static tp_status add(side *s, int64_t token, const char *name)
{
    if (s->n == MOST)
        return tp_fail(TP_ERR_ARGUMENT, "attention: a text of more than %d tokens", MOST);
    s->tokens[s->n] = token;
    s->names[s->n++] = name;
    return TP_OK;
}

static tp_status read_tokens(side *s, const char *text, token_unit unit, const char *const *names,
                             int64_t count)
{
    const char *at = text, *end = at + strlen(at);
    int64_t n = 0;
    vocabulary words = { 0 };
    for (vocabulary_of(&words, names, count); !tp_pending() && (n = token_next(unit, &at, end)) > 0;
         at += n) {
        const int64_t token = vocabulary_find(&words, at, (size_t)n);
        add(s, token < 0 ? TOKEN_UNKNOWN : token, names[token < 0 ? TOKEN_UNKNOWN : token]);
    }
    vocabulary_free(&words);
    if (n < 0)
        return tp_fail(TP_ERR_FORMAT, "attention: '%.80s' is not UTF-8", text);
    return s->n || tp_pending() ? tp_error_pending() : tp_fail(TP_ERR_ARGUMENT, "attention: an empty text");
}

static bool take_target(void *context, const tp_translation *t)
{
    name_list *to = context;
    if (t->error)
        tp_error_set(t->status, "%s", t->error);
    else
        names_add(to, t->n ? t->texts[0] : "");
    return true;
}

static tp_status read_pair(maps *m, const char *text, const char *target)
{
    const setup *s = m->run->setup;
    const int from = pairs_unit("source_unit", s->config.data_options.source_unit, UNIT_CHARS),
              to = pairs_unit("target_unit", s->config.data_options.target_unit, UNIT_WORDS);
    if (from < 0 || to < 0 || read_tokens(&m->source, text, (token_unit)from, s->input_names, s->inputs) ||
        add(&m->source, TOKEN_END, "<end>"))
        return tp_error_pending();
    if (!target && !tp_run_translate(m->run, &text, 1, take_target, &m->target.own))
        target = names_at(&m->target.own, 0);
    if (tp_pending() || add(&m->target, TOKEN_BEGIN, "<begin>") ||
        (*target && read_tokens(&m->target, target, (token_unit)to, s->class_names, s->classes)))
        return tp_error_pending();
    for (int64_t i = 0; i + 1 < m->target.n; i++)
        m->written[i] = m->target.names[i + 1];
    m->written[m->target.n - 1] = "<end>";
    return TP_OK;
}

static tp_tensor *pair_input(const maps *m)
{
    const int64_t length = m->source.n > m->target.n ? m->source.n : m->target.n;
    tp_tensor *x = tp_zeros(TP_SHAPE(1, 2, length), .dtype = TP_I64);
    int64_t *to = x ? tp_data(x) : NULL;
    if (to) {
        memcpy(to, m->source.tokens, (size_t)m->source.n * sizeof *to);
        memcpy(to + length, m->target.tokens, (size_t)m->target.n * sizeof *to);
    }
    return x;
}

static tp_status read_units(maps *m, units *u, const char *text)
{
    char name[8];
    if (units_read(u, "attention", text))
        return tp_error_pending();
    for (int64_t i = 0; i < u->n_read && !tp_pending(); i++) {
        const int64_t token = u->read[i];
        const char *known = u->tokenizer ? tp_tokenizer_piece(u->tokenizer, token)
                            : !u->setup || u->bytes || token >= u->setup->classes
                                ? NULL
                                : u->setup->class_names[token];
        snprintf(name, sizeof name, "%02llx", (unsigned long long)token & 0xff);
        if (!known)
            names_add(&m->source.own, name);
        add(&m->source, token, known);
    }
    for (int64_t i = 0, k = 0; i < m->source.n && !tp_pending();
         i++) /* now that the list stays where it is */
        if (!m->source.names[i])
            m->source.names[i] = names_at(&m->source.own, k++);
    return tp_error_pending();
}

/* ---- maps --------------------------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), k = strlen(end);
    return n >= k && !strcmp(text + n - k, end);
}

/* Which tokens rows and columns are, and how many of them are no padding. */
static tp_attention_map map_of(maps *m, const char *name, int64_t columns)
{
    side *s = &m->source, *t = &m->target;
    const bool cross = ends_with(name, ".cross") || !strchr(name, '.');
    tp_attention_map map = {
        .name = name, .rows = s->n, .columns = s->n, .row_names = s->names, .column_names = s->names
    };
    if (!t->n || (!cross && !strncmp(name, "encoder.", 8)))
        return map;
    if (cross) {
        map.rows = t->n, map.row_names = m->written;
    } else if (columns > (s->n > t->n ? s->n : t->n)) { /* source and target in one sequence */
        memcpy(s->names + s->n, t->names, (size_t)t->n * sizeof *t->names);
        map.rows = map.columns = s->n + t->n;
    } else {
        map.rows = map.columns = t->n;
        map.row_names = m->written, map.column_names = t->names;
    }
    return map;
}

static tp_status tell(maps *m, const tp_params *all)
{
    bool go_on = true;
    for (int i = 0; i < tp_params_count(all) && go_on && !tp_pending(); i++) {
        TP_SCOPE;
        tp_tensor *shares = tp_select(tp_params_at(all, i), 0, 0); /* (H, T, S) */
        if (!shares)
            break;
        tp_attention_map map = map_of(m, tp_params_name(all, i), tp_size(shares, 2));
        if (map.rows > tp_size(shares, 1) || map.columns > tp_size(shares, 2))
            map.rows = tp_size(shares, 1), map.columns = tp_size(shares, 2),
            map.row_names = map.column_names = NULL;
        map.heads = tp_size(shares, 0);
        shares = tp_contiguous(tp_double(tp_narrow(tp_narrow(shares, 1, 0, map.rows), 2, 0, map.columns)));
        map.shares = shares ? tp_data(shares) : NULL;
        go_on = !shares || m->told(m->context, &map);
    }
    return tp_error_pending();
}

static tp_status attend(maps *m, tp_module *net, tp_tensor *x)
{
    TP_NO_GRAD;
    tp_params *all = tp_params_new();
    if (!x || !all)
        return tp_error_pending();
    tp_record_attention(net, all);
    tp_forward(net, x);
    tp_record_attention(NULL, NULL);
    if (!tp_params_count(all))
        return tp_fail(TP_ERR_ARGUMENT, "attention: the network has none");
    return tell(m, all);
}

static void free_maps(maps *m)
{
    names_free(&m->source.own);
    names_free(&m->target.own);
    tp_free(m, sizeof *m);
}

static tp_tensor *alone(const maps *m)
{
    return tp_pending() ? NULL : tp_tensor_copied(m->source.tokens, TP_I64, TP_SHAPE(1, m->source.n));
}

static tp_tensor *read_input(maps *m, units *u, const char *text, const char *target)
{
    const setup *s = m->run->setup;
    const char *unit = s->config.data_options.source_unit, *kind = s->data_kind ? s->data_kind : "nothing";
    const bool words = !strcmp(kind, "tagged") || (unit && !strcmp(unit, "words"));
    if (target && (tp_run_labels_texts(m->run) || !s->inputs))
        return tp_fail_null(TP_ERR_ARGUMENT, "attention: the run learned no pairs, a text has no target");
    if (tp_run_labels_texts(m->run)) {
        read_tokens(&m->source, text, words ? UNIT_WORDS : UNIT_CHARS, s->input_names, s->inputs);
        return alone(m);
    }
    if (s->inputs)
        return read_pair(m, text, target) ? NULL : pair_input(m);
    if (!strcmp(kind, "text") || !strcmp(kind, "documents"))
        return units_open(u, s) || read_units(m, u, text) ? NULL : alone(m);
    return tp_fail_null(TP_ERR_ARGUMENT, "attention: the run learned from %s, texts are wanted", kind);
}

tp_status tp_run_attention(tp_run *run, const char *text, const char *target, tp_attention_fn *told,
                           void *context)
{
    TP_SCOPE;
    if (tp_pending())
        return tp_error_pending();
    if (!run || !text || !told)
        return tp_fail(TP_ERR_ARGUMENT, "attention: a run, a text and a function are wanted");
    units u = { 0 };
    maps *m = tp_calloc(sizeof *m);
    if (!m)
        return tp_error_pending();
    *m = (maps){ .run = run, .told = told, .context = context };
    attend(m, run->net, read_input(m, &u, text, target));
    units_close(&u);
    free_maps(m);
    return tp_error_pending();
}

tp_status tp_attention(tp_module *net, tp_tokenizer *tokenizer, const char *text, tp_attention_fn *told,
                       void *context)
{
    TP_SCOPE;
    if (tp_pending())
        return tp_error_pending();
    if (!net || !tokenizer || !text || !told)
        return tp_fail(TP_ERR_ARGUMENT,
                       "attention: a network, a tokenizer, a text and a function are wanted");
    units u = { 0 };
    maps *m = tp_calloc(sizeof *m);
    if (!m)
        return tp_error_pending();
    *m = (maps){ .told = told, .context = context };
    attend(m, net, units_open_tokenizer(&u, tokenizer) || read_units(m, &u, text) ? NULL : alone(m));
    units_close(&u);
    free_maps(m);
    return tp_error_pending();
}

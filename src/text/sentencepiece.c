/* sentencepiece.c - SentencePiece's .model, a protocol buffer, and its normaliser (Kudo and Richardson 2018).
 *
 *   field           of            what
 *   1 (message)     ModelProto    a piece: 1 its text, 2 its score, 3 its kind
 *   2 (message)     ModelProto    how it was trained: 3 unigram, BPE, word or character; 24 spaces at ends of words; 35 bytes for
 *                                 unknown characters; 41, 42, 43 ids of begin, end, pad; 44 what an unknown piece reads as
 *   3, 5 (message)  ModelProto    normaliser and denormaliser: 2 its map, 3 a space in front, 4 no spaces too many, 5 spaces as U+2581
 *
 * Layer: text.  Depends on io/protobuf.h, charsmap.h.  Read next: bpe.c, unigram.c. */
#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "io/protobuf.h"
#include "text/charsmap.h"
#include "text/tokenizer.h"

#include <string.h>

/* ---- its normaliser ---------------------------------------------------------------------------------------------------------------- */

enum { DUMMY_PREFIX, NO_EXTRA_SPACES, ESCAPE_SPACES, SPACE_BEHIND }; /* flags */

/* What the text at begin becomes: bytes of the text that it takes, and the new ones. */
static int64_t take(const step *s, const encoder *e, int64_t begin, const char **bytes, int64_t *size)
{
    const tp_tokenizer *t = e->t;
    const unsigned char *at = e->text.bytes + begin;
    const int64_t left = e->text.size - begin;
    int32_t id;
    int64_t used = t->kinds && t->pieces.n_sorted ? user_symbol(t, at, left, &id) : 0;
    *bytes = (const char *)at;
    *size = used;
    if (!used && s->map && (used = charsmap_find(s->map, at, left, true, bytes)))
        *size = (int64_t)strlen(*bytes);
    else if (!used)
        *size = used = character_bytes(*at);
    return used;
}

static tp_status put_space(const step *s, encoder *e, text_span from)
{
    return s->flags[ESCAPE_SPACES] ? mapped_append(&e->other, METASPACE, METASPACE_BYTES, from)
                                   : mapped_append(&e->other, " ", 1, from);
}

static tp_status put_bytes(const step *s, encoder *e, const char *bytes, int64_t size, text_span from)
{
    for (int64_t i = 0, run; i < size; i += run) {
        for (run = 0; i + run < size && bytes[i + run] != ' '; run++) {}
        if (run ? mapped_append(&e->other, bytes + i, run, from) : put_space(s, e, from))
            return tp_error_pending();
        run = run ? run : 1;
    }
    return TP_OK;
}

static void drop_spaces_behind(const step *s, encoder *e)
{
    const char *space = s->flags[ESCAPE_SPACES] ? METASPACE : " ";
    const int64_t n = (int64_t)strlen(space);
    while (e->other.size >= n && !memcmp(e->other.bytes + e->other.size - n, space, (size_t)n))
        e->other.size -= n;
}

static tp_status normalise_sentence(const step *s, encoder *e)
{
    const char *bytes;
    int64_t at = 0, size, used;
    bool after_space = s->flags[NO_EXTRA_SPACES];
    while (s->flags[NO_EXTRA_SPACES] && at < e->text.size) {
        used = take(s, e, at, &bytes, &size);
        if (size != 1 || *bytes != ' ')
            break;
        at += used;
    }
    if (at == e->text.size)
        return TP_OK;
    const text_span edge = mapped_from(&e->text, at, at + character_bytes(e->text.bytes[at]));
    if (s->flags[DUMMY_PREFIX] && !s->flags[SPACE_BEHIND] && put_space(s, e, edge))
        return tp_error_pending();
    for (; at < e->text.size; at += used) {
        used = take(s, e, at, &bytes, &size);
        while (after_space && size && *bytes == ' ')
            bytes++, size--;
        if (size) {
            after_space = bytes[size - 1] == ' ' && s->flags[NO_EXTRA_SPACES];
            if (put_bytes(s, e, bytes, size, mapped_from(&e->text, at, at + used)))
                return tp_error_pending();
        }
    }
    if (s->flags[NO_EXTRA_SPACES])
        drop_spaces_behind(s, e);
    return s->flags[DUMMY_PREFIX] && s->flags[SPACE_BEHIND] ? put_space(s, e, edge) : TP_OK;
}

const step_type sentencepiece_normaliser = { "SentencePiece", NULL, .normalise = normalise_sentence };

tp_status add_sentencepiece_steps(tp_tokenizer *t, const bool flags[4])
{
    step *in = steps_add(&t->normalisers, &sentencepiece_normaliser),
         *out = steps_add(&t->decoders, &sentencepiece_decoder);
    if (!in || !out)
        return tp_error_pending();
    memcpy(in->flags, flags, 4 * sizeof *flags);
    in->map = t->map;
    memcpy(out->flags, flags, 4 * sizeof *flags);
    out->text = flags[ESCAPE_SPACES] ? METASPACE : " ";
    out->text_size = (int64_t)strlen(out->text);
    out->content = " ";
    out->content_size = 1;
    return TP_OK;
}

/* ---- the file ---------------------------------------------------------------------------------------------------------------------- */

typedef enum model_kind { UNIGRAM = 1, BPE, WORD, CHARACTER } model_kind;

typedef struct model_file {
    loader *l;
    proto_in in;
    model_kind kind;
    bool flags[4];
    int64_t ids[3]; /* begin, end, pad */
    int64_t score_room, kind_room;
} model_file;

static const piece_kind kinds[] = { PIECE_NORMAL, PIECE_NORMAL, PIECE_UNKNOWN, PIECE_CONTROL,
                                    PIECE_USER,   PIECE_UNUSED, PIECE_BYTE };

static float float_of(uint64_t bits)
{
    uint32_t half = (uint32_t)bits;
    float x;
    memcpy(&x, &half, 4);
    return x;
}

static tp_status check_piece(model_file *m, const proto_field *f, const proto_field *text, double score,
                             uint64_t kind)
{
    const long long at = (long long)f->begin;
    if (!text->size || utf8_valid(text->data, text->size) < text->size)
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: a piece that is %s", m->l->path, at,
                       text->size ? "no UTF-8" : "empty");
    if (kind >= sizeof kinds / sizeof *kinds || !kind || !(score >= -1e30 && score <= 1e30))
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: a piece of kind %llu with the score %g", m->l->path, at,
                       (unsigned long long)kind, score);
    if (kinds[kind] == PIECE_BYTE && byte_named(text->data, text->size) < 0)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte %lld: the piece '%.*s' of a byte is not one of <0x00> to <0xFF>", m->l->path,
                       at, (int)(text->size < 40 ? text->size : 40), (const char *)text->data);
    return TP_OK;
}

static tp_status read_piece(model_file *m, const proto_field *f)
{
    tp_tokenizer *t = m->l->t;
    proto_in in = proto_message(&m->in, f);
    proto_field p, text = { 0 };
    double score = 0;
    uint64_t kind = 1;
    while (proto_next(&in, &p))
        if (p.number == 1 && !proto_want(&in, &p, PROTO_BYTES))
            text = p;
        else if (p.number == 2 && !proto_want(&in, &p, PROTO_FIXED32))
            score = (double)float_of(p.value);
        else if (p.number == 3 && !proto_want(&in, &p, PROTO_VARINT))
            kind = p.value;
    const int64_t id = t->n_scores;
    if (tp_pending() || check_piece(m, f, &text, score, kind) ||
        tp_grow((void **)&t->scores, &m->score_room, id + 1, sizeof *t->scores) ||
        tp_grow((void **)&t->kinds, &m->kind_room, id + 1, 1) ||
        pieces_add(&t->pieces, m->l->path, id, text.data, text.size))
        return tp_error_pending();
    t->scores[id] = score;
    t->kinds[id] = (unsigned char)kinds[kind];
    t->n_scores++;
    if (kinds[kind] != PIECE_UNKNOWN)
        return TP_OK;
    if (t->unknown >= 0)
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: a second unknown piece", m->l->path,
                       (long long)f->begin);
    t->unknown = (int32_t)id;
    return TP_OK;
}

static tp_status read_trainer(model_file *m, const proto_field *f)
{
    proto_in in = proto_message(&m->in, f);
    proto_field p;
    while (proto_next(&in, &p))
        switch (p.number) {
        case 3: m->kind = (model_kind)p.value; break;
        case 24: m->flags[SPACE_BEHIND] = p.value; break;
        case 35: m->l->t->byte_fallback = p.value; break;
        case 41:
        case 42:
        case 43: m->ids[p.number - 41] = (int32_t)p.value; break;
        case 44:
            if (proto_want(&in, &p, PROTO_BYTES) ||
                !(m->l->t->unknown_text = keep_text(m->l->t, (const char *)p.data, p.size)))
                return tp_error_pending();
            break;
        default: break;
        }
    return tp_error_pending();
}

static tp_status read_normaliser(model_file *m, const proto_field *f)
{
    proto_in in = proto_message(&m->in, f);
    proto_field p;
    while (proto_next(&in, &p))
        if (p.number >= 3 && p.number <= 5)
            m->flags[p.number - 3] = p.value;
        else if (p.number == 2 && (proto_want(&in, &p, PROTO_BYTES) ||
                                   (p.size && f->number == 3 && read_charsmap(m->l, p.data, p.size))))
            return tp_error_pending();
        else if (p.number == 2 && p.size && f->number == 5)
            return tp_fail(TP_ERR_UNSUPPORTED, "%s: byte %lld: a denormaliser with a map is unsupported",
                           m->l->path, (long long)p.begin);
    return tp_error_pending();
}

static tp_status read_model(model_file *m)
{
    proto_field f;
    while (proto_next(&m->in, &f)) {
        if (f.number > 5)
            continue;
        if (proto_want(&m->in, &f, PROTO_BYTES) || (f.number == 1 && read_piece(m, &f)) ||
            (f.number == 2 && read_trainer(m, &f)) ||
            ((f.number == 3 || f.number == 5) && read_normaliser(m, &f)))
            return tp_error_pending();
    }
    return tp_error_pending();
}

static tp_status check_model(model_file *m)
{
    tp_tokenizer *t = m->l->t;
    bool user = false, unused = false;
    for (int64_t i = 0; i < t->n_scores; i++) {
        user = user || t->kinds[i] == PIECE_USER;
        unused = unused || t->kinds[i] == PIECE_UNUSED;
    }
    if (!t->n_scores || t->unknown < 0)
        return tp_fail(TP_ERR_FORMAT, "%s: a model of %lld pieces%s", m->l->path, (long long)t->n_scores,
                       t->n_scores ? ", none of which is the unknown one" : "");
    if (m->kind != UNIGRAM && m->kind != BPE && m->kind != CHARACTER)
        return tp_fail(TP_ERR_UNSUPPORTED,
                       "%s: a model of type %d is unsupported; unigram, BPE and characters are known",
                       m->l->path, (int)m->kind);
    if (m->kind == BPE && unused)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: unused pieces in a BPE model are unsupported", m->l->path);
    t->model = m->kind == UNIGRAM ? &unigram_model : &bpe_model;
    for (int i = 0; i < 3; i++)
        if (m->ids[i] >= 0 && m->ids[i] < t->n_scores && t->kinds[m->ids[i]] == PIECE_CONTROL)
            t->specials[i == 2 ? TP_SPECIAL_PAD : i] = (int32_t)m->ids[i];
    if (t->byte_fallback && bpe_byte_pieces(t, m->l->path))
        return tp_error_pending();
    return m->kind == UNIGRAM || user ? pieces_sort(&t->pieces) : TP_OK;
}

tp_tokenizer *sentencepiece_from(const char *path, const unsigned char *data, size_t size)
{
    TP_SCOPE;
    tp_tokenizer *t = tokenizer_new();
    loader l = { t, path };
    model_file m = { .l = &l,
                     .in = { path, data, (int64_t)size, 0, 0 },
                     .kind = UNIGRAM,
                     .flags = { true, true, true, false },
                     .ids = { 1, 2, -1 } };
    if (!t)
        return NULL;
    t->sentencepiece = true;
    t->unknown_text = " \xe2\x81\x87 ";
    tp_status status = read_model(&m);
    t->score_room = m.score_room, t->kind_room = m.kind_room;
    if (status || check_model(&m) || add_sentencepiece_steps(t, m.flags) || tokenizer_ready(&l))
        return NULL;
    return tp_keep(t);
}

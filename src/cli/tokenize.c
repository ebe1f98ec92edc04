/* tokenize.c - `taper tokenize PATH`: texts to the ids of their pieces, and back.
 *
 * Texts are words of the command line, or standard input: all of it, or each of its lines.
 * Layer: cli.  Depends on text.h.  Read next: train_tokenizer.c. */
#include "cli/cli.h"
#include "cli/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <taper/text.h>

/* ---- text to ids --------------------------------------------------------------------------------------------------- */

static void print_json(const tp_tokenizer *t, const tp_tokens *tokens)
{
    const int32_t *ids = tp_tokens_ids(tokens);
    const int64_t n = tp_tokens_count(tokens);
    emit_object(NULL);
    emit_integer("count", n);
    emit_list("ids");
    for (int64_t i = 0; i < n; i++)
        emit_integer(NULL, ids[i]);
    emit_end();
    emit_list("pieces");
    for (int64_t i = 0; i < n; i++)
        emit_text(NULL, tp_tokenizer_piece(t, ids[i]));
    emit_end();
    emit_list("bytes");
    for (int64_t i = 0; i < n; i++) {
        int64_t begin, end;
        tp_tokens_span(tokens, i, &begin, &end);
        emit_list(NULL);
        emit_integer(NULL, begin);
        emit_integer(NULL, end);
        emit_end();
    }
    emit_end();
    emit_end();
}

static int encode_one(const cli *c, const tp_tokenizer *t, const char *text, int64_t size)
{
    TP_SCOPE;
    const tp_tokens *tokens = tp_tokenizer_encode(t, text, size, .no_special = c->no_special,
                                                  .plain_text = c->plain, .offsets = c->json);
    if (!tokens)
        return library_error();
    const int32_t *ids = tp_tokens_ids(tokens);
    const int64_t n = tp_tokens_count(tokens);
    if (c->json)
        print_json(t, tokens);
    else if (c->count)
        printf("%lld\n", (long long)n);
    for (int64_t i = 0; i < n && !c->json && !c->count; i++)
        if (c->pieces)
            printf("%s%s", i ? " " : "", tp_tokenizer_piece(t, ids[i]));
        else
            printf("%s%d", i ? " " : "", ids[i]);
    if (!c->json && !c->count)
        putchar('\n');
    return EXIT_FINE;
}

/* ---- ids to text --------------------------------------------------------------------------------------------------- */

/* All whole numbers in the text, with blanks, commas or brackets between them. */
static int read_ids(const char *text, int32_t **ids, int64_t *count, int64_t *room)
{
    for (const char *p = text; *(p += strspn(p, " \t\r\n,[]"));) {
        char *end;
        errno = 0;
        const long long id = strtoll(p, &end, 10);
        if (*p < '0' || *p > '9' || errno || id > INT32_MAX || !strchr(" \t\r\n,[]", *end))
            return usage_error("--decode: '%.*s' is no id; whole numbers from 0 are wanted",
                               (int)strcspn(p, " \t\r\n,[]"), p);
        if (*count == *room) {
            int32_t *more = realloc(*ids, (size_t)(*room = 2 * *room + 64) * sizeof **ids);
            if (!more)
                return out_of_memory();
            *ids = more;
        }
        (*ids)[(*count)++] = (int32_t)id;
        p = end;
    }
    return EXIT_FINE;
}

static int decode_ids(const cli *c, const tp_tokenizer *t, const int32_t *ids, int64_t count)
{
    const int64_t size = tp_tokenizer_decode(t, ids, count, NULL, 0, .keep_special = c->keep_special);
    if (size < 0)
        return library_error();
    char *text = malloc((size_t)size + 1);
    if (!text)
        return out_of_memory();
    tp_tokenizer_decode(t, ids, count, text, size + 1, .keep_special = c->keep_special);
    if (c->json) {
        emit_object(NULL);
        emit_text("text", text);
        emit_end();
    } else {
        fwrite(text, 1, (size_t)size, stdout);
        if (!size || text[size - 1] != '\n') /* a text file comes back as it was */
            putchar('\n');
    }
    free(text);
    return EXIT_FINE;
}

/* ---- where they come from -------------------------------------------------------------------------------------------- */

static int read_all(char **text, size_t *size)
{
    size_t room = 0;
    for (size_t n = 1; n; *size += n) {
        if (room - *size < 2) {
            char *more = realloc(*text, room = 2 * room + 65536);
            if (!more)
                return out_of_memory();
            *text = more;
        }
        n = fread(*text + *size, 1, room - *size - 1, stdin);
    }
    (*text)[*size] = 0;
    return ferror(stdin) ? usage_error("cannot read standard input: %s", strerror(errno)) : EXIT_FINE;
}

static int encode_input(const cli *c, const tp_tokenizer *t, const char *text, size_t size)
{
    int code = EXIT_FINE;
    if (!c->lines)
        return encode_one(c, t, text, (int64_t)size);
    for (const char *p = text, *end = text + size, *stop; p < end && !code; p = stop + 1) {
        stop = memchr(p, '\n', (size_t)(end - p));
        stop = stop ? stop : end;
        code = encode_one(c, t, p, stop - p);
    }
    return code;
}

int verb_tokenize(cli *c)
{
    char *input = NULL;
    size_t size = 0;
    int32_t *ids = NULL;
    int64_t count = 0, room = 0;
    int code = EXIT_FINE;
    if (c->lines && (c->n_words > 1 || c->from_ids))
        return usage_error("--lines is about texts on standard input");
    const char *path = c->words[0];
    const int fetched = fetch_from_hub(&path, false);
    if (fetched)
        return fetched;
    const tp_tokenizer *t = tp_tokenizer_load(path);
    if (!t)
        return library_error();
    emit_lines(c->json);
    if (c->n_words == 1)
        code = read_all(&input, &size);
    if (!code && c->from_ids) {
        if (input)
            code = read_ids(input, &ids, &count, &room);
        for (int i = 1; i < c->n_words && !code; i++)
            code = read_ids(c->words[i], &ids, &count, &room);
        code = code ? code : decode_ids(c, t, ids, count);
    } else if (!code && input) {
        code = encode_input(c, t, input, size);
    }
    for (int i = 1; i < c->n_words && !code && !c->from_ids; i++)
        code = encode_one(c, t, c->words[i], -1);
    free(input);
    free(ids);
    return code;
}

/* tokenizer.c - fuzzing the readers of tokenizers, and encoding and decoding with what they read.
 *
 * The first bytes say which reader; the text is a fixed one, and the end of the input where that is UTF-8.
 * make fuzz builds and runs it; seeds lie in fuzz/corpus/tokenizer.  Layer: fuzz.  Read next: text/load_json.c, text/sentencepiece.c. */
#include "text/tokenizer.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tp_tokenizer *read(const uint8_t *data, size_t size)
{
    if (size && *data == '{')
        return tokenizer_from_json("fuzz.json", data, size);
    if (size && *data == '\n')
        return sentencepiece_from("fuzz.model", data, size);
    if (size > 4 && !data[3])
        return llama2c_from("fuzz.bin", data, size);
    return bert_from("fuzz.txt", data, size, true);
}

static void use(const tp_tokenizer *t, const char *text, int64_t size)
{
    TP_SCOPE;
    static char back[4096];
    const tp_tokens *tokens = tp_tokenizer_encode(t, text, size, .offsets = true);
    for (int64_t i = 0; i < tp_tokens_count(tokens); i++) {
        int64_t begin, end;
        tp_tokens_span(tokens, i, &begin, &end);
        if (!tp_tokenizer_piece(t, tp_tokens_ids(tokens)[i]) || begin < 0 || begin > end || end > size)
            __builtin_trap(); /* ids are of pieces, and come from the text */
    }
    tp_tokenizer_decode(t, tp_tokens_ids(tokens), tp_tokens_count(tokens), back, sizeof back);
    tp_error_take(NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TP_SCOPE;
    static const char text[] =
        "Hello, I'm na\xc3\xafve  e\xcc\x81 \xe6\x97\xa5<s>[MASK] 12\n\xf0\x9f\xa4\x97 \xe2\x96\x81the low";
    const int64_t tail = size < 64 ? (int64_t)size : 64;
    tp_tokenizer *t = read(data, size);
    if ((t == NULL) != (tp_error_take(NULL, 0) != TP_OK))
        __builtin_trap(); /* a result or an error, never both or neither */
    if (!t)
        return 0;
    use(t, text, sizeof text - 1);
    if (utf8_valid(data + size - tail, tail) == tail)
        use(t, (const char *)data + size - tail, tail);
    return 0;
}

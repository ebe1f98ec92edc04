/* g2p.c - letters to phonemes: one GRU reads an English word, a second one begins with the first one's state and says how it is
 * pronounced, phoneme by phoneme.
 *
 *   g2p [checkpoint20.npz [word...]]     data/g2p-gru/checkpoint20.npz, a few words
 *
 * The weights of g2p_en, trained in PyTorch: enc_emb (29, 256), enc_w_ih, enc_w_hh (3 256, 256), enc_b_ih, enc_b_hh; the same of the
 * decoder, dec_emb (74, 256); fc_w (74, 256), fc_b.  They are used as they lie in the file, by operations and without a module.
 * Layer: examples.  Read next: char_lstm.c. */
#include <taper/taper.h>

#include <string.h>

enum { LETTER_UNKNOWN = 1, LETTER_END = 2, LETTER_A = 3, MOST_LETTERS = 100 };
enum { PHONEME_BEGIN = 2, PHONEME_END = 3, MOST_PHONEMES = 20 };

/* ARPAbet; a vowel's number is its stress: 0 none, 1 primary, 2 secondary */
static const char *const phonemes[] = {
    "<pad>", "<unk>", "<s>", "</s>", "AA0", "AA1", "AA2", "AE0", "AE1", "AE2", "AH0", "AH1", "AH2",
    "AO0",   "AO1",   "AO2", "AW0",  "AW1", "AW2", "AY0", "AY1", "AY2", "B",   "CH",  "D",   "DH",
    "EH0",   "EH1",   "EH2", "ER0",  "ER1", "ER2", "EY0", "EY1", "EY2", "F",   "G",   "HH",  "IH0",
    "IH1",   "IH2",   "IY0", "IY1",  "IY2", "JH",  "K",   "L",   "M",   "N",   "NG",  "OW0", "OW1",
    "OW2",   "OY0",   "OY1", "OY2",  "P",   "R",   "S",   "SH",  "T",   "TH",  "UH0", "UH1", "UH2",
    "UW",    "UW0",   "UW1", "UW2",  "V",   "W",   "Y",   "Z",   "ZH",
};
enum { N_PHONEMES = sizeof phonemes / sizeof *phonemes };

static tp_tensor *weight(const tp_params *w, const char *name)
{
    tp_tensor *t = w ? tp_params_find(w, name) : NULL;
    if (!t)
        tp_error_set(TP_ERR_FORMAT, "%s is not in the file", name);
    return t;
}

/* (T), i64: the word's letters and </s> */
static tp_tensor *letters_of(const char *word)
{
    int64_t letters[MOST_LETTERS + 1], n = 0;
    for (const char *at = word; *at && n < MOST_LETTERS; at++) {
        const int letter = *at >= 'A' && *at <= 'Z' ? *at - 'A' : *at - 'a';
        letters[n++] = letter >= 0 && letter < 26 ? LETTER_A + letter : LETTER_UNKNOWN;
    }
    letters[n++] = LETTER_END;
    return tp_tensor_copied(letters, TP_I64, TP_SHAPE(n));
}

/* "HH EH1 L OW0" */
static void pronounce(const tp_params *w, const char *word, char *text, size_t size)
{
    TP_SCOPE;
    tp_tensor *h = NULL; /* (256) */
    tp_gru(tp_embedding(letters_of(word), weight(w, "enc_emb"), TP_NO_DIM), weight(w, "enc_w_ih"),
           weight(w, "enc_w_hh"), .bias_ih = weight(w, "enc_b_ih"), .bias_hh = weight(w, "enc_b_hh"),
           .h_n = &h);
    *text = '\0';
    int64_t phoneme = PHONEME_BEGIN;
    for (int i = 0; i < MOST_PHONEMES; i++) {
        h = tp_gru_cell(tp_select(weight(w, "dec_emb"), 0, phoneme), weight(w, "dec_w_ih"),
                        weight(w, "dec_w_hh"), .bias_ih = weight(w, "dec_b_ih"),
                        .bias_hh = weight(w, "dec_b_hh"), .h0 = h);
        tp_tensor *scores = tp_linear(h, weight(w, "fc_w"), weight(w, "fc_b"));
        phoneme = tp_item_i64(tp_argmax(scores, 0, false));
        if (tp_error_pending() || phoneme == PHONEME_END)
            return;
        const size_t length = strlen(text);
        const char *name = phoneme < N_PHONEMES ? phonemes[phoneme] : "<unk>";
        snprintf(text + length, size - length, "%s%s", length ? " " : "", name);
    }
}

int main(int argc, char **argv)
{
    TP_SCOPE;
    const char *few[] = { "hello", "transformer", "activationist", "taper" };
    const char *const *words = argc > 2 ? (const char *const *)argv + 2 : few;
    const int n = argc > 2 ? argc - 2 : (int)(sizeof few / sizeof *few);
    tp_params *w = tp_npz_read(argc > 1 ? argv[1] : "data/g2p-gru/checkpoint20.npz");
    for (int i = 0; i < n && !tp_error_pending(); i++) {
        char text[128];
        pronounce(w, words[i], text, sizeof text);
        if (!tp_error_pending())
            printf("%s  %s\n", words[i], text);
    }
    return tp_report_error(stderr);
}

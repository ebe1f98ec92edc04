/* char_lstm.c - weights from TensorFlow: a language model that learned Shakespeare's letters tells how well it foresees a text, and
 * goes on with a prompt.
 *
 *   char_lstm [folder [text [prompt]]]     data/charlstm, shakespeare.txt in it, "ROMEO:\n"
 *
 * Each variable is a file of floats, little-endian as the machine must be.  V = 65 characters, E = H = 128 wide; gates stand in
 * TensorFlow's order i j f o, PyTorch's is i f g o, and its g is j.
 *
 *   file                  shape         becomes
 *   embedding             (V, E)        embedding.weight
 *   .._cell_0_.._weights  (E + H, 4 H)  rnn.weight_ih_l0 (4 H, E) and rnn.weight_hh_l0 (4 H, H)
 *   .._cell_0_.._biases   (4 H)         rnn.bias_ih_l0, and 1 more in f, which BasicLSTMCell adds when it runs
 *   .._cell_1_..          the same      .._l1
 *   rnnlm_softmax_w, _b   (H, V), (V)   head.weight (V, H), head.bias
 *
 * Layer: examples.  Read next: g2p.c. */
#include <taper/taper.h>

#include <stdlib.h>
#include <string.h>

enum { CLASSES = 65, HIDDEN = 128, PIECE = 100 };

/* vocab.json in the order of its numbers; two of its keys are damaged there: "  " (13) is u, "" (40) is U. */
static const char characters[] = " etoahsrni\nldumy,wfcgIbp:.AvkT'EONRSLC;WUHMB?G!D-FYPKVjqxzJQZX3&$";

/* ---- weights --------------------------------------------------------------------------------------------------- */

static tp_tensor *variable(const char *folder, const char *name, tp_shape shape)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    tp_tensor *t = tp_empty(shape);
    FILE *file = t ? fopen(path, "rb") : NULL;
    const size_t n = t ? (size_t)tp_numel(t) : 0;
    if (!file || fread(tp_data(t), sizeof(float), n, file) != n)
        tp_error_set(TP_ERR_IO, "%s: %zu floats are wanted", path, n);
    if (file)
        fclose(file);
    return t;
}

/* (.., 4 H), gates i j f o -> i f g o, forget_bias added to f */
static tp_tensor *pytorch_gates(tp_tensor *t, double forget_bias)
{
    tp_tensor *i = tp_narrow(t, -1, 0, HIDDEN), *j = tp_narrow(t, -1, HIDDEN, HIDDEN),
              *f = tp_narrow(t, -1, 2 * HIDDEN, HIDDEN), *o = tp_narrow(t, -1, 3 * HIDDEN, HIDDEN);
    return tp_cat((tp_tensor *[]){ i, tp_add(f, forget_bias), j, o }, 4, -1);
}

static void add(tp_params *state, const char *name, int layer, tp_tensor *t)
{
    char text[64];
    snprintf(text, sizeof text, "rnn.%s_l%d", name, layer);
    tp_params_add(state, text, t);
}

static tp_module *load(const char *folder, double forget_bias)
{
    tp_module *net =
        tp_model("char-lm", .classes = CLASSES, .embedding = HIDDEN, .hidden = "128", .layers = 2);
    tp_params *state = tp_params_new();
    tp_params_add(state, "embedding.weight", variable(folder, "embedding", TP_SHAPE(CLASSES, HIDDEN)));
    for (int k = 0; k < 2; k++) {
        char weights[64], biases[64];
        snprintf(weights, sizeof weights, "rnnlm_multi_rnn_cell_cell_%d_basic_lstm_cell_weights", k);
        snprintf(biases, sizeof biases, "rnnlm_multi_rnn_cell_cell_%d_basic_lstm_cell_biases", k);
        tp_tensor *w = tp_t(pytorch_gates(variable(folder, weights, TP_SHAPE(2 * HIDDEN, 4 * HIDDEN)), 0));
        add(state, "weight_ih", k, tp_narrow(w, 1, 0, HIDDEN));
        add(state, "weight_hh", k, tp_narrow(w, 1, HIDDEN, HIDDEN));
        add(state, "bias_ih", k, pytorch_gates(variable(folder, biases, TP_SHAPE(4 * HIDDEN)), forget_bias));
        add(state, "bias_hh", k, tp_zeros(TP_SHAPE(4 * HIDDEN)));
    }
    tp_params_add(state, "head.weight", tp_t(variable(folder, "rnnlm_softmax_w", TP_SHAPE(HIDDEN, CLASSES))));
    tp_params_add(state, "head.bias", variable(folder, "rnnlm_softmax_b", TP_SHAPE(CLASSES)));
    tp_load_state(net, state);
    return net;
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

static tp_tensor *tokens_of(const char *text) /* (T), i64 */
{
    const size_t n = strlen(text);
    tp_tensor *tokens = tp_empty(TP_SHAPE((int64_t)n), .dtype = TP_I64);
    int64_t *token = tokens ? tp_data(tokens) : NULL;
    for (size_t i = 0; token && i < n; i++) {
        const char *place = strchr(characters, text[i]);
        if (place)
            token[i] = place - characters;
        else
            tp_error_set(TP_ERR_ARGUMENT, "byte %zu of the text, 0x%02x, is none of the model's characters",
                         i, (unsigned char)text[i]);
    }
    return tokens;
}

static tp_tensor *read_text(const char *path)
{
    char *text = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "r");
    const bool is_read = file && getdelim(&text, &room, 0, file) > 0;
    tp_tensor *tokens = is_read ? tokens_of(text) : NULL;
    if (!is_read)
        tp_error_set(TP_ERR_IO, "%s: a text is wanted", path);
    free(text);
    if (file)
        fclose(file);
    return tokens;
}

/* ---- the network ----------------------------------------------------------------------------------------------- */

/* (T) characters -> (T, V) scores of what follows each; the state goes on */
static tp_tensor *read_on(tp_module *net, tp_tensor *tokens, tp_rnn_state *state)
{
    tp_tensor *x = tp_forward(tp_find_module(net, "embedding"), tokens);
    tp_tensor *y = tp_lstm_forward(tp_find_module(net, "rnn"), x, state);
    return tp_forward(tp_find_module(net, "head"), y);
}

/* Mean -ln p, in nats, of each character but the first, read piece by piece. */
static double loss_of(tp_module *net, tp_tensor *text, int64_t piece)
{
    TP_SCOPE;
    tp_rnn_state state = { 0 };
    double sum = 0;
    const int64_t n = text ? tp_numel(text) - 1 : 0;
    for (int64_t at = 0; at < n && !tp_error_pending(); at += piece) {
        TP_SCOPE;
        const int64_t length = n - at < piece ? n - at : piece;
        tp_tensor *scores = read_on(net, tp_narrow(text, 0, at, length), &state);
        sum += tp_item(tp_cross_entropy(scores, tp_narrow(text, 0, at + 1, length), .reduction = TP_SUM));
        tp_detach_state(&state);
    }
    return sum / (double)n;
}

/* Draws character after character; temperature 0.5: the shares are those of twice the scores. */
static void go_on(tp_module *net, const char *prompt, int length)
{
    tp_rnn_state state = { 0 };
    int64_t token = 0;
    fputs(prompt, stdout);
    for (int i = 0; i < length && !tp_error_pending(); i++) {
        TP_SCOPE;
        tp_tensor *read = i ? tp_tensor_copied(&token, TP_I64, TP_SHAPE(1)) : tokens_of(prompt);
        tp_tensor *last = tp_select(read_on(net, read, &state), 0, -1);
        token = tp_item_i64(tp_multinomial(tp_softmax(tp_mul(last, 2), 0), 1, false));
        tp_detach_state(&state);
        if (!tp_error_pending())
            putchar(characters[token]);
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    TP_SCOPE;
    TP_NO_GRAD;
    const char *folder = argc > 1 ? argv[1] : "data/charlstm";
    char own_text[1024];
    snprintf(own_text, sizeof own_text, "%s/shakespeare.txt", folder);
    tp_module *net = load(folder, 1);
    tp_tensor *text = read_text(argc > 2 ? argv[2] : own_text);
    double loss = loss_of(net, text, PIECE);
    if (tp_report_error(stderr))
        return 1;
    printf("%.3f nats a character\n\n", loss);
    go_on(net, argc > 3 && *argv[3] ? argv[3] : "ROMEO:\n", 300);
    return tp_report_error(stderr);
}

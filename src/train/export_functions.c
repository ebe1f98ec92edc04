/* export_functions.c - the C functions that exported networks are made of, one a kind of layer.
 *
 * Plain C99 over row-major arrays of float: pictures (C, H, W), sequences (T, D).  What has no use in a network is not put out.
 * Layer: train.  Depends on export.h.  Read next: export_layers.c. */
#include "train/export.h"

#define BIT(f) (UINT32_C(1) << (f))

/* y and x may be the same array. */
#define MAP(name, formula)                                           \
    {                                                                \
        "static void " name "(float *y, const float *x, int n)\n{\n" \
        "    for (int i = 0; i < n; i++)\n"                          \
        "        y[i] = " formula ";\n}\n",                          \
            0                                                        \
    }

static const char sizes[] =
    "typedef struct { int channels, height, width; } size;\n"
    "typedef struct { int height, width, stride_y, stride_x, pad_y, pad_x; } window;\n";

static const char dot[] = "/* Eight sums side by side, of which compilers make vectors. */\n"
                          "static float dot(const float *x, const float *w, int n)\n{\n"
                          "    float sum[8] = { 0.0f }, total = 0.0f;\n"
                          "    int i = 0;\n"
                          "    for (; i + 8 <= n; i += 8)\n"
                          "        for (int k = 0; k < 8; k++)\n"
                          "            sum[k] += x[i + k] * w[i + k];\n"
                          "    for (; i < n; i++)\n"
                          "        total += x[i] * w[i];\n"
                          "    for (int k = 0; k < 4; k++)\n"
                          "        total += sum[k] + sum[k + 4];\n"
                          "    return total;\n}\n";

static const char sigmoid_of[] = "static float sigmoid_of(float x)\n{\n"
                                 "    return 1.0f / (1.0f + expf(-x));\n}\n";

static const char pad[] =
    "/* A frame of `pixels` of value around each channel. */\n"
    "static void pad(float *y, const float *x, size in, int pixels, float value)\n{\n"
    "    for (int c = 0; c < in.channels; c++)\n"
    "        for (int i = -pixels; i < in.height + pixels; i++)\n"
    "            for (int j = -pixels; j < in.width + pixels; j++) {\n"
    "                const int inside = i >= 0 && i < in.height && j >= 0 && j < in.width;\n"
    "                *y++ = inside ? x[(c * in.height + i) * in.width + j] : value;\n"
    "            }\n}\n";

static const char normalize[] = "/* y = (x - mean) / deviation, by channel of n numbers. */\n"
                                "static void normalize(float *y, const float *x, int channels, int n, const "
                                "float *mean, const float *deviation)\n{\n"
                                "    for (int c = 0; c < channels; c++)\n"
                                "        for (int i = c * n; i < (c + 1) * n; i++)\n"
                                "            y[i] = (x[i] - mean[c]) / deviation[c];\n}\n";

static const char conv2d[] =
    "/* What each window sees lies in patch for all output channels; the frame is 0.\n"
    " * weight (out, in, height, width), bias (out) */\n"
    "static void conv2d(float *y, const float *x, size in, size out, window w, const float *weight, const "
    "float *bias)\n{\n"
    "    const int n = in.channels * w.height * w.width;\n"
    "    for (int i = 0; i < out.height; i++)\n"
    "        for (int j = 0; j < out.width; j++, y++) {\n"
    "            const int top = i * w.stride_y - w.pad_y, left = j * w.stride_x - w.pad_x;\n"
    "            float *p = patch;\n"
    "            for (int c = 0; c < in.channels; c++)\n"
    "                for (int k = top; k < top + w.height; k++)\n"
    "                    for (int l = left; l < left + w.width; l++) {\n"
    "                        const int inside = k >= 0 && k < in.height && l >= 0 && l < in.width;\n"
    "                        *p++ = inside ? x[(c * in.height + k) * in.width + l] : 0.0f;\n"
    "                    }\n"
    "            for (int o = 0; o < out.channels; o++)\n"
    "                y[o * out.height * out.width] = bias[o] + dot(patch, weight + o * n, n);\n"
    "        }\n}\n";

static const char max_pool2d[] =
    "static void max_pool2d(float *y, const float *x, size in, size out, window w)\n{\n"
    "    for (int c = 0; c < in.channels; c++, x += in.height * in.width)\n"
    "        for (int i = 0; i < out.height; i++)\n"
    "            for (int j = 0; j < out.width; j++) {\n"
    "                const int top = i * w.stride_y - w.pad_y, left = j * w.stride_x - w.pad_x;\n"
    "                float most = -INFINITY;\n"
    "                for (int k = top < 0 ? 0 : top; k < top + w.height && k < in.height; k++)\n"
    "                    for (int l = left < 0 ? 0 : left; l < left + w.width && l < in.width; l++)\n"
    "                        most = x[k * in.width + l] > most ? x[k * in.width + l] : most;\n"
    "                *y++ = most;\n"
    "            }\n}\n";

static const char avg_pool2d[] =
    "static void avg_pool2d(float *y, const float *x, size in, size out, window w)\n{\n"
    "    for (int c = 0; c < in.channels; c++, x += in.height * in.width)\n"
    "        for (int i = 0; i < out.height; i++)\n"
    "            for (int j = 0; j < out.width; j++) {\n"
    "                const float *from = x + i * w.stride_y * in.width + j * w.stride_x;\n"
    "                float sum = 0.0f;\n"
    "                for (int k = 0; k < w.height; k++)\n"
    "                    for (int l = 0; l < w.width; l++)\n"
    "                        sum += from[k * in.width + l];\n"
    "                *y++ = sum / (float)(w.height * w.width);\n"
    "            }\n}\n";

static const char linear[] = "/* y (out) = weight (out, in) x + bias */\n"
                             "static void linear(float *y, const float *x, int in, int out, const float "
                             "*weight, const float *bias)\n{\n"
                             "    for (int o = 0; o < out; o++)\n"
                             "        y[o] = bias[o] + dot(weight + o * in, x, in);\n}\n";

static const char leaky_relu[] =
    "static void leaky_relu_all(float *y, const float *x, int n, float slope)\n{\n"
    "    for (int i = 0; i < n; i++)\n"
    "        y[i] = x[i] > 0.0f ? x[i] : slope * x[i];\n}\n";

static const char embedding[] =
    "static void embedding(float *y, const float *weight, int token, int width)\n{\n"
    "    for (int i = 0; i < width; i++)\n"
    "        y[i] = weight[token * width + i];\n}\n";

static const char rows[] = "/* (C, H, W) -> (H, C W) */\n"
                           "static void rows(float *y, const float *x, size in)\n{\n"
                           "    for (int i = 0; i < in.height; i++)\n"
                           "        for (int c = 0; c < in.channels; c++)\n"
                           "            for (int j = 0; j < in.width; j++)\n"
                           "                *y++ = x[(c * in.height + i) * in.width + j];\n}\n";

/* One layer in one direction: the head of its function, the gates of a step, and what they make. */
#define RECURRENT(head, gates, step)                                                                       \
    "static void " head ",\n"                                                                              \
    "    const float *weight_ih, const float *weight_hh, const float *bias_ih, const float *bias_hh)\n{\n" \
    "    for (int i = 0; i < steps; i++) {\n"                                                              \
    "        const int t = backward ? steps - 1 - i : i;\n"                                                \
    "        linear(gates_x, x + t * in, in, " gates "hidden, weight_ih, bias_ih);\n"                      \
    "        linear(gates_h, h, hidden, " gates "hidden, weight_hh, bias_hh);\n"                           \
    "        for (int j = 0; j < hidden; j++) {\n" step "            y[t * wide + j] = h[j];\n"            \
    "        }\n    }\n}\n"

static const char rnn[] =
    "/* x (steps, in) -> y, hidden numbers in each row of `wide`; h goes on from what it holds. "
    "*/\n" RECURRENT(
        "rnn(float *y, int wide, const float *x, int steps, int in, int hidden, int backward, float *h", "",
        "            h[j] = tanhf(gates_x[j] + gates_h[j]);\n");

static const char lstm[] =
    "/* x (steps, in) -> y, hidden numbers in each row of `wide`; h and the cell c go on from what they "
    "hold.\n"
    " * Gates: input, forget, candidate, output. */\n" RECURRENT(
        "lstm(float *y, int wide, const float *x, int steps, int in, int hidden, int backward, float *h, "
        "float *c",
        "4 * ",
        "            const float *gx = gates_x + j, *gh = gates_h + j;\n"
        "            const float candidate = tanhf(gx[2 * hidden] + gh[2 * hidden]);\n"
        "            c[j] = sigmoid_of(gx[hidden] + gh[hidden]) * c[j] + sigmoid_of(gx[0] + gh[0]) * "
        "candidate;\n"
        "            h[j] = sigmoid_of(gx[3 * hidden] + gh[3 * hidden]) * tanhf(c[j]);\n");

static const char gru[] =
    "/* x (steps, in) -> y, hidden numbers in each row of `wide`; h goes on from what it holds.\n"
    " * Gates: reset, update, candidate. */\n" RECURRENT(
        "gru(float *y, int wide, const float *x, int steps, int in, int hidden, int backward, float *h",
        "3 * ",
        "            const float *gx = gates_x + j, *gh = gates_h + j;\n"
        "            const float reset = sigmoid_of(gx[0] + gh[0]), update = sigmoid_of(gx[hidden] + "
        "gh[hidden]);\n"
        "            const float candidate = tanhf(gx[2 * hidden] + reset * gh[2 * hidden]);\n"
        "            h[j] = (1.0f - update) * candidate + update * h[j];\n");

static const char last_step[] =
    "/* The first `forward` numbers of the last step, and of the other direction its last one, which is the "
    "first. */\n"
    "static void last_step(float *y, const float *x, int steps, int width, int forward)\n{\n"
    "    for (int i = 0; i < width; i++)\n"
    "        y[i] = x[(i < forward ? steps - 1 : 0) * width + i];\n}\n";

static const char mean_step[] = "static void mean_step(float *y, const float *x, int steps, int width)\n{\n"
                                "    for (int i = 0; i < width; i++) {\n"
                                "        float sum = 0.0f;\n"
                                "        for (int t = 0; t < steps; t++)\n"
                                "            sum += x[t * width + i];\n"
                                "        y[i] = sum / (float)steps;\n"
                                "    }\n}\n";

static const char attention[] =
    "/* Shares softmax over t of weight . x_t; the sums so far shrink when a larger score comes. */\n"
    "static void attention(float *y, const float *x, int steps, int width, const float *weight)\n{\n"
    "    float top = -INFINITY, sum = 0.0f;\n"
    "    for (int i = 0; i < width; i++)\n"
    "        y[i] = 0.0f;\n"
    "    for (int t = 0; t < steps; t++, x += width) {\n"
    "        const float score = dot(x, weight, width), most = score > top ? score : top;\n"
    "        const float keep = expf(top - most), share = expf(score - most);\n"
    "        for (int i = 0; i < width; i++)\n"
    "            y[i] = keep * y[i] + share * x[i];\n"
    "        sum = keep * sum + share;\n"
    "        top = most;\n"
    "    }\n"
    "    for (int i = 0; i < width; i++)\n"
    "        y[i] /= sum;\n}\n";

static const char softmax[] = "/* Probabilities of n scores; the likeliest. */\n"
                              "static int softmax(float *y, const float *x, int n)\n{\n"
                              "    int best = 0;\n"
                              "    float sum = 0.0f;\n"
                              "    for (int i = 1; i < n; i++)\n"
                              "        best = x[i] > x[best] ? i : best;\n"
                              "    for (int i = 0; i < n; i++)\n"
                              "        sum += y[i] = expf(x[i] - x[best]);\n"
                              "    for (int i = 0; i < n; i++)\n"
                              "        y[i] /= sum;\n"
                              "    return best;\n}\n";

const export_function export_functions[N_EXPORT_FUNCTIONS] = {
    [F_SIZES] = { sizes, 0 },
    [F_DOT] = { dot, 0 },
    [F_SIGMOID_OF] = { sigmoid_of, 0 },
    [F_PAD] = { pad, BIT(F_SIZES) },
    [F_NORMALIZE] = { normalize, 0 },
    [F_CONV2D] = { conv2d, BIT(F_SIZES) | BIT(F_DOT) },
    [F_MAX_POOL2D] = { max_pool2d, BIT(F_SIZES) },
    [F_AVG_POOL2D] = { avg_pool2d, BIT(F_SIZES) },
    [F_LINEAR] = { linear, BIT(F_DOT) },
    [F_RELU] = MAP("relu_all", "x[i] > 0.0f ? x[i] : 0.0f"),
    [F_LEAKY_RELU] = { leaky_relu, 0 },
    [F_SIGMOID] = MAP("sigmoid_all", "1.0f / (1.0f + expf(-x[i]))"),
    [F_TANH] = MAP("tanh_all", "tanhf(x[i])"),
    [F_GELU] = MAP("gelu_all", "0.5f * x[i] * (1.0f + erff(0.70710678f * x[i]))"),
    [F_GELU_TANH] =
        MAP("gelu_tanh_all",
            "0.5f * x[i] * (1.0f + tanhf(0.79788456f * (x[i] + 0.044715f * x[i] * x[i] * x[i])))"),
    [F_SILU] = MAP("silu_all", "x[i] / (1.0f + expf(-x[i]))"),
    [F_SOFTPLUS] = MAP("softplus_all", "x[i] > 20.0f ? x[i] : log1pf(expf(x[i]))"),
    [F_EMBEDDING] = { embedding, 0 },
    [F_ROWS] = { rows, BIT(F_SIZES) },
    [F_RNN] = { rnn, BIT(F_LINEAR) | BIT(F_DOT) },
    [F_LSTM] = { lstm, BIT(F_LINEAR) | BIT(F_DOT) | BIT(F_SIGMOID_OF) },
    [F_GRU] = { gru, BIT(F_LINEAR) | BIT(F_DOT) | BIT(F_SIGMOID_OF) },
    [F_LAST_STEP] = { last_step, 0 },
    [F_MEAN_STEP] = { mean_step, 0 },
    [F_ATTENTION] = { attention, BIT(F_DOT) },
    [F_SOFTMAX] = { softmax, 0 },
};

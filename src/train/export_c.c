/* export_c.c - the network of a run as C99: NAME.h, NAME.c, NAME_weights.h and a program that calls them.
 *
 * What is written needs libm and nothing else; buffers are static, sizes known when it is compiled.
 * Layer: train.  Depends on export.h.  Read next: export_layers.c, export_functions.c. */
#include "train/export.h"

#include "train/folder.h"

#include <string.h>

typedef struct sources {
    file_bytes header, code, program;
} sources;

/* ---- the name ---------------------------------------------------------------------------------------------------- */

static tp_status take_name(exporter *e, const char *given)
{
    const char *name = given ? given : e->setup->config.model;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_0123456789";
    const size_t length = strlen(name);
    bool good = length > 0 && length < EXPORT_NAME && !(name[0] >= '0' && name[0] <= '9');
    for (size_t i = 0; i < length && good; i++) {
        const char c = !given && name[i] == '-' ? '_' : name[i];
        good = strchr(letters, c) != NULL;
        e->name[i] = c;
        e->upper[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return good
               ? TP_OK
               : tp_fail(TP_ERR_ARGUMENT,
                         "export: the name '%.80s', at most %d letters a to z, digits and _, a letter first, "
                         "are wanted",
                         name, EXPORT_NAME - 1);
}

/* ---- texts in C ---------------------------------------------------------------------------------------------------- */

/* A string; octal for what is not plain ASCII, and for ? (trigraphs). */
static void put_string(file_bytes *to, const char *text)
{
    export_put(to, "\"");
    for (const unsigned char *c = (const unsigned char *)(text ? text : ""); *c; c++)
        export_put(to, *c < ' ' || *c > '~' || strchr("\"\\?", *c) ? "\\%03o" : "%c", *c);
    export_put(to, "\"");
}

static bool has_names(const exporter *e)
{
    const char *unit = e->setup->config.data_options.unit;
    bool any = false;
    for (int64_t i = 0; i < e->setup->classes; i++)
        any |= e->setup->class_names[i] != NULL;
    return any && !(e->is_text && unit && !strcmp(unit, "bytes"));
}

static int64_t n_outputs(const exporter *e)
{
    return !e->is_text && e->setup->classes ? e->setup->classes : e->n_outputs;
}

static int64_t state_bytes(const exporter *e)
{
    return 4 * (1 + e->has_cell) * e->carried;
}

static int64_t buffer_bytes(const exporter *e)
{
    return 4 * (e->room[0] + e->room[1] + e->patch + 2 * e->gates) + (e->is_text ? 0 : state_bytes(e));
}

/* ---- the header ---------------------------------------------------------------------------------------------------- */

static void put_sizes(const exporter *e, file_bytes *to)
{
    static const char *const names[][3] = { { "FEATURES" },
                                            { "STEPS", "FEATURES" },
                                            { "CHANNELS", "HEIGHT", "WIDTH" } };
    int64_t n = 1;
    for (int i = 0; i < e->input.ndim; i++)
        n *= e->input.dim[i];
    for (int i = 0; i < e->input.ndim && e->input.ndim <= 3 && !e->is_text; i++)
        export_put(to, "#define %s_%s %lld\n", e->upper, names[e->input.ndim - 1][i],
                   (long long)e->input.dim[i]);
    if (!e->is_text)
        export_put(to, "#define %s_INPUTS %lld\n", e->upper, (long long)n);
    export_put(to, "#define %s_%s %lld\n", e->upper, e->setup->classes ? "CLASSES" : "VALUES",
               (long long)n_outputs(e));
}

static void put_head(const exporter *e, file_bytes *to)
{
    const char *n = e->name;
    const tp_model_info *info = tp_model_find(e->setup->config.model);
    export_put(
        to,
        "/* %s.h - a trained network in plain C99: %s.  Made by taper export.\n *\n"
        " *     cc -std=c99 -O2 %s.c %s_main.c -lm -o %s\n *\n"
        " * %lld weights, constant (%lld bytes); %lld bytes of static buffers, so one call at a time.  "
        "Nothing is allocated.\n"
        " * int has 32 bits.  %s_main.c is a program that calls it. */\n"
        "#ifndef %s_H\n#define %s_H\n\n",
        n, info ? info->title : e->setup->config.model, n, n, n, (long long)e->n_weights,
        (long long)e->n_weights * 4, (long long)buffer_bytes(e), n, e->upper, e->upper);
    export_put(to, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
}

/* A line of the comment; nothing in a name ends that. */
static void put_column(file_bytes *to, int64_t i, const char *name)
{
    export_put(to, "\n *   input[%lld]: ", (long long)i);
    for (const char *at = name; *at; at++)
        export_put(to, "%c",
                   *at == '\n' || *at == '\r' || (*at == '/' && at > name && at[-1] == '*') ? ' ' : *at);
}

static void put_classifier_interface(const exporter *e, file_bytes *to)
{
    static const char *const inputs[] = {
        "features, in the order and units of the data",
        "steps, one after the other, of features each",
        "a picture, channel after channel, row after row",
    };
    const bool classes = e->setup->classes > 0;
    const int dims = e->input.ndim < 1 ? 1 : e->input.ndim > 3 ? 3 : e->input.ndim;
    export_put(to, "/* input: %s%s.", inputs[dims - 1],
               e->setup->data_shape.ndim == 3 ? "; bytes of pictures are 0 to 1, signed ones -1 to 1" : "");
    if (e->setup->columns && dims == 1)
        export_put(to, " Of texts (column=text) the one that is there is 1, the others are 0.");
    for (int64_t i = 0; i < e->setup->columns && dims == 1; i++)
        put_column(to, i, e->setup->column_names[i]);
    if (*e->before)
        export_put(
            to, "\n * The network learned from what these steps made of the data, and wants them done: %s.",
            e->before);
    if (classes)
        export_put(to,
                   "\n * Fills the probability of each class and returns the likeliest. */\n"
                   "int %s_predict(const float *input, float *probabilities);\n",
                   e->name);
    else
        export_put(to, "\n * Fills the values. */\nvoid %s_predict(const float *input, float *values);\n",
                   e->name);
}

static void put_text_interface(const exporter *e, file_bytes *to)
{
    const char *n = e->name;
    export_put(
        to,
        "typedef struct %s_state { /* what is carried from character to character */\n    float h[%lld];\n",
        n, (long long)e->carried);
    if (e->has_cell)
        export_put(to, "    float c[%lld];\n", (long long)e->carried);
    export_put(to,
               "} %s_state;\n\nvoid %s_reset(%s_state *state); /* to the beginning of a text */\n\n"
               "/* Reads a token, 0 to %s_CLASSES - 1; fills the probability of each to be the next one and "
               "returns the\n"
               " * likeliest, or -1 where there is no such token. */\n"
               "int %s_step(%s_state *state, int token, float *probabilities);\n\n"
               "/* The token of the character at *text, behind which *text goes; -1 (and one byte): not in "
               "the vocabulary. */\n"
               "int %s_token(const char **text);\n",
               n, n, n, e->upper, n, n, n);
}

static void put_header(const exporter *e, file_bytes *to)
{
    put_head(e, to);
    put_sizes(e, to);
    if (has_names(e))
        export_put(to, "\nextern const char *const %s_class_names[%s_CLASSES];\n", e->name, e->upper);
    export_put(to, "\n");
    if (e->is_text)
        put_text_interface(e, to);
    else
        put_classifier_interface(e, to);
    export_put(to, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}

/* ---- the code -------------------------------------------------------------------------------------------------------- */

static void put_names(const exporter *e, file_bytes *to)
{
    export_put(to, "\nconst char *const %s_class_names[%s_CLASSES] = {\n", e->name, e->upper);
    for (int64_t i = 0; i < n_outputs(e); i++) {
        export_put(to, "    ");
        put_string(to, i < e->setup->classes ? e->setup->class_names[i] : NULL);
        export_put(to, ",\n");
    }
    export_put(to, "};\n");
}

static void put_buffers(const exporter *e, file_bytes *to)
{
    for (int i = 0; i < 2; i++)
        if (e->room[i])
            export_put(to, "static float %c[%lld];\n", "ab"[i], (long long)e -> room[i]);
    if (e->patch)
        export_put(to, "static float patch[%lld]; /* what a window of a convolution sees */\n",
                   (long long)e->patch);
    if (e->gates)
        export_put(
            to,
            "static float gates_x[%lld], gates_h[%lld]; /* of a step: from the input, from the state */\n",
            (long long)e->gates, (long long)e->gates);
    if (e->carried && !e->is_text) {
        export_put(to, "static struct {\n    float h[%lld];\n", (long long)e->carried);
        if (e->has_cell)
            export_put(to, "    float c[%lld];\n", (long long)e->carried);
        export_put(to, "} state; /* of the recurrent layers: zeros before a sequence */\n");
    }
}

static void put_functions(const exporter *e, file_bytes *to)
{
    export_put(to, "\n/* ---- layers: pictures are (C, H, W), sequences (T, D), row after row ---- */\n");
    for (int f = 0; f < N_EXPORT_FUNCTIONS; f++)
        if (e->used >> f & 1)
            export_put(to, "\n%s", export_functions[f].text);
}

static void put_predict(const exporter *e, file_bytes *to)
{
    const char *y = e->setup->classes ? "probabilities" : "values";
    export_put(to, "%s %s_predict(const float *input, float *%s)\n{\n", e->setup->classes ? "int" : "void",
               e->name, y);
    if (e->carried)
        export_put(to, "    memset(&state, 0, sizeof state);\n");
    export_put(to, "%.*s", (int)e->network.size, e->network.data ? (const char *)e->network.data : "");
    if (e->setup->classes)
        export_put(to, "    return softmax(%s, %s, %s_CLASSES);\n}\n", y, export_x(e), e->upper);
    else
        export_put(to, "    memcpy(%s, %s, %s_VALUES * sizeof(float));\n}\n", y, export_x(e), e->upper);
}

static void put_token(const exporter *e, file_bytes *to)
{
    export_put(to, "\nint %s_token(const char **text)\n{\n", e->name);
    if (has_names(e))
        export_put(to,
                   "    for (int i = 0; i < %s_CLASSES; i++) {\n"
                   "        const size_t n = strlen(%s_class_names[i]);\n"
                   "        if (n > 0 && strncmp(*text, %s_class_names[i], n) == 0) {\n"
                   "            *text += n;\n            return i;\n        }\n    }\n"
                   "    ++*text;\n    return -1;\n}\n",
                   e->upper, e->name, e->name);
    else
        export_put(to, "    return (unsigned char)*(*text)++;\n}\n");
}

static void put_step(const exporter *e, file_bytes *to)
{
    export_put(to, "void %s_reset(%s_state *state)\n{\n    memset(state, 0, sizeof *state);\n}\n\n", e->name,
               e->name);
    export_put(to,
               "int %s_step(%s_state *state, int token, float *probabilities)\n{\n"
               "    if (token < 0 || token >= %s_CLASSES)\n        return -1;\n%.*s"
               "    return softmax(probabilities, %s, %s_CLASSES);\n}\n",
               e->name, e->name, e->upper, (int)e->network.size,
               e->network.data ? (const char *)e->network.data : "", export_x(e), e->upper);
    put_token(e, to);
}

static void put_code(const exporter *e, file_bytes *to)
{
    const bool string = e->carried || !e->setup->classes;
    export_put(
        to,
        "/* %s.c - a trained network in plain C99.  Made by taper export; %s.h says how it is called.\n *\n"
        " * A layer is a line of %s_%s, with its name and the shapes of what goes in and comes out. */\n"
        "#include \"%s.h\"\n\n#include \"%s_weights.h\"\n\n#include <math.h>\n%s\n",
        e->name, e->name, e->name, e->is_text ? "step" : "predict", e->name, e->name,
        string ? "#include <string.h>\n" : "");
    put_buffers(e, to);
    if (has_names(e))
        put_names(e, to);
    put_functions(e, to);
    export_put(to, "\n/* ---- the network ---- */\n\n");
    if (e->is_text)
        put_step(e, to);
    else
        put_predict(e, to);
}

/* ---- the program that calls it ---------------------------------------------------------------------------------------- */

static const char classifier_program[] = "    static float input[%s_INPUTS], y[%s_%s];\n"
                                         "    int n = 0;\n"
                                         "    while (scanf(\"%%f\", &input[n]) == 1) {\n"
                                         "        if (++n < %s_INPUTS)\n"
                                         "            continue;\n"
                                         "        n = 0;\n";

static const char text_program[] =
    "/* The next token by its probability. */\n"
    "static int draw(const float *probabilities)\n{\n"
    "    float left = (float)(rand() / (RAND_MAX + 1.0));\n"
    "    for (int i = 0; i < %s_CLASSES; i++) {\n"
    "        if (left < probabilities[i])\n"
    "            return i;\n"
    "        left -= probabilities[i];\n"
    "    }\n"
    "    return 0;\n}\n\n"
    "int main(int argc, char **argv)\n{\n"
    "    static %s_state state;\n"
    "    static float probabilities[%s_CLASSES];\n"
    "    const char *text = argc > 1 ? argv[1] : \"\";\n"
    "    int known = -1;\n"
    "    %s_reset(&state);\n"
    "    while (*text)\n"
    "        known = %s_step(&state, %s_token(&text), probabilities) >= 0 ? 0 : known;\n"
    "    if (known < 0) {\n"
    "        fprintf(stderr, \"a text to go on with is wanted, of characters that the network knows\\n\");\n"
    "        return 2;\n"
    "    }\n"
    "    for (int i = 0; i < 200; i++) {\n"
    "        const int token = draw(probabilities);\n";

static void put_program(const exporter *e, file_bytes *to)
{
    const char *n = e->name, *u = e->upper;
    const bool classes = e->setup->classes > 0;
    export_put(to, "/* %s_main.c - calls %s.c: %s */\n#include \"%s.h\"\n\n#include <stdio.h>\n%s\n", n, n,
               e->is_text ? "goes on with the text that is its argument."
                          : "reads examples as numbers from standard input; a line of answer for each.",
               n, e->is_text ? "#include <stdlib.h>\n" : "");
    if (e->is_text) {
        export_put(to, text_program, u, n, u, n, n, n);
        if (has_names(e))
            export_put(to, "        fputs(%s_class_names[token], stdout);\n", n);
        else
            export_put(to, "        putchar(token);\n");
        export_put(
            to,
            "        %s_step(&state, token, probabilities);\n    }\n    putchar('\\n');\n    return 0;\n}\n",
            n);
        return;
    }
    export_put(to, "int main(void)\n{\n");
    export_put(to, classifier_program, u, u, classes ? "CLASSES" : "VALUES", u);
    if (!classes)
        export_put(to, "        %s_predict(input, y);\n        printf(\"%%.6g\\n\", (double)y[0]);\n", n);
    else if (has_names(e))
        export_put(to,
                   "        const int best = %s_predict(input, y);\n"
                   "        printf(\"%%s %%.4f\\n\", %s_class_names[best], (double)y[best]);\n",
                   n, n);
    else
        export_put(to,
                   "        const int best = %s_predict(input, y);\n"
                   "        printf(\"%%d %%.4f\\n\", best, (double)y[best]);\n",
                   n);
    export_put(to, "    }\n    return 0;\n}\n");
}

/* ---- all files --------------------------------------------------------------------------------------------------------- */

static tp_status write_file(const exporter *e, const char *folder, const char *ending, const file_bytes *text)
{
    char name[EXPORT_NAME + 32], path[PATH_MAX];
    snprintf(name, sizeof name, "%s%s", e->name, ending);
    return folder_path(path, folder, name) ? tp_error_pending() : file_write(path, text->data, text->size);
}

static tp_status make_texts(exporter *e, const tp_transform *transform, sources *s)
{
    export_put(&e->weights, "/* %s_weights.h - the numbers of %s.c, to the last bit. */\n", e->name, e->name);
    const tp_model_info *info = tp_model_find(e->setup->config.model);
    if ((!e->is_text && export_transform(e, transform)) || export_layers(e))
        return tp_error_pending();
    if (e->setup->classes)
        export_use(e, F_SOFTMAX);
    if (info && info->input == TP_INPUT_SEQUENCE && e->input.ndim == 3 && e->input.dim[0] == 1)
        e->input = TP_SHAPE(e->input.dim[1], e->input.dim[2]); /* rows of one channel are steps */
    put_header(e, &s->header);
    put_code(e, &s->code);
    put_program(e, &s->program);
    return tp_error_pending();
}

static tp_status write_all(const exporter *e, const char *folder, const sources *s)
{
    if (folder_make(folder) || write_file(e, folder, "_weights.h", &e->weights) ||
        write_file(e, folder, ".h", &s->header) || write_file(e, folder, ".c", &s->code) ||
        write_file(e, folder, "_main.c", &s->program))
        return tp_error_pending();
    return TP_OK;
}

static tp_export_result result_of(const exporter *e, const sources *s)
{
    tp_export_result r = { .weights = e->n_weights,
                           .buffer_bytes = buffer_bytes(e),
                           .state_bytes = e->is_text ? state_bytes(e) : 0,
                           .text_bytes = (int64_t)(s->header.size + s->code.size + s->program.size) };
    memcpy(r.name, e->name, sizeof r.name);
    return r;
}

tp_status tp_run_export_c_opt(tp_run *run, const char *folder, tp_export_result *result,
                              const tp_export_options *options)
{
    TP_SCOPE;
    TP_NO_GRAD;
    if (tp_pending())
        return tp_error_pending();
    if (!run || !folder || !*folder || !options)
        return tp_fail(TP_ERR_ARGUMENT, "export: the run, the folder or the options are NULL");
    if (run->setup->tokenizer)
        return tp_fail(TP_ERR_UNSUPPORTED, "export: there is no C for a tokenizer, whose tokens %s learned",
                       run->setup->config.out);
    const tp_model_info *info = tp_model_find(run->setup->config.model);
    exporter e = {
        .setup = run->setup, .net = run->net, .is_text = info && info->input == TP_INPUT_TEXT, .at = -1
    };
    sources s = { 0 };
    if (take_name(&e, options->name) || tp_fuse(run->net))
        return tp_error_pending();
    e.tensors = tp_state_dict(run->net);
    if (!make_texts(&e, run->transform, &s) && !write_all(&e, folder, &s) && result)
        *result = result_of(&e, &s);
    file_bytes_free(&e.weights);
    file_bytes_free(&e.network);
    file_bytes_free(&s.header);
    file_bytes_free(&s.code);
    file_bytes_free(&s.program);
    return tp_error_pending();
}

/* cli.h - what the files of the command line share: verbs, options, the values parsed, exit codes.
 *
 * Two tables (verbs.def, options.def) describe the whole program; parsing, help, completion and manual read them.
 * Layer: cli.  Depends on <taper/...> only.  Read next: main.c, options.c. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>
#include <taper/models.h>
#include <taper/text.h>
#include <taper/train.h>

/* ---- Exit codes: the table that help and manual print is in help.c --------------------------------- */

enum {
    EXIT_FINE = 0,
    EXIT_WORK = 1,  /* the work failed */
    EXIT_USAGE = 2, /* unknown option, bad value, missing argument */
    EXIT_INPUT = 3, /* a file or data is missing or malformed */
    EXIT_MEMORY = 4,
    EXIT_OUTPUT = 5,   /* standard output or the disk cannot be written */
    EXIT_SIGNAL = 128, /* plus the signal's number */
};

typedef struct exit_meaning {
    const char *code, *meaning;
} exit_meaning;
extern const exit_meaning exit_meanings[]; /* ends with a NULL code */

/* ---- Verbs ----------------------------------------------------------------------------------------- */

typedef struct cli cli;

typedef enum words_kind {
    WORDS_NONE,
    WORDS_MODELS,
    WORDS_FOLDERS,
    WORDS_FILES,
    WORDS_MODELS_FOLDERS,
    WORDS_OPS,
    WORDS_VERBS,
    WORDS_SHELLS,
    WORDS_PLOTS,
    WORDS_SHOWS,
    WORDS_HUB,
    WORDS_TASKS
} words_kind;

typedef struct verb {
    const char *name, *usage;
    int min_words, max_words; /* max 0 with min > 0: no limit */
    words_kind words;
    const char *title, *text, *examples;
    int (*run)(cli *);
} verb;

enum {
#define VERB(name, ...) VERB_##name,
#include "cli/verbs.def"
#undef VERB
    N_VERBS
};
enum {
#define VERB(name, ...) IN_##name = 1 << VERB_##name,
#include "cli/verbs.def"
#undef VERB
    IN_ALL = (1 << N_VERBS) - 1
};
#define VERB(name, ...) int verb_##name(cli *);
#include "cli/verbs.def"
#undef VERB

extern const verb verbs[N_VERBS];
const char *verb_name_at(int i);         /* NULL past the end, as every list of names here */
const verb *verb_find(const char *name); /* NULL if there is none */

/* ---- Options --------------------------------------------------------------------------------------- */

typedef enum arg_kind {
    ARG_FLAG,
    ARG_COUNT,
    ARG_INT,
    ARG_SEED,
    ARG_REAL,
    ARG_TEXT,
    ARG_NAME,
    ARG_PATH,
    ARG_FOLDER,
    ARG_CHAR,
    ARG_LIST
} arg_kind;

typedef const char *choice_fn(int i);

typedef struct option {
    const char *name;
    char letter; /* 0: none */
    arg_kind kind;
    const char *place;
    int verbs;
    const char *group;
    size_t field;       /* of struct cli, */
    const char *member; /* and its name */
    const char *range;
    choice_fn *choice;
    const char *help;
} option;

extern const option options[];
extern const int n_options;
enum { MAX_OPTIONS = 200, MAX_ATTRIBUTES = 32 };

typedef struct serve_options {
    const char *host;
    int port;
    int64_t max_body, queue, connections; /* bytes; requests that wait; that are open at once */
    double timeout, request_timeout;      /* seconds: until an answer, and until a request is here */
} serve_options;

/* What the command line said. */
struct cli {
    const verb *verb;
    char **words;
    int n_words;
    const char *given[MAX_OPTIONS];    /* by option: its value's text; "" for a flag; NULL: not given */
    unsigned char source[MAX_OPTIONS]; /* of what is given: an option_source */
    int64_t milestones[256];
    const char *config, *model;
    tp_train_config train;
    tp_generate_options generate;
    tp_decode_options decode;
    tp_tokenizer_train_options tokenizer;
    const char *resume, *part, *header, *out, *key, *grad, *grad_out, *backward_of, *layer, *label, *name,
        *surface;
    int64_t top, steps, depth;
    int threads;
    bool from_ids, pieces, count, lines, no_special, plain, keep_special; /* tokenize */
    const char *prompts;                                                  /* generate: a file */
    const char *words_tokenizer;                                          /* generate */
    serve_options serve;
    bool once; /* watch */
    bool log_probability;
    const char *revision, *local_dir, *include; /* hub */
    bool ask_hub;                               /* doctor */
    bool train_steps, json, man, list, markdown, help;
    const char *attribute_names[MAX_ATTRIBUTES], *attribute_texts[MAX_ATTRIBUTES]; /* op: "--stride 2" */
    int n_attributes;
};

int parse_command(cli *, const verb *, int argc, char **argv); /* 0, or an exit code after a message */
bool option_given(const cli *, const char *name);
const option *option_of_verb(const verb *, const char *name); /* NULL if it has none of that name */

/* Where a value comes from.  The first goes before the second, the second before the third. */
typedef enum option_source { FROM_OPTION, FROM_WORD, FROM_FILE } option_source;

/* as: how messages name it, such as "--lr". */
int set_option(cli *, const option *, const char *text, const char *as, option_source);

bool is_setting(const cli *, const char *word); /* "lr=0.01", where the verb takes --config */
int take_setting(cli *, char *word);
int take_config(cli *); /* the file that --config names */

/* An option that is in no table: an attribute of the operation that `taper op` was told to run. */
int op_option(cli *, const char *name, size_t length, const char *value, const char *next, int *used);

const char *header_choice(int i);
const char *backward_choice(int i);
const char *op_choice(int i);
const char *part_choice(int i);
const char *bad_image_choice(int i);
const char *bad_text_choice(int i);
const char *unit_choice(int i);
const char *token_choice(int i);
const char *missing_choice(int i);
const char *level_choice(int i);
const char *dtype_choice(int i);
const char *model_choice(int i);
const char *shell_choice(int i);
const char *plot_choice(int i);
const char *show_choice(int i);
const char *hub_choice(int i);
const char *surface_choice(int i);
const char *tokenizer_choice(int i);
const char *task_choice(int i);
int no_model(
    const char *name); /* says that there is none by that name, and which one might be meant; EXIT_USAGE */

int forecast_files(cli *, tp_run *);    /* of a series */
int label_words(cli *, tp_run *);       /* of labelled texts */
int fill_masks_of_run(cli *, tp_run *); /* of texts with hidden tokens */
int fill_masks_of_pretrained(cli *);
int translate_words(cli *, tp_run *); /* taper predict of a run of pairs */
int train_tokenizer(cli *);           /* `taper train tokenizer` */

/* Where *path is "hf:ORG/NAME[@REVISION][/FILE]", downloads what a network is loaded from, or FILE, and makes it the path of the folder,
 * or of FILE; of_weights: the file of weights in that folder.  An exit code. */
int fetch_from_hub(const char **path, bool of_weights);

void print_overview(FILE *);
void print_help(FILE *, const verb *);
void print_man(FILE *);
void print_man_verb(FILE *, const verb *);

/* ---- Saying what is wrong -------------------------------------------------------------------------- */

void complain(const char *format, ...) TP_PRINTF(1, 2);   /* "taper: ..." on stderr, always one line */
int usage_error(const char *format, ...) TP_PRINTF(1, 2); /* the same; EXIT_USAGE */
int out_of_memory(void);                                  /* says so; EXIT_MEMORY */
int check_png(const cli *, const char *who);              /* 0, or usage_error: -o has to name a .png */
int library_error(
    void); /* prints notes, takes the pending error, complains, returns its exit code; 0 if none is pending */
int error_exit_code(tp_status, const char *text);
void take_notes(void);          /* from now on the library's remarks are kept, */
void print_notes(void);         /* and those that are new complained of, each once */
void close_progress_line(void); /* a message is about to be printed: leave the bar's line */

/* ---- Texts, a line each (lines.c) ------------------------------------------------------------------ */

typedef struct line_list {
    char **lines; /* without their ends */
    int64_t n, room;
} line_list;
bool lines_add(line_list *, const char *text);      /* false, as below: no memory */
bool lines_read(line_list *, FILE *, int64_t most); /* the next ones, fewer than most at the end */
void lines_free(line_list *);

#endif

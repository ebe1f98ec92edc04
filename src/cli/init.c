/* init.c - `taper init TASK`: a configuration to begin with, for `taper train --config`.
 *
 * A task is a list of keys with values; what each means stands above it, from the table of options, in that table's order.
 * Layer: cli.  Depends on cli.h, text.h.  Read next: config.c, options.def. */
#include "cli/cli.h"
#include "cli/text.h"

#include <errno.h>
#include <string.h>

typedef struct init_task {
    const char *name, *title, *data; /* data: what --data has to be */
    const char *keys;                /* "key = value" lines; those with # in front are off */
} init_task;

static const init_task tasks[] = {
    { "image-classification", "says what pictures show",
      "a folder of pictures by class (photos/cat/1.jpg, photos/dog/7.png), with or without train/ and test/ "
      "above the classes; or a folder with MNIST's or CIFAR's files",
      "model = resnet18\ndata = photos\nout = runs/photos\nepochs = 30\nbatch = 64\nseed = 0\n#limit = 1000\n"
      "#early-stop = 5\n#tensorboard = board/photos\noptim = adamw\nlr = 1e-3\nweight-decay = 0.05\n"
      "label-smoothing = 0.1\n#ema = 0.999\n#balance = true\n#init = resnet18.safetensors\n#init-except = "
      "fc\n"
      "#freeze = layer1,layer2\n#lr-of = \"layer*=0.1\"\nschedule = cosine\nwarmup = 1\n"
      "augment = \"randomresizedcrop=224 hflip\"\n#on-bad-image = skip\n#stem = cifar\n#dropout = 0.2\n" },
    { "table", "says which class a row of a table is of",
      "a .csv file; the last column is the class unless target names another",
      "model = mlp\ndata = table.csv\nout = runs/table\nepochs = 50\nbatch = 32\nseed = 0\n#early-stop = 10\n"
      "#tensorboard = board/table\noptim = adam\nlr = 1e-3\n#weight-decay = 1e-4\n#balance = true\n"
      "schedule = cosine\n#target = species\n#delimiter = tab\n#header = yes\nhidden = 64,32\n"
      "activation = relu\ndropout = 0.1\n" },
    { "regression", "says a number for a row of a table",
      "a .csv file; the last column is the number unless target names another",
      "model = mlp\ndata = table.csv\nout = runs/regression\nepochs = 100\nbatch = 32\nseed = 0\n"
      "#early-stop = 10\n#tensorboard = board/regression\noptim = adam\nlr = 1e-3\n#weight-decay = 1e-4\n"
      "schedule = cosine\n#target = price\n#delimiter = tab\n#header = yes\nregression = true\n"
      "hidden = 64,32\nactivation = relu\n#dropout = 0.1\n" },
    { "text-classification", "says of which class a text is",
      "a text file, a text and its class in a line with a tab between them",
      "model = transformer-text-classifier\ndata = reviews.txt\nout = runs/reviews\nepochs = 10\nbatch = 32\n"
      "seed = 0\n#early-stop = 3\n#tensorboard = board/reviews\noptim = adamw\nlr = 3e-4\n"
      "weight-decay = 0.01\nclip-norm = 1\n#balance = true\nschedule = cosine\nwarmup = 0.5\n"
      "source-unit = words\n#tokenizer = tokenizer.json\nlayers = 2\nheads = 4\ndim = 128\ndropout = 0.1\n" },
    { "language-model", "goes on with a text",
      "a text file, or a .jsonl file with a document in a field of each line",
      "model = transformer-lm\ndata = book.txt\nout = runs/book\nepochs = 10\nbatch = 32\nseed = 0\n"
      "#checkpoint-steps = 1000\n#tensorboard = board/book\n#dtype = bf16\noptim = adamw\nlr = 1e-3\n"
      "weight-decay = 0.1\nno-decay = norms,biases\nclip-norm = 1\nschedule = cosine\nwarmup = 0.2\n"
      "window = 128\n#tokenizer = tokenizer.json\n#field = text\nposition = rope\nnorm = rms\n"
      "activation = swiglu\nlayers = 4\nheads = 4\ndim = 128\ndropout = 0.1\n" },
    { "forecast", "says how series go on",
      "a .csv file, a row a time in order, with or without a column of dates",
      "model = forecaster\ndata = series.csv\nout = runs/series\nepochs = 20\nbatch = 64\nseed = 0\n"
      "early-stop = 5\n#tensorboard = board/series\noptim = adam\nlr = 1e-3\nschedule = cosine\n"
      "#target = sales\nwindow = 48\nhorizon = 12\n#columns = sales,price\n#date = day\nmissing = linear\n"
      "test-share = 0.2\n#season = 7\nquantiles = 0.1,0.5,0.9\ncell = gru\nhidden = 64\nlayers = 1\n" },
    { "translation", "makes a sequence of another",
      "a text file, a source and its target in a line with a tab between them",
      "model = transformer\ndata = pairs.tsv\nout = runs/pairs\nepochs = 20\nbatch = 64\nseed = 0\n"
      "#early-stop = 3\n#tensorboard = board/pairs\noptim = adam\nlr = 5e-4\nclip-norm = 1\n"
      "label-smoothing = 0.1\nbeam = 4\n#scheduled-sampling = 0.2\nschedule = inverse_sqrt\nwarmup = 1\n"
      "source-unit = chars\ntarget-unit = words\nlayers = 3\nheads = 4\ndim = 128\n#copy = true\n"
      "dropout = 0.1\n" },
};
enum { N_TASKS = sizeof tasks / sizeof *tasks };

const char *task_choice(int i)
{
    return i < N_TASKS ? tasks[i].name : NULL;
}

/* ---- the file -------------------------------------------------------------------------------------- */

/* A comment of at most 80 columns, each line with # in front. */
static void print_comment(FILE *to, const char *text)
{
    int column = 0;
    while (*text) {
        const int length = (int)strcspn(text, " ");
        if (column && column + 1 + length > 80) {
            fputc('\n', to);
            column = 0;
        }
        column += fprintf(to, "%s%.*s", column ? " " : "# ", length, text);
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

static void print_meaning(FILE *to, const option *o)
{
    char text[1024];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", o->help);
    for (int i = 0; o->choice && o->choice(i); i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : ": ", o->choice(i));
    print_comment(to, text);
}

/* The line of a key in a task; NULL if it has none. */
static const char *line_of(const char *keys, const char *name)
{
    const size_t n = strlen(name);
    for (const char *line = keys; *line; line = strchr(line, '\n') + 1) {
        const char *key = line + (*line == '#');
        if (!strncmp(key, name, n) && key[n] == ' ')
            return line;
    }
    return NULL;
}

static void print_key(FILE *to, const option *o, const char *line)
{
    print_meaning(to, o);
    fprintf(to, "%.*s\n", (int)strcspn(line, "\n"), line);
}

static void print_task(FILE *to, const init_task *t, const char *file)
{
    const char *group = "";
    const option *model = option_of_verb(&verbs[VERB_train], "model");
    const char *named = line_of(t->keys, "model");
    fprintf(to, "# %s: %s.\n#\n", t->name, t->title);
    fprintf(to, "#   taper train --config %s\n", file);
    fprintf(to, "#   taper train --config %s lr=3e-3 epochs=5\n#\n", file);
    print_comment(
        to, "A line is key = value; # begins a comment, and a line that loses its # counts. Keys are the "
            "options of taper train, which 'taper help train' lists. docs/config.md says the rest.");
    fprintf(to, "\n%.*s\n", (int)strcspn(named, "\n"), named);
    for (int i = 0; i < n_options; i++) {
        const option *o = &options[i];
        const char *line = o->verbs & IN_train && o != model ? line_of(t->keys, o->name) : NULL;
        if (!line)
            continue;
        if (strcmp(group, o->group) != 0)
            fprintf(to, "\n# ---- %s ----\n", o->group);
        group = o->group;
        fputc('\n', to);
        if (!strcmp(o->name, "data")) {
            print_comment(to, t->data);
            fprintf(to, "%.*s\n", (int)strcspn(line, "\n"), line);
        } else {
            print_key(to, o, line);
        }
    }
}

/* ---- the verb -------------------------------------------------------------------------------------- */

static const init_task *find_task(const char *name)
{
    for (int i = 0; i < N_TASKS; i++)
        if (!strcmp(tasks[i].name, name))
            return &tasks[i];
    return NULL;
}

static int no_task(const char *name)
{
    char all[256] = "";
    const char *meant = nearest_name(name, task_choice);
    if (meant)
        return usage_error("no task '%s'; did you mean '%s'?", name, meant);
    for (int i = 0; i < N_TASKS; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", tasks[i].name);
    return usage_error("no task '%s'; there are %s", name, all);
}

int verb_init(cli *c)
{
    const init_task *t = find_task(c->words[0]);
    if (!t)
        return no_task(c->words[0]);
    if (!c->out) {
        print_task(stdout, t, "FILE");
        return EXIT_FINE;
    }
    FILE *to = fopen(c->out, "wx");
    if (!to) {
        complain("%s: cannot write: %s", c->out, strerror(errno));
        return errno == ENOSPC || errno == EDQUOT ? EXIT_OUTPUT : EXIT_INPUT;
    }
    print_task(to, t, c->out);
    const bool failed = ferror(to) != 0;
    if (fclose(to) || failed) {
        complain("%s: cannot write: %s", c->out, strerror(errno));
        return EXIT_OUTPUT;
    }
    printf("%s  a configuration for %s\n\ntry next  taper train --config %s data=PATH\n", c->out, t->name,
           c->out);
    return EXIT_FINE;
}

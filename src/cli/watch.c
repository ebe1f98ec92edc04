/* watch.c - `taper watch DIR...`: how far trainings are that run elsewhere.
 *
 * Only the run folder is read: config.json for what is wanted, metrics.jsonl for what has been.  Its last line may be half written, and is
 * not looked at before it ends.  That a process trains there, the folder's lock tells (docs/runs.md).  Between two epochs the bar goes by
 * the clock.  Frames are drawn in the terminal's second screen; the last one stays in the first.
 * Layer: cli.  Depends on text.h, scan.h.  Read next: progress.c. */
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/scan.h"
#include "cli/text.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <taper/plot.h>
#include <time.h>
#include <unistd.h>

enum { NARROWEST = 20, LARGEST_CONFIG = 8 << 20 };

typedef struct watched {
    const char *folder;
    char model[64], data[256];
    int64_t epochs; /* wanted */
    bool trains;
    int64_t n, room, best; /* epochs so far; which of them is best, -1: none */
    double *train_loss, *test_loss, *train_right, *test_right, *seconds;
    double rate, written; /* examples a second of the last; when its line came, by the wall clock */
} watched;

/* ---- reading ----------------------------------------------------------------------------------------------- */

static bool somebody_trains(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (fd >= 0)
        close(fd); /* and the lock goes, if we got it */
    return locked;
}

/* A file's text, to free; NULL if it cannot be read. */
static char *text_of(const char *folder, const char *name)
{
    char path[4096];
    struct stat info;
    FILE *f = path_of(path, sizeof path, folder, name) ? fopen(path, "r") : NULL;
    char *text = f && !fstat(fileno(f), &info) && info.st_size < LARGEST_CONFIG
                     ? malloc((size_t)info.st_size + 1)
                     : NULL;
    if (text)
        text[fread(text, 1, (size_t)info.st_size, f)] = 0;
    if (f)
        fclose(f);
    return text;
}

static int read_config(watched *w)
{
    char *text = text_of(w->folder, "config.json");
    const double epochs = text ? scan_number(text, "epochs") : NAN;
    if (!(epochs >= 1) || !scan_text(text, "model", w->model, sizeof w->model)) {
        free(text);
        complain("%s: %s", w->folder,
                 text ? "its config.json is not that of a run" : "no run folder: it has no config.json");
        return EXIT_INPUT;
    }
    if (!scan_text(text, "data", w->data, sizeof w->data))
        *w->data = 0;
    w->epochs = (int64_t)epochs;
    free(text);
    return 0;
}

static bool make_room(watched *w, int64_t n)
{
    double **lists[] = { &w->train_loss, &w->test_loss, &w->train_right, &w->test_right, &w->seconds };
    const int64_t room = 2 * n + 1;
    if (n <= w->room)
        return true;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        double *more = realloc(*lists[i], (size_t)room * sizeof *more);
        if (!more)
            return false;
        *lists[i] = more;
    }
    w->room = room;
    return true;
}

static void take_epochs(watched *w, const tp_history *h)
{
    w->best = -1;
    w->n = h->n;
    for (int64_t i = 0; i < h->n; i++) {
        const tp_epoch *e = &h->epochs[i];
        w->train_loss[i] = e->train_loss;
        w->test_loss[i] = e->test_loss;
        w->train_right[i] = 100 * e->train_accuracy;
        w->test_right[i] = 100 * e->test_accuracy;
        w->seconds[i] = e->seconds;
        w->rate = e->examples_per_second;
        w->best = e->is_best ? i : w->best;
    }
}

/* There is none before the first epoch has ended. */
static int read_metrics(watched *w)
{
    char path[4096];
    struct stat info;
    tp_history history = { 0 };
    const bool there = path_of(path, sizeof path, w->folder, "metrics.jsonl") && !stat(path, &info);
    int code = EXIT_FINE;
    if (there && tp_history_read(w->folder, &history))
        code = library_error();
    else if (!make_room(w, history.n))
        code = out_of_memory();
    else
        take_epochs(w, &history);
    if (there)
        w->written = (double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec;
    tp_history_free(&history);
    return code;
}

/* The lock first: an epoch that ends in between is then in the file. */
static int look_at(watched *w)
{
    w->trains = somebody_trains(w->folder);
    const int code = read_config(w);
    return code ? code : read_metrics(w);
}

static void forget(watched *w)
{
    free(w->train_loss);
    free(w->test_loss);
    free(w->train_right);
    free(w->test_right);
    free(w->seconds);
}

/* ---- a frame -------------------------------------------------------------------------------------------------- */

typedef struct frame {
    FILE *to;
    int columns, column; /* column: where the line of facts has come to */
} frame;

/* A line of its own, cut where the terminal ends. */
static void put_line(frame *f, const char *style, const char *text)
{
    fputs(style, f->to);
    if (text_columns(text) > f->columns)
        print_padded(f->to, text, f->columns);
    else
        fputs(text, f->to);
    fprintf(f->to, "%s\n", *style ? no_style(stdout) : "");
}

/* One of several facts, two blanks between them, as many in a line as there is room for. */
static void put_fact(frame *f, const char *format, ...) TP_PRINTF(2, 3);
static void put_fact(frame *f, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const int wide = text_columns(text);
    if (f->column && f->column + 2 + wide > f->columns) {
        fputc('\n', f->to);
        f->column = 0;
    }
    fprintf(f->to, "%s%s", f->column ? "  " : "", text);
    f->column += wide + (f->column ? 2 : 0);
}

static void end_facts(frame *f)
{
    if (f->column)
        fputc('\n', f->to);
    f->column = 0;
}

/* Seconds of an epoch: the mean of the last three. */
static double pace(const watched *w)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = w->n - 1; i >= 0 && n < 3; i--, n++)
        sum += w->seconds[i];
    return n ? sum / (double)n : NAN;
}

/* Epochs with the part of the one under way, by the clock; one that takes longer than those before it is never quite done. */
static double epochs_done(const watched *w)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const double since = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - w->written, part = since / pace(w);
    return (double)w->n + (w->trains && w->n < w->epochs && part > 0 ? fmin(part, 0.99) : 0);
}

static const char *state_of(const watched *w, char *text, size_t room)
{
    if (w->trains)
        snprintf(text, room, "training");
    else if (w->n >= w->epochs)
        snprintf(text, room, "done");
    else
        snprintf(text, room, "ended before epoch %lld", (long long)w->n + 1);
    return text;
}

static void put_figures(frame *f, const watched *w)
{
    const int64_t last = w->n - 1;
    char rate[TEXT_ROOM], each[TEXT_ROOM], left[TEXT_ROOM];
    put_fact(f, "loss %.4f", w->train_loss[last]);
    put_fact(f, "test %.4f", w->test_loss[last]);
    if (isfinite(w->test_right[last])) {
        put_fact(f, "right %.2f %%", w->train_right[last]);
        put_fact(f, "test %.2f %%", w->test_right[last]);
    }
    end_facts(f);
    if (w->best >= 0) {
        put_fact(f, isfinite(w->test_right[w->best]) ? "best %.2f %%" : "best %.4f",
                 isfinite(w->test_right[w->best]) ? w->test_right[w->best] : w->test_loss[w->best]);
        put_fact(f, "in epoch %lld", (long long)w->best + 1);
    }
    put_fact(f, "%s/s", text_count(rate, isfinite(w->rate) ? (int64_t)w->rate : 0));
    put_fact(f, "%s an epoch", text_duration(each, pace(w)));
    if (w->trains)
        put_fact(f, "%s left", text_duration(left, fmax(0, ((double)w->epochs - epochs_done(w)) * pace(w))));
    end_facts(f);
}

static void put_chart(const frame *f, const char *title, const double *train, const double *test, int64_t n,
                      int rows)
{
    double *epochs = malloc((size_t)n * sizeof *epochs);
    if (!epochs)
        return;
    for (int64_t i = 0; i < n; i++)
        epochs[i] = (double)i + 1;
    const tp_plot_series series[] = {
        { .name = "test", .x = epochs, .y = test, .n = n },
        { .name = "train", .x = epochs, .y = train, .n = n, .kind = TP_PLOT_POINTS }
    };
    tp_plot_panel panel = { .title = title, .x = { .whole = true }, .series = series, .n_series = 2 };
    const tp_plot plot = { .panels = &panel, .n_panels = 1 };
    tp_plot_text(&plot, f->to, .columns = f->columns, .rows = rows, .colours = colour_on(stdout),
                 .ascii = !speaks_utf8());
    free(epochs);
}

/* rows: for each of its charts; 0: none */
static void put_run(frame *f, const watched *w, int rows)
{
    char text[512], state[64], head[64];
    const double part = epochs_done(w) / (double)w->epochs;
    snprintf(text, sizeof text, "%s  %s on %s", w->folder, w->model, w->data);
    put_line(f, bold(stdout), text);
    snprintf(text, sizeof text, "%s", state_of(w, state, sizeof state));
    snprintf(head, sizeof head, "epoch %lld/%lld  ",
             (long long)(w->trains && w->n < w->epochs ? w->n + 1 : w->n), (long long)w->epochs);
    const int bar = f->columns - text_columns(head) - 2 - text_columns(text);
    if (bar >= 8) {
        fputs(head, f->to);
        print_bar(f->to, fmin(part, 1), bar < 40 ? bar : 40);
        fprintf(f->to, "  %s\n", text);
    } else {
        put_fact(f, "%.*s", (int)strlen(head) - 2, head);
        put_fact(f, "%s", text);
        end_facts(f);
    }
    if (w->n == 0) {
        put_line(f, dimmed(stdout), w->trains ? "the first epoch is under way" : "no epoch was finished");
        return;
    }
    put_figures(f, w);
    if (rows)
        put_chart(f, "loss", w->train_loss, w->test_loss, w->n, rows);
    if (rows && isfinite(w->test_right[w->n - 1]))
        put_chart(f, "right, %", w->train_right, w->test_right, w->n, rows);
}

/* All runs as a text, to free; NULL: out of memory. */
static char *frame_of(const watched *runs, int n, int columns, int lines)
{
    enum {
        FACTS = 5,
        CHARTS = 2,
        AROUND = 4
    }; /* lines of a run without charts, with the blank one behind it; around a chart's rows */
    char *text = NULL;
    size_t size;
    frame f = { open_memstream(&text, &size), columns < NARROWEST ? NARROWEST : columns, 0 };
    const int left = lines / n - FACTS - (columns < 60 ? 3 : 0), rows = left / CHARTS - AROUND;
    if (!f.to)
        return NULL;
    for (int i = 0; i < n; i++) {
        if (i)
            fputc('\n', f.to);
        put_run(&f, &runs[i], rows < 2 ? 0 : rows > 8 ? 8 : rows);
    }
    fclose(f.to);
    return text;
}

/* ---- the terminal ----------------------------------------------------------------------------------------------- */

static void size_of_terminal(int *columns, int *lines)
{
    struct winsize size;
    const bool known = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col;
    const char *said = getenv("COLUMNS");
    *columns = known ? size.ws_col : said && atoi(said) > 0 ? atoi(said) : 80;
    *lines = known && size.ws_row ? size.ws_row : 24;
}

/* In place of what stands there, as many lines as fit. */
static void draw(const char *text, int lines)
{
    fputs("\033[H", stdout);
    for (int i = 0; i < lines - 1 && *text; i++) {
        const size_t length = strcspn(text, "\n");
        printf("%.*s\033[K\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
    fputs("\033[J", stdout);
    fflush(stdout);
}

static void on_resize(int number)
{
    (void)number; /* the pause ends */
}

/* Draws until all have ended or a signal comes. */
static int watch_live(watched *runs, int n)
{
    int code = 0;
    struct sigaction action = { .sa_handler = on_resize };
    sigemptyset(&action.sa_mask);
    sigaction(SIGWINCH, &action, NULL);
    catch_signals();
    fputs("\033[?1049h\033[?25l", stdout);
    for (bool trains = true; trains && !code && !caught_signal() && !ferror(stdout);) {
        int columns, lines;
        trains = false;
        for (int i = 0; i < n && !code; i++) {
            code = look_at(&runs[i]);
            trains = trains || runs[i].trains;
        }
        size_of_terminal(&columns, &lines);
        char *text = code ? NULL : frame_of(runs, n, columns, lines);
        if (text)
            draw(text, lines);
        free(text);
        if (trains)
            nanosleep(&(struct timespec){ .tv_nsec = 500000000 }, NULL);
    }
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    return code;
}

int verb_watch(cli *c)
{
    const int n = c->n_words;
    const char *term = getenv("TERM");
    const bool live = !c->once && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
    watched *runs = calloc((size_t)n, sizeof *runs);
    int code = runs ? 0 : EXIT_MEMORY, columns, lines;
    for (int i = 0; i < n && !code;
         i++) { /* before the screen changes: what cannot be watched is told in the first */
        runs[i].folder = c->words[i];
        code = look_at(&runs[i]);
    }
    if (!code && live)
        code = watch_live(runs, n);
    size_of_terminal(&columns, &lines);
    char *text = code ? NULL : frame_of(runs, n, columns, live ? lines : 24 * n);
    if (text)
        fputs(text, stdout);
    free(text);
    for (int i = 0; i < n && runs; i++)
        forget(&runs[i]);
    free(runs);
    return code ? code : caught_signal() ? EXIT_SIGNAL + caught_signal() : EXIT_FINE;
}

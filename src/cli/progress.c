/* progress.c - what a training run, or a download, shows while it goes, and how it is interrupted.
 *
 * A signal only sets a flag; the callback answers false, the library writes a checkpoint and returns.
 * Layer: cli.  Depends on train.h, text.h.  Read next: train.c, hub.c. */
#include "cli/progress.h"
#include "cli/text.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- signals --------------------------------------------------------------------------------------- */

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
    signal(SIGINT, SIG_DFL); /* the second one kills at once */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
}

void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, before;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!sigaction(numbers[i], NULL, &before) &&
            before.sa_handler != SIG_IGN) /* nohup, or in the background */
            sigaction(numbers[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* whoever read the lines is gone: training goes on, the exit code tells */
}

int caught_signal(void)
{
    return caught;
}

/* ---- the line that is rewritten -------------------------------------------------------------------- */

static struct {
    bool known, terminal;
    FILE *open;                       /* the cursor stands in this one's line */
    double begun, epoch_begun, drawn; /* begun: when the first step that we saw ended */
    int64_t first_step, epoch;
} shown;

void close_progress_line(void)
{
    if (shown.open)
        fputs("\r\033[K", shown.open);
    shown.open = NULL;
}

static bool can_rewrite(FILE *to)
{
    const char *term = getenv("TERM");
    return isatty(fileno(to)) && term && strcmp(term, "dumb") != 0;
}

static void begin(const tp_progress *p)
{
    shown.known = true;
    shown.terminal = can_rewrite(stdout);
    shown.begun = shown.epoch_begun = clock_now();
    shown.first_step = p->global_step;
    shown.epoch = p->epoch;
}

/* A line with a bar between head and tail, as long as there is room. */
static void draw_line(FILE *to, const char *head, double part, const char *tail)
{
    const int room = terminal_width() - 1 - (int)strlen(head) - (int)strlen(tail);
    const int columns = room < 5 ? 0 : room < 30 ? room : 30;
    fprintf(to, "\r\033[K%s", head);
    print_bar(to, part, columns);
    fputs(tail, to);
    fflush(to);
    shown.open = to;
}

/* epoch  2/5  ━━━━━━━━━━──────────  loss 0.2731  31,204/s  1:12 left */
static void draw(const tp_progress *p)
{
    char left[TEXT_ROOM], rate[TEXT_ROOM], tail[3 * TEXT_ROOM], head[TEXT_ROOM];
    double time = clock_now();
    if (time - shown.drawn < 0.1 && p->step != p->steps)
        return;
    shown.drawn = time;
    int64_t done = p->global_step - shown.first_step;
    int64_t to_do = (p->epochs - p->epoch) * p->steps + p->steps - p->step;
    text_duration(left, done > 0 ? (time - shown.begun) / (double)done * (double)to_do : NAN);
    text_count(rate, isfinite(p->examples_per_second) ? (int64_t)p->examples_per_second : 0);
    snprintf(head, sizeof head, "epoch %lld/%lld  ", (long long)p->epoch, (long long)p->epochs);
    snprintf(tail, sizeof tail, "  loss %.4f  %s/s  %s left", p->loss, rate, left);
    draw_line(stdout, head, p->steps ? (double)p->step / (double)p->steps : 0, tail);
}

/* ---- the line that stays: one an epoch ------------------------------------------------------------- */

static double figure_of(const tp_progress *p)
{
    for (int i = 0; i < p->n_figures; i++)
        if (!strcmp(p->figures[i].name, p->best_of))
            return p->figures[i].value;
    return NAN;
}

/* epoch  1/5  loss 0.2731  train 91.90 %  test 96.53 %  best 96.53 %  12.3 s */
static void print_epoch(const tp_progress *p, double seconds)
{
    char total[24], duration[TEXT_ROOM];
    int width = snprintf(total, sizeof total, "%lld", (long long)p->epochs);
    text_duration(duration, seconds);
    close_progress_line();
    printf("epoch %*lld/%s  loss %.4f", width, (long long)p->epoch, total, p->train_loss);
    const bool by_accuracy = !strcmp(p->best_of, "accuracy"), by_loss = !strcmp(p->best_of, "loss");
    if (by_accuracy && isfinite(p->test_accuracy))
        printf("  train %5.2f %%  test %s%5.2f %%%s  best %5.2f %%", 100 * p->train_accuracy,
               p->is_best ? green(stdout) : "", 100 * p->test_accuracy, p->is_best ? no_style(stdout) : "",
               100 * p->best);
    else if (by_loss)
        printf("  test %s%.4f%s  best %.4f", p->is_best ? green(stdout) : "", p->test_loss,
               p->is_best ? no_style(stdout) : "", p->best);
    else
        printf("  test %.4f  %s %s%.4f%s  best %.4f", p->test_loss, p->best_of,
               p->is_best ? green(stdout) : "", figure_of(p), p->is_best ? no_style(stdout) : "", p->best);
    if (by_loss && isfinite(p->test_accuracy))
        printf("  right %5.2f %%", 100 * p->test_accuracy);
    printf("  %s\n", duration);
    fflush(stdout);
}

bool show_progress(void *start, const tp_progress *p)
{
    if (!shown.known) {
        begin(p);
        puts(start);
        fflush(stdout);
    }
    print_notes();
    if (p->epoch_done) {
        double time = clock_now();
        print_epoch(p, time - shown.epoch_begun);
        shown.epoch_begun = time;
    } else if (shown.terminal) {
        draw(p);
    }
    return !caught;
}

/* ---- downloads: on stderr, as stdout is for the path ------------------------------------------------- */

/* 2/7 files  ━━━━━━━━━━──────────  120 MiB of 523 MiB  8.1 MiB/s  0:49 left */
bool show_download(void *context, const tp_hub_progress *p)
{
    (void)context;
    char done[TEXT_ROOM], total[TEXT_ROOM], rate[TEXT_ROOM], left[TEXT_ROOM], head[TEXT_ROOM],
        tail[5 * TEXT_ROOM];
    static double begun;
    static int64_t first; /* what was there already */
    const double time = clock_now();
    if (!can_rewrite(stderr) || !p->n_files || time - shown.drawn < 0.1)
        return !caught;
    if (begun == 0) {
        begun = time;
        first = p->bytes;
    }
    shown.drawn = time;
    const double speed = time > begun ? (double)(p->bytes - first) / (time - begun) : 0;
    text_duration(left, speed > 0 ? (double)(p->total_bytes - p->bytes) / speed : NAN);
    snprintf(head, sizeof head, "%d/%d files  ", p->files, p->n_files);
    snprintf(tail, sizeof tail, "  %s of %s  %s/s  %s left", text_bytes(done, (double)p->bytes),
             text_bytes(total, (double)p->total_bytes), text_bytes(rate, speed), left);
    draw_line(stderr, head, p->total_bytes ? (double)p->bytes / (double)p->total_bytes : 0, tail);
    return !caught;
}

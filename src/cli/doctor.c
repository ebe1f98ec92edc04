/* doctor.c - `taper doctor`: what this machine and this build are, a quick self-test, and what is wrong.
 *
 * Layer: cli.  Depends on <taper/...> only.  Read next: doctor_machine.c, doctor_devices.c. */
#include "cli/doctor.h"
#include "cli/http.h"
#include "cli/json.h"
#include "cli/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <taper/taper.h>
#include <unistd.h>

static struct {
    bool json;
    char wrong[24][512];
    int n_wrong;
} findings;

void wrong(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (findings.n_wrong < (int)(sizeof findings.wrong / sizeof *findings.wrong))
        vsnprintf(findings.wrong[findings.n_wrong++], sizeof findings.wrong[0], format, args);
    va_end(args);
}

void tell(const char *name, const char *format, ...)
{
    char value[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    if (findings.json)
        emit_text(name, value);
    else
        printf("%-14s %s\n", name, value);
}

/* ---- optional parts -------------------------------------------------------------------------------- */

static void tell_parts(void)
{
    tp_library p;
    for (int i = 0; tp_library_at(i, &p); i++) {
        if (!*p.compiled) {
            tell(p.name, "not in this build");
            wrong("no %s: %s will not work; install the library and build again", p.name, p.what_for);
        } else if (!*p.running) {
            tell(p.name, "%s is not installed", p.library);
            wrong("no %s: %s will not work; install %s", p.name, p.what_for, p.library);
        } else if (!strcmp(p.compiled, p.running))
            tell(p.name, "%s %s", p.library, p.running);
        else
            tell(p.name, "%s %s, compiled for %s", p.library, p.running, p.compiled);
        if (*p.running && !p.fits)
            wrong("%s: %s %s runs, this build wants %s or a later one that fits it", p.name, p.library,
                  p.running, p.compiled);
    }
    tell("http", "%s", http_is_built ? "yes" : "not in this build");
    if (!http_is_built)
        wrong("no libmicrohttpd: taper serve will not work; install the library and build again");
}

/* ---- self-test ------------------------------------------------------------------------------------- */

/* A product whose elements are known: a[i][k] = i, b[k][j] = j + 1, so y[i][j] = N i (j + 1), exact in f32. */
static void test_matmul(void)
{
    TP_SCOPE;
    enum { N = 65 };
    static float a[N * N], b[N * N], y[N * N];
    double worst = 0;
    for (int i = 0; i < N * N; i++) {
        a[i] = (float)(i / N);
        b[i] = (float)(i % N + 1);
    }
    tp_tensor *product =
        tp_matmul(tp_tensor_copied(a, TP_F32, TP_SHAPE(N, N)), tp_tensor_copied(b, TP_F32, TP_SHAPE(N, N)));
    if (tp_to_f32(product, y, N * N)) {
        tell("matmul", "failed");
        wrong("matmul: %s", tp_error_message());
        tp_error_take(NULL, 0);
        return;
    }
    for (int i = 0; i < N * N; i++)
        worst = fmax(worst, fabs((double)y[i] - (double)(i / N) * (i % N + 1) * N));
    tell("matmul", "%s", worst == 0 ? "right" : "wrong");
    if (worst != 0)
        wrong("matmul of small whole numbers is off by %g; try TAPER_ISA=generic and report this", worst);
}

static tp_tensor *small_network(tp_tensor *const *in, int n, void *context)
{
    (void)n;
    (void)context;
    return tp_tanh(tp_matmul(in[0], in[1]));
}

/* The engine's gradient of tanh(x w) against difference quotients. */
static void test_gradient(void)
{
    TP_SCOPE;
    static const double x[6] = { 0.3, -0.5, 0.25, 1.1, 0.7, -0.2 }, w[6] = { 0.7, -1.1, 0.4, 0.1, -0.6, 0.9 };
    tp_tensor *in[2] = { tp_requires_grad_(tp_tensor_copied(x, TP_F64, TP_SHAPE(2, 3)), true),
                         tp_requires_grad_(tp_tensor_copied(w, TP_F64, TP_SHAPE(3, 2)), true) };
    tp_status status = tp_gradcheck(small_network, NULL, in, 2);
    tell("gradient", "%s", status ? "wrong" : "right");
    if (status)
        wrong("gradient: %s", tp_error_message());
    tp_error_take(NULL, 0);
}

static void tell_speed(void)
{
    TP_SCOPE;
    enum { N = 512 };
    tp_tensor *a = tp_ones(TP_SHAPE(N, N));
    double best = INFINITY;
    for (int i = 0; i < 4; i++) {
        TP_SCOPE;
        double begin = clock_now();
        tp_matmul(a, a);
        best = fmin(best, clock_now() - begin);
    }
    if (tp_error_take(NULL, 0))
        return;
    tell("speed", "%.1f GFLOP/s (matmul of 512 x 512)", 2.0 * N * N * N / best / 1e9);
}

/* ---- the hub ---------------------------------------------------------------------------------------- */

/* Without --hub nothing goes over the network: a doctor answers at once, everywhere. */
static void tell_hub(bool ask)
{
    tp_hub_place place;
    char name[200] = "";
    if (tp_hub_where(&place)) {
        wrong("%s", tp_error_message());
        tp_error_take(NULL, 0);
    }
    tell("hub", "%s%s", place.endpoint, place.offline ? ", offline" : "");
    tell("hub cache", "%s", place.cache);
    tell("hub token", "%s",
         !*place.token_from                  ? "none"
         : !strcmp(place.token_from, "file") ? place.token_file
                                             : place.token_from);
    if (!ask)
        return;
    if (*place.token_from)
        tp_hub_whoami(name, sizeof name, .timeout = 5, .retries = -1);
    else
        tp_hub_reach(.timeout = 5, .retries = -1);
    if (tp_error_pending())
        wrong("%s", tp_error_message());
    tell("hub answers", "%s%s", tp_error_pending() ? "no" : *name ? "yes, token of " : "yes", name);
    tp_error_take(NULL, 0);
}

static void tell_wrong(void)
{
    if (findings.json)
        emit_list("wrong");
    else
        printf("\n%s\n", findings.n_wrong ? "What is wrong:" : "Nothing is wrong.");
    for (int i = 0; i < findings.n_wrong; i++)
        if (findings.json)
            emit_text(NULL, findings.wrong[i]);
        else {
            printf("  - ");
            print_wrapped(stdout, findings.wrong[i], 4, 4);
        }
    if (findings.json)
        emit_end();
}

int verb_doctor(cli *c)
{
    findings.json = c->json;
    if (c->json)
        emit_object(NULL);
    tell("taper", "%s", tp_version());
    tell("compiler", "%s", tp_compiler());
    tell_machine();
    tell_devices();
    tell_parts();
    tell_hub(c->ask_hub);
    test_matmul();
    test_gradient();
    tell_speed();
    tell_wrong();
    if (c->json)
        emit_end();
    return findings.n_wrong ? EXIT_WORK : EXIT_FINE;
}

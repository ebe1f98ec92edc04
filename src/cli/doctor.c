/* doctor.c - `taper doctor`: what this machine and this build are, a quick self-test, and what is wrong.
 *
 * Optional parts are found by asking them to work: a part that is left out answers TP_ERR_UNSUPPORTED.
 * Layer: cli.  Depends on <taper/...> only.  Read next: version.c. */
#include "cli/cli.h"
#include "cli/http.h"
#include "cli/json.h"
#include "cli/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <taper/taper.h>
#include <unistd.h>

static struct {
    bool json;
    char wrong[8][256];
    int n_wrong;
} findings;

static void wrong(const char *format, ...) TP_PRINTF(1, 2);
static void wrong(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (findings.n_wrong < 8)
        vsnprintf(findings.wrong[findings.n_wrong++], sizeof findings.wrong[0], format, args);
    va_end(args);
}

static void tell(const char *name, const char *value)
{
    if (findings.json)
        emit_text(name, value);
    else
        printf("%-14s %s\n", name, value);
}

/* ---- the machine ----------------------------------------------------------------------------------- */

static void tell_isa(void)
{
    char text[TEXT_ROOM];
    const char *cap = getenv("TAPER_ISA");
    tell("isa", tp_isa());
    if (cap && *cap)
        tell("TAPER_ISA", cap);
#if defined(__x86_64__)
    snprintf(text, sizeof text, "generic%s%s",
             __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? ", avx2" : "",
             __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
                 ? ", avx512"
                 : "");
#else
    snprintf(text, sizeof text, "generic");
#endif
    tell("cpu has", text);
}

static void tell_machine(void)
{
    char text[TEXT_ROOM], total[TEXT_ROOM], free_now[TEXT_ROOM];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    double page = (double)sysconf(_SC_PAGESIZE), available = page * (double)sysconf(_SC_AVPHYS_PAGES);
    snprintf(text, sizeof text, "%d of %ld cores", tp_num_threads(), cores);
    tell("threads", text);
    if (tp_num_threads() > cores)
        wrong("%d threads on %ld cores: slower than one a core; look at OMP_NUM_THREADS", tp_num_threads(),
              cores);
    snprintf(text, sizeof text, "%s, %s of it free",
             text_bytes(total, page * (double)sysconf(_SC_PHYS_PAGES)), text_bytes(free_now, available));
    tell("memory", text);
}

/* ---- optional parts -------------------------------------------------------------------------------- */

static const char *write_file(const char *folder, const char *name, const void *bytes, size_t n, char *path,
                              size_t room)
{
    FILE *f = path_of(path, room, folder, name) ? fopen(path, "wb") : NULL;
    bool fine = f && fwrite(bytes, 1, n, f) == n;
    fine = f && !fclose(f) && fine;
    return fine ? path : NULL;
}

/* Whether the part is there, by the error (if any) of a call that needs it. */
static void tell_part(const char *name, const char *what_for)
{
    bool missing = tp_error_take(NULL, 0) == TP_ERR_UNSUPPORTED;
    tell(name, missing ? "not in this build" : "yes");
    if (missing)
        wrong("no %s: %s will not work; install the library and build again", name, what_for);
}

static void tell_tokenizer_part(const char *folder, const char *name, const char *step, const char *what_for)
{
    char path[80], text[200];
    const int n = snprintf(text, sizeof text,
                           "{%s, \"model\": {\"type\": \"WordLevel\", \"vocab\": {\"a\": 0}}}", step);
    if (write_file(folder, "tokenizer.json", text, (size_t)n, path, sizeof path))
        tp_tokenizer_load(path);
    tell_part(name, what_for);
    unlink(path);
}

static void tell_parts(void)
{
    TP_SCOPE;
    char folder[] = "/tmp/taper-doctor-XXXXXX", path[80];
    static const char gz[] = "\x1f\x8b\x08", jpeg[] = "\xff\xd8\xff\xe0";
    if (!mkdtemp(folder)) {
        wrong("/tmp: no folder can be made there: %s", strerror(errno));
        return;
    }
    snprintf(path, sizeof path, "%s/a.png", folder);
    tp_image_write_png(path, tp_zeros(TP_SHAPE(1, 2, 2)));
    tell_part("png", "reading and writing PNG");
    unlink(path);
    if (write_file(folder, "a.jpg", jpeg, sizeof jpeg - 1, path, sizeof path))
        tp_image_read(path, 0);
    tell_part("jpeg", "reading JPEG");
    unlink(path);
    if (write_file(folder, "a.csv.gz", gz, sizeof gz - 1, path, sizeof path))
        tp_csv(path);
    tell_part("gzip", "reading .gz files");
    unlink(path);
    snprintf(path, sizeof path, "%s/a.safetensors", folder);
    tp_params *one = tp_params_new();
    tp_params_add(one, "x", tp_zeros(TP_SHAPE(2)));
    if (!tp_safetensors_write(path, one, NULL, 0))
        tp_safetensors_read(path);
    tell_part("json", "checkpoints and runs");
    unlink(path);
    tell_tokenizer_part(folder, "unicode", "\"normalizer\": {\"type\": \"Lowercase\"}",
                        "tokenizers that look at characters");
    tell_tokenizer_part(folder, "regex", "\"pre_tokenizer\": {\"type\": \"ByteLevel\"}",
                        "tokenizers with patterns, such as GPT-2's,");
    tell("http", http_is_built ? "yes" : "not in this build");
    if (!http_is_built)
        wrong("no libmicrohttpd: taper serve will not work; install the library and build again");
    rmdir(folder);
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
    tell("matmul", worst == 0 ? "right" : "wrong");
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
    tell("gradient", status ? "wrong" : "right");
    if (status)
        wrong("gradient: %s", tp_error_message());
    tp_error_take(NULL, 0);
}

static void tell_speed(void)
{
    TP_SCOPE;
    enum { N = 512 };
    char text[TEXT_ROOM];
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
    snprintf(text, sizeof text, "%.1f GFLOP/s (matmul of 512 x 512)", 2.0 * N * N * N / best / 1e9);
    tell("speed", text);
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
    char compiler[TEXT_ROOM];
    findings.json = c->json;
    if (c->json)
        emit_object(NULL);
    tell("taper", tp_version());
#if defined(__clang__)
    snprintf(compiler, sizeof compiler, "%s", __VERSION__);
#else
    snprintf(compiler, sizeof compiler, "gcc %s", __VERSION__);
#endif
    tell("compiler", compiler);
    tell_isa();
    tell_machine();
    tell_parts();
    test_matmul();
    test_gradient();
    tell_speed();
    tell_wrong();
    if (c->json)
        emit_end();
    return findings.n_wrong ? EXIT_WORK : EXIT_FINE;
}

/* ops.c - every operation of the table at three sizes, from its own first example.
 *
 *   bench/ops            prints nanoseconds a call: about 10, 10^4 and 10^6 elements
 *   bench/ops --serve    for bench/ops.py, which times PyTorch on the same shapes in the same run: a line "OP SIZE" is
 *                        answered with one line of JSON
 *
 * Layer: bench.  Read next: ops.py. */
#include "support/bench.h"
#include "support/examples.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double targets[] = { 0, 1e4,
                                  1e6 }; /* elements of the largest tensor; 0: the example as it stands */
static const char *const size_names[] = { "small", "medium", "large" };
enum { SIZES = 3, MOST_FLOPS = 1000000000 };

/* ---- the case --------------------------------------------------------------------------------------------------- */

static double largest(const example_run *r)
{
    double most = 0;
    for (int i = 0; i < r->n_in; i++)
        most = fmax(most, (double)tp_numel(r->in[i]));
    for (int i = 0; i < r->n_out; i++)
        most = fmax(most, (double)tp_numel(r->out[i]));
    return most;
}

/* Shapes alone where that is possible. */
static bool fits(const tp_op *op, int64_t scale, double target)
{
    TP_SCOPE;
    example_run r;
    tp_dry_run_total total = { 0 };
    example_build(&r, op, op->examples, TP_F32, scale, NULL);
    if (largest(&r) > 2 * target)
        return false;
    tp_dry_run(op->shape_needs_values ? NULL : &total);
    tp_status status = example_apply(&r);
    tp_dry_run(NULL);
    bool fine = !status && largest(&r) <= 1.5 * target && total.flops <= MOST_FLOPS;
    tp_error_take(NULL, 0);
    return fine;
}

static int64_t scale_for(const tp_op *op, double target)
{
    int64_t best = 1;
    if (target == 0)
        return 1;
    for (int64_t scale = 2; scale < 600000; scale += scale / 8 + 1)
        if (fits(op, scale, target))
            best = scale;
        else if (best > 1 || scale > 64)
            break;
    return best;
}

/* ---- timing ------------------------------------------------------------------------------------------------------- */

static void call(void *run)
{
    TP_SCOPE; /* the result dies at once, as PyTorch's does */
    example_apply(run);
}

static double measure(const tp_op *op, int size, example_run *r)
{
    TP_NO_GRAD;
    example_build(r, op, op->examples, TP_F32, scale_for(op, targets[size]), NULL);
    if (example_apply(r))
        return NAN;
    return bench_seconds(call, r, 0.01, 5);
}

/* ---- telling what was measured --------------------------------------------------------------------------------------- */

static void put_shape(tp_shape s)
{
    for (int i = 0; i < s.ndim; i++)
        printf(i ? ",%lld" : "%lld", (long long)s.dim[i]);
}

static void put_attribute(const tp_attr *a, const char *field)
{
    printf("\"%s\":\"", a->name);
    switch (a->type) {
    case TP_ATTR_I64: printf("%lld", (long long)*(const int64_t *)(const void *)field); break;
    case TP_ATTR_U64: printf("%llu", (unsigned long long)*(const uint64_t *)(const void *)field); break;
    case TP_ATTR_F64: printf("%.17g", *(const double *)(const void *)field); break;
    case TP_ATTR_BOOL: printf("%d", *(const bool *)field); break;
    case TP_ATTR_DIMS: put_shape(*(const tp_shape *)(const void *)field); break;
    case TP_ATTR_PAIR: {
        const int64_t *pair = (const void *)field;
        printf("%lld,%lld", (long long)pair[0], (long long)pair[1]);
        break;
    }
    case TP_ATTR_DTYPE:
        printf("%s", *(const int *)(const void *)field < 0
                         ? "none"
                         : tp_dtype_name(*(const tp_dtype *)(const void *)field));
        break;
    case TP_ATTR_WORD: {
        const char *word = a->words;
        for (int i = *(const int *)(const void *)field; i > 0; i--)
            word += strcspn(word, " ") + 1;
        printf("%.*s", (int)strcspn(word, " "), word);
        break;
    }
    case TP_ATTR_TEXT: printf("%s", *(const char *const *)(const void *)field); break;
    case TP_ATTR_END: break;
    }
    putchar('"');
}

/* The example's words carry the flags: "2,3@p 4". */
static void serve(const tp_op *op, int size)
{
    TP_SCOPE;
    example_run r;
    double seconds = measure(op, size, &r);
    printf("{\"ns\":%.1f,\"words\":\"%s\",\"inputs\":[", isnan(seconds) ? -1 : 1e9 * seconds,
           op->examples->inputs);
    for (int i = 0; i < r.n_in; i++) {
        printf("%s", i ? "," : "");
        if (!r.in[i]) {
            printf("null");
            continue;
        }
        printf("{\"dtype\":\"%s\",\"shape\":[", tp_dtype_name(tp_dtype_of(r.in[i])));
        put_shape(tp_shape_of(r.in[i]));
        printf("]}");
    }
    printf("],\"attrs\":{");
    for (const tp_attr *a = op->attrs; a && a->name; a++) {
        printf("%s", a == op->attrs ? "" : ",");
        put_attribute(a, r.attrs + a->offset);
    }
    printf("},\"error\":\"%s\"}\n", isnan(seconds) ? "failed" : "");
    fflush(stdout);
    tp_error_take(NULL, 0);
}

static int server(void)
{
    char line[256], name[128], size[32];
    while (fgets(line, sizeof line, stdin)) {
        const tp_op *op = sscanf(line, "%127s %31s", name, size) == 2 ? tp_op_find(name) : NULL;
        int which = 0;
        while (which < SIZES && strcmp(size, size_names[which]) != 0)
            which++;
        if (!op || which == SIZES)
            return 2;
        serve(op, which);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--serve"))
        return server();
    printf("%-28s %10s %10s %10s   nanoseconds a call\n", "", "small", "medium", "large");
    for (int i = 0; i < tp_op_count(); i++) {
        printf("%-28s", tp_op_at(i)->name);
        for (int size = 0; size < SIZES; size++) {
            TP_SCOPE;
            example_run r;
            printf(" %10.0f", 1e9 * measure(tp_op_at(i), size, &r));
            fflush(stdout);
            tp_error_take(NULL, 0);
        }
        putchar('\n');
    }
    return 0;
}

/* golden.c - reads golden files, rebuilds each case and compares what the library makes of it.
 *
 * Layer: tests.  Read next: golden.h for the interface, golden_calls.c for the functions by name. */
#include "support/golden.h"
#include "support/compare.h"
#include "support/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taper/io.h>

/* ---- tolerances: how far from PyTorch an element may be ------------------------------------------------------------- */

typedef struct family_tolerance {
    const char *family;
    tolerance f64, f32;
} family_tolerance;

/* f32: the last bits of another order of summation; activations: erf and exp of another library. */
static const family_tolerance tolerances[] = {
    { "create", { 1e-15, 1e-16, false }, { 3e-7, 1e-8, false } },
    { "cast", { 0, 0, false }, { 0, 0, false } },
    { "unary", { 1e-12, 1e-14, false }, { 2e-6, 1e-7, false } },
    { "activation", { 1e-11, 1e-13, false }, { 5e-6, 1e-6, false } },
    { "binary", { 1e-12, 1e-14, false }, { 2e-6, 1e-7, false } },
    { "in_place", { 1e-15, 0, false }, { 1e-6, 0, false } },
    { "compare", { 1e-14, 0, false }, { 1e-6, 0, false } },
    { "reduce", { 1e-11, 1e-12, false }, { 2e-5, 1e-5, false } },
    { "product", { 1e-11, 1e-12, false }, { 2e-5, 1e-5, false } },
    { "shape", { 1e-14, 1e-14, false }, { 1e-6, 0, false } },
    { "join", { 1e-15, 1e-15, false }, { 0, 0, false } },
    { "index", { 1e-14, 1e-15, false }, { 2e-6, 1e-6, false } },
    { "conv", { 1e-11, 1e-12, false }, { 2e-5, 2e-5, false } },
    { "pool", { 1e-12, 1e-14, false }, { 2e-6, 1e-6, false } },
    { "softmax", { 1e-11, 1e-13, false }, { 1e-5, 1e-6, false } },
    { "loss", { 1e-10, 1e-12, false }, { 2e-5, 1e-6, false } },
};

static tolerance tolerance_of(const golden_case *c, tp_dtype dtype)
{
    tolerance t = dtype == TP_F64 ? (tolerance){ 1e-9, 1e-11, false } : (tolerance){ 2e-5, 1e-5, false };
    for (size_t i = 0; i < sizeof tolerances / sizeof *tolerances; i++)
        if (!strcmp(tolerances[i].family, c->family))
            t = dtype == TP_F64 ? tolerances[i].f64 : tolerances[i].f32;
    if ((dtype == TP_F16 || dtype == TP_BF16) && t.rtol > 0) /* one unit in the last place */
        t = (tolerance){ dtype == TP_F16 ? 1e-3 : 8e-3, dtype == TP_F16 ? 1e-4 : 1e-3, false };
    t.rtol = golden_f64(c, "rtol", t.rtol);
    t.atol = golden_f64(c, "atol", t.atol);
    t.signed_zeros = golden_i64(c, "zeros", 0) != 0;
    return t;
}

/* ---- attributes: " key=value key=value" -------------------------------------------------------------------------------- */

static const char *find(const golden_case *c, const char *key)
{
    char wanted[64];
    int n = snprintf(wanted, sizeof wanted, " %s=", key);
    const char *at = strstr(c->attrs, wanted);
    return at ? at + n : NULL;
}

bool golden_has(const golden_case *c, const char *key)
{
    return find(c, key) != NULL;
}

double golden_f64(const golden_case *c, const char *key, double otherwise)
{
    const char *value = find(c, key);
    return value ? strtod(value, NULL) : otherwise;
}

int64_t golden_i64(const golden_case *c, const char *key, int64_t otherwise)
{
    const char *value = find(c, key);
    return value ? strtoll(value, NULL, 10) : otherwise;
}

tp_shape golden_dims(const golden_case *c, const char *key)
{
    tp_shape s = { 0 };
    char *at = (char *)find(c, key);
    while (at && *at && *at != ' ' && s.ndim < TP_MAX_DIMS) {
        s.dim[s.ndim++] = strtoll(at, &at, 10);
        at += *at == ',';
    }
    return s;
}

void golden_word(const golden_case *c, const char *key, char *text, size_t size)
{
    const char *value = find(c, key);
    size_t n = value ? strcspn(value, " ") : 0;
    assert_true(n < size);
    memcpy(text, value ? value : "", n);
    text[n] = 0;
}

tp_dtype golden_dtype(const golden_case *c, const char *key)
{
    char word[16];
    tp_dtype dtype = TP_F32;
    golden_word(c, key, word, sizeof word);
    if (*word)
        assert_int_equal(tp_dtype_from_name(word, &dtype), TP_OK);
    return dtype;
}

/* ---- files ---------------------------------------------------------------------------------------------------------------- */

static void path_of(const char *family, char *path, size_t size)
{
    snprintf(path, size, "tests/golden/%s.safetensors", family);
}

tp_params *golden_read(const char *family)
{
    char path[256];
    need_json();
    path_of(family, path, sizeof path);
    tp_params *p = tp_safetensors_read(path);
    expect_no_error();
    assert_non_null(p);
    return p;
}

char *golden_metadata(const char *family, const char *key)
{
    enum { ROOM = 1 << 18 };
    char path[256], *text = malloc(ROOM);
    path_of(family, path, sizeof path);
    tp_safetensors_metadata(path, key, text, ROOM);
    expect_no_error();
    return text;
}

static tp_tensor *find_part(const golden_case *c, const char *part, int i)
{
    char name[192];
    snprintf(name, sizeof name, "%s/%s%d", c->name, part, i);
    return tp_params_find(c->tensors, name);
}

tp_tensor *golden_tensor(const tp_params *p, const char *format, ...)
{
    char name[192];
    va_list list;
    va_start(list, format);
    vsnprintf(name, sizeof name, format, list);
    va_end(list);
    tp_tensor *t = tp_params_find(p, name);
    if (!t)
        fail_msg("the golden file has no tensor %s", name);
    return t;
}

bool golden_isa_is_there(void)
{
    const char *wanted = getenv("TAPER_ISA");
    if (!wanted || !*wanted || !strcmp(wanted, tp_isa()))
        return true;
    print_message("TAPER_ISA=%s is not there, the best one up to it is %s\n", wanted, tp_isa());
    return false;
}

/* ---- a case ------------------------------------------------------------------------------------------------------------------ */

/* "name op inputs=2 in0=t key=value"; the line is cut out of its text. */
static void read_line(golden_case *c, const char *line, size_t length)
{
    char text[GOLDEN_TEXT + 256], *rest;
    assert_true(length < sizeof text);
    memcpy(text, line, length);
    text[length] = 0;
    char *name = strtok_r(text, " ", &rest), *op = strtok_r(NULL, " ", &rest);
    assert_non_null(op);
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->op, sizeof c->op, "%s", op);
    assert_true((size_t)snprintf(c->attrs, sizeof c->attrs, " %s", rest) < sizeof c->attrs);
    c->n_in = (int)golden_i64(c, "inputs", 0);
    assert_true(c->n_in <= TP_MAX_INPUTS);
}

static tp_tensor *build_input(const golden_case *c, int i, bool plain)
{
    char key[16], layout[32];
    snprintf(key, sizeof key, "in%d", i);
    golden_word(c, key, layout, sizeof layout);
    if (!strcmp(layout, "none"))
        return NULL;
    tp_tensor *x = find_part(c, "in", i);
    if (!x)
        fail_msg("%s: %s has no in%d", c->family, c->name, i);
    if (!strcmp(layout, "number"))
        return tp_dtype_of(x) == TP_F64 ? tp_number(tp_item(x)) : tp_integer(tp_item_i64(x));
    tp_tensor *y = laid_out(x, layout);
    if (plain && y)
        y = laid_out(y, "");
    if (y && find_part(c, "dx", i))
        tp_requires_grad_(y, true);
    return y;
}

static void build_inputs(golden_case *c, bool plain)
{
    memset(c->in, 0, sizeof c->in);
    for (int i = 0; i < c->n_in; i++)
        c->in[i] = build_input(c, i, plain);
}

void golden_for_cases(const char *family, golden_check_case *check)
{
    TP_SCOPE;
    golden_case c = { .family = family, .tensors = golden_read(family) };
    char *cases = golden_metadata(family, "cases"), text[512];
    int wrong = 0, all = 0;
    for (const char *line = cases; *line; all++) {
        TP_SCOPE;
        size_t length = strcspn(line, "\n");
        read_line(&c, line, length);
        line += length + (line[length] == '\n');
        if (!check(&c, text, sizeof text)) {
            print_error("%s %s%s: %s\n", family, c.name, c.attrs, text);
            wrong++;
        }
        tp_error_take(NULL, 0);
    }
    free(cases);
    assert_true(all > 0);
    if (wrong)
        fail_msg("%d of %d cases of %s are wrong", wrong, all, family);
}

/* ---- outputs and gradients against the file -------------------------------------------------------------------------------------- */

static bool outputs_agree(golden_case *c, char *text, size_t size)
{
    int wanted = 0;
    while (find_part(c, "out", wanted))
        wanted++;
    if (!tp_error_pending() && c->n_out != wanted) {
        snprintf(text, size, "%d outputs, wanted %d", c->n_out, wanted);
        return false;
    }
    for (int i = 0; i < wanted; i++) {
        char what[16];
        tp_tensor *w = find_part(c, "out", i);
        snprintf(what, sizeof what, "out%d", i);
        if (!same_tensor(what, c->out[i], w, tolerance_of(c, tp_dtype_of(w)), text, size))
            return false;
    }
    return true;
}

/* The outputs that have a dy as one tensor and its seed: itself and dy, or the sum of all out dy and NULL. */
static tp_tensor *total(const golden_case *c, tp_tensor **seed)
{
    tp_tensor *sum = NULL, *only = NULL;
    int n = 0;
    *seed = NULL;
    for (int i = 0; i < c->n_out; i++) {
        tp_tensor *dy = find_part(c, "dy", i);
        if (!dy)
            continue;
        tp_tensor *part = tp_sum(tp_mul(c->out[i], dy), TP_ALL_DIMS, false);
        sum = sum ? tp_add(sum, part) : part;
        only = c->out[i];
        *seed = dy;
        n++;
    }
    if (n == 1)
        return only;
    *seed = NULL;
    return sum;
}

static bool is_all_zero(tp_tensor *t)
{
    return tp_item(tp_all(tp_eq(t, 0), TP_ALL_DIMS, false)) == 1;
}

static bool gradients_agree(golden_case *c, char *text, size_t size)
{
    tp_tensor *leaves[TP_MAX_INPUTS], *grads[TP_MAX_INPUTS] = { 0 }, *seed;
    int n = 0, place[TP_MAX_INPUTS];
    for (int i = 0; i < c->n_in; i++)
        if (find_part(c, "dx", i)) {
            place[n] = i;
            leaves[n++] = c->in[i];
        }
    tp_tensor *y = total(c, &seed);
    if (!n || (!y && !tp_error_pending()))
        return true;
    tp_gradients(y, leaves, n, grads, .gradient = seed);
    for (int k = 0; k < n; k++) {
        char what[16];
        tp_tensor *w = find_part(c, "dx", place[k]);
        snprintf(what, sizeof what, "dx%d", place[k]);
        if (!tp_error_pending() && !grads[k] && is_all_zero(w))
            continue;
        tolerance t = tolerance_of(c, tp_dtype_of(w));
        t.signed_zeros = false;
        if (tp_dtype_of(w) == TP_F16 || tp_dtype_of(w) == TP_BF16) { /* several steps, each rounded */
            t.rtol *= 4;
            t.atol *= 20;
        }
        if (!same_tensor(what, grads[k], w, t, text, size))
            return false;
    }
    return true;
}

static bool case_agrees(golden_case *c, char *text, size_t size)
{
    build_inputs(c, false);
    golden_call(c);
    return outputs_agree(c, text, size) && gradients_agree(c, text, size);
}

void golden_check(const char *family)
{
    golden_for_cases(family, case_agrees);
}

/* ---- gradients against differences ------------------------------------------------------------------------------------------------- */

/* leaves in their places, one output: the only float one, or the sum of all with different weights. */
static tp_tensor *call_on(tp_tensor *const *leaves, int n, void *context)
{
    golden_case *c = context;
    for (int i = 0, k = 0; i < c->n_in && k < n; i++)
        if (find_part(c, "dx", i))
            c->in[i] = leaves[k++];
    golden_call(c);
    tp_tensor *y = NULL;
    for (int i = 0; i < c->n_out; i++) {
        if (!find_part(c, "dy", i))
            continue;
        if (!find_part(c, "dy", 1))
            return c->out[i];
        tp_tensor *part = tp_mul(tp_sum(c->out[i], TP_ALL_DIMS, false), i + 1);
        y = y ? tp_add(y, part) : part;
    }
    return y;
}

static bool grads_agree(golden_case *c, char *text, size_t size)
{
    tp_tensor *leaves[TP_MAX_INPUTS];
    int n = 0;
    int64_t elements = 0;
    for (int i = 0; i < c->n_in; i++) {
        tp_tensor *dx = find_part(c, "dx", i);
        if (dx && tp_dtype_of(dx) != TP_F64)
            return true;
        elements += dx ? tp_numel(dx) : 0;
        n += dx != NULL;
    }
    if (!n || elements > 200 || golden_has(c, "rough"))
        return true;
    build_inputs(c, true);
    for (int i = 0, k = 0; i < c->n_in; i++)
        if (find_part(c, "dx", i))
            leaves[k++] = c->in[i];
    if (!tp_gradcheck(call_on, c, leaves, n, .second = true))
        return true;
    tp_error_take(text, size);
    return false;
}

void golden_check_grads(const char *family)
{
    golden_for_cases(family, grads_agree);
}

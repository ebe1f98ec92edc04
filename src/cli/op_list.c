/* op_list.c - operations told about: `taper op --list` as text, Markdown (docs/ops.md) or JSON, and a page of one.
 *
 * Everything comes from the descriptors in the library's table.
 * Layer: cli.  Depends on ops.h, json.h.  Read next: op.c, which runs them. */
#include "cli/op.h"
#include "cli/json.h"
#include "cli/text.h"

#include <math.h>
#include <string.h>

const char *op_choice(int i)
{
    return i < tp_op_count() ? tp_op_at(i)->name : NULL;
}

int no_op(const char *name)
{
    const char *meant = nearest_name(name, op_choice);
    if (meant)
        return usage_error("no operation '%s'; did you mean '%s'?", name, meant);
    return usage_error("no operation '%s'; 'taper op --list' shows them all", name);
}

bool op_takes_text(const tp_op *op)
{
    return op->attrs && op->attrs->name && op->attrs->type == TP_ATTR_TEXT && isnan(op->attrs->otherwise);
}

/* ---- words ----------------------------------------------------------------------------------------- */

/* The i-th word of op->inputs; its length, 0 past the end. */
static const char *input_at(const tp_op *op, int i, int *length)
{
    const char *at = op->inputs;
    for (; i > 0 && *at; i--)
        at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' ');
    *length = (int)strcspn(at, " ");
    return at;
}

int op_least_inputs(const tp_op *op)
{
    int least = 0, length;
    for (int i = 0;; i++) {
        const char *word = input_at(op, i, &length);
        if (!length)
            return least;
        if (word[length - 1] != '?')
            least = i + 1;
    }
}

static const char *type_text(const tp_attr *a)
{
    static const char *const names[] = {
        [TP_ATTR_I64] = "integer",        [TP_ATTR_U64] = "integer",   [TP_ATTR_F64] = "number",
        [TP_ATTR_BOOL] = "true or false", [TP_ATTR_DIMS] = "integers", [TP_ATTR_PAIR] = "integer or two",
        [TP_ATTR_DTYPE] = "dtype",        [TP_ATTR_TEXT] = "text",
    };
    return a->type == TP_ATTR_WORD ? a->words : names[a->type];
}

/* The default as it would be typed; "" where there is none. */
static const char *default_text(const tp_attr *a, char *text)
{
    double x = a->otherwise;
    if (isnan(x))
        return "";
    switch (a->type) {
    case TP_ATTR_BOOL: return x != 0 ? "true" : "false";
    case TP_ATTR_DTYPE: return x < 0 ? "none" : tp_dtype_name((tp_dtype)x);
    case TP_ATTR_TEXT: return a->words ? a->words : "";
    case TP_ATTR_WORD: {
        const char *at = a->words;
        for (int i = (int)x; i > 0; i--)
            at += strcspn(at, " ") + 1;
        snprintf(text, TEXT_ROOM, "%.*s", (int)strcspn(at, " "), at);
        return text;
    }
    case TP_ATTR_DIMS:
        if (x == 0)
            return "()";
        break;
    default: break;
    }
    if (x == TP_NO_DIM)
        return "none";
    if (x >= 0x1p62)
        return "end";
    snprintf(text, TEXT_ROOM, "%.10g", x);
    return text;
}

/* conv2d(x, weight, bias=none, stride=1, ...) */
static void signature(const tp_op *op, char *text, size_t room)
{
    char value[TEXT_ROOM];
    int length;
    size_t used = (size_t)snprintf(text, room, "%s(", op->name);
    const char *comma = "";
    if (op_takes_text(op)) {
        used += (size_t)snprintf(text + used, room - used, "%s", op->attrs->name);
        comma = ", ";
    }
    for (int i = 0;; i++) {
        const char *word = input_at(op, i, &length);
        if (!length)
            break;
        bool optional = word[length - 1] == '?';
        used += (size_t)snprintf(text + used, room - used, "%s%.*s%s", comma, length - optional, word,
                                 optional ? "=none" : "");
        comma = ", ";
    }
    for (const tp_attr *a = op->attrs; a && a->name && used < room; a++) {
        if (a == op->attrs && op_takes_text(op))
            continue;
        const char *otherwise = default_text(a, value);
        used += (size_t)snprintf(text + used, room - used, "%s%s%s%s", comma, a->name,
                                 isnan(a->otherwise) ? "" : "=", otherwise);
        comma = ", ";
    }
    if (used < room)
        snprintf(text + used, room - used, ")");
}

/* ---- a page ---------------------------------------------------------------------------------------- */

static void print_attributes(const tp_op *op)
{
    char value[TEXT_ROOM];
    if (!op->attrs || !op->attrs->name)
        return;
    printf("\n%sOptions:%s\n", bold(stdout), no_style(stdout));
    for (const tp_attr *a = op->attrs; a->name; a++) {
        const char *otherwise = default_text(a, value);
        char text[512];
        if (a->type == TP_ATTR_WORD) {
            size_t used = (size_t)snprintf(text, sizeof text, "one of ");
            for (const char *p = a->words; *p && used + 3 < sizeof text; p++)
                used += (size_t)snprintf(text + used, sizeof text - used, *p == ' ' ? ", " : "%c", *p);
        } else
            snprintf(text, sizeof text, "%s", type_text(a));
        printf("  --%-18s ", a->name);
        size_t used = strlen(text);
        if (isnan(a->otherwise))
            snprintf(text + used, sizeof text - used, "; must be given");
        else if (*otherwise)
            snprintf(text + used, sizeof text - used, " (%s)", otherwise);
        print_wrapped(stdout, text, 23, 23);
    }
}

static const char *gradient_text(const tp_op *op)
{
    return op->not_differentiable ? "not differentiable" : "has a gradient, and that has one too";
}

static void print_example(const tp_op *op)
{
    int length;
    printf("\n%sExample:%s\n  taper op %s", bold(stdout), no_style(stdout), op->name);
    if (op_takes_text(op))
        printf(" %s", op->attrs->name);
    for (int i = 0; i < op_least_inputs(op); i++) {
        const char *word = input_at(op, i, &length);
        bool many = length > 3 && !memcmp(word + length - 3, "...", 3);
        if (many)
            printf(" %.*s0.npy %.*s1.npy", length - 3, word, length - 3, word);
        else
            printf(" %.*s.npy", length, word);
    }
    for (const tp_attr *a = op->attrs; a && a->name; a++)
        if (isnan(a->otherwise) && !(a == op->attrs && op_takes_text(op)))
            printf(" --%s ...", a->name);
    printf(" -o y.npy%s\n", op->not_differentiable ? "" : " --backward-of sum");
}

void op_print_page(const tp_op *op)
{
    char text[1024];
    signature(op, text, sizeof text);
    printf("%staper op %s%s\n\n", bold(stdout), op->name, no_style(stdout));
    fputs("  ", stdout);
    print_wrapped(stdout, text, 2, 4);
    fputs("  ", stdout);
    print_wrapped(stdout, op->formula, 2, 4);
    printf("\n%s.\n", gradient_text(op));
    if (op->note) {
        fputs("Not as in PyTorch: ", stdout);
        print_wrapped(stdout, op->note, 19, 0);
    }
    print_attributes(op);
    print_example(op);
}

/* ---- all of them ----------------------------------------------------------------------------------- */

static void count_ops(int *with, int *without)
{
    *with = *without = 0;
    for (int i = 0; i < tp_op_count(); i++)
        ++*(tp_op_at(i)->not_differentiable ? without : with);
}

static bool begins_family(int i)
{
    return i == 0 || strcmp(tp_op_family(i), tp_op_family(i - 1)) != 0;
}

static void list_text(void)
{
    int with, without;
    char text[1024];
    for (int i = 0; i < tp_op_count(); i++) {
        const tp_op *op = tp_op_at(i);
        if (begins_family(i))
            printf("%s%s%s%s\n", i ? "\n" : "", bold(stdout), tp_op_family(i), no_style(stdout));
        signature(op, text, sizeof text);
        fputs("  ", stdout);
        print_wrapped(stdout, text, 2, 6);
        snprintf(text, sizeof text, "%s%s", op->formula,
                 op->not_differentiable ? "  (not differentiable)" : "");
        printf("    %s", dimmed(stdout));
        print_wrapped(stdout, text, 4, 6);
        fputs(no_style(stdout), stdout);
    }
    count_ops(&with, &without);
    printf("\n%d operations: %d with a gradient, %d not differentiable. 'taper op NAME --help' is the page "
           "of one.\n",
           with + without, with, without);
}

/* In a table of Markdown a | ends the cell. */
static void put_cell(const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

static void list_markdown(void)
{
    int with, without;
    char text[1024];
    count_ops(&with, &without);
    printf("# Operations\n\n"
           "Made by `make docs` from the table in the library (`taper op --list --markdown`); the C "
           "functions and their\n"
           "shapes are in [ops.h](../include/taper/ops.h) and [functional.h](../include/taper/functional.h). "
           "Names and arguments are PyTorch's.\n\n"
           "%d operations: %d with a gradient, which has one too; %d not differentiable (marked -).\n",
           with + without, with, without);
    for (int i = 0; i < tp_op_count(); i++) {
        const tp_op *op = tp_op_at(i);
        if (begins_family(i))
            printf("\n## %s\n\n| operation | what it computes | gradient |\n|---|---|---|\n",
                   tp_op_family(i));
        signature(op, text, sizeof text);
        fputs("| `", stdout);
        put_cell(text);
        fputs("` | ", stdout);
        put_cell(op->formula);
        printf(" | %s |\n", op->not_differentiable ? "-" : "yes");
    }
    puts("\n## What differs from PyTorch on purpose\n");
    for (int i = 0; i < tp_op_count(); i++)
        if (tp_op_at(i)->note)
            printf("- `%s`: %s\n", tp_op_at(i)->name, tp_op_at(i)->note);
}

static void list_json(void)
{
    char value[TEXT_ROOM];
    emit_object(NULL);
    emit_list("operations");
    for (int i = 0; i < tp_op_count(); i++) {
        const tp_op *op = tp_op_at(i);
        emit_object(NULL);
        emit_text("name", op->name);
        emit_text("family", tp_op_family(i));
        emit_text("formula", op->formula);
        emit_text("inputs", op->inputs);
        emit_integer("outputs", op->n_out ? op->n_out : 1);
        emit_bool("differentiable", !op->not_differentiable);
        emit_list("attributes");
        for (const tp_attr *a = op->attrs; a && a->name; a++) {
            emit_object(NULL);
            emit_text("name", a->name);
            emit_text("type", type_text(a));
            emit_text("default", isnan(a->otherwise) ? NULL : default_text(a, value));
            emit_end();
        }
        emit_end();
        emit_text("note", op->note);
        emit_end();
    }
    emit_end();
    emit_end();
}

int op_print_list(const cli *c)
{
    if (c->json && c->markdown)
        return usage_error("op --list: --json and --markdown exclude each other");
    if (c->json)
        list_json();
    else if (c->markdown)
        list_markdown();
    else
        list_text();
    return EXIT_FINE;
}

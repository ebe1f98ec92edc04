/* golden.h - cases of operations with results from PyTorch: tests/golden/<family>.safetensors.
 *
 * tools/golden/lib/golden.py writes them and describes the format.  A case is rebuilt as it was made (dtypes, strides,
 * C numbers as operands), run by the function of its name, and compared: outputs, then gradients.
 * Layer: tests.  Depends on cmocka, taper.  Read next: golden.c, golden_calls.c. */
#ifndef SUPPORT_GOLDEN_H
#define SUPPORT_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taper/ops.h>

enum { GOLDEN_MAX_OUT = TP_MAX_PARTS, GOLDEN_TEXT = 512 };

typedef struct golden_case {
    const char *family;
    char name[128], op[64];
    char attrs[GOLDEN_TEXT]; /* " key=value key=value" */
    tp_params *tensors;      /* of the whole file */
    int n_in, n_out;
    tp_tensor *in[TP_MAX_INPUTS]; /* NULL: left out */
    tp_tensor *out[GOLDEN_MAX_OUT];
} golden_case;

/* Attributes, for golden_calls.c. */
bool golden_has(const golden_case *, const char *key);
double golden_f64(const golden_case *, const char *key, double otherwise);
int64_t golden_i64(const golden_case *, const char *key, int64_t otherwise);
tp_shape golden_dims(const golden_case *, const char *key); /* empty where there is none */
tp_dtype golden_dtype(const golden_case *, const char *key);
void golden_word(const golden_case *, const char *key, char *text, size_t size); /* "" where there is none */

/* Calls the function that op names with the inputs; fills out and n_out (NULLs with an error pending on failure).
 * Of a family "opdb/..." it is the row of that name in the table of operations, with attributes as text. */
void golden_call(golden_case *);

/* All cases of a file.  Each fails the running test after printing case, operation, element, got and wanted of every
 * case that is wrong. */
void golden_check(const char *family);       /* outputs and gradients are those in the file */
void golden_check_grads(const char *family); /* first and second derivatives against differences, f64 cases */

/* For other files of this kind: check tells whether the case is right, else why not in text. */
typedef bool golden_check_case(golden_case *, char *text, size_t size);
void golden_for_cases(const char *family, golden_check_case *);

/* The tensor of this name; fails the test when there is none. */
tp_tensor *golden_tensor(const tp_params *, const char *format, ...) TP_PRINTF(2, 3);
tp_params *golden_read(const char *family);                 /* skips the test in a build without JSON */
char *golden_metadata(const char *family, const char *key); /* free() it */

/* TAPER_ISA names an instruction set that this machine or build lacks: nothing here would be tested.  For main:
 * if (!golden_isa_is_there()) return GOLDEN_SKIP; */
enum { GOLDEN_SKIP = 77 };
bool golden_isa_is_there(void);

#endif

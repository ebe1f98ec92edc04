/* taper/base.h - what every other header stands on: errors, ownership, memory, threads, random seeds.
 *
 * Ownership in one paragraph.  What a function returns belongs to the innermost open scope and dies with
 * it, unless you tp_retain it (then you tp_release it).  What you hand to an object, that object retains.
 * Programs: docs/ownership.md, errors.md, memory.md, determinism.md.
 * Layer: base.  Read next: tensor.h. */
#ifndef TAPER_BASE_H
#define TAPER_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(TP_BUILD)
#define TP_API __attribute__((visibility("default")))
#else
#define TP_API
#endif

#define TP_PRINTF(text, first) __attribute__((format(printf, text, first)))

#define TP_VERSION "0.1.0"
TP_API const char *tp_version(void); /* of the library that runs; TP_VERSION is the header's */

/* ---- Errors ----------------------------------------------------------------------------------------
 *
 * The library never prints, aborts or exits.  The first failure in a thread stays pending, with its
 * text, until it is taken; while one is pending every call that makes something does nothing and fails
 * too (pointers come back NULL, statuses come back as the pending one).  So expressions nest, and one
 * check at the end is enough.  Releasing and closing always work. */

typedef enum tp_status {
    TP_OK = 0,
    TP_ERR_ARGUMENT,    /* a value that cannot be: lr = nan, batch 0, unknown name */
    TP_ERR_SHAPE,       /* shapes that do not go together */
    TP_ERR_DTYPE,       /* a type that the operation does not take */
    TP_ERR_INDEX,       /* an index or a label out of range */
    TP_ERR_GRAD,        /* a misuse of automatic differentiation */
    TP_ERR_MEMORY,      /* out of memory, or a size that does not fit the machine */
    TP_ERR_DEVICE,      /* a device that is not there */
    TP_ERR_IO,          /* the operating system said no: missing file, full disk, no permission */
    TP_ERR_FORMAT,      /* a file whose content is malformed */
    TP_ERR_UNSUPPORTED, /* well formed, but this build or version does not do it */
    TP_ERR_STATE,       /* right call, wrong moment */
} tp_status;

TP_API const char *tp_status_name(tp_status status);                /* "shape", "format", ... */
TP_API tp_status tp_error_pending(void);                            /* TP_OK when none is */
TP_API const char *tp_error_message(void);                          /* "" when none is; valid until taken */
TP_API const char *tp_error_details(void);                          /* lines behind it: every name that does not fit; or "" */
TP_API tp_status tp_error_take(char *text, size_t size);            /* copies the text, clears; text may be NULL */
TP_API int tp_report_error(FILE *to); /* writes "error: text\n" and the details if one is pending and takes it; 1 then, else 0 */

/* For your own modules and operations.  The first error stays; returns the one that is pending. */
TP_API tp_status tp_error_set(tp_status, const char *format, ...) TP_PRINTF(2, 3);
/* "unknown <what> '<name>'; did you mean '<the nearest>'? (known: <all>)"; name_at gives NULL past the last. */
TP_API tp_status tp_error_unknown(const char *what, const char *name, const char *(*name_at)(int i));

/* ---- Ownership ------------------------------------------------------------------------------------- */

/* Opens a scope that closes when the C block ends: break, continue and return included.
 * Scopes nest and belong to their thread.  longjmp across a scope is not supported. */
#define TP_SCOPE TP_SCOPE_NAMED_(TP_JOIN_(tp_scope_, __COUNTER__))

typedef struct tp_scope {
    size_t mark;            /* objects above it in the thread's stack belong to this scope */
    struct tp_scope *outer; /* NULL for the outermost; the thread's root lies below that */
} tp_scope;

TP_API void tp_scope_open(tp_scope *);
TP_API void tp_scope_close(tp_scope *); /* scopes close in the reverse order of opening */

/* return tp_keep(y);  hands y to the scope outside.  Objects of outer scopes and retained ones stay as they are. */
#define tp_keep(object) ((__typeof__(object))tp_keep_object(object))
TP_API void *tp_keep_object(void *object);

TP_API void *tp_retain(void *object); /* one owner more; returns its argument; NULL is fine */
TP_API void tp_release(void *object); /* one owner less; the last one frees it; NULL is fine */
TP_API void *tp_autorelease(void *object); /* one owner less at the innermost scope's end: what a callback retained and returns */

#define TP_JOIN_(a, b) TP_JOIN2_(a, b)
#define TP_JOIN2_(a, b) a##b
#define TP_SCOPE_NAMED_(name)                                               \
    __attribute__((cleanup(tp_scope_close), unused)) tp_scope name;         \
    tp_scope_open(&name)

/* ---- Memory ---------------------------------------------------------------------------------------- */

typedef struct tp_memory_info {
    int64_t live_bytes;    /* handed out and not given back */
    int64_t peak_bytes;    /* most of that since start or tp_memory_reset_peak */
    int64_t cached_bytes;  /* free, kept for what is asked for next, touched or not */
    int64_t live_blocks;
    int64_t system_calls;  /* how often malloc was asked; a steady training step adds none */
} tp_memory_info;

TP_API tp_memory_info tp_memory_stats(void);
TP_API void tp_memory_reset_peak(void);
TP_API void tp_memory_trim(void); /* gives free blocks back to the system */

/* Asked before every request; false makes it fail with TP_ERR_MEMORY.  NULL takes the hook away.  For tests. */
typedef bool tp_memory_hook(size_t bytes, void *context);
TP_API void tp_memory_set_hook(tp_memory_hook *, void *context);

/* ---- Threads and instruction sets -------------------------------------------------------------------- */

TP_API int tp_num_threads(void);          /* OMP_NUM_THREADS, or the cores this process may use */
TP_API void tp_set_num_threads(int);      /* of the whole process; results never depend on it */
TP_API const char *tp_processor(void);   /* its name: "AMD EPYC 7571", or what the system says of it: "aarch64" */
TP_API const char *tp_compiler(void);    /* that made this library: "gcc 12.2.0" */
TP_API const char *tp_isa(void);          /* the instruction set in use: "avx512", "avx2", "generic"; TAPER_ISA caps it */

/* Sums in the order of the definition: no algorithm that trades digits for speed (Winograd's convolutions; docs/performance.md states
 * their error).  Of the whole process, from then on; starts as TAPER_PRECISE=1 says. */
TP_API void tp_set_precise(bool);
TP_API bool tp_precise(void);

/* How products of f32 (linear, matmul, convolutions, their gradients) take their operands: "highest", as they are; "medium", they
 * may be rounded to bf16 (8 bits: by up to 2^-8 of themselves) where that is faster, and are summed in f32.  All tensors stay f32.  Of the whole
 * process, from then on, with an error pending, too; starts as "highest".  tp_set_precise wins over it, and without tp_has_bf16() it changes
 * nothing. */
TP_API tp_status tp_set_float32_matmul_precision(const char *);
TP_API const char *tp_float32_matmul_precision(void);
TP_API bool tp_has_bf16(void);            /* this processor multiplies bf16 (avx512_bf16), and TAPER_ISA allows it */

/* What the library decided, a line each, for the subjects in a comma-separated list; NULL: none.  "select": which kernel takes
 * a shape, and why; "data": pictures that are left out, and why (from any thread); "run": what a run cannot have here as configured.  Without a function lines go to stderr, and
 * TAPER_LOG=select in the environment asks for that: the only way the library ever prints. */
typedef void tp_log_line(const char *subject, const char *text, void *context);
TP_API void tp_set_log(const char *subjects, tp_log_line *, void *context);

/* ---- Random numbers ----------------------------------------------------------------------------------
 *
 * Philox4x32-10 (Salmon et al. 2011): every number is a function of (seed, stream, index).  Each call
 * that draws takes the thread's next stream. */

typedef struct tp_rng {
    uint64_t seed, stream; /* stream: the next one to be taken */
} tp_rng;

TP_API void tp_manual_seed(uint64_t seed); /* this thread: seed, stream 0.  A thread starts with seed 0 */
TP_API tp_rng tp_rng_state(void);
TP_API void tp_set_rng_state(tp_rng);

/* ---- Options -----------------------------------------------------------------------------------------
 *
 * f(required, .option = value): the options are fields of a struct; a field that is zero means its
 * default.  Where zero itself is wanted for a number (momentum, weight decay, eps), write TP_ZERO. */
#define TP_ZERO (-0.0)

#ifdef __cplusplus
}
#endif
#endif

/* taper/tensor.h - the tensor: data type, shape, strides, storage; making one and looking at it.
 *
 * As in PyTorch: views share storage, strides count elements, broadcasting goes from the right.
 * Operations on tensors are in ops.h, gradients in autograd.h.
 * Programs: docs/tensor.md.
 * Layer: core.  Read next: ops.h. */
#ifndef TAPER_TENSOR_H
#define TAPER_TENSOR_H

#include <taper/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_tensor tp_tensor;
typedef struct tp_storage tp_storage;

enum { TP_MAX_DIMS = 8 };

typedef enum tp_dtype { /* zero is the default: 32-bit floats */
    TP_F32, TP_F64, TP_F16, TP_BF16,
    TP_I64, TP_I32, TP_I16, TP_I8, TP_U8, TP_BOOL,
    TP_N_DTYPES
} tp_dtype;

TP_API const char *tp_dtype_name(tp_dtype);                       /* "f32", ... */
TP_API tp_status tp_dtype_from_name(const char *, tp_dtype *out); /* also "float32", "int64", ... */
TP_API size_t tp_dtype_size(tp_dtype);                            /* bytes */
TP_API bool tp_dtype_is_float(tp_dtype);
TP_API tp_dtype tp_promote(tp_dtype, tp_dtype); /* the type that both fit in, by PyTorch's rules */

typedef struct tp_shape {
    int ndim;
    int64_t dim[TP_MAX_DIMS];
} tp_shape;

/* TP_SHAPE(64, 1, 28, 28); TP_SHAPE() is the shape of a scalar */
#define TP_SHAPE(...) \
    ((tp_shape){ (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } })

/* ---- Making one: creation operations (zeros, randn, arange ...) are in ops.h ------------------------- */

typedef struct tp_tensor_options {
    size_t struct_size;
    tp_dtype dtype;      /* f32 */
    bool requires_grad;  /* false */
} tp_tensor_options;
#define TP_TENSOR_OPTIONS_(...) (&(tp_tensor_options){ .struct_size = sizeof(tp_tensor_options), __VA_ARGS__ })

/* A contiguous tensor with a copy of the elements at data. */
TP_API tp_tensor *tp_tensor_copied(const void *data, tp_dtype, tp_shape);

/* A contiguous tensor over the caller's memory, which must stay as it is until release(context) is called: once, from
 * the thread that lets go of the last tensor over it, views and saved activations included (release may be NULL: then
 * the caller must know).  On failure release is not called.  The memory must be aligned to the elements. */
TP_API tp_tensor *tp_tensor_shared(void *data, tp_dtype, tp_shape, void (*release)(void *context), void *context);

/* The same with strides, in elements and not negative: TP_SHAPE(1, rows) for columns.  Every element must lie in the
 * bytes bytes at data. */
TP_API tp_tensor *tp_tensor_shared_strided(void *data, size_t bytes, tp_dtype, tp_shape, tp_shape strides,
                                           void (*release)(void *context), void *context);

/* tp_tensor_of(1.0, 2.5, 3): a vector of floats (f32), written out */
#define tp_tensor_of(...) \
    tp_tensor_of_doubles((double[]){ __VA_ARGS__ }, (int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)))
TP_API tp_tensor *tp_tensor_of_doubles(const double *values, int64_t n);

/* A 0-dimensional tensor that yields to the other operand's type, as a Python number does in PyTorch. */
TP_API tp_tensor *tp_number(double value);    /* f64 */
TP_API tp_tensor *tp_integer(int64_t value);  /* i64 */

/* Operand of an operation: a tensor as it is, a C number as tp_number or tp_integer: tp_mul(x, 2), tp_gt(x, 0.5). */
#define TP_OPERAND(x) TP_OPERAND_NAMED_(x, TP_JOIN_(tp_operand_, __COUNTER__))
#define TP_OPERAND_NAMED_(x, name)                                                                              \
    (__extension__({                                                                                            \
        __auto_type name = (x);                                                                                 \
        _Generic(name, tp_tensor *: tp_itself, float: tp_number, double: tp_number, default: tp_integer)(name); \
    }))
static inline tp_tensor *tp_itself(tp_tensor *t) { return t; }

/* ---- Looking at it ----------------------------------------------------------------------------------- */

TP_API tp_dtype tp_dtype_of(const tp_tensor *);
TP_API int tp_ndim(const tp_tensor *);
TP_API int64_t tp_size(const tp_tensor *, int dim);   /* negative dim counts from the end; -1 if there is none */
TP_API int64_t tp_stride(const tp_tensor *, int dim); /* elements */
TP_API tp_shape tp_shape_of(const tp_tensor *);
TP_API int64_t tp_numel(const tp_tensor *);
TP_API bool tp_is_contiguous(const tp_tensor *);
TP_API bool tp_shares_storage(const tp_tensor *, const tp_tensor *);
TP_API tp_storage *tp_storage_of(const tp_tensor *);
TP_API int64_t tp_storage_offset(const tp_tensor *); /* elements */
TP_API void *tp_storage_data(const tp_storage *);    /* the first byte, whatever the tensors' offsets */
TP_API size_t tp_storage_bytes(const tp_storage *);

/* First element.  Other elements lie at sum(index * stride).  Writing through it is not seen by autograd. */
TP_API void *tp_data(const tp_tensor *);

/* Devices: "cpu" so far.  A tensor that is there already is itself; a device that is not there is TP_ERR_DEVICE. */
TP_API const char *tp_device_of(const tp_tensor *);              /* "cpu" */
TP_API tp_tensor *tp_to_device(tp_tensor *, const char *device); /* "cpu", "cpu:0", "cuda:0" ... */
TP_API tp_tensor *tp_cpu(tp_tensor *);
TP_API tp_tensor *tp_cuda(tp_tensor *);
TP_API int tp_device_count(const char *kind); /* of "cpu", "cuda" ...; 0 for what this build does not know */

TP_API double tp_item(const tp_tensor *);                 /* of a one-element tensor, any dtype; NaN and an error otherwise */
TP_API int64_t tp_item_i64(const tp_tensor *);
TP_API tp_status tp_to_f32(const tp_tensor *, float *out, int64_t n);  /* all elements in row-major order, converted; n = numel */
TP_API tp_status tp_to_f64(const tp_tensor *, double *out, int64_t n);
TP_API tp_status tp_to_i64(const tp_tensor *, int64_t *out, int64_t n);

/* ---- As text ------------------------------------------------------------------------------------------- */

typedef enum tp_sci_mode { TP_SCI_AUTO, TP_SCI_ON, TP_SCI_OFF } tp_sci_mode;

typedef struct tp_format_options { /* as torch.set_printoptions; -1 where zero itself is meant */
    size_t struct_size;
    int precision;     /* 4 digits after the point; at most 99 */
    int edgeitems;     /* 3 elements at each end of what is shortened */
    int linewidth;     /* 80 characters */
    int64_t threshold; /* 1000 elements; what has more is shortened.  INT64_MAX: nothing is */
    tp_sci_mode sci_mode;
} tp_format_options;

/* Text as PyTorch prints it; like snprintf: returns the length it needs, writes at most size bytes with the final 0.
 * tp_format(x, text, sizeof text, .precision = 2) */
#define tp_format(t, text, size, ...) \
    tp_format_opt(t, text, size, &(tp_format_options){ .struct_size = sizeof(tp_format_options), __VA_ARGS__ })
TP_API size_t tp_format_opt(const tp_tensor *, char *text, size_t size, const tp_format_options *);

TP_API void tp_print(const tp_tensor *, FILE *to); /* the same text and a newline, to a file of yours: tp_print(x, stdout) */

/* Nested lists, all elements, as Python's json.dumps(x.tolist()): "[[1.0, 0.5], [NaN, -Infinity]]".  Each number is
 * the shortest decimal that reads back as the same one.  Like snprintf. */
TP_API size_t tp_tolist(const tp_tensor *, char *text, size_t size);

/* A tensor from nested lists, in JSON (with NaN, Infinity) or as Python prints them (nan, inf, True).  Reals give f32,
 * integers i64, true and false bool, no element f32.  Errors name the byte: TP_ERR_FORMAT what is no list, TP_ERR_SHAPE
 * lists of different lengths, TP_ERR_DTYPE a number that the type cannot hold (nothing is cut: no 1.5 or 300 as u8). */
TP_API tp_tensor *tp_from_list(const char *text);
TP_API tp_tensor *tp_from_list_as(const char *text, tp_dtype);

/* ---- Named tensors: the parameters of a module, the content of a file, the state of an optimizer ------- */

typedef struct tp_params tp_params; /* an object that holds its tensors, in the order of adding */

TP_API tp_params *tp_params_new(void);
TP_API tp_status tp_params_add(tp_params *, const char *name, tp_tensor *); /* the name is copied */
TP_API int tp_params_count(const tp_params *);
TP_API const char *tp_params_name(const tp_params *, int i);
TP_API tp_tensor *tp_params_at(const tp_params *, int i);
TP_API tp_tensor *tp_params_find(const tp_params *, const char *name); /* NULL, without an error, if there is none */
TP_API int64_t tp_params_numel(const tp_params *);                     /* of all of them */

/* Names by patterns: globs with commas between them, "features,*.bias" (* any letters, dots too; ? one).  A pattern that names
 * a module stands for all below it.  tp_params_matching: those of the list; a pattern that chooses nothing is an error. */
TP_API bool tp_name_matches(const char *patterns, const char *name);
TP_API tp_params *tp_params_matching(const tp_params *, const char *patterns);

#ifdef __cplusplus
}
#endif
#endif

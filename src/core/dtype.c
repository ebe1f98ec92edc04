/* dtype.c - names, sizes and promotion of element types.
 *
 * Layer: core.  Depends on taper/tensor.h.  Read next: tensor.c. */
#include "base/error.h"

#include <string.h>
#include <taper/tensor.h>

typedef struct dtype_row {
    const char *name, *torch_name;
    uint8_t size;
} dtype_row;

static const dtype_row dtypes[TP_N_DTYPES] = {
    [TP_F32] = { "f32", "float32", 4 }, [TP_F64] = { "f64", "float64", 8 },
    [TP_F16] = { "f16", "float16", 2 }, [TP_BF16] = { "bf16", "bfloat16", 2 },
    [TP_I64] = { "i64", "int64", 8 },   [TP_I32] = { "i32", "int32", 4 },
    [TP_I16] = { "i16", "int16", 2 },   [TP_I8] = { "i8", "int8", 1 },
    [TP_U8] = { "u8", "uint8", 1 },     [TP_BOOL] = { "bool", "bool", 1 },
};

const char *tp_dtype_name(tp_dtype dtype)
{
    return (unsigned)dtype < TP_N_DTYPES ? dtypes[dtype].name : "?";
}

size_t tp_dtype_size(tp_dtype dtype)
{
    return (unsigned)dtype < TP_N_DTYPES ? dtypes[dtype].size : 0;
}

bool tp_dtype_is_float(tp_dtype dtype)
{
    return (unsigned)dtype <= TP_BF16;
}

tp_status tp_dtype_from_name(const char *name, tp_dtype *out)
{
    for (int i = 0; i < TP_N_DTYPES; i++)
        if (!strcmp(name, dtypes[i].name) || !strcmp(name, dtypes[i].torch_name)) {
            *out = (tp_dtype)i;
            return TP_OK;
        }
    return tp_fail(TP_ERR_DTYPE, "dtype '%s' is none of f64 f32 f16 bf16 i64 i32 i16 i8 u8 bool", name);
}

/* The smallest type that both convert to: floats above integers above bool; u8 with a signed integer needs the next
 * signed size; f16 with bf16 meet in f32 (torch.promote_types). */
tp_dtype tp_promote(tp_dtype a, tp_dtype b)
{
    if (a == b)
        return a;
    if (tp_dtype_is_float(a) != tp_dtype_is_float(b))
        return tp_dtype_is_float(a) ? a : b;
    if (tp_dtype_is_float(a)) {
        if (a == TP_F64 || b == TP_F64)
            return TP_F64;
        return TP_F32; /* f32 with a half, or the two halves */
    }
    if (a == TP_BOOL || b == TP_BOOL)
        return a == TP_BOOL ? b : a;
    if (a == TP_U8 || b == TP_U8) {
        tp_dtype other = a == TP_U8 ? b : a;
        return other == TP_I8 ? TP_I16 : other;
    }
    return a < b ? a : b; /* i64 < i32 < i16 < i8 in the enum: the wider one */
}

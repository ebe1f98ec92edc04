/* taper/dlpack.h - DLPack both ways: tensors handed to NumPy, PyTorch, JAX ... and taken from them, without a copy.
 *
 * The structs are those of the DLPack specification 1.3 (https://dmlc.github.io/dlpack), under its own names and its own
 * include guard: where the official dlpack.h is included too, the first one of the two counts.
 * Layer: io.  Depends on tensor.h.  Read next: io.h. */
#ifndef TAPER_DLPACK_H
#define TAPER_DLPACK_H

#include <taper/tensor.h>

/* ---- The specification's structs ------------------------------------------------------------------------------------ */

#ifndef DLPACK_DLPACK_H_
#define DLPACK_DLPACK_H_

#define DLPACK_MAJOR_VERSION 1
#define DLPACK_MINOR_VERSION 3

#define DLPACK_FLAG_BITMASK_READ_ONLY (1UL << 0UL)
#define DLPACK_FLAG_BITMASK_IS_COPIED (1UL << 1UL)
#define DLPACK_FLAG_BITMASK_IS_SUBBYTE_TYPE_PADDED (1UL << 2UL)

#ifdef __cplusplus
extern "C" {
typedef enum : int32_t {
#else
typedef enum {
#endif
    kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3, kDLOpenCL = 4, kDLVulkan = 7, kDLMetal = 8, kDLVPI = 9, kDLROCM = 10,
    kDLROCMHost = 11, kDLExtDev = 12, kDLCUDAManaged = 13, kDLOneAPI = 14, kDLWebGPU = 15, kDLHexagon = 16, kDLMAIA = 17,
    kDLTrn = 18,
} DLDeviceType;

typedef enum {
    kDLInt = 0U, kDLUInt = 1U, kDLFloat = 2U, kDLOpaqueHandle = 3U, kDLBfloat = 4U, kDLComplex = 5U, kDLBool = 6U,
    kDLFloat8_e3m4 = 7U, kDLFloat8_e4m3 = 8U, kDLFloat8_e4m3b11fnuz = 9U, kDLFloat8_e4m3fn = 10U,
    kDLFloat8_e4m3fnuz = 11U, kDLFloat8_e5m2 = 12U, kDLFloat8_e5m2fnuz = 13U, kDLFloat8_e8m0fnu = 14U,
    kDLFloat6_e2m3fn = 15U, kDLFloat6_e3m2fn = 16U, kDLFloat4_e2m1fn = 17U,
} DLDataTypeCode;

typedef struct {
    uint32_t major, minor;
} DLPackVersion;

typedef struct {
    DLDeviceType device_type;
    int32_t device_id;
} DLDevice;

typedef struct {
    uint8_t code; /* DLDataTypeCode */
    uint8_t bits;
    uint16_t lanes;
} DLDataType;

typedef struct {
    void *data;
    DLDevice device;
    int32_t ndim;
    DLDataType dtype;
    int64_t *shape;
    int64_t *strides; /* elements; NULL: row-major (before 1.2) */
    uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor { /* before 1.0 */
    DLTensor dl_tensor;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensor *self);
} DLManagedTensor;

typedef struct DLManagedTensorVersioned {
    DLPackVersion version;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensorVersioned *self);
    uint64_t flags; /* DLPACK_FLAG_BITMASK_... */
    DLTensor dl_tensor;
} DLManagedTensorVersioned;

#ifdef __cplusplus
}
#endif
#endif /* DLPACK_DLPACK_H_ */

#ifndef DLPACK_FLAG_BITMASK_IS_COPIED
#error "the dlpack.h that was included before taper/dlpack.h is older than DLPack 1.0"
#endif

/* ---- Taper's side --------------------------------------------------------------------------------------------------- */

#ifdef __cplusplus
extern "C" {
#endif

/* The tensor's memory for another library, which calls the deleter when it is done, from whatever thread.  Views and
 * strides go as they are; the memory lives as long as either side needs it.  A tensor that requires a gradient is
 * TP_ERR_GRAD: hand out tp_detach(x).  Writes of the other side are not seen by autograd. */
TP_API DLManagedTensorVersioned *tp_to_dlpack(const tp_tensor *);
TP_API DLManagedTensor *tp_to_dlpack_legacy(const tp_tensor *);

/* A tensor over another library's memory.  On success the managed tensor is Taper's: its deleter is called once, when the
 * last tensor over the memory goes.  On failure it stays the caller's, and its deleter is not called.
 * What is flagged read-only is copied, and given back at once: a tensor of Taper's may be written to.
 * Errors: TP_ERR_DEVICE memory that is not the CPU's; TP_ERR_DTYPE a type that Taper does not have, or lanes;
 * TP_ERR_SHAPE more than 8 dims, negative sizes or strides, sizes that overflow; TP_ERR_ARGUMENT memory that is NULL or
 * not aligned; TP_ERR_UNSUPPORTED another major version. */
TP_API tp_tensor *tp_from_dlpack(DLManagedTensorVersioned *);
TP_API tp_tensor *tp_from_dlpack_legacy(DLManagedTensor *);

#ifdef __cplusplus
}
#endif
#endif

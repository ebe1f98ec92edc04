/* taper/io.h - files: weights as safetensors and PyTorch's .pth, arrays as npy and npz; shared memory; pictures.
 *
 * Readers trust nothing: a malformed file is TP_ERR_FORMAT naming file, byte offset and what was wanted.
 * Writers write beside, sync and rename: the old file or the new one, never half of one.
 * Programs: docs/io.md, weights.md.
 * Layer: io.  Depends on tensor.h.  Read next: dlpack.h, data.h. */
#ifndef TAPER_IO_H
#define TAPER_IO_H

#include <taper/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- safetensors (https://huggingface.co/docs/safetensors): 8 bytes of header length, JSON, data -------------- */

typedef struct tp_metadata { /* string pairs of the file's __metadata__ */
    const char *key, *value;
} tp_metadata;

TP_API tp_status tp_safetensors_write(const char *path, const tp_params *, const tp_metadata *, int n_metadata);
TP_API tp_params *tp_safetensors_read(const char *path);
TP_API tp_params *tp_safetensors_map(const char *path); /* mapped, see below */
/* Value of a metadata key into text ("" if there is none). */
TP_API tp_status tp_safetensors_metadata(const char *path, const char *key, char *text, size_t size);

/* ---- PyTorch's state dicts (.pth, .pt): what torch.save writes, of both forms ----------------------------------------
 *
 * Reads the zip form (PyTorch 1.6 and later; needs libzip, else TP_ERR_UNSUPPORTED) and the one before it, and unpickles
 * tensors alone: a name or an opcode that a dict of tensors has no use for is TP_ERR_UNSUPPORTED, and nothing in a file
 * is ever run.  Strides and shared storages come back as they were.  Of a checkpoint ({"epoch": 3, "model": {...}}) the
 * dict under "state_dict", "model_state_dict", "model", "net", "network", "params" or "weights" is taken, unless key
 * says which; dicts in dicts are joined with dots; "module." and "_orig_mod." before all names are taken off.
 * Files of big-endian machines are turned round.  docs/weights.md says more. */
typedef struct tp_pth_options {
    size_t struct_size;
    const char *key;      /* of a checkpoint: the entry to read */
    char *left_out;       /* room for the names of its other entries ("epoch, optimizer"), or NULL */
    size_t left_out_size;
} tp_pth_options;
#define tp_pth_read(path, ...) \
    tp_pth_read_opt(path, &(tp_pth_options){ .struct_size = sizeof(tp_pth_options), __VA_ARGS__ })
TP_API tp_params *tp_pth_read_opt(const char *path, const tp_pth_options *);

/* The zip form, as torch.load(path, weights_only=True) takes it: an OrderedDict of tensors.  A tensor under two names is
 * stored once. */
TP_API tp_status tp_pth_write(const char *path, const tp_params *);

/* Either kind of weights, safetensors or PyTorch's, told by the content and never by the name. */
#define tp_weights_read(path, ...) \
    tp_weights_read_opt(path, &(tp_pth_options){ .struct_size = sizeof(tp_pth_options), __VA_ARGS__ })
TP_API tp_params *tp_weights_read_opt(const char *path, const tp_pth_options *);

/* ---- npy, npz: NumPy's files (numpy.save, numpy.savez, numpy.savez_compressed) -------------------------------------
 *
 * Every type but bf16, which NumPy does not have.  Big-endian files are turned round, column-major ("Fortran") ones come
 * back as row-major copies. */

TP_API tp_status tp_npy_write(const char *path, tp_tensor *);
TP_API tp_tensor *tp_npy_read(const char *path);

/* Mapped: pages are read when they are touched, and shared with every other process that maps the file.  Writing is
 * private to this process and never reaches the file.  The mapping ends with the last tensor over it.  Little-endian
 * files only; column-major ones keep their strides (1, rows).
 * A mapping follows its file: when somebody cuts the file shorter, touching what is gone ends the process with SIGBUS,
 * as with numpy.memmap, and no library can turn that into an error.  Replace files by rename, as every writer here does
 * (then a mapping keeps the old content); where others write in place, read instead: tp_npy_read reports it. */
TP_API tp_tensor *tp_npy_map(const char *path);

/* npz: a zip file with a member NAME.npy for each array; NAME is the tensor's name (a name, never a path: "../x" is
 * one).  Stored or deflated members are read; needs libzip, else TP_ERR_UNSUPPORTED. */
typedef struct tp_npz_options {
    size_t struct_size;
    bool compressed; /* deflated, as savez_compressed; stored, as savez, by default */
} tp_npz_options;
#define tp_npz_write(path, params, ...) \
    tp_npz_write_opt(path, params, &(tp_npz_options){ .struct_size = sizeof(tp_npz_options), __VA_ARGS__ })
TP_API tp_status tp_npz_write_opt(const char *path, const tp_params *, const tp_npz_options *);
TP_API tp_params *tp_npz_read(const char *path);
TP_API tp_tensor *tp_npz_read_one(const char *path, const char *name); /* the other members are not looked at */

/* ---- Shared memory by name (POSIX): one tensor that several processes see ----------------------------------------------
 *
 * name is "/" and 1 to 254 characters without another "/".  The memory stays until tp_shm_unlink (or a restart), like a
 * file; each process's tensor works on after that.  Writes are seen at once and by nobody's order: who needs one brings
 * a lock or a pipe.  Only the same user's processes may open it (mode 0600). */
TP_API tp_tensor *tp_shm_create(const char *name, tp_dtype, tp_shape); /* zeros; a name that is taken is an error */
TP_API tp_tensor *tp_shm_open(const char *name);
TP_API tp_status tp_shm_unlink(const char *name);

/* ---- Pictures: PNG and JPEG, decoded to (channels, height, width) floats in [0, 1]; channels 1 or 3, 0: as in the file.
 * Pixels as Pillow's convert("L") and convert("RGB") give them (alpha is dropped; of 16 bits the high 8 count), turned
 * as EXIF says. */
TP_API tp_tensor *tp_image_read(const char *path, int channels);
TP_API tp_tensor *tp_image_decode(const char *name, const void *data, size_t size, int channels); /* of a file in memory; name is for errors */
TP_API tp_status tp_image_write_png(const char *path, tp_tensor *image); /* (1 or 3, H, W) in [0, 1] */

#ifdef __cplusplus
}
#endif
#endif

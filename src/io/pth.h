/* pth.h - PyTorch's state dicts: what pth.c (containers), pth_names.c (tensors) and pth_state.c (names) share.
 *
 * Layer: io.  Depends on pickle.h.  Read next: pth.c; the public functions are in taper/io.h. */
#ifndef IO_PTH_H
#define IO_PTH_H

#include "core/tensor.h"
#include "io/file.h"
#include "io/pickle.h"

#include <taper/io.h>

tp_params *pth_from(const file_in *, const tp_pth_options *);

/* ---- What stands in the pickle: storages, and tensors over them ------------------------------------------------------ */

typedef struct pth_storage {
    const char *key; /* "0", or an address in the older form */
    tp_dtype dtype;
    int64_t numel;
    bool wanted;                /* by a tensor that is read */
    tp_tensor *data;            /* (numel), once it is loaded */
    struct pth_storage *twin;   /* the one that is loaded, where several have its key; itself by default */
    struct pth_storage *before; /* in the list of all */
} pth_storage;

typedef struct pth_tensor {
    pth_storage *storage;
    tp_shape shape, stride;
    int64_t offset, numel;
} pth_tensor;

typedef struct pth_storages {    /* the context of pth_world */
    pth_storage *last, **sorted; /* sorted: by key, each once; from pth_sort_storages */
    int64_t count, distinct;
} pth_storages;

/* Knows PyTorch's names, and no others. */
extern const pickle_world pth_world;

const pth_tensor *pth_tensor_of(const pickle_value *); /* NULL: it is none */

/* When all is unpickled: finds the storages that are one. */
tp_status pth_sort_storages(pickle *, pth_storages *);
pth_storage *pth_find_storage(const pth_storages *, const char *key); /* NULL: there is none */

/* ---- Which of them are the state dict, and under which names ----------------------------------------------------------- */

typedef struct pth_entry {
    const char *name;
    const pth_tensor *tensor;
} pth_entry;

typedef struct pth_state {
    pth_entry *entries;
    int64_t count;
} pth_state;

tp_status pth_state_of(pickle *, const file_in *, const pickle_value *root, const tp_pth_options *,
                       pth_state *);

#endif

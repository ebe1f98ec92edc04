/* params.c - lists of named tensors.
 *
 * Invariants: each entry holds its tensor and owns a copy of its name; names are unique.  A small open hash table
 * finds a name, so that a network of ten thousand tensors loads in linear time.
 * Layer: core.  Depends on tensor.h.  Read next: nn/module.c, io/safetensors.c. */
#include "base/memory.h"
#include "core/tensor.h"

#include <string.h>

typedef struct entry {
    char *name;
    tp_tensor *tensor;
} entry;

struct tp_params {
    tp_object object;
    entry *entries;
    int64_t count, capacity;
    int32_t *slots; /* 1 + index of the entry, 0: free; a power of two of them, at least twice count */
    int64_t n_slots;
};

static void params_destroy(void *object)
{
    tp_params *p = object;
    for (int64_t i = 0; i < p->count; i++) {
        tp_free(p->entries[i].name, strlen(p->entries[i].name) + 1);
        tp_release(p->entries[i].tensor);
    }
    tp_free(p->entries, (size_t)p->capacity * sizeof *p->entries);
    tp_free(p->slots, (size_t)p->n_slots * sizeof *p->slots);
    tp_free(p, sizeof *p);
}

static const tp_class params_class = { "params", params_destroy };

tp_params *tp_params_new(void)
{
    return tp_object_new(&params_class, sizeof(tp_params));
}

static uint64_t hash(const char *name) /* FNV-1a */
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001b3u;
    return h;
}

/* The slot that holds the name, or the free one where it would go. */
static int32_t *slot_of(const tp_params *p, const char *name)
{
    uint64_t mask = (uint64_t)p->n_slots - 1, i = hash(name) & mask;
    while (p->slots[i] && strcmp(p->entries[p->slots[i] - 1].name, name) != 0)
        i = (i + 1) & mask;
    return &p->slots[i];
}

static tp_status make_room(tp_params *p)
{
    void *entries = p->entries;
    if (tp_grow(&entries, &p->capacity, p->count + 1, sizeof *p->entries))
        return TP_ERR_MEMORY;
    p->entries = entries;
    if (p->n_slots > 2 * p->count + 1)
        return TP_OK;
    int64_t more = p->n_slots ? 2 * p->n_slots : 32;
    int32_t *slots = tp_calloc((size_t)more * sizeof *slots);
    if (!slots)
        return TP_ERR_MEMORY;
    tp_free(p->slots, (size_t)p->n_slots * sizeof *slots);
    p->slots = slots;
    p->n_slots = more;
    for (int64_t i = 0; i < p->count; i++)
        *slot_of(p, p->entries[i].name) = (int32_t)(i + 1);
    return TP_OK;
}

tp_status tp_params_add(tp_params *p, const char *name, tp_tensor *t)
{
    if (tp_pending())
        return tp_error_pending();
    if (!p || !t)
        return tp_fail(TP_ERR_ARGUMENT, "params_add: '%s': the %s is NULL", name, p ? "tensor" : "list");
    if (make_room(p))
        return TP_ERR_MEMORY;
    int32_t *slot = slot_of(p, name);
    if (*slot)
        return tp_fail(TP_ERR_ARGUMENT, "params_add: the name '%s' is there already", name);
    char *copy = tp_memdup(name, strlen(name) + 1);
    if (!copy)
        return TP_ERR_MEMORY;
    p->entries[p->count++] = (entry){ copy, tp_retain(t) };
    *slot = (int32_t)p->count;
    return TP_OK;
}

int tp_params_count(const tp_params *p)
{
    return p ? (int)p->count : 0;
}

const char *tp_params_name(const tp_params *p, int i)
{
    return p && i >= 0 && i < p->count ? p->entries[i].name : NULL;
}

tp_tensor *tp_params_at(const tp_params *p, int i)
{
    return p && i >= 0 && i < p->count ? p->entries[i].tensor : NULL;
}

tp_tensor *tp_params_find(const tp_params *p, const char *name)
{
    int32_t slot = p && p->count ? *slot_of(p, name) : 0;
    return slot ? p->entries[slot - 1].tensor : NULL;
}

int64_t tp_params_numel(const tp_params *p)
{
    int64_t total = 0;
    for (int i = 0; i < tp_params_count(p); i++)
        total += tp_numel(p->entries[i].tensor);
    return total;
}

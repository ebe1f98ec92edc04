/* object.h - the head of everything that has owners: tensor, node, module, optimizer, dataset, loader.
 *
 * Invariants:
 *  1. refs counts owners: an open scope's stack entry is one, each tp_retain is one, each holder is one.
 *  2. At zero the class's destroy runs once, on the thread that released last.
 *  3. An object is in at most one scope's part of one thread's stack.
 * Layer: base.  Depends on memory.h.  Read next: object.c. */
#ifndef BASE_OBJECT_H
#define BASE_OBJECT_H

#include <taper/base.h>

typedef struct tp_class {
    const char *name;
    void (*destroy)(void *object); /* releases what it holds and frees its own memory */
} tp_class;

typedef struct tp_object {
    const tp_class *class;
    int32_t refs; /* changed by atomic operations, read plainly by a sole owner */
} tp_object;

/* Makes the object, with one owner: the innermost scope.  bytes cleared, head filled; NULL with an error pending. */
void *tp_object_new(const tp_class *, size_t bytes);

/* Gives a filled object (refs 1) to the innermost scope.  On failure the object is released and NULL comes back. */
void *tp_scope_own(void *object);

#endif

/* object.c - owners and scopes.
 *
 * Each thread has one stack of objects; a scope is a mark in it.  Closing a scope releases everything
 * above its mark.  What lies below the outermost mark is the thread's root, emptied when the thread ends.
 * Invariants:
 *  1. stack.innermost is the scope opened last and not closed; its mark <= stack.count.
 *  2. Each entry is one owner of its object.
 * Layer: base.  Depends on memory.h.  Read next: core/tensor.h. */
#include "base/object.h"

#include "base/error.h"
#include "base/memory.h"

#include <pthread.h>

typedef struct scope_stack {
    tp_object **objects;
    size_t count;
    int64_t capacity;
    tp_scope *innermost;
    bool registered;
} scope_stack;

static _Thread_local scope_stack stack __attribute__((tls_model("initial-exec")));
static pthread_key_t at_thread_exit;
static pthread_once_t started = PTHREAD_ONCE_INIT;

static void release_down_to(size_t mark)
{
    while (stack.count > mark)
        tp_release(stack.objects[--stack.count]);
}

static void thread_ends(void *unused)
{
    (void)unused;
    release_down_to(0);
    tp_free(stack.objects, (size_t)stack.capacity * sizeof *stack.objects);
    stack = (scope_stack){ 0 };
}

static void start(void)
{
    pthread_key_create(&at_thread_exit, thread_ends);
}

/* Room for one more entry, whatever happens: on failure the stack is as it was. */
static bool make_room(void)
{
    if (!stack.registered) {
        pthread_once(&started, start);
        pthread_setspecific(at_thread_exit, &stack);
        stack.registered = true;
    }
    void *objects = stack.objects;
    if (tp_grow(&objects, &stack.capacity, (int64_t)stack.count + 1, sizeof *stack.objects))
        return false;
    stack.objects = objects;
    return true;
}

void *tp_scope_own(void *object)
{
    if (__builtin_expect((int64_t)stack.count == stack.capacity, 0) && !make_room()) {
        tp_release(object);
        return NULL;
    }
    stack.objects[stack.count++] = object;
    return object;
}

void *tp_autorelease(void *object)
{
    return object ? tp_scope_own(object) : NULL;
}

void *tp_object_new(const tp_class *class, size_t bytes)
{
    tp_object *object = tp_pending() ? NULL : tp_calloc(bytes);
    if (!object)
        return NULL;
    object->class = class;
    object->refs = 1;
    if ((int64_t)stack.count == stack.capacity && !make_room()) {
        tp_free(object, bytes); /* not filled yet: destroy must not see it */
        return NULL;
    }
    stack.objects[stack.count++] = object;
    return object;
}

void tp_scope_open(tp_scope *scope)
{
    scope->mark = stack.count;
    scope->outer = stack.innermost;
    stack.innermost = scope;
}

void tp_scope_close(tp_scope *scope)
{
    release_down_to(scope->mark);
    stack.innermost = scope->outer;
}

/* The object changes places with the first one of the scope, and the mark moves over it. */
void *tp_keep_object(void *object)
{
    tp_scope *scope = stack.innermost;
    if (!object || !scope)
        return object;
    for (size_t i = stack.count; i-- > scope->mark;)
        if (stack.objects[i] == object) {
            stack.objects[i] = stack.objects[scope->mark];
            stack.objects[scope->mark++] = object;
            break;
        }
    return object;
}

void *tp_retain(void *object)
{
    if (object)
        __atomic_fetch_add(&((tp_object *)object)->refs, 1, __ATOMIC_RELAXED);
    return object;
}

void tp_release(void *pointer)
{
    tp_object *object = pointer;
    if (!object)
        return;
    /* A sole owner needs no locked instruction: nobody else can be counting. */
    if (__atomic_load_n(&object->refs, __ATOMIC_ACQUIRE) == 1 ||
        __atomic_fetch_sub(&object->refs, 1, __ATOMIC_ACQ_REL) == 1) {
        object->refs = 0;
        object->class->destroy(object);
    }
}

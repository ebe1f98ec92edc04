/* pickle.c - the stack machine of Python's pickles, protocols 2 to 5, without anything that runs code.
 *
 * Invariants:
 *  1. Every value was pushed once and lives in the arena; the stack and the memo hold pointers, never NULL.
 *  2. What is pushed is counted: stack, containers and memo together cannot outgrow PICKLE_MAX_VALUES.
 *  3. Bytes are read once, in order: a zip's member can be the file.
 * The machine's words are in Python's pickletools.  Layer: io.  Depends on pickle.h.  Read next: pth_names.c. */
#include "io/pickle.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/memory.h"

#include <stdarg.h>
#include <string.h>

enum { BUFFER = 1 << 16, MAX_NAME = 200, HIGHEST_PROTOCOL = 5 };

struct pickle {
    const file_in *in;
    const pickle_world *world;
    void *context;
    unsigned char *buffer;
    size_t used, full; /* of buffer */
    int64_t at;        /* of buffer's end in the file */
    int64_t begin;     /* of this pickle */
    int64_t opcode_at; /* for error texts */
    int64_t pushed;
    pickle_value **stack, **memo;
    int64_t n_stack, stack_room, n_memo, memo_room;
    bool stopped;
    arena arena;
};

static pickle_value the_mark = { .kind = PICKLE_MARK };

/* ---- memory ------------------------------------------------------------------------------------------------------- */

void *pickle_alloc(pickle *p, size_t bytes)
{
    return arena_alloc(&p->arena, bytes);
}

pickle_value *pickle_make(pickle *p, pickle_kind kind)
{
    pickle_value *v = pickle_alloc(p, sizeof *v);
    if (v)
        v->kind = kind;
    return v;
}

pickle *pickle_open(const file_in *in, int64_t at, const pickle_world *world, void *context)
{
    pickle *p = tp_pending() ? NULL : tp_calloc(sizeof *p);
    if (!p)
        return NULL;
    *p = (pickle){ .in = in, .world = world, .context = context, .at = at };
    p->buffer = tp_alloc(BUFFER);
    if (p->buffer)
        return p;
    pickle_close(p);
    return NULL;
}

void pickle_close(pickle *p)
{
    if (!p)
        return;
    arena_free(&p->arena);
    tp_free(p->memo, (size_t)p->memo_room * sizeof *p->memo);
    tp_free(p->stack, (size_t)p->stack_room * sizeof *p->stack);
    tp_free(p->buffer, BUFFER);
    tp_free(p, sizeof *p);
}

tp_status pickle_fail(pickle *p, tp_status status, const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    return tp_fail(status, "%s: byte %lld: %s", p->in->path, (long long)p->opcode_at, text);
}

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

int64_t pickle_at(const pickle *p)
{
    return p->at - (int64_t)(p->full - p->used);
}

int64_t pickle_pushed(const pickle *p)
{
    return p->pushed;
}

static tp_status read_bytes(pickle *p, void *dst, size_t n)
{
    int64_t done = pickle_at(p) - p->begin, left = p->in->size - pickle_at(p);
    if (n > (uint64_t)left)
        return pickle_fail(p, TP_ERR_FORMAT, "pickle: ends at byte %lld, %zu bytes more are wanted",
                           (long long)p->in->size, n);
    if (n > (uint64_t)(PICKLE_MAX_BYTES - done))
        return pickle_fail(p, TP_ERR_UNSUPPORTED, "pickle: is longer than %d bytes", PICKLE_MAX_BYTES);
    for (unsigned char *to = dst; n;) {
        if (p->used == p->full) {
            size_t more = (uint64_t)(p->in->size - p->at) < BUFFER ? (size_t)(p->in->size - p->at) : BUFFER;
            if (file_read_at(p->in, p->at, p->buffer, more))
                return tp_error_pending();
            p->at += (int64_t)more;
            p->used = 0;
            p->full = more;
        }
        size_t part = p->full - p->used < n ? p->full - p->used : n;
        memcpy(to, p->buffer + p->used, part);
        p->used += part;
        to += part;
        n -= part;
    }
    return TP_OK;
}

/* An unsigned integer of n bytes, the lowest first. */
static tp_status read_count(pickle *p, size_t n, uint64_t *out)
{
    unsigned char bytes[8];
    *out = 0;
    if (read_bytes(p, bytes, n))
        return tp_error_pending();
    for (size_t i = n; i-- > 0;)
        *out = *out << 8 | bytes[i];
    return TP_OK;
}

/* A line without its newline. */
static tp_status read_line(pickle *p, char line[MAX_NAME + 1])
{
    for (size_t n = 0; n <= MAX_NAME; n++) {
        if (read_bytes(p, line + n, 1))
            return tp_error_pending();
        if (line[n] == '\n') {
            line[n] = 0;
            return TP_OK;
        }
    }
    return pickle_fail(p, TP_ERR_FORMAT, "pickle: a name is longer than %d bytes", MAX_NAME);
}

/* ---- the stack ---------------------------------------------------------------------------------------------------- */

static tp_status push(pickle *p, pickle_value *v)
{
    if (!v)
        return tp_error_pending();
    if (++p->pushed > PICKLE_MAX_VALUES)
        return pickle_fail(p, TP_ERR_UNSUPPORTED, "pickle: has more than %d values", PICKLE_MAX_VALUES);
    void *stack = p->stack;
    if (tp_grow(&stack, &p->stack_room, p->n_stack + 1, sizeof *p->stack))
        return TP_ERR_MEMORY;
    p->stack = stack;
    p->stack[p->n_stack++] = v;
    return TP_OK;
}

static tp_status push_integer(pickle *p, pickle_kind kind, int64_t integer)
{
    pickle_value *v = pickle_make(p, kind);
    if (v)
        v->integer = integer;
    return push(p, v);
}

/* The topmost value, which must be there and no mark; NULL with an error pending. */
static pickle_value *top(pickle *p)
{
    if (p->n_stack && p->stack[p->n_stack - 1] != &the_mark)
        return p->stack[p->n_stack - 1];
    pickle_fail(p, TP_ERR_FORMAT, "pickle: a value is wanted, the stack has none");
    return NULL;
}

static pickle_value *pop(pickle *p)
{
    pickle_value *v = top(p);
    p->n_stack -= v != NULL;
    return v;
}

/* Takes off what lies above the last mark, and the mark; *items stays valid until the next push. */
static tp_status pop_mark(pickle *p, pickle_value ***items, int64_t *n)
{
    *items = NULL;
    *n = 0;
    int64_t i = p->n_stack;
    while (i && p->stack[i - 1] != &the_mark)
        i--;
    if (!i)
        return pickle_fail(p, TP_ERR_FORMAT, "pickle: a mark is wanted, the stack has none");
    *items = p->stack + i;
    *n = p->n_stack - i;
    p->n_stack = i - 1;
    return TP_OK;
}

/* ---- plain values ------------------------------------------------------------------------------------------------- */

static tp_status run_mark(pickle *p, int argument)
{
    (void)argument;
    return push(p, &the_mark);
}

static tp_status run_stop(pickle *p, int argument)
{
    (void)argument;
    p->stopped = true;
    return TP_OK;
}

static tp_status run_none(pickle *p, int argument)
{
    (void)argument;
    return push_integer(p, PICKLE_NONE, 0);
}

static tp_status run_bool(pickle *p, int value)
{
    return push_integer(p, PICKLE_BOOL, value);
}

static tp_status run_integer(pickle *p, int bytes)
{
    uint64_t n;
    if (read_count(p, (size_t)bytes, &n))
        return tp_error_pending();
    return push_integer(p, PICKLE_INT, bytes == 4 ? (int32_t)(uint32_t)n : (int64_t)n);
}

/* Two's complement of any length. */
static tp_status run_long1(pickle *p, int argument)
{
    (void)argument;
    uint64_t n, bits = 0;
    unsigned char bytes[255];
    if (read_count(p, 1, &n) || read_bytes(p, bytes, n))
        return tp_error_pending();
    if (n <= 8) {
        for (uint64_t i = n; i-- > 0;)
            bits = bits << 8 | bytes[i];
        if (n && n < 8 && bytes[n - 1] & 0x80)
            bits |= UINT64_MAX << 8 * n;
        return push_integer(p, PICKLE_INT, (int64_t)bits);
    }
    pickle_value *v = pickle_make(p, PICKLE_LONG);
    char *copy = v ? pickle_alloc(p, n) : NULL;
    if (!copy)
        return TP_ERR_MEMORY;
    v->text = memcpy(copy, bytes, n);
    v->length = (int64_t)n;
    return push(p, v);
}

static tp_status run_float(pickle *p, int argument)
{
    (void)argument;
    unsigned char bytes[8];
    uint64_t bits = 0;
    pickle_value *v = pickle_make(p, PICKLE_REAL);
    if (!v || read_bytes(p, bytes, 8))
        return tp_error_pending();
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | bytes[i];
    memcpy(&v->real, &bits, 8);
    return push(p, v);
}

/* A length of so many bytes, then the text. */
static tp_status push_text(pickle *p, size_t length_bytes, pickle_kind kind)
{
    uint64_t n;
    if (read_count(p, length_bytes, &n))
        return tp_error_pending();
    if (n > (uint64_t)(p->in->size - pickle_at(p)) || n > PICKLE_MAX_BYTES) /* before memory is asked for */
        return pickle_fail(p, TP_ERR_FORMAT, "pickle: a text of %llu bytes, %lld are left",
                           (unsigned long long)n, (long long)(p->in->size - pickle_at(p)));
    pickle_value *v = pickle_make(p, kind);
    char *text = v ? pickle_alloc(p, n + 1) : NULL;
    if (!text || read_bytes(p, text, n))
        return tp_error_pending();
    v->text = text;
    v->length = (int64_t)n;
    return push(p, v);
}

static tp_status run_bytes(pickle *p, int length_bytes)
{
    return push_text(p, (size_t)length_bytes, PICKLE_BYTES);
}

static tp_status run_unicode(pickle *p, int length_bytes)
{
    if (push_text(p, (size_t)length_bytes, PICKLE_TEXT))
        return tp_error_pending();
    const pickle_value *v = p->stack[p->n_stack - 1];
    return pickle_utf8(v) ? TP_OK : pickle_fail(p, TP_ERR_FORMAT, "pickle: a text is not UTF-8");
}

/* Python 2's str: a text where it can be one. */
static tp_status run_string(pickle *p, int length_bytes)
{
    if (push_text(p, (size_t)length_bytes, PICKLE_BYTES))
        return tp_error_pending();
    pickle_value *v = p->stack[p->n_stack - 1];
    if (pickle_utf8(v))
        v->kind = PICKLE_TEXT;
    return TP_OK;
}

/* ---- containers --------------------------------------------------------------------------------------------------- */

tp_status pickle_append(pickle *p, pickle_value *list, pickle_value *item)
{
    if (list->count == list->capacity) {
        int64_t room = list->capacity ? 2 * list->capacity : 4;
        pickle_value **items = pickle_alloc(p, (size_t)room * sizeof *items);
        if (!items)
            return TP_ERR_MEMORY;
        if (list->count)
            memcpy(items, list->items, (size_t)list->count * sizeof *items);
        list->items = items;
        list->capacity = room;
    }
    list->items[list->count++] = item;
    return TP_OK;
}

static tp_status push_tuple(pickle *p, pickle_value **items, int64_t n)
{
    pickle_value *v = pickle_make(p, PICKLE_TUPLE);
    if (!v)
        return TP_ERR_MEMORY;
    v->count = n;
    v->items = n ? pickle_alloc(p, (size_t)n * sizeof *items) : NULL;
    if (n && !v->items)
        return TP_ERR_MEMORY;
    if (n)
        memcpy(v->items, items, (size_t)n * sizeof *items);
    return push(p, v);
}

static tp_status run_tuple(pickle *p, int argument)
{
    (void)argument;
    pickle_value **items;
    int64_t n;
    return pop_mark(p, &items, &n) ? tp_error_pending() : push_tuple(p, items, n);
}

static tp_status run_small_tuple(pickle *p, int n)
{
    pickle_value *items[3];
    for (int i = n; i-- > 0;)
        if (!(items[i] = pop(p)))
            return tp_error_pending();
    return push_tuple(p, items, n);
}

static tp_status run_empty(pickle *p, int kind)
{
    return push(p, pickle_make(p, (pickle_kind)kind));
}

static tp_status append_all(pickle *p, pickle_kind kind, pickle_value **items, int64_t n)
{
    pickle_value *v = top(p);
    if (!v)
        return tp_error_pending();
    if (v->kind != kind)
        return pickle_fail(p, TP_ERR_FORMAT, "pickle: items are put into %s, %s is wanted",
                           pickle_kind_name(v), kind == PICKLE_DICT ? "a dict" : "a list");
    if (kind == PICKLE_DICT && n % 2)
        return pickle_fail(p, TP_ERR_FORMAT, "pickle: a key without its value");
    for (int64_t i = 0; i < n; i++)
        if (pickle_append(p, v, items[i]))
            return TP_ERR_MEMORY;
    return TP_OK;
}

/* An item of a list, or a key and its value. */
static tp_status run_item(pickle *p, int kind)
{
    int n = kind == PICKLE_DICT ? 2 : 1;
    pickle_value *items[2];
    for (int i = n; i-- > 0;)
        if (!(items[i] = pop(p)))
            return tp_error_pending();
    return append_all(p, (pickle_kind)kind, items, n);
}

static tp_status run_items(pickle *p, int kind)
{
    pickle_value **items;
    int64_t n;
    return pop_mark(p, &items, &n) ? tp_error_pending() : append_all(p, (pickle_kind)kind, items, n);
}

/* ---- names, calls, the memo ------------------------------------------------------------------------------------------ */

static tp_status run_global(pickle *p, int argument)
{
    (void)argument;
    char module[MAX_NAME + 1], name[MAX_NAME + 1];
    if (read_line(p, module) || read_line(p, name))
        return tp_error_pending();
    return push(p, p->world->name(p, p->context, module, name));
}

static tp_status run_stack_global(pickle *p, int argument)
{
    (void)argument;
    pickle_value *name = pop(p), *module = name ? pop(p) : NULL;
    if (!module)
        return tp_error_pending();
    if (name->kind != PICKLE_TEXT || module->kind != PICKLE_TEXT)
        return pickle_fail(p, TP_ERR_FORMAT, "pickle: a name is %s in %s, two texts are wanted",
                           pickle_kind_name(name), pickle_kind_name(module));
    return push(p, p->world->name(p, p->context, module->text, name->text));
}

static tp_status run_call(pickle *p, int argument)
{
    (void)argument;
    pickle_value *arguments = pop(p), *function = arguments ? pop(p) : NULL;
    if (!function)
        return tp_error_pending();
    if (function->kind != PICKLE_NAME || arguments->kind != PICKLE_TUPLE)
        return pickle_fail(p, TP_ERR_FORMAT, "pickle: %s is called with %s, a name and a tuple are wanted",
                           pickle_kind_name(function), pickle_kind_name(arguments));
    return push(p, p->world->call(p, p->context, function, arguments));
}

/* Attributes of an OrderedDict (a state dict's _metadata) change nothing that is read here. */
static tp_status run_build(pickle *p, int argument)
{
    (void)argument;
    pickle_value *state = pop(p), *object = state ? top(p) : NULL;
    if (!object)
        return tp_error_pending();
    return object->kind == PICKLE_DICT
               ? TP_OK
               : pickle_fail(p, TP_ERR_UNSUPPORTED, "pickle: refuses to set the state of %s",
                             pickle_kind_name(object));
}

static tp_status run_persistent(pickle *p, int argument)
{
    (void)argument;
    pickle_value *id = pop(p);
    return id ? push(p, p->world->persistent(p, p->context, id)) : tp_error_pending();
}

static tp_status memo_set(pickle *p, uint64_t i)
{
    pickle_value *v = top(p);
    if (!v)
        return tp_error_pending();
    if (i >= PICKLE_MAX_VALUES)
        return pickle_fail(p, TP_ERR_UNSUPPORTED, "pickle: memo %llu, fewer than %d are possible",
                           (unsigned long long)i, PICKLE_MAX_VALUES);
    void *memo = p->memo;
    int64_t before = p->memo_room;
    if (tp_grow(&memo, &p->memo_room, (int64_t)i + 1, sizeof *p->memo))
        return TP_ERR_MEMORY;
    p->memo = memo;
    memset(p->memo + before, 0, (size_t)(p->memo_room - before) * sizeof *p->memo);
    p->memo[i] = v;
    return TP_OK;
}

static tp_status run_put(pickle *p, int bytes)
{
    uint64_t i;
    return read_count(p, (size_t)bytes, &i) ? tp_error_pending() : memo_set(p, i);
}

static tp_status run_memoize(pickle *p, int argument)
{
    (void)argument;
    return memo_set(p, (uint64_t)p->n_memo++);
}

static tp_status run_get(pickle *p, int bytes)
{
    uint64_t i;
    if (read_count(p, (size_t)bytes, &i))
        return tp_error_pending();
    if (i >= (uint64_t)p->memo_room || !p->memo[i])
        return pickle_fail(p, TP_ERR_FORMAT, "pickle: memo %llu was never set", (unsigned long long)i);
    return push(p, p->memo[i]);
}

static tp_status run_protocol(pickle *p, int argument)
{
    (void)argument;
    uint64_t n;
    if (read_count(p, 1, &n))
        return tp_error_pending();
    return n >= 2 && n <= HIGHEST_PROTOCOL
               ? TP_OK
               : pickle_fail(p, TP_ERR_UNSUPPORTED, "pickle: protocol %d, 2 to %d are read", (int)n,
                             HIGHEST_PROTOCOL);
}

/* Tells how much can be read at once, which nobody here needs to know. */
static tp_status run_frame(pickle *p, int argument)
{
    (void)argument;
    uint64_t n;
    return read_count(p, 8, &n);
}

/* ---- the table ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    tp_status (*run)(pickle *, int argument); /* NULL: refused */
    int argument;
} opcodes[256] = {
    ['('] = { "MARK", run_mark },
    ['.'] = { "STOP", run_stop },
    ['N'] = { "NONE", run_none },
    [0x88] = { "NEWTRUE", run_bool, 1 },
    [0x89] = { "NEWFALSE", run_bool, 0 },
    ['K'] = { "BININT1", run_integer, 1 },
    ['M'] = { "BININT2", run_integer, 2 },
    ['J'] = { "BININT", run_integer, 4 },
    [0x8a] = { "LONG1", run_long1 },
    ['G'] = { "BINFLOAT", run_float },
    [0x8c] = { "SHORT_BINUNICODE", run_unicode, 1 },
    ['X'] = { "BINUNICODE", run_unicode, 4 },
    [0x8d] = { "BINUNICODE8", run_unicode, 8 },
    ['U'] = { "SHORT_BINSTRING", run_string, 1 },
    ['T'] = { "BINSTRING", run_string, 4 },
    ['C'] = { "SHORT_BINBYTES", run_bytes, 1 },
    ['B'] = { "BINBYTES", run_bytes, 4 },
    [0x8e] = { "BINBYTES8", run_bytes, 8 },
    [')'] = { "EMPTY_TUPLE", run_small_tuple, 0 },
    [0x85] = { "TUPLE1", run_small_tuple, 1 },
    [0x86] = { "TUPLE2", run_small_tuple, 2 },
    [0x87] = { "TUPLE3", run_small_tuple, 3 },
    ['t'] = { "TUPLE", run_tuple },
    [']'] = { "EMPTY_LIST", run_empty, PICKLE_LIST },
    ['a'] = { "APPEND", run_item, PICKLE_LIST },
    ['e'] = { "APPENDS", run_items, PICKLE_LIST },
    [0x8f] = { "EMPTY_SET", run_empty, PICKLE_LIST },
    [0x90] = { "ADDITEMS", run_items, PICKLE_LIST },
    ['}'] = { "EMPTY_DICT", run_empty, PICKLE_DICT },
    ['s'] = { "SETITEM", run_item, PICKLE_DICT },
    ['u'] = { "SETITEMS", run_items, PICKLE_DICT },
    ['c'] = { "GLOBAL", run_global },
    [0x93] = { "STACK_GLOBAL", run_stack_global },
    ['R'] = { "REDUCE", run_call },
    [0x81] = { "NEWOBJ", run_call },
    ['b'] = { "BUILD", run_build },
    ['Q'] = { "BINPERSID", run_persistent },
    ['q'] = { "BINPUT", run_put, 1 },
    ['r'] = { "LONG_BINPUT", run_put, 4 },
    [0x94] = { "MEMOIZE", run_memoize },
    ['h'] = { "BINGET", run_get, 1 },
    ['j'] = { "LONG_BINGET", run_get, 4 },
    [0x80] = { "PROTO", run_protocol },
    [0x95] = { "FRAME", run_frame },

    /* of protocols 0 and 1, or of no use to a state dict */
    ['I'] = { "INT" },
    ['L'] = { "LONG" },
    [0x8b] = { "LONG4" },
    ['F'] = { "FLOAT" },
    ['S'] = { "STRING" },
    ['V'] = { "UNICODE" },
    ['l'] = { "LIST" },
    ['d'] = { "DICT" },
    [0x91] = { "FROZENSET" },
    [0x96] = { "BYTEARRAY8" },
    [0x97] = { "NEXT_BUFFER" },
    [0x98] = { "READONLY_BUFFER" },
    ['0'] = { "POP" },
    ['1'] = { "POP_MARK" },
    ['2'] = { "DUP" },
    ['p'] = { "PUT" },
    ['g'] = { "GET" },
    ['P'] = { "PERSID" },
    ['i'] = { "INST" },
    ['o'] = { "OBJ" },
    [0x92] = { "NEWOBJ_EX" },
    [0x82] = { "EXT1" },
    [0x83] = { "EXT2" },
    [0x84] = { "EXT4" },
};

static tp_status step(pickle *p)
{
    unsigned char code;
    p->opcode_at = pickle_at(p);
    if (read_bytes(p, &code, 1))
        return tp_error_pending();
    if (opcodes[code].run)
        return opcodes[code].run(p, opcodes[code].argument);
    return opcodes[code].name
               ? pickle_fail(p, TP_ERR_UNSUPPORTED, "pickle: opcode %s is refused", opcodes[code].name)
               : pickle_fail(p, TP_ERR_FORMAT, "pickle: byte 0x%02x is no opcode", code);
}

pickle_value *pickle_load(pickle *p)
{
    p->begin = p->opcode_at = pickle_at(p);
    p->n_stack = p->n_memo = 0;
    p->stopped = false;
    if (p->memo)
        memset(p->memo, 0, (size_t)p->memo_room * sizeof *p->memo);
    while (!p->stopped)
        if (step(p))
            return NULL;
    pickle_value *v = pop(p);
    if (v && p->n_stack)
        pickle_fail(p, TP_ERR_FORMAT, "pickle: %lld values are left over at its end", (long long)p->n_stack);
    return tp_pending() ? NULL : v;
}

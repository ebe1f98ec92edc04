/* table.c - all operations, in the order of ops.def.
 *
 * Layer: ops.  Depends on ops.def.  Read next: taper/autograd.h for what a descriptor says. */
#include <pthread.h>
#include <string.h>
#include <taper/ops.h>

#define FAMILY(name)
#define OP(name) extern const tp_op tp_op_##name;
#include "ops/ops.def"
#undef OP
#undef FAMILY

/* A family's name stands before its operations. */
typedef struct row {
    const tp_op *op;
    const char *family;
} row;

static const row rows[] = {
#define FAMILY(name) { NULL, name },
#define OP(name) { &tp_op_##name, NULL },
#include "ops/ops.def"
#undef OP
#undef FAMILY
};
enum { ROWS = sizeof rows / sizeof *rows };

static const tp_op *table[ROWS]; /* the operations alone, */
static const char *family[ROWS]; /* and what each belongs to */
static int count;

static void fill(void)
{
    const char *now = NULL;
    for (int i = 0; i < ROWS; i++) {
        now = rows[i].family ? rows[i].family : now;
        if (!rows[i].op)
            continue;
        table[count] = rows[i].op;
        family[count++] = now;
    }
}

static void fill_once(void)
{
    static pthread_once_t filled = PTHREAD_ONCE_INIT;
    pthread_once(&filled, fill);
}

int tp_op_count(void)
{
    fill_once();
    return count;
}

const tp_op *tp_op_at(int i)
{
    return i >= 0 && i < tp_op_count() ? table[i] : NULL;
}

const char *tp_op_family(int i)
{
    return i >= 0 && i < tp_op_count() ? family[i] : NULL;
}

const tp_op *tp_op_find(const char *name)
{
    for (int i = 0; i < tp_op_count(); i++)
        if (!strcmp(table[i]->name, name))
            return table[i];
    return NULL;
}

/* table.c - all operations, in the order of ops.def.
 *
 * Layer: ops.  Depends on ops.def.  Read next: taper/autograd.h for what a descriptor says. */
#include <string.h>
#include <taper/ops.h>

#define OP(name) extern const tp_op tp_op_##name;
#include "ops/ops.def"
#undef OP

static const tp_op *const table[] = {
#define OP(name) &tp_op_##name,
#include "ops/ops.def"
#undef OP
};

int tp_op_count(void)
{
    return (int)(sizeof table / sizeof *table);
}

const tp_op *tp_op_at(int i)
{
    return i >= 0 && i < tp_op_count() ? table[i] : NULL;
}

const tp_op *tp_op_find(const char *name)
{
    for (int i = 0; i < tp_op_count(); i++)
        if (!strcmp(table[i]->name, name))
            return table[i];
    return NULL;
}

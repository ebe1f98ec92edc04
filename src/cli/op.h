/* op.h - what `taper op` is made of: running an operation, and telling about it.
 *
 * Layer: cli.  Depends on cli.h, ops.h.  Read next: op.c. */
#ifndef CLI_OP_H
#define CLI_OP_H

#include "cli/cli.h"

#include <taper/ops.h>

int no_op(
    const char *name); /* says that there is none by that name, and which one might be meant; EXIT_USAGE */

bool op_takes_text(
    const tp_op *); /* its first word is a text, as einsum's equation, and its name is op->attrs->name */
int op_least_inputs(const tp_op *);

void op_print_page(const tp_op *);
int op_print_list(const cli *);

#endif

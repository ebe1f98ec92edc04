/* export.c - `taper export DIR --c DIR`: the network of a run as plain C.
 *
 * Layer: cli.  Depends on train.h.  Read next: import.c, train/export_c.c. */
#include "cli/cli.h"
#include "cli/text.h"

int verb_export(cli *c)
{
    TP_SCOPE;
    char weights[TEXT_ROOM], constants[TEXT_ROOM], buffers[TEXT_ROOM], state[TEXT_ROOM];
    tp_export_result r;
    if (!c->out)
        return usage_error("export wants --c DIR: where to write the C files");
    tp_run *run = tp_run_open(c->words[0]);
    if (!run || tp_run_export_c(run, c->out, &r, .name = c->name))
        return library_error();
    printf("%s/%s.h, %s.c, %s_weights.h, %s_main.c\n", c->out, r.name, r.name, r.name, r.name);
    printf("%s weights (%s), buffers %s", text_count(weights, r.weights),
           text_bytes(constants, (double)r.weights * 4), text_bytes(buffers, (double)r.buffer_bytes));
    if (r.state_bytes)
        printf(", a text's state %s", text_bytes(state, (double)r.state_bytes));
    putchar('\n');
    return EXIT_FINE;
}

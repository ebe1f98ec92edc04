/* report_masked.c - of a masked language model: how to ask it.
 *
 * Layer: train.  Depends on report.h.  Read next: task_language.c, report_text.c. */
#include "train/report.h"

#include <math.h>

void report_masked(report_page *p, const report_run *r)
{
    if (!r->run)
        return;
    page_put(p, "<section>\n<h2>What it tells</h2>\n<p>");
    page_put(p,
             "The %s behind [MASK]: 15 %% of all places were hidden, changed or asked for, other ones in "
             "each epoch; of "
             "those of the test part, which are always the same, ",
             report_unit(r));
    page_percent(p, r->best >= 0 ? r->rows[r->best].test_accuracy : (double)NAN, 2);
    page_put(p, " are right.</p>\n</section>\n");
}

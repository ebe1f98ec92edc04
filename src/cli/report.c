/* report.c - `taper report`: the page of a run anew, or one that compares runs.
 *
 * Layer: cli.  Depends on cli.h, train.h.  Read next: train/report.c, train/report_compare.c. */
#include "cli/cli.h"

#include <string.h>

int verb_report(cli *c)
{
    const char *const *folders = (const char *const *)c->words;
    const size_t n = c->out ? strlen(c->out) : 0;
    if (c->n_words == 1 && c->out)
        return usage_error("report: -o is for a page about several runs; one run's is %s/report.html",
                           folders[0]);
    if (c->n_words > 1 && !c->out)
        return usage_error("report: several runs: -o FILE.html says where their page goes");
    if (c->n_words > 64)
        return usage_error("report: %d runs; at most 64 fit into a page", c->n_words);
    if (c->out && (n < 6 || strcmp(c->out + n - 5, ".html") != 0))
        return usage_error("report: -o '%s': a name that ends in .html is wanted", c->out);
    if (c->n_words == 1 ? tp_report_write(folders[0]) : tp_report_compare(folders, c->n_words, c->out))
        return library_error();
    if (c->out)
        printf("%s\n", c->out);
    else
        printf("%s%sreport.html\n", folders[0], folders[0][strlen(folders[0]) - 1] == '/' ? "" : "/");
    return EXIT_FINE;
}

/* train_tokenizer.c - `taper train tokenizer`: pieces of words from a text.
 *
 * It shares --data and --out with the training of models, and has options of its own.
 * Layer: cli.  Depends on text.h.  Read next: train.c, tokenize.c. */
#include "cli/cli.h"
#include "cli/text.h"

#include <string.h>

static int check_options(const cli *c)
{
    static const char *const shared[] = { "config", "data", "out", "threads" };
    for (int i = 0; i < n_options; i++) {
        bool fine = !c->given[i] || !strcmp(options[i].group, "Tokenizer");
        for (size_t k = 0; k < sizeof shared / sizeof *shared; k++)
            fine = fine || !strcmp(options[i].name, shared[k]);
        if (!fine)
            return usage_error("--%s is about the training of models; train tokenizer does not take it",
                               options[i].name);
    }
    if (!c->train.data || !c->train.out)
        return usage_error(
            "train tokenizer wants --data FILE, a text, and --out FILE, the tokenizer.json to write");
    return 0;
}

int train_tokenizer(cli *c)
{
    char count[TEXT_ROOM];
    int code = check_options(c);
    if (code)
        return code;
    if (tp_tokenizer_train_opt(c->train.data, c->train.out, &c->tokenizer))
        return library_error();
    const tp_tokenizer *t = tp_tokenizer_load(c->train.out);
    if (!t)
        return library_error();
    printf("%s  %s, %s pieces\n\ntry next  taper tokenize %s 'some text'\n", c->train.out,
           tp_tokenizer_kind(t), text_count(count, tp_tokenizer_count(t)), c->train.out);
    return EXIT_FINE;
}

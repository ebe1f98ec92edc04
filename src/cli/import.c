/* import.c - `taper import FILE -o FILE`: weights from PyTorch's files to safetensors, and back.
 *
 * What is read is told by its content, what is written by the ending of its name.
 * Layer: cli.  Depends on io.h.  Read next: inspect.c. */
#include "cli/cli.h"
#include "cli/text.h"

#include <string.h>
#include <taper/io.h>

static tp_status write_safetensors(const char *path, const tp_params *tensors)
{
    static const tp_metadata metadata[] = { { "format", "pt" } };
    return tp_safetensors_write(path, tensors, metadata, 1);
}

static const struct {
    const char *ending;
    tp_status (*write)(const char *path, const tp_params *);
} kinds[] = {
    { ".safetensors", write_safetensors },
    { ".pth", tp_pth_write },
    { ".pt", tp_pth_write },
};

static int kind_of(const char *path)
{
    size_t length = strlen(path);
    for (int i = 0; i < (int)(sizeof kinds / sizeof *kinds); i++) {
        size_t n = strlen(kinds[i].ending);
        if (length > n && !strcmp(path + length - n, kinds[i].ending))
            return i;
    }
    return -1;
}

int verb_import(cli *c)
{
    char left_out[300], tensors_text[TEXT_ROOM], numbers_text[TEXT_ROOM];
    if (!c->out)
        return usage_error("import wants -o FILE, which ends in .safetensors, .pth or .pt");
    int kind = kind_of(c->out);
    if (kind < 0)
        return usage_error("import: -o '%s' ends in none of .safetensors, .pth and .pt", c->out);
    tp_params *tensors =
        tp_weights_read(c->words[0], .key = c->key, .left_out = left_out, .left_out_size = sizeof left_out);
    if (!tensors || kinds[kind].write(c->out, tensors))
        return library_error();
    printf("%s  %s tensors, %s numbers\n", c->out, text_count(tensors_text, tp_params_count(tensors)),
           text_count(numbers_text, tp_params_numel(tensors)));
    if (*left_out)
        printf("left out of %s: %s\n", c->words[0], left_out);
    return EXIT_FINE;
}

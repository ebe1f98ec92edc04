/* language.c - networks that other systems trained, as those who name a path on the command line mean them: which paths are such, and
 * the tokenizer that belongs to them.
 *
 * Layer: train.  Depends on io/json.h, train/folder.h.  Read next: pretrained.c, llama2c.c. */
#include "base/error.h"
#include "io/json.h"
#include "train/folder.h"

#include <taper/train.h>

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A run's configuration says with which version it was written; others have no such field. */
bool tp_is_pretrained(const char *path)
{
    char config[PATH_MAX];
    if (!path || tp_pending() || !file_exists(path))
        return false;
    if (!folder_exists(path))
        return true;
    const int length = snprintf(config, sizeof config, "%s/config.json", path);
    if (length < 0 || length >= PATH_MAX || !file_exists(config))
        return false;
    js_value *top = js_read(config);
    const bool is = top && js_kind_of(top) == JS_OBJECT && !js_get(top, "taper") && js_get(top, "model_type");
    js_free(top);
    tp_error_take(NULL, 0); /* who opens it says what is wrong */
    return is;
}

/* llama2.c calls it tokenizer.bin, or tok512.bin by its size; NULL: there is none, or several. */
static tp_tokenizer *beside_llama2c(const char *folder, bool *found)
{
    char pattern[PATH_MAX];
    glob_t files;
    tp_tokenizer *tokenizer = NULL;
    *found = false;
    if (snprintf(pattern, sizeof pattern, "%s/tok*.bin", folder) >= PATH_MAX ||
        glob(pattern, GLOB_NOSORT, NULL, &files))
        return NULL;
    *found = files.gl_pathc == 1;
    if (*found)
        tokenizer = tp_tokenizer_load(files.gl_pathv[0]);
    globfree(&files);
    return tokenizer;
}

tp_tokenizer *tp_pretrained_tokenizer(const char *path, const char *tokenizer)
{
    char folder[PATH_MAX];
    if (tp_pending())
        return NULL;
    if (!path)
        return tp_fail_null(TP_ERR_ARGUMENT, "pretrained_tokenizer: the path is NULL");
    if (tokenizer)
        return tp_tokenizer_load(tokenizer);
    const char *slash = folder_exists(path) ? NULL : strrchr(path, '/');
    const int length = folder_exists(path) ? snprintf(folder, sizeof folder, "%s", path)
                       : slash ? snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path)
                               : snprintf(folder, sizeof folder, ".");
    if (length < 0 || length >= PATH_MAX)
        return tp_fail_null(TP_ERR_IO, "%.60s..: the path is too long", path);
    bool found = false;
    tp_tokenizer *llama2c = slash || !folder_exists(path) ? beside_llama2c(folder, &found) : NULL;
    return found ? llama2c : tp_tokenizer_load(folder);
}

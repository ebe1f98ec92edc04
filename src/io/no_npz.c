/* no_npz.c - npz.h in a build without libzip.
 *
 * Layer: io.  Depends on base.  Read next: npz.h. */
#include "io/npz.h"

#include "base/error.h"

static void say(const char *path)
{
    tp_fail(TP_ERR_UNSUPPORTED,
            "%s: npz is unsupported: built without libzip (unzip it, and read the npy files)",
            path ? path : "npz");
}

tp_params *npz_from(const file_in *in)
{
    say(in->path);
    return NULL;
}

tp_tensor *npz_from_one(const file_in *in, const char *name)
{
    (void)name;
    say(in->path);
    return NULL;
}

tp_params *tp_npz_read(const char *path)
{
    say(path);
    return NULL;
}

tp_tensor *tp_npz_read_one(const char *path, const char *name)
{
    (void)name;
    say(path);
    return NULL;
}

tp_status tp_npz_write_opt(const char *path, const tp_params *params, const tp_npz_options *o)
{
    (void)params, (void)o;
    say(path);
    return tp_error_pending();
}

/* save.c - the weights of a module to and from files.
 *
 * Names are PyTorch's, and so are the files: safetensors.torch.load_file reads what tp_save writes, torch.load what
 * tp_save_pth does.  Layer: train.  Depends on nn, io.  Read next: io/safetensors.c, io/pth.c, checkpoint.c. */
#include "base/error.h"
#include "train/checkpoint.h"

tp_status tp_save(tp_module *net, const char *path)
{
    const tp_metadata metadata[] = { { "format", "pt" } };
    TP_SCOPE;
    if (tp_pending())
        return tp_error_pending();
    if (!net)
        return tp_fail(TP_ERR_ARGUMENT, "save: the module is NULL");
    return tp_safetensors_write(path, tp_state_dict(net), metadata, 1);
}

tp_status tp_save_pth(tp_module *net, const char *path)
{
    TP_SCOPE;
    if (tp_pending())
        return tp_error_pending();
    if (!net)
        return tp_fail(TP_ERR_ARGUMENT, "save_pth: the module is NULL");
    return tp_pth_write(path, tp_state_dict(net));
}

tp_status tp_load(tp_module *net, const char *path)
{
    return tp_load_except(net, path, NULL);
}

tp_status tp_load_except(tp_module *net, const char *path, const char *except)
{
    if (tp_pending())
        return tp_error_pending();
    if (!net)
        return tp_fail(TP_ERR_ARGUMENT, "load: the module is NULL");
    return weights_load(net, path, except);
}

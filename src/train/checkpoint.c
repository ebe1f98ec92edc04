/* checkpoint.c - writing and reading last/ and best/.
 *
 * SUMS has a line a file, "crc32  bytes  name"; on reading it is compared before anything is believed.
 * Layer: train.  Depends on folder.h, crc32.h, state.c, io.  Read next: loop.c. */
#include "train/checkpoint.h"

#include "base/error.h"
#include "train/crc32.h"
#include "train/folder.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "model.safetensors", "optimizer.safetensors", "state.json",
                                     "ema.safetensors", "carried.safetensors" };
enum { MODEL, OPTIMIZER, STATE, EMA, CARRIED, N_FILES, SUMS_ROOM = 1024 };

typedef struct file_set {
    bool has[N_FILES]; /* EMA and CARRIED are not always there */
} file_set;

/* ---- checksums --------------------------------------------------------------------------------------------------- */

static tp_status write_sums(const char *folder, file_set files)
{
    char path[PATH_MAX], text[SUMS_ROOM];
    size_t used = 0;
    for (int i = 0; i < N_FILES; i++) {
        uint32_t crc;
        int64_t size;
        if (!files.has[i])
            continue;
        if (folder_path(path, folder, names[i]) || crc32_of_file(path, &crc, &size))
            return tp_error_pending();
        used += (size_t)snprintf(text + used, sizeof text - used, "%08" PRIx32 "  %lld  %s\n", crc,
                                 (long long)size, names[i]);
    }
    return folder_path(path, folder, "SUMS") ? tp_error_pending() : file_write(path, text, used);
}

/* Line i of SUMS must be of names[i]. */
static const char *read_sum(const char *line, int i, uint32_t *crc, int64_t *size)
{
    char again[SUMS_ROOM], *end;
    if (strlen(line) < 8)
        return NULL;
    *crc = (uint32_t)strtoul(line, &end, 16);
    *size = strtoll(end, &end, 10);
    int length = snprintf(again, sizeof again, "%08" PRIx32 "  %lld  %s\n", *crc, (long long)*size, names[i]);
    return strncmp(line, again, (size_t)length) ? NULL : line + length;
}

static tp_status check_file(const char *folder, const char *name, uint32_t crc, int64_t size)
{
    char path[PATH_MAX];
    uint32_t is;
    int64_t bytes;
    if (folder_path(path, folder, name) || crc32_of_file(path, &is, &bytes))
        return tp_error_pending();
    if (bytes != size)
        return tp_fail(TP_ERR_FORMAT, "%s: damaged: %lld bytes, SUMS beside it says %lld", path,
                       (long long)bytes, (long long)size);
    if (is != crc)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: damaged: its checksum is %08" PRIx32 ", SUMS beside it says %08" PRIx32, path, is,
                       crc);
    return TP_OK;
}

/* Compares the files that are wanted, and tells which there are; a file may be wanted that is not there. */
static tp_status check_sums(const char *folder, file_set wanted, file_set *there)
{
    char path[PATH_MAX];
    file_bytes bytes;
    if (folder_path(path, folder, "SUMS") || file_read(path, SUMS_ROOM, &bytes))
        return tp_error_pending();
    char text[SUMS_ROOM + 1];
    size_t size = bytes.size < SUMS_ROOM ? bytes.size : SUMS_ROOM;
    memcpy(text, bytes.data, size);
    text[size] = 0;
    file_bytes_free(&bytes);
    uint32_t crc[N_FILES];
    int64_t sizes[N_FILES];
    const char *line = text;
    int n = 0;
    for (int i = 0; i < N_FILES; i++) {
        there->has[i] = i <= STATE || (i == EMA && wanted.has[i]) || strstr(text, names[i]);
        if (!there->has[i])
            continue;
        n++;
        if (!(line = read_sum(line, i, &crc[i], &sizes[i])))
            return tp_fail(TP_ERR_FORMAT, "%s: line %d: damaged, 'crc32  bytes  %s' is wanted", path, n,
                           names[i]);
    }
    if (*line)
        return tp_fail(TP_ERR_FORMAT, "%s: line %d: damaged, the end is wanted", path, n + 1);
    tp_status status = TP_OK;
    for (int i = 0; i < N_FILES && !status; i++)
        if (wanted.has[i] && there->has[i])
            status = check_file(folder, names[i], crc[i], sizes[i]);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Weights that are not finite are no use to anybody: the checkpoint before is. */
static tp_status check_finite(const tp_params *params)
{
    for (int i = 0; i < tp_params_count(params); i++) {
        const tp_tensor *t = tp_params_at(params, i);
        const float *x = tp_data(t);
        bool finite = true;
        if (tp_dtype_of(t) == TP_F32 && tp_is_contiguous(t))
            for (int64_t k = 0, n = tp_numel(t); k < n && finite; k++)
                finite = isfinite(x[k]);
        if (!finite)
            return tp_fail(TP_ERR_STATE,
                           "train: the weights '%s' are no longer finite; a lower learning rate or a "
                           "clip_norm may help",
                           tp_params_name(params, i));
    }
    return TP_OK;
}

static tp_status write_tensors(const char *folder, int file, const char *model, const tp_params *tensors)
{
    char path[PATH_MAX];
    const tp_metadata metadata[] = { { "format", "pt" }, { "model", model } };
    return folder_path(path, folder, names[file]) ? tp_error_pending()
                                                  : tp_safetensors_write(path, tensors, metadata, 2);
}

static tp_status write_files(const char *beside, const checkpoint *c)
{
    char path[PATH_MAX];
    TP_SCOPE;
    tp_params *carried = c->carries ? tp_passing_buffers(c->net) : NULL;
    const file_set files = { { true, true, true, c->ema, tp_params_count(carried) > 0 } };
    if (write_tensors(beside, MODEL, c->model, tp_state_dict(c->net)) ||
        write_tensors(beside, OPTIMIZER, c->model, tp_optim_state(c->optim)) ||
        (c->ema && write_tensors(beside, EMA, c->model, tp_ema_state(c->ema))) ||
        (files.has[CARRIED] && write_tensors(beside, CARRIED, c->model, carried)) ||
        folder_path(path, beside, names[STATE]) || state_write(path, c->model, c->state))
        return tp_error_pending();
    return write_sums(beside, files);
}

tp_status checkpoint_write(const char *folder, const char *name, const checkpoint *c)
{
    char path[PATH_MAX], beside[PATH_MAX];
    TP_SCOPE;
    if (tp_pending() || check_finite(tp_state_dict(c->net)) || folder_path(path, folder, name) ||
        folder_begin(path, beside))
        return tp_error_pending();
    if (write_files(beside, c)) {
        folder_abandon(path);
        return tp_error_pending();
    }
    return folder_commit(path);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static tp_status load_into(tp_module *net, const tp_params *weights, const char *path, const char *except)
{
    if (!weights || tp_pending())
        return tp_error_pending();
    return tp_load_state_except(net, weights, except) ? tp_error_in(path) : TP_OK;
}

tp_status weights_load(tp_module *net, const char *path, const char *except)
{
    TP_SCOPE;
    return load_into(net, tp_weights_read(path), path, except);
}

/* What is mapped is copied from where it lies; nobody writes into a checkpoint, another takes its place. */
static tp_status read_model(tp_module *net, const char *path)
{
    TP_SCOPE;
    return load_into(net, tp_safetensors_map(path), path, NULL);
}

static tp_status read_optim(tp_optim *optim, const char *path, int64_t steps)
{
    TP_SCOPE;
    tp_params *state = tp_safetensors_map(path);
    if (!state || tp_pending())
        return tp_error_pending();
    return tp_optim_load_state(optim, state, steps) ? tp_error_in(path) : TP_OK;
}

static tp_status read_ema(tp_ema *ema, const char *path, int64_t updates)
{
    TP_SCOPE;
    tp_params *means = tp_safetensors_map(path);
    if (!means || tp_pending())
        return tp_error_pending();
    return tp_ema_load_state(ema, means, updates) ? tp_error_in(path) : TP_OK;
}

static tp_status read_carried(tp_module *net, const char *path)
{
    TP_SCOPE;
    tp_params *states = tp_safetensors_read(path);
    if (!states || tp_pending())
        return tp_error_pending();
    return tp_rnn_load_carried(net, states) ? tp_error_in(path) : TP_OK;
}

tp_status checkpoint_read(const char *folder, const char *name, const checkpoint *c)
{
    char path[PATH_MAX], from[PATH_MAX];
    if (tp_pending() || folder_path(path, folder, name))
        return tp_error_pending();
    if (!folder_find(path, from))
        return tp_fail(TP_ERR_IO, "%s: no checkpoint: this folder is missing", path);
    const file_set wanted = { { true, c->optim, true, c->ema, c->carries } };
    file_set there;
    if (check_sums(from, wanted, &there) || folder_path(path, from, names[STATE]) ||
        state_read(path, c->model, c->state) || folder_path(path, from, names[MODEL]) ||
        read_model(c->net, path))
        return tp_error_pending();
    if (c->optim &&
        (folder_path(path, from, names[OPTIMIZER]) || read_optim(c->optim, path, c->state->optim_steps)))
        return tp_error_pending();
    if (c->ema && (folder_path(path, from, names[EMA]) || read_ema(c->ema, path, c->state->global_step)))
        return tp_error_pending();
    if (c->carries && there.has[CARRIED] &&
        (folder_path(path, from, names[CARRIED]) || read_carried(c->net, path)))
        return tp_error_pending();
    return TP_OK;
}

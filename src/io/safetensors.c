/* safetensors.c - the weight files of Hugging Face, read and written.
 *
 * offset  size  meaning
 *      0     8  N, length of the header, u64 little-endian, at most 100 MB
 *      8     N  JSON: { "__metadata__": { string: string }, name: { "dtype", "shape", "data_offsets": [begin, end] } }
 *  8 + N        data: row-major little-endian elements; offsets count from here; no gap, no overlap, no rest
 *
 * The whole table is checked before the first tensor is allocated.  Layer: io.  Depends on json.h, file.h.
 * Read next: elements.c, json.h. */
#include "io/safetensors.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/elements.h"
#include "io/json.h"
#include "io/map.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 100000000 }; /* what Hugging Face's reader takes */

static const char metadata_name[] = "__metadata__";

static const char *const dtype_names[TP_N_DTYPES] = {
    [TP_F32] = "F32", [TP_F64] = "F64", [TP_F16] = "F16", [TP_BF16] = "BF16", [TP_I64] = "I64",
    [TP_I32] = "I32", [TP_I16] = "I16", [TP_I8] = "I8",   [TP_U8] = "U8",     [TP_BOOL] = "BOOL",
};

/* Types that the format has and Taper does not. */
static const char *const foreign_dtypes[] = { "U16",     "U32",     "U64",         "C64",
                                              "F8_E4M3", "F8_E5M2", "F8_E8M0",     "F6_E2M3",
                                              "F6_E3M2", "F4",      "F8_E4M3FNUZ", "F8_E5M2FNUZ" };

typedef struct tensor_entry {
    const char *name; /* lies in the JSON value */
    tp_dtype dtype;
    tp_shape shape;
    int64_t begin, end; /* from the start of the data */
} tensor_entry;

typedef struct safetensors {
    js_value *header;
    int64_t data_start;
    tensor_entry *entries; /* in the order of the header */
    int64_t count;
} safetensors;

/* ---- reading: the header ----------------------------------------------------------------------------------------- */

static void close_header(safetensors *s)
{
    tp_free(s->entries, (size_t)s->count * sizeof *s->entries);
    js_free(s->header);
    *s = (safetensors){ 0 };
}

static tp_status read_json(const file_in *in, safetensors *s)
{
    unsigned char first[8];
    uint64_t length;
    if (in->size < 8)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 0: not a safetensors file: %lld bytes, at least 8 are wanted",
                       in->path, (long long)in->size);
    if (file_read_at(in, 0, first, 8))
        return tp_error_pending();
    memcpy(&length, first, 8);
    if (length < 2 || length > MAX_HEADER)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte 0: not a safetensors file: header length %llu, 2 to %d is wanted", in->path,
                       (unsigned long long)length, MAX_HEADER);
    if (length > (uint64_t)in->size - 8)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 0: header length %llu, the file has %lld bytes after it",
                       in->path, (unsigned long long)length, (long long)in->size - 8);
    unsigned char *text = tp_alloc(length);
    if (!text)
        return TP_ERR_MEMORY;
    if (!file_read_at(in, 8, text, length)) {
        if (text[0] != '{')
            tp_fail(TP_ERR_FORMAT, "%s: byte 8: the header begins with byte 0x%02x, '{' is wanted", in->path,
                    text[0]);
        else
            s->header = js_parse(in->path, text, length, 8);
    }
    tp_free(text, length);
    s->data_start = 8 + (int64_t)length;
    return s->header ? TP_OK : tp_error_pending();
}

static tp_status wrong_member(const char *path, const char *tensor, const char *member, const char *wanted,
                              const js_value *got)
{
    return tp_fail(TP_ERR_FORMAT, "%s: byte 8: tensor '%.200s': %s is %s, %s is wanted", path, tensor, member,
                   got ? js_kind_name(js_kind_of(got)) : "missing", wanted);
}

static tp_status find_dtype(const char *path, const char *tensor, const char *name, tp_dtype *out)
{
    for (int i = 0; i < TP_N_DTYPES; i++)
        if (!strcmp(name, dtype_names[i])) {
            *out = (tp_dtype)i;
            return TP_OK;
        }
    for (size_t i = 0; i < sizeof foreign_dtypes / sizeof *foreign_dtypes; i++)
        if (!strcmp(name, foreign_dtypes[i]))
            return tp_fail(TP_ERR_UNSUPPORTED, "%s: byte 8: tensor '%.200s' is %s, which Taper does not have",
                           path, tensor, name);
    return tp_fail(TP_ERR_FORMAT, "%s: byte 8: tensor '%.200s': unknown dtype '%.40s'", path, tensor, name);
}

static tp_status read_shape(const char *path, const js_value *shape, tensor_entry *e, int64_t *bytes)
{
    if (js_kind_of(shape) != JS_ARRAY)
        return wrong_member(path, e->name, "shape", "an array", shape);
    if (js_count(shape) > TP_MAX_DIMS)
        return tp_fail(TP_ERR_UNSUPPORTED,
                       "%s: byte 8: tensor '%.200s' has %lld dims, at most %d are possible", path, e->name,
                       (long long)js_count(shape), TP_MAX_DIMS);
    e->shape.ndim = (int)js_count(shape);
    *bytes = (int64_t)tp_dtype_size(e->dtype);
    bool fits = true, empty = false;
    for (int i = 0; i < e->shape.ndim; i++) {
        int64_t size;
        if (!js_integer(js_at(shape, i), &size) || size < 0)
            return tp_fail(TP_ERR_FORMAT, "%s: byte 8: tensor '%.200s': shape[%d] is not an integer from 0",
                           path, e->name, i);
        e->shape.dim[i] = size;
        empty |= size == 0;
        fits &= tp_mul_fits(*bytes, size ? size : 1, bytes);
    }
    if (!fits)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 8: tensor '%.200s': shape %s is larger than any memory", path,
                       e->name, shape_text(e->shape));
    *bytes = empty ? 0 : *bytes;
    return TP_OK;
}

static tp_status read_entry(const file_in *in, const safetensors *s, js_member m, tensor_entry *e)
{
    const char *path = in->path;
    e->name = m.name;
    if (js_kind_of(m.value) != JS_OBJECT)
        return wrong_member(path, m.name, "the entry", "an object", m.value);
    const js_value *dtype = js_get(m.value, "dtype"), *offsets = js_get(m.value, "data_offsets");
    if (js_kind_of(dtype) != JS_STRING)
        return wrong_member(path, m.name, "dtype", "a string", dtype);
    int64_t bytes = 0;
    tp_status status = find_dtype(path, m.name, js_string(dtype), &e->dtype);
    if (!status)
        status = read_shape(path, js_get(m.value, "shape"), e, &bytes);
    if (status)
        return status;
    if (js_kind_of(offsets) != JS_ARRAY || js_count(offsets) != 2 ||
        !js_integer(js_at(offsets, 0), &e->begin) || !js_integer(js_at(offsets, 1), &e->end))
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte 8: tensor '%.200s': data_offsets are not [begin, end], two integers", path,
                       m.name);
    int64_t room = in->size - s->data_start;
    if (e->begin < 0 || e->end < e->begin || e->end > room)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte %lld: tensor '%.200s': data_offsets [%lld, %lld], the data has %lld bytes",
                       path, (long long)s->data_start, m.name, (long long)e->begin, (long long)e->end,
                       (long long)room);
    if (e->end - e->begin != bytes)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte %lld: tensor '%.200s': %lld bytes of data, %s of %s wants %lld", path,
                       (long long)(s->data_start + e->begin), m.name, (long long)(e->end - e->begin),
                       shape_text(e->shape), tp_dtype_name(e->dtype), (long long)bytes);
    return TP_OK;
}

static tp_status check_metadata(const char *path, const js_value *metadata)
{
    if (js_kind_of(metadata) != JS_OBJECT)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 8: __metadata__ is %s, an object of strings is wanted", path,
                       js_kind_name(js_kind_of(metadata)));
    for (js_member m = js_first(metadata); m.name; js_next(metadata, &m))
        if (js_kind_of(m.value) != JS_STRING)
            return tp_fail(TP_ERR_FORMAT, "%s: byte 8: __metadata__ '%.200s' is %s, a string is wanted", path,
                           m.name, js_kind_name(js_kind_of(m.value)));
    return TP_OK;
}

static int by_begin(const void *a, const void *b)
{
    const tensor_entry *x = *(tensor_entry *const *)a, *y = *(tensor_entry *const *)b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end == y->end ? 0 : x->end < y->end ? -1 : 1;
}

/* The tensors lie one after the other and fill the data: two readers can never see two contents in one file. */
static tp_status check_layout(const file_in *in, const safetensors *s)
{
    size_t bytes = (size_t)s->count * sizeof(tensor_entry *);
    const tensor_entry **sorted = tp_alloc(bytes);
    if (!sorted)
        return TP_ERR_MEMORY;
    for (int64_t i = 0; i < s->count; i++)
        sorted[i] = &s->entries[i];
    qsort(sorted, (size_t)s->count, sizeof *sorted, by_begin);
    tp_status status = TP_OK;
    int64_t next = 0;
    for (int64_t i = 0; i < s->count && !status; i++) {
        if (sorted[i]->begin != next)
            status =
                tp_fail(TP_ERR_FORMAT,
                        "%s: byte %lld: tensor '%.200s' begins at %lld of the data, %s at %lld", in->path,
                        (long long)(s->data_start + sorted[i]->begin), sorted[i]->name,
                        (long long)sorted[i]->begin,
                        sorted[i]->begin < next ? "inside another one that ends" : "after a gap that begins",
                        (long long)next);
        next = sorted[i]->end;
    }
    if (!status && next != in->size - s->data_start)
        status = tp_fail(TP_ERR_FORMAT, "%s: byte %lld: %lld bytes after the last tensor", in->path,
                         (long long)(s->data_start + next), (long long)(in->size - s->data_start - next));
    tp_free(sorted, bytes);
    return status;
}

static tp_status open_header(const file_in *in, safetensors *s)
{
    *s = (safetensors){ 0 };
    tp_status status = read_json(in, s);
    if (status)
        return status;
    const js_value *metadata = js_get(s->header, metadata_name);
    if (metadata && (status = check_metadata(in->path, metadata)))
        return status;
    s->count = js_count(s->header) - (metadata != NULL);
    s->entries = tp_calloc((size_t)s->count * sizeof *s->entries);
    if (!s->entries)
        return TP_ERR_MEMORY;
    int64_t i = 0;
    for (js_member m = js_first(s->header); m.name && !status; js_next(s->header, &m))
        if (strcmp(m.name, metadata_name) != 0)
            status = read_entry(in, s, m, &s->entries[i++]);
    return status ? status : check_layout(in, s);
}

/* ---- reading: the tensors ---------------------------------------------------------------------------------------- */

static tp_status read_tensor(const file_in *in, const safetensors *s, const tensor_entry *e,
                             file_mapping *map, tp_params *into)
{
    TP_SCOPE;
    int64_t at = s->data_start + e->begin;
    size_t bytes = (size_t)(e->end - e->begin);
    /* What no writer of today makes: elements that are not aligned are copied. */
    bool in_place = map && bytes && at % (int64_t)tp_dtype_size(e->dtype) == 0;
    tp_tensor *t = in_place ? map_tensor(map, at, e->dtype, e->shape, NULL) : tensor_new(e->dtype, e->shape);
    if (!t || (!in_place && file_read_at(in, at, tensor_data(t), bytes)))
        return tp_error_pending();
    elements_check_bool(t);
    return tp_params_add(into, e->name, t);
}

static tp_params *read_tensors(const file_in *in, file_mapping *map)
{
    TP_SCOPE;
    safetensors s;
    tp_params *params = NULL;
    tp_status status = open_header(in, &s);
    if (!status) {
        params = tp_params_new();
        for (int64_t i = 0; i < s.count && !tp_pending(); i++)
            read_tensor(in, &s, &s.entries[i], map, params);
    }
    close_header(&s);
    return tp_pending() ? NULL : tp_keep(params);
}

tp_params *safetensors_from(const file_in *in)
{
    return read_tensors(in, NULL);
}

tp_params *tp_safetensors_read(const char *path)
{
    file_in in;
    tp_params *params = file_open(&in, path) ? NULL : safetensors_from(&in);
    file_close(&in);
    return params;
}

tp_params *tp_safetensors_map(const char *path)
{
    file_in in;
    file_mapping *map = file_open(&in, path) ? NULL : file_map(&in);
    tp_params *params = map ? read_tensors(&in, map) : NULL;
    file_unmap(map);
    file_close(&in);
    return params;
}

tp_status tp_safetensors_metadata(const char *path, const char *key, char *text, size_t size)
{
    file_in in;
    safetensors s = { 0 };
    tp_status status = file_open(&in, path);
    if (!status)
        status = open_header(&in, &s);
    if (!status) {
        const char *value = js_string(js_get(js_get(s.header, metadata_name), key));
        size_t length = value ? strlen(value) : 0;
        if (length >= size)
            status = tp_fail(TP_ERR_ARGUMENT, "%s: metadata '%.200s' has %zu bytes, there is room for %zu",
                             path, key, length, size);
        else
            memcpy(text, value ? value : "", length + 1);
    }
    close_header(&s);
    file_close(&in);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static const uint8_t element_sizes[] = {
    8, 4, 2, 1
}; /* data in this order: every tensor is aligned to its elements */

static js_value *array_of(const int64_t *values, int n)
{
    js_value *array = js_new_array();
    for (int i = 0; i < n; i++)
        js_append(array, js_new_integer(values[i]));
    return array;
}

/* Offsets of each tensor's data, in the order of element_sizes. */
static void lay_out(const tp_params *params, int64_t *begin)
{
    int64_t next = 0;
    for (size_t k = 0; k < sizeof element_sizes; k++)
        for (int i = 0; i < tp_params_count(params); i++) {
            const tp_tensor *t = tp_params_at(params, i);
            if (tensor_element_size(t) != element_sizes[k])
                continue;
            begin[i] = next;
            next += t->numel * element_sizes[k];
        }
}

static js_value *build_header(const tp_params *params, const tp_metadata *metadata, int n_metadata,
                              const int64_t *begin)
{
    js_value *header = js_new_object();
    if (n_metadata > 0) {
        js_value *pairs = js_new_object();
        for (int i = 0; i < n_metadata; i++)
            js_set(pairs, metadata[i].key, js_new_string(metadata[i].value));
        js_set(header, metadata_name, pairs);
    }
    for (int i = 0; i < tp_params_count(params) && !tp_pending(); i++) {
        const tp_tensor *t = tp_params_at(params, i);
        int64_t end = begin[i] + t->numel * (int64_t)tensor_element_size(t);
        js_value *entry = js_new_object();
        js_set(entry, "dtype", js_new_string(dtype_names[t->dtype]));
        js_set(entry, "shape", array_of(t->shape, t->ndim));
        js_set(entry, "data_offsets", array_of((int64_t[]){ begin[i], end }, 2));
        js_set(header, tp_params_name(params, i), entry);
    }
    return header;
}

/* Length and JSON, padded with spaces to 8 bytes. */
static tp_status format_header(const tp_params *params, const tp_metadata *metadata, int n_metadata,
                               const int64_t *begin, file_bytes *out)
{
    uint64_t length = 0;
    js_value *header = build_header(params, metadata, n_metadata, begin);
    tp_status status = file_bytes_append(out, &length, 8);
    if (!status)
        status = js_format(header, false, out);
    js_free(header);
    if (!status)
        status = file_bytes_append(out, "       ", (8 - out->size % 8) % 8);
    if (status)
        return status;
    length = out->size - 8;
    if (length > MAX_HEADER)
        return tp_fail(TP_ERR_UNSUPPORTED, "safetensors: a header of %llu bytes, at most %d are possible",
                       (unsigned long long)length, MAX_HEADER);
    memcpy(out->data, &length, 8);
    return TP_OK;
}

static tp_status put_tensors(file_out *out, const tp_params *params)
{
    tp_status status = TP_OK;
    for (size_t k = 0; k < sizeof element_sizes; k++)
        for (int i = 0; i < tp_params_count(params) && !status; i++)
            if (tensor_element_size(tp_params_at(params, i)) == element_sizes[k])
                status = elements_put(out, tp_params_at(params, i));
    return status;
}

static tp_status check_params(const tp_params *params)
{
    if (tp_pending())
        return tp_error_pending();
    if (!params)
        return tp_fail(TP_ERR_ARGUMENT, "safetensors_write: the list of tensors is NULL");
    for (int i = 0; i < tp_params_count(params); i++) {
        const char *name = tp_params_name(params, i);
        if (!strcmp(name, metadata_name))
            return tp_fail(TP_ERR_ARGUMENT, "safetensors_write: no tensor can have the name '%s'", name);
        if (tp_params_at(params, i)->numel && !tensor_data(tp_params_at(params, i)))
            return tp_fail(TP_ERR_ARGUMENT, "safetensors_write: tensor '%s' has no data", name);
    }
    return TP_OK;
}

tp_status tp_safetensors_write(const char *path, const tp_params *params, const tp_metadata *metadata,
                               int n_metadata)
{
    tp_status status = check_params(params);
    if (status)
        return status;
    size_t bytes = (size_t)tp_params_count(params) * sizeof(int64_t);
    int64_t *begin = tp_alloc(bytes);
    if (!begin)
        return TP_ERR_MEMORY;
    file_bytes header = { 0 };
    file_out out = { .fd = -1 };
    lay_out(params, begin);
    status = format_header(params, metadata, n_metadata, begin, &header);
    if (!status)
        status = file_create(&out, path);
    if (!status)
        status = file_put(&out, header.data, header.size);
    if (!status)
        status = put_tensors(&out, params);
    if (!status)
        status = file_commit(&out);
    file_abandon(&out);
    file_bytes_free(&header);
    tp_free(begin, bytes);
    return status;
}

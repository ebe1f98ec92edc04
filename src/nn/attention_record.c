/* attention_record.c - attention to look at: while a thread has a list, whatever attends in it leaves its shares there.
 *
 * Fused attention has the shares nowhere in one place.  They are what it makes of the identity: rows of values are then columns of
 * the matrix, under every mask, bias and window that it knows, so that there is no second set of rules here.
 * Layer: nn.  Depends on transformer.h.  Read next: attention.c. */
#include "nn/transformer.h"

#include <string.h>

static _Thread_local struct {
    tp_module *net;
    tp_params *into; /* NULL: nobody looks */
} recording;

void tp_record_attention(tp_module *net, tp_params *into)
{
    recording.net = net, recording.into = into;
}

bool tp_is_recording_attention(void)
{
    return recording.into;
}

/* Writes the dotted name of a module below `at` behind `used` letters of text. */
static bool name_below(const tp_module *at, const tp_module *sought, char *text, size_t room, size_t used)
{
    for (int i = 0; i < tp_n_children(at); i++) {
        const tp_module *child = tp_child_at(at, i);
        const int n = snprintf(text + used, room - used, "%s%s", used ? "." : "", tp_child_name(at, i));
        const size_t end = used + (size_t)(n > 0 ? n : 0);
        if (end < room && (child == sought || name_below(child, sought, text, room, end)))
            return true;
        text[used] = 0;
    }
    return false;
}

void tp_note_attention(const tp_module *m, tp_tensor *shares)
{
    char name[256] = "";
    if (!recording.into || !shares || tp_pending())
        return;
    if (m != recording.net)
        name_below(recording.net, m, name, sizeof name, 0);
    if (!*name)
        snprintf(name, sizeof name, "attention");
    shares = tp_detach(tp_ndim(shares) == 3 ? tp_unsqueeze(shares, 1) : shares);
    if (!tp_params_find(recording.into, name)) /* of several calls the first */
        tp_params_add(recording.into, name, shares);
}

void note_attention_of(const tp_module *m, tp_tensor *q, tp_tensor *k, const tp_attention_options *options)
{
    if (!recording.into || !q || !k || tp_pending())
        return;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_attention_options o = *options;
    o.dropout_p = 0;
    const int64_t keys = tp_size(k, 2);
    tp_tensor *identity = tp_expand(tp_eye(keys, keys, .dtype = tp_dtype_of(k)),
                                    TP_SHAPE(tp_size(k, 0), tp_size(k, 1), keys, keys));
    tp_note_attention(m, tp_scaled_dot_product_attention_opt(q, k, identity, &o));
}

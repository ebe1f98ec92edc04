/* embedding.c - a row of a table for each index: torch.nn.Embedding.
 *
 * Indices may be whole numbers of any type, floats too, as batches of datasets have them.
 * Layer: nn.  Depends on module.h.  Read next: linear.c. */
#include "nn/module.h"

typedef struct embedding_state {
    tp_tensor *weight;
} embedding_state;

static tp_tensor *embedding_forward(tp_module *m, tp_tensor *x)
{
    const embedding_state *s = tp_module_state(m);
    return tp_embedding(tp_long(x), s->weight, TP_NO_DIM);
}

tp_module *tp_nn_embedding(int64_t count, int64_t width)
{
    if (tp_pending())
        return NULL;
    if (count < 1 || width < 1)
        return tp_fail_null(TP_ERR_ARGUMENT, "embedding: sizes are %lld and %lld, at least 1 is wanted",
                            (long long)count, (long long)width);
    TP_SCOPE;
    tp_module *m = tp_module_new("embedding", sizeof(embedding_state), embedding_forward);
    embedding_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    s->weight = tp_parameter(m, "weight", tp_randn(TP_SHAPE(count, width)));
    tp_module_set_info(m, "%lld, %lld", (long long)count, (long long)width);
    return tp_keep(tp_module_built(m));
}

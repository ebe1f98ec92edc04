/* transformer.h - what the rows of Transformers share with their architecture.
 *
 * Layer: models.  Depends on zoo.h.  Read next: transformer.c, transformer_rows.c. */
#ifndef MODELS_TRANSFORMER_H
#define MODELS_TRANSFORMER_H

#include "models/zoo.h"

/* What goes in: (N, 2, L) sources over targets; (N, T) tokens; (N, T, features); tokens, for a class of all or one of each. */
typedef enum transformer_kind { OF_PAIRS, OF_TEXT, OF_FEATURES, OF_TOKENS, OF_TAGS } transformer_kind;

tp_module *transformer_build(const tp_model_options *, transformer_kind);

#endif

/* load_steps.h - readers of the options that steps have in tokenizer.json.
 *
 * Layer: text.  Depends on tokenizer.h.  Read next: load_steps.c. */
#ifndef TEXT_LOAD_STEPS_H
#define TEXT_LOAD_STEPS_H

#include "text/tokenizer.h"

typedef tp_status read_step(loader *, const js_value *, step *);
read_step read_nothing, read_unicode, read_nfc, read_nfd, read_nfkc, read_nfkd, read_bert, read_replace,
    read_prepend, read_strip, read_precompiled;
read_step read_byte_level, read_metaspace, read_split, read_delimiter, read_digits, read_punctuation;
read_step read_wordpiece_decoder, read_suffix, read_strip_decoder;

/* Members of an object, with errors that name them.  A missing or null one is the default. */
tp_status get_bool(loader *, const js_value *, const char *name, bool missing, bool *out);
tp_status get_count(loader *, const js_value *, const char *name, int64_t missing, int64_t *out);
tp_status get_text(loader *, const js_value *, const char *name, const char *missing, const char **out,
                   int64_t *size);

/* "Sequence" and all that is in it, one after the other, to the list. */
tp_status read_steps(loader *, const js_value *, const step_type *table, const char *members,
                     const char *what, step_list *);

#endif

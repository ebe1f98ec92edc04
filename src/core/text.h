/* text.h - text that grows into a caller's buffer, like snprintf: what does not fit is counted and left out.
 *
 * Layer: core.  Depends on tensor.h.  Read next: format.c, list.c. */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include "core/tensor.h"

typedef struct text_out {
    char *text;
    size_t room;         /* bytes of text */
    size_t length, line; /* characters so far, in all and in this line */
} text_out;

void text_put(text_out *, const char *);
void text_pad(text_out *, int64_t spaces); /* none if negative */
size_t text_end(text_out *);               /* puts the final 0; the length that the whole text has */

/* An element, offset elements from the first one: of a float type as a double, of any other as an integer. */
typedef union element_value {
    double real;
    int64_t integer;
} element_value;
element_value text_element(const tp_tensor *, int64_t offset);

#endif

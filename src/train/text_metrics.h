/* text_metrics.h - how near written texts are to true ones: BLEU and chrF, as sacreBLEU defines them.
 *
 *   BLEU    nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp
 *   chrF2   nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no
 * Layer: train.  Depends on base.  Read next: text_metrics.c, task_seq2seq.c. */
#ifndef TRAIN_TEXT_METRICS_H
#define TRAIN_TEXT_METRICS_H

#include <taper/base.h>

enum { BLEU_ORDERS = 4, CHRF_ORDERS = 6, MOST_REFERENCES = 64 };

/* Begin with { 0 }. */
typedef struct bleu_sums {
    int64_t correct[BLEU_ORDERS], total[BLEU_ORDERS], written, reference; /* n-grams; tokens */
} bleu_sums;
typedef struct chrf_sums {
    int64_t written[CHRF_ORDERS], reference[CHRF_ORDERS], both[CHRF_ORDERS];
} chrf_sums;

/* A text and its 1 to MOST_REFERENCES true ones, UTF-8. */
tp_status bleu_add(bleu_sums *, const char *text, const char *const *references, int n);
tp_status chrf_add(chrf_sums *, const char *text, const char *const *references, int n);

double bleu_of(const bleu_sums *); /* 0 to 100 */
double chrf_of(const chrf_sums *);

#endif

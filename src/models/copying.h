/* copying.h - what the shares of a decoder's last cross-attention are good for: guided attention, and the copy mechanism.
 *
 * N sequences, T target places, S source places, V target tokens; shares (N, T, S) sum to 1 over a source's own places.
 * Layer: models.  Depends on taper/nn.h.  Read next: copying.c, transformer.c. */
#ifndef MODELS_COPYING_H
#define MODELS_COPYING_H

#include <taper/nn.h>

/* A loss, 0-d: the mean over places t < T_n, s < S_n of shares[t,s] (1 - exp(-(t / T_n - s / S_n)^2 / (2 g^2))), g = 0.2.
 * targets, sources (N) i64: T_n, S_n. */
tp_tensor *guided_penalty(tp_tensor *shares, tp_tensor *targets, tp_tensor *sources);

/* log p (N, T, V), p = g softmax(scores) + (1 - g) sum over s of shares[t,s] [targets[s] = w], g = sigmoid(generate (N, T, 1)).
 * targets (N, S) i64; -1: the share of a token that the target's vocabulary has not is left to softmax(scores). */
tp_tensor *copying_scores(tp_tensor *scores, tp_tensor *generate, tp_tensor *shares, tp_tensor *targets);

#endif

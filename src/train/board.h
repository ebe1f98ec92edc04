/* board.h - what the files of TensorBoard's events share: an event that grows, and its writing.
 *
 * Field numbers are those of tensorflow/core/util/event.proto, framework/summary.proto, tensor.proto and graph.proto.
 * Layer: train.  Depends on io/protobuf.h.  Read next: board.c, board_graph.c, board_run.c. */
#ifndef TRAIN_BOARD_H
#define TRAIN_BOARD_H

#include "base/object.h"
#include "io/protobuf.h"

#include <taper/train.h>

struct tp_board {
    tp_object object;
    char *path;
    size_t path_room;
    int fd;
    file_bytes event; /* the one that is being made */
};

enum { EVENT_GRAPH = 4 };

tp_status board_folder(const char *folder); /* made, with those above it */

/* Begins an event; fields are put into b->event; board_write frames it and appends it to the file. */
tp_status board_begin(tp_board *, const char *function, const char *tag, int64_t step);
tp_status board_write(tp_board *);

#endif

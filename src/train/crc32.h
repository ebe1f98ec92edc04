/* crc32.h - the checksum of gzip, zip and PNG, piece by piece, and Castagnoli's, of TensorBoard's records.
 *
 * io/gzip.h has it for one block in memory; a checkpoint may be larger than one wants to hold.
 * Layer: train.  Depends on io/file.h.  Read next: checkpoint.c. */
#ifndef TRAIN_CRC32_H
#define TRAIN_CRC32_H

#include "io/file.h"

uint32_t crc32_update(uint32_t crc, const void *data, size_t size); /* of an empty text: 0 */
uint32_t crc32c(const void *data, size_t size);                     /* the polynomial 0x1edc6f41 (RFC 3720) */
tp_status crc32_of_file(const char *path, uint32_t *crc, int64_t *size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* st_write.h - writing safetensors files. */
#ifndef PI0_TOOLS_ST_WRITE_H
#define PI0_TOOLS_ST_WRITE_H
#include "data/safetensors.h"
#include <jansson.h>

/* The header of a file with these tensors, whose data follow each other in this order: name, type,
 * shape and bytes are read. metadata: taken; NULL: {"format": "pt"}. malloc'd, *size bytes, so that
 * the data begin at a multiple of 64; NULL: no memory. */
char *pi0_st_header(json_t *metadata, const st_tensor *tensors, int n, size_t *size);

// all of it, or -1 and errno
int pi0_write_at(int fd, const void *data, size_t size, uint64_t at);

// the disk of a folder has room for so many bytes; PI0_EIO
int pi0_check_room(const char *dir, uint64_t bytes, pi0_error *err);
#endif

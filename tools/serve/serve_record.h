/* SPDX-License-Identifier: Apache-2.0 */
/* serve_record.h - requests and their actions kept as files, for `pi0 infer` to run again:
 *
 *     DIR/request_000001.msgpack  as it came
 *     DIR/request_000001.npy      the actions, float64 [rows,cols]
 *
 * A disk that is full, or a folder that is gone, costs records and no replies. */
#ifndef PI0_TOOLS_SERVE_RECORD_H
#define PI0_TOOLS_SERVE_RECORD_H
#include "pi0.h"
#include <stddef.h>

typedef struct serve_record {
    const char *dir; // NULL: nothing is kept
    unsigned long next;
} serve_record;

// make the folder, go on behind the records that it has. PI0_EIO
int pi0_serve_record_open(serve_record *r, const char *dir, pi0_error *err);
// one request; on failure neither of its files is left. PI0_EIO, PI0_ENOMEM
int pi0_serve_record_write(serve_record *r, const void *request, size_t size, const double *actions,
                           int rows, int cols, pi0_error *err);
#endif

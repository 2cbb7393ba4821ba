/* SPDX-License-Identifier: Apache-2.0 */
/* ocdbt_bytes.h - inside of OCDBT: what manifest and nodes have in common. A frame around a body,
 * columns of numbers, a table of files. */
#ifndef PI0_OCDBT_BYTES_H
#define PI0_OCDBT_BYTES_H
#include "data/ocdbt_node.h"

// what is left of a body; reading behind its end gives zeros and sets `bad`
typedef struct byte_reader {
    const unsigned char *at, *end;
    const char *name;
    bool bad;
} byte_reader;

uint64_t pi0_bytes_varint(byte_reader *r);
uint64_t pi0_bytes_fixed(byte_reader *r, int n); // little-endian, n <= 8 bytes
// n bytes, or NULL and bad
const unsigned char *pi0_bytes_take(byte_reader *r, uint64_t n);
// a count of things that take a byte each, at least
size_t pi0_bytes_count(byte_reader *r);

// a column of n varints, each at most max; malloc'd, NULL where n is 0
int pi0_bytes_column(uint64_t **column, byte_reader *r, size_t n, uint64_t max, pi0_error *err);

// the table of files at r
int pi0_ocdbt_files(ocdbt_file **files, size_t *n_files, byte_reader *r, pi0_error *err);

// the body of a frame, decoded: *body is malloc'd
int pi0_ocdbt_body(unsigned char **body, size_t *body_size, const unsigned char *data, size_t size,
                   uint32_t magic, const char *name, pi0_error *err);

// PI0_EFORMAT: r has been read behind its end, or holds what cannot be
int pi0_bytes_bad(const byte_reader *r, const char *what, pi0_error *err);
int pi0_bytes_no_memory(const byte_reader *r, pi0_error *err);
#endif

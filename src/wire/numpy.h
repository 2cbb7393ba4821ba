/* SPDX-License-Identifier: Apache-2.0 */
/* numpy.h - msgpack with numpy's arrays and scalars in it, as openpi's server and its clients speak
 * it: read and written here, for the command, the server and the client library.
 *
 *     array   { "__ndarray__": true, "data": bytes, "dtype": "<f4", "shape": [50, 14] }
 *     scalar  { "__npgeneric__": true, "data": value, "dtype": "<f4" }
 *
 * The keys of these two are bytes, not text. Values are in C order, the low byte first.
 * Source: openpi packages/openpi-client/src/openpi_client/msgpack_numpy.py. */
#ifndef PI0_WIRE_NUMPY_H
#define PI0_WIRE_NUMPY_H
#include "pi0.h"
#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// where messages point to
typedef struct place {
    const char *file, *key;
    pi0_error *err;
} place;

#define NUMPY_MAX_DIMS 8
typedef struct numpy_array {
    char kind;     // b, u, i, f, U
    size_t item;   // bytes of an element
    char type[16]; // as the file writes it: "<f4"
    int n_dims;
    int64_t dims[NUMPY_MAX_DIMS];
    size_t count;
    const unsigned char *data; // unaligned
} numpy_array;

/* ---- reading ---- */

/* Check a whole document before msgpack-c reads it, which trusts its counts: one value, nothing
 * behind it, nothing cut off, depth and number of values bounded. PI0_EFORMAT with the offset */
int pi0_msgpack_check(const void *data, size_t size, const char *file, pi0_error *err);
/* The same, then read: texts and bytes in u->data stay where they are in `data`. Whatever comes
 * back, destroy *u. */
int pi0_msgpack_read(msgpack_unpacked *u, const void *data, size_t size, const char *file,
                     pi0_error *err);

bool pi0_msgpack_is(const msgpack_object *text, const char *name); // text or bytes
// the value of a map's key, NULL if there is none (or it is no map)
const msgpack_object *pi0_msgpack_get(const msgpack_object *map, const char *name);
// a number, a bool, or numpy's scalar of one
bool pi0_msgpack_number(const msgpack_object *o, double *x);

// maps that stand for something else than themselves
bool pi0_numpy_is_array(const msgpack_object *o);
bool pi0_numpy_is_scalar(const msgpack_object *o);

// the parts of a map with the key __ndarray__. PI0_EFORMAT, PI0_EUNSUPPORTED
int pi0_numpy_parse(numpy_array *a, const msgpack_object *map, const place *p);
// "[3,480,640]"; returns text
const char *pi0_numpy_shape(char text[200], const numpy_array *a);
// element i of an array of numbers
double pi0_numpy_number(const numpy_array *a, size_t i);
// a number of 2, 4 or 8 bytes
double pi0_numpy_float(const unsigned char *at, size_t item);
// the one text of an array of texts (UTF-32), as UTF-8 from malloc
int pi0_numpy_text(const numpy_array *a, char **text, size_t *size, const place *p);

/* ---- writing: 0, or what the packer's callback returned when it could not ---- */

int pi0_pack_text(msgpack_packer *to, const char *text);
// "name": number
int pi0_pack_number(msgpack_packer *to, const char *name, double value);

// an array of this type ("<f8", "|u1" ...); data NULL where the bytes come in pieces
numpy_array pi0_numpy_array(const char *type, int n_dims, const int64_t *dims, const void *data);
int pi0_numpy_pack(msgpack_packer *to, const numpy_array *a);
/* The same in three: begin, all bytes with msgpack_pack_bin_body() in as many pieces as one likes,
 * end. */
int pi0_numpy_pack_begin(msgpack_packer *to, const numpy_array *a);
int pi0_numpy_pack_end(msgpack_packer *to, const numpy_array *a);
// a scalar of this type, whose value is a plain number
int pi0_numpy_pack_scalar(msgpack_packer *to, const char *type, const msgpack_object *value);
#endif

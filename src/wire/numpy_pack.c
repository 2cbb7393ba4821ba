/* SPDX-License-Identifier: Apache-2.0 */
/* numpy_pack.c - writing numpy's arrays and scalars into msgpack, byte for byte as openpi-client
 * does. Source: openpi packages/openpi-client/src/openpi_client/msgpack_numpy.py pack_array. */
#include "wire/numpy.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int pi0_pack_text(msgpack_packer *to, const char *text)
{
    const size_t n = strlen(text);
    const int bad = msgpack_pack_str(to, n);
    return bad ? bad : msgpack_pack_str_body(to, text, n);
}

int pi0_pack_number(msgpack_packer *to, const char *name, double value)
{
    const int bad = pi0_pack_text(to, name);
    return bad ? bad : msgpack_pack_double(to, value);
}

// numpy's own keys are bytes
static int pack_key(msgpack_packer *to, const char *name)
{
    const size_t n = strlen(name);
    const int bad = msgpack_pack_bin(to, n);
    return bad ? bad : msgpack_pack_bin_body(to, name, n);
}

numpy_array pi0_numpy_array(const char *type, int n_dims, const int64_t *dims, const void *data)
{
    numpy_array a = { .kind = type[1], .n_dims = n_dims, .count = 1, .data = data };
    assert(n_dims >= 0 && n_dims <= NUMPY_MAX_DIMS && strlen(type) < sizeof a.type);
    strcpy(a.type, type);
    a.item = (size_t)atoi(type + 2) * (a.kind == 'U' ? 4 : 1);
    for (int d = 0; d < n_dims; d++) {
        a.dims[d] = dims[d];
        a.count *= (size_t)dims[d];
    }
    return a;
}

int pi0_numpy_pack_begin(msgpack_packer *to, const numpy_array *a)
{
    int bad = msgpack_pack_map(to, 4);
    if (!bad) bad = pack_key(to, "__ndarray__");
    if (!bad) bad = msgpack_pack_true(to);
    if (!bad) bad = pack_key(to, "data");
    if (!bad) bad = msgpack_pack_bin(to, a->count * a->item);
    return bad;
}

int pi0_numpy_pack_end(msgpack_packer *to, const numpy_array *a)
{
    int bad = pack_key(to, "dtype");
    if (!bad) bad = pi0_pack_text(to, a->type);
    if (!bad) bad = pack_key(to, "shape");
    if (!bad) bad = msgpack_pack_array(to, (size_t)a->n_dims);
    for (int d = 0; d < a->n_dims && !bad; d++) bad = msgpack_pack_int64(to, a->dims[d]);
    return bad;
}

int pi0_numpy_pack(msgpack_packer *to, const numpy_array *a)
{
    int bad = pi0_numpy_pack_begin(to, a);
    const size_t bytes = a->count * a->item;
    if (!bad && bytes) bad = msgpack_pack_bin_body(to, a->data, bytes);
    return bad ? bad : pi0_numpy_pack_end(to, a);
}

int pi0_numpy_pack_scalar(msgpack_packer *to, const char *type, const msgpack_object *value)
{
    int bad = msgpack_pack_map(to, 3);
    if (!bad) bad = pack_key(to, "__npgeneric__");
    if (!bad) bad = msgpack_pack_true(to);
    if (!bad) bad = pack_key(to, "data");
    if (!bad) bad = msgpack_pack_object(to, *value);
    if (!bad) bad = pack_key(to, "dtype");
    return bad ? bad : pi0_pack_text(to, type);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* wire_echo.c - reads msgpack documents from stdin, each behind its length (4 bytes, low byte
 * first), takes arrays and scalars of numpy apart, and writes what it has read, packed anew, in the
 * same way. A document that it refuses comes back as "!" and the message. */
#include "wire/numpy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int pack(msgpack_packer *to, const msgpack_object *o, const place *p);

static int pack_scalar(msgpack_packer *to, const msgpack_object *o, const place *p)
{
    char type[32];
    const msgpack_object *dtype = pi0_msgpack_get(o, "dtype"), *data = pi0_msgpack_get(o, "data");
    if (!dtype || !data || dtype->type != MSGPACK_OBJECT_STR || dtype->via.str.size >= sizeof type)
        return snprintf(p->err->message, sizeof p->err->message, "a scalar without its parts");
    snprintf(type, sizeof type, "%.*s", (int)dtype->via.str.size, dtype->via.str.ptr);
    return pi0_numpy_pack_scalar(to, type, data);
}

static int pack_map(msgpack_packer *to, const msgpack_object *o, const place *p)
{
    int bad = msgpack_pack_map(to, o->via.map.size);
    for (uint32_t i = 0; i < o->via.map.size && !bad; i++) {
        bad = msgpack_pack_object(to, o->via.map.ptr[i].key);
        if (!bad) bad = pack(to, &o->via.map.ptr[i].val, p);
    }
    return bad;
}

static int pack(msgpack_packer *to, const msgpack_object *o, const place *p)
{
    numpy_array a;
    if (pi0_numpy_is_array(o)) {
        const int status = pi0_numpy_parse(&a, o, p);
        return status ? status : pi0_numpy_pack(to, &a);
    }
    if (pi0_numpy_is_scalar(o)) return pack_scalar(to, o, p);
    if (o->type == MSGPACK_OBJECT_MAP) return pack_map(to, o, p);
    if (o->type != MSGPACK_OBJECT_ARRAY) return msgpack_pack_object(to, *o);
    int bad = msgpack_pack_array(to, o->via.array.size);
    for (uint32_t i = 0; i < o->via.array.size && !bad; i++)
        bad = pack(to, &o->via.array.ptr[i], p);
    return bad;
}

static void echo(const char *data, size_t size)
{
    msgpack_sbuffer to;
    msgpack_packer packer;
    msgpack_unpacked u;
    pi0_error err = { .message = "" };
    msgpack_sbuffer_init(&to);
    msgpack_packer_init(&packer, &to, msgpack_sbuffer_write);
    int bad = pi0_msgpack_read(&u, data, size, "document", &err);
    if (!bad) bad = pack(&packer, &u.data, &(place){ "document", "value", &err });
    if (bad) {
        to.size = 0;
        msgpack_sbuffer_write(&to, "!", 1);
        msgpack_sbuffer_write(&to, err.message, strlen(err.message));
    }
    const unsigned char n[4] = { (unsigned char)to.size, (unsigned char)(to.size >> 8),
                                 (unsigned char)(to.size >> 16), (unsigned char)(to.size >> 24) };
    fwrite(n, 1, 4, stdout);
    fwrite(to.data, 1, to.size, stdout);
    fflush(stdout);
    msgpack_unpacked_destroy(&u);
    msgpack_sbuffer_destroy(&to);
}

int main(void)
{
    unsigned char n[4];
    while (fread(n, 1, 4, stdin) == 4) {
        const size_t size = n[0] | (size_t)n[1] << 8 | (size_t)n[2] << 16 | (size_t)n[3] << 24;
        char *data = malloc(size ? size : 1);
        if (!data || fread(data, 1, size, stdin) != size) return 1;
        echo(data, size);
        free(data);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* st_write.c - the header of a safetensors file, writing at a place, room on a disk. */
#include "st_write.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ALIGN 64 // of the first tensor in the file

// one tensor's entry
static json_t *header_entry(const st_tensor *t, uint64_t offset)
{
    json_t *shape = json_array();
    for (int d = 0; d < t->n_dims; d++)
        json_array_append_new(shape, json_integer((json_int_t)t->dims[d]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_name(t->type), "shape", shape,
                     "data_offsets", (json_int_t)offset, (json_int_t)(offset + t->bytes));
}

// 8 bytes of length, then the JSON, with blanks up to ALIGN
static char *frame(const char *text, size_t *size)
{
    const size_t length = strlen(text);
    *size = (8 + length + ALIGN - 1) / ALIGN * ALIGN;
    char *header = malloc(*size);
    if (!header) return NULL;
    for (int i = 0; i < 8; i++) header[i] = (char)((uint64_t)(*size - 8) >> 8 * i);
    memset(header + 8, ' ', *size - 8);
    return memcpy(header + 8, text, length), header;
}

char *pi0_st_header(json_t *metadata, const st_tensor *tensors, int n, size_t *size)
{
    char *header = NULL, *text = NULL;
    uint64_t offset = 0;
    if (!metadata) metadata = json_pack("{s:s}", "format", "pt");
    json_t *root = json_pack("{s:o}", "__metadata__", metadata);
    bool whole = root;
    for (int i = 0; i < n && whole; i++) {
        whole = !json_object_set_new(root, tensors[i].name, header_entry(&tensors[i], offset));
        offset += tensors[i].bytes;
    }
    if (whole) text = json_dumps(root, JSON_COMPACT);
    if (text) header = frame(text, size);
    free(text);
    json_decref(root);
    return header;
}

int pi0_write_at(int fd, const void *data, size_t size, uint64_t at)
{
    const char *p = data;
    while (size) {
        const ssize_t n = pwrite(fd, p, size, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        p += n;
        size -= (size_t)n;
        at += (uint64_t)n;
    }
    return 0;
}

int pi0_check_room(const char *dir, uint64_t bytes, pi0_error *err)
{
    struct statvfs disk;
    if (statvfs(dir, &disk)) return pi0_fail_errno(err, PI0_EIO, "%s: cannot stat", dir);
    const uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (room >= bytes) return PI0_OK;
    return pi0_fail(err, PI0_EIO, "%s: %.2f GB are needed, %.2f GB are free on this disk", dir,
                    (double)bytes * 1e-9, (double)room * 1e-9);
}

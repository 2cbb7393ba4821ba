/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_safetensors.c - a checkpoint's formats. The first byte, modulo 3, says what the rest is:
 * a safetensors file, a config.json, or the index of a folder with two shards. */
#include "data/config.h"
#include "data/safetensors.h"
#include "fuzz/fuzz.h"
#include "support/st_blob.h"
#include "support/tmpdir.h"

// a failure says so, in a line; outputs are as they were
static void check_refusal(int status, const pi0_error *err, const void *out, size_t size)
{
    check_failure(status, err);
    must(!strchr(err->message, '\n'));
    for (size_t i = 0; i < size; i++) must(((const unsigned char *)out)[i] == 0x5a);
}

// every tensor is found by its name and lies where it may be read
static unsigned check_tensors(const safetensors *st, const uint8_t *data, size_t size)
{
    unsigned sum = 0;
    for (int i = 0; i < st->n_tensors; i++) {
        const st_tensor *t = &st->tensors[i];
        const unsigned char *bytes = t->data;
        uint64_t count = dtype_size(t->type);
        for (int k = 0; k < t->n_dims; k++) count *= (uint64_t)t->dims[k];
        must(count == t->bytes && pi0_safetensors_find(st, t->name) == t);
        must(!data || (bytes >= data && t->bytes <= (size_t)(data + size - bytes)));
        if (t->bytes) sum += bytes[0] + bytes[t->bytes - 1];
    }
    return sum;
}

static void fuzz_file(const uint8_t *data, size_t size)
{
    safetensors st;
    pi0_error err = { 0 };
    memset(&st, 0x5a, sizeof st);
    const int status = pi0_safetensors_parse(&st, data, size, "fuzz", &err);
    if (status) {
        check_refusal(status, &err, &st, sizeof st);
        return;
    }
    check_tensors(&st, data, size);
    pi0_safetensors_close(&st);
}

static void fuzz_config(const uint8_t *data, size_t size)
{
    static checkpoint_config config;
    pi0_error err = { 0 };
    memset(&config, 0x5a, sizeof config);
    const int status = pi0_config_parse(&config, (const char *)data, size, "fuzz", &err);
    if (status) {
        check_refusal(status, &err, &config, sizeof config);
        return;
    }
    must(config.found && config.pi05 >= -1 && config.pi05 <= 1);
    must(config.horizon >= 0 && config.horizon <= 4096 && config.num_steps <= 1024);
    must(config.n_cameras >= 0 && config.n_cameras <= CONFIG_MAX_CAMERAS);
    for (int i = 0; i < config.n_cameras; i++)
        must(memchr(config.camera[i], 0, CONFIG_NAME_SIZE) != NULL);
}

static tmpdir shards;

static void remove_shards(void)
{
    tmpdir_remove(&shards);
}

// a.st with the tensors "x" and "y", b.st with "z"
static void make_shards(void)
{
    const st_blob a = st_blob_text("{\"x\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                                   "\"y\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[2,4]}"
                                   "}",
                                   4);
    const st_blob b =
        st_blob_text("{\"z\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4);
    shards = tmpdir_make();
    tmpdir_write(&shards, "a.st", a.bytes, a.size);
    tmpdir_write(&shards, "b.st", b.bytes, b.size);
    free(a.bytes);
    free(b.bytes);
    atexit(remove_shards);
}

static void fuzz_index(const uint8_t *data, size_t size)
{
    safetensors st;
    pi0_error err = { 0 };
    if (!shards.path[0]) make_shards();
    tmpdir_write(&shards, "model.safetensors.index.json", data, size);
    memset(&st, 0x5a, sizeof st);
    const int status = pi0_safetensors_open(&st, shards.path, &err);
    if (status) {
        check_refusal(status, &err, &st, sizeof st);
        return;
    }
    must(st.n_tensors > 0 && st.n_tensors <= 3 && st.n_files <= 2);
    check_tensors(&st, NULL, 0);
    pi0_safetensors_close(&st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    switch (data[0] % 3) {
    case 0: fuzz_file(data + 1, size - 1); break;
    case 1: fuzz_config(data + 1, size - 1); break;
    default: fuzz_index(data + 1, size - 1);
    }
    return 0;
}

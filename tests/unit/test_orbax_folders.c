/* SPDX-License-Identifier: Apache-2.0 */
/* test_orbax_folders.c - JAX checkpoints written again as plain folders, one for each array: the
 * older form gives the same bits; LoRA beside the arrays gives what the reference's equations do
 * with both; what does not fit together is refused. */
#include "data/checkpoint.h"
#include "support/expect.h"
#include "support/jax_case.h"
#include "support/network_case.h"
#include "support/robot_dir.h"
#include "support/tmpdir.h"
#include "support/zarr_meta.h"
#include <math.h>

/* ---- writing ---- */

static void write_array(const tmpdir *dir, const char *name, const zarr_array *z, const void *data)
{
    char folder[300], file[400], text[ZARR_META_SIZE], zeros[100] = "";
    size_t bytes = dtype_size(z->type);
    snprintf(folder, sizeof folder, "params/params.%s", name);
    for (char *c = folder + strlen("params/"); *c; c++)
        if (*c == '/') *c = '.';
    tmpdir_mkdir(dir, folder);
    for (int d = 0; d < z->n_dims; d++) {
        snprintf(zeros + strlen(zeros), sizeof zeros - strlen(zeros), "%s0", d ? "." : "");
        bytes *= (size_t)z->shape[d];
    }
    snprintf(file, sizeof file, "%s/.zarray", folder);
    tmpdir_write_text(dir, file, zarr_meta(text, z->n_dims, z->shape, z->shape, z->type, false));
    snprintf(file, sizeof file, "%s/%s", folder, zeros);
    tmpdir_write(dir, file, data, bytes);
}

static size_t count(const zarr_array *z)
{
    size_t n = 1;
    for (int d = 0; d < z->n_dims; d++) n *= (size_t)z->shape[d];
    return n;
}

// an array whole, in its own order
static void *read_whole(const orbax *o, const zarr_array *z)
{
    ptrdiff_t stride[ZARR_MAX_DIMS], step = 1;
    pi0_error err;
    void *data = malloc(count(z) * dtype_size(z->type));
    for (int d = z->n_dims - 1; d >= 0; d--) {
        stride[d] = step;
        step *= (ptrdiff_t)z->shape[d];
    }
    expect_ok(pi0_zarr_read(o->reader, z, NULL, 0, data, stride, &err), &err);
    return data;
}

// a case's checkpoint as plain folders
static tmpdir write_plain(const jax_case *c)
{
    const tmpdir dir = tmpdir_make();
    orbax o;
    pi0_error err;
    tmpdir_mkdir(&dir, "params");
    tmpdir_write_text(&dir, "params/checkpoint", "");
    expect_ok(pi0_orbax_open(&o, c->model, &err), &err);
    for (int i = 0; i < o.n_arrays; i++) {
        void *data = read_whole(&o, &o.arrays[i].z);
        write_array(&dir, o.arrays[i].name, &o.arrays[i].z, data);
        free(data);
    }
    pi0_orbax_close(&o);
    return dir;
}

static void older_form(void **state)
{
    static float before[JAX_HORIZON * 32], after[JAX_HORIZON * 32];
    (void)state;
    for (int i = 0; i < N_JAX_CASES; i++) {
        jax_case c;
        jax_case_open(&c, jax_names[i]);
        const tmpdir dir = write_plain(&c);
        jax_case_run(&c, c.model, NULL, NULL, before);
        jax_case_run(&c, dir.path, NULL, NULL, after);
        assert_memory_equal(before, after, sizeof before);
        jax_case_close(&c);
        tmpdir_remove(&dir);
    }
}

/* ---- LoRA ---- */

#define RANK 4
#define LAYERS "PaliGemma/llm/layers/"

// the arrays that openpi's configs have it for
static const struct {
    const char *array, *a, *b;
    bool heads; // axis 1 is the heads
} lora[] = {
    { LAYERS "attn/q_einsum/w", LAYERS "attn/q_einsum/lora_a", LAYERS "attn/q_einsum/lora_b", 1 },
    { LAYERS "attn/kv_einsum/w", LAYERS "attn/kv_einsum/lora_a", LAYERS "attn/kv_einsum/lora_b",
      0 },
    { LAYERS "attn/attn_vec_einsum/w", LAYERS "attn/attn_vec_einsum/lora_a",
      LAYERS "attn/attn_vec_einsum/lora_b", 1 },
    { LAYERS "mlp/gating_einsum", LAYERS "mlp/gating_einsum_lora_a",
      LAYERS "mlp/gating_einsum_lora_b", 0 },
    { LAYERS "mlp_1/linear", LAYERS "mlp_1/linear_lora_a", LAYERS "mlp_1/linear_lora_b", 0 },
    { LAYERS "attn/attn_vec_einsum_1/w", LAYERS "attn/attn_vec_einsum_1/lora_a",
      LAYERS "attn/attn_vec_einsum_1/lora_b", 1 },
};

// one half beside its array: the array's shape with the rank in place of an axis
static void write_half(const tmpdir *dir, const char *name, zarr_array z, int axis, int rank,
                       uint64_t stream)
{
    z.type = DTYPE_F32;
    z.shape[axis] = rank;
    float *data = malloc(count(&z) * sizeof *data);
    pi0_noise(9, stream, data, count(&z));
    write_array(dir, name, &z, data);
    free(data);
}

static void write_lora(const tmpdir *dir, const jax_case *c, int rank_b)
{
    orbax o;
    pi0_error err;
    expect_ok(pi0_orbax_open(&o, c->model, &err), &err);
    for (size_t i = 0; i < COUNT(lora); i++) {
        const zarr_array *z = &pi0_orbax_find(&o, lora[i].array)->z;
        write_half(dir, lora[i].a, *z, z->n_dims - 1, RANK, 2 * i);
        write_half(dir, lora[i].b, *z, z->n_dims - 2, rank_b, 2 * i + 1);
    }
    pi0_orbax_close(&o);
}

// a layer's slice of an array as doubles: [outer][heads or 1][x][y]
typedef struct slice {
    double *v;
    int heads, x, y;
} slice;

static slice take(const orbax *o, const char *name, int layer, int part, bool heads)
{
    const zarr_array *z = &pi0_orbax_find(o, name)->z;
    float *all = read_whole(o, z);
    slice s = { .x = (int)z->shape[z->n_dims - 2], .y = (int)z->shape[z->n_dims - 1], .heads = 1 };
    if (heads) s.heads = (int)z->shape[1];
    const size_t n = (size_t)s.heads * (size_t)s.x * (size_t)s.y;
    const size_t parts = z->n_dims == 3 || heads ? 1 : (size_t)z->shape[1];
    s.v = malloc(n * sizeof *s.v);
    for (size_t i = 0; i < n; i++)
        s.v[i] = (double)all[((size_t)layer * parts + (size_t)part) * n + i];
    free(all);
    return s;
}

static double at(const slice *s, int head, int x, int y)
{
    return s->v[((size_t)head * (size_t)s->x + (size_t)x) * (size_t)s->y + (size_t)y];
}

/* lora.py with x going in, nothing merged: out = x W + (x A) B. Einsum of q: each head by itself;
 * attn_vec: "BTNH,NHL->BTL" and "BTL,NLD->BTD", which sum over the heads in both. */
static double unmerged(const slice *w, const slice *a, const slice *b, bool sums, const float *x,
                       int out)
{
    double y = 0;
    const int head = sums ? 0 : out / w->y, col = sums ? out : out % w->y;
    for (int h = sums ? 0 : head; h < (sums ? w->heads : head + 1); h++)
        for (int i = 0; i < w->x; i++) y += (double)x[sums ? h * w->x + i : i] * at(w, h, i, col);
    for (int l = 0; l < RANK; l++) {
        double low = 0, up = 0;
        for (int h = sums ? 0 : head; h < (sums ? w->heads : head + 1); h++) {
            for (int i = 0; i < w->x; i++)
                low += (double)x[sums ? h * w->x + i : i] * at(a, h, i, l);
            up += at(b, h, l, col);
        }
        y += low * up;
    }
    return y;
}

static void check_merged(checkpoint *cp, enum tensor_id id, int layer, size_t which, int part)
{
    char name[TENSOR_NAME_SIZE];
    tensor_view v;
    pi0_error err;
    float x[512];
    const st_tensor *t = pi0_safetensors_find(&cp->st, pi0_tensor_name(name, id, layer));
    expect_ok(pi0_checkpoint_read(cp, t, &v, &err), &err);
    assert_true(v.cols <= 512 && v.type == DTYPE_F32);
    pi0_noise(5, (uint64_t)id, x, (size_t)v.cols);
    const bool heads = lora[which].heads, sums = strstr(lora[which].array, "attn_vec");
    slice w = take(&cp->orbax, lora[which].array, layer, part, heads);
    slice a = take(&cp->orbax, lora[which].a, layer, part, heads);
    slice b = take(&cp->orbax, lora[which].b, layer, part, heads);
    for (int out = 0; out < v.rows; out++) {
        double y = 0, size = 0;
        for (int i = 0; i < v.cols; i++) {
            const double term = (double)x[i] * (double)tensor_view_at(v, out, i);
            y += term;
            size += fabs(term);
        }
        // each merged weight is rounded to f32 some times: RANK sums and one more
        assert_true(fabs(y - unmerged(&w, &a, &b, sums, x, out)) <= size * (RANK + 2) * 0x1p-22);
    }
    free(w.v);
    free(a.v);
    free(b.v);
    pi0_checkpoint_forget(cp, &v);
}

static void lora_equations(void **state)
{
    (void)state;
    checkpoint cp;
    pi0_error err;
    jax_case c;
    jax_case_open(&c, jax_names[0]);
    const tmpdir dir = write_plain(&c);
    write_lora(&dir, &c, RANK);
    expect_ok(pi0_checkpoint_open(&cp, dir.path, &err), &err);
    assert_int_equal(cp.map.lora_rank, RANK);
    for (int layer = 0; layer < 3; layer++) {
        check_merged(&cp, T_LM_Q, layer, 0, 0);
        check_merged(&cp, T_LM_K, layer, 1, 0);
        check_merged(&cp, T_LM_V, layer, 1, 1);
        check_merged(&cp, T_LM_O, layer, 2, 0);
        check_merged(&cp, T_LM_GATE, layer, 3, 0);
        check_merged(&cp, T_LM_UP, layer, 3, 1);
        check_merged(&cp, T_EX_DOWN, layer, 4, 0);
        check_merged(&cp, T_EX_O, layer, 5, 0);
    }
    // none of them is left over, and whoever loads it is told
    for (int i = 0; i < cp.st.n_tensors; i++) assert_true(cp.st.tensors[i].pick >= 0);
    pi0_checkpoint_close(&cp);
    pi0_model *m;
    pi0_options opt;
    pi0_default_options(&opt);
    must(pi0_load(&m, dir.path, &opt, &err), &err);
    assert_non_null(strstr(pi0_model_warning(m, 0), "LoRA weights of rank up to 4 were merged"));
    pi0_free(m);
    jax_case_close(&c);
    tmpdir_remove(&dir);
}

/* ---- what does not fit ---- */

static void expect_load(const tmpdir *dir, int status, const char *text)
{
    pi0_model *m;
    pi0_error err;
    expect_error(pi0_load(&m, dir->path, NULL, &err), status, &err, text);
}

static void refused(void **state)
{
    (void)state;
    jax_case c;
    jax_case_open(&c, jax_names[0]);
    tmpdir dir = write_plain(&c);
    write_lora(&dir, &c, RANK + 1);
    expect_load(&dir, PI0_EFORMAT, "does not fit PaliGemma/llm/layers/attn/q_einsum/w");
    tmpdir_remove(&dir);

    dir = write_plain(&c);
    write_half(&dir, lora[0].a,
               (zarr_array){ .n_dims = 4, .shape = { 3, 8, 64, 16 }, .type = DTYPE_F32 }, 3, RANK,
               1);
    expect_load(&dir, PI0_EFORMAT, "only one of lora_a and lora_b");
    // beside what is no matrix of a layer
    static const char *const others[] = {
        "PaliGemma/llm/embedder/input_embedding", LAYERS "pre_attention_norm/scale",
        "PaliGemma/img/Transformer/encoderblock/MlpBlock_0/Dense_0/kernel", "action_in_proj/bias"
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        orbax o;
        pi0_error err;
        char name[200];
        const tmpdir other = write_plain(&c);
        expect_ok(pi0_orbax_open(&o, c.model, &err), &err);
        const zarr_array *z = &pi0_orbax_find(&o, others[i])->z;
        snprintf(name, sizeof name, "%s_lora_a", others[i]);
        write_half(&other, name, *z, z->n_dims - 1, RANK, 1);
        snprintf(name, sizeof name, "%s_lora_b", others[i]);
        write_half(&other, name, *z, z->n_dims > 1 ? z->n_dims - 2 : 0, RANK, 2);
        pi0_orbax_close(&o);
        expect_load(&other, PI0_EUNSUPPORTED, "LoRA weights beside array");
        tmpdir_remove(&other);
    }
    // a PEFT adapter beside it
    tmpdir_write_text(&dir, "adapter_config.json", "{}");
    expect_load(&dir, PI0_EUNSUPPORTED, "PEFT adapter");
    tmpdir_remove(&dir);

    dir = write_plain(&c);
    tmpdir_unlink(&dir, "params/params.PaliGemma.img.head.bias/0");
    expect_load(&dir, PI0_EFORMAT, "PaliGemma.img.head.bias/0 is missing");
    tmpdir_unlink(&dir, "params/params.PaliGemma.img.head.bias/.zarray");
    expect_load(&dir, PI0_EFORMAT, "array PaliGemma/img/head/bias is missing");
    // a link that leads to itself
    char path[TMPDIR_PATH];
    tmpdir_unlink(&dir, "params/params.PaliGemma.img.head.kernel/0.0");
    if (symlink("0.0", tmpdir_path(path, &dir, "params/params.PaliGemma.img.head.kernel/0.0")))
        abort();
    expect_load(&dir, PI0_EIO, "PaliGemma.img.head.kernel/0.0");
    tmpdir_remove(&dir);

    // another shape than its neighbours'
    dir = write_plain(&c);
    tmpdir_remove_path(tmpdir_path(path, &dir, "params/params.PaliGemma.img.head.bias"));
    const float zeros[63] = { 0 };
    write_array(&dir, "PaliGemma/img/head/bias",
                &(zarr_array){ .n_dims = 1, .shape = { 63 }, .type = DTYPE_F32 }, zeros);
    expect_load(&dir, PI0_EFORMAT, "axis 0 should be 64, as in PaliGemma/img/head/kernel");
    tmpdir_remove(&dir);
    jax_case_close(&c);
}

/* ---- damaged data files of a real store ---- */

// load it; what it is does not matter, as long as it ends
static int try_load(const tmpdir *dir, pi0_error *err)
{
    pi0_model *m;
    const int status = pi0_load(&m, dir->path, NULL, err);
    if (!status) pi0_free(m);
    return status;
}

// a data file becomes `size` bytes of `data`, a NULL: is not there
static void replace(const char *path, const void *data, size_t size)
{
    if (unlink(path)) abort();
    FILE *f = data ? fopen(path, "wb") : NULL;
    if (data && (!f || fwrite(data, 1, size, f) != size || fclose(f))) abort();
}

// the arrays' data carry no checksum: a changed byte is an error of zstd's, or another value
static void damaged_data(void **state)
{
    (void)state;
    const tmpdir dir = robot_dir_make("openpi_jax/jax_pi05_bf16_chunked");
    pi0_error err;
    orbax o;
    int refused_ones = 0, n = 0;
    expect_ok(pi0_orbax_open(&o, dir.path, &err), &err);
    for (int i = 0; i < o.kv.n_paths; i++) {
        char *data, *path = o.kv.paths[i];
        size_t size;
        expect_ok(pi0_file_read(&data, &size, path, 1 << 24, &err), &err);
        for (size_t k = 0; k < size; k += size / 16 + 1, n++) {
            data[k] ^= 0x55;
            replace(path, data, size);
            refused_ones += try_load(&dir, &err) != PI0_OK;
            data[k] ^= 0x55;
        }
        // its end may be an older tree, which nothing leads to any more
        replace(path, data, size / 2);
        try_load(&dir, &err);
        replace(path, data, 0);
        expect_error(try_load(&dir, &err), PI0_EFORMAT, &err, "truncated");
        replace(path, NULL, 0);
        if (symlink(path, path)) abort();
        expect_error(try_load(&dir, &err), PI0_EIO, &err, path);
        replace(path, NULL, 0);
        expect_error(try_load(&dir, &err), PI0_EIO, &err, path);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
        expect_ok(try_load(&dir, &err), &err);
        free(data);
    }
    printf("  %d changed bytes in %d data files: %d refused, the others read as other values\n", n,
           o.kv.n_paths, refused_ones);
    pi0_orbax_close(&o);
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older_form),
        cmocka_unit_test(lora_equations),
        cmocka_unit_test(refused),
        cmocka_unit_test(damaged_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

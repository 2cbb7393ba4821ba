/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_ops.c - the table of the accelerated backend. */
#include "cpu/cpu_ops.h"
#include "cpu/attention.h"
#include "cpu/gemm.h"
#include "cpu/panels.h"
#include "cpu/rows.h"
#include "ops/host.h"

static const gemm_kernel *kernel_for(const backend *b, const weight *w)
{
    const kernels *k = ((const cpu_impl *)b->impl)->kernels;
    return w->type == DTYPE_BF16 ? k->gemm_bf16 : k->gemm_f32;
}

/* ---- weights ---- */

// a table is read where it is stored
static size_t cpu_packed_size(const backend *b, const weight *w)
{
    return w->kind == WEIGHT_TABLE ? 0 : pi0_gemm_packed_size(kernel_for(b, w), w);
}

static void cpu_pack(backend *b, const weight *w)
{
    if (w->kind != WEIGHT_TABLE) pi0_gemm_pack(b->threads, kernel_for(b, w), w);
}

static size_t cpu_linear_work(const backend *b, const weight *w, int rows)
{
    return pi0_gemm_work(kernel_for(b, w), w, rows, pi0_pool_threads(b->threads));
}

/* ---- linear layers ---- */

static void cpu_linear(backend *b, const mat *y, int n, mat x, const weight *w, enum act_fn act)
{
    static const enum gemm_end_op op[] = {
        [ACT_NONE] = GEMM_STORE, [ACT_GELU] = GEMM_GELU, [ACT_SILU] = GEMM_SILU
    };
    const bool geglu = w->kind == WEIGHT_GEGLU;
    assert(!geglu || act == ACT_NONE);
    assert(b->work_bytes >= cpu_linear_work(b, w, x.rows));
    pi0_gemm(b->threads, kernel_for(b, w), y, n, x, w, geglu ? GEMM_GEGLU : op[act], MAT_NONE,
             b->work);
}

static void cpu_linear_add(backend *b, mat x, mat y, const weight *w, mat gate)
{
    assert(b->work_bytes >= cpu_linear_work(b, w, y.rows));
    pi0_gemm(b->threads, kernel_for(b, w), &x, 1, y, w, GEMM_ADD, gate, b->work);
}

/* ---- around one call: the threads stay awake between its operations ---- */

static void cpu_begin(backend *b)
{
    pi0_pool_wake(b->threads);
}

static void cpu_end(backend *b)
{
    pi0_pool_rest(b->threads);
}

void pi0_cpu_backend(backend *b, cpu_isa isa, dtype gemm_type)
{
    assert(gemm_type == DTYPE_F32 || gemm_type == DTYPE_BF16);
    b->ops = &pi0_cpu_ops;
    b->impl = pi0_cpu_impl(isa);
    b->gemm_type = gemm_type;
}

/* ---- who computes what: asked of what the operations themselves ask ---- */

static const char *cpu_kernel(const backend *b, enum op_kind op, const weight *w, const char **why)
{
    switch (op) {
    case OP_LINEAR:
    case OP_LINEAR_ADD: return kernel_for(b, w)->name;
    case OP_ATTENTION: return pi0_cpu_attention_kernel(b);
    case OP_LAYERNORM:
    case OP_RMSNORM:
    case OP_ROPE:
    case OP_AXPY: return pi0_cpu_rows_kernel(b);
    case OP_EMBED:
        if (pi0_cpu_embed_direct(w)) return pi0_cpu_rows_kernel(b);
        *why = "the token table's type or place in its file is one that no kernel reads";
        return NULL;
    case OP_PATCHES: *why = "moves pixels by a table of 256 values, no arithmetic"; return NULL;
    default: *why = "a copy between the caller's memory and the session's"; return NULL;
    }
}

/* ---- peak ---- */

#define PEAK_ROUNDS 500000

struct peak_job {
    const gemm_kernel *k;
    volatile float sink; // so that no compiler leaves the products out
};

static void peak_thread(void *arg, int thread, int n_threads)
{
    struct peak_job *job = arg;
    (void)n_threads;
    const float sum = job->k->peak(PEAK_ROUNDS);
    if (thread == 0) job->sink = sum;
}

static double cpu_peak(backend *b)
{
    const kernels *k = ((const cpu_impl *)b->impl)->kernels;
    struct peak_job job = { .k = b->gemm_type == DTYPE_BF16 ? k->gemm_bf16 : k->gemm_f32 };
    pi0_pool_run(b->threads, peak_thread, &job);
    return 2.0 * PEAK_ROUNDS * job.k->mr * job.k->nr * job.k->k_step * pi0_pool_threads(b->threads);
}

const struct ops pi0_cpu_ops = {
    .name = "cpu",
    .block_new = pi0_host_block_new,
    .block_free = pi0_host_block_free,
    .packed_size = cpu_packed_size,
    .pack = cpu_pack,
    .linear_work = cpu_linear_work,
    .attention_work = pi0_cpu_attention_work,
    .put = pi0_host_put,
    .get = pi0_host_get,
    .begin = cpu_begin,
    .end = cpu_end,
    .patches = pi0_cpu_patches,
    .embed = pi0_cpu_embed,
    .linear = cpu_linear,
    .linear_add = cpu_linear_add,
    .layernorm = pi0_cpu_layernorm,
    .rmsnorm = pi0_cpu_rmsnorm,
    .rope = pi0_cpu_rope,
    .attention = pi0_cpu_attention,
    .axpy = pi0_cpu_axpy,
    .kernel = cpu_kernel,
    .peak = cpu_peak,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* panels.c - from the parts of a weight to its panels, with all threads, each value read once. */
#include "cpu/panels.h"

static int part_panels(const gemm_kernel *k, const weight *w, int part)
{
    const int cols = panel_cols(k, w);
    return (w->part[part].rows + cols - 1) / cols;
}

int pi0_panel_count(const gemm_kernel *k, const weight *w)
{
    if (w->kind == WEIGHT_GEGLU) return part_panels(k, w, 0);
    int n = 0;
    for (int i = 0; i < w->n_parts; i++) n += part_panels(k, w, i);
    return n;
}

// a part's last panels that are a quarter short
static int short_panels(const gemm_kernel *k, const weight *w, int part)
{
    if (w->kind == WEIGHT_GEGLU || k->nr < GEMM_WIDE) return 0;
    const int n = part_panels(k, w, part);
    const int quarters = (n * k->nr - w->part[part].rows) / (k->nr / 4);
    return quarters < n ? quarters : n;
}

// a panel's first column in its part; the part's end, for the one behind the last
static int panel_begin(const gemm_kernel *k, const weight *w, int part, int panel)
{
    const int n = part_panels(k, w, part), begin = panel * panel_cols(k, w);
    if (panel == n) return w->part[part].rows;
    const int shorter = panel - (n - short_panels(k, w, part)); // of those before it
    return shorter > 0 ? begin - shorter * (k->nr / 4) : begin;
}

panel_place pi0_panel_place(const gemm_kernel *k, const weight *w, int panel)
{
    panel_place p = { .part = 0 };
    while (panel >= part_panels(k, w, p.part)) {
        panel -= part_panels(k, w, p.part);
        p.offset += w->part[p.part++].rows;
    }
    p.col = panel_begin(k, w, p.part, panel);
    p.cols = panel_begin(k, w, p.part, panel + 1) - p.col;
    return p;
}

size_t pi0_gemm_packed_size(const gemm_kernel *k, const weight *w)
{
    return (size_t)pi0_panel_count(k, w) * (size_t)panel_steps(k, w) * step_bytes(k);
}

typedef struct pack_job {
    const gemm_kernel *k;
    const weight *w;
} pack_job;

// rows [first, first + n) of a stored matrix, as far as it has them
static tensor_view view_rows(tensor_view v, int first, int n)
{
    v.data = (const char *)v.data + first * v.row_stride * (ptrdiff_t)dtype_size(v.type);
    v.rows = v.rows - first < n ? v.rows - first : n;
    return v;
}

static void pack_panels(void *arg, int thread, int n_threads)
{
    const pack_job *job = arg;
    const gemm_kernel *k = job->k;
    const weight *w = job->w;
    const size_t bytes = (size_t)panel_steps(k, w) * step_bytes(k);
    const int whole = panel_cols(k, w);
    int first, last;
    pool_share(pi0_panel_count(k, w), thread, n_threads, &first, &last);
    for (int i = first; i < last; i++) {
        const panel_place p = pi0_panel_place(k, w, i);
        char *panel = (char *)w->packed + (size_t)i * bytes;
        tensor_view rows = view_rows(w->part[p.part], p.col, p.cols);
        k->pack(panel, k->nr, 0, whole, &rows);
        if (w->kind != WEIGHT_GEGLU) continue;
        // the second half of the panel is up
        rows = view_rows(w->part[1], p.col, p.cols);
        k->pack(panel, k->nr, whole, whole, &rows);
    }
}

void pi0_gemm_pack(pool *threads, const gemm_kernel *k, const weight *w)
{
    pack_job job = { k, w };
    pi0_pool_run(threads, pack_panels, &job);
}

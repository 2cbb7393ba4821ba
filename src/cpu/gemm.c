/* SPDX-License-Identifier: Apache-2.0 */
/* gemm.c - the linear layers: which thread computes which tiles, in which order.
 *
 * A tile is a few rows of x times one panel of the packed weight. Tiles are numbered panel by
 * panel and each thread takes a contiguous share. Within its share a thread goes through a few
 * panels at a time, in blocks of k short enough that a panel's block stays in the second-level
 * cache while all rows pass over it. While it works on one panel it fetches the next. */
#include "cpu/gemm.h"
#include "cpu/panels.h"
#include <stdalign.h>

#define MAX_STEPS 1152 // of a block of k: 288 KiB of the widest panel
// of the unfinished sums that a thread keeps between blocks of k, unless one panel has more
#define SUMS_BYTES ((size_t)512 << 10)
// With few rows the weights stream from memory: shorter blocks, in the order in which they lie
#define FEW_TILES 16
#define FEW_STEPS 512
// and with fewer still, if a step is wide, multiplying takes less time than reading: blocks that
// stay in the first-level cache, so that reading never stops
#define FEWEST_TILES 3
#define WIDE_STEP 256 // bytes
#define FEWEST_STEPS 64
#define ALONE_AHEAD 4096  // so far ahead a tile that is alone fetches
#define STEPS_TOGETHER 16 // of a kernel's loop: blocks of k are so many, or a multiple
#define MAX_ROWS 6        // of any kernel's tile
#define MAX_COLS 64       // of any kernel's panel
#define BLOCK_TILES 32    // tiles whose rows are converted, or whose sums are kept, together
#define LINE 64

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

typedef struct gemm_job {
    const gemm_kernel *k;
    const weight *w;
    const mat *y;
    int n_y;
    mat x, gate;
    enum gemm_end_op op;
    char *work;
    size_t thread_work; // bytes of work for each thread
    // derived
    int steps, n_blocks, block_steps; // of k
    int panels, tiles;                // tiles: of rows, for each panel
    int group;                        // panels that are gone through together
    int tile_height, taller;          // rows of a tile; so many tiles have one row more
    int block_tiles;                  // tiles that are gone through together
    bool convert;                     // x must be converted before it is read
    size_t sums_bytes;                // of a thread's unfinished sums
} gemm_job;

// the panels that are gone through together, block of k by block of k: as many as have room for
// their unfinished sums, since for each group of panels rows are converted anew. A few rows that
// need no conversion take one panel after the other
static void plan_sums(gemm_job *job, bool few)
{
    const size_t panel = (size_t)(job->block_tiles * job->k->mr * job->k->nr) * sizeof(float);
    job->sums_bytes = 0;
    job->group = job->panels;
    if (job->n_blocks == 1) return;
    const bool alone = panel > SUMS_BYTES || (few && !job->convert);
    job->group = alone ? 1 : (int)(SUMS_BYTES / panel);
    // all the room: fewer rows may be those of more panels
    job->sums_bytes = alone ? panel : SUMS_BYTES;
}

// how the work is cut; no value depends on it
static void plan(gemm_job *job, const gemm_kernel *k, const weight *w, int rows)
{
    job->k = k;
    job->w = w;
    job->tiles = ceil_div(rows, k->mr);
    job->tile_height = job->tiles ? rows / job->tiles : 0;
    job->taller = rows - job->tiles * job->tile_height;
    job->panels = pi0_panel_count(k, w);
    job->steps = panel_steps(k, w);
    // one tile needs no blocks of k: nothing is read twice
    const bool few = job->tiles <= FEW_TILES;
    const bool fewest = job->tiles <= FEWEST_TILES && step_bytes(k) >= WIDE_STEP;
    const int most = job->tiles <= 1 ? job->steps
                     : fewest        ? FEWEST_STEPS
                     : few           ? FEW_STEPS
                                     : MAX_STEPS;
    job->n_blocks = ceil_div(job->steps, most);
    job->block_steps = ceil_div(job->steps, job->n_blocks);
    if (job->n_blocks > 1)
        job->block_steps = ceil_div(job->block_steps, STEPS_TOGETHER) * STEPS_TOGETHER;
    job->convert = k->x_type != k->type || w->in % k->k_step != 0;
    // converted rows are kept for a block of rows only, x as it is needs no such blocks
    job->block_tiles = job->tiles;
    if (job->convert && job->tiles > BLOCK_TILES) job->block_tiles = BLOCK_TILES;
    plan_sums(job, few);
    job->thread_work = job->sums_bytes;
    if (job->convert)
        job->thread_work +=
            (size_t)(job->block_tiles * k->mr) *
            round_up((size_t)(job->block_steps * k->k_step) * dtype_size(k->x_type), LINE);
}

size_t pi0_gemm_work(const gemm_kernel *k, const weight *w, int rows, int n_threads)
{
    // enough for fewer rows too: theirs may be cut into more blocks of k
    const int counts[] = { rows, FEW_TILES * k->mr, FEWEST_TILES * k->mr, k->mr };
    size_t most = 0;
    for (int i = 0; i < 4; i++) {
        gemm_job job;
        plan(&job, k, w, counts[i] < rows ? counts[i] : rows);
        if (job.thread_work > most) most = job.thread_work;
    }
    return most * (size_t)n_threads;
}

// first row of tile i; all tiles have the same height or, the last ones, one row less, so that no
// row pays for a whole tile
static int tile_row(const gemm_job *job, int i)
{
    return i * job->tile_height + (i < job->taller ? i : job->taller);
}

// the end of a panel's tiles, y at row 0
static gemm_end end_of(const gemm_job *job, int panel)
{
    const gemm_kernel *k = job->k;
    const panel_place p = pi0_panel_place(k, job->w, panel);
    const int col = p.offset + p.col;
    const mat y = job->n_y > 1 ? job->y[p.part] : job->y[0];
    const float *bias = job->w->bias.p;
    gemm_end e = { .op = job->op, .ld = (size_t)y.ld, .type = y.type };
    e.cols = p.cols;
    e.y = (char *)y.p + (size_t)(job->n_y > 1 ? p.col : col) * dtype_size(y.type);
    if (!mat_is_none(job->w->bias)) {
        e.bias = bias + col;
        if (job->op == GEMM_GEGLU) e.bias_up = bias + job->w->part[0].rows + col;
    }
    if (!mat_is_none(job->gate)) e.gate = (const float *)job->gate.p + col;
    return e;
}

// what a thread works on: some tiles of some panels, one block of k
typedef struct gemm_block {
    int panel0, panel1; // panels [panel0, panel1)
    int tile0, tile1;   // tiles of rows
    int lo, hi;         // the thread's share of panels * tiles
    int k_block;
    float *sums;   // [panel1 - panel0][tile1 - tile0][mr][nr], or of one tile
    char *x;       // converted rows, or NULL
    gemm_end late; // of the tile before, if its c is not NULL
} gemm_block;

static size_t x_stride_of(const gemm_job *job)
{
    const size_t size = dtype_size(job->k->x_type);
    if (!job->convert) return (size_t)job->x.ld * size;
    return round_up((size_t)(job->block_steps * job->k->k_step) * size, LINE);
}

// a row as the kernel reads it
static const char *x_of(const gemm_job *job, const gemm_block *b, int row)
{
    if (b->x) return b->x + (size_t)(row - tile_row(job, b->tile0)) * x_stride_of(job);
    const size_t k0 = (size_t)b->k_block * (size_t)job->block_steps * (size_t)job->k->k_step;
    return (const char *)mat_row(job->x, row) + k0 * dtype_size(job->k->type);
}

static void convert_x(const gemm_job *job, const gemm_block *b)
{
    const gemm_kernel *k = job->k;
    const int k0 = b->k_block * job->block_steps * k->k_step;
    const int padded = job->block_steps * k->k_step;
    const int n = job->w->in - k0 < padded ? job->w->in - k0 : padded;
    const int first = tile_row(job, b->tile0), last = tile_row(job, b->tile1);
    for (int r = first; r < last; r++) {
        const char *from = (const char *)mat_row(job->x, r) + (size_t)k0 * dtype_size(k->type);
        k->pack_x(b->x + (size_t)(r - first) * x_stride_of(job), from, n, padded);
    }
}

// the packed weights of a panel's block of k
static const char *panel_of(const gemm_job *job, int panel, int k_block)
{
    const size_t steps =
        (size_t)panel * (size_t)job->steps + (size_t)k_block * (size_t)job->block_steps;
    return (const char *)job->w->packed + steps * step_bytes(job->k);
}

// sums of tile i of a panel
static float *sums_of(const gemm_job *job, const gemm_block *b, int panel, int i)
{
    if (job->n_blocks == 1) return b->sums;
    const int tile = (panel - b->panel0) * (b->tile1 - b->tile0) + i - b->tile0;
    return b->sums + (size_t)tile * (size_t)(job->k->mr * job->k->nr);
}

// tiles [lo, hi) of rows of one panel; meanwhile what is at `next` is fetched
static void run_panel(const gemm_job *job, gemm_block *b, int panel, int lo, int hi,
                      const char *next)
{
    const gemm_kernel *k = job->k;
    const int k0 = b->k_block * job->block_steps;
    const int steps = job->steps - k0 < job->block_steps ? job->steps - k0 : job->block_steps;
    const bool last = b->k_block == job->n_blocks - 1;
    gemm_tile t = { .panel = panel_of(job, panel, b->k_block), .steps = steps };
    gemm_end end = end_of(job, panel);
    char *y = end.y;
    const size_t y_stride = end.ld * dtype_size(end.type);
    t.cols = job->op == GEMM_GEGLU ? k->nr : end.cols;
    t.more = b->k_block > 0;
    t.x_stride = x_stride_of(job);
    t.end = last ? &end : NULL;
    // the last tiles fetch, so that it is not evicted again before it is read
    const int fetchers = hi - lo < 16 ? hi - lo : 16;
    const int fetches = steps / STEPS_TOGETHER * (STEPS_TOGETHER / 4); // of a tile
    const int lines = (int)((size_t)steps * step_bytes(k) / LINE);
    int ahead_lines = hi - lo > 1 ? ceil_div(ceil_div(lines, fetchers), fetches + 1) : 0;
    t.ahead = next;
    // one tile alone reads straight through memory: with one or two rows so fast that the processor
    // foresees it better
    if (job->tiles == 1 && job->x.rows > 2) {
        t.ahead = (const char *)t.panel + ALONE_AHEAD;
        ahead_lines = (int)(4 * step_bytes(k) / LINE);
    }
    for (int i = lo; i < hi; i++) {
        const int row = tile_row(job, i);
        t.rows = end.rows = tile_row(job, i + 1) - row;
        t.x = x_of(job, b, row);
        t.x_next = x_of(job, b, tile_row(job, i + 1 < hi ? i + 1 : lo));
        t.c = sums_of(job, b, panel, i);
        t.late = b->late.c ? &b->late : NULL;
        t.c_next = job->n_blocks > 1 ? t.c + k->mr * k->nr : NULL;
        end.y = y + (size_t)row * y_stride;
        const bool fetch = i >= hi - fetchers && t.ahead < next + (size_t)lines * LINE;
        t.ahead_lines = fetch ? ahead_lines : 0;
        k->tile(&t);
        b->late.c = NULL;
        if (last && !gemm_ends_in_registers(&end, k->nr)) {
            b->late = end;
            b->late.c = t.c;
        }
        t.ahead += (size_t)(t.ahead_lines * fetches) * LINE;
    }
}

static void run_block(const gemm_job *job, gemm_block *b)
{
    for (b->k_block = 0; b->k_block < job->n_blocks; b->k_block++) {
        if (b->x) convert_x(job, b);
        for (int p = b->panel0; p < b->panel1; p++) {
            // of this panel's tiles, those in the block and in the thread's share
            const int base = p * job->tiles;
            const int lo = b->lo - base > b->tile0 ? b->lo - base : b->tile0;
            const int hi = b->hi - base < b->tile1 ? b->hi - base : b->tile1;
            // what is read after this panel
            const bool more = b->k_block + 1 < job->n_blocks;
            const char *next = p + 1 < b->panel1 ? panel_of(job, p + 1, b->k_block)
                               : more            ? panel_of(job, b->panel0, b->k_block + 1)
                                                 : panel_of(job, p + 1, 0);
            if (lo < hi) run_panel(job, b, p, lo, hi, next);
        }
    }
}

// quarters of the time of a whole panel that a kernel leaves out
static int quarters_left_out(const gemm_job *job, int panel)
{
    if (job->w->kind == WEIGHT_GEGLU) return 0;
    return 4 - gemm_quarters(job->k->nr, pi0_panel_place(job->k, job->w, panel).cols);
}

// tiles by which all take less time than their count: only the last three panels may be narrow
static int narrow_tiles(const gemm_job *job, int n_threads)
{
    int quarters = 0;
    if (job->panels <= n_threads) return 0;
    for (int i = 1; i <= 3 && i <= job->panels; i++)
        quarters += quarters_left_out(job, job->panels - i);
    return job->tiles * quarters / 4;
}

static void run_share(void *arg, int thread, int n_threads)
{
    const gemm_job *job = arg;
    alignas(LINE) float one[MAX_ROWS * MAX_COLS];
    char *work = job->work + (size_t)thread * job->thread_work;
    gemm_block b = { .sums = job->sums_bytes ? (float *)work : one };
    if (job->convert) b.x = work + job->sums_bytes;
    const int all = job->panels * job->tiles;
    pool_share(all - narrow_tiles(job, n_threads), thread, n_threads, &b.lo, &b.hi);
    if (thread == n_threads - 1) b.hi = all;
    if (b.lo == b.hi) return;

    const int first = b.lo / job->tiles, last = (b.hi - 1) / job->tiles + 1;
    for (b.panel0 = first; b.panel0 < last; b.panel0 = b.panel1) {
        b.panel1 = b.panel0 + job->group < last ? b.panel0 + job->group : last;
        for (b.tile0 = 0; b.tile0 < job->tiles; b.tile0 = b.tile1) {
            b.tile1 =
                b.tile0 + job->block_tiles < job->tiles ? b.tile0 + job->block_tiles : job->tiles;
            run_block(job, &b);
        }
    }
    if (b.late.c) job->k->end(&b.late);
}

void pi0_gemm(pool *threads, const gemm_kernel *k, const mat *y, int n, mat x, const weight *w,
              enum gemm_end_op op, mat gate, void *work)
{
    gemm_job job = { .y = y, .n_y = n, .x = x, .gate = gate, .op = op, .work = work };
    assert(k->mr <= MAX_ROWS && k->nr <= MAX_COLS);
    if (x.rows == 0) return;
    plan(&job, k, w, x.rows);
    pi0_pool_run(threads, run_share, &job);
}

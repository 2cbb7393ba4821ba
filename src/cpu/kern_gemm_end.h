/* SPDX-License-Identifier: Apache-2.0 */
/* kern_gemm_end.h - what happens to a tile of sums on its way to memory: bias, activation, gate,
 * residual, the type of the output. Read by kern_gemm_body.h. */
#ifndef PI0_KERN_GEMM_END_H
#define PI0_KERN_GEMM_END_H

// x / (1 + 2^t), of n vectors
VEC_INLINE void over_power(vf *x, vf *t, const int n, const bool exact)
{
#if !defined(VEC_JOIN_SATURATES)
    VEC_EACH t[i] = v_min(v_set1(120), t[i]);
#endif
    v_exp2_each(t, n, exact);
    VEC_EACH x[i] = v_div(x[i], v_add(t[i], v_set1(1)));
}

// x / (1 + e^-x)
VEC_INLINE void silu(vf *x, const int n, const bool exact)
{
    vf t[VEC_MOST];
    VEC_EACH t[i] = v_mul(x[i], v_set1(-VEC_LOG2E));
    over_power(x, t, n, exact);
}

// 0.5 x (1 + tanh u) = x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3)
VEC_INLINE void gelu(vf *x, const int n, const bool exact)
{
    // -2 log2(e) sqrt(2/pi), and that times 0.044715
    const vf slope = v_set1(-2.30220820f), cubic = v_set1(-0.102943240f);
    vf t[VEC_MOST];
    VEC_EACH t[i] = v_mul(x[i], x[i]);
    VEC_EACH t[i] = v_fma(t[i], cubic, slope);
    VEC_EACH t[i] = v_mul(x[i], t[i]);
    over_power(x, t, n, exact);
}

// a tile's bias and gate, of n vectors from one column on
typedef struct end_columns {
    vf bias[GEMM_VECTORS], bias_up[GEMM_VECTORS], gate[GEMM_VECTORS];
} end_columns;

// n vectors of one row, each of `lanes` elements
VEC_INLINE void end_row(const float *c, char *y, const end_columns *k, const int n, int lanes,
                        const enum gemm_end_op op, const dtype type)
{
    const bool exact = type == DTYPE_F32;
    vf v[GEMM_VECTORS];
    VEC_EACH v[i] = v_add(v_load(c + i * VL), k->bias[i]);
    if (op == GEMM_GELU || op == GEMM_GEGLU) gelu(v, n, exact);
    if (op == GEMM_SILU) silu(v, n, exact);
    if (op == GEMM_GEGLU)
        VEC_EACH v[i] = v_mul(v[i], v_add(v_load(c + GEMM_COLS / 2 + i * VL), k->bias_up[i]));
    if (op == GEMM_ADD) VEC_EACH v[i] = v_fma(k->gate[i], v[i], v_get_n(y, type, i * VL, lanes));
    VEC_EACH v_put_n(y, type, i * VL, v[i], lanes);
}

// columns [j, j + (n - 1) * VL + lanes) of all rows of a tile
VEC_INLINE void end_rows(const gemm_end *e, int j, const int n, int lanes,
                         const enum gemm_end_op op, const dtype type)
{
    const vf zero = v_set1(0), one = v_set1(1);
    const float *c = e->c;
    end_columns k;
    VEC_EACH k.bias[i] = e->bias ? v_load_n(e->bias + j + i * VL, lanes) : zero;
    VEC_EACH k.bias_up[i] = e->bias_up ? v_load_n(e->bias_up + j + i * VL, lanes) : zero;
    VEC_EACH k.gate[i] = e->gate ? v_load_n(e->gate + j + i * VL, lanes) : one;
    char *y = (char *)e->y + (size_t)j * dtype_size(type);
    for (int r = 0; r < e->rows; r++, c += GEMM_COLS, y += e->ld * dtype_size(type))
        end_row(c + j, y, &k, n, lanes, op, type);
}

VEC_INLINE void end_op(const gemm_end *e, const enum gemm_end_op op, const dtype type)
{
    // the vectors of a whole tile together
    const int n = op == GEMM_GEGLU ? GEMM_VECTORS / 2 : GEMM_VECTORS;
    if (e->cols == n * VL) {
        end_rows(e, 0, n, VL, op, type);
        return;
    }
    for (int j = 0; j < e->cols; j += VL) {
        const int left = e->cols - j;
        end_rows(e, j, 1, left < VL ? left : VL, op, type);
    }
}

VEC_INLINE void end_type(const gemm_end *e, const dtype type)
{
    switch (e->op) {
    case GEMM_STORE: end_op(e, GEMM_STORE, type); break;
    case GEMM_GELU: end_op(e, GEMM_GELU, type); break;
    case GEMM_SILU: end_op(e, GEMM_SILU, type); break;
    case GEMM_GEGLU: end_op(e, GEMM_GEGLU, type); break;
    case GEMM_ADD: end_op(e, GEMM_ADD, type); break;
    }
}

// the end of a tile whose sums are in memory
static void end_tile(const gemm_end *e)
{
    if (e->type == DTYPE_BF16)
        end_type(e, DTYPE_BF16);
    else
        end_type(e, DTYPE_F32);
}

/* ---- the end of the tile before, while this one multiplies ---- */

// An activation is a chain of operations, most of them on units that products leave idle. One
// vector at a time, among the products, so that neither waits for the other.
typedef struct late_end {
    const gemm_end *e;
    int row, col, rows; // the next vector's; rows to end
} late_end;

// activations of whole vectors that go on as bf16, where the kernel has registers left for them
VEC_INLINE late_end late_of(const gemm_end *e)
{
    late_end l = { e, 0, 0, 0 };
#if defined(GEMM_LATE)
    if (!e || e->type != DTYPE_BF16 || e->cols % VL != 0) return l;
    if (e->op == GEMM_GELU || e->op == GEMM_GEGLU) l.rows = e->rows;
#endif
    return l;
}

VEC_INLINE void end_vector(const late_end *l, const enum gemm_end_op op)
{
    const gemm_end *e = l->e;
    const float *c = e->c + l->row * GEMM_COLS + l->col;
    vf v = v_load(c);
    if (e->bias) v = v_add(v, v_load(e->bias + l->col));
    gelu(&v, 1, false);
    if (op == GEMM_GEGLU) {
        VEC_FORGET; // or it would wait in a register that the products need
        vf up = v_load(c + GEMM_COLS / 2);
        if (e->bias_up) up = v_add(up, v_load(e->bias_up + l->col));
        v = v_mul(v, up);
    }
    v_store_bf16((uint16_t *)e->y + (size_t)l->row * e->ld + l->col, v);
}

VEC_INLINE void end_next_vector(late_end *l)
{
    if (l->e->op == GEMM_GELU)
        end_vector(l, GEMM_GELU);
    else
        end_vector(l, GEMM_GEGLU);
    l->col += VL;
    if (l->col < l->e->cols) return;
    l->col = 0;
    l->row++;
}

/* ---- in registers ---- */

VEC_INLINE void end_sums(vf c[GEMM_ROWS][GEMM_VECTORS], const gemm_end *e, const int rows,
                         const enum gemm_end_op op, const dtype type)
{
    const size_t stride = e->ld * dtype_size(type);
    VEC_UNROLL
    for (int v = 0; v < GEMM_VECTORS; v++) {
        const vf bias = e->bias ? v_load(e->bias + v * VL) : v_set1(0);
        const vf gate = e->gate ? v_load(e->gate + v * VL) : v_set1(1);
        char *y = e->y;
        VEC_UNROLL
        for (int r = 0; r < rows; r++, y += stride) {
            vf sum = v_add(c[r][v], bias);
            if (op == GEMM_ADD) sum = v_fma(gate, sum, v_get_n(y, type, v * VL, VL));
            v_put_n(y, type, v * VL, sum, VL);
        }
    }
}

VEC_INLINE void end_in_registers(vf c[GEMM_ROWS][GEMM_VECTORS], const gemm_end *e, const int rows)
{
    if (e->op == GEMM_STORE && e->type == DTYPE_F32)
        end_sums(c, e, rows, GEMM_STORE, DTYPE_F32);
    else if (e->op == GEMM_STORE)
        end_sums(c, e, rows, GEMM_STORE, DTYPE_BF16);
    else if (e->type == DTYPE_F32)
        end_sums(c, e, rows, GEMM_ADD, DTYPE_F32);
    else
        end_sums(c, e, rows, GEMM_ADD, DTYPE_BF16);
}
#endif

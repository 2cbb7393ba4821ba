/* SPDX-License-Identifier: Apache-2.0 */
/* bench_ops.h - `pi0 bench --ops`: a traced chunk summed up by operation and shape. */
#ifndef PI0_TOOLS_BENCH_OPS_H
#define PI0_TOOLS_BENCH_OPS_H
#include "trace_file.h"
#include <jansson.h>

// all operations of a chunk of one kind and shape
typedef struct op_row {
    pi0_trace_event first; // one of them
    int calls;
    double ms, flop, bytes;
    double ideal_ms; // at the peak, or at the speed of memory, whichever takes longer
    bool memory;     // it is memory
} op_row;

typedef struct op_stage {
    const char *name;
    double wall_ms, ops_ms; // of its operations
} op_stage;

#define OP_STAGES 6
typedef struct op_table {
    op_row *row; // the longest first
    int n;
    op_stage stage[OP_STAGES];
    int n_stages;
    double total_ms;
} op_table;

// peak in FLOP/s, 0: none is known; bandwidth in bytes/s. PI0_ENOMEM
int pi0_op_table_new(op_table *o, const trace *t, double peak, double bandwidth, pi0_error *err);
void pi0_op_table_free(op_table *o);
void pi0_op_table_print(const op_table *o);
// into an object: "ops", "stages", "total_ms"
void pi0_op_table_json(json_t *to, const op_table *o);
#endif

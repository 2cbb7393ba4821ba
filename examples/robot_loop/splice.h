/* SPDX-License-Identifier: Apache-2.0 */
/* splice.h - the plan that is being executed, and how a newer one takes its place.
 *
 * Row i of a chunk is the command for i ticks after the observation was taken. A plan therefore
 * knows the tick of its observation, and a tick finds its row by counting from there: a chunk that
 * comes d ticks late begins at row d, whatever the inference took. Its rows before that are of the
 * past and are never executed. */
#ifndef SPLICE_H
#define SPLICE_H

typedef struct plan {
    long begin;   // tick of the observation: row 0 belongs to it
    int rows;     // of a chunk
    int cols;     // commands
    double *data; // [rows][cols], the owner's
} plan;

// the commands of a tick: [cols]; NULL: the plan has none for it
const double *plan_row(const plan *p, long tick);

// From tick `now` on the newer plan is obeyed. They change places: p has the newer one, *newer the
// old one, whose memory is free for the next. For the first `blend` ticks a command is a mixture of
// both, which goes in equal steps from the old plan to the newer: no jump where they disagree, and
// so many ticks later the newer one is obeyed alone. 0: at once. (What is switched rather than
// moved is mixed, too: a gripper closes a little later.)
void plan_splice(plan *p, plan *newer, long now, int blend);
#endif

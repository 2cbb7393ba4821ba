/* SPDX-License-Identifier: Apache-2.0 */
/* plot.h - a chunk of actions as a picture: one line for each action that moves. */
#ifndef PI0_TOOLS_PLOT_H
#define PI0_TOOLS_PLOT_H
#include "fail.h"

typedef struct plot {
    const char *title, *subtitle; // any text; "" allowed
    const double *actions;        // [rows][stride], finite
    int rows, cols, stride;       // the first `cols` of each row are drawn
    const char *const *names;     // [cols] of the actions, or NULL
} plot;

/* Write a self-contained SVG, whole or not at all. Actions that do not move are left out and
 * counted in the legend. PI0_EIO, PI0_ENOMEM. */
int pi0_plot_write(const char *path, const plot *p, pi0_error *err);
#endif

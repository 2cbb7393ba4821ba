/* SPDX-License-Identifier: Apache-2.0 */
/* plot.c - the trajectories of an action chunk as SVG: axes with ticks, lines, legend. */
#include "plot.h"
#include "output_file.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 860
#define LEFT 70
#define RIGHT 690 // of the axes; the legend is to the right
#define TOP 70
#define BOTTOM 430
#define LEGEND_LINE 18
#define STILL 1e-6 // an action that moves less than this does not move

// told apart by people who see few colours, too (Okabe and Ito's set without yellow)
static const char *const colours[] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                       "#e69f00", "#56b4e9", "#444444" };
static const char *const dashes[] = { "none", "7 3", "2 3", "9 3 2 3", "1 5" };
#define N_COLOURS (int)(sizeof colours / sizeof *colours)
#define N_DASHES (int)(sizeof dashes / sizeof *dashes)

typedef struct axis {
    double low, high, step;
} axis;

// text for XML; a file name that is not UTF-8 keeps its ASCII
static void write_text(FILE *f, const char *text)
{
    json_t *checked = json_string(text); // NULL: not UTF-8
    const bool utf8 = checked;
    json_decref(checked);
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '&')
            fputs("&amp;", f);
        else if (c == '<')
            fputs("&lt;", f);
        else if (c == '>')
            fputs("&gt;", f);
        else if (c < ' ' || c == 0x7f)
            fputc(' ', f);
        else if (c > 0x7f && !utf8)
            fputc('?', f);
        else
            fputc(c, f);
    }
}

// a step of 1, 2 or 5 times a power of ten, so that about `n` of them cover the range
static double nice_step(double range, int n)
{
    const double rough = range / n, power = pow(10, floor(log10(rough)));
    const double digit = rough / power;
    return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

static axis make_axis(double low, double high, int n)
{
    // a flat or a single line needs some height around it
    if (high - low < 1e-9 * (1 + fabs(low))) {
        const double room = 0.5 * (1 + fabs(low));
        low -= room;
        high += room;
    }
    const double step = nice_step(high - low, n);
    return (axis){ floor(low / step) * step, ceil(high / step) * step, step };
}

static double value(const plot *p, int row, int col)
{
    return p->actions[(size_t)row * (size_t)p->stride + (size_t)col];
}

static int moves(const plot *p, int col)
{
    double low = value(p, 0, col), high = low;
    for (int r = 1; r < p->rows; r++) {
        low = fmin(low, value(p, r, col));
        high = fmax(high, value(p, r, col));
    }
    // a chunk of one row has points, not movements
    return p->rows == 1 || high - low > STILL;
}

static axis value_axis(const plot *p)
{
    double low = INFINITY, high = -INFINITY;
    for (int c = 0; c < p->cols; c++)
        for (int r = 0; r < p->rows && moves(p, c); r++) {
            low = fmin(low, value(p, r, c));
            high = fmax(high, value(p, r, c));
        }
    return low > high ? make_axis(0, 0, 8) : make_axis(low, high, 8);
}

static double x_of(const plot *p, int row)
{
    return p->rows > 1 ? LEFT + (double)(RIGHT - LEFT) * row / (p->rows - 1) : (LEFT + RIGHT) / 2;
}

static double y_of(axis y, double v)
{
    return BOTTOM - (BOTTOM - TOP) * (v - y.low) / (y.high - y.low);
}

static void write_axes(FILE *f, const plot *p, axis y)
{
    // horizontal lines with their values
    const int n = (int)lround((y.high - y.low) / y.step);
    for (int i = 0; i <= n; i++) {
        const double v = y.low + i * y.step, at = y_of(y, v);
        fprintf(f, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", LEFT,
                RIGHT, at, at, fabs(v) < y.step / 2 ? "#999999" : "#e4e4e4");
        fprintf(f, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.5g</text>\n", LEFT - 8, at + 4,
                fabs(v) < y.step / 2 ? 0.0 : v);
    }
    // rows of the chunk, at whole numbers
    int step = (int)nice_step(p->rows, 10);
    if (step < 1) step = 1;
    for (int r = 0; r < p->rows; r += step) {
        const double at = x_of(p, r);
        fprintf(f, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"#888888\"/>\n", at,
                at, BOTTOM, BOTTOM + 5);
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", at, BOTTOM + 20,
                r);
    }
    fprintf(f,
            "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
            "stroke=\"#888888\"/>\n",
            LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP);
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">row of the chunk</text>\n",
            (LEFT + RIGHT) / 2, BOTTOM + 42);
}

static void write_line(FILE *f, const plot *p, axis y, int col, int index)
{
    const char *colour = colours[index % N_COLOURS];
    const char *dash = dashes[index / N_COLOURS % N_DASHES];
    const int at = TOP + 6 + LEGEND_LINE * index;
    if (p->rows == 1)
        fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", x_of(p, 0),
                y_of(y, value(p, 0, col)), colour);
    fprintf(f,
            "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\" "
            "points=\"",
            colour, dash);
    for (int r = 0; r < p->rows; r++)
        fprintf(f, "%s%.1f,%.1f", r ? " " : "", x_of(p, r), y_of(y, value(p, r, col)));
    fprintf(f, "\"/>\n");

    // its line in the legend
    fprintf(f,
            "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-width=\"2\" "
            "stroke-dasharray=\"%s\"/>\n",
            RIGHT + 20, RIGHT + 50, at, at, colour, dash);
    fprintf(f, "<text x=\"%d\" y=\"%d\">", RIGHT + 58, at + 4);
    if (p->names)
        write_text(f, p->names[col]);
    else
        fprintf(f, "action %d", col);
    fprintf(f, "</text>\n");
}

static void write_svg(FILE *f, const plot *p)
{
    int n = 0;
    for (int c = 0; c < p->cols; c++) n += moves(p, c);
    const int legend = TOP + 40 + LEGEND_LINE * n;
    const int height = legend > BOTTOM + 60 ? legend : BOTTOM + 60;
    fprintf(f,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222222\">\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
            WIDTH, height, WIDTH, height, WIDTH, height);
    fprintf(f, "<text x=\"%d\" y=\"30\" font-size=\"16\" font-weight=\"bold\">", LEFT);
    write_text(f, p->title);
    fprintf(f, "</text>\n<text x=\"%d\" y=\"50\" fill=\"#555555\">", LEFT);
    write_text(f, p->subtitle);
    fprintf(f, "</text>\n");

    const axis y = value_axis(p);
    write_axes(f, p, y);
    int index = 0;
    for (int c = 0; c < p->cols; c++)
        if (moves(p, c)) write_line(f, p, y, c, index++);
    if (index < p->cols)
        fprintf(f, "<text x=\"%d\" y=\"%d\" fill=\"#555555\">%d not moving</text>\n", RIGHT + 20,
                TOP + 10 + LEGEND_LINE * index, p->cols - index);
    fprintf(f, "</svg>\n");
}

int pi0_plot_write(const char *path, const plot *p, pi0_error *err)
{
    FILE *f;
    char part[OUTPUT_PATH];
    const int status = pi0_output_open(&f, part, path, err);
    if (status) return status;
    write_svg(f, p);
    return pi0_output_close(f, part, path, PI0_OK, err);
}

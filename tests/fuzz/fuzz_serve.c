/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_serve.c - any bytes as a request to pi0 serve, as its worker reads them. The first byte
 * chooses the robot, "k" the key that a client shows instead. An error fit for the client, or a
 * request of which every number, pixel and character is there. */
#include "serve/serve_codec.h"
#include "serve/serve_key.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 2
#define COLS 3

static const char *const robots[] = { "pi0_aloha", "pi05_droid", "pi0_libero" };
static volatile double seen;

static void check(const serve_input *in)
{
    double sum = 0;
    for (int i = 0; i < in->o.in.n_images; i++) {
        const pi0_image *image = &in->o.in.images[i];
        const size_t item = image->format >= PI0_RGBF32_HWC ? sizeof(float) : 1;
        const size_t n = 3 * item * (size_t)image->width * (size_t)image->height;
        for (size_t k = 0; k < n; k++) sum += ((const unsigned char *)image->rgb)[k];
    }
    for (int i = 0; i < in->o.in.n_states; i++)
        for (int k = 0; k < in->o.in.states[i].n; k++) sum += in->o.in.states[i].values[k];
    for (int i = 0; i < ROWS * COLS && in->noise; i++) {
        if (!isfinite(in->noise[i])) abort();
        sum += (double)in->noise[i];
    }
    if (in->num_steps < 0 || in->num_steps > 1024) abort();
    if (in->o.in.prompt) sum += (double)strlen(in->o.in.prompt);
    seen = sum;
}

static void fuzz_key(const uint8_t *data, size_t size)
{
    char *shown = malloc(size + 1);
    if (!shown) return;
    memcpy(shown, data, size);
    shown[size] = 0;
    const bool right = !strcmp(shown, "Api-Key s3cret");
    if (pi0_serve_key_matches("s3cret", shown) != right) abort();
    free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    serve_input in;
    pi0_policy_info policy;
    pi0_error e = { 0 };
    if (!size) return 0;
    if (data[0] == 'k') {
        fuzz_key(data + 1, size - 1);
        return 0;
    }
    if (pi0_config_info(robots[data[0] % 3], &policy, NULL)) abort();
    const int status = pi0_serve_decode(&in, data + 1, size - 1, &policy, ROWS, COLS, &e);
    if (status) {
        // one line, terminated, of this status; nothing is left
        if (e.code != status || !*e.message || !memchr(e.message, 0, sizeof e.message)) abort();
        if (in.noise || in.o.memory || in.o.unused) abort();
        return 0;
    }
    check(&in);
    pi0_serve_input_free(&in);
    return 0;
}

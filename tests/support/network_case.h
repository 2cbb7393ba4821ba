/* SPDX-License-Identifier: Apache-2.0 */
/* network_case.h - a golden case as the network takes it: inputs, noise, expected actions. */
#ifndef TEST_NETWORK_CASE_H
#define TEST_NETWORK_CASE_H
#include "data/safetensors.h"
#include "pi0.h"
#include <stdbool.h>

enum { N_OPENPI_CASES = 7, N_LEROBOT_CASES = 4, N_CASES = N_OPENPI_CASES + N_LEROBOT_CASES };
extern const char *const case_names[N_CASES]; // "openpi/pi0_libero", … : openpi's first

typedef struct network_case {
    const char *name;
    char dir[512];
    safetensors expected;
    bool lerobot;
    pi0_inputs in;       // images (openpi) or pixels (LeRobot), tokens, state
    pi0_image images[3]; // those that are present
    int camera[3];       // index of each in the reference's order of cameras
    float *pixels;
    int32_t tokens[256];
    double state[32];
    int horizon, cols;   // of the expected actions; the network's have 32 columns
    float *noise;        // [horizon][32]
    float *actions;      // [horizon][cols], the reference's in f32
    float *actions_bf16; // openpi's own in bf16, or NULL
} network_case;

void network_case_open(network_case *c, const char *name);
void network_case_close(network_case *c);

// a tensor of expected.safetensors as floats (malloc'd), NULL where there is none
float *network_case_floats(const network_case *c, const char *name, int *rows, int *cols);

typedef struct difference {
    double max, rms, pcc; // largest and root mean square difference, Pearson correlation
    double largest;       // magnitude of the expected values
} difference;
// got has `stride` columns a row, of which the first `cols` are compared
difference compare(const float *got, int stride, const float *expected, int rows, int cols);

// what must succeed for the test to go on
void must(int status, const pi0_error *err);

// a session of a model with so many threads and steps; 0 steps: the model's own number
pi0_session *network_session(const pi0_model *m, int threads, int steps);
#endif

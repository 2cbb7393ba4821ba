/* SPDX-License-Identifier: Apache-2.0 */
/* npy.h - NumPy's .npy files, versions 1 to 3: f32 and f64 are read as f32, both are written. */
#ifndef PI0_NPY_H
#define PI0_NPY_H
#include "core/error.h"
#include <stdint.h>

#define NPY_MAX_DIMS 4

typedef struct npy_array {
    float *data; // malloc'd, C order; f64 files are rounded to f32
    int n_dims;
    int64_t dims[NPY_MAX_DIMS];
} npy_array;

// PI0_EIO, PI0_EFORMAT (what is wrong, what was expected), PI0_EUNSUPPORTED (other types, Fortran
// order), PI0_ENOMEM
int pi0_npy_read(npy_array *array, const char *path, pi0_error *err);
int pi0_npy_parse(npy_array *array, const void *data, size_t size, const char *name,
                  pi0_error *err);
void pi0_npy_free(npy_array *array);

// write whole or not at all (a temporary file beside it, then renamed). PI0_EIO, PI0_ENOMEM
int pi0_npy_write_f32(const char *path, const float *data, int n_dims, const int64_t *dims,
                      pi0_error *err);
int pi0_npy_write_f64(const char *path, const double *data, int n_dims, const int64_t *dims,
                      pi0_error *err);
#endif

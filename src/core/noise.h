/* SPDX-License-Identifier: Apache-2.0 */
/* noise.h - counter-based random numbers, the same bits on every machine. pi0_noise() in pi0.h is
 * the normal transform of it. */
#ifndef PI0_NOISE_H
#define PI0_NOISE_H
#include <stdint.h>

// Philox4x32-10 (Salmon et al. 2011): one block of four words
void pi0_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

// standard normal quantile of p in (0,1), made of + - * / and sqrt alone (Wichura's AS 241)
double pi0_normal_quantile(double p);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* test_noise.c - the generator against published answers, the quantile against erfc, the samples
 * against their moments and against fixed bits. */
#include "core/noise.h"
#include "support/expect.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// the answers published with the Random123 library (kat_vectors, philox4x32 with 10 rounds)
static void philox_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { ~0u, ~0u, ~0u, ~0u },
          { ~0u, ~0u },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        uint32_t out[4];
        pi0_philox(out, known[i].counter, known[i].key);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

// largest relative error of Phi(quantile(p)) over p, Phi taken from libm's erfc
static double worst_of(double p, double worst)
{
    const double phi = 0.5 * erfc(-pi0_normal_quantile(p) / sqrt(2));
    const double error = fabs(phi - p) / p;
    return error > worst ? error : worst;
}

static void quantile_inverts_erfc(void **state)
{
    (void)state;
    // what the noise asks for: the middles of the 2^32 intervals, here a spread of them
    double worst = 0;
    for (uint64_t i = 0; i < UINT32_MAX / 2; i += 7919)
        worst = worst_of(((double)i + 0.5) * 0x1p-32, worst);
    print_message("          worst relative error of Phi(q(p)), p from 2^-33 to 1/2: %.2g\n",
                  worst);
    assert_true(worst < 1e-14);

    // far tail, down to where p is subnormal; an error of 1 ulp in z counts z^2 times there
    double far = 0;
    for (int e = -34; e > -1022; e--) far = worst_of(0x1.5p0 * ldexp(1, e), far);
    print_message("          the same down to p = 2^-1021: %.2g\n", far);
    assert_true(far < 1e-12);
    assert_true(pi0_normal_quantile(0x1p-1074) < -38.4);
    assert_true(pi0_normal_quantile(0x1p-1074) > -38.5);
}

static void quantile_is_odd_and_rising(void **state)
{
    (void)state;
    assert_true(pi0_normal_quantile(0.5) == 0);
    double before = -HUGE_VAL;
    for (int i = 0; i < 1 << 16; i++) {
        // 1 - p is exact for these p
        const double p = (i + 0.5) * 0x1p-16, z = pi0_normal_quantile(p);
        assert_true(pi0_normal_quantile(1 - p) == -z);
        assert_true(z > before);
        before = z;
    }
    // both sides of the seams between the three approximations
    const double seam[] = { 0.075, 0.925, exp(-25), 1 - exp(-25) };
    for (size_t i = 0; i < COUNT(seam); i++) {
        const double left = pi0_normal_quantile(seam[i] * (1 - 1e-12));
        const double right = pi0_normal_quantile(seam[i] * (1 + 1e-12));
        assert_true(right > left);
    }
}

static void samples_have_normal_moments(void **state)
{
    (void)state;
    enum { N = 1000000 };
    float *x = malloc(N * sizeof *x);
    assert_non_null(x);
    pi0_noise(42, 7, x, N);
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag = 0;
    int beyond3 = 0, positive = 0;
    for (int i = 0; i < N; i++) {
        const double v = x[i];
        m1 += v;
        m2 += v * v;
        m3 += v * v * v;
        m4 += v * v * v * v;
        if (i) lag += v * x[i - 1];
        beyond3 += fabs(v) > 3;
        positive += v > 0;
    }
    free(x);
    // four standard deviations of each estimate; 0.0027 of a normal sample lies beyond 3
    assert_true(fabs(m1 / N) < 4e-3);
    assert_true(fabs(m2 / N - 1) < 4 * sqrt(2.0 / N));
    assert_true(fabs(m3 / N) < 4 * sqrt(15.0 / N));
    assert_true(fabs(m4 / N - 3) < 4 * sqrt(96.0 / N));
    assert_true(fabs(lag / N) < 4e-3);
    assert_true(abs(beyond3 - 2700) < 4 * 52);
    assert_true(abs(positive - N / 2) < 4 * 500);
}

// computed once in Python from an own Philox and statistics.NormalDist().inv_cdf (which takes its
// logarithm from libm), rounded to f32 with struct.pack
static void samples_have_fixed_bits(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, stream;
        float x[16];
    } known[] = {
        { 0,
          0,
          { -0x1.05f4ap-2f, 0x1.2d769ep+0f, 0x1.42a76ep-1f, 0x1.11fbd6p-2f, 0x1.ea308cp+0f,
            -0x1.69580ap-2f, 0x1.03989ep-1f, -0x1.c91354p+0f, -0x1.085a4ap+1f, -0x1.e082dcp-2f,
            -0x1.1379bap+0f, -0x1.370f36p-1f, 0x1.983a8p-1f, -0x1.b7257ep-3f, 0x1.0fb85p-2f,
            -0x1.7a0862p-3f } },
        { 0x123456789abcdef0,
          0xfedcba987654321,
          { -0x1.5ec5ap-2f, -0x1.dd3412p-1f, 0x1.dd323ep-3f, 0x1.649b9p-1f, -0x1.c65614p-3f,
            0x1.34be02p-1f, -0x1.d437ap-2f, -0x1.24982ep-2f, 0x1.0d16cp-1f, -0x1.c8cd8ep-2f,
            -0x1.680392p-5f, 0x1.368f8ep-2f, 0x1.4258c4p+1f, 0x1.7c574cp-1f, 0x1.52b998p-3f,
            0x1.59b756p+0f } },
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        float x[16];
        pi0_noise(known[i].seed, known[i].stream, x, 16);
        assert_memory_equal(x, known[i].x, sizeof x);
    }
}

// element i does not depend on n; seed and stream each count, both words of them
static void elements_stand_alone(void **state)
{
    (void)state;
    float whole[64], part[64];
    pi0_noise(5, 6, whole, 64);
    for (size_t n = 0; n <= 9; n++) {
        memset(part, 0x55, sizeof part);
        pi0_noise(5, 6, part, n);
        assert_memory_equal(part, whole, n * sizeof *part);
        // nothing behind the n-th is written
        for (size_t i = n * sizeof *part; i < sizeof part; i++)
            assert_int_equal(((unsigned char *)part)[i], 0x55);
    }
    const uint64_t other[][2] = {
        { 6, 6 }, { 5, 7 }, { 6, 5 }, { 5 + (1ull << 32), 6 }, { 5, 6 + (1ull << 32) }
    };
    for (size_t k = 0; k < COUNT(other); k++) {
        pi0_noise(other[k][0], other[k][1], part, 64);
        for (int i = 0; i < 64; i++) assert_true(part[i] != whole[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),       cmocka_unit_test(quantile_inverts_erfc),
        cmocka_unit_test(quantile_is_odd_and_rising), cmocka_unit_test(samples_have_normal_moments),
        cmocka_unit_test(samples_have_fixed_bits),    cmocka_unit_test(elements_stand_alone),
    };
    return cmocka_run_group_tests_name("noise", tests, NULL, NULL);
}

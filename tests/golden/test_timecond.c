/* SPDX-License-Identifier: Apache-2.0 */
/* test_timecond.c - what depends on time alone, to the bit: openpi's and LeRobot's times of the
 * steps, openpi's time embedding. */
#include "model/run.h"
#include "support/expect.h"
#include "support/golden.h"

// the times that openpi's own run took, of which each is the one before plus f32(-1/10)
static void openpi_times(void **state)
{
    (void)state;
    static const char *const cases[] = { "openpi/pi0_libero", "openpi/pi05_droid" };
    for (size_t i = 0; i < COUNT(cases); i++) {
        float times[10], dt;
        char name[32];
        golden g;
        golden_open(&g, cases[i]);
        pi0_time_grid(times, &dt, TIME_OPENPI, 10);
        assert_int_equal(f32_bits(dt), f32_bits(-0.1f));
        for (int k = 0; k < 10; k++) {
            snprintf(name, sizeof name, "taps.step%d.t", k);
            const double want = golden_at(golden_find(&g, name), 0);
            if ((double)times[k] != want)
                fail_msg("step %d: %a, openpi has %a", k, (double)times[k], want);
        }
        golden_close(&g);
    }
}

// Python's 1.0 + k * (-1.0 / n) as f32: LeRobot's pi0 and pi05 sample_actions
static void lerobot_times(void **state)
{
    (void)state;
    static const float of_10[] = { 0x1p+0f,        0x1.ccccccp-1f, 0x1.99999ap-1f, 0x1.666666p-1f,
                                   0x1.333334p-1f, 0x1p-1f,        0x1.99999ap-2f, 0x1.333334p-2f,
                                   0x1.99999ap-3f, 0x1.99999ap-4f };
    static const float of_7[] = { 0x1p+0f,        0x1.b6db6ep-1f, 0x1.6db6dcp-1f, 0x1.24924ap-1f,
                                  0x1.b6db6ep-2f, 0x1.24924ap-2f, 0x1.24924ap-3f };
    float times[10], dt;
    pi0_time_grid(times, &dt, TIME_LEROBOT, 10);
    assert_memory_equal(times, of_10, sizeof of_10);
    pi0_time_grid(times, &dt, TIME_LEROBOT, 7);
    assert_memory_equal(times, of_7, sizeof of_7);
}

// openpi's create_sinusoidal_pos_embedding for the second step of ten, by torch on a CPU
static void embedding(void **state)
{
    (void)state;
    static const struct {
        int i;
        double value;
    } torch[] = {
        { 0, -3.74507035e-05 }, { 1, -0.132282153 }, { 255, 0.855512738 },
        { 511, 0.987688363 },   { 512, 1 },          { 513, 0.99121213 },
        { 1023, 0.156434506 },
    };
    float e[1024];
    pi0_time_embedding(e, 0x1.ccccccp-1f, 1024);
    for (size_t k = 0; k < COUNT(torch); k++)
        if (f32_bits(e[torch[k].i]) != f32_bits((float)torch[k].value))
            fail_msg("value %d: %.9g, torch has %.9g", torch[k].i, (double)e[torch[k].i],
                     torch[k].value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openpi_times),
        cmocka_unit_test(lerobot_times),
        cmocka_unit_test(embedding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_sim.c - the tabletop against the one in NumPy on which the policies were trained, scene by
 * scene, state by state, pixel by pixel; then scenes from seeds, the expert, sentences. */
#include "image_file.h"
#include "sim/sim.h"
#include "support/expect.h"
#include "support/golden.h"
#include <math.h>

#define STATES_BOUND 1e-12 // NumPy's norm may fuse a product and a sum: some 1e-16 a step
#define EDGE_PIXELS 4      // of a frame that another libm may draw on the other side of an edge
enum { GOLDEN_SCENES = 6, GOLDEN_STEPS = 64, STATE_COLUMNS = 10 };
static const int frame_steps[] = { 0, 8, 24, 63 };

static const st_tensor *part(const golden *g, const char *scene, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%s.%s", scene, name);
    return golden_find(g, full);
}

static sim_point point_at(const st_tensor *t, int row)
{
    return (sim_point){ golden_at(t, 2 * row), golden_at(t, 2 * row + 1) };
}

static sim_scene golden_scene(const golden *g, const char *name, sim_task task)
{
    sim_scene s = { .task = task, .held = SIM_NOTHING };
    for (int i = 0; i < SIM_BLOCKS; i++) {
        s.colour[i] = (sim_colour)golden_at(part(g, name, "colours"), i);
        s.block[i] = point_at(part(g, name, "blocks"), i);
    }
    s.bowl = point_at(part(g, name, "bowl"), 0);
    s.hand = point_at(part(g, name, "hand"), 0);
    return s;
}

static void expect_state(const sim_scene *s, const st_tensor *states, int t)
{
    double now[STATE_COLUMNS] = { s->hand.x, s->hand.y, s->grip };
    for (int i = 0; i < SIM_BLOCKS; i++) {
        now[3 + 2 * i] = s->block[i].x;
        now[4 + 2 * i] = s->block[i].y;
    }
    now[9] = s->held;
    for (int k = 0; k < STATE_COLUMNS; k++) {
        const double want = golden_at(states, (int64_t)t * STATE_COLUMNS + k);
        if (fabs(now[k] - want) > STATES_BOUND)
            fail_msg("%s, step %d, column %d: %.17g, expected %.17g", states->name, t, k, now[k],
                     want);
    }
}

static int expect_frame(const sim_scene *s, const char *scene, int t)
{
    char path[700];
    static uint8_t picture[SIM_SIZE * SIM_SIZE * 3];
    image_file want;
    pi0_error e;
    snprintf(path, sizeof path, "%s/table/%s_frame%d.png", PI0_TEST_DATA, scene, t);
    expect_ok(pi0_image_read(&want, path, &e), &e);
    assert_true(want.width == SIM_SIZE && want.height == SIM_SIZE);
    sim_render(s, picture);
    int wrong = 0;
    for (size_t p = 0; p < (size_t)SIM_SIZE * SIM_SIZE; p++)
        wrong += memcmp(picture + 3 * p, want.rgb + 3 * p, 3) != 0;
    pi0_image_file_free(&want);
    if (wrong > EDGE_PIXELS) fail_msg("%s: %d pixels differ", path, wrong);
    return wrong;
}

static int replay(const golden *g, const char *name, sim_task task)
{
    const st_tensor *states = part(g, name, "states"), *commands = part(g, name, "commands");
    sim_scene s = golden_scene(g, name, task);
    int frame = 0, wrong = 0;
    for (int t = 0; t <= GOLDEN_STEPS; t++) {
        expect_state(&s, states, t);
        if (t == GOLDEN_STEPS) break;
        if (frame < 4 && frame_steps[frame] == t) {
            wrong += expect_frame(&s, name, t);
            frame++;
        }
        double command[SIM_COMMAND];
        for (int k = 0; k < SIM_COMMAND; k++) command[k] = golden_at(commands, 3 * t + k);
        sim_step(&s, command);
    }
    assert_int_equal(frame, 4);
    const int asked = (int)golden_at(part(g, name, "asked"), 0);
    assert_int_equal(sim_done(&s, asked), (int)golden_at(part(g, name, "done"), 0));
    return wrong;
}

static void test_golden_scenes(void **state)
{
    (void)state;
    golden g;
    int wrong = 0;
    golden_open(&g, "table");
    for (int task = 0; task < 2; task++)
        for (int k = 0; k < GOLDEN_SCENES; k++) {
            char name[32];
            snprintf(name, sizeof name, "%s%d", task == SIM_TASK_REACH ? "reach" : "place", k);
            wrong += replay(&g, name, (sim_task)task);
        }
    golden_close(&g);
    print_message("%d scenes, %d pixels of %d frames differ\n", 2 * GOLDEN_SCENES, wrong,
                  8 * GOLDEN_SCENES);
}

// the golden commands are the expert's, with noise of deviation 0.01 on x and y: the gripper is
// the expert's own, and the rest is near
static void test_expert_commands(void **state)
{
    (void)state;
    golden g;
    golden_open(&g, "table");
    for (int k = 0; k < GOLDEN_SCENES; k++) {
        char name[32];
        snprintf(name, sizeof name, "place%d", k);
        sim_scene s = golden_scene(&g, name, SIM_TASK_PLACE);
        const st_tensor *commands = part(&g, name, "commands");
        const int asked = (int)golden_at(part(&g, name, "asked"), 0);
        for (int t = 0; t < GOLDEN_STEPS; t++) {
            double mine[SIM_COMMAND], given[SIM_COMMAND];
            for (int c = 0; c < SIM_COMMAND; c++) given[c] = golden_at(commands, 3 * t + c);
            sim_expert(&s, asked, mine);
            assert_true(mine[2] == given[2]);
            // 5.5 deviations: among these 768 numbers one in 30 000 runs of the generator
            assert_true(fabs(mine[0] - given[0]) < 0.055 && fabs(mine[1] - given[1]) < 0.055);
            sim_step(&s, given);
        }
    }
    golden_close(&g);
}

static void test_expert_succeeds(void **state)
{
    (void)state;
    for (int task = 0; task < 2; task++) {
        int steps = 0;
        for (uint64_t k = 0; k < 300; k++) {
            sim_scene s = sim_scene_of((sim_task)task, 5, k);
            const int asked = sim_block_of(&s, (sim_colour)(k % SIM_BLOCKS));
            int t = 0;
            for (; t < 48 && !sim_done(&s, asked); t++) {
                double command[SIM_COMMAND];
                sim_expert(&s, asked, command);
                sim_step(&s, command);
            }
            if (!sim_done(&s, asked)) fail_msg("task %d, scene %d", task, (int)k);
            steps += t;
        }
        print_message("task %d: the expert needs %.1f steps\n", task, steps / 300.0);
    }
}

static bool same(const sim_scene *a, const sim_scene *b)
{
    bool equal = sim_distance(a->hand, b->hand) == 0 && sim_distance(a->bowl, b->bowl) == 0;
    for (int i = 0; i < SIM_BLOCKS; i++)
        equal =
            equal && a->colour[i] == b->colour[i] && sim_distance(a->block[i], b->block[i]) == 0;
    return equal;
}

static void test_scenes_of_a_seed(void **state)
{
    (void)state;
    int first[SIM_BLOCKS] = { 0 };
    double mean = 0;
    for (uint64_t k = 0; k < 600; k++) {
        const sim_scene s = sim_scene_of(SIM_TASK_PLACE, 1, k);
        const sim_scene again = sim_scene_of(SIM_TASK_PLACE, 1, k);
        const sim_scene other = sim_scene_of(SIM_TASK_PLACE, 2, k);
        assert_true(same(&s, &again) && !same(&s, &other));
        first[s.colour[0]]++;
        mean += s.bowl.x / 600;
        for (int i = 0; i < SIM_BLOCKS; i++) {
            assert_int_equal(sim_block_of(&s, s.colour[i]), i);
            assert_true(sim_distance(s.block[i], s.bowl) > SIM_CLEARANCE);
            assert_true(s.block[i].x > 22. / 224 && s.block[i].x < 202. / 224);
            assert_true(s.block[i].y > 22. / 224 && s.block[i].y < 176. / 224);
            for (int j = 0; j < i; j++)
                assert_true(sim_distance(s.block[i], s.block[j]) > SIM_CLEARANCE);
        }
    }
    // 200 each, deviation 11.5; 0.5, deviation 0.0095: five deviations
    for (int c = 0; c < SIM_BLOCKS; c++) assert_in_range(first[c], 142, 258);
    assert_true(fabs(mean - 0.5) < 0.048);
}

static void test_chance(void **state)
{
    (void)state;
    sim_chance a = sim_chance_of(3, 4, SIM_FOR_SCENE), b = sim_chance_of(3, 4, SIM_FOR_KICKS);
    double mean = 0, square = 0;
    int equal = 0;
    for (int i = 0; i < 4000; i++) {
        equal += sim_uniform(&a, 0, 1) == sim_uniform(&b, 0, 1);
        const double z = sim_normal(&b);
        mean += z / 4000;
        square += z * z / 4000;
    }
    assert_int_equal(equal, 0);
    // five deviations: 1/sqrt(4000), sqrt(2/4000)
    assert_true(fabs(mean) < 0.079 && fabs(square - 1) < 0.112);
}

static void test_disturb(void **state)
{
    (void)state;
    sim_chance c = sim_chance_of(1, 0, SIM_FOR_MOVES);
    const sim_scene before = sim_scene_of(SIM_TASK_PLACE, 1, 0);
    sim_scene s = before;
    sim_disturb(&s, &c);
    for (int i = 0; i < SIM_BLOCKS; i++)
        assert_true(sim_distance(s.block[i], before.block[(i + 1) % SIM_BLOCKS]) == 0);
    assert_true(sim_distance(s.bowl, before.bowl) == 0);

    // a block is carried: the bowl moves, away from the blocks
    s = before;
    s.held = 1;
    sim_disturb(&s, &c);
    assert_true(sim_distance(s.bowl, before.bowl) > 0);
    for (int i = 0; i < SIM_BLOCKS; i++) {
        assert_true(sim_distance(s.block[i], before.block[i]) == 0);
        assert_true(sim_distance(s.bowl, s.block[i]) > 0.1);
    }
}

static void test_words(void **state)
{
    (void)state;
    char text[64];
    sim_colour c;
    assert_string_equal(sim_prompt(text, sizeof text, SIM_TASK_PLACE, SIM_RED),
                        "put the red block in the bowl");
    assert_string_equal(sim_prompt(text, sizeof text, SIM_TASK_REACH, SIM_BLUE),
                        "reach the blue block");
    assert_true(sim_named_colour("put the GREEN block in the bowl", &c) && c == SIM_GREEN);
    assert_true(sim_named_colour("blue", &c) && c == SIM_BLUE);
    assert_true(sim_named_colour("red? red!", &c) && c == SIM_RED);
    assert_false(sim_named_colour("", &c));
    assert_false(sim_named_colour("a bored reddish block", &c));
    assert_false(sim_named_colour("red or blue", &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_scenes),   cmocka_unit_test(test_expert_commands),
        cmocka_unit_test(test_expert_succeeds), cmocka_unit_test(test_scenes_of_a_seed),
        cmocka_unit_test(test_chance),          cmocka_unit_test(test_disturb),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

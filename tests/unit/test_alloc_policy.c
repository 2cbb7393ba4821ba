/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc_policy.c - memory on the robot's side: none of ours in a second chunk, and every
 * allocation of a load, a session and a first chunk failing once, without a leak. */
#include "support/expect.h"
#include "support/robot_case.h"
#include "support/tmpdir.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* ---- the allocator, watched: the linker sends the library's calls here ---- */

static long n_calls, n_live, fail_at; // fail_at: number of the call that fails, 0 none

static int failing(void)
{
    return ++n_calls == fail_at;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **p, size_t alignment, size_t size);
void __real_free(void *p);
void *__real_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset);
int __real_munmap(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **p, size_t alignment, size_t size);
void __wrap_free(void *p);
void *__wrap_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset);
int __wrap_munmap(void *p, size_t size);

static void *counted(void *p)
{
    n_live += p != NULL;
    return p;
}

void *__wrap_malloc(size_t size)
{
    return failing() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return failing() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    if (failing()) return NULL;
    void *q = __real_realloc(p, size);
    n_live += q && !p;
    return q;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return failing() ? NULL : counted(__real_aligned_alloc(alignment, size));
}

int __wrap_posix_memalign(void **p, size_t alignment, size_t size)
{
    if (failing()) return ENOMEM;
    const int status = __real_posix_memalign(p, alignment, size);
    n_live += !status;
    return status;
}

void __wrap_free(void *p)
{
    n_live -= p != NULL;
    __real_free(p);
}

// a block of memory; a mapped file is counted, but fails with another status and not here
void *__wrap_mmap(void *at, size_t size, int how, int flags, int fd, off_t offset)
{
    if ((flags & MAP_ANONYMOUS) && failing()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *p = __real_mmap(at, size, how, flags, fd, offset);
    n_live += p != MAP_FAILED;
    return p;
}

int __wrap_munmap(void *p, size_t size)
{
    n_live--;
    return __real_munmap(p, size);
}

/* ---- tests ---- */

static void none_in_a_second_chunk(void **state)
{
    (void)state;
    static const char *const names[] = { "openpi/pi05_aloha", "openpi/pi0_libero",
                                         "openpi/pi05_full_droid_finetune",
                                         "lerobot/lerobot_pi0_relative", "lerobot/lerobot_pi05" };
    for (size_t k = 0; k < COUNT(names); k++) {
        robot_case c;
        pi0_model *m;
        pi0_session *s;
        pi0_error e;
        double actions[50 * 14], row[14];
        robot_case_open(&c, names[k]);
        c.opt.num_steps = 1;
        robot_case_start(&c, NULL, &m, &s);
        expect_ok(pi0_act(s, &c.obs, NULL, actions, COUNT(actions), &e), &e);
        const long before = n_calls;
        expect_ok(pi0_act(s, &c.obs, NULL, actions, COUNT(actions), &e), &e);
        while (pi0_actions_left(s)) expect_ok(pi0_next_action(s, row, 14, &e), &e);
        pi0_session_reset(s);
        assert_int_equal(n_calls, before);
        assert_true(before > 0);
        pi0_session_free(s);
        pi0_free(m);
        robot_case_close(&c);
    }
}

// a load, a session and a chunk; what was made is freed
static int run(const robot_case *c, const char *dir, pi0_error *err)
{
    pi0_model *m = NULL;
    pi0_session *s = NULL;
    double actions[50 * 14];
    int status = pi0_load(&m, dir, &c->opt, err);
    if (!status) status = pi0_session_create(&s, m, &c->opt, err);
    if (!status) status = pi0_act(s, &c->obs, c->noise, actions, COUNT(actions), err);
    pi0_session_free(s);
    pi0_free(m);
    return status;
}

static void fail_each(const char *name, const char *config)
{
    robot_case c;
    int status = PI0_ENOMEM, n = 0;
    robot_case_open(&c, name);
    if (config) c.opt.config = config;
    c.opt.num_steps = 1;
    // planes need a buffer of their own
    c.images[0].format = PI0_RGB8_CHW;
    while (status) {
        pi0_error e = { 0 };
        const long live = n_live;
        n_calls = 0;
        fail_at = ++n;
        status = run(&c, c.g.dir, &e);
        fail_at = 0;
        if (status) expect_error(status, PI0_ENOMEM, &e, "memory");
        assert_int_equal(n_live, live);
        assert_true(n < 100000);
    }
    printf("  %s: %d allocations, each failed once\n", name, n - 1);
    assert_true(n > 10);
    robot_case_close(&c);
}

static void each_one_failing(void **state)
{
    (void)state;
    char path[TMPDIR_PATH];
    fail_each("openpi/pi05_full_droid_finetune", NULL);
    fail_each("lerobot/lerobot_pi0_relative", NULL);
    const tmpdir dir = tmpdir_make();
    tmpdir_write_text(
        &dir, "robot.json",
        "{\"base\":\"pi0_droid\",\"actions\":[\"a\",\"b\"],\"statistics\":\"" PI0_TEST_DATA
        "/openpi/pi0_droid/assets/droid/norm_stats.json\",\"metadata\":{\"hz\":5}}");
    fail_each("openpi/pi0_droid", tmpdir_path(path, &dir, "robot.json"));
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_in_a_second_chunk),
        cmocka_unit_test(each_one_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

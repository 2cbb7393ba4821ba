/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc_session.c - memory: none of ours in a second inference. */
#include "support/alloc_watch.h"
#include "support/expect.h"
#include "support/network_case.h"

static const char *const backends[] = { "reference", "auto" };

static int create(const char *dir, const char *backend, pi0_model **m, pi0_session **s,
                  pi0_error *err)
{
    pi0_options opt;
    char words[512];
    pi0_default_options(&opt);
    snprintf(words, sizeof words, "%s/openpi/tokenizer.model", PI0_TEST_DATA);
    opt.tokenizer = words;
    opt.backend = backend;
    opt.n_threads = 2;
    opt.num_steps = 1;
    const int status = pi0_load(m, dir, &opt, err);
    return status ? status : pi0_session_create(s, *m, &opt, err);
}

static void none_in_a_second_inference(void **state)
{
    (void)state;
    for (size_t b = 0; b < COUNT(backends); b++)
        for (int k = 0; k < N_CASES; k++) {
            network_case c;
            pi0_model *m = NULL;
            pi0_session *s = NULL;
            pi0_error err;
            float actions[50 * 32];
            network_case_open(&c, case_names[k]);
            must(create(c.dir, backends[b], &m, &s, &err), &err);
            // pictures that must be resized, and a prompt
            pi0_inputs in = c.in;
            if (!c.lerobot)
                for (int i = 0; i < in.n_images; i++) c.images[i].height = 190;
            in.tokens = NULL;
            in.prompt = "put_the cup\n on the table ";
            must(pi0_infer(s, &in, NULL, actions, COUNT(actions), &err), &err);
            const long before = alloc_watch_calls();
            must(pi0_infer(s, &in, NULL, actions, COUNT(actions), &err), &err);
            assert_int_equal(alloc_watch_calls(), before);
            assert_true(before > 0);
            // nor while a trace runs
            static pi0_trace_event events[3000];
            size_t lost;
            must(pi0_session_trace_start(s, events, COUNT(events), &err), &err);
            const long traced = alloc_watch_calls();
            must(pi0_infer(s, &in, NULL, actions, COUNT(actions), &err), &err);
            assert_int_equal(alloc_watch_calls(), traced);
            assert_true(pi0_session_trace_stop(s, &lost) > 100 && !lost);
            pi0_session_free(s);
            pi0_free(m);
            network_case_close(&c);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_in_a_second_inference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

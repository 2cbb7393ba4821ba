/* SPDX-License-Identifier: Apache-2.0 */
/* infer.c - the smallest program that runs a policy: one grey picture, one sentence, one chunk.
 * Try: infer demo/place "put the red block in the bowl" */
#include <pi0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int status, const pi0_error *e)
{
    if (!status) return;
    fprintf(stderr, "%s: %s\n", pi0_status_name(status), e->message);
    exit(1);
}

int main(int argc, char **argv)
{
    static uint8_t grey[224 * 224 * 3];
    static const double state[3] = { 0, 0, 0 };
    pi0_model *model;
    pi0_session *session;
    pi0_session_info made;
    pi0_error e;
    if (argc != 3) return fprintf(stderr, "usage: infer CHECKPOINT PROMPT\n"), 2;

    // a model is loaded once and may be shared by threads; a session is one robot's
    must(pi0_load(&model, argv[1], NULL, &e), &e);
    must(pi0_session_create(&session, model, NULL, &e), &e);
    pi0_session_get_info(session, &made);
    const size_t n = (size_t)made.horizon * (size_t)made.action_dim;
    float *actions = malloc(n * sizeof *actions); // [horizon][action_dim]
    if (!actions) return 1;

    // what the robot sees and feels, already normalised, and what it shall do
    memset(grey, 128, sizeof grey);
    const pi0_image image = {
        .camera = pi0_model_camera(model, 0), .rgb = grey, .width = 224, .height = 224
    };
    const pi0_inputs in = {
        .images = &image, .n_images = 1, .prompt = argv[2], .state = state, .n_state = 3
    };
    must(pi0_infer(session, &in, NULL, actions, n, &e), &e);
    printf("first of %d actions: %g %g %g ...\n", made.horizon, (double)actions[0],
           (double)actions[1], (double)actions[2]);

    free(actions);
    pi0_session_free(session);
    pi0_free(model);
    return 0;
}

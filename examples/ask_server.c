/* SPDX-License-Identifier: Apache-2.0 */
/* ask_server.c - the smallest client of a policy server: libpi0_client alone, the network runs
 * elsewhere. Build and run it, from the top of the source tree:
 *
 *     cc -std=c11 -O2 examples/ask_server.c $(pkg-config --cflags --libs pi0_client) -o ask_server
 *     pi0 serve --model demo/place &
 *     ./ask_server ws://127.0.0.1:8000
 *
 * Prints the first row of the plan for a grey picture, and how long the call and the network took.
 */
#include <pi0_client.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    static uint8_t picture[224 * 224 * 3]; // from your camera: 8-bit RGB, of any size
    static double actions[16 * 3];
    const double hand[3] = { 0.5, 0.8, 0 };
    const pi0_image image = {
        .camera = "observation.images.top", .rgb = picture, .width = 224, .height = 224
    };
    const pi0_state state = { "observation.state", hand, 3 };
    const pi0_observation seen = { &image, 1, &state, 1, "put the red block in the bowl" };
    const pi0_client_request ask = { .timeout_ms = 5000 }; // behind it: hold position
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:8000";
    pi0_client_reply said;
    pi0_client *client = NULL;
    pi0_error e;
    memset(picture, 128, sizeof picture);

    const int status = pi0_client_connect(&client, url, NULL, &e)
                           ? 1
                           : pi0_client_infer(client, &seen, &ask, actions, 16 * 3, &said, &e);
    if (status)
        fprintf(stderr, "%s\n", e.message);
    else
        printf("%d rows of %d: %.3f %.3f %.3f ...; %.1f ms, the policy %.1f ms\n", said.rows,
               said.cols, actions[0], actions[1], actions[2], said.round_trip_ms, said.policy_ms);
    pi0_client_close(client);
    return !!status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* header_client.c - compiles as C99 and as C++17 with nothing but the client's header, twice. */
#include "pi0_client.h"

int header(pi0_client **client, const pi0_observation *obs, double *actions, size_t n,
           pi0_error *err);

int header(pi0_client **client, const pi0_observation *obs, double *actions, size_t n,
           pi0_error *err)
{
    pi0_client_options opt;
    pi0_client_request request;
    pi0_client_reply reply;
    int status;
    pi0_client_default_options(&opt);
    request.timeout_ms = 100;
    request.noise = NULL;
    request.has_seed = request.num_steps = 0;
    status = pi0_client_connect(client, "ws://127.0.0.1:8000", &opt, err);
    if (status == PI0_OK)
        status = pi0_client_infer(*client, obs, &request, actions, n, &reply, err);
    if (status == PI0_ETIMEOUT) pi0_client_close(*client);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* header.c - compiles as C99 and as C++17 with nothing but the public header, twice. */
#include "pi0.h"

int header(pi0_model **model, const pi0_inputs *in, float *actions, size_t n, pi0_error *err);

int header(pi0_model **model, const pi0_inputs *in, float *actions, size_t n, pi0_error *err)
{
    pi0_options opt;
    pi0_session *session = NULL;
    int status;
    pi0_default_options(&opt);
    status = pi0_load(model, "folder", &opt, err);
    if (status == PI0_OK) status = pi0_session_create(&session, *model, &opt, err);
    if (status == PI0_OK) status = pi0_infer(session, in, NULL, actions, n, err);
    pi0_session_free(session);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* pi0_client.h - ask a policy server (pi0 serve, or openpi's own) for actions, without Python:
 *
 *     pi0_client *c;
 *     pi0_error   e;
 *     pi0_client_request ask = { .timeout_ms = 200 };
 *     pi0_client_reply   said;
 *     if (pi0_client_connect(&c, "ws://10.0.0.7:8000", NULL, &e))              die(e.message);
 *     if (pi0_client_infer(c, &observation, &ask, actions, room, &said, &e))   hold_position();
 *     pi0_client_close(c);
 *
 * The observation is that of pi0.h, with the robot's own names and units: what pi0_act() takes in
 * this process, a server takes in another. Link with -lpi0_client alone; -lpi0 is not needed.
 *
 * A client has one connection and one thread of its own, which answers the server's pings and
 * connects again when the connection is lost. Calls block, never longer than their deadline. One
 * client is used by one thread at a time; several clients do not know of each other.
 *
 * Errors are told as pi0.h tells them: a code, and a line that says what was wrong. On failure
 * outputs are left untouched. The library prints nothing, reads no environment variable and has no
 * variables of its own. libwebsockets, which it stands on, does two things to the whole process:
 * SIGPIPE is ignored, and before version 4.3 its log is switched off. */
#ifndef PI0_CLIENT_H
#define PI0_CLIENT_H

#include "pi0.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What can go wrong besides the codes of pi0.h. */
enum {
    PI0_ETIMEOUT = -32, /* the deadline has passed; the connection, if any, was given up, so that a
                           late reply is never taken for the next one's */
    PI0_ECONNECT = -33, /* no connection, or lost and not to be had again */
    PI0_EAUTH = -34,    /* the server refuses this API key (HTTP 401 or 403) */
    PI0_EREMOTE = -35   /* the server has answered with an error; the message has its words */
};

/* Name of a status code of pi0.h or of this file, as "PI0_ETIMEOUT"; a constant string, never NULL.
 */
PI0_API const char *pi0_client_status_name(int status);

/* Fill with pi0_client_default_options(), then change what you need. Strings are copied. */
typedef struct pi0_client_options {
    const char *api_key;    /* sent as "Authorization: Api-Key KEY"; NULL: none */
    int connect_timeout_ms; /* of pi0_client_connect(), default 10000. 0: tries for ever */
    int infer_timeout_ms;   /* of a request that names none, default 30000. 0: waits for ever */
    int retry_min_ms;       /* wait before the second attempt to connect, default 100; each further
                               wait is twice as long ... */
    int retry_max_ms;       /* ... up to this, default 5000 */
    int max_sends;          /* how often a request is sent when the connection is lost before its
                               reply comes, default 3. A server's error is never asked again */
    size_t max_message;     /* bytes of a reply or a request at most, default 64 MiB */
    const char *image_axes; /* how pictures are sent. "HWC": pixels, "CHW": planes of colours.
                               NULL: planes where the camera's name has no "/" and no "." in it,
                               as openpi's ALOHA servers want them, others as they are given */
} pi0_client_options;

/* Fill *opt with the defaults. Nothing to free. */
PI0_API void pi0_client_default_options(pi0_client_options *opt);

/* A connection to one server, with a thread that keeps it. One thread calls it at a time. */
typedef struct pi0_client pi0_client;

/* Connect and read the server's metadata. url: "ws://HOST[:PORT][/PATH]", or without "ws://"; no
 * port means 80. While the server is not there yet, tries again until the deadline. opt NULL: the
 * defaults. On success *client is the caller's, for pi0_client_close().
 * Errors: PI0_EINVAL (url, options), PI0_EUNSUPPORTED (wss://), PI0_EAUTH, PI0_ECONNECT (another
 * kind of server answers), PI0_EFORMAT, PI0_EREMOTE, PI0_ETIMEOUT, PI0_ENOMEM.
 * Source: openpi packages/openpi-client/src/openpi_client/websocket_client_policy.py. */
PI0_API int pi0_client_connect(pi0_client **client, const char *url, const pi0_client_options *opt,
                               pi0_error *err);

/* Say goodbye (at most half a second), free all. NULL is allowed. */
PI0_API void pi0_client_close(pi0_client *client);

/* The metadata of the first connection as JSON text: an object, "{}" mostly. The client's string.
 * Source: openpi websocket_client_policy.py get_server_metadata. */
PI0_API const char *pi0_client_metadata(const pi0_client *client);

/* What may come with an observation. Start from zeros. */
typedef struct pi0_client_request {
    int timeout_ms; /* this call's deadline; 0: that of the options */
    /* pi0 serve knows these; openpi's own server does not look at them */
    const float *noise; /* [noise_rows][noise_cols] what the chunk starts from; NULL: drawn */
    int noise_rows, noise_cols; /* horizon, the network's action_dim (32) */
    int has_seed;               /* 1: noise is drawn from `seed` for this chunk */
    uint64_t seed;              /* counts where has_seed is 1 */
    int num_steps;              /* denoising steps, 1..1024; 0: the server's */
} pi0_client_request;

/* What came with the actions. Milliseconds; NAN where the server does not say. */
typedef struct pi0_client_reply {
    int rows, cols;       /* of actions: horizon, the robot's actions */
    int sends;            /* 1; more: the connection was lost, the request sent again */
    double round_trip_ms; /* of this call as a whole, connecting included */
    double policy_ms;     /* policy_timing.infer_ms: the network */
    double infer_ms;      /* server_timing.infer_ms: the policy as the server sees it */
    double queue_ms;      /* server_timing.queue_ms (pi0 serve): waiting for its turn */
    double prev_total_ms; /* server_timing.prev_total_ms: the request before this one */
} pi0_client_reply;

/* Observation in, a chunk of robot commands out, as pi0_act() does it here.
 * obs: cameras and states need names; a state whose name is NULL is sent as "state". Cameras whose
 * names have no "/" and no "." go into the map "images", as openpi's ALOHA servers want them.
 * actions: [rows][cols] in the robot's units; n_actions: doubles it has room for.
 * request, reply: may be NULL. All is borrowed for the call.
 * Errors: PI0_EINVAL (observation, too little room, a second thread in this client), PI0_ETIMEOUT,
 * PI0_ECONNECT, PI0_EAUTH, PI0_EREMOTE, PI0_EFORMAT (a reply that is none), PI0_ENUMERIC (actions
 * that are not finite), PI0_ENOMEM. The client works on after each of them.
 * Source: openpi websocket_client_policy.py infer, packages/openpi-client/src/openpi_client/
 * msgpack_numpy.py. */
PI0_API int pi0_client_infer(pi0_client *client, const pi0_observation *obs,
                             const pi0_client_request *request, double *actions, size_t n_actions,
                             pi0_client_reply *reply, pi0_error *err);

/* The same with an observation that is packed already: one msgpack map, as openpi-client sends it.
 * What `request` brings besides is added to it. Errors: as pi0_client_infer(). */
PI0_API int pi0_client_infer_packed(pi0_client *client, const void *data, size_t size,
                                    const pi0_client_request *request, double *actions,
                                    size_t n_actions, pi0_client_reply *reply, pi0_error *err);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* serve_log.h - what the server says while it runs: lines on stderr, for people, or each one JSON
 * object. */
#ifndef PI0_TOOLS_SERVE_LOG_H
#define PI0_TOOLS_SERVE_LOG_H
#include <jansson.h>
#include <stdbool.h>

/* One line. json: as {"time", "event", "client", "message", fields …}; else the time, the client
 * and the message. client, fields: may be NULL; fields is freed. From any thread. */
__attribute__((format(printf, 5, 6))) void pi0_serve_log(bool json, const char *event,
                                                         const char *client, json_t *fields,
                                                         const char *format, ...);
#endif

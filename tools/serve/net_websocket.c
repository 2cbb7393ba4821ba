/* SPDX-License-Identifier: Apache-2.0 */
/* net_websocket.c - a WebSocket: fragments to messages, the queue to frames, closing. */
#include "net_internal.h"
#include "terminal.h"
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 65536
#define TRY_AGAIN_LATER 1013 // the code of a close

/* ---- receiving ---- */

// closes with this code; libwebsockets sends the frame when a callback returns -1
static int close_now(net_link *l, int code, const char *reason)
{
    unsigned char copy[124];
    lws_strncpy((char *)copy, reason, sizeof copy);
    lws_close_reason(l->wsi, (enum lws_close_status)code, copy, strlen((char *)copy));
    pi0_net_link_stage(l, NET_CLOSING);
    return -1;
}

static int too_large(net_link *l, int code, const char *reason)
{
    net_server *s = l->server;
    l->fault = reason;
    pi0_net_count(s, &s->stats.too_large, 1);
    return close_now(l, code, reason);
}

static void forget(net_link *l)
{
    l->server->receiving -= l->in_room;
    free(l->in);
    l->in = NULL;
    l->in_room = l->in_size = 0;
    l->receiving = false;
}

/* Room for so many bytes more, and a 0. It grows with what has come, not with what a frame's head
 * promises. */
static int grow(net_link *l, size_t size)
{
    net_server *s = l->server;
    const size_t needed = l->in_size + size + 1, most = s->o.max_message + 1;
    if (needed <= l->in_room) return 0;
    size_t room = l->in_room ? l->in_room : FIRST_ROOM;
    while (room < needed) room *= 2;
    if (room > most) room = most;
    if (s->receiving - l->in_room + room > s->o.max_receiving)
        return too_large(l, TRY_AGAIN_LATER, "too much is being received");
    char *grown = realloc(l->in, room);
    if (!grown) return too_large(l, TRY_AGAIN_LATER, "out of memory");
    s->receiving += room - l->in_room;
    l->in = grown;
    l->in_room = room;
    return 0;
}

static void deliver(net_link *l)
{
    net_server *s = l->server;
    net_message m = { .binary = l->in_binary,
                      .data = l->in,
                      .size = l->in_size,
                      .begun = l->in_begun,
                      .ended = pi0_seconds() };
    m.data[m.size] = 0;
    l->in = NULL; // the message's from here on
    forget(l);
    pi0_net_lock(s);
    s->stats.messages_in++;
    s->stats.bytes_in += m.size;
    pi0_net_unlock(s);
    if (s->o.message) s->o.message(s->o.user, l->id, &m);
    free(m.data);
}

int pi0_net_on_receive(net_link *l, const void *data, size_t size)
{
    const net_options *o = &l->server->o;
    l->heard = pi0_seconds();
    // what comes while it closes is not looked at
    if (l->stage != NET_OPEN || l->fault) return 0;
    if (lws_is_first_fragment(l->wsi)) {
        forget(l);
        l->receiving = true;
        l->in_begun = l->heard;
        l->in_binary = lws_frame_is_binary(l->wsi);
    }
    // known from the frame's head, before its bytes have come
    const size_t rest = lws_remaining_packet_payload(l->wsi);
    if (size > o->max_message - l->in_size || rest > o->max_message - l->in_size - size)
        return too_large(l, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "the message is too large");
    if (grow(l, size)) return -1;
    if (size) memcpy(l->in + l->in_size, data, size);
    l->in_size += size;
    if (lws_is_final_fragment(l->wsi)) deliver(l);
    return 0;
}

/* ---- sending ---- */

static int write_item(net_link *l, net_item *item)
{
    net_server *s = l->server;
    const int n = lws_write(l->wsi, item->data + LWS_PRE, item->size,
                            item->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
    const bool ok = n >= 0 && (size_t)n >= item->size;
    if (ok) {
        pi0_net_lock(s);
        s->stats.messages_out++;
        s->stats.bytes_out += item->size;
        pi0_net_unlock(s);
    }
    if (ok && s->o.sent) s->o.sent(s->o.user, l->id, item->tag);
    pi0_net_item_free(item);
    return ok ? 0 : -1;
}

// with a payload: libwebsockets does not tell of the pong of an empty one
static int write_ping(net_link *l)
{
    unsigned char room[LWS_PRE + 4];
    l->ping = false;
    memcpy(room + LWS_PRE, "pi0", 4);
    lws_callback_on_writable(l->wsi);
    return lws_write(l->wsi, room + LWS_PRE, 3, LWS_WRITE_PING) < 3 ? -1 : 0;
}

int pi0_net_on_writable(net_link *l)
{
    net_server *s = l->server;
    char reason[sizeof l->close_reason];
    l->stuck = 0; // all that was handed over before has gone
    if (l->stage != NET_OPEN) return 0;
    if (l->ping) return write_ping(l);

    pi0_net_lock(s);
    net_item *item = l->first;
    if (item) {
        l->first = item->next;
        if (!l->first) l->last = &l->first;
        l->queued -= item->size;
    }
    const bool more = l->first;
    const int code = l->close_code;
    memcpy(reason, l->close_reason, sizeof reason);
    pi0_net_unlock(s);

    if (!item) return code ? close_now(l, code, reason) : 0;
    if (more || code) lws_callback_on_writable(l->wsi);
    return write_item(l, item);
}

/* ---- beginning and end ---- */

int pi0_net_on_open(net_link *l)
{
    const net_options *o = &l->server->o;
    const net_request q = { true, l->path, l->peer, "" };
    l->heard = pi0_seconds();
    pi0_net_link_stage(l, NET_OPEN);
    if (o->open) o->open(o->user, l->id, &q);
    return 0;
}

int pi0_net_on_peer_close(net_link *l, const unsigned char *payload, size_t size)
{
    // 1005: a close frame without a code
    l->peer_code = size >= 2 ? payload[0] << 8 | payload[1] : 1005;
    return 0; // libwebsockets answers it
}

void pi0_net_on_closed(net_link *l)
{
    const net_options *o = &l->server->o;
    char reason[sizeof l->close_reason];
    pi0_net_lock(l->server);
    memcpy(reason, l->close_reason, sizeof reason);
    const bool ours = l->close_code;
    pi0_net_unlock(l->server);
    const bool polite = !l->fault && (l->peer_code || ours);
    const net_end end = { .code = l->peer_code,
                          .why = l->fault       ? l->fault
                                 : ours         ? reason
                                 : l->peer_code ? "closed by the client"
                                                : "the connection was lost",
                          .failed = !polite };
    pi0_net_link_stage(l, NET_CLOSING);
    if (o->close) o->close(o->user, l->id, &end);
}

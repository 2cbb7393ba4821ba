/* SPDX-License-Identifier: Apache-2.0 */
/* net_link.c - connections: slots, queues of what is to be sent, what takes too long; and the
 * functions that other threads call. */
#include "net_internal.h"
#include "terminal.h"
#include <stdlib.h>
#include <string.h>

#define CLOSE_SECONDS 5 // a peer has so long to answer a close
#define SLOT(id) ((size_t)((id) % NET_MAX_CONNECTIONS))

/* ---- slots ---- */

net_link *pi0_net_link_new(net_server *s, const char *peer)
{
    net_link *l = NULL;
    pi0_net_lock(s);
    for (int i = 0; i < s->o.max_connections && !l && !s->refuse; i++)
        if (!s->links[i].id) l = &s->links[i];
    if (l) {
        const net_id id = ++s->generation * NET_MAX_CONNECTIONS + (net_id)(l - s->links);
        *l = (net_link){ .server = s, .id = id, .stage = NET_ASKING, .since = pi0_seconds() };
        l->last = &l->first;
        lws_strncpy(l->peer, peer, sizeof l->peer);
        s->stats.connections++;
    }
    pi0_net_unlock(s);
    return l;
}

void pi0_net_item_free(net_item *item)
{
    free(item->tag);
    free(item);
}

void pi0_net_link_free(net_link *l)
{
    net_server *s = l->server;
    s->receiving -= l->in_room;
    free(l->in);
    free(l->reply.owned);
    pi0_net_lock(s);
    for (net_item *i = l->first, *next; i; i = next) {
        next = i->next;
        pi0_net_item_free(i);
    }
    s->stats.connections--;
    *l = (net_link){ .id = 0 };
    pi0_net_unlock(s);
}

void pi0_net_link_stage(net_link *l, enum net_stage stage)
{
    net_server *s = l->server;
    l->since = pi0_seconds();
    pi0_net_lock(s);
    s->stats.websockets += (stage == NET_OPEN) - (l->stage == NET_OPEN);
    l->stage = stage;
    pi0_net_unlock(s);
}

void pi0_net_link_kill(net_link *l, const char *fault)
{
    if (!l->fault) l->fault = fault;
    lws_set_timeout(l->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

// under the lock
void pi0_net_ask(net_link *l, int code, const char *reason)
{
    if (l->close_code || l->stage != NET_OPEN) return;
    l->close_code = code;
    lws_strncpy(l->close_reason, reason, sizeof l->close_reason);
}

void pi0_net_link_close(net_link *l, int code, const char *reason)
{
    pi0_net_lock(l->server);
    pi0_net_ask(l, code, reason);
    pi0_net_unlock(l->server);
    lws_callback_on_writable(l->wsi);
}

/* ---- what takes too long ---- */

static bool over(double since, double now, double limit)
{
    return limit > 0 && now - since > limit;
}

static void timed_out(net_link *l, const char *fault)
{
    if (!l->fault) pi0_net_count(l->server, &l->server->stats.timeouts, 1);
    pi0_net_link_kill(l, fault);
}

static void sweep_open(net_link *l, bool waiting, double now)
{
    const net_options *o = &l->server->o;
    if (!waiting && !lws_partial_buffered(l->wsi))
        l->stuck = 0;
    else if (!l->stuck)
        l->stuck = now;
    if (l->stuck && over(l->stuck, now, o->write_timeout))
        timed_out(l, "reads too slowly");
    else if (over(l->heard, now, o->lost_after))
        timed_out(l, "no sign of life");
    else if (l->receiving && !l->fault && over(l->in_begun, now, o->message_timeout)) {
        l->fault = "sends too slowly";
        pi0_net_count(l->server, &l->server->stats.timeouts, 1);
        pi0_net_link_close(l, LWS_CLOSE_STATUS_POLICY_VIOLATION, "the message took too long");
    } else if (over(l->heard, now, o->ping_after)) {
        l->ping = true;
        lws_callback_on_writable(l->wsi);
    }
}

void pi0_net_links_sweep(net_server *s)
{
    const double now = pi0_seconds();
    for (int i = 0; i < s->o.max_connections; i++) {
        net_link *l = &s->links[i];
        pi0_net_lock(s);
        const bool waiting = l->first;
        const enum net_stage stage = l->stage;
        pi0_net_unlock(s);
        if (stage == NET_FREE || !l->wsi) continue;
        if (stage == NET_OPEN)
            sweep_open(l, waiting, now);
        else if (stage == NET_ASKING && over(l->since, now, s->o.handshake_timeout))
            timed_out(l, "the request took too long");
        else if (stage == NET_REPLYING && over(l->since, now, s->o.write_timeout))
            timed_out(l, "reads too slowly");
        else if (stage == NET_CLOSING && over(l->since, now, CLOSE_SECONDS))
            pi0_net_link_kill(l, l->fault);
    }
}

/* ---- from any thread ---- */

// the link of an open WebSocket; under the lock
static net_link *find(net_server *s, net_id id)
{
    if (!id || SLOT(id) >= (size_t)s->o.max_connections) return NULL;
    net_link *l = &s->links[SLOT(id)];
    return l->id == id && l->stage == NET_OPEN ? l : NULL;
}

static enum net_result append(net_server *s, net_id id, net_item *item)
{
    net_link *l = find(s, id);
    if (!l || l->close_code) return NET_GONE;
    if (item->size > s->o.max_queued || l->queued > s->o.max_queued - item->size) return NET_FULL;
    *l->last = item;
    l->last = &item->next;
    l->queued += item->size;
    return NET_QUEUED;
}

enum net_result pi0_net_send(net_server *s, net_id id, bool binary, const void *data, size_t size)
{
    return pi0_net_send_tagged(s, id, binary, data, size, NULL);
}

enum net_result pi0_net_send_tagged(net_server *s, net_id id, bool binary, const void *data,
                                    size_t size, void *tag)
{
    net_item *item = malloc(sizeof *item + LWS_PRE + size);
    if (!item) {
        free(tag);
        return NET_NO_MEMORY;
    }
    *item = (net_item){ .tag = tag, .binary = binary, .size = size };
    if (size) memcpy(item->data + LWS_PRE, data, size);
    pi0_net_lock(s);
    const enum net_result result = append(s, id, item);
    if (result == NET_QUEUED) pi0_net_wake(s);
    pi0_net_unlock(s);
    if (result != NET_QUEUED) pi0_net_item_free(item);
    return result;
}

size_t pi0_net_queued(net_server *s, net_id id)
{
    pi0_net_lock(s);
    const net_link *l = find(s, id);
    const size_t queued = l ? l->queued : 0;
    pi0_net_unlock(s);
    return queued;
}

void pi0_net_close(net_server *s, net_id id, int code, const char *reason)
{
    pi0_net_lock(s);
    net_link *l = find(s, id);
    if (l) pi0_net_ask(l, code, reason);
    if (l) pi0_net_wake(s);
    pi0_net_unlock(s);
}

void pi0_net_stats(net_server *s, net_stats *stats)
{
    pi0_net_lock(s);
    *stats = s->stats;
    pi0_net_unlock(s);
}

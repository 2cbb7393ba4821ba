/* SPDX-License-Identifier: Apache-2.0 */
/* net_http.c - requests: GET of a route, and whether a WebSocket may be opened. Every answer closes
 * its connection: who asks here asks seldom, and a WebSocket comes on a connection of its own. */
#include "net_internal.h"
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_ROOM 2048
#define PIECE 16384 // of a body, for each time that the socket has room
#define HEADER_MAX 512

/* ---- the request ---- */

typedef struct headers {
    char authorization[HEADER_MAX], origin[HEADER_MAX], host[HEADER_MAX];
    bool too_long; // one of them: it cannot be judged
} headers;

static void copy_header(headers *h, char to[HEADER_MAX], struct lws *wsi, enum lws_token_indexes t)
{
    to[0] = 0;
    if (lws_hdr_total_length(wsi, t) && lws_hdr_copy(wsi, to, HEADER_MAX, t) < 0) {
        to[0] = 0;
        h->too_long = true;
    }
}

/* A page in a browser can reach servers that only its own machine can reach. The browser says which
 * site the page is of: "http://HOST" of this very server, or it is refused. */
static bool foreign_page(const headers *h)
{
    if (!h->origin[0]) return false;
    const char *site = strstr(h->origin, "://");
    return !site || strcasecmp(site + 3, h->host) != 0;
}

// 0 or the status to refuse with
static int judge(net_link *l, bool websocket, net_request *q, headers *h)
{
    const net_options *o = &l->server->o;
    copy_header(h, h->authorization, l->wsi, WSI_TOKEN_HTTP_AUTHORIZATION);
    copy_header(h, h->origin, l->wsi, WSI_TOKEN_ORIGIN);
    copy_header(h, h->host, l->wsi, WSI_TOKEN_HOST);
    *q = (net_request){ websocket, l->path, l->peer, h->authorization };
    if (h->too_long) return 431;
    if (foreign_page(h)) return 403;
    if (websocket && o->websocket_path && strcmp(o->websocket_path, l->path)) return 404;
    return o->authorize ? o->authorize(o->user, q) : 0;
}

/* ---- the answer ---- */

static const char *status_text(int status)
{
    switch (status) {
    case 400: return "Bad request\n";
    case 401:
        return "Unauthorized: Authorization: Api-Key KEY is missing, or is not the right one\n";
    case 403: return "Forbidden\n";
    case 404: return "Not found\n";
    case 405: return "Method not allowed: GET or HEAD\n";
    case 431: return "Request header fields too large\n";
    default: return "Refused\n";
    }
}

static bool add_header(net_link *l, const char *name, const char *value, unsigned char **p,
                       unsigned char *end)
{
    return !lws_add_http_header_by_name(l->wsi, (const unsigned char *)name,
                                        (const unsigned char *)value, (int)strlen(value), p, end);
}

static bool write_head(net_link *l)
{
    unsigned char room[LWS_PRE + HEAD_ROOM], *start = room + LWS_PRE, *p = start;
    unsigned char *end = room + sizeof room - 1;
    const net_reply *r = &l->reply;
    if (lws_add_http_common_headers(l->wsi, (unsigned)r->status, r->type, r->size, &p, end))
        return false;
    bool ok = add_header(l, "x-content-type-options:", "nosniff", &p, end) &&
              add_header(l, "cache-control:", "no-store", &p, end);
    if (r->status == 401) ok = ok && add_header(l, "www-authenticate:", "Api-Key", &p, end);
    if (r->status == 405) ok = ok && add_header(l, "allow:", "GET, HEAD", &p, end);
    return ok && !lws_finalize_write_http_header(l->wsi, start, &p, end);
}

static void count_refusal(net_link *l, int status)
{
    net_server *s = l->server;
    if (status == 401 || status == 403) pi0_net_count(s, &s->stats.unauthorized, 1);
}

static void refuse(net_link *l, int status)
{
    const char *text = status_text(status);
    l->reply = (net_reply){
        .status = status, .type = "text/plain; charset=utf-8", .body = text, .size = strlen(text)
    };
    count_refusal(l, status);
}

// with what there is instead
static void refuse_path(net_link *l)
{
    const net_options *o = &l->server->o;
    char *text = NULL;
    size_t size;
    refuse(l, 404);
    FILE *f = open_memstream(&text, &size);
    if (!f) return;
    fputs("Not found. There is", f);
    for (int i = 0; i < o->n_routes; i++) fprintf(f, "%s %s", i ? "," : "", o->routes[i].path);
    fprintf(f, "%s a WebSocket at %s\n", o->n_routes ? ", and" : "",
            o->websocket_path ? o->websocket_path : "/");
    if (fclose(f)) {
        free(text);
        return;
    }
    l->reply.owned = text;
    l->reply.size = size;
}

static void answer(net_link *l, const net_request *q)
{
    const net_options *o = &l->server->o;
    for (int i = 0; i < o->n_routes; i++) {
        if (strcmp(o->routes[i].path, l->path)) continue;
        l->reply = (net_reply){ .status = 200, .type = "text/plain; charset=utf-8" };
        o->routes[i].get(o->user, q, &l->reply);
        return;
    }
    refuse_path(l);
}

int pi0_net_on_request(net_link *l, const char *path)
{
    headers h = { .too_long = false };
    net_request q;
    char *uri;
    int length;
    lws_strncpy(l->path, path, sizeof l->path);
    pi0_net_link_stage(l, NET_REPLYING);
    pi0_net_count(l->server, &l->server->stats.http, 1);
    const int method = lws_http_get_uri_and_method(l->wsi, &uri, &length);
    const bool head = method == LWSHUMETH_HEAD;
    const int status = method != LWSHUMETH_GET && !head ? 405 : judge(l, false, &q, &h);
    if (status)
        refuse(l, status);
    else
        answer(l, &q);
    if (!write_head(l)) return -1;
    if (head || !l->reply.size) return -1; // whole: closes behind it
    lws_callback_on_writable(l->wsi);
    return 0;
}

int pi0_net_on_reply_writable(net_link *l)
{
    unsigned char room[LWS_PRE + PIECE];
    const net_reply *r = &l->reply;
    if (l->stage != NET_REPLYING) return 0;
    const char *body = r->owned ? r->owned : r->body;
    const size_t left = r->size - l->replied, n = left < PIECE ? left : PIECE;
    memcpy(room + LWS_PRE, body + l->replied, n);
    l->replied += n;
    const bool last = n == left;
    if (lws_write(l->wsi, room + LWS_PRE, n, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n)
        return -1;
    if (last) return -1;
    l->since = pi0_seconds(); // each piece has its time
    lws_callback_on_writable(l->wsi);
    return 0;
}

// In one piece and by hand: libwebsockets takes a request with an upgrade for one of HTTP/1.0
static void refuse_upgrade(net_link *l, int status)
{
    unsigned char room[LWS_PRE + HEAD_ROOM], *start = room + LWS_PRE;
    const char *text = status_text(status);
    const int n =
        snprintf((char *)start, HEAD_ROOM,
                 "HTTP/1.1 %d Refused\r\nserver: pi0\r\ncontent-type: text/plain; "
                 "charset=utf-8\r\ncontent-length: %zu\r\n%sconnection: close\r\n\r\n%s",
                 status, strlen(text), status == 401 ? "www-authenticate: Api-Key\r\n" : "", text);
    count_refusal(l, status);
    lws_write(l->wsi, start, (size_t)n, LWS_WRITE_HTTP_HEADERS);
}

// 0: it may become a WebSocket; -1: it was answered and closes
int pi0_net_on_upgrade(net_link *l, const char *kind)
{
    headers h = { .too_long = false };
    net_request q;
    char *uri = NULL;
    int length = 0, status = 400;
    if (lws_http_get_uri_and_method(l->wsi, &uri, &length) == LWSHUMETH_GET && uri && length >= 0 &&
        length < NET_PATH_MAX) {
        memcpy(l->path, uri, (size_t)length);
        l->path[length] = 0;
        status = strcasecmp(kind, "websocket") ? 400 : judge(l, true, &q, &h);
    }
    if (!status) return 0;
    refuse_upgrade(l, status);
    return -1;
}

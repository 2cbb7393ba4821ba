/* SPDX-License-Identifier: Apache-2.0 */
/* demo_live_talk.c - what page and server say to each other: JSON texts over a WebSocket.
 *   page:   {"say": TEXT}  {"move": THING, "x": X, "y": Y}  {"flow": 0|1|2}  {"scene": true}
 *           {"run": BOOL}  {"overlay": BOOL}          THING: block 0, 1, 2, or 3 for the bowl
 *   server: {"hello": …} first; {"state": …} each step; {"plan": …} and {"other": …}, the other
 *           flow's; {"notice": WORDS}, {"error": WORDS} */
#include "demo_live.h"
#include "pages.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- to the pages ---- */

// takes o, NULL too; malloc'd, or NULL
static char *text_of(json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(o);
    return text;
}

// takes o
static void send_to(live *l, net_id id, json_t *o)
{
    char *text = text_of(o);
    if (text) pi0_net_send(l->net, id, false, text, strlen(text));
    free(text);
}

// takes o
static void send_all(live *l, json_t *o, bool may_be_left_out)
{
    char *text = text_of(o);
    for (int i = 0; text && i < l->n_clients; i++)
        if (!may_be_left_out || pi0_net_queued(l->net, l->client[i]) == 0)
            pi0_net_send(l->net, l->client[i], false, text, strlen(text));
    free(text);
}

static json_t *state_json(const live *l)
{
    const sim_scene *s = &l->scene;
    sim_colour named;
    json_t *colours = json_array(), *blocks = json_array();
    for (int i = 0; i < SIM_BLOCKS; i++) {
        json_array_append_new(colours, json_integer(s->colour[i]));
        json_array_append_new(blocks, json_pack("[f,f]", s->block[i].x, s->block[i].y));
    }
    const int goal = sim_named_colour(l->prompt, &named) ? sim_block_of(s, named) : -1;
    return json_pack("{s:{s:f,s:f,s:f,s:o,s:o,s:[f,f],s:i,s:i,s:i,s:i,s:b,s:s,s:i,s:b,s:b,s:i}}",
                     "state", "x", s->hand.x, "y", s->hand.y, "grip", s->grip, "colours", colours,
                     "blocks", blocks, "bowl", s->bowl.x, s->bowl.y, "held", s->held, "scene",
                     l->scene_number, "step", l->step, "goal", goal, "done",
                     goal >= 0 && sim_done(s, goal), "prompt", l->prompt, "flow", l->chosen,
                     "running", l->running, "overlay", l->overlay, "row", l->row);
}

static json_t *flows_json(const live *l)
{
    json_t *flows = json_array();
    for (int i = 0; i < LIVE_FLOWS; i++) {
        const pi0_info *info = &l->flow[i].r.info;
        json_array_append_new(flows, l->flow[i].there
                                         ? json_pack("{s:s,s:s,s:s}", "backend", info->backend,
                                                     "precision", info->precision, "isa", info->isa)
                                         : json_null());
    }
    return flows;
}

static json_t *hello_json(const live *l)
{
    char text[80];
    json_t *sentences = json_array();
    for (int c = 0; c < SIM_BLOCKS; c++)
        json_array_append_new(
            sentences, json_string(sim_prompt(text, sizeof text, l->a->task, (sim_colour)c)));
    return json_pack("{s:{s:s,s:o,s:o,s:i,s:i}}", "hello", "task", l->a->task_name, "sentences",
                     sentences, "flows", flows_json(l), "execute", l->a->execute, "period_ms",
                     1000 / LIVE_STEPS_A_SECOND);
}

void pi0_live_send_state(live *l)
{
    send_all(l, state_json(l), true);
}

void pi0_live_send_plan(live *l, const char *kind, const live_plan *p)
{
    json_t *commands = json_array();
    for (int i = 0; i < l->horizon; i++) {
        const double *c = p->commands + (size_t)i * SIM_COMMAND;
        json_array_append_new(commands, json_pack("[f,f,f]", c[0], c[1], c[2]));
    }
    send_all(l,
             json_pack("{s:{s:i,s:i,s:f,s:o}}", kind, "number", p->number, "flow", p->flow, "ms",
                       p->ms, "commands", commands),
             true);
}

void pi0_live_send_words(live *l, const char *kind, const char *words)
{
    send_all(l, json_pack("{s:s}", kind, words), false);
}

/* ---- from the pages; all on the server's thread ---- */

static void say(live *l, net_id id, const char *text)
{
    char known[80];
    bool taught = false;
    json_t *o = NULL;
    if (!text[strspn(text, " \t\r\n")])
        o = json_pack("{s:s}", "error", "The sentence is empty.");
    else if (strlen(text) >= DEMO_SENTENCE / 2)
        o = json_pack("{s:s}", "error", "The sentence is too long for it.");
    else
        pi0_live_say(l, text);
    for (int c = 0; c < SIM_BLOCKS; c++)
        taught =
            taught || !strcmp(text, sim_prompt(known, sizeof known, l->a->task, (sim_colour)c));
    if (!o && !taught)
        o = json_pack("{s:s}", "notice",
                      "It was taught three sentences, those on the buttons. It will do something "
                      "with this one too, but nobody knows what.");
    if (o) send_to(l, id, o);
}

static void move(live *l, const json_t *o, json_int_t thing)
{
    const json_t *x = json_object_get(o, "x"), *y = json_object_get(o, "y");
    const int last = l->a->task == SIM_TASK_PLACE ? SIM_BLOCKS : SIM_BLOCKS - 1;
    if (thing >= 0 && thing <= last && json_is_number(x) && json_is_number(y))
        pi0_live_move(l, (int)thing, json_number_value(x), json_number_value(y));
}

static void choose(live *l, json_int_t flow)
{
    if (flow < 0 || flow >= LIVE_FLOWS || !l->flow[flow].there) return;
    l->chosen = (int)flow;
    l->look = true;
}

// what a message does not have, or not in its right type, is passed over
static void obey(live *l, net_id id, const json_t *o)
{
    const json_t *v;
    if (json_is_string(v = json_object_get(o, "say"))) say(l, id, json_string_value(v));
    if (json_is_integer(v = json_object_get(o, "move"))) move(l, o, json_integer_value(v));
    if (json_is_integer(v = json_object_get(o, "flow"))) choose(l, json_integer_value(v));
    if (json_is_true(json_object_get(o, "scene"))) pi0_live_new_scene(l, l->scene_number + 1);
    if (json_is_boolean(v = json_object_get(o, "run"))) l->running = json_is_true(v);
    if (json_is_boolean(v = json_object_get(o, "overlay"))) l->overlay = json_is_true(v);
    pi0_live_send_state(l);
}

static void on_message(void *user, net_id id, net_message *m)
{
    live *l = user;
    json_t *o = m->binary ? NULL : json_loadb(m->data, m->size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(o)) {
        json_decref(o);
        pi0_net_close(l->net, id, 1003, "expected a JSON object");
        return;
    }
    pthread_mutex_lock(&l->lock);
    obey(l, id, o);
    pthread_mutex_unlock(&l->lock);
    json_decref(o);
}

static void on_open(void *user, net_id id, const net_request *request)
{
    live *l = user;
    (void)request;
    pthread_mutex_lock(&l->lock);
    // max_connections is LIVE_CLIENTS
    if (l->n_clients < LIVE_CLIENTS) l->client[l->n_clients++] = id;
    send_to(l, id, hello_json(l));
    send_to(l, id, state_json(l));
    l->look = true; // so that the newcomer gets a plan
    pthread_mutex_unlock(&l->lock);
}

static void on_close(void *user, net_id id, const net_end *end)
{
    live *l = user;
    (void)end;
    pthread_mutex_lock(&l->lock);
    for (int i = 0; i < l->n_clients; i++)
        if (l->client[i] == id) l->client[i--] = l->client[--l->n_clients];
    pthread_mutex_unlock(&l->lock);
}

static void get_page(void *user, const net_request *request, net_reply *reply)
{
    (void)user;
    (void)request;
    reply->type = "text/html; charset=utf-8";
    reply->body = pi0_page_live;
    reply->size = pi0_page_live_size;
}

void pi0_live_listen(net_options *o, live *l)
{
    static const net_route routes[] = { { "/", get_page } };
    o->routes = routes;
    o->n_routes = 1;
    o->websocket_path = "/live";
    o->user = l;
    o->open = on_open;
    o->message = on_message;
    o->close = on_close;
    o->max_message = 4096;
    o->max_queued = (size_t)1 << 20;
    o->max_connections = LIVE_CLIENTS;
}

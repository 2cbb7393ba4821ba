/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_serve.c - pi0 serve: a policy behind openpi's WebSocket protocol. */
#include "commands.h"
#include "serve/serve.h"

#define FIELD(name) offsetof(serve_args, name)
static const option options[] = {
    { "host", "ADDRESS", OPTION_TEXT, FIELD(host),
      "where to listen: 127.0.0.1 (this machine only), 0.0.0.0 (every\n"
      "network), a name or address of this machine. Default: 127.0.0.1",
      0, 0, NULL },
    { "port", "N", OPTION_INT, FIELD(port), "0: any that is free. Default: 8000", 0, 65535, NULL },
    { "api-key-file", "FILE", OPTION_TEXT, FIELD(api_key_file),
      "whose first line clients must send as Authorization: Api-Key KEY\n"
      "(openpi-client: api_key=...). /healthz and /readyz need none.\n"
      "Default: no key, everybody who reaches the port is served",
      0, 0, NULL },
    { "max-clients", "N", OPTION_INT, FIELD(max_clients),
      "connections at once; more are answered with 503. Default: 256", 1, NET_MAX_CONNECTIONS,
      NULL },
    { "max-message-mb", "N", OPTION_INT, FIELD(max_message_mb),
      "largest request in MiB; a larger one closes its connection (1009).\n"
      "Default: 64",
      1, 2047, NULL },
};

static const option request_options[] = {
    { "default-prompt", "TEXT", OPTION_TEXT, FIELD(default_prompt),
      "for requests without a prompt. Default: the config's own, if any", 0, 0, NULL },
    { "policy", "NAME", OPTION_CHOICE, FIELD(policy),
      "of several waiting requests of one connection: fifo computes all in\n"
      "order, latest only the newest; the others are answered with an error\n"
      "that says so. Default: fifo",
      0, 0, "fifo|latest" },
    { "queue-depth", "N", OPTION_INT, FIELD(queue_depth),
      "waiting requests of one connection; more are answered with an error.\n"
      "Default: 4",
      1, 1000, NULL },
    { "record", "DIR", OPTION_TEXT, FIELD(record),
      "keep each request and its actions: DIR/request_000001.msgpack and\n"
      ".npy; pi0 infer --observation runs them again",
      0, 0, NULL },
    { "trace", "FILE.json", OPTION_TEXT, FIELD(trace),
      "write when each stage, layer and operation of the first 16 chunks ran\n"
      "on which thread, when the server ends: trace events for\n"
      "ui.perfetto.dev or chrome://tracing. Chunks of another number of\n"
      "steps than usual are not in it",
      0, 0, NULL },
    { "log-json", NULL, OPTION_FLAG, FIELD(log_json),
      "log lines as JSON objects, with a line for each request", 0, 0, NULL },
};

static int run(const command *self, int argc, char **argv)
{
    serve_args a = { .run = RUN_OPTIONS_DEFAULT,
                     .host = "127.0.0.1",
                     .port = 8000,
                     .policy = "fifo",
                     .queue_depth = 4,
                     .max_message_mb = 64,
                     .max_clients = 256 };
    const option_group groups[] = { OPTION_GROUP("Network", options, &a),
                                    OPTION_GROUP("Requests", request_options, &a),
                                    pi0_run_options_group(&a.run) };
    arguments rest;
    const enum options_result r = pi0_options_parse(self, groups, 3, 1, &rest, argc, argv);
    if (r != OPTIONS_OK) return r == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    const int status = pi0_run_options_check(self, &a.run, &rest);
    return status ? status : pi0_serve_run(&a);
}

const command pi0_command_serve = {
    "serve",
    "a policy over the network, as openpi's policy server",
    "--model DIR [--config NAME] [options]",
    "Serves a policy to openpi-client and whatever else speaks its protocol: WebSocket, msgpack\n"
    "with numpy arrays, one message an observation, one back with the chunk of actions. Clients\n"
    "change nothing but the address. Several are served in turn. A request may also have the keys\n"
    "noise ([horizon,32]), seed and num_steps (1 to 1024); without them the k-th chunk of a\n"
    "connection starts from the noise that pi0 infer's k-th observation starts from.\n"
    "The log is on stderr. SIGTERM or Ctrl-C: no new clients, what waits is computed, then the\n"
    "connections are closed (1001); a second one stops at once.\n"
    "Pages: /healthz, /readyz, /metrics (for Prometheus).",
    "pi0 serve --model checkpoints/pi05_droid --config pi05_droid\n"
    "pi0 serve --model checkpoints/pi0_aloha --config pi0_aloha --host 0.0.0.0 \\\n"
    "    --api-key-file key.txt --policy latest\n",
    run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_client.c - pi0 client: an observation from a file to a policy server, its actions back. */
#include "client_ask.h"
#include "client_result.h"
#include "commands.h"
#include "terminal.h"

#define FIELD(name) offsetof(client_args, name)
static const option server_options[] = {
    { "url", "URL", OPTION_TEXT, FIELD(url),
      "the server, as ws://HOST:PORT. Default: ws://127.0.0.1:8000", 0, 0, NULL },
    { "api-key-file", "FILE", OPTION_TEXT, FIELD(key_file),
      "a file with the key that the server asks for", 0, 0, NULL },
    { "connect-timeout", "SECONDS", OPTION_INT, FIELD(connect_timeout),
      "how long to try while no server is there. 0: for ever. Default: 10", 0, 86400, NULL },
    { "timeout", "MS", OPTION_INT, FIELD(timeout_ms), "deadline of each reply. Default: 30000", 1,
      86400000, NULL },
};

static const option request_options[] = {
    { "observation", "FILE", OPTION_TEXT, FIELD(observation),
      "what the robot sees and measures, in its own units\n"
      "  FILE.msgpack  as openpi's client packs it; it is sent as it is\n"
      "  FILE.json     {\"images\": {\"CAMERA\": \"picture.png\"},\n"
      "                \"state\": {\"KEY\": [...]}, \"prompt\": \"...\"}",
      0, 0, NULL },
    { "image-axes", "ORDER", OPTION_CHOICE, FIELD(image_axes),
      "how pictures of FILE.json are sent: pixels (HWC) or planes of colours\n"
      "(CHW). Default: planes where the camera's name has no / and no .,\n"
      "as openpi's ALOHA servers want them, else pixels",
      0, 0, "HWC|CHW" },
    { "noise", "FILE.npy", OPTION_TEXT, FIELD(noise),
      "what the chunk starts from, float32 [horizon,32] (pi0 serve)", 0, 0, NULL },
    { "seed", "N", OPTION_SEED, FIELD(seed), "the noise is drawn from this seed (pi0 serve)", 0, 0,
      NULL },
    { "steps", "N", OPTION_INT, FIELD(steps), "denoising steps (pi0 serve)", 1, 1024, NULL },
    { "repeat", "N", OPTION_INT, FIELD(repeat),
      "ask so many times; the last actions are shown. Default: 1", 1, 1000000, NULL },
};

static const option output_options[] = {
    { "out", "FILE.npy", OPTION_TEXT, FIELD(out),
      "write the actions, float64 [rows,columns]. Default: a table on stdout", 0, 0, NULL },
    { "columns", "N", OPTION_INT, FIELD(columns),
      "show only the first N columns of the table. Default: all", 1, 4096, NULL },
    { "json", NULL, OPTION_FLAG, FIELD(json),
      "one JSON object on stdout: url, metadata, actions, shape, replies", 0, 0, NULL },
};

static int check(const command *self, const client_args *a)
{
    if (!a->observation) return pi0_usage_error(self, "--observation FILE is missing");
    if (a->noise && a->seed.given)
        return pi0_usage_error(self, "--noise and --seed exclude each other");
    return STATUS_OK;
}

static int ask(const client_args *a)
{
    client_run u;
    pi0_error err;
    int status = pi0_client_ask(&u, a, &err);
    if (!status) status = pi0_client_show(&u, a, &err);
    const int code = status ? pi0_report(status, &err) : STATUS_OK;
    pi0_client_ask_free(&u);
    return code;
}

static int run(const command *self, int argc, char **argv)
{
    client_args a = {
        .url = "ws://127.0.0.1:8000", .connect_timeout = 10, .timeout_ms = 30000, .repeat = 1
    };
    const option_group groups[] = { OPTION_GROUP("Server", server_options, &a),
                                    OPTION_GROUP("Request", request_options, &a),
                                    OPTION_GROUP("Results", output_options, &a) };
    arguments rest;
    const enum options_result r = pi0_options_parse(self, groups, 3, 0, &rest, argc, argv);
    if (r != OPTIONS_OK) return r == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    const int status = check(self, &a);
    return status ? status : ask(&a);
}

const command pi0_command_client = {
    "client",
    "ask a policy server for actions",
    "--observation FILE [--url URL] [options]",
    "Sends an observation to a policy server (pi0 serve, or openpi's) and shows its metadata, the\n"
    "actions and how long they took.",
    "pi0 client --url ws://127.0.0.1:8000 --observation obs.msgpack\n"
    "pi0 client --url ws://robot:8000 --api-key-file key --observation obs.json --out actions.npy\n"
    "pi0 client --observation obs.msgpack --repeat 100\n",
    run,
};

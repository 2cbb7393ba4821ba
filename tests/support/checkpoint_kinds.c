/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_kinds.c - see checkpoint_kinds.h. */
#include "support/checkpoint_kinds.h"
#include "data/unzstd.h"
#include "support/expect.h"
#include "support/rewrite.h"
#include "support/robot_dir.h"

static void set(checkpoint_kinds *k, int i, const char *name, const char *path, const char *config)
{
    checkpoint_kind *made = &k->kind[i];
    made->name = name;
    snprintf(made->path, sizeof made->path, "%s%s", *path == '/' ? "" : PI0_TEST_DATA "/", path);
    snprintf(made->config, sizeof made->config, "%s", config);
}

// the tensors of a folder in two files and their index, instead of one
static tmpdir make_shards(const char *name)
{
    char from[TMPDIR_PATH];
    const tmpdir dir = robot_dir_make(name);
    snprintf(from, sizeof from, "%s/%s", PI0_TEST_DATA, name);
    rewrite w = rewrite_open(from);
    tmpdir_unlink(&dir, "model.safetensors");
    rewrite_write_shards(&w, &dir);
    rewrite_free(&w);
    return dir;
}

void checkpoint_kinds_make(checkpoint_kinds *k)
{
    char path[TMPDIR_PATH];
    unzstd *z = NULL;
    *k = (checkpoint_kinds){ .n = pi0_unzstd_new(&z, NULL) ? ORBAX : N_CHECKPOINT_KINDS };
    pi0_unzstd_free(z);
    snprintf(k->words, sizeof k->words, "%s/openpi/tokenizer.model", PI0_TEST_DATA);
    set(k, NAMED, "named config", "openpi/pi05_full_droid_finetune", "pi05_full_droid_finetune");
    set(k, FILE_ONLY, "the file alone", "openpi/pi0_libero/model.safetensors", "");
    set(k, LEROBOT, "LeRobot", "lerobot/lerobot_pi0_relative", "");
    set(k, ORBAX, "Orbax", "openpi_jax/jax_pi0/1", "");
    set(k, ORBAX_CHUNKS, "Orbax in chunks", "openpi_jax/jax_pi0_bf16_chunked", "");

    // made of links to golden files, and files of its own
    k->shards = make_shards("openpi/pi0_droid");
    set(k, SHARDS, "shards", k->shards.path, "pi0_droid");
    k->robot = tmpdir_make();
    tmpdir_write_text(
        &k->robot, "robot.json",
        "{\"base\":\"pi0_droid\",\"actions\":[\"a\",\"b\"],\"statistics\":\"" PI0_TEST_DATA
        "/openpi/pi0_droid/assets/droid/norm_stats.json\",\"metadata\":{\"hz\":5}}");
    set(k, OWN_ROBOT, "own robot", "openpi/pi0_droid", tmpdir_path(path, &k->robot, "robot.json"));
    k->converted = robot_dir_make("openpi/pi0_libero");
    robot_dir_write(
        &k->converted, "config.json",
        "{\"action_dim\":32,\"action_horizon\":50,\"policy\":{\"base\":\"pi0_libero\"}}");
    set(k, IN_CONFIG, "robot in config.json", k->converted.path, "");
}

void checkpoint_kinds_remove(checkpoint_kinds *k)
{
    tmpdir_remove(&k->shards);
    tmpdir_remove(&k->robot);
    tmpdir_remove(&k->converted);
}

pi0_options checkpoint_kinds_options(const checkpoint_kinds *k, int i)
{
    pi0_options opt;
    pi0_default_options(&opt);
    opt.tokenizer = k->words;
    opt.config = k->kind[i].config[0] ? k->kind[i].config : NULL;
    opt.n_threads = 1;
    opt.num_steps = 1;
    return opt;
}

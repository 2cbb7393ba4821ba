/* SPDX-License-Identifier: Apache-2.0 */
/* synth.c - write a checkpoint of random weights: the list of tensors from the table, a header,
 * then the data in pieces, each made and written by whichever thread comes next. */
#include "synth.h"
#include "st_write.h"
#include "synth_weights.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (1u << 20) // elements made at a time
#define MAX_THREADS 64

typedef struct synth_tensor {
    enum tensor_id id;
    int layer;
    uint64_t elements, offset; // in the data part of the file, in bytes
} synth_tensor;

typedef struct synth_list {
    synth_tensor *tensors;
    int n;
    uint64_t bytes; // of all data
} synth_list;

// what the threads share; the mutex guards all but the constants
typedef struct synth_file {
    const synth_job *job;
    const synth_list *list;
    int fd;
    uint64_t data_start;
    const char *path;
    pthread_mutex_t lock;
    int tensor;       // the next piece
    uint64_t element; // of it
    uint64_t done;    // bytes written
    int status;       // of the first failure
    pi0_error *err;
} synth_file;

static uint64_t elements_of(const model_sizes *sizes, enum tensor_id id)
{
    uint64_t n = 1;
    for (int d = 0; d < 4 && pi0_tensor_table[id].dims[d]; d++)
        n *= (uint64_t)sizes->size[pi0_tensor_table[id].dims[d]];
    return n;
}

// all tensors of the model, in the table's order
static int make_list(synth_list *list, const synth_job *job, pi0_error *err)
{
    *list = (synth_list){ NULL, 0, 0 };
    int n = 0;
    for (int id = 0; id < T_COUNT; id++) n += pi0_tensor_count(&job->sizes, (enum tensor_id)id);
    list->tensors = malloc((size_t)n * sizeof *list->tensors);
    if (!list->tensors) return pi0_fail(err, PI0_ENOMEM, "no memory for a list of %d tensors", n);
    for (int id = 0; id < T_COUNT; id++) {
        const uint64_t elements = elements_of(&job->sizes, (enum tensor_id)id);
        for (int l = 0; l < pi0_tensor_count(&job->sizes, (enum tensor_id)id); l++) {
            list->tensors[list->n++] =
                (synth_tensor){ (enum tensor_id)id, l, elements, list->bytes };
            list->bytes += elements * dtype_size(job->type);
        }
    }
    return PI0_OK;
}

// the file's header, malloc'd
static char *make_header(const synth_job *job, const synth_list *list, size_t *size)
{
    st_tensor *entries = calloc((size_t)list->n, sizeof *entries);
    char(*names)[TENSOR_NAME_SIZE] = malloc((size_t)list->n * sizeof *names), *header = NULL;
    for (int i = 0; entries && names && i < list->n; i++) {
        const synth_tensor *t = &list->tensors[i];
        const tensor_spec *spec = &pi0_tensor_table[t->id];
        st_tensor *e = &entries[i];
        *e = (st_tensor){ .name = pi0_tensor_name(names[i], t->id, t->layer), .type = job->type };
        for (int d = 0; d < 4 && spec->dims[d]; d++)
            e->dims[e->n_dims++] = job->sizes.size[spec->dims[d]];
        e->bytes = (size_t)(t->elements * dtype_size(job->type));
    }
    if (entries && names) header = pi0_st_header(NULL, entries, list->n, size);
    free(entries);
    free(names);
    return header;
}

// the next piece, false when there is none or something failed; under the lock
static bool next_piece(synth_file *f, synth_tensor *t, uint64_t *first, size_t *n)
{
    if (!f->status && f->job->stop && f->job->stop())
        f->status = pi0_fail(f->err, PI0_ECANCELED, "%s: interrupted", f->path);
    if (f->status || f->tensor == f->list->n) return false;
    *t = f->list->tensors[f->tensor];
    *first = f->element;
    *n = t->elements - f->element < PIECE ? (size_t)(t->elements - f->element) : PIECE;
    f->element += *n;
    if (f->element == t->elements) {
        f->tensor++;
        f->element = 0;
    }
    return true;
}

static void *make_pieces(void *arg)
{
    synth_file *f = arg;
    synth_rule rule;
    synth_tensor t;
    uint64_t first;
    size_t n;
    const size_t element = dtype_size(f->job->type);
    void *piece = malloc(PIECE * element);

    pthread_mutex_lock(&f->lock);
    if (!piece && !f->status)
        f->status = pi0_fail(f->err, PI0_ENOMEM, "no memory for %u weights", PIECE);
    while (piece && next_piece(f, &t, &first, &n)) {
        pthread_mutex_unlock(&f->lock);
        pi0_synth_rule(&rule, &f->job->sizes, t.id, t.layer, f->job->seed);
        pi0_synth_fill(piece, f->job->type, &rule, first, n);
        const int bad =
            pi0_write_at(f->fd, piece, n * element, f->data_start + t.offset + first * element);
        const int saved = errno;
        pthread_mutex_lock(&f->lock);
        errno = saved;
        if (bad && !f->status) f->status = pi0_fail_errno(f->err, PI0_EIO, "%s: write", f->path);
        f->done += n * element;
        if (f->job->progress) f->job->progress(f->job->user, f->done, f->list->bytes);
    }
    pthread_mutex_unlock(&f->lock);
    free(piece);
    return NULL;
}

// header and data into an open file
static int write_tensors(int fd, const char *path, const synth_job *job, const synth_list *list,
                         uint64_t *bytes, pi0_error *err)
{
    size_t size = 0;
    char *header = make_header(job, list, &size);
    if (!header) return pi0_fail(err, PI0_ENOMEM, "%s: no memory for the header", path);
    const int bad = pi0_write_at(fd, header, size, 0);
    free(header);
    if (bad) return pi0_fail_errno(err, PI0_EIO, "%s: write", path);

    // the calling thread works too; fewer threads than asked for only take longer
    synth_file f = { .job = job, .list = list, .fd = fd, .data_start = size, .path = path };
    f.err = err;
    pthread_mutex_init(&f.lock, NULL);
    pthread_t threads[MAX_THREADS];
    int n = 0;
    while (n < job->n_threads - 1 && n < MAX_THREADS &&
           !pthread_create(&threads[n], NULL, make_pieces, &f))
        n++;
    make_pieces(&f);
    while (n) pthread_join(threads[--n], NULL);
    pthread_mutex_destroy(&f.lock);
    *bytes = size + list->bytes;
    return f.status;
}

// config.json as openpi's converter writes it; sizes that have no name are left out
static int config_text(char *text, size_t size, const synth_job *job)
{
    const char *variants = job->published ? "  \"paligemma_variant\": \"gemma_2b\",\n"
                                            "  \"action_expert_variant\": \"gemma_300m\",\n"
                                          : "";
    return snprintf(text, size,
                    "{\n  \"action_dim\": %d,\n  \"action_horizon\": %d,\n%s"
                    "  \"precision\": \"%s\"\n}\n",
                    job->sizes.size[SIZE_ACTION], job->horizon, variants,
                    job->type == DTYPE_BF16 ? "bfloat16" : "float32");
}

// two files in a folder, under their temporary and their final names
typedef struct synth_paths {
    char *model, *model_part, *config, *config_part;
    bool made_dir;
} synth_paths;

static int make_paths(synth_paths *p, const char *dir, pi0_error *err)
{
    char part[2][64];
    snprintf(part[0], sizeof part[0], "model.safetensors.%ld.part", (long)getpid());
    snprintf(part[1], sizeof part[1], "config.json.%ld.part", (long)getpid());
    *p = (synth_paths){ pi0_path_join(dir, "model.safetensors"), pi0_path_join(dir, part[0]),
                        pi0_path_join(dir, "config.json"), pi0_path_join(dir, part[1]), false };
    if (p->model && p->model_part && p->config && p->config_part) return PI0_OK;
    return pi0_fail(err, PI0_ENOMEM, "%s: no memory for file names", dir);
}

static void free_paths(synth_paths *p)
{
    free(p->model);
    free(p->model_part);
    free(p->config);
    free(p->config_part);
}

// the folder is there, nothing would be overwritten, the disk has room
static int prepare(synth_paths *p, const char *dir, const synth_job *job, uint64_t need,
                   pi0_error *err)
{
    p->made_dir = !mkdir(dir, 0777);
    if (!p->made_dir && errno != EEXIST)
        return pi0_fail_errno(err, PI0_EIO, "%s: cannot make the folder", dir);
    if (!pi0_is_directory(dir)) return pi0_fail(err, PI0_EIO, "%s: not a folder", dir);
    const char *there = !access(p->model, F_OK)    ? p->model
                        : !access(p->config, F_OK) ? p->config
                                                   : NULL;
    if (there && !job->force)
        return pi0_fail(err, PI0_EIO, "%s: is there already; --force overwrites it", there);
    return pi0_check_room(dir, need, err);
}

static int open_new(const char *path, int *fd, pi0_error *err)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return *fd < 0 ? pi0_fail_errno(err, PI0_EIO, "%s: cannot create", path) : PI0_OK;
}

static int write_model(const synth_paths *p, const synth_job *job, const synth_list *list,
                       uint64_t *bytes, pi0_error *err)
{
    int fd, status = open_new(p->model_part, &fd, err);
    if (status) return status;
    status = write_tensors(fd, p->model_part, job, list, bytes, err);
    if (close(fd) && !status) status = pi0_fail_errno(err, PI0_EIO, "%s: close", p->model_part);
    return status;
}

static int write_config(const synth_paths *p, const synth_job *job, pi0_error *err)
{
    char text[512];
    const int length = config_text(text, sizeof text, job);
    int fd, status = open_new(p->config_part, &fd, err);
    if (status) return status;
    if (pi0_write_at(fd, text, (size_t)length, 0))
        status = pi0_fail_errno(err, PI0_EIO, "%s: write", p->config_part);
    if (close(fd) && !status) status = pi0_fail_errno(err, PI0_EIO, "%s: close", p->config_part);
    return status;
}

// both files get their names; the tensors last, as they make the folder a checkpoint
static int give_names(const synth_paths *p, pi0_error *err)
{
    if (rename(p->config_part, p->config))
        return pi0_fail_errno(err, PI0_EIO, "%s: cannot rename to %s", p->config_part, p->config);
    if (!rename(p->model_part, p->model)) return PI0_OK;
    const int status =
        pi0_fail_errno(err, PI0_EIO, "%s: cannot rename to %s", p->model_part, p->model);
    // a config without tensors is no checkpoint; over an old one, its tensors are still there
    if (access(p->model, F_OK)) unlink(p->config);
    return status;
}

int pi0_synth_write(const char *dir, const synth_job *job, uint64_t *bytes, pi0_error *err)
{
    synth_list list = { NULL, 0, 0 };
    synth_paths paths;
    int status = make_paths(&paths, dir, err);
    if (!status) status = make_list(&list, job, err);
    if (!status) status = prepare(&paths, dir, job, list.bytes + (1 << 20), err);
    if (!status) {
        status = write_model(&paths, job, &list, bytes, err);
        if (!status) status = write_config(&paths, job, err);
        if (!status) status = give_names(&paths, err);
        if (status) {
            unlink(paths.model_part);
            unlink(paths.config_part);
        }
    }
    if (status && paths.made_dir) rmdir(dir);
    free(list.tensors);
    free_paths(&paths);
    return status;
}

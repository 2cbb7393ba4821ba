/* SPDX-License-Identifier: Apache-2.0 */
/* helper.c - what the shell tests of the command cannot do themselves:
 *
 *     raw EXPECTED OUT [CHANGE]         a --raw file from a golden case, or one with a fault
 *     noise EXPECTED ROWS OUT.npy       the case's noise, the first ROWS rows
 *     picture EXPECTED CAMERA OUT.png   what that camera saw
 *     state EXPECTED                    the state that entered the network: N,N,...
 *     compare A.npy EXPECTED KEY LIMIT  the largest difference, failing beyond LIMIT
 *     relative A.npy EXPECTED KEY LIMIT the same, of differences over max(1,|x|)
 *     stack N IN.npy OUT.npy            an array N times over, as [N,...]
 *     slice I IN.npy OUT.npy            element I of the first axis, f64
 *     interrupt MS COMMAND...           Ctrl-C after so long; the exit status is the command's
 *     json PATH                         a value of the one JSON object on stdin: a.b.0
 *     rows                              pi0 verify --json on stdin as "module mode [r,c] pass";
 * each row has all its numbers, and passes as its bound says
 */
#include "data/npy.h"
#include "data/safetensors.h"
#include <jansson.h>
#include <math.h>
#include <png.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const cameras[] = { "base_0_rgb", "left_wrist_0_rgb", "right_wrist_0_rgb" };
#define PICTURE (224 * 224 * 3)

__attribute__((noreturn)) static void die(const char *message)
{
    fprintf(stderr, "helper: %s\n", message);
    exit(1);
}

static const st_tensor *need(const safetensors *st, const char *name)
{
    const st_tensor *t = pi0_safetensors_find(st, name);
    if (!t) die(name);
    return t;
}

static void open_case(safetensors *st, const char *path)
{
    pi0_error err;
    if (pi0_safetensors_open(st, path, &err)) die(err.message);
}

static const st_tensor *input(const safetensors *st, const char *prefix, const char *name)
{
    char key[128];
    snprintf(key, sizeof key, "taps.in.%s%s", prefix, name);
    return need(st, key);
}

/* ---- a raw file ---- */

typedef struct raw_out {
    char header[4096], change[32];
    unsigned char *data;
    size_t size;
} raw_out;

static void add(raw_out *r, const char *name, const char *type, const char *shape, const void *data,
                size_t bytes)
{
    const size_t at = strlen(r->header);
    snprintf(r->header + at, sizeof r->header - at,
             "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
             at > 1 ? "," : "", name, type, shape, r->size, r->size + bytes);
    r->data = realloc(r->data, r->size + bytes + 1);
    memcpy(r->data + r->size, data, bytes);
    r->size += bytes;
}

static bool changed(const raw_out *r, const char *change)
{
    return !strcmp(r->change, change);
}

static void add_images(raw_out *r, const safetensors *st)
{
    static unsigned char images[3 * PICTURE];
    static float pixels[3 * PICTURE];
    char shape[64];
    int n = 0;
    for (int c = 0; c < 3; c++) {
        if (!*(const unsigned char *)input(st, "image_mask.", cameras[c])->data) continue;
        memcpy(images + n++ * PICTURE, input(st, "image.", cameras[c])->data, PICTURE);
    }
    // [n][224*224][3] to [n][3][224*224], scaled as openpi does
    for (int i = 0; i < n * PICTURE; i++) {
        const int image = i / PICTURE, at = i % PICTURE / 3, c = i % 3;
        pixels[image * PICTURE + c * (PICTURE / 3) + at] = (float)images[i] / 255.0f * 2.0f - 1.0f;
    }
    if (changed(r, "nan-pixels")) pixels[PICTURE / 3 + 224 + 5] = NAN;
    if (changed(r, "bright-pixels")) pixels[7] = 200;
    snprintf(shape, sizeof shape, "[%d,224,224,3]", n);
    if (changed(r, "bad-shape")) snprintf(shape, sizeof shape, "[%d,3,224,224]", n);
    if (strstr(r->change, "pixels")) {
        snprintf(shape, sizeof shape, "[%d,3,224,224]", n);
        add(r, "pixels", "F32", shape, pixels, (size_t)n * PICTURE * 4);
    } else if (!changed(r, "no-images"))
        add(r, "images", changed(r, "bad-type") ? "I8" : "U8", shape, images, (size_t)n * PICTURE);
    if (changed(r, "both")) add(r, "pixels", "F32", "[1,3,224,224]", pixels, (size_t)PICTURE * 4);
}

static int valid_tokens(const safetensors *st, int64_t ids[512])
{
    const st_tensor *t = input(st, "", "tokenized_prompt"),
                    *mask = input(st, "", "tokenized_prompt_mask");
    int n = 0;
    for (int i = 0; i < (int)t->dims[0] && n < 512; i++) {
        if (!((const unsigned char *)mask->data)[i]) continue;
        if (t->type == DTYPE_I64)
            memcpy(&ids[n++], (const char *)t->data + 8 * i, 8);
        else {
            int32_t id;
            memcpy(&id, (const char *)t->data + 4 * i, 4);
            ids[n++] = id;
        }
    }
    return n;
}

static void add_rest(raw_out *r, const safetensors *st)
{
    int64_t ids[512];
    float state[64];
    char shape[64];
    const int n = valid_tokens(st, ids);
    snprintf(shape, sizeof shape, "[%d]", n);
    if (changed(r, "bad-token")) ids[1] = -3;
    if (!changed(r, "no-tokens")) add(r, "tokens", "I64", shape, ids, (size_t)n * 8);

    const st_tensor *s = input(st, "", "state");
    for (int i = 0; i < 33; i++)
        state[i] = i < (int)s->dims[0] ? dtype_load(s->type, s->data, i) : 0;
    if (changed(r, "nan-state")) state[3] = INFINITY;
    if (!changed(r, "no-state"))
        add(r, "state", "F32", changed(r, "long-state") ? "[33]" : "[32]", state,
            changed(r, "long-state") ? 132 : 128);

    const st_tensor *noise = need(st, "noise");
    float *values = malloc(noise->bytes);
    memcpy(values, noise->data, noise->bytes);
    if (changed(r, "nan-noise")) values[40] = NAN;
    const int rows = (int)noise->dims[0] - changed(r, "short-noise");
    snprintf(shape, sizeof shape, "[%d,%d]", rows, (int)noise->dims[1]);
    if (!changed(r, "no-noise"))
        add(r, "noise", "F32", shape, values, (size_t)rows * (size_t)noise->dims[1] * 4);
    free(values);
    if (changed(r, "unused")) add(r, "wrist", "U8", "[3]", "abc", 3);
}

static void make_raw(const char *from, const char *to, const char *change)
{
    static raw_out r = { .header = "{" };
    safetensors st;
    open_case(&st, from);
    snprintf(r.change, sizeof r.change, "%s", change);
    add_images(&r, &st);
    add_rest(&r, &st);
    strcat(r.header, "}");
    while (strlen(r.header) % 8) strcat(r.header, " ");

    unsigned char length[8] = { 0 };
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)(strlen(r.header) >> 8 * i & 255);
    FILE *f = fopen(to, "wb");
    if (!f) die(to);
    fwrite(length, 1, 8, f);
    fwrite(r.header, 1, strlen(r.header), f);
    fwrite(r.data, 1, r.size, f);
    if (fclose(f)) die(to);
    free(r.data);
    pi0_safetensors_close(&st);
}

/* ---- noise, pictures ---- */

static void make_noise(const char *from, int rows, const char *to)
{
    safetensors st;
    pi0_error err;
    open_case(&st, from);
    const st_tensor *t = need(&st, "noise");
    const int64_t dims[2] = { rows, t->dims[1] };
    float *values = malloc(t->bytes);
    if (rows > t->dims[0]) die("not so many rows");
    memcpy(values, t->data, t->bytes);
    if (pi0_npy_write_f32(to, values, 2, dims, &err)) die(err.message);
    free(values);
    pi0_safetensors_close(&st);
}

static void make_picture(const char *from, const char *camera, const char *to)
{
    safetensors st;
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = 224, .height = 224, .format = PNG_FORMAT_RGB
    };
    open_case(&st, from);
    if (!png_image_write_to_file(&image, to, 0, input(&st, "image.", camera)->data, 0, NULL))
        die(to);
    pi0_safetensors_close(&st);
}

static void print_state(const char *from)
{
    safetensors st;
    open_case(&st, from);
    const st_tensor *t = input(&st, "", "state");
    for (int i = 0; i < (int)t->dims[0]; i++) {
        double x = (double)dtype_load(t->type, t->data, i);
        if (t->type == DTYPE_F64) memcpy(&x, (const char *)t->data + 8 * i, 8);
        printf("%s%.17g", i ? "," : "", x);
    }
    printf("\n");
    pi0_safetensors_close(&st);
}

static int interrupt(int ms, char **command)
{
    int status;
    const pid_t child = fork();
    if (child == 0) {
        // a shell's background job would ignore it
        signal(SIGINT, SIG_DFL);
        execv(command[0], command);
        _exit(127);
    }
    usleep((unsigned)ms * 1000);
    kill(child, SIGINT);
    if (child < 0 || waitpid(child, &status, 0) != child) die("cannot run it");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- looking at results ---- */

static void compare(const char *npy, const char *from, const char *key, double limit, bool relative)
{
    npy_array a;
    safetensors st;
    pi0_error err;
    if (pi0_npy_read(&a, npy, &err)) die(err.message);
    open_case(&st, from);
    const st_tensor *t = need(&st, key);
    if (a.n_dims != 2 || t->n_dims != 2 || a.dims[0] != t->dims[0] || a.dims[1] != t->dims[1])
        die("other shapes");
    double largest = 0;
    for (ptrdiff_t i = 0; i < a.dims[0] * a.dims[1]; i++) {
        const double x = (double)dtype_load(t->type, t->data, i);
        const double d = fabs((double)a.data[i] - x) / (relative && fabs(x) > 1 ? fabs(x) : 1);
        largest = d > largest || isnan(d) ? d : largest;
    }
    printf("%g\n", largest);
    pi0_npy_free(&a);
    pi0_safetensors_close(&st);
    if (!(largest <= limit)) exit(1);
}

static void stack(int n, const char *from, const char *to)
{
    npy_array a;
    pi0_error err;
    if (pi0_npy_read(&a, from, &err)) die(err.message);
    size_t size = 1;
    int64_t dims[NPY_MAX_DIMS] = { n };
    for (int d = 0; d < a.n_dims && d + 1 < NPY_MAX_DIMS; d++)
        size *= (size_t)(dims[d + 1] = a.dims[d]);
    float *all = malloc((size_t)n * size * sizeof *all);
    for (int i = 0; i < n; i++) memcpy(all + (size_t)i * size, a.data, size * sizeof *all);
    if (pi0_npy_write_f32(to, all, a.n_dims + 1, dims, &err)) die(err.message);
    free(all);
    pi0_npy_free(&a);
}

// its bytes as they are: reading would round f64
static void slice(int index, const char *from, const char *to)
{
    npy_array a;
    pi0_error err;
    char *bytes;
    size_t size;
    if (pi0_npy_read(&a, from, &err) || pi0_file_read(&bytes, &size, from, 1u << 30, &err))
        die(err.message);
    if (a.n_dims != 3 || index >= a.dims[0]) die("not so many");
    const size_t n = (size_t)(a.dims[1] * a.dims[2]);
    const size_t header = size - (size_t)a.dims[0] * n * sizeof(double);
    double *values = malloc(n * sizeof *values);
    memcpy(values, bytes + header + (size_t)index * n * sizeof *values, n * sizeof *values);
    if (pi0_npy_write_f64(to, values, 2, a.dims + 1, &err)) die(err.message);
    free(values);
    free(bytes);
    pi0_npy_free(&a);
}

static void look(const char *path)
{
    json_error_t error;
    // the whole of stdin is one object
    json_t *root = json_loadf(stdin, JSON_REJECT_DUPLICATES, &error), *v = root;
    if (!root) die(error.text);
    char *copy = strdup(path);
    for (char *word = strtok(copy, "."); word && v; word = strtok(NULL, "."))
        v = json_is_array(v) ? json_array_get(v, (size_t)atoi(word)) : json_object_get(v, word);
    if (!v) die("no such value");
    char *text = json_is_string(v) ? strdup(json_string_value(v)) : json_dumps(v, JSON_ENCODE_ANY);
    printf("%s\n", text);
    free(text);
    free(copy);
    json_decref(root);
}

static double number_of(json_t *row, const char *key)
{
    json_t *n = json_object_get(row, key);
    if (!n || (!json_is_number(n) && !json_is_null(n))) die(key);
    return json_is_null(n) ? NAN : json_number_value(n);
}

static void print_rows(void)
{
    static const char *const keys[] = { "pcc", "max_error", "rms_error", "rel_l2", "bound" };
    json_error_t error;
    size_t i;
    json_t *root = json_loadf(stdin, JSON_REJECT_DUPLICATES, &error), *row;
    if (!root || !json_is_array(root)) die(root ? "not a list" : error.text);
    json_array_foreach(root, i, row)
    {
        const char *module, *mode;
        int rows, cols, pass;
        if (json_unpack(row, "{s:s, s:s, s:[ii], s:b}", "module", &module, "mode", &mode, "shape",
                        &rows, &cols, "pass", &pass) ||
            json_object_size(row) != 9)
            die("a row with other keys");
        for (size_t k = 0; k < 5; k++) number_of(row, keys[k]);
        if (pass && !(number_of(row, "rel_l2") <= number_of(row, "bound"))) die(module);
        printf("%s %s [%d,%d] %s\n", module, mode, rows, cols, pass ? "pass" : "fail");
    }
    json_decref(root);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "raw") && argc >= 4)
        make_raw(argv[2], argv[3], argc > 4 ? argv[4] : "");
    else if (!strcmp(what, "noise") && argc == 5)
        make_noise(argv[2], atoi(argv[3]), argv[4]);
    else if (!strcmp(what, "picture") && argc == 5)
        make_picture(argv[2], argv[3], argv[4]);
    else if (!strcmp(what, "state") && argc == 3)
        print_state(argv[2]);
    else if (!strcmp(what, "interrupt") && argc >= 4)
        return interrupt(atoi(argv[2]), argv + 3);
    else if (!strcmp(what, "compare") && argc == 6)
        compare(argv[2], argv[3], argv[4], atof(argv[5]), false);
    else if (!strcmp(what, "relative") && argc == 6)
        compare(argv[2], argv[3], argv[4], atof(argv[5]), true);
    else if (!strcmp(what, "stack") && argc == 5)
        stack(atoi(argv[2]), argv[3], argv[4]);
    else if (!strcmp(what, "slice") && argc == 5)
        slice(atoi(argv[2]), argv[3], argv[4]);
    else if (!strcmp(what, "json") && argc == 3)
        look(argv[2]);
    else if (!strcmp(what, "rows"))
        print_rows();
    else
        die("usage: see helper.c");
    return 0;
}

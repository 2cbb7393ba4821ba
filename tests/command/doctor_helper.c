/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_helper.c - makes checkpoints and observations sick, for test_doctor.sh:
 *
 *     tensors FILE CHANGE...          a safetensors file, changed in place
 *         drop=NAME                   a tensor away
 *         copy=NAME:OTHER             a second tensor of the same values
 *         nan=NAME zero=NAME          its values
 *         shape=NAME                  [a,…] becomes [1,a,…]
 *         type=NAME:TYPE              another type of the same size, bits as they are
 *         bf16=NAME                   stored as BF16
 *         round=NAME                  F32 with the values of BF16
 *         rows=NAME:N                 the first axis cut, or filled up with zeros
 *         big=NAME:BYTES              a tensor of zeros behind all others
 *         set=NAME:INDEX:VALUE        an F32 value
 *     json FILE PATH VALUE            a value of a JSON file (PATH a/b/0; VALUE JSON or "-": away)
 *     list FILE PATH SCALE OFFSET     numbers of a JSON file, scaled, as N,N,…
 *     bytes FILE HEX HEX              bytes of a file replaced by as many others
 *     observation FILE ITEM...        a msgpack of numpy arrays, as openpi-client packs it
 *         img:KEY:TYPE:ORDER:HxW:WHAT u1, f4; hwc, chw; ramp black solid dark blue bytes signed nan
 *         vec:KEY:N,N,…               f8
 *         str:KEY:TEXT  bin:KEY:HEX   a text, bytes
 *     has ID                          JSON of pi0 doctor on stdin has this finding, whole
 *     ids                             the ids in it, each once
 */
#include "data/safetensors.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noreturn)) static void die(const char *message)
{
    fprintf(stderr, "doctor_helper: %s\n", message);
    exit(1);
}

/* ---- tensors ---- */

#define MAX_TENSORS 400
typedef struct entry {
    char name[200], type[8];
    int n_dims;
    long long dims[8];
    unsigned char *data;
    size_t bytes, hole; // zeros behind the data that no disk needs
} entry;
static entry all[MAX_TENSORS];
static int n_all;

static entry *find(const char *name)
{
    for (int i = 0; i < n_all; i++)
        if (!strcmp(all[i].name, name)) return &all[i];
    die(name);
}

static void read_tensors(const char *path)
{
    safetensors st;
    pi0_error err;
    if (pi0_safetensors_open(&st, path, &err)) die(err.message);
    if (st.n_tensors > MAX_TENSORS - 2) die("too many tensors");
    for (int i = 0; i < st.n_tensors; i++) {
        const st_tensor *t = &st.tensors[i];
        entry *e = &all[n_all++];
        snprintf(e->name, sizeof e->name, "%s", t->name);
        snprintf(e->type, sizeof e->type, "%s", dtype_name(t->type));
        e->n_dims = t->n_dims;
        for (int k = 0; k < t->n_dims; k++) e->dims[k] = t->dims[k];
        e->bytes = t->bytes;
        if (!(e->data = malloc(t->bytes + 1))) die("memory");
        memcpy(e->data, t->data, t->bytes);
    }
    pi0_safetensors_close(&st);
}

static size_t put_header(char *out, size_t room)
{
    size_t at = (size_t)snprintf(out, room, "{"), from = 0;
    for (int i = 0; i < n_all && at < room; i++) {
        const entry *e = &all[i];
        const size_t to = from + e->bytes + e->hole;
        at += (size_t)snprintf(out + at, room - at, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                               i ? "," : "", e->name, e->type);
        for (int k = 0; k < e->n_dims; k++)
            at += (size_t)snprintf(out + at, room - at, "%s%lld", k ? "," : "", e->dims[k]);
        at += (size_t)snprintf(out + at, room - at, "],\"data_offsets\":[%zu,%zu]}", from, to);
        from = to;
    }
    at += (size_t)snprintf(out + at, room - at, "}");
    while (at % 8) out[at++] = ' ';
    return at;
}

static void write_tensors(const char *path)
{
    static char header[1 << 18];
    const size_t n = put_header(header, sizeof header - 8);
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)n >> 8 * i & 255);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(length, 1, 8, f) != 8 || fwrite(header, 1, n, f) != n) die(path);
    long long hole = 0;
    for (int i = 0; i < n_all; i++) {
        if (hole) die("only the last tensor may be big");
        if (fwrite(all[i].data, 1, all[i].bytes, f) != all[i].bytes) die(path);
        hole = (long long)all[i].hole;
    }
    const long end = ftell(f);
    if (fflush(f) || (hole && ftruncate(fileno(f), end + hole)) || fclose(f)) die(path);
}

// F32 to BF16, in place (only cut) or stored as such
static void to_bf16(entry *e, int stored)
{
    if (strcmp(e->type, "F32")) die("not F32");
    for (size_t i = 0; i < e->bytes / 4; i++) {
        if (!stored) memset(e->data + 4 * i, 0, 2);
        if (stored) memcpy(e->data + 2 * i, e->data + 4 * i + 2, 2);
    }
    if (!stored) return;
    e->bytes /= 2;
    strcpy(e->type, "BF16");
}

static void set_rows(entry *e, long long rows)
{
    const size_t row = e->bytes / (size_t)e->dims[0], bytes = row * (size_t)rows;
    unsigned char *data = calloc(1, bytes + 1);
    if (!data) die("memory");
    memcpy(data, e->data, bytes < e->bytes ? bytes : e->bytes);
    free(e->data);
    e->data = data;
    e->bytes = bytes;
    e->dims[0] = rows;
}

static void add_big(const char *name, size_t bytes)
{
    entry *e = &all[n_all++];
    snprintf(e->name, sizeof e->name, "%s", name);
    strcpy(e->type, "U8");
    e->n_dims = 1;
    e->dims[0] = (long long)bytes;
    e->data = calloc(1, 1);
    e->hole = bytes;
}

// zeros, or zeros and one NaN
static void fill(entry *e, const char *what)
{
    static const unsigned char nan[4] = { 0, 0, 0xc0, 0x7f };
    const size_t item = !strcmp(e->type, "F32") ? 4 : 2;
    memset(e->data, 0, e->bytes);
    if (!strcmp(what, "nan"))
        memcpy(e->data, nan + 4 - item, item);
    else if (strcmp(what, "zero"))
        die(what);
}

static void change(char *text)
{
    char *name = strchr(text, '=');
    if (!name) die(text);
    *name++ = 0;
    char *value = strchr(name, ':');
    if (value) *value++ = 0;
    if (!strcmp(text, "big")) {
        add_big(name, (size_t)atoll(value));
        return;
    }
    entry *e = find(name);
    if (!strcmp(text, "drop")) {
        *e = all[--n_all];
    } else if (!strcmp(text, "copy")) {
        all[n_all] = *e;
        all[n_all].data = malloc(e->bytes + 1);
        memcpy(all[n_all].data, e->data, e->bytes);
        snprintf(all[n_all++].name, sizeof e->name, "%s", value);
    } else if (!strcmp(text, "shape")) {
        memmove(e->dims + 1, e->dims, sizeof *e->dims * (size_t)e->n_dims++);
        e->dims[0] = 1;
    } else if (!strcmp(text, "type")) {
        snprintf(e->type, sizeof e->type, "%s", value);
    } else if (!strcmp(text, "bf16") || !strcmp(text, "round")) {
        to_bf16(e, text[0] == 'b');
    } else if (!strcmp(text, "rows")) {
        set_rows(e, atoll(value));
    } else if (!strcmp(text, "set")) {
        char *number = strchr(value, ':');
        const float x = number ? strtof(number + 1, NULL) : 0;
        memcpy(e->data + 4 * atoi(value), &x, sizeof x);
    } else
        fill(e, text);
}

/* ---- JSON ---- */

static json_t *step(json_t *v, const char *key)
{
    return json_is_array(v) ? json_array_get(v, (size_t)atoi(key)) : json_object_get(v, key);
}

// the value at the path, and what it lies in
static json_t *walk(json_t *root, char *path, json_t **in, char **last)
{
    json_t *v = root;
    for (char *key = strtok(path, "/"); key; key = strtok(NULL, "/")) {
        *in = v;
        *last = key;
        v = step(v, key);
    }
    return v;
}

static void set_json(const char *file, char *path, const char *value)
{
    json_t *root = json_load_file(file, 0, NULL), *in = root;
    char *last = NULL;
    if (!root) die(file);
    walk(root, path, &in, &last);
    json_t *v = strcmp(value, "-") ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
    if (strcmp(value, "-") && !v) die(value);
    int bad = 0;
    if (json_is_array(in))
        bad = v ? json_array_set_new(in, (size_t)atoi(last), v)
                : json_array_remove(in, (size_t)atoi(last));
    else
        bad = v ? json_object_set_new(in, last, v) : json_object_del(in, last);
    if (bad || json_dump_file(root, file, JSON_INDENT(1))) die(path);
    json_decref(root);
}

static void list_json(const char *file, char *path, double scale, double offset)
{
    json_t *root = json_load_file(file, 0, NULL), *in = root;
    char *last = NULL;
    json_t *v = walk(root, path, &in, &last);
    if (!json_is_array(v)) die(path);
    for (size_t i = 0; i < json_array_size(v); i++)
        printf("%s%.17g", i ? "," : "", json_number_value(json_array_get(v, i)) * scale + offset);
    printf("\n");
    json_decref(root);
}

// the ids of the report on stdin, each with all that belongs to a finding
static void report(const char *wanted)
{
    json_t *root = json_loadf(stdin, JSON_REJECT_DUPLICATES, NULL), *f;
    const json_t *counts = json_object_get(root, "counts");
    size_t i, found = 0;
    json_int_t sum = 0;
    if (!root || !json_object_get(root, "model") || !json_object_get(root, "config"))
        die("not a report");
    json_array_foreach(json_object_get(root, "findings"), i, f)
    {
        const char *id = json_string_value(json_object_get(f, "id")),
                   *what = json_string_value(json_object_get(f, "what"));
        if (!id || !what || !*what || !json_string_value(json_object_get(f, "why")) ||
            !json_string_value(json_object_get(f, "todo")) ||
            !json_string_value(json_object_get(f, "severity")))
            die("a finding lacks a part");
        sum++;
        if (!wanted) printf("%s\n", id);
        found += wanted && !strcmp(wanted, id);
    }
    sum -= json_integer_value(json_object_get(counts, "errors")) +
           json_integer_value(json_object_get(counts, "warnings")) +
           json_integer_value(json_object_get(counts, "notes"));
    if (sum) die("counts do not add up");
    json_decref(root);
    if (wanted && !found) die("no such finding");
}

/* ---- bytes ---- */

static size_t from_hex(unsigned char *out, const char *hex)
{
    size_t n = 0;
    unsigned byte;
    for (; sscanf(hex, "%2x", &byte) == 1; hex += 2) out[n++] = (unsigned char)byte;
    return n;
}

static void replace_bytes(const char *path, const char *a, const char *b)
{
    static unsigned char text[1 << 16], old[256], new[256];
    FILE *f = fopen(path, "r+b");
    const size_t n = f ? fread(text, 1, sizeof text, f) : 0, m = from_hex(old, a);
    if (!n || m != from_hex(new, b)) die(path);
    for (size_t i = 0; i + m <= n; i++) {
        if (memcmp(text + i, old, m)) continue;
        if (fseek(f, (long)i, SEEK_SET) || fwrite(new, 1, m, f) != m || fclose(f)) die(path);
        return;
    }
    die("these bytes are not there");
}

/* ---- an observation ---- */

static FILE *out;

static void put_length(int small, int most, int code, size_t n)
{
    if (n < (size_t)most) {
        fputc(small | (int)n, out);
        return;
    }
    // the 32-bit form of strings, bytes and maps
    fputc(code, out);
    for (int i = 3; i >= 0; i--) fputc((int)(n >> 8 * i & 255), out);
}

static void put_text(const char *text)
{
    put_length(0xa0, 32, 0xdb, strlen(text));
    fputs(text, out);
}

static void put_bytes(const void *data, size_t n)
{
    put_length(0, 0, 0xc6, n);
    fwrite(data, 1, n, out);
}

static void put_array(const void *data, size_t bytes, const char *type, int n_dims, const int *dims)
{
    fputc(0x84, out);
    put_bytes("__ndarray__", 11);
    fputc(0xc3, out);
    put_bytes("data", 4);
    put_bytes(data, bytes);
    put_bytes("dtype", 5);
    put_text(type);
    put_bytes("shape", 5);
    fputc(0x90 | n_dims, out);
    for (int i = 0; i < n_dims; i++) {
        fputc(0xcd, out);
        fputc(dims[i] >> 8, out);
        fputc(dims[i] & 255, out);
    }
}

// colour c of pixel (y, x), in [0,1]
static double pixel(const char *what, int y, int x, int c)
{
    if (!strcmp(what, "black")) return 0;
    if (!strcmp(what, "solid")) return 0.2 * (c + 1);
    if (!strcmp(what, "blue")) return c == 2 ? 0.8 : 0.1 + 0.001 * (x % 7);
    const double ramp = 0.2 + 0.6 * ((x * 7 + y * 3 + c * 5) % 200) / 200;
    if (!strcmp(what, "dark")) return ramp / 255;
    if (!strcmp(what, "bytes")) return ramp * 255;
    if (!strcmp(what, "signed")) return ramp * 2 - 1;
    if (!strcmp(what, "nan") && !y && x == 1) return NAN;
    return ramp;
}

static void put_image(char *spec)
{
    const char *type = strtok(spec, ":"), *order = strtok(NULL, ":"), *size = strtok(NULL, ":"),
               *what = strtok(NULL, ":");
    int h, w;
    if (!what || sscanf(size, "%dx%d", &h, &w) != 2) die("img:KEY:TYPE:ORDER:HxW:WHAT");
    const int f4 = !strcmp(type, "f4"), chw = !strcmp(order, "chw"), n = h * w * 3;
    const int dims[3] = { chw ? 3 : h, chw ? h : w, chw ? w : 3 };
    unsigned char *data = calloc((size_t)n, 4);
    for (int i = 0; i < n; i++) {
        const int c = chw ? i / (h * w) : i % 3, p = chw ? i % (h * w) : i / 3;
        const double v = pixel(what, p / w, p % w, c);
        const float f = (float)v;
        if (f4)
            memcpy(data + 4 * i, &f, sizeof f);
        else
            data[i] = (unsigned char)(!strcmp(what, "dark") ? v * 255 + 0.5 : v * 255);
    }
    put_array(data, (size_t)n * (f4 ? 4 : 1), f4 ? "<f4" : "|u1", 3, dims);
    free(data);
}

static void put_vector(char *text)
{
    double v[256];
    int n = 0;
    for (char *word = strtok(text, ","); word && n < 256; word = strtok(NULL, ","))
        v[n++] = strtod(word, NULL);
    put_array(v, (size_t)n * sizeof *v, "<f8", 1, &n);
}

static void put_item(char *item)
{
    unsigned char bytes[256];
    char *key = strchr(item, ':'), *value = key ? strchr(key + 1, ':') : NULL;
    if (!value) die(item);
    *key++ = 0;
    *value++ = 0;
    put_text(key);
    if (!strcmp(item, "img"))
        put_image(value);
    else if (!strcmp(item, "vec"))
        put_vector(value);
    else if (!strcmp(item, "bin"))
        put_bytes(bytes, from_hex(bytes, value));
    else
        put_text(value);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "tensors") && argc > 3) {
        read_tensors(argv[2]);
        for (int i = 3; i < argc; i++) change(argv[i]);
        write_tensors(argv[2]);
    } else if (!strcmp(what, "json") && argc == 5)
        set_json(argv[2], argv[3], argv[4]);
    else if (!strcmp(what, "list") && argc == 6)
        list_json(argv[2], argv[3], atof(argv[4]), atof(argv[5]));
    else if (!strcmp(what, "bytes") && argc == 5)
        replace_bytes(argv[2], argv[3], argv[4]);
    else if (!strcmp(what, "observation") && argc > 3) {
        if (!(out = fopen(argv[2], "wb"))) die(argv[2]);
        fputc(0x80 | (argc - 3), out);
        for (int i = 3; i < argc; i++) put_item(argv[i]);
        if (fclose(out)) die(argv[2]);
    } else if (!strcmp(what, "has") && argc == 3)
        report(argv[2]);
    else if (!strcmp(what, "ids"))
        report(NULL);
    else
        die("usage: see doctor_helper.c");
    return 0;
}

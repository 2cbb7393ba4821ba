/* SPDX-License-Identifier: Apache-2.0 */
/* make_observation.c - observations for the tests of the command:
 *
 *     lerobot EXPECTED OUT.msgpack      what a LeRobot golden case's robot saw, under its keys
 *     edit FROM.msgpack OUT.msgpack [EDIT...]   another one, or one with a fault:
 *         drop:KEY  rename:KEY=NEW  nil:KEY  number:KEY=X  text:KEY=T  bytes:KEY=T  unicode:KEY=T
 *         type:KEY=T  shape:KEY=N,N  first:KEY=N  list:KEY  scalar:KEY (of numpy, its first value)
 *         value:KEY=I,X (float arrays)  floats:KEY=2|4|8 (a picture in [0,1])  scale:KEY=X (that)
 *         turn:KEY (colours first to colours last, or back)  double:KEY (f4 to f8)
 *     json FROM.msgpack FOLDER [whole]  FOLDER/observation.json and its pictures as PNG; whole: the
 *                                       state as one list
 */
#include "data/npy.h"
#include "data/safetensors.h"
#include <assert.h>
#include <jansson.h>
#include <msgpack.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noreturn)) static void die(const char *message)
{
    fprintf(stderr, "make_observation: %s\n", message);
    exit(1);
}

/* ---- msgpack objects, made and kept until the end ---- */

static void *room(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p) die("no memory");
    return p;
}

static msgpack_object blob(msgpack_object_type type, const void *data, size_t size)
{
    msgpack_object o = { .type = type };
    char *copy = room(size);
    memcpy(copy, data, size);
    if (type == MSGPACK_OBJECT_STR)
        o.via.str = (msgpack_object_str){ (uint32_t)size, copy };
    else
        o.via.bin = (msgpack_object_bin){ (uint32_t)size, copy };
    return o;
}

static msgpack_object text(const char *s)
{
    return blob(MSGPACK_OBJECT_STR, s, strlen(s));
}

static msgpack_object bytes(const char *s)
{
    return blob(MSGPACK_OBJECT_BIN, s, strlen(s));
}

static msgpack_object number(double x)
{
    return (msgpack_object){ .type = MSGPACK_OBJECT_FLOAT64, .via.f64 = x };
}

static msgpack_object map(uint32_t room_for)
{
    msgpack_object o = { .type = MSGPACK_OBJECT_MAP };
    o.via.map.ptr = room(room_for * sizeof *o.via.map.ptr);
    return o;
}

static void put(msgpack_object *o, msgpack_object key, msgpack_object value)
{
    o->via.map.ptr[o->via.map.size++] = (msgpack_object_kv){ key, value };
}

// as openpi-client packs it: keys are bytes
static msgpack_object ndarray(const char *type, int n_dims, const int64_t *dims, const void *data,
                              size_t size)
{
    msgpack_object o = map(4), shape = { .type = MSGPACK_OBJECT_ARRAY };
    shape.via.array.ptr = room((size_t)n_dims * sizeof *shape.via.array.ptr);
    shape.via.array.size = (uint32_t)n_dims;
    for (int i = 0; i < n_dims; i++) {
        shape.via.array.ptr[i].type = MSGPACK_OBJECT_POSITIVE_INTEGER;
        shape.via.array.ptr[i].via.u64 = (uint64_t)dims[i];
    }
    put(&o, bytes("__ndarray__"),
        (msgpack_object){ .type = MSGPACK_OBJECT_BOOLEAN, .via.boolean = true });
    put(&o, bytes("data"), blob(MSGPACK_OBJECT_BIN, data, size));
    put(&o, bytes("dtype"), text(type));
    put(&o, bytes("shape"), shape);
    return o;
}

static bool is(const msgpack_object *key, const char *name, size_t n)
{
    // texts and bytes lie alike
    return key->via.str.size == n && !memcmp(key->via.str.ptr, name, n);
}

static msgpack_object_kv *find_in(msgpack_object *o, const char *key)
{
    for (uint32_t i = 0; i < o->via.map.size; i++)
        if (is(&o->via.map.ptr[i].key, key, strlen(key))) return &o->via.map.ptr[i];
    return NULL;
}

static msgpack_object *holder; // the map that find() found a key in

// "images/cam_high" in a map of maps, or a key with a slash
static msgpack_object_kv *find(msgpack_object *root, const char *key)
{
    msgpack_object_kv *kv = find_in(root, key);
    const char *slash = strchr(key, '/');
    holder = root;
    if (!kv && slash) {
        char first[100];
        snprintf(first, sizeof first, "%.*s", (int)(slash - key), key);
        kv = find_in(root, first);
        if (kv) holder = &kv->val;
        if (kv) kv = find_in(&kv->val, slash + 1);
    }
    if (!kv) die(key);
    return kv;
}

static void save(const msgpack_object *root, const char *path)
{
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    if (msgpack_pack_object(&packer, *root)) die("cannot pack");
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(buffer.data, 1, buffer.size, f) != buffer.size || fclose(f)) die(path);
    msgpack_sbuffer_destroy(&buffer);
}

static msgpack_object load(const char *path)
{
    static msgpack_unpacked unpacked;
    char *data;
    size_t size, at = 0;
    pi0_error err;
    if (pi0_file_read(&data, &size, path, 64u << 20, &err)) die(err.message);
    msgpack_unpacked_init(&unpacked);
    if (msgpack_unpack_next(&unpacked, data, size, &at) != MSGPACK_UNPACK_SUCCESS) die(path);
    return unpacked.data;
}

/* ---- arrays ---- */

typedef struct array {
    const char *type; // "|u1"
    unsigned char *data;
    size_t item, n; // bytes of an element, elements
    int n_dims;
    int64_t dims[4];
} array;

static array array_of(msgpack_object *o)
{
    array a = { .n = 1 };
    static char type[8];
    const msgpack_object *t = &find_in(o, "dtype")->val, *s = &find_in(o, "shape")->val;
    snprintf(type, sizeof type, "%.*s", (int)t->via.str.size, t->via.str.ptr);
    a.type = type;
    a.item = (size_t)(type[2] - '0');
    // what was unpacked lies in memory of ours
    a.data = (unsigned char *)(uintptr_t)find_in(o, "data")->val.via.bin.ptr;
    a.n_dims = (int)s->via.array.size;
    for (int i = 0; i < a.n_dims; i++)
        a.n *= (size_t)(a.dims[i] = (int64_t)s->via.array.ptr[i].via.u64);
    return a;
}

static double element(const array *a, size_t i)
{
    float f;
    double d;
    if (a->type[1] != 'f') return a->data[i];
    memcpy(&f, a->data + 4 * i, 4);
    if (a->item == 8) memcpy(&d, a->data + 8 * i, 8);
    return a->item == 4 ? (double)f : d;
}

// x in (0,1] or 0 as float16, rounded down
static uint16_t half(double x)
{
    uint16_t h = 0;
    for (uint16_t step = 0x4000; step; step = (uint16_t)(step >> 1))
        if ((double)f16_to_f32((uint16_t)(h + step)) <= x) h = (uint16_t)(h + step);
    return h;
}

// a picture of bytes as floats in [0,1], all of them multiplied by `scale`
static msgpack_object floats(const array *a, size_t item, double scale)
{
    char type[8];
    unsigned char *data = room(a->n * item);
    for (size_t i = 0; i < a->n; i++) {
        const double d = element(a, i) / (a->type[1] == 'f' ? 1 : 255) * scale;
        const float f = (float)d;
        const uint16_t h = half(d);
        memcpy(data + i * item,
               item == 8   ? (const void *)&d
               : item == 4 ? (const void *)&f
                           : &h,
               item);
    }
    snprintf(type, sizeof type, "<f%zu", item);
    return ndarray(type, a->n_dims, a->dims, data, a->n * item);
}

// [3][h][w] to [h][w][3], or back
static msgpack_object turned(const array *a)
{
    unsigned char *data = room(a->n);
    const bool planes = a->dims[0] == 3;
    const size_t pixels = a->n / 3;
    const int64_t dims[3] = { planes ? a->dims[1] : 3, planes ? a->dims[2] : a->dims[0],
                              planes ? 3 : a->dims[1] };
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            if (planes)
                data[3 * i + c] = a->data[c * pixels + i];
            else
                data[c * pixels + i] = a->data[3 * i + c];
    return ndarray("|u1", 3, dims, data, a->n);
}

static msgpack_object unicode(const char *s)
{
    char type[32];
    uint32_t *wide = room(4 * strlen(s) + 4);
    size_t n = 0;
    for (const unsigned char *c = (const unsigned char *)s; *c; n++) {
        const int more = *c < 0x80 ? 0 : *c < 0xe0 ? 1 : *c < 0xf0 ? 2 : 3;
        wide[n] = more ? *c & (0x3fu >> more) : *c;
        c++;
        for (int i = 0; i < more; i++) wide[n] = wide[n] << 6 | (*c++ & 0x3fu);
    }
    snprintf(type, sizeof type, "<U%zu", n);
    return ndarray(type, 0, NULL, wide, 4 * n);
}

/* ---- edits ---- */

static void set_shape(msgpack_object *o, const char *dims)
{
    msgpack_object *shape = &find_in(o, "shape")->val;
    shape->via.array.ptr = room(16 * sizeof *shape->via.array.ptr);
    shape->via.array.size = 0;
    for (const char *at = dims; *at; at += strspn(at, ",")) {
        msgpack_object *d = &shape->via.array.ptr[shape->via.array.size++];
        char *end;
        const long long n = strtoll(at, &end, 10);
        d->type = n < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER : MSGPACK_OBJECT_POSITIVE_INTEGER;
        d->via.i64 = n;
        at = end;
    }
}

static void set_value(msgpack_object *o, const char *what)
{
    const array a = array_of(o);
    const size_t at = strtoul(what, NULL, 10);
    const double d = strtod(strchr(what, ',') + 1, NULL);
    const float f = (float)d;
    assert(at < a.n && a.type[1] == 'f');
    memcpy(a.data + at * a.item, a.item == 8 ? (const void *)&d : &f, a.item);
}

static msgpack_object list_of(const array *a)
{
    msgpack_object o = { .type = MSGPACK_OBJECT_ARRAY };
    o.via.array.ptr = room(a->n * sizeof *o.via.array.ptr);
    for (size_t i = 0; i < a->n; i++) o.via.array.ptr[o.via.array.size++] = number(element(a, i));
    return o;
}

static msgpack_object scalar_of(const array *a)
{
    msgpack_object o = map(3);
    put(&o, bytes("__npgeneric__"),
        (msgpack_object){ .type = MSGPACK_OBJECT_BOOLEAN, .via.boolean = true });
    put(&o, bytes("data"), number(element(a, 0)));
    put(&o, bytes("dtype"), text("<f4"));
    return o;
}

static bool edit_plain(msgpack_object_kv *kv, const char *what, const char *value)
{
    if (!strcmp(what, "nil"))
        kv->val = (msgpack_object){ .type = MSGPACK_OBJECT_NIL };
    else if (!strcmp(what, "number"))
        kv->val = number(strtod(value, NULL));
    else if (!strcmp(what, "text"))
        kv->val = text(value);
    else if (!strcmp(what, "bytes"))
        kv->val = bytes(value);
    else if (!strcmp(what, "unicode"))
        kv->val = unicode(value);
    else if (!strcmp(what, "rename"))
        kv->key = text(value);
    else
        return false;
    return true;
}

static bool edit_array(msgpack_object_kv *kv, const char *what, const char *value)
{
    if (!strcmp(what, "type")) {
        find_in(&kv->val, "dtype")->val = text(value);
        return true;
    }
    if (!strcmp(what, "shape")) {
        set_shape(&kv->val, value);
        return true;
    }
    if (!strcmp(what, "value")) {
        set_value(&kv->val, value);
        return true;
    }
    const array a = array_of(&kv->val);
    if (!strcmp(what, "list"))
        kv->val = list_of(&a);
    else if (!strcmp(what, "first"))
        kv->val = ndarray(strdup(a.type), 1, (int64_t[]){ atoi(value) }, a.data,
                          (size_t)atoi(value) * a.item);
    else if (!strcmp(what, "scalar"))
        kv->val = scalar_of(&a);
    else if (!strcmp(what, "turn"))
        kv->val = turned(&a);
    else if (!strcmp(what, "floats"))
        kv->val = floats(&a, strtoul(value, NULL, 10), 1);
    else if (!strcmp(what, "scale"))
        kv->val = floats(&a, a.type[1] == 'f' ? a.item : 4, strtod(value, NULL));
    else if (!strcmp(what, "double"))
        kv->val = floats(&a, 8, 1);
    else
        return false;
    return true;
}

static void edit(msgpack_object *root, const char *order)
{
    char *copy = strdup(order), *key = strchr(copy, ':'), *value;
    if (!key) die(order);
    *key++ = 0;
    if ((value = strchr(key, '='))) *value++ = 0;
    msgpack_object_kv *kv = find(root, key);
    if (!strcmp(copy, "drop"))
        *kv = holder->via.map.ptr[--holder->via.map.size];
    else if (!edit_plain(kv, copy, value) && !edit_array(kv, copy, value))
        die(order);
    free(copy);
}

/* ---- LeRobot ---- */

static void make_lerobot(const char *from, const char *to)
{
    static const char raw[] = "raw.";
    msgpack_object root = map(16);
    safetensors st;
    pi0_error err;
    if (pi0_safetensors_open(&st, from, &err)) die(err.message);
    for (int i = 0; i < st.n_tensors; i++) {
        const st_tensor *t = &st.tensors[i];
        if (!strncmp(t->name, raw, 4))
            put(&root, text(t->name + 4), ndarray("|u1", t->n_dims, t->dims, t->data, t->bytes));
        else if (!strcmp(t->name, "state"))
            put(&root, text("observation.state"),
                ndarray("<f4", t->n_dims, t->dims, t->data, t->bytes));
        else if (!strcmp(t->name, "task"))
            put(&root, text("task"), blob(MSGPACK_OBJECT_STR, t->data, t->bytes));
    }
    if (root.via.map.size < 3) die("not a LeRobot case");
    save(&root, to);
    pi0_safetensors_close(&st);
}

/* ---- JSON ---- */

static void add_picture(json_t *images, const char *folder, const char *key, const array *a)
{
    char name[64], path[4096];
    array pixels = *a;
    if (a->dims[0] == 3) {
        msgpack_object o = turned(a);
        pixels = array_of(&o);
    }
    png_image image = { .version = PNG_IMAGE_VERSION,
                        .width = (png_uint_32)pixels.dims[1],
                        .height = (png_uint_32)pixels.dims[0],
                        .format = PNG_FORMAT_RGB };
    snprintf(name, sizeof name, "picture%d.png", (int)json_object_size(images));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!png_image_write_to_file(&image, path, 0, pixels.data, 0, NULL)) die(path);
    json_object_set_new(images, key, json_string(name));
}

static void add_to_json(json_t *root, const char *folder, const char *key, msgpack_object *v)
{
    json_t *images = json_object_get(root, "images"), *state = json_object_get(root, "state");
    if (v->type == MSGPACK_OBJECT_STR) {
        json_object_set_new(root, "prompt", json_stringn(v->via.str.ptr, v->via.str.size));
        return;
    }
    const array a = array_of(v);
    if (a.n_dims == 3) {
        add_picture(images, folder, key, &a);
        return;
    }
    json_t *values = json_array();
    for (size_t i = 0; i < a.n; i++) json_array_append_new(values, json_real(element(&a, i)));
    if (json_is_array(state))
        json_array_extend(state, values);
    else
        json_object_set(state, key, values);
    json_decref(values);
}

static void make_json(const char *from, const char *folder, bool whole)
{
    char path[4096], key[100];
    msgpack_object o = load(from);
    json_t *root =
        json_pack("{s:{}, s:o}", "images", "state", whole ? json_array() : json_object());
    for (uint32_t i = 0; i < o.via.map.size; i++) {
        msgpack_object_kv *kv = &o.via.map.ptr[i];
        snprintf(key, sizeof key, "%.*s", (int)kv->key.via.str.size, kv->key.via.str.ptr);
        if (strcmp(key, "images")) {
            add_to_json(root, folder, key, &kv->val);
            continue;
        }
        for (uint32_t k = 0; k < kv->val.via.map.size; k++) {
            msgpack_object_kv *inner = &kv->val.via.map.ptr[k];
            snprintf(key, sizeof key, "%.*s", (int)inner->key.via.str.size, inner->key.via.str.ptr);
            add_to_json(root, folder, key, &inner->val);
        }
    }
    snprintf(path, sizeof path, "%s/observation.json", folder);
    if (json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(17))) die(path);
    json_decref(root);
}

int main(int argc, char **argv)
{
    const char *what = argc > 3 ? argv[1] : "";
    if (!strcmp(what, "lerobot") && argc == 4) {
        make_lerobot(argv[2], argv[3]);
    } else if (!strcmp(what, "json")) {
        make_json(argv[2], argv[3], argc > 4);
    } else if (!strcmp(what, "edit")) {
        msgpack_object root = load(argv[2]);
        for (int i = 4; i < argc; i++) edit(&root, argv[i]);
        save(&root, argv[3]);
    } else {
        die("usage: see make_observation.c");
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* client_pack.c - an observation as openpi-client would pack it: pictures as arrays of bytes,
 * states as float64, the prompt as text. */
#include "client/client.h"
#include "core/error.h"
#include "core/pixels.h"
#include "wire/numpy.h"
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 16384
#define CHUNK 3072 // bytes that are moved at once

// where it is packed to
typedef struct packing {
    msgpack_packer to;
    pi0_client *c;
} packing;

static int append(void *data, const char *from, size_t size)
{
    pi0_client *c = data;
    if (size > c->o.max_message || c->request.size > c->o.max_message - size) return -2;
    return pi0_bytes_append(&c->request, from, size) ? 0 : -1;
}

/* ---- pictures ---- */

// a picture's numbers in memory and on their way
typedef struct picture {
    const unsigned char *from;
    size_t width, height;
    pixel_layout at;
    bool send_planes;
} picture;

// in the map "images", as planes
static bool is_bare(const char *camera)
{
    return !strpbrk(camera, "/.");
}

static int check_image(const pi0_image *image, int i, pi0_error *err)
{
    if (!image->camera || !*image->camera)
        return pi0_fail(err, PI0_EINVAL, "picture %d has no camera's name: a server needs it", i);
    if (image->format < PI0_RGB8_HWC || image->format > PI0_RGBF32_CHW)
        return pi0_fail(err, PI0_EINVAL,
                        "image %s: format %d, expected PI0_RGB8_HWC (0) to PI0_RGBF32_CHW (3)",
                        image->camera, image->format);
    if (!image->rgb || image->width < 1 || image->height < 1 || image->width > MAX_SIDE ||
        image->height > MAX_SIDE)
        return pi0_fail(err, PI0_EINVAL, "image %s: %d x %d pixels, expected 1 to %d a side",
                        image->camera, image->width, image->height, MAX_SIDE);
    const pixel_layout l = pixels_of(image);
    if (l.stride < l.least)
        return pi0_fail(err, PI0_EINVAL, "image %s: a stride of %zu bytes, a row has %zu",
                        image->camera, l.stride, l.least);
    return PI0_OK;
}

static picture describe(const pi0_client *c, const pi0_image *image)
{
    picture p = { .from = image->rgb,
                  .width = (size_t)image->width,
                  .height = (size_t)image->height,
                  .at = pixels_of(image) };
    p.send_planes =
        c->o.image_axes ? !strcmp(c->o.image_axes, "CHW") : p.at.planes || is_bare(image->camera);
    return p;
}

// rows as they are in memory
static int send_rows(msgpack_packer *to, const picture *p)
{
    const size_t rows = p->at.planes ? 3 * p->height : p->height;
    int bad = 0;
    for (size_t y = 0; y < rows && !bad; y++)
        bad = msgpack_pack_bin_body(to, p->from + y * p->at.stride, p->at.least);
    return bad;
}

// pixels as planes, planes as pixels
static int send_transposed(msgpack_packer *to, const picture *p)
{
    unsigned char chunk[CHUNK];
    // of colours, rows and pixels, or of rows, pixels and colours: how many, and how far apart
    const size_t n[] = { 3, p->height, p->width, 3 };
    const size_t step[] = { p->at.plane, p->at.stride, p->at.pixel, p->at.plane };
    const int first = p->send_planes ? 0 : 1;
    const size_t *const count = n + first, *const by = step + first;
    size_t used = 0;
    int bad = 0;
    for (size_t i = 0; i < count[0]; i++)
        for (size_t j = 0; j < count[1] && !bad; j++) {
            const unsigned char *from = p->from + i * by[0] + j * by[1];
            for (size_t k = 0; k < count[2] && !bad; k++, from += by[2]) {
                if (!p->at.f32)
                    chunk[used] = *from;
                else
                    memcpy(chunk + used, from, 4);
                used += p->at.item;
                if (used < CHUNK) continue;
                bad = msgpack_pack_bin_body(to, chunk, used);
                used = 0;
            }
        }
    return bad || !used ? bad : msgpack_pack_bin_body(to, chunk, used);
}

static int pack_image(packing *k, const pi0_image *image)
{
    const picture p = describe(k->c, image);
    const int64_t w = image->width, h = image->height;
    const int64_t pixels[3] = { h, w, 3 }, planes[3] = { 3, h, w };
    const numpy_array a =
        pi0_numpy_array(p.at.f32 ? "<f4" : "|u1", 3, p.send_planes ? planes : pixels, NULL);
    int bad = pi0_pack_text(&k->to, image->camera);
    if (!bad) bad = pi0_numpy_pack_begin(&k->to, &a);
    if (!bad)
        bad = p.at.planes == p.send_planes ? send_rows(&k->to, &p) : send_transposed(&k->to, &p);
    return bad ? bad : pi0_numpy_pack_end(&k->to, &a);
}

// those in the map "images", or the others
static int pack_images(packing *k, const pi0_observation *obs, bool bare)
{
    int bad = 0;
    for (int i = 0; i < obs->n_images && !bad; i++)
        if (is_bare(obs->images[i].camera) == bare) bad = pack_image(k, &obs->images[i]);
    return bad;
}

/* ---- the observation ---- */

static int check(const pi0_observation *obs, const pi0_client_request *ask, int *n_bare,
                 pi0_error *err)
{
    *n_bare = 0;
    for (int i = 0; i < obs->n_images; i++) {
        const int status = check_image(&obs->images[i], i, err);
        if (status) return status;
        *n_bare += is_bare(obs->images[i].camera);
    }
    for (int i = 0; i < obs->n_states; i++)
        if (obs->states[i].n < 0 || (obs->states[i].n && !obs->states[i].values))
            return pi0_fail(err, PI0_EINVAL, "state %s: %d values",
                            obs->states[i].name ? obs->states[i].name : "", obs->states[i].n);
    if (ask && ask->noise && (ask->noise_rows < 1 || ask->noise_cols < 1))
        return pi0_fail(err, PI0_EINVAL, "noise of %d x %d values", ask->noise_rows,
                        ask->noise_cols);
    if (ask && (ask->num_steps < 0 || ask->num_steps > 1024))
        return pi0_fail(err, PI0_EINVAL, "%d steps, expected 1 to 1024, or 0", ask->num_steps);
    return PI0_OK;
}

static int pack_states(packing *k, const pi0_observation *obs)
{
    int bad = 0;
    for (int i = 0; i < obs->n_states && !bad; i++) {
        const pi0_state *s = &obs->states[i];
        const int64_t n = s->n;
        const numpy_array a = pi0_numpy_array("<f8", 1, &n, s->values);
        bad = pi0_pack_text(&k->to, s->name ? s->name : "state");
        if (!bad) bad = pi0_numpy_pack(&k->to, &a);
    }
    return bad;
}

// noise, seed, num_steps
static int pack_request(packing *k, const pi0_client_request *ask)
{
    int bad = 0;
    if (ask->noise) {
        const int64_t dims[2] = { ask->noise_rows, ask->noise_cols };
        const numpy_array a = pi0_numpy_array("<f4", 2, dims, ask->noise);
        bad = pi0_pack_text(&k->to, "noise");
        if (!bad) bad = pi0_numpy_pack(&k->to, &a);
    }
    if (!bad && ask->has_seed) {
        bad = pi0_pack_text(&k->to, "seed");
        if (!bad) bad = msgpack_pack_uint64(&k->to, ask->seed);
    }
    if (!bad && ask->num_steps) {
        bad = pi0_pack_text(&k->to, "num_steps");
        if (!bad) bad = msgpack_pack_int(&k->to, ask->num_steps);
    }
    return bad;
}

static int pack_all(packing *k, const pi0_observation *obs, const pi0_client_request *ask,
                    int n_bare)
{
    static const pi0_client_request nothing;
    if (!ask) ask = &nothing;
    const int keys = obs->n_images - n_bare + (n_bare > 0) + obs->n_states + !!obs->prompt +
                     !!ask->noise + !!ask->has_seed + !!ask->num_steps;
    int bad = msgpack_pack_map(&k->to, (size_t)keys);
    if (!bad && n_bare) bad = pi0_pack_text(&k->to, "images");
    if (!bad && n_bare) bad = msgpack_pack_map(&k->to, (size_t)n_bare);
    if (!bad && n_bare) bad = pack_images(k, obs, true);
    if (!bad) bad = pack_images(k, obs, false);
    if (!bad) bad = pack_states(k, obs);
    if (!bad && obs->prompt) bad = pi0_pack_text(&k->to, "prompt");
    if (!bad && obs->prompt) bad = pi0_pack_text(&k->to, obs->prompt);
    return bad ? bad : pack_request(k, ask);
}

static int packed(const pi0_client *c, int bad, pi0_error *err)
{
    if (bad == -2)
        return pi0_fail(err, PI0_EINVAL, "an observation of more than %zu bytes (max_message)",
                        c->o.max_message);
    return bad ? pi0_fail(err, PI0_ENOMEM, "no memory for an observation") : PI0_OK;
}

int pi0_client_pack(pi0_client *c, const pi0_observation *obs, const pi0_client_request *ask,
                    pi0_error *err)
{
    packing k = { .c = c };
    int n_bare;
    const int status = check(obs, ask, &n_bare, err);
    if (status) return status;
    c->request.size = 0;
    msgpack_packer_init(&k.to, c, append);
    return packed(c, pack_all(&k, obs, ask, n_bare), err);
}

// the bytes of a map's head and the number of its keys; 0: no map
static size_t map_head(const unsigned char *data, size_t size, uint64_t *keys)
{
    const size_t length = !size ? 0 : data[0] == 0xde ? 2 : data[0] == 0xdf ? 4 : 0;
    if (!size || size < 1 + length || (!length && (data[0] & 0xf0) != 0x80)) return 0;
    *keys = length ? 0 : data[0] & 15;
    for (size_t i = 1; i <= length; i++) *keys = *keys << 8 | data[i];
    return 1 + length;
}

int pi0_client_pack_more(pi0_client *c, const void *data, size_t size,
                         const pi0_client_request *ask, pi0_error *err)
{
    static const pi0_observation nothing;
    packing k = { .c = c };
    uint64_t keys;
    int n_bare;
    const int status = check(&nothing, ask, &n_bare, err);
    if (status) return status;
    const size_t head = map_head(data, size, &keys);
    if (!head)
        return pi0_fail(err, PI0_EFORMAT,
                        "the observation is no msgpack map: its first byte is "
                        "%s0x%02x",
                        size ? "" : "missing, not ", size ? *(const unsigned char *)data : 0x80);
    c->request.size = 0;
    msgpack_packer_init(&k.to, c, append);
    int bad =
        msgpack_pack_map(&k.to, (size_t)keys + !!ask->noise + !!ask->has_seed + !!ask->num_steps);
    if (!bad) bad = append(c, (const char *)data + head, size - head);
    if (!bad) bad = pack_request(&k, ask);
    return packed(c, bad, err);
}

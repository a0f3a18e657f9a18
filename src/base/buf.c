#include "base/buf.h"

#include <endian.h>
#include <string.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/fail.h"

/* Integers are most of what is written and read: each is one store or load, not a loop and a call.
 */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define GROW_FIRST 256
#define GROW_MAX   ((size_t)1 << 30)

/* ---- Writer ---- */

void wbuf_init(struct wbuf *w, void *mem, size_t cap)
{
    *w = (struct wbuf){.data = mem, .cap = cap};
}

void wbuf_init_grow(struct wbuf *w, size_t max)
{
    *w = (struct wbuf){.max = max ? max : GROW_MAX};
}

void wbuf_fini(struct wbuf *w)
{
    if (w->max)
        base_free(w->data);
    *w = (struct wbuf){0};
}

void wbuf_reset(struct wbuf *w)
{
    w->len = 0;
    w->rc = 0;
}

int wbuf_check(const struct wbuf *w)
{
    return w->rc;
}

void *wbuf_take(struct wbuf *w, size_t *len_out)
{
    void *data = w->data;
    size_t max = w->max;

    ASSERT(max > 0);
    if (w->rc || !w->len)
        return NULL;
    *len_out = w->len;
    wbuf_init_grow(w, max);
    return data;
}

static int grow(struct wbuf *w, size_t need)
{
    size_t cap = MAX(w->cap, (size_t)GROW_FIRST);
    uint8_t *data;

    if (need > w->max)
        return -DER_OVERFLOW;
    while (cap < need)
        cap *= 2;
    cap = MIN(cap, w->max);
    data = base_realloc(w->data, cap);
    if (!data)
        return -DER_NOMEM;
    w->data = data;
    w->cap = cap;
    return 0;
}

static __attribute__((noinline)) bool make_room(struct wbuf *w, size_t len)
{
    w->rc = w->max && len <= w->max - w->len ? grow(w, w->len + len) : -DER_OVERFLOW;
    return w->rc == 0;
}

ALWAYS_INLINE void *reserve(struct wbuf *w, size_t len)
{
    void *at;

    if (w->rc || (len > w->cap - w->len && !make_room(w, len)))
        return NULL;
    at = w->data + w->len;
    w->len += len;
    return at;
}

void *wbuf_reserve(struct wbuf *w, size_t len)
{
    return reserve(w, len);
}

ALWAYS_INLINE void put_le(struct wbuf *w, uint64_t v, size_t n)
{
    void *at = reserve(w, n);

    v = htole64(v);
    if (at)
        memcpy(at, &v, n);
}

void wbuf_u8(struct wbuf *w, uint8_t v)
{
    put_le(w, v, 1);
}

void wbuf_u16(struct wbuf *w, uint16_t v)
{
    put_le(w, v, 2);
}

void wbuf_u32(struct wbuf *w, uint32_t v)
{
    put_le(w, v, 4);
}

void wbuf_u64(struct wbuf *w, uint64_t v)
{
    put_le(w, v, 8);
}

void wbuf_varint(struct wbuf *w, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        put_le(w, v | 0x80, 1);
    put_le(w, v, 1);
}

void wbuf_bytes(struct wbuf *w, const void *buf, size_t len)
{
    void *at = wbuf_reserve(w, len);

    if (at && len)
        memcpy(at, buf, len);
}

void wbuf_blob(struct wbuf *w, const void *buf, size_t len)
{
    if (len > UINT32_MAX && !w->rc)
        w->rc = -DER_OVERFLOW;
    wbuf_u32(w, (uint32_t)len);
    wbuf_bytes(w, buf, len);
}

void wbuf_str(struct wbuf *w, const char *s)
{
    wbuf_blob(w, s, strlen(s));
}

void wbuf_zero(struct wbuf *w, size_t len)
{
    void *at = wbuf_reserve(w, len);

    if (at && len)
        memset(at, 0, len);
}

void wbuf_patch_u32(struct wbuf *w, size_t at, uint32_t v)
{
    if (w->rc)
        return;
    ASSERT(at <= w->len && w->len - at >= 4);
    v = htole32(v);
    memcpy(w->data + at, &v, sizeof(v));
}

/* ---- Reader ---- */

void rbuf_init(struct rbuf *r, const void *mem, size_t len)
{
    r->at = mem;
    r->end = len ? r->at + len : r->at;
    r->bad = false;
}

size_t rbuf_left(const struct rbuf *r)
{
    return r->bad ? 0 : (size_t)(r->end - r->at);
}

int rbuf_check(const struct rbuf *r)
{
    return r->bad ? -DER_PROTO : 0;
}

int rbuf_check_end(const struct rbuf *r)
{
    return r->bad || r->at != r->end ? -DER_PROTO : 0;
}

void rbuf_fail(struct rbuf *r)
{
    r->bad = true;
}

ALWAYS_INLINE const void *take(struct rbuf *r, size_t len)
{
    static const uint8_t nothing[1];
    const uint8_t *at = r->at;

    if (r->bad || len > (size_t)(r->end - at)) {
        r->bad = true;
        return NULL;
    }
    if (!at) /* an empty slice of an empty message is still not NULL */
        return nothing;
    r->at += len;
    return at;
}

const void *rbuf_bytes(struct rbuf *r, size_t len)
{
    return take(r, len);
}

ALWAYS_INLINE uint64_t get_le(struct rbuf *r, size_t n)
{
    const void *at = take(r, n);
    uint64_t v = 0;

    if (at)
        memcpy(&v, at, n);
    return le64toh(v);
}

uint8_t rbuf_u8(struct rbuf *r)
{
    return (uint8_t)get_le(r, 1);
}

uint16_t rbuf_u16(struct rbuf *r)
{
    return (uint16_t)get_le(r, 2);
}

uint32_t rbuf_u32(struct rbuf *r)
{
    return (uint32_t)get_le(r, 4);
}

uint64_t rbuf_u64(struct rbuf *r)
{
    return get_le(r, 8);
}

uint64_t rbuf_varint(struct rbuf *r)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t b = rbuf_u8(r);

        if (r->bad)
            return 0;
        if (shift == 63 && b > 1) /* bits beyond the 64th */
            break;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            if (b == 0 && shift > 0) /* one value has one encoding */
                break;
            return v;
        }
    }
    r->bad = true;
    return 0;
}

void rbuf_copy(struct rbuf *r, void *out, size_t len)
{
    const void *at = rbuf_bytes(r, len);

    if (!len)
        return;
    if (at)
        memcpy(out, at, len);
    else
        memset(out, 0, len);
}

const void *rbuf_blob(struct rbuf *r, size_t max, size_t *len_out)
{
    size_t len = rbuf_u32(r);
    const void *at;

    if (len > max)
        r->bad = true;
    at = rbuf_bytes(r, len);
    *len_out = at ? len : 0;
    return at;
}

void rbuf_str(struct rbuf *r, char *out, size_t out_size)
{
    size_t len;
    const char *at;

    ASSERT(out_size > 0);
    at = rbuf_blob(r, out_size - 1, &len);
    if (at && memchr(at, '\0', len)) {
        r->bad = true;
        at = NULL;
    }
    if (at)
        memcpy(out, at, len);
    out[at ? len : 0] = '\0';
}

uint32_t rbuf_count(struct rbuf *r, size_t min_each)
{
    uint32_t n = rbuf_u32(r);

    ASSERT(min_each > 0);
    if (n > rbuf_left(r) / min_each) {
        r->bad = true;
        return 0;
    }
    return n;
}

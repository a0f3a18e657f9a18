/*
 * Writer and reader of encoded bytes: little endian, no padding, bounds checked.
 *
 * Both turn bad at the first byte that does not fit and stay so: code puts or gets a whole message
 * in a straight line and checks once at the end. A bad reader gives zeros and empty slices, so
 * nothing read before the check is undefined. Lengths that come from a peer are only ever used
 * through the reader.
 */
#ifndef TARN_BASE_BUF_H
#define TARN_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Writer: into memory of the caller, or growing memory of its own ---- */

struct wbuf {
    uint8_t *data;
    size_t len; /* bytes written */
    size_t cap;
    size_t max; /* a growing writer's limit, 0: fixed memory */
    int rc;     /* why it is bad, 0: good */
};

void wbuf_init(struct wbuf *w, void *mem, size_t cap);
/* Grows as needed up to max bytes (0: 1 GiB); wbuf_fini frees. Allocates nothing yet. */
void wbuf_init_grow(struct wbuf *w, size_t max);
void wbuf_fini(struct wbuf *w);
void wbuf_reset(struct wbuf *w); /* empty and good again, keeps the memory */
/* 0, -DER_OVERFLOW (fixed memory or the maximum exceeded) or -DER_NOMEM. */
int wbuf_check(const struct wbuf *w);
/* Takes the grown memory (free it with base_free); the writer is empty. NULL if bad or empty. */
void *wbuf_take(struct wbuf *w, size_t *len_out);

void wbuf_u8(struct wbuf *w, uint8_t v);
void wbuf_u16(struct wbuf *w, uint16_t v);
void wbuf_u32(struct wbuf *w, uint32_t v);
void wbuf_u64(struct wbuf *w, uint64_t v);
void wbuf_varint(struct wbuf *w, uint64_t v); /* LEB128, 1 to 10 bytes */
void wbuf_bytes(struct wbuf *w, const void *buf, size_t len);
void wbuf_blob(struct wbuf *w, const void *buf, size_t len); /* u32 length, then the bytes */
void wbuf_str(struct wbuf *w, const char *s);                /* as a blob, without the NUL */
void wbuf_zero(struct wbuf *w, size_t len);
/* Reserves len bytes to fill in later; NULL when bad. Valid until the next put into a growing
 * writer. */
void *wbuf_reserve(struct wbuf *w, size_t len);
/* Overwrites 4 bytes written before, e.g. a count or length put as 0. Ignored when bad. */
void wbuf_patch_u32(struct wbuf *w, size_t at, uint32_t v);

/* ---- Reader ---- */

struct rbuf {
    const uint8_t *at, *end;
    bool bad;
};

void rbuf_init(struct rbuf *r, const void *mem, size_t len);
size_t rbuf_left(const struct rbuf *r); /* 0 when bad */
/* 0, or -DER_PROTO when more was asked for than there was. */
int rbuf_check(const struct rbuf *r);
/* As rbuf_check, and -DER_PROTO too if bytes are left over. */
int rbuf_check_end(const struct rbuf *r);
void rbuf_fail(struct rbuf *r); /* the caller found a value it does not accept */

uint8_t rbuf_u8(struct rbuf *r);
uint16_t rbuf_u16(struct rbuf *r);
uint32_t rbuf_u32(struct rbuf *r);
uint64_t rbuf_u64(struct rbuf *r);
uint64_t rbuf_varint(struct rbuf *r);                  /* over-long encodings are bad */
void rbuf_copy(struct rbuf *r, void *out, size_t len); /* zeroes out when bad */
/* A slice of the input, not copied; NULL when bad. */
const void *rbuf_bytes(struct rbuf *r, size_t len);
/* u32 length and bytes; a length above max is bad. *len_out is 0 and the slice NULL when bad. */
const void *rbuf_blob(struct rbuf *r, size_t max, size_t *len_out);
/* As a blob into out with a NUL; a text that does not fit in out_size or contains a NUL is bad; out
 * is then "". */
void rbuf_str(struct rbuf *r, char *out, size_t out_size);
/* A count of elements that take at least min_each bytes: bad if they cannot all be there, so a
 * hostile count never sizes an allocation beyond the message. */
uint32_t rbuf_count(struct rbuf *r, size_t min_each);

#endif

/*
 * The codec of msg.h's tables: every encoder and decoder below is made by a macro, so that a
 * message is described in one place.
 *
 * Encoding never fails half way: the writer goes on counting when the buffer is full, and the
 * caller learns how much it takes. Decoding trusts nothing: a length or count is compared with what
 * is left before it is used, arrays are only allocated for elements that can be there, texts must
 * end in the NUL that their length promises and hold no other, and bytes left over at the end are
 * an error too. The first violation turns the reader bad; everything after it reads as zero.
 */
#include "net/msg.h"
#include <stdio.h>
#include <string.h>
#include <daos_errno.h>
#include "base/arena.h"
#include "base/assert.h"
#include "base/mutant.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "integers are copied as they lie in memory: this machine needs swaps here"
#endif

/* ---- Primitive pieces ---- */

struct enc {
    uint8_t *buf;
    size_t cap;
    size_t need;
};

static inline void put(struct enc *e, const void *p, size_t n)
{
    size_t at = e->need;

    e->need += n;
    if (e->need <= e->cap && n > 0)
        memcpy(e->buf + at, p, n);
}

static inline void put_u32(struct enc *e, uint32_t v)
{
    put(e, &v, sizeof(v));
}

static inline void put_str(struct enc *e, const char *s)
{
    uint32_t len = s != NULL ? (uint32_t)strlen(s) + 1 : UINT32_MAX;

    put_u32(e, len);
    if (s != NULL)
        put(e, s, len);
}

static inline void put_buf(struct enc *e, const struct msg_buf *b)
{
    put_u32(e, b->len);
    put(e, b->buf, b->len);
}

struct dec {
    const uint8_t *at, *end;
    struct arena *mem;
    int rc;
};

static void fail(struct dec *d, int rc)
{
    if (d->rc == 0)
        d->rc = rc;
    d->at = d->end;
}

/* The next n bytes, NULL when they are not there. */
static inline const void *take(struct dec *d, size_t n)
{
    const void *p = d->at;

    if ((size_t)(d->end - d->at) < n) {
        fail(d, -DER_PROTO);
        return NULL;
    }
    d->at += n;
    return p;
}

static inline void get(struct dec *d, void *out, size_t n)
{
    const void *p = take(d, n);

    if (p != NULL)
        memcpy(out, p, n);
    else
        memset(out, 0, n);
}

static inline uint32_t get_u32(struct dec *d)
{
    uint32_t v;

    get(d, &v, sizeof(v));
    return v;
}

static inline const char *get_str(struct dec *d)
{
    uint32_t len = get_u32(d);
    const char *s;

    if (len == UINT32_MAX || d->rc != 0)
        return NULL;
    s = take(d, len);
    if (s == NULL)
        return NULL;
    if (len == 0 || memchr(s, 0, len) != s + len - 1) {
        fail(d, -DER_PROTO);
        return NULL;
    }
    return s;
}

static inline struct msg_buf get_buf(struct dec *d)
{
    struct msg_buf b = {NULL, get_u32(d)};

    b.buf = take(d, b.len);
    if (b.buf == NULL || b.len == 0)
        b = (struct msg_buf){NULL, 0};
    return b;
}

/* Room for an array whose count comes next; NULL for none. An element takes at least min bytes of
 * the message. */
static inline void *get_array(struct dec *d, uint32_t *nr, size_t size, size_t min)
{
    uint32_t n = get_u32(d);
    void *mem;

    *nr = 0;
    if (n == 0 || d->rc != 0)
        return NULL;
    if (n > (size_t)(d->end - d->at) / min) {
        fail(d, -DER_PROTO);
        return NULL;
    }
    mem = arena_alloc(d->mem, n * size);
    if (mem == NULL) {
        fail(d, -DER_NOMEM);
        return NULL;
    }
    *nr = n;
    return mem;
}

static inline const void *get_flat(struct dec *d, uint32_t *nr, size_t size)
{
    void *mem = get_array(d, nr, size, size);

    if (mem != NULL)
        get(d, mem, *nr * size);
    if (MUTANT(NET_LAST_OF_MANY) && *nr > 8)
        memset((uint8_t *)mem + (*nr - 1) * size, 0, size);
    return mem;
}

/* ---- One encoder, decoder and minimum length a kind ---- */

#define ENC_num(t, n)  put(e, &s->n, sizeof(s->n));
#define ENC_uuid(t, n) put(e, s->n, 16);
#define ENC_oid(t, n)  put(e, &s->n, 16);
#define ENC_str(t, n)  put_str(e, s->n);
#define ENC_buf(t, n)  put_buf(e, &s->n);
#define ENC_sub(t, n)  enc_##t(e, &s->n);
#define ENC_EACH_(n, one)                                                                          \
    put_u32(e, s->n##_nr);                                                                         \
    for (uint32_t i = 0; i < s->n##_nr; i++)                                                       \
        one;
#define ENC_arr(t, n)  ENC_EACH_(n, enc_##t(e, &s->n[i]))
#define ENC_strs(t, n) ENC_EACH_(n, put_str(e, s->n[i]))
#define ENC_bufs(t, n) ENC_EACH_(n, put_buf(e, &s->n[i]))
#define ENC_FLAT_(n)                                                                               \
    put_u32(e, s->n##_nr);                                                                         \
    put(e, s->n, s->n##_nr * sizeof(s->n[0]));
#define ENC_u32s(t, n)  ENC_FLAT_(n)
#define ENC_u64s(t, n)  ENC_FLAT_(n)
#define ENC_oids(t, n)  ENC_FLAT_(n)
#define ENC_recxs(t, n) ENC_FLAT_(n)

#define DEC_num(t, n)  get(d, &s->n, sizeof(s->n));
#define DEC_uuid(t, n) get(d, s->n, 16);
#define DEC_oid(t, n)  get(d, &s->n, 16);
#define DEC_str(t, n)  s->n = get_str(d);
#define DEC_buf(t, n)  s->n = get_buf(d);
#define DEC_sub(t, n)  dec_##t(d, &s->n);
#define DEC_EACH_(type, n, min, one)                                                               \
    {                                                                                              \
        type *v_ = get_array(d, &s->n##_nr, sizeof(type), min);                                    \
        for (uint32_t i = 0; i < s->n##_nr; i++)                                                   \
            one;                                                                                   \
        s->n = v_;                                                                                 \
    }
#define DEC_arr(t, n)   DEC_EACH_(struct t, n, MIN_##t, dec_##t(d, &v_[i]))
#define DEC_strs(t, n)  DEC_EACH_(const char *, n, 4, v_[i] = get_str(d))
#define DEC_bufs(t, n)  DEC_EACH_(struct msg_buf, n, 4, v_[i] = get_buf(d))
#define DEC_FLAT_(n)    s->n = get_flat(d, &s->n##_nr, sizeof(s->n[0]));
#define DEC_u32s(t, n)  DEC_FLAT_(n)
#define DEC_u64s(t, n)  DEC_FLAT_(n)
#define DEC_oids(t, n)  DEC_FLAT_(n)
#define DEC_recxs(t, n) DEC_FLAT_(n)

#define MIN_num(t)   +sizeof(t)
#define MIN_uuid(t)  +16
#define MIN_oid(t)   +16
#define MIN_str(t)   +4
#define MIN_buf(t)   +4
#define MIN_sub(t)   +MIN_##t
#define MIN_arr(t)   +4
#define MIN_strs(t)  +4
#define MIN_bufs(t)  +4
#define MIN_u32s(t)  +4
#define MIN_u64s(t)  +4
#define MIN_oids(t)  +4
#define MIN_recxs(t) +4

#define ENC_F_(kind, t, n, doc) ENC_##kind(t, n)
#define DEC_F_(kind, t, n, doc) DEC_##kind(t, n)
#define MIN_F_(kind, t, n, doc) MIN_##kind(t)

#define CODEC_STRUCT_(name, FIELDS, doc)                                                           \
    enum { MIN_##name = 0 FIELDS(MIN_F_) };                                                        \
    static void enc_##name(struct enc *e, const struct name *s)                                    \
    {                                                                                              \
        FIELDS(ENC_F_)                                                                             \
    }                                                                                              \
    static void dec_##name(struct dec *d, struct name *s)                                          \
    {                                                                                              \
        FIELDS(DEC_F_)                                                                             \
    }
MSG_STRUCTS(CODEC_STRUCT_)

#define CODEC_PAIR_(id, name, NAME, Q, R, flags, doc)                                              \
    static void enc_##name##_req(struct enc *e, const struct msg_##name##_req *s)                  \
    {                                                                                              \
        Q(ENC_F_)                                                                                  \
    }                                                                                              \
    static void enc_##name##_rep(struct enc *e, const struct msg_##name##_rep *s)                  \
    {                                                                                              \
        R(ENC_F_)                                                                                  \
    }                                                                                              \
    static void dec_##name##_req(struct dec *d, struct msg_##name##_req *s)                        \
    {                                                                                              \
        Q(DEC_F_)                                                                                  \
    }                                                                                              \
    static void dec_##name##_rep(struct dec *d, struct msg_##name##_rep *s)                        \
    {                                                                                              \
        R(DEC_F_)                                                                                  \
    }
MSG_TABLE(CODEC_PAIR_)

/* ---- The table at run time ---- */

#define INFO_(id, name_, NAME, Q, R, flags_, doc_)                                                 \
    [id] = {#NAME, doc_, flags_, sizeof(struct msg_##name_##_req),                                 \
            sizeof(struct msg_##name_##_rep)},
static const struct msg_info infos[MSG_OPCODE_MAX] = {MSG_TABLE(INFO_)};

const struct msg_info *msg_info(uint16_t opcode)
{
    return opcode < MSG_OPCODE_MAX && infos[opcode].name != NULL ? &infos[opcode] : NULL;
}

static int enc_end(const struct enc *e, size_t *need)
{
    *need = e->need;
    return e->need <= e->cap ? 0 : -DER_TRUNC;
}

#define ENC_REQ_(id, name, NAME, Q, R, flags, doc)                                                 \
    case id:                                                                                       \
        enc_##name##_req(&e, req);                                                                 \
        break;
int msg_encode_req(uint16_t opcode, const void *req, void *buf, size_t len, size_t *need)
{
    struct enc e = {buf, len, 0};

    switch (opcode) {
        MSG_TABLE(ENC_REQ_)
    default:
        return -DER_INVAL;
    }
    return enc_end(&e, need);
}

#define ENC_REP_(id, name, NAME, Q, R, flags, doc)                                                 \
    case id:                                                                                       \
        enc_##name##_rep(&e, rep);                                                                 \
        break;
int msg_encode_rep(uint16_t opcode, const void *rep, void *buf, size_t len, size_t *need)
{
    struct enc e = {buf, len, 0};

    switch (opcode) {
        MSG_TABLE(ENC_REP_)
    default:
        return -DER_INVAL;
    }
    return enc_end(&e, need);
}

static int dec_end(struct dec *d)
{
    if (d->rc == 0 && d->at != d->end && !MUTANT(NET_STRAY_BYTES))
        d->rc = -DER_PROTO;
    return d->rc;
}

#define DEC_REQ_(id, name, NAME, Q, R, flags, doc)                                                 \
    case id:                                                                                       \
        dec_##name##_req(&d, req);                                                                 \
        break;
int msg_decode_req(uint16_t opcode, const void *buf, size_t len, struct arena *mem, void *req)
{
    struct dec d = {buf, (const uint8_t *)buf + len, mem, 0};

    switch (opcode) {
        MSG_TABLE(DEC_REQ_)
    default:
        return -DER_PROTO;
    }
    return dec_end(&d);
}

#define DEC_REP_(id, name, NAME, Q, R, flags, doc)                                                 \
    case id:                                                                                       \
        dec_##name##_rep(&d, rep);                                                                 \
        break;
int msg_decode_rep(uint16_t opcode, const void *buf, size_t len, struct arena *mem, void *rep)
{
    struct dec d = {buf, (const uint8_t *)buf + len, mem, 0};

    switch (opcode) {
        MSG_TABLE(DEC_REP_)
    default:
        return -DER_PROTO;
    }
    return dec_end(&d);
}

/* ---- The table as text ---- */

struct doc {
    void (*line)(void *arg, const char *text);
    void *arg;
};

static void doc_field(const struct doc *o, const char *kind, const char *type, const char *name,
                      const char *text)
{
    char buf[512];

    snprintf(buf, sizeof(buf), "| `%s` | %s%s%s | %s |", name, kind, type[0] != '\0' ? " " : "",
             type, text);
    o->line(o->arg, buf);
}

static void doc_head(const struct doc *o, const char *fmt, unsigned int id, const char *name,
                     const char *text)
{
    char buf[512];

    snprintf(buf, sizeof(buf), fmt, id, name, text);
    o->line(o->arg, "");
    o->line(o->arg, buf);
    o->line(o->arg, "");
    o->line(o->arg, "| field | kind | meaning |");
    o->line(o->arg, "| --- | --- | --- |");
}

#define DOC_F_(kind, t, n, doc) doc_field(&o, #kind, #t, #n, doc);
#define DOC_STRUCT_(name, FIELDS, doc)                                                             \
    doc_head(&o, "## struct%.0u %s: %s", 0, #name, doc);                                           \
    FIELDS(DOC_F_)
#define DOC_MSG_(id, name, NAME, Q, R, flags, doc)                                                 \
    doc_head(&o, "## %u %s request%s", id, #NAME, doc[0] != '\0' ? ": " doc : "");                 \
    Q(DOC_F_)                                                                                      \
    doc_head(&o, "### %u %s reply%s", id, #NAME, "");                                              \
    R(DOC_F_)

void msg_doc(void (*line)(void *arg, const char *text), void *arg)
{
    struct doc o = {line, arg};

    line(arg, "# Messages");
    line(arg, "");
    line(arg,
         "Made from the table in src/net/msg.h, which explains the kinds of fields and how they "
         "are encoded. Do not edit: see tests/unit/net/doc_test.c.");
    MSG_STRUCTS(DOC_STRUCT_)
    MSG_TABLE(DOC_MSG_)
}

/*
 * A store to test with: on a heap in memory, or on a simulated disk (data extents, reopening), with
 * pages that vanish at random. Each call here is one operation of vos in the heap's retry loop,
 * with the device I/O an engine would do.
 */
#ifndef VOS_RIG_H
#define VOS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/csum.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/hlc.h"
#include "base/log.h"
#include "io/io.h"
#include "rt/rt.h"
#include "sim_dev.h"
#include "vos/vos.h"

#define CHECK(cond)                                                                                \
    ((cond) ? (void)0                                                                              \
            : (fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #cond), abort()))
#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        long long a_ = (long long)(a), b_ = (long long)(b);                                        \
        if (a_ != b_) {                                                                            \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #a, a_, b_);      \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define WALL0 UINT64_C(1790000000000000000) /* some day of 2026 */

struct rig {
    struct rt_xs *xs;
    struct sim_dir *sd;
    struct io_dir *dir;
    struct io_dev *dev;
    struct super *sup; /* NULL: volatile */
    struct heap *h;
    struct vos *v;
    struct vos_cont *c;
    struct hlc clock;
    uint64_t wall_ns, seed, fault_seed;
    uint32_t fault_pct;
    struct vos_txid txid; /* of the next changes; zero: none */
    bool replayed;
    uint64_t lsn;
    uint64_t seen; /* lsn of the last answer */
};

static const uuid_t CONT_A = {0xa, 1, 2, 3}, CONT_B = {0xb, 1, 2, 3};

static inline uint64_t rig_draw(struct rig *r, uint64_t n)
{
    return mix64(++r->seed * UINT64_C(0x9e3779b97f4a7c15)) % n;
}

static inline bool rig_spurious(void *arg, uint64_t page)
{
    struct rig *r = arg;

    (void)page;
    return r->fault_pct != 0 && mix64(++r->fault_seed) % 100 < r->fault_pct;
}

/* The retry loop around an expression that gives rc; heap lock held while it runs. */
#define RIG_RETRY(r, expr)                                                                         \
    ({                                                                                             \
        struct heap_pins pins_ = HEAP_PINS_INIT;                                                   \
        int rc_;                                                                                   \
        do {                                                                                       \
            heap_lock((r)->h);                                                                     \
            rc_ = (expr);                                                                          \
            heap_pins_take((r)->h, &pins_);                                                        \
            heap_unlock((r)->h);                                                                   \
        } while (heap_retry((r)->h, &pins_, &rc_));                                                \
        heap_pins_drop((r)->h, &pins_);                                                            \
        rc_;                                                                                       \
    })

/* ---- Opening ---- */

static inline void rig_heap_conf(struct rig *r, struct heap_conf *conf)
{
    memset(conf, 0, sizeof *conf);
    conf->xs = r->xs;
    for (uint32_t i = 0; i < SUPER_ROLE_NR; i++)
        conf->dev[i] = r->sup;
    conf->spurious_fault = rig_spurious;
    conf->arg = r;
}

static inline void rig_open_vos(struct rig *r)
{
    bool more = true;

    CHECK_EQ(RIG_RETRY(r, vos_open(r->h, &r->clock, r->wall_ns, &r->v)), 0);
    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_open_step(r->v, &more)), 0);
    CHECK_EQ(RIG_RETRY(r, vos_cont_open(r->v, CONT_A, true, &r->c)), 0);
}

static inline void rig_open_heap(struct rig *r)
{
    struct heap_conf conf;
    struct err e = {0};
    int rc;

    rig_heap_conf(r, &conf);
    rc = heap_open(&conf, &r->h, &e);
    if (rc)
        fprintf(stderr, "heap_open: %s: %s\n", e.what, e.why);
    CHECK_EQ(rc, 0);
}

static inline void rig_start_log(struct rig *r, struct rt_xs *xs, uint64_t seed, uint32_t fault_pct,
                                 uint64_t wal_bytes)
{
    memset(r, 0, sizeof *r);
    r->xs = xs;
    r->seed = r->fault_seed = seed;
    r->wall_ns = WALL0;
    if (xs) {
        struct super_id id = {.page_size = HEAP_PAGE_SIZE, .roles = 7};
        uint64_t size[SUPER_ROLE_NR] = {wal_bytes, 4u << 20, 4u << 20};
        struct sim_dir_conf sc = {.seed = seed};
        struct heap_conf conf;

        CHECK_EQ(sim_dir_create(&sc, &r->sd), 0);
        CHECK_EQ(sim_dir_open(r->sd, &r->dir), 0);
        CHECK_EQ(io_dir_create_dev(r->dir, xs, "shard", 32u << 20, &r->dev, NULL), 0);
        CHECK_EQ(super_format(r->dev, &id, size, 0, 0, 0, false, &r->sup, NULL), 0);
        rig_heap_conf(r, &conf);
        CHECK_EQ(heap_format(&conf, NULL), 0);
    }
    rig_open_heap(r);
    CHECK_EQ(RIG_RETRY(r, vos_format(r->h)), 0);
    r->fault_pct = fault_pct;
    rig_open_vos(r);
}

static inline void rig_start(struct rig *r, struct rt_xs *xs, uint64_t seed, uint32_t fault_pct)
{
    rig_start_log(r, xs, seed, fault_pct, 16u << 20);
}

/* Closes and opens again; on a heap in memory only the store's cached state goes. */
static inline void rig_reopen(struct rig *r, bool clean)
{
    r->clock.last = 0;
    vos_close(r->v);
    if (r->sup) {
        CHECK_EQ(heap_wait_durable(r->h, heap_lsn(r->h)), 0);
        heap_close(r->h, clean);
        rig_open_heap(r);
    }
    rig_open_vos(r);
}

static inline void rig_problem(void *arg, const struct vos_found *f)
{
    (void)arg;
    fprintf(stderr, "vos_check: object %016llx.%016llx: %s\n", (unsigned long long)f->oid.hi,
            (unsigned long long)f->oid.lo, f->text);
}

static inline void rig_stop(struct rig *r)
{
    vos_close(r->v);
    heap_close(r->h, true);
    if (r->sup) {
        super_close(r->sup);
        io_dev_close(r->dev);
        io_dir_close(r->dir);
        sim_dir_destroy(r->sd);
    }
}

/* ---- Changes ---- */

static inline struct vos_key K(const char *s) {
    return (struct vos_key){s, (uint32_t)strlen(s)};
}

static inline daos_obj_id_t
OID(enum daos_otype_t type, uint64_t n)
{
    return (daos_obj_id_t){.hi = (uint64_t)type << OID_FMT_TYPE_SHIFT | (n >> 32), .lo = n};
}

/* Begins a compound, with its device I/O. */
static inline int rig_begin(struct rig *r, const struct vos_op *ops, uint32_t nr,
                            struct vos_update **u)
{
    const struct vos_place *pl;
    uint32_t place_nr = 0;
    int rc = RIG_RETRY(r, vos_update_begin(r->c, ops, nr, u, &pl, &place_nr));

    if (rc)
        return rc;
    for (uint32_t i = 0; i < place_nr; i++) {
        const struct vos_iod *iod = &ops[pl[i].op].iods[pl[i].iod];
        size_t len = pl[i].ext.nr * SPACE_BLOCK;
        uint8_t *buf = memset(aligned_alloc(SPACE_BLOCK, len), 0, len);
        uint64_t at = 0, skip = pl[i].src_off;

        for (uint32_t k = 0; k < iod->iov_nr && at < pl[i].len; k++) {
            uint64_t n;

            if (skip >= iod->iov[k].iov_len) {
                skip -= iod->iov[k].iov_len;
                continue;
            }
            n = MIN(pl[i].len - at, iod->iov[k].iov_len - skip);
            memcpy(buf + at, (uint8_t *)iod->iov[k].iov_base + skip, n);
            at += n;
            skip = 0;
        }
        CHECK_EQ(at, pl[i].len);
        CHECK_EQ(super_write_wait(r->sup, SUPER_DATA, pl[i].ext.block * SPACE_BLOCK, buf, len, 0),
                 0);
        free(buf);
    }
    if (place_nr)
        CHECK_EQ(super_flush_wait(r->sup), 0);
    r->wall_ns += 1000;
    return 0;
}

/* It wanted to run again, and there was no room for that: the update is still there. */
static inline void rig_end(struct rig *r, struct vos_update *u, int last)
{
    if (last <= 0)
        return;
    heap_lock(r->h);
    vos_update_cancel(u);
    heap_unlock(r->h);
}

/* A compound with its device I/O. epoch_in 0: the clock. */
static inline int rig_apply(struct rig *r, const struct vos_op *ops, uint32_t nr, uint64_t epoch_in,
                            uint64_t *epoch)
{
    struct vos_update *u = NULL;
    uint64_t e = 0;
    int rc = rig_begin(r, ops, nr, &u), last = 0;

    if (rc == 0)
        rc = RIG_RETRY(r, (last = vos_update_publish(u, r->wall_ns, &r->txid, epoch_in, &e, &r->lsn,
                                                     &r->replayed)));
    rig_end(r, u, last);
    if (rc == 0 && epoch)
        *epoch = e;
    return rc;
}

/* The same in two steps, with txid. */
static inline int rig_prepare(struct rig *r, const struct vos_op *ops, uint32_t nr,
                              uint64_t epoch_in, const char *info, uint64_t *epoch)
{
    struct vos_update *u = NULL;
    uint64_t e = 0;
    int rc = rig_begin(r, ops, nr, &u), last = 0;

    if (rc == 0)
        rc = RIG_RETRY(
            r, (last = vos_update_prepare(u, r->wall_ns, &r->txid, epoch_in, info,
                                          (uint32_t)strlen(info), &e, &r->lsn, &r->replayed)));
    rig_end(r, u, last);
    if (rc == 0 && epoch)
        *epoch = e;
    return rc;
}

static inline int rig_resolve(struct rig *r, uint64_t seq, bool commit, uint64_t *epoch)
{
    struct vos_txid id = r->txid;
    uint64_t e = 0;
    int rc;

    id.seq = seq;
    rc = RIG_RETRY(r, vos_resolve(r->c, &id, commit, &e, &r->lsn));
    if (epoch)
        *epoch = e;
    return rc;
}

static inline int put(struct rig *r, daos_obj_id_t oid, struct vos_key dkey, struct vos_key akey,
                      const void *val, size_t len, uint64_t dcond, uint64_t acond)
{
    struct iovec iov = {(void *)(uintptr_t)val, len};
    struct vos_iod iod = {.akey = akey,
                          .type = DAOS_IOD_SINGLE,
                          .rec_size = len,
                          .cond = acond,
                          .iov = &iov,
                          .iov_nr = 1};
    struct vos_op op = {
        .kind = VOS_OP_UPDATE, .cond = dcond, .oid = oid, .dkey = dkey, .akey_nr = 1, .iods = &iod};

    return rig_apply(r, &op, 1, 0, NULL);
}

static inline int put_s(struct rig *r, daos_obj_id_t oid, const char *dkey, const char *akey,
                        const char *val)
{
    return put(r, oid, K(dkey), K(akey), val, strlen(val), 0, 0);
}

/* rec_size 0: punches the extent. */
static inline int write_arr(struct rig *r, daos_obj_id_t oid, struct vos_key dkey,
                            struct vos_key akey, uint64_t idx, uint64_t nr, uint64_t rec_size,
                            const void *bytes)
{
    struct iovec iov = {(void *)(uintptr_t)bytes, nr * rec_size};
    daos_recx_t recx = {idx, nr};
    struct vos_iod iod = {.akey = akey,
                          .type = DAOS_IOD_ARRAY,
                          .rec_size = rec_size,
                          .recx_nr = 1,
                          .recxs = &recx,
                          .iov = &iov,
                          .iov_nr = rec_size ? 1 : 0};
    struct vos_op op = {
        .kind = VOS_OP_UPDATE, .oid = oid, .dkey = dkey, .akey_nr = 1, .iods = &iod};

    return rig_apply(r, &op, 1, 0, NULL);
}

static inline int rig_punch(struct rig *r, enum vos_level level, daos_obj_id_t oid,
                            struct vos_key dkey, struct vos_key akey, uint64_t cond)
{
    struct vos_op op = {.kind = VOS_OP_PUNCH,
                        .level = level,
                        .cond = cond,
                        .oid = oid,
                        .dkey = dkey,
                        .akey_nr = 1,
                        .akeys = &akey};

    return rig_apply(r, &op, 1, 0, NULL);
}

static inline int punch(struct rig *r, enum vos_level level, daos_obj_id_t oid, const char *dkey,
                        const char *akey, uint64_t cond)
{
    return rig_punch(r, level, oid, K(dkey ? dkey : ""), K(akey ? akey : ""), cond);
}

/* ---- Reads ---- */

/* Reads the pieces of a fetch into the streams, verifying checksums. */
static inline void rig_read_pieces(struct rig *r, struct vos_fetch *f, struct vos_fetch_iod *iods)
{
    for (uint32_t i = 0; i < f->piece_nr; i++) {
        const struct vos_piece *p = &f->pieces[i];
        uint64_t first = p->ext_off / p->chunk_bytes * p->chunk_bytes,
                 last = MIN(ROUND_UP(p->ext_off + p->len, p->chunk_bytes), p->ext_bytes);
        uint64_t from = ROUND_DOWN(first, SPACE_BLOCK), to = ROUND_UP(last, SPACE_BLOCK),
                 off = p->dst_off, done = 0;
        uint8_t *buf = aligned_alloc(SPACE_BLOCK, to - from);

        CHECK(to <= (uint64_t)p->ext.nr * SPACE_BLOCK);
        CHECK_EQ(
            super_read_wait(r->sup, SUPER_DATA, p->ext.block * SPACE_BLOCK + from, buf, to - from),
            0);
        for (uint64_t at = first, k = 0; at < last; at += p->chunk_bytes, k++) {
            uint64_t is = csum_calc(p->csum_type, buf + at - from,
                                    MIN(p->chunk_bytes, p->ext_bytes - at)),
                     want = 0;

            memcpy(&want, p->csums + k * p->csum_len, p->csum_len);
            CHECK(is == want);
        }
        for (uint32_t k = 0; k < iods[p->iod].dst_nr && done < p->len; k++) {
            struct iovec *d = &iods[p->iod].dst[k];
            uint64_t n;

            if (off >= d->iov_len) {
                off -= d->iov_len;
                continue;
            }
            n = MIN(p->len - done, d->iov_len - off);
            memcpy((uint8_t *)d->iov_base + off, buf + p->ext_off - from + done, n);
            done += n;
            off = 0;
        }
        CHECK_EQ(done, p->len);
        free(buf);
    }
}

static inline int rig_fetch(struct rig *r, uint64_t epoch, uint64_t cond, daos_obj_id_t oid,
                            struct vos_key dkey, uint32_t nr, struct vos_fetch_iod *iods)
{
    struct vos_fetch f;
    int rc = RIG_RETRY(r, vos_fetch(r->c, epoch, cond, oid, &dkey, nr, iods, &f));

    r->seen = f.lsn;
    if (rc)
        return rc;
    vos_fetch_copy(&f, iods);
    rig_read_pieces(r, &f, iods);
    vos_fetch_fini(r->c, &f);
    return 0;
}

/* Length of the value, or an error. */
static inline long get(struct rig *r, uint64_t epoch, daos_obj_id_t oid, struct vos_key dkey,
                       struct vos_key akey, void *buf, size_t len, uint64_t cond)
{
    struct iovec iov = {buf, len};
    struct vos_fetch_iod iod = {
        .akey = akey, .type = DAOS_IOD_SINGLE, .dst = buf ? &iov : NULL, .dst_nr = buf ? 1 : 0};
    int rc = rig_fetch(r, epoch, cond, oid, dkey, 1, &iod);

    return rc ? rc : (long)iod.rec_size;
}

/* The value as text in a static buffer, "-" if there is none, "!rc" on errors. */
static inline const char *get_s(struct rig *r, uint64_t epoch, daos_obj_id_t oid, const char *dkey,
                                const char *akey)
{
    static char buf[512];
    long n = get(r, epoch, oid, K(dkey), K(akey), buf, sizeof buf - 1, 0);

    if (n < 0)
        snprintf(buf, sizeof buf, "!%ld", n);
    else if (n == 0)
        strcpy(buf, "-");
    else
        buf[n] = 0;
    return buf;
}

/* Reads an extent; bytes of holes stay as they are. Record size, or an error. */
static inline long read_arr(struct rig *r, uint64_t epoch, daos_obj_id_t oid, struct vos_key dkey,
                            struct vos_key akey, uint64_t idx, uint64_t nr, void *buf, size_t len,
                            daos_recx_t *map, uint32_t *map_nr)
{
    struct iovec iov = {buf, len};
    daos_recx_t recx = {idx, nr};
    struct vos_fetch_iod iod = {.akey = akey,
                                .type = DAOS_IOD_ARRAY,
                                .recx_nr = 1,
                                .recxs = &recx,
                                .dst = buf ? &iov : NULL,
                                .dst_nr = buf ? 1 : 0,
                                .map = map,
                                .map_max = map_nr ? *map_nr : 0};
    int rc = rig_fetch(r, epoch, 0, oid, dkey, 1, &iod);

    if (rc == 0 && map_nr)
        *map_nr = iod.map_nr;
    return rc ? rc : (long)iod.rec_size;
}

/* Lists everything; keys joined by spaces, for short stories. */
struct rig_names {
    char text[4096];
    size_t len;
    uint32_t nr, stop_at;
};

static inline int rig_name(void *arg, const struct vos_entry *e)
{
    struct rig_names *n = arg;

    if (n->stop_at && n->nr == n->stop_at) {
        n->stop_at = 0;
        return 1;
    }
    if (n->len + e->key.len + 2 < sizeof n->text) {
        n->len += (size_t)snprintf(n->text + n->len, sizeof n->text - n->len, "%s%.*s",
                                   n->len ? " " : "", (int)e->key.len, (const char *)e->key.buf);
    }
    n->nr++;
    return 0;
}

static inline const char *names(struct rig *r, uint64_t epoch, enum vos_level what,
                                daos_obj_id_t oid, const char *dkey)
{
    static struct rig_names n;
    struct vos_anchor a = {{0}, 0};
    struct vos_key dk = K(dkey ? dkey : "");

    memset(&n, 0, sizeof n);
    while (!a.eof) {
        int rc = RIG_RETRY(
            r, vos_list(r->c, epoch, what, oid, &dk, NULL, false, &a, rig_name, &n, &r->seen));

        if (rc) {
            snprintf(n.text, sizeof n.text, "!%d", rc);
            break;
        }
    }
    return n.text;
}

/* ---- Stories on a fiber, with a disk ---- */

struct rig_story {
    void (*fn)(struct rt_xs *xs);
    struct rt_xs *xs;
    struct rt_event done;
};

static inline void rig_fiber(void *arg)
{
    struct rig_story *s = arg;

    s->fn(s->xs);
    rt_event_set(&s->done);
}

static inline void rig_run(void (*fn)(struct rt_xs *xs))
{
    struct rt_xs_conf conf = {.cpu = -1, .name = "vos-test"};
    struct rig_story s = {.fn = fn};

    CHECK_EQ(rt_xs_create(&conf, &s.xs), 0);
    rt_event_init(&s.done);
    CHECK_EQ(rt_spawn_on(s.xs, rig_fiber, &s), 0);
    rt_event_wait(&s.done);
    rt_xs_destroy(s.xs);
}

#endif

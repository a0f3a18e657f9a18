/*
 * Memory that goes bad: a bit of a value that lies in the heap flips, which no checksum of a page
 * sees, because the page's is made of what is there. The value's own must.
 *
 * A value that a reader finds now is drawn by walking the store; the bit flips back in a
 * transaction, so that log and device know the right byte whatever a checkpoint copied meanwhile.
 */
#include <stdlib.h>
#include <string.h>
#include "damage.h"
#include "engine/engine_int.h"
#include "heap/heap_int.h"

#define KEY_MAX    512u
#define READ_BYTES (1u << 20)

struct flip {
    struct run *r;
    struct shard *s;
    struct vos_cont *c;
    enum vos_level level; /* of the walk */
    uint64_t seen;        /* entries of it */
    daos_obj_id_t oid;
    uint8_t dkey_buf[KEY_MAX], akey_buf[KEY_MAX];
    struct vos_key dkey, akey;
    daos_iod_type_t type;
    daos_recx_t recx;
    uint8_t *dst; /* never written: nothing is copied */
    int (*op)(struct shard *s, void *arg);
    int rc;
    struct rt_event done;
};

/* ---- Drawing a value ---- */

static bool keep_key(struct vos_key *k, uint8_t *buf, const struct vos_key *from)
{
    if (from->len > KEY_MAX)
        return false;
    memcpy(buf, from->buf, from->len);
    *k = (struct vos_key){.buf = buf, .len = from->len};
    return true;
}

/* Each entry with the same chance. */
static int keep_entry(void *arg, const struct vos_entry *e)
{
    struct flip *f = arg;

    if (sim_rng_below(&f->r->rng, ++f->seen) != 0)
        return 0;
    if (f->level == VOS_OBJ)
        f->oid = e->oid;
    else if (f->level == VOS_DKEY)
        f->seen -= !keep_key(&f->dkey, f->dkey_buf, &e->key);
    else if (f->level == VOS_AKEY)
        f->seen -= !keep_key(&f->akey, f->akey_buf, &e->key);
    else
        f->recx = e->recx;
    if (f->level == VOS_AKEY)
        f->type = e->type;
    return 0;
}

static int walk(struct shard *s, void *arg)
{
    struct flip *f = arg;
    struct vos_anchor at = {0};
    uint64_t lsn;
    int rc = 0;

    f->seen = 0;
    while (rc == 0 && !at.eof)
        rc = vos_list(f->c, DAOS_EPOCH_MAX, f->level, f->oid, &f->dkey, &f->akey, false, &at,
                      keep_entry, f, &lsn);
    return rc == 0 && f->seen == 0 ? -DER_NONEXIST : rc;
}

/* ---- The bit ---- */

/* Where in the heap a byte lies that is in memory. */
static uint64_t place_of(const struct heap *h, const uint8_t *at)
{
    uint64_t in = (uint64_t)(at - (const uint8_t *)h->frames.mem.base);

    return h->frames.owner[in / HEAP_PAGE_SIZE] * (uint64_t)HEAP_PAGE_SIZE + in % HEAP_PAGE_SIZE;
}

/* A page that leaves would take its wrong bit with it. */
static void pin(struct heap *h, uint64_t off, int by)
{
    h->vol[page_of(off)].pins = (uint16_t)(h->vol[page_of(off)].pins + by);
}

static int flip_bit(struct shard *s, void *arg)
{
    struct flip *f = arg;
    struct iovec iov = {.iov_base = f->dst, .iov_len = READ_BYTES};
    struct vos_fetch_iod iod = {.akey = f->akey,
                                .type = f->type,
                                .rec_size = DAOS_REC_ANY,
                                .recx_nr = f->type == DAOS_IOD_ARRAY,
                                .recxs = &f->recx,
                                .dst = &iov,
                                .dst_nr = 1};
    struct run *r = f->r;
    struct vos_fetch fetch;
    const struct vos_copy *copy;
    int rc = vos_fetch(f->c, DAOS_EPOCH_MAX, 0, f->oid, &f->dkey, 1, &iod, &fetch);

    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < fetch.copy_nr && r->flipped_at == 0; i++) {
        copy = &fetch.copies[i];
        if (copy->src == NULL || copy->len == 0)
            continue;
        r->flipped_at = place_of(s->heap, copy->src) + sim_rng_below(&r->rng, copy->len);
        r->flipped_bit = (uint8_t)(1u << sim_rng_below(&r->rng, 8));
        *(uint8_t *)off_addr(s->heap, r->flipped_at) ^= r->flipped_bit;
        pin(s->heap, r->flipped_at, 1);
    }
    vos_fetch_fini(f->c, &fetch);
    return 0;
}

static int flip_back(struct shard *s, void *arg)
{
    struct run *r = ((struct flip *)arg)->r;
    int rc = heap_tx_begin(s->heap, 64);
    uint8_t *p;

    if (rc != 0)
        return rc;
    p = heap_tx_write(s->heap, r->flipped_at, 1);
    if (p == NULL) {
        rc = heap_rc(s->heap);
        heap_tx_abort(s->heap);
        return rc;
    }
    *p ^= r->flipped_bit;
    pin(s->heap, r->flipped_at, -1);
    heap_tx_commit(s->heap, NULL);
    return 0;
}

/* ---- On the engine's xstream ---- */

static int open_cont(struct shard *s, void *arg)
{
    struct flip *f = arg;

    return vos_cont_open(s->vos, f->r->cont, false, &f->c);
}

static void fiber(void *arg)
{
    struct flip *f = arg;

    f->rc = shard_run(f->s, f->op, f);
    if (f->op == flip_back && f->rc == 0)
        f->rc = heap_checkpoint(f->s->heap); /* what was copied meanwhile is written again */
    rt_event_set(&f->done);
}

static int on_engine(struct flip *f, int (*op)(struct shard *s, void *arg))
{
    rt_event_init(&f->done);
    f->op = op;
    sim_spawn(f->s->xs, fiber, f);
    rt_event_wait(&f->done);
    return f->rc;
}

bool damage_memory(struct run *r)
{
    static const enum vos_level levels[] = {VOS_OBJ, VOS_DKEY, VOS_AKEY, VOS_RECX};
    struct flip *f = calloc(1, sizeof(*f));
    int rc;

    ASSERT(f != NULL);
    f->r = r;
    r->flipped_in = damage_any_target(r);
    f->s = &r->cl->engine[0].eng->shard[r->flipped_in];
    f->dst = malloc(READ_BYTES);
    rc = on_engine(f, open_cont);
    for (uint32_t i = 0; i < ARRAY_LEN(levels) && rc == 0; i++) {
        f->level = levels[i];
        if (f->level != VOS_RECX || f->type == DAOS_IOD_ARRAY)
            rc = on_engine(f, walk);
    }
    if (rc == 0)
        rc = on_engine(f, flip_bit);
    free(f->dst);
    free(f);
    if (r->flipped_at != 0)
        sim_tell(r->w, "memory", "a bit of the heap flips at %llu",
                 (unsigned long long)r->flipped_at);
    return r->flipped_at != 0;
}

void damage_memory_heal(struct run *r)
{
    struct flip *f = calloc(1, sizeof(*f));
    int rc;

    ASSERT(f != NULL);
    f->r = r;
    f->s = &r->cl->engine[0].eng->shard[r->flipped_in];
    rc = on_engine(f, flip_back);
    free(f);
    r->flipped_at = 0;
    if (rc != 0 && sim_engine_failed(r->cl, 0)) /* an earlier flush had failed */
        run_restart(r, SIM_DEATH_POWER);
    else if (rc != 0)
        run_wrong(r, "a byte of the heap cannot be written: %d", rc);
}

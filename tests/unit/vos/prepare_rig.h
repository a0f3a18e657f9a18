/* What the tests of prepared transactions share. */
#ifndef VOS_PREPARE_RIG_H
#define VOS_PREPARE_RIG_H

#include "rig.h"
#include "vos/priv.h"

#define LATEST DAOS_EPOCH_MAX

static inline daos_obj_id_t kv(void)
{
    return OID(DAOS_OT_MULTI_LEXICAL, 1);
}

static inline uint64_t now(struct rig *r)
{
    return hlc_get(&r->clock, r->wall_ns += 1000000);
}

/* A session, so that transactions have names. */
static inline void begin_session(struct rig *r)
{
    r->txid = (struct vos_txid){now(r), 99, 1, 0};
}

/* One value, as an operation. */
struct one {
    struct vos_op op;
    struct vos_iod iod;
    struct iovec iov;
    daos_recx_t recx;
};

static inline struct vos_op *value_op(struct one *o, daos_obj_id_t oid, struct vos_key dkey,
                                      struct vos_key akey, const void *bytes, size_t len)
{
    o->iov = (struct iovec){(void *)(uintptr_t)bytes, len};
    o->iod = (struct vos_iod){
        .akey = akey, .type = DAOS_IOD_SINGLE, .rec_size = len, .iov = &o->iov, .iov_nr = 1};
    o->op = (struct vos_op){
        .kind = VOS_OP_UPDATE, .oid = oid, .dkey = dkey, .akey_nr = 1, .iods = &o->iod};
    return &o->op;
}

static inline struct vos_op *text_op(struct one *o, const char *dkey, const char *text)
{
    return value_op(o, kv(), K(dkey), K("a"), text, strlen(text));
}

/* Prepares a text under the next number; -> its number in r->txid.seq. */
static inline int prepare_s(struct rig *r, uint64_t seq, const char *dkey, const char *text,
                            uint64_t epoch_in, uint64_t *epoch)
{
    struct one o;

    r->txid.seq = seq;
    return rig_prepare(r, text_op(&o, dkey, text), 1, epoch_in, "leader", epoch);
}

static inline int plain(struct rig *r, const char *dkey, const char *text)
{
    struct vos_txid was = r->txid;
    int rc;

    memset(&r->txid, 0, sizeof r->txid);
    rc = put_s(r, kv(), dkey, "a", text);
    r->txid = was;
    return rc;
}

static inline int check_op(struct rig *r, enum vos_level level, enum vos_check check,
                           const char *dkey, uint64_t seen)
{
    struct vos_txid was = r->txid;
    struct vos_op op = {.kind = VOS_OP_CHECK,
                        .level = level,
                        .check = check,
                        .seen = seen,
                        .oid = kv(),
                        .dkey = K(dkey)};
    int rc;

    memset(&r->txid, 0, sizeof r->txid);
    rc = rig_apply(r, &op, 1, 0, NULL);
    r->txid = was;
    return rc;
}

static inline int probe(struct rig *r, uint64_t epoch, enum vos_level level, const char *dkey)
{
    struct vos_key d = K(dkey), a = K("a");
    uint64_t changed, lsn = 0;

    return RIG_RETRY(r, vos_probe(r->c, epoch, level, kv(), &d, &a, &changed, &lsn));
}

static inline void check_clean(struct rig *r)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t problems = 0;
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_check(r->v, &at, &(struct vos_check_ops){.report = rig_problem},
                                        &problems, &more)),
                 0);
    CHECK_EQ(problems, 0);
}

static inline void reclaim_all(struct rig *r)
{
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_reclaim(r->v, &more)), 0);
}

static inline struct heap_stat heap_figures(struct rig *r)
{
    struct heap_stat st;

    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    return st;
}

static inline uint64_t intents(struct rig *r)
{
    struct vos_stat st;

    heap_lock(r->h);
    vos_stat(r->v, &st);
    heap_unlock(r->h);
    return st.intents;
}

#endif

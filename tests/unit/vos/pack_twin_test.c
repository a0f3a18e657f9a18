/*
 * Two stores go through the same changes; names in one are too long to be packed, or its changes
 * are prepared first and resolved later. What is read at any epoch, what conditions and checks say,
 * what is counted: all must be the same.
 */
#include "rig.h"
#include "vos/priv.h"

#define DKEYS  4u
#define AKEYS  2u
#define EPOCHS 256u
#define OPS    3u
#define SPAN   48u /* records of arrays */

struct twins {
    struct rig r[2];
    char dkey[2][DKEYS][320], akey[2][AKEYS][320];
    uint64_t ints[DKEYS];
    uint64_t epoch[EPOCHS], snap[4], hold[2];
    uint32_t epoch_nr;
    uint8_t bytes[6000];
    uint64_t first, seed, step;
    bool replay;  /* changes at older epochs too */
    bool prepare; /* names are the same; one of them prepares its changes */
    bool reclaim; /* long are the names of dkeys, of hashed objects; else those of akeys */
};

static const enum daos_otype_t TYPES[] = {DAOS_OT_MULTI_HASHED, DAOS_OT_DKEY_UINT64,
                                          DAOS_OT_DKEY_LEXICAL};

static uint64_t draw(struct twins *t, uint64_t n)
{
    return mix64(++t->seed * UINT64_C(0x9e3779b97f4a7c15)) % n;
}

static daos_obj_id_t oid_of(const struct twins *t, uint32_t o)
{
    return OID(t->reclaim ? DAOS_OT_MULTI_HASHED : TYPES[o], o + 1);
}

static struct vos_key dkey_of(struct twins *t, int side, daos_obj_id_t oid, uint32_t i)
{
    return daos_is_dkey_uint64(oid) ? (struct vos_key){&t->ints[i], 8} : K(t->dkey[side][i]);
}

static struct vos_key akey_of(struct twins *t, int side, uint32_t i)
{
    return K(t->akey[side][i]);
}

#define SAME(t, a, b, what)                                                                        \
    do {                                                                                           \
        long long a_ = (long long)(a), b_ = (long long)(b);                                        \
        if (a_ != b_) {                                                                            \
            fprintf(stderr, "seed %llu step %llu: %s: %lld, %lld\n",                               \
                    (unsigned long long)(t)->first, (unsigned long long)(t)->step, what, a_, b_);  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A change that has to run again, for a page or for room, takes another epoch: the two stores' are
 * a little apart, and reads are at epochs that are far from any. */
#define APART 64
#define NEAR(t, a, b, nr, what)                                                                    \
    SAME(t, (a) > (b) ? (a) - (b) > APART * (nr) : (b) - (a) > APART * (nr), 0, what)
#define BESIDE 4096u

/* ---- Changes ---- */

struct change { /* one operation, for both */
    struct vos_op op;
    uint32_t dkey, name[AKEYS];
    struct vos_iod iod[AKEYS];
    struct vos_key akey[AKEYS];
    daos_recx_t recx[AKEYS][2];
    struct iovec iov[AKEYS];
};

static void draw_iod(struct twins *t, struct change *c, uint32_t i)
{
    static const uint64_t conds[] = {0, 0, 0, 0, DAOS_COND_AKEY_INSERT, DAOS_COND_AKEY_UPDATE};
    struct vos_iod *iod = &c->iod[i];

    *iod = (struct vos_iod){.iov = &c->iov[i], .iov_nr = 1};
    iod->cond = conds[draw(t, ARRAY_LEN(conds))];
    iod->type = draw(t, 2) ? DAOS_IOD_SINGLE : DAOS_IOD_ARRAY;
    if (iod->type == DAOS_IOD_SINGLE) {
        iod->rec_size = draw(t, 8) == 0 ? 0 : draw(t, 8) == 0 ? 1 + draw(t, 3000) : 1 + draw(t, 60);
        c->iov[i] = (struct iovec){t->bytes + draw(t, 999), iod->rec_size};
        return;
    }
    iod->rec_size = draw(t, 5) == 0 ? 0 : draw(t, 8) == 0 ? 2 : 1;
    iod->recxs = c->recx[i];
    iod->recx_nr = draw(t, 6) == 0 ? 2 : 1;
    if (draw(t, 3) == 0)
        c->recx[i][0] = (daos_recx_t){0, SPAN / 2};
    else
        c->recx[i][0] = (daos_recx_t){draw(t, SPAN / 4), 1 + draw(t, SPAN / 4)};
    c->recx[i][1] = (daos_recx_t){SPAN / 2 + draw(t, 10), 1 + draw(t, 10)};
    c->iov[i] = (struct iovec){t->bytes + draw(t, 999), 2 * SPAN * iod->rec_size};
}

static void draw_change(struct twins *t, struct change *c)
{
    uint32_t nr = draw(t, 4) == 0 ? 2 : 1, first = draw(t, 4) == 0, kind = (uint32_t)draw(t, 10);

    memset(c, 0, sizeof *c);
    for (uint32_t i = 0; i < nr; i++)
        c->name[i] = (first + i) % AKEYS;
    c->op.oid = oid_of(t, (uint32_t)draw(t, ARRAY_LEN(TYPES)));
    c->dkey = (uint32_t)draw(t, DKEYS);
    c->op.akey_nr = nr;
    if (kind < 6) {
        static const uint64_t conds[] = {0, 0, 0, 0, DAOS_COND_DKEY_INSERT, DAOS_COND_DKEY_UPDATE};

        c->op.kind = VOS_OP_UPDATE;
        c->op.cond = conds[draw(t, ARRAY_LEN(conds))];
        for (uint32_t i = 0; i < nr; i++)
            draw_iod(t, c, i);
        c->op.iods = c->iod;
        return;
    }
    c->op.kind = kind < 9 ? VOS_OP_PUNCH : VOS_OP_CHECK;
    c->op.level = draw(t, 12) == 0 ? VOS_OBJ : draw(t, 2) ? VOS_DKEY : VOS_AKEY;
    c->op.akeys = c->akey;
    if (c->op.kind == VOS_OP_PUNCH) {
        c->op.cond = draw(t, 2) ? DAOS_COND_PUNCH : 0;
        return;
    }
    c->op.check = (enum vos_check)draw(t, VOS_CHECK_ONLY + 1);
    if (c->op.check == VOS_CHECK_ONLY)
        c->op.level = VOS_DKEY;
    if (t->epoch_nr)
        c->op.seen = t->epoch[draw(t, t->epoch_nr)];
}

static uint64_t old_epoch(struct twins *t)
{
    if (t->epoch_nr == 0)
        return DAOS_EPOCH_MAX;
    if (draw(t, 6) == 0) {
        uint64_t snap = t->snap[draw(t, 4)];

        return snap ? snap : DAOS_EPOCH_MAX;
    }
    return t->epoch[t->epoch_nr - 1 - draw(t, MIN(t->epoch_nr, 12))] + (draw(t, 3) - 1) * BESIDE;
}

static void new_session(struct twins *t)
{
    struct rig *r = &t->r[1];

    r->txid = (struct vos_txid){.session_hlc = hlc_peek(&r->clock) + 1, .session_rand = 7};
}

/* A restart in the middle: what is volatile is there again. */
static void restart(struct twins *t, struct rig *r)
{
    rig_reopen(r, true);
    r->wall_ns += UINT64_C(1000) * 1000000; /* beyond the ceiling, where the clock is now */
    for (uint32_t i = 0; i < ARRAY_LEN(t->hold); i++)
        if (t->hold[i])
            CHECK_EQ(vos_hold(r->c, t->hold[i]), 0);
}

/* Prepared and resolved, perhaps after an attempt that is aborted. */
static int in_two_steps(struct twins *t, struct rig *r, const struct vos_op *ops, uint32_t nr,
                        uint64_t *epoch)
{
    bool again = draw(t, 4) == 0, changes = false;
    int rc;

    for (uint32_t i = 0; i < nr; i++)
        changes |= ops[i].kind != VOS_OP_CHECK;
    r->txid.seq++;
    r->txid.acked = r->txid.seq - 1;
    rc = rig_prepare(r, ops, nr, 0, "leader", epoch);
    if (rc || !changes)
        return rc;
    if (again) {
        CHECK_EQ(rig_resolve(r, r->txid.seq, false, NULL), 0);
        r->txid.seq++;
        r->wall_ns -= 1000; /* close to the other's epoch */
        CHECK_EQ(rig_prepare(r, ops, nr, 0, "leader", epoch), 0);
    }
    if (draw(t, 20) == 0)
        restart(t, r);
    return rig_resolve(r, r->txid.seq, true, NULL);
}

static void change(struct twins *t)
{
    struct change c[OPS];
    struct vos_op ops[OPS];
    uint64_t e[2] = {0, 0}, at = 0;
    uint32_t nr = draw(t, 3) == 0 ? 1 + (uint32_t)draw(t, OPS) : 1;
    int rc[2];

    for (uint32_t i = 0; i < nr; i++)
        draw_change(t, &c[i]);
    if (t->replay && t->epoch_nr && draw(t, 4) == 0)
        at = t->epoch[t->epoch_nr - 1 - draw(t, MIN(t->epoch_nr, 24))] +
             (1 + draw(t, 2)) * 2 * BESIDE;
    for (int s = 0; s < 2; s++) {
        for (uint32_t i = 0; i < nr; i++) {
            ops[i] = c[i].op;
            ops[i].dkey = dkey_of(t, s, ops[i].oid, c[i].dkey);
            for (uint32_t k = 0; k < ops[i].akey_nr; k++)
                c[i].iod[k].akey = c[i].akey[k] = akey_of(t, s, c[i].name[k]);
        }
        t->r[s].wall_ns += 1000000;
        rc[s] = s == 1 && t->prepare ? in_two_steps(t, &t->r[s], ops, nr, &e[s])
                                     : rig_apply(&t->r[s], ops, nr, at, &e[s]);
    }
    t->r[0].wall_ns = t->r[1].wall_ns = MAX(t->r[0].wall_ns, t->r[1].wall_ns);
    SAME(t, rc[0], rc[1], "a change");
    NEAR(t, e[0], e[1], 1, "the epoch of a change");
    if (rc[0] == 0 && at == 0) {
        if (t->epoch_nr == EPOCHS) {
            memmove(t->epoch, t->epoch + EPOCHS / 2, EPOCHS / 2 * sizeof *t->epoch);
            t->epoch_nr = EPOCHS / 2;
        }
        t->epoch[t->epoch_nr++] = MAX(e[0], e[1]);
    }
}

/* ---- Reads ---- */

/* Pruning plain dkeys says of punches that something went below them before it knows; of packed
 * ones it does know. Of a packed dkey whose name must stay the rest goes with the punch, of a plain
 * one later. So at epochs that nothing keeps one of the two may be less sure than the other. */
static bool unsure(const struct twins *t, uint64_t epoch, const long rc[2])
{
    bool kept = epoch == DAOS_EPOCH_MAX;

    for (uint32_t i = 0; i < ARRAY_LEN(t->snap); i++)
        kept = kept || t->snap[i] == epoch;
    for (uint32_t i = 0; i < ARRAY_LEN(t->hold); i++)
        kept = kept || (t->hold[i] && epoch >= t->hold[i]);
    return !t->prepare &&
           ((t->reclaim && rc[1] == -DER_TX_RESTART) || (!kept && rc[0] == -DER_TX_RESTART));
}

static void read_one(struct twins *t, uint64_t epoch, uint32_t o, uint32_t d, uint32_t a)
{
    static uint8_t out[2][6000];
    daos_recx_t map[2][SPAN];
    uint32_t map_nr[2] = {SPAN, SPAN};
    uint64_t changed[2] = {0, 0}, lsn;
    long rc[2];
    uint64_t from = draw(t, 8);

    for (int s = 0; s < 2; s++) {
        memset(out[s], 7, sizeof out[s]);
        rc[s] = get(&t->r[s], epoch, oid_of(t, o), dkey_of(t, s, oid_of(t, o), d), akey_of(t, s, a),
                    out[s], sizeof out[s], 0);
    }
    if (!unsure(t, epoch, rc)) {
        SAME(t, rc[0], rc[1], "the size of a value");
        SAME(t, memcmp(out[0], out[1], sizeof out[0]), 0, "the bytes of a value");
    }
    for (int s = 0; s < 2; s++) {
        memset(out[s], 7, sizeof out[s]);
        rc[s] = read_arr(&t->r[s], epoch, oid_of(t, o), dkey_of(t, s, oid_of(t, o), d),
                         akey_of(t, s, a), from, SPAN, out[s], sizeof out[s], map[s], &map_nr[s]);
    }
    if (!unsure(t, epoch, rc)) {
        SAME(t, rc[0], rc[1], "the record size of an array");
        SAME(t, memcmp(out[0], out[1], sizeof out[0]), 0, "the bytes of an array");
    }
    if (rc[1] >= 0 && !unsure(t, epoch, rc)) {
        SAME(t, map_nr[0], map_nr[1], "the map of an array");
        SAME(t, memcmp(map[0], map[1], map_nr[0] * sizeof map[0][0]), 0, "the map of an array");
    }
    for (int level = VOS_OBJ; level <= VOS_AKEY; level++) {
        for (int s = 0; s < 2; s++) {
            struct vos_key dk = dkey_of(t, s, oid_of(t, o), d), ak = akey_of(t, s, a);

            rc[s] = RIG_RETRY(&t->r[s], vos_probe(t->r[s].c, epoch, (enum vos_level)level,
                                                  oid_of(t, o), &dk, &ak, &changed[s], &lsn));
        }
        if (unsure(t, epoch, rc))
            continue;
        SAME(t, rc[0], rc[1], "whether it is there");
        if (rc[0] == 0)
            NEAR(t, changed[0], changed[1], 1, "when it changed");
    }
}

struct sum {
    uint64_t nr, epochs, more;
};

static int add(void *arg, const struct vos_entry *e)
{
    struct sum *s = arg;

    s->nr++;
    s->epochs += e->epoch;
    s->more += (uint64_t)e->type + e->recx.rx_idx * 1000 + e->recx.rx_nr * 7 + e->rec_size * 3;
    return 0;
}

static void list_one(struct twins *t, uint64_t epoch, enum vos_level what, uint32_t o, uint32_t d,
                     bool down)
{
    uint32_t a = (uint32_t)draw(t, AKEYS);
    struct sum sum[2] = {{0}};
    long rc[2];

    for (int s = 0; s < 2; s++) {
        struct vos_anchor at = {{0}, 0};
        struct vos_key dk = dkey_of(t, s, oid_of(t, o), d), ak = akey_of(t, s, a);
        uint64_t lsn;

        do {
            rc[s] = RIG_RETRY(&t->r[s], vos_list(t->r[s].c, epoch, what, oid_of(t, o), &dk, &ak,
                                                 down, &at, add, &sum[s], &lsn));
        } while (rc[s] == 0 && !at.eof);
    }
    if (unsure(t, epoch, rc))
        return;
    SAME(t, rc[0], rc[1], "a list");
    if (rc[0])
        return;
    SAME(t, sum[0].nr, sum[1].nr, "the length of a list");
    NEAR(t, sum[0].epochs, sum[1].epochs, sum[0].nr, "the epochs of a list");
    SAME(t, sum[0].more, sum[1].more, "the entries of a list");
}

static void query_one(struct twins *t, uint64_t epoch, uint32_t d, uint32_t a)
{
    uint64_t flags = (draw(t, 2) ? DAOS_GET_MAX : DAOS_GET_MIN) | DAOS_GET_RECX |
                     (draw(t, 2) ? DAOS_GET_DKEY : 0);
    uint64_t got[2] = {0, 0}, size[2] = {0, 0}, newest[2] = {0, 0}, akey, lsn;
    struct vos_key dk = dkey_of(t, 0, oid_of(t, 1), d);
    daos_recx_t recx[2] = {{0}};
    long rc[2];

    for (int s = 0; s < 2; s++) {
        struct vos_key ak = akey_of(t, s, a);

        rc[s] =
            RIG_RETRY(&t->r[s], vos_query_key(t->r[s].c, epoch, flags, oid_of(t, 1), &got[s], &dk,
                                              &akey, &ak, &recx[s], &size[s], &newest[s], &lsn));
    }
    if (unsure(t, epoch, rc))
        return;
    SAME(t, rc[0], rc[1], "a query");
    if (rc[0])
        return;
    SAME(t, got[0], got[1], "the dkey of a query");
    SAME(t, recx[0].rx_idx, recx[1].rx_idx, "the index of a query");
    SAME(t, recx[0].rx_nr, recx[1].rx_nr, "the records of a query");
    SAME(t, size[0], size[1], "the record size of a query");
    NEAR(t, newest[0], newest[1], 1, "the epoch of a query");
}

static void look(struct twins *t)
{
    uint64_t epoch = draw(t, 3) == 0 ? DAOS_EPOCH_MAX : old_epoch(t);
    uint32_t o = (uint32_t)draw(t, ARRAY_LEN(TYPES)), d = (uint32_t)draw(t, DKEYS);

    read_one(t, epoch, o, d, (uint32_t)draw(t, AKEYS));
    if (!t->reclaim)
        query_one(t, epoch, d, (uint32_t)draw(t, AKEYS));
    list_one(t, epoch, (enum vos_level)draw(t, 4), o, d, draw(t, 2));
}

/* ---- Around them ---- */

static void check_clean(struct rig *r)
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

static void counts(struct twins *t)
{
    struct vos_stat st[2];

    for (int s = 0; s < 2; s++)
        vos_stat(t->r[s].v, &st[s]);
    SAME(t, st[0].objects, st[1].objects, "objects");
    SAME(t, st[0].dkeys, st[1].dkeys, "dkeys");
    if (t->prepare) {
        st[0].tx_memory = st[1].tx_memory; /* who prepares remembers more */
        st[0].sessions_kept = st[1].sessions_kept;
        SAME(t, memcmp(&st[0], &st[1], sizeof st[0]), 0, "all that is counted");
        return;
    }
    /* of a packed dkey whose name has to stay for a while everything else goes at once */
    CHECK(st[0].akeys <= st[1].akeys && st[0].singles <= st[1].singles);
    CHECK(st[0].extents <= st[1].extents);
    CHECK(st[0].value_heap_bytes <= st[1].value_heap_bytes);
}

static void give_back(struct twins *t, bool all)
{
    for (int s = 0; s < 2; s++) {
        struct vos_anchor at = {{0}, 0};
        struct rig *r = &t->r[s];
        bool more = true;

        while (more)
            CHECK_EQ(RIG_RETRY(r, vos_reclaim(r->v, &more)), 0);
        for (more = all; more;)
            CHECK_EQ(RIG_RETRY(r, vos_aggregate(r->c, 0, &at, &more)), 0);
    }
}

static void around(struct twins *t)
{
    uint64_t *snap = &t->snap[draw(t, 4)], *hold = &t->hold[draw(t, 2)];
    uint64_t now = 0;

    for (int s = 0; s < 2; s++) {
        uint64_t mine = hlc_get(&t->r[s].clock, t->r[s].wall_ns += 1000000);

        now = MAX(now, mine);
    }
    for (int s = 0; s < 2; s++)
        hlc_raise(&t->r[s].clock, now);
    /* A dkey that is pruned again, for a page that was missing or for a long name that went, may
     * lose more than with one visit: not the same for both. */
    switch (draw(t, t->reclaim ? 6 : 3)) {
    case 0:
    case 1:
        for (int s = 0; s < 2; s++)
            CHECK_EQ(*snap ? RIG_RETRY(&t->r[s], vos_snap_del(t->r[s].c, *snap))
                           : RIG_RETRY(&t->r[s], vos_snap_add(t->r[s].c, now)),
                     0);
        *snap = *snap ? 0 : now;
        break;
    case 2:
        for (int s = 0; s < 2; s++)
            CHECK_EQ(*hold ? vos_release(t->r[s].c, *hold) : vos_hold(t->r[s].c, now), 0);
        *hold = *hold ? 0 : now;
        break;
    case 3:
        give_back(t, false);
        break;
    case 4:
        give_back(t, true);
        break;
    case 5: /* time goes by */
        for (int s = 0; s < 2; s++)
            t->r[s].wall_ns += UINT64_C(3700) * 1000000000;
        if (t->prepare)
            new_session(t);
        break;
    }
}

static void live(uint64_t seed, uint64_t steps, bool replay, bool reclaim, bool prepare)
{
    static struct twins twins;
    struct twins *t = &twins;

    memset(t, 0, sizeof *t);
    t->first = seed;
    t->seed = seed * 1000003;
    t->replay = replay;
    t->reclaim = reclaim;
    t->prepare = prepare;
    for (uint32_t i = 0; i < DKEYS; i++) {
        for (int side = 0; side < 2; side++)
            snprintf(t->dkey[side][i], sizeof t->dkey[side][i], "%u%0*u", i,
                     reclaim ? (side && !prepare ? 300 : 2) : (i < 2 ? 2 : 56), i);
        t->ints[i] = i * 7;
    }
    for (uint32_t i = 0; i < AKEYS; i++)
        for (int side = 0; side < 2; side++)
            snprintf(t->akey[side][i], sizeof t->akey[side][i], "%u%0*u", i,
                     side && !reclaim && !prepare ? 300 : 2, i);
    for (size_t i = 0; i < sizeof t->bytes; i++)
        t->bytes[i] = (uint8_t)draw(t, 256);
    for (int s = 0; s < 2; s++)
        rig_start(&t->r[s], NULL, seed, reclaim || seed % 4 ? 0 : 2);
    if (prepare)
        new_session(t);
    for (t->step = 0; t->step < steps; t->step++) {
        change(t);
        counts(t);
        for (uint32_t i = 0; i < 4; i++)
            look(t);
        if (draw(t, 10) == 0)
            around(t);
        if (draw(t, 100) == 0)
            for (int s = 0; s < 2 && !replay; s++)
                check_clean(&t->r[s]);
    }
    for (int s = 0; s < 2; s++)
        rig_stop(&t->r[s]);
}

/* More than a check has time for: TWIN_SEED (the first) and TWIN_NR. */
static void seeds(uint64_t nr, bool replay, bool reclaim, bool prepare)
{
    const char *from = getenv("TWIN_SEED"), *n = getenv("TWIN_NR");
    uint64_t first = from ? strtoull(from, NULL, 0) : 1;

    if (n)
        nr = strtoull(n, NULL, 0);
    for (uint64_t seed = first; seed < first + nr; seed++)
        live(seed, 500, replay, reclaim, prepare);
}

static void nobody_can_tell(void **state)
{
    (void)state;
    seeds(12, false, false, false);
}

static void nor_by_what_is_given_back(void **state)
{
    (void)state;
    seeds(12, false, true, false);
}

static void nor_by_replay(void **state)
{
    (void)state;
    seeds(6, true, true, false);
    seeds(6, true, false, false);
}

static void nor_that_it_was_prepared(void **state)
{
    (void)state;
    seeds(12, false, false, true);
    seeds(12, false, true, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_can_tell),
        cmocka_unit_test(nor_by_what_is_given_back),
        cmocka_unit_test(nor_by_replay),
        cmocka_unit_test(nor_that_it_was_prepared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

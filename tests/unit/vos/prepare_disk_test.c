/* Prepared transactions on a disk: what they own and give back, a full pool, power cuts. */
#include "prepare_rig.h"

/* ---- A compound with everything in it ---- */

#define MANY 60u

struct big {
    struct vos_op ops[8];
    struct vos_iod iods[8 + MANY];
    struct iovec iov[8 + MANY];
    daos_recx_t recx[8];
    struct vos_key akeys[2];
    char names[MANY][8];
    uint64_t one;
};

static uint8_t bytes[300000];

static daos_obj_id_t file(void)
{
    return OID(DAOS_OT_ARRAY_BYTE, 2);
}

static void iod_set(struct big *b, uint32_t i, const char *akey, daos_iod_type_t type, size_t len)
{
    b->iov[i] = (struct iovec){bytes + i * 100, len};
    b->iods[i] = (struct vos_iod){.akey = K(akey),
                                  .type = type,
                                  .rec_size = type == DAOS_IOD_ARRAY ? (len ? 1 : 0) : len,
                                  .iov = &b->iov[i],
                                  .iov_nr = 1};
}

static struct vos_op update(daos_obj_id_t oid, struct vos_key dkey, struct vos_iod *iods,
                            uint32_t nr)
{
    return (struct vos_op){
        .kind = VOS_OP_UPDATE, .oid = oid, .dkey = dkey, .akey_nr = nr, .iods = iods};
}

/* Inline, slot, data extents in pieces, arrays, holes, punches of every level, a check between, and
 * more akeys than the head of an intent holds. */
static uint32_t make_big(struct big *b)
{
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)mix64(i);
    b->one = 1;
    iod_set(b, 0, "inline", DAOS_IOD_SINGLE, 100);
    iod_set(b, 1, "slot", DAOS_IOD_SINGLE, 3000);
    iod_set(b, 2, "large", DAOS_IOD_SINGLE, 200000);
    b->ops[0] = update(kv(), K("values"), b->iods, 3);
    b->ops[1] = (struct vos_op){.kind = VOS_OP_CHECK,
                                .level = VOS_DKEY,
                                .check = VOS_CHECK_ABSENT,
                                .oid = kv(),
                                .dkey = K("absent")};
    iod_set(b, 3, "0", DAOS_IOD_ARRAY, 200000);
    b->recx[0] = (daos_recx_t){1000, 200000};
    iod_set(b, 4, "0", DAOS_IOD_ARRAY, 0);
    b->recx[1] = (daos_recx_t){0, 10};
    iod_set(b, 5, "1", DAOS_IOD_ARRAY, 50);
    b->recx[2] = (daos_recx_t){5, 50};
    for (uint32_t i = 0; i < 3; i++) {
        b->iods[3 + i].recxs = &b->recx[i];
        b->iods[3 + i].recx_nr = 1;
    }
    b->ops[2] = update(file(), (struct vos_key){&b->one, 8}, b->iods + 4, 1);
    b->ops[3] = update(file(), (struct vos_key){&b->one, 8}, b->iods + 3, 1);
    b->ops[4] = update(file(), (struct vos_key){&b->one, 8}, b->iods + 5, 1);
    b->ops[5] =
        (struct vos_op){.kind = VOS_OP_PUNCH, .level = VOS_DKEY, .oid = kv(), .dkey = K("punched")};
    b->akeys[0] = K("p");
    b->akeys[1] = K("q");
    b->ops[6] = (struct vos_op){.kind = VOS_OP_PUNCH,
                                .level = VOS_AKEY,
                                .oid = kv(),
                                .dkey = K("half"),
                                .akey_nr = 2,
                                .akeys = b->akeys};
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(b->names[i], sizeof b->names[i], "n%u", i);
        iod_set(b, 8 + i, b->names[i], DAOS_IOD_SINGLE, 700);
    }
    b->ops[7] = update(kv(), K("many"), b->iods + 8, MANY);
    return 8;
}

/* The map of the data space is made with the first extents, the session with the first request. */
static void make_map(struct rig *r)
{
    r->txid.seq = 1;
    CHECK_EQ(put(r, kv(), K("map"), K("a"), bytes, sizeof bytes, 0, 0), 0);
    r->txid.seq = 2;
    CHECK_EQ(punch(r, VOS_OBJ, kv(), NULL, NULL, 0), 0);
}

/* What it finds. */
static void make_before(struct rig *r)
{
    struct vos_txid was = r->txid;

    memset(&r->txid, 0, sizeof r->txid);
    CHECK_EQ(put_s(r, kv(), "punched", "a", "old"), 0);
    CHECK_EQ(put_s(r, kv(), "half", "p", "old"), 0);
    CHECK_EQ(put_s(r, kv(), "half", "stays", "old"), 0);
    CHECK_EQ(put_s(r, kv(), "values", "inline", "old"), 0);
    CHECK_EQ(put_s(r, kv(), "half", "q", "old"), 0);
    r->txid = was;
}

static void value_is(struct rig *r, const struct big *b, const char *dkey, uint32_t i)
{
    static uint8_t got[200000];

    CHECK_EQ(get(r, LATEST, kv(), K(dkey), b->iods[i].akey, got, sizeof got, 0), b->iov[i].iov_len);
    CHECK(memcmp(got, b->iov[i].iov_base, b->iov[i].iov_len) == 0);
}

static void big_is_there(struct rig *r, struct big *b)
{
    struct vos_key d = {&b->one, 8};
    static uint8_t got[200000];

    for (uint32_t i = 0; i < 3; i++)
        value_is(r, b, "values", i);
    for (uint32_t i = 0; i < MANY; i++)
        value_is(r, b, "many", 8 + i);
    CHECK_EQ(read_arr(r, LATEST, file(), d, K("0"), 1000, 200000, got, sizeof got, NULL, NULL), 1);
    CHECK(memcmp(got, b->iov[3].iov_base, sizeof got) == 0);
    CHECK_EQ(read_arr(r, LATEST, file(), d, K("1"), 5, 50, got, sizeof got, NULL, NULL), 1);
    CHECK(memcmp(got, b->iov[5].iov_base, 50) == 0);
    CHECK(strcmp(names(r, LATEST, VOS_DKEY, kv(), NULL), "half many values") == 0);
    CHECK(strcmp(names(r, LATEST, VOS_AKEY, kv(), "half"), "stays") == 0);
}

static void big_is_not_there(struct rig *r, struct big *b)
{
    struct vos_key d = {&b->one, 8};

    CHECK(strcmp(get_s(r, LATEST, kv(), "values", "inline"), "old") == 0);
    CHECK(strcmp(names(r, LATEST, VOS_DKEY, kv(), NULL), "half punched values") == 0);
    CHECK(strcmp(names(r, LATEST, VOS_AKEY, kv(), "half"), "p q stays") == 0);
    CHECK_EQ(read_arr(r, LATEST, file(), d, K("0"), 0, 300000, NULL, 0, NULL, NULL), 0);
}

static void it_owns_and_gives_back(struct rt_xs *xs)
{
    static struct big b;
    struct heap_stat before, st;
    uint32_t nr = make_big(&b);
    struct rig r;

    rig_start(&r, xs, 3, 2);
    begin_session(&r);
    make_map(&r);
    make_before(&r);
    check_clean(&r);
    before = heap_figures(&r);
    for (uint64_t seq = 3; seq < 6; seq++) {
        r.txid.seq = seq;
        CHECK_EQ(rig_prepare(&r, b.ops, nr, 0, "leader", NULL), 0);
        check_clean(&r);
        if (seq > 3)
            rig_reopen(&r, seq == 4);
        check_clean(&r);
        st = heap_figures(&r);
        CHECK(st.data_used >= before.data_used + 400000);
        CHECK(st.alloc_bytes > before.alloc_bytes + MANY * 700);
        CHECK_EQ(rig_resolve(&r, seq, seq == 5, NULL), 0);
        check_clean(&r);
        if (seq == 5)
            break;
        st = heap_figures(&r);
        CHECK_EQ(st.alloc_bytes, before.alloc_bytes);
        CHECK_EQ(st.data_used, before.data_used);
        big_is_not_there(&r, &b);
    }
    big_is_there(&r, &b);
    rig_reopen(&r, true);
    check_clean(&r);
    big_is_there(&r, &b);
    rig_stop(&r);
}

/* The container goes, and all that was prepared in it; the session has no use for it any more. */
static void it_goes_with_its_container(struct rt_xs *xs)
{
    static struct big b;
    struct heap_stat before, st;
    uint32_t nr = make_big(&b);
    uint64_t at, lsn;
    struct rig r;

    rig_start(&r, xs, 3, 2);
    begin_session(&r);
    make_map(&r);
    before = heap_figures(&r);
    for (int round = 0; round < 2; round++) {
        make_before(&r);
        r.txid.seq = 3 + (uint64_t)round * 2;
        CHECK_EQ(rig_prepare(&r, b.ops, nr, 0, "leader", NULL), 0);
        CHECK_EQ(prepare_s(&r, r.txid.seq + 1, "k", "value", 0, NULL), 0);
        CHECK_EQ(RIG_RETRY(&r, vos_cont_destroy(r.v, CONT_A)), 0);
        CHECK_EQ(RIG_RETRY(&r, vos_resolve(r.c, &r.txid, true, &at, &lsn)), -DER_NO_HDL);
        CHECK_EQ(intents(&r), 0);
        if (round)
            rig_reopen(&r, true);
        reclaim_all(&r);
        CHECK_EQ(RIG_RETRY(&r, vos_cont_open(r.v, CONT_A, true, &r.c)), 0);
        st = heap_figures(&r);
        CHECK_EQ(st.alloc_bytes, before.alloc_bytes);
        CHECK_EQ(st.data_used, before.data_used);
        CHECK_EQ(rig_resolve(&r, r.txid.seq, true, &at), -DER_NONEXIST);
        CHECK_EQ(rig_resolve(&r, r.txid.seq, false, &at), 0);
        check_clean(&r);
    }
    rig_stop(&r);
}

/* ---- Damage ---- */

static void nothing(void *arg, const struct vos_found *f)
{
    (void)arg;
    (void)f;
}

static uint64_t problems(struct rig *r)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t nr = 0;
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_check(r->v, &at, &(struct vos_check_ops){.report = nothing}, &nr,
                                        &more)),
                 0);
    return nr;
}

static void flip(struct rig *r, uint64_t off, uint8_t bits)
{
    uint8_t *p;

    heap_lock(r->h);
    CHECK_EQ(heap_tx_begin(r->h, 100), 0);
    p = heap_tx_write(r->h, off, 1);
    *p ^= bits;
    heap_tx_commit(r->h, NULL);
    heap_unlock(r->h);
}

/* A bit anywhere in an intent is noticed: by the checker, and by who would apply it. */
static void damage_is_noticed(struct rt_xs *xs)
{
    static struct big b;
    uint32_t nr = make_big(&b), met = 0;
    const struct doubt *d;
    uint64_t at, places[3];
    struct rig r;

    rig_start(&r, xs, 3, 0);
    begin_session(&r);
    make_before(&r);
    CHECK_EQ(rig_prepare(&r, b.ops, nr, 0, "leader", NULL), 0);
    d = LIST_ENTRY(list_first(&r.c->doubts), struct doubt, link);
    log_set_level(LOG_LEVEL_ERROR - 1);
    for (uint32_t i = 0; i < INTENT_HEAD_MAX; i += 7, met++) {
        flip(&r, d->off + i, 4);
        CHECK(problems(&r) > 0);
        flip(&r, d->off + i, 4);
    }
    CHECK(met > 200);
    places[0] = d->off + INTENT_HEAD_MAX - 1;
    places[1] = places[2] = d->off;
    CHECK_EQ(intent_more(r.h, &places[1]), 0);
    places[1] += sizeof(struct intent_more) + 5;
    places[2] = d->off + sizeof(struct intent_rec) + 3; /* info */
    for (uint32_t i = 0; i < ARRAY_LEN(places); i++) {
        flip(&r, places[i], 1);
        CHECK(problems(&r) > 0);
        CHECK_EQ(rig_resolve(&r, 1, true, &at), -DER_CSUM);
        CHECK_EQ(rig_resolve(&r, 1, false, &at), -DER_CSUM);
        flip(&r, places[i], 1);
    }
    /* one that cannot be read leaves open whom it concerns: its container is not used until then */
    at = d->off;
    flip(&r, at + sizeof(struct intent_rec), 1);
    vos_close(r.v);
    r.clock.last = 0;
    CHECK_EQ(RIG_RETRY(&r, vos_open(r.h, &r.clock, r.wall_ns, &r.v)), 0);
    CHECK_EQ(RIG_RETRY(&r, vos_cont_open(r.v, CONT_A, true, &r.c)), -DER_CSUM);
    CHECK(problems(&r) > 0);
    flip(&r, at + sizeof(struct intent_rec), 1);
    CHECK_EQ(RIG_RETRY(&r, vos_cont_open(r.v, CONT_A, true, &r.c)), 0);
    check_clean(&r);
    CHECK_EQ(rig_resolve(&r, 1, true, &at), 0);
    big_is_there(&r, &b);
    rig_stop(&r);
}

/* ---- A full pool ---- */

/* Anything that takes room, until nothing does any more. */
static uint64_t fill_pool(struct rig *r)
{
    static const size_t sizes[] = {6000, 1900, 700, 100, 1};
    struct vos_txid was = r->txid;
    uint64_t nr = 0;

    memset(&r->txid, 0, sizeof r->txid);
    for (uint32_t s = 0; s < ARRAY_LEN(sizes); s++) {
        for (int rc = 0; rc == 0; nr++) {
            char name[32];

            snprintf(name, sizeof name, "fill-%u-%llu", s, (unsigned long long)nr);
            rc = put(r, OID(DAOS_OT_MULTI_HASHED, 7 + nr % 50), K(name), K("a"), bytes, sizes[s], 0,
                     0);
            CHECK(rc == 0 || rc == -DER_NOSPACE);
        }
    }
    for (int rc = 0; rc == 0; nr++) { /* what its last pages have room for, too */
        char name[8];

        snprintf(name, sizeof name, "f%04u", (uint32_t)nr % 10000);
        rc = plain(r, name, "value");
        CHECK(rc == 0 || rc == -DER_NOSPACE);
    }
    r->txid = was;
    return nr;
}

/* The least log holds a compound as large as clients make them, each change in an object of its
 * own; and a heap of a MiB has room for what a file system is made of. */
static void little_room(struct rt_xs *xs)
{
    struct one o[24];
    struct vos_op ops[ARRAY_LEN(o)];
    struct vos_iod iods[10];
    struct iovec iov = {bytes, 8};
    static const char *const akeys[] = {"a", "bb", "ccc", "dddd", "eeeee", "f", "g", "h", "i", "j"};
    struct rig r;

    rig_start_log(&r, xs, 6, 0, 1u << 20);
    begin_session(&r);
    for (uint32_t i = 0; i < ARRAY_LEN(o); i++)
        ops[i] = *value_op(&o[i], OID(DAOS_OT_MULTI_HASHED, 1 + i), K("dkey"), K("a"), bytes, 100);
    r.txid.seq = 1;
    CHECK_EQ(rig_prepare(&r, ops, ARRAY_LEN(o), 0, "leader", NULL), 0);
    CHECK_EQ(rig_resolve(&r, 1, true, NULL), 0);
    for (uint32_t i = 0; i < ARRAY_LEN(iods); i++)
        iods[i] = (struct vos_iod){
            .akey = K(akeys[i]), .type = DAOS_IOD_SINGLE, .rec_size = 8, .iov = &iov, .iov_nr = 1};
    ops[0] = (struct vos_op){.kind = VOS_OP_UPDATE,
                             .oid = OID(DAOS_OT_MULTI_HASHED, 99),
                             .dkey = K("DFS_SB_METADATA"),
                             .akey_nr = ARRAY_LEN(iods),
                             .iods = iods};
    r.txid.seq = 2;
    CHECK_EQ(rig_prepare(&r, ops, 1, 0, "leader", NULL), 0);
    CHECK(doubt_find(r.c, &r.txid)->pages <= 20);
    CHECK_EQ(rig_resolve(&r, 2, true, NULL), 0);
    check_clean(&r);
    rig_stop(&r);
}

static void a_full_pool(struct rt_xs *xs)
{
    static char value[3000];
    uint64_t prepared[VOS_INTENT_MAX], nr = 0, committed = 0;
    char name[32];
    struct one o;
    struct rig r;
    int rc = 0;

    rig_start(&r, xs, 5, 0);
    begin_session(&r);
    sim_dir_conf(r.sd)->capacity_bytes = 34u << 20;
    memset(value, 'v', sizeof value);
    CHECK_EQ(plain(&r, "gone", "soon"), 0);
    for (uint64_t seq = 1; rc == 0; seq++) {
        size_t len = seq % 3 == 0 ? sizeof value : seq % 3 == 1 ? 100 : 1000;

        snprintf(name, sizeof name, "prepared-%0*llu", (int)(seq % 9) * 2, (unsigned long long)seq);
        r.txid.seq = seq;
        rc = rig_prepare(
            &r, value_op(&o, OID(DAOS_OT_MULTI_HASHED, 100 + seq), K(name), K("a"), value, len), 1,
            0, "leader", NULL);
        if (rc == 0)
            prepared[nr++] = seq;
    }
    CHECK(rc == -DER_AGAIN || rc == -DER_NOSPACE);
    if (getenv("VERBOSE"))
        fprintf(stderr, "%llu prepared, then %d; %llu free pages\n", (unsigned long long)nr, rc,
                (unsigned long long)heap_figures(&r).pages_free);
    CHECK(nr > 20);
    fill_pool(&r);
    CHECK_EQ(plain(&r, "fresh", "value"), -DER_NOSPACE);
    r.txid.seq = 200;
    CHECK_EQ(prepare_s(&r, 200, "fresh", "value", 0, NULL),
             rc == -DER_AGAIN ? -DER_AGAIN : -DER_NOSPACE);
    /* deletes go on, those of others too, and take none of what was promised */
    r.txid.seq = 201;
    CHECK_EQ(rig_punch(&r, VOS_DKEY, kv(), K("gone"), K(""), 0), 0);
    rig_reopen(&r, true);
    for (uint64_t i = 0; i < nr; i++) {
        CHECK_EQ(rig_resolve(&r, prepared[i], true, NULL), 0);
        committed++;
        if (i % 10 == 0)
            fill_pool(&r); /* whoever waits for room takes what a commit leaves */
    }
    CHECK_EQ(committed, nr);
    for (uint64_t i = 0; i < nr; i++) {
        snprintf(name, sizeof name, "prepared-%0*llu", (int)(prepared[i] % 9) * 2,
                 (unsigned long long)prepared[i]);
        CHECK(get(&r, LATEST, OID(DAOS_OT_MULTI_HASHED, 100 + prepared[i]), K(name), K("a"), NULL,
                  0, 0) > 0);
    }
    check_clean(&r);
    /* and a transaction that only deletes finds room in the full pool */
    {
        struct vos_op op = {.kind = VOS_OP_PUNCH,
                            .level = VOS_OBJ,
                            .oid = OID(DAOS_OT_MULTI_HASHED, 100 + prepared[0])};

        r.txid.seq = 202;
        CHECK_EQ(rig_prepare(&r, &op, 1, 0, "leader", NULL), 0);
        CHECK_EQ(rig_resolve(&r, 202, true, NULL), 0);
    }
    check_clean(&r);
    rig_stop(&r);
}

/* ---- Power cuts: at every step of the disk ---- */

#define CLONES 400u

/* How far what was answered had come. */
enum stage { MADE, PREPARED, COMMITTED, PREPARED_2, ABORTED_2, REMEMBERED };

struct cuts {
    struct sim_dir *sd[CLONES];
    enum stage answered[CLONES];
    uint32_t nr;
    enum stage now;
    bool on;
};

static void each_step(struct sim_dir *sd, void *arg)
{
    struct cuts *c = arg;

    if (!c->on || c->nr == CLONES)
        return;
    CHECK_EQ(sim_dir_clone(sd, c->nr + 1, &c->sd[c->nr]), 0);
    c->answered[c->nr++] = c->now;
}

static void answered(struct rig *r, struct cuts *c, enum stage stage)
{
    CHECK_EQ(heap_wait_durable(r->h, r->lsn), 0);
    c->now = stage;
}

static void story(struct rig *r, struct cuts *c, struct big *b, uint32_t nr)
{
    begin_session(r);
    make_before(r);
    CHECK_EQ(heap_wait_durable(r->h, heap_lsn(r->h)), 0);
    sim_dir_on_step(r->sd, each_step, c);
    c->on = true;
    r->txid.seq = 1;
    CHECK_EQ(rig_prepare(r, b->ops, nr, 0, "leader", NULL), 0);
    answered(r, c, PREPARED);
    CHECK_EQ(heap_checkpoint(r->h), 0);
    CHECK_EQ(rig_resolve(r, 1, true, NULL), 0);
    answered(r, c, COMMITTED);
    CHECK_EQ(prepare_s(r, 2, "second", "value", 0, NULL), 0);
    answered(r, c, PREPARED_2);
    CHECK_EQ(rig_resolve(r, 2, false, NULL), 0);
    answered(r, c, ABORTED_2);
    CHECK_EQ(heap_checkpoint(r->h), 0);
    CHECK_EQ(rig_resolve(r, 3, false, NULL), 0);
    answered(r, c, REMEMBERED);
    CHECK_EQ(heap_checkpoint(r->h), 0);
    sim_dir_on_step(r->sd, NULL, NULL);
}

static void open_clone(struct rig *k, const struct rig *r, struct sim_dir *sd)
{
    memset(k, 0, sizeof *k);
    k->xs = r->xs;
    k->wall_ns = WALL0;
    k->txid = r->txid;
    k->sd = sd;
    sim_dir_power_on(sd);
    CHECK_EQ(sim_dir_open(sd, &k->dir), 0);
    CHECK_EQ(io_dir_open_dev(k->dir, k->xs, "shard", false, &k->dev, NULL), 0);
    CHECK_EQ(super_open(k->dev, &k->sup, NULL), 0);
    rig_open_heap(k);
    rig_open_vos(k);
}

static bool is_prepared(struct rig *k, uint64_t seq)
{
    struct vos_txid id = k->txid;

    id.seq = seq;
    return doubt_find(k->c, &id) != NULL;
}

/* After any cut: what was answered holds, what was not is whole or not there, and it can be gone on
 * with. */
static void as_promised(struct rig *k, enum stage was, struct big *b, uint32_t nr)
{
    bool one = is_prepared(k, 1), two = is_prepared(k, 2);
    uint64_t at;
    int rc;

    check_clean(k);
    CHECK(!(one && two));
    if (was == PREPARED && !one)
        CHECK_EQ(rig_resolve(k, 1, true, &at), 0); /* it was on its way */
    if (was == PREPARED_2 && !two)
        CHECK_EQ(rig_resolve(k, 2, false, &at), 0);
    CHECK(was < COMMITTED || !one);
    if (was >= ABORTED_2) {
        CHECK(!two);
        CHECK_EQ(prepare_s(k, 2, "second", "value", 0, NULL), -DER_TX_RESTART);
    }
    if (was >= REMEMBERED)
        CHECK_EQ(prepare_s(k, 3, "third", "value", 0, NULL), -DER_TX_RESTART);
    if (one)
        CHECK_EQ(probe(k, LATEST, VOS_DKEY, "values"), -DER_INPROGRESS);
    if (two)
        CHECK_EQ(probe(k, LATEST, VOS_DKEY, "second"), -DER_INPROGRESS);
    CHECK_EQ(rig_resolve(k, 2, false, &at), 0);
    rc = rig_resolve(k, 1, true, &at);
    if (rc == 0) {
        big_is_there(k, b);
    } else {
        CHECK_EQ(rc, -DER_NONEXIST);
        CHECK(was < PREPARED);
        big_is_not_there(k, b);
        k->txid.seq = 1;
        CHECK_EQ(rig_prepare(k, b->ops, nr, 0, "again", NULL), 0);
        CHECK_EQ(rig_resolve(k, 1, true, &at), 0);
        big_is_there(k, b);
    }
    CHECK_EQ(probe(k, LATEST, VOS_DKEY, "second"), -DER_NONEXIST);
    CHECK_EQ(intents(k), 0);
    check_clean(k);
}

static void the_power_goes(struct rt_xs *xs)
{
    static struct cuts c;
    static struct big b;
    uint32_t nr = make_big(&b), seen[REMEMBERED + 1] = {0};
    struct heap_stat end = {0}, st;
    struct rig r;

    memset(&c, 0, sizeof c);
    rig_start(&r, xs, 9, 0);
    CHECK_EQ(io_dir_sync(r.dir), 0);
    story(&r, &c, &b, nr);
    CHECK(c.nr > 20 && c.nr < CLONES);
    for (uint32_t i = 0; i < c.nr; i++) {
        struct rig k;

        open_clone(&k, &r, c.sd[i]);
        seen[c.answered[i]]++;
        as_promised(&k, c.answered[i], &b, nr);
        st = heap_figures(&k);
        if (i == 0)
            end = st;
        CHECK_EQ(st.data_used, end.data_used);
        rig_stop(&k);
    }
    for (uint32_t i = 0; i <= REMEMBERED; i++)
        CHECK(seen[i] > 0);
    rig_stop(&r);
}

/* ---- Very many ---- */

static void prepare_many(struct rig *r, uint64_t *seq, uint32_t nr)
{
    static char name[2001], info[501];
    struct one o;

    memset(name, 'n', sizeof name - 1);
    memset(info, 'i', sizeof info - 1);
    for (uint32_t i = 0; i < nr; i++) {
        r->txid.seq = ++*seq;
        r->txid.session_rand = *seq / 100;
        snprintf(name, 21, "%020llu", (unsigned long long)*seq);
        name[20] = 'n';
        CHECK_EQ(rig_prepare(r, text_op(&o, name, "text"), 1, 0, info, NULL), 0);
    }
}

static int decide(struct rig *r, uint64_t seq)
{
    daos_epoch_t epoch;

    r->txid.seq = seq;
    r->txid.session_rand = seq / 100;
    return RIG_RETRY(r, vos_decide(r->c, &r->txid, &epoch, &r->lsn));
}

/* Intents and decisions on more pages than one operation may have: the store opens all the same. */
static void more_than_an_operation_holds(struct rt_xs *xs)
{
    uint64_t seq = 0, before;
    struct vos_stat st;
    struct rig r;

    rig_start(&r, xs, 5, 0);
    begin_session(&r);
    vos_stat(r.v, &st);
    before = st.tx_memory;
    for (uint32_t round = 0; round < 2; round++) {
        prepare_many(&r, &seq, VOS_INTENT_MAX);
        for (uint32_t i = 0; i < VOS_INTENT_MAX; i++)
            CHECK_EQ(decide(&r, seq - i), 0);
    }
    prepare_many(&r, &seq, VOS_INTENT_MAX);
    CHECK_EQ(heap_wait_durable(r.h, heap_lsn(r.h)), 0);
    CHECK_EQ(heap_checkpoint(r.h), 0); /* then recovery brings no page into memory */
    rig_reopen(&r, true);
    assert_int_equal(intents(&r), VOS_INTENT_MAX);
    vos_stat(r.v, &st);
    assert_int_equal(st.decided, 2 * VOS_INTENT_MAX);
    assert_true(st.tx_memory > before + 3 * VOS_INTENT_MAX * sizeof(struct decided));
    assert_true(st.tx_memory <= VOS_TX_MEMORY);
    for (uint32_t i = 0; i < VOS_INTENT_MAX; i++) {
        r.txid.session_rand = (seq - i) / 100;
        CHECK_EQ(rig_resolve(&r, seq - i, true, NULL), 0);
    }
    assert_int_equal(r.c->stat[ST_DKEY], 3 * VOS_INTENT_MAX);
    for (uint64_t i = 1; i <= 2 * VOS_INTENT_MAX; i++) {
        r.txid.seq = i;
        r.txid.session_rand = i / 100;
        CHECK_EQ(RIG_RETRY(&r, vos_decided_forget(r.c, &r.txid)), 0);
    }
    vos_stat(r.v, &st);
    assert_int_equal(st.decided, 0);
    assert_true(st.tx_memory <= before + 100 * st.sessions_kept);
    check_clean(&r);
    rig_stop(&r);
}

static void many(void **state)
{
    (void)state;
    rig_run(more_than_an_operation_holds);
}

static void on_disk(void **state)
{
    (void)state;
    rig_run(it_owns_and_gives_back);
    rig_run(it_goes_with_its_container);
}

static void damaged(void **state)
{
    (void)state;
    rig_run(damage_is_noticed);
}

static void full(void **state)
{
    (void)state;
    rig_run(a_full_pool);
    rig_run(little_room);
}

static void cut(void **state)
{
    (void)state;
    rig_run(the_power_goes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_disk), cmocka_unit_test(many),    cmocka_unit_test(full),
        cmocka_unit_test(cut),     cmocka_unit_test(damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

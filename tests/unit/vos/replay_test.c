/* Changes at given epochs, enumeration while things change, checks of a transaction, and what an
 * answer must wait for. */
#include "rig.h"

#define LATEST DAOS_EPOCH_MAX
static const daos_obj_id_t O = {.hi = 0, .lo = 1};

static int put_at(struct rig *r, uint64_t epoch, const char *dkey, const char *val)
{
    struct iovec iov = {(void *)(uintptr_t)val, strlen(val)};
    struct vos_iod iod = {
        .akey = K("a"), .type = DAOS_IOD_SINGLE, .rec_size = strlen(val), .iov = &iov, .iov_nr = 1};
    struct vos_op op = {
        .kind = VOS_OP_UPDATE, .oid = O, .dkey = K(dkey), .akey_nr = 1, .iods = &iod};

    return rig_apply(r, &op, 1, epoch, NULL);
}

static int punch_at(struct rig *r, uint64_t epoch, enum vos_level level, const char *dkey)
{
    struct vos_op op = {.kind = VOS_OP_PUNCH, .level = level, .oid = O, .dkey = K(dkey)};

    return rig_apply(r, &op, 1, epoch, NULL);
}

/* Rebuild: the same history in any order, some of it twice, gives the same shard at every epoch. */
static void replay_in_any_order(void **state)
{
    static const struct {
        uint64_t epoch;
        const char *dkey, *val; /* val NULL: punch; dkey NULL: of the object */
    } HISTORY[] = {{100, "x", "1"}, {200, "y", "2"},   {300, "x", "3"}, {400, "x", NULL},
                   {500, "y", "5"}, {600, NULL, NULL}, {700, "x", "7"}};
    static const char *const X[] = {"-", "1", "1", "3", "-", "-", "-", "7"}, *const Y[] = {
                                                                                 "-", "-", "2",
                                                                                 "2", "2", "5",
                                                                                 "-", "-"};

    (void)state;
    for (uint64_t seed = 1; seed < 30; seed++) {
        uint64_t base;
        struct rig r;

        rig_start(&r, NULL, seed, 10);
        base = hlc_peek(&r.clock);
        CHECK_EQ(vos_hold(r.c, 1), 0);
        for (uint32_t n = 0, done = 0; done != (1u << ARRAY_LEN(HISTORY)) - 1; n++) {
            uint32_t i = (uint32_t)rig_draw(&r, ARRAY_LEN(HISTORY));
            uint64_t e = base + HISTORY[i].epoch;

            CHECK_EQ(HISTORY[i].val ? put_at(&r, e, HISTORY[i].dkey, HISTORY[i].val)
                                    : punch_at(&r, e, HISTORY[i].dkey ? VOS_DKEY : VOS_OBJ,
                                               HISTORY[i].dkey ? HISTORY[i].dkey : "-"),
                     0);
            done |= 1u << i;
        }
        for (uint32_t i = 0; i < ARRAY_LEN(X); i++) {
            uint64_t e = base + i * 100 + 50;

            assert_string_equal(get_s(&r, e, O, "x", "a"), X[i]);
            assert_string_equal(get_s(&r, e, O, "y", "a"), Y[i]);
        }
        assert_string_equal(get_s(&r, LATEST, O, "x", "a"), "7");
        assert_string_equal(names(&r, LATEST, VOS_DKEY, O, NULL), "x");
        rig_stop(&r);
    }
}

/* One change of the akey "w" at its epoch: records written, punched, or all of it punched. */
struct array_change {
    uint64_t epoch;
    uint64_t at, nr;
    const char *bytes; /* NULL: a hole; nr 0: punch of the akey */
};

static int array_at(struct rig *r, uint64_t base, const struct array_change *c)
{
    struct iovec iov = {(void *)(uintptr_t)c->bytes, c->nr};
    daos_recx_t recx = {c->at, c->nr};
    struct vos_key w = K("w");
    struct vos_iod iod = {.akey = w,
                          .type = DAOS_IOD_ARRAY,
                          .rec_size = c->bytes ? 1 : 0,
                          .recx_nr = 1,
                          .recxs = &recx,
                          .iov = &iov,
                          .iov_nr = c->bytes ? 1 : 0};
    struct vos_op op = {
        .kind = VOS_OP_UPDATE, .oid = O, .dkey = K("d"), .akey_nr = 1, .iods = &iod};

    if (c->nr == 0)
        op = (struct vos_op){.kind = VOS_OP_PUNCH,
                             .level = VOS_AKEY,
                             .oid = O,
                             .dkey = K("d"),
                             .akey_nr = 1,
                             .akeys = &w};
    return rig_apply(r, &op, 1, base + c->epoch, NULL);
}

static void arrays_in_any_order(void **state)
{
    static const struct array_change HISTORY[] = {
        {100, 0, 10, "aaaaaaaaaa"}, {200, 2, 5, NULL}, {300, 4, 4, "bbbb"},
        {400, 0, 0, NULL},          {500, 1, 2, "cc"}, {600, 2, UINT64_C(1) << 22, NULL}};
    static const char *const SHOWN[] = {"..........", "aaaaaaaaaa", "aa.....aaa", "aa..bbbbaa",
                                        "..........", ".cc.......", ".c........"};

    (void)state;
    for (uint64_t seed = 1; seed < 30; seed++) {
        uint64_t base;
        struct rig r;

        rig_start(&r, NULL, seed, 10);
        base = hlc_peek(&r.clock);
        CHECK_EQ(vos_hold(r.c, 1), 0);
        for (uint32_t done = 0; done != (1u << ARRAY_LEN(HISTORY)) - 1;) {
            uint32_t i = (uint32_t)rig_draw(&r, ARRAY_LEN(HISTORY));

            CHECK_EQ(array_at(&r, base, &HISTORY[i]), 0);
            done |= 1u << i;
        }
        for (uint32_t i = 0; i <= ARRAY_LEN(SHOWN); i++) {
            bool last = i == ARRAY_LEN(SHOWN);
            char buf[11] = "..........";
            long rc = read_arr(&r, last ? LATEST : base + i * 100 + 50, O, K("d"), K("w"), 0, 10,
                               buf, 10, NULL, NULL);

            CHECK(rc >= 0);
            assert_string_equal(buf, SHOWN[last ? i - 1 : i]);
        }
        rig_stop(&r);
    }
}

/* ---- Enumeration under change ---- */

#define NAMES 400u

static void name_of(char *buf, uint32_t i)
{
    /* short ones, ones with a long common beginning, ones longer than an anchor */
    sprintf(buf,
            i % 3 == 0   ? "n%u"
            : i % 3 == 1 ? "common-beginning-%u"
                         : "a-beginning-so-long-that-no-anchor-holds-it-all-and-then-the-number-%u",
            i);
}

struct hits {
    uint8_t n[NAMES];
    uint32_t stop_in;
};

static int hit(void *arg, const struct vos_entry *e)
{
    struct hits *h = arg;
    char name[128];
    size_t n = e->key.len;

    if (h->stop_in && --h->stop_in == 0)
        return 1;
    memcpy(name, e->key.buf, n);
    name[n] = 0;
    while (n && name[n - 1] >= '0' && name[n - 1] <= '9')
        n--;
    h->n[atoi(name + n)]++;
    return 0;
}

static void list_while_things_change(void **state)
{
    static const enum daos_otype_t TYPES[] = {DAOS_OT_MULTI_HASHED, DAOS_OT_MULTI_LEXICAL};

    (void)state;
    for (uint32_t seed = 1; seed < 16; seed++) {
        daos_obj_id_t o = OID(TYPES[seed % 2], 1);
        struct vos_anchor at = {{0}, 0};
        bool here[NAMES], changed[NAMES];
        struct hits h = {{0}, 0};
        struct rig r;
        uint64_t lsn;

        rig_start(&r, NULL, seed, 3);
        memset(changed, 0, sizeof changed);
        for (uint32_t i = 0; i < NAMES; i++) {
            char name[128];

            name_of(name, i);
            here[i] = rig_draw(&r, 2);
            if (here[i])
                CHECK_EQ(put_s(&r, o, name, "a", "v"), 0);
        }
        while (!at.eof) {
            bool more;

            h.stop_in = 2 + (uint32_t)rig_draw(&r, 20);
            CHECK_EQ(RIG_RETRY(&r, vos_list(r.c, LATEST, VOS_DKEY, o, NULL, NULL, false, &at, hit,
                                            &h, &lsn)),
                     0);
            for (uint32_t k = 0; k < 5; k++) {
                uint32_t i = (uint32_t)rig_draw(&r, NAMES);
                char name[128];

                name_of(name, i);
                changed[i] = true;
                here[i] = !here[i];
                CHECK_EQ(here[i] ? put_s(&r, o, name, "a", "v")
                                 : punch(&r, VOS_DKEY, o, name, NULL, 0),
                         0);
            }
            CHECK_EQ(RIG_RETRY(&r, vos_reclaim(r.v, &more)), 0);
        }
        for (uint32_t i = 0; i < NAMES; i++)
            if (!changed[i])
                assert_int_equal(h.n[i], here[i]);
        rig_stop(&r);
    }
}

/* ---- Checks of a transaction ---- */

static int check(struct rig *r, enum vos_check what, enum vos_level level, const char *dkey,
                 uint64_t seen)
{
    struct vos_key ak = K("a");
    struct vos_op op = {.kind = VOS_OP_CHECK,
                        .check = what,
                        .level = level,
                        .oid = O,
                        .dkey = K(dkey),
                        .akey_nr = 1,
                        .akeys = &ak,
                        .seen = seen};

    return rig_apply(r, &op, 1, 0, NULL);
}

static void what_a_transaction_saw_is_checked(void **state)
{
    uint64_t seen;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 10);
    assert_int_equal(check(&r, VOS_CHECK_ABSENT, VOS_OBJ, "", 0), 0);
    assert_int_equal(check(&r, VOS_CHECK_EMPTY, VOS_OBJ, "", 0), 0);
    assert_int_equal(check(&r, VOS_CHECK_ONLY, VOS_DKEY, "x", 0), 0);
    assert_int_equal(check(&r, VOS_CHECK_ONLY, VOS_OBJ, "x", 0), -DER_INVAL);
    assert_int_equal(put_s(&r, O, "x", "a", "1"), 0);
    assert_int_equal(check(&r, VOS_CHECK_ONLY, VOS_DKEY, "x", 0), 0);
    assert_int_equal(check(&r, VOS_CHECK_ONLY, VOS_DKEY, "y", 0), VOS_NOTEMPTY);
    assert_int_equal(put_s(&r, O, "y", "a", "1"), 0);
    assert_int_equal(check(&r, VOS_CHECK_EMPTY, VOS_OBJ, "", 0), VOS_NOTEMPTY);
    assert_int_equal(check(&r, VOS_CHECK_ONLY, VOS_DKEY, "x", 0), VOS_NOTEMPTY);
    assert_int_equal(check(&r, VOS_CHECK_EXISTS, VOS_AKEY, "x", 0), 0);
    seen = hlc_get(&r.clock, r.wall_ns);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_OBJ, "", seen), 0);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_DKEY, "none", seen), 0);
    assert_int_equal(put_s(&r, O, "x", "a", "2"), 0);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_OBJ, "", seen), -DER_TX_RESTART);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_DKEY, "x", seen), -DER_TX_RESTART);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_AKEY, "x", seen), -DER_TX_RESTART);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_DKEY, "y", seen), 0);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_DKEY, "none", seen), 0);
    /* seen there, gone now: that is a change although nothing is left of it */
    seen = hlc_get(&r.clock, r.wall_ns);
    assert_int_equal(punch(&r, VOS_DKEY, O, "x", NULL, 0), 0);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_DKEY, "x", seen), -DER_TX_RESTART);
    /* the object as a whole gone and made again */
    seen = hlc_get(&r.clock, r.wall_ns);
    assert_int_equal(punch(&r, VOS_OBJ, O, NULL, NULL, 0), 0);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_DKEY, "y", seen), -DER_TX_RESTART);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_OBJ, "", seen), -DER_TX_RESTART);
    assert_int_equal(put_s(&r, O, "z", "a", "1"), 0);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_DKEY, "y", seen), -DER_TX_RESTART);
    seen = hlc_get(&r.clock, r.wall_ns + 1000000000);
    assert_int_equal(check(&r, VOS_CHECK_UNCHANGED, VOS_DKEY, "y", seen), 0);
    rig_stop(&r);
}

/* Every answer names the log position of what it observed, negative ones too. */
static void answers_wait_for_what_they_saw(void **state)
{
    struct rig r;
    uint64_t lsn_x, lsn_y, changed, lsn;
    struct vos_key x = K("x"), y = K("y");

    (void)state;
    rig_start(&r, NULL, 1, 10);
    assert_int_equal(put_s(&r, O, "x", "a", "1"), 0);
    lsn_x = r.lsn;
    assert_int_equal(put_s(&r, O, "y", "a", "1"), 0);
    lsn_y = r.lsn;
    assert_true(lsn_y > lsn_x);
    assert_string_equal(get_s(&r, LATEST, O, "x", "a"), "1");
    assert_true(r.seen >= lsn_x && r.seen < lsn_y); /* not the neighbour's */
    (void)names(&r, LATEST, VOS_DKEY, O, NULL);
    assert_true(r.seen >= lsn_y);
    assert_int_equal(punch(&r, VOS_DKEY, O, "x", NULL, 0), 0);
    assert_string_equal(get_s(&r, LATEST, O, "x", "a"), "-");
    assert_true(r.seen >= r.lsn);
    assert_int_equal(RIG_RETRY(&r, vos_probe(r.c, LATEST, VOS_DKEY, O, &x, NULL, &changed, &lsn)),
                     -DER_NONEXIST);
    assert_true(lsn >= r.lsn);
    assert_int_equal(put_s(&r, O, "x", "a", "2"), 0);
    lsn_x = r.lsn;
    assert_int_equal(put(&r, O, x, K("a"), "3", 1, DAOS_COND_DKEY_INSERT, 0), -DER_EXIST);
    assert_true(r.lsn >= lsn_x);
    assert_int_equal(punch(&r, VOS_OBJ, O, NULL, NULL, 0), 0);
    lsn_x = r.lsn;
    assert_int_equal(RIG_RETRY(&r, vos_probe(r.c, LATEST, VOS_DKEY, O, &y, NULL, &changed, &lsn)),
                     -DER_NONEXIST);
    assert_true(lsn >= lsn_x);
    rig_stop(&r);
}

static void bad_shapes_are_refused(void **state)
{
    daos_obj_id_t ints = OID(DAOS_OT_DKEY_UINT64, 9);
    daos_recx_t over[2] = {{0, 10}, {5, 10}}, high = {UINT64_C(1) << 63, 1};
    struct iovec iov = {(void *)(uintptr_t) "0123456789abcdefghij", 20};
    struct vos_iod iod = {.akey = K("a"),
                          .type = DAOS_IOD_ARRAY,
                          .rec_size = 1,
                          .recx_nr = 2,
                          .recxs = over,
                          .iov = &iov,
                          .iov_nr = 1};
    struct vos_op op = {
        .kind = VOS_OP_UPDATE, .oid = O, .dkey = K("d"), .akey_nr = 1, .iods = &iod};
    static char longest[VOS_KEY_MAX + 2];
    struct heap_stat a, b;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 10);
    heap_lock(r.h);
    heap_stat(r.h, &a);
    heap_unlock(r.h);
    assert_int_equal(rig_apply(&r, &op, 1, 0, NULL), -DER_INVAL);
    iod.recxs = &high;
    iod.recx_nr = 1;
    assert_int_equal(rig_apply(&r, &op, 1, 0, NULL), -DER_INVAL);
    over[0].rx_nr = 21;
    iod.recxs = over;
    assert_int_equal(rig_apply(&r, &op, 1, 0, NULL), -DER_REC2BIG);
    over[0].rx_nr = 20;
    op.dkey.len = 0;
    assert_int_equal(rig_apply(&r, &op, 1, 0, NULL), -DER_INVAL);
    memset(longest, 'k', VOS_KEY_MAX + 1);
    op.dkey = K(longest);
    assert_int_equal(rig_apply(&r, &op, 1, 0, NULL), -DER_KEY2BIG);
    op.dkey = K("d");
    op.oid = ints;
    assert_int_equal(rig_apply(&r, &op, 1, 0, NULL), -DER_INVAL);
    op.oid = O;
    op.cond = DAOS_COND_PUNCH;
    assert_int_equal(rig_apply(&r, &op, 1, 0, NULL), -DER_INVAL);
    heap_lock(r.h);
    heap_stat(r.h, &b);
    heap_unlock(r.h);
    assert_int_equal(a.alloc_count, b.alloc_count);
    op.cond = 0;
    longest[VOS_KEY_MAX] = 0;
    op.dkey = K(longest);
    assert_int_equal(rig_apply(&r, &op, 1, 0, NULL), 0);
    assert_string_equal(names(&r, LATEST, VOS_AKEY, O, longest), "a");
    rig_stop(&r);
}

/* A read at an epoch promises that nobody writes below it any more. An answer that is out before
 * the promise is in the log would be broken by a crash and a wall clock that was put back. */
static void a_read_waits_for_its_promise(struct rt_xs *xs)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    struct vos_key d = K("d"), a = K("a");
    struct vos_fetch_iod iod = {.akey = a, .type = DAOS_IOD_SINGLE, .rec_size = DAOS_REC_ANY};
    struct vos_fetch f;
    uint64_t at, before, changed, seen = 0;
    struct rig r;

    rig_start(&r, xs, 8, 0);
    CHECK_EQ(put_s(&r, o, "d", "a", "1"), 0);
    at = hlc_peek(&r.clock) + UINT64_C(16000000000); /* a second later */
    before = heap_lsn(r.h);
    CHECK_EQ(RIG_RETRY(&r, vos_fetch(r.c, at, 0, o, &d, 1, &iod, &f)), 0);
    CHECK(f.lsn > before);
    CHECK_EQ(f.lsn, heap_lsn(r.h));
    vos_fetch_fini(r.c, &f);
    CHECK_EQ(heap_wait_durable(r.h, heap_lsn(r.h)), 0);
    at += UINT64_C(16000000000);
    before = heap_lsn(r.h);
    CHECK_EQ(RIG_RETRY(&r, vos_probe(r.c, at, VOS_DKEY, o, &d, NULL, &changed, &seen)), 0);
    CHECK(seen > before);
    rig_stop(&r);
}

static void on_disk(void **state)
{
    (void)state;
    rig_run(a_read_waits_for_its_promise);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_disk),
        cmocka_unit_test(replay_in_any_order),
        cmocka_unit_test(arrays_in_any_order),
        cmocka_unit_test(list_while_things_change),
        cmocka_unit_test(what_a_transaction_saw_is_checked),
        cmocka_unit_test(answers_wait_for_what_they_saw),
        cmocka_unit_test(bad_shapes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

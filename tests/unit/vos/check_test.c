/* What the checker finds, and what a reader is told, when bytes are not what they were. */
#include "rig.h"
#include "vos/priv.h"

#define LATEST DAOS_EPOCH_MAX

static char last[512], said[16384]; /* the last line; all of them */

static void note(void *arg, const char *text)
{
    (void)arg;
    snprintf(last, sizeof last, "%s", text);
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", text);
}

static void found(void *arg, const struct vos_found *f)
{
    if (f->dkey && f->akey)
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s/%s ", f->dkey, f->akey);
    if (strstr(f->text, "survive") == NULL && strncmp(f->text, "bytes ", 6) != 0 &&
        strncmp(f->text, "records ", 8) != 0)
        note(arg, f->text);
    else
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", f->text);
}

static uint64_t check(struct rig *r)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t problems = 0;
    bool more = true;

    last[0] = 0;
    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_check(r->v, &at,
                                        &(struct vos_check_ops){
                                            .report = found, .data = NULL, .arg = NULL},
                                        &problems, &more)),
                 0);
    return problems;
}

/* Changes bytes behind everybody's back; the old ones come back with a second call. */
static void swap(struct rig *r, uint64_t off, void *bytes, size_t len)
{
    uint8_t was[64];
    void *p;

    heap_lock(r->h);
    CHECK_EQ(heap_tx_begin(r->h, 200), 0);
    p = heap_tx_write(r->h, off, len);
    memcpy(was, p, len);
    memcpy(p, bytes, len);
    memcpy(bytes, was, len);
    heap_tx_commit(r->h, NULL);
    heap_unlock(r->h);
}

static void damage_is_found_and_named(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    struct vos_key d = K("name"), a = K("a"), w = K("w");
    const struct akey_rec *ak;
    uint64_t obj, dkey, akey, value, bad;
    const struct ver *s;
    struct layout l;
    const uint8_t *rec;
    struct rig r;
    char byte;

    (void)state;
    log_set_level((enum log_level)(LOG_LEVEL_ERROR - 1)); /* here damage is no news */
    rig_start(&r, NULL, 1, 0);
    CHECK_EQ(put_s(&r, o, "name", "a", "value"), 0);
    CHECK_EQ(write_arr(&r, o, d, w, 0, 10, 1, "0123456789"), 0);
    assert_int_equal(check(&r), 0);
    heap_lock(r.h);
    CHECK_EQ(obj_find(r.c, o, &obj), 0);
    CHECK_EQ(dkey_find(r.h, obj, o, &d, &dkey), 0);
    CHECK_EQ(akey_find(r.h, dkey, o, &a, DAOS_IOD_SINGLE, &akey), 0);
    ak = heap_ptr(r.h, akey, sizeof *ak);
    value = ak->values.word0;
    s = heap_ptr(r.h, value, sizeof *s);
    CHECK_EQ(layout_single(r.h, value, &l, &rec), 0);
    heap_unlock(r.h);

    byte = 'V'; /* of the value */
    swap(&r, value + l.data_off, &byte, 1);
    assert_int_equal(check(&r), 1);
    assert_non_null(strstr(last, "DER_CSUM"));
    assert_int_equal(get(&r, LATEST, o, d, a, last, sizeof last, 0), -DER_CSUM);
    swap(&r, value + l.data_off, &byte, 1);
    assert_int_equal(check(&r), 0);

    byte = 'N'; /* of the dkey's name */
    swap(&r, dkey + sizeof(struct dkey_rec), &byte, 1);
    assert_true(check(&r) > 0);
    assert_non_null(strstr(last, "not where its name belongs"));
    swap(&r, dkey + sizeof(struct dkey_rec), &byte, 1);

    bad = UINT64_C(1) << 62; /* an epoch of the future */
    swap(&r, value + offsetof(struct ver, epoch), &bad, 8);
    assert_int_equal(check(&r), 1);
    assert_non_null(strstr(last, "ceiling"));
    swap(&r, value + offsetof(struct ver, epoch), &bad, 8);

    byte = 'X'; /* the kind of the version */
    swap(&r, value, &byte, 1);
    assert_true(check(&r) > 0);
    assert_int_equal(get(&r, LATEST, o, d, a, last, sizeof last, 0), -DER_CSUM);
    assert_int_equal(read_arr(&r, LATEST, o, d, w, 0, 10, last, 10, NULL, NULL),
                     1); /* the rest survives */
    swap(&r, value, &byte, 1);

    /* a counter */
    r.c->stat[ST_AKEY] += 5;
    assert_int_equal(check(&r), 1);
    assert_non_null(strstr(last, "akeys"));
    r.c->stat[ST_AKEY] -= 5;
    assert_int_equal(check(&r), 0);

    heap_lock(r.h); /* a version that is not allocated */
    CHECK_EQ(heap_tx_begin(r.h, 1000), 0);
    CHECK_EQ(heap_tx_free(r.h, value), 0);
    heap_tx_commit(r.h, NULL);
    heap_unlock(r.h);
    assert_true(check(&r) > 0);
    assert_true(strstr(last, "not allocated") || strstr(last, "counts"));
    rig_stop(&r);
}

/* A place with bytes to put there, and what the checker then says. */
struct wound {
    uint64_t off;
    uint64_t bytes; /* little end first */
    size_t len;
    const char *says;
};

static uint64_t single_of(struct rig *r, daos_obj_id_t o, uint64_t dkey, const char *akey)
{
    struct vos_key a = K(akey);
    uint64_t off;

    CHECK_EQ(akey_find(r->h, dkey, o, &a, DAOS_IOD_SINGLE, &off), 0);
    return off;
}

/* Each alone, and then healed: what was said before is not said again. */
static void every_wound_has_a_name(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1);
    struct vos_key d = K("d"), gone = K("gone"), w = K("w");
    uint64_t obj, dkey, cut, single, value, arr, ext, at[6];
    struct walk walk;
    struct rig r;

    (void)state;
    log_set_level((enum log_level)(LOG_LEVEL_ERROR - 1));
    rig_start(&r, NULL, 1, 0);
    for (int i = 0; i < 3; i++) { /* each state is kept: by a snapshot */
        CHECK_EQ(put_s(&r, o, "d", "a", "value"), 0);
        CHECK_EQ(put_s(&r, o, "gone", "a", "value"), 0);
        CHECK_EQ(RIG_RETRY(&r, vos_snap_add(r.c, hlc_peek(&r.clock))), 0);
        CHECK_EQ(punch(&r, VOS_DKEY, o, "gone", NULL, 0), 0);
        CHECK_EQ(RIG_RETRY(&r, vos_snap_add(r.c, hlc_peek(&r.clock))), 0);
    }
    CHECK_EQ(write_arr(&r, o, d, w, 0, 10, 1, "0123456789"), 0);
    assert_int_equal(check(&r), 0);

    heap_lock(r.h);
    CHECK_EQ(obj_find(r.c, o, &obj), 0);
    CHECK_EQ(dkey_find(r.h, obj, o, &d, &dkey), 0);
    CHECK_EQ(dkey_find(r.h, obj, o, &gone, &cut), 0);
    single = single_of(&r, o, dkey, "a");
    value = ((const struct akey_rec *)heap_ptr(r.h, single, sizeof(struct akey_rec)))->values.word0;
    CHECK_EQ(akey_find(r.h, dkey, o, &w, DAOS_IOD_ARRAY, &arr), 0);
    walk_ext(&walk, r.h, arr, 0, false);
    CHECK_EQ(walk_next(&walk, &ext), 0);
    ext = ext_off(ext);
    at[0] = ((const struct dkey_rec *)heap_ptr(r.h, cut, sizeof(struct dkey_rec)))->life;
    for (int i = 0; i < 2; i++)
        at[i + 1] = ((const struct ver *)heap_ptr(r.h, at[i], sizeof(struct ver)))->older;
    CHECK(at[0] && at[1] && at[2]);
    heap_unlock(r.h);

    struct wound wounds[] = {
        {at[0], REC_SINGLE, 1, "does not belong here"},
        {at[1], REC_MARK, 1, "does not belong here"},
        {at[0] + offsetof(struct ver, epoch), 5, 8, "existence log at heap offset"},
        {value + offsetof(struct ver, epoch), 5, 8, "not newest first"},
        {ext + offsetof(struct ext, nr), 0, 4, "extent at heap offset"},
        {ext + offsetof(struct ext, epoch), UINT64_C(1) << 62, 8, "the ceiling is"},
        {arr + offsetof(struct akey_rec, type), 77, 1, "akey at heap offset"},
        {single + sizeof(struct akey_rec), 'b', 1, "not where its name belongs"},
        {dkey + sizeof(struct dkey_rec), 'e', 1, "not where its name belongs"},
        {obj + offsetof(struct obj_rec, changed), UINT64_C(1) << 62, 8, "above the ceiling"},
        {obj + offsetof(struct obj_rec, oid_lo), 99, 8, "not where its id belongs"},
        {dkey, 'X', 1, "dkey at heap offset"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wounds); i++) {
        said[0] = 0;
        swap(&r, wounds[i].off, &wounds[i].bytes, wounds[i].len);
        if (check(&r) == 0 || strstr(said, wounds[i].says) == NULL)
            fail_msg("wound %d: \"%s\" is not among\n%s", (int)i, wounds[i].says, said);
        swap(&r, wounds[i].off, &wounds[i].bytes, wounds[i].len);
        assert_int_equal(check(&r), 0);
    }
    rig_stop(&r);
}

/* Two wounds far from each other in one tree of dkeys: one costs a dkey, the other a value; both
 * are told, and the second by its name. */
static void the_walk_goes_on_beside_damage(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_LEXICAL, 1);
    char name[16], byte = 'X', wrong = 'W';
    uint64_t obj, lost, dkey, value;
    struct akey_rec a;
    const uint8_t *rec;
    struct layout l;
    struct rig r;

    (void)state;
    log_set_level((enum log_level)(LOG_LEVEL_ERROR - 1));
    rig_start(&r, NULL, 1, 10);
    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof name, "k%03d", i);
        CHECK_EQ(put_s(&r, o, name, "a", "value"), 0);
    }
    CHECK_EQ(RIG_RETRY(&r, obj_find(r.c, o, &obj)), 0);
    struct vos_key k1 = K("k100"), k2 = K("k300");
    CHECK_EQ(RIG_RETRY(&r, dkey_find(r.h, obj, o, &k1, &lost)), 0);
    CHECK_EQ(RIG_RETRY(&r, dkey_find(r.h, obj, o, &k2, &dkey)), 0);
    r.fault_pct = 0;
    heap_lock(r.h);
    value = single_of(&r, o, dkey, "a");
    CHECK_EQ(akey_look(r.h, value, &a), 0);
    value = a.values.word0;
    CHECK_EQ(layout_single(r.h, value, &l, &rec), 0);
    heap_unlock(r.h);
    swap(&r, lost, &byte, 1);
    swap(&r, value + l.data_off, &wrong, 1);
    said[0] = 0;
    assert_true(check(&r) > 1);
    assert_non_null(strstr(said, "it is lost, with all that is below it"));
    assert_non_null(strstr(said, "k300/a value of the version"));
    assert_int_equal(get(&r, LATEST, o, K("k101"), K("a"), last, sizeof last, 0), 5);
    rig_stop(&r);
}

static void a_dump_is_for_people(void **state)
{
    daos_obj_id_t o = OID(DAOS_OT_MULTI_HASHED, 1), f = OID(DAOS_OT_ARRAY_BYTE, 2);
    struct vos_key d = K("d"), w = K("w");
    uint64_t one = 1;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 20);
    CHECK_EQ(write_arr(&r, f, (struct vos_key){&one, 8}, K("0"), 0, 4, 1, "abcd"), 0);
    said[0] = last[0] = 0;
    assert_int_equal(RIG_RETRY(&r, vos_dump(r.c, f, note, NULL)), 0);
    assert_non_null(strstr(said, "  dkey 1 changed"));
    assert_non_null(strstr(last, "      records 0+4 of 1 bytes"));
    assert_int_equal(RIG_RETRY(&r, vos_dump(r.c, OID(0, 99), note, NULL)), -DER_NONEXIST);

    CHECK_EQ(put_s(&r, o, "d", "a\n", "value"), 0);
    CHECK_EQ(put_s(&r, o, "gone", "a", "value"), 0);
    CHECK_EQ(write_arr(&r, o, d, w, 0, 10, 1, "0123456789"), 0);
    CHECK_EQ(RIG_RETRY(&r, vos_snap_add(r.c, hlc_peek(&r.clock))), 0);
    CHECK_EQ(put_s(&r, o, "d", "a\n", "longer value"), 0);
    CHECK_EQ(punch(&r, VOS_DKEY, o, "gone", NULL, 0), 0);
    CHECK_EQ(write_arr(&r, o, d, w, 2, 3, 0, NULL), 0);               /* a hole */
    CHECK_EQ(write_arr(&r, o, d, w, 0, 4u * EXT_NR_MAX, 0, NULL), 0); /* one that covers much */
    said[0] = 0;
    assert_int_equal(RIG_RETRY(&r, vos_dump(r.c, o, note, NULL)), 0);
    assert_non_null(strstr(said, "  dkey d changed"));
    assert_non_null(strstr(said, "  dkey gone changed"));
    assert_non_null(strstr(said, " dead\n    punch at "));
    assert_non_null(strstr(said, "    akey a\\x0a single\n      value of 12 bytes at "));
    assert_non_null(strstr(said, "\n      value of 5 bytes at "));
    assert_non_null(strstr(said, "    akey w array\n      hole 0+4194304 at "));
    assert_non_null(strstr(said, "      records 0+10 of 1 bytes at "));
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_found_and_named),
        cmocka_unit_test(every_wound_has_a_name),
        cmocka_unit_test(the_walk_goes_on_beside_damage),
        cmocka_unit_test(a_dump_is_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

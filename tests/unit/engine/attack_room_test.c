/*
 * Room comes back while the pool stays open: what a change could not give back at once, the engine
 * gives back in the background without being told, and endless overwriting takes no more and more.
 */
#include "engine_rig.h"
#include "engine/engine_int.h"

static void stat_now(struct rig *r, struct vos_stat *vs, struct heap_stat *hs)
{
    struct shard *s = r->eng->shard;

    heap_lock(s->heap);
    vos_stat(s->vos, vs);
    heap_stat(s->heap, hs);
    heap_unlock(s->heap);
}

static int punch(struct rig *r, uint8_t level, uint64_t obj, const char *dkey)
{
    struct msg_op op = {
        .kind = MSG_OP_PUNCH, .level = level, .oid = rig_oid(obj), .dkey = rig_key(dkey)};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep rep;

    memcpy(q.hdl, r->coh, 16);
    return rig_ask(r, MSG_OBJ_UPDATE, &q, &rep);
}

static int write_bytes(struct rig *r, uint64_t obj, uint64_t idx, uint64_t nr, const void *bytes)
{
    daos_recx_t recx = {idx, nr};
    struct msg_iod iod = {
        .akey = rig_key("a"), .type = DAOS_IOD_ARRAY, .rec_size = 1, .recxs = &recx, .recxs_nr = 1};
    struct msg_op op = {.kind = MSG_OP_UPDATE,
                        .oid = rig_oid(obj),
                        .dkey = rig_key("d"),
                        .iods = &iod,
                        .iods_nr = 1};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep rep;
    struct iovec iov = {(void *)(uintptr_t)bytes, nr};
    struct net_call call;
    int rc;

    memcpy(q.hdl, r->coh, 16);
    net_call_init(&call, MSG_OBJ_UPDATE);
    call.req = &q;
    call.rep = &rep;
    call.bulk[0] = (struct net_bulk){&iov, 1, false};
    call.bulk_nr = 1;
    rc = net_call_wait(r->peer, &call);
    net_call_fini(&call);
    return rc;
}

/* More records than one transaction gives back. */
static void fill(struct rig *r, uint64_t obj, bool one_dkey)
{
    char val[9000] = {0}, key[2][16];

    for (int i = 0; i < 200; i++) {
        snprintf(key[0], sizeof(key[0]), "d%d", one_dkey ? 0 : i);
        snprintf(key[1], sizeof(key[1]), "a%d", i);
        assert_int_equal(rig_put(r, obj, key[0], key[1], val, sizeof(val)), 0);
    }
}

static void assert_room_is_back(struct rig *r, const struct vos_stat *want)
{
    struct heap_stat hs;
    struct vos_stat vs;

    for (int i = 0; i < 5000; i++) {
        stat_now(r, &vs, &hs);
        if (vs.value_data_bytes == want->value_data_bytes && vs.dkeys == want->dkeys &&
            vs.singles == want->singles)
            return;
        rt_sleep_ns(1000000);
    }
    fail_msg("%llu bytes in %llu dkeys, %llu values are still there",
             (unsigned long long)vs.value_data_bytes, (unsigned long long)vs.dkeys,
             (unsigned long long)vs.singles);
}

static void test_a_large_object_gives_its_room_back(void **state)
{
    struct rig *r = *state;
    struct vos_stat before;
    struct heap_stat hs;

    assert_int_equal(rig_put(r, 1, "d", "a", "kept", 4), 0);
    stat_now(r, &before, &hs);
    for (int round = 0; round < 3; round++) {
        fill(r, 2, false);
        assert_int_equal(punch(r, MSG_OBJ, 2, ""), 0);
        assert_room_is_back(r, &before);
    }
    assert_value(r, 1, "d", "a", "kept", 4);
}

static void test_a_large_dkey_gives_its_room_back(void **state)
{
    struct rig *r = *state;
    struct vos_stat before;
    struct heap_stat hs;

    assert_int_equal(rig_put(r, 2, "d", "a", "kept", 4), 0);
    stat_now(r, &before, &hs);
    fill(r, 2, true);
    assert_int_equal(punch(r, MSG_DKEY, 2, "d0"), 0);
    assert_room_is_back(r, &before);
    assert_value(r, 2, "d", "a", "kept", 4);
}

/* Extents that no single newer one covers pile up unless somebody clears them away. */
static void test_overwriting_at_random_stays_flat(void **state)
{
    enum { SPAN = 60000, ROUNDS = 4000 };
    struct rig *r = *state;
    uint8_t val[3200];
    struct heap_stat hs;
    struct vos_stat vs;

    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t len = 100 + mix64(i) % 3000, at = mix64(i + ROUNDS) % (SPAN - len);

        memset(val, (int)i, len);
        assert_int_equal(write_bytes(r, 1, at, len, val), 0);
        if (i % 50 == 0)
            rt_sleep_ns(1000000);
    }
    stat_now(r, &vs, &hs);
    for (int i = 0; i < 5000 && vs.extents > 400; i++) {
        rt_sleep_ns(1000000);
        stat_now(r, &vs, &hs);
    }
    assert_in_range(vs.extents, 1, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_large_object_gives_its_room_back, rig_setup,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(test_a_large_dkey_gives_its_room_back, rig_setup,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(test_overwriting_at_random_stays_flat, rig_setup,
                                        rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

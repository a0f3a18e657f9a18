/* A value and the object whose id lies in it, with one request. */
#include <pthread.h>
#include "engine_rig.h"
#include "engine/engine_int.h"
#include "base/assert.h"

/* "where": the value's object; its bytes [AT, AT + 16) are the id. */
#define WHERE 1u
#define BYTES 40u
#define AT    7u

static daos_obj_id_t array_oid(uint64_t n)
{
    daos_obj_id_t oid = rig_oid(n);

    oid.hi &= ~(UINT64_C(0xff) << OID_FMT_TYPE_SHIFT);
    oid.hi |= (uint64_t)DAOS_OT_ARRAY_BYTE << OID_FMT_TYPE_SHIFT;
    return oid;
}

static int put_array(struct rig *r, daos_obj_id_t oid, struct msg_buf dkey, uint64_t idx,
                     const void *bytes, uint64_t len)
{
    daos_recx_t recx = {idx, len};
    struct iovec iov = {(void *)(uintptr_t)bytes, len};
    struct msg_iod iod = {
        .akey = rig_key("0"), .type = DAOS_IOD_ARRAY, .rec_size = 1, .recxs = &recx, .recxs_nr = 1};
    struct msg_op op = {
        .kind = MSG_OP_UPDATE, .oid = oid, .dkey = dkey, .iods = &iod, .iods_nr = 1};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep rep;
    struct net_call call;
    int rc;

    memcpy(q.hdl, r->coh, 16);
    net_call_init(&call, MSG_OBJ_UPDATE);
    call.hdr.target = r->target;
    call.req = &q;
    call.rep = &rep;
    call.bulk[0] = (struct net_bulk){&iov, 1, false};
    call.bulk_nr = 1;
    rc = net_call_wait(r->peer, &call);
    net_call_fini(&call);
    return rc;
}

static int punch(struct rig *r, daos_obj_id_t oid, uint64_t dkey)
{
    struct msg_op op = {.kind = MSG_OP_PUNCH,
                        .level = dkey != 0 ? MSG_DKEY : MSG_OBJ,
                        .oid = oid,
                        .dkey = {dkey != 0 ? &dkey : NULL, dkey != 0 ? 8 : 0}};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep rep;

    memcpy(q.hdl, r->coh, 16);
    return rig_ask(r, MSG_OBJ_UPDATE, &q, &rep);
}

static int put_chunk(struct rig *r, uint64_t file, uint64_t chunk, uint64_t idx, uint64_t len)
{
    static const char bytes[9000];

    return put_array(r, array_oid(file), (struct msg_buf){&chunk, 8}, idx, bytes, len);
}

/* An entry of that name. */
static void put_entry(struct rig *r, const char *name, daos_obj_id_t oid)
{
    char bytes[BYTES];

    memset(bytes, 'v', sizeof(bytes));
    memcpy(bytes + AT, &oid, sizeof(oid));
    assert_int_equal(put_array(r, rig_oid(WHERE), rig_key(name), 0, bytes, sizeof(bytes)), 0);
}

static char value[8192];

static struct msg_obj_follow_req asking(struct rig *r, const char *name, uint64_t epoch)
{
    struct msg_obj_follow_req q = {.epoch = epoch,
                                   .oid = rig_oid(WHERE),
                                   .dkey = rig_key(name),
                                   .akey = rig_key("0"),
                                   .nr = BYTES,
                                   .id_at = AT,
                                   .of_akey = rig_key("0")};

    memcpy(q.hdl, r->coh, 16);
    return q;
}

static int ask(struct rig *r, const struct msg_obj_follow_req *q, struct msg_obj_follow_rep *rep)
{
    struct net_call call;
    int rc;

    memset(value, 0, sizeof(value));
    net_call_init(&call, MSG_OBJ_FOLLOW);
    call.hdr.target = r->target;
    call.req = q;
    call.rep = rep;
    rc = net_call_wait(r->peer, &call);
    if (rc == 0 && rep->value.len > 0)
        memcpy(value, rep->value.buf, rep->value.len);
    net_call_fini(&call);
    return rc;
}

static struct msg_obj_follow_rep follow_at(struct rig *r, const char *name, uint64_t epoch)
{
    struct msg_obj_follow_req q = asking(r, name, epoch);
    struct msg_obj_follow_rep rep;

    assert_int_equal(ask(r, &q, &rep), 0);
    return rep;
}

static struct msg_obj_follow_rep follow(struct rig *r, const char *name)
{
    return follow_at(r, name, DAOS_EPOCH_MAX);
}

/* What the object says when it is asked itself. */
static struct msg_obj_query_key_rep directly(struct rig *r, daos_obj_id_t oid, uint64_t epoch)
{
    struct msg_obj_query_key_req q = {.epoch = epoch, .oid = oid, .akey = rig_key("0")};
    struct msg_obj_query_key_rep rep;
    struct net_call call;
    int rc;

    if (daos_is_dkey_uint64(oid))
        q.flags = DAOS_GET_MAX | DAOS_GET_DKEY | DAOS_GET_RECX;
    memcpy(q.hdl, r->coh, 16);
    net_call_init(&call, MSG_OBJ_QUERY_KEY);
    call.hdr.target = r->target;
    call.req = &q;
    call.rep = &rep;
    rc = net_call_wait(r->peer, &call);
    net_call_fini(&call);
    if (rc == -DER_NONEXIST)
        memset(&rep, 0, sizeof(rep));
    else
        assert_int_equal(rc, 0);
    return rep;
}

static void assert_as_directly(struct rig *r, const char *name, daos_obj_id_t oid, uint64_t epoch)
{
    struct msg_obj_query_key_rep d = directly(r, oid, epoch);
    struct msg_obj_follow_rep f = follow_at(r, name, epoch);

    assert_int_equal(f.value.len, BYTES);
    assert_memory_equal(value + AT, &oid, sizeof(oid));
    assert_int_equal(value[0], 'v');
    assert_true(f.epoch != 0);
    assert_int_equal(f.followed, 1);
    assert_int_equal(f.dkey, d.dkey);
    assert_int_equal(f.recx_idx, d.recx_idx);
    assert_int_equal(f.recx_nr, d.recx_nr);
    assert_true(f.max_epoch == d.max_epoch);
}

static void test_what_asking_tells(void **state)
{
    struct rig *r = *state;
    struct msg_obj_follow_rep f;

    put_entry(r, "f", array_oid(10));
    assert_as_directly(r, "f", array_oid(10), DAOS_EPOCH_MAX); /* nothing there yet */
    assert_int_equal(follow(r, "f").max_epoch, 0);
    assert_int_equal(put_chunk(r, 10, 1, 0, 100), 0);
    assert_int_equal(put_chunk(r, 10, 3, 5, 20), 0); /* behind a hole */
    f = follow(r, "f");
    assert_int_equal(f.dkey, 3);
    assert_int_equal(f.recx_idx + f.recx_nr, 25);
    assert_as_directly(r, "f", array_oid(10), DAOS_EPOCH_MAX);
    assert_as_directly(r, "f", array_oid(10), 0);
    assert_int_equal(punch(r, array_oid(10), 3), 0); /* shorter */
    assert_int_equal(follow(r, "f").dkey, 1);
    assert_as_directly(r, "f", array_oid(10), DAOS_EPOCH_MAX);
    assert_int_equal(punch(r, array_oid(10), 0), 0); /* gone */
    assert_as_directly(r, "f", array_oid(10), DAOS_EPOCH_MAX);
    assert_int_equal(put_chunk(r, 10, 2, 0, 9000), 0); /* in data extents */
    assert_as_directly(r, "f", array_oid(10), DAOS_EPOCH_MAX);
    /* whose dkeys are no numbers: only when it changed */
    put_entry(r, "d", rig_oid(20));
    assert_int_equal(rig_put(r, 20, "x", "0", "y", 1), 0);
    assert_as_directly(r, "d", rig_oid(20), DAOS_EPOCH_MAX);
    assert_true(follow(r, "d").max_epoch != 0);
    assert_int_equal(follow(r, "d").dkey, 0);
    rig_crash(r);
    assert_as_directly(r, "f", array_oid(10), DAOS_EPOCH_MAX);
}

static void test_nothing_there(void **state)
{
    struct rig *r = *state;
    struct msg_obj_follow_rep f = follow(r, "absent");

    assert_int_equal(f.value.len, 0);
    assert_int_equal(f.followed, 0);
    assert_int_equal(f.epoch, 0);
    /* shorter than where the id ends: there is none */
    assert_int_equal(put_array(r, rig_oid(WHERE), rig_key("short"), 0, value, AT + 15), 0);
    f = follow(r, "short");
    assert_int_equal(f.value.len, AT + 15);
    assert_int_equal(f.followed, 0);
    /* of a hole: an id of zeros, which leads to nothing */
    assert_int_equal(put_array(r, rig_oid(WHERE), rig_key("hole"), AT + 16, "e", 1), 0);
    f = follow(r, "hole");
    assert_int_equal(f.value.len, AT + 17);
    assert_int_equal(f.followed, 1);
    assert_int_equal(f.max_epoch, 0);
    assert_int_equal(value[AT], 0);
    assert_int_equal(value[AT + 16], 'e');
}

static void test_the_past(void **state)
{
    struct rig *r = *state;
    struct msg_snap_create_req q = {.opts = DAOS_SNAP_OPT_CR};
    struct msg_snap_create_rep snap;

    put_entry(r, "f", array_oid(10));
    assert_int_equal(put_chunk(r, 10, 1, 0, 100), 0);
    memcpy(q.hdl, r->coh, 16);
    assert_int_equal(rig_ask(r, MSG_SNAP_CREATE, &q, &snap), 0);
    assert_int_equal(put_chunk(r, 10, 4, 0, 100), 0);
    assert_int_equal(follow(r, "f").dkey, 4);
    assert_as_directly(r, "f", array_oid(10), snap.epoch);
    assert_int_equal(follow_at(r, "f", snap.epoch).dkey, 1);
    put_entry(r, "f", array_oid(11));
    assert_int_equal(follow(r, "f").max_epoch, 0);
    assert_as_directly(r, "f", array_oid(10), snap.epoch);
    assert_int_equal(follow_at(r, "f", snap.epoch).read_at == snap.epoch, 1);
}

static void test_hostile(void **state)
{
    struct rig *r = *state;
    struct msg_obj_follow_req q;
    struct msg_obj_follow_rep f;
    static const uint32_t bad[][2] = {/* nr, id_at */
                                      {0, 0},
                                      {15, 0},
                                      {40, 25},
                                      {40, UINT32_MAX},
                                      {40, UINT32_MAX - 15},
                                      {4097, 0},
                                      {UINT32_MAX, 0},
                                      {UINT32_MAX, UINT32_MAX - 16}};
    static char large[8192];

    put_entry(r, "f", array_oid(10));
    assert_int_equal(put_chunk(r, 10, 1, 0, 100), 0);
    for (uint32_t i = 0; i < ARRAY_LEN(bad); i++) {
        q = asking(r, "f", DAOS_EPOCH_MAX);
        q.nr = bad[i][0];
        q.id_at = bad[i][1];
        assert_int_equal(ask(r, &q, &f), -DER_PROTO);
    }
    for (uint32_t at = 0; at <= BYTES - 16; at++) { /* whatever that leads to */
        q = asking(r, "f", DAOS_EPOCH_MAX);
        q.id_at = at;
        assert_int_equal(ask(r, &q, &f), 0);
        assert_int_equal(f.value.len, BYTES);
    }
    q = asking(r, "f", DAOS_EPOCH_MAX);
    q.idx = UINT64_MAX - 3;
    assert_int_equal(ask(r, &q, &f), -DER_INVAL);
    q = asking(r, "", DAOS_EPOCH_MAX);
    assert_int_equal(ask(r, &q, &f), -DER_INVAL);
    q = asking(r, "f", DAOS_EPOCH_MAX);
    q.of_akey.len = 0; /* asking for that would be refused, so the value alone is there */
    assert_int_equal(ask(r, &q, &f), 0);
    assert_int_equal(f.followed, 0);
    assert_int_equal(f.value.len, BYTES);
    q = asking(r, "f", UINT64_MAX - 1); /* far ahead */
    assert_int_equal(ask(r, &q, &f), -DER_HLC_SYNC);
    q = asking(r, "f", DAOS_EPOCH_MAX);
    q.hdl[3] ^= 1;
    assert_int_equal(ask(r, &q, &f), -DER_NO_HDL);
    /* of other record sizes, and not short */
    assert_int_equal(rig_put(r, WHERE, "single", "0", large, 40), 0);
    assert_int_equal(follow(r, "single").value.len, 0);
    assert_int_equal(put_array(r, rig_oid(WHERE), rig_key("large"), 0, large, sizeof(large)), 0);
    q = asking(r, "large", DAOS_EPOCH_MAX);
    assert_int_equal(ask(r, &q, &f), -DER_NOTSUPPORTED);
    assert_as_directly(r, "f", array_oid(10), DAOS_EPOCH_MAX);
}

/* Who may not read is told nothing. */
static void test_only_with_the_right_to_read(void **state)
{
    struct rig *r = *state;
    struct msg_obj_follow_req q;
    struct msg_obj_follow_rep f;
    struct msg_cont_close_req close = {0};
    struct msg_cont_close_rep closed;

    put_entry(r, "f", array_oid(10));
    q = asking(r, "f", DAOS_EPOCH_MAX);
    memcpy(close.hdl, r->coh, 16);
    assert_int_equal(ask(r, &q, &f), 0);
    assert_int_equal(rig_ask(r, MSG_CONT_CLOSE, &close, &closed), 0);
    assert_int_equal(ask(r, &q, &f), -DER_NO_HDL);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RO), 0);
    q = asking(r, "f", DAOS_EPOCH_MAX);
    assert_int_equal(ask(r, &q, &f), 0);
}

static void test_with_pages_that_vanish(void **state)
{
    struct rig *r = *state;
    char names[20][8];

    for (uint32_t i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "f%u", i);
        put_entry(r, names[i], array_oid(100 + i));
        for (uint32_t k = 1; k <= i; k++)
            assert_int_equal(put_chunk(r, 100 + i, k, 0, 10), 0);
    }
    rig_crash(r);
    r->fault_every = 7;
    for (uint32_t i = 0; i < 20; i++) {
        struct msg_obj_follow_rep f = follow(r, names[i]);

        assert_int_equal(f.value.len, BYTES);
        assert_int_equal(f.followed, 1);
        assert_int_equal(f.dkey, i);
    }
}

struct asker {
    struct rig *r;
    struct msg_obj_follow_rep rep;
};

static void *ask_in_thread(void *arg)
{
    struct asker *a = arg;

    a->rep = follow(a->r, "f");
    return NULL;
}

/* Somebody has the heap: a fiber of the engine waits for it. */
static void test_while_the_heap_is_locked(void **state)
{
    struct rig *r = *state;
    struct asker a = {.r = r};
    uint64_t before;
    pthread_t t;

    put_entry(r, "f", array_oid(10));
    assert_int_equal(put_chunk(r, 10, 2, 0, 10), 0);
    before = __atomic_load_n(&r->eng->requests, __ATOMIC_RELAXED);
    heap_lock(r->eng->shard->heap);
    assert_int_equal(pthread_create(&t, NULL, ask_in_thread, &a), 0);
    while (__atomic_load_n(&r->eng->requests, __ATOMIC_RELAXED) == before)
        rt_sleep_ns(1000000);
    heap_unlock(r->eng->shard->heap);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(a.rep.dkey, 2);
}

/* ---- Several targets ---- */

static int setup_two(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));

    r->targets = 2;
    return rig_setup_in(state, r);
}

/* A target tells what it has, and knows nothing of others. */
static void test_the_object_is_elsewhere(void **state)
{
    struct rig *r = *state;
    struct msg_obj_follow_rep f;

    put_entry(r, "f", array_oid(10));
    r->target = 1;
    assert_int_equal(put_chunk(r, 10, 2, 0, 10), 0);
    put_entry(r, "g", array_oid(10));
    assert_int_equal(follow(r, "g").dkey, 2);
    assert_int_equal(follow(r, "f").value.len, 0);
    r->target = 0;
    f = follow(r, "f");
    assert_int_equal(f.value.len, BYTES);
    assert_int_equal(f.dkey, 0);
    assert_int_equal(f.max_epoch, 0);
}

/* Prepared: chunk 5 of file 10, and entry "f" leads to file 11, or just one of them. Its leader has
 * never heard of it. */
static void prepare(struct rig *r, uint64_t seq, bool entry, bool chunk)
{
    daos_obj_id_t other = array_oid(11);
    daos_recx_t recxs[2] = {{AT, 16}, {0, 4}};
    uint64_t chunk_no = 5;
    struct iovec iov = {&other, 16};
    struct msg_iod iods[2];
    struct msg_op ops[2];
    struct msg_tx_prepare_req q = {
        .session_hlc = 77, .session_rand = 1, .seq = seq, .acked = seq - 1, .leader = 1};
    struct msg_echo_rep none;
    struct net_call call;

    for (int i = 0; i < 2; i++) {
        iods[i] = (struct msg_iod){.akey = rig_key("0"),
                                   .type = DAOS_IOD_ARRAY,
                                   .rec_size = 1,
                                   .recxs = &recxs[i],
                                   .recxs_nr = 1};
        ops[i] = (struct msg_op){.kind = MSG_OP_UPDATE, .iods = &iods[i], .iods_nr = 1};
    }
    ops[0].oid = rig_oid(WHERE);
    ops[0].dkey = rig_key("f");
    ops[1].oid = array_oid(10);
    ops[1].dkey = (struct msg_buf){&chunk_no, 8};
    q.ops = entry ? ops : ops + 1;
    q.ops_nr = (uint32_t)entry + (uint32_t)chunk;
    q.epoch = hlc_get(r->eng->shard->clock, engine_wall_ns(r->eng)) + 1;
    memcpy(q.hdl, r->coh, 16);
    net_call_init(&call, MSG_TX_PREPARE);
    call.req = &q;
    call.rep = &none;
    call.bulk[0] = (struct net_bulk){&iov, 1, false};
    call.bulk_nr = 1;
    assert_int_equal(net_call_wait(r->peer, &call), 0);
    net_call_fini(&call);
}

/* Whoever meets it on either of the two looks asks what became of it. */
static void test_in_doubt(void **state)
{
    struct rig *r = *state;
    uint64_t seq = 0;

    put_entry(r, "f", array_oid(10));
    assert_int_equal(put_chunk(r, 10, 2, 0, 10), 0);
    for (int what = 1; what <= 3; what++) {
        struct msg_obj_follow_rep f;
        struct engine_stat st;

        prepare(r, ++seq, what & 1, what & 2);
        engine_stat(r->eng, &st);
        assert_int_equal(st.prepared, 1);
        f = follow(r, "f");
        assert_int_equal(f.dkey, 2);
        engine_stat(r->eng, &st);
        assert_int_equal(st.prepared, 0);
        assert_as_directly(r, "f", array_oid(10), DAOS_EPOCH_MAX);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_what_asking_tells),
        T(test_nothing_there),
        T(test_the_past),
        T(test_hostile),
        T(test_only_with_the_right_to_read),
        T(test_with_pages_that_vanish),
        T(test_while_the_heap_is_locked),
        cmocka_unit_test_setup_teardown(test_the_object_is_elsewhere, setup_two, rig_teardown),
        cmocka_unit_test_setup_teardown(test_in_doubt, setup_two, rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Containers, snapshots, properties and handles through an engine, and what a restart makes of
 * them. */
#include "engine_rig.h"
#include "base/fail.h"
#include "engine/engine_int.h"

static int destroy(struct rig *r, const char *name, uint8_t force)
{
    struct msg_cont_destroy_req q = {.cont = name, .force = force};
    struct msg_cont_destroy_rep rep;

    memcpy(q.hdl, r->poh, 16);
    return rig_ask(r, MSG_CONT_DESTROY, &q, &rep);
}

static int close_cont(struct rig *r)
{
    struct msg_cont_close_req q;
    struct msg_cont_close_rep rep;

    memcpy(q.hdl, r->coh, 16);
    return rig_ask(r, MSG_CONT_CLOSE, &q, &rep);
}

static int snap(struct rig *r, uint64_t *epoch)
{
    struct msg_snap_create_req q = {.opts = DAOS_SNAP_OPT_CR};
    struct msg_snap_create_rep rep;
    int rc;

    memcpy(q.hdl, r->coh, 16);
    rc = rig_ask(r, MSG_SNAP_CREATE, &q, &rep);
    *epoch = rep.epoch;
    return rc;
}

static int unsnap(struct rig *r, uint64_t epoch)
{
    struct msg_snap_destroy_req q = {.epoch = epoch};
    struct msg_snap_destroy_rep rep;

    memcpy(q.hdl, r->coh, 16);
    return rig_ask(r, MSG_SNAP_DESTROY, &q, &rep);
}

static uint32_t snaps(struct rig *r, uint64_t *first)
{
    struct msg_snap_list_req q;
    struct msg_snap_list_rep rep;
    struct net_call call;
    uint32_t nr;

    memcpy(q.hdl, r->coh, 16);
    assert_int_equal(rig_call(r, &call, MSG_SNAP_LIST, &q, &rep), 0);
    nr = rep.epochs_nr;
    *first = nr > 0 ? rep.epochs[0] : 0;
    net_call_fini(&call);
    return nr;
}

static void test_a_destroyed_container_is_gone(void **state)
{
    struct rig *r = *state;
    uint8_t big[30000];
    int rc = 0;

    memset(big, 1, sizeof(big));
    assert_int_equal(rig_put(r, 1, "d", "a", big, sizeof(big)), 0);
    assert_int_equal(destroy(r, "data", 0), -DER_BUSY);
    assert_int_equal(destroy(r, "data", 1), 0);
    assert_int_equal(rig_put(r, 1, "d", "a", "v", 1), -DER_NO_HDL);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), -DER_NONEXIST);
    assert_int_equal(destroy(r, "data", 0), -DER_NONEXIST);
    /* the uuid is free again once the data is gone, which the background sees to */
    for (int i = 0; i < 1000; i++) {
        rc = rig_cont_create(r, "data", 1);
        if (rc != -DER_EXIST)
            break;
        rt_sleep_ns(1000000);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
    assert_value(r, 1, "d", "a", "", 0);
}

static void test_a_destroy_is_finished_after_a_crash(void **state)
{
    struct rig *r = *state;
    struct engine_stat st;

    for (int i = 0; i < 2000; i++) {
        char dkey[32];

        snprintf(dkey, sizeof(dkey), "%d", i);
        assert_int_equal(rig_put(r, (uint64_t)i % 50, dkey, "a", "value", 5), 0);
    }
    assert_int_equal(rig_cont_create(r, "other", 2), 0);
    assert_int_equal(destroy(r, "data", 1), 0);
    rig_close(r, false);
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), -DER_NONEXIST);
    for (int i = 0; i < 2000; i++) {
        engine_stat(r->eng, &st);
        if (st.objects == 0)
            break;
        rt_sleep_ns(1000000);
    }
    assert_int_equal(st.objects, 0);
    assert_int_equal(rig_cont_open(r, "other", DAOS_COO_RW), 0);
}

static void test_snapshots_stay_readable(void **state)
{
    struct rig *r = *state;
    uint64_t epoch, first, len;
    char buf[8];

    assert_int_equal(rig_put(r, 1, "d", "a", "old", 3), 0);
    assert_int_equal(snap(r, &epoch), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(rig_put(r, 1, "d", "a", "newer", 5), 0);
    for (int round = 0; round < 2; round++) {
        assert_value(r, 1, "d", "a", "newer", 5);
        assert_int_equal(rig_get_at(r, 1, "d", "a", buf, 8, epoch, 0, &len), 0);
        assert_int_equal(len, 3);
        assert_memory_equal(buf, "old", 3);
        assert_int_equal(snaps(r, &first), 1);
        assert_true(first == epoch);
        rig_crash(r);
    }
    assert_int_equal(unsnap(r, epoch), 0);
    assert_int_equal(unsnap(r, epoch), -DER_NONEXIST);
    assert_int_equal(snaps(r, &first), 0);
}

/* ---- A crash between the store's snapshot and the service's ---- */

struct orphan {
    struct rig *r;
    uint64_t epoch;
    uint64_t found[8];
    uint32_t nr;
    int rc;
    struct rt_event done;
    int (*op)(struct shard *s, void *arg);
};

static int orphan_cont(struct shard *s, struct vos_cont **c)
{
    uuid_t uuid;

    memset(uuid, 1, 16);
    return vos_cont_open(s->vos, uuid, false, c);
}

static int orphan_add(struct shard *s, void *arg)
{
    struct orphan *o = arg;
    struct vos_cont *c;
    int rc = orphan_cont(s, &c);

    o->epoch = hlc_get(s->clock, engine_wall_ns(s->eng));
    return rc != 0 ? rc : vos_snap_add(c, o->epoch);
}

static int orphan_list(struct shard *s, void *arg)
{
    struct orphan *o = arg;
    struct vos_cont *c;
    int rc = orphan_cont(s, &c);

    return rc != 0 ? rc : vos_snap_list(c, o->found, 8, &o->nr);
}

static void orphan_fiber(void *arg)
{
    struct orphan *o = arg;

    o->rc = shard_run(o->r->eng->shard, o->op, o);
    rt_event_set(&o->done);
}

static void orphan_run(struct orphan *o, int (*op)(struct shard *s, void *arg))
{
    o->op = op;
    rt_event_init(&o->done);
    assert_int_equal(rt_spawn_on(o->r->eng->shard->xs, orphan_fiber, o), 0);
    rt_event_wait(&o->done);
    assert_int_equal(o->rc, 0);
}

static void test_a_half_made_snapshot_is_undone(void **state)
{
    struct rig *r = *state;
    struct orphan o = {.r = r};
    uint64_t epoch;

    assert_int_equal(rig_put(r, 1, "d", "a", "v", 1), 0);
    assert_int_equal(snap(r, &epoch), 0);
    orphan_run(&o, orphan_add);
    orphan_run(&o, orphan_list);
    assert_int_equal(o.nr, 2);
    assert_int_equal(rig_put(r, 1, "d", "a", "w", 1), 0); /* makes it durable */
    rig_crash(r);
    orphan_run(&o, orphan_list);
    assert_int_equal(o.nr, 1);
    assert_true(o.found[0] == epoch);
}

static void test_queries(void **state)
{
    struct rig *r = *state;
    struct msg_pool_query_req q = {.bits = DPI_SPACE, .all_props = 1};
    struct msg_pool_query_rep rep;
    struct msg_target_query_req tq = {.target = 0};
    struct msg_target_query_rep trep;
    struct msg_engine_stat_req sq;
    struct msg_engine_stat_rep srep;
    struct net_call call;

    memcpy(q.hdl, r->poh, 16);
    assert_int_equal(rig_call(r, &call, MSG_POOL_QUERY, &q, &rep), 0);
    assert_int_equal(rep.info.ntargets, 1);
    assert_int_equal(rep.info.uuid[0], 9);
    assert_true(rep.info.space.scm_total > 0 && rep.info.space.nvme_total > 0);
    assert_true(rep.info.space.nvme_free <= rep.info.space.nvme_total);
    assert_int_equal(rep.props_nr, DAOS_PROP_PO_NUM);
    assert_true(rep.map.len > 0);
    net_call_fini(&call);
    memcpy(tq.hdl, r->poh, 16);
    assert_int_equal(rig_ask(r, MSG_TARGET_QUERY, &tq, &trep), 0);
    assert_int_equal(trep.state, DAOS_TS_UP_IN);
    tq.target = 1;
    assert_int_equal(rig_ask(r, MSG_TARGET_QUERY, &tq, &trep), -DER_NONEXIST);
    memset(tq.hdl, 0, 16);
    assert_int_equal(rig_ask(r, MSG_TARGET_QUERY, &tq, &trep), -DER_NO_HDL);
    memcpy(sq.hdl, r->poh, 16);
    assert_int_equal(rig_call(r, &call, MSG_ENGINE_STAT, &sq, &srep), 0);
    assert_true(srep.metrics_nr > 10);
    net_call_fini(&call);
}

static void test_a_restart_closes_what_was_open(void **state)
{
    struct rig *r = *state;
    uint8_t coh[16];

    for (int clean = 0; clean < 2; clean++) {
        memcpy(coh, r->coh, 16);
        rig_close(r, clean);
        rig_open(r);
        assert_int_equal(rig_put(r, 1, "d", "a", "v", 1), -DER_NO_HDL);
        assert_int_equal(close_cont(r), -DER_NO_HDL);
        rig_connect(r);
        assert_int_equal(rig_cont_open(r, "data", DAOS_COO_EX), 0);
        assert_memory_not_equal(coh, r->coh, 16);
        assert_int_equal(rig_put(r, 1, "d", "a", "v", 1), 0);
    }
}

static void test_an_update_sent_twice_is_applied_once(void **state)
{
    struct rig *r = *state;
    uint64_t first, again;
    char buf[8];
    uint64_t len;

    assert_int_equal(rig_put_at(r, 1, "d", "a", "v", 1, DAOS_COND_DKEY_INSERT, &first), 0);
    assert_int_equal(rig_put(r, 1, "d2", "a", "w", 1), 0);
    r->seq = 100;
    for (int i = 0; i < 2; i++) {
        struct msg_iod iod = {
            .akey = rig_key("a"), .type = DAOS_IOD_SINGLE, .rec_size = 1, .bulk = 0};
        struct msg_op op = {.kind = MSG_OP_UPDATE,
                            .oid = rig_oid(2),
                            .dkey = rig_key("d"),
                            .iods = &iod,
                            .iods_nr = 1,
                            .cond = DAOS_COND_DKEY_INSERT};
        struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
        struct msg_obj_update_rep rep;
        struct iovec iov = {i == 0 ? "1" : "2", 1};
        struct net_call call;

        memcpy(q.hdl, r->coh, 16);
        net_call_init(&call, MSG_OBJ_UPDATE);
        call.req = &q;
        call.rep = &rep;
        call.bulk[0] = (struct net_bulk){&iov, 1, false};
        call.bulk_nr = 1;
        call.hdr.session_hlc = 50;
        call.hdr.session_rand = 51;
        call.hdr.seq = 7;
        assert_int_equal(net_call_wait(r->peer, &call),
                         0); /* the second would be -DER_EXIST if it were new */
        assert_int_equal(rep.replayed, i);
        if (i == 0)
            again = rep.epoch;
        else
            assert_true(rep.epoch == again);
        net_call_fini(&call);
    }
    assert_int_equal(rig_get(r, 2, "d", "a", buf, 8, &len), 0);
    assert_memory_equal(buf, "1", 1);
}

static void test_a_read_only_engine_reads_and_nothing_else(void **state)
{
    struct rig *r = *state;
    uint8_t big[10000];

    memset(big, 7, sizeof(big));
    assert_int_equal(rig_put(r, 1, "d", "a", "small", 5), 0);
    assert_int_equal(rig_put(r, 1, "d", "b", big, sizeof(big)), 0);
    rig_close(r, false); /* the log is not empty */
    r->readonly = true;
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), -DER_NO_PERM);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RO), 0);
    assert_value(r, 1, "d", "a", "small", 5);
    assert_value(r, 1, "d", "b", big, sizeof(big));
    assert_int_equal(rig_put(r, 1, "d", "a", "v", 1), -DER_NO_PERM);
    assert_int_equal(rig_cont_create(r, "more", 4), -DER_NO_PERM);
    assert_int_equal(destroy(r, "data", 1), -DER_NO_PERM);
    assert_int_equal(close_cont(r), 0);
    assert_int_equal(close_cont(r), -DER_NO_HDL);
    rig_close(r, true);
    r->readonly = false;
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
    assert_value(r, 1, "d", "a", "small", 5);
}

static void test_a_directory_has_one_engine(void **state)
{
    struct rig *r = *state;
    struct engine_conf conf = {.dir = r->dir, .cpu = -1};
    struct engine_format f = {.owner = "a@", .group = "b@"};
    struct engine *eng = NULL;
    struct err e = {0};

    assert_int_equal(io_dir_lock(r->dir, NULL), 0);
    assert_int_equal(engine_open(&conf, &eng, &e), -DER_BUSY);
    assert_true(e.what[0] != '\0' && e.why[0] != '\0' && e.next[0] != '\0');
    assert_null(eng);
    memset(&e, 0, sizeof(e));
    conf.locked = true;
    rig_close(r, true);
    assert_int_equal(engine_pool_format(&conf, &f, &e), -DER_EXIST);
    assert_true(e.what[0] != '\0');
    rig_open(r); /* and it is still there */
}

static void test_format_refuses_bad_properties(void **state)
{
    struct msg_prop prop = {.type = DAOS_PROP_PO_SPACE_RB, .val = 1000};
    struct engine_format f = {
        .wal_bytes = 8u << 20, .owner = "a@", .group = "b@", .props = &prop, .props_nr = 1};
    struct engine_conf conf = {.locked = true, .cpu = -1};
    struct err e = {0};

    assert_int_equal(io_dir_open_mem(&conf.dir), 0);
    assert_int_equal(engine_pool_format(&conf, &f, &e), -DER_INVAL);
    assert_non_null(strstr(e.what, "3"));
    io_dir_close(conf.dir);
}

/* Sizes asked for are those it begins with; a limit below what it begins with is refused. */
static void test_format_keeps_to_sizes(void **state)
{
    struct engine_format f = {.meta_bytes = 4u << 20,
                              .data_bytes = (3u << 20) - 1,
                              .limit_bytes = 12u << 20,
                              .owner = "a@",
                              .group = "b@"};
    struct engine_conf conf = {.locked = true, .cpu = -1};
    struct engine_stat st;
    struct engine *eng;
    struct err e = {0};

    assert_int_equal(io_dir_open_mem(&conf.dir), 0);
    assert_int_equal(engine_pool_format(&conf, &f, &e), -DER_NOSPACE);
    assert_non_null(strstr(e.what, "12582912 bytes"));
    assert_true(e.why[0] != '\0' && e.next[0] != '\0');
    memset(&e, 0, sizeof(e));
    f.limit_bytes = 64u << 20; /* nothing of the first attempt is in the way */
    assert_int_equal(engine_pool_format(&conf, &f, &e), 0);
    assert_int_equal(engine_open(&conf, &eng, &e), 0);
    engine_stat(eng, &st);
    assert_int_equal(st.data_total, 3u << 20);
    engine_close(eng, true);
    io_dir_close(conf.dir);
}

/* A copy of a message whose answer was lost: the same session and sequence. */
static int send_copy(struct rig *r, uint16_t opcode, uint64_t seq, bool again, const void *req,
                     void *rep)
{
    struct net_call call;
    int rc;

    net_call_init(&call, opcode);
    call.req = req;
    call.rep = rep;
    call.hdr.session_hlc = 50;
    call.hdr.session_rand = 51;
    call.hdr.seq = seq;
    call.hdr.flags = again ? NET_RESEND : 0;
    rc = net_call_wait(r->peer, &call);
    net_call_fini(&call);
    return rc;
}

/* What was done is answered as done, though the handle it came through is gone by now. */
static void test_what_is_sent_again_through_an_evicted_handle(void **state)
{
    struct rig *r = *state;
    struct msg_snap_create_req sq = {.opts = DAOS_SNAP_OPT_CR};
    struct msg_snap_create_rep srep = {0}, sagain = {0};
    struct msg_op op = {
        .kind = MSG_OP_PUNCH, .level = MSG_DKEY, .oid = rig_oid(2), .dkey = rig_key("d")};
    struct msg_obj_update_req uq = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep urep = {0}, uagain = {0};
    uint64_t first;

    memcpy(sq.hdl, r->coh, 16);
    memcpy(uq.hdl, r->coh, 16);
    assert_int_equal(rig_put(r, 2, "d", "a", "v", 1), 0);
    assert_int_equal(send_copy(r, MSG_SNAP_CREATE, 1, false, &sq, &srep), 0);
    assert_int_equal(send_copy(r, MSG_OBJ_UPDATE, 2, false, &uq, &urep), 0);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_EX | DAOS_COO_EVICT_ALL), 0);
    assert_int_equal(send_copy(r, MSG_SNAP_CREATE, 1, true, &sq, &sagain), 0);
    assert_true(sagain.epoch == srep.epoch);
    assert_int_equal(send_copy(r, MSG_OBJ_UPDATE, 2, true, &uq, &uagain), 0);
    assert_true(uagain.epoch == urep.epoch && uagain.replayed);
    assert_int_equal(snaps(r, &first), 1);
    assert_true(first == srep.epoch);
    /* what was not done is refused */
    assert_int_equal(send_copy(r, MSG_SNAP_CREATE, 3, true, &sq, &sagain), -DER_NO_HDL);
    assert_int_equal(send_copy(r, MSG_OBJ_UPDATE, 4, true, &uq, &uagain), -DER_NO_HDL);
}

static void test_containers_with_faulting_pages(void **state)
{
    struct rig *r = *state;
    char label[32];

    r->fault_every = 60;
    for (int i = 0; i < 20; i++) {
        snprintf(label, sizeof(label), "cont%d", i);
        assert_int_equal(rig_cont_create(r, label, (uint8_t)(10 + i)), 0);
        assert_int_equal(rig_cont_open(r, label, DAOS_COO_RW), 0);
        assert_int_equal(rig_put(r, 1, "d", "a", label, strlen(label)), 0);
        if (i % 3 == 0)
            assert_int_equal(destroy(r, label, 1), 0);
        else
            assert_int_equal(close_cont(r), 0);
    }
    rig_crash(r);
    for (int i = 0; i < 20; i++) {
        snprintf(label, sizeof(label), "cont%d", i);
        assert_int_equal(rig_cont_open(r, label, DAOS_COO_RO), i % 3 == 0 ? -DER_NONEXIST : 0);
        if (i % 3 != 0)
            assert_value(r, 1, "d", "a", label, strlen(label));
    }
}

/* What a destroy could not do at once, because memory ran out after it was decided, the background
 * does while the pool stays open. */
static void test_a_destroy_is_finished_without_a_restart(void **state)
{
    struct rig *r = *state;
    struct engine_stat st;

    for (uint64_t at = 1; at <= 60; at++) {
        struct base_fail f = {.fail_at = at};
        int rc;

        assert_int_equal(rig_cont_create(r, "victim", (uint8_t)(10 + at)), 0);
        assert_int_equal(rig_cont_open(r, "victim", DAOS_COO_RW), 0);
        assert_int_equal(rig_put(r, 1, "d", "a", "v", 1), 0);
        r->fault_every = 2;
        base_fail_set(&f);
        rc = destroy(r, "victim", 1);
        base_fail_set(NULL);
        r->fault_every = 0;
        if (rc != 0) {
            assert_int_equal(rc, -DER_NOMEM);
            assert_int_equal(destroy(r, "victim", 1), 0);
        }
    }
    for (int i = 0; i < 5000; i++) {
        engine_stat(r->eng, &st);
        if (st.objects == 0)
            break;
        rt_sleep_ns(1000000);
    }
    assert_int_equal(st.objects, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_destroyed_container_is_gone),
        T(test_a_destroy_is_finished_after_a_crash),
        T(test_snapshots_stay_readable),
        T(test_a_half_made_snapshot_is_undone),
        T(test_queries),
        T(test_a_restart_closes_what_was_open),
        T(test_an_update_sent_twice_is_applied_once),
        T(test_what_is_sent_again_through_an_evicted_handle),
        T(test_a_read_only_engine_reads_and_nothing_else),
        T(test_a_directory_has_one_engine),
        cmocka_unit_test(test_format_refuses_bad_properties),
        cmocka_unit_test(test_format_keeps_to_sizes),
        T(test_containers_with_faulting_pages),
        T(test_a_destroy_is_finished_without_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A pool on a device that cannot grow: it fills up, says so, keeps what it has, and gives room back
 * when something is deleted. */
#include "engine_rig.h"
#include "engine/engine_int.h"

static int no_room(struct io_dev *dev, uint64_t size)
{
    return -DER_NOSPACE;
}

/* From now on the devices stay as large as they are. */
static void freeze(struct rig *r)
{
    static struct io_dev_ops ops;

    for (uint32_t i = 0; i < r->eng->shard_nr; i++) {
        struct io_dev *dev = super_dev(r->eng->shard[i].devs.role[SUPER_DATA]);

        ops = *dev->ops;
        ops.grow = no_room;
        dev->ops = &ops;
    }
}

/* Writes values until there is no room; how many. */
static int fill(struct rig *r, uint64_t obj, uint64_t len)
{
    static char val[200000];
    char dkey[32];
    int n, rc = 0;

    for (n = 0; n < 1000000; n++) {
        snprintf(dkey, sizeof(dkey), "%d", n);
        rc = rig_put(r, obj, dkey, "a", val, len);
        if (rc != 0)
            break;
    }
    assert_int_equal(rc, -DER_NOSPACE);
    return n;
}

static void report(void *arg, const char *text)
{
    print_message("%s\n", text);
}

static void check_whole(struct rig *r)
{
    uint64_t problems = 0;

    assert_int_equal(engine_check(r->eng, true, report, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
}

static int punch_obj(struct rig *r, uint64_t obj)
{
    struct msg_op op = {.kind = MSG_OP_PUNCH, .level = MSG_OBJ, .oid = rig_oid(obj)};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep rep;

    memcpy(q.hdl, r->coh, 16);
    return rig_ask(r, MSG_OBJ_UPDATE, &q, &rep);
}

static int destroy(struct rig *r, const char *name)
{
    struct msg_cont_destroy_req q = {.cont = name, .force = 1};
    struct msg_cont_destroy_rep rep;

    memcpy(q.hdl, r->poh, 16);
    return rig_ask(r, MSG_CONT_DESTROY, &q, &rep);
}

/* Room comes back in the background. */
static void assert_room_comes_back(struct rig *r, uint64_t len)
{
    static char val[200000];
    int rc = 0;

    for (int i = 0; i < 3000; i++) {
        rc = rig_put(r, 900, "again", "a", val, len);
        if (rc != -DER_NOSPACE)
            break;
        rt_sleep_ns(1000000);
    }
    assert_int_equal(rc, 0);
}

static void test_large_values_fill_the_data_role(void **state)
{
    struct rig *r = *state;
    int n;

    freeze(r);
    n = fill(r, 1, 100000);
    assert_true(n > 10);
    assert_value(r, 1, "0", "b", "", 0);
    /* small values still fit: they live elsewhere */
    assert_int_equal(rig_put(r, 2, "d", "a", "small", 5), 0);
    check_whole(r);
    assert_int_equal(destroy(r, "data"), 0);
    assert_int_equal(rig_cont_create(r, "next", 2), 0);
    assert_int_equal(rig_cont_open(r, "next", DAOS_COO_RW), 0);
    assert_room_comes_back(r, 100000);
    check_whole(r);
}

static void test_small_values_fill_the_heap(void **state)
{
    struct rig *r = *state;
    char dkey[32], val[1500] = {0};
    int n;

    freeze(r);
    n = fill(r, 1, sizeof(val));
    assert_true(n > 1000);
    check_whole(r);
    /* whoever comes now can still come in, read, and delete */
    rig_connect(r);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
    snprintf(dkey, sizeof(dkey), "%d", n - 1);
    assert_value(r, 1, dkey, "a", val, sizeof(val));
    assert_int_equal(punch_obj(r, 1), 0);
    assert_value(r, 1, dkey, "a", "", 0);
    assert_int_equal(destroy(r, "data"), 0);
    for (int i = 0; i < 3000; i++) {
        int rc = rig_cont_create(r, "next", 2);

        if (rc == 0)
            break;
        assert_int_equal(rc, -DER_NOSPACE);
        rt_sleep_ns(1000000);
    }
    assert_int_equal(rig_cont_open(r, "next", DAOS_COO_RW), 0);
    assert_room_comes_back(r, 1000);
    check_whole(r);
}

static void test_a_full_pool_survives_a_crash(void **state)
{
    struct rig *r = *state;
    int n;

    freeze(r);
    n = fill(r, 1, 1500);
    rig_close(r, false);
    rig_open(r);
    freeze(r);
    rig_connect(r);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
    for (int i = 0; i < n; i += 97) {
        char dkey[32], val[1500] = {0};

        snprintf(dkey, sizeof(dkey), "%d", i);
        assert_value(r, 1, dkey, "a", val, sizeof(val));
    }
    check_whole(r);
}

/* ---- Many at once ---- */

#define PUNCHES 120u

/* Takes a dkey away in two shards. */
struct both {
    struct net_call call;
    struct msg_obj_tx_req req;
    struct msg_obj_tx_rep rep;
    struct msg_part part[2];
    struct msg_op op[2];
    char dkey[16];
    struct rt_event done;
};

static void both_done(struct net_call *call)
{
    struct both *b = call->arg;

    rt_event_set(&b->done);
}

static void both_send(struct rig *r, struct both *b, uint32_t n)
{
    uint64_t acked = r->seq;

    snprintf(b->dkey, sizeof(b->dkey), "%u", n);
    for (uint32_t i = 0; i < 2; i++) {
        b->op[i] = (struct msg_op){.kind = MSG_OP_PUNCH,
                                   .level = MSG_DKEY,
                                   .oid = rig_oid(1 + i),
                                   .dkey = rig_key(b->dkey)};
        b->part[i] = (struct msg_part){.target = i, .ops = &b->op[i], .ops_nr = 1};
    }
    b->req = (struct msg_obj_tx_req){.parts = b->part, .parts_nr = 2};
    memcpy(b->req.hdl, r->coh, 16);
    net_call_init(&b->call, MSG_OBJ_TX);
    b->call.hdr.session_hlc = 5;
    b->call.hdr.session_rand = 6;
    b->call.hdr.seq = acked + 1 + n;
    b->call.hdr.acked = acked;
    b->call.req = &b->req;
    b->call.rep = &b->rep;
    b->call.done = both_done;
    b->call.arg = b;
    rt_event_init(&b->done);
    net_call_send(r->peer, &b->call);
}

/* The reserve has room for few of them at a time: the others wait for it. */
static void test_transactions_that_delete_wait_for_room(void **state)
{
    struct rig *r = *state;
    struct both *b = calloc(PUNCHES, sizeof(*b));

    freeze(r);
    for (r->target = 0; r->target < 2; r->target++)
        assert_true(fill(r, 1 + r->target, 1500) > (int)PUNCHES);
    for (uint32_t i = 0; i < PUNCHES; i++)
        both_send(r, &b[i], i);
    for (uint32_t i = 0; i < PUNCHES; i++) {
        rt_event_wait(&b[i].done);
        assert_int_equal(b[i].call.rc, 0);
        net_call_fini(&b[i].call);
    }
    r->seq += PUNCHES;
    for (r->target = 0; r->target < 2; r->target++)
        for (uint32_t i = 0; i < PUNCHES; i++)
            assert_value(r, 1 + r->target, b[i].dkey, "a", "", 0);
    free(b);
    check_whole(r);
}

static int setup_two(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));

    r->targets = 2;
    return rig_setup_in(state, r);
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_large_values_fill_the_data_role),
        T(test_small_values_fill_the_heap),
        T(test_a_full_pool_survives_a_crash),
        cmocka_unit_test_setup_teardown(test_transactions_that_delete_wait_for_room, setup_two,
                                        rig_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

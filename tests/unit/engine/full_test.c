/* A pool on a device that cannot grow: it fills up, says so, keeps what it has, and gives room back
 * when something is deleted. */
#include "engine_rig.h"
#include "engine/engine_int.h"

static int no_room(struct io_dev *dev, uint64_t size)
{
    return -DER_NOSPACE;
}

/* From now on the device stays as large as it is. */
static void freeze(struct rig *r)
{
    static struct io_dev_ops ops;
    struct io_dev *dev = super_dev(r->eng->shard->devs.role[SUPER_DATA]);

    ops = *dev->ops;
    ops.grow = no_room;
    dev->ops = &ops;
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

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_large_values_fill_the_data_role),
        T(test_small_values_fill_the_heap),
        T(test_a_full_pool_survives_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

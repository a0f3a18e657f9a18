/* Many dkeys read with one request. */
#include <pthread.h>
#include "engine_rig.h"
#include "engine/engine_int.h"
#include "base/assert.h"
#include "engine/engine_int.h"

#define MANY 60u
#define ROOM 9000u

static char bytes[MANY][ROOM], got[MANY][ROOM];
static char dkeys[MANY][16];
static struct msg_fiod fiods[MANY];
static struct msg_get gets[MANY];
static daos_recx_t recxs[MANY];
static struct iovec iovs[MANY];

static bool is_array(uint32_t i)
{
    return i % 3 == 1;
}

/* Absent, a few bytes, as much as the heap takes, and more than that. */
static uint64_t size_of(uint32_t i)
{
    static const uint64_t sizes[] = {0, 5, 1000, 3000, 4096, 4097, 8192, ROOM};

    return sizes[i % 8];
}

/* Everything asked for; arrays a little more than there is. */
static void prepare(void)
{
    for (uint32_t i = 0; i < MANY; i++) {
        memset(bytes[i], 'a' + (int)(i % 26), ROOM);
        memset(got[i], '.', ROOM);
        snprintf(dkeys[i], sizeof(dkeys[i]), "d%u", i);
        recxs[i] = (daos_recx_t){0, ROOM};
        iovs[i] = (struct iovec){got[i], ROOM};
        fiods[i] = (struct msg_fiod){.akey = rig_key("a"),
                                     .type = is_array(i) ? DAOS_IOD_ARRAY : DAOS_IOD_SINGLE,
                                     .rec_size = is_array(i) ? 1 : DAOS_REC_ANY,
                                     .recxs = is_array(i) ? &recxs[i] : NULL,
                                     .recxs_nr = is_array(i),
                                     .bulk = i};
        gets[i] = (struct msg_get){
            .oid = rig_oid(i % 7), .dkey = rig_key(dkeys[i]), .iods = &fiods[i], .iods_nr = 1};
    }
}

static int put_one(struct rig *r, uint32_t i)
{
    daos_recx_t recx = {0, size_of(i)};
    struct iovec iov = {bytes[i], size_of(i)};
    struct msg_iod iod = {
        .akey = rig_key("a"), .type = DAOS_IOD_ARRAY, .rec_size = 1, .recxs = &recx, .recxs_nr = 1};
    struct msg_op op = {.kind = MSG_OP_UPDATE,
                        .oid = rig_oid(i % 7),
                        .dkey = rig_key(dkeys[i]),
                        .iods = &iod,
                        .iods_nr = 1};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep rep;
    struct net_call call;
    int rc;

    if (!is_array(i))
        return rig_put(r, i % 7, dkeys[i], "a", bytes[i], size_of(i));
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

static int gather(struct rig *r, uint32_t nr, uint64_t epoch,
                  void (*look)(uint32_t i, const struct msg_got *g))
{
    struct msg_obj_gather_req q = {.epoch = epoch, .gets = gets, .gets_nr = nr};
    struct msg_obj_gather_rep rep;
    struct net_call call;
    int rc;

    memcpy(q.hdl, r->coh, 16);
    net_call_init(&call, MSG_OBJ_GATHER);
    call.req = &q;
    call.rep = &rep;
    for (uint32_t i = 0; i < MANY; i++)
        call.bulk[i] = (struct net_bulk){&iovs[i], 1, true};
    call.bulk_nr = MANY;
    rc = net_call_wait(r->peer, &call);
    if (rc == 0) {
        assert_int_equal(rep.gots_nr, nr);
        assert_true(rep.read_at != 0);
    }
    for (uint32_t i = 0; rc == 0 && look != NULL && i < nr; i++)
        look(i, &rep.gots[i]);
    net_call_fini(&call);
    return rc;
}

static void is_what_was_put(uint32_t i, const struct msg_got *g)
{
    uint64_t size = size_of(i);

    assert_int_equal(g->res_nr, 1);
    assert_int_equal(g->res[0].bytes, size);
    assert_int_equal(g->res[0].rec_size, size == 0 ? 0 : is_array(i) ? 1 : size);
    assert_int_equal(g->epoch != 0, size != 0);
    assert_memory_equal(got[i], bytes[i], size);
    for (uint64_t k = size; k < ROOM; k++)
        assert_int_equal(got[i][k], '.'); /* beyond the end nothing is touched */
}

static void put_all(struct rig *r)
{
    for (uint32_t i = 0; i < MANY; i++)
        if (size_of(i) > 0)
            assert_int_equal(put_one(r, i), 0);
}

static void test_all_at_once(void **state)
{
    struct rig *r = *state;
    struct engine_stat before, after;
    uint32_t large = 0;

    prepare();
    put_all(r);
    for (uint32_t i = 0; i < MANY; i++)
        large += size_of(i) > 4096;
    engine_stat(r->eng, &before);
    assert_int_equal(gather(r, MANY, DAOS_EPOCH_MAX, is_what_was_put), 0);
    engine_stat(r->eng, &after);
    assert_true(after.data_reads > before.data_reads);
    if (r->path[0] == '\0') /* neighbours come together */
        assert_true(after.data_reads - before.data_reads < large / 4);
    prepare();
    assert_int_equal(gather(r, MANY, 0, is_what_was_put), 0);
    prepare();
    assert_int_equal(gather(r, 1, DAOS_EPOCH_MAX, is_what_was_put), 0);
}

static void test_after_a_crash_and_with_pages_that_vanish(void **state)
{
    struct rig *r = *state;
    struct engine_stat st;

    prepare();
    put_all(r);
    rig_crash(r);
    assert_int_equal(gather(r, MANY, DAOS_EPOCH_MAX, is_what_was_put), 0);
    r->fault_every = 20;
    for (int round = 0; round < 20; round++) {
        prepare();
        assert_int_equal(gather(r, MANY, DAOS_EPOCH_MAX, is_what_was_put), 0);
    }
    engine_stat(r->eng, &st);
    assert_true(st.faults > 0);
}

/* A device between the engine and its own, on which no long read works: what lies between the
 * values cannot be read. */
static struct {
    const struct io_dev_ops *real;
    struct io_dev_ops ops;
    struct io_req *failing;
    void (*done)(struct io_req *io);
    uint32_t failed;
} gap;

static void fails(struct io_req *io)
{
    gap.failing = NULL;
    gap.failed++;
    io->rc = -DER_IO;
    gap.done(io);
}

static void submit(struct io_dev *dev, struct io_req *io)
{
    uint64_t len = 0;

    for (uint32_t i = 0; i < io->iov_nr; i++)
        len += io->iov[i].iov_len;
    if (io->op == IO_READ && len > 4 * ROOM && gap.failing == NULL) {
        gap.failing = io;
        gap.done = io->done;
        io->done = fails;
    }
    gap.real->submit(dev, io);
}

static void test_what_lies_between_need_not_be_readable(void **state)
{
    struct rig *r = *state;
    struct io_dev *dev = super_dev(r->eng->shard->devs.role[SUPER_DATA]);

    prepare();
    put_all(r);
    memset(&gap, 0, sizeof(gap));
    gap.real = dev->ops;
    gap.ops = *dev->ops;
    gap.ops.submit = submit;
    dev->ops = &gap.ops;
    assert_int_equal(gather(r, MANY, DAOS_EPOCH_MAX, is_what_was_put), 0);
    assert_true(gap.failed > 0);
    dev->ops = gap.real;
}

static void test_a_hole_is_zeros(void **state)
{
    struct rig *r = *state;

    prepare();
    assert_int_equal(put_one(r, 4), 0);
    fiods[4].recxs = (daos_recx_t[]){{1u << 20, 100}, {0, 8}}; /* nothing, and the beginning */
    fiods[4].recxs_nr = 2;
    gets[0] = gets[4];
    assert_int_equal(gather(r, 1, DAOS_EPOCH_MAX, NULL), 0);
    for (int k = 0; k < 100; k++)
        assert_int_equal(got[4][k], 0);
    assert_memory_equal(got[4] + 100, bytes[4], 8);
    assert_int_equal(got[4][108], '.');
}

static void test_what_is_refused(void **state)
{
    struct rig *r = *state;
    static const char *const why[] = {"none", "too many iods", "a map", "no such vector", "no iod"};

    for (uint32_t i = 0; i < ARRAY_LEN(why); i++) {
        struct msg_fiod two[33];

        prepare();
        for (uint32_t k = 0; k < ARRAY_LEN(two); k++)
            two[k] = fiods[0];
        if (i == 1)
            gets[0].iods = gets[1].iods = two, gets[0].iods_nr = gets[1].iods_nr = ARRAY_LEN(two);
        if (i == 2)
            fiods[1].map_max = 1;
        if (i == 3)
            fiods[1].bulk = MANY;
        if (i == 4)
            gets[1].iods_nr = 0;
        assert_int_equal(gather(r, i == 0 ? 0 : 2, DAOS_EPOCH_MAX, NULL), -DER_PROTO);
    }
    prepare();
    put_all(r);
    iovs[31].iov_len = 8191; /* one that has no room refuses all */
    gets[0] = gets[30];
    gets[1] = gets[31];
    fiods[30].type = DAOS_IOD_SINGLE;
    fiods[30].rec_size = DAOS_REC_ANY;
    gets[1].dkey = rig_key("d30");
    gets[1].oid = gets[0].oid;
    gets[1].iods = &fiods[30];
    iovs[30].iov_len = 8191;
    assert_int_equal(gather(r, 2, DAOS_EPOCH_MAX, NULL), -DER_REC2BIG);
    prepare();
    r->coh[0] ^= 1;
    assert_int_equal(gather(r, 2, DAOS_EPOCH_MAX, NULL), -DER_NO_HDL);
    r->coh[0] ^= 1;
    assert_int_equal(gather(r, MANY, DAOS_EPOCH_MAX, is_what_was_put), 0);
}

struct asker {
    struct rig *r;
    int rc;
};

static void *ask(void *arg)
{
    struct asker *a = arg;

    a->rc = gather(a->r, MANY, DAOS_EPOCH_MAX, NULL);
    return NULL;
}

/* Somebody has the heap: the caller's thread does not wait for it, a fiber of the engine does. */
static void test_while_the_heap_is_locked(void **state)
{
    struct rig *r = *state;
    struct asker a = {.r = r, .rc = -1};
    uint64_t before;
    pthread_t t;

    prepare();
    put_all(r);
    before = __atomic_load_n(&r->eng->requests, __ATOMIC_RELAXED);
    heap_lock(r->eng->shard->heap);
    assert_int_equal(pthread_create(&t, NULL, ask, &a), 0);
    while (__atomic_load_n(&r->eng->requests, __ATOMIC_RELAXED) == before)
        rt_sleep_ns(1000000);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(got[i][0], '.'); /* nothing yet */
    heap_unlock(r->eng->shard->heap);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(a.rc, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_memory_equal(got[i], bytes[i], size_of(i));
        if (size_of(i) < ROOM)
            assert_int_equal(got[i][size_of(i)], '.');
    }
}

#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown),                                \
    {                                                                                              \
#name " in memory", name, rig_setup_memory, rig_teardown, NULL                             \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_all_at_once),
        T(test_after_a_crash_and_with_pages_that_vanish),
        cmocka_unit_test_setup_teardown(test_what_lies_between_need_not_be_readable, rig_setup,
                                        rig_teardown),
        T(test_a_hole_is_zeros),
        T(test_what_is_refused),
        T(test_while_the_heap_is_locked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Objects through an engine: what is written is there, small in the heap and large in data extents,
 * inline and in fibers, after a crash too. */
#include "engine_rig.h"
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>
#include "base/assert.h"
#include "engine/engine_int.h"

static void test_put_and_get(void **state)
{
    struct rig *r = *state;
    uint64_t len = 99;
    char buf[4];

    assert_int_equal(rig_put(r, 1, "d", "a", "hello", 5), 0);
    assert_value(r, 1, "d", "a", "hello", 5);
    assert_int_equal(rig_put(r, 1, "d", "a", "bye", 3), 0);
    assert_value(r, 1, "d", "a", "bye", 3);
    /* what is not there is no error */
    assert_int_equal(rig_get(r, 1, "d", "b", buf, 4, &len), 0);
    assert_int_equal(len, 0);
    assert_int_equal(rig_get(r, 2, "d", "a", buf, 4, &len), 0);
    assert_int_equal(len, 0);
    /* too small a buffer: the size comes back */
    assert_int_equal(rig_put(r, 1, "d", "a", "longer", 6), 0);
    assert_int_equal(rig_get(r, 1, "d", "a", buf, 4, &len), -DER_REC2BIG);
    assert_int_equal(len, 6);
}

static void test_conditions(void **state)
{
    struct rig *r = *state;
    char buf[8];

    assert_int_equal(rig_put_at(r, 1, "d", "a", "v", 1, DAOS_COND_DKEY_UPDATE, NULL),
                     -DER_NONEXIST);
    assert_int_equal(rig_put_at(r, 1, "d", "a", "v", 1, DAOS_COND_DKEY_INSERT, NULL), 0);
    assert_int_equal(rig_put_at(r, 1, "d", "a", "w", 1, DAOS_COND_DKEY_INSERT, NULL), -DER_EXIST);
    assert_value(r, 1, "d", "a", "v", 1);
    assert_int_equal(rig_get_at(r, 1, "x", "a", buf, 8, DAOS_EPOCH_MAX, DAOS_COND_DKEY_FETCH, NULL),
                     -DER_NONEXIST);
}

/* What an answer is put together from has to say that it changed since, also if nothing was there.
 */
static void test_it_is_said_what_changed_since(void **state)
{
    struct rig *r = *state;
    struct msg_obj_query_key_req q = {.oid = rig_oid(1)};
    struct msg_obj_query_key_rep found = {0};
    struct msg_obj_probe_req p = {.level = MSG_OBJ, .oid = rig_oid(1)};
    struct msg_obj_probe_rep probed = {0};
    uint64_t first, second;

    memcpy(q.hdl, r->coh, 16);
    memcpy(p.hdl, r->coh, 16);
    assert_int_equal(rig_put_at(r, 1, "d", "a", "v", 1, 0, &first), 0);
    q.epoch = p.epoch = first - 1;
    assert_int_equal(rig_ask(r, MSG_OBJ_QUERY_KEY, &q, &found), 0);
    assert_int_equal(found.max_epoch, first - 1);
    assert_int_equal(rig_ask(r, MSG_OBJ_PROBE, &p, &probed), -DER_NONEXIST);
    assert_int_equal(probed.changed, first - 1);
    q.epoch = p.epoch = first + 1;
    assert_int_equal(rig_ask(r, MSG_OBJ_QUERY_KEY, &q, &found), 0);
    assert_int_equal(found.max_epoch, first);
    assert_int_equal(rig_ask(r, MSG_OBJ_PROBE, &p, &probed), 0);
    assert_int_equal(probed.changed, first);
    assert_int_equal(rig_put_at(r, 1, "e", "a", "v", 1, 0, &second), 0);
    assert_true(second > first + 1);
    assert_int_equal(rig_ask(r, MSG_OBJ_QUERY_KEY, &q, &found), 0);
    assert_int_equal(found.max_epoch, first + 1);
    assert_int_equal(rig_ask(r, MSG_OBJ_PROBE, &p, &probed), 0);
    assert_int_equal(probed.changed, first + 1);
}

static void test_large_values(void **state)
{
    static const uint64_t sizes[] = {4097, 8192, 65536, 100001, 1u << 20, (1u << 20) + 5,
                                     3072, 3073, 4095,  4096,   65535,    65537};
    struct rig *r = *state;
    uint8_t *big = malloc((1u << 20) + 8), *got = malloc((1u << 20) + 8);
    struct engine_stat st;

    for (size_t i = 0; i < (1u << 20) + 8; i++)
        big[i] = (uint8_t)mix64(i);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char dkey[32];
        uint64_t len;

        snprintf(dkey, sizeof(dkey), "%zu", i);
        assert_int_equal(rig_put(r, 1, dkey, "a", big, sizes[i]), 0);
        memset(got, 0, sizes[i]);
        assert_int_equal(rig_get(r, 1, dkey, "a", got, sizes[i], &len), 0);
        assert_int_equal(len, sizes[i]);
        assert_memory_equal(got, big, sizes[i]);
    }
    engine_stat(r->eng, &st);
    assert_true(st.data_writes >= 6 && st.data_reads >= 6);
    assert_true(st.value_bytes_data > 2u << 20);
    rig_crash(r);
    assert_value(r, 1, "3", "a", big, sizes[3]);
    assert_value(r, 1, "5", "a", big, sizes[5]);
    free(big);
    free(got);
}

static void test_acknowledged_survives_a_crash(void **state)
{
    struct rig *r = *state;
    char dkey[32];

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++) {
            snprintf(dkey, sizeof(dkey), "%d-%d", round, i);
            assert_int_equal(rig_put(r, 7, dkey, "a", dkey, strlen(dkey)), 0);
        }
        rig_crash(r);
        for (int back = 0; back <= round; back++) {
            for (int i = 0; i < 200; i++) {
                snprintf(dkey, sizeof(dkey), "%d-%d", back, i);
                assert_value(r, 7, dkey, "a", dkey, strlen(dkey));
            }
        }
    }
}

static void test_pages_that_vanish(void **state)
{
    struct rig *r = *state;
    uint8_t big[20000];
    struct engine_stat st;
    char dkey[32];

    memset(big, 0x5a, sizeof(big));
    r->fault_every = 40;
    for (int i = 0; i < 300; i++) {
        snprintf(dkey, sizeof(dkey), "%d", i);
        assert_int_equal(rig_put(r, 3, dkey, "a", big, i % 10 == 0 ? sizeof(big) : 50), 0);
    }
    for (int i = 0; i < 300; i++) {
        snprintf(dkey, sizeof(dkey), "%d", i);
        assert_value(r, 3, dkey, "a", big, i % 10 == 0 ? sizeof(big) : 50);
    }
    engine_stat(r->eng, &st);
    assert_true(st.faults > 0);
}

static void test_small_requests_run_on_the_callers_thread(void **state)
{
    struct rig *r = *state;
    struct engine_stat before, after;

    engine_stat(r->eng, &before);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rig_put(r, 1, "d", "a", "x", 1), 0);
        assert_value(r, 1, "d", "a", "x", 1);
    }
    engine_stat(r->eng, &after);
    assert_true(after.inline_requests - before.inline_requests >= 150);
}

static void test_a_lone_put_is_one_device_write(void **state)
{
    struct rig *r = *state;
    struct engine_stat before, after;
    char val[100] = "v";

    assert_int_equal(rig_put(r, 1, "warm", "a", val, sizeof(val)), 0);
    engine_stat(r->eng, &before);
    for (int i = 0; i < 10; i++)
        assert_int_equal(rig_put(r, 1, "d", "a", val, sizeof(val)), 0);
    engine_stat(r->eng, &after);
    assert_int_equal(after.wal_writes - before.wal_writes, 10);
    assert_int_equal(after.data_writes, before.data_writes);
    assert_int_equal(after.flushes, before.flushes);
}

static void test_a_compound_is_atomic(void **state)
{
    struct rig *r = *state;
    struct msg_iod iod = {.akey = rig_key("a"), .type = DAOS_IOD_SINGLE, .rec_size = 3, .bulk = 0};
    struct msg_op ops[3] = {
        {.kind = MSG_OP_CHECK,
         .level = MSG_DKEY,
         .check = MSG_CHECK_EXISTS,
         .oid = rig_oid(1),
         .dkey = rig_key("old")},
        {.kind = MSG_OP_PUNCH, .level = MSG_DKEY, .oid = rig_oid(1), .dkey = rig_key("old")},
        {.kind = MSG_OP_UPDATE,
         .oid = rig_oid(2),
         .dkey = rig_key("new"),
         .iods = &iod,
         .iods_nr = 1},
    };
    struct msg_obj_update_req q = {.ops = ops, .ops_nr = 3};
    struct msg_obj_update_rep rep;
    struct iovec iov = {"new", 3};
    struct net_call call;

    assert_int_equal(rig_put(r, 1, "old", "a", "old", 3), 0);
    memcpy(q.hdl, r->coh, 16);
    for (int i = 0; i < 2; i++) {
        net_call_init(&call, MSG_OBJ_UPDATE);
        call.req = &q;
        call.rep = &rep;
        call.bulk[0] = (struct net_bulk){&iov, 1, false};
        call.bulk_nr = 1;
        assert_int_equal(net_call_wait(r->peer, &call), i == 0 ? 0 : -DER_NONEXIST);
        net_call_fini(&call);
        iov.iov_base = "bad";
    }
    assert_value(r, 1, "old", "a", "", 0);
    assert_value(r, 2, "new", "a", "new", 3);
}

static int list(struct rig *r, uint8_t level, uint64_t obj, uint32_t max, uint32_t *nr)
{
    struct msg_obj_list_req q = {.epoch = DAOS_EPOCH_MAX,
                                 .level = level,
                                 .oid = rig_oid(obj),
                                 .max_entries = max,
                                 .max_bytes = 4096};
    struct msg_obj_list_rep rep;
    uint8_t anchor[128];
    int rc = 0;

    memcpy(q.hdl, r->coh, 16);
    *nr = 0;
    for (bool eof = false; !eof;) {
        struct net_call call;

        rc = rig_call(r, &call, MSG_OBJ_LIST, &q, &rep);
        if (rc != 0) {
            net_call_fini(&call);
            return rc;
        }
        *nr += level == MSG_OBJ ? rep.oids_nr : rep.key_lens_nr;
        eof = rep.eof;
        assert_in_range(rep.anchor.len, 1, sizeof(anchor));
        memcpy(anchor, rep.anchor.buf, rep.anchor.len);
        q.anchor = (struct msg_buf){anchor, rep.anchor.len};
        net_call_fini(&call);
    }
    return rc;
}

static void test_listing(void **state)
{
    struct rig *r = *state;
    char dkey[32];
    uint32_t nr;

    for (int i = 0; i < 500; i++) {
        snprintf(dkey, sizeof(dkey), "key number %d", i);
        assert_int_equal(rig_put(r, 4, dkey, "a", "v", 1), 0);
    }
    assert_int_equal(rig_put(r, 5, "d", "a", "v", 1), 0);
    assert_int_equal(list(r, MSG_DKEY, 4, 64, &nr), 0);
    assert_int_equal(nr, 500);
    assert_int_equal(list(r, MSG_DKEY, 4, 1, &nr), 0);
    assert_int_equal(nr, 500);
    assert_int_equal(list(r, MSG_OBJ, 0, 10, &nr), 0);
    assert_int_equal(nr, 2);
    r->fault_every = 30;
    assert_int_equal(list(r, MSG_DKEY, 4, 64, &nr), 0);
    assert_int_equal(nr, 500);
}

static void test_key_larger_than_the_buffer(void **state)
{
    struct rig *r = *state;
    struct msg_obj_list_req q = {.epoch = DAOS_EPOCH_MAX,
                                 .level = MSG_DKEY,
                                 .oid = rig_oid(1),
                                 .max_entries = 5,
                                 .max_bytes = 3};
    struct msg_obj_list_rep rep;

    assert_int_equal(rig_put(r, 1, "longer key", "a", "v", 1), 0);
    memcpy(q.hdl, r->coh, 16);
    assert_int_equal(rig_ask(r, MSG_OBJ_LIST, &q, &rep), -DER_KEY2BIG);
    assert_int_equal(rep.need, 10);
}

static void test_bad_requests_change_nothing(void **state)
{
    struct rig *r = *state;
    uint8_t good[16];
    struct msg_iod iod = {
        .akey = rig_key("a"), .type = DAOS_IOD_SINGLE, .rec_size = 1000, .bulk = 0};
    struct msg_op op = {
        .kind = MSG_OP_UPDATE, .oid = rig_oid(1), .dkey = rig_key("d"), .iods = &iod, .iods_nr = 1};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep rep;
    uint32_t nr;

    memcpy(good, r->coh, 16);
    memset(r->coh, 0xee, 16);
    assert_int_equal(rig_put(r, 1, "d", "a", "v", 1), -DER_NO_HDL);
    memcpy(r->coh, good, 16);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RO), 0);
    assert_int_equal(rig_put(r, 1, "d", "a", "v", 1), -DER_NO_PERM);
    memcpy(r->coh, good, 16);
    memcpy(q.hdl, good, 16);
    assert_int_equal(rig_ask(r, MSG_OBJ_UPDATE, &q, &rep), -DER_PROTO); /* no bulk vector */
    op.kind = 9;
    assert_int_equal(rig_ask(r, MSG_OBJ_UPDATE, &q, &rep), -DER_PROTO);
    q.ops_nr = 0;
    assert_int_equal(rig_ask(r, MSG_OBJ_UPDATE, &q, &rep), -DER_PROTO);
    assert_int_equal(list(r, MSG_OBJ, 0, 10, &nr), 0);
    assert_int_equal(nr, 0);
}

struct worker {
    struct rig *r;
    int id;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    uint8_t big[9000];

    memset(big, w->id, sizeof(big));
    for (int i = 0; i < 150; i++) {
        char dkey[32];

        snprintf(dkey, sizeof(dkey), "%d/%d", w->id, i);
        assert_int_equal(
            rig_put(w->r, 1 + (uint64_t)i % 3, dkey, "a", big, i % 7 == 0 ? sizeof(big) : 64), 0);
        assert_value(w->r, 1 + (uint64_t)i % 3, dkey, "a", big, i % 7 == 0 ? sizeof(big) : 64);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    struct rig *r = *state;
    struct worker w[4];
    pthread_t t[4];
    uint32_t nr;

    r->fault_every = 500;
    for (int i = 0; i < 4; i++) {
        w[i] = (struct worker){r, i};
        assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(list(r, MSG_DKEY, 1, 100, &nr), 0);
    assert_int_equal(nr, 200);
}

static void count_problem(void *arg, const char *text)
{
    print_message("%s\n", text);
}

static void test_the_checker_finds_nothing_wrong(void **state)
{
    struct rig *r = *state;
    uint8_t big[50000];
    uint64_t problems = 99;
    char dkey[32];

    memset(big, 3, sizeof(big));
    for (int i = 0; i < 100; i++) {
        snprintf(dkey, sizeof(dkey), "%d", i % 50);
        assert_int_equal(rig_put(r, 1 + (uint64_t)i % 5, dkey, "a", big, (uint64_t)i * 500), 0);
    }
    assert_int_equal(engine_check(r->eng, true, count_problem, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
}

static daos_size_t flip_some(const char *dir)
{
    char path[128];
    daos_size_t flipped = 0;
    uint8_t block[4096];
    int fd;

    snprintf(path, sizeof(path), "%s/target0", dir);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (off_t at = 0; pread(fd, block, sizeof(block), at) == sizeof(block); at += 4096) {
        if (memcmp(block, "flip me flip me", 15) != 0)
            continue;
        block[77] ^= 4;
        assert_int_equal(pwrite(fd, block, sizeof(block), at), sizeof(block));
        flipped++;
    }
    close(fd);
    return flipped;
}

static void test_a_flipped_bit_in_memory_is_found(void **state)
{
    struct rig *r = *state;
    static char big[100000], got[100000];
    struct engine_stat before, after;
    uint64_t len;

    if (r->path[0] == '\0')
        skip();
    memset(big, 'x', sizeof(big));
    memcpy(big, "flip me flip me", 15);
    engine_stat(r->eng, &before);
    assert_int_equal(rig_put(r, 1, "4k", "a", big, 4096), 0);
    assert_int_equal(rig_put(r, 1, "100k", "a", big, sizeof(big)), 0);
    big[0] = '.';
    assert_int_equal(rig_put(r, 1, "other", "a", big, 4096), 0);
    engine_stat(r->eng, &after);
    assert_true(after.inline_requests - before.inline_requests >= 2); /* the small ones */
    assert_int_equal(flip_some(r->path), 2);
    assert_int_equal(rig_get(r, 1, "4k", "a", got, 4096, &len), -DER_CSUM);
    assert_int_equal(rig_get(r, 1, "100k", "a", got, sizeof(got), &len), -DER_CSUM);
    assert_value(r, 1, "other", "a", big, 4096);
}

#define LONG (1u << 20)

struct long_get {
    struct net_call call;
    struct msg_fiod iod;
    struct msg_obj_fetch_req req;
    struct msg_obj_fetch_rep rep;
    struct iovec iov;
    bool ahead; /* the next one's bytes were there when this one's answer came */
    struct rt_event done;
};

static void long_came(struct net_call *call)
{
    struct long_get *g = CONTAINER_OF(call, struct long_get, call);
    const char *next = (const char *)g->iov.iov_base + LONG;

    g->ahead = *next != '.';
    rt_event_set(&g->done);
}

static void long_send(struct rig *r, struct long_get *g, char *into)
{
    g->iov = (struct iovec){into, LONG};
    g->iod =
        (struct msg_fiod){.akey = rig_key("a"), .type = DAOS_IOD_SINGLE, .rec_size = DAOS_REC_ANY};
    g->req = (struct msg_obj_fetch_req){
        .oid = rig_oid(1), .dkey = rig_key("long"), .iods = &g->iod, .iods_nr = 1};
    memcpy(g->req.hdl, r->coh, 16);
    net_call_init(&g->call, MSG_OBJ_FETCH);
    g->call.req = &g->req;
    g->call.rep = &g->rep;
    g->call.bulk[0] = (struct net_bulk){&g->iov, 1, true};
    g->call.bulk_nr = 1;
    g->call.done = long_came;
    rt_event_init(&g->done);
    net_call_send(r->peer, &g->call);
}

/* Of several long reads that wait at once the first is answered before the next is copied: its
 * client copies meanwhile. */
static void test_long_reads_are_answered_one_by_one(void **state)
{
    struct rig *r = *state;
    struct long_get get[3];
    char *big, *got;

    if (r->path[0] == '\0')
        skip();
    big = malloc(LONG);
    got = malloc(3 * LONG + 1);
    memset(big, 'x', LONG);
    assert_int_equal(rig_put(r, 1, "long", "a", big, LONG), 0);
    memset(got, '.', 3 * LONG + 1);
    heap_lock(r->eng->shard->heap); /* so that all wait */
    for (uint32_t i = 0; i < 3; i++)
        long_send(r, &get[i], got + i * LONG);
    heap_unlock(r->eng->shard->heap);
    for (uint32_t i = 0; i < 3; i++) {
        rt_event_wait(&get[i].done);
        assert_int_equal(get[i].call.rc, 0);
        assert_false(get[i].ahead);
        assert_memory_equal(got + i * LONG, big, LONG);
        net_call_fini(&get[i].call);
    }
    free(big);
    free(got);
}

#define T(name)                                                                                    \
    cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown),                                \
    {                                                                                              \
#name " in memory", name, rig_setup_memory, rig_teardown, NULL                             \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_put_and_get),
        T(test_conditions),
        T(test_it_is_said_what_changed_since),
        T(test_large_values),
        T(test_acknowledged_survives_a_crash),
        T(test_pages_that_vanish),
        T(test_small_requests_run_on_the_callers_thread),
        T(test_a_lone_put_is_one_device_write),
        T(test_a_compound_is_atomic),
        T(test_listing),
        T(test_key_larger_than_the_buffer),
        T(test_bad_requests_change_nothing),
        T(test_many_threads),
        T(test_the_checker_finds_nothing_wrong),
        T(test_a_flipped_bit_in_memory_is_found),
        T(test_long_reads_are_answered_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

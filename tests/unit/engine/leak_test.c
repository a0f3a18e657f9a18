/* What nobody refers to is found and told: allocations of metadata, blocks of data space; and what
 * is referred to twice. */
#include "engine_rig.h"
#include "engine/engine_int.h"
#include "vos/format.h"

static char said[8192];

static void report(void *arg, const char *text)
{
    (void)arg;
    snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", text);
}

static uint64_t check(struct rig *r)
{
    uint64_t problems = 0;

    said[0] = '\0';
    assert_int_equal(engine_check(r->eng, true, report, NULL, NULL, &problems), 0);
    return problems;
}

struct leak {
    struct rig *r;
    uint64_t off;
    struct space_extent ext;
    int (*fn)(struct shard *s, void *arg);
    int rc;
    struct rt_event done;
};

static void on_xs(void *arg)
{
    struct leak *l = arg;

    l->rc = shard_run(l->r->eng->shard, l->fn, l);
    rt_event_set(&l->done);
}

static void run(struct leak *l, int (*fn)(struct shard *s, void *arg))
{
    l->fn = fn;
    rt_event_init(&l->done);
    assert_int_equal(rt_spawn_on(l->r->eng->shard->xs, on_xs, l), 0);
    rt_event_wait(&l->done);
    assert_int_equal(l->rc, 0);
}

/* Runs one change in a transaction; one that faults has not happened. */
static int in_tx(struct shard *s, struct leak *l, int (*change)(struct shard *s, struct leak *l))
{
    int rc = heap_tx_begin(s->heap, 4096);

    if (rc == 0)
        rc = change(s, l);
    if (heap_tx_active(s->heap) && rc == 0)
        heap_tx_commit(s->heap, NULL);
    else if (heap_tx_active(s->heap))
        heap_tx_abort(s->heap);
    return rc;
}

static int lose_record(struct shard *s, struct leak *l)
{
    void *p;
    int rc = heap_tx_alloc(s->heap, sizeof(struct obj_rec), 0, &l->off, &p);

    if (rc == 0)
        *(uint8_t *)p = REC_OBJ;
    return rc;
}

static int lose_value(struct shard *s, struct leak *l)
{
    return heap_tx_alloc(s->heap, 4000, 0, &l->off, NULL);
}

static int give_back(struct shard *s, struct leak *l)
{
    return heap_tx_free(s->heap, l->off);
}

static int lose_blocks(struct shard *s, struct leak *l)
{
    return heap_tx_space_use(s->heap, &l->ext);
}

static int free_blocks(struct shard *s, struct leak *l)
{
    return heap_tx_space_free(s->heap, &l->ext);
}

#define STEP(name)                                                                                 \
    static int do_##name(struct shard *s, void *arg)                                               \
    {                                                                                              \
        return in_tx(s, arg, name);                                                                \
    }
STEP(lose_record)
STEP(lose_value)
STEP(give_back)
STEP(lose_blocks)
STEP(free_blocks)

static int reserve(struct shard *s, void *arg)
{
    struct leak *l = arg;
    uint32_t nr = 1;

    return heap_space_reserve(s->heap, 3 * SPACE_BLOCK, &l->ext, &nr);
}

static void fill(struct rig *r)
{
    static char big[100000];
    char name[24];

    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "%d", i);
        assert_int_equal(rig_put(r, 1, name, "a", big, i % 20 == 0 ? sizeof(big) : 40), 0);
    }
}

static void what_nobody_refers_to_is_told(void **state)
{
    struct rig *r = *state;
    struct leak l = {.r = r}, v = {.r = r}, b = {.r = r};
    char line[160];

    r->fault_every = 5; /* a check that has to begin a step again counts nothing twice */
    fill(r);
    assert_int_equal(check(r), 0);
    run(&l, do_lose_record);
    run(&v, do_lose_value);
    run(&b, reserve);
    assert_int_equal(check(r), 2); /* what is only reserved is not in use */
    run(&b, do_lose_blocks);
    assert_int_equal(check(r), 3);
    snprintf(line, sizeof(line),
             "nothing refers to the allocation of 56 bytes at heap offset %llu; it looks like an "
             "object\n",
             (unsigned long long)l.off);
    assert_non_null(strstr(said, line));
    snprintf(line, sizeof(line), "the allocation of 4096 bytes at heap offset %llu",
             (unsigned long long)v.off);
    assert_non_null(strstr(said, line));
    snprintf(line, sizeof(line), "data blocks %llu to %llu are marked in use",
             (unsigned long long)b.ext.block, (unsigned long long)(b.ext.block + 2));
    assert_non_null(strstr(said, line));
    run(&l, do_give_back);
    run(&v, do_give_back);
    run(&b, do_free_blocks);
    assert_int_equal(check(r), 0);
}

static void a_repair_gives_back_that_and_nothing_else(void **state)
{
    struct rig *r = *state;
    struct leak l = {.r = r}, v = {.r = r}, b = {.r = r};
    struct engine_repaired done;
    struct engine_conf conf;
    char name[24], val[40] = "";
    struct err e = {0};

    fill(r);
    run(&l, do_lose_record);
    run(&v, do_lose_value);
    run(&b, reserve);
    run(&b, do_lose_blocks);
    rig_close(r, true);
    conf = rig_conf(r);
    conf.repair = true;
    assert_int_equal(engine_open(&conf, &r->eng, &e), 0);
    r->fault_every = 5;
    assert_int_equal(engine_repair(r->eng, false, NULL, NULL, NULL, &done), 0);
    r->fault_every = 0;
    assert_int_equal(done.given_up, 0);
    assert_true(done.freed >= 2); /* and what the client that is gone had */
    assert_int_equal(done.groups, 1);
    engine_close(r->eng, true);
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
    assert_int_equal(check(r), 0);
    for (int i = 1; i < 200; i += 7) {
        snprintf(name, sizeof(name), "%d", i);
        if (i % 20 != 0)
            assert_int_equal(rig_get(r, 1, name, "a", val, sizeof(val), NULL), 0);
    }
}

static int halt(void *arg, uint64_t done, uint64_t total)
{
    assert_true(done <= total);
    return ++*(uint64_t *)arg == 3 ? -DER_CANCELED : 0;
}

static void a_check_can_be_ended(void **state)
{
    struct rig *r = *state;
    uint64_t problems = 0, calls = 0;

    fill(r);
    assert_int_equal(engine_check(r->eng, true, NULL, halt, &calls, &problems), -DER_CANCELED);
    assert_int_equal(calls, 3);
    assert_int_equal(check(r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_nobody_refers_to_is_told, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_repair_gives_back_that_and_nothing_else, rig_setup,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(a_check_can_be_ended, rig_setup, rig_teardown),
    };

    return cmocka_run_group_tests_name("engine/leak", tests, NULL, NULL);
}

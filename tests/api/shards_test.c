/*
 * A pool of three targets of its own, whatever the other pools of the run are: one of them missing,
 * and all of them full.
 */
#include "api.h"
#include <tarn.h>

#define TARGETS 3u

static int world_setup(void **state)
{
    struct embed_pool_conf conf = {
        .label = "shards", .targets = TARGETS, .wal_bytes = 4 << 20, .limit_bytes = 192 << 20};
    struct api *a = calloc(1, sizeof(*a));
    const char *tmp = getenv("TMPDIR");
    struct err e = {0};

    snprintf(a->dir, sizeof(a->dir), "%s/tarn-api-XXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(a->dir) == NULL)
        return -1;
    setenv("XDG_STATE_HOME", a->dir, 1);
    setenv("TARN_BACKGROUND", "0", 1);
    snprintf(a->path, sizeof(a->path), "%s/pool", a->dir);
    *state = a;
    if (embed_pool_create(a->path, &conf, a->pool, &e) != 0) {
        fprintf(stderr, "%s: %s\n", e.what, e.why);
        return -1;
    }
    return 0;
}

static int world_teardown(void **state)
{
    struct api *a = *state;
    char cmd[128];
    int rc;

    snprintf(cmd, sizeof(cmd), "rm -rf %s", a->dir);
    rc = system(cmd);
    free(a);
    return rc;
}

static void come(struct api *a)
{
    if (getenv("TARN_TEST_SHARED") != NULL)
        OK(api_engine_start(a));
    OK(daos_init());
    OK(daos_pool_connect(a->path, NULL, DAOS_PC_RW, &a->poh, NULL, NULL));
}

static void leave(struct api *a)
{
    OK(daos_pool_disconnect(a->poh, NULL));
    OK(daos_fini());
    if (a->engine != 0)
        OK(api_engine_stop(a));
}

/* ---- A target that is down ---- */

static void ranks_are(struct api *a, uint64_t bits, uint32_t nr, uint32_t disabled)
{
    daos_pool_info_t info = {.pi_bits = bits};
    d_rank_list_t *ranks = NULL;

    OK(daos_pool_query(a->poh, &ranks, &info, NULL, NULL));
    assert_non_null(ranks);
    assert_int_equal(ranks->rl_nr, nr);
    if (nr > 0)
        assert_int_equal(ranks->rl_ranks[0], 0);
    d_rank_list_free(ranks);
    assert_int_equal(info.pi_ntargets, TARGETS);
    assert_int_equal(info.pi_ndisabled, disabled);
    assert_int_equal(info.pi_bits & bits, bits);
}

static void target_is(struct api *a, uint32_t n, daos_target_state_t want)
{
    daos_target_info_t t;

    OK(daos_pool_query_target(a->poh, n, 0, &t, NULL));
    assert_int_equal(t.ta_state, want);
}

/* An engine is in one of the two lists: with all of its targets, or with one disabled. */
static void the_engine_of_a_target_that_is_down(void **state)
{
    struct api *a = *state;
    char there[128], gone[128];
    daos_epoch_t epoch, late;
    daos_handle_t coh;

    snprintf(there, sizeof(there), "%s/target1", a->path);
    snprintf(gone, sizeof(gone), "%s/kept", a->dir);
    come(a);
    ranks_are(a, DPI_ENGINES_ENABLED, 1, 0);
    ranks_are(a, DPI_ENGINES_DISABLED, 0, 0);
    ranks_are(a, 0, 0, 0);
    OK(daos_cont_create_with_label(a->poh, "kept", NULL, NULL, NULL));
    OK(daos_cont_open(a->poh, "kept", DAOS_COO_RW, &coh, NULL, NULL));
    OK(daos_cont_create_snap(coh, &epoch, NULL, NULL));
    OK(daos_cont_close(coh, NULL));
    leave(a);

    assert_int_equal(rename(there, gone), 0);
    come(a);
    ranks_are(a, DPI_ENGINES_ENABLED, 0, 1);
    ranks_are(a, DPI_ENGINES_DISABLED, 1, 1);
    ranks_are(a, DPI_SPACE, 1, 1);
    target_is(a, 0, DAOS_TS_UP_IN);
    target_is(a, 1, DAOS_TS_DOWN);
    target_is(a, 2, DAOS_TS_UP_IN);
    /* what it keeps could neither be held for a snapshot nor be taken back */
    OK(daos_cont_open(a->poh, "kept", DAOS_COO_RW, &coh, NULL, NULL));
    FAILS(DER_IO, daos_cont_rollback(coh, epoch, NULL));
    FAILS(DER_IO, daos_cont_create_snap(coh, &late, NULL, NULL));
    OK(daos_cont_close(coh, NULL));
    leave(a);

    assert_int_equal(rename(gone, there), 0);
    come(a);
    ranks_are(a, DPI_ENGINES_ENABLED, 1, 0);
    ranks_are(a, DPI_ENGINES_DISABLED, 0, 0);
    target_is(a, 1, DAOS_TS_UP_IN);
    OK(daos_cont_open(a->poh, "kept", DAOS_COO_RW, &coh, NULL, NULL));
    OK(daos_cont_rollback(coh, epoch, NULL));
    OK(daos_cont_close(coh, NULL));
    leave(a);
}

/* ---- All targets full ---- */

#define OBJS     3
#define KEY_MAX  24
#define BIG      60000u
#define SMALL    1500u
#define BATCH    64  /* keys that are put at once; if none of them fits, no target takes more */
#define TOGETHER 20  /* keys of each object that one transaction removes */
#define PATIENCE 600 /* of 50 ms, until room that is given back can be used */

struct full {
    struct api *a;
    daos_handle_t oh[OBJS], eq;
    int big, small; /* keys of each object, up to which they were put */
    int first, last;
};

struct putting {
    daos_event_t ev;
    char key[KEY_MAX];
};

static char value[BIG];

static daos_handle_t kv_of(struct api *a, uint64_t n)
{
    daos_obj_id_t oid = {.lo = n};
    daos_handle_t oh;

    OK(daos_obj_generate_oid(a->coh, &oid, DAOS_OT_KV_HASHED, OC_SX, 0, 0));
    OK(daos_kv_open(a->coh, oid, DAOS_OO_RW, &oh, NULL));
    return oh;
}

static const char *key_of(int n)
{
    static char text[KEY_MAX];

    snprintf(text, sizeof(text), "key %d", n);
    return text;
}

static void put_begin(struct full *f, struct putting *p, int n, size_t len)
{
    snprintf(p->key, sizeof(p->key), "%s", key_of(n / OBJS));
    OK(daos_event_init(&p->ev, f->eq, NULL));
    OK(daos_kv_put(f->oh[n % OBJS], DAOS_TX_NONE, 0, p->key, len, value, &p->ev));
}

/* How many of the keys from number `from` on had room. */
static int put_batch(struct full *f, int from, size_t len)
{
    static struct putting p[BATCH * OBJS];
    daos_event_t *done;
    int fitted = 0;

    for (int i = 0; i < BATCH * OBJS; i++)
        put_begin(f, &p[i], from * OBJS + i, len);
    for (int i = 0; i < BATCH * OBJS; i++) {
        assert_int_equal(daos_eq_poll(f->eq, 0, DAOS_EQ_WAIT, 1, &done), 1);
        if (done->ev_error != -DER_NOSPACE)
            OK(done->ev_error);
        fitted += done->ev_error == 0;
        OK(daos_event_fini(done));
    }
    return fitted;
}

/* From key number `from` on until nothing fits; the number after the last. */
static int fill(struct full *f, int from, size_t len)
{
    while (put_batch(f, from, len) > 0)
        from += BATCH;
    return from;
}

static uint64_t room(struct api *a)
{
    daos_pool_info_t info = {.pi_bits = DPI_SPACE};
    const daos_size_t *nr = info.pi_space.ps_space.s_free;

    OK(daos_pool_query(a->poh, NULL, &info, NULL, NULL));
    return nr[DAOS_MEDIA_SCM] + nr[DAOS_MEDIA_NVME];
}

static void full_fill(struct full *f, int from)
{
    f->big = fill(f, from, BIG);
    f->small = fill(f, f->big, SMALL);
    assert_true(f->big - from > 2 * TOGETHER);
    assert_true(f->small - f->big > 2 * TOGETHER);
}

static void full_open(struct full *f, struct api *a)
{
    OK(daos_cont_create_with_label(a->poh, "c", NULL, NULL, NULL));
    OK(daos_cont_open(a->poh, "c", DAOS_COO_RW, &a->coh, NULL, NULL));
    *f = (struct full){.a = a};
    OK(daos_eq_create(&f->eq));
    for (int i = 0; i < OBJS; i++)
        f->oh[i] = kv_of(a, 1 + (uint64_t)i);
    full_fill(f, 0);
}

static void full_close(struct full *f)
{
    for (int i = 0; i < OBJS; i++)
        OK(daos_kv_close(f->oh[i], NULL));
    OK(daos_eq_destroy(f->eq, 0));
    OK(daos_cont_close(f->a->coh, NULL));
    OK(daos_cont_destroy(f->a->poh, "c", 0, NULL));
}

/* Keys of all objects, on all targets. */
static int remove_some(daos_handle_t th, void *arg)
{
    struct full *f = arg;
    int rc = 0;

    for (int n = f->first; n < f->last && rc == 0; n++)
        for (int i = 0; i < OBJS && rc == 0; i++)
            rc = daos_kv_remove(f->oh[i], th, 0, key_of(n), NULL);
    return rc;
}

static int remove_objects(daos_handle_t th, void *arg)
{
    struct full *f = arg;
    int rc = 0;

    for (int i = 0; i < OBJS && rc == 0; i++)
        rc = daos_kv_destroy(f->oh[i], th, NULL);
    return rc;
}

static int put_some(daos_handle_t th, void *arg)
{
    struct full *f = arg;
    int rc = 0;

    for (int n = f->first; n < f->last && rc == 0; n++)
        for (int i = 0; i < OBJS && rc == 0; i++)
            rc = daos_kv_put(f->oh[i], th, 0, key_of(n), BIG, value, NULL);
    return rc;
}

static bool is_there(struct full *f, int i, int n)
{
    daos_size_t len = 0;

    OK(daos_kv_get(f->oh[i], DAOS_TX_NONE, 0, key_of(n), &len, NULL, NULL));
    return len != 0;
}

static void removed(struct full *f, int first, int last)
{
    for (f->first = first; f->first < last; f->first = f->last) {
        f->last = f->first + TOGETHER < last ? f->first + TOGETHER : last;
        OK(tarn_tx_run(f->a->coh, 0, remove_some, f));
        for (int i = 0; i < OBJS; i++)
            assert_false(is_there(f, i, f->first));
    }
}

/* All or nothing, also of what finds no room; what is given back comes in the background. */
static void written_again(struct full *f)
{
    int rc = -DER_NOSPACE;

    f->first = 0;
    f->last = TOGETHER;
    for (int i = 0; i < PATIENCE && rc == -DER_NOSPACE; i++) {
        rc = tarn_tx_run(f->a->coh, 0, put_some, f);
        if (rc != 0)
            usleep(50000);
        for (int o = 0; o < OBJS; o++)
            assert_int_equal(is_there(f, o, i % TOGETHER), rc == 0);
    }
    OK(rc);
}

static void room_comes_back(struct full *f, uint64_t at_least)
{
    int rounds = 0;

    while (room(f->a) < at_least && rounds++ < PATIENCE)
        usleep(50000);
    assert_true(rounds < PATIENCE);
}

/* A third of what there is, large values and small ones; then all objects. */
static void deletes_of_a_full_pool(void **state)
{
    struct api *a = *state;
    uint64_t large;
    struct full f;

    come(a);
    full_open(&f, a);
    large = room(a) + (uint64_t)f.big * OBJS * BIG / 2;
    removed(&f, 0, f.big / 3);
    removed(&f, f.big, f.big + (f.small - f.big) / 3);
    written_again(&f);
    full_fill(&f, f.small);
    OK(tarn_tx_run(a->coh, 0, remove_objects, &f));
    for (int n = 0; n < f.small; n += 97)
        for (int i = 0; i < OBJS; i++)
            assert_false(is_there(&f, i, n));
    written_again(&f);
    room_comes_back(&f, large);
    full_close(&f);
    leave(a);
}

#define WORLD(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(the_engine_of_a_target_that_is_down),
        WORLD(deletes_of_a_full_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Pools whose log, metadata and data lie on several devices: in every arrangement they keep what
 * was acknowledged; what the directory leads to is told apart from what it should lead to; making
 * and destroying them touches nothing that is not the pool's.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine_rig.h"
#include "base/assert.h"
#include "sim_dev.h"

#define APART                                                                                      \
    {                                                                                              \
        [SUPER_WAL] = {.device = 1}, [SUPER_DATA] = {.device = 2 }                                 \
    }

static const uint8_t places[][SUPER_ROLE_NR] = {
    {0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, 1, 2}};

static const uint32_t wal = 1u << SUPER_WAL, meta = 1u << SUPER_META, data = 1u << SUPER_DATA;

static void report(void *arg, const char *text)
{
    fprintf(stderr, "checker: %s\n", text);
}

static void assert_three_parts(const struct err *e)
{
    if (e->what[0] == '\0' || e->why[0] == '\0' || e->next[0] == '\0')
        fail_msg("not in three parts: '%s', '%s', '%s'", e->what, e->why, e->next);
}

static struct engine_format format_of(uint8_t pool)
{
    return (struct engine_format){
        .pool = {pool, 8, 7}, .wal_bytes = 1u << 20, .owner = "ann@", .group = "lab@"};
}

static int make(struct rig *r, const struct engine_format *f, struct err *e)
{
    struct engine_conf conf = rig_conf(r);

    memset(e, 0, sizeof(*e));
    return engine_pool_format(&conf, f, e);
}

static int try_open(struct rig *r, struct err *e)
{
    struct engine_conf conf = rig_conf(r);
    int rc;

    memset(e, 0, sizeof(*e));
    rc = engine_open(&conf, &r->eng, e);
    if (rc == 0) {
        engine_close(r->eng, true);
        r->eng = NULL;
    }
    return rc;
}

static int destroy(struct rig *r, bool force, struct err *e)
{
    struct engine_conf conf = rig_conf(r);

    memset(e, 0, sizeof(*e));
    return engine_pool_destroy(&conf, force, e);
}

static void begin(struct rig *r)
{
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_create(r, "data", 1), 0);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
}

static void put_two(struct rig *r)
{
    static char large[100000];

    memset(large, 'l', sizeof(large));
    assert_int_equal(rig_put(r, 1, "small", "a", "s", 1), 0);
    assert_int_equal(rig_put(r, 1, "large", "a", large, sizeof(large)), 0);
}

static void assert_two(struct rig *r)
{
    static char large[100000];
    uint64_t problems = 1;

    memset(large, 'l', sizeof(large));
    assert_value(r, 1, "small", "a", "s", 1);
    assert_value(r, 1, "large", "a", large, sizeof(large));
    assert_int_equal(engine_check(r->eng, true, report, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
}

/* Opens an existing pool and looks for what put_two() has put. */
static void assert_pool(struct rig *r)
{
    r->seq += 1000;
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
    assert_two(r);
    rig_close(r, true);
}

/* ---- In memory ---- */

static void test_every_arrangement(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct engine_places at = {0};
        struct engine_format f = format_of(9);
        struct engine_device d[ENGINE_DEVICES_MAX];
        struct rig r = {0};
        uint32_t roles = 0;
        struct err e;

        assert_int_equal(io_dir_open_mem(&r.dir), 0);
        for (int k = 0; k < SUPER_ROLE_NR; k++)
            at.role[k].device = places[i][k];
        f.place = &at;
        assert_int_equal(make(&r, &f, &e), 0);
        begin(&r);
        put_two(&r);
        assert_int_equal(engine_devices(r.eng, d), i == 0 ? 1 : i == 4 ? 3 : 2);
        assert_string_equal(d[0].name, "target0");
        assert_true(d[0].roles & meta);
        for (uint32_t k = 0; k < engine_devices(r.eng, d); k++) {
            assert_int_equal(roles & d[k].roles, 0);
            roles |= d[k].roles;
        }
        assert_int_equal(roles, wal | meta | data);
        rig_crash(&r);
        assert_two(&r);
        rig_close(&r, true);
        assert_pool(&r);
        assert_int_equal(destroy(&r, false, &e), 0);
        assert_int_equal(try_open(&r, &e), -DER_NONEXIST);
        io_dir_close(r.dir);
    }
}

/* The pool's limit holds for all its devices together, and each of them may take what is left. */
static void test_one_limit_for_all(void **state)
{
    static char val[200000];
    struct engine_format f = format_of(9);
    struct engine_places apart = {APART};
    struct engine_device d[ENGINE_DEVICES_MAX];
    struct rig r = {0};
    uint64_t bytes = 0;
    char dkey[32];
    int rc = 0, n;
    struct err e;

    f.limit_bytes = 24u << 20;
    f.meta_bytes = f.data_bytes = 1u << 20;
    f.place = &apart;
    assert_int_equal(io_dir_open_mem(&r.dir), 0);
    assert_int_equal(make(&r, &f, &e), 0);
    begin(&r);
    for (n = 0; rc == 0; n++) {
        snprintf(dkey, sizeof(dkey), "%d", n);
        rc = rig_put(&r, 1, dkey, "a", val, sizeof(val));
    }
    assert_int_equal(rc, -DER_NOSPACE);
    assert_true(n > 60); /* it did grow: of 20 MiB that are left for data at most */
    for (uint32_t k = 0; k < engine_devices(r.eng, d); k++)
        bytes += d[k].bytes;
    assert_true(bytes <= f.limit_bytes && bytes > f.limit_bytes - (2u << 20));
    rig_close(&r, true);
    io_dir_close(r.dir);
}

/* ---- Power cuts while it is made ---- */

/* At each step: afterwards it is a pool, or it is none and goes without a trace. */
static void cut_while_it_is_made(uint32_t targets)
{
    struct engine_places apart[2] = {{APART}, {APART}};
    bool went = true, whole = false;

    for (uint64_t step = 1; went; step++) {
        struct engine_format f = format_of(9);
        struct sim_dir *sd;
        struct rig r = {0};
        struct err e;
        int rc;

        f.targets = targets;
        f.place = apart;
        f.meta_bytes = f.data_bytes = 1u << 20;
        assert_int_equal(sim_dir_create(&(struct sim_dir_conf){.seed = step}, &sd), 0);
        assert_int_equal(sim_dir_open(sd, &r.dir), 0);
        sim_dir_power_cut_at(sd, step);
        rc = make(&r, &f, &e);
        went = !sim_dir_powered(sd);
        sim_dir_power_cut_at(sd, 0);
        assert_true(went ? true : rc == 0);
        io_dir_close(r.dir);
        if (went)
            sim_dir_power_on(sd);
        assert_int_equal(sim_dir_open(sd, &r.dir), 0);
        rc = try_open(&r, &e);
        if (rc != 0)
            assert_three_parts(&e);
        whole = whole || (went && rc == 0);
        assert_true(went || rc == 0);
        assert_int_equal(destroy(&r, false, &e), 0);
        assert_int_equal(make(&r, &f, &e), 0);
        begin(&r);
        put_two(&r);
        rig_close(&r, true);
        assert_pool(&r);
        io_dir_close(r.dir);
        sim_dir_destroy(sd);
    }
    assert_true(whole); /* the last cuts come when all is done */
}

static void test_power_cut_while_it_is_made(void **state)
{
    cut_while_it_is_made(1);
    cut_while_it_is_made(2);
}

/* ---- What recovery has shown ---- */

static void power_off(struct rig *r, struct sim_dir *sd, enum sim_cut how)
{
    sim_dir_conf(sd)->cut = how;
    sim_dir_power_cut(sd);
    rig_close(r, false);
    io_dir_close(r->dir);
    sim_dir_power_on(sd);
    assert_int_equal(sim_dir_open(sd, &r->dir), 0);
    r->seq += 1000;
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
}

static uint64_t length_of(struct rig *r)
{
    uint64_t len = 0;
    char buf[16];

    assert_int_equal(rig_get(r, 1, "k", "a", buf, sizeof(buf), &len), 0);
    return len;
}

/* A writer is killed while its log record is on its way to the log's device, whose cache has it
 * then, or not. Who opens the pool next sees it, or not; and so it stays when the power goes. */
static void test_what_was_seen_stays(void **state)
{
    struct engine_places apart = {APART};
    uint32_t seen = 0, unseen = 0;

    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct engine_format f = format_of(9);
        struct sim_dir *sd;
        struct rig r = {0};
        struct err e;
        uint64_t len;

        f.place = &apart;
        f.meta_bytes = f.data_bytes = 1u << 20;
        assert_int_equal(sim_dir_create(&(struct sim_dir_conf){.seed = seed}, &sd), 0);
        assert_int_equal(sim_dir_open(sd, &r.dir), 0);
        assert_int_equal(make(&r, &f, &e), 0);
        begin(&r);
        sim_dir_power_cut_at(sd, 1); /* the record is the first thing that is written */
        assert_true(rig_put(&r, 1, "k", "a", "value", 5) != 0);
        power_off(&r, sd, SIM_CUT_KEEP_ALL);
        len = length_of(&r);
        seen += len != 0;
        unseen += len == 0;
        power_off(&r, sd, SIM_CUT_LOSE_ALL);
        assert_int_equal(length_of(&r), len);
        rig_close(&r, true);
        io_dir_close(r.dir);
        sim_dir_destroy(sd);
    }
    assert_true(seen > 0 && unseen > 0);
}

/* ---- Files elsewhere ---- */

struct world {
    char root[200];
    struct rig r; /* its directory is root/pool */
};

static const char *in(const struct world *w, const char *name)
{
    static _Thread_local char path[4][400];
    static _Thread_local uint32_t n;
    char *s = path[n++ % 4];

    snprintf(s, sizeof(path[0]), "%s/%s", w->root, name);
    return s;
}

static bool there(const struct world *w, const char *name)
{
    struct stat st;

    return lstat(in(w, name), &st) == 0;
}

static void dir_use(struct world *w, const char *name)
{
    struct err e = {0};

    if (w->r.dir != NULL)
        io_dir_close(w->r.dir);
    w->r.dir = NULL;
    if (io_dir_open(in(w, name), true, &w->r.dir, &e) != 0)
        fail_msg("%s: %s", e.what, e.why);
}

static int world_make(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    snprintf(w->root, sizeof(w->root), "%s/tarn-devices-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(w->root) == NULL)
        return -1;
    dir_use(w, "pool");
    *state = w;
    return 0;
}

static int world_end(void **state)
{
    struct world *w = *state;
    char cmd[300];

    io_dir_close(w->r.dir);
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", w->root);
    free(w);
    return system(cmd);
}

/* A pool in directory dir, its log in the file wal and its data in the file data. */
static int make_apart(struct world *w, const char *dir, uint8_t pool, const char *wal_file,
                      const char *data_file, struct err *e)
{
    struct engine_places at = {{[SUPER_WAL] = {.device = 1, .path = in(w, wal_file)},
                                [SUPER_DATA] = {.device = 2, .path = in(w, data_file)}}};
    struct engine_format f = format_of(pool);

    f.place = &at;
    f.meta_bytes = f.data_bytes = 1u << 20;
    dir_use(w, dir);
    return make(&w->r, &f, e);
}

static void make_full(struct world *w, const char *dir, uint8_t pool, const char *wal_file,
                      const char *data_file)
{
    struct err e;

    assert_int_equal(make_apart(w, dir, pool, wal_file, data_file, &e), 0);
    begin(&w->r);
    put_two(&w->r);
    rig_close(&w->r, true);
}

static void assert_refused(struct world *w, int rc, const char *part)
{
    struct err e;

    assert_int_equal(try_open(&w->r, &e), rc);
    assert_three_parts(&e);
    if (strstr(e.what, part) == NULL && strstr(e.why, part) == NULL)
        fail_msg("'%s' is in neither '%s' nor '%s'", part, e.what, e.why);
}

static void relink(struct world *w, const char *name, const char *to)
{
    unlink(in(w, name));
    assert_int_equal(symlink(in(w, to), in(w, name)), 0);
}

static void test_files_elsewhere(void **state)
{
    struct world *w = *state;
    struct err e;

    make_full(w, "pool", 9, "w", "d");
    assert_true(there(w, "w") && there(w, "d") && there(w, "pool/target0.wal"));
    assert_pool(&w->r);
    /* the directory moves */
    assert_int_equal(rename(in(w, "pool"), in(w, "other")), 0);
    dir_use(w, "other");
    assert_pool(&w->r);
    /* a device moves, and its link follows; by a relative one too */
    assert_int_equal(rename(in(w, "w"), in(w, "w2")), 0);
    assert_refused(w, -DER_NONEXIST, "/w");
    relink(w, "other/target0.wal", "w2");
    assert_pool(&w->r);
    unlink(in(w, "other/target0.wal"));
    assert_int_equal(symlink("../w2", in(w, "other/target0.wal")), 0);
    assert_pool(&w->r);
    assert_int_equal(destroy(&w->r, false, &e), 0);
    assert_false(there(w, "w2") || there(w, "d"));
    assert_false(there(w, "other/target0") || there(w, "other/target0.wal"));
}

/* Two targets with a device for the data of each. */
static int make_of_two(struct world *w, const char *first, const char *second, struct err *e)
{
    struct engine_places at[2] = {{{[SUPER_DATA] = {.device = 1, .path = in(w, first)}}},
                                  {{[SUPER_DATA] = {.device = 1, .path = in(w, second)}}}};
    struct engine_format f = format_of(9);

    f.targets = 2;
    f.place = at;
    f.meta_bytes = f.data_bytes = 1u << 20;
    return make(&w->r, &f, e);
}

static void test_two_targets(void **state)
{
    struct world *w = *state;
    struct engine_device d[ENGINE_DEVICES_MAX];
    struct err e;

    assert_int_equal(make_of_two(w, "d", "d", &e), -DER_EXIST);
    assert_three_parts(&e);
    assert_false(there(w, "d") || there(w, "pool/target0") || there(w, "pool/target1"));
    assert_false(there(w, "pool/target0.data") || there(w, "pool/target1.data"));
    assert_int_equal(make_of_two(w, "d0", "d1", &e), 0);
    begin(&w->r);
    put_two(&w->r);
    assert_int_equal(engine_devices(w->r.eng, d), 4);
    rig_close(&w->r, true);
    /* each has its own: they are no two disks of one target */
    relink(w, "pool/target0.data", "d1");
    relink(w, "pool/target1.data", "d0");
    assert_refused(w, -DER_DF_INVAL, "of target 1");
    relink(w, "pool/target0.data", "d0");
    relink(w, "pool/target1.data", "d1");
    assert_pool(&w->r);
    assert_int_equal(destroy(&w->r, false, &e), 0);
    assert_false(there(w, "d0") || there(w, "d1") || there(w, "pool/target1"));
}

static void test_devices_change_places(void **state)
{
    struct world *w = *state;

    make_full(w, "pool", 9, "w", "d");
    relink(w, "pool/target0.wal", "d");
    relink(w, "pool/target0.data", "w");
    assert_pool(&w->r);
}

static void test_a_device_is_missing(void **state)
{
    struct world *w = *state;

    make_full(w, "pool", 9, "w", "d");
    assert_int_equal(unlink(in(w, "pool/target0.wal")), 0);
    assert_refused(w, -DER_NONEXIST, "none of its devices holds its wal");
    relink(w, "pool/target0.wal", "w");
    assert_pool(&w->r);
    assert_int_equal(unlink(in(w, "pool/target0.data")), 0);
    assert_refused(w, -DER_NONEXIST, "none of its devices holds its data");
}

static void copy(struct world *w, const char *from, const char *to)
{
    char cmd[900];

    snprintf(cmd, sizeof(cmd), "cp '%s' '%s'", in(w, from), in(w, to));
    assert_int_equal(system(cmd), 0);
}

static void test_a_role_twice(void **state)
{
    struct world *w = *state;

    make_full(w, "pool", 9, "w", "d");
    copy(w, "w", "w2");
    relink(w, "pool/target0.data", "w2");
    assert_refused(w, -DER_DF_INVAL, "holds the pool's wal, and so does");
}

/* A refused open writes to none of them. */
static void test_a_device_of_another_pool(void **state)
{
    struct world *w = *state;
    char cmd[900];

    make_full(w, "pool", 9, "w", "d");
    make_full(w, "pool2", 10, "w2", "d2");
    copy(w, "w2", "before");
    relink(w, "pool/target0.wal", "w2");
    dir_use(w, "pool");
    assert_refused(w, -DER_DF_INVAL, "belongs to pool 0a0807");
    snprintf(cmd, sizeof(cmd), "cmp '%s' '%s'", in(w, "w2"), in(w, "before"));
    assert_int_equal(system(cmd), 0);
    relink(w, "pool/target0.wal", "w");
    assert_pool(&w->r);
    dir_use(w, "pool2");
    assert_pool(&w->r);
}

static void test_making_overwrites_nothing(void **state)
{
    struct world *w = *state;
    struct err e;
    int fd = open(in(w, "d"), O_CREAT | O_WRONLY, 0600);
    char text[8] = "";

    assert_int_equal(write(fd, "mine", 4), 4);
    close(fd);
    assert_int_equal(make_apart(w, "pool", 9, "w", "d", &e), -DER_EXIST);
    assert_three_parts(&e);
    assert_non_null(strstr(e.what, "/d"));
    assert_false(there(w, "w") || there(w, "pool/target0") || there(w, "pool/target0.wal") ||
                 there(w, "pool/target0.data"));
    fd = open(in(w, "d"), O_RDONLY);
    assert_int_equal(read(fd, text, sizeof(text)), 4);
    assert_string_equal(text, "mine");
    close(fd);
    assert_int_equal(make_apart(w, "pool", 9, "no/where", "d2", &e), -DER_NONEXIST);
    assert_false(there(w, "d2") || there(w, "pool/target0"));
    make_full(w, "pool", 9, "w", "d3");
}

static void test_destroy_takes_only_its_own(void **state)
{
    struct world *w = *state;
    struct err e;
    int fd;

    make_full(w, "pool", 9, "w", "d");
    make_full(w, "pool2", 10, "w2", "d2");
    relink(w, "pool/target0.wal", "w2");
    dir_use(w, "pool");
    assert_int_equal(destroy(&w->r, false, &e), -DER_DF_INVAL);
    assert_three_parts(&e);
    assert_true(there(w, "pool/target0") && there(w, "pool/target0.wal") && there(w, "d"));
    assert_int_equal(destroy(&w->r, true, &e), 0);
    assert_false(there(w, "pool/target0") || there(w, "pool/target0.wal") || there(w, "d"));
    dir_use(w, "pool2");
    assert_pool(&w->r);
    /* something else lies where its device was */
    fd = open(in(w, "d2"), O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "a letter", 8), 8);
    assert_int_equal(ftruncate(fd, 4096), 0);
    close(fd);
    assert_int_equal(destroy(&w->r, false, &e), -DER_DF_INVAL);
    assert_int_equal(destroy(&w->r, true, &e), 0);
    assert_true(there(w, "d2"));
    assert_false(there(w, "w2") || there(w, "pool2/target0.data"));
}

/* Cut short: only names, then names and empty devices. */
static void test_destroy_of_what_was_never_whole(void **state)
{
    struct world *w = *state;
    struct err e;
    int fd;

    relink(w, "pool/target0.wal", "w");
    fd = open(in(w, "pool/target0"), O_CREAT | O_WRONLY, 0600);
    close(fd);
    assert_int_equal(destroy(&w->r, false, &e), -DER_NONEXIST); /* it may come back */
    assert_three_parts(&e);
    assert_int_equal(destroy(&w->r, true, &e), 0);
    assert_false(there(w, "pool/target0.wal") || there(w, "pool/target0"));
    relink(w, "pool/target0.wal", "w");
    fd = open(in(w, "w"), O_CREAT | O_WRONLY, 0600);
    assert_int_equal(ftruncate(fd, 65536), 0);
    close(fd);
    assert_int_equal(destroy(&w->r, false, &e), 0);
    assert_false(there(w, "w") || there(w, "pool/target0.wal"));
}

int main(void)
{
#define WORLD(fn) cmocka_unit_test_setup_teardown(fn, world_make, world_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_arrangement),
        cmocka_unit_test(test_one_limit_for_all),
        cmocka_unit_test(test_power_cut_while_it_is_made),
        cmocka_unit_test(test_what_was_seen_stays),
        WORLD(test_files_elsewhere),
        WORLD(test_two_targets),
        WORLD(test_devices_change_places),
        WORLD(test_a_device_is_missing),
        WORLD(test_a_role_twice),
        WORLD(test_a_device_of_another_pool),
        WORLD(test_making_overwrites_nothing),
        WORLD(test_destroy_takes_only_its_own),
        WORLD(test_destroy_of_what_was_never_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

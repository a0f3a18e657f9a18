/*
 * Pools of three targets, for whoever looks after them: what is damaged or missing in one takes
 * nothing else away; the checker says where it is; a repair makes the rest consistent, also if it
 * is cut short anywhere; destroying and making anew leave nothing behind.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine_rig.h"
#include "base/assert.h"
#include "base/row.h"
#include "engine/engine_int.h"

#define TARGETS 3u
#define LARGE   100000u

static char said[16384];

static void report(void *arg, const char *text)
{
    (void)arg;
    snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", text);
}

static void assert_said(const char *text)
{
    if (strstr(said, text) == NULL)
        fail_msg("does not say '%s', but:\n%s", text, said);
}

/* ---- The pool ---- */

/* In files: they can be renamed, copied, damaged. */
static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));

    r->targets = TARGETS;
    strcpy(r->path, "/tmp/tarn-targets-XXXXXX");
    assert_non_null(mkdtemp(r->path));
    return rig_setup_in(state, r);
}

static int setup_mem(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));

    r->targets = TARGETS;
    return rig_setup_in(state, r);
}

static void reopen(struct rig *r)
{
    r->seq += 1000;
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
}

static const char *large_of(uint32_t target)
{
    static char val[TARGETS][LARGE];

    for (uint32_t i = 0; i < LARGE; i++)
        val[target][i] = (char)(mix64(i + (uint64_t)target * LARGE) >> 3);
    return val[target];
}

static const char *small_of(uint32_t target)
{
    static const char *const val[] = {"needle in zero", "needle in one", "needle in two"};

    return val[target];
}

/* An object of the same name in each. */
static void fill(struct rig *r)
{
    for (r->target = 0; r->target < TARGETS; r->target++) {
        assert_int_equal(rig_put(r, 1, "small", "a", small_of(r->target), 13), 0);
        assert_int_equal(rig_put(r, 1, "large", "a", large_of(r->target), LARGE), 0);
    }
    r->target = 0;
}

static void assert_target(struct rig *r, uint32_t target)
{
    r->target = target;
    assert_value(r, 1, "small", "a", small_of(target), 13);
    assert_value(r, 1, "large", "a", large_of(target), LARGE);
    r->target = 0;
}

static int get(struct rig *r, uint32_t target, const char *dkey)
{
    static char buf[LARGE];
    uint64_t len;
    int rc;

    r->target = target;
    rc = rig_get(r, 1, dkey, "a", buf, sizeof(buf), &len);
    r->target = 0;
    return rc == 0 && len == 0 ? -DER_NONEXIST : rc;
}

static uint64_t check(struct rig *r)
{
    uint64_t problems = 0;

    said[0] = '\0';
    assert_int_equal(engine_check(r->eng, true, report, NULL, NULL, &problems), 0);
    return problems;
}

/* As `tarn check` does, of a closed pool. */
static uint64_t check_closed(struct rig *r)
{
    struct engine_conf conf = rig_conf(r);
    struct err e = {0};
    uint64_t problems;

    conf.readonly = true;
    assert_int_equal(engine_open(&conf, &r->eng, &e), 0);
    problems = check(r);
    engine_close(r->eng, true);
    r->eng = NULL;
    return problems;
}

static int repair(struct rig *r, bool dry,
                  int (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
                  struct engine_repaired *done)
{
    struct engine_conf conf = rig_conf(r);
    struct err e = {0};
    int rc;

    conf.repair = !dry;
    conf.readonly = dry;
    said[0] = '\0';
    rc = engine_open(&conf, &r->eng, &e);
    if (rc != 0)
        fail_msg("%s: %s", e.what, e.why);
    rc = engine_repair(r->eng, dry, report, progress, arg, done);
    engine_close(r->eng, rc == 0);
    r->eng = NULL;
    return rc;
}

/* ---- Inside ---- */

struct inside {
    int (*op)(struct shard *s, void *arg);
    uint8_t cont[16];
    uint64_t epoch;
};

static int inside_run(struct shard *s, void *arg)
{
    return shard_run(s, ((struct inside *)arg)->op, arg);
}

static void inside(struct rig *r, uint32_t target, int (*op)(struct shard *s, void *arg),
                   uint64_t epoch)
{
    struct inside i = {.op = op, .epoch = epoch};

    memset(i.cont, 1, 16);
    assert_int_equal(shards_one(&r->eng->shard[target], inside_run, &i), 0);
}

static int forget_cont(struct shard *s, void *arg)
{
    return svc_forget_cont(s->svc, ((struct inside *)arg)->cont);
}

static int add_snap(struct shard *s, void *arg)
{
    struct inside *i = arg;
    struct vos_cont *c;
    int rc = vos_cont_open(s->vos, i->cont, false, &c);

    return rc != 0 ? rc : vos_snap_add(c, i->epoch);
}

static int del_snap(struct shard *s, void *arg)
{
    struct inside *i = arg;
    struct vos_cont *c;
    int rc = vos_cont_open(s->vos, i->cont, false, &c);

    return rc != 0 ? rc : vos_snap_del(c, i->epoch);
}

static int checkpoint(struct shard *s, void *arg)
{
    (void)arg;
    return heap_checkpoint(s->heap);
}

/* Everything is in pages, and nothing is wanted of the log. */
static void settle(struct rig *r)
{
    assert_int_equal(shards_each(r->eng, checkpoint, NULL), 0);
    rig_close(r, true);
}

/* ---- Files ---- */

static void file_of(const struct rig *r, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", r->path, name);
}

static void move(struct rig *r, const char *from, const char *to)
{
    char a[128], b[128];

    file_of(r, from, a);
    file_of(r, to, b);
    assert_int_equal(rename(a, b), 0);
}

static bool is_there(const struct rig *r, const char *name)
{
    char path[128];

    file_of(r, name, path);
    return access(path, F_OK) == 0;
}

/* Flips a byte wherever these are in the file: in the log, which nobody reads any more, and in
 * their page. */
static void hurt(struct rig *r, const char *name, const void *bytes, size_t len)
{
    char path[128], *all, *at;
    struct stat st;
    int fd, found = 0;

    file_of(r, name, path);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    all = malloc((size_t)st.st_size);
    assert_true(read(fd, all, (size_t)st.st_size) == st.st_size);
    for (at = all; (at = memmem(at, (size_t)(all + st.st_size - at), bytes, len)) != NULL;
         at += len) {
        char c = (char)(at[len / 2] ^ 0x40);

        assert_int_equal(pwrite(fd, &c, 1, at - all + (off_t)len / 2), 1);
        found++;
    }
    assert_true(found > 0);
    free(all);
    close(fd);
}

static void copy(struct rig *r, const char *from, const char *to)
{
    char a[128], b[128], command[300];

    file_of(r, from, a);
    file_of(r, to, b);
    snprintf(command, sizeof(command), "cp --sparse=always '%s' '%s'", a, b);
    assert_int_equal(system(command), 0);
}

/* ---- Sound ---- */

static void a_pool_of_three_is_checked_and_repaired_in_all(void **state)
{
    struct rig *r = *state;
    struct engine_repaired done;
    struct engine_stat st;

    fill(r);
    engine_stat(r->eng, &st);
    assert_int_equal(st.targets, 3);
    assert_int_equal(st.targets_down, 0);
    assert_int_equal(st.objects, 3);
    r->fault_every = 7;
    assert_int_equal(check(r), 0);
    r->fault_every = 0;
    rig_close(r, true);
    assert_int_equal(check_closed(r), 0);
    r->fault_every = 7;
    assert_int_equal(repair(r, true, NULL, NULL, &done), 0);
    assert_int_equal(repair(r, false, NULL, NULL, &done), 0);
    r->fault_every = 0;
    assert_int_equal(done.given_up, 0);
    reopen(r);
    for (uint32_t t = 0; t < TARGETS; t++)
        assert_target(r, t);
    assert_int_equal(check(r), 0);
}

static int gather_small(struct rig *r, uint32_t target, char buf[16])
{
    struct msg_fiod iod = {.akey = rig_key("a"), .type = DAOS_IOD_SINGLE, .rec_size = DAOS_REC_ANY};
    struct msg_get get = {.oid = rig_oid(1), .dkey = rig_key("small"), .iods = &iod, .iods_nr = 1};
    struct msg_obj_gather_req q = {.epoch = DAOS_EPOCH_MAX, .gets = &get, .gets_nr = 1};
    struct msg_obj_gather_rep rep;
    struct iovec iov = {buf, 16};
    struct net_call call;
    int rc;

    memcpy(q.hdl, r->coh, 16);
    net_call_init(&call, MSG_OBJ_GATHER);
    call.hdr.target = target;
    call.req = &q;
    call.rep = &rep;
    call.bulk[0] = (struct net_bulk){&iov, 1, true};
    call.bulk_nr = 1;
    rc = net_call_wait(r->peer, &call);
    net_call_fini(&call);
    return rc;
}

/* A target hears of a handle when it is first used there, also by a read of many keys. */
static void a_gather_may_be_the_first_of_a_handle(void **state)
{
    struct rig *r = *state;

    fill(r);
    rig_close(r, true);
    reopen(r);
    for (uint32_t t = 0; t < TARGETS; t++) {
        char buf[16] = "";

        assert_int_equal(gather_small(r, t, buf), 0);
        assert_memory_equal(buf, small_of(t), 13);
    }
}

static int halt(void *arg, uint64_t done, uint64_t total)
{
    assert_true(done <= total);
    return --*(int64_t *)arg == 0 ? -DER_CANCELED : 0;
}

static void a_check_can_be_ended_in_any_target(void **state)
{
    struct rig *r = *state;
    uint64_t problems;
    int64_t left;
    int rc = -DER_CANCELED, n;

    fill(r);
    for (n = 1; rc != 0; n += 5) {
        left = n;
        rc = engine_check(r->eng, true, NULL, halt, &left, &problems);
        assert_true(rc == 0 || rc == -DER_CANCELED);
    }
    assert_true(n > 20);
    assert_target(r, 2);
}

/* ---- Damage ---- */

static void damage_in_one_hurts_no_other(void **state)
{
    struct rig *r = *state;
    struct engine_repaired done;

    fill(r);
    settle(r);
    hurt(r, "target2", large_of(2) + 20000, 64);
    assert_int_equal(check_closed(r), 1);
    assert_said("target 2: container data, object ");
    assert_said("dkey large, akey a: data block ");
    assert_int_equal(repair(r, true, NULL, NULL, &done), 0);
    assert_int_equal(done.given_up, 1);
    assert_said("target 2: container data, object ");
    assert_int_equal(repair(r, false, NULL, NULL, &done), 0);
    assert_int_equal(done.given_up, 1);
    assert_int_equal(check_closed(r), 0);
    reopen(r);
    assert_target(r, 0);
    assert_target(r, 1);
    assert_int_equal(get(r, 2, "large"), -DER_CSUM);
    assert_int_equal(get(r, 2, "small"), 0);
}

static void a_page_of_metadata_in_one(void **state)
{
    struct rig *r = *state;
    struct engine_repaired done;

    fill(r);
    settle(r);
    hurt(r, "target2", small_of(2), 13);
    assert_true(check_closed(r) > 0);
    assert_said("target 2: page ");
    assert_null(strstr(said, "target 0: "));
    assert_null(strstr(said, "target 1: "));
    reopen(r); /* as it is */
    assert_target(r, 0);
    assert_target(r, 1);
    assert_int_equal(get(r, 2, "small"), -DER_CSUM);
    rig_close(r, true);
    assert_int_equal(repair(r, false, NULL, NULL, &done), 0);
    assert_true(done.given_up > 0 && done.pages > 0);
    assert_int_equal(check_closed(r), 0);
    reopen(r);
    assert_target(r, 0);
    assert_target(r, 1);
    assert_int_equal(get(r, 2, "small"), -DER_CSUM);
}

/* What it had there is an error, not absent; elsewhere it is there, and so is its name. */
static void assert_lost_in_two(struct rig *r)
{
    reopen(r);
    assert_target(r, 0);
    assert_target(r, 1);
    assert_int_equal(get(r, 2, "small"), -DER_CSUM);
    assert_int_equal(get(r, 2, "large"), -DER_CSUM);
    rig_close(r, true);
}

static void lose_container_in_two(struct rig *r)
{
    uint8_t uuid[16];

    fill(r);
    settle(r);
    memset(uuid, 1, 16);
    hurt(r, "target2", uuid, 16);
}

static void a_container_that_one_target_has_lost(void **state)
{
    struct rig *r = *state;
    struct engine_repaired done;

    lose_container_in_two(r);
    assert_true(check_closed(r) > 0);
    assert_int_equal(repair(r, true, NULL, NULL, &done), 0);
    assert_said("target 2: container 01010101-");
    assert_said("may have lost what it had there");
    assert_null(strstr(said, "name is forgotten"));
    assert_int_equal(repair(r, false, NULL, NULL, &done), 0);
    assert_int_equal(check_closed(r), 0);
    assert_lost_in_two(r);
}

static void a_repair_that_is_cut_short_anywhere(void **state)
{
    struct rig *r = *state;
    struct engine_repaired done;
    struct engine_conf conf = rig_conf(r);
    int64_t left;
    int rc = -DER_CANCELED, refused = 0;

    lose_container_in_two(r);
    for (uint32_t t = 0; t < TARGETS; t++) {
        char name[16], kept[16];

        snprintf(name, sizeof(name), "target%u", t);
        snprintf(kept, sizeof(kept), "kept%u", t);
        copy(r, name, kept);
    }
    for (int n = 1; rc != 0; n += 11 + n / 3) {
        struct err e = {0};

        for (uint32_t t = 0; t < TARGETS; t++) {
            char name[16], kept[16];

            snprintf(name, sizeof(name), "target%u", t);
            snprintf(kept, sizeof(kept), "kept%u", t);
            copy(r, kept, name);
        }
        left = n;
        rc = repair(r, false, halt, &left, &done);
        if (rc != 0 && engine_open(&conf, &r->eng, &e) != 0) {
            assert_int_equal(e.rc, -DER_DF_INVAL);
            assert_non_null(strstr(e.next, "--repair"));
            refused++;
        } else if (rc != 0) {
            engine_close(r->eng, true); /* nothing had been changed */
        }
        r->eng = NULL;
        if (rc != 0)
            assert_int_equal(repair(r, false, NULL, NULL, &done), 0);
        assert_int_equal(check_closed(r), 0);
        assert_lost_in_two(r);
    }
    assert_true(refused > 3);
}

/* ---- A target that is missing ---- */

/* What the pool's map says of a target. */
static uint32_t map_state(const struct msg_buf *buf, uint32_t target)
{
    struct place_map *map;
    uint32_t nr, state;

    assert_int_equal(place_map_decode(buf->buf, buf->len, &map), 0);
    state = place_map_targets(map, &nr)[target].state;
    assert_int_equal(nr, TARGETS);
    place_map_free(map);
    return state;
}

/* down: the target that does not serve; TARGETS: all do. */
static void ask_pool(struct rig *r, struct msg_pool_info *info, uint32_t down)
{
    struct msg_pool_query_req q = {.bits = DPI_SPACE};
    struct msg_pool_query_rep rep;
    struct net_call call;

    memcpy(q.hdl, r->poh, 16);
    assert_int_equal(rig_call(r, &call, MSG_POOL_QUERY, &q, &rep), 0);
    *info = rep.info;
    for (uint32_t t = 0; t < TARGETS; t++) /* for the list of ranks */
        assert_int_equal(map_state(&rep.map, t), t == down ? DAOS_TS_DOWN : DAOS_TS_UP_IN);
    net_call_fini(&call);
}

static uint32_t state_of(struct rig *r, uint32_t target, struct msg_space *space)
{
    struct msg_target_query_req q = {.target = target};
    struct msg_target_query_rep rep;

    memcpy(q.hdl, r->poh, 16);
    assert_int_equal(rig_ask(r, MSG_TARGET_QUERY, &q, &rep), 0);
    *space = rep.space;
    return rep.state;
}

static int snap(struct rig *r, uint64_t *epoch)
{
    struct msg_snap_create_req q = {.opts = DAOS_SNAP_OPT_CR};
    struct msg_snap_create_rep rep;
    int rc;

    memcpy(q.hdl, r->coh, 16);
    rc = rig_ask(r, MSG_SNAP_CREATE, &q, &rep);
    if (epoch != NULL)
        *epoch = rep.epoch;
    return rc;
}

static void a_missing_target_takes_only_its_own_away(void **state)
{
    struct rig *r = *state;
    struct msg_pool_info info;
    struct msg_space space, sum = {0};
    struct engine_repaired done;
    struct engine_stat st;
    struct err e = {0};

    fill(r);
    for (uint32_t t = 0; t < TARGETS; t++) {
        assert_int_equal(state_of(r, t, &space), DAOS_TS_UP_IN);
        sum.scm_total += space.scm_total;
        sum.scm_free += space.scm_free;
    }
    ask_pool(r, &info, TARGETS);
    assert_int_equal(info.ntargets, 3);
    assert_int_equal(info.ndisabled, 0);
    assert_true(info.space.scm_total == sum.scm_total);
    assert_true(info.space.scm_free <= sum.scm_free + HEAP_PAGE_SIZE * 64);
    assert_true(info.space_min.scm_total <= info.space_mean.scm_total &&
                info.space_mean.scm_total <= info.space_max.scm_total);
    rig_close(r, true);
    move(r, "target1", "elsewhere");
    reopen(r);
    assert_target(r, 0);
    assert_target(r, 2);
    assert_int_equal(get(r, 1, "small"), -DER_IO);
    assert_int_equal(snap(r, NULL), -DER_IO);
    ask_pool(r, &info, 1);
    assert_int_equal(info.ntargets, 3);
    assert_int_equal(info.ndisabled, 1);
    assert_int_equal(state_of(r, 1, &space), DAOS_TS_DOWN);
    assert_int_equal(state_of(r, 2, &space), DAOS_TS_UP_IN);
    engine_stat(r->eng, &st);
    assert_int_equal(st.targets_down, 1);
    assert_true(engine_target_serves(r->eng, 0, &e));
    assert_false(engine_target_serves(r->eng, 1, &e));
    assert_true(e.what[0] != '\0' && e.why[0] != '\0' && e.next[0] != '\0');
    assert_int_equal(check(r), 1);
    rig_close(r, true);
    assert_int_equal(check_closed(r), 1);
    assert_said("target 1: it is not checked, and its data cannot be reached: ");
    /* a repair leaves it alone, and is no reason to give anything up */
    assert_int_equal(repair(r, false, NULL, NULL, &done), 0);
    assert_int_equal(done.down, 1);
    assert_int_equal(done.given_up, 0);
    move(r, "elsewhere", "target1");
    assert_int_equal(check_closed(r), 0);
    reopen(r);
    for (uint32_t t = 0; t < TARGETS; t++)
        assert_target(r, t);
    assert_int_equal(snap(r, NULL), 0);
}

static void a_device_of_another_pool_is_not_touched(void **state)
{
    struct rig *r = *state, other = {.targets = TARGETS};
    struct engine_format f = {
        .pool = {1, 1, 1}, .targets = TARGETS, .wal_bytes = 8u << 20, .owner = "a@", .group = "b@"};
    struct engine_conf conf;
    char path[128], command[700];
    struct err e = {0};

    fill(r);
    rig_close(r, false);
    strcpy(other.path, "/tmp/tarn-targets-XXXXXX");
    assert_non_null(mkdtemp(other.path));
    assert_int_equal(io_dir_open(other.path, false, &other.dir, &e), 0);
    conf = rig_conf(&other);
    assert_int_equal(engine_pool_format(&conf, &f, &e), 0);
    move(r, "target1", "mine");
    file_of(r, "target1", path);
    snprintf(command, sizeof(command), "cp %s/target1 %s && cp %s %s.before", other.path, path,
             path, path);
    assert_int_equal(system(command), 0);
    reopen(r);
    assert_int_equal(get(r, 1, "small"), -DER_IO);
    assert_target(r, 2);
    rig_close(r, true);
    snprintf(command, sizeof(command), "cmp %s %s.before", path, path);
    assert_int_equal(system(command), 0);
    assert_int_equal(check_closed(r), 1);
    assert_said("belongs to another pool");
    /* nor one of the pool's own under another's name */
    move(r, "target1", "theirs");
    copy(r, "target2", "target1");
    assert_int_equal(check_closed(r), 1);
    assert_said("says that it is of target 2");
    move(r, "mine", "target1");
    reopen(r);
    assert_target(r, 1);
    io_dir_close(other.dir);
    snprintf(command, sizeof(command), "rm -rf '%s'", other.path);
    assert_int_equal(system(command), 0);
}

/* ---- What the service has lost, and what a store has ---- */

static void what_the_service_has_lost_is_adopted(void **state)
{
    struct rig *r = *state;
    struct engine_repaired done;
    uint64_t epoch;
    char buf[64];

    fill(r);
    assert_int_equal(snap(r, &epoch), 0);
    r->target = 2;
    assert_int_equal(rig_put(r, 1, "small", "a", "newer", 5), 0);
    inside(r, 0, forget_cont, 0);
    rig_close(r, true);
    assert_int_equal(check_closed(r), 3);
    assert_said("target 0: container 01010101-");
    assert_said("target 2: container 01010101-");
    assert_said("it is in the store, but the pool service does not know it");
    assert_int_equal(repair(r, false, NULL, NULL, &done), 0);
    assert_int_equal(done.adopted, 2); /* the container and its snapshot */
    assert_int_equal(check_closed(r), 0);
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_open(r, "01010101-0101-0101-0101-010101010101", DAOS_COO_RW), 0);
    assert_target(r, 1);
    r->target = 2;
    assert_value(r, 1, "small", "a", "newer", 5);
    assert_int_equal(rig_get_at(r, 1, "small", "a", buf, 64, epoch, 0, NULL), 0);
    assert_memory_equal(buf, small_of(2), 13);
    r->target = 0;
}

static void snapshots_of_store_and_service(void **state)
{
    struct rig *r = *state;
    struct engine_repaired done;
    uint64_t epoch;

    fill(r);
    assert_int_equal(snap(r, &epoch), 0);
    /* one that was being made when power went: the next opening takes it away */
    inside(r, 1, add_snap, epoch + 1);
    assert_int_equal(check(r), 0);
    rig_close(r, false);
    assert_int_equal(check_closed(r), 0);
    reopen(r);
    assert_int_equal(check(r), 0);
    /* after a clean closing there is none such */
    inside(r, 1, add_snap, epoch + 1);
    rig_close(r, true);
    assert_int_equal(check_closed(r), 1);
    assert_said("target 1: container data: the store keeps a snapshot that the pool service does "
                "not know (snapshot ");
    assert_int_equal(repair(r, false, NULL, NULL, &done), 0);
    assert_int_equal(done.adopted, 1);
    assert_int_equal(check_closed(r), 0); /* all keep it */
    /* one that a store does not keep */
    reopen(r);
    inside(r, 2, del_snap, epoch);
    assert_int_equal(check(r), 1);
    assert_said("target 2: container data: the store does not keep a snapshot");
    rig_close(r, true);
    assert_int_equal(repair(r, false, NULL, NULL, &done), 0);
    assert_int_equal(check_closed(r), 0);
    reopen(r);
}

/* ---- Making and destroying ---- */

static void destroying_takes_all_away(void **state)
{
    struct rig *r = *state;
    struct engine_conf conf = rig_conf(r);
    struct err e = {0};

    fill(r);
    rig_close(r, true);
    assert_int_equal(engine_pool_destroy(&conf, false, &e), 0);
    for (uint32_t t = 0; t < TARGETS; t++) {
        char name[16];

        snprintf(name, sizeof(name), "target%u", t);
        assert_false(is_there(r, name));
    }
}

/* The first target is made last. */
static void a_format_that_was_cut_short(void **state)
{
    struct rig *r = *state;
    struct engine_conf conf = rig_conf(r);
    struct engine_format f = {.pool = {7}, .targets = TARGETS, .owner = "ann@", .group = "lab@"};
    struct err e = {0};
    char path[128];

    rig_close(r, true);
    file_of(r, "target0", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(engine_open(&conf, &r->eng, &e), -DER_NONEXIST);
    r->eng = NULL;
    e = (struct err){0};
    assert_true(engine_pool_format(&conf, &f, &e) != 0); /* something of a pool is there */
    assert_true(is_there(r, "target1") && is_there(r, "target2"));
    assert_int_equal(engine_pool_destroy(&conf, true, &e), 0);
    assert_false(is_there(r, "target1") || is_there(r, "target2"));
    e = (struct err){0};
    if (engine_pool_format(&conf, &f, &e) != 0)
        fail_msg("%s: %s", e.what, e.why);
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_create(r, "data", 1), 0);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
    fill(r);
    assert_int_equal(check(r), 0);
}

static void what_cannot_be_made(void **state)
{
    struct rig r = {0};
    struct engine_conf conf;
    struct engine_format f = {.targets = 65, .owner = "ann@", .group = "lab@"};
    struct err e = {0};

    (void)state;
    assert_int_equal(io_dir_open_mem(&r.dir), 0);
    conf = rig_conf(&r);
    assert_int_equal(engine_pool_format(&conf, &f, &e), -DER_INVAL);
    assert_true(e.what[0] != '\0' && e.why[0] != '\0' && e.next[0] != '\0');
    io_dir_close(r.dir);
}

/* ---- Inspect ---- */

struct seen {
    uint32_t targets, of[8], rows;
    char text[65536];
};

static int see(void *arg, const struct row *row)
{
    struct seen *s = arg;

    s->rows++;
    if (strcmp(row->kind, "target") == 0 && s->targets < 8)
        s->of[s->targets++] = (uint32_t)row->field[0].num;
    for (uint32_t i = 0; i < row->nr && !row->field[i].is_num; i++)
        snprintf(s->text + strlen(s->text), sizeof(s->text) - strlen(s->text), "%s\n",
                 row->field[i].text);
    return 0;
}

static int inspect(struct rig *r, struct engine_inspect what, struct seen *s)
{
    struct row_sink out = {see, s};
    struct err e = {0};
    int rc;

    memset(s, 0, sizeof(*s));
    what.out = &out;
    what.to = UINT64_MAX;
    what.limit = 100;
    rc = engine_inspect(r->eng, &what, &e);
    if (rc != 0)
        assert_true(e.what[0] != '\0' && e.why[0] != '\0' && e.next[0] != '\0');
    return rc;
}

static void inspect_says_whose_it_is(void **state)
{
    struct rig *r = *state;
    struct engine_conf conf = rig_conf(r);
    struct seen *s = malloc(sizeof(*s));
    struct err e = {0};
    char object[64];

    fill(r);
    r->target = 1;
    assert_int_equal(rig_put(r, 2, "small", "a", "of one", 6), 0);
    settle(r);
    conf.readonly = conf.lenient = true;
    assert_int_equal(engine_open(&conf, &r->eng, &e), 0);
    assert_int_equal(inspect(r, (struct engine_inspect){.part = ENGINE_SHOW_SUPER, .target = 2}, s),
                     0);
    assert_true(s->targets == 1 && s->of[0] == 2);
    assert_non_null(strstr(s->text, "target2\n"));
    assert_null(strstr(s->text, "target0\n"));
    assert_int_equal(inspect(r, (struct engine_inspect){.part = ENGINE_SHOW_LOG, .target = 1}, s),
                     0);
    assert_true(s->of[0] == 1 && s->rows > 2);
    assert_int_equal(
        inspect(r, (struct engine_inspect){.part = ENGINE_SHOW_PAGE, .page = 2, .target = 1}, s),
        0);
    assert_true(s->of[0] == 1 && s->rows > 1);
    assert_int_equal(inspect(r, (struct engine_inspect){.part = ENGINE_SHOW_PAGE, .target = 3}, s),
                     -DER_INVAL);
    assert_int_equal(
        inspect(r, (struct engine_inspect){.part = ENGINE_SHOW_TREE, .name = "data"}, s), 0);
    assert_true(s->targets == 3 && s->of[2] == 2);
    snprintf(object, sizeof(object), "data/%llu.%llu", (unsigned long long)rig_oid(2).hi,
             (unsigned long long)rig_oid(2).lo);
    assert_int_equal(
        inspect(r, (struct engine_inspect){.part = ENGINE_SHOW_OBJECT, .name = object}, s), 0);
    assert_true(s->targets == 1 && s->of[0] == 1);
    assert_int_equal(
        inspect(r,
                (struct engine_inspect){
                    .part = ENGINE_SHOW_OBJECT, .name = object, .target = 2, .only = true},
                s),
        -DER_NONEXIST);
    engine_close(r->eng, true);
    /* of a target that does not open what can be had */
    hurt(r, "target1", "THWG", 4); /* log groups */
    move(r, "target2", "elsewhere");
    assert_int_equal(engine_open(&conf, &r->eng, &e), 0);
    assert_int_equal(inspect(r, (struct engine_inspect){.part = ENGINE_SHOW_SUPER, .target = 1}, s),
                     0);
    assert_int_equal(inspect(r, (struct engine_inspect){.part = ENGINE_SHOW_SUPER, .target = 2}, s),
                     -DER_NONEXIST);
    assert_int_equal(
        inspect(r, (struct engine_inspect){.part = ENGINE_SHOW_TREE, .name = "data"}, s), 0);
    assert_true(s->targets == 3);
    engine_close(r->eng, true);
    r->eng = NULL;
    move(r, "elsewhere", "target2");
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t, s) cmocka_unit_test_setup_teardown(t, s, rig_teardown)
        T(a_pool_of_three_is_checked_and_repaired_in_all, setup_mem),
        T(a_gather_may_be_the_first_of_a_handle, setup_mem),
        T(a_check_can_be_ended_in_any_target, setup_mem),
        T(damage_in_one_hurts_no_other, setup),
        T(a_page_of_metadata_in_one, setup),
        T(a_container_that_one_target_has_lost, setup),
        T(a_repair_that_is_cut_short_anywhere, setup),
        T(a_missing_target_takes_only_its_own_away, setup),
        T(a_device_of_another_pool_is_not_touched, setup),
        T(what_the_service_has_lost_is_adopted, setup),
        T(snapshots_of_store_and_service, setup),
        T(destroying_takes_all_away, setup),
        T(a_format_that_was_cut_short, setup),
        T(inspect_says_whose_it_is, setup),
#undef T
        cmocka_unit_test(what_cannot_be_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The whole engine on a disk that loses power: requests go in by messages, and what was
 * acknowledged must be there afterwards.
 *
 * A scenario is a list of operations drawn from a seed: small and large values put, dkeys punched,
 * values moved from one dkey to another in a compound, snapshots taken. A model remembers what was
 * acknowledged. The power is cut at one step of the disk; the operation under way then may have
 * happened or not, wholly; everything before it must read back as acknowledged, from the present
 * and from every acknowledged snapshot, and the shard checker must find nothing.
 *
 * usage: engine_crash_test sweep | seeds FIRST NUMBER
 *   sweep: one scenario, the power cut at every single step of it
 *   seeds: a scenario and two cuts in a row for each seed
 */
#include "../unit/engine/engine_rig.h"
#include "base/log.h"
#include "sim_dev.h"

#define KEYS      10u
#define SNAPS_MAX 4u
#define VALUE_MAX 70000u

struct snap {
    uint64_t epoch;
    uint32_t value[KEYS];
};

struct world {
    struct rig r;
    struct sim_dir *sd;
    uint64_t rng, seed;
    uint32_t value[KEYS]; /* number of the value each dkey holds, 0 none */
    uint32_t next_value;
    struct snap snap[SNAPS_MAX];
    uint32_t snap_nr;
    /* the operation that was under way when the power went: dkeys it may have changed, and to what
     */
    bool pending;
    uint32_t pend_value[KEYS];
    uint64_t acked;
};

static uint64_t draw(struct world *w, uint64_t n)
{
    w->rng += 0x9e3779b97f4a7c15ull;
    return mix64(w->rng) % n;
}

/* Length and bytes of value number v. */
static uint64_t value_of(uint32_t v, uint8_t *buf)
{
    static const uint32_t lens[] = {1, 100, 1500, 3000, 4096, 5000, 20000, 69000};
    uint64_t len = lens[mix64(v) % 8], x = v;

    for (uint64_t i = 0; buf != NULL && i < len; i++) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        buf[i] = (uint8_t)(x >> 56);
    }
    return len;
}

static void key_of(uint32_t k, char name[16])
{
    snprintf(name, 16, "dkey-%u", k);
}

static void die(struct world *w, const char *what, uint32_t k, int rc)
{
    fprintf(stderr, "seed %llu: %s (dkey %u, rc %d)\n", (unsigned long long)w->seed, what, k, rc);
    exit(1);
}

/* ---- Operations: 0 acknowledged, else the power is gone ---- */

static int op_put(struct world *w)
{
    uint32_t k = (uint32_t)draw(w, KEYS), v = ++w->next_value;
    uint8_t *buf = malloc(VALUE_MAX);
    uint64_t len = value_of(v, buf);
    char name[16];
    int rc;

    key_of(k, name);
    memcpy(w->pend_value, w->value, sizeof(w->value));
    w->pend_value[k] = v;
    rc = rig_put(&w->r, 1, name, "a", buf, len);
    free(buf);
    return rc;
}

static int update_ops(struct world *w, const struct msg_op *ops, uint32_t nr, const void *val,
                      uint64_t len)
{
    struct msg_obj_update_req q = {.ops = ops, .ops_nr = nr};
    struct msg_obj_update_rep rep;
    struct iovec iov = {(void *)(uintptr_t)val, len};
    struct net_call call;
    int rc;

    memcpy(q.hdl, w->r.coh, 16);
    net_call_init(&call, MSG_OBJ_UPDATE);
    call.req = &q;
    call.rep = &rep;
    call.bulk[0] = (struct net_bulk){&iov, 1, false};
    call.bulk_nr = 1;
    rc = net_call_wait(w->r.peer, &call);
    net_call_fini(&call);
    return rc;
}

static int op_punch(struct world *w)
{
    uint32_t k = (uint32_t)draw(w, KEYS);
    char name[16];
    struct msg_op op = {.kind = MSG_OP_PUNCH, .level = MSG_DKEY, .oid = rig_oid(1)};

    key_of(k, name);
    op.dkey = rig_key(name);
    memcpy(w->pend_value, w->value, sizeof(w->value));
    w->pend_value[k] = 0;
    return update_ops(w, &op, 1, NULL, 0);
}

/* The value of one dkey appears under another and disappears from the first, in one step. */
static int op_move(struct world *w)
{
    uint32_t from = (uint32_t)draw(w, KEYS), to = (uint32_t)draw(w, KEYS);
    struct msg_iod iod = {.akey = rig_key("a"), .type = DAOS_IOD_SINGLE};
    struct msg_op ops[3] = {{.kind = MSG_OP_PUNCH, .level = MSG_DKEY, .oid = rig_oid(1)},
                            {.kind = MSG_OP_UPDATE, .oid = rig_oid(1), .iods = &iod, .iods_nr = 1},
                            {.kind = MSG_OP_PUNCH, .level = MSG_DKEY, .oid = rig_oid(1)}};
    uint8_t *buf;
    char a[16], b[16];
    int rc;

    if (from == to || w->value[from] == 0)
        return op_put(w);
    buf = malloc(VALUE_MAX);
    iod.rec_size = value_of(w->value[from], buf);
    key_of(from, a);
    key_of(to, b);
    ops[0].dkey = rig_key(b);
    ops[1].dkey = rig_key(b);
    ops[2].dkey = rig_key(a);
    memcpy(w->pend_value, w->value, sizeof(w->value));
    w->pend_value[to] = w->value[from];
    w->pend_value[from] = 0;
    rc = update_ops(w, ops, 3, buf, iod.rec_size);
    free(buf);
    return rc;
}

static int op_snap(struct world *w)
{
    struct msg_snap_create_req q = {.opts = DAOS_SNAP_OPT_CR};
    struct msg_snap_create_rep rep;
    int rc;

    if (w->snap_nr == SNAPS_MAX)
        return op_punch(w);
    memcpy(w->pend_value, w->value, sizeof(w->value));
    memcpy(q.hdl, w->r.coh, 16);
    rc = rig_ask(&w->r, MSG_SNAP_CREATE, &q, &rep);
    if (rc != 0)
        return rc;
    w->snap[w->snap_nr].epoch = rep.epoch;
    memcpy(w->snap[w->snap_nr++].value, w->value, sizeof(w->value));
    return 0;
}

static int one_op(struct world *w)
{
    uint64_t what = draw(w, 16);

    if (what < 9)
        return op_put(w);
    if (what < 12)
        return op_punch(w);
    return what < 15 ? op_move(w) : op_snap(w);
}

/* Runs up to nr operations; true if the power went. */
static bool run_ops(struct world *w, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++) {
        int rc = one_op(w);

        if (rc != 0) {
            if (sim_dir_powered(w->sd))
                die(w, "a request failed though the power is on", i, rc);
            w->pending = true;
            return true;
        }
        memcpy(w->value, w->pend_value, sizeof(w->value));
        w->acked++;
    }
    return false;
}

/* ---- Looking ---- */

/* Does dkey k hold value v at the epoch? */
static bool holds(struct world *w, uint32_t k, uint32_t v, uint64_t epoch)
{
    uint8_t *want = malloc(VALUE_MAX), *got = malloc(VALUE_MAX);
    uint64_t len = v != 0 ? value_of(v, want) : 0, found = 0;
    char name[16];
    bool ok;
    int rc;

    key_of(k, name);
    rc = rig_get_at(&w->r, 1, name, "a", got, VALUE_MAX, epoch, 0, &found);
    if (rc != 0)
        die(w, "a value cannot be read", k, rc);
    ok = found == len && memcmp(got, want, len) == 0;
    free(want);
    free(got);
    return ok;
}

static bool all_hold(struct world *w, const uint32_t *value, uint64_t epoch)
{
    for (uint32_t k = 0; k < KEYS; k++)
        if (!holds(w, k, value[k], epoch))
            return false;
    return true;
}

static void report(void *arg, const char *text)
{
    fprintf(stderr, "checker: %s\n", text);
}

static void verify(struct world *w)
{
    uint64_t problems = 0;
    int rc;

    if (!all_hold(w, w->value, DAOS_EPOCH_MAX)) {
        if (!w->pending || !all_hold(w, w->pend_value, DAOS_EPOCH_MAX))
            die(w, "the pool holds neither what was acknowledged nor that and the last operation",
                0, 0);
        memcpy(w->value, w->pend_value, sizeof(w->value));
    }
    w->pending = false;
    for (uint32_t i = 0; i < w->snap_nr; i++)
        if (!all_hold(w, w->snap[i].value, w->snap[i].epoch))
            die(w, "a snapshot has changed", i, 0);
    rc = engine_check(w->r.eng, true, report, NULL, NULL, &problems);
    if (rc != 0 || problems != 0)
        die(w, "the checker found problems", (uint32_t)problems, rc);
}

/* ---- Worlds ---- */

static void world_open(struct world *w)
{
    if (sim_dir_open(w->sd, &w->r.dir) != 0)
        die(w, "no directory", 0, 0);
    w->r.seq += 1000; /* a new client */
    rig_open(&w->r);
    rig_connect(&w->r);
    if (rig_cont_open(&w->r, "data", DAOS_COO_RW) != 0)
        die(w, "the container cannot be opened", 0, 0);
}

static void world_close(struct world *w, bool clean)
{
    rig_close(&w->r, clean);
    io_dir_close(w->r.dir);
}

static void world_make(struct world *w, uint64_t seed)
{
    struct sim_dir_conf conf = {.seed = seed, .reorder = seed % 2, .cut = SIM_CUT_RANDOM};
    struct engine_format f = {
        .pool = {9, 8, 7}, .wal_bytes = 8u << 20, .owner = "ann@", .group = "lab@"};
    struct engine_conf ec;
    struct err e = {0};

    memset(w, 0, sizeof(*w));
    w->seed = w->rng = seed;
    if (sim_dir_create(&conf, &w->sd) != 0 || sim_dir_open(w->sd, &w->r.dir) != 0)
        die(w, "no disk", 0, 0);
    ec = rig_conf(&w->r);
    if (engine_pool_format(&ec, &f, &e) != 0)
        die(w, e.why, 0, e.rc);
    w->r.fault_every = seed % 3 == 0 ? 50 : 0;
    rig_open(&w->r);
    rig_connect(&w->r);
    if (rig_cont_create(&w->r, "data", 1) != 0 || rig_cont_open(&w->r, "data", DAOS_COO_RW) != 0)
        die(w, "no container", 0, 0);
}

static void power_back(struct world *w)
{
    world_close(w, false);
    sim_dir_power_cut(w->sd); /* if the scenario ended before the step came: cut after its end */
    sim_dir_power_on(w->sd);
    world_open(w);
    verify(w);
}

static void world_end(struct world *w)
{
    world_close(w, true);
    sim_dir_destroy(w->sd);
}

static uint64_t sweep(uint64_t *acked)
{
    struct world w;
    uint64_t steps, n;

    world_make(&w, 4);
    steps = sim_dir_stat(w.sd).steps;
    run_ops(&w, 40);
    steps = sim_dir_stat(w.sd).steps - steps;
    world_end(&w);
    for (n = 1; n <= steps + 1; n++) {
        world_make(&w, 4);
        sim_dir_power_cut_at(w.sd, n);
        run_ops(&w, 40);
        power_back(&w);
        run_ops(&w, 5);
        verify(&w);
        *acked += w.acked;
        world_end(&w);
    }
    return n - 1;
}

static void no_log(enum log_level level, const char *line)
{
}

int main(int argc, char **argv)
{
    uint64_t runs = 0, acked = 0;

    log_set_sink(no_log); /* a power cut is news in every run */

    if (argc >= 2 && strcmp(argv[1], "sweep") == 0) {
        runs = sweep(&acked);
    } else if (argc >= 4 && strcmp(argv[1], "seeds") == 0) {
        uint64_t first = strtoull(argv[2], NULL, 0), nr = strtoull(argv[3], NULL, 0);

        for (runs = 0; runs < nr; runs++) {
            struct world w;

            world_make(&w, first + runs);
            for (int cut = 0; cut < 2; cut++) {
                sim_dir_power_cut_at(w.sd, 1 + draw(&w, 60));
                run_ops(&w, 30);
                power_back(&w);
            }
            acked += w.acked;
            world_end(&w);
        }
    } else {
        fprintf(stderr, "usage: engine_crash_test sweep | seeds FIRST NUMBER\n");
        return 2;
    }
    printf("%llu runs, %llu operations acknowledged, nothing lost\n", (unsigned long long)runs,
           (unsigned long long)acked);
    return 0;
}

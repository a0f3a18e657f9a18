/*
 * The power goes: at every I/O of a scripted scenario, at every step of the durability protocol, at
 * random with many seeds, and again while recovering. With TARN_CHECK_LONG=1 in the environment
 * every I/O of two more scenarios and 500 seeds. Afterwards everything acknowledged is there,
 * every transaction whole or absent, the checker finds nothing, and work goes on.
 */
#include "heap_rig.h"

struct plan {
    uint64_t seed;
    uint64_t cut_io;   /* the power goes at this I/O; 0: never */
    uint64_t cut_step; /* or at this step of the protocol */
    uint32_t txs;
    uint32_t recuts; /* further cuts while recovering and working on */
    uint32_t fault_pct;
    enum sim_cut how;
    uint64_t wal_size;
    uint32_t ckpt_pct; /* beyond 100: the log fills to the brim first, and work waits for the
                          checkpoint */
};

/* Opens after a cut; the power may go again meanwhile. */
static void reopen(struct rig *r, const struct plan *p, uint32_t *recuts)
{
    struct err e = {0};
    int rc;

    for (;;) {
        if (!sim_dir_powered(r->sd))
            sim_dir_power_on(r->sd);
        if (*recuts > 0) {
            (*recuts)--;
            sim_dir_power_cut_at(r->sd, 1 + mix64(p->seed * 31 + *recuts) % 40);
        } else {
            sim_dir_power_cut_at(r->sd, 0);
        }
        rc = rig_attach(r);
        if (rc == 0)
            rc = rig_open(r, &e);
        if (rc == 0)
            return;
        if (sim_dir_powered(r->sd)) {
            fprintf(stderr, "open: rc %d: %s: %s [%s]\n", rc, e.what, e.why, rig_context);
            abort();
        }
        rig_detach(r);
    }
}

static void cut_and_verify(struct rig *r, const struct plan *p, uint64_t *io_steps, uint64_t *steps)
{
    uint32_t recuts = p->recuts;
    uint64_t before;
    bool more = true;
    int rc;

    snprintf(rig_context, sizeof(rig_context),
             "seed %llu, cut at I/O %llu, at step %llu, recuts %u, how %d",
             (unsigned long long)p->seed, (unsigned long long)p->cut_io,
             (unsigned long long)p->cut_step, p->recuts, p->how);
    r->seed = p->seed * 1000003;
    r->cut_seed = p->seed;
    r->wal_size = p->wal_size;
    r->conf.checkpoint_pct = p->ckpt_pct;
    r->own_checkpoints = p->ckpt_pct > 100;
    rig_format(r, &(struct sim_dir_conf){.seed = p->seed, .cut = p->how, .reorder = p->seed % 2});
    r->fault_pct = p->fault_pct;
    before = sim_dir_stat(r->sd).steps;
    r->steps = 0;
    r->cut_at_step = p->cut_step;
    if (p->cut_io != 0)
        sim_dir_power_cut_at(r->sd, p->cut_io);
    rc = rig_open(r, NULL);
    if (rc == 0) {
        rc = rig_work(r, p->txs);
        CHECK(rc == 0 || rc == -DER_IO);
        CHECK(rc == 0 || !sim_dir_powered(r->sd));
        rig_ack(r);
        if (rc != 0)
            heap_close(r->h, false);
        else if (heap_close(r->h, true) == 0)
            r->acked = r->committed;
    } else {
        CHECK(!sim_dir_powered(r->sd));
    }
    *io_steps = sim_dir_stat(r->sd).steps - before;
    *steps = r->steps;
    r->cut_at_step = 0;
    while (more) {
        rig_detach(r);
        more = recuts > 0;
        reopen(r, p, &recuts);
        rc = rig_verify(r, true) ? 0 : -DER_IO;
        if (!more)
            rig_check(r);
        if (rc == 0)
            rc = rig_work(r, 15);
        CHECK(rc == 0 || !sim_dir_powered(r->sd));
        rig_ack(r);
        if (rc == 0 && rig_verify(r, false) && !more)
            rig_check(r);
        heap_close(r->h, false);
    }
    rig_detach(r);
    sim_dir_destroy(r->sd);
    r->sd = NULL;
}

static void run_plan(struct rig *r, const struct plan *p, uint64_t *io_steps, uint64_t *steps)
{
    struct rig *one = rig_new(r->xs);

    cut_and_verify(one, p, io_steps, steps);
    for (uint32_t i = 0; i < ARRAY_LEN(r->step_seen); i++)
        r->step_seen[i] += one->step_seen[i];
    rig_free(one);
}

static void at_every_io(struct rig *r)
{
    static const enum sim_cut how[] = {SIM_CUT_RANDOM, SIM_CUT_LOSE_ALL, SIM_CUT_KEEP_ALL};
    uint64_t total, steps, n;

    for (uint32_t i = 0; i < ARRAY_LEN(how); i++) {
        uint64_t stride = i == 0 ? 1 : rig_more(3, 1);
        struct plan p = {
            .seed = 11 + i, .txs = 120, .how = how[i], .fault_pct = i * 3, .wal_size = 768u << 10};

        run_plan(r, &p, &total, &steps);
        CHECK(total > 50);
        for (p.cut_io = 1; p.cut_io <= total; p.cut_io += stride)
            run_plan(r, &p, &n, &steps);
        print_message("cut at I/Os of %llu, every %llu.\n", (unsigned long long)total,
                      (unsigned long long)stride);
    }
}

static void at_every_step(struct rig *r)
{
    struct plan p = {.seed = 23, .txs = 100, .wal_size = 768u << 10};
    uint64_t total, steps, n;

    run_plan(r, &p, &n, &total);
    for (p.cut_step = 1; p.cut_step <= total; p.cut_step++)
        run_plan(r, &p, &n, &steps);
    print_message("cut at each of %llu steps of the protocol\n", (unsigned long long)total);
    for (uint32_t s = 0; s < heap_step_nr(); s++) {
        if (r->step_seen[s] == 0)
            print_message("never seen: %s\n", heap_step_name(s));
        CHECK(r->step_seen[s] > 0);
    }
}

static void with_random_seeds(struct rig *r)
{
    static const uint32_t pct[] = {0, 20, 90, 1000};
    uint64_t n, steps;

    for (uint64_t seed = 1000; seed < 1000 + rig_more(50, 500); seed++) {
        struct plan p = {.seed = seed,
                         .txs = 20 + (uint32_t)(mix64(seed) % 200),
                         .cut_io = 1 + mix64(seed + 1) % 250,
                         .recuts = (uint32_t)(mix64(seed + 2) % 6),
                         .fault_pct = (uint32_t)(mix64(seed + 3) % 20),
                         .how = (enum sim_cut)(mix64(seed + 4) % 3),
                         .ckpt_pct = pct[seed % 4],
                         .wal_size = (512u << 10) + mix64(seed + 5) % 16 * (64u << 10)};

        run_plan(r, &p, &n, &steps);
    }
}

static void t_every_io(void **state)
{
    rig_run(at_every_io);
}

static void t_every_step(void **state)
{
    rig_run(at_every_step);
}

static void t_random(void **state)
{
    rig_run(with_random_seeds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_every_io),
        cmocka_unit_test(t_every_step),
        cmocka_unit_test(t_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

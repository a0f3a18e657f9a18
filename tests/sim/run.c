/*
 * One run: the clients' fibers, the director's, and what they tell each other.
 *
 * A client's life: start, connect, open, attach, step until the run has its operations, its node is
 * doomed, or its handles are gone; then it stops and starts again. The director makes faults until
 * the operations are done, then puts everything right and verifies.
 */
#include "run.h"
#include <daos_fs.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/log.h"
#include "profile.h"

#define POOL        "sim/0"
#define CONT        "data"
#define RUN_NS_MAX  (UINT64_C(24) * 3600 * SIM_S)
#define TURNS_MAX   UINT64_C(20000000)
#define START_TRIES 20u
#define UNKNOWN_MAX 4u /* outcomes that nobody knows: more are too much to think about */

struct run;

struct member {
    struct run *run;
    uint32_t index;
    struct work_client c;
    bool doomed; /* its node dies: it ends as soon as it can */
    bool parked; /* waits at the gate, or has ended */
    bool ended;
    uint64_t lives;
};

struct run {
    struct sim_run_conf conf;
    struct sim_profile p;
    struct sim_world *w;
    struct sim_cluster *cl;
    struct work work;
    struct member m[SIM_CLIENTS_MAX];
    struct sim_rng rng;   /* the director's */
    bool set_up;          /* container and workload are there */
    bool over;            /* no more operations */
    bool gate;            /* everybody waits */
    struct rt_event open; /* set when it opens */
    bool done;
    struct base_fail fail;           /* counts allocations, and fails one */
    uint64_t chances[SIM_SINGLE_NR]; /* when the workload was set up */
    struct sim_result *r;
};

static void wrong(struct run *r, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    work_wrong(&r->work, "%s", text);
}

/* ---- The single fault ---- */

static void count_chances(struct run *r, uint64_t n[SIM_SINGLE_NR])
{
    struct sim_dir_stat st = sim_dir_stat(r->cl->engine[0].disk);

    n[SIM_SINGLE_ALLOC] = r->fail.seen;
    n[SIM_SINGLE_READ] = st.reads;
    n[SIM_SINGLE_WRITE] = st.writes;
    n[SIM_SINGLE_FLUSH] = st.flushes;
    n[SIM_SINGLE_POWER] = st.steps;
    n[SIM_SINGLE_MESSAGE] = sim_net_stat(r->cl->net).frames;
}

static void single_arm(struct run *r)
{
    struct sim_dir *disk = r->cl->engine[0].disk;

    count_chances(r, r->chances);
    switch (r->conf.single) {
    case SIM_SINGLE_ALLOC:
        r->fail.fail_at = r->fail.seen + r->conf.nth;
        break;
    case SIM_SINGLE_READ:
        sim_dir_fault_at(disk, NULL, IO_READ, r->conf.nth, SIM_FAULT_FAIL, 0);
        break;
    case SIM_SINGLE_WRITE:
        sim_dir_fault_at(disk, NULL, IO_WRITE, r->conf.nth, SIM_FAULT_FAIL, 0);
        break;
    case SIM_SINGLE_FLUSH:
        sim_dir_fault_at(disk, NULL, IO_FLUSH, r->conf.nth, SIM_FAULT_FAIL, 0);
        break;
    case SIM_SINGLE_POWER:
        sim_dir_power_cut_at(disk, r->conf.nth);
        break;
    case SIM_SINGLE_MESSAGE:
        sim_net_lose_at(r->cl->net, r->conf.nth);
        break;
    default:
        break;
    }
}

/* What has not happened by now will not. */
static void single_disarm(struct run *r)
{
    uint64_t n[SIM_SINGLE_NR] = {0};

    r->fail.fail_at = 0;
    sim_dir_faults_clear(r->cl->engine[0].disk);
    sim_dir_power_cut_at(r->cl->engine[0].disk, 0);
    sim_net_lose_at(r->cl->net, 0);
    count_chances(r, n);
    for (int i = 0; i < SIM_SINGLE_NR; i++)
        r->r->chances[i] = n[i] - r->chances[i];
}

/* ---- Clients ---- */

static int make_container(struct run *r, daos_handle_t poh)
{
    uuid_t uuid;
    int rc;

    if (r->work.load->posix) {
        dfs_attr_t attr = {.da_chunk_size = 4096};

        rc = dfs_cont_create_with_label(poh, CONT, &attr, &uuid, NULL, NULL);
        return rc == EEXIST ? 0 : rc;
    }
    rc = daos_cont_create_with_label(poh, CONT, NULL, &uuid, NULL);
    return rc == -DER_EXIST ? 0 : rc;
}

static int open_handles(struct member *m)
{
    int rc = daos_pool_connect(POOL, NULL, DAOS_PC_RW, &m->c.poh, NULL, NULL);

    if (rc != 0)
        return rc;
    if (!m->run->set_up)
        rc = make_container(m->run, m->c.poh);
    if (rc == 0)
        rc = daos_cont_open(m->c.poh, CONT, DAOS_COO_RW, &m->c.coh, NULL, NULL);
    if (rc != 0)
        daos_pool_disconnect(m->c.poh, NULL);
    return rc;
}

static void close_handles(struct member *m)
{
    daos_cont_close(m->c.coh, NULL);
    daos_pool_disconnect(m->c.poh, NULL);
}

/* Waits while the gate is shut. */
static void pass_gate(struct member *m)
{
    while (m->run->gate) {
        m->parked = true;
        rt_event_wait(&m->run->open);
    }
    m->parked = false;
}

static void gate_shut(struct run *r)
{
    if (!r->gate)
        rt_event_reset(&r->open);
    r->gate = true;
}

static void gate_open(struct run *r)
{
    r->gate = false;
    rt_event_set(&r->open);
}

/* Waits a little, each time longer: what takes minutes is not looked at every millisecond. */
static void wait_more(uint64_t *ns)
{
    *ns = *ns == 0 ? SIM_MS : MIN(*ns * 2, 200 * SIM_MS);
    rt_sleep_ns(*ns);
}

static bool going(const struct member *m)
{
    return !m->run->over && !m->doomed && !m->run->work.failed;
}

static void work_on(struct member *m)
{
    while (going(m)) {
        pass_gate(m);
        if (!going(m) || m->run->work.load->step(&m->c) != 0)
            break;
        m->c.steps++;
        if (m->run->work.ops >= m->run->conf.ops)
            m->run->over = true;
        else if (m->run->work.unknown >= UNKNOWN_MAX)
            gate_shut(m->run); /* the director settles it */
    }
}

static void live(struct member *m)
{
    struct run *r = m->run;
    int rc = sim_client_start(r->cl, m->index);

    if (rc != 0)
        return;
    m->lives++;
    client_use(r->cl->client[m->index].client);
    sim_tell(r->w, r->cl->client[m->index].name, "starts");
    rc = open_handles(m);
    if (rc == 0) {
        rc = r->set_up ? 0 : r->work.load->setup(&m->c);
        if (rc == 0)
            rc = r->work.load->attach(&m->c);
        if (rc == 0) {
            if (!r->set_up)
                single_arm(r);
            r->set_up = true;
            work_on(m);
            r->work.load->detach(&m->c);
        }
        close_handles(m);
    }
    if (rc != 0) {
        sim_tell(r->w, r->cl->client[m->index].name, "cannot work: %d", rc);
        rt_sleep_ns(10 * SIM_MS);
    }
    sim_client_stop(r->cl, m->index);
    client_use(NULL);
}

static void client_main(void *arg)
{
    struct member *m = arg;
    struct run *r = m->run;

    while (m->index != 0 && !r->set_up && !r->work.failed) {
        m->parked = true;
        rt_sleep_ns(SIM_MS);
    }
    while (!r->over && !r->work.failed) {
        pass_gate(m);
        live(m);
        m->doomed = false;
    }
    m->ended = m->parked = true;
}

/* ---- The director's deeds ---- */

static uint64_t draw(struct run *r, uint64_t n)
{
    return sim_rng_below(&r->rng, n);
}

static void disk_faults(struct run *r, bool on)
{
    struct sim_dir_conf *d = sim_dir_conf(r->cl->engine[0].disk);
    uint32_t ppm = on ? r->p.disk_fail_ppm : 0;

    d->read_fail_ppm = d->write_fail_ppm = d->flush_fail_ppm = ppm;
}

static void report(void *arg, const char *text)
{
    struct run *r = arg;

    wrong(r, "the shard checker: %s", text);
}

static void check_shard(struct run *r, bool data)
{
    int64_t n;

    if (r->work.failed || sim_engine_failed(r->cl, 0))
        return;
    n = sim_engine_check(r->cl, 0, data, report, r);
    if (n > 0)
        wrong(r, "the shard checker found %lld problems", (long long)n);
    else if (n < 0 && !sim_engine_failed(r->cl, 0) && !(r->p.faults & SIM_DISK))
        wrong(r, "the shard checker failed: %lld", (long long)n);
}

static void start_engine(struct run *r)
{
    struct err e = {0};
    int rc = -1;

    for (uint32_t i = 0; i < START_TRIES && rc != 0 && !r->work.failed; i++) {
        e = (struct err){0};
        disk_faults(r, i < START_TRIES / 2 && draw(r, 2));
        rc = sim_engine_start(r->cl, 0, &e);
        if (rc != 0 && rc != -DER_IO && rc != -DER_NOMEM)
            break;
        if (rc != 0) { /* a device that failed is powered off and on */
            sim_dir_power_cut(r->cl->engine[0].disk);
            rt_sleep_ns(SIM_MS);
        }
    }
    if (rc != 0)
        wrong(r, "the engine does not start: %d, %s: %s", rc, e.what, e.why);
    if (rc == 0 && draw(r, 2))
        check_shard(r, false);
    if (rc == 0)
        sim_engine_serve(r->cl, 0);
    disk_faults(r, true);
}

static void restart(struct run *r, enum sim_death how)
{
    sim_engine_stop(r->cl, 0, how);
    if (draw(r, 3) == 0)
        rt_sleep_ns(sim_draw_span(&r->rng, SIM_MS, 10 * SIM_S));
    start_engine(r);
}

/* Cuts the power at some step to come, and waits for it; if none comes, now. */
static void power_cut(struct run *r)
{
    struct sim_dir *disk = r->cl->engine[0].disk;

    sim_dir_power_cut_at(disk, 1 + draw(r, 40));
    for (uint32_t i = 0; i < 50 && sim_dir_powered(disk); i++)
        rt_sleep_ns(200 * SIM_US);
    sim_dir_power_cut_at(disk, 0);
    restart(r, SIM_DEATH_POWER);
}

static uint32_t any_client(struct run *r)
{
    return r->cl->client[draw(r, r->p.clients)].node;
}

static void disturb_net(struct run *r)
{
    uint32_t engine = r->cl->engine[0].node, client = any_client(r);
    uint64_t until = sim_world_now(r->w) + sim_draw_span(&r->rng, SIM_MS, 20 * SIM_S);

    switch (draw(r, 4)) {
    case 0:
        sim_net_cut(r->cl->net, engine, client, until);
        break;
    case 1:
        sim_net_cut(r->cl->net, client, engine, until);
        break;
    case 2:
        sim_net_cut(r->cl->net, engine, client, until);
        sim_net_cut(r->cl->net, client, engine, until);
        break;
    default:
        sim_net_break(r->cl->net, draw(r, 2) ? engine : client);
    }
}

static void doom_client(struct run *r)
{
    struct member *m = &r->m[draw(r, r->p.clients)];

    if (m->ended || r->cl->client[m->index].client == NULL)
        return;
    sim_tell(r->w, r->cl->client[m->index].name, "dies");
    m->doomed = true;
    sim_net_down(r->cl->net, r->cl->client[m->index].node, draw(r, 2));
}

static void disturb_clock(struct run *r)
{
    uint32_t node = draw(r, 2) ? r->cl->engine[0].node : any_client(r);
    int64_t by = (int64_t)sim_draw_span(&r->rng, SIM_MS, UINT64_C(7200) * SIM_S);

    if (draw(r, 3) == 0) {
        sim_world_drift(r->w, node, (int32_t)draw(r, 1000) - 500);
        return;
    }
    if (draw(r, 2))
        by = -by;
    sim_tell(r->w, sim_world_name(r->w, node), "clock jumps by %lld ms", (long long)by / 1000000);
    sim_world_jump(r->w, node, by);
}

/* ---- Verifying ---- */

static void everybody_stops(struct run *r)
{
    uint64_t ns = 0;

    gate_shut(r);
    for (bool all = false; !all && !r->work.failed;) {
        all = true;
        for (uint32_t i = 0; i < r->p.clients; i++)
            all &= r->m[i].parked;
        if (!all)
            wait_more(&ns);
        if (sim_engine_failed(r->cl, 0)) /* nobody gets an answer otherwise */
            restart(r, SIM_DEATH_POWER);
    }
}

static void net_quiet(struct run *r, bool quiet)
{
    uint64_t ns = 0;

    *sim_net_conf(r->cl->net) = quiet ? (struct sim_net_conf){0} : r->p.cluster.net;
    if (!quiet)
        return;
    sim_net_heal(r->cl->net);
    while (!sim_cluster_idle(r->cl) && !r->work.failed) {
        wait_more(&ns);
        if (sim_engine_failed(r->cl, 0))
            restart(r, SIM_DEATH_POWER);
    }
}

struct verify {
    struct member *m;
    struct rt_event done;
    int rc;
};

/* With handles of its own, as somebody who comes later. */
static void verify_main(void *arg)
{
    struct verify *v = arg;
    struct member later = *v->m, *m = &later;
    struct run *r = m->run;
    struct client *c;

    m->c.priv = NULL;
    v->rc = client_create(&c);
    if (v->rc == 0) {
        sim_net_up(r->cl->net, r->cl->client[m->index].node);
        client_use(c);
        v->rc = open_handles(m);
        if (v->rc == 0) {
            v->rc = r->work.load->attach(&m->c);
            if (v->rc == 0) {
                v->rc = r->work.load->verify(&m->c);
                r->work.load->detach(&m->c);
            }
            close_handles(m);
        }
        client_use(NULL);
        client_destroy(c);
    }
    rt_event_set(&v->done);
}

/* Everybody waits, nothing is under way, the disk does as it is told: everything is read back. */
static void verify(struct run *r)
{
    struct verify v = {.m = &r->m[0], .done = RT_EVENT_INIT};
    uint32_t faults = r->work.faults;
    int rc;

    if (!r->set_up)
        return;
    net_quiet(r, true);
    if (r->work.failed)
        return;
    disk_faults(r, false);
    if (sim_engine_failed(r->cl, 0))
        restart(r, SIM_DEATH_POWER);
    disk_faults(r, false);
    r->work.load->settle(&r->work);
    r->work.unknown = 0;
    r->work.faults = 0;
    sim_tell(r->w, "director", "compares everything");
    rc = rt_spawn_on(r->cl->client[0].xs, verify_main, &v);
    ASSERT(rc == 0);
    rt_event_wait(&v.done);
    if (v.rc != 0)
        wrong(r, "what is stored cannot be read: %d", v.rc);
    check_shard(r, true);
    r->work.faults = faults;
    disk_faults(r, true);
    net_quiet(r, false);
}

static void pause_and_verify(struct run *r)
{
    everybody_stops(r);
    verify(r);
    gate_open(r);
}

static void one_deed(struct run *r)
{
    static const uint32_t kinds[] = {SIM_POWER, SIM_KILL, SIM_NET, SIM_CLIENT, SIM_CLOCK};
    uint32_t mine[ARRAY_LEN(kinds)], nr = 0, kind;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (r->p.faults & kinds[i])
            mine[nr++] = kinds[i];
    if (nr == 0 || draw(r, 20) == 0) {
        pause_and_verify(r);
        return;
    }
    kind = mine[draw(r, nr)];
    if (kind == SIM_POWER)
        power_cut(r);
    else if (kind == SIM_KILL)
        restart(r, draw(r, 3) ? SIM_DEATH_KILL : SIM_DEATH_CLEAN);
    else if (kind == SIM_NET)
        disturb_net(r);
    else if (kind == SIM_CLIENT)
        doom_client(r);
    else
        disturb_clock(r);
}

static bool all_ended(const struct run *r)
{
    for (uint32_t i = 0; i < r->p.clients; i++)
        if (!r->m[i].ended)
            return false;
    return true;
}

/* Until every client has ended by itself; an engine that fails meanwhile is started again. */
static void wait_for_clients(struct run *r)
{
    while (!all_ended(r) && !r->work.failed) {
        if (sim_engine_failed(r->cl, 0))
            restart(r, SIM_DEATH_POWER);
        rt_sleep_ns(10 * SIM_MS);
    }
}

static void spawn_clients(struct run *r)
{
    for (uint32_t i = 0; i < r->p.clients; i++) {
        int rc = rt_spawn_on(r->cl->client[i].xs, client_main, &r->m[i]);

        ASSERT(rc == 0);
    }
}

/* Until so many operations are done, or nothing has moved for a while, or the clients want a pause.
 * Faults are spread over operations, not over time: of that a run takes milliseconds or hours. */
static void wait_for_deed(struct run *r, uint64_t ops)
{
    uint64_t seen = 0, still_ns = 0;

    while (r->work.ops < ops && still_ns < 10 * SIM_S && !r->gate && !r->over && !r->work.failed) {
        uint64_t ns = still_ns < SIM_MS ? 50 * SIM_US : 50 * SIM_MS;

        still_ns = r->work.ops == seen ? still_ns + ns : 0;
        seen = r->work.ops;
        if (sim_engine_failed(r->cl, 0) && still_ns > SIM_MS)
            return;
        rt_sleep_ns(ns);
    }
    rt_sleep_ns(draw(r, 300 * SIM_US)); /* somewhere within an operation */
}

/* The deeds, each after its share of the operations. An engine that failed meanwhile does not wait
 * for one. */
static void do_deeds(struct run *r)
{
    uint32_t done = 0;

    while (!r->over && !r->work.failed) {
        bool left = done < r->p.deeds && !r->conf.single;
        uint64_t share = r->conf.ops / (r->p.deeds + 1);

        wait_for_deed(r, left ? share * done + draw(r, 2 * share + 1) : UINT64_MAX);
        if (r->gate)
            pause_and_verify(r);
        else if (sim_engine_failed(r->cl, 0))
            restart(r, draw(r, 2) ? SIM_DEATH_POWER : SIM_DEATH_KILL);
        else if (left && !r->over && !r->work.failed)
            one_deed(r);
        done += left;
    }
}

static void director_main(void *arg)
{
    struct run *r = arg;
    int rc = sim_engine_format(r->cl, 0);

    if (rc != 0)
        wrong(r, "the pool cannot be made: %d", rc);
    else
        start_engine(r);
    disk_faults(r, false);
    spawn_clients(r);
    while (!r->set_up && !r->work.failed)
        rt_sleep_ns(SIM_MS);
    disk_faults(r, true);
    do_deeds(r);
    gate_open(r);
    single_disarm(r);
    sim_net_heal(r->cl->net);
    wait_for_clients(r);
    if (!r->work.failed)
        verify(r);
    if (!r->work.failed)
        restart(r, draw(r, 2) ? SIM_DEATH_POWER : SIM_DEATH_KILL);
    if (!r->work.failed)
        verify(r);
    if (!r->work.failed)
        sim_engine_stop(r->cl, 0, SIM_DEATH_CLEAN);
    r->done = true;
}

/* ---- The run ---- */

static bool is_done(void *arg)
{
    struct run *r = arg;

    return r->done || r->work.failed;
}

static uint64_t now(void *arg)
{
    return sim_world_now(((struct run *)arg)->w);
}

static void tell(void *arg, uint32_t client, const char *line)
{
    struct run *r = arg;

    sim_tell(r->w, r->cl->client[client].name, "%s", line);
}

static const struct workload *draw_load(struct sim_rng *r)
{
    uint32_t n = 0;

    while (workloads[n] != NULL)
        n++;
    return workloads[sim_rng_below(r, n)];
}

static uint32_t work_faults(uint32_t faults)
{
    uint32_t f = 0;

    if (faults & (SIM_NET | SIM_POWER | SIM_KILL | SIM_STALL | SIM_CLIENT | SIM_DISK))
        f |= WORK_NET;
    if (faults & SIM_DISK)
        f |= WORK_DEVICE;
    return f;
}

static uint32_t single_faults(enum sim_single single)
{
    switch (single) {
    case SIM_SINGLE_NONE:
        return 0;
    case SIM_SINGLE_ALLOC:
        return WORK_NOMEM | WORK_NET;
    case SIM_SINGLE_READ:
    case SIM_SINGLE_WRITE:
    case SIM_SINGLE_FLUSH:
        return WORK_DEVICE | WORK_NET;
    default:
        return WORK_NET;
    }
}

static int set_stage(struct run *r)
{
    char line[256];

    sim_profile_draw(r->conf.seed, r->conf.faults ? r->conf.faults : SIM_FAULTS_ALL, &r->p);
    sim_rng_seed(&r->rng, r->conf.seed ^ UINT64_C(0xd14ec70400000000));
    r->work.load = r->conf.load ? r->conf.load : draw_load(&r->rng);
    if (r->conf.clients != 0)
        r->p.clients = MIN(r->conf.clients, SIM_CLIENTS_MAX);
    if (r->work.load->alone)
        r->p.clients = 1;
    r->p.cluster.clients = r->p.clients;
    r->p.world.keep = r->conf.keep;
    r->p.world.story = r->conf.story;
    r->p.world.arg = r->conf.arg;
    rt_event_init(&r->open);
    r->work.clients = r->p.clients;
    r->work.faults = work_faults(r->p.faults) | single_faults(r->conf.single);
    r->work.now = now;
    r->work.tell = tell;
    r->work.telling = r->conf.story != NULL;
    r->work.arg = r;
    if (sim_world_create(&r->p.world, &r->w) != 0 ||
        sim_cluster_create(r->w, &r->p.cluster, &r->cl) != 0)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < r->p.clients; i++) {
        r->m[i] = (struct member){.run = r, .index = i, .c = {.work = &r->work, .index = i}};
        sim_rng_seed(&r->m[i].c.rng, r->conf.seed + UINT64_C(0xc11e47000000) * (i + 1));
    }
    sim_profile_text(&r->p, line, sizeof(line));
    sim_tell(r->w, "seed", "%llu: workload %s, %s", (unsigned long long)r->conf.seed,
             r->work.load->name, line);
    return 0;
}

static void judge(struct run *r, bool ended)
{
    struct sim_result *res = r->r;

    res->load = r->work.load->name;
    res->faults = r->p.faults;
    res->trace = sim_world_trace(r->w);
    res->ops = r->work.ops;
    res->virtual_ns = sim_world_now(r->w);
    res->turns = sim_world_stat(r->w).turns;
    res->deaths = r->cl->engine[0].deaths;
    res->partitions = sim_net_stat(r->cl->net).partitions;
    if (!ended && !r->work.failed)
        wrong(r, "the run does not end: %s",
              res->turns >= TURNS_MAX         ? "too many turns"
              : res->virtual_ns >= RUN_NS_MAX ? "a day has passed"
                                              : "everybody waits, and nothing will happen");
    res->ok = !r->work.failed;
    if (!res->ok)
        snprintf(res->why, sizeof(res->why), "%s", r->work.why);
}

bool sim_run(const struct sim_run_conf *conf, struct sim_result *res)
{
    struct run *r = calloc(1, sizeof(*r));
    bool ended;
    int rc;

    ASSERT(r != NULL);
    memset(res, 0, sizeof(*res));
    r->conf = *conf;
    r->conf.ops = conf->ops ? conf->ops : 2000;
    r->r = res;
    if (set_stage(r) != 0)
        return false;
    base_fail_set(&r->fail);
    rc = rt_spawn_on(r->cl->director, director_main, r);
    ASSERT(rc == 0);
    ended = sim_world_run(r->w, is_done, r, RUN_NS_MAX, TURNS_MAX);
    base_fail_set(NULL);
    judge(r, ended);
    if (!res->ok) /* fibers stand where they are: nothing can be taken down */
        return false;
    r->work.load->fini(&r->work);
    sim_cluster_destroy(r->cl);
    sim_world_destroy(r->w);
    free(r);
    return true;
}

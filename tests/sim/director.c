/*
 * The director of a run: makes faults until the operations are done, now and then stops everybody
 * to compare everything, then puts everything right and verifies.
 */
#include <daos_errno.h>
#include "base/assert.h"
#include "damage.h"

#define DAMAGE (SIM_ROT | SIM_MISDIRECT)

#define START_TRIES 20u

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

    run_wrong(r, "the shard checker: %s", text);
}

static void check_shard(struct run *r, bool data)
{
    int64_t n;

    if (r->work.failed || sim_engine_failed(r->cl, 0) || damage_there(r))
        return;
    n = sim_engine_check(r->cl, 0, data, report, r);
    if (n > 0)
        run_wrong(r, "the shard checker found %lld problems", (long long)n);
    else if (n < 0 && !sim_engine_failed(r->cl, 0) && !(r->p.faults & SIM_DISK))
        run_wrong(r, "the shard checker failed: %lld", (long long)n);
}

/* Before another try: a device that failed is powered off and on, damage is healed. False: there is
 * no reason not to start. */
static bool start_again(struct run *r, uint32_t tried, int rc, const struct err *e)
{
    bool refused = damage_refused(r, rc, e);

    if (!refused && rc != -DER_IO && rc != -DER_NOMEM)
        return false;
    if (refused && (rc != -DER_IO || !(r->p.faults & SIM_DISK) || tried >= START_TRIES / 2)) {
        damage_heal(r);
        return true;
    }
    sim_dir_power_cut(r->cl->engine[0].disk);
    rt_sleep_ns(SIM_MS);
    return true;
}

static void start_engine(struct run *r)
{
    struct err e = {0};
    int rc = -1;

    for (uint32_t i = 0; i < START_TRIES && rc != 0 && !r->work.failed; i++) {
        e = (struct err){0};
        disk_faults(r, i < START_TRIES / 2 && draw(r, 2));
        if (r->p.faults & DAMAGE)
            damage_fair(r);
        rc = sim_engine_start(r->cl, 0, &e);
        if (rc != 0 && !start_again(r, i, rc, &e))
            break;
    }
    if (rc != 0)
        run_wrong(r, "the engine does not start: %d, %s: %s", rc, e.what, e.why);
    if (rc == 0 && draw(r, 2))
        check_shard(r, false);
    if (rc == 0)
        sim_engine_serve(r->cl, 0);
    disk_faults(r, true);
}

/* Every client that lives ends, and is waited for. */
static void clients_die(struct run *r)
{
    bool gate = r->gate, all = false;
    uint64_t ns = 0;

    r->dying = true;
    for (uint32_t i = 0; i < r->p.clients; i++) {
        if (r->cl->client[i].client == NULL)
            continue;
        r->m[i].doomed = true;
        sim_net_down(r->cl->net, r->cl->client[i].node, false);
    }
    if (gate) /* those who wait there must go on to end */
        run_gate_open(r);
    while (!all && !r->work.failed) {
        all = true;
        for (uint32_t i = 0; i < r->p.clients; i++)
            all &= r->cl->client[i].client == NULL;
        if (!all)
            run_wait_more(&ns);
    }
    if (gate)
        run_gate_shut(r);
    r->dying = false;
    if (r->work.load->evicted != NULL)
        r->work.load->evicted(&r->work);
}

static void restart(struct run *r, enum sim_death how)
{
    sim_engine_stop(r->cl, 0, how);
    if (r->p.together)
        clients_die(r);
    if (r->p.faults & SIM_ROT && !sim_dir_powered(r->cl->engine[0].disk))
        sim_dir_power_on(r->cl->engine[0].disk);
    if (r->p.faults & SIM_ROT && draw(r, 2))
        damage_rot(r);
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

    run_gate_shut(r);
    for (bool all = false; !all && !r->work.failed;) {
        all = true;
        for (uint32_t i = 0; i < r->p.clients; i++)
            all &= r->m[i].parked;
        if (!all)
            run_wait_more(&ns);
        if (sim_engine_failed(r->cl, 0)) { /* nobody gets an answer otherwise */
            restart(r, SIM_DEATH_POWER);
            all = false;
        }
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
        run_wait_more(&ns);
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
        v->rc = run_open_handles(m);
        if (v->rc == 0) {
            v->rc = r->work.load->attach(&m->c);
            if (v->rc == 0) {
                v->rc = r->work.load->verify(&m->c);
                r->work.load->detach(&m->c);
            }
            run_close_handles(m);
        }
        client_use(NULL);
        client_destroy(c);
    }
    rt_event_set(&v->done);
}

static int read_back(struct run *r)
{
    struct verify v = {.m = &r->m[0], .done = RT_EVENT_INIT};
    int rc = rt_spawn_on(r->cl->client[0].xs, verify_main, &v);

    ASSERT(rc == 0);
    rt_event_wait(&v.done);
    return v.rc;
}

static void note(void *arg, const char *text)
{
    sim_tell(((struct run *)arg)->w, "checker", "%s", text);
}

/* What is damaged may be missing, as long as the checker says so; then it is healed. */
static void verify_damaged(struct run *r)
{
    uint64_t before = r->work.excused;
    int64_t n;
    int rc;

    r->work.faults = WORK_ROT;
    sim_tell(r->w, "director", "compares what damage has left");
    rc = read_back(r);
    if (r->work.failed)
        return;
    n = sim_engine_check(r->cl, 0, true, note, r);
    if (n < 0 && n != -DER_CSUM && n != -DER_IO)
        run_wrong(r, "the shard checker failed for damage: %lld", (long long)n);
    if (n == 0 && (rc != 0 || r->work.excused != before))
        run_wrong(r, "something cannot be read (%d), and the shard checker finds nothing", rc);
    damage_heal(r);
}

/* One bit of a value in memory is wrong: whoever reads it is told, and the checker finds it. */
static void verify_decayed(struct run *r)
{
    int64_t n;
    int rc;

    if (!damage_memory(r))
        return;
    r->work.faults = WORK_ROT;
    rc = read_back(r);
    if (r->work.failed)
        return;
    n = sim_engine_check(r->cl, 0, true, note, r);
    if (n == 0)
        run_wrong(r, "a bit of a value has flipped, and the shard checker finds nothing (%d)", rc);
    damage_memory_heal(r);
}

/* Everybody waits, nothing is under way, the disk does as it is told: everything is read back. */
static void verify(struct run *r)
{
    uint32_t faults = r->work.faults & ~(uint32_t)WORK_ROT;
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
    work_settle(&r->work);
    r->work.unknown = 0;
    if (damage_there(r))
        verify_damaged(r);
    if (r->p.faults & SIM_ROT && !r->work.failed && draw(r, 2))
        verify_decayed(r);
    r->work.faults = 0;
    if (r->work.failed)
        return;
    sim_tell(r->w, "director", "compares everything");
    rc = read_back(r);
    if (rc != 0)
        run_wrong(r, "what is stored cannot be read: %d", rc);
    check_shard(r, true);
    r->work.faults = faults;
    disk_faults(r, true);
    net_quiet(r, false);
}

static void pause_and_verify(struct run *r)
{
    everybody_stops(r);
    verify(r);
    run_gate_open(r);
}

static void damage(struct run *r, uint32_t kind)
{
    if (kind == SIM_ROT)
        damage_rot(r);
    else
        damage_misdirect(r);
    if (draw(r, 2))
        damage_evict(r);
}

static void one_deed(struct run *r)
{
    static const uint32_t kinds[] = {SIM_POWER, SIM_KILL, SIM_NET,      SIM_CLIENT,
                                     SIM_CLOCK, SIM_ROT,  SIM_MISDIRECT};
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
    else if (kind == SIM_CLOCK)
        disturb_clock(r);
    else
        damage(r, kind);
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
        uint64_t share = r->conf.ops / (r->p.deeds + 1), ops = r->work.ops;

        wait_for_deed(r, left ? share * done + draw(r, 2 * share + 1) : UINT64_MAX);
        if (r->gate || (r->work.ops == ops && damage_there(r))) /* damage in everybody's way */
            pause_and_verify(r);
        else if (sim_engine_failed(r->cl, 0))
            restart(r, draw(r, 2) ? SIM_DEATH_POWER : SIM_DEATH_KILL);
        else if (left && !r->over && !r->work.failed)
            one_deed(r);
        done += left;
    }
}

void run_direct(void *arg)
{
    struct run *r = arg;
    int rc = sim_engine_format(r->cl, 0);

    if (rc != 0)
        run_wrong(r, "the pool cannot be made: %d", rc);
    else
        start_engine(r);
    disk_faults(r, false);
    run_clients_spawn(r);
    while (!r->set_up && !r->work.failed)
        rt_sleep_ns(SIM_MS);
    disk_faults(r, true);
    do_deeds(r);
    run_gate_open(r);
    run_single_disarm(r);
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

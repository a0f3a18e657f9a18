/*
 * The director of a run: makes faults until the operations are done, now and then stops everybody
 * to compare everything, then puts everything right and verifies.
 */
#include <daos_errno.h>
#include "base/assert.h"
#include "damage.h"

#define DAMAGE (SIM_ROT | SIM_MISDIRECT)

#define START_TRIES 20u
#define BURST_PPM   200000u /* of reads that fail, for a while after a start */
#define BURST_NS    (5 * SIM_MS)

static uint64_t draw(struct run *r, uint64_t n)
{
    return sim_rng_below(&r->rng, n);
}

void run_disk_faults(struct run *r, bool on)
{
    struct sim_dir_conf *d = sim_dir_conf(r->cl->engine[0].disk);
    uint32_t ppm = on ? r->p.disk_fail_ppm : 0;

    r->burst_ns = 0;
    d->write_fail_ppm = ppm; /* ends the shard */
    d->read_fail_ppm = 16 * ppm;
    d->flush_fail_ppm = on ? r->p.flush_fail_ppm : 0;
    if (!r->conf.single)
        r->fail.fail_at = r->fail.every = 0;
    if (!on && r->struck) {
        sim_dir_faults_clear(r->cl->engine[0].disk);
        r->struck = r->astray = false;
    }
}

/* One of the next allocations fails, whoever makes it. */
static void fail_allocation(struct run *r)
{
    r->fail.fail_at = r->fail.seen + 1 + draw(r, draw(r, 2) ? 60 : 1000);
}

/* What a fresh engine does not have in memory is read badly; who sends again what was not answered
 * meets an engine without memory. */
static void begin_burst(struct run *r)
{
    r->burst_ns = sim_world_now(r->w) + BURST_NS;
    if (r->p.faults & SIM_DISK)
        sim_dir_conf(r->cl->engine[0].disk)->read_fail_ppm = BURST_PPM;
    if (r->p.faults & SIM_MEMORY) {
        r->fail.every = 5 + draw(r, 60);
        r->fail.fail_at = r->fail.seen + 1 + draw(r, r->fail.every);
    }
}

static void mind_burst(struct run *r)
{
    if (r->burst_ns != 0 && sim_world_now(r->w) >= r->burst_ns)
        run_disk_faults(r, true);
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
    sim_dir_conf(r->cl->engine[0].disk)->cut = r->p.cluster.disk.cut;
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
        run_disk_faults(r, i < START_TRIES / 2 && draw(r, 2));
        if (r->p.faults & DAMAGE)
            damage_fair(r);
        rc = sim_engine_start(r->cl, 0, &e);
        if (rc != 0 && !start_again(r, i, rc, &e))
            break;
    }
    if (rc != 0)
        run_wrong(r, "the engine does not start: %d, %s: %s", rc, e.what, e.why);
    run_disk_faults(r, false);
    if (rc == 0 && draw(r, 2))
        run_check_shard(r, false);
    /* clients are served without that target, until it is seen that it failed */
    if (rc == 0 && r->p.faults & DAMAGE && damage_left_out(r) && draw(r, 2))
        damage_heal(r);
    if (rc == 0)
        sim_engine_serve(r->cl, 0);
    if (rc == 0 && draw(r, 4) != 0) /* else they find out by themselves, which takes long */
        sim_net_reset(r->cl->net, r->cl->engine[0].node);
    run_disk_faults(r, true);
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

void run_restart(struct run *r, enum sim_death how)
{
    run_disk_faults(r, true); /* ends a burst */
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
    if (r->p.faults & (SIM_DISK | SIM_MEMORY) && draw(r, 2))
        begin_burst(r);
}

/* A write to come takes long, and then the power goes instead: what it would have made durable
 * others have seen for long, and must not have been told. */
static void arm_slow_cut(struct run *r, uint64_t nth)
{
    sim_dir_fault_at(r->cl->engine[0].disk, NULL, IO_WRITE, nth, SIM_FAULT_POWER,
                     100 * SIM_US + draw(r, 3 * SIM_MS));
}

static void wait_for_cut(struct run *r)
{
    struct sim_dir *disk = r->cl->engine[0].disk;

    for (uint32_t i = 0; i < 50 && sim_dir_powered(disk); i++)
        rt_sleep_ns(200 * SIM_US);
    sim_dir_power_cut_at(disk, 0);
    sim_dir_faults_clear(disk); /* what did not come to it */
    r->struck = r->astray = false;
    run_restart(r, SIM_DEATH_POWER);
}

/* Cuts the power at some step to come, at the end of a slow write, or at any moment; if it does not
 * come to that, now. */
static void power_cut(struct run *r)
{
    switch (draw(r, 3)) {
    case 0:
        sim_dir_power_cut_at(r->cl->engine[0].disk, 1 + draw(r, 40));
        wait_for_cut(r);
        break;
    case 1:
        arm_slow_cut(r, 1 + draw(r, 10));
        wait_for_cut(r);
        break;
    default:
        rt_sleep_ns(draw(r, 2 * SIM_MS));
        run_restart(r, SIM_DEATH_POWER);
    }
}

/* In a storm the power may follow, before what the killed one left in the disk's cache has reached
 * the medium by itself. */
static void kill_engine(struct run *r)
{
    run_restart(r, draw(r, 3) ? SIM_DEATH_KILL : SIM_DEATH_CLEAN);
    if (r->p.storm && r->p.faults & SIM_POWER && draw(r, 2) && !r->work.failed) {
        rt_sleep_ns(draw(r, 2 * SIM_MS));
        power_cut(r);
    }
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
    static const uint32_t kinds[] = {SIM_POWER, SIM_KILL,      SIM_NET,  SIM_CLIENT, SIM_CLOCK,
                                     SIM_ROT,   SIM_MISDIRECT, SIM_PAGE, SIM_MEMORY};
    uint32_t mine[ARRAY_LEN(kinds)], nr = 0, kind;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (r->p.faults & kinds[i])
            mine[nr++] = kinds[i];
    if (nr == 0 || draw(r, 20) == 0) {
        run_pause_and_verify(r);
        return;
    }
    kind = mine[draw(r, nr)];
    if (kind == SIM_POWER)
        power_cut(r);
    else if (kind == SIM_KILL)
        kill_engine(r);
    else if (kind == SIM_NET)
        disturb_net(r);
    else if (kind == SIM_CLIENT)
        doom_client(r);
    else if (kind == SIM_CLOCK)
        disturb_clock(r);
    else if (kind == SIM_PAGE)
        damage_evict(r);
    else if (kind == SIM_MEMORY)
        fail_allocation(r);
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
            run_restart(r, SIM_DEATH_POWER);
        rt_sleep_ns(10 * SIM_MS);
    }
}

void run_strike(void *arg)
{
    struct run *r = arg;

    if (!(r->p.faults & SIM_POWER) || r->conf.single || r->gate || r->struck ||
        sim_engine_failed(r->cl, 0) || draw(r, r->p.storm ? 2 : 4) != 0)
        return;
    r->struck = true;
    arm_slow_cut(r, 1);
}

/* Until so many operations are done, or nothing has moved for a while, or the clients want a pause.
 * Faults are spread over operations, not over time: of that a run takes milliseconds or hours. */
static void wait_for_deed(struct run *r, uint64_t ops)
{
    uint64_t seen = 0, still_ns = 0, failed_ns = 0;

    while (r->work.ops < ops && still_ns < 10 * SIM_S && !r->gate && !r->over && !r->work.failed &&
           !r->struck) {
        uint64_t ns = still_ns < SIM_MS ? 50 * SIM_US : 50 * SIM_MS;

        still_ns = r->work.ops == seen ? still_ns + ns : 0;
        seen = r->work.ops;
        failed_ns = sim_engine_failed(r->cl, 0) ? failed_ns + ns : 0;
        if (failed_ns > SIM_MS)
            return;
        rt_sleep_ns(ns);
        mind_burst(r);
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
        if (r->struck)
            wait_for_cut(r);
        else if (r->gate || (r->work.ops == ops && damage_there(r))) /* damage in everybody's way */
            run_pause_and_verify(r);
        else if (sim_engine_failed(r->cl, 0))
            run_restart(r, draw(r, 2) ? SIM_DEATH_POWER : SIM_DEATH_KILL);
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
    run_disk_faults(r, false);
    run_clients_spawn(r);
    while (!r->set_up && !r->work.failed) {
        if (sim_engine_failed(r->cl, 0)) { /* one of its shards, as it started */
            run_restart(r, SIM_DEATH_POWER);
            run_disk_faults(r, false);
        }
        rt_sleep_ns(SIM_MS);
    }
    run_disk_faults(r, true);
    do_deeds(r);
    run_gate_open(r);
    run_single_disarm(r);
    sim_cluster_heal(r->cl);
    wait_for_clients(r);
    if (!r->work.failed)
        run_verify(r);
    if (!r->work.failed)
        run_restart(r, draw(r, 2) ? SIM_DEATH_POWER : SIM_DEATH_KILL);
    if (!r->work.failed)
        run_verify(r);
    if (!r->work.failed && r->p.faults & SIM_FULL)
        run_verify_room(r);
    if (!r->work.failed)
        sim_engine_stop(r->cl, 0, SIM_DEATH_CLEAN);
    r->done = true;
}

/*
 * Verifying a run: everybody stops, nothing is under way, the disk does as it is told, and
 * everything is read back as somebody would who comes later; the shard checker looks at what is
 * stored.
 */
#include <stdlib.h>
#include <string.h>
#include <daos.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "damage.h"

static uint64_t draw(struct run *r, uint64_t n)
{
    return sim_rng_below(&r->rng, n);
}

static void report(void *arg, const char *text)
{
    struct run *r = arg;

    /* behind damage room stays taken until a repair */
    if (r->scarred && (strstr(text, "nothing refers to") || strstr(text, "no value refers to")))
        return;
    if (!sim_engine_failed(r->cl, 0)) /* of a shard that stopped meanwhile nothing is known */
        run_wrong(r, "the shard checker: %s", text);
}

void run_check_shard(struct run *r, bool data)
{
    int64_t n;

    if (r->work.failed || sim_engine_failed(r->cl, 0) || damage_there(r))
        return;
    n = sim_engine_check(r->cl, 0, data, report, r);
    if (sim_engine_failed(r->cl, 0))
        return;
    if (n > 0 && !r->scarred)
        run_wrong(r, "the shard checker found %lld problems", (long long)n);
    else if (n < 0 && !(r->p.faults & SIM_DISK))
        run_wrong(r, "the shard checker failed: %lld", (long long)n);
}

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
            run_restart(r, SIM_DEATH_POWER);
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
    sim_cluster_heal(r->cl);
    while (!sim_cluster_idle(r->cl) && !r->work.failed) {
        run_wait_more(&ns);
        if (sim_engine_failed(r->cl, 0))
            run_restart(r, SIM_DEATH_POWER);
    }
}

#define READ_TRIES   2u
#define IN_FLIGHT_NS (100 * SIM_MS)
#define IDLE_NS      (2 * 3600 * SIM_S) /* the sessions of those who are gone are forgotten then */

/* The disk does as it is told from here on; what it was asked before is over, and an engine that
 * it ended, or that a failed flush will end, is another one. */
static void disk_quiet(struct run *r)
{
    run_disk_faults(r, false);
    if (r->p.faults & (SIM_DISK | SIM_MEMORY))
        rt_sleep_ns(IN_FLIGHT_NS);
    while (sim_engine_doomed(r->cl, 0) && !r->work.failed) {
        run_restart(r, SIM_DEATH_POWER);
        run_disk_faults(r, false);
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

static int as_a_client(struct run *r, void (*fiber)(void *arg))
{
    struct verify v = {.m = &r->m[0], .done = RT_EVENT_INIT};

    sim_spawn(r->cl->client[0].xs, fiber, &v);
    rt_event_wait(&v.done);
    return v.rc;
}

/* So many may have come and gone within an hour that a pool as full as that has no room for one
 * more to connect. */
static int read_back(struct run *r)
{
    int rc = as_a_client(r, verify_main);

    for (uint32_t i = 0; i < READ_TRIES && rc == -DER_NOSPACE && r->p.faults & SIM_FULL; i++) {
        sim_tell(r->w, "director", "waits until the sessions of those who are gone are idle");
        rt_sleep_ns(IDLE_NS);
        rc = as_a_client(r, verify_main); /* the first finds no room, and has it made */
    }
    return rc;
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

    r->work.faults = WORK_ROT | (r->work.faults & WORK_FULL);
    r->scarred = true;
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
    r->work.faults = WORK_ROT | (r->work.faults & WORK_FULL);
    rc = read_back(r);
    if (r->work.failed)
        return;
    n = sim_engine_check(r->cl, 0, true, note, r);
    if (n == 0)
        run_wrong(r, "a bit of a value has flipped, and the shard checker finds nothing (%d)", rc);
    damage_memory_heal(r);
}

static void tell_room(struct run *r)
{
    struct engine_stat st;

    if (r->cl->engine[0].eng == NULL)
        return;
    engine_stat(r->cl->engine[0].eng, &st);
    sim_tell(r->w, "engine0", "holds %llu of %llu KiB of data, %llu KiB of metadata",
             (unsigned long long)st.data_used >> 10, (unsigned long long)st.data_total >> 10,
             (unsigned long long)st.meta_pages_bytes >> 10);
    if (st.tx_memory > st.tx_memory_max)
        run_wrong(r, "what transactions keep in memory takes %llu bytes, more than it may",
                  (unsigned long long)st.tx_memory);
}

/* Everybody waits, nothing is under way, the disk does as it is told: everything is read back. */
void run_verify(struct run *r)
{
    uint32_t faults = r->work.faults & ~(uint32_t)WORK_ROT;
    int rc;

    if (!r->set_up)
        return;
    net_quiet(r, true);
    if (r->work.failed)
        return;
    disk_quiet(r);
    work_settle(&r->work);
    r->work.unknown = 0;
    if (damage_there(r))
        verify_damaged(r);
    if (r->p.faults & SIM_ROT && !r->work.failed && draw(r, 2))
        verify_decayed(r);
    disk_quiet(r); /* an engine may have been started again */
    r->work.faults = faults & WORK_FULL;
    if (r->work.failed)
        return;
    tell_room(r);
    sim_tell(r->w, "director", "compares everything");
    rc = read_back(r);
    if (rc == -DER_IO && sim_engine_doomed(r->cl, 0)) {
        /* a write of before had failed; an engine that stood still heard of it only now */
        disk_quiet(r);
        rc = read_back(r);
    }
    if (rc != 0)
        run_wrong(r, "what is stored cannot be read: %d", rc);
    run_check_shard(r, true);
    if (!r->work.failed && !r->conf.single && !(r->p.faults & SIM_FULL) && draw(r, 4) == 0) {
        run_undo(r);
        disk_quiet(r); /* an engine may have been started again */
        if (!r->work.failed)
            rc = read_back(r);
        if (rc != 0)
            run_wrong(r, "what was rolled back cannot be read: %d", rc);
        run_check_shard(r, true);
    }
    r->work.faults = faults;
    run_disk_faults(r, true);
    net_quiet(r, false);
}

void run_pause_and_verify(struct run *r)
{
    everybody_stops(r);
    run_verify(r);
    run_gate_open(r);
}

/* ---- Room ---- */

#define CONTS_MAX   16u
#define AGAIN       "again"
#define AGAIN_BYTES 40000u
#define ROOM_NS     (600 * SIM_S)
#define ROOM_TRIES  600u
#define TRY_NS      (60 * SIM_S)

static int put_again(daos_handle_t coh)
{
    daos_obj_id_t oid = {.lo = 1};
    unsigned char *bytes = malloc(2 * AGAIN_BYTES), *got = bytes + AGAIN_BYTES;
    daos_size_t size = AGAIN_BYTES;
    daos_handle_t oh;
    int rc = daos_obj_generate_oid(coh, &oid, DAOS_OT_KV_HASHED, OC_UNKNOWN, 0, 0);

    ASSERT(bytes != NULL);
    memset(bytes, 0x5a, AGAIN_BYTES);
    memset(got, 0, AGAIN_BYTES);
    if (rc == 0)
        rc = daos_kv_open(coh, oid, DAOS_OO_RW, &oh, NULL);
    if (rc == 0) {
        rc = daos_kv_put(oh, DAOS_TX_NONE, 0, "key", AGAIN_BYTES, bytes, NULL);
        if (rc == 0)
            rc = daos_kv_get(oh, DAOS_TX_NONE, 0, "key", &size, got, NULL);
        if (rc == 0 && (size != AGAIN_BYTES || memcmp(bytes, got, AGAIN_BYTES) != 0))
            rc = -DER_MISMATCH;
        daos_kv_close(oh, NULL);
    }
    free(bytes);
    return rc;
}

/* Of this run, and those that the workload made. */
static int destroy_all(daos_handle_t poh)
{
    struct daos_pool_cont_info cont[CONTS_MAX];
    daos_size_t nr = CONTS_MAX;
    int rc = daos_pool_list_cont(poh, &nr, cont, NULL);

    for (daos_size_t i = 0; i < nr && rc == 0; i++)
        rc = daos_cont_destroy(poh, cont[i].pci_label, 1, NULL);
    return rc;
}

/* The containers go, and with them everything that took room, in the background. */
static int give_back(struct run *r, daos_handle_t poh)
{
    struct engine_stat st = {.data_used = 1};
    uint64_t ns = 0, until = sim_world_now(r->w) + ROOM_NS;
    int rc = destroy_all(poh);

    if (rc != 0)
        return rc;
    while ((st.data_used > 0 || st.objects > 0) && sim_world_now(r->w) < until) {
        run_wait_more(&ns); /* an engine may stand still for seconds */
        engine_stat(r->cl->engine[0].eng, &st);
    }
    if (st.data_used > 0 || st.objects > 0)
        run_wrong(r, "nothing is stored any more, and %llu bytes of data and %llu objects are held",
                  (unsigned long long)st.data_used, (unsigned long long)st.objects);
    return 0;
}

static int use_again(struct run *r, daos_handle_t poh)
{
    int rc = daos_cont_destroy(poh, AGAIN, 1, NULL); /* of the last try */
    daos_handle_t coh;

    if (rc == 0 || rc == -DER_NONEXIST)
        rc = daos_cont_create_with_label(poh, AGAIN, NULL, NULL, NULL);
    if (rc == 0)
        rc = daos_cont_open(poh, AGAIN, DAOS_COO_RW, &coh, NULL, NULL);
    if (rc == 0) {
        rc = put_again(coh);
        daos_cont_close(coh, NULL);
    }
    return rc;
}

static int as_somebody_new(struct run *r, int (*what)(struct run *r, daos_handle_t poh))
{
    daos_handle_t poh;
    struct client *c;
    int rc = client_create(&c);

    ASSERT(rc == 0);
    client_use(c);
    rc = daos_pool_connect(RUN_POOL, NULL, DAOS_PC_RW, &poh, NULL, NULL);
    if (rc == 0) {
        rc = what(r, poh);
        daos_pool_disconnect(poh, NULL);
    }
    client_use(NULL);
    client_destroy(c);
    return rc;
}

/* The sessions of all those who have worked here may fill so small a pool: everybody who comes is
 * rid of a few that have been idle. */
static void room_main(void *arg)
{
    struct verify *v = arg;
    struct run *r = v->m->run;

    v->rc = as_somebody_new(r, give_back);
    if (v->rc != 0)
        run_wrong(r, "what a full pool holds cannot be destroyed: %d", v->rc);
    for (uint32_t i = 0; i < ROOM_TRIES && !r->work.failed; i++) {
        v->rc = as_somebody_new(r, use_again);
        if (v->rc != -DER_NOSPACE)
            break;
        rt_sleep_ns(TRY_NS); /* they become idle too */
    }
    if (v->rc != 0)
        run_wrong(r, "a pool in which all is free again cannot be used: %d", v->rc);
    rt_event_set(&v->done);
}

void run_verify_room(struct run *r)
{
    damage_heal(r);
    net_quiet(r, true);
    disk_quiet(r);
    sim_tell(r->w, "director", "gives everything back and begins again");
    rt_sleep_ns(IDLE_NS);
    as_a_client(r, room_main);
    run_check_shard(r, true);
}

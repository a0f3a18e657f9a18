/*
 * The clients of a run. A client's life: start, connect, open, attach, step until the run has its
 * operations, its node is doomed, or its handles are gone; then it stops and starts again.
 */
#include <daos_fs.h>
#include <errno.h>
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "run_int.h"

#define STRIKE_ONE_IN 40u /* steps */

static int make_container(struct run *r, daos_handle_t poh)
{
    uuid_t uuid;
    int rc;

    if (r->work.load->posix) {
        dfs_attr_t attr = {.da_chunk_size = 4096};

        rc = dfs_cont_create_with_label(poh, RUN_CONT, &attr, &uuid, NULL, NULL);
        return rc == EEXIST ? 0 : rc;
    }
    rc = daos_cont_create_with_label(poh, RUN_CONT, NULL, &uuid, NULL);
    return rc == -DER_EXIST ? 0 : rc;
}

int run_open_handles(struct member *m)
{
    daos_cont_info_t info = {0};
    int rc = daos_pool_connect(RUN_POOL, NULL, DAOS_PC_RW, &m->c.poh, NULL, NULL);

    if (rc != 0)
        return rc;
    if (!m->run->set_up)
        rc = make_container(m->run, m->c.poh);
    if (rc == 0)
        rc = daos_cont_open(m->c.poh, RUN_CONT, DAOS_COO_RW, &m->c.coh, &info, NULL);
    if (rc == -DER_BUSY) /* one who had it for himself alone has died */
        rc = daos_cont_open(m->c.poh, RUN_CONT, DAOS_COO_RW | DAOS_COO_EVICT, &m->c.coh, &info,
                            NULL);
    if (rc != 0)
        daos_pool_disconnect(m->c.poh, NULL);
    else
        memcpy(m->run->cont, info.ci_uuid, sizeof(m->run->cont));
    return rc;
}

void run_close_handles(struct member *m)
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

void run_gate_shut(struct run *r)
{
    if (!r->gate)
        rt_event_reset(&r->open);
    r->gate = true;
}

void run_gate_open(struct run *r)
{
    r->gate = false;
    rt_event_set(&r->open);
}

void run_wait_more(uint64_t *ns)
{
    *ns = *ns == 0 ? SIM_MS : MIN(*ns * 2, 200 * SIM_MS);
    rt_sleep_ns(*ns);
}

static bool going(const struct member *m)
{
    return !m->run->over && !m->doomed && !m->run->work.failed;
}

static uint32_t unknown_max(const struct run *r)
{
    return r->work.load->unknown_max ? r->work.load->unknown_max : UNKNOWN_MAX;
}

static void work_on(struct member *m)
{
    while (going(m)) {
        pass_gate(m);
        if (sim_rng_below(&m->run->rng, STRIKE_ONE_IN) == 0)
            run_strike(m->run);
        if (!going(m) || m->run->work.load->step(&m->c) != 0)
            break;
        m->c.steps++;
        if (m->run->p.leave_one_in != 0 && sim_rng_below(&m->c.rng, m->run->p.leave_one_in) == 0)
            break;
        if (m->run->work.ops >= m->run->conf.ops)
            m->run->over = true;
        else if (m->run->work.unknown >= unknown_max(m->run) || m->run->work.full)
            run_gate_shut(m->run); /* the director settles it */
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
    rc = run_open_handles(m);
    if (rc == 0) {
        rc = r->set_up ? 0 : r->work.load->setup(&m->c);
        if (rc == 0)
            rc = r->work.load->attach(&m->c);
        if (rc == 0) {
            if (!r->set_up)
                run_single_arm(r);
            r->set_up = true;
            work_on(m);
            r->work.load->detach(&m->c);
        }
        run_close_handles(m);
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
    uint64_t ns = 0;

    while (m->index != 0 && !r->set_up && !r->work.failed) {
        m->parked = true;
        run_wait_more(&ns);
    }
    while (!r->over && !r->work.failed) {
        ns = 0;
        while (r->dying) {
            m->parked = true;
            run_wait_more(&ns);
        }
        pass_gate(m);
        live(m);
        m->doomed = false;
    }
    m->ended = m->parked = true;
}

void run_clients_spawn(struct run *r)
{
    for (uint32_t i = 0; i < r->p.clients; i++)
        sim_spawn(r->cl->client[i].xs, client_main, &r->m[i]);
}

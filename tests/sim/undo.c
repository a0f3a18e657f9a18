/*
 * Rollback: while nobody works a snapshot is taken, what is stored is spoiled behind the oracle's
 * back, and the container rolled back, with engines that die meanwhile. What is read afterwards
 * must be what it was, snapshots of the workload included: the oracle never hears of any of it.
 */
#include <string.h>
#include <daos.h>
#include <daos_errno.h>
#include "run_int.h"

#define OBJS      24u
#define KEYS      12u
#define KEY_BYTES 4096u
#define TRIES     20u

struct undo {
    struct member *m;
    int (*what)(struct undo *u, struct member *m);
    struct rt_event done;
    uint64_t epoch; /* of the snapshot; 0: none */
    int rc;
};

static uint64_t draw(struct undo *u, uint64_t n)
{
    return sim_rng_below(&u->m->run->rng, n);
}

/* ---- Spoiling: whatever it is answered ---- */

/* Writes under an akey of integer length, which objects of every type accept. */
static void write_junk(struct undo *u, daos_handle_t oh, daos_key_t *dkey, bool array)
{
    uint64_t name = draw(u, 3);
    char junk[600];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_recx_t recx = {draw(u, 100), 1 + draw(u, 500)};
    daos_iod_t iod = {.iod_nr = 1,
                      .iod_type = array ? DAOS_IOD_ARRAY : DAOS_IOD_SINGLE,
                      .iod_size = array ? 1 : recx.rx_nr,
                      .iod_recxs = array ? &recx : NULL};

    memset(junk, 'j', sizeof(junk));
    d_iov_set(&iod.iod_name, &name, sizeof(name));
    d_iov_set(&iov, junk, recx.rx_nr);
    (void)daos_obj_update(oh, DAOS_TX_NONE, 0, dkey, 1, &iod, &sgl, NULL);
}

/* Lists keys, and calls fn for each. dkey NULL: dkeys. */
static void each_key(struct undo *u, daos_handle_t oh, daos_key_t *dkey,
                     void (*fn)(struct undo *u, daos_handle_t oh, daos_key_t *dkey,
                                daos_key_t *key))
{
    static char room[2][KEY_BYTES];
    char *buf = room[dkey != NULL];
    daos_key_desc_t kds[KEYS];
    daos_anchor_t anchor = {0};
    uint32_t nr = KEYS;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    size_t at = 0;
    int rc;

    d_iov_set(&iov, buf, KEY_BYTES);
    rc = dkey == NULL ? daos_obj_list_dkey(oh, DAOS_TX_NONE, &nr, kds, &sgl, &anchor, NULL)
                      : daos_obj_list_akey(oh, DAOS_TX_NONE, dkey, &nr, kds, &sgl, &anchor, NULL);
    for (uint32_t i = 0; i < nr && rc == 0; at += kds[i].kd_key_len, i++) {
        daos_key_t key;

        d_iov_set(&key, buf + at, kds[i].kd_key_len);
        fn(u, oh, dkey, &key);
    }
}

static void spoil_akey(struct undo *u, daos_handle_t oh, daos_key_t *dkey, daos_key_t *akey)
{
    char junk[] = "junk";
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_recx_t recx = {draw(u, 20), sizeof(junk)};
    daos_iod_t iod = {.iod_name = *akey, .iod_nr = 1, .iod_type = DAOS_IOD_SINGLE, .iod_size = 4};

    if (draw(u, 4) == 0) {
        (void)daos_obj_punch_akeys(oh, DAOS_TX_NONE, 0, dkey, 1, akey, NULL);
        return;
    }
    d_iov_set(&iov, junk, sizeof(junk));
    if (daos_obj_update(oh, DAOS_TX_NONE, 0, dkey, 1, &iod, &sgl, NULL) != -DER_INVAL)
        return;
    iod.iod_type = DAOS_IOD_ARRAY; /* it holds one */
    iod.iod_size = draw(u, 2);     /* 0: a hole */
    iod.iod_recxs = &recx;
    (void)daos_obj_update(oh, DAOS_TX_NONE, 0, dkey, 1, &iod, &sgl, NULL);
}

static void spoil_dkey(struct undo *u, daos_handle_t oh, daos_key_t *unused, daos_key_t *dkey)
{
    (void)unused;
    switch (draw(u, 4)) {
    case 0:
        (void)daos_obj_punch_dkeys(oh, DAOS_TX_NONE, 0, 1, dkey, NULL);
        return;
    case 1:
        write_junk(u, oh, dkey, draw(u, 2));
        return;
    case 2:
        each_key(u, oh, dkey, spoil_akey);
    }
}

static void spoil_obj(struct undo *u, daos_handle_t coh, daos_obj_id_t oid)
{
    uint64_t name = draw(u, 5);
    daos_key_t dkey;
    daos_handle_t oh;

    if (daos_obj_open(coh, oid, DAOS_OO_RW, &oh, NULL) != 0)
        return;
    if (draw(u, 6) == 0)
        (void)daos_obj_punch(oh, DAOS_TX_NONE, 0, NULL);
    else
        each_key(u, oh, NULL, spoil_dkey);
    d_iov_set(&dkey, &name, sizeof(name));
    if (draw(u, 3) == 0)
        write_junk(u, oh, &dkey, draw(u, 2));
    daos_obj_close(oh, NULL);
}

static int spoil(struct undo *u, struct member *m)
{
    daos_anchor_t anchor = {0};
    daos_obj_id_t oid[OBJS];
    uint32_t nr = OBJS;
    daos_handle_t oit;
    int rc = daos_cont_create_snap(m->c.coh, &u->epoch, NULL, NULL);

    if (rc != 0)
        u->epoch = 0; /* there are as many as there may be, or no room */
    if (rc == 0 && m->run->work.load->spoil != NULL)
        m->run->work.load->spoil(&m->c);
    if (rc == 0)
        rc = daos_oit_open(m->c.coh, u->epoch, &oit, NULL);
    if (rc != 0)
        return 0;
    rc = daos_oit_list(oit, oid, &nr, &anchor, NULL);
    for (uint32_t i = 0; i < nr && rc == 0; i++)
        spoil_obj(u, m->c.coh, oid[i]);
    daos_oit_close(oit, NULL);
    return 0;
}

/* ---- Rolling back ---- */

static int roll_back(struct undo *u, struct member *m)
{
    int rc = daos_cont_rollback(m->c.coh, u->epoch, NULL);

    if (rc == 0)
        rc = daos_cont_destroy_snap(m->c.coh, (daos_epoch_range_t){u->epoch, u->epoch}, NULL);
    return rc == -DER_NONEXIST ? 0 : rc; /* by a try that was not answered */
}

/* With handles of its own. */
static void somebody(void *arg)
{
    struct undo *u = arg;
    struct member later = *u->m, *m = &later;
    struct client *c;

    m->c.priv = NULL;
    u->rc = client_create(&c);
    if (u->rc == 0) {
        sim_net_up(m->run->cl->net, m->run->cl->client[m->index].node);
        client_use(c);
        u->rc = run_open_handles(m);
        if (u->rc == 0) {
            u->rc = u->what(u, m);
            run_close_handles(m);
        }
        client_use(NULL);
        client_destroy(c);
    }
    rt_event_set(&u->done);
}

/* Not where the disk rots when an engine dies, or all clients die with it; nor where none ever
 * does.
 */
static bool mortal(const struct run *r)
{
    return !r->p.together && r->p.faults & (SIM_POWER | SIM_KILL) &&
           !(r->p.faults & (SIM_ROT | SIM_MISDIRECT));
}

/* may_die: the engine ends somewhere in the middle. */
static int run_it(struct undo *u, int (*what)(struct undo *u, struct member *m), bool may_die)
{
    struct run *r = u->m->run;

    u->what = what;
    u->done = (struct rt_event)RT_EVENT_INIT;
    sim_spawn(r->cl->client[0].xs, somebody, u);
    if (may_die && mortal(r)) {
        rt_sleep_ns(draw(u, 30 * SIM_MS));
        run_restart(r, r->p.faults & SIM_POWER ? SIM_DEATH_POWER : SIM_DEATH_KILL);
        run_disk_faults(r, false);
    }
    rt_event_wait(&u->done);
    return u->rc;
}

void run_undo(struct run *r)
{
    struct undo u = {.m = &r->m[0]};
    int rc = 0;

    sim_tell(r->w, "director", "spoils everything and rolls back");
    (void)run_it(&u, spoil, draw(&u, 4) == 0);
    for (uint32_t i = 0; i < TRIES && u.epoch != 0 && !r->work.failed; i++) {
        rc = run_it(&u, roll_back, draw(&u, 3) == 0);
        if (rc == 0)
            return;
    }
    if (rc != 0)
        run_wrong(r, "the container cannot be rolled back: %d", rc);
}

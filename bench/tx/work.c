/*
 * Lanes: each has one operation under way, and begins the next when its event comes. A transaction
 * that was in the way of another is restarted and does its work again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"

enum step { BEGIN, READ, COMMIT, RESTART, ENDED };

struct lane {
    daos_event_t ev;
    daos_handle_t th;
    enum step step;
    bool reads;  /* what others change, until they have ended */
    uint32_t at; /* CHANGE: values read */
    uint32_t first, nr;
    struct io {
        uint64_t key;
        uint32_t shard;
        daos_key_t dkey;
        daos_iod_t iod;
        d_sg_list_t sgl;
        d_iov_t iov;
        char value[VALUE_BYTES];
    } io[WRITES_MAX];
};

struct run {
    struct world *w;
    const struct work *k;
    uint64_t seed;
    uint32_t begun, ended, aborts, reads;
    const uint32_t *key;
    struct lane lane[LANES_MAX];
};

static char akey[] = "v";

static void io_make(struct io *io, uint32_t key, uint32_t shard)
{
    io->key = key;
    io->shard = shard;
    d_iov_set(&io->dkey, &io->key, sizeof(io->key));
    d_iov_set(&io->iod.iod_name, akey, 1);
    io->iod.iod_type = DAOS_IOD_SINGLE;
    io->iod.iod_size = VALUE_BYTES;
    io->iod.iod_nr = 1;
    d_iov_set(&io->iov, io->value, VALUE_BYTES);
    io->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &io->iov};
}

static void write_one(struct run *r, struct lane *l, uint32_t i, daos_event_t *ev)
{
    struct io *io = &l->io[i];
    int rc = daos_obj_update(r->w->obj[io->shard], l->th, 0, &io->dkey, 1, &io->iod, &io->sgl, ev);

    if (rc != 0)
        die("update", rc);
}

static void read_one(struct run *r, struct lane *l, uint32_t i)
{
    struct io *io = &l->io[i];
    int rc = daos_obj_fetch(r->w->obj[io->shard], l->th, 0, &io->dkey, 1, &io->iod, &io->sgl, NULL,
                            &l->ev);

    if (rc != 0)
        die("fetch", rc);
}

static void commit(struct run *r, struct lane *l)
{
    int rc;

    for (uint32_t i = 0; i < l->nr; i++)
        write_one(r, l, i, NULL);
    rc = daos_tx_commit(l->th, &l->ev);
    if (rc != 0)
        die("commit", rc);
    l->step = COMMIT;
}

/* What comes after the lane's transaction was opened or restarted. */
static void transact(struct run *r, struct lane *l)
{
    l->at = 0;
    if (r->k->what == TRANSACT) {
        commit(r, l);
        return;
    }
    l->step = READ;
    read_one(r, l, 0);
}

static void begin(struct run *r, struct lane *l)
{
    const struct work *k = r->k;
    bool single = k->what == UPDATE || k->what == FETCH;
    uint32_t first = k->in_turn ? r->begun : (uint32_t)draw(&r->seed);
    int rc;

    if (l->reads) {
        io_make(&l->io[0], k->keys[draw(&r->seed) % k->nr], first % r->w->targets);
        l->step = COMMIT;
        l->th = DAOS_TX_NONE;
        read_one(r, l, 0);
        return;
    }
    l->nr = single ? 1 : k->writes;
    for (uint32_t i = 0; i < l->nr; i++)
        io_make(&l->io[i], *r->key++, (first + i % k->shards) % r->w->targets);
    r->begun++;
    if (single) {
        l->step = COMMIT;
        l->th = DAOS_TX_NONE;
        if (k->what == UPDATE)
            write_one(r, l, 0, &l->ev);
        else
            read_one(r, l, 0);
        return;
    }
    rc = daos_tx_open(r->w->coh, &l->th, 0, NULL);
    if (rc != 0)
        die("transaction", rc);
    transact(r, l);
}

static void restart(struct run *r, struct lane *l)
{
    int rc = daos_tx_restart(l->th, &l->ev);

    if (rc != 0)
        die("restart", rc);
    r->aborts++;
    l->step = RESTART;
}

static void go_on(struct run *r, struct lane *l)
{
    int rc = l->ev.ev_error;

    if (rc == -DER_TX_RESTART && l->th.cookie != 0) {
        restart(r, l);
        return;
    }
    if (rc != 0)
        die("operation", rc);
    if (l->step == RESTART) {
        transact(r, l);
    } else if (l->step == READ) {
        if (++l->at < l->nr)
            read_one(r, l, l->at);
        else
            commit(r, l);
    } else if (l->reads) {
        r->reads++;
        if (r->ended < r->k->nr)
            begin(r, l);
        else
            l->step = ENDED;
    } else {
        if (l->th.cookie != 0)
            daos_tx_close(l->th, NULL);
        r->ended++;
        if (r->begun < r->k->nr)
            begin(r, l);
        else
            l->step = ENDED;
    }
}

static void poll_once(struct run *r)
{
    daos_event_t *came[LANES_MAX];
    int nr = daos_eq_poll(r->w->eq, 1, DAOS_EQ_WAIT, LANES_MAX, came);

    if (nr < 0)
        die("poll", nr);
    for (int i = 0; i < nr; i++)
        go_on(r, (struct lane *)(void *)((char *)came[i] - offsetof(struct lane, ev)));
}

void work_run(struct world *w, const struct work *k, struct done *d)
{
    struct run *r = calloc(1, sizeof(*r));
    double wall, cpu;

    *r = (struct run){.w = w, .k = k, .seed = k->seed, .key = k->keys};
    for (uint32_t i = 0; i < k->lanes; i++)
        daos_event_init(&r->lane[i].ev, w->eq, NULL);
    wall = wall_s();
    cpu = cpu_s();
    for (uint32_t i = 0; i < k->lanes && (r->begun < k->nr || i < k->readers); i++) {
        r->lane[i].reads = i < k->readers;
        begin(r, &r->lane[i]);
    }
    while (r->ended < k->nr)
        poll_once(r);
    d->wall_us = (wall_s() - wall) * 1e6 / k->nr;
    d->cpu_us = (cpu_s() - cpu) * 1e6 / k->nr;
    d->aborts = (double)r->aborts / k->nr;
    d->reads = (double)r->reads / k->nr;
    for (uint32_t i = 0; i < k->readers; i++)
        while (r->lane[i].step != ENDED)
            poll_once(r);
    for (uint32_t i = 0; i < k->lanes; i++)
        daos_event_fini(&r->lane[i].ev);
    free(r);
}

uint32_t *keys_draw(double theta, uint32_t nr)
{
    uint32_t *keys = malloc((nr + LANES_MAX * WRITES_MAX) * sizeof(*keys));
    double *upto = malloc(KEYS * sizeof(*upto)), sum = 0;
    uint64_t seed = 7;

    for (uint32_t i = 0; i < KEYS; i++)
        upto[i] = sum += pow(1.0 / (i + 1), theta);
    for (uint32_t i = 0; i < nr + LANES_MAX * WRITES_MAX; i++) {
        double x = (double)(draw(&seed) >> 11) * 0x1p-53 * sum;
        uint32_t lo = 0, hi = KEYS - 1;

        while (lo < hi) {
            uint32_t mid = (lo + hi) / 2;

            if (upto[mid] < x)
                lo = mid + 1;
            else
                hi = mid;
        }
        keys[i] = lo;
    }
    free(upto);
    return keys;
}

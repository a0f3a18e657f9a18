/* The shard's life, and the requests that all rows are made of. */
#include <stdlib.h>
#include <string.h>

#include "tarn.h"

#define WAL_BYTES  (128ull << 20) /* these three as the engine formats a pool */
#define META_BYTES (32ull << 20)
#define DATA_BYTES (16ull << 20)

static const uuid_t CONT = {'s', 't', 'o', 'r', 'e'};

static __attribute__((cold, noinline)) void failed(int rc, const char *what)
{
    char text[600] = "";
    struct err e = {.rc = rc};

    err_format(&e, text, sizeof(text));
    die(what, text, "look at the room in --dir and --disk");
}

void tarn_check(int rc, const char *what)
{
    if (rc != 0)
        failed(rc, what);
}

/* ---- On the xstream ---- */

struct job {
    struct store *s;
    void (*fn)(struct store *s, void *arg);
    void *arg;
    struct rt_event done;
};

static void job_fiber(void *arg)
{
    struct job *j = arg;

    j->fn(j->s, j->arg);
    rt_event_set(&j->done);
}

void tarn_run(struct store *s, void (*fn)(struct store *s, void *arg), void *arg)
{
    struct job j = {s, fn, arg, RT_EVENT_INIT};

    tarn_check(rt_spawn_on(s->eng.shard->xs, job_fiber, &j), "tarn: fiber");
    rt_event_wait(&j.done);
}

/* ---- Opening and closing ---- */

struct opening {
    const char *path;
    uint64_t mem_limit;
    bool made;
};

static int format_run(struct shard *sh, void *arg)
{
    (void)arg;
    return vos_format(sh->heap);
}

static int open_run(struct shard *sh, void *arg)
{
    struct store *s = arg;
    int rc = sh->vos == NULL ? vos_open(sh->heap, sh->clock, engine_wall_ns(sh->eng), &sh->vos) : 0;

    return rc != 0 ? rc : vos_cont_open(sh->vos, CONT, true, &s->c);
}

static void device(struct store *s, struct opening *o)
{
    struct super_id id = {.page_size = HEAP_PAGE_SIZE, .roles = (1u << SUPER_ROLE_NR) - 1};
    uint64_t size[SUPER_ROLE_NR] = {
        [SUPER_WAL] = WAL_BYTES, [SUPER_META] = META_BYTES, [SUPER_DATA] = DATA_BYTES};
    struct shard *sh = s->eng.shard;
    struct device *d = &sh->devs.d[0];
    int rc = io_dir_open_dev(s->dir, sh->xs, ENGINE_DEVICE, false, &d->dev, NULL);

    o->made = rc == -DER_NONEXIST;
    if (!o->made) {
        tarn_check(rc, "tarn: open the device");
        tarn_check(super_open(d->dev, &d->super, NULL), "tarn: superblock");
        return;
    }
    tarn_check(io_dir_create_dev(s->dir, sh->xs, ENGINE_DEVICE, SUPER_AREA, &d->dev, NULL),
               "tarn: make the device");
    tarn_check(super_format(d->dev, &id, size, 0, 0, 0, false, &d->super, NULL),
               "tarn: format the device");
    tarn_check(io_dir_sync(s->dir), "tarn: directory");
}

static void open_fiber(struct store *s, void *arg)
{
    struct opening *o = arg;
    struct shard *sh = s->eng.shard;
    struct heap_conf hc = {.xs = sh->xs, .mem_limit = o->mem_limit};

    device(s, o);
    sh->devs.nr = 1;
    for (uint32_t r = 0; r < SUPER_ROLE_NR; r++)
        hc.dev[r] = sh->devs.role[r] = sh->devs.d[0].super;
    if (o->made)
        tarn_check(heap_format(&hc, NULL), "tarn: format the heap");
    tarn_check(heap_open(&hc, &sh->heap, NULL), "tarn: open the heap");
    if (o->made)
        tarn_check(shard_run(sh, format_run, NULL), "tarn: format the store");
    tarn_check(shard_run(sh, open_run, s), "tarn: open the store");
    s->txid.session_hlc = hlc_get(sh->clock, engine_wall_ns(&s->eng));
    s->txid.session_rand = rt_random();
}

struct store *tarn_open_at(const char *path, uint64_t mem_limit)
{
    struct rt_xs_conf xc = {.cpu = -1, .name = "store-bench", .spin_us = rt_default_spin_us()};
    struct store *s = calloc(1, sizeof(*s));
    struct opening o = {.path = path, .mem_limit = mem_limit};

    if (s == NULL)
        die("tarn", "out of memory", "ask for fewer --pairs");
    s->eng.world = rt_world_real();
    s->eng.shard = &s->shard;
    s->eng.shard_nr = 1;
    s->shard.eng = &s->eng;
    s->shard.clock = &s->eng.clock;
    tarn_check(path != NULL ? io_dir_open(path, false, &s->dir, NULL) : io_dir_open_mem(&s->dir),
               "tarn: directory");
    tarn_check(rt_xs_create(&xc, &s->shard.xs), "tarn: xstream");
    s->eng.conf.dir = s->dir;
    tarn_run(s, open_fiber, &o);
    return s;
}

static void close_fiber(struct store *s, void *arg)
{
    struct shard *sh = s->eng.shard;

    (void)arg;
    vos_close(sh->vos);
    tarn_check(heap_close(sh->heap, false), "tarn: close the heap");
    devices_close(&sh->devs);
    data_io_fini(sh);
}

void tarn_close(struct store *s)
{
    tarn_run(s, close_fiber, NULL);
    rt_xs_destroy(s->eng.shard->xs);
    io_dir_close(s->dir);
    free(s);
}

/* ---- Changes ---- */

struct change {
    struct store *s;
    const struct vos_op *ops;
    uint32_t nr, place_nr;
    struct vos_update *u;
    const struct vos_place *places;
    bool written;
    struct vos_txid txid;
    uint64_t lsn;
};

/* Begins, and publishes unless values have to be written first: one hold of the lock, as the
 * engine's inline form, which also copies values of moderate size to data space in memory. */
static int change_run(struct shard *sh, void *arg)
{
    struct change *ch = arg;
    daos_epoch_t epoch;
    bool replayed;
    int rc = 0;

    if (ch->u == NULL)
        rc = vos_update_begin(ch->s->c, ch->ops, ch->nr, &ch->u, &ch->places, &ch->place_nr);
    if (rc == 0 && ch->place_nr > 0 && !ch->written &&
        data_mem_places(sh, ch->places, ch->place_nr, DATA_AT_ONCE)) {
        data_mem_write(sh, ch->ops, ch->places, ch->place_nr, false);
        ch->written = true;
    }
    if (rc != 0 || (ch->place_nr > 0 && !ch->written))
        return rc;
    rc = vos_update_publish(ch->u, engine_wall_ns(sh->eng), &ch->txid, 0, &epoch, &ch->lsn,
                            &replayed);
    if (!shard_again(rc))
        ch->u = NULL;
    return rc;
}

/* Everything below the oldest change in flight has been answered. */
static uint64_t acked(const struct store *s)
{
    uint64_t oldest = s->txid.seq + 1;

    for (uint32_t i = 0; i < BATCH; i++)
        if (s->flying[i] != 0 && s->flying[i] < oldest)
            oldest = s->flying[i];
    return oldest - 1;
}

static int values_write(struct shard *sh, struct change *ch)
{
    if (!data_mem_places(sh, ch->places, ch->place_nr, UINT64_MAX))
        return data_write(sh, ch->ops, ch->places, ch->place_nr);
    data_mem_write(sh, ch->ops, ch->places, ch->place_nr, true);
    return 0;
}

void tarn_apply(struct store *s, const struct vos_op *ops, uint32_t nr, uint32_t slot,
                uint64_t *lsn)
{
    struct change ch = {.s = s, .ops = ops, .nr = nr};
    struct shard *sh = s->eng.shard;
    int rc;

    /* slot 0 alone is in flight unless somebody waits for durability */
    s->txid.acked = lsn != NULL ? acked(s) : s->txid.seq;
    s->txid.seq++;
    s->flying[slot] = s->txid.seq;
    ch.txid = s->txid;
    rc = shard_run(sh, change_run, &ch);
    if (rc == 0 && ch.place_nr > 0 && !ch.written) {
        rc = values_write(sh, &ch);
        ch.written = true;
        if (rc == 0)
            rc = shard_run(sh, change_run, &ch);
    }
    tarn_check(rc, "tarn: update");
    if (lsn != NULL) {
        tarn_check(heap_wait_durable(sh->heap, ch.lsn), "tarn: log");
        *lsn = ch.lsn;
    }
    s->flying[slot] = 0;
}

static int reclaim_run(struct shard *sh, void *arg)
{
    return vos_reclaim(sh->vos, arg);
}

static int due_run(struct shard *sh, void *arg)
{
    *(bool *)arg = vos_reclaim_due(sh->vos);
    return 0;
}

void tarn_turn(struct store *s)
{
    bool more = false;

    shard_run(s->eng.shard, due_run, &more);
    while (more) {
        tarn_check(shard_run(s->eng.shard, reclaim_run, &more), "tarn: reclaim");
        rt_yield();
    }
    rt_yield();
}

/* ---- Reads ---- */

struct look {
    struct store *s;
    daos_obj_id_t oid;
    const struct vos_key *dkey;
    struct vos_fetch_iod *iod;
    struct vos_fetch f;
    bool whole; /* nothing is left to read */
};

static int fetch_run(struct shard *sh, void *arg)
{
    struct look *l = arg;
    uint64_t max = DATA_AT_ONCE;
    int rc = vos_fetch(l->s->c, shard_read_at(sh, 0), 0, l->oid, l->dkey, 1, l->iod, &l->f);

    if (rc == 0)
        vos_fetch_copy(&l->f, l->iod);
    l->whole = rc == 0 && data_mem_pieces(sh, l->f.pieces, l->f.piece_nr, &max);
    return l->whole ? data_mem_read(sh, l->iod, l->f.pieces, l->f.piece_nr, false) : rc;
}

static int pieces_read(struct shard *sh, struct look *l)
{
    struct data_want want[SPACE_SPLIT_MAX];
    uint64_t max = UINT64_MAX;
    uint32_t n = 0;

    if (data_mem_pieces(sh, l->f.pieces, l->f.piece_nr, &max))
        return data_mem_read(sh, l->iod, l->f.pieces, l->f.piece_nr, true);
    for (; n < l->f.piece_nr && n < SPACE_SPLIT_MAX; n++)
        want[n] = (struct data_want){.iod = l->iod, .piece = &l->f.pieces[n]};
    if (n != l->f.piece_nr)
        die("tarn: fetch", "a value is in too many pieces", "this is a defect of the benchmark");
    return data_read(sh, want, n);
}

void tarn_fetch(struct store *s, daos_obj_id_t oid, const struct vos_key *dkey,
                struct vos_fetch_iod *iod)
{
    struct look l = {.s = s, .oid = oid, .dkey = dkey, .iod = iod};

    tarn_check(shard_run(s->eng.shard, fetch_run, &l), "tarn: fetch");
    if (!l.whole)
        tarn_check(pieces_read(s->eng.shard, &l), "tarn: read of data extents");
    vos_fetch_fini(s->c, &l.f);
}

struct figures {
    struct heap_stat *hs;
    struct vos_stat *vs;
};

static int stat_run(struct shard *sh, void *arg)
{
    struct figures *f = arg;

    heap_stat(sh->heap, f->hs);
    vos_stat(sh->vos, f->vs);
    return 0;
}

void tarn_stat(struct store *s, struct heap_stat *hs, struct vos_stat *vs)
{
    struct figures f = {hs, vs};

    shard_run(s->eng.shard, stat_run, &f);
}

/* Handles of the simulated hardware: struct io_dir and struct io_dev with its requests. */
#include "sim_int.h"
#include "io/backend.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/hash.h"
#include "daos_errno.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOISE_MAX (UINT64_C(4) << 20)

#define TAG_ARG_SHIFT 8

struct sim_handle {
    struct io_dir dir;
    struct sim_dir *sd;
    uint64_t generation;
    bool has_lock;
};

struct sim_dev {
    struct io_dev dev;
    struct sim_dir *sd;
    struct sim_file *file;
    uint64_t generation;
    struct list waiting; /* requests without latency, in order of submission; the pump ends them */
    struct list timed;   /* requests with latency, the earliest first; the timer ends them */
    struct rt_call pump;
    struct rt_timer timer;
    bool pump_posted;
};
_Static_assert(sizeof(struct sim_io) <= IO_PRIV_WORDS * 8, "priv");

struct io_req *sim_io_req(struct sim_io *io)
{
    return CONTAINER_OF((uint64_t *)(void *)io, struct io_req, priv[IO_PRIV_DEV]);
}

static struct sim_dev *req_dev(struct io_req *req)
{
    return CONTAINER_OF(io_req_head(req)->dev, struct sim_dev, dev);
}

struct sim_file *sim_io_file(struct io_req *req)
{
    return req_dev(req)->file;
}

/* ---- Completion ---- */

static bool tag_fault(const struct sim_io *io, enum sim_fault *fault, uint64_t *arg)
{
    *fault = (enum sim_fault)((io->tag & 0xff) - 1);
    *arg = io->tag >> TAG_ARG_SHIFT;
    return io->tag != 0;
}

static void flip_iov(struct iovec *iov, uint32_t iov_nr, uint64_t bit)
{
    uint64_t len = 0;

    for (uint32_t i = 0; i < iov_nr; i++)
        len += iov[i].iov_len;
    bit %= len * 8;
    for (uint32_t i = 0; i < iov_nr; i++) {
        if (bit / 8 < iov[i].iov_len) {
            ((uint8_t *)iov[i].iov_base)[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            return;
        }
        bit -= iov[i].iov_len * 8;
    }
}

/* What of a request takes effect at once: all of it, or a piece when it comes back short. */
struct bytes {
    uint64_t off;
    struct iovec *iov;
    uint32_t iov_nr;
    uint64_t len;
    struct iovec piece;
};

static int effect_read(struct sim_dev *sdev, const struct bytes *b, bool faulty,
                       enum sim_fault fault, uint64_t arg)
{
    uint64_t off = b->off;
    int rc = faulty && fault == SIM_FAULT_FAIL ? -DER_IO : 0;

    for (uint32_t i = 0; i < b->iov_nr && rc == 0; i++) {
        rc = sim_media_read(&sdev->file->media, off, b->iov[i].iov_base, b->iov[i].iov_len);
        off += b->iov[i].iov_len;
    }
    if (rc == 0 && faulty)
        flip_iov(b->iov, b->iov_nr, arg);
    return rc;
}

/* The medium gets a copy with one bit flipped; the caller's buffer is not ours to change. */
static void write_corrupt(struct sim_dev *sdev, const struct sim_write *w, bool durable,
                          uint64_t bit)
{
    struct iovec copy = {0};
    struct sim_write wrong = *w;
    size_t at = 0;

    for (uint32_t i = 0; i < w->iov_nr; i++)
        copy.iov_len += w->iov[i].iov_len;
    copy.iov_base = malloc(copy.iov_len);
    ASSERT(copy.iov_base);
    for (uint32_t i = 0; i < w->iov_nr; i++) {
        memcpy((char *)copy.iov_base + at, w->iov[i].iov_base, w->iov[i].iov_len);
        at += w->iov[i].iov_len;
    }
    flip_iov(&copy, 1, bit);
    wrong.iov = &copy;
    wrong.iov_nr = 1;
    sim_media_write(&sdev->file->media, &wrong, durable, sdev->sd->conf.cache_max_bytes);
    free(copy.iov_base);
}

static int effect_write(struct sim_dev *sdev, const struct bytes *b, bool durable, bool faulty,
                        enum sim_fault fault, uint64_t arg)
{
    struct sim_dir *sd = sdev->sd;
    struct sim_media *m = &sdev->file->media;
    struct sim_write w = {.seq = ++sd->seq, .off = b->off, .iov = b->iov, .iov_nr = b->iov_nr};

    if (!faulty) {
        sim_media_write(m, &w, durable, sd->conf.cache_max_bytes);
        sim_scar_written(sdev->file, &w, durable);
        return 0;
    }
    switch (fault) {
    case SIM_FAULT_FAIL:
        sim_media_write_torn(m, &w, &sd->rng);
        return -DER_IO;
    case SIM_FAULT_LOSE:
        return 0;
    case SIM_FAULT_MISDIRECT:
        if (!sim_scar_misdirect(sdev->file, &w, arg))
            return 0;
        w.off = arg;
        sim_media_write(m, &w, durable, sd->conf.cache_max_bytes);
        return 0;
    case SIM_FAULT_CORRUPT:
        write_corrupt(sdev, &w, durable, arg);
        return 0;
    case SIM_FAULT_POWER:
        break;
    }
    return 0;
}

static int effect_flush(struct sim_dev *sdev, uint64_t seq, bool faulty)
{
    if (faulty) {
        sim_media_drop(&sdev->file->media, seq, &sdev->sd->rng);
        sim_scar_dropped(sdev->file, seq);
        return -DER_IO;
    }
    sim_media_flush(&sdev->file->media, seq);
    sim_scar_flushed(sdev->file, seq);
    return 0;
}

/* Whole sectors, of one iovec, when it comes back short or goes on after that. */
static void take_bytes(struct sim_dir *sd, struct io_req *req, uint64_t moved, bool faulty,
                       struct bytes *b)
{
    uint32_t ppm = sd->conf.short_ppm;
    bool cut_short = ppm > 0 && !faulty && sim_rng_below(&sd->rng, 1000000) < ppm;

    *b = (struct bytes){
        .off = req->off, .iov = req->iov, .iov_nr = req->iov_nr, .len = io_req_len(req)};
    if (moved == 0 && !cut_short)
        return;
    b->off += moved;
    b->piece = io_req_piece(req, moved);
    b->iov = &b->piece;
    b->iov_nr = 1;
    if (cut_short)
        b->piece.iov_len =
            SIM_SECTOR * (1 + sim_rng_below(&sd->rng, b->piece.iov_len / SIM_SECTOR));
    b->len = b->piece.iov_len;
    sd->stat.shorts += moved + b->len < io_req_len(req);
}

static int transfer(struct sim_dev *sdev, struct sim_io *io, struct bytes *b)
{
    struct io_req *req = sim_io_req(io);
    enum sim_fault fault;
    uint64_t arg;
    bool faulty = tag_fault(io, &fault, &arg);

    take_bytes(sdev->sd, req, io->moved, faulty, b);
    return req->op == IO_READ ? effect_read(sdev, b, faulty, fault, arg)
                              : effect_write(sdev, b, req->flags & IO_DURABLE, faulty, fault, arg);
}

static uint64_t draw_delay(struct sim_dir *sd)
{
    const struct sim_dir_conf *c = &sd->conf;

    if (c->spike_ppm > 0 && sim_rng_below(&sd->rng, 1000000) < c->spike_ppm)
        return sim_rng_below(&sd->rng, c->spike_max_ns);
    if (c->latency_max_ns == 0)
        return 0;
    return c->latency_min_ns + sim_rng_below(&sd->rng, c->latency_max_ns - c->latency_min_ns + 1);
}

static void schedule(struct sim_dev *sdev, struct sim_io *io, uint64_t delay_ns);

/* The request takes effect, unless its handle died meanwhile. */
static void fire(struct sim_io *io)
{
    struct io_req *req = sim_io_req(io);
    struct sim_dev *sdev = req_dev(req);
    struct sim_dir *sd = sdev->sd;
    struct bytes b = {0};
    enum sim_fault fault;
    uint64_t delay_ns = 0, arg;
    int rc = -DER_IO;

    pthread_mutex_lock(&sd->mutex);
    if (sdev->generation == sd->generation && tag_fault(io, &fault, &arg) &&
        fault == SIM_FAULT_POWER)
        sim_cut_locked(sd); /* it is still in flight: undecided */
    list_del(&io->link);
    if (sdev->generation == sd->generation) {
        rc = req->op == IO_FLUSH ? effect_flush(sdev, io->seq, io->tag != 0)
                                 : transfer(sdev, io, &b);
        if (rc == 0 && io->moved + b.len < io_req_len(req)) {
            delay_ns = draw_delay(sd);
            list_add_tail(&sd->inflight, &io->link); /* what is left of it still is */
        }
    }
    pthread_mutex_unlock(&sd->mutex);
    if (rc != 0 || req->op == IO_FLUSH)
        io_complete(req, rc);
    else if (io_req_moved(req, &io->moved, b.len))
        schedule(sdev, io, delay_ns);
}

static struct sim_io *first_timed(struct sim_dev *sdev)
{
    struct list *it = list_first(&sdev->timed);

    return it ? LIST_ENTRY(it, struct sim_io, wait) : NULL;
}

static void timer_arm(struct sim_dev *sdev)
{
    struct sim_io *first = first_timed(sdev);

    if (first)
        rt_timer_arm(&sdev->timer, first->due_ns);
    else
        rt_timer_cancel(&sdev->timer);
}

static void fire_timed(struct rt_timer *t)
{
    struct sim_dev *sdev = CONTAINER_OF(t, struct sim_dev, timer);
    struct sim_io *io = first_timed(sdev);

    ASSERT(io);
    list_del(&io->wait);
    timer_arm(sdev); /* before the last touch: its done() may be the end of the device */
    fire(io);
}

static void pump_post(struct sim_dev *sdev)
{
    if (sdev->pump_posted || list_empty(&sdev->waiting))
        return;
    sdev->pump_posted = true;
    rt_post(sdev->dev.xs, &sdev->pump);
}

static struct sim_io *waiting_take(struct sim_dev *sdev, uint32_t nth)
{
    struct list *it = sdev->waiting.next;

    while (nth-- > 0)
        it = it->next;
    list_del(it);
    return LIST_ENTRY(it, struct sim_io, wait);
}

/* One turn: everything that waited at its beginning, in order; or one drawn request. */
static void pump(struct rt_call *call)
{
    struct sim_dev *sdev = CONTAINER_OF(call, struct sim_dev, pump);
    uint32_t nr = 0, nth = 0;
    struct sim_io *io;
    struct list *it;

    sdev->pump_posted = false;
    LIST_FOREACH(it, &sdev->waiting)
    nr++;
    ASSERT(nr > 0);
    if (sdev->sd->conf.reorder) {
        pthread_mutex_lock(&sdev->sd->mutex);
        nth = (uint32_t)sim_rng_below(&sdev->sd->rng, nr);
        pthread_mutex_unlock(&sdev->sd->mutex);
        nr = 1;
    }
    while (nr-- > 0) {
        io = waiting_take(sdev, nth);
        if (nr == 0)
            pump_post(sdev); /* before the last touch: its done() may be the end of the device */
        fire(io);
    }
}

static void schedule(struct sim_dev *sdev, struct sim_io *io, uint64_t delay_ns)
{
    struct list *it;

    if (delay_ns == 0) {
        list_add_tail(&sdev->waiting, &io->wait);
        pump_post(sdev);
        return;
    }
    io->due_ns = rt_now_ns() + delay_ns;
    LIST_FOREACH(it, &sdev->timed)
    {
        if (LIST_ENTRY(it, struct sim_io, wait)->due_ns > io->due_ns)
            break;
    }
    list_add_tail(it, &io->wait);
    timer_arm(sdev);
}

/* ---- Devices ---- */

static void sim_submit(struct io_dev *dev, struct io_req *req)
{
    struct sim_dev *sdev = CONTAINER_OF(dev, struct sim_dev, dev);
    struct sim_dir *sd = sdev->sd;
    struct sim_io *io = io_req_priv(req);
    enum sim_fault fault;
    uint64_t arg, delay_ns = 0;
    bool cut = false;

    *io = (struct sim_io){0};
    list_init(&io->link);
    list_init(&io->wait);
    pthread_mutex_lock(&sd->mutex);
    if (sdev->generation == sd->generation) {
        if (req->op == IO_READ) {
            sd->stat.reads++;
            sd->stat.read_bytes += io_req_len(req);
        } else if (req->op == IO_WRITE) {
            sd->stat.writes++;
            sd->stat.durable_writes += (req->flags & IO_DURABLE) != 0;
            sd->stat.write_bytes += io_req_len(req);
            sim_trace(sd, SIM_STEP_WRITE, sdev->file->name, req->off, req->iov, req->iov_nr);
        } else {
            sd->stat.flushes++;
            io->seq = sd->seq;
            sim_trace(sd, SIM_STEP_FLUSH, sdev->file->name, 0, NULL, 0);
        }
        delay_ns = draw_delay(sd);
        if (sim_fault_draw(sd, sdev->file->name, req->op, &fault, &arg)) {
            io->tag = (arg << TAG_ARG_SHIFT) | ((uint64_t)fault + 1);
            delay_ns = fault == SIM_FAULT_POWER ? arg : delay_ns;
        }
        list_add_tail(&sd->inflight, &io->link);
        cut = req->op != IO_READ && sim_step(sd);
        if (cut)
            sim_cut_locked(sd);
    }
    pthread_mutex_unlock(&sd->mutex);
    schedule(sdev, io, delay_ns);
}

static uint64_t bytes_used(const struct sim_dir *sd)
{
    uint64_t used = 0;
    struct list *it;

    LIST_FOREACH(it, &sd->files)
    used += LIST_ENTRY(it, struct sim_file, link)->media.size;
    return used;
}

static bool no_room(const struct sim_dir *sd, uint64_t more)
{
    return sd->conf.capacity_bytes > 0 && bytes_used(sd) + more > sd->conf.capacity_bytes;
}

static int sim_grow(struct io_dev *dev, uint64_t size)
{
    struct sim_dev *sdev = CONTAINER_OF(dev, struct sim_dev, dev);
    struct sim_dir *sd = sdev->sd;
    struct sim_media *m = &sdev->file->media;
    int rc = 0;

    pthread_mutex_lock(&sd->mutex);
    if (sdev->generation != sd->generation) {
        rc = -DER_IO;
    } else if (size > m->size && no_room(sd, size - m->size)) {
        rc = -DER_NOSPACE;
    } else {
        sd->stat.grows++;
        sim_trace(sd, SIM_STEP_GROW, sdev->file->name, size, NULL, 0);
        if (sim_step(sd)) {
            rc = -DER_IO;
            sim_cut_locked(sd);
        }
        if (size > m->size && (rc == 0 || sim_rng_below(&sd->rng, 2)))
            sim_media_resize(m, size);
    }
    pthread_mutex_unlock(&sd->mutex);
    return rc;
}

static void sim_dev_close(struct io_dev *dev)
{
    struct sim_dev *sdev = CONTAINER_OF(dev, struct sim_dev, dev);
    struct sim_dir *sd = sdev->sd;

    ASSERT(!sdev->pump_posted);
    pthread_mutex_lock(&sd->mutex);
    sdev->file->refs--;
    sim_file_gc(sd, sdev->file);
    pthread_mutex_unlock(&sd->mutex);
    free(sdev);
}

static void *sim_memory(struct io_dev *dev, uint64_t off, uint64_t len)
{
    struct sim_dev *sdev = CONTAINER_OF(dev, struct sim_dev, dev);

    (void)len;
    return sdev->sd->conf.memory ? sdev->file->media.view.flat + off : NULL;
}

static const struct io_dev_ops sim_dev_ops = {
    .submit = sim_submit,
    .grow = sim_grow,
    .close = sim_dev_close,
    .memory = sim_memory,
};

static struct io_dev *dev_make(struct sim_handle *h, struct rt_xs *xs, struct sim_file *f,
                               bool readonly)
{
    struct sim_dev *sdev = calloc(1, sizeof(*sdev));

    ASSERT(sdev);
    sdev->dev = (struct io_dev){.ops = &sim_dev_ops,
                                .xs = xs,
                                .size = f->media.size,
                                .readonly = readonly,
                                .fixed = h->sd->conf.fixed_bytes != 0,
                                .name = f->name};
    sdev->sd = h->sd;
    sdev->file = f;
    sdev->generation = h->generation;
    sdev->pump.fn = pump;
    sdev->timer.fn = fire_timed;
    list_init(&sdev->waiting);
    list_init(&sdev->timed);
    f->refs++;
    return &sdev->dev;
}

/* ---- The directory ---- */

static bool dead(const struct sim_handle *h)
{
    return h->generation != h->sd->generation;
}

/* A step of the directory; -DER_IO: the handle is dead, or dies at this step (*cut). */
static int dir_step(struct sim_handle *h, enum sim_step step, const char *name, bool *cut)
{
    *cut = false;
    if (dead(h))
        return -DER_IO;
    sim_trace(h->sd, step, name, 0, NULL, 0);
    *cut = sim_step(h->sd);
    if (*cut)
        sim_cut_locked(h->sd);
    return *cut ? -DER_IO : 0;
}

static int no_power(struct err *e, const char *what, const char *name)
{
    return err_setf(e, -DER_IO, "turn the power on", "the simulated power is off", "cannot %s %s",
                    what, name);
}

static void file_add(struct sim_dir *sd, const char *name, uint64_t size)
{
    struct sim_file *f = calloc(1, sizeof(*f));
    struct list *it;

    ASSERT(f);
    f->name = strdup(name);
    ASSERT(f->name);
    f->present = true;
    list_init(&f->scars);
    sim_media_init(&f->media, size, sd->conf.memory);
    f->media.tear_words = sd->conf.tear_words;
    LIST_FOREACH(it, &sd->files)
    {
        if (strcmp(LIST_ENTRY(it, struct sim_file, link)->name, name) > 0)
            break;
    }
    list_add_tail(it, &f->link);
}

/* What was on a block device before: where it matters, near its beginning. */
static void fill_with_noise(struct sim_dir *sd, struct sim_file *f)
{
    uint64_t word[SIM_SECTOR / sizeof(uint64_t)], nr = MIN(f->media.size, NOISE_MAX) / SIM_SECTOR;
    struct iovec iov = {word, sizeof(word)};

    for (uint64_t i = 0; i < nr; i++) {
        for (size_t k = 0; k < ARRAY_LEN(word); k++)
            word[k] = mix64(sd->conf.seed ^ (i * ARRAY_LEN(word) + k));
        sim_media_poke(&f->media, i * SIM_SECTOR, iov.iov_base, iov.iov_len);
    }
}

static int sim_create(struct io_dir *dir, struct rt_xs *xs, const char *name, uint64_t size,
                      struct io_dev **dev, struct err *e)
{
    struct sim_handle *h = CONTAINER_OF(dir, struct sim_handle, dir);
    struct sim_dir *sd = h->sd;
    bool cut = false;
    int rc = 0;

    if (sd->conf.fixed_bytes != 0)
        size = sd->conf.fixed_bytes;
    pthread_mutex_lock(&sd->mutex);
    if (!dead(h) && sim_file_find(sd, name)) {
        rc = err_setf(e, -DER_EXIST, "choose another name or remove it first",
                      "a device of that name is there already", "cannot create device %s", name);
    } else if (!dead(h) && no_room(sd, size)) {
        rc = err_setf(e, -DER_NOSPACE, "free space or make it smaller",
                      "the simulated disk is full", "cannot create device %s", name);
    } else {
        rc = dir_step(h, SIM_STEP_CREATE, name, &cut);
        if (rc == 0 || cut)
            file_add(sd, name, size);
        if (rc == 0 && sd->conf.fixed_bytes != 0)
            fill_with_noise(sd, sim_file_find(sd, name));
        if (rc != 0)
            no_power(e, "create device", name);
    }
    if (rc == 0) {
        sd->stat.creates++;
        *dev = dev_make(h, xs, sim_file_find(sd, name), false);
    }
    pthread_mutex_unlock(&sd->mutex);
    return rc;
}

static int sim_open(struct io_dir *dir, struct rt_xs *xs, const char *name, bool readonly,
                    struct io_dev **dev, struct err *e)
{
    struct sim_handle *h = CONTAINER_OF(dir, struct sim_handle, dir);
    struct sim_file *f;
    int rc = 0;

    pthread_mutex_lock(&h->sd->mutex);
    f = sim_file_find(h->sd, name);
    if (dead(h))
        rc = no_power(e, "open device", name);
    else if (!f)
        rc = err_setf(e, -DER_NONEXIST, "check the name", "there is no device of that name",
                      "cannot open device %s", name);
    else
        *dev = dev_make(h, xs, f, readonly);
    pthread_mutex_unlock(&h->sd->mutex);
    return rc;
}

static int sim_remove(struct io_dir *dir, const char *name, struct err *e)
{
    struct sim_handle *h = CONTAINER_OF(dir, struct sim_handle, dir);
    struct sim_dir *sd = h->sd;
    struct sim_file *f;
    bool cut = false;
    int rc;

    pthread_mutex_lock(&sd->mutex);
    f = sim_file_find(sd, name);
    if (!dead(h) && !f) {
        rc = err_setf(e, -DER_NONEXIST, "check the name", "there is no device of that name",
                      "cannot remove device %s", name);
    } else {
        rc = dir_step(h, SIM_STEP_REMOVE, name, &cut);
        if (rc != 0)
            no_power(e, "remove device", name);
        if (rc == 0 || cut) {
            sd->stat.removes++;
            f->present = false;
            if (sd->powered)
                sim_file_gc(sd, f);
        }
    }
    pthread_mutex_unlock(&sd->mutex);
    return rc;
}

static int sim_list(struct io_dir *dir, int (*each)(const char *name, void *arg), void *arg)
{
    struct sim_handle *h = CONTAINER_OF(dir, struct sim_handle, dir);
    struct list *it, *tmp;
    int rc = dead(h) ? -DER_IO : 0;

    LIST_FOREACH_SAFE(it, tmp, &h->sd->files)
    { /* each() may remove the file it is given */
        struct sim_file *f = LIST_ENTRY(it, struct sim_file, link);

        if (rc != 0)
            break;
        if (f->present)
            rc = each(f->name, arg);
    }
    return rc;
}

static int sim_sync(struct io_dir *dir)
{
    struct sim_handle *h = CONTAINER_OF(dir, struct sim_handle, dir);
    struct list *it, *tmp;
    bool cut;
    int rc;

    pthread_mutex_lock(&h->sd->mutex);
    rc = dir_step(h, SIM_STEP_SYNC, "", &cut);
    if (rc == 0 || (cut && sim_rng_below(&h->sd->rng, 2))) {
        h->sd->stat.syncs++;
        LIST_FOREACH_SAFE(it, tmp, &h->sd->files)
        {
            struct sim_file *f = LIST_ENTRY(it, struct sim_file, link);

            f->synced = f->present;
            sim_file_gc(h->sd, f);
        }
    }
    pthread_mutex_unlock(&h->sd->mutex);
    return rc;
}

static int sim_lock(struct io_dir *dir, struct err *e)
{
    struct sim_handle *h = CONTAINER_OF(dir, struct sim_handle, dir);
    int rc = 0;

    pthread_mutex_lock(&h->sd->mutex);
    if (dead(h))
        rc = no_power(e, "lock", "the directory");
    else if (h->sd->locked)
        rc = err_set(e, -DER_BUSY, "cannot lock the simulated directory", "another handle has it",
                     "close the other handle first");
    else
        h->sd->locked = h->has_lock = true;
    pthread_mutex_unlock(&h->sd->mutex);
    return rc;
}

static void sim_close(struct io_dir *dir)
{
    struct sim_handle *h = CONTAINER_OF(dir, struct sim_handle, dir);

    pthread_mutex_lock(&h->sd->mutex);
    if (h->has_lock && !dead(h))
        h->sd->locked = false;
    h->sd->handles--;
    pthread_mutex_unlock(&h->sd->mutex);
    free(h);
}

static const struct io_dir_ops sim_dir_ops = {
    .create = sim_create,
    .open = sim_open,
    .remove = sim_remove,
    .list = sim_list,
    .sync = sim_sync,
    .lock = sim_lock,
    .close = sim_close,
};

int sim_dir_open(struct sim_dir *sd, struct io_dir **out)
{
    struct sim_handle *h;

    if (!sd->powered)
        return -DER_IO;
    h = calloc(1, sizeof(*h));
    ASSERT(h);
    h->dir = (struct io_dir){.ops = &sim_dir_ops, .path = "simulated"};
    h->sd = sd;
    h->generation = sd->generation;
    pthread_mutex_lock(&sd->mutex);
    sd->handles++;
    pthread_mutex_unlock(&sd->mutex);
    *out = &h->dir;
    return 0;
}

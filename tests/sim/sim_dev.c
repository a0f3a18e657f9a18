/* The hardware: files and their names, power, faults, and the eyes of the tests. */
#include "sim_int.h"
#include "base/assert.h"
#include "base/hash.h"
#include "daos_errno.h"
#include <stdlib.h>
#include <string.h>

#define CACHE_MAX_DEFAULT (64ull << 20)
#define PPM               1000000u

int sim_dir_create(const struct sim_dir_conf *conf, struct sim_dir **out)
{
    struct sim_dir *sd = calloc(1, sizeof(*sd));

    if (!sd)
        return -DER_NOMEM;
    sd->conf = *conf;
    if (sd->conf.cache_max_bytes == 0)
        sd->conf.cache_max_bytes = CACHE_MAX_DEFAULT;
    pthread_mutex_init(&sd->mutex, NULL);
    sim_rng_seed(&sd->rng, conf->seed);
    list_init(&sd->files);
    list_init(&sd->inflight);
    sd->powered = true;
    *out = sd;
    return 0;
}

static void file_free(struct sim_file *f)
{
    list_del(&f->link);
    sim_scar_forget(f);
    sim_media_fini(&f->media);
    free(f->name);
    free(f);
}

void sim_dir_destroy(struct sim_dir *sd)
{
    struct list *it;

    if (!sd)
        return;
    ASSERT(sd->handles == 0);
    while ((it = list_first(&sd->files))) {
        ASSERT(LIST_ENTRY(it, struct sim_file, link)->refs == 0);
        file_free(LIST_ENTRY(it, struct sim_file, link));
    }
    sim_dir_faults_clear(sd);
    pthread_mutex_destroy(&sd->mutex);
    free(sd);
}

struct sim_dir_conf *sim_dir_conf(struct sim_dir *sd)
{
    return &sd->conf;
}

struct sim_file *sim_file_find(struct sim_dir *sd, const char *name)
{
    struct list *it;

    LIST_FOREACH(it, &sd->files)
    {
        struct sim_file *f = LIST_ENTRY(it, struct sim_file, link);

        if (f->present && strcmp(f->name, name) == 0)
            return f;
    }
    return NULL;
}

void sim_file_gc(struct sim_dir *sd, struct sim_file *f)
{
    if (!f->present && !f->synced && f->refs == 0)
        file_free(f);
}

/* ---- Power ---- */

bool sim_step(struct sim_dir *sd)
{
    if (sd->on_step != NULL) {
        sd->in_step = true;
        sd->on_step(sd, sd->on_step_arg);
        sd->in_step = false;
    }
    return ++sd->stat.steps == sd->cut_step;
}

/* Writes in flight join the cache, undecided. Their requests find the generation changed and fail.
 */
void sim_cut_locked(struct sim_dir *sd)
{
    struct list *it;

    if (!sd->powered)
        return;
    sd->powered = false;
    sd->generation++;
    sd->locked = false;
    sd->cut_step = 0;
    LIST_FOREACH(it, &sd->inflight)
    {
        struct io_req *req = sim_io_req(LIST_ENTRY(it, struct sim_io, link));
        struct sim_write w = {
            .seq = ++sd->seq, .off = req->off, .iov = req->iov, .iov_nr = req->iov_nr};

        if (req->op == IO_WRITE)
            sim_media_write_undecided(&sim_io_file(req)->media, &w);
    }
    /* All of them are dead now; a second cut must not take their bytes again. */
    while (list_pop(&sd->inflight))
        ;
    if (sd->conf.on_cut != NULL)
        sd->conf.on_cut(sd->conf.arg);
}

void sim_dir_power_cut_at(struct sim_dir *sd, uint64_t nth)
{
    pthread_mutex_lock(&sd->mutex);
    sd->cut_step = nth == 0 ? 0 : sd->stat.steps + nth;
    pthread_mutex_unlock(&sd->mutex);
}

void sim_dir_power_cut(struct sim_dir *sd)
{
    pthread_mutex_lock(&sd->mutex);
    sim_cut_locked(sd);
    pthread_mutex_unlock(&sd->mutex);
}

bool sim_dir_powered(const struct sim_dir *sd)
{
    return sd->powered;
}

static enum sim_cut cut_of(const struct sim_dir *sd)
{
    return sd->conf.memory ? SIM_CUT_KEEP_ALL : sd->conf.cut;
}

/* A name that was not synced in its present state is there or not, by a coin; of two files of one
 * name (removed and made again) at most one is. */
static void names_decide(struct sim_dir *sd)
{
    const char *taken = NULL;
    struct list *it, *tmp;

    LIST_FOREACH(it, &sd->files)
    {
        struct sim_file *f = LIST_ENTRY(it, struct sim_file, link);

        if (cut_of(sd) != SIM_CUT_KEEP_ALL && f->present != f->synced)
            f->present = cut_of(sd) == SIM_CUT_LOSE_ALL ? f->synced : sim_rng_below(&sd->rng, 2);
        if (taken && strcmp(taken, f->name) == 0)
            f->present = false;
        f->synced = f->present;
        if (f->present)
            taken = f->name;
    }
    LIST_FOREACH_SAFE(it, tmp, &sd->files)
    sim_file_gc(sd, LIST_ENTRY(it, struct sim_file, link));
}

void sim_dir_power_on(struct sim_dir *sd)
{
    struct list *it;

    pthread_mutex_lock(&sd->mutex);
    sim_cut_locked(sd);
    LIST_FOREACH(it, &sd->files)
    {
        struct sim_file *f = LIST_ENTRY(it, struct sim_file, link);

        sim_media_cut(&f->media, cut_of(sd), &sd->rng, &sd->stat);
        sim_scar_power_on(f, cut_of(sd) == SIM_CUT_KEEP_ALL);
    }
    names_decide(sd);
    sd->powered = true;
    pthread_mutex_unlock(&sd->mutex);
}

/* ---- Copies ---- */

void sim_dir_on_step(struct sim_dir *sd, void (*each)(struct sim_dir *sd, void *arg), void *arg)
{
    pthread_mutex_lock(&sd->mutex);
    sd->on_step = each;
    sd->on_step_arg = arg;
    pthread_mutex_unlock(&sd->mutex);
}

static struct sim_file *file_copy(const struct sim_file *from)
{
    struct sim_file *f = calloc(1, sizeof(*f));

    ASSERT(f);
    f->name = strdup(from->name);
    ASSERT(f->name);
    f->present = from->present;
    f->synced = from->synced;
    list_init(&f->scars);
    sim_media_copy(&f->media, &from->media);
    return f;
}

/* What is in flight to `from` may reach `to`. */
static void inflight_copy(struct sim_dir *sd, const struct sim_file *from, struct sim_file *to,
                          uint64_t *seq)
{
    struct list *it;

    LIST_FOREACH(it, &sd->inflight)
    {
        struct io_req *req = sim_io_req(LIST_ENTRY(it, struct sim_io, link));
        struct sim_write w = {.off = req->off, .iov = req->iov, .iov_nr = req->iov_nr};

        if (req->op != IO_WRITE || sim_io_file(req) != from)
            continue;
        w.seq = ++*seq;
        sim_media_write_undecided(&to->media, &w);
    }
}

int sim_dir_clone(struct sim_dir *sd, uint64_t seed, struct sim_dir **out)
{
    struct sim_dir_conf conf = sd->conf;
    struct sim_dir *to;
    struct list *it;
    int rc;

    conf.seed = seed;
    rc = sim_dir_create(&conf, &to);
    if (rc != 0)
        return rc;
    to->powered = false;
    to->generation = 1;
    if (!sd->in_step)
        pthread_mutex_lock(&sd->mutex);
    to->seq = sd->seq;
    LIST_FOREACH(it, &sd->files)
    {
        const struct sim_file *from = LIST_ENTRY(it, struct sim_file, link);
        struct sim_file *f = file_copy(from);

        list_add_tail(&to->files, &f->link);
        inflight_copy(sd, from, f, &to->seq);
    }
    if (!sd->in_step)
        pthread_mutex_unlock(&sd->mutex);
    *out = to;
    return 0;
}

/* ---- Faults ---- */

bool sim_dir_fault_at(struct sim_dir *sd, const char *name, enum io_op op, uint64_t nth,
                      enum sim_fault fault, uint64_t arg)
{
    uint32_t i = 0;
    bool room;

    ASSERT(nth > 0);
    ASSERT(fault == SIM_FAULT_FAIL || op == IO_WRITE ||
           (op == IO_READ && fault == SIM_FAULT_CORRUPT));
    pthread_mutex_lock(&sd->mutex);
    while (i < SIM_FAULTS_MAX && sd->armed[i].left > 0)
        i++;
    room = i < SIM_FAULTS_MAX;
    if (room) {
        free(sd->armed[i].name);
        sd->armed[i] = (struct sim_armed){
            .name = name ? strdup(name) : NULL, .op = op, .left = nth, .fault = fault, .arg = arg};
    }
    pthread_mutex_unlock(&sd->mutex);
    return room;
}

void sim_dir_faults_clear(struct sim_dir *sd)
{
    for (uint32_t i = 0; i < SIM_FAULTS_MAX; i++) {
        free(sd->armed[i].name);
        sd->armed[i] = (struct sim_armed){0};
    }
}

static uint32_t chance(const struct sim_dir_conf *conf, enum io_op op)
{
    return op == IO_READ    ? conf->read_fail_ppm
           : op == IO_WRITE ? conf->write_fail_ppm
                            : conf->flush_fail_ppm;
}

bool sim_fault_draw(struct sim_dir *sd, const char *name, enum io_op op, enum sim_fault *fault,
                    uint64_t *arg)
{
    uint32_t ppm = chance(&sd->conf, op);
    bool hit = false;

    for (uint32_t i = 0; i < SIM_FAULTS_MAX; i++) {
        struct sim_armed *a = &sd->armed[i];

        if (a->left == 0 || a->op != op || (a->name && strcmp(a->name, name) != 0))
            continue;
        if (--a->left == 0 && !hit) {
            *fault = a->fault;
            *arg = a->arg;
            hit = true;
        }
    }
    if (!hit && ppm > 0 && sim_rng_below(&sd->rng, PPM) < ppm) {
        *fault = SIM_FAULT_FAIL;
        *arg = 0;
        hit = true;
    }
    sd->stat.faults += hit;
    return hit;
}

/* Runs body on the named file under the mutex, with the range checked. */
static int with_range(struct sim_dir *sd, const char *name, uint64_t off, uint64_t len,
                      void (*body)(struct sim_file *f, uint64_t off, uint64_t len, void *arg),
                      void *arg)
{
    struct sim_file *f;
    int rc = 0;

    pthread_mutex_lock(&sd->mutex);
    f = sim_file_find(sd, name);
    if (!f)
        rc = -DER_NONEXIST;
    else if (off > f->media.size || len > f->media.size - off || len == 0)
        rc = -DER_INVAL;
    else
        body(f, off, len, arg);
    pthread_mutex_unlock(&sd->mutex);
    return rc;
}

static void flip_body(struct sim_file *f, uint64_t off, uint64_t len, void *arg)
{
    uint8_t mask = (uint8_t)(1u << (*(uint32_t *)arg % 8)), byte;
    struct chunks *layer[] = {&f->media.durable, &f->media.view};

    (void)len;
    for (size_t i = 0; i < ARRAY_LEN(layer); i++) {
        chunks_read(layer[i], off, &byte, 1);
        byte ^= mask;
        (void)chunks_write(layer[i], off, &byte, 1);
    }
}

int sim_dev_flip(struct sim_dir *sd, const char *name, uint64_t off, uint32_t bit)
{
    return with_range(sd, name, off, 1, flip_body, &bit);
}

static void unreadable_body(struct sim_file *f, uint64_t off, uint64_t len, void *arg)
{
    (void)arg;
    sim_media_set_unreadable(&f->media, off, len);
}

int sim_dev_unreadable(struct sim_dir *sd, const char *name, uint64_t off, uint64_t len)
{
    return with_range(sd, name, off, len, unreadable_body, NULL);
}

static void poke_body(struct sim_file *f, uint64_t off, uint64_t len, void *arg)
{
    sim_media_poke(&f->media, off, arg, (size_t)len);
}

int sim_dev_poke(struct sim_dir *sd, const char *name, uint64_t off, const void *buf, size_t len)
{
    return with_range(sd, name, off, len, poke_body, (void *)(uintptr_t)buf);
}

static void truncate_body(struct sim_file *f, uint64_t off, uint64_t len, void *arg)
{
    (void)off;
    (void)len;
    f->media.size = *(uint64_t *)arg;
}

int sim_dev_truncate(struct sim_dir *sd, const char *name, uint64_t size)
{
    return with_range(sd, name, size, 1, truncate_body, &size);
}

/* ---- Looking ---- */

struct peek {
    void *buf;
    bool durable;
};

static void peek_body(struct sim_file *f, uint64_t off, uint64_t len, void *arg)
{
    struct peek *p = arg;

    chunks_read(p->durable ? &f->media.durable : &f->media.view, off, p->buf, (size_t)len);
}

int sim_dev_peek(struct sim_dir *sd, const char *name, uint64_t off, void *buf, size_t len,
                 bool durable)
{
    struct peek p = {.buf = buf, .durable = durable};

    return with_range(sd, name, off, len, peek_body, &p);
}

struct sim_dir_stat sim_dir_stat(struct sim_dir *sd)
{
    struct sim_dir_stat stat;
    struct list *it;

    pthread_mutex_lock(&sd->mutex);
    stat = sd->stat;
    LIST_FOREACH(it, &sd->files)
    stat.unflushed += LIST_ENTRY(it, struct sim_file, link)->media.cache_nr;
    pthread_mutex_unlock(&sd->mutex);
    return stat;
}

uint64_t sim_dir_trace(struct sim_dir *sd)
{
    return sd->trace;
}

void sim_trace(struct sim_dir *sd, enum sim_step step, const char *name, uint64_t off,
               const struct iovec *iov, uint32_t iov_nr)
{
    uint64_t h = mix128(sd->trace, (uint64_t)step);

    h = mix128(hash_bytes_seed(name, strlen(name), h), off);
    for (uint32_t i = 0; i < iov_nr; i++)
        h = hash_bytes_seed(iov[i].iov_base, iov[i].iov_len, h);
    sd->trace = h;
}

/* Scars: see sim_scar.h. One list a file, of sectors. */
#include "sim_int.h"
#include "base/assert.h"
#include "base/hash.h"
#include "daos_errno.h"
#include <stdlib.h>
#include <string.h>

struct scar {
    struct list link;
    uint64_t off;
    bool dead;            /* it cannot be read; else it holds `is` */
    bool missed;          /* a write went elsewhere: anything but `was` is wrong */
    bool covered;         /* a later write of it is in the cache ... */
    uint64_t covered_seq; /* ... with this number */
    uint8_t was[SIM_SECTOR], is[SIM_SECTOR];
};

static struct scar *find(const struct sim_file *f, uint64_t off)
{
    struct list *it;

    LIST_FOREACH(it, &f->scars)
    {
        struct scar *s = LIST_ENTRY(it, struct scar, link);

        if (s->off == off)
            return s;
    }
    return NULL;
}

static void drop(struct scar *s)
{
    list_del(&s->link);
    free(s);
}

static bool is_dead(const struct sim_file *f, uint64_t off)
{
    for (uint32_t i = 0; i < f->media.bad_nr; i++)
        if (f->media.bad[i] * SIM_SECTOR == off)
            return true;
    return false;
}

/* Does the sector hold the wrong bytes now? */
static bool shows(const struct sim_file *f, const struct scar *s)
{
    uint8_t now[SIM_SECTOR];

    if (s->covered)
        return false;
    if (s->dead)
        return is_dead(f, s->off);
    chunks_read(&f->media.view, s->off, now, sizeof(now));
    return s->missed ? memcmp(now, s->was, sizeof(now)) != 0 : memcmp(now, s->is, sizeof(now)) == 0;
}

static struct scar *add(struct sim_file *f, uint64_t off)
{
    struct scar *s = calloc(1, sizeof(*s));

    ASSERT(s);
    s->off = off;
    list_add_tail(&f->scars, &s->link);
    return s;
}

/* ---- What happens to them ---- */

void sim_scar_written(struct sim_file *f, const struct sim_write *w, bool durable)
{
    uint64_t len = 0;
    struct list *it, *tmp;

    if (list_empty(&f->scars))
        return;
    for (uint32_t i = 0; i < w->iov_nr; i++)
        len += w->iov[i].iov_len;
    LIST_FOREACH_SAFE(it, tmp, &f->scars)
    {
        struct scar *s = LIST_ENTRY(it, struct scar, link);

        if (s->off < w->off || s->off >= w->off + len)
            continue;
        s->covered = true;
        s->covered_seq = w->seq;
        if (durable)
            drop(s);
    }
}

void sim_scar_flushed(struct sim_file *f, uint64_t seq)
{
    struct list *it, *tmp;

    LIST_FOREACH_SAFE(it, tmp, &f->scars)
    {
        struct scar *s = LIST_ENTRY(it, struct scar, link);

        if (s->covered && s->covered_seq <= seq)
            drop(s);
    }
}

/* What covered a scar may be among what a failed flush has dropped: then it shows again. */
void sim_scar_dropped(struct sim_file *f, uint64_t seq)
{
    struct list *it;

    LIST_FOREACH(it, &f->scars)
    {
        struct scar *s = LIST_ENTRY(it, struct scar, link);

        if (!s->covered || s->covered_seq > seq)
            continue;
        s->covered = false;
        s->covered = !shows(f, s);
    }
}

/* Where a later write was taken by the power cut, or its bytes are the same as the wrong ones, the
 * scar shows: what it hid may as well be what was lost. */
void sim_scar_power_on(struct sim_file *f, bool cache_kept)
{
    struct list *it, *tmp;

    LIST_FOREACH_SAFE(it, tmp, &f->scars)
    {
        struct scar *s = LIST_ENTRY(it, struct scar, link);

        if (s->covered && cache_kept)
            continue;
        s->covered = false;
        if (!shows(f, s))
            drop(s);
    }
}

void sim_scar_forget(struct sim_file *f)
{
    struct list *it;

    while ((it = list_first(&f->scars)))
        drop(LIST_ENTRY(it, struct scar, link));
}

/* ---- Where they come from ---- */

static bool holds_scars(const struct sim_file *f, uint64_t off, uint64_t len)
{
    struct list *it;

    LIST_FOREACH(it, &f->scars)
    {
        uint64_t at = LIST_ENTRY(it, struct scar, link)->off;

        if (at >= off && at < off + len)
            return true;
    }
    return false;
}

/* The sector at off should have become `right` and did not. */
static void missed(struct sim_file *f, uint64_t off, const uint8_t *right)
{
    struct scar *s = find(f, off);

    if (s == NULL) {
        s = add(f, off);
        chunks_read(&f->media.view, off, s->is, sizeof(s->is));
    }
    s->missed = true;
    memcpy(s->was, right, sizeof(s->was));
    if (!s->dead && memcmp(s->was, s->is, sizeof(s->was)) == 0)
        drop(s);
}

/* The sector at off is about to become `bytes` and should not. */
static void struck(struct sim_file *f, uint64_t off, const uint8_t *bytes)
{
    struct scar *s = add(f, off);

    chunks_read(&f->media.view, off, s->was, sizeof(s->was));
    memcpy(s->is, bytes, sizeof(s->is));
    if (memcmp(s->was, s->is, sizeof(s->was)) == 0)
        drop(s);
}

bool sim_scar_misdirect(struct sim_file *f, const struct sim_write *w, uint64_t to)
{
    uint64_t len = 0;
    bool lands;

    for (uint32_t i = 0; i < w->iov_nr; i++)
        len += w->iov[i].iov_len;
    lands = to + len <= w->off || to >= w->off + len;
    lands = lands && !holds_scars(f, to, len);
    len = 0;
    for (uint32_t i = 0; i < w->iov_nr; i++) {
        const uint8_t *p = w->iov[i].iov_base;

        for (size_t at = 0; at < w->iov[i].iov_len; at += SIM_SECTOR, len += SIM_SECTOR) {
            missed(f, w->off + len, p + at);
            if (lands && to + len < f->media.size)
                struck(f, to + len, p + at);
        }
    }
    return lands;
}

/* ---- For tests ---- */

static int rot(struct sim_file *f, uint64_t off, enum sim_rot how, uint64_t arg)
{
    uint8_t durable[SIM_SECTOR];
    struct scar *s;

    if (find(f, off) != NULL || is_dead(f, off))
        return -DER_BUSY;
    s = add(f, off);
    chunks_read(&f->media.view, off, s->was, sizeof(s->was));
    chunks_read(&f->media.durable, off, durable, sizeof(durable));
    memcpy(s->is, s->was, sizeof(s->is));
    if (how == SIM_ROT_BIT)
        s->is[arg / 8 % SIM_SECTOR] ^= (uint8_t)(1u << arg % 8);
    if (how == SIM_ROT_ZERO)
        memset(s->is, 0, sizeof(s->is));
    for (size_t i = 0; how == SIM_ROT_NOISE && i < SIM_SECTOR; i++)
        s->is[i] = (uint8_t)mix64(arg + i);
    s->dead = how == SIM_ROT_DEAD;
    if (memcmp(durable, s->was, sizeof(durable)) != 0 ||
        (!s->dead && memcmp(s->is, s->was, sizeof(s->is)) == 0)) {
        drop(s);
        return -DER_BUSY;
    }
    if (s->dead)
        sim_media_set_unreadable(&f->media, off, SIM_SECTOR);
    else
        sim_media_poke(&f->media, off, s->is, SIM_SECTOR);
    return 0;
}

int sim_dev_rot(struct sim_dir *sd, const char *name, uint64_t off, enum sim_rot how, uint64_t arg)
{
    struct sim_file *f;
    int rc;

    pthread_mutex_lock(&sd->mutex);
    f = sim_file_find(sd, name);
    if (f == NULL)
        rc = -DER_NONEXIST;
    else if (off >= f->media.size)
        rc = -DER_INVAL;
    else
        rc = rot(f, off - off % SIM_SECTOR, how, arg);
    pthread_mutex_unlock(&sd->mutex);
    return rc;
}

static bool within(const struct sim_file *f, const struct scar *s, uint64_t off, uint64_t len)
{
    return s->off >= off && s->off - off < len && shows(f, s);
}

uint32_t sim_dev_scars(struct sim_dir *sd, const char *name, uint64_t off, uint64_t len)
{
    struct sim_file *f;
    struct list *it;
    uint32_t nr = 0;

    pthread_mutex_lock(&sd->mutex);
    f = sim_file_find(sd, name);
    if (f != NULL) {
        LIST_FOREACH(it, &f->scars)
        nr += within(f, LIST_ENTRY(it, struct scar, link), off, len);
    }
    pthread_mutex_unlock(&sd->mutex);
    return nr;
}

static void heal(struct sim_dir *sd, struct sim_file *f, struct scar *s)
{
    struct iovec iov = {.iov_base = s->was, .iov_len = SIM_SECTOR};
    struct sim_write w = {.seq = ++sd->seq, .off = s->off, .iov = &iov, .iov_nr = 1};

    /* stored past the requests meanwhile, or as before */
    if (s->dead && f->media.view.flat != NULL)
        chunks_read(&f->media.view, s->off, s->was, sizeof(s->was));
    sim_media_write(&f->media, &w, true, sd->conf.cache_max_bytes);
    drop(s);
}

uint32_t sim_dev_heal(struct sim_dir *sd, const char *name, uint64_t off, uint64_t len)
{
    struct sim_file *f;
    struct list *it, *tmp;
    uint32_t nr = 0;

    pthread_mutex_lock(&sd->mutex);
    f = sim_file_find(sd, name);
    if (f != NULL) {
        LIST_FOREACH_SAFE(it, tmp, &f->scars)
        {
            struct scar *s = LIST_ENTRY(it, struct scar, link);

            if (!within(f, s, off, len))
                continue;
            heal(sd, f, s);
            nr++;
        }
    }
    pthread_mutex_unlock(&sd->mutex);
    return nr;
}

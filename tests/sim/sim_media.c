#include "sim_media.h"
#include "base/assert.h"
#include "base/fail.h"
#include "daos_errno.h"
#include <stdlib.h>
#include <string.h>

/* An unflushed write. */
struct cached {
    struct list link;
    uint64_t seq;
    uint64_t off;
    size_t len;
    bool in_flight; /* had not completed when the power went */
    uint8_t *dead;  /* one byte a sector: a later durable write replaced it */
    uint8_t *data;
};

void sim_rng_seed(struct sim_rng *r, uint64_t seed)
{
    uint64_t z = seed + UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    r->s = (z ^ (z >> 31)) | 1;
}

uint64_t sim_rng_next(struct sim_rng *r)
{
    r->s ^= r->s >> 12;
    r->s ^= r->s << 25;
    r->s ^= r->s >> 27;
    return r->s * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t sim_rng_below(struct sim_rng *r, uint64_t n)
{
    return (sim_rng_next(r) >> 16) % n;
}

/* The simulated hardware does not suffer from allocation failures a test injects. */
static void *must(void *ptr)
{
    ASSERT(ptr);
    return ptr;
}

static void store(struct chunks *c, uint64_t off, const void *buf, size_t len)
{
    int rc = chunks_write(c, off, buf, len);

    ASSERT(rc == 0);
}

void sim_media_init(struct sim_media *m, uint64_t size, bool memory)
{
    int rc;

    *m = (struct sim_media){0};
    m->durable.plain = m->view.plain = true;
    rc = memory ? chunks_flat(&m->view, SIM_MEMORY_MAX) : 0;
    ASSERT(rc == 0);
    list_init(&m->cache);
    sim_media_resize(m, size);
}

static void cached_free(struct sim_media *m, struct cached *c)
{
    list_del(&c->link);
    m->cache_bytes -= c->len;
    m->cache_nr--;
    free(c->dead);
    free(c->data);
    free(c);
}

void sim_media_fini(struct sim_media *m)
{
    struct list *it;

    while ((it = list_first(&m->cache)))
        cached_free(m, LIST_ENTRY(it, struct cached, link));
    chunks_fini(&m->durable);
    chunks_fini(&m->view);
    free(m->bad);
}

static void *duplicate(const void *buf, size_t len)
{
    return memcpy(must(malloc(len ? len : 1)), buf, len);
}

void sim_media_copy(struct sim_media *to, const struct sim_media *from)
{
    struct list *it;
    int rc;

    *to = (struct sim_media){.size = from->size, .bad_nr = from->bad_nr};
    list_init(&to->cache);
    rc = chunks_copy(&to->durable, &from->durable);
    ASSERT(rc == 0);
    rc = chunks_copy(&to->view, &from->view);
    ASSERT(rc == 0);
    if (from->bad_nr > 0)
        to->bad = duplicate(from->bad, from->bad_nr * sizeof(*from->bad));
    LIST_FOREACH(it, &from->cache)
    {
        struct cached *c = LIST_ENTRY(it, struct cached, link);
        struct cached *mine = duplicate(c, sizeof(*c));

        mine->dead = duplicate(c->dead, DIV_UP(c->len, SIM_SECTOR));
        mine->data = duplicate(c->data, c->len);
        list_add_tail(&to->cache, &mine->link);
    }
    to->cache_bytes = from->cache_bytes;
    to->cache_nr = from->cache_nr;
}

void sim_media_resize(struct sim_media *m, uint64_t size)
{
    int rc = chunks_resize(&m->durable, size);

    ASSERT(rc == 0);
    rc = chunks_resize(&m->view, size);
    ASSERT(rc == 0);
    m->size = size;
}

int sim_media_read(const struct sim_media *m, uint64_t off, void *buf, size_t len)
{
    for (uint32_t i = 0; i < m->bad_nr; i++) {
        uint64_t at = m->bad[i] * SIM_SECTOR;

        if (at < off + len && off < at + SIM_SECTOR)
            return -DER_IO;
    }
    chunks_read(&m->view, off, buf, len);
    return 0;
}

/* A sector that is written whole is readable again. */
static void heal(struct sim_media *m, uint64_t off, size_t len)
{
    uint32_t keep = 0;

    for (uint32_t i = 0; i < m->bad_nr; i++) {
        uint64_t at = m->bad[i] * SIM_SECTOR;

        if (at < off || at + SIM_SECTOR > off + len)
            m->bad[keep++] = m->bad[i];
    }
    m->bad_nr = keep;
}

static struct cached *cached_add(struct sim_media *m, const struct sim_write *w)
{
    struct cached *c = must(calloc(1, sizeof(*c)));
    size_t at = 0;

    for (uint32_t i = 0; i < w->iov_nr; i++)
        c->len += w->iov[i].iov_len;
    ASSERT(w->off % SIM_SECTOR == 0 && c->len % SIM_SECTOR == 0);
    c->seq = w->seq;
    c->off = w->off;
    c->data = must(malloc(c->len));
    c->dead = must(calloc(c->len / SIM_SECTOR, 1));
    for (uint32_t i = 0; i < w->iov_nr; i++) {
        memcpy(c->data + at, w->iov[i].iov_base, w->iov[i].iov_len);
        at += w->iov[i].iov_len;
    }
    /* What a misdirected write would put behind the end falls off. */
    if (c->off >= m->size)
        c->len = 0;
    else
        c->len = (size_t)MIN((uint64_t)c->len, m->size - c->off);
    list_add_tail(&m->cache, &c->link);
    m->cache_bytes += c->len;
    m->cache_nr++;
    return c;
}

static void to_medium(struct sim_media *m, const struct cached *c)
{
    for (size_t s = 0; s < c->len / SIM_SECTOR; s++) {
        if (!c->dead[s])
            store(&m->durable, c->off + s * SIM_SECTOR, c->data + s * SIM_SECTOR, SIM_SECTOR);
    }
}

/* What is durable now cannot be undone by what was cached before. */
static void supersede(struct sim_media *m, const struct cached *by)
{
    struct list *it;

    LIST_FOREACH(it, &m->cache)
    {
        struct cached *c = LIST_ENTRY(it, struct cached, link);

        if (c == by || c->off >= by->off + by->len || by->off >= c->off + c->len)
            continue;
        for (size_t s = 0; s < c->len / SIM_SECTOR; s++) {
            uint64_t at = c->off + s * SIM_SECTOR;

            if (at >= by->off && at < by->off + by->len)
                c->dead[s] = 1;
        }
    }
}

void sim_media_write(struct sim_media *m, const struct sim_write *w, bool durable,
                     uint64_t cache_max)
{
    struct cached *c = cached_add(m, w);

    store(&m->view, c->off, c->data, c->len);
    heal(m, c->off, c->len);
    if (durable) {
        supersede(m, c);
        to_medium(m, c);
        cached_free(m, c);
        return;
    }
    while (m->cache_bytes > cache_max) {
        struct cached *oldest = LIST_ENTRY(list_first(&m->cache), struct cached, link);

        to_medium(m, oldest);
        cached_free(m, oldest);
    }
}

/* Of a torn write, in which sector s lands: perhaps only some of its words do. */
static void tear_sector(const struct sim_media *m, struct cached *c, size_t s, struct sim_rng *rng)
{
    uint64_t old[SIM_SECTOR / 8], coins;

    if (!m->tear_words || sim_rng_below(rng, 2))
        return;
    chunks_read(&m->durable, c->off + s * SIM_SECTOR, old, SIM_SECTOR);
    coins = sim_rng_next(rng);
    for (size_t i = 0; i < ARRAY_LEN(old); i++)
        if (coins & UINT64_C(1) << i)
            memcpy(c->data + s * SIM_SECTOR + i * 8, &old[i], 8);
}

void sim_media_write_torn(struct sim_media *m, const struct sim_write *w, struct sim_rng *rng)
{
    struct cached *c = cached_add(m, w);
    uint64_t mode = sim_rng_below(rng, 3); /* all old, all new, torn */

    for (size_t s = 0; s < c->len / SIM_SECTOR; s++) {
        bool lands = mode == 1 || (mode == 2 && sim_rng_below(rng, 2));

        c->dead[s] = !lands;
        if (lands && mode == 2)
            tear_sector(m, c, s, rng);
        if (lands)
            store(&m->view, c->off + s * SIM_SECTOR, c->data + s * SIM_SECTOR, SIM_SECTOR);
    }
}

void sim_media_write_undecided(struct sim_media *m, const struct sim_write *w)
{
    cached_add(m, w)->in_flight = true;
}

void sim_media_flush(struct sim_media *m, uint64_t seq)
{
    struct list *it, *tmp;

    LIST_FOREACH_SAFE(it, tmp, &m->cache)
    {
        struct cached *c = LIST_ENTRY(it, struct cached, link);

        if (c->seq > seq)
            continue;
        to_medium(m, c);
        cached_free(m, c);
    }
}

/* Reads see medium and what is left in the cache again. */
static void view_rebuild(struct sim_media *m, uint64_t off, size_t len)
{
    uint8_t *old = must(malloc(len ? len : 1));
    struct list *it;

    chunks_read(&m->durable, off, old, len);
    store(&m->view, off, old, len);
    free(old);
    LIST_FOREACH(it, &m->cache)
    {
        struct cached *c = LIST_ENTRY(it, struct cached, link);

        for (size_t s = 0; s < c->len / SIM_SECTOR; s++) {
            uint64_t at = c->off + s * SIM_SECTOR;

            if (!c->dead[s] && at >= off && at < off + len)
                store(&m->view, at, c->data + s * SIM_SECTOR, SIM_SECTOR);
        }
    }
}

void sim_media_drop(struct sim_media *m, uint64_t seq, struct sim_rng *rng)
{
    struct list *it, *tmp;

    if (m->view.flat !=
        NULL) /* memory: what was stored there past the requests has no other copy */
        return;
    LIST_FOREACH_SAFE(it, tmp, &m->cache)
    {
        struct cached *c = LIST_ENTRY(it, struct cached, link);
        uint64_t off = c->off;
        size_t len = c->len;

        if (c->seq > seq || sim_rng_below(rng, 2))
            continue;
        cached_free(m, c);
        view_rebuild(m, off, len);
    }
}

/* The process is gone, the power is not: what had completed is still in the cache, what was in
 * flight joins it, undecided. */
static void killed(struct sim_media *m, struct sim_rng *rng, struct sim_dir_stat *stat)
{
    struct list *it, *tmp;

    LIST_FOREACH_SAFE(it, tmp, &m->cache)
    {
        struct cached *c = LIST_ENTRY(it, struct cached, link);
        uint64_t fate = c->in_flight ? sim_rng_below(rng, 3) : 0; /* kept, lost, torn */

        *(fate == 0 ? &stat->cut_kept : fate == 1 ? &stat->cut_lost : &stat->cut_torn) += 1;
        if (fate == 1) {
            cached_free(m, c);
            continue;
        }
        for (size_t s = 0; c->in_flight && s < c->len / SIM_SECTOR; s++) {
            c->dead[s] = fate == 2 && sim_rng_below(rng, 2);
            if (fate == 2 && !c->dead[s])
                tear_sector(m, c, s, rng);
            if (!c->dead[s])
                store(&m->view, c->off + s * SIM_SECTOR, c->data + s * SIM_SECTOR, SIM_SECTOR);
        }
        c->in_flight = false;
    }
}

/* One write at a power cut. */
static void decide(struct sim_media *m, struct cached *c, enum sim_cut how, struct sim_rng *rng,
                   struct sim_dir_stat *stat)
{
    uint64_t fate = sim_rng_below(rng, 3); /* kept, lost, torn */

    if (!c->in_flight && how == SIM_CUT_LOSE_ALL)
        fate = 1;
    if (fate == 2) {
        for (size_t s = 0; s < c->len / SIM_SECTOR; s++) {
            c->dead[s] |= (uint8_t)sim_rng_below(rng, 2);
            if (!c->dead[s])
                tear_sector(m, c, s, rng);
        }
    }
    if (fate != 1)
        to_medium(m, c);
    *(fate == 0 ? &stat->cut_kept : fate == 1 ? &stat->cut_lost : &stat->cut_torn) += 1;
}

void sim_media_cut(struct sim_media *m, enum sim_cut how, struct sim_rng *rng,
                   struct sim_dir_stat *stat)
{
    uint64_t nr = m->cache_nr, i = 0;
    struct cached **all;
    struct list *it;

    if (how == SIM_CUT_KEEP_ALL) {
        killed(m, rng, stat);
        return;
    }
    all = must(malloc((nr + 1) * sizeof(*all)));

    LIST_FOREACH(it, &m->cache)
    all[i++] = LIST_ENTRY(it, struct cached, link);
    ASSERT(i == nr);
    for (i = nr; i > 1; i--) { /* any order */
        uint64_t j = sim_rng_below(rng, i);
        struct cached *swap = all[j];

        all[j] = all[i - 1];
        all[i - 1] = swap;
    }
    for (i = 0; i < nr; i++)
        decide(m, all[i], how, rng, stat);
    for (i = 0; i < nr; i++) {
        uint64_t off = all[i]->off;
        size_t len = all[i]->len;
        uint8_t *now = must(malloc(len ? len : 1));

        chunks_read(&m->durable, off, now, len);
        store(&m->view, off, now, len);
        free(now);
        cached_free(m, all[i]);
    }
    free(all);
}

void sim_media_poke(struct sim_media *m, uint64_t off, const void *buf, size_t len)
{
    store(&m->durable, off, buf, len);
    store(&m->view, off, buf, len);
}

void sim_media_set_unreadable(struct sim_media *m, uint64_t off, uint64_t len)
{
    uint64_t first = off / SIM_SECTOR, last = (off + len - 1) / SIM_SECTOR;
    uint64_t *bad = must(realloc(m->bad, (m->bad_nr + (last - first + 1)) * sizeof(*bad)));

    m->bad = bad;
    while (first <= last)
        m->bad[m->bad_nr++] = first++;
}

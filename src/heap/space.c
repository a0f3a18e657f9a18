/*
 * Data extents: from reservation to use, and from free to reservation again. Parts: space_map.c
 * what is persistent, space_run.c what is free, space_quarantine.c what is not free yet.
 *
 * A block is, volatile, busy or not; persistent, used or not. What changes which:
 *
 *     reserve   busy
 *     cancel    not busy
 *     use       used at commit
 *     free      not used at commit; not busy when its quarantine ends
 *
 * An abort has nothing to put back but the list of what the transaction did: busy bits only change
 * outside transactions or after commit.
 */
#include "heap/space_int.h"

#define GROW_MIN       (UINT64_C(64) << 20)
#define GROW_WAITS_MAX 4u
#define READ_POLL_NS   1000000u
#define READ_POLLS     1000u

static void space_tx_end(struct heap *h, bool commit, uint64_t lsn);
static int space_grow(struct heap *h);
static void space_stat(struct heap *h, struct heap_stat *st);
static void space_close(struct heap *h);

static const struct heap_space_ops space_ops = {
    .tx_end = space_tx_end,
    .grow = space_grow,
    .stat = space_stat,
    .check = space_check,
    .close = space_close,
};

/* ---- Open and close ---- */

/* Sums up what is used, by group. */
static int read_sums(struct heap *h, struct space *s)
{
    uint64_t groups, used = 0;
    bool fault = false;
    int rc = space_map_groups(h, &groups);

    if (heap_goes_on(h, rc)) { /* said by whoever needs it */
        groups = 0;
        rc = 0;
    }
    for (uint64_t i = 0; rc == 0 && i < MIN(groups, (uint64_t)s->groups); i++) {
        struct space_sum sum;

        rc = space_map_sum(h, i, &sum);
        if (rc == HEAP_FAULT) {
            fault = true; /* all tables at once */
            rc = 0;
            continue;
        }
        if (heap_goes_on(h, rc)) {
            rc = 0;
            continue;
        }
        s->group[i].free = s->group[i].blocks - MIN(sum.used, s->group[i].blocks);
        used += sum.used;
    }
    s->used = used;
    return rc != 0 ? rc : fault ? HEAP_FAULT : 0;
}

static void space_free(struct space *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->groups; i++)
        base_free(s->group[i].busy);
    base_free(s->group);
    base_free(s->change);
    base_free(s->q);
    base_free(s->memory);
    base_free(s);
}

int space_open(struct heap *h)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    struct space *s;
    int rc;

    if (h->conf.dev[SUPER_DATA] == NULL)
        return 0;
    s = base_calloc(1, sizeof(*s));
    if (s == NULL)
        return -DER_NOMEM;
    s->ticket = s->oldest = 1; /* 0: waits for no read */
    rt_cond_init(&s->grown);
    rc = space_resize(s, super_role_size(h->conf.dev[SUPER_DATA], SUPER_DATA) / SPACE_BLOCK);
    if (rc == 0) {
        do {
            heap_lock(h);
            rc = read_sums(h, s);
            heap_pins_take(h, &pins);
            heap_unlock(h);
        } while (heap_retry(h, &pins, &rc));
        heap_pins_drop(h, &pins);
    }
    if (rc != 0) {
        space_free(s);
        return rc;
    }
    space_memory_learn(h, s);
    heap_space_attach(h, &space_ops, s);
    return 0;
}

static void space_close(struct heap *h)
{
    space_free(h->space);
    heap_space_attach(h, NULL, NULL);
}

static void space_stat(struct heap *h, struct heap_stat *st)
{
    const struct space *s = h->space;

    st->data_total = s->blocks * SPACE_BLOCK;
    st->data_used = s->used * SPACE_BLOCK;
    space_runs(s, &st->data_free_runs, &st->data_longest_run);
    st->data_longest_run *= SPACE_BLOCK;
}

/* ---- Reservations ---- */

/* One piece of at most want blocks, not below least. */
static int take_piece(struct heap *h, struct space *s, uint32_t want, uint32_t least,
                      struct space_extent *ext)
{
    int rc;

    for (;;) {
        rc = space_run_take(h, s, want, ext);
        if (rc != -DER_NONEXIST || want <= least)
            return rc;
        want = MAX(want / 2, least);
    }
}

int heap_space_reserve(struct heap *h, uint64_t bytes, struct space_extent *ext, uint32_t *nr)
{
    uint64_t need = DIV_UP(bytes, SPACE_BLOCK);
    uint32_t slots = MIN(*nr, SPACE_SPLIT_MAX), used = 0;
    struct space *s = h->space;
    int rc = 0;

    if (s == NULL)
        return -DER_NOSPACE;
    if (h->readonly)
        return -DER_NO_PERM;
    if (need == 0 || need > (uint64_t)slots * SPACE_EXTENT_MAX)
        return -DER_INVAL;
    space_quarantine_release(h, s);
    while (need > 0 && rc == 0) {
        uint32_t least =
            slots > used ? (uint32_t)DIV_UP(need, (uint64_t)(slots - used)) : UINT32_MAX;

        if (least > SPACE_EXTENT_MAX) {
            rc = -DER_NONEXIST;
            break;
        }
        rc = take_piece(h, s, (uint32_t)MIN(need, (uint64_t)SPACE_EXTENT_MAX), least, &ext[used]);
        if (rc == 0)
            need -= ext[used++].nr;
    }
    if (rc != 0) {
        heap_space_cancel(h, ext, used);
        if (rc != -DER_NONEXIST)
            return rc;
        s->wanted = DIV_UP(bytes, SPACE_BLOCK);
        h->grow_data = true;
        return HEAP_GROW;
    }
    s->grow_waits = 0;
    *nr = used;
    return 0;
}

void heap_space_cancel(struct heap *h, const struct space_extent *ext, uint32_t nr)
{
    struct space *s = h->space;

    for (uint32_t i = 0; i < nr; i++) {
        struct space_group *g = &s->group[ext[i].block / SPACE_GROUP];
        uint32_t from = (uint32_t)(ext[i].block % SPACE_GROUP);

        ASSERT(space_extent_ok(s, &ext[i]) && g->resv != NULL &&
               bits_count(g->resv, from, ext[i].nr) == ext[i].nr);
        bits_clear(g->resv, from, ext[i].nr);
        space_run_put(s, &ext[i]);
    }
}

/* ---- In transactions ---- */

static int change_add(struct space *s, const struct space_extent *ext, bool use)
{
    if (s->change_nr == s->change_cap) {
        uint32_t cap = MAX(32u, s->change_cap * 2);
        struct space_change *c = base_realloc(s->change, cap * sizeof(*c));

        if (c == NULL)
            return -DER_NOMEM;
        s->change = c;
        s->change_cap = cap;
    }
    s->change[s->change_nr++] = (struct space_change){*ext, use};
    return 0;
}

int heap_tx_space_use(struct heap *h, const struct space_extent *ext)
{
    struct space *s = h->space;
    const struct space_group *g;
    int rc;

    ASSERT(heap_tx_active(h));
    if (s == NULL || !space_extent_ok(s, ext))
        return -DER_INVAL;
    g = &s->group[ext->block / SPACE_GROUP];
    ASSERT(g->resv != NULL &&
           bits_count(g->resv, (uint32_t)(ext->block % SPACE_GROUP), ext->nr) == ext->nr);
    rc = space_map_set(h, ext, true);
    return rc != 0 ? rc : change_add(s, ext, true);
}

int heap_tx_space_free(struct heap *h, const struct space_extent *ext)
{
    struct space *s = h->space;
    int rc;

    ASSERT(heap_tx_active(h));
    if (s == NULL || !space_extent_ok(s, ext))
        return -DER_INVAL;
    /* the volatile bitmap must have seen these blocks used: they stay busy when they no longer are
     */
    rc = space_group_load(h, s, (uint32_t)(ext->block / SPACE_GROUP));
    if (rc == 0)
        rc = space_quarantine_room(s, s->change_nr + 1);
    if (rc == 0)
        rc = space_map_set(h, ext, false);
    return rc != 0 ? rc : change_add(s, ext, false);
}

static void space_tx_end(struct heap *h, bool commit, uint64_t lsn)
{
    struct space *s = h->space;

    for (uint32_t i = 0; i < s->change_nr && commit; i++) {
        const struct space_change *c = &s->change[i];

        if (c->use) {
            bits_clear(s->group[c->ext.block / SPACE_GROUP].resv,
                       (uint32_t)(c->ext.block % SPACE_GROUP), c->ext.nr);
            s->used += c->ext.nr;
        } else {
            space_quarantine_add(s, &c->ext, lsn);
            s->used -= c->ext.nr;
        }
    }
    s->change_nr = 0;
}

int heap_space_is_used(struct heap *h, const struct space_extent *ext, bool *used)
{
    const struct space *s = h->space;
    const uint64_t *bits;
    int rc;

    *used = false;
    if (s == NULL || !space_extent_ok(s, ext))
        return 0;
    rc = space_map_bits(h, ext->block / SPACE_GROUP, &bits);
    if (rc == 0 && bits != NULL)
        *used = bits_count(bits, (uint32_t)(ext->block % SPACE_GROUP), ext->nr) == ext->nr;
    return rc;
}

/* ---- Growth ---- */

/* Is it better to wait for freed blocks than to grow? Only a few times in a row: they may lie too
 * scattered. Locked. */
static bool rather_wait(struct heap *h, struct space *s, uint64_t *lsn)
{
    if (s->q_nr == 0 || s->q_blocks < s->wanted || s->grow_waits >= GROW_WAITS_MAX)
        return false;
    *lsn = s->q[(s->q_head + s->q_nr - 1) % s->q_cap].lsn;
    if (*lsn <= heap_durable_lsn(h))
        return false;
    s->grow_waits++;
    return true;
}

/* Asks for an eighth more, or as much as there is room for and the reservation needs. */
static int grow_device(struct super *dev, uint64_t wanted)
{
    uint64_t least = ROUND_UP(MAX(wanted, (uint64_t)1) * SPACE_BLOCK, UINT64_C(1) << 20);
    uint64_t step =
        MAX(GROW_MIN, ROUND_UP(super_role_size(dev, SUPER_DATA) / 8, UINT64_C(1) << 20));
    int rc;

    for (step = MAX(step, least);; step = MAX(step / 2, least)) {
        rc = super_grow(dev, SUPER_DATA, step);
        if (rc != -DER_NOSPACE || step == least)
            return rc;
    }
}

/* The device is full: what is in quarantine is the last hope. Locked; waits. 0: something came
 * free. */
static int wait_quarantine(struct heap *h, struct space *s)
{
    uint32_t before = s->q_nr;
    uint64_t lsn;

    for (uint32_t i = 0; i < READ_POLLS && before > 0; i++) {
        int rc = 0;

        space_quarantine_release(h, s);
        if (s->q_nr < before)
            return 0;
        lsn = s->q[s->q_head].lsn;
        heap_unlock(h);
        if (lsn > heap_durable_lsn(h))
            rc = heap_wait_durable(h, lsn);
        else
            rt_sleep_ns(READ_POLL_NS); /* a read is under way */
        heap_lock(h);
        if (rc != 0)
            return rc;
        before = MIN(before, s->q_nr);
    }
    return -DER_NOSPACE;
}

static int grown(struct heap *h, struct space *s)
{
    space_memory_learn(h, s);
    return space_resize(s, super_role_size(h->conf.dev[SUPER_DATA], SUPER_DATA) / SPACE_BLOCK);
}

static int space_grow(struct heap *h)
{
    struct super *dev = h->conf.dev[SUPER_DATA];
    struct space *s = h->space;
    uint64_t lsn, wanted;
    int rc;

    heap_lock(h);
    if (rather_wait(h, s, &lsn)) {
        heap_unlock(h);
        return heap_wait_durable(h, lsn);
    }
    if (s->growing) { /* somebody else is at it: see what it gave */
        while (s->growing)
            rt_cond_wait(&s->grown, &h->lock);
        rc = s->grow_rc;
        heap_unlock(h);
        return rc;
    }
    s->growing = true;
    wanted = s->wanted;
    heap_unlock(h);
    rc = grow_device(dev, wanted);
    if (rc != 0)
        heap_flush_failed(h);
    heap_lock(h);
    if (rc == 0)
        rc = grown(h, s);
    else if (rc == -DER_NOSPACE)
        rc = wait_quarantine(h, s);
    s->grow_waits = 0;
    s->grow_rc = rc;
    s->growing = false;
    rt_cond_broadcast(&s->grown);
    heap_unlock(h);
    return rc;
}

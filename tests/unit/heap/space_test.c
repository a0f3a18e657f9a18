/* Data extents on a simulated disk: what is used is what committed transactions say, whatever
 * happens, and no block is in two places. */
#include "heap_rig.h"

#include "base/fail.h"
#include "heap/space_int.h"

#define NO_GROWTH (4u << 20) /* the device as formatted, to the byte */

/* ---- Short words ---- */

static int reserve(struct rig *r, uint64_t bytes, struct space_extent *ext, uint32_t *nr)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    uint32_t slots = *nr;
    int rc;

    do {
        *nr = slots;
        heap_lock(r->h);
        rc = heap_space_reserve(r->h, bytes, ext, nr);
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

/* Without growing or waiting. */
static int reserve_now(struct rig *r, uint64_t bytes, struct space_extent *ext, uint32_t *nr)
{
    int rc;

    heap_lock(r->h);
    rc = heap_space_reserve(r->h, bytes, ext, nr);
    heap_miss_clear(r->h);
    heap_unlock(r->h);
    return rc;
}

static void cancel(struct rig *r, const struct space_extent *ext, uint32_t nr)
{
    heap_lock(r->h);
    heap_space_cancel(r->h, ext, nr);
    heap_unlock(r->h);
}

enum end { COMMIT, ABORT };

/* One transaction that uses some extents and frees others. */
static int change(struct rig *r, const struct space_extent *use, uint32_t use_nr,
                  const struct space_extent *freed, uint32_t free_nr, enum end end, uint64_t *lsn)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    int rc;

    do {
        heap_lock(r->h);
        rc = heap_tx_begin(r->h, 32768);
        for (uint32_t i = 0; i < use_nr && rc == 0; i++)
            rc = heap_tx_space_use(r->h, &use[i]);
        for (uint32_t i = 0; i < free_nr && rc == 0; i++)
            rc = heap_tx_space_free(r->h, &freed[i]);
        if (heap_tx_active(r->h)) {
            if (rc == 0 && end == COMMIT)
                heap_tx_commit(r->h, lsn);
            else
                heap_tx_abort(r->h);
        }
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

static bool is_used(struct rig *r, const struct space_extent *ext)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    bool used = false;
    int rc;

    do {
        heap_lock(r->h);
        rc = heap_space_is_used(r->h, ext, &used);
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    CHECK(rc == 0);
    return used;
}

static struct heap_stat stat_of(struct rig *r)
{
    struct heap_stat st;

    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    return st;
}

static void start(struct rig *r, uint64_t capacity)
{
    r->meta_size =
        NO_GROWTH - SUPER_AREA - WAL_SIZE - (1u << 20); /* nothing of the device is left */
    rig_format(r, &(struct sim_dir_conf){.seed = 5, .capacity_bytes = capacity});
    CHECK(rig_open(r, NULL) == 0);
}

static void restart(struct rig *r)
{
    CHECK(heap_close(r->h, true) == 0);
    rig_detach(r);
    CHECK(rig_attach(r) == 0);
    CHECK(rig_open(r, NULL) == 0);
}

static void finish(struct rig *r)
{
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

/* ---- One thing at a time ---- */

static void life_of_an_extent(struct rig *r)
{
    struct space_extent ext;
    uint32_t nr = 1;
    uint64_t lsn;

    start(r, NO_GROWTH);
    CHECK(stat_of(r).data_total == 1u << 20 && stat_of(r).data_used == 0);
    CHECK(reserve(r, 10000, &ext, &nr) == 0 && nr == 1 && ext.nr == 3);
    CHECK(!is_used(r, &ext) && stat_of(r).data_used == 0);
    CHECK(change(r, &ext, 1, NULL, 0, ABORT, NULL) == 0); /* a reservation again */
    CHECK(!is_used(r, &ext) && stat_of(r).data_used == 0);
    CHECK(change(r, &ext, 1, NULL, 0, COMMIT, NULL) == 0);
    CHECK(is_used(r, &ext) && stat_of(r).data_used == 3 * SPACE_BLOCK);
    rig_check(r);
    CHECK(change(r, NULL, 0, &ext, 1, ABORT, NULL) == 0); /* stays used */
    CHECK(is_used(r, &ext));
    restart(r);
    CHECK(is_used(r, &ext) && stat_of(r).data_used == 3 * SPACE_BLOCK);
    ext.block++; /* a part of it */
    ext.nr = 1;
    CHECK(change(r, NULL, 0, &ext, 1, COMMIT, &lsn) == 0);
    CHECK(!is_used(r, &ext) && stat_of(r).data_used == 2 * SPACE_BLOCK);
    CHECK(change(r, NULL, 0, &ext, 1, COMMIT, &lsn) == -DER_CSUM); /* twice */
    finish(r);
}

static bool runs_are(struct rig *r, uint64_t runs, uint64_t blocks)
{
    struct heap_stat st = stat_of(r);

    return st.data_free_runs == runs && st.data_longest_run == blocks * SPACE_BLOCK;
}

static void it_says_how_scattered_space_is(struct rig *r)
{
    struct space_extent ext[4];
    uint32_t nr;

    start(r, NO_GROWTH);
    CHECK(runs_are(r, 1, 256));
    for (uint32_t i = 0; i < 4; i++) {
        nr = 1;
        CHECK(reserve(r, 8 * SPACE_BLOCK, &ext[i], &nr) == 0 && nr == 1 && ext[i].block == i * 8);
        CHECK(change(r, &ext[i], 1, NULL, 0, COMMIT, NULL) == 0);
    }
    CHECK(runs_are(r, 1, 224));
    CHECK(change(r, NULL, 0, &ext[0], 1, COMMIT, NULL) == 0);
    CHECK(change(r, NULL, 0, &ext[2], 1, COMMIT, NULL) == 0);
    restart(r); /* what was freed is free for certain; the bitmap is not in memory */
    CHECK(runs_are(r, 1, 240));
    nr = 1;
    CHECK(reserve(r, SPACE_BLOCK, ext, &nr) == 0 && ext[0].block == 0);
    CHECK(runs_are(r, 3, 224));
    finish(r);
}

static void a_reservation_costs_nothing(struct rig *r)
{
    struct space_extent ext[4], other;
    uint32_t nr = 4, one = 1;
    uint64_t written;

    start(r, NO_GROWTH);
    written = stat_of(r).wal_written;
    for (uint32_t i = 0; i < 1000; i++) {
        nr = 4;
        CHECK(reserve_now(r, 1u << 20, ext, &nr) == 0);
        CHECK(reserve_now(r, 1, &other, &one) == HEAP_GROW);
        cancel(r, ext, nr);
    }
    nr = 1;
    CHECK(reserve(r, 100 * SPACE_BLOCK, ext, &nr) == 0);
    CHECK(stat_of(r).wal_written == written);
    restart(r); /* forgets it */
    nr = 4;
    CHECK(reserve_now(r, 1u << 20, ext, &nr) == 0);
    finish(r);
}

static void a_freed_extent_waits(struct rig *r)
{
    struct space_extent all, part, got;
    uint64_t before, after, lsn;
    uint32_t nr = 1;

    start(r, NO_GROWTH);
    CHECK(reserve(r, 1u << 20, &all, &nr) == 0 && all.nr == 256);
    CHECK(change(r, &all, 1, NULL, 0, COMMIT, NULL) == 0);
    part = (struct space_extent){all.block + 16, 8};

    heap_lock(r->h);
    before = heap_space_read_get(r->h);
    heap_unlock(r->h);
    CHECK(change(r, NULL, 0, &part, 1, COMMIT, &lsn) == 0);
    heap_lock(r->h);
    after = heap_space_read_get(r->h);
    heap_unlock(r->h);
    CHECK(reserve_now(r, 1, &got, &nr) == HEAP_GROW); /* not durable */
    CHECK(heap_wait_durable(r->h, lsn) == 0);
    CHECK(reserve_now(r, 1, &got, &nr) == HEAP_GROW); /* a read from before is under way */
    heap_space_read_put(r->h, before);
    CHECK(reserve_now(r, 8 * SPACE_BLOCK, &got, &nr) == 0); /* the one from after does not matter */
    CHECK(got.block == part.block && got.nr == 8);
    heap_space_read_put(r->h, after);
    cancel(r, &got, 1);
    finish(r);
}

/* More frees than there are tickets, with a read open all the while. */
static void many_frees_under_one_read(struct rig *r)
{
    struct space_extent ext[200], got;
    uint64_t long_read, reads[200], lsn;
    uint32_t nr;

    start(r, NO_GROWTH);
    for (uint32_t i = 0; i < 200; i++) {
        nr = 1;
        CHECK(reserve(r, SPACE_BLOCK, &ext[i], &nr) == 0);
    }
    for (uint32_t i = 0; i < 200; i += 50)
        CHECK(change(r, &ext[i], 50, NULL, 0, COMMIT, NULL) == 0);
    nr = 1;
    CHECK(reserve(r, 56 * SPACE_BLOCK, &got, &nr) == 0); /* the rest */
    heap_lock(r->h);
    long_read = heap_space_read_get(r->h);
    heap_unlock(r->h);
    for (uint32_t i = 0; i < 200; i++) {
        CHECK(change(r, NULL, 0, &ext[i], 1, COMMIT, &lsn) == 0);
        heap_lock(r->h);
        reads[i] = heap_space_read_get(r->h);
        heap_unlock(r->h);
        if (i > 0)
            heap_space_read_put(r->h, reads[i - 1]);
    }
    CHECK(heap_wait_durable(r->h, lsn) == 0);
    nr = 1;
    CHECK(reserve_now(r, SPACE_BLOCK, &got, &nr) == HEAP_GROW);
    heap_space_read_put(r->h, reads[199]);
    CHECK(reserve_now(r, SPACE_BLOCK, &got, &nr) == HEAP_GROW);
    heap_space_read_put(r->h, long_read);
    CHECK(reserve_now(r, 200 * SPACE_BLOCK, &got, &nr) == 0);
    finish(r);
}

static void a_full_device_says_so(struct rig *r)
{
    struct space_extent ext[SPACE_SPLIT_MAX], more;
    uint32_t nr = SPACE_SPLIT_MAX, one = 1;
    uint64_t lsn;

    start(r, NO_GROWTH);
    CHECK(reserve(r, 1u << 20, ext, &nr) == 0);
    CHECK(change(r, ext, nr, NULL, 0, COMMIT, NULL) == 0);
    CHECK(reserve(r, 1, &more, &one) == -DER_NOSPACE);
    /* what is freed is waited for, not refused */
    ext[0].nr = 4;
    CHECK(change(r, NULL, 0, ext, 1, COMMIT, &lsn) == 0);
    CHECK(reserve(r, 2 * SPACE_BLOCK, &more, &one) == 0);
    CHECK(heap_durable_lsn(r->h) >= lsn);
    CHECK(reserve(r, 3 * SPACE_BLOCK, &more, &one) == -DER_NOSPACE);
    CHECK(reserve(r, 0, &more, &one) == -DER_INVAL);
    CHECK(reserve(r, (uint64_t)SPACE_EXTENT_MAX * SPACE_BLOCK + 1, &more, &one) == -DER_INVAL);
    finish(r);
}

/* Metadata that nobody will miss. */
static int fill_one(struct rig *r, size_t size)
{
    uint64_t off;

    return rig_grab(r, size, RIG_PLAIN, &off);
}

/* Full of metadata before the first value went to its data: the map comes from what is kept, and
 * nothing else does. */
static void a_full_heap_begins_its_map(struct rig *r)
{
    struct space_extent ext;
    uint32_t nr = 1;
    int rc;

    start(r, NO_GROWTH);
    while ((rc = fill_one(r, HEAP_ALLOC_MAX)) == 0)
        ;
    CHECK(rc == -DER_NOSPACE && stat_of(r).data_used == 0);
    CHECK(reserve(r, 10000, &ext, &nr) == 0 && nr == 1);
    CHECK(change(r, &ext, 1, NULL, 0, COMMIT, NULL) == 0);
    CHECK(is_used(r, &ext) && stat_of(r).data_used == 3 * SPACE_BLOCK);
    CHECK(fill_one(r, HEAP_ALLOC_MAX) == -DER_NOSPACE);
    CHECK(fill_one(r, 16) == -DER_NOSPACE);
    CHECK(change(r, NULL, 0, &ext, 1, COMMIT, NULL) == 0);
    restart(r);
    CHECK(reserve(r, 1 << 20, &ext, &nr) == 0 && change(r, &ext, 1, NULL, 0, COMMIT, NULL) == 0);
    finish(r);
}

static void the_role_grows(struct rig *r)
{
    struct space_extent ext[4];
    uint32_t nr = 4;

    start(r, 0);
    CHECK(reserve(r, 20u << 20, ext, &nr) == 0);
    CHECK(nr == 3 && ext[0].nr + ext[1].nr + ext[2].nr == 5120);
    CHECK(stat_of(r).data_total >= 65u << 20);
    CHECK(change(r, ext, nr, NULL, 0, COMMIT, NULL) == 0);
    restart(r);
    for (uint32_t i = 0; i < nr; i++)
        CHECK(is_used(r, &ext[i]));
    CHECK(stat_of(r).data_used == 20u << 20);
    finish(r);
    rig_detach(r);
    sim_dir_destroy(r->sd);

    /* as far as there is room: not by 64 MiB here */
    start(r, 8u << 20);
    nr = 4;
    CHECK(reserve(r, 3u << 20, ext, &nr) == 0);
    CHECK(stat_of(r).data_total <= 5u << 20);
    finish(r);
}

static void groups_join_and_part(struct rig *r)
{
    struct space_extent ext[SPACE_SPLIT_MAX];
    uint64_t blocks = 0;

    /* several groups; no extent crosses from one into the next */
    start(r, 0);
    while (blocks < 3 * SPACE_GROUP) {
        uint32_t nr = SPACE_SPLIT_MAX;

        CHECK(reserve(r, 96u << 20, ext, &nr) == 0);
        CHECK(change(r, ext, nr, NULL, 0, COMMIT, NULL) == 0);
        for (uint32_t i = 0; i < nr; i++) {
            CHECK(ext[i].block / SPACE_GROUP == (ext[i].block + ext[i].nr - 1) / SPACE_GROUP);
            blocks += ext[i].nr;
        }
    }
    CHECK(stat_of(r).data_used == blocks * SPACE_BLOCK);
    restart(r);
    CHECK(stat_of(r).data_used == blocks * SPACE_BLOCK);
    finish(r);
}

static void pieces_when_space_is_scattered(struct rig *r)
{
    struct space_extent all, hole, ext[SPACE_SPLIT_MAX];
    uint32_t nr = 1;
    uint64_t lsn;

    start(r, NO_GROWTH);
    CHECK(reserve(r, 1u << 20, &all, &nr) == 0);
    CHECK(change(r, &all, 1, NULL, 0, COMMIT, NULL) == 0);
    for (uint32_t i = 0; i < 20; i++) {
        hole = (struct space_extent){all.block + 2 * i, 1};
        CHECK(change(r, NULL, 0, &hole, 1, COMMIT, &lsn) == 0);
    }
    CHECK(heap_wait_durable(r->h, lsn) == 0);
    nr = SPACE_SPLIT_MAX;
    CHECK(reserve_now(r, 17 * SPACE_BLOCK, ext, &nr) == HEAP_GROW); /* more pieces than allowed */
    nr = SPACE_SPLIT_MAX;
    CHECK(reserve_now(r, 16 * SPACE_BLOCK, ext, &nr) == 0);
    CHECK(nr == 16);
    nr = SPACE_SPLIT_MAX;
    CHECK(reserve_now(r, 5 * SPACE_BLOCK, &ext[0], &nr) == HEAP_GROW); /* four are left, and stay */
    nr = SPACE_SPLIT_MAX;
    CHECK(reserve_now(r, 4 * SPACE_BLOCK, &ext[0], &nr) == 0);
    CHECK(nr == 4);
    finish(r);
}

static uint64_t damage_found;

static void note_damage(void *arg, const char *text)
{
    CHECK(strlen(text) > 10);
    damage_found++;
}

static void the_check_sees_damage(struct rig *r)
{
    struct space_extent ext, wild = {.block = 1u << 20, .nr = 1};
    uint64_t problems = 0, *word, head_off;
    const struct space_head *head;
    struct space_sum sum;
    uint32_t nr = 1;

    start(r, NO_GROWTH);
    CHECK(reserve(r, 5 * SPACE_BLOCK, &ext, &nr) == 0);
    CHECK(change(r, &ext, 1, NULL, 0, COMMIT, NULL) == 0);
    CHECK(change(r, NULL, 0, &wild, 1, COMMIT, NULL) == -DER_INVAL);
    CHECK(!is_used(r, &wild));
    heap_lock(r->h);
    CHECK(space_map_sum(r->h, 0, &sum) == 0);
    CHECK(heap_root_get(r->h, HEAP_ROOT_SPACE, &head_off) == 0);
    head = heap_ptr(r->h, head_off, sizeof(*head));
    CHECK(head != NULL && head->groups == 1);
    CHECK(heap_tx_begin(r->h, 100) == 0);
    word = heap_tx_write(r->h, sum.bitmap + 40, 8);
    *word |= 1;
    heap_tx_commit(r->h, NULL);
    heap_unlock(r->h);
    CHECK(heap_check(r->h, note_damage, r, &problems) == 0);
    CHECK(problems > 0 && damage_found > 0);
    heap_close(r->h, false);
}

/* docs/formats.md, "Data space bitmap". */
static void the_format_is_pinned(struct rig *r)
{
    struct space_extent ext[8], hole;
    const uint64_t *head, *table, *bitmap;
    uint32_t nr = 1;
    uint64_t off;

    start(r, 0);
    CHECK(reserve(r, 100 * SPACE_BLOCK, &ext[0], &nr) == 0 && ext[0].block == 0);
    CHECK(change(r, ext, 1, NULL, 0, COMMIT, NULL) == 0);
    hole = (struct space_extent){60, 10};
    CHECK(change(r, NULL, 0, &hole, 1, COMMIT, NULL) == 0);
    heap_lock(r->h);
    CHECK(heap_root_get(r->h, (enum heap_root)2, &off) == 0);
    head = heap_ptr(r->h, off, 8192);
    CHECK(head != NULL && head[0] == 1 && head[1] == 0 && head[2] != 0 && head[3] == 0);
    table = heap_ptr(r->h, head[2], 8192);
    CHECK(table != NULL && table[0] != 0 && table[1] == 90 && table[2] == 0);
    bitmap = heap_ptr(r->h, table[0], 4096);
    CHECK(bitmap != NULL && bitmap[0] == UINT64_C(0x0fffffffffffffff) &&
          bitmap[1] == UINT64_C(0x0000000fffffffc0) && bitmap[2] == 0);
    heap_unlock(r->h);
    finish(r);
}

/* No memory at any moment of a reservation, a use, a free: said so, and nothing is lost. */
static void memory_runs_out(struct rig *r)
{
    struct base_fail fail;
    uint64_t lsn;

    start(r, NO_GROWTH);
    for (uint64_t at = 1, done = 0; done < 3; at++) {
        struct space_extent ext[2], all;
        uint32_t nr = 2, one = 1;
        int rc;

        fail = (struct base_fail){.fail_at = at};
        base_fail_set(&fail);
        rc = reserve(r, 8 * SPACE_BLOCK, ext, &nr);
        if (rc == 0) {
            rc = change(r, ext, nr, NULL, 0, COMMIT, &lsn);
            if (rc != 0)
                cancel(r, ext, nr);
            else
                while ((rc = change(r, NULL, 0, ext, nr, COMMIT, &lsn)) == -DER_NOMEM)
                    ;
        }
        base_fail_set(NULL);
        CHECK(rc == 0 || rc == -DER_NOMEM);
        done += fail.failed == 0;
        CHECK(stat_of(r).data_used == 0);
        CHECK(heap_wait_durable(r->h, heap_lsn(r->h)) == 0);
        CHECK(reserve(r, 1u << 20, &all, &one) == 0);
        cancel(r, &all, 1);
    }
    finish(r);
}

/* ---- A workload with power cuts ---- */

#define FILES 48u
#define RUNS  2000u

/* The table of files in the heap; the model keeps its state after every transaction. */
struct files {
    uint64_t count;
    struct space_extent file[FILES]; /* nr 0: none */
};

struct model {
    struct rig *r;
    struct files state[RUNS];
    uint64_t lsn[RUNS];
    uint32_t committed, acked;
    uint64_t freed_lsn[1u << 16]; /* of each block: the transaction that freed it last */
};

static int files_get(struct rig *r, struct files **f)
{
    uint64_t off;
    int rc = heap_root_get(r->h, HEAP_ROOT_VOS, &off);

    if (rc == 0 && off == 0) {
        rc = heap_tx_alloc(r->h, sizeof(**f), 0, &off, NULL);
        if (rc == 0)
            rc = heap_tx_root_set(r->h, HEAP_ROOT_VOS, off);
    }
    if (rc != 0)
        return rc;
    *f = heap_tx_write(r->h, off, sizeof(**f));
    return *f != NULL ? 0 : heap_rc(r->h);
}

/* Moves the table to its next state: frees what next does not have, uses what it has. */
static int files_step(struct model *m, const struct files *now, const struct files *next,
                      uint32_t which, bool keep)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    struct space_extent old = now->file[which], new = next->file[which];
    struct rig *r = m->r;
    struct files *f;
    bool kept;
    int rc;

    /* a shrunk file keeps its beginning */
    kept = new.nr > 0 && old.nr > 0 && new.block == old.block;
    if (kept)
        old = (struct space_extent){old.block + new.nr, old.nr - new.nr};
    do {
        heap_lock(r->h);
        rc = heap_tx_begin(r->h, 32768);
        if (rc == 0) {
            rc = files_get(r, &f);
            if (rc == 0)
                *f = *next;
            if (rc == 0 && old.nr > 0)
                rc = heap_tx_space_free(r->h, &old);
            if (rc == 0 && new.nr > 0 && !kept)
                rc = heap_tx_space_use(r->h, &new);
            if (rc == 0 && keep) {
                CHECK(m->committed + 1 < RUNS);
                m->state[++m->committed] = *next;
                heap_tx_commit(r->h, &m->lsn[m->committed]);
                for (uint32_t i = 0; i < old.nr; i++)
                    m->freed_lsn[old.block + i] = m->lsn[m->committed];
            } else {
                heap_tx_abort(r->h);
            }
        }
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

/* A reserved extent is nobody's, and not to be had back by a crash. */
static void check_reserved(const struct model *m, const struct space_extent *ext)
{
    const struct files *now = &m->state[m->committed];

    for (uint32_t i = 0; i < FILES; i++) {
        const struct space_extent *f = &now->file[i];

        CHECK(f->nr == 0 || ext->block + ext->nr <= f->block || f->block + f->nr <= ext->block);
    }
    for (uint32_t i = 0; i < ext->nr; i++)
        CHECK(m->freed_lsn[ext->block + i] <= heap_durable_lsn(m->r->h));
}

static int work_one(struct model *m)
{
    const struct files *now = &m->state[m->committed];
    struct rig *r = m->r;
    struct files next = *now;
    uint32_t which = (uint32_t)rig_draw(r, FILES), nr = 1;
    struct space_extent *f = &next.file[which], got = {0};
    bool keep = rig_draw(r, 6) != 0;
    int rc;

    next.count++;
    if (f->nr > 1 && rig_draw(r, 3) == 0) {
        f->nr = 1 + (uint32_t)rig_draw(r, f->nr - 1); /* shrink */
    } else if (f->nr > 0 && rig_draw(r, 2) == 0) {
        *f = (struct space_extent){0}; /* remove */
    } else {
        rc = reserve(r, 1 + rig_draw(r, 40 * SPACE_BLOCK), &got, &nr);
        if (rc == -DER_NOSPACE) {
            *f = (struct space_extent){0};
        } else if (rc != 0) {
            return rc;
        } else {
            check_reserved(m, &got);
            *f = got; /* create or overwrite */
        }
    }
    rc = files_step(m, now, &next, which, keep);
    if (got.nr > 0 && (!keep || rc != 0))
        cancel(r, &got, 1);
    return rc;
}

static int work(struct model *m, uint32_t runs)
{
    struct rig *r = m->r;
    int rc = 0;

    for (uint32_t i = 0; i < runs && rc == 0; i++) {
        rc = work_one(m);
        if (rc == 0 && rig_draw(r, 4) == 0)
            rc = heap_wait_durable(r->h, m->lsn[m->committed]);
        if (rc == 0 && rig_draw(r, 40) == 0)
            rc = heap_checkpoint(r->h);
        if (rig_draw(r, 4) == 0)
            rt_yield();
        while (m->acked < m->committed && m->lsn[m->acked + 1] <= heap_durable_lsn(r->h))
            m->acked++;
    }
    return rc;
}

static int find_state(struct rig *r, uint64_t *count)
{
    const struct files *f;
    uint64_t off;
    int rc = heap_root_get(r->h, HEAP_ROOT_VOS, &off);

    *count = 0;
    if (rc != 0 || off == 0)
        return rc;
    f = heap_ptr(r->h, off, sizeof(*f));
    if (f == NULL)
        return heap_rc(r->h);
    *count = f->count;
    return 0;
}

/* The files are those of one transaction, not before the last acknowledged; their blocks are used,
 * and no others. */
static void verify(struct model *m)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    struct rig *r = m->r;
    uint64_t count, blocks = 0;
    int rc;

    do {
        heap_lock(r->h);
        rc = find_state(r, &count);
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    CHECK(rc == 0 && count >= m->acked && count <= m->committed);
    m->committed = m->acked = (uint32_t)count;
    for (uint32_t i = 0; i < FILES; i++) {
        const struct space_extent *f = &m->state[count].file[i];

        CHECK(f->nr == 0 || is_used(r, f));
        blocks += f->nr;
    }
    CHECK(stat_of(r).data_used == blocks * SPACE_BLOCK);
    rig_check(r);
    memset(m->freed_lsn, 0, sizeof(m->freed_lsn));
}

static void one_life(struct model *m, uint64_t seed)
{
    struct rig *r = m->r;
    int rc;

    snprintf(rig_context, sizeof(rig_context), "seed %llu", (unsigned long long)seed);
    memset(m, 0, sizeof(*m));
    m->r = r;
    r->seed = r->cut_seed = seed;
    r->fault_pct = (uint32_t)(seed % 3) * 4;
    start(r, NO_GROWTH + (seed % 4 == 0 ? 2u << 20 : 0));
    for (uint32_t cut = 0; cut < 4; cut++) {
        sim_dir_power_cut_at(r->sd, 1 + rig_draw(r, 150));
        rc = work(m, 100 + (uint32_t)rig_draw(r, 200));
        CHECK(rc == 0 || !sim_dir_powered(r->sd));
        if (rc == 0 && cut == 2) {
            rc = heap_close(r->h, true);
            CHECK(rc == 0 || !sim_dir_powered(r->sd));
        } else {
            heap_close(r->h, false);
        }
        rig_detach(r);
        sim_dir_power_cut_at(r->sd, 0);
        sim_dir_power_cut(r->sd);
        sim_dir_power_on(r->sd);
        CHECK(rig_attach(r) == 0);
        CHECK(rig_open(r, NULL) == 0);
        verify(m);
    }
    heap_close(r->h, false);
    rig_detach(r);
    sim_dir_destroy(r->sd);
    r->sd = NULL;
}

static void power_cuts(struct rig *r)
{
    struct model *m = malloc(sizeof(*m));

    CHECK(m != NULL);
    m->r = r;
    for (uint64_t seed = 1; seed <= rig_more(60, 300); seed++)
        one_life(m, seed);
    free(m);
}

static void in_memory_there_is_none(struct rig *r)
{
    struct heap_conf conf = {.xs = r->xs};
    struct space_extent ext;
    uint32_t nr = 1;

    CHECK(heap_open(&conf, &r->h, NULL) == 0);
    CHECK(reserve(r, 1, &ext, &nr) == -DER_NOSPACE);
    CHECK(heap_close(r->h, true) == 0);
}

#define STORY(name)                                                                                \
    static void t_##name(void **state)                                                             \
    {                                                                                              \
        rig_run(name);                                                                             \
    }
STORY(life_of_an_extent)
STORY(a_reservation_costs_nothing)
STORY(a_freed_extent_waits)
STORY(many_frees_under_one_read)
STORY(it_says_how_scattered_space_is)
STORY(a_full_device_says_so)
STORY(a_full_heap_begins_its_map)
STORY(the_role_grows)
STORY(groups_join_and_part)
STORY(pieces_when_space_is_scattered)
STORY(the_check_sees_damage)
STORY(the_format_is_pinned)
STORY(memory_runs_out)
STORY(power_cuts)
STORY(in_memory_there_is_none)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_in_memory_there_is_none),
        cmocka_unit_test(t_life_of_an_extent),
        cmocka_unit_test(t_a_reservation_costs_nothing),
        cmocka_unit_test(t_a_freed_extent_waits),
        cmocka_unit_test(t_many_frees_under_one_read),
        cmocka_unit_test(t_it_says_how_scattered_space_is),
        cmocka_unit_test(t_a_full_device_says_so),
        cmocka_unit_test(t_a_full_heap_begins_its_map),
        cmocka_unit_test(t_the_role_grows),
        cmocka_unit_test(t_groups_join_and_part),
        cmocka_unit_test(t_pieces_when_space_is_scattered),
        cmocka_unit_test(t_the_check_sees_damage),
        cmocka_unit_test(t_the_format_is_pinned),
        cmocka_unit_test(t_memory_runs_out),
        cmocka_unit_test(t_power_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

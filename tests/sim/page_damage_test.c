/*
 * A pool with a bit of everything, closed in order; then each page of its metadata in turn is
 * damaged (bytes flipped, or zeros), and the pool is opened and used. What must hold:
 *
 *   - it opens, or, where the way in leads through that page, says in three parts why not
 *   - what does not lie behind the page is read, to the byte, and can be written
 *   - what does gives an error (-DER_CSUM, EIO), never other bytes
 *   - the shard runs on: a checkpoint goes well, it closes, and opens again as before
 *   - the checker says that something is wrong
 *
 * What lies behind a page is what touches it when all is well: the heap notes that of itself.
 *
 * Then the same with a repair (heal), also of pages that the device cannot read: afterwards the
 * checker says no problem; what does not lie behind the page is read, to the byte; what does is
 * read, or is an error, or (names and keys alone) is absent: never other bytes, never older ones;
 * and everything that is there can be written.
 *
 * usage: page_damage_test closed | open | blocks
 *        page_damage_test heal closed | heal open | heal blocks | heal two SEED RUNS
 *   closed: after a checkpoint; open: most pages are also in the log; blocks: of log and data; two:
 * two pages drawn at random, and in most runs the power goes in the middle of the repair
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/log.h"
#include "dfs_rig.h"
#include "engine/engine_int.h"
#include "heap/heap_int.h"
#include "io/super_format.h"
#include "page_damage_rig.h"

#define WAL_BYTES (2u << 20)

enum how { FLIPPED, ZEROED, HOW_NR, UNREAD = HOW_NR };
static const char *const HOW[] = {"flipped", "zeroed", "unreadable"};

static uint64_t opened, refused, served, lost, written, unwritten;

/* ---- What is behind which page ---- */

struct behind {
    uint64_t pages;
    uint8_t
        *way_in; /* of each page: is it needed to open the pool, connect, and open a container? */
    uint8_t *item[ITEMS_MAX];
};

struct refs {
    struct heap *h;
    uint8_t *to; /* NULL: forget */
    struct rt_event done;
};

static void refs_fiber(void *arg)
{
    struct refs *r = arg;

    heap_lock(r->h);
    for (uint64_t p = 0; p < r->h->map.pages; p++) {
        if (r->to != NULL)
            r->to[p] = (r->h->vol[p].flags & PV_REF) != 0;
        page_unseen(r->h, p);
    }
    heap_unlock(r->h);
    rt_event_set(&r->done);
}

static void refs(struct engine *eng, uint8_t *to)
{
    struct refs r = {.h = eng->shard->heap, .to = to, .done = RT_EVENT_INIT};

    if (rt_spawn_on(eng->shard->xs, refs_fiber, &r) != 0)
        dfs_rig_die("out of memory");
    rt_event_wait(&r.done);
}

static void learn(struct behind *b, struct sim_dir *pool, struct item *items, uint32_t nr)
{
    struct dfs_rig r;
    struct sim_dir *sd;

    if (sim_dir_clone(pool, 1, &sd) != 0)
        dfs_rig_die("out of memory");
    pool_open(&r, sd);
    b->pages = r.eng->shard->heap->map.pages;
    b->way_in = calloc(1, b->pages);
    refs(r.eng, b->way_in);
    for (uint32_t i = 0; i < nr; i++) {
        b->item[i] = calloc(1, b->pages);
        refs(r.eng, NULL);
        item_read(&r, &items[i]);
        if (items[i].rc != 0)
            dfs_rig_die("%s cannot be read when all is well: %d", items[i].name, items[i].rc);
        refs(r.eng, b->item[i]);
        items[i].want = items[i].sum;
    }
    pool_close(&r, true);
    sim_dir_destroy(sd);
}

static void forget(struct behind *b)
{
    free(b->way_in);
    for (uint32_t i = 0; i < ITEMS_MAX; i++)
        free(b->item[i]);
}

/* ---- Damage ---- */

static void hurt(struct sim_dir *sd, uint64_t off, uint64_t len, enum how how)
{
    uint8_t *buf = calloc(1, len);

    if (how == UNREAD) {
        sim_dev_unreadable(sd, ENGINE_DEVICE, off, len);
        free(buf);
        return;
    }
    if (how == FLIPPED) {
        sim_dev_peek(sd, ENGINE_DEVICE, off, buf, len, false);
        for (uint64_t i = 100; i < len; i += 1009)
            buf[i] ^= 0x5a;
        buf[8] ^= 1;
    }
    sim_dev_poke(sd, ENGINE_DEVICE, off, buf, len);
    free(buf);
}

/* Where a byte of a role lies on the device. */
static uint64_t place(struct sim_dir *sd, enum super_role role, uint64_t off)
{
    static uint8_t copy[SUPER_COPY_STEP];
    static struct super_block block, *b = &block;

    if (sim_dev_peek(sd, ENGINE_DEVICE, 0, copy, sizeof(copy), false) != 0 ||
        super_decode(copy, 0, b) != SUPER_COPY_WHOLE)
        dfs_rig_die("no superblock");
    for (uint32_t i = 0; i < b->extent_nr; i++) {
        if (b->extent[i].role != role)
            continue;
        if (off < b->extent[i].len)
            return b->extent[i].off + off;
        off -= b->extent[i].len;
    }
    dfs_rig_die("beyond the role");
}

/* ---- The trial ---- */

static bool damage_code(int rc)
{
    return rc == -DER_CSUM || rc == -DER_IO || rc == EIO;
}

/* Behind page_none nothing lies; of UINT64_MAX it is not known what does. */
static const uint64_t page_none = UINT64_MAX - 1;

static bool is_behind(const struct behind *b, uint32_t i, uint64_t page)
{
    return page != page_none && (page == UINT64_MAX || b->item[i][page] || b->way_in[page]);
}

static void use(struct dfs_rig *r, struct behind *b, struct item *items, uint32_t nr, uint64_t page,
                const char *what)
{
    for (uint32_t i = 0; i < nr; i++) {
        struct item *it = &items[i];
        bool may = is_behind(b, i, page);

        item_read(r, it);
        if (it->rc == 0 && it->sum != it->want)
            dfs_rig_die("%s: %s: other bytes than were written", what, it->name);
        if (it->rc != 0 && !(may && damage_code(it->rc)))
            dfs_rig_die("%s: %s cannot be read: %d", what, it->name, it->rc);
        served += it->rc == 0;
        lost += it->rc != 0;
    }
    for (uint32_t i = 0; i < nr; i++) {
        struct item *it = &items[i];
        bool may = is_behind(b, i, page);
        int rc = item_write(r, it);

        if (rc != 0 && !(may && damage_code(rc)))
            dfs_rig_die("%s: beside %s nothing can be written: %d", what, it->name, rc);
        written += rc == 0;
        unwritten += rc != 0;
    }
    pool_checkpoint(r, what);
}

static void trial(struct sim_dir *pool, struct behind *b, struct item *items, uint32_t nr,
                  uint64_t page, uint64_t off, uint64_t len, enum how how)
{
    struct sim_dir *sd;
    struct dfs_rig r;
    struct err e = {0};
    char what[64];
    bool may = page == UINT64_MAX || b->way_in[page];
    uint64_t problems;
    bool sound = false;
    int rc;

    snprintf(what, sizeof(what), "page %lld at %llu %s", (long long)page, (unsigned long long)off,
             HOW[how]);
    if (sim_dir_clone(pool, 2, &sd) != 0)
        dfs_rig_die("out of memory");
    sim_dir_power_on(sd);
    hurt(sd, off, len, how);
    for (int round = 0; round < 2; round++) {
        rc = pool_try_open(&r, sd, &e);
        if (rc != 0) {
            if (!may)
                dfs_rig_die("%s: the pool does not open: %s: %s (%d)", what, e.what, e.why, rc);
            if (!e.what[0] || !e.why[0] || !e.next[0])
                dfs_rig_die("%s: no clear words: '%s' '%s' '%s' (%d)", what, e.what, e.why, e.next,
                            rc);
            if (getenv("DAMAGE_TELL"))
                printf("%s: %s: %s (%d)\n", what, e.what, e.why, rc);
            refused++;
            break;
        }
        opened++;
        problems = pool_problems(&r);
        /* a page that the log makes anew is not read: then nothing may be missing */
        if (round == 0)
            sound = problems == 0;
        use(&r, b, items, nr, sound ? page_none : page, what);
        pool_close(&r, true);
    }
    sim_dir_destroy(sd);
}

struct place_of {
    uint64_t meta[4096], data[64], wal[64];
    uint32_t page[4096], pages, datas, wals;
};

static void look(struct sim_dir *pool, struct place_of *p)
{
    struct sim_dir *sd;
    struct dfs_rig r;
    struct heap *h;

    memset(p, 0, sizeof(*p));
    if (sim_dir_clone(pool, 3, &sd) != 0)
        dfs_rig_die("out of memory");
    pool_open(&r, sd);
    h = r.eng->shard->heap;
    heap_lock(h);
    for (uint64_t i = 0; i < h->map.pages && p->pages < 4096; i++) {
        if (!page_is_core(i) && page_desc(h, i)->kind == PAGE_FREE)
            continue;
        p->page[p->pages] = (uint32_t)i;
        p->meta[p->pages++] = place(sd, SUPER_META, i * HEAP_PAGE_SIZE);
    }
    heap_unlock(h);
    for (uint32_t i = 0; i < 40; i++)
        p->data[p->datas++] = place(sd, SUPER_DATA, i * 3 * 4096ull);
    for (uint32_t i = 0; i < 40; i++)
        p->wal[p->wals++] = place(sd, SUPER_WAL, (i < 4 ? i : 4 + (i - 4) * 13) * 4096ull);
    pool_close(&r, true);
    sim_dir_destroy(sd);
}

/* ---- With a repair ---- */

static uint64_t healed, impossible, cuts, gone;

static bool absent_code(int rc)
{
    return rc == -DER_NONEXIST || rc == ENOENT;
}

struct hurt {
    uint64_t page, off, len;
    enum how how;
};

static bool may_suffer(const struct behind *b, uint32_t i, const struct hurt *x, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        if (is_behind(b, i, x[k].page))
            return true;
    return false;
}

static void use_healed(struct dfs_rig *r, struct behind *b, struct item *items, uint32_t nr,
                       const struct hurt *x, uint32_t n, const char *what)
{
    for (uint32_t i = 0; i < nr; i++) {
        struct item *it = &items[i];
        bool may = may_suffer(b, i, x, n);

        item_read(r, it);
        if (it->rc == 0 && it->sum != it->want && !(may && item_is_list(it)))
            dfs_rig_die("%s: %s: other bytes than were written", what, it->name);
        if (it->rc != 0 && !(may && (damage_code(it->rc) || absent_code(it->rc))))
            dfs_rig_die("%s: %s cannot be read: %d", what, it->name, it->rc);
        served += it->rc == 0;
        lost += damage_code(it->rc);
        gone += absent_code(it->rc);
    }
    for (uint32_t i = 0; i < nr; i++) {
        struct item *it = &items[i];
        int rc = item_write(r, it);

        if (rc != 0 &&
            !(may_suffer(b, i, x, n) && (damage_code(rc) || absent_code(rc) || rc == EEXIST)))
            dfs_rig_die("%s: beside %s nothing can be written: %d", what, it->name, rc);
        written += rc == 0;
        unwritten += rc != 0;
    }
    pool_checkpoint(r, what);
}

/* Used as it is, whatever comes of it, so that the repair meets what that leaves. */
static void use_damaged(struct sim_dir *sd, struct item *items, uint32_t nr, struct hurt *x)
{
    struct dfs_rig r;
    struct err e;

    if (pool_try_open(&r, sd, &e) != 0)
        return;
    for (uint32_t i = 0; i < nr; i++)
        item_write(&r, &items[i]);
    pool_close(&r, x->page % 3 == 0);
}

/* Until it comes to its end. false: it is not possible, in clear words. */
static bool heal(struct sim_dir *sd, uint64_t cut_at, const char *what)
{
    struct engine_repaired done;
    struct dfs_rig r;
    struct err e;
    int rc = pool_repair(sd, cut_at, &done, &e);

    if (cut_at != 0 && rc == -DER_IO) {
        cuts++;
        rc = pool_try_open(&r, sd, &e);
        if (rc == 0)
            pool_close(&r, true); /* it had not begun, or was at its end */
        else if (strstr(e.why, "cut short") == NULL)
            dfs_rig_die("%s: cut short: no clear words: '%s' '%s'", what, e.what, e.why);
        else if (!pool_says_cut_short(sd))
            dfs_rig_die("%s: cut short, and the checker does not say so", what);
        rc = pool_repair(sd, 0, &done, &e);
    }
    if (rc == 0) {
        healed++;
        return true;
    }
    if (!done.impossible && (!e.what[0] || !e.why[0] || !e.next[0]))
        dfs_rig_die("%s: the repair ends with %d", what, rc);
    if (getenv("DAMAGE_TELL"))
        printf("%s: no repair: %s: %s (%d)\n", what, e.what, e.why, rc);
    impossible++;
    return false;
}

static void trial_healed(struct sim_dir *pool, struct behind *b, struct item *items, uint32_t nr,
                         struct hurt *x, uint32_t n, uint64_t cut_at, bool use_first)
{
    struct sim_dir *sd;
    struct dfs_rig r;
    struct err e = {0};
    char what[128] = "";

    for (uint32_t i = 0; i < n; i++)
        snprintf(what + strlen(what), sizeof(what) - strlen(what), "page %lld at %llu %s, ",
                 (long long)x[i].page, (unsigned long long)x[i].off, HOW[x[i].how]);
    snprintf(what + strlen(what), sizeof(what) - strlen(what), "cut at %llu",
             (unsigned long long)cut_at);
    if (getenv("DAMAGE_TELL"))
        printf("== %s\n", what);
    if (sim_dir_clone(pool, 2 + cut_at, &sd) != 0)
        dfs_rig_die("out of memory");
    sim_dir_power_on(sd);
    for (uint32_t i = 0; i < n; i++)
        hurt(sd, x[i].off, x[i].len, x[i].how);
    if (use_first)
        use_damaged(sd, items, nr, x);
    for (int round = 0; heal(sd, round == 0 ? cut_at : 0, what) && round < 2; round++) {
        int rc = pool_try_open(&r, sd, &e);

        if (rc != 0)
            dfs_rig_die("%s: repaired, and does not open: %s: %s (%d)", what, e.what, e.why, rc);
        opened++;
        if (pool_problems(&r) != 0)
            dfs_rig_die("%s: repaired, and the checker finds problems", what);
        use_healed(&r, b, items, nr, x, n, what);
        if (pool_problems(&r) != 0)
            dfs_rig_die("%s: repaired and used, and the checker finds problems", what);
        pool_close(&r, round == 0);
        sim_dir_power_on(sd);
    }
    sim_dir_destroy(sd);
}

static void healing(struct sim_dir *pool, struct behind *b, struct item *items, uint32_t nr,
                    const struct place_of *p, const char *which, uint64_t seed, uint64_t runs)
{
    struct hurt x[2];

    if (strcmp(which, "blocks") == 0)
        for (uint32_t i = 0; i < p->datas; i++) {
            x[0] = (struct hurt){UINT64_MAX, p->data[i], 4096, (enum how)(i % HOW_NR)};
            trial_healed(pool, b, items, nr, x, 1, 0, false);
        }
    else if (strcmp(which, "two") == 0)
        for (uint64_t run = seed; run < seed + runs; run++) {
            for (uint32_t k = 0; k < 2; k++) {
                uint32_t i = (uint32_t)(mix64(run * 2 + k) % p->pages);

                x[k] = (struct hurt){p->page[i], p->meta[i], HEAP_PAGE_SIZE,
                                     (enum how)(mix64(run + k) % HOW_NR)};
            }
            trial_healed(pool, b, items, nr, x, 2, mix64(run + 77) % 30, mix64(run) % 3 == 0);
        }
    else
        for (uint32_t i = 0; i < p->pages; i++) {
            x[0] =
                (struct hurt){p->page[i], p->meta[i], HEAP_PAGE_SIZE, (enum how)(i % (HOW_NR + 1))};
            trial_healed(pool, b, items, nr, x, 1, 0, false);
        }
}

static void no_log(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

int main(int argc, char **argv)
{
    static struct item items[ITEMS_MAX];
    static struct behind b;
    static struct place_of p;
    struct sim_dir *pool;
    bool mend = argc > 2 && strcmp(argv[1], "heal") == 0;
    const char *which = argc < 2 ? "" : argv[mend ? 2 : 1];
    bool blocks = strcmp(which, "blocks") == 0;
    uint32_t nr;

    if (argc < 2)
        dfs_rig_die("usage: page_damage_test [heal] closed | open | blocks | two SEED RUNS");
    alarm(500); /* nothing may hang */
    if (getenv("DAMAGE_LOG") == NULL)
        log_set_sink(no_log);
    if (daos_init() != 0)
        dfs_rig_die("cannot start the client");
    pool =
        pool_make(WAL_BYTES, strcmp(which, "closed") == 0 || strcmp(which, "two") == 0, items, &nr);
    learn(&b, pool, items, nr);
    look(pool, &p);
    if (mend)
        healing(pool, &b, items, nr, &p, which, argc > 4 ? strtoull(argv[3], NULL, 10) : 1,
                argc > 4 ? strtoull(argv[4], NULL, 10) : 50);
    if (!blocks && !mend)
        for (uint32_t i = 0; i < p.pages; i++)
            for (enum how how = 0; how < HOW_NR; how++)
                trial(pool, &b, items, nr, p.page[i], p.meta[i], HEAP_PAGE_SIZE, how);
    for (uint32_t i = 0; blocks && !mend && i < p.datas; i++)
        trial(pool, &b, items, nr, UINT64_MAX, p.data[i], 4096, (enum how)(i % HOW_NR));
    for (uint32_t i = 0; blocks && !mend && i < p.wals; i++)
        trial(pool, &b, items, nr, UINT64_MAX, p.wal[i], 4096, (enum how)(i % HOW_NR));
    printf("%u pages, %u things in the pool: %llu openings, %llu refused in clear words; %llu "
           "reads, %llu errors instead, nothing wrong; %llu writes, %llu not\n",
           p.pages, nr, (unsigned long long)opened, (unsigned long long)refused,
           (unsigned long long)served, (unsigned long long)lost, (unsigned long long)written,
           (unsigned long long)unwritten);
    if (mend)
        printf("%llu repairs, %llu not possible, %llu cut short; %llu reads found nothing\n",
               (unsigned long long)healed, (unsigned long long)impossible, (unsigned long long)cuts,
               (unsigned long long)gone);
    forget(&b);
    sim_dir_destroy(pool);
    daos_fini();
    return 0;
}

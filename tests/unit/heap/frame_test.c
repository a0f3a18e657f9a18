/* Memory for pages has a limit: what is not needed leaves and comes back, whatever happens. */
#include "heap_rig.h"
#include "heap/heap_int.h"
#include "heap/tree.h"

#define PIECE  2000u
#define PIECES 3000u /* six times the limit */
#define LIMIT  (64u * HEAP_PAGE_SIZE)
/* What an operation pins, and the core pages, come on top for a moment. */
#define SLACK (40u * HEAP_PAGE_SIZE)

static void reopen(struct rig *r, bool clean)
{
    struct err e = {0};
    int rc;

    heap_close(r->h, clean);
    rig_detach(r);
    if (!sim_dir_powered(r->sd))
        sim_dir_power_on(r->sd);
    CHECK(rig_attach(r) == 0);
    rc = rig_open(r, &e);
    if (rc != 0)
        fprintf(stderr, "open: %d %s: %s\n", rc, e.what, e.why);
    CHECK(rc == 0);
}

static struct heap_stat stat_of(struct rig *r)
{
    struct heap_stat st;

    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    return st;
}

static void start(struct rig *r, uint64_t limit)
{
    r->conf.mem_limit = limit;
    r->own_checkpoints = true;
    rig_format(r, &(struct sim_dir_conf){.seed = r->seed});
    CHECK(rig_open(r, NULL) == 0);
}

/* One allocation of its own transaction, filled with its number. */
static uint64_t piece_make(struct rig *r, uint32_t n, uint64_t *most)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    uint64_t off = 0;
    void *p = NULL;
    int rc;

    do {
        heap_lock(r->h);
        *most = MAX(*most, (uint64_t)(r->h->frames.nr - r->h->frames.free.nr) * HEAP_PAGE_SIZE);
        rc = heap_tx_begin(r->h, 2 * PIECE);
        if (rc == 0) {
            rc = heap_tx_alloc(r->h, PIECE, 0, &off, &p);
            if (rc == 0)
                memset(p, (int)(n % 251), PIECE);
            if (rc == 0)
                heap_tx_commit(r->h, NULL);
            else
                heap_tx_abort(r->h);
        }
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    CHECK(rc == 0);
    return off;
}

static bool piece_is(struct rig *r, uint64_t off, uint32_t n)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    bool good = false;
    int rc;

    do {
        const uint8_t *p;

        heap_lock(r->h);
        p = heap_ptr(r->h, off, PIECE);
        rc = p == NULL ? heap_rc(r->h) : 0;
        good = p != NULL && p[0] == n % 251 && memcmp(p, p + 1, PIECE - 1) == 0;
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    if (rc != 0)
        fprintf(stderr, "piece %u at %llu: %d\n", n, (unsigned long long)off, rc);
    CHECK(rc == 0);
    return good;
}

static void read_all(struct rig *r, const uint64_t *off, uint64_t *most)
{
    for (uint32_t i = 0; i < PIECES; i++) {
        uint32_t n = (uint32_t)rig_draw(r, PIECES);

        CHECK(piece_is(r, off[n], n));
        *most = MAX(*most, stat_of(r).mem_bytes);
    }
}

static void memory_stays_within_its_limit(struct rig *r)
{
    uint64_t *off = malloc(PIECES * sizeof(*off)), most = 0;
    struct heap_stat st;

    CHECK(off != NULL);
    start(r, LIMIT);
    for (uint32_t i = 0; i < PIECES; i++)
        off[i] = piece_make(r, i, &most);
    read_all(r, off, &most);
    st = stat_of(r);
    CHECK(st.meta_bytes > 5 * LIMIT);
    CHECK(st.checkpoints > 1 && st.evicted > PIECES / 8 && st.faults > PIECES / 2);
    CHECK(st.mem_limit == LIMIT);
    CHECK(most <= LIMIT + SLACK);
    CHECK(heap_wait_durable(r->h, heap_lsn(r->h)) == 0);
    for (uint32_t clean = 0; clean < 2; clean++) {
        reopen(r, clean);
        most = 0;
        read_all(r, off, &most);
        CHECK(most <= LIMIT + SLACK);
        rig_check(r);
    }
    CHECK(heap_close(r->h, true) == 0);
    free(off);
}

/* What is looked at all the time is there; what is looked at once goes round it. */
static void what_is_used_stays(struct rig *r)
{
    uint64_t *off = malloc(PIECES * sizeof(*off)), most = 0, before;

    CHECK(off != NULL);
    start(r, LIMIT);
    for (uint32_t i = 0; i < PIECES; i++)
        off[i] = piece_make(r, i, &most);
    CHECK(heap_checkpoint(r->h) == 0);
    before = stat_of(r).faults;
    for (uint32_t i = 0; i < PIECES; i++) {
        for (uint32_t hot = 0; hot < 32; hot += 8)
            CHECK(piece_is(r, off[hot], hot));
        CHECK(piece_is(r, off[i], i));
    }
    /* eight pieces a page: one fault for each page of the walk, next to none for the four */
    CHECK(stat_of(r).faults - before < PIECES / 7);
    CHECK(heap_close(r->h, true) == 0);
    free(off);
}

static const struct tree_class numbers = {.cmp = NULL};

enum tree_do { TREE_INSERT, TREE_FIND, TREE_ROOT };

static int tree_do(struct rig *r, uint64_t root, uint64_t order, enum tree_do what)
{
    struct tree_key k = {.order = order};
    uint64_t value;
    int rc;

    if (what == TREE_ROOT)
        return heap_ptr(r->h, root, sizeof(struct tree_root)) != NULL ? 0 : heap_rc(r->h);
    if (what == TREE_FIND)
        return tree_find(r->h, &numbers, root, &k, &value);
    rc = heap_tx_begin(r->h, TREE_REDO_MAX);
    if (rc != 0)
        return rc;
    rc = tree_insert(r->h, &numbers, root, &k, order);
    if (rc == 0)
        heap_tx_commit(r->h, NULL);
    else
        heap_tx_abort(r->h);
    return rc;
}

static void tree_one(struct rig *r, uint64_t root, uint64_t order, enum tree_do what)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    int rc;

    do {
        heap_lock(r->h);
        rc = tree_do(r, root, order, what);
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    CHECK(rc == 0);
}

/* A node leads to many records: it stays where they come and go. */
static void nodes_stay_longer(struct rig *r)
{
    uint64_t *off = malloc(PIECES * sizeof(*off)), most = 0, root, faults = 0;

    CHECK(off != NULL);
    start(r, LIMIT);
    root = piece_make(r, 0, &most);
    for (uint64_t i = 1; i <= 40; i++)
        tree_one(r, root, mix64(i), TREE_INSERT);
    for (uint32_t i = 0; i < PIECES; i++)
        off[i] = piece_make(r, i, &most);
    CHECK(heap_checkpoint(r->h) == 0);
    for (uint32_t i = 0; i < PIECES; i++) {
        CHECK(piece_is(r, off[i], i));
        tree_one(r, root, 0, TREE_ROOT); /* lies in a record, which is looked at all the time */
        if (i % 1000 == 0) {             /* two rounds of what fits */
            uint64_t before = stat_of(r).faults;

            tree_one(r, root, mix64(1), TREE_FIND);
            faults += i > 0 ? stat_of(r).faults - before : 0;
        }
    }
    CHECK(faults == 0);
    CHECK(heap_close(r->h, true) == 0);
    free(off);
}

#define PER_PAGE 8u /* pieces */

/* Faults of looking at a page's first piece. */
static uint64_t look(struct rig *r, const uint64_t *off, uint32_t page)
{
    uint64_t before = stat_of(r).faults;

    CHECK(piece_is(r, off[page * PER_PAGE], page * PER_PAGE));
    return stat_of(r).faults - before;
}

static void pieces_start(struct rig *r, uint64_t *off)
{
    uint64_t most = 0;

    start(r, LIMIT);
    for (uint32_t i = 0; i < PIECES; i++)
        off[i] = piece_make(r, i, &most);
    CHECK(heap_checkpoint(r->h) == 0);
}

/* Pages that are needed now and then stay, though so many more come in between that each would have
 * been pushed out by them twice. */
static void what_is_needed_once_pushes_nobody_out(struct rig *r)
{
    static uint64_t off[PIECES];
    uint64_t faults = 0;

    pieces_start(r, off);
    for (uint32_t i = 0; i < 2 * 40; i++) {
        look(r, off, i % 40);
        look(r, off, i % 40);
    }
    for (uint32_t cold = 60; cold < PIECES / PER_PAGE; cold++) {
        look(r, off, cold);
        if (cold % 2 == 0)
            faults += look(r, off, cold / 2 % 40);
    }
    print_message("%llu of those that are needed again left\n", (unsigned long long)faults);
    CHECK(faults < 4);
    CHECK(heap_close(r->h, true) == 0);
}

/* Others are needed, each too seldom to be seen again while it is young. */
static void what_nobody_needs_any_more_leaves(struct rig *r)
{
    static uint64_t off[PIECES];
    uint64_t faults = 0;

    pieces_start(r, off);
    for (uint32_t i = 0; i < 4 * 48; i++) {
        look(r, off, i % 48);
        look(r, off, i % 48);
    }
    for (uint32_t round = 0; round < 60; round++)
        for (uint32_t i = 100; i < 140; i++)
            faults += look(r, off, i) * (round >= 55);
    CHECK(faults == 0);
    CHECK(heap_close(r->h, true) == 0);
}

/* One change dirties all that may be dirty, and then the heap must grow for it. */
static void a_change_that_dirties_everything_can_grow(struct rig *r)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    uint32_t tries = 0;
    uint64_t off;
    int rc;

    r->meta_size = 48 * HEAP_PAGE_SIZE;
    start(r, 1);
    do {
        CHECK(tries++ < 100);
        heap_lock(r->h);
        rc = heap_tx_begin(r->h, 1000);
        if (rc == 0) {
            for (uint32_t i = 0; i < r->h->alloc.nr && rc == 0; i++) /* a page for each size */
                rc = heap_tx_alloc(r->h, r->h->alloc.cls[i].size, 0, &off, NULL);
            if (rc == 0)
                heap_tx_commit(r->h, NULL);
            else
                heap_tx_abort(r->h);
        }
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    CHECK(rc == 0);
    rig_check(r);
    CHECK(heap_close(r->h, true) == 0);
}

static void without_a_limit_nothing_leaves(struct rig *r)
{
    uint64_t most = 0, faults;

    start(r, 0);
    for (uint32_t i = 0; i < PIECES; i++)
        piece_make(r, i, &most);
    faults = stat_of(r).faults;
    CHECK(heap_checkpoint(r->h) == 0);
    CHECK(stat_of(r).evicted == 0 && stat_of(r).faults == faults);
    CHECK(heap_close(r->h, true) == 0);
}

/* A smaller limit than the one before: more is replayed than may stay, and leaves. */
static void a_heap_opens_with_less_memory_than_it_had(struct rig *r)
{
    uint64_t *off = malloc(PIECES * sizeof(*off)), most = 0;

    CHECK(off != NULL);
    r->wal_size = 16u << 20;
    start(r, 0);
    for (uint32_t i = 0; i < PIECES; i++)
        off[i] = piece_make(r, i, &most);
    CHECK(stat_of(r).checkpoints == 0);
    r->conf.mem_limit = LIMIT;
    reopen(r, true);
    CHECK(stat_of(r).mem_bytes > 5 * LIMIT);
    off[0] = piece_make(r, 0, &most);
    most = 0;
    read_all(r, off, &most);
    read_all(r, off, &most);
    CHECK(stat_of(r).mem_bytes <= LIMIT + SLACK);
    CHECK(heap_close(r->h, true) == 0);
    free(off);
}

static void the_power_goes_while_pages_come_and_go(struct rig *r)
{
    start(r, 1);
    for (uint32_t i = 0; i < rig_more(20, 200); i++) {
        sim_dir_power_cut_at(r->sd, 20 + rig_draw(r, 400));
        rig_work(r, 150);
        sim_dir_power_cut(r->sd);
        heap_close(r->h, false);
        rig_detach(r);
        sim_dir_power_on(r->sd);
        CHECK(rig_attach(r) == 0);
        CHECK(rig_open(r, NULL) == 0);
        rig_verify(r, true);
        rig_check(r);
    }
    heap_close(r->h, true);
}

#define STORIES(X)                                                                                 \
    X(memory_stays_within_its_limit)                                                               \
    X(what_is_used_stays)                                                                          \
    X(nodes_stay_longer)                                                                           \
    X(what_is_needed_once_pushes_nobody_out)                                                       \
    X(what_nobody_needs_any_more_leaves)                                                           \
    X(a_change_that_dirties_everything_can_grow)                                                   \
    X(without_a_limit_nothing_leaves)                                                              \
    X(a_heap_opens_with_less_memory_than_it_had)                                                   \
    X(the_power_goes_while_pages_come_and_go)

RIG_MAIN(STORIES)

/*
 * Weak memory. A location is the list of all values it ever had in this path, in its modification
 * order, each with the view that an acquiring reader gets. A store enters the list anywhere behind
 * what its thread has noticed, not only at the end: so it may seem late to others, as out of a
 * store buffer. A read-modify-write stands directly behind what it read, and nothing gets between.
 * See interleave.h for what is and is not covered.
 */
#include <string.h>

#include "base/assert.h"
#include "il_int.h"

struct message {
    uint64_t value;
    bool rmw;
    struct view view;
};

struct location {
    const void *p;
    unsigned size;
    uint16_t n;       /* messages */
    uint16_t floor;   /* older ones were overwritten by a plain store */
    uint16_t sc;      /* newest value written by a seq_cst operation */
    bool overwritten; /* memory holds a plain store's value */
    struct message m[MESSAGES];
};

static struct {
    struct location loc[LOCS];
    int n;
    struct view fences; /* of all seq_cst fences */
} mem;

static void join(struct view *to, const struct view *from)
{
    for (int i = 0; i < mem.n; i++)
        if (to->seen[i] < from->seen[i])
            to->seen[i] = from->seen[i];
    for (int i = 0; i < THREADS; i++)
        if (to->clock[i] < from->clock[i])
            to->clock[i] = from->clock[i];
}

void memory_reset(void)
{
    mem.n = 0;
    memset(&mem.fences, 0, sizeof(mem.fences));
}

void memory_fork(void)
{
    struct il_thread *t0 = &il.thread[0];

    t0->cur.clock[0]++;
    for (int i = 1; i < THREADS; i++) {
        join(&il.thread[i].cur, &t0->cur);
        il.thread[i].cur.clock[i] = 1;
    }
}

static uint64_t raw(const void *p, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, p, size);
    return v;
}

static void shift(struct view *v, int loc, uint16_t from)
{
    v->seen[loc] = (uint16_t)(v->seen[loc] + (v->seen[loc] >= from));
}

/* Makes room in the list: everybody's knowledge of what comes behind moves along. */
static void make_room(struct location *l, uint16_t at)
{
    int loc = (int)(l - mem.loc);

    memmove(&l->m[at + 1], &l->m[at], (size_t)(l->n - at) * sizeof(l->m[0]));
    l->n++;
    l->m[at].view.seen[loc] = at;
    for (int i = 0; i < mem.n; i++)
        for (uint16_t k = 0; k < mem.loc[i].n; k++)
            if (i != loc || k != at)
                shift(&mem.loc[i].m[k].view, loc, at);
    for (int t = 0; t < THREADS; t++) {
        shift(&il.thread[t].cur, loc, at);
        shift(&il.thread[t].relaxed, loc, at);
        shift(&il.thread[t].fence, loc, at);
    }
    shift(&mem.fences, loc, at);
    l->sc = (uint16_t)(l->sc + (l->sc >= at));
}

static void insert(struct location *l, uint16_t at, uint64_t value, const struct view *view)
{
    struct message *m = &l->m[at];

    if (l->n == MESSAGES)
        violation("more writes to one location than the checker keeps", l->p);
    if (at < l->n)
        make_room(l, at);
    else
        l->n++;
    m->value = value;
    m->rmw = false;
    m->view = *view;
    m->view.seen[l - mem.loc] = at;
}

/* The value that memory holds, whoever put it there before the actors. */
static void insert_raw(struct location *l)
{
    static const struct view nothing;

    insert(l, l->n, raw(l->p, l->size), &nothing);
}

static int memory_loc(const void *p, unsigned size)
{
    struct location *l;
    int i;

    for (i = 0; i < mem.n && mem.loc[i].p != p; i++)
        ;
    l = &mem.loc[i];
    if (i == LOCS)
        violation("more atomic locations than the checker keeps", p);
    if (i == mem.n) {
        *l = (struct location){.p = p, .size = size};
        mem.n++;
        for (int t = 0; t < THREADS; t++) {
            il.thread[t].cur.seen[i] = il.thread[t].relaxed.seen[i] = 0;
            il.thread[t].fence.seen[i] = 0;
        }
        mem.fences.seen[i] = 0;
        /* older messages of other locations say nothing of it */
        for (int j = 0; j < i; j++)
            for (int k = 0; k < mem.loc[j].n; k++)
                mem.loc[j].m[k].view.seen[i] = 0;
        insert_raw(l);
    } else if (l->overwritten) {
        l->overwritten = false;
        l->floor = l->n;
        insert_raw(l);
    }
    if (l->size != size)
        violation("an atomic location is accessed in two sizes", p);
    return i;
}

void memory_overwritten(const void *p, size_t size)
{
    for (int i = 0; i < mem.n; i++)
        if ((const char *)mem.loc[i].p < (const char *)p + size &&
            (const char *)p < (const char *)mem.loc[i].p + mem.loc[i].size)
            mem.loc[i].overwritten = true;
}

static bool looked_at(const struct il_thread *t, int loc)
{
    return t->looked_at >> loc & 1;
}

bool memory_news(const struct il_thread *t)
{
    for (int i = 0; i < mem.n; i++)
        if (looked_at(t, i) && mem.loc[i].n - 1 > t->cur.seen[i])
            return true;
    return false;
}

static void notice(struct location *l)
{
    il.self->cur.seen[l - mem.loc] = (uint16_t)(l->n - 1);
}

void memory_refresh(void)
{
    for (int i = 0; i < mem.n; i++)
        if (looked_at(il.self, i))
            notice(&mem.loc[i]);
    il.self->looked_at = 0;
}

static bool acquires(enum order o)
{
    return o == ACQUIRE || o == CONSUME || o == ACQ_REL || o == SEQ_CST;
}

static bool releases(enum order o)
{
    return o == RELEASE || o == ACQ_REL || o == SEQ_CST;
}

/* The oldest value that a load may see. */
static uint16_t oldest(const struct location *l, enum order o)
{
    int i = (int)(l - mem.loc);
    uint16_t lo = il.self->cur.seen[i];

    if (lo < l->floor)
        lo = l->floor;
    if (o == SEQ_CST && lo < l->sc)
        lo = l->sc;
    if (o == SEQ_CST && lo < mem.fences.seen[i])
        lo = mem.fences.seen[i];
    return lo;
}

static void see(struct location *l, uint16_t at, enum order o)
{
    struct il_thread *t = il.self;
    int i = (int)(l - mem.loc);

    if (t->cur.seen[i] < at)
        t->cur.seen[i] = at;
    join(acquires(o) ? &t->cur : &t->relaxed, &l->m[at].view);
    t->looked_at |= UINT64_C(1) << i;
}

/* Before the shift that an insertion causes, at is one behind what the thread has noticed or later.
 * What an acquiring reader gets besides is in with (may be NULL). */
static void write(struct location *l, uint16_t at, uint64_t v, enum order o,
                  const struct view *with)
{
    struct il_thread *t = il.self;
    int i = (int)(l - mem.loc);
    struct view view = releases(o) ? t->cur : t->fence;

    if (with)
        join(&view, with);
    insert(l, at, v, &view);
    l->m[at].rmw = with != NULL;
    if (at == l->n - 1)
        memcpy((void *)(uintptr_t)l->p, &v, l->size);
    t->cur.seen[i] = at;
    /* what a loop waits for is what it looks at after its last write */
    t->looked_at = UINT64_C(1) << i;
    if (o == SEQ_CST)
        l->sc = at;
    t->cur.clock[thread_no(t)]++; /* what comes now is not part of what was released */
}

/* Where a write may go: nothing may get between a read-modify-write and what it read. */
static bool open_behind(const struct location *l, uint16_t at)
{
    return at == l->n - 1 || !l->m[at + 1].rmw;
}

uint64_t memory_load(const void *p, unsigned size, enum order o)
{
    struct location *l = &mem.loc[memory_loc(p, size)];
    uint16_t lo = oldest(l, o);
    uint16_t at = (uint16_t)(l->n - 1 - branch((unsigned)(l->n - lo)));

    race_atomic(p, size, false);
    see(l, at, o);
    trace(at == l->n - 1 ? "load" : "load (old)", p, l->m[at].value);
    return l->m[at].value;
}

void memory_store(void *p, unsigned size, uint64_t v, enum order o)
{
    struct location *l = &mem.loc[memory_loc(p, size)];
    uint16_t lo = oldest(l, o), can[MESSAGES], at;
    unsigned n = 0;

    for (uint16_t i = l->n; i-- > lo;)
        if (open_behind(l, i))
            can[n++] = i;
    at = can[branch(n)];
    race_atomic(p, size, true);
    write(l, (uint16_t)(at + 1), v, o, NULL);
    trace(at == l->n - 2 ? "store" : "store (late)", p, v);
}

static uint64_t apply(enum rmw what, uint64_t a, uint64_t b, unsigned size)
{
    uint64_t v = b;

    switch (what) {
    case XCHG:
        break;
    case ADD:
        v = a + b;
        break;
    case SUB:
        v = a - b;
        break;
    case AND:
        v = a & b;
        break;
    case OR:
        v = a | b;
        break;
    case XOR:
        v = a ^ b;
        break;
    case NAND:
        v = ~(a & b);
        break;
    }
    return size == 8 ? v : v & ((UINT64_C(1) << (size * 8)) - 1);
}

/* Reads the value at a place in the list and writes the next one. */
static void replace(struct location *l, uint16_t at, uint64_t v, enum order o)
{
    struct view with;

    see(l, at, o);
    with = l->m[at].view;
    write(l, (uint16_t)(at + 1), v, o, &with);
}

uint64_t memory_rmw(void *p, unsigned size, enum rmw what, uint64_t v, enum order o)
{
    struct location *l = &mem.loc[memory_loc(p, size)];
    uint16_t lo = oldest(l, o), can[MESSAGES], at;
    unsigned n = 0;
    uint64_t was;

    for (uint16_t i = l->n; i-- > lo;)
        if (open_behind(l, i))
            can[n++] = i;
    at = can[branch(n)];
    was = l->m[at].value;
    race_atomic(p, size, true);
    replace(l, at, apply(what, was, v, size), o);
    trace("read-modify-write", p, apply(what, was, v, size));
    return was;
}

bool memory_cas(void *p, unsigned size, uint64_t *expected, uint64_t want, enum order o,
                enum order fail)
{
    struct location *l = &mem.loc[memory_loc(p, size)];
    uint16_t lo = oldest(l, fail), lo_write = oldest(l, o), can[MESSAGES], at;
    unsigned n = 0;

    /* it fails with any value that a load might see */
    for (uint16_t i = l->n; i-- > lo;)
        if (l->m[i].value != *expected || (i >= lo_write && open_behind(l, i)))
            can[n++] = i;
    at = can[branch(n)];
    if (l->m[at].value != *expected) {
        race_atomic(p, size, false);
        see(l, at, fail);
        *expected = l->m[at].value;
        trace(at == l->n - 1 ? "compare-and-swap fails" : "compare-and-swap fails (old)", p,
              *expected);
        return false;
    }
    race_atomic(p, size, true);
    replace(l, at, want, o);
    trace("compare-and-swap", p, want);
    return true;
}

void memory_fence(enum order o)
{
    struct il_thread *t = il.self;

    if (acquires(o))
        join(&t->cur, &t->relaxed);
    if (o == SEQ_CST) {
        join(&t->cur, &mem.fences);
        for (int i = 0; i < mem.n; i++)
            if (t->cur.seen[i] < mem.loc[i].sc)
                t->cur.seen[i] = mem.loc[i].sc;
        mem.fences = t->cur;
    }
    if (releases(o)) {
        t->fence = t->cur;
        t->cur.clock[thread_no(t)]++;
    }
    trace("fence", NULL, o);
}

uint64_t memory_latest(const void *p, unsigned size)
{
    struct location *l = &mem.loc[memory_loc(p, size)];

    notice(l);
    return l->m[l->n - 1].value;
}

/* ---- The state's hash: nothing in it that cannot matter any more ---- */

/* Nobody can see older values of it. */
static uint16_t base_of(const struct location *l)
{
    uint16_t lo = (uint16_t)(l->n - 1);

    for (unsigned t = 1; t < THREADS; t++)
        if (il.thread[t].started && !il.thread[t].ended)
            lo = MIN(lo, il.thread[t].cur.seen[l - mem.loc]);
    return MAX(lo, l->floor);
}

static uint64_t hash_view(const struct view *v, const uint16_t base[LOCS])
{
    uint64_t h = 0;

    for (int i = 0; i < mem.n; i++)
        if (v->seen[i] > base[i])
            h += mix(mix(0, (uintptr_t)mem.loc[i].p), (uint64_t)(v->seen[i] - base[i]));
    for (unsigned t = 1; t < THREADS; t++)
        h = mix(h, race_clock(t, v->clock[t]));
    return h;
}

static uint64_t hash_location(const struct location *l, const uint16_t base[LOCS])
{
    uint16_t b = base[l - mem.loc];
    uint64_t h = mix(mix(0, (uintptr_t)l->p), l->sc > b ? l->sc - b : 0);

    for (uint16_t k = b; k < l->n; k++)
        h = mix(mix(h, l->m[k].value), hash_view(&l->m[k].view, base) << 1 | l->m[k].rmw);
    return h;
}

uint64_t memory_hash(void)
{
    uint16_t base[LOCS];
    uint64_t h = 0;

    for (int i = 0; i < mem.n; i++)
        base[i] = base_of(&mem.loc[i]);
    for (int i = 0; i < mem.n; i++)
        if (mem.loc[i].n > 1)
            h += hash_location(&mem.loc[i], base);
    h = mix(h, hash_view(&mem.fences, base));
    for (unsigned t = 1; t < THREADS; t++) {
        const struct il_thread *th = &il.thread[t];

        if (!th->started || th->ended)
            continue;
        h = mix(h, hash_view(&th->cur, base));
        h = mix(h, hash_view(&th->relaxed, base));
        h = mix(h, hash_view(&th->fence, base));
        for (int i = 0; i < mem.n; i++)
            if (looked_at(th, i))
                h += mix(mix(0, (uintptr_t)mem.loc[i].p), t);
    }
    return h;
}

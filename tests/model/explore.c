/*
 * The enumeration. A path is a list of choices: who goes next, and what its operation sees. Each
 * path is run from the start; the list is extended by first choices and counted up from its end.
 * Before a choice that is new, the state is looked up: what was reached before along another path
 * need not be gone on with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "il_int.h"
#include "rt/fiber.h"

#define DEPTH 4096
#define STEPS 3000
#define SHOWN 400
#define CLEAN 2048 /* more than calls of scenes go deep */

struct il il;

static struct {
    const struct il_scene *scene;
    struct {
        uint16_t chosen, width;
    } path[DEPTH];
    unsigned depth, length;
    unsigned steps;
    struct il_result res;
    struct fiber_ctx sched;
    struct fiber_pool pool;
    struct {
        uint8_t thread;
        const char *what;
        const void *p;
        uint64_t value;
    } shown[SHOWN];
    unsigned n_shown;
    /* states: open addressing, 0 is free */
    uint64_t *seen;
    size_t seen_size, seen_n;
} ex;

/* ---- States ---- */

static void seen_add(uint64_t h)
{
    size_t i = h & (ex.seen_size - 1);

    while (ex.seen[i])
        i = (i + 1) & (ex.seen_size - 1);
    ex.seen[i] = h;
    ex.seen_n++;
}

static void seen_grow(void)
{
    uint64_t *old = ex.seen;
    size_t n = ex.seen_size;

    ex.seen_size = n ? n * 2 : 1 << 12;
    ex.seen = calloc(ex.seen_size, sizeof(*ex.seen));
    if (!ex.seen)
        abort();
    ex.seen_n = 0;
    for (size_t i = 0; i < n; i++)
        if (old[i])
            seen_add(old[i]);
    free(old);
}

static bool seen_before(uint64_t h)
{
    size_t i;

    h = h ? h : 1;
    if (ex.seen_n * 2 >= ex.seen_size)
        seen_grow();
    for (i = h & (ex.seen_size - 1); ex.seen[i]; i = (i + 1) & (ex.seen_size - 1))
        if (ex.seen[i] == h)
            return true;
    seen_add(h);
    return false;
}

/* What an actor will do is in its registers and on its stack, from the top to where it stopped. */
static uint64_t hash_stack(const struct il_thread *t)
{
    const uint64_t *at = t->fiber->ctx.sp, *end = (const uint64_t *)(const void *)t->stack_end;
    uint64_t h = 0;

    for (; at < end; at++)
        h = mix(h, *at);
    return h;
}

static uint64_t state_hash(void)
{
    uint64_t h = race_hash();

    h = mix(h, memory_hash());
    for (unsigned i = 1; i < THREADS; i++) {
        const struct il_thread *t = &il.thread[i];

        if (!t->started || t->ended)
            continue;
        h = mix(h, i << 8 | (unsigned)t->waits << 1 | t->ready);
        h = mix(h, t->now_ns);
        h = mix(h, (uintptr_t)t->timer);
        h = mix(h, hash_stack(t));
    }
    return h;
}

/* ---- Actors ---- */

static struct fiber_ctx *ctx_of(struct il_thread *t)
{
    return &t->fiber->ctx;
}

void step(const char *live)
{
    struct il_thread *t = il.self;

    if (t == &il.thread[0])
        return;
    t->live = live;
    fiber_switch(ctx_of(t), &ex.sched, false);
}

_Noreturn static void leave(void)
{
    fiber_switch(ctx_of(il.self), &ex.sched, true);
    abort();
}

void fiber_main(struct rt_fiber *f)
{
    struct il_thread *t = f->arg;

    fiber_arrived(&f->ctx, &ex.sched);
    f->fn(NULL);
    t->ended = true;
    leave();
}

/* What calls that returned left below tells states apart that are not different. */
static void clean(struct il_thread *t)
{
    char *sp = t->fiber->ctx.sp;

    memset(sp - CLEAN, 0, CLEAN);
}

static void resume(struct il_thread *t)
{
    il.self = t;
    fiber_switch(&ex.sched, ctx_of(t), false);
    il.self = NULL;
    clean(t);
}

static void thread_start(struct il_thread *t, void (*fn)(void))
{
    t->fiber->fn = (void (*)(void *))(void *)fn;
    t->fiber->arg = t;
    t->started = true;
    resume(t);
}

static void found(const char *text)
{
    if (!ex.res.found)
        snprintf(ex.res.text, sizeof(ex.res.text), "%s", text);
    ex.res.found = true;
    il.over = true;
}

void violation(const char *text, const void *p)
{
    unsigned no = thread_no(il.self);
    char buf[64], all[256];

    snprintf(all, sizeof(all), "%s: %s%s%s", no ? ex.scene->actor_name[no - 1] : "check", text,
             p ? ": " : "", p ? race_name(p, buf) : "");
    trace(text, p, 0);
    found(all);
    leave();
}

void il_violation(const char *text)
{
    violation(text, NULL);
}

/* ASSERT in what is tested. */
_Noreturn void base_assert_failed(const char *file, int line, const char *text);
void base_assert_failed(const char *file, int line, const char *text)
{
    char all[200];

    snprintf(all, sizeof(all), "invariant violated: %s (%s:%d)", text, file, line);
    if (!il.self) {
        fprintf(stderr, "%s\n", all);
        abort();
    }
    violation(all, NULL);
}

unsigned il_self(void)
{
    return thread_no(il.self) - 1;
}

void trace(const char *what, const void *p, uint64_t value)
{
    if (ex.n_shown == SHOWN)
        return;
    ex.shown[ex.n_shown].thread = (uint8_t)thread_no(il.self);
    ex.shown[ex.n_shown].what = what;
    ex.shown[ex.n_shown].p = p;
    ex.shown[ex.n_shown++].value = value;
}

/* ---- Choices ---- */

unsigned branch(unsigned n)
{
    if (n == 1 || il.self == &il.thread[0])
        return 0;
    if (ex.depth == ex.length) {
        if (ex.depth == DEPTH)
            violation("more choices than the checker keeps", NULL);
        ex.path[ex.length].chosen = 0;
        ex.path[ex.length++].width = (uint16_t)n;
    }
    return ex.path[ex.depth++].chosen;
}

unsigned il_choose(unsigned n)
{
    unsigned c = branch(n);

    trace("chooses", NULL, c);
    return c;
}

static bool next_path(void)
{
    while (ex.length > 0) {
        if (++ex.path[ex.length - 1].chosen < ex.path[ex.length - 1].width)
            return true;
        ex.length--;
    }
    return false;
}

/* ---- One path ---- */

static bool can_go(const struct il_thread *t)
{
    if (!t->started || t->ended)
        return false;
    switch (t->waits) {
    case PAUSED:
        return memory_news(t);
    case ON_FUTEX:
        return t->timed;
    case PARKED:
        return t->ready || t->timer;
    default:
        return true;
    }
}

/* Nobody can go on: the end, or somebody was forgotten. */
static void nobody(void)
{
    const struct il_scene *s = ex.scene;
    unsigned remain = 0, may = 0, who = 0;
    char all[256];

    for (unsigned i = 1; i < THREADS; i++) {
        if (!il.thread[i].started || il.thread[i].ended)
            continue;
        remain++;
        if (s->may_remain[i - 1])
            may++;
        else
            who = i;
    }
    if (remain == may && (!s->sleepers_max || remain <= s->sleepers_max))
        return;
    snprintf(all, sizeof(all), "waits for ever: %s",
             who ? s->actor_name[who - 1] : "more than may");
    found(all);
}

static struct il_thread *pick(void)
{
    struct il_thread *can[THREADS];
    unsigned n = 0;

    /* who went last first, so that the first paths have few switches */
    if (il.last && can_go(il.last))
        can[n++] = il.last;
    for (unsigned i = 1; i < THREADS; i++)
        if (&il.thread[i] != il.last && can_go(&il.thread[i]))
            can[n++] = &il.thread[i];
    if (n == 0) {
        nobody();
        return NULL;
    }
    if (ex.depth == ex.length) {
        ex.res.states++;
        if (seen_before(state_hash())) {
            il.over = true;
            return NULL;
        }
    }
    if (++ex.steps > STEPS) {
        found("does not end");
        return NULL;
    }
    return can[branch(n)];
}

static void path_begin(void)
{
    il.over = false;
    il.last = NULL;
    ex.depth = ex.steps = ex.n_shown = 0;
    memory_reset();
    race_reset();
    for (unsigned i = 0; i < THREADS; i++) {
        struct rt_fiber *f = fiber_new(&ex.pool);

        if (!f)
            abort();
        il.thread[i] = (struct il_thread){.fiber = f, .scene = ex.scene};
        il.thread[i].stack = f->ctx.stack_low;
        il.thread[i].stack_end = il.thread[i].stack + f->ctx.stack_size;
        il.thread[i].live = il.thread[i].stack;
        clean(&il.thread[i]);
    }
    il.thread[0].cur.clock[0] = 1;
}

static void path_end(void)
{
    for (unsigned i = THREADS; i-- > 0;)
        fiber_free(&ex.pool, il.thread[i].fiber);
}

static void check_now(void)
{
    if (ex.scene->check)
        ex.scene->check();
}

static void start_again(struct il_thread *t)
{
    struct rt_fiber *f;

    fiber_free(&ex.pool, t->fiber);
    f = fiber_new(&ex.pool);
    if (!f)
        abort();
    t->fiber = f;
    t->ended = false;
}

static void run_path(void)
{
    const struct il_scene *s = ex.scene;

    thread_start(&il.thread[0], s->setup);
    if (il.over)
        return;
    memory_fork();
    for (unsigned i = 0; i < IL_ACTORS_MAX && !il.over; i++)
        if (s->actor[i])
            thread_start(&il.thread[i + 1], s->actor[i]);
    while (!il.over) {
        struct il_thread *t = pick();

        if (!t)
            break;
        il.last = t;
        resume(t);
    }
    if (il.over)
        return;
    start_again(&il.thread[0]);
    thread_start(&il.thread[0], check_now);
}

struct il_result il_explore(const struct il_scene *s, uint64_t limit)
{
    memset(&ex.res, 0, sizeof(ex.res));
    ex.scene = s;
    ex.length = 0;
    ex.seen_n = 0;
    if (ex.seen)
        memset(ex.seen, 0, ex.seen_size * sizeof(*ex.seen));
    do {
        if (limit && ex.res.states >= limit)
            return ex.res;
        path_begin();
        run_path();
        path_end();
        ex.res.paths++;
        if (ex.res.found)
            return ex.res;
    } while (next_path());
    ex.res.whole = true;
    return ex.res;
}

/* ---- For cmocka ---- */

static void show_path(void)
{
    char buf[64];

    for (unsigned i = 0; i < ex.n_shown; i++)
        print_error("  %-12s %-32s %s = 0x%llx\n",
                    ex.shown[i].thread ? ex.scene->actor_name[ex.shown[i].thread - 1] : "-",
                    ex.shown[i].what, ex.shown[i].p ? race_name(ex.shown[i].p, buf) : "",
                    (unsigned long long)ex.shown[i].value);
}

#define LIMIT UINT64_C(50000000)

void il_holds(const struct il_scene *s)
{
    struct il_result r = il_explore(s, LIMIT);

    if (r.found) {
        show_path();
        fail_msg("%s: %s", s->name, r.text);
    }
    if (!r.whole)
        fail_msg("%s: more than %llu states", s->name, (unsigned long long)LIMIT);
    print_message("%s: all of %llu states, by %llu paths\n", s->name, (unsigned long long)r.states,
                  (unsigned long long)r.paths);
}

void il_breaks(const struct il_scene *s, const char *part)
{
    struct il_result r = il_explore(s, LIMIT);

    if (!r.found)
        fail_msg("%s: nothing found in %llu paths", s->name, (unsigned long long)r.paths);
    if (!strstr(r.text, part)) {
        show_path();
        fail_msg("%s: found \"%s\", expected \"%s\"", s->name, r.text, part);
    }
}

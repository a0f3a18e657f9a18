/*
 * Races by vector clocks, and accesses to memory that is gone. Every byte remembers when each
 * thread last read and wrote it, plainly and atomically; an access that conflicts with one its
 * thread has not noticed (its view's clock) is a race, whatever order this path happened to have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "il_int.h"

struct byte {
    uint32_t wrote[THREADS], read[THREADS], awrote[THREADS], aread[THREADS];
};

#define LINE 4

struct line {
    uintptr_t at;
    uint32_t path; /* whose it is; others' are empty */
    bool split;    /* its bytes were accessed apart; else all are as the first */
    struct byte byte[LINE];
};

#define LINES  4096
#define DEAD   16
#define NAMES  64
#define CLOCKS 128

static struct {
    struct line line[LINES];
    uint32_t path;
    uint16_t used[LINES];
    unsigned used_n;
    /* the clocks at which something was accessed, sorted: two clocks between which nothing was are
     * the same to everybody */
    uint32_t clock[THREADS][CLOCKS];
    unsigned clock_n[THREADS];
    struct {
        uintptr_t from, to;
    } dead[DEAD];
    unsigned dead_n;
    struct {
        const void *p;
        const char *name;
    } name[NAMES];
    unsigned name_n;
} shadow;

void race_reset(void)
{
    shadow.path++;
    shadow.used_n = 0;
    shadow.dead_n = 0;
}

void il_name(const void *p, const char *name)
{
    for (unsigned i = 0; i < shadow.name_n; i++)
        if (shadow.name[i].p == p) {
            shadow.name[i].name = name;
            return;
        }
    if (shadow.name_n < NAMES) {
        shadow.name[shadow.name_n].p = p;
        shadow.name[shadow.name_n++].name = name;
    }
}

const char *race_name(const void *p, char buf[64])
{
    for (unsigned i = 0; i < shadow.name_n; i++)
        if (shadow.name[i].p == p)
            return shadow.name[i].name;
    for (unsigned i = 1; i < THREADS; i++) {
        const struct il_thread *t = &il.thread[i];

        if (t->scene && (const char *)p >= t->stack && (const char *)p < t->stack_end) {
            snprintf(buf, 64, "stack of %s -%ld", t->scene->actor_name[i - 1],
                     (long)(t->stack_end - (const char *)p));
            return buf;
        }
    }
    snprintf(buf, 64, "%p", p);
    return buf;
}

void il_dead(const void *p, size_t size)
{
    if (il.self == &il.thread[0])
        return;
    race_plain(p, size, true);
    if (shadow.dead_n == DEAD)
        violation("more il_dead() than the checker keeps", p);
    shadow.dead[shadow.dead_n].from = (uintptr_t)p;
    shadow.dead[shadow.dead_n++].to = (uintptr_t)p + size;
}

static void check_gone(const void *p, size_t size)
{
    uintptr_t at = (uintptr_t)p;

    for (unsigned i = 0; i < shadow.dead_n; i++)
        if (at < shadow.dead[i].to && shadow.dead[i].from < at + size)
            violation("touches memory that is gone", p);
    for (unsigned i = 1; i < THREADS; i++) {
        const struct il_thread *t = &il.thread[i];

        if (t != il.self && (const char *)p >= t->stack && (const char *)p < t->stack_end &&
            ((const char *)p < t->live || t->ended))
            violation("touches the stack of a function that has returned", p);
    }
}

static struct line *line_at(uintptr_t key)
{
    size_t i = (size_t)(mix(0, key) >> 20) % LINES;

    for (size_t tries = 0; tries < LINES; tries++, i = (i + 1) % LINES) {
        struct line *l = &shadow.line[i];

        if (l->path != shadow.path) {
            memset(&l->byte[0], 0, sizeof(l->byte[0]));
            l->path = shadow.path;
            l->at = key;
            l->split = false;
            shadow.used[shadow.used_n++] = (uint16_t)i;
        }
        if (l->at == key)
            return l;
    }
    violation("more memory than the checker watches", (const void *)key);
}

static bool noticed(const uint32_t when[THREADS])
{
    for (unsigned t = 0; t < THREADS; t++)
        if (when[t] > il.self->cur.clock[t])
            return false;
    return true;
}

static void plain(struct byte *b, bool write, const void *p)
{
    unsigned me = thread_no(il.self);

    if (!noticed(b->wrote) || !noticed(b->awrote) ||
        (write && (!noticed(b->read) || !noticed(b->aread))))
        violation(write ? "a plain write races" : "a plain read races", p);
    (write ? b->wrote : b->read)[me] = il.self->cur.clock[me];
}

static void atomic(struct byte *b, bool write, const void *p)
{
    unsigned me = thread_no(il.self);

    if (!noticed(b->wrote) || (write && !noticed(b->read)))
        violation(write ? "an atomic write races with a plain access"
                        : "an atomic read races with a plain write",
                  p);
    (write ? b->awrote : b->aread)[me] = il.self->cur.clock[me];
}

static void each_byte(const void *p, size_t size, bool write,
                      void (*fn)(struct byte *b, bool write, const void *p))
{
    uintptr_t at = (uintptr_t)p, end = at + size;

    while (at < end) {
        uintptr_t key = at & ~(uintptr_t)(LINE - 1), stop = MIN(end, key + LINE);
        struct line *l = line_at(key);

        if (!l->split && stop - at < LINE) {
            l->split = true;
            for (int i = 1; i < LINE; i++)
                l->byte[i] = l->byte[0];
        }
        if (!l->split)
            fn(&l->byte[0], write, p);
        else
            for (; at < stop; at++)
                fn(&l->byte[at - key], write, p);
        at = stop;
    }
}

void race_plain(const void *p, size_t size, bool write)
{
    check_gone(p, size);
    if (write)
        memory_overwritten(p, size);
    each_byte(p, size, write, plain);
}

void race_atomic(const void *p, size_t size, bool write)
{
    check_gone(p, size);
    each_byte(p, size, write, atomic);
}

/* ---- For the state's hash ---- */

static void add_clock(unsigned thread, uint32_t c)
{
    uint32_t *all = shadow.clock[thread];
    unsigned n = shadow.clock_n[thread], i;

    for (i = n; i > 0 && all[i - 1] > c; i--)
        ;
    if (c == 0 || (i > 0 && all[i - 1] == c))
        return;
    if (n == CLOCKS)
        abort();
    memmove(&all[i + 1], &all[i], (n - i) * sizeof(*all));
    all[i] = c;
    shadow.clock_n[thread]++;
}

static void each_clock(const struct line *l, void (*fn)(unsigned thread, uint32_t c))
{
    for (int i = 0; i < (l->split ? LINE : 1); i++)
        for (unsigned t = 1; t < THREADS; t++) {
            fn(t, l->byte[i].wrote[t]);
            fn(t, l->byte[i].read[t]);
            fn(t, l->byte[i].awrote[t]);
            fn(t, l->byte[i].aread[t]);
        }
}

uint64_t race_clock(unsigned thread, uint32_t c)
{
    unsigned i;

    for (i = shadow.clock_n[thread]; i > 0 && shadow.clock[thread][i - 1] > c; i--)
        ;
    return i;
}

static bool on_a_stack(uintptr_t at)
{
    for (unsigned i = 1; i < THREADS; i++)
        if (at >= (uintptr_t)il.thread[i].stack && at < (uintptr_t)il.thread[i].stack_end)
            return true;
    return false;
}

uint64_t race_hash(void)
{
    uint64_t h = 0;

    memset(shadow.clock_n, 0, sizeof(shadow.clock_n));
    for (unsigned i = 0; i < shadow.used_n; i++)
        each_clock(&shadow.line[shadow.used[i]], add_clock);
    for (unsigned i = 0; i < shadow.used_n; i++) {
        const struct line *l = &shadow.line[shadow.used[i]];
        uint64_t hl = mix(0, l->at);

        if (!on_a_stack(l->at))
            hl = mix(hl, *(const uint32_t *)l->at);
        for (int k = 0; k < (l->split ? LINE : 1); k++)
            for (unsigned t = 1; t < THREADS; t++) {
                const struct byte *b = &l->byte[k];

                if (b->wrote[t] | b->read[t] | b->awrote[t] | b->aread[t])
                    hl = mix(hl, race_clock(t, b->wrote[t]) | race_clock(t, b->read[t]) << 12 |
                                     race_clock(t, b->awrote[t]) << 24 |
                                     race_clock(t, b->aread[t]) << 36 | (uint64_t)t << 48);
            }
        h += hl;
    }
    for (unsigned i = 0; i < shadow.dead_n; i++)
        h += mix(shadow.dead[i].from, 1);
    return h;
}

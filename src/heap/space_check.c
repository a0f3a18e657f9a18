/*
 * Checks data space: does every group's count match its bitmap, and does nothing lie beyond the
 * role's end?
 */
#include "heap/space_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct space_checker {
    struct heap *h;
    void (*report)(void *arg, const char *text);
    void *arg;
    uint64_t problems;
};

__attribute__((format(printf, 2, 3))) static void problem(struct space_checker *k, const char *fmt,
                                                          ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    k->report(k->arg, text);
    k->problems++;
}

/* Reads everything first, so that a fault has reported nothing. */
static int check_group(struct space_checker *k, uint64_t group)
{
    const struct space *s = k->h->space;
    const struct space_group *g = group < s->groups ? &s->group[group] : NULL;
    uint32_t blocks = g != NULL ? g->blocks : 0, used, beyond;
    const uint64_t *bits;
    struct space_sum sum;
    bool live = true;
    int rc = space_map_sum(k->h, group, &sum);

    if (rc == 0)
        rc = space_map_bits(k->h, group, &bits);
    if (rc == 0 && bits != NULL)
        rc = heap_alloc_is_live(k->h, sum.bitmap, &live);
    if (rc != 0)
        return rc;
    used = bits != NULL ? bits_count(bits, 0, SPACE_GROUP) : 0;
    beyond = bits != NULL ? bits_count(bits, blocks, SPACE_GROUP - blocks) : 0;
    if (!live)
        problem(k, "data space group %llu: its bitmap at %#llx is not allocated",
                (unsigned long long)group, (unsigned long long)sum.bitmap);
    if (used != sum.used)
        problem(k, "data space group %llu: %u blocks are used, its summary says %u",
                (unsigned long long)group, used, sum.used);
    if (beyond != 0)
        problem(k, "data space group %llu: %u used blocks lie beyond the device's end",
                (unsigned long long)group, beyond);
    for (uint32_t w = 0; g != NULL && g->busy != NULL && bits != NULL && w < SPACE_WORDS; w++) {
        if ((bits[w] & ~g->busy[w]) != 0) {
            problem(k, "data space group %llu: used blocks count as free",
                    (unsigned long long)group);
            break;
        }
    }
    return 0;
}

/* A negative rc becomes a report: the rest can still be checked. */
static int check_one(struct space_checker *k, uint64_t group, uint64_t *groups)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    int rc;

    do {
        heap_lock(k->h);
        rc = groups != NULL ? space_map_groups(k->h, groups) : check_group(k, group);
        heap_pins_take(k->h, &pins);
        heap_unlock(k->h);
    } while (heap_retry(k->h, &pins, &rc));
    heap_pins_drop(k->h, &pins);
    if (rc == -DER_CSUM || rc == -DER_IO) {
        if (groups != NULL)
            problem(k, "data space: its head cannot be read");
        else
            problem(k, "data space group %llu: its summary or bitmap cannot be read",
                    (unsigned long long)group);
        rc = 0;
    }
    return rc;
}

int space_check(struct heap *h, void (*report)(void *arg, const char *text), void *arg,
                uint64_t *problems)
{
    struct space_checker k = {.h = h, .report = report, .arg = arg};
    uint64_t groups = 0;
    int rc = check_one(&k, 0, &groups);

    for (uint64_t i = 0; rc == 0 && i < groups && i < SPACE_TABLES_MAX * SPACE_TABLE; i++)
        rc = check_one(&k, i, NULL);
    *problems += k.problems;
    return rc;
}

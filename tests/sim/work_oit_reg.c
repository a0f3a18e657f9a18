/* Registers of the workload "oit": see work_oit.h. */
#include <stdio.h>
#include <string.h>
#include "base/assert.h"
#include "work_oit.h"

void oit_reg_init(struct oit_reg *r, uint16_t val)
{
    *r = (struct oit_reg){.nr = 1};
    r->w[0] = (struct oit_write){.until = OIT_NEVER, .val = val};
}

static void forget(struct oit_reg *r, uint32_t i)
{
    memmove(&r->w[i], &r->w[i + 1], (--r->nr - i) * sizeof(r->w[0]));
}

/* Room for one more: what can be there no more, the longest ago, is forgotten. */
static void make_room(struct oit_reg *r)
{
    uint32_t oldest = 0;

    for (uint32_t i = 1; i < r->nr; i++)
        if (r->w[i].until < r->w[oldest].until)
            oldest = i;
    if (r->nr < OIT_WRITES)
        return;
    r->blind = MAX(r->blind, r->w[oldest].until);
    forget(r, oldest);
}

void oit_reg_call(struct oit_reg *r, uint16_t val, uint64_t now)
{
    make_room(r);
    r->w[r->nr++] =
        (struct oit_write){.call = now, .back = OIT_NEVER, .until = OIT_NEVER, .val = val};
}

static struct oit_write *find(struct oit_reg *r, uint64_t call)
{
    for (uint32_t i = 0; i < r->nr; i++)
        if (r->w[i].call == call)
            return &r->w[i];
    return NULL;
}

/* Those that were over before this one began are not there any more from now on. */
static void overwrite(struct oit_reg *r, const struct oit_write *by, uint64_t now)
{
    for (uint32_t i = 0; i < r->nr; i++)
        if (r->w[i].back < by->call)
            r->w[i].until = MIN(r->w[i].until, now);
}

void oit_reg_back(struct oit_reg *r, uint64_t call, uint64_t now)
{
    struct oit_write *w = find(r, call);

    if (w == NULL)
        return;
    w->back = now;
    overwrite(r, w, now);
}

bool oit_reg_failed(struct oit_reg *r, uint64_t call)
{
    struct oit_write *w = find(r, call);
    bool seen = w != NULL && w->seen;

    if (w != NULL)
        forget(r, (uint32_t)(w - r->w));
    return !seen;
}

void oit_reg_settle(struct oit_reg *r, uint64_t now)
{
    for (uint32_t i = 0; i < r->nr; i++)
        r->w[i].back = MIN(r->w[i].back, now);
}

bool oit_reg_saw(struct oit_reg *r, oit_asks *asks, uint32_t what, bool yes, uint64_t call,
                 uint64_t now)
{
    struct oit_write *only = NULL;
    uint32_t nr = 0;

    for (uint32_t i = 0; i < r->nr; i++)
        if (r->w[i].call <= now && r->w[i].until >= call && asks(r->w[i].val, what) == yes) {
            only = &r->w[i];
            nr++;
        }
    if (nr == 0)
        return call <= r->blind;
    if (nr == 1 && call > r->blind) {
        only->seen = true;
        overwrite(r, only, now);
    }
    return true;
}

void oit_reg_print(const struct oit_reg *r, char *buf, size_t len)
{
    size_t n = (size_t)snprintf(buf, len, "value: called, answered, over");

    for (uint32_t i = 0; i < r->nr && n < len; i++)
        n += (size_t)snprintf(buf + n, len - n, "; %u: %llu %lld %lld", r->w[i].val,
                              (unsigned long long)r->w[i].call, (long long)r->w[i].back,
                              (long long)r->w[i].until);
}

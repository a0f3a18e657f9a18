/* Places in a room: see net/lend.h. */
#include "net/lend.h"

#include <string.h>
#include <sys/mman.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/fail.h"

#define KEEP                                                                                       \
    (UINT64_C(64) << 20) /* memory that stays when nothing is lent: it comes page by page */

static uint32_t class_of(uint64_t len)
{
    uint32_t c = 0;

    while (c < LEND_CLASSES && ((uint64_t)LEND_LEAST << c) < len)
        c++;
    return c;
}

int lender_init(struct lender *l, uint8_t *base, uint64_t len)
{
    *l = (struct lender){.base = base, .len = len};
    l->next = base_calloc(len / LEND_LEAST + 1, sizeof(*l->next));
    return l->next != NULL ? 0 : -DER_NOMEM;
}

void lender_fini(struct lender *l)
{
    base_free(l->next);
    *l = (struct lender){.next = NULL};
}

static void push(struct lender *l, uint32_t c, uint32_t place)
{
    l->next[place] = l->free[c];
    l->free[c] = place + 1;
}

static bool pop(struct lender *l, uint32_t c, uint32_t *place)
{
    if (l->free[c] == 0)
        return false;
    *place = l->free[c] - 1;
    l->free[c] = l->next[*place];
    return true;
}

/* A larger place, in two halves until it is as small as wanted. */
static bool split(struct lender *l, uint32_t want, uint32_t *place)
{
    uint32_t c = want + 1;

    while (c < LEND_CLASSES && !pop(l, c, place))
        c++;
    if (c >= LEND_CLASSES)
        return false;
    while (c-- > want)
        push(l, c, *place + (1u << c));
    return true;
}

/* Nothing is lent: all is one again. */
static void reset(struct lender *l)
{
    memset(l->free, 0, sizeof(l->free));
    l->used = 0;
}

static bool find(struct lender *l, uint32_t c, uint32_t *place)
{
    uint64_t size = (uint64_t)LEND_LEAST << c;

    if (pop(l, c, place))
        return true;
    if (size > l->len - l->used)
        return split(l, c, place);
    *place = (uint32_t)(l->used / LEND_LEAST);
    l->used += size;
    return true;
}

int lender_take(struct lender *l, uint64_t len, uint64_t *off)
{
    uint32_t c = class_of(len), place;

    if (c >= LEND_CLASSES || ((uint64_t)LEND_LEAST << c) > l->len)
        return -DER_OVERFLOW;
    if (!find(l, c, &place)) {
        if (l->lent > 0)
            return -DER_AGAIN;
        reset(l);
        find(l, c, &place);
    }
    l->lent++;
    *off = (uint64_t)place * LEND_LEAST;
    return 0;
}

void lender_give(struct lender *l, uint64_t off, uint64_t len)
{
    ASSERT(l->lent > 0);
    push(l, class_of(len), (uint32_t)(off / LEND_LEAST));
    if (--l->lent > 0 || l->used <= KEEP)
        return;
    madvise(l->base + KEEP, l->used - KEEP, MADV_REMOVE);
    reset(l);
}

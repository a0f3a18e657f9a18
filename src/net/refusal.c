/* The table of refusals: see net/refusal.h. */
#include "net/refusal.h"

#include <stddef.h>

static const struct text {
    int rc;
    bool lasts;
    const char *why, *next;
} texts[] = {
#define REFUSAL_TEXT_(nr, id, rc, lasts, why, next) [nr] = {rc, lasts, why, next},
    NET_REFUSALS(REFUSAL_TEXT_)};

static const struct text *text_of(uint64_t r)
{
    return r < sizeof(texts) / sizeof(texts[0]) && texts[r].why != NULL ? &texts[r] : NULL;
}

int net_refusal_rc(enum net_refusal r)
{
    return text_of(r) != NULL ? texts[r].rc : 0;
}

bool net_refusal_lasts(enum net_refusal r)
{
    return text_of(r) != NULL && texts[r].lasts;
}

const char *net_refusal_why(enum net_refusal r)
{
    return text_of(r) != NULL ? texts[r].why : "it turns the connection away";
}

const char *net_refusal_next(enum net_refusal r)
{
    return text_of(r) != NULL ? texts[r].next : "see the engine's log";
}

enum net_refusal net_refusal_of(uint64_t number, int rc)
{
    if (text_of(number) != NULL)
        return (enum net_refusal)number;
    return rc == -DER_BUSY ? NET_REFUSED_CROWD : NET_NOT_REFUSED;
}

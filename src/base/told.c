/* What the log is told once: see base/told.h. */
#include "base/told.h"

#include <string.h>

#define FORGET_NS (UINT64_C(3600) * 1000000000)

bool told_is_news(struct told *t, const uint8_t who[TOLD_WHO], uint32_t what, uint64_t now_ns)
{
    if (t->nr > 0 && now_ns - t->since_ns > FORGET_NS)
        t->nr = 0;
    for (uint32_t i = 0; i < t->nr; i++)
        if (t->line[i].what == what && memcmp(t->line[i].who, who, TOLD_WHO) == 0)
            return false;
    if (t->nr == TOLD_LINES)
        return false;
    if (t->nr == 0)
        t->since_ns = now_ns;
    t->line[t->nr].what = what;
    memcpy(t->line[t->nr++].who, who, TOLD_WHO);
    return true;
}

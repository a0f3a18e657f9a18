/* Private to place/: what a pool map holds beside its targets, made once so that layouts are quick.
 */
#ifndef TARN_PLACE_MAP_H
#define TARN_PLACE_MAP_H

#include "place/place.h"
#include "place/slices.h"

struct place_map {
    uint32_t version;
    uint32_t nr;
    struct place_target *target;      /* by ascending id */
    uint32_t *domain[PLACE_LEVELS];   /* [target index]: dense number of its domain at level + 1 */
    uint32_t domain_nr[PLACE_LEVELS]; /* domains that are part of the layout */
    struct slices slices;             /* owners are target indexes */
};

/* Does the layout count on this target at all (it may be down)? */
static inline bool target_is_member(const struct place_target *t)
{
    return t->joined != 0;
}

/* May it hold data now? */
static inline bool target_is_alive(const struct place_target *t)
{
    return t->state == DAOS_TS_UP_IN || t->state == DAOS_TS_UP || t->state == DAOS_TS_DRAIN;
}

#endif

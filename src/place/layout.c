/*
 * Layout: (pool map, object id) -> target of each shard.
 *
 * Shard k of group g draws a point of the unit interval; the slice it falls on names the target.
 * For each k the points of all groups form a comb of equal steps with a random start, so the shards
 * of one wide object spread evenly over the targets, while which targets share a group stays random
 * (a failed target's partners, and so its rebuild, spread over the pool).
 *
 * 1. The first layout ignores failures: a shard whose domain is taken in its group draws again. It
 * changes only when targets join.
 * 2. A shard on a failed target draws a replacement: a living target in a domain no other shard of
 * the group was or is in. Failures are replaced in the order in which they happened, so that a
 * later one never moves what an earlier one settled. Nobody else moves.
 *
 * A draw that fails DRAWS_MAX times falls back to the best of all targets by hash, so the result
 * never depends on luck.
 */
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/err.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/mutant.h"
#include "place/map.h"

#define DRAWS_MAX 64u
#define REPLACE   0x5245504cu /* keeps the draws of step 2 apart from those of step 1 */

struct draw {
    const struct place_map *map;
    const uint32_t *domain; /* of the level */
    uint64_t seed;          /* of the object */
    uint32_t *group;        /* target indexes of the group at hand */
    uint32_t size;
    const uint32_t *first; /* step 2: the group's first layout */
};

static uint64_t hash3(uint64_t seed, uint64_t a, uint64_t b)
{
    return mix64(seed + mix64(a << 32 | b));
}

/* Is the target's domain free for shard k? Looks at shards [0, n) of the group, and in step 2 also
 * at where they were first. */
static bool domain_is_free(const struct draw *d, uint32_t target, uint32_t k, uint32_t n,
                           bool also_first)
{
    uint32_t dom = d->domain[target];

    for (uint32_t i = 0; i < n; i++) {
        if (i == k)
            continue;
        if (d->group[i] != PLACE_NO_TARGET && d->domain[d->group[i]] == dom)
            return false;
        if (also_first && d->domain[d->first[i]] == dom)
            return false;
    }
    return true;
}

/* Highest hash among all targets that are allowed. */
static uint32_t best_of_all(const struct draw *d, uint32_t k, uint32_t n, uint64_t salt, bool alive,
                            bool also_first)
{
    uint32_t best = PLACE_NO_TARGET;
    uint64_t best_score = 0;

    for (uint32_t t = 0; t < d->map->nr; t++) {
        const struct place_target *pt = &d->map->target[t];
        uint64_t score = hash3(d->seed ^ salt, pt->id, k) | 1;

        if (!target_is_member(pt) || (alive && !target_is_alive(pt)) || score <= best_score)
            continue;
        if (!domain_is_free(d, t, k, n, also_first))
            continue;
        best = t;
        best_score = score;
    }
    return best;
}

/* Step 1. */
static uint32_t first_target(const struct draw *d, uint32_t g, uint32_t k, uint64_t point)
{
    for (uint32_t i = 0; i < DRAWS_MAX; i++) {
        uint32_t t = slices_owner(&d->map->slices, point);

        if (domain_is_free(d, t, k, k, false))
            return t;
        point = hash3(d->seed + k, g, i + 1);
    }
    return best_of_all(d, k, k, g, false, false);
}

/* Step 2. */
static uint32_t replacement(const struct draw *d, uint32_t g, uint32_t k)
{
    uint32_t t;

    for (uint32_t i = 0; i < DRAWS_MAX; i++) {
        t = slices_owner(&d->map->slices, hash3(d->seed + k + ((uint64_t)REPLACE << 32), g, i));
        if (target_is_alive(&d->map->target[t]) && domain_is_free(d, t, k, d->size, true))
            return t;
    }
    t = best_of_all(d, k, d->size, g ^ REPLACE, true, true);
    /* With no domain to spare, one that only a failed shard ever had is better than none. */
    return t != PLACE_NO_TARGET ? t : best_of_all(d, k, d->size, g ^ REPLACE, true, false);
}

/* The failed shard of the group whose failure is oldest among those not yet seen to; size when
 * there is none. */
static uint32_t oldest_failure(const struct draw *d, const uint32_t *first, const uint64_t *seen)
{
    uint32_t best = d->size;

    for (uint32_t k = 0; k < d->size; k++) {
        const struct place_target *t = &d->map->target[first[k]];

        if (target_is_alive(t) || (seen[k / 64] >> k % 64 & 1))
            continue;
        if (best == d->size || t->changed < d->map->target[first[best]].changed)
            best = k;
    }
    return best;
}

#define GROUP_SIZE_MAX 128u

static void replace_failed(struct draw *d, uint32_t g)
{
    uint32_t first[GROUP_SIZE_MAX];
    uint64_t seen[GROUP_SIZE_MAX / 64] = {0};
    bool any = false;
    uint32_t k;

    for (k = 0; k < d->size; k++) {
        first[k] = d->group[k];
        if (!target_is_alive(&d->map->target[first[k]])) {
            d->group[k] = PLACE_NO_TARGET;
            any = true;
        }
    }
    if (!any)
        return;
    d->first = first;
    while ((k = oldest_failure(d, first, seen)) < d->size) {
        seen[k / 64] |= UINT64_C(1) << k % 64;
        d->group[k] = replacement(d, g, k);
    }
}

/* RP_XSF: in every domain the target with the highest hash, a living one if there is one. */
static void lay_everywhere(const struct draw *d, uint32_t size)
{
    for (uint32_t dom = 0; dom < size; dom++)
        d->group[dom] = PLACE_NO_TARGET;
    for (uint32_t t = 0; t < d->map->nr; t++) {
        const struct place_target *pt = &d->map->target[t];
        uint32_t *slot;

        if (!target_is_member(pt) || !target_is_alive(pt))
            continue;
        ASSERT(d->domain[t] < size);
        slot = &d->group[d->domain[t]];
        if (*slot == PLACE_NO_TARGET ||
            hash3(d->seed, pt->id, 0) > hash3(d->seed, d->map->target[*slot].id, 0))
            *slot = t;
    }
}

static void lay(struct draw *d, struct place_layout *l)
{
    uint64_t start[GROUP_SIZE_MAX];
    uint64_t step = UINT64_MAX / l->group_nr;

    for (uint32_t k = 0; k < l->group_size; k++)
        start[k] = hash3(d->seed, k, 0);
    for (uint32_t g = 0; g < l->group_nr; g++) {
        d->group = &l->target[(size_t)g * l->group_size];
        for (uint32_t k = 0; k < l->group_size; k++)
            d->group[k] = first_target(d, g, k, start[k] + g * step);
        replace_failed(d, g);
    }
}

static int refuse(struct err *e, uint32_t needs, const char *of_what, uint32_t has)
{
    int rc = err_setf(e, -DER_INVAL, "open the object in a pool that is large enough for its class",
                      "", "object has no layout in this pool");

    err_why(e, "its class needs %u %s, the pool has %u", needs, of_what, has);
    return rc;
}

int place_layout(const struct place_map *map, daos_obj_id_t oid, enum place_level level,
                 struct place_layout **out, struct err *e)
{
    uint32_t domains = place_map_domains(map, level);
    struct draw d = {.map = map, .domain = map->domain[level - 1], .seed = mix128(oid.hi, oid.lo)};
    struct place_class c;
    enum daos_otype_t type;
    struct place_layout *l;
    uint32_t size;
    int rc = place_oid_decode(oid, &type, &c);

    if (rc != 0)
        return err_set(e, rc, "object has no layout", "its id names no known type and class",
                       "make ids with daos_obj_generate_oid()");
    size = c.everywhere ? domains : place_class_size(&c);
    if (size > domains || domains == 0)
        return refuse(e, size, "fault domains", domains);
    if (c.groups == MAX_NUM_GROUPS)
        c.groups = MAX(map->nr / size, 1u);
    if ((uint64_t)c.groups * size > map->nr)
        return refuse(e, c.groups * size, "targets", map->nr);
    l = base_alloc(sizeof(*l) + (size_t)c.groups * size * sizeof(l->target[0]));
    if (l == NULL)
        return -DER_NOMEM;
    *l = (struct place_layout){map->version, c.groups, size};
    d.size = size;
    if (MUTANT(PLACE_LAYOUT_VERSION))
        d.seed += map->version;
    if (c.everywhere) {
        d.group = l->target;
        lay_everywhere(&d, size);
    } else {
        ASSERT(size <= GROUP_SIZE_MAX);
        lay(&d, l);
    }
    for (size_t i = 0; i < (size_t)l->group_nr * size; i++)
        if (l->target[i] != PLACE_NO_TARGET)
            l->target[i] = map->target[l->target[i]].id;
    *out = l;
    return 0;
}

void place_layout_free(struct place_layout *l)
{
    base_free(l);
}

/* Class, group size and number of groups; false: no layout. */
static bool shape(const struct place_map *map, daos_obj_id_t oid, enum place_level level,
                  struct place_class *c, uint32_t *size)
{
    uint32_t domains = place_map_domains(map, level);
    enum daos_otype_t type;

    if (place_oid_decode(oid, &type, c) != 0)
        return false;
    *size = c->everywhere ? domains : place_class_size(c);
    if (*size == 0 || *size > domains)
        return false;
    if (c->groups == MAX_NUM_GROUPS)
        c->groups = MAX(map->nr / *size, 1u);
    return (uint64_t)c->groups * *size <= map->nr;
}

uint32_t place_groups(const struct place_map *map, daos_obj_id_t oid, enum place_level level)
{
    struct place_class c;
    uint32_t size;

    return shape(map, oid, level, &c, &size) ? c.groups : 0;
}

/* The whole layout is needed. */
static int target_by_layout(const struct place_map *map, daos_obj_id_t oid, enum place_level level,
                            uint32_t g, uint32_t *target)
{
    struct place_layout *l;
    int rc = place_layout(map, oid, level, &l, NULL);

    if (rc != 0)
        return rc;
    rc = -DER_NONEXIST;
    for (uint32_t k = 0; k < l->group_size && rc != 0; k++) {
        *target = l->target[(size_t)g * l->group_size + k];
        rc = *target != PLACE_NO_TARGET ? 0 : -DER_NONEXIST;
    }
    place_layout_free(l);
    return rc;
}

int place_group_target(const struct place_map *map, daos_obj_id_t oid, enum place_level level,
                       uint32_t g, uint32_t *target)
{
    uint64_t seed = mix128(oid.hi, oid.lo);
    struct place_class c;
    uint32_t size, t;

    if (!shape(map, oid, level, &c, &size) || g >= c.groups)
        return -DER_NONEXIST;
    if (size == 1 && !c.everywhere && !MUTANT(PLACE_LAYOUT_VERSION)) {
        /* as lay() and first_target() with nobody else in the group */
        t = slices_owner(&map->slices, hash3(seed, 0, 0) + g * (UINT64_MAX / c.groups));
        if (target_is_alive(&map->target[t])) {
            *target = map->target[t].id;
            return 0;
        }
    }
    return target_by_layout(map, oid, level, g, target);
}

uint32_t place_dkey_group(daos_obj_id_t oid, const void *dkey, size_t len, uint32_t group_nr)
{
    uint64_t h;

    if (group_nr <= 1)
        return 0;
    if (daos_is_dkey_uint64(oid) && len == sizeof(h))
        memcpy(&h, dkey, sizeof(h));
    else
        h = hash_bytes(dkey, len);
    return (uint32_t)(h % group_nr);
}

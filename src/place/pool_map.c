/*
 * The pool map. Encoded (little endian): u32 format 1, u32 version, u32 count, then for each target
 * u32 id, rank, node, rack, weight, state, joined, changed.
 */
#include <stdlib.h>
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/buf.h"
#include "base/fail.h"
#include "place/map.h"

#define MAP_FORMAT       1u
#define MAP_TARGET_BYTES 32u

static int by_id(const void *a, const void *b)
{
    const struct place_target *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

struct numbered {
    uint32_t domain, index;
};

static int by_domain(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;

    return x->domain < y->domain ? -1 : x->domain > y->domain;
}

/* Gives each domain of a level a dense number, first those that the layout counts on. */
static int number_domains(struct place_map *m, unsigned int level)
{
    struct numbered *v = base_alloc(m->nr * sizeof(*v));
    uint32_t others = 0;

    m->domain[level] = base_alloc(m->nr * sizeof(uint32_t));
    if (v == NULL || m->domain[level] == NULL) {
        base_free(v);
        return -DER_NOMEM;
    }
    for (uint32_t i = 0; i < m->nr; i++)
        v[i] = (struct numbered){m->target[i].domain[level], i};
    qsort(v, m->nr, sizeof(*v), by_domain);
    for (uint32_t i = 0, end; i < m->nr; i = end) {
        bool member = false;
        uint32_t number;

        for (end = i; end < m->nr && v[end].domain == v[i].domain; end++)
            member = member || target_is_member(&m->target[v[end].index]);
        number = member ? m->domain_nr[level]++ : m->nr + others++; /* out of the members' way */
        for (uint32_t k = i; k < end; k++)
            m->domain[level][v[k].index] = number;
    }
    base_free(v);
    return 0;
}

/* Two targets of one rank are in one node, of one node in one rack. */
static bool is_tree(const struct place_map *m)
{
    for (unsigned int level = 0; level + 1 < PLACE_LEVELS; level++) {
        for (uint32_t i = 0; i < m->nr; i++) {
            /* Compared with the first target of the same domain: small maps are compared naively,
             * large ones rarely built. */
            for (uint32_t k = i; k-- > 0;) {
                if (m->domain[level][k] != m->domain[level][i])
                    continue;
                if (m->domain[level + 1][k] != m->domain[level + 1][i])
                    return false;
                break;
            }
        }
    }
    return true;
}

static int by_joined(const void *a, const void *b)
{
    const struct slice_owner *x = a, *y = b;

    if (x->batch != y->batch)
        return x->batch < y->batch ? -1 : 1;
    return x->owner < y->owner ? -1 : x->owner > y->owner;
}

static int make_slices(struct place_map *m)
{
    struct slice_owner *o = base_alloc(m->nr * sizeof(*o));
    uint32_t n = 0;
    int rc;

    if (o == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < m->nr; i++)
        if (target_is_member(&m->target[i]))
            o[n++] = (struct slice_owner){i, m->target[i].weight, m->target[i].joined};
    qsort(o, n, sizeof(*o), by_joined);
    rc = slices_build(&m->slices, o, n);
    base_free(o);
    return rc;
}

int place_map_create(uint32_t version, const struct place_target *targets, uint32_t nr,
                     struct place_map **map)
{
    struct place_map *m;
    int rc = -DER_NOMEM;

    if (nr == 0 || nr > PLACE_TARGETS_MAX)
        return -DER_INVAL;
    m = base_calloc(1, sizeof(*m));
    if (m == NULL)
        return -DER_NOMEM;
    m->version = version;
    m->nr = nr;
    m->target = base_alloc(nr * sizeof(*targets));
    if (m->target == NULL)
        goto fail;
    memcpy(m->target, targets, nr * sizeof(*targets));
    qsort(m->target, nr, sizeof(*targets), by_id);
    rc = -DER_INVAL;
    for (uint32_t i = 0; i < nr; i++)
        if (m->target[i].weight == 0 || (i > 0 && m->target[i].id == m->target[i - 1].id))
            goto fail;
    for (unsigned int level = 0; level < PLACE_LEVELS; level++) {
        rc = number_domains(m, level);
        if (rc != 0)
            goto fail;
    }
    rc = is_tree(m) ? make_slices(m) : -DER_INVAL;
    if (rc != 0)
        goto fail;
    *map = m;
    return 0;
fail:
    place_map_free(m);
    return rc;
}

void place_map_free(struct place_map *m)
{
    if (m == NULL)
        return;
    slices_fini(&m->slices);
    for (unsigned int level = 0; level < PLACE_LEVELS; level++)
        base_free(m->domain[level]);
    base_free(m->target);
    base_free(m);
}

uint32_t place_map_version(const struct place_map *map)
{
    return map->version;
}

const struct place_target *place_map_targets(const struct place_map *map, uint32_t *nr)
{
    *nr = map->nr;
    return map->target;
}

uint32_t place_map_domains(const struct place_map *map, enum place_level level)
{
    ASSERT(level >= PLACE_RANK && level <= PLACE_RACK);
    return map->domain_nr[level - 1];
}

int place_map_encode(const struct place_map *map, void *buf, size_t *len)
{
    size_t need = 12 + (size_t)map->nr * MAP_TARGET_BYTES;
    struct wbuf w;

    if (*len < need) {
        *len = need;
        return -DER_TRUNC;
    }
    wbuf_init(&w, buf, *len);
    wbuf_u32(&w, MAP_FORMAT);
    wbuf_u32(&w, map->version);
    wbuf_u32(&w, map->nr);
    for (uint32_t i = 0; i < map->nr; i++) {
        const struct place_target *t = &map->target[i];

        wbuf_u32(&w, t->id);
        for (unsigned int level = 0; level < PLACE_LEVELS; level++)
            wbuf_u32(&w, t->domain[level]);
        wbuf_u32(&w, t->weight);
        wbuf_u32(&w, t->state);
        wbuf_u32(&w, t->joined);
        wbuf_u32(&w, t->changed);
    }
    *len = need;
    return wbuf_check(&w);
}

int place_map_decode(const void *buf, size_t len, struct place_map **map)
{
    struct place_target *t;
    uint32_t version, nr;
    struct rbuf r;
    int rc;

    rbuf_init(&r, buf, len);
    if (rbuf_u32(&r) != MAP_FORMAT)
        return -DER_PROTO;
    version = rbuf_u32(&r);
    nr = rbuf_count(&r, MAP_TARGET_BYTES);
    if (rbuf_check(&r) != 0 || nr == 0 || nr > PLACE_TARGETS_MAX)
        return -DER_PROTO;
    t = base_alloc(nr * sizeof(*t));
    if (t == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < nr; i++) {
        t[i].id = rbuf_u32(&r);
        for (unsigned int level = 0; level < PLACE_LEVELS; level++)
            t[i].domain[level] = rbuf_u32(&r);
        t[i].weight = rbuf_u32(&r);
        t[i].state = rbuf_u32(&r);
        t[i].joined = rbuf_u32(&r);
        t[i].changed = rbuf_u32(&r);
    }
    rc = rbuf_check_end(&r);
    if (rc == 0)
        rc = place_map_create(version, t, nr, map);
    base_free(t);
    return rc == -DER_INVAL ? -DER_PROTO : rc;
}

/*
 * The class a client asked for, made concrete: class 0 chosen by redundancy, type and hints; group
 * counts that fit the pool. The thresholds are those of the programs that rely on them (semantics
 * of the API, section 8), not ours to improve.
 */
#include <string.h>
#include <daos_errno.h>
#include <daos_prop.h>
#include "base/assert.h"
#include "base/err.h"
#include "place/place.h"

/* Smallest number of domains from which on an erasure code is taken, widest first. */
struct ec_row {
    uint32_t rd_fac, domains;
    uint32_t code;
};
static const struct ec_row ec_rows[] = {
    {1, 18, OR_RS_16P1}, {1, 10, OR_RS_8P1}, {1, 6, OR_RS_4P1},  {1, 3, OR_RS_2P1},
    {2, 20, OR_RS_16P2}, {2, 12, OR_RS_8P2}, {2, 8, OR_RS_4P2},  {2, 4, OR_RS_2P2},
    {3, 22, OR_RS_16P3}, {3, 14, OR_RS_8P3}, {3, 10, OR_RS_4P3},
};

static uint32_t ec_code(uint32_t rd_fac, uint32_t domains)
{
    for (size_t i = 0; i < ARRAY_LEN(ec_rows); i++)
        if (ec_rows[i].rd_fac == rd_fac && domains >= ec_rows[i].domains)
            return ec_rows[i].code;
    return 0;
}

static const uint32_t rp_code[DAOS_RF_MAX + 1] = {OR_RP_1, OR_RP_2, OR_RP_3, OR_RP_4, OR_RP_5};

/* Redundancy code for class 0. */
static uint32_t auto_code(const struct place_want *w, uint32_t domains)
{
    uint32_t rdd = w->hints & DAOS_OCH_RDD_MASK;
    uint32_t code = 0;

    if (w->rd_fac == 0) {
        if (rdd & DAOS_OCH_RDD_EC) {
            code = ec_code(1, domains);
            return code != 0 ? code : OR_RS_2P1;
        }
        return (rdd & DAOS_OCH_RDD_RP) && domains >= 2 ? OR_RP_2 : OR_RP_1;
    }
    if ((rdd & DAOS_OCH_RDD_EC) || (rdd == 0 && daos_is_array_type(w->type)))
        code = ec_code(w->rd_fac, domains);
    return code != 0 ? code : rp_code[w->rd_fac];
}

static uint32_t percent(uint32_t of, uint32_t pct)
{
    return (uint32_t)((uint64_t)of * pct / 100);
}

/* Group count for class 0, before it is made to fit. -DER_INVAL: more than one wish. */
static int auto_groups(const struct place_want *w, uint32_t targets, uint32_t *groups)
{
    switch (w->hints & DAOS_OCH_SHD_MASK) {
    case 0:
    case DAOS_OCH_SHD_DEF:
        *groups = daos_is_array_type(w->type) || daos_is_kv_type(w->type) ? MAX_NUM_GROUPS : 1;
        return 0;
    case DAOS_OCH_SHD_TINY:
        *groups = 1;
        return 0;
    case DAOS_OCH_SHD_REG:
        *groups = MAX(128u, percent(targets, 25));
        return 0;
    case DAOS_OCH_SHD_HI:
        *groups = MAX(256u, percent(targets, 50));
        return 0;
    case DAOS_OCH_SHD_EXT:
        *groups = MAX(1024u, percent(targets, 70));
        return 0;
    case DAOS_OCH_SHD_MAX:
        *groups = MAX_NUM_GROUPS;
        return 0;
    default:
        return -DER_INVAL;
    }
}

/* Domains that objects of full width leave free, so that a rebuild has somewhere to go. */
static uint32_t spare_domains(uint32_t domains, uint32_t rd_fac)
{
    if (domains < 16)
        return rd_fac;
    if (domains < 32)
        return rd_fac + 1;
    if (domains < 64)
        return rd_fac + 2;
    if (domains < 128)
        return MAX(percent(domains, 4), rd_fac + 2);
    if (domains < 256)
        return percent(domains, 6);
    return percent(domains, 8);
}

static uint32_t widest(const struct place_want *w, uint32_t targets, uint32_t domains,
                       uint32_t size)
{
    uint64_t spare = w->gx_reserved >= 0
                         ? (uint64_t)w->gx_reserved
                         : (uint64_t)spare_domains(domains, w->rd_fac) * targets / domains;
    uint32_t all = targets / size;
    uint64_t reserve = DIV_UP(spare, size);

    all = MIN(all, MAX_NUM_GROUPS - 1u);
    return all > reserve + 1 ? (uint32_t)(all - reserve) : 1;
}

static int too_wide(struct err *e, daos_oclass_id_t cid, uint32_t needs, const char *of_what,
                    uint32_t has)
{
    char name[MAX_OBJ_CLASS_NAME_LEN];
    int rc;

    place_class_name(cid, name);
    rc = err_setf(e, -DER_INVAL,
                  "choose a narrower class (S1 and SX always fit) or add targets to the pool", "",
                  "object class %s does not fit this pool", name);
    err_why(e, "it needs %u %s, the pool has %u", needs, of_what, has);
    return rc;
}

int place_class_choose(const struct place_map *map, const struct place_want *want,
                       daos_oclass_id_t *cid, struct err *e)
{
    uint32_t domains = place_map_domains(map, want->rd_lvl == PLACE_RANK ? PLACE_RANK : PLACE_NODE);
    bool by_us = want->cid == OC_UNKNOWN;
    uint32_t targets, size;
    struct place_class c;
    daos_oclass_id_t id = want->cid;

    place_map_targets(map, &targets);
    if (!daos_otype_t_is_valid(want->type) || want->rd_fac > DAOS_RF_MAX)
        return err_set(e, -DER_INVAL, "object id cannot be made",
                       "the object type or redundancy factor is out of range",
                       "use a DAOS_OT_* type and a factor of 0 to 4");
    if (by_us) {
        uint32_t groups;

        if (auto_groups(want, targets, &groups) != 0)
            return err_set(e, -DER_INVAL, "object class cannot be chosen",
                           "the hints ask for several kinds of sharding",
                           "give one DAOS_OCH_SHD_* bit");
        id = OBJ_CLASS_DEF(auto_code(want, domains), groups);
    }
    if (place_class_of(id, &c) != 0)
        return err_setf(e, -DER_INVAL, "use one of the names that daos_oclass_names_list() gives",
                        "there is no such class", "object class %#x cannot be used", id);
    if (c.everywhere) {
        *cid = id;
        return 0;
    }
    size = place_class_size(&c);
    if (size > domains)
        return too_wide(e, id, size, want->rd_lvl == PLACE_RANK ? "engines" : "nodes", domains);
    if (c.groups == MAX_NUM_GROUPS || (by_us && (uint64_t)c.groups * size > targets))
        c.groups = widest(want, targets, domains, size);
    if ((uint64_t)c.groups * size > targets)
        return too_wide(e, id, c.groups * size, "targets", targets);
    *cid = OBJ_CLASS_DEF(c.code, c.groups);
    return 0;
}

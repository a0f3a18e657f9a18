/*
 * place: where an object's data lives. Pure functions, nothing waits, nothing is remembered.
 *
 *   class.c      object classes: name <-> id <-> attributes; encoding in an object id; automatic
 * choice (class 0) pool_map.c   pool map: targets with their fault domains, state and weight; its
 * encoding for the wire and the service slices.c     the unit interval cut into slices, one owner
 * each, by weight; how it changes when targets join layout.c     (pool map, object id) -> groups x
 * shards -> target
 *
 * Everything may be called from any thread. A struct place_map does not change once built.
 *
 * Errors: -DER_INVAL with a three-part message when a class asks for more domains or targets than
 * the pool has; -DER_NONEXIST unknown class; -DER_PROTO bytes that are no pool map; -DER_NOMEM.
 */
#ifndef TARN_PLACE_H
#define TARN_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <daos_obj.h>
#include <daos_pool.h>

struct err;
struct place_map;

/* ---- Object classes ---- */

struct place_class {
    uint32_t code; /* enum daos_obj_redun; 0 for RP_XSF */
    bool ec;
    uint16_t data;   /* EC: data cells; replication: 1 */
    uint16_t parity; /* EC: parity cells; replication: copies - 1 */
    uint32_t groups; /* MAX_NUM_GROUPS: as many as fit */
    bool everywhere; /* RP_XSF: one group, a copy in every domain; data and parity are then 1 and 0
                      */
};
/* Members of a group. */
static inline uint32_t place_class_size(const struct place_class *c)
{
    return (uint32_t)c->data + c->parity;
}

/* Attributes of a class id; -DER_NONEXIST (out-of-date and unknown ids, 0). */
int place_class_of(daos_oclass_id_t id, struct place_class *c);
/* What daos_oclass_name2id, id2name, names_list and nr promise. */
daos_oclass_id_t place_class_by_name(const char *name);
int place_class_name(daos_oclass_id_t id, char name[MAX_OBJ_CLASS_NAME_LEN]);
ssize_t place_class_names(size_t size, char *str);
int place_class_count(void);

/* The class a client asked for, made concrete: 0 is chosen by type, hints and the container's
 * redundancy (semantics section 8), X becomes the number of groups that fit. rd_lvl:
 * DAOS_PROP_CO_REDUN_RANK or _NODE. gx_reserved: targets kept free for X (environment
 * D_GX_RESERVED), -1: by rule. */
struct place_want {
    enum daos_otype_t type;
    daos_oclass_id_t cid;
    daos_oclass_hints_t hints;
    uint32_t rd_fac;
    uint32_t rd_lvl;
    int64_t gx_reserved;
};
int place_class_choose(const struct place_map *map, const struct place_want *want,
                       daos_oclass_id_t *cid, struct err *e);
/* Is the class strong enough for the redundancy factor? RP_XSF in a pool of d domains tolerates d
 * - 1. */
bool place_class_tolerates(const struct place_class *c, uint32_t domains, uint32_t rd_fac);
/* Writes type and class into the upper 32 bits of oid->hi, whatever they held. */
void place_oid_encode(daos_obj_id_t *oid, enum daos_otype_t type, daos_oclass_id_t cid);
/* Type and class found in an id; -DER_INVAL (type unknown), -DER_NONEXIST (class unknown). */
int place_oid_decode(daos_obj_id_t oid, enum daos_otype_t *type, struct place_class *c);

/* ---- Pool map ---- */

#define PLACE_NO_TARGET   UINT32_MAX
#define PLACE_TARGETS_MAX 65536u

/* Levels of failure; values of DAOS_PROP_CO_REDUN_*. */
enum place_level { PLACE_RANK = 1, PLACE_NODE = 2, PLACE_RACK = 3, PLACE_LEVELS = 3 };

struct place_target {
    uint32_t id;                   /* index in the pool, 0 up; never reused */
    uint32_t domain[PLACE_LEVELS]; /* path of fault domains: rank, node, rack; ids are unique within
                                      their level */
    uint32_t weight;               /* > 0; shares of data are proportional */
    uint32_t state;                /* daos_target_state_t */
    uint32_t joined;               /* map version in which it became part of the layout */
    uint32_t changed;              /* map version of its latest change of state */
};

/* Copies the targets. Ids must be distinct, weights not 0, a lower level's domain must lie in one
 * domain of the level above: -DER_INVAL. */
int place_map_create(uint32_t version, const struct place_target *targets, uint32_t nr,
                     struct place_map **map);
void place_map_free(struct place_map *map); /* NULL is fine */
uint32_t place_map_version(const struct place_map *map);
/* Targets by ascending id. */
const struct place_target *place_map_targets(const struct place_map *map, uint32_t *nr);
/* Distinct domains of a level with at least one target that is part of the layout. */
uint32_t place_map_domains(const struct place_map *map, enum place_level level);
/* Bytes for the wire and the service; *len in: room, out: needed (-DER_TRUNC when it does not fit).
 */
int place_map_encode(const struct place_map *map, void *buf, size_t *len);
int place_map_decode(const void *buf, size_t len, struct place_map **map);

/* ---- Layout ---- */

struct place_layout {
    uint32_t map_version;
    uint32_t group_nr;
    uint32_t group_size;
    uint32_t target[]; /* [group * group_size + shard]; PLACE_NO_TARGET: failed and no spare domain
                          left */
};

/* Where the object's shards are under this map. Shards of a group never share a domain of the level
 * while enough domains live; targets that are DOWN or DOWNOUT are replaced, and nothing but their
 * own shards moves. Free with place_layout_free(). -DER_INVAL (the class needs more than the map
 * has), -DER_NONEXIST. */
int place_layout(const struct place_map *map, daos_obj_id_t oid, enum place_level level,
                 struct place_layout **out, struct err *e);
void place_layout_free(struct place_layout *l);
/* Groups of the object's layout; 0: it has none (place_layout() says why). */
uint32_t place_groups(const struct place_map *map, daos_obj_id_t oid, enum place_level level);
/* The target of the first living shard of group g < place_groups(), without making all of the
 * layout when groups have one shard. -DER_NONEXIST: none lives. */
int place_group_target(const struct place_map *map, daos_obj_id_t oid, enum place_level level,
                       uint32_t g, uint32_t *target);
/* The group that a dkey belongs to: by hash, by value for integer dkeys. */
uint32_t place_dkey_group(daos_obj_id_t oid, const void *dkey, size_t len, uint32_t group_nr);

#endif

/* The stage of the contracts of daos_*: a pool and a container, both also read-only, and one object
 * of each kind. */
#ifndef TESTS_API_CONTRACT_STAGE_H
#define TESTS_API_CONTRACT_STAGE_H

#include "contract.h"

#define TX0 DAOS_TX_NONE

static inline int stage_oid(daos_handle_t coh, enum daos_otype_t type, uint64_t n,
                            daos_obj_id_t *oid)
{
    *oid = (daos_obj_id_t){.lo = n};
    return daos_obj_generate_oid(coh, oid, type, OC_UNKNOWN, 0, 0);
}

/* An object that is this telling's alone. */
static inline daos_obj_id_t own_oid(struct run *r, enum daos_otype_t type)
{
    daos_obj_id_t oid;
    int rc = stage_oid(r->coh, type, 1000 + r->id, &oid);

    if (rc != 0)
        wrong(r, __LINE__, "an id", rc, 0);
    return oid;
}

static inline daos_handle_t own_obj(struct run *r, enum daos_otype_t type)
{
    daos_handle_t oh = DAOS_HDL_INVAL;
    int rc = daos_obj_open(r->coh, own_oid(r, type), DAOS_OO_RW, &oh, NULL);

    if (rc != 0)
        wrong(r, __LINE__, "an object", rc, 0);
    return oh;
}

/* The objects of everybody. */
static inline bool stage_objects(struct run *r)
{
    daos_obj_id_t oid;

    NOW(0, stage_oid(r->coh, DAOS_OT_MULTI_HASHED, 1, &oid));
    NOW(0, daos_obj_open(r->coh, oid, DAOS_OO_RW, &r->oh, NULL));
    NOW(0, stage_oid(r->coh, DAOS_OT_KV_HASHED, 2, &oid));
    NOW(0, daos_kv_open(r->coh, oid, DAOS_OO_RW, &r->kv, NULL));
    NOW(0, stage_oid(r->coh, DAOS_OT_ARRAY_BYTE, 3, &oid));
    NOW(0, daos_array_open_with_attr(r->coh, oid, TX0, DAOS_OO_RW, 1, 64, &r->ah, NULL));
    return true;
}

static inline bool stage_open(struct run *r)
{
    const char *cont = r->a->label;

    NOW(0, daos_pool_connect(r->a->path, NULL, DAOS_PC_RW, &r->poh, NULL, NULL));
    NOW(0, daos_pool_connect(r->a->path, NULL, DAOS_PC_RO, &r->ro_poh, NULL, NULL));
    NOW(0, daos_cont_open(r->poh, cont, DAOS_COO_RW, &r->coh, NULL, NULL));
    NOW(0, daos_cont_open(r->ro_poh, cont, DAOS_COO_RO, &r->ro_coh, NULL, NULL));
    return stage_objects(r);
}

static inline bool stage_close(struct run *r)
{
    r->story = "the end";
    NOW(0, daos_obj_close(r->oh, NULL));
    NOW(0, daos_kv_close(r->kv, NULL));
    NOW(0, daos_array_close(r->ah, NULL));
    NOW(0, daos_cont_close(r->coh, NULL));
    NOW(0, daos_cont_close(r->ro_coh, NULL));
    NOW(0, daos_pool_disconnect(r->poh, NULL));
    NOW(0, daos_pool_disconnect(r->ro_poh, NULL));
    return true;
}

static inline bool stage_give(struct run *r, struct given *g)
{
    for (int i = 0; i < 5; i++)
        d_iov_set(&g->iov[i], g->bytes[i], sizeof(g->bytes[i]));
    NOW(0, daos_pool_local2global(r->poh, &g->iov[0]));
    NOW(0, daos_pool_local2global(r->ro_poh, &g->iov[1]));
    NOW(0, daos_cont_local2global(r->coh, &g->iov[2]));
    NOW(0, daos_cont_local2global(r->ro_coh, &g->iov[3]));
    NOW(0, daos_array_local2global(r->ah, &g->iov[4]));
    return true;
}

static inline bool stage_take(struct run *r, const struct given *g)
{
    NOW(0, daos_pool_global2local(g->iov[0], &r->poh));
    NOW(0, daos_pool_global2local(g->iov[1], &r->ro_poh));
    NOW(0, daos_cont_global2local(r->poh, g->iov[2], &r->coh));
    NOW(0, daos_cont_global2local(r->ro_poh, g->iov[3], &r->ro_coh));
    if (!stage_objects(r))
        return false;
    NOW(0, daos_array_close(r->ah, NULL));
    NOW(0, daos_array_global2local(r->coh, g->iov[4], 0, &r->ah));
    return true;
}

static const struct stage daos_stage = {stage_open, stage_close, stage_give, stage_take};

/* ---- A container that is this telling's alone ---- */

struct mine {
    char label[32];
    daos_handle_t coh;
};

static inline bool mine_make(struct run *r, struct mine *m, daos_prop_t *prop)
{
    snprintf(m->label, sizeof(m->label), "mine-%s", r->name);
    NOW(0, daos_cont_create_with_label(r->poh, m->label, prop, NULL, NULL));
    NOW(0, daos_cont_open(r->poh, m->label, DAOS_COO_RW, &m->coh, NULL, NULL));
    return true;
}

/* Somebody else's, who lets everybody do this ("rw"). Not open. */
static inline bool foreign_make(struct run *r, struct mine *m, const char *rights)
{
    char entry[32];
    const char *entries[] = {entry};
    struct daos_acl *acl;

    snprintf(entry, sizeof(entry), "A::EVERYONE@:%s", rights);
    CHECK(mine_make(r, m, NULL));
    NOW(0, daos_acl_from_strs(entries, 1, &acl));
    NOW(0, daos_cont_overwrite_acl(m->coh, acl, NULL));
    daos_acl_free(acl);
    NOW(0, daos_cont_set_owner_no_check(m->coh, (d_string_t) "somebody@",
                                        (d_string_t) "somebodies@", NULL));
    NOW(0, daos_cont_close(m->coh, NULL));
    return true;
}

static inline bool mine_end(struct run *r, struct mine *m)
{
    NOW(0, daos_cont_close(m->coh, NULL));
    NOW(0, daos_cont_destroy(r->poh, m->label, 0, NULL));
    return true;
}

#endif

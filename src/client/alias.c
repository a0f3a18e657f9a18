/*
 * The names that headers rename: programs that look symbols up by name (ctypes, dlsym) find these
 * calls by either.
 */
#include <daos.h>

#undef daos_pool_connect
#undef daos_cont_create
#undef daos_cont_open
#undef daos_cont_destroy
#undef daos_obj_generate_oid

__typeof__(daos_pool_connect2) daos_pool_connect;
__typeof__(daos_cont_create2) daos_cont_create;
__typeof__(daos_cont_open2) daos_cont_open;
__typeof__(daos_cont_destroy2) daos_cont_destroy;
__typeof__(daos_obj_generate_oid2) daos_obj_generate_oid;

int daos_pool_connect(const char *pool, const char *sys, unsigned int flags, daos_handle_t *poh,
                      daos_pool_info_t *info, daos_event_t *ev)
{
    return daos_pool_connect2(pool, sys, flags, poh, info, ev);
}

int daos_cont_create(daos_handle_t poh, uuid_t *uuid, daos_prop_t *cont_prop, daos_event_t *ev)
{
    return daos_cont_create2(poh, uuid, cont_prop, ev);
}

int daos_cont_open(daos_handle_t poh, const char *cont, unsigned int flags, daos_handle_t *coh,
                   daos_cont_info_t *info, daos_event_t *ev)
{
    return daos_cont_open2(poh, cont, flags, coh, info, ev);
}

int daos_cont_destroy(daos_handle_t poh, const char *cont, int force, daos_event_t *ev)
{
    return daos_cont_destroy2(poh, cont, force, ev);
}

int daos_obj_generate_oid(daos_handle_t coh, daos_obj_id_t *oid, enum daos_otype_t type,
                          daos_oclass_id_t cid, daos_oclass_hints_t hints, uint32_t args)
{
    return daos_obj_generate_oid2(coh, oid, type, cid, hints, args);
}

/*
 * Object ids of new files and directories: the mount takes a 64-bit number nobody else has
 * (daos_cont_alloc_oids) as lo, and walks a 32-bit counter in hi from a random start with a prime
 * step, which visits every value once before it returns to the start and takes a new number.
 */
#include "dfs/dfs_int.h"

#define OID_STEP 999999937u

int dfs_oid_new(struct dfs *dfs, mode_t mode, daos_oclass_id_t cid, daos_obj_id_t *oid)
{
    enum daos_otype_t type = S_ISDIR(mode) ? DAOS_OT_MULTI_HASHED : DAOS_OT_ARRAY_BYTE;
    uint16_t hint = S_ISDIR(mode) ? dfs->sb.dir_hint : dfs->sb.file_hint;
    int rc = 0;

    rt_mutex_lock(&dfs->oid_lock);
    if (dfs->oid_lo == 0 || dfs->oid_hi == dfs->oid_first) {
        uint64_t lo = 0;

        rc = daos_cont_alloc_oids(dfs->coh, 1, &lo, NULL);
        if (rc == 0) {
            dfs->oid_lo = lo;
            dfs->oid_first = (uint32_t)rt_random();
            dfs->oid_hi = dfs->oid_first;
        }
    }
    if (rc == 0) {
        dfs->oid_hi += OID_STEP;
        oid->lo = dfs->oid_lo;
        oid->hi = dfs->oid_hi;
    }
    rt_mutex_unlock(&dfs->oid_lock);
    if (rc != 0)
        return dfs_errno(rc);
    return dfs_errno(daos_obj_generate_oid(dfs->coh, oid, type, cid, hint, 0));
}

/* Removing names. The entry and the object behind it go in one step; a directory only while it is
 * empty. */
#include "dfs/dfs_int.h"
#include "dfs/dfs_fast.h"

/* One attempt; -DER codes, so that the caller sees a restart. */
static int remove_step(struct dfs *dfs, daos_obj_id_t dir, const char *name,
                       const struct dfs_entry *e, unsigned flags)
{
    struct compound *c;
    daos_key_t dkey;
    int rc;

    rc = compound_begin(dfs->coh, &c);
    if (rc != 0)
        return rc;
    d_iov_set(&dkey, (void *)name, strlen(name));
    if (!MUTANT(DFS_REMOVE_UNCHECKED))
        rc = compound_check_unchanged(c, dir, &dkey, e->epoch);
    if (rc == 0 && S_ISDIR(e->mode))
        rc = dfs_dot_check_empty(c, dfs, e->oid);
    if (rc == 0)
        rc = compound_punch_dkey_oid(c, dir, DAOS_COND_PUNCH, &dkey);
    if (rc == 0 && !S_ISLNK(e->mode) &&
        !((flags & DFS_KEEP || MUTANT(DFS_REMOVE_KEEPS_DATA)) && S_ISREG(e->mode)))
        rc = compound_punch_oid(c, e->oid, 0);
    if (rc == 0)
        rc = compound_run(c, NULL, NULL);
    compound_free(c);
    return rc;
}

/* The directories that are being emptied, from the innermost up. */
struct above {
    daos_obj_id_t oid;
    uint32_t depth;
    const struct above *up;
};

/* No deeper than a path reaches, and not round in circles: a damaged container may hold a directory
 * that is in itself. */
static int may_enter(const struct above *up, daos_obj_id_t oid)
{
    if (up != NULL && up->depth >= DFS_MAX_PATH / 2)
        return ENAMETOOLONG;
    for (; up != NULL; up = up->up)
        if (up->oid.hi == oid.hi && up->oid.lo == oid.lo)
            return ELOOP;
    return 0;
}

static int remove_one(struct dfs *dfs, const struct above *up, daos_obj_id_t dir, const char *name,
                      bool force, unsigned flags, daos_obj_id_t *oid);

/* Empties a directory, depth first. Names added meanwhile are found by the next pass. */
static int empty_dir(struct dfs *dfs, const struct above *up, const struct dfs_entry *e)
{
    struct above here = {.oid = e->oid, .depth = up != NULL ? up->depth + 1 : 1, .up = up};
    struct dfs_obj dir = {.dfs = dfs, .mode = e->mode, .oid = e->oid};
    daos_anchor_t anchor = {0};
    struct dirent *ents;
    int rc = may_enter(up, e->oid);

    if (rc != 0)
        return rc;
    ents = base_alloc(64 * sizeof(*ents));
    if (ents == NULL)
        return ENOMEM;
    rc = dfs_obj_open_handle(dfs, &dir, O_RDWR);
    if (rc != 0) {
        base_free(ents);
        return rc;
    }
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = 64;

        rc = dfs_readdir(dfs, &dir, &anchor, &nr, ents);
        for (uint32_t i = 0; rc == 0 && i < nr; i++) {
            rc = remove_one(dfs, &here, dir.oid, ents[i].d_name, true, 0, NULL);
            if (rc == ENOENT) /* somebody else removed it */
                rc = 0;
        }
    }
    daos_obj_close(dir.oh, NULL);
    base_free(ents);
    return rc;
}

static int remove_one(struct dfs *dfs, const struct above *up, daos_obj_id_t dir, const char *name,
                      bool force, unsigned flags, daos_obj_id_t *oid)
{
    struct dfs_entry e;
    uint32_t attempt = 0;
    int rc;

    do {
        rc = dfs_entry_fetch(dfs, dir, name, &e);
        if (rc != 0)
            return rc;
        rc = remove_step(dfs, dir, name, &e, flags);
        if (rc == COMPOUND_NOTEMPTY && force) {
            rc = empty_dir(dfs, up, &e);
            if (rc != 0)
                return rc;
            rc = -DER_TX_RESTART;
        }
        /* somebody removed it between our look and the punch: the next look says so */
        if (rc == -DER_NONEXIST)
            rc = -DER_TX_RESTART;
    } while (rc == -DER_TX_RESTART && dfs_retry(&attempt));
    if (rc == 0 && oid != NULL)
        *oid = e.oid;
    return dfs_errno(rc);
}

static int remove_named(dfs_t *dfs, dfs_obj_t *parent, const char *name, bool force, unsigned flags,
                        daos_obj_id_t *oid)
{
    struct dfs_obj *dir;
    int rc = dfs_parent(dfs, parent, true, &dir);

    if (rc == 0)
        rc = dfs_name_check(name, NULL);
    if (rc != 0)
        return rc;
    return remove_one(dfs, NULL, dir->oid, name, force, flags, oid);
}

int dfs_remove(dfs_t *dfs, dfs_obj_t *parent, const char *name, bool force, daos_obj_id_t *oid)
{
    return remove_named(dfs, parent, name, force, 0, oid);
}

int dfs_remove_flags(dfs_t *dfs, dfs_obj_t *parent, const char *name, unsigned flags,
                     daos_obj_id_t *oid)
{
    return remove_named(dfs, parent, name, false, flags, oid);
}

int dfs_drop(dfs_t *dfs, daos_obj_id_t oid)
{
    struct compound *c;
    int rc;

    if (dfs == NULL || dfs->readonly)
        return dfs == NULL ? EINVAL : EPERM;
    rc = compound_begin(dfs->coh, &c);
    if (rc != 0)
        return dfs_errno(rc);
    rc = compound_punch_oid(c, oid, 0);
    if (rc == 0)
        rc = compound_run(c, NULL, NULL);
    compound_free(c);
    return dfs_errno(rc);
}

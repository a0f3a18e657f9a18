/*
 * Renaming and exchanging. The entry is the inode, so a move takes the whole entry (record, symlink
 * target, extended attributes) from one name to another; what it replaces is removed in the same
 * step. All of it is one compound that holds only if none of the entries changed since they were
 * read, so a crash or another client sees the names before or after, never between.
 */
#include <stdlib.h>
#include "dfs/dfs_int.h"
#include "dfs/dfs_fast.h"

/* One name of a move with all that hangs on it. */
struct side {
    struct dfs_obj *dir;
    const char *name;
    bool exists;
    struct dfs_entry e;
    char *link;
    struct dfs_xattrs x;
    /* the write that puts this side's entry under another name */
    struct dfs_entry_io io;
    daos_key_t dkey;
    uint32_t nr;
    daos_iod_t *iods;
    d_sg_list_t *sgls;
    d_iov_t *iovs;
};

#define MOVE_BATCH 32u /* akeys that one update of a move writes */

static void side_free(struct side *s)
{
    free(s->link);
    free(s->iods);
    free(s->sgls);
    free(s->iovs);
    dfs_xattrs_free(&s->x);
    s->link = NULL;
    s->iods = NULL;
    s->sgls = NULL;
    s->iovs = NULL;
}

/* ESTALE: it changed while it was read. */
static int side_read(struct dfs *dfs, struct side *s, bool whole)
{
    struct dfs_obj *obj;
    struct stat st;
    int rc;

    d_iov_set(&s->dkey, (void *)s->name, strlen(s->name));
    rc = dfs_entry_fetch(dfs, s->dir->oid, s->name, &s->e);
    s->exists = rc == 0;
    if (rc != 0 || !whole)
        return rc == ENOENT ? 0 : rc;
    if (S_ISLNK(s->e.mode)) {
        rc = dfs_obj_from_entry(dfs, s->dir->oid, s->name, &s->e, O_RDONLY, &obj);
        if (rc == ENOENT)
            s->exists = false;
        if (rc != 0)
            return rc == ENOENT ? 0 : rc;
        s->link = obj->value; /* NULL: it is no link any more */
        obj->value = NULL;
        dfs_release(obj);
    }
    /* the entry will be newer than its object's last change, so it must carry the time in effect */
    rc = dfs_entry_stat(dfs, &s->e, DAOS_HDL_INVAL, &st);
    if (rc != 0)
        return rc;
    s->e.mtime = st.st_mtim;
    s->e.ctime = dfs_now();
    if (s->e.no_xattrs)
        return 0;
    rc = dfs_xattrs_read(dfs, s->dir->oid, s->name, &s->x);
    s->e.no_xattrs = rc == 0 && s->x.nr == 0;
    return rc == ENOENT ? ESTALE : rc; /* an attribute went after it was listed */
}

/* What was read while it changed counts like what changed after it was read: DER code for a
 * restart, and the errno should it be the last one. */
static int stale(int rc, int *der)
{
    if (rc != ESTALE)
        return rc;
    *der = -DER_TX_RESTART;
    return EBUSY;
}

/* Prepares the update that writes s's entry as `name`. */
static int side_prepare(struct side *s, const char *name)
{
    uint32_t nr, i;

    dfs_entry_io_set(&s->io, name, &s->e, s->link);
    nr = s->nr = s->io.nr + s->x.nr;
    s->iods = calloc(nr, sizeof(*s->iods));
    s->sgls = calloc(nr, sizeof(*s->sgls));
    s->iovs = calloc(nr, sizeof(*s->iovs));
    if (s->iods == NULL || s->sgls == NULL || s->iovs == NULL)
        return ENOMEM;
    memcpy(s->iods, s->io.iods, s->io.nr * sizeof(*s->iods));
    memcpy(s->sgls, s->io.sgls, s->io.nr * sizeof(*s->sgls));
    for (i = 0; i < s->x.nr; i++) {
        daos_iod_t *iod = &s->iods[s->io.nr + i];

        d_iov_set(&iod->iod_name, s->x.names[i], strlen(s->x.names[i]));
        iod->iod_type = DAOS_IOD_SINGLE;
        iod->iod_nr = 1;
        iod->iod_size = s->x.sizes[i];
        d_iov_set(&s->iovs[i], s->x.values[i], s->x.sizes[i]);
        s->sgls[s->io.nr + i].sg_nr = 1;
        s->sgls[s->io.nr + i].sg_iovs = &s->iovs[i];
    }
    return 0;
}

static int side_write(struct compound *c, struct side *s, daos_obj_id_t dir)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < s->nr; i += MOVE_BATCH)
        rc = compound_update_oid(c, dir, 0, &s->io.dkey, MIN(MOVE_BATCH, s->nr - i), s->iods + i,
                                 s->sgls + i);
    return rc;
}

/* -DER codes from here to the callers of the steps. */
static int move_step(struct dfs *dfs, struct side *from, struct side *to, unsigned flags)
{
    struct compound *c;
    int rc = compound_begin(dfs->coh, &c);

    if (rc != 0)
        return rc;
    rc = compound_check_unchanged(c, from->dir->oid, &from->dkey, from->e.epoch);
    if (rc == 0 && to->exists)
        rc = compound_check_unchanged(c, to->dir->oid, &to->dkey, to->e.epoch);
    else if (rc == 0)
        rc = compound_check_absent(c, to->dir->oid, &to->dkey);
    if (rc == 0 && to->exists && S_ISDIR(to->e.mode) && !MUTANT(DFS_RENAME_OVER_FULL))
        rc = compound_check_empty(c, to->e.oid);
    if (rc == 0 && to->exists)
        rc = compound_punch_dkey_oid(c, to->dir->oid, 0, &to->dkey);
    if (rc == 0 && to->exists && !S_ISLNK(to->e.mode) &&
        !((flags & DFS_KEEP) && S_ISREG(to->e.mode)))
        rc = compound_punch_oid(c, to->e.oid, 0);
    if (rc == 0)
        rc = side_write(c, from, to->dir->oid);
    if (rc == 0 && (!MUTANT(DFS_RENAME_TWO_STEPS) || S_ISDIR(from->e.mode)))
        rc = compound_punch_dkey_oid(c, from->dir->oid, 0, &from->dkey);
    if (rc == 0)
        rc = compound_run(c, NULL, NULL);
    if (rc == 0 && MUTANT(DFS_RENAME_TWO_STEPS) && !S_ISDIR(from->e.mode))
        rc = dfs_remove_flags(dfs, from->dir, from->name, DFS_KEEP, NULL) ? -DER_IO : 0;
    compound_free(c);
    return rc;
}

static bool same_oid(daos_obj_id_t a, daos_obj_id_t b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

/* Is dir the directory `oid`, or somewhere below it (as far as the way to dir is known)? */
static bool is_inside(const struct dfs_obj *dir, daos_obj_id_t oid)
{
    if (same_oid(dir->oid, oid))
        return true;
    for (uint32_t i = 0; i < dir->up_nr; i++)
        if (same_oid(dir->up[i], oid))
            return true;
    return false;
}

static int move_allowed(const struct side *from, const struct side *to)
{
    if (!from->exists)
        return ENOENT;
    if (S_ISDIR(from->e.mode) && is_inside(to->dir, from->e.oid))
        return EINVAL;
    if (to->exists && S_ISDIR(to->e.mode) && !S_ISDIR(from->e.mode))
        return EISDIR;
    if (to->exists && !S_ISDIR(to->e.mode) && S_ISDIR(from->e.mode))
        return ENOTDIR;
    return 0;
}

static int names_check(struct dfs *dfs, struct dfs_obj *p1, const char *n1, struct dfs_obj *p2,
                       const char *n2, struct side *a, struct side *b)
{
    int rc;

    memset(a, 0, sizeof(*a));
    memset(b, 0, sizeof(*b));
    a->name = n1;
    b->name = n2;
    rc = dfs_parent(dfs, p1, true, &a->dir);
    if (rc == 0)
        rc = dfs_parent(dfs, p2, true, &b->dir);
    if (rc == 0)
        rc = dfs_name_check(n1, NULL);
    if (rc == 0)
        rc = dfs_name_check(n2, NULL);
    return rc;
}

static bool same_name(const struct side *a, const struct side *b)
{
    return same_oid(a->dir->oid, b->dir->oid) && strcmp(a->name, b->name) == 0;
}

int dfs_move_flags(dfs_t *dfs, dfs_obj_t *parent, const char *name, dfs_obj_t *new_parent,
                   const char *new_name, unsigned flags, daos_obj_id_t *oid)
{
    struct side from, to;
    uint32_t attempt = 0;
    int der = 0;
    int rc = names_check(dfs, parent, name, new_parent, new_name, &from, &to);

    if (rc != 0)
        return rc;
    if (same_name(&from, &to)) {
        rc = side_read(dfs, &from, false);
        return rc ? rc : from.exists ? ((flags & DFS_NOREPLACE) ? EEXIST : 0) : ENOENT;
    }
    do {
        der = 0;
        rc = stale(side_read(dfs, &from, true), &der);
        if (rc == 0)
            rc = side_read(dfs, &to, false);
        if (rc == 0)
            rc = move_allowed(&from, &to);
        if (rc == 0 && (flags & DFS_NOREPLACE) && to.exists)
            rc = EEXIST;
        if (rc == 0)
            rc = side_prepare(&from, to.name);
        if (rc == 0) {
            der = move_step(dfs, &from, &to, flags);
            if (der == -DER_EXIST) /* the target appeared meanwhile */
                der = -DER_TX_RESTART;
            rc = dfs_errno(der);
        }
        side_free(&from);
    } while (rc != 0 && der == -DER_TX_RESTART && dfs_retry(&attempt));
    if (rc == 0 && oid != NULL) {
        if (to.exists)
            *oid = to.e.oid;
        else
            memset(oid, 0, sizeof(*oid));
    }
    return rc;
}

int dfs_move(dfs_t *dfs, dfs_obj_t *parent, const char *name, dfs_obj_t *new_parent,
             const char *new_name, daos_obj_id_t *oid)
{
    int rc = dfs_move_flags(dfs, parent, name, new_parent, new_name, 0, oid);

    return rc == EISDIR ? EINVAL : rc; /* the public manual's word for it */
}

static int exchange_step(struct dfs *dfs, struct side *a, struct side *b)
{
    struct compound *c;
    int rc = compound_begin(dfs->coh, &c);

    if (rc != 0)
        return rc;
    rc = compound_check_unchanged(c, a->dir->oid, &a->dkey, a->e.epoch);
    if (rc == 0 && !MUTANT(DFS_EXCHANGE_UNCHECKED))
        rc = compound_check_unchanged(c, b->dir->oid, &b->dkey, b->e.epoch);
    if (rc == 0)
        rc = compound_punch_dkey_oid(c, a->dir->oid, 0, &a->dkey);
    if (rc == 0)
        rc = compound_punch_dkey_oid(c, b->dir->oid, 0, &b->dkey);
    if (rc == 0)
        rc = side_write(c, a, b->dir->oid);
    if (rc == 0)
        rc = side_write(c, b, a->dir->oid);
    if (rc == 0)
        rc = compound_run(c, NULL, NULL);
    compound_free(c);
    return rc;
}

int dfs_exchange(dfs_t *dfs, dfs_obj_t *parent1, const char *name1, dfs_obj_t *parent2,
                 const char *name2)
{
    struct side a, b;
    uint32_t attempt = 0;
    int der = 0;
    int rc = names_check(dfs, parent1, name1, parent2, name2, &a, &b);

    if (rc != 0)
        return rc;
    do {
        der = 0;
        rc = stale(side_read(dfs, &a, true), &der);
        if (rc == 0)
            rc = stale(side_read(dfs, &b, true), &der);
        if (rc == 0 && (!a.exists || !b.exists))
            rc = ENOENT;
        if (rc == 0 && ((S_ISDIR(a.e.mode) && is_inside(b.dir, a.e.oid)) ||
                        (S_ISDIR(b.e.mode) && is_inside(a.dir, b.e.oid))))
            rc = EINVAL;
        if (rc == 0 && !same_name(&a, &b)) {
            rc = side_prepare(&a, b.name);
            if (rc == 0)
                rc = side_prepare(&b, a.name);
            if (rc == 0) {
                der = exchange_step(dfs, &a, &b);
                rc = dfs_errno(der);
            }
        }
        side_free(&a);
        side_free(&b);
    } while (rc != 0 && der == -DER_TX_RESTART && dfs_retry(&attempt));
    return rc;
}

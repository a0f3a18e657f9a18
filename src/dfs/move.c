/*
 * Renaming and exchanging. The entry is the inode, so a move takes the whole entry (record, symlink
 * target, extended attributes) from one name to another; what it replaces is removed in the same
 * step. All of it is one compound that holds only if none of the entries changed since they were
 * read, so a crash or another client sees the names before or after, never between.
 */
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
    base_free(s->link);
    base_free(s->iods);
    base_free(s->sgls);
    base_free(s->iovs);
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
    s->iods = base_calloc(nr, sizeof(*s->iods));
    s->sgls = base_calloc(nr, sizeof(*s->sgls));
    s->iovs = base_calloc(nr, sizeof(*s->iovs));
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

/* What moves of directories to other parents need (dot.c). */
struct moves {
    bool used;
    daos_epoch_t seen; /* the moves record was as of then when the ways up were read */
    struct dfs_dot_io record, dot[2];
};

/* Will the directory on this side get another parent? */
static bool gets_parent(const struct dfs *dfs, const struct side *s, const struct side *other)
{
    return dfs_has_dots(dfs) && S_ISDIR(s->e.mode) && !dfs_same_oid(s->dir->oid, other->dir->oid);
}

/* Containers without ".": is dir the directory `oid`, or below it, as far as the way to dir is
 * known? */
static bool known_inside(const struct dfs_obj *dir, daos_obj_id_t oid)
{
    for (uint32_t i = 0; i < dir->up_nr; i++)
        if (dfs_same_oid(dir->up[i], oid))
            return true;
    return dfs_same_oid(dir->oid, oid);
}

/* May what is on this side go where the other side is? EINVAL: that is inside of it. */
static int may_go(struct dfs *dfs, const struct side *s, const struct side *other,
                  struct moves *moves)
{
    bool inside = false;
    int rc = 0;

    if (!S_ISDIR(s->e.mode))
        return 0;
    if (!dfs_has_dots(dfs))
        return known_inside(other->dir, s->e.oid) ? EINVAL : 0;
    if (!gets_parent(dfs, s, other))
        return 0;
    if (!moves->used)
        rc = dfs_moves_look(dfs, &moves->seen);
    moves->used = true;
    if (rc == 0)
        rc = dfs_dot_inside(dfs, other->dir->oid, s->e.oid, &inside);
    return rc ? rc : inside ? EINVAL : 0;
}

/* -DER codes from here to the callers of the steps. */

/* Nothing has changed that a move or its refusal depends on. */
static int check_side(struct compound *c, struct side *s)
{
    return s->exists ? compound_check_unchanged(c, s->dir->oid, &s->dkey, s->e.epoch)
                     : compound_check_absent(c, s->dir->oid, &s->dkey);
}

/* A refusal that two names give together holds only if they were so at one moment. */
static int refuse_step(struct dfs *dfs, struct side *a, struct side *b, const struct moves *moves)
{
    struct compound *c;
    int rc = compound_begin(dfs->coh, &c);

    if (rc != 0)
        return rc;
    rc = check_side(c, a);
    if (rc == 0)
        rc = check_side(c, b);
    if (rc == 0 && moves->used)
        rc = dfs_moves_check(c, dfs, moves->seen);
    if (rc == 0)
        rc = compound_run(c, NULL, NULL);
    compound_free(c);
    return rc == -DER_EXIST ? -DER_TX_RESTART : rc;
}

/* Adds what the "." of a directory that has got another parent says. */
static int write_dot(struct compound *c, struct dfs *dfs, const struct side *s,
                     const struct side *other, struct dfs_dot_io *io)
{
    return gets_parent(dfs, s, other) ? dfs_dot_write(c, io, s->e.oid, other->dir->oid) : 0;
}

static int claim_moves(struct compound *c, struct dfs *dfs, struct moves *moves)
{
    int rc = moves->used ? dfs_moves_check(c, dfs, moves->seen) : 0;

    return rc == 0 && moves->used ? dfs_moves_write(c, &moves->record, dfs->sb_oid) : rc;
}

/* Removes what is replaced. */
static int drop_target(struct compound *c, struct dfs *dfs, struct side *to, unsigned flags)
{
    int rc = 0;

    if (S_ISDIR(to->e.mode) && !MUTANT(DFS_RENAME_OVER_FULL))
        rc = dfs_dot_check_empty(c, dfs, to->e.oid);
    if (rc == 0)
        rc = compound_punch_dkey_oid(c, to->dir->oid, 0, &to->dkey);
    if (rc == 0 && !S_ISLNK(to->e.mode) && !((flags & DFS_KEEP) && S_ISREG(to->e.mode)))
        rc = compound_punch_oid(c, to->e.oid, 0);
    return rc;
}

static int move_step(struct dfs *dfs, struct side *from, struct side *to, struct moves *moves,
                     unsigned flags)
{
    struct compound *c;
    int rc = compound_begin(dfs->coh, &c);

    if (rc != 0)
        return rc;
    rc = check_side(c, from);
    if (rc == 0)
        rc = check_side(c, to);
    if (rc == 0)
        rc = claim_moves(c, dfs, moves);
    if (rc == 0)
        rc = to->exists ? drop_target(c, dfs, to, flags) : dfs_dot_check(c, dfs, to->dir->oid);
    if (rc == 0)
        rc = side_write(c, from, to->dir->oid);
    if (rc == 0)
        rc = write_dot(c, dfs, from, to, &moves->dot[0]);
    if (rc == 0 && (!MUTANT(DFS_RENAME_TWO_STEPS) || S_ISDIR(from->e.mode)))
        rc = compound_punch_dkey_oid(c, from->dir->oid, 0, &from->dkey);
    if (rc == 0)
        rc = compound_run(c, NULL, NULL);
    if (rc == 0 && MUTANT(DFS_RENAME_TWO_STEPS) && !S_ISDIR(from->e.mode))
        rc = dfs_remove_flags(dfs, from->dir, from->name, DFS_KEEP, NULL) ? -DER_IO : 0;
    compound_free(c);
    return rc;
}

/* Errno; refused: a refusal, see refuse_step(). */
static int move_allowed(struct dfs *dfs, const struct side *from, const struct side *to,
                        unsigned flags, struct moves *moves, bool *refused)
{
    int rc;

    *refused = false;
    if (!from->exists)
        return ENOENT;
    rc = may_go(dfs, from, to, moves);
    if (rc == 0 && to->exists && S_ISDIR(to->e.mode) && !S_ISDIR(from->e.mode))
        rc = EISDIR;
    if (rc == 0 && to->exists && !S_ISDIR(to->e.mode) && S_ISDIR(from->e.mode))
        rc = ENOTDIR;
    if (rc == 0 && to->exists && (flags & DFS_NOREPLACE))
        rc = EEXIST;
    *refused = rc == EINVAL || rc == EISDIR || rc == ENOTDIR || rc == EEXIST;
    return rc;
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
    return dfs_same_oid(a->dir->oid, b->dir->oid) && strcmp(a->name, b->name) == 0;
}

/* One attempt. *der: the code of the request it ended with. */
static int try_move(struct dfs *dfs, struct side *from, struct side *to, unsigned flags, int *der)
{
    struct moves moves = {0};
    bool refused;
    int rc = stale(side_read(dfs, from, true), der);

    if (rc == 0)
        rc = side_read(dfs, to, false);
    if (rc != 0)
        return rc;
    rc = stale(move_allowed(dfs, from, to, flags, &moves, &refused), der);
    if (refused && !MUTANT(DFS_REFUSAL_TORN)) {
        *der = refuse_step(dfs, from, to, &moves);
        return *der == 0 ? rc : dfs_errno(*der);
    }
    if (rc == 0)
        rc = side_prepare(from, to->name);
    if (rc != 0)
        return rc;
    *der = move_step(dfs, from, to, &moves, flags);
    if (*der == -DER_EXIST) /* the target appeared meanwhile */
        *der = -DER_TX_RESTART;
    return dfs_errno(*der);
}

int dfs_move_flags(dfs_t *dfs, dfs_obj_t *parent, const char *name, dfs_obj_t *new_parent,
                   const char *new_name, unsigned flags, daos_obj_id_t *oid)
{
    struct side from, to;
    uint32_t attempt = 0;
    int der;
    int rc = names_check(dfs, parent, name, new_parent, new_name, &from, &to);

    if (rc != 0)
        return rc;
    if (same_name(&from, &to)) {
        rc = side_read(dfs, &from, false);
        return rc ? rc : from.exists ? ((flags & DFS_NOREPLACE) ? EEXIST : 0) : ENOENT;
    }
    do {
        der = 0;
        rc = try_move(dfs, &from, &to, flags, &der);
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

static int exchange_step(struct dfs *dfs, struct side *a, struct side *b, struct moves *moves)
{
    struct compound *c;
    int rc = compound_begin(dfs->coh, &c);

    if (rc != 0)
        return rc;
    rc = check_side(c, a);
    if (rc == 0 && !MUTANT(DFS_EXCHANGE_UNCHECKED))
        rc = check_side(c, b);
    if (rc == 0)
        rc = claim_moves(c, dfs, moves);
    if (rc == 0)
        rc = compound_punch_dkey_oid(c, a->dir->oid, 0, &a->dkey);
    if (rc == 0)
        rc = compound_punch_dkey_oid(c, b->dir->oid, 0, &b->dkey);
    if (rc == 0)
        rc = side_write(c, a, b->dir->oid);
    if (rc == 0)
        rc = side_write(c, b, a->dir->oid);
    if (rc == 0)
        rc = write_dot(c, dfs, a, b, &moves->dot[0]);
    if (rc == 0)
        rc = write_dot(c, dfs, b, a, &moves->dot[1]);
    if (rc == 0)
        rc = compound_run(c, NULL, NULL);
    compound_free(c);
    return rc;
}

/* One attempt, as try_move(). */
static int try_exchange(struct dfs *dfs, struct side *a, struct side *b, int *der)
{
    struct moves moves = {0};
    int rc = stale(side_read(dfs, a, true), der);

    if (rc == 0)
        rc = stale(side_read(dfs, b, true), der);
    if (rc != 0)
        return rc;
    if (!a->exists || !b->exists)
        return ENOENT;
    rc = stale(may_go(dfs, a, b, &moves), der);
    if (rc == 0)
        rc = stale(may_go(dfs, b, a, &moves), der);
    if (rc == EINVAL) {
        *der = refuse_step(dfs, a, b, &moves);
        return *der == 0 ? rc : dfs_errno(*der);
    }
    if (rc != 0 || same_name(a, b))
        return rc;
    rc = side_prepare(a, b->name);
    if (rc == 0)
        rc = side_prepare(b, a->name);
    if (rc != 0)
        return rc;
    *der = exchange_step(dfs, a, b, &moves);
    return dfs_errno(*der);
}

int dfs_exchange(dfs_t *dfs, dfs_obj_t *parent1, const char *name1, dfs_obj_t *parent2,
                 const char *name2)
{
    struct side a, b;
    uint32_t attempt = 0;
    int der;
    int rc = names_check(dfs, parent1, name1, parent2, name2, &a, &b);

    if (rc != 0)
        return rc;
    do {
        der = 0;
        rc = try_exchange(dfs, &a, &b, &der);
        side_free(&a);
        side_free(&b);
    } while (rc != 0 && der == -DER_TX_RESTART && dfs_retry(&attempt));
    return rc;
}

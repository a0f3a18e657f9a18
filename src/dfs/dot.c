/*
 * The "." of a directory: dkey "." of its object, akey DFS_PARENT, a single value: the object id of
 * the directory it is in, lo and hi, little endian (of the root: zeros). Names are never ".", so it
 * is in nobody's way; listings leave it out.
 *
 * It is there as long as the directory is. Whoever puts a name into a directory checks it in the
 * same step, and who removes the directory removes it with the rest; so of a creation and a removal
 * that race one fails, and nothing is ever put where no name leads to.
 *
 * It says where the directory is. A handle does not know for long: somebody else may move the
 * directory, or one above it. A directory that moves to another parent must not end in its own
 * inside, so the way up from there is read, and must still be true when the move happens. All such
 * moves of a container go through one record, dkey DFS_MOVES of the superblock object: each checks
 * that nobody has changed it since before the way was read, and changes it. They are rare; of two
 * at the same time one starts again.
 *
 * Containers of layout 3 and before have none of this: there a directory is put wherever its
 * handles say, and removed when it is empty at that moment.
 */
#include "dfs/dfs_int.h"

#define DOT_AKEY  "DFS_PARENT"
#define MOVES_KEY "DFS_MOVES"
#define UP_MAX    4096u /* directories on a way up: a damaged container may go round in circles */

static const daos_key_t dot_key = {.iov_buf = (void *)".", .iov_buf_len = 1, .iov_len = 1};
static const daos_key_t moves_key = {.iov_buf = (void *)MOVES_KEY,
                                     .iov_buf_len = sizeof(MOVES_KEY) - 1,
                                     .iov_len = sizeof(MOVES_KEY) - 1};

/* Requests only read their keys. */
static daos_key_t *key_of(const daos_key_t *key)
{
    return (daos_key_t *)(uintptr_t)key;
}

static void put(uint8_t *p, uint64_t v)
{
    for (size_t i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *p)
{
    uint64_t v = 0;

    for (size_t i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void io_set(struct dfs_dot_io *io, const char *akey, size_t len)
{
    memset(io, 0, sizeof(*io));
    d_iov_set(&io->iod.iod_name, (void *)(uintptr_t)akey, strlen(akey));
    io->iod.iod_type = DAOS_IOD_SINGLE;
    io->iod.iod_nr = 1;
    io->iod.iod_size = len;
    d_iov_set(&io->iov, io->buf, len);
    io->sgl.sg_nr = 1;
    io->sgl.sg_iovs = &io->iov;
}

int dfs_dot_write(struct compound *c, struct dfs_dot_io *io, daos_obj_id_t dir,
                  daos_obj_id_t parent)
{
    io_set(io, DOT_AKEY, 16);
    put(io->buf, parent.lo);
    put(io->buf + 8, parent.hi);
    return compound_update_oid(c, dir, 0, key_of(&dot_key), 1, &io->iod, &io->sgl);
}

int dfs_dot_check(struct compound *c, const struct dfs *dfs, daos_obj_id_t dir)
{
    /* nobody removes the root */
    if (!dfs_has_dots(dfs) || dfs_same_oid(dir, dfs->root.oid) || MUTANT(DFS_DOT_UNCHECKED))
        return 0;
    return compound_check_exists(c, dir, key_of(&dot_key));
}

int dfs_dot_check_empty(struct compound *c, const struct dfs *dfs, daos_obj_id_t dir)
{
    return dfs_has_dots(dfs) ? compound_check_only(c, dir, key_of(&dot_key))
                             : compound_check_empty(c, dir);
}

bool dfs_dot_is(const char *name, size_t len)
{
    return len == 1 && name[0] == '.';
}

static int parent_of(struct dfs *dfs, daos_obj_id_t dir, daos_obj_id_t *parent)
{
    struct dfs_dot_io io;
    int rc;

    io_set(&io, DOT_AKEY, 16);
    rc = client_fetch_oid(dfs->coh, dfs->th, dir, 0, key_of(&dot_key), 1, &io.iod, &io.sgl, NULL,
                          NULL);
    if (rc != 0)
        return dfs_errno(rc);
    if (io.iod.iod_size == 0)
        return ENOENT;
    if (io.iod.iod_size != 16)
        return EIO;
    parent->lo = get(io.buf);
    parent->hi = get(io.buf + 8);
    return 0;
}

int dfs_dot_inside(struct dfs *dfs, daos_obj_id_t at, daos_obj_id_t dir, bool *inside)
{
    for (uint32_t i = 0; i < UP_MAX; i++) {
        int rc = 0;

        *inside = dfs_same_oid(at, dir);
        if (*inside || dfs_same_oid(at, dfs->root.oid) || (i > 0 && MUTANT(DFS_WAY_UP_SHORT)))
            return 0;
        rc = parent_of(dfs, at, &at);
        /* only the first may be gone; that another was removed says that the way has changed */
        if (rc != 0)
            return rc == ENOENT && i > 0 ? ESTALE : rc;
    }
    return ELOOP;
}

int dfs_moves_look(struct dfs *dfs, daos_epoch_t *seen)
{
    struct dfs_dot_io io;

    io_set(&io, MOVES_KEY, 1);
    return dfs_errno(client_fetch_oid(dfs->coh, dfs->th, dfs->sb_oid, 0, key_of(&moves_key), 1,
                                      &io.iod, &io.sgl, seen, NULL));
}

int dfs_moves_check(struct compound *c, const struct dfs *dfs, daos_epoch_t seen)
{
    if (MUTANT(DFS_MOVES_UNCHECKED))
        return 0;
    return compound_check_unchanged(c, dfs->sb_oid, key_of(&moves_key), seen);
}

int dfs_moves_write(struct compound *c, struct dfs_dot_io *io, daos_obj_id_t sb_oid)
{
    io_set(io, MOVES_KEY, 1);
    return compound_update_oid(c, sb_oid, 0, key_of(&moves_key), 1, &io->iod, &io->sgl);
}

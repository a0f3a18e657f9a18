/*
 * Inode records: akey DFS_INODE of a name's dkey, an array of 88 one-byte records.
 *
 *   off len field                         off len field
 *     0   4 mode (type and permissions)    48   8 mtime, nanoseconds
 *     4  16 object id (lo, hi)             56   8 ctime, nanoseconds
 *    20   8 mtime, seconds                 64   4 uid
 *    28   8 ctime, seconds                 68   4 gid
 *    36   8 chunk size                     72   8 length of a symlink's target, else 0
 *    44   4 object class                   80   8 mark: no extended attributes
 *
 * All little endian. A record is always written whole, so one version of it is one extent.
 *
 * Modification time: writing a file's data, or a name into a directory, does not touch the entry.
 * The newest epoch of the object tells when that happened. An entry written later than the object's
 * newest change has the last word (utimens, copies that keep times), so every rewrite of an entry
 * carries the time that was in effect.
 *
 * Mark: the complement of ctime in nanoseconds says that there are no extended attributes beside
 * the record, for sure; anything else (0, as in records from before there were marks) that there
 * may be. Whoever changes an attribute rewrites the record in the same step, so the two never
 * disagree, neither now nor in a snapshot. It is tied to ctime because a program that does not know
 * marks keeps these bytes as they are when it sets an attribute, but not ctime: that ends the mark.
 */
#include "dfs/dfs_fast.h"
#include "dfs/dfs_int.h"

#define OID_AT 4u /* in the record */

static void put(uint8_t *p, uint64_t v, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *p, size_t len)
{
    uint64_t v = 0;

    for (size_t i = 0; i < len; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static uint64_t no_xattrs_mark(const struct dfs_entry *e)
{
    return ~((uint64_t)e->ctime.tv_sec * 1000000000u + (uint64_t)e->ctime.tv_nsec);
}

void dfs_entry_encode(const struct dfs_entry *e, uint8_t buf[DFS_INODE_LEN])
{
    put(buf + 0, e->mode, 4);
    put(buf + OID_AT, e->oid.lo, 8);
    put(buf + OID_AT + 8, e->oid.hi, 8);
    put(buf + 20, (uint64_t)e->mtime.tv_sec, 8);
    put(buf + 28, (uint64_t)e->ctime.tv_sec, 8);
    put(buf + 36, e->chunk_size, 8);
    put(buf + 44, e->oclass, 4);
    put(buf + 48, (uint64_t)e->mtime.tv_nsec, 8);
    put(buf + 56, (uint64_t)e->ctime.tv_nsec, 8);
    put(buf + 64, e->uid, 4);
    put(buf + 68, e->gid, 4);
    put(buf + 72, e->size, 8);
    put(buf + 80, e->no_xattrs ? no_xattrs_mark(e) : 0, 8);
}

void dfs_entry_decode(struct dfs_entry *e, const uint8_t buf[DFS_INODE_LEN])
{
    e->mode = (mode_t)get(buf + 0, 4);
    e->oid.lo = get(buf + OID_AT, 8);
    e->oid.hi = get(buf + OID_AT + 8, 8);
    e->mtime.tv_sec = (time_t)get(buf + 20, 8);
    e->ctime.tv_sec = (time_t)get(buf + 28, 8);
    e->chunk_size = get(buf + 36, 8);
    e->oclass = (daos_oclass_id_t)get(buf + 44, 4);
    e->mtime.tv_nsec = (long)get(buf + 48, 8);
    e->ctime.tv_nsec = (long)get(buf + 56, 8);
    e->uid = (uid_t)get(buf + 64, 4);
    e->gid = (gid_t)get(buf + 68, 4);
    e->size = get(buf + 72, 8);
    e->no_xattrs = get(buf + 80, 8) == no_xattrs_mark(e);
}

struct dfs_more dfs_entry_more(const struct dfs_entry *e)
{
    return (struct dfs_more){.oid = e->oid, .chunk_size = e->chunk_size, .xattrs = !e->no_xattrs};
}

struct timespec dfs_now(void)
{
    uint64_t ns = rt_wall_ns();
    struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000u),
                          .tv_nsec = (long)(ns % 1000000000u)};

    return ts;
}

static void iod_inode(daos_iod_t *iod, daos_recx_t *recx)
{
    memset(iod, 0, sizeof(*iod));
    d_iov_set(&iod->iod_name, (void *)DFS_INODE_KEY, sizeof(DFS_INODE_KEY) - 1);
    recx->rx_idx = 0;
    recx->rx_nr = DFS_INODE_LEN;
    iod->iod_type = DAOS_IOD_ARRAY;
    iod->iod_size = 1;
    iod->iod_nr = 1;
    iod->iod_recxs = recx;
}

int dfs_entry_fetch(struct dfs *dfs, daos_obj_id_t parent, const char *name, struct dfs_entry *e)
{
    uint8_t buf[DFS_INODE_LEN];
    daos_key_t dkey;
    daos_recx_t recx;
    daos_iod_t iod;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_epoch_t epoch = 0;
    int rc;

    d_iov_set(&dkey, (void *)name, strlen(name));
    iod_inode(&iod, &recx);
    d_iov_set(&iov, buf, sizeof(buf));
    rc = client_fetch_oid(dfs->coh, dfs->th, parent, 0, &dkey, 1, &iod, &sgl, &epoch, NULL);
    if (rc != 0)
        return dfs_errno(rc);
    if (iod.iod_size == 0 || sgl.sg_nr_out == 0)
        return ENOENT;
    if (iov.iov_len != DFS_INODE_LEN)
        return EIO;
    dfs_entry_decode(e, buf);
    e->epoch = epoch;
    return 0;
}

int dfs_entry_look(struct dfs *dfs, daos_obj_id_t parent, const char *name, struct dfs_entry *e,
                   struct client_seen *seen)
{
    uint8_t buf[DFS_INODE_LEN];
    daos_epoch_t epoch = 0;
    daos_key_t dkey, akey;
    d_iov_t iov;
    int rc;

    d_iov_set(&dkey, (void *)name, strlen(name));
    d_iov_set(&akey, (void *)DFS_INODE_KEY, sizeof(DFS_INODE_KEY) - 1);
    d_iov_set(&iov, buf, sizeof(buf));
    seen->known = false;
    rc = client_follow(dfs->coh, dfs_read_epoch(dfs), parent, &dkey, &akey, OID_AT, &iov, &epoch,
                       seen);
    if (rc == -DER_NOSYS || rc == -DER_NOTSUPPORTED)
        return dfs_entry_fetch(dfs, parent, name, e);
    if (rc != 0)
        return dfs_errno(rc);
    if (iov.iov_len == 0)
        return ENOENT;
    if (iov.iov_len != DFS_INODE_LEN)
        return EIO;
    dfs_entry_decode(e, buf);
    e->epoch = epoch;
    return 0;
}

struct entries_op {
    struct client_get get[DFS_ENTRIES_MAX];
    struct {
        uint8_t buf[DFS_INODE_LEN];
        daos_recx_t recx;
        daos_iod_t iod;
        d_iov_t iov;
        d_sg_list_t sgl;
    } one[DFS_ENTRIES_MAX];
};

int dfs_entries_fetch(struct dfs *dfs, daos_obj_id_t parent, uint32_t nr, const daos_key_t *names,
                      struct dfs_entry *e)
{
    struct entries_op *op = base_alloc(sizeof(*op));
    int rc;

    ASSERT(nr <= DFS_ENTRIES_MAX);
    if (op == NULL)
        return ENOMEM;
    for (uint32_t i = 0; i < nr; i++) {
        iod_inode(&op->one[i].iod, &op->one[i].recx);
        d_iov_set(&op->one[i].iov, op->one[i].buf, DFS_INODE_LEN);
        op->one[i].sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &op->one[i].iov};
        op->get[i] = (struct client_get){
            .oid = parent, .dkey = &names[i], .iod = &op->one[i].iod, .sgl = &op->one[i].sgl};
    }
    rc = dfs_errno(client_gather(dfs->coh, dfs_read_epoch(dfs), nr, op->get, NULL));
    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        memset(&e[i], 0, sizeof(e[i]));
        if (!op->get[i].found || op->get[i].bytes == 0)
            continue;
        if (op->get[i].bytes != DFS_INODE_LEN)
            rc = EIO;
        dfs_entry_decode(&e[i], op->one[i].buf);
        e[i].epoch = op->get[i].epoch;
    }
    base_free(op);
    return rc;
}

void dfs_entry_io_set(struct dfs_entry_io *io, const char *name, const struct dfs_entry *e,
                      const char *link_value)
{
    memset(io, 0, sizeof(*io));
    dfs_entry_encode(e, io->buf);
    d_iov_set(&io->dkey, (void *)name, strlen(name));
    iod_inode(&io->iods[0], &io->recx);
    d_iov_set(&io->iovs[0], io->buf, sizeof(io->buf));
    io->sgls[0].sg_nr = 1;
    io->sgls[0].sg_iovs = &io->iovs[0];
    io->nr = 1;
    if (link_value == NULL)
        return;
    d_iov_set(&io->iods[1].iod_name, (void *)DFS_SLINK_KEY, sizeof(DFS_SLINK_KEY) - 1);
    io->iods[1].iod_type = DAOS_IOD_SINGLE;
    io->iods[1].iod_size = strlen(link_value);
    io->iods[1].iod_nr = 1;
    d_iov_set(&io->iovs[1], (void *)link_value, strlen(link_value));
    io->sgls[1].sg_nr = 1;
    io->sgls[1].sg_iovs = &io->iovs[1];
    io->nr = 2;
}

int dfs_entry_insert(struct dfs *dfs, daos_obj_id_t parent, const char *name,
                     const struct dfs_entry *e, const char *link_value)
{
    struct dfs_entry_io io;
    struct dfs_dot_io dot;
    struct compound *c;
    int rc;

    rc = compound_begin(dfs->coh, &c);
    if (rc != 0)
        return dfs_errno(rc);
    dfs_entry_io_set(&io, name, e, link_value);
    rc = dfs_dot_check(c, dfs, parent);
    if (rc == 0)
        rc = compound_update_oid(c, parent, DAOS_COND_DKEY_INSERT, &io.dkey, io.nr, io.iods,
                                 io.sgls);
    if (rc == 0 && S_ISDIR(e->mode) && dfs_has_dots(dfs))
        rc = dfs_dot_write(c, &dot, e->oid, parent);
    if (rc == 0)
        rc = compound_run(c, NULL, NULL);
    compound_free(c);
    return dfs_errno(rc);
}

int dfs_entry_change(struct dfs *dfs, daos_obj_id_t parent, const char *name,
                     int (*change)(struct dfs *dfs, struct dfs_entry *e, void *arg), void *arg,
                     struct dfs_entry *now)
{
    struct dfs_entry_io io;
    struct dfs_entry e;
    struct compound *c;
    uint32_t attempt = 0;
    int rc;

    do {
        rc = dfs_entry_fetch(dfs, parent, name, &e);
        if (rc == 0)
            rc = change(dfs, &e, arg);
        if (rc != 0)
            return rc;
        rc = compound_begin(dfs->coh, &c);
        if (rc != 0)
            return dfs_errno(rc);
        dfs_entry_io_set(&io, name, &e, NULL);
        rc = MUTANT(DFS_SETATTR_UNCHECKED) ? 0
                                           : compound_check_unchanged(c, parent, &io.dkey, e.epoch);
        if (rc == 0)
            rc = compound_update_oid(c, parent, DAOS_COND_DKEY_UPDATE, &io.dkey, io.nr, io.iods,
                                     io.sgls);
        if (rc == 0)
            rc = compound_run(c, &e.epoch, NULL);
        compound_free(c);
    } while (rc == -DER_TX_RESTART && dfs_retry(&attempt));
    if (rc == 0 && now != NULL)
        *now = e;
    return dfs_errno(rc);
}

/* Later of the entry's time and the object's newest change; the latter only if it happened after
 * the entry was written. */
static int effective_mtime(const struct dfs_entry *e, daos_epoch_t changed, struct timespec *mtime)
{
    *mtime = e->mtime;
    if (changed <= e->epoch)
        return 0;
    return dfs_errno(daos_hlc2timespec(changed, mtime));
}

static int stat_file(struct dfs *dfs, const struct dfs_entry *e, daos_handle_t oh, struct stat *st,
                     daos_epoch_t *changed)
{
    daos_array_stbuf_t as = {0};
    daos_handle_t own = DAOS_HDL_INVAL;
    int rc = 0;

    if (!daos_handle_is_valid(oh)) {
        rc = daos_array_open_with_attr(dfs->coh, e->oid, dfs->th, DAOS_OO_RO, 1, e->chunk_size,
                                       &own, NULL);
        oh = own;
    }
    if (rc == 0)
        rc = daos_array_stat(oh, dfs->th, &as, NULL);
    if (daos_handle_is_valid(own))
        daos_array_close(own, NULL);
    if (rc != 0)
        return dfs_errno(rc);
    st->st_size = (off_t)as.st_size;
    *changed = as.st_max_epoch;
    return 0;
}

static int stat_dir(struct dfs *dfs, const struct dfs_entry *e, daos_handle_t oh, struct stat *st,
                    daos_epoch_t *changed)
{
    daos_handle_t own = DAOS_HDL_INVAL;
    int rc = 0;

    if (!daos_handle_is_valid(oh)) {
        rc = daos_obj_open(dfs->coh, e->oid, DAOS_OO_RO, &own, NULL);
        oh = own;
    }
    if (rc == 0)
        rc = daos_obj_query_max_epoch(oh, dfs->th, changed, NULL);
    if (daos_handle_is_valid(own))
        daos_obj_close(own, NULL);
    st->st_size = DFS_INODE_LEN;
    return dfs_errno(rc);
}

/* What the entry alone says. */
static void stat_entry(struct dfs *dfs, const struct dfs_entry *e, struct stat *st)
{
    memset(st, 0, sizeof(*st));
    st->st_mode = e->mode;
    st->st_nlink = 1;
    st->st_uid = e->uid;
    st->st_gid = e->gid;
    st->st_blksize = (blksize_t)(e->chunk_size ? e->chunk_size : dfs->sb.chunk_size);
}

void dfs_entry_stat_new(struct dfs *dfs, const struct dfs_entry *e, struct stat *st)
{
    stat_entry(dfs, e, st);
    if (!S_ISREG(e->mode))
        st->st_size = S_ISDIR(e->mode) ? (off_t)DFS_INODE_LEN : (off_t)e->size;
    st->st_blocks = DIV_UP(st->st_size, 512);
    st->st_mtim = e->mtime;
    st->st_ctim = st->st_atim = e->ctime;
}

/* Does what was seen tell of e's object what asking it would? An entry may be damaged, and name an
 * object of another kind than its mode says: asking refuses it. */
static bool has_seen(const struct client_seen *seen, const struct dfs_entry *e)
{
    if (seen == NULL || !seen->known || !dfs_same_oid(seen->oid, e->oid))
        return false;
    if (S_ISREG(e->mode))
        return daos_is_array(e->oid) && e->chunk_size != 0;
    return S_ISDIR(e->mode) && !daos_is_dkey_uint64(e->oid);
}

static void stat_seen(const struct dfs_entry *e, const struct client_seen *seen, struct stat *st,
                      daos_epoch_t *changed)
{
    st->st_size =
        S_ISREG(e->mode) ? (off_t)client_seen_size(seen, e->chunk_size) : (off_t)DFS_INODE_LEN;
    *changed = seen->changed;
}

int dfs_entry_stat_seen(struct dfs *dfs, const struct dfs_entry *e, daos_handle_t oh,
                        const struct client_seen *seen, struct stat *st)
{
    daos_epoch_t changed = 0;
    int rc = 0;

    stat_entry(dfs, e, st);
    if (has_seen(seen, e))
        stat_seen(e, seen, st, &changed);
    else if (S_ISREG(e->mode))
        rc = stat_file(dfs, e, oh, st, &changed);
    else if (S_ISDIR(e->mode))
        rc = stat_dir(dfs, e, oh, st, &changed);
    else
        st->st_size = (off_t)e->size;
    if (rc != 0)
        return rc;
    st->st_blocks = DIV_UP(st->st_size, 512);
    rc = effective_mtime(e, changed, &st->st_mtim);
    if (rc != 0)
        return rc;
    st->st_ctim = e->ctime;
    /* a change of the data is a change of the file */
    if (st->st_mtim.tv_sec > st->st_ctim.tv_sec ||
        (st->st_mtim.tv_sec == st->st_ctim.tv_sec && st->st_mtim.tv_nsec > st->st_ctim.tv_nsec)) {
        if (changed > e->epoch)
            st->st_ctim = st->st_mtim;
        st->st_atim = st->st_mtim;
    } else {
        st->st_atim = st->st_ctim;
    }
    return 0;
}

int dfs_entry_stat(struct dfs *dfs, const struct dfs_entry *e, daos_handle_t oh, struct stat *st)
{
    return dfs_entry_stat_seen(dfs, e, oh, NULL, st);
}

/* Was it all of one moment, so that nothing can have come between entry and object? */
static bool is_one_moment(const struct dfs *dfs, const struct dfs_entry *e,
                          const struct client_seen *seen)
{
    return !S_ISREG(e->mode) || dfs->epoch != 0 || has_seen(seen, e);
}

static int stat_name(struct dfs *dfs, daos_obj_id_t parent, const char *name, struct dfs_entry *e,
                     struct client_seen *seen, struct stat *st)
{
    struct dfs_entry again;
    uint32_t attempt = 0;
    int rc;

    do {
        rc = dfs_entry_stat_seen(dfs, e, DAOS_HDL_INVAL, seen, st);
        if (rc != 0 || st->st_size != 0 || is_one_moment(dfs, e, seen))
            return rc;
        rc = dfs_entry_look(dfs, parent, name, &again, seen);
        if (rc != 0 || (dfs_same_oid(again.oid, e->oid) && !has_seen(seen, &again)))
            return rc;
        *e = again;
    } while (has_seen(seen, e) || dfs_retry(&attempt));
    return EBUSY;
}

int dfs_entry_stat_name(struct dfs *dfs, daos_obj_id_t parent, const char *name,
                        struct dfs_entry *e, struct stat *st)
{
    struct client_seen seen = {.known = false};

    return stat_name(dfs, parent, name, e, &seen, st);
}

int dfs_entry_look_stat(struct dfs *dfs, daos_obj_id_t parent, const char *name,
                        struct dfs_entry *e, struct stat *st)
{
    struct client_seen seen;
    int rc = dfs_entry_look(dfs, parent, name, e, &seen);

    return rc != 0 ? rc : stat_name(dfs, parent, name, e, &seen, st);
}

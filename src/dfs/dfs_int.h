/*
 * dfs: libdfs, a POSIX namespace on objects. The public manual is <daos_fs.h>; this header is the
 * room's own.
 *
 * A container of layout type POSIX has a superblock object and a root directory (property ROOTS
 * names them). A directory is an object whose dkeys are the names in it; each name's akey DFS_INODE
 * holds the inode record (entry.c draws it), a symlink's target is akey DFS_SLINK, an extended
 * attribute akey "x:NAME". A directory's own dkey "." says where it is (dot.c). A file's bytes are
 * a byte array object. There is no inode table and there are no hard links: the entry is the inode.
 *
 * Every change of the namespace is one compound request (client/compound.h): it checks that the
 * entries it was computed from are unchanged, so two clients that race see one of them succeed and
 * the other start again (DFS_RETRY_MAX times, then EBUSY).
 *
 * Functions return 0 or a positive errno. Locks: none, except for object-id allocation (oid.c).
 */
#ifndef TARN_DFS_INT_H
#define TARN_DFS_INT_H

#include <errno.h>
#include <string.h>
#include <daos.h>
#include <daos_fs.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/mutant.h"
#include "client/client.h"
#include "client/compound.h"
#include "rt/rt.h"

#define DFS_INODE_KEY      "DFS_INODE"
#define DFS_SLINK_KEY      "DFS_SLINK"
#define DFS_XATTR_HEAD     "x:"
#define DFS_INODE_LEN      88u
#define DFS_RETRY_MAX      64u /* restarts of one namespace change before it answers EBUSY */
#define DFS_SYMLINK_MAX    40u /* links followed in one lookup */
#define DFS_SB_MAGIC       0xda05df50da05df50ull
#define DFS_SB_VERSION     2u
#define DFS_LAYOUT_VERSION 4u
#define DFS_LAYOUT_DOTS    4u /* from here on directories have a "." (dot.c) */

/* An inode record, as in memory. */
struct dfs_entry {
    mode_t mode;
    daos_obj_id_t oid;
    struct timespec mtime, ctime;
    uint64_t chunk_size;
    daos_oclass_id_t oclass; /* dir: default for children; file: as created */
    uid_t uid;
    gid_t gid;
    uint64_t size;      /* symlink: length of the target; else 0 */
    bool no_xattrs;     /* it has no extended attributes, for sure; false: it may have some */
    daos_epoch_t epoch; /* of the record itself; not stored in it */
};

struct dfs_obj {
    struct dfs *dfs;
    mode_t mode;
    int flags; /* O_RDONLY | O_RDWR | ... it was opened with */
    daos_obj_id_t oid;
    daos_obj_id_t parent_oid; /* where its entry is */
    char name[DFS_MAX_NAME + 1];
    daos_handle_t oh; /* file: array; directory: object; symlink: none */
    uint64_t chunk_size;
    daos_oclass_id_t oclass;
    char *value; /* symlink target, owned */
    daos_obj_id_t
        *up; /* directory: the directories above it when it was opened, root first; owned */
    uint32_t up_nr;
    uint32_t refs; /* atomic; dfs_dup shares the array handle's owner */
};

/* Container-wide settings, from the superblock. */
struct dfs_sb {
    uint64_t version, layout, chunk_size;
    daos_oclass_id_t oclass, dir_oclass, file_oclass;
    uint32_t mode;
    char hints[128];
    uint16_t dir_hint, file_hint; /* parsed from hints */
};

struct dfs {
    daos_handle_t poh, coh;
    daos_handle_t th; /* DAOS_TX_NONE, or the snapshot's */
    bool readonly;
    bool balanced;
    struct dfs_sb sb;
    daos_obj_id_t sb_oid;
    struct dfs_obj root;
    uid_t uid;
    gid_t gid;
    struct rt_mutex oid_lock; /* guards the next three */
    uint64_t oid_lo;
    uint32_t oid_hi, oid_first;
    uint32_t pool_refs, cont_refs; /* atomic: dfs_pool_get, dfs_cont_get */
    char *prefix;
    uint64_t attr_id;
    struct dfs_conn *owner; /* dfs_connect()'s record, else NULL */
    daos_epoch_t epoch;     /* of the snapshot, or 0 */
    uuid_t cont_uuid;
};

/* The epoch that reads of the mount are at. */
static inline daos_epoch_t dfs_read_epoch(const struct dfs *dfs)
{
    return dfs->epoch != 0 ? dfs->epoch : DAOS_EPOCH_MAX;
}

/* errno.c */
int dfs_errno(int rc); /* DER code (or COMPOUND_NOTEMPTY) -> positive errno */

/* mount.c */
int dfs_mount_at(daos_handle_t poh, daos_handle_t coh, int flags, daos_epoch_t epoch,
                 dfs_t **dfs); /* epoch 0: now */
void dfs_mount_free(struct dfs *dfs);
int dfs_pool_check(daos_handle_t poh); /* EBADF: it is not open */
bool dfs_borrowed(struct dfs *dfs);    /* dfs_pool_get or dfs_cont_get without its put */

/* connect.c: hands poh, coh (both closed with it) and dfs over to a connection of their own. EACCES
 * without dfs_init(). */
int dfs_conn_adopt(daos_handle_t poh, daos_handle_t coh, struct dfs *dfs);
bool dfs_conn_ready(void); /* dfs_init() has been called */

struct dfs_more;

/* entry.c: inode records. parent is the object id of the directory (or the superblock, for the
 * root's own). */
int dfs_entry_fetch(struct dfs *dfs, daos_obj_id_t parent, const char *name,
                    struct dfs_entry *e); /* ENOENT */
/* The same, and at the same moment a look at the entry's object, as far as the engine can give it
 * with the one request: for dfs_entry_stat_seen(). ENOENT */
int dfs_entry_look(struct dfs *dfs, daos_obj_id_t parent, const char *name, struct dfs_entry *e,
                   struct client_seen *seen);
/* Those of several names, up to DFS_ENTRIES_MAX, with one request; mode 0: there is none. An error
 * of one is the error of all. */
#define DFS_ENTRIES_MAX CLIENT_GATHER_MAX
int dfs_entries_fetch(struct dfs *dfs, daos_obj_id_t parent, uint32_t nr, const daos_key_t *names,
                      struct dfs_entry *e);
void dfs_entry_encode(const struct dfs_entry *e, uint8_t buf[DFS_INODE_LEN]);
void dfs_entry_decode(struct dfs_entry *e, const uint8_t buf[DFS_INODE_LEN]);
struct dfs_more dfs_entry_more(const struct dfs_entry *e);
struct timespec dfs_now(void);
/* Pieces of one entry write, kept together until the request has run. */
struct dfs_entry_io {
    uint8_t buf[DFS_INODE_LEN];
    daos_key_t dkey;
    daos_recx_t recx;
    daos_iod_t iods[2];
    d_iov_t iovs[2];
    d_sg_list_t sgls[2];
    unsigned int nr;
};
/* link_value: also writes DFS_SLINK, or NULL. name and link_value stay the caller's until the
 * request has run. */
void dfs_entry_io_set(struct dfs_entry_io *io, const char *name, const struct dfs_entry *e,
                      const char *link_value);
/* Reads the entry, lets change() alter it, writes it back if nobody else did meanwhile. change: 0
 * or errno. now (may be NULL): the entry as it is then. */
int dfs_entry_change(struct dfs *dfs, daos_obj_id_t parent, const char *name,
                     int (*change)(struct dfs *dfs, struct dfs_entry *e, void *arg), void *arg,
                     struct dfs_entry *now);
/* Fills st from an entry: sizes and times of files and directories come from their objects. */
int dfs_entry_stat(struct dfs *dfs, const struct dfs_entry *e, daos_handle_t oh, struct stat *st);
/* The same by what dfs_entry_look() has seen; asks only if that was nothing, or if e has become
 * another object's entry since. */
int dfs_entry_stat_seen(struct dfs *dfs, const struct dfs_entry *e, daos_handle_t oh,
                        const struct client_seen *seen, struct stat *st);
/* The same of what was made a moment ago, without asking. */
void dfs_entry_stat_new(struct dfs *dfs, const struct dfs_entry *e, struct stat *st);
/* The same of a name just read as e. A file that was cut to nothing since e was written may be a
 * file that was replaced between the two looks: then e becomes the one that is there now. */
int dfs_entry_stat_name(struct dfs *dfs, daos_obj_id_t parent, const char *name,
                        struct dfs_entry *e, struct stat *st); /* ENOENT */
/* Both: reads the entry and fills st, with one request if that can be. ENOENT */
int dfs_entry_look_stat(struct dfs *dfs, daos_obj_id_t parent, const char *name,
                        struct dfs_entry *e, struct stat *st);
/* Inserts a new entry with its object's data in place, of a directory with its ".": EEXIST; ENOENT:
 * there is no directory `parent` any more. */
int dfs_entry_insert(struct dfs *dfs, daos_obj_id_t parent, const char *name,
                     const struct dfs_entry *e, const char *link_value);

static inline bool dfs_same_oid(daos_obj_id_t a, daos_obj_id_t b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

/* dot.c: the "." of directories, which is there as long as they are and says where they are.
 * Functions that add to a compound answer DER codes, the others errno. */
struct dfs_dot_io { /* a write of it; must stay until the request has run */
    uint8_t buf[16];
    daos_iod_t iod;
    d_iov_t iov;
    d_sg_list_t sgl;
};
static inline bool dfs_has_dots(const struct dfs *dfs)
{
    return dfs->sb.layout >= DFS_LAYOUT_DOTS;
}
int dfs_dot_write(struct compound *c, struct dfs_dot_io *io, daos_obj_id_t dir,
                  daos_obj_id_t parent);
/* For whoever puts a new name into dir: it still is a directory (-DER_NONEXIST). */
int dfs_dot_check(struct compound *c, const struct dfs *dfs, daos_obj_id_t dir);
int dfs_dot_check_empty(struct compound *c, const struct dfs *dfs,
                        daos_obj_id_t dir); /* COMPOUND_NOTEMPTY */
bool dfs_dot_is(const char *name, size_t len);
/* Is `at` the directory dir, or below it? True while the moves record stays what it was before.
 * ENOENT: there is no directory `at`; ESTALE: something above it changed meanwhile. */
int dfs_dot_inside(struct dfs *dfs, daos_obj_id_t at, daos_obj_id_t dir, bool *inside);
/* The record that every move of a directory to another parent changes: when that was last; a check
 * that nobody has since (-DER_TX_RESTART); the change. */
int dfs_moves_look(struct dfs *dfs, daos_epoch_t *seen);
int dfs_moves_check(struct compound *c, const struct dfs *dfs, daos_epoch_t seen);
int dfs_moves_write(struct compound *c, struct dfs_dot_io *io, daos_obj_id_t sb_oid);

/* oid.c */
int dfs_oid_new(struct dfs *dfs, mode_t mode, daos_oclass_id_t cid, daos_obj_id_t *oid);

/* lookup.c */
int dfs_name_check(const char *name, size_t *len); /* EINVAL */
/* An open object for an entry; asks nobody. value (a link's target) is taken over, also on failure.
 */
int dfs_obj_new(struct dfs *dfs, daos_obj_id_t parent, const char *name, const struct dfs_entry *e,
                int flags, char *value, struct dfs_obj **out);
/* Opens what entry e stands for. e is read again if it is a link that has changed hands meanwhile:
 * it may be of another type afterwards. */
int dfs_obj_from_entry(struct dfs *dfs, daos_obj_id_t parent, const char *name, struct dfs_entry *e,
                       int flags, struct dfs_obj **obj);
/* Remembers the way down to obj if it is a directory (so that a move into its own inside can be
 * refused): above, and then dir (skipped if NULL). */
int dfs_obj_set_up(struct dfs_obj *obj, const daos_obj_id_t *above, uint32_t nr,
                   const daos_obj_id_t *dir);
/* Directory to work in: parent or the root. ENOTDIR; with write also EPERM on a read-only mount. */
int dfs_parent(struct dfs *dfs, struct dfs_obj *parent, bool write, struct dfs_obj **dir);
/* Takes the mount's prefix off the front of a path: EINVAL. */
int dfs_prefix_strip(const struct dfs *dfs, const char **path);
/* dfs_lookup() of a path without the prefix. */
int dfs_lookup_at_root(struct dfs *dfs, const char *path, int flags, dfs_obj_t **obj, mode_t *mode);
/* Opens the object handle of obj (array or directory). */
int dfs_obj_open_handle(struct dfs *dfs, struct dfs_obj *obj, int flags);

/* xattr.c: all extended attributes of an entry, for a move; freed with dfs_xattrs_free(). */
struct dfs_xattrs {
    uint32_t nr;
    char **names; /* with the "x:" head */
    void **values;
    size_t *sizes;
};
int dfs_xattrs_read(struct dfs *dfs, daos_obj_id_t parent, const char *name, struct dfs_xattrs *x);
void dfs_xattrs_free(struct dfs_xattrs *x);

/* retry.c: waits a little, longer each time, before a restart. False when the attempts are used up.
 */
bool dfs_retry(uint32_t *attempt);

/* sb.c */
int dfs_sb_create(daos_handle_t coh, const dfs_attr_t *attr, daos_obj_id_t sb_oid,
                  daos_obj_id_t root_oid);
int dfs_sb_read(struct dfs *dfs);
void dfs_hints_parse(const char *hints, uint16_t *dir, uint16_t *file, bool *ok);

#endif

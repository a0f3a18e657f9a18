/*
 * A formatted device: superblock and named, growable extents.
 *
 * Layout (docs/formats.md draws every byte): four superblock copies in the first 64 KiB (one each
 * 16 KiB), then extents. A superblock holds: magic, format version, generation, pool uuid, device
 * uuid, shard and target id, page size, feature flags (compatible, read-only-compatible,
 * incompatible), role bits, state (CLEAN after an orderly close), the extent table, a checksum. A
 * change writes the copies with the next generation: two of them, flush, the other two, flush; so
 * at any power cut at least one whole copy of the old or the new generation exists, and open takes
 * the newest whole one.
 *
 * The extent table maps each role's linear space to the device: extents of a role, concatenated in
 * table order, form [0, size of role). Growing a role appends an extent (and merges it if
 * adjacent). Roles never shrink.
 *
 * Opening: wrong magic -> -DER_DF_INVAL "not a Tarn device"; unknown incompatible flag or newer
 * version -> -DER_DF_INCOMPT; no whole copy -> -DER_CSUM "superblock damaged" ; device shorter than
 * its extents -> -DER_IO "truncated"; unknown read-only-compatible flag: only readonly. Each with a
 * three-part message; nothing is written by a refused open.
 */
#ifndef TARN_IO_SUPER_H
#define TARN_IO_SUPER_H

#include "io/io.h"

#define SUPER_VERSION     1u
#define SUPER_AREA        65536u /* bytes before the first extent */
#define SUPER_EXTENTS_MAX 240u

enum super_role { SUPER_WAL, SUPER_META, SUPER_DATA, SUPER_ROLE_NR };

/* Feature flags known to this program (none incompatible yet). */
#define SUPER_COMPAT_KNOWN    0ull
#define SUPER_RO_COMPAT_KNOWN 0ull
#define SUPER_INCOMPAT_KNOWN  0ull

struct super_id {
    uint8_t pool[16];     /* pool uuid */
    uint8_t device[16];   /* of this device */
    uint32_t target;      /* target id in the pool map */
    uint32_t shard;       /* shard of that target */
    uint32_t page_size;   /* of the heap */
    uint32_t roles;       /* bit (1 << role) for each role on this device */
    uint64_t limit_bytes; /* super_grow() takes the pool's devices together no further; 0: no limit
                           */
};

struct super; /* an open, formatted device */

/* Formats dev. -DER_EXIST if it already holds a Tarn superblock, or (unless force) any non-zero
 * byte in its first or last MiB: foreign data. role_size[r] bytes are allotted for each role
 * (multiples of 64 KiB; 0 = role not here); WAL is written with zeros. The device grows as needed.
 * Durable when it returns. On a fiber of dev->xs, as all below. */
int super_format(struct io_dev *dev, const struct super_id *id,
                 const uint64_t role_size[SUPER_ROLE_NR], uint64_t compat, uint64_t ro_compat,
                 uint64_t incompat, bool force, struct super **out, struct err *e);
/* Takes the newest state that a whole copy holds, and, unless dev is read-only, completes its
 * copies. -DER_CSUM none is whole, -DER_IO it cannot be read or not be made safe, -DER_DF_INVAL not
 * a Tarn device, -DER_DF_INCOMPT of a newer version. */
int super_open(struct io_dev *dev, struct super **out, struct err *e);
/* The two halves of super_open(): read changes nothing on the device, so that its owner can look at
 * what it says and refuse it; settle does the rest, before anything else is done with it. */
int super_read(struct io_dev *dev, struct super **out, struct err *e);
int super_settle(struct super *s, struct err *e);
/* Puts zeros, durably, where super_format() would see foreign data or an owner. */
int super_wipe(struct io_dev *dev);
/* Is there nothing that super_format() would see? */
int super_blank(struct io_dev *dev, bool *blank);
/* Does not close the device. */
void super_close(struct super *s);

const struct super_id *super_id(const struct super *s);
uint64_t super_generation(const struct super *s);
/* Bytes of a role. */
uint64_t super_role_size(const struct super *s, enum super_role role);
struct io_dev *super_dev(const struct super *s);
/* Was the last close orderly? Set by super_mark(true) durably; a writable open that starts to
 * modify calls super_mark(false). */
bool super_is_clean(const struct super *s);
int super_mark(struct super *s, bool clean);
/* Bytes of the device that are superblock and extents, and what it could still grow by: device,
 * file system and limit allowing. */
uint64_t super_bytes(const struct super *s);
uint64_t super_room(const struct super *s);
/* limit_bytes holds for these together, all devices of one pool on one xstream, until they are
 * closed, which happens to all at once. */
void super_share_limit(struct super *const *s, uint32_t nr);
/* Adds at least more bytes to a role, durable before it returns. -DER_NOSPACE. One at a time
 * (internally locked). */
int super_grow(struct super *s, enum super_role role, uint64_t more);

/* What each of the copies says, and which state is in force; also where super_read() fails. */
struct row_sink;
int super_show(struct io_dev *dev, const struct row_sink *out);

/* Request by role offset: translated and split over extents; req as in io.h with off relative to
 * the role. -DER_INVAL beyond the role's size. done() once, when all parts are. The translation of
 * a running request is not disturbed by growth. */
void super_submit(struct super *s, enum super_role role, struct io_req *req);
int super_read_wait(struct super *s, enum super_role role, uint64_t off, void *buf, size_t len);
int super_write_wait(struct super *s, enum super_role role, uint64_t off, const void *buf,
                     size_t len, uint32_t flags);
int super_flush_wait(struct super *s);

/* The role in memory, where its device is (io_dev_memory()): each piece is the next len bytes of
 * the role. Returns how many, at most SUPER_EXTENTS_MAX; 0: not all of it is. What is there stays
 * there when the role grows. */
struct super_memory {
    char *at;
    uint64_t len;
};
uint32_t super_memory(const struct super *s, enum super_role role,
                      struct super_memory out[SUPER_EXTENTS_MAX]);

#endif

/*
 * The write-ahead log: format, group commit. Private to src/heap. docs/durability.md tells the
 * whole story.
 *
 * WAL role:
 *
 *   block 0, 1      checkpoint records (struct wal_mark) in turn: the newer whole one counts
 *   block 2, 3      unused, zero
 *   from block 4    the ring: stream position (LSN) p lies at WAL_RING_OFF + p % ring size
 *
 * The stream is a sequence of groups, each starting at a block of 4096 bytes: struct wal_group_hdr,
 * then records; the rest of the last block is zero. A group is written once, by one device write
 * (two where the ring wraps), and one group at a time is on its way, so a group says of all before
 * it that they are durable.
 *
 * A record: struct wal_rec_hdr, then items.
 *
 *   WAL_REC_TX    a transaction. Item: struct wal_item, then data.
 *                 WAL_OP_BYTES  len bytes of data go to page:off
 *                 WAL_OP_ZERO   len zero bytes go there
 *                 WAL_OP_INIT   the page becomes an empty one (off: kind, len: class)
 *   WAL_REC_SUM   a checkpoint copied these pages here. Item: struct wal_sum.
 */
#ifndef TARN_HEAP_WAL_H
#define TARN_HEAP_WAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "heap/layout.h"
#include "rt/rt.h"

#define WAL_BLOCK       4096u
#define WAL_RING_OFF    (4 * WAL_BLOCK)
#define WAL_MARK_MAGIC  UINT64_C(0x304b52414d4c4157) /* "WALMARK0" */
#define WAL_GROUP_MAGIC 0x47574854u                  /* "THWG" */
#define WAL_FIRST_LSN   WAL_BLOCK                    /* so that 0 is no LSN */
#define WAL_MIN_SIZE    (512u << 10)

struct wal_mark {
    uint64_t magic;
    uint32_t format;
    uint32_t flags; /* WAL_MARK_CLEAN */
    uint64_t generation;
    uint64_t seq;          /* of the record; block seq % 2 */
    uint64_t replay_lsn;   /* replay starts here, at a group */
    uint64_t replay_group; /* that group's number */
    uint64_t complete_lsn; /* every PAGE_SUM of completed checkpoints lies below */
    uint64_t durable_lsn;  /* the log reached at least here */
    uint64_t csum;         /* over the block with this field 0 */
};
#define WAL_MARK_CLEAN 1u /* orderly close: the log ends exactly at durable_lsn */

/* In the same block, behind the record: what the heap page says at replay_lsn. Without that page
 * nothing could be found, so it is there twice. A record without it is as good. */
#define WAL_COPY_OFF   512u
#define WAL_COPY_MAGIC UINT64_C(0x59504f4350414548) /* "HEAPCOPY" */
struct wal_copy {
    uint64_t magic;
    uint64_t seq; /* of the record it belongs to */
    struct heap_super heap;
    uint64_t csum; /* over the bytes before */
};

struct wal_group_hdr {
    uint32_t magic;
    uint32_t len; /* bytes with this header */
    uint64_t generation;
    uint64_t seq;       /* group number */
    uint64_t lsn;       /* stream position of this header */
    uint64_t durable;   /* durable LSN when the write was submitted */
    uint64_t prev;      /* hdr_csum of the group before */
    uint64_t body_csum; /* of bytes [64, len) */
    uint64_t hdr_csum;  /* of this header with this field 0 */
};

enum wal_rec_type { WAL_REC_TX = 1, WAL_REC_SUM = 2 };

struct wal_rec_hdr {
    uint32_t len; /* with this header */
    uint16_t type;
    uint16_t zero;
};

#define WAL_OP_BYTES 0u
#define WAL_OP_ZERO  1u
#define WAL_OP_INIT  2u

struct wal_item {
    uint32_t page;
    uint16_t off_op; /* offset | op << 14 */
    uint16_t len;    /* length - 1 would allow a whole page; 1..16383, a whole page is two items */
};

struct wal_sum {
    uint32_t page;
    uint32_t zero;
    uint64_t sum;
};

_Static_assert(sizeof(struct wal_group_hdr) == 64 && sizeof(struct wal_item) == 8 &&
                   sizeof(struct wal_sum) == 16,
               "format");

struct wal_group {
    uint8_t *buf;
    uint32_t cap, len, nrec;
    uint64_t start, seq;
    struct wal_group *next;
};

#define WAL_GROUPS_MAX 6u /* sealed or open at once; more: HEAP_WAIT */

struct wal {
    uint64_t size;        /* of the ring, bytes */
    uint32_t group_max;   /* a group this long is sealed */
    uint32_t tx_max;      /* largest record */
    uint32_t promise_max; /* ... of a transaction that was promised */
    uint64_t replay_lsn; /* nothing before it is needed: the ring is free up to replay_lsn + size */
    uint64_t replay_group, complete_lsn;
    uint64_t last_lsn;              /* of the newest commit */
    struct wal_group *first, *open; /* queue; open: the last, collecting; NULL when none collects */
    struct wal_group *spare;
    uint32_t groups;               /* allocated */
    uint64_t next_start, next_seq; /* of the group after the last of the queue */
    uint64_t prev_csum;
    uint64_t mark_seq;
    struct heap_super copy; /* of the heap page at replay_lsn; magic 0: none */
    uint64_t asked;         /* highest LSN somebody waits for */
    _Atomic uint64_t durable;
    _Atomic bool failed;
    bool started, stop;
    struct rt_event kick;
    struct heap_waiter *waiters, **waiters_end;
    uint64_t written, writes;
    bool writing; /* the writer has taken a group */
    /* Where the device is memory: the role's. Groups are copied there. */
    uint8_t *mem;
    uint64_t
        *touched; /* a bit a WAL_TOUCH of the role that has been written to since the opening */
};

#define WAL_TOUCH (256u << 10)

int wal_open(struct heap *h); /* memory for one group; sizes */
void wal_close(struct heap *h);
int wal_start(struct heap *h);             /* the writer fiber */
void wal_stop(struct heap *h, bool flush); /* [F] writes what is left (flush) and ends the fiber */
/* [L] Room for a record of at most bytes, the log space kept for checkpoints left untouched (unless
 * internal)? HEAP_WAIT, -DER_IO, -DER_NOMEM, -DER_INVAL if it can never fit. After 0 the record can
 * be appended without failing. */
int wal_reserve(struct heap *h, uint64_t bytes, bool internal);
/* [L] Where the next record's bytes go; then wal_append says how many and returns the record's LSN.
 */
uint8_t *wal_room(struct heap *h);
uint64_t wal_append(struct heap *h, enum wal_rec_type type, uint32_t len);
/* [L] Seals the open group; replay could start at the position and group number given back. */
void wal_seal(struct heap *h, uint64_t *pos, uint64_t *seq);
uint64_t wal_used(const struct heap *h);
uint64_t wal_kept(const struct heap *h); /* log space never lent to transactions */
bool wal_is_full(const struct heap *h);  /* time for a checkpoint */
void wal_kick(struct heap *h);
/* Writes a checkpoint record, with the copy of the heap page that belongs to it (NULL: none). [F]
 */
int wal_mark_write(struct heap *h, const struct wal_mark *m, const struct heap_super *copy);
/* The copy in the block of a record; magic 0: there is none. */
void wal_copy_read(const uint8_t *block, const struct wal_mark *m, struct heap_super *copy);
void wal_mark_fill(struct wal_mark *m);
bool wal_mark_valid(const struct wal_mark *m);
uint64_t wal_group_hdr_csum(const struct wal_group_hdr *hdr);
uint64_t wal_body_csum(const uint8_t *group, uint32_t len);

#endif

/*
 * heap: metadata at memory speed on a device. One heap a shard.
 *
 * The heap is a linear space of 16 KiB pages, addressed by offset (0 is null). Code reaches its
 * bytes with heap_ptr(), which answers an address or says that the page is not resident. Changes
 * happen in transactions that are synchronous, never wait, and become one record in the write-ahead
 * log; a group of records is made durable by one device write. Pages go to their place by
 * checkpoints. Large values live outside, in data extents (heap/space.h), whose allocation is part
 * of the same transactions. docs/formats.md draws every byte; docs/durability.md walks through the
 * protocol (architecture section 5).
 *
 * Parts: tx.c transactions, alloc.c page and slot allocator, wal.c log and group commit, recover.c
 * replay, checkpoint.c, page.c residency and page images, space.c data extents; tree.h ordered
 * trees, kv.h byte-string maps.
 *
 * THREADS. A heap is guarded by its lock (heap_lock). Everything marked [L] is called with the lock
 * held, from any thread: the shard's xstream or, for inline calls, an application's thread.
 * Everything marked [F] may wait: on a fiber of the shard's xstream, lock NOT held. No heap address
 * survives unlocking.
 *
 * FAULT AND RETRY. A function that touches a page that is not resident returns HEAP_FAULT
 * (heap_ptr: NULL), having recorded the page. The operation ends without change (an open
 * transaction is aborted by its owner), the fiber loads and pins the pages and runs the whole
 * operation again:
 *
 *     struct heap_pins pins = HEAP_PINS_INIT;
 *     do {
 *         heap_lock(h);
 *         rc = operation(h, ...);           // may return HEAP_FAULT or HEAP_WAIT
 *         heap_pins_take(h, &pins);         // the pages it missed, before anybody else runs
 *         heap_unlock(h);
 *     } while (heap_retry(h, &pins, &rc));  // [F] loads, or waits; false when rc is final
 *     heap_pins_drop(h, &pins);
 *
 * DAMAGE. A page that cannot be read, or is not what was written, is an error where it is needed
 * and nowhere else: the operation runs once more, and the access to that page answers -DER_CSUM
 * (-DER_IO) to whoever can go on without it. Only page 0 and the descriptors are needed to open;
 * page 0 has a copy in the log. New allocations never go to such a page.
 *
 * Return codes: 0, a negative DER code, or a positive code for heap_retry()
 * (HEAP_FAULT, HEAP_WAIT, HEAP_GROW of heap/space.h), which never leaves the engine.
 */
#ifndef TARN_HEAP_H
#define TARN_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "io/super.h"

#define HEAP_PAGE_SIZE 16384u
#define HEAP_ALLOC_MAX 8192u /* largest single allocation */
#define HEAP_VALUE_MIN                                                                             \
    2048u /* allocations above this are value slots: headerless pages, four of 4 KiB fill a page   \
           */
#define HEAP_TX_MAX (4u << 20) /* largest redo record of one transaction, bytes */
#define HEAP_PINS_MAX                                                                              \
    256u /* pages one operation may need at once; an operation works in steps below that */

#define HEAP_FAULT 1 /* a page is not resident: load and retry */
#define HEAP_WAIT  2 /* no log space to begin: wait and retry */

struct heap;

struct heap_conf {
    struct rt_xs *xs;                 /* the shard's xstream */
    struct super *dev[SUPER_ROLE_NR]; /* device of each role (often the same three times) */
    bool readonly;      /* replay in memory, write nothing, refuse transactions with -DER_NO_PERM */
    uint64_t mem_limit; /* memory for pages, kept softly (frame.c); 0: no limit */
    uint32_t checkpoint_pct;  /* start a checkpoint when the log is this full; 0 = default 50 */
    uint32_t group_max_bytes; /* largest group written at once; 0 = default 1 MiB */
    /* A damaged page that is met in opening refuses it. Otherwise whoever needs the page is told,
     * and if the log changes it, it is given up: what lies in it is -DER_CSUM for ever. */
    bool refuse_damaged;
    /* What the device cannot read now is taken for damaged. Otherwise that refuses the opening: it
     * may be read the next time. */
    bool take_unread;
    /* Tests: pretend that this page, though resident, is not (asked for unpinned pages only). */
    bool (*spurious_fault)(void *arg, uint64_t page);
    /* Tests and the simulator: called at every named step of the durability protocol
     * (heap_step_name()), so that a power cut can be placed exactly there. */
    void (*on_step)(void *arg, uint32_t step);
    void *arg;
};

/* Formats an empty heap in the META and WAL roles of formatted devices. [F] */
int heap_format(const struct heap_conf *conf, struct err *e);
/* Opens and recovers: replays the log since the last checkpoint, verifies, flushes all role
 * devices, and only then returns (nothing a reader sees can vanish again). Pages are loaded when
 * touched. -DER_CSUM damaged page or record below a durable one, -DER_DF_INVAL not a heap,
 * -DER_DF_INCOMPT, -DER_IO. [F] */
int heap_open(const struct heap_conf *conf, struct heap **h, struct err *e);
/* Closes. clean: everything committed becomes durable; if more than 16 MiB of log would have to be
 * replayed a checkpoint is made first; the superblock is marked clean. Not clean:
 * stops as a crash would. Nobody else may be using the heap. -DER_IO: the log or a device failed,
 * now or before; what was not durable is lost, what was acknowledged is not. The heap is gone in
 * any case. [F] */
int heap_close(struct heap *h, bool clean);

void heap_lock(struct heap *h);
bool heap_trylock(struct heap *h);
void heap_unlock(struct heap *h);

/* ---- Reading [L] ---- */

/* Address of len bytes at off, all in one page; NULL if not resident (recorded; return HEAP_FAULT).
 * Valid until unlock. An offset outside the heap, or crossing a page, is corruption: NULL with
 * heap_rc() = -DER_CSUM. So callers return heap_rc(h) when it is NULL. */
static inline const void *heap_ptr(struct heap *h, uint64_t off, size_t len);
/* Why the last heap_ptr or heap_tx_write answered NULL: HEAP_FAULT or -DER_CSUM; a write
 * also HEAP_WAIT (more log space was needed than begin announced, and there is none now),
 * -DER_OVERFLOW (the record would never fit), -DER_NOMEM, -DER_IO. */
int heap_rc(const struct heap *h);
/* While a store is opened: may it be opened without what answers rc? Yes if that is damaged for
 * good (heap_conf). */
bool heap_goes_on(const struct heap *h, int rc);
/* As heap_ptr, without a trace: a page that is not resident is not recorded, one that is does not
 * count as looked at. For hints to the processor; what is found may be of any kind. NULL: not in
 * memory, or not an offset that an allocation, or a field of 8 bytes, could have. */
static inline const void *heap_peek(const struct heap *h, uint64_t off, size_t len);
/* The usual case of the two is asked for a dozen times in every operation, so it is here: what a
 * heap begins with, and nobody else looks at. */
struct heap_map {
    uintptr_t *at; /* where each page is */
    uint64_t pages;
};
#define HEAP_MAP_SEEN ((uintptr_t)1) /* set in at[]: resident, and looked at not long ago */
const void *heap_ptr_slow(struct heap *h, uint64_t off, size_t len);
const void *heap_peek_slow(const struct heap *h, uint64_t off, size_t len);

static inline const void *heap_map_get(const struct heap *h, uint64_t off, size_t len)
{
    const struct heap_map *m = (const struct heap_map *)h;
    uint64_t page = off / HEAP_PAGE_SIZE, in = off % HEAP_PAGE_SIZE;

    if (page >= m->pages || len - 1 >= HEAP_PAGE_SIZE - in || (m->at[page] & HEAP_MAP_SEEN) == 0)
        return NULL;
    return (const char *)(m->at[page] - HEAP_MAP_SEEN) + in;
}
static inline const void *heap_ptr(struct heap *h, uint64_t off, size_t len)
{
    const void *p = heap_map_get(h, off, len);

    return p != NULL ? p : heap_ptr_slow(h, off, len);
}
static inline const void *heap_peek(const struct heap *h, uint64_t off, size_t len)
{
    const void *p = off % 8 == 0 ? heap_map_get(h, off, len) : NULL;

    return p != NULL ? p : heap_peek_slow(h, off, len);
}
/* Asks that a page be loaded soon, without faulting (enumerations look ahead). */
void heap_prefetch(struct heap *h, uint64_t off);

/* ---- Transactions [L]: one at a time, begin to commit or abort under one hold of the lock ---- */

/* The largest redo that a transaction of this heap may ask for: HEAP_TX_MAX, or what a small log
 * holds. Estimates of the worst case are cut down to it. */
size_t heap_tx_max(const struct heap *h);
/* redo_max: an upper bound of the bytes that will change, allocations included (record headers are
 * added inside). HEAP_WAIT: no log space now. -DER_IO: the shard has stopped after a log failure.
 * -DER_NO_PERM: readonly. -DER_OVERFLOW: more than the log can hold in one record. -DER_INVAL: more
 * than HEAP_TX_MAX. -DER_NOMEM. */
int heap_tx_begin(struct heap *h, size_t redo_max);
/* The same after a rehearsal, that is a transaction that was aborted under the same hold of the
 * lock: that its pages count as dirty is no reason to wait, or it would wait for itself. */
int heap_tx_begin_again(struct heap *h, size_t redo_max);
bool heap_tx_active(const struct heap *h);
/* Writable address of [off, off+len) within one page; its old bytes are saved for abort, its new
 * ones logged at commit. Ranges may overlap and repeat. NULL: see heap_rc(). Every byte that
 * changes must be covered. */
void *heap_tx_write(struct heap *h, uint64_t off, size_t len);
/* A zeroed allocation of size (1..HEAP_ALLOC_MAX) bytes, 8-byte aligned, near the page of `near`
 * when it can (0: anywhere). All its bytes are logged at commit: fill it through the address given
 * back (optional), or heap_tx_write. HEAP_GROW when no page is free (heap_retry grows the heap; if
 * it cannot, a slot that is larger than need be is taken; if there is none, the answer is
 * -DER_NOSPACE), HEAP_FAULT, HEAP_WAIT, -DER_INVAL, -DER_OVERFLOW, -DER_NOMEM. */
int heap_tx_alloc(struct heap *h, size_t size, uint64_t near, uint64_t *off, void **ptr);
/* The same, for a caller that writes all size bytes himself before anything else: they are not
 * zeroed first. */
int heap_tx_alloc_raw(struct heap *h, size_t size, uint64_t near, uint64_t *off, void **ptr);
/* Free pages are kept so that room can be given back when the heap is full. Each kind of
 * transaction leaves some to those below it, without which what it did could not be undone (two may
 * go, once, to the map of a heap's data: space_map.c): */
enum heap_reserve {
    HEAP_RESERVE_DELETE, /* deletes what is small, and may be one of very many */
    HEAP_RESERVE_COME,   /* makes what one needs to ask for a deletion: handles */
    HEAP_RESERVE_LAST,   /* deletes what holds much, or gives back what others have deleted */
};
/* The open transaction is of this kind. */
void heap_tx_use_reserve(struct heap *h, enum heap_reserve kind);
/* The allocations of the open transaction are counted from here on: whoever is about to promise it
 * rehearses it first. */
void heap_tx_count(struct heap *h);
/* What it takes: the most pages that what was counted can need, whatever pages are begun when it is
 * done again; and the bytes of its record. */
void heap_tx_need(const struct heap *h, uint32_t *pages, size_t *redo);
/* The most pages that so many inserts into trees can need for their nodes. */
uint32_t heap_tree_pages(uint32_t inserts);
/* The largest record of a transaction that was promised: twice as much as of others when the log is
 * small, so that what fits when it is promised fits later too. */
size_t heap_promise_max(const struct heap *h);
/* Keeps so many free pages for transactions to come that must not fail (vos: commits of what was
 * prepared): all others, deletes included, leave them. Volatile. deletes: the promised transactions
 * delete, and so may count on what is kept for such, but for what HEAP_RESERVE_COME leaves.
 * HEAP_GROW: there are not so many free now. [L] */
int heap_promise(struct heap *h, uint32_t pages, bool deletes);
/* What a restart finds promised: never fails. */
void heap_promise_again(struct heap *h, uint32_t pages);
void heap_promise_drop(struct heap *h, uint32_t pages);
/* The open transaction may use so many of the promised pages, and all that is kept for deletes; its
 * record may be as large as heap_promise_max(). */
void heap_tx_use_promise(struct heap *h, uint32_t pages);
/* Gives an allocation back; reusable by later transactions at once. The size is known to the heap.
 */
int heap_tx_free(struct heap *h, uint64_t off);
/* Usable bytes of an allocation. */
int heap_alloc_size(struct heap *h, uint64_t off, size_t *size);
/* Named roots: offset stored in the heap's first page, 0 at format. */
enum heap_root {
    HEAP_ROOT_VOS,
    HEAP_ROOT_SVC,
    HEAP_ROOT_SPACE /* heap/space.h's own */,
    HEAP_ROOT_REPAIR, /* not an offset: not 0 while a repair is under way (heap/mend.h) */
    HEAP_ROOT_NR
};
int heap_root_get(struct heap *h, enum heap_root r, uint64_t *off);
int heap_tx_root_set(struct heap *h, enum heap_root r, uint64_t off);
/* Ends the transaction: one redo record enters the current log group. *lsn (may be NULL) is what
 * heap_durable_lsn() must reach before the change may be acknowledged. Cannot fail (space was
 * reserved). A transaction that changed nothing has lsn = the last commit's. */
void heap_tx_commit(struct heap *h, uint64_t *lsn);
/* Old bytes back. Also required after HEAP_FAULT inside a transaction. */
void heap_tx_abort(struct heap *h);
/* LSN of the newest commit. */
uint64_t heap_lsn(const struct heap *h);

/* ---- Durability ---- */

/* Everything up to this LSN is durable. Any thread, no lock. */
uint64_t heap_durable_lsn(const struct heap *h);
/* The log failed: the shard serves nothing until reopened. Any thread. */
bool heap_failed(const struct heap *h);
/* A flush that failed may have dropped pages of a checkpoint, whoever asked for it: whoever flushes
 * or grows a device of the heap and fails says so here, and the shard stops if a flush was the
 * reason. Any thread. */
void heap_flush_failed(struct heap *h);
/* Calls w->fn(w, rc) once lsn is durable (rc 0) or the heap failed (-DER_IO); on the xstream's
 * scheduler, must not wait; at once (inline) when lsn is already durable. [L]. Starts the group's
 * write if none is on its way (the writer runs after the xstream's ready work, so that commits of
 * one turn share a group). */
struct heap_waiter {
    uint64_t lsn;
    void (*fn)(struct heap_waiter *w, int rc);
    struct heap_waiter *next;
};
void heap_when_durable(struct heap *h, uint64_t lsn, struct heap_waiter *w);
/* Makes what was committed durable at once, where that takes no more than a copy and nobody else is
 * about to; heap_durable_lsn() says whether it did. For threads that would only wait: a group of
 * the log for each change fills the log sooner than one for many. Any thread. [L] */
void heap_write_here(struct heap *h);
/* The same as heap_when_durable() for fibers. [F] */
int heap_wait_durable(struct heap *h, uint64_t lsn);

/* ---- Fault and retry ---- */

struct heap_pins {
    uint32_t nr;
    uint32_t missed; /* of them, not yet loaded */
    uint64_t page[HEAP_PINS_MAX];
};
#define HEAP_PINS_INIT                                                                             \
    {                                                                                              \
        0                                                                                          \
    }
/* Moves the pages recorded as missed since the last take into pins. [L] */
void heap_pins_take(struct heap *h, struct heap_pins *pins);
/* *rc == HEAP_FAULT: loads and pins what was missed; HEAP_WAIT: waits for log space. True: run
 * again, also when a page that was missed cannot be had: then the access to it answers -DER_IO or
 * -DER_CSUM. False: *rc is final. [F] */
bool heap_retry(struct heap *h, struct heap_pins *pins, int *rc);
void heap_pins_drop(struct heap *h, struct heap_pins *pins); /* any thread; takes the lock itself */
/* Forgets recorded misses without loading (an inline caller that hands the operation over). [L] */
void heap_miss_clear(struct heap *h);

/* ---- Checkpoint, checking, figures ---- */

/* Writes every page that was dirty at the call and frees the log behind it. Also runs
 * by itself when the log fills. -DER_NO_PERM: readonly. Any other error has stopped the shard:
 * -DER_IO, -DER_NOMEM. [F] */
int heap_checkpoint(struct heap *h);
/* Makes clean unpinned pages for which drop() says yes non-resident (tests; eviction policy comes
 * later). [L] */
uint32_t heap_evict(struct heap *h, bool (*drop)(void *arg, uint64_t page), void *arg);

struct heap_stat {
    uint64_t pages, pages_free, pages_resident;
    uint64_t pages_dirty; /* page writes due: of the running checkpoint and of the next */
    uint64_t alloc_bytes; /* bytes in live allocations (slot sizes) */
    uint64_t value_bytes; /* of them, in value slots */
    uint64_t alloc_count;
    uint64_t meta_bytes;                      /* pages in use x page size */
    uint64_t mem_bytes, mem_limit, evicted;   /* of pages in memory; pages that left, since open */
    uint64_t wal_size, wal_used, wal_written; /* written: bytes since open */
    uint64_t wal_writes;                      /* device writes of log groups since open */
    uint64_t commits, checkpoints, faults, replayed_records;
    uint64_t data_total, data_used; /* bytes of the data role and in live data extents */
    /* How scattered what is free is: runs of free blocks within 128 MiB, and the longest, in bytes.
     * Where the bitmap is not in memory what is free counts as one run. */
    uint64_t data_free_runs, data_longest_run;
};
void heap_stat(struct heap *h, struct heap_stat *st); /* [L] */

/* Walks pages and allocator: every page's checksum and identity, slots against bitmaps, free lists,
 * data bitmap. Calls report(arg, text) once for each problem, in words an administrator can use;
 * *problems counts them. Reads pages from the device without keeping them. [F], nothing else
 * running. */
int heap_check(struct heap *h, void (*report)(void *arg, const char *text), void *arg,
               uint64_t *problems);
/* The same; tick(arg, pages) after each few pages: what it answers, if not 0, ends the check. */
int heap_check_tick(struct heap *h, void (*report)(void *arg, const char *text),
                    int (*tick)(void *arg, uint64_t pages), void *arg, uint64_t *problems);
/* Is off the start of a live allocation? For checkers above. [L] */
int heap_alloc_is_live(struct heap *h, uint64_t off, bool *live);

/* Steps of the durability protocol, in the order a power cut may separate them; names for tests. */
uint32_t heap_step_nr(void);
const char *heap_step_name(uint32_t step);

#endif

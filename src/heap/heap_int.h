/*
 * Inside the heap: what its files share. Nobody outside src/heap includes this.
 *
 * Locks. Everything is under heap->lock except the fields marked [a], which are atomic. The lock is
 * never held over a wait.
 */
#ifndef TARN_HEAP_INT_H
#define TARN_HEAP_INT_H

#include "base/arena.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/mutant.h"
#include "base/vrange.h"
#include "heap/heap.h"
#include "heap/layout.h"
#include "heap/space.h"
#include "heap/wal.h"
#include "rt/rt.h"

#include <daos_errno.h>

/* A plain growing array of 32-bit numbers. */
struct vec32 {
    uint32_t *v;
    uint32_t nr, cap;
};
int vec32_add(struct vec32 *a, uint32_t x);
int vec32_room(struct vec32 *a, uint32_t more);
void vec32_fini(struct vec32 *a);

/* ---- Volatile state of a page ---- */

#define PV_RESIDENT 0x01u
#define PV_DIRTY    0x02u /* in heap->dirty: changed since its last copy */
#define PV_CKPT     0x04u /* the running checkpoint will copy it */
#define PV_WRITING  0x08u /* copied; clean once the running checkpoint has flushed */
#define PV_LOADING  0x10u /* a read into its memory is on its way */
#define PV_CORE     0x20u /* heap page or descriptor: always resident */
#define PV_LISTED   0x40u /* in the list of pages of its class with a free slot */
#define PV_TOUCHED  0x80u /* allocator state changed by the open transaction */

#define PV_SUMMED                                                                                  \
    0x100u /* the log's last PAGE_SUM of it, since the last completed checkpoint, is of its        \
              present image */
#define PV_REF 0x200u /* looked at since the clock's hand was here last */
#define PV_BAD                                                                                     \
    0x400u /* loading it failed, for an operation that still has it pinned: the operation runs     \
              again and finds that out where it needs the page. Forgotten with the last pin, so    \
              that the next one tries again */
#define PV_UNREAD 0x800u  /* with PV_BAD: the device could not read it */
#define PV_LOST   0x1000u /* the log changes it, and what it changes is damaged: gone for good */

/* So many rounds of the clock's hand more a page stays that holds nodes of trees: each leads to
 * several times the records that a page of records has. */
#define STAY_ROUNDS 3u

struct page_vol {
    uint16_t flags;
    uint16_t pins;
    uint16_t list;       /* class whose list it is in */
    uint16_t stay;       /* rounds */
    uint32_t next, prev; /* list; 0 = end */
};

/* ---- Frames (frame.c): the memory pages lie in ---- */

#define FRAME_FREE UINT32_MAX
#define FRAME_OLD  UINT32_MAX

struct frames {
    struct vrange mem, ownermem, nextmem;
    uint32_t *owner; /* page in each frame, or FRAME_FREE */
    uint32_t *next;  /* of a young frame: the next younger one; FRAME_OLD: it is not young */
    uint32_t young_first, young_last, young_nr;
    uint32_t nr, max;  /* made so far; that there can be */
    struct vec32 free; /* room for all of nr */
    uint32_t budget;   /* more than this: pages leave */
    uint32_t hand;
    uint32_t barren; /* frames the hand has looked at since a page left */
    uint32_t looks;  /* at young ones */
    uint64_t evicted;
};

/* ---- Size classes ---- */

#define CLASS_MAX 64
struct size_class {
    uint32_t size;
    uint16_t slots;
    uint16_t data; /* byte of the first slot in the page */
    bool value;
};

struct alloc {
    struct size_class cls[CLASS_MAX];
    uint32_t nr;
    uint8_t by_size[HEAP_ALLOC_MAX / 8 + 1];   /* (size + 7) / 8 -> class */
    uint32_t head[CLASS_MAX], tail[CLASS_MAX]; /* pages with a free slot: resident ones first */
    struct vrange free;                        /* bitmap of free pages */
    uint64_t free_pages;
    uint64_t free_hint; /* no free page below this word of the bitmap */
    uint64_t promised;  /* free pages, beyond those kept, that only heap_tx_use_promise() gives */
};

/* ---- The open transaction ---- */

#define PAGES_KEPT 24u /* free pages that only those take who make room: heap_tx_use_reserve() */

struct tx_range {
    uint64_t off;
    uint32_t len;
    void *old;
};

#define TX_NEWEST 256u

struct tx {
    bool active;
    bool internal;   /* checkpoint: may use the log space kept for it */
    bool promised;   /* its record may be as large as heap_promise_max() */
    bool counts;     /* heap_tx_count() */
    uint64_t leaves; /* so many free pages to others */
    uint64_t need;   /* log bytes reserved */
    uint64_t used;   /* log bytes the record takes so far, upper bound */
    struct arena undo;
    struct tx_range *range; /* in order of writing */
    uint64_t *sort;         /* room to sort them */
    uint32_t nr, cap;
    uint32_t newest[TX_NEWEST]; /* by place: index of the newest range that begins there, perhaps */
    struct vec32 inits;         /* pages initialised: page number, kind | cls << 8 */
    struct vec32 freed;         /* pages that become free at commit */
    struct vec32 touched;       /* pages whose lists must be recomputed on abort */
    uint32_t took[CLASS_MAX];   /* if it counts: allocations of each class */
};

/* What space.c (and nobody else yet) does at the end of a transaction and elsewhere. Attached with
 * heap_space_attach() the first time space.c is called for a heap; heap_open calls space_open if a
 * heap already has data space. */
struct heap_space_ops {
    void (*tx_end)(struct heap *h, bool commit, uint64_t lsn); /* [L] */
    int (*grow)(struct heap *h);                               /* [F]: HEAP_GROW of the data role */
    void (*stat)(struct heap *h, struct heap_stat *st);        /* [L] */
    int (*check)(struct heap *h, void (*report)(void *arg, const char *text), void *arg,
                 uint64_t *problems); /* [F] */
    void (*close)(struct heap *h);
};

/* ---- Checkpoint ---- */

struct ckpt {
    bool running;
    bool wanted;
    uint64_t done;      /* checkpoints completed since open */
    struct vec32 pages; /* of the running one */
};

struct heap {
    struct heap_map
        map; /* at[page] 0: nothing of the page is in memory; pages = heap page's field */
    /* pages (page.c) */
    struct page_vol *vol;
    struct frames frames;
    int rc;           /* heap_rc() */
    bool spurious;    /* conf.spurious_fault is set */
    bool is_volatile; /* no devices: memory only, every commit durable at once */
    bool readonly;
    uint32_t missed_nr;
    struct heap_conf conf;
    struct vrange volmem, mapmem;
    uint64_t max_pages;
    uint64_t generation;
    struct rt_mutex lock;
    struct rt_cond loaded; /* a page's LOADING fell */
    struct rt_cond room;   /* log space or a group buffer became free */
    uint64_t missed[HEAP_PINS_MAX];
    uint64_t resident, faults, replayed, commits;
    struct vec32 lost;    /* pages that recovery found PV_LOST */
    struct vec32 rebuilt; /* descriptor pages that recovery had to make again */
    bool super_rebuilt;   /* the heap page is damaged on the device, and came from its copy */
    struct vec32 dirty;   /* pages with PV_DIRTY (and some that lost it) */
    uint64_t dirty_nr;    /* pages with PV_DIRTY and pages with PV_CKPT: each needs a PAGE_SUM */
    uint64_t writing_nr;  /* pages with PV_WRITING */

    struct alloc alloc;
    struct tx tx;
    struct wal wal;
    struct ckpt ckpt;

    const struct heap_space_ops *space_ops;
    void *space;    /* space.c's */
    bool grow_data; /* the last HEAP_GROW was the data role's */
    bool tight;     /* growing failed for want of space: larger slots than need be are taken */

    /* background fiber (background.c) */
    struct rt_event bg_kick, bg_gone;
    bool bg_started, bg_stop, growing;
    uint64_t grow_after_ns; /* no growth ahead of need before */
    struct rt_event wal_gone;
    uint32_t prefetch_nr;
    uint32_t prefetch[16];
};

/* Where ranges of memory come from and go to; NULL: nothing is kept. */
static inline struct vrange_pool *heap_ranges(const struct heap *h)
{
    return h->conf.xs == NULL ? NULL : rt_keep_ranges(rt_xs_world(h->conf.xs)->keep);
}

/* frame.c. All locked. Nothing but frames_trim() makes a page leave, and nobody calls that who
 * still uses an address. */
int frames_open(struct heap *h);
void frames_close(struct heap *h);
void frames_limit(struct heap *h, uint64_t bytes); /* from now on; 0: none */
/* The page gets a frame, if it has none; beyond the budget if need be. -DER_NOMEM. */
int frame_give(struct heap *h, uint64_t page);
void frame_back(struct heap *h, uint64_t page); /* what was in it is lost */
bool frame_may_leave(const struct heap *h, uint64_t page);
void frame_leave(struct heap *h, uint64_t page);
/* Makes room for `more` frames within the budget, as far as `steps` looks at a frame find pages
 * that may leave. */
void frames_trim(struct heap *h, uint32_t more, uint32_t steps);
static inline bool frames_over(const struct heap *h, uint32_t more)
{
    return (uint64_t)h->frames.nr - h->frames.free.nr + more > h->frames.budget;
}
/* Of the budget: from here on a checkpoint is due, and changes wait for one. */
bool frames_ckpt_due(const struct heap *h);
bool frames_too_dirty(const struct heap *h);

/* page.c */
/* Of a page with a frame. */
static inline void *page_addr(const struct heap *h, uint64_t page)
{
    return (void *)(h->map.at[page] & ~HEAP_MAP_SEEN);
}
/* Of an offset in a page with a frame. */
static inline char *off_addr(const struct heap *h, uint64_t off)
{
    return (char *)page_addr(h, off / HEAP_PAGE_SIZE) + off % HEAP_PAGE_SIZE;
}
static inline struct page_hdr *page_hdr(const struct heap *h, uint64_t page)
{
    return (struct page_hdr *)page_addr(h, page);
}
static inline struct page_desc *page_desc(const struct heap *h, uint64_t page)
{
    return (struct page_desc *)((char *)page_addr(h, page_desc_page(page)) + PAGE_HDR_SIZE) +
           page % PAGES_PER_DESC;
}
static inline struct heap_super *heap_super(const struct heap *h)
{
    return (struct heap_super *)((char *)page_addr(h, 0) + PAGE_HDR_SIZE);
}
static inline uint64_t page_desc_off(uint64_t page)
{
    return page_desc_page(page) * HEAP_PAGE_SIZE + PAGE_HDR_SIZE +
           page % PAGES_PER_DESC * sizeof(struct page_desc);
}
static inline bool page_is_core(uint64_t page)
{
    return page == 0 || page % PAGES_PER_DESC == 1;
}
int page_space_open(struct heap *h);
void page_space_close(struct heap *h);
int page_space_grow(struct heap *h,
                    uint64_t pages);            /* memory and volatile state for so many pages */
bool page_touch(struct heap *h, uint64_t page); /* resident? otherwise recorded, h->rc set */
/* PV_REF, and what of it heap_ptr() sees: not of the heap page, which has no offsets to ask for,
 * nor where a test wants to be asked. */
static inline void page_seen(struct heap *h, uint64_t page)
{
    h->vol[page].flags |= PV_REF;
    if (page != 0 && !h->spurious)
        h->map.at[page] |= HEAP_MAP_SEEN;
}
static inline void page_unseen(struct heap *h, uint64_t page)
{
    h->vol[page].flags &= (uint16_t)~PV_REF;
    h->map.at[page] &= ~HEAP_MAP_SEEN;
}
/* The resident page at off holds a node that is on the way of an operation. */
static inline void page_stays(struct heap *h, uint64_t off)
{
    uint16_t *stay = &h->vol[page_of(off)].stay;

    if (h->frames.budget != UINT32_MAX && *stay != STAY_ROUNDS)
        *stay = STAY_ROUNDS;
}
/* Is it known for now that the page cannot be had? */
static inline bool page_is_bad(const struct heap *h, uint64_t page)
{
    return (h->vol[page].flags & (PV_BAD | PV_LOST)) != 0;
}
/* The page changed. It is written by the next checkpoint, and its descriptor with it, which will
 * say what image it is: log space is kept for both (wal_kept). */
void page_set_dirty(struct heap *h, uint64_t page);
void page_set_resident(struct heap *h, uint64_t page, bool yes);
void page_init(struct heap *h, uint64_t page, enum page_kind kind,
               uint32_t cls);         /* the image PAGE_INIT stands for */
uint64_t page_sum(const void *image); /* of an image whose lsn and csum are 0 */
uint64_t page_disk_csum(uint64_t sum, uint64_t lsn);
/* Is this what page should look like on the device? Clears lsn and csum of the header. why: at
 * least 128 bytes, or NULL. */
bool page_verify(struct heap *h, uint64_t page, void *image, bool with_csum, char *why);
int page_load(struct heap *h, const uint64_t *page, uint32_t nr,
              bool verify); /* [F], not locked; PV_LOADING handled inside */

/* tx.c */
void *tx_write(struct heap *h, uint64_t off,
               size_t len);                  /* as heap_tx_write of a page known to be resident */
int tx_reserve(struct heap *h, size_t more); /* so many more log bytes; HEAP_WAIT */
int tx_dirty(struct heap *h, uint64_t page); /* the transaction changes the page; HEAP_WAIT */
int tx_begin_internal(struct heap *h, size_t redo_max);
/* As heap_tx_begin(), however much is dirty: for growth, because the operation that waits for it
 * has made dirty what it will make dirty again. */
int tx_begin_dirty(struct heap *h, size_t redo_max);
void heap_space_attach(struct heap *h, const struct heap_space_ops *ops, void *state);

/* alloc.c */
void alloc_classes(struct alloc *a);
int alloc_open(struct heap *h); /* lists and bitmap from the descriptors */
void alloc_page_relist(struct heap *h, uint64_t page);
void alloc_page_freed(struct heap *h, uint64_t page); /* at commit */
void alloc_page_loaded(struct heap *h, uint64_t page);
/* In a transaction: the page is free from commit on, whatever it holds; totals are not changed. */
int alloc_page_drop(struct heap *h, uint64_t page);
int alloc_grow_tx(struct heap *h,
                  uint64_t pages); /* in a transaction: the heap has so many pages now */
int alloc_grow_commit(struct heap *h, uint64_t pages);

/* heap.c */
void heap_step(struct heap *h, uint32_t step);
void heap_fail(struct heap *h, const char *what, int rc); /* stops the shard */

/* background.c: checkpoints and growth by themselves */
int background_start(struct heap *h);
void background_stop(struct heap *h);
void background_kick(struct heap *h);
int heap_grow_meta(struct heap *h); /* [F] HEAP_WAIT: no log space now */

/* checkpoint.c: no checkpoint begins between hold and release. [F] */
void checkpoint_hold(struct heap *h);
void checkpoint_release(struct heap *h);

/* wal_scan.c: the log as recovery finds it */
struct log_group {
    uint64_t start;
    uint32_t len;
    const uint8_t *buf; /* header and records */
};
#define LOG_READS 4u
struct log_read {
    struct io_req req;
    struct iovec iov;
    struct rt_event done;
};
struct log_scan {
    struct wal_mark mark;
    struct heap_super copy; /* of the heap page, as the record has it; magic 0: it has none */
    int mark_unread;        /* 0, or why the other one could not be read */
    struct vrange mem;      /* the stream from mark.replay_lsn on, `have` bytes of it */
    uint64_t have;
    uint64_t asked;                  /* bytes that have been read or are being read */
    uint64_t ahead;                  /* how much the next read takes */
    struct log_read read[LOG_READS]; /* under way, in turn */
    uint32_t first, flying;
    struct log_group *group;
    uint32_t nr, cap;
    uint64_t end, end_seq, prev_csum;
};
int wal_scan(struct heap *h, struct log_scan *s, struct err *e); /* [F] */
void wal_scan_free(struct log_scan *s);
/* Walks the records: fn for each; stops at the first error. */
int wal_scan_walk(const struct log_scan *s, int (*fn)(void *arg, uint64_t pos, const uint8_t *rec),
                  void *arg);

/* space.c */
int space_open(struct heap *h); /* [F]; attaches data space if there is a DATA role */

/* recover.c */
int recover(struct heap *h, struct err *e); /* [F] */
/* After it, when the log can be written: pages that were lost stay lost, whatever the device says
 * of them later. [F] */
int recover_give_up(struct heap *h);

/* rebuild.c: a descriptor page from the pages it describes; the second when the log has been
 * replayed over all of them. [F] */
int rebuild_desc_begin(struct heap *h, uint64_t desc);
void rebuild_desc_end(struct heap *h);
/* Is it the descriptor of a page of which nothing is known? */
bool rebuild_unknown(const struct heap *h, const struct page_desc *d);
#define LSN_LOST UINT64_MAX /* lsn of a descriptor whose page has been given up */

#endif

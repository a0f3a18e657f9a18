/*
 * Data space, private to the space*.c files.
 *
 * Persistent (space_map.c): the root HEAP_ROOT_SPACE leads to a head; the head to tables; a table
 * has an entry for each group of 32,768 blocks (128 MiB): where its bitmap is and how many of its
 * blocks are used. All of them come into being with the first extent that needs them, in the
 * transaction that uses it; so growing the role changes nothing here.
 *
 *     head      0  u64 groups    entries that exist in the tables
 *               8  u64 zero
 *              16  u64 table[1022]  offsets, 0: none yet
 *     table     512 entries:  u64 bitmap (offset, 0: nothing used), u32 used, u32 zero
 *     bitmap    512 words of 64 bits; bit b of word w: block group * 32768 + w * 64 + b is used
 *
 * Volatile (space_run.c): for each group how many blocks can be reserved, and, once the group was
 * needed, a bitmap of blocks that are busy: used, reserved or in quarantine. A used block is always
 * busy; a crash forgets all else.
 *
 * Quarantine (space_quarantine.c): freed extents on their way from "used" to "can be reserved".
 */
#ifndef TARN_HEAP_SPACE_INT_H
#define TARN_HEAP_SPACE_INT_H

#include <stdatomic.h>

#include "base/fail.h"
#include "heap/heap_int.h"
#include "heap/space.h"

#define SPACE_GROUP      32768u /* blocks */
#define SPACE_WORDS      (SPACE_GROUP / 64)
#define SPACE_TABLE      512u /* groups of a table: 64 GiB */
#define SPACE_TABLES_MAX 1022u
#define SPACE_BLOCKS_MAX ((uint64_t)SPACE_TABLES_MAX * SPACE_TABLE * SPACE_GROUP)

struct space_head {
    uint64_t groups;
    uint64_t zero;
    uint64_t table[SPACE_TABLES_MAX];
};

struct space_sum {
    uint64_t bitmap;
    uint32_t used;
    uint32_t zero;
};

_Static_assert(sizeof(struct space_head) <= HEAP_ALLOC_MAX, "one allocation");
_Static_assert(SPACE_TABLE * sizeof(struct space_sum) <= HEAP_ALLOC_MAX, "one allocation");

struct space_group {
    uint64_t *busy;   /* SPACE_WORDS, NULL until needed; blocks beyond the role's end are busy */
    uint64_t *resv;   /* the reserved ones of them */
    uint32_t blocks;  /* fewer than SPACE_GROUP in the last group */
    uint32_t free;    /* blocks that are not busy */
    uint32_t cursor;  /* where the search goes on */
    uint32_t run_max; /* no free run is longer than this */
};

struct space_quarantined {
    struct space_extent ext;
    uint64_t lsn;  /* free when this is durable ... */
    uint64_t read; /* ... and no read of this or an earlier ticket is under way */
};

#define SPACE_TICKETS 64u

/* What the open transaction did; counts at its end. */
struct space_change {
    struct space_extent ext;
    bool use;
};

struct space {
    uint64_t blocks; /* of the DATA role, as far as known here */
    uint64_t used;
    struct space_group *group;
    uint32_t groups;
    uint32_t current; /* group where the last reservation was made */
    struct space_change *change;
    uint32_t change_nr, change_cap;
    /* quarantine: a ring, oldest first */
    struct space_quarantined *q;
    uint32_t q_head, q_nr, q_cap;
    uint64_t q_blocks;
    /* reads under way, by ticket; oldest: no lower ticket is out */
    _Atomic uint32_t readers[SPACE_TICKETS];
    uint64_t ticket, oldest;
    /* growth */
    struct rt_cond grown;
    bool growing;
    int grow_rc;
    uint32_t grow_waits; /* times in a row that quarantine was waited for instead */
    uint64_t wanted;     /* blocks the last reservation lacked */
    /* where the blocks lie in memory; none: they do not */
    struct super_memory *memory;
    uint32_t memory_nr;
};

/* ---- space_map.c ---- */

/* Copies a group's summary; zeros when nothing was ever used in it. */
int space_map_sum(struct heap *h, uint64_t group, struct space_sum *sum);
/* *bits NULL: nothing was ever used. */
int space_map_bits(struct heap *h, uint64_t group, const uint64_t **bits);
/* Groups that may have a summary. */
int space_map_groups(struct heap *h, uint64_t *groups);
/* In a transaction: marks all blocks of the extent used, or free. -DER_CSUM if one of them is
 * already. */
int space_map_set(struct heap *h, const struct space_extent *ext, bool used);

/* In a transaction (dry: not, and nothing is changed): exactly the blocks of want are used in the
 * group; what cannot be read on the way there is made again. */
int space_map_mend(struct heap *h, uint64_t group, const uint64_t *want, bool dry, bool *changed);

/* ---- space_run.c ---- */

/* The extent lies in one group and in the role. */
bool space_extent_ok(const struct space *s, const struct space_extent *ext);
/* Knows of so many blocks from now on (never fewer). */
int space_resize(struct space *s, uint64_t blocks);
/* Fills in a group's bitmaps. */
int space_group_load(struct heap *h, struct space *s, uint32_t group);
/* Finds and reserves a run of want blocks. HEAP_FAULT, -DER_NONEXIST. */
int space_run_take(struct heap *h, struct space *s, uint32_t want, struct space_extent *ext);
/* Runs of free blocks, and how many the longest has. */
void space_runs(const struct space *s, uint64_t *runs, uint64_t *longest);
/* Busy blocks become free. */
void space_run_put(struct space *s, const struct space_extent *ext);
void bits_set(uint64_t *bits, uint32_t from, uint32_t nr);
void bits_clear(uint64_t *bits, uint32_t from, uint32_t nr);
/* How many of them are set. */
uint32_t bits_count(const uint64_t *bits, uint32_t from, uint32_t nr);

/* ---- space_memory.c ---- */

/* Learns where the role lies in memory; again after growth. [F], locked. */
void space_memory_learn(struct heap *h, struct space *s);

/* ---- space_check.c ---- */

/* heap_check()'s part. [F] */
int space_check(struct heap *h, void (*report)(void *arg, const char *text), void *arg,
                uint64_t *problems);

/* ---- space_quarantine.c ---- */

/* Room for so many more, so that adding cannot fail. */
int space_quarantine_room(struct space *s, uint32_t more);
void space_quarantine_add(struct space *s, const struct space_extent *ext, uint64_t lsn);
/* Frees what has served its time. */
void space_quarantine_release(struct heap *h, struct space *s);

#endif

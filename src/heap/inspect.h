/*
 * What a heap's log and pages hold, as a person reads it. Nothing is trusted and nothing changed;
 * for tools.
 */
#ifndef TARN_HEAP_INSPECT_H
#define TARN_HEAP_INSPECT_H

#include "base/row.h"
#include "heap/heap.h"
#include "heap/tree.h"

/* Both checkpoint records. Needs the device with the log alone. [F] */
int heap_show_marks(struct super *wal, const struct row_sink *out);
/* The groups of the log from the newest whole checkpoint record on, to where no valid one follows,
 * with each record and what it changes; of those that begin in [from, to). Needs the device with
 * the log alone. [F] */
int heap_show_log(struct super *wal, uint64_t from, uint64_t to, const struct row_sink *out);
/* A page: what its descriptor and the device say, and each live slot. -DER_NONEXIST: beyond the
 * heap. [F] */
int heap_show_page(struct heap *h, uint64_t page, const struct row_sink *out);

/* A tree: how high, how many nodes a level and entries. label writes an entry's fields into its
 * row; at most max entries are shown, all are counted. Run by the caller as one operation for each
 * leaf: begin, then step until *done. [L] HEAP_FAULT: nothing has happened. */
struct tree_show {
    uint64_t max;
    int (*label)(void *arg, const struct tree_entry *e, struct row *r);
    void *arg;
    unsigned depth;
    /* its own */
    struct tree_walker w;
    uint64_t entries, nodes[10], told;
};
int tree_show_begin(struct heap *h, struct tree_show *t, uint64_t root_off, struct row *r);
/* rows: room for TREE_SHOW_ROWS; *nr of them are to be given out. */
#define TREE_SHOW_ROWS (TREE_LEAF_MAX + 26u)
int tree_show_step(struct heap *h, struct tree_show *t, struct row *rows, uint32_t *nr, bool *done);

#endif

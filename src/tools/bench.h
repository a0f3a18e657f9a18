/*
 * What `tarn bench` runs.
 *
 * A workload (bench_workloads, bench_local) is one to three phases of one operation each, in order:
 * what the first writes the second reads. It is a table of functions, so that a pool and a
 * directory of the file system are measured by the same loop (bench_run.c). Every thread is a
 * worker with an object, a file or a directory of its own.
 *
 *   begin(w)      opens what worker w uses             once(w, i)   one operation, on slot i
 *   end(w)        closes it
 *
 * Functions return 0 or a negative DER code. Whatever they make is in the container or the
 * directory of the bench, which the command removes as a whole.
 *
 * Files:
 *   cmd_bench.c        options, from connecting to removing
 *   bench_run.c        a phase: threads, clock, histogram
 *   bench_pool.c       objects, KV, arrays
 *   bench_file.c       files and metadata
 *   bench_local.c      the same on a directory
 *   bench_report.c     table, chart, JSON
 *   bench_breakdown.c  where the time of one read goes
 *   hist.c             the histogram
 */
#ifndef TARN_TOOLS_BENCH_H
#define TARN_TOOLS_BENCH_H

#include <pthread.h>
#include <stdatomic.h>

#include <daos_fs.h>

#include "tools/conn.h"
#include "tools/hist.h"
#include "tools/progress.h"

#define BENCH_PHASES_MAX    3u
#define BENCH_WORKLOADS_MAX 5u
#define BENCH_THREADS_MAX   16u
#define BENCH_LABEL_MAX     64u

struct bench;
struct bench_worker;

enum bench_order {
    BENCH_FILL, /* slot after slot, and from the first again; what it has filled others find */
    BENCH_ANY,  /* any of those filled, at random */
    BENCH_EACH, /* each of those filled, once */
};

struct bench_phase {
    const char *name; /* "write" */
    int (*once)(struct bench_worker *w, uint64_t slot);
    enum bench_order order;
    bool bytes; /* of w->size bytes each */
    bool fresh; /* FILL never comes to a slot again: each is a new file */
};

struct bench_workload {
    const char *name; /* "file" */
    struct bench_phase phases[BENCH_PHASES_MAX];
    int (*begin)(struct bench_worker *w);
    void (*end)(struct bench_worker *w);
    uint32_t size; /* of a value unless the user says another; 0: of no bytes */
};

struct bench_worker {
    struct bench *b;
    const struct bench_workload *load;
    uint32_t nr;   /* from 0 */
    uint32_t size; /* bytes of an operation */
    uint64_t slots, filled;
    uint64_t random;
    char *buf; /* of size bytes */
    /* what begin() opened */
    daos_handle_t oh;
    dfs_obj_t *obj;
    int fd;
    /* a phase's */
    const struct bench_phase *phase;
    struct hist hist;
    uint64_t ops; /* to make */
    int rc;
};

/* What came out of a phase. */
struct bench_result {
    const struct bench_workload *load;
    const struct bench_phase *phase;
    bool local; /* on the directory of --vs */
    uint32_t size;
    double seconds;
    struct hist hist;
};
#define BENCH_RESULTS_MAX (2 * BENCH_WORKLOADS_MAX * BENCH_PHASES_MAX)

/* Progress, and who looks after it. */
struct bench_watch {
    struct progress p;
    pthread_t watcher;
    bool watched;
    atomic_ulong done; /* counted by whoever works */
    atomic_bool stop;  /* on Ctrl-C */
    char leaves[ERR_PART_MAX];
};

struct bench {
    struct tool *t;
    struct conn c;
    daos_handle_t coh;
    dfs_t *dfs;
    char label[BENCH_LABEL_MAX]; /* of the container, and the name below the directory of --vs */
    bool made;                   /* the container */

    /* what was asked for */
    bool chosen[BENCH_WORKLOADS_MAX];
    uint64_t ops, seconds, size; /* size 0: each workload's own */
    uint32_t threads;
    const char *vs; /* NULL: nothing to compare with */
    bool vs_cached; /* writes of the directory may be in memory only */
    int vs_fd;      /* our directory in it; -1: not made */

    struct bench_result *results;
    uint32_t nr;
    const struct bench_result *at; /* at work, for who says what failed */

    struct bench_watch watch;
};

/* cmd_bench.c */
extern const struct bench_workload *const bench_workloads[BENCH_WORKLOADS_MAX];
/* bench_pool.c */
extern const struct bench_workload bench_object, bench_kv, bench_array;
/* bench_file.c */
extern const struct bench_workload bench_file, bench_metadata;
/* bench_local.c: the same on b->vs; NULL: there is no such */
const struct bench_workload *bench_local_of(const struct bench_workload *load);
/* Makes our directory in b->vs, or says why not (t->err). */
int bench_local_make(struct bench *b);
/* Removes it with all that is in it; 0 if it was not made. */
int bench_local_remove(struct bench *b);

/* ---- bench_run.c ---- */

/* A name nobody else has: of a container or a directory. */
void bench_name(char label[BENCH_LABEL_MAX]);
/* Shows progress and listens for Ctrl-C from here on; before daos_init(), whose threads are not to
 * have it. total: how many there will be of unit. label: of the container that stays behind, and vs
 * (or NULL) where the directory of that name does, if the program is ended at once. */
void bench_watch_start(struct bench_watch *w, struct tool *t, const char *unit, uint64_t total,
                       const char *label, const char *vs);
void bench_watch_end(struct bench_watch *w);
/* All phases of a workload, each on the pool and, if there is a directory, right after that on it:
 * appends to b->results. -DER_CANCELED: interrupted. */
int bench_run(struct bench *b, const struct bench_workload *load);
/* Operations of all phases of a workload, as far as is known before. */
uint64_t bench_ops_of(const struct bench *b, const struct bench_workload *load);
/* Marks the value of a slot, and looks whether a value read is that of the slot. */
void bench_mark(struct bench_worker *w, uint64_t slot);
int bench_check(const struct bench_worker *w, uint64_t slot, uint64_t bytes_read);

/* ---- bench_report.c ---- */

void bench_report(struct bench *b);

/* ---- bench_breakdown.c ---- */

int bench_breakdown(struct tool *t);

#endif

/*
 * Parallel walk over a tree, many files in flight from a few threads.
 *
 * Each worker thread has an event queue and WALK_SLOTS slots. It takes a directory (a job) from a
 * common stack, lists it, pushes its subdirectories and starts its files: a file holds a slot from
 * its first request to its last; when an operation is pending the worker goes on with the next
 * file, and whenever it has no free slot it reaps its queue and continues the files that are ready.
 * So the store always has many requests to group into one log write, and a blocking call (mkdir,
 * symlink) of one worker leaves the others running.
 *
 * Small files go several to a request: a visitor collects their slots in a group and starts it when
 * it is full, or when flush() tells that the worker is going to wait. The event of the group's
 * first slot is that of all.
 *
 * A job lives until everything below it is done; then the visitor's leave() runs (times of
 * directories) and its parent may follow.
 *
 *   visitor->dir(w, job)     lists the job's directory, calls walk_push() and walk_start()
 *   visitor->leave(w, job)   all below is done
 */
#ifndef TARN_TOOLS_WALK_H
#define TARN_TOOLS_WALK_H

#include <pthread.h>
#include <stdatomic.h>

#include "tools/progress.h"
#include "tools/tool.h"
#include "tools/tree.h"

#define WALK_SLOTS       160
#define WALK_BYTES_MAX   (32u << 20) /* of files a worker has in flight */
#define WALK_BUFFER_KEPT (64u << 10) /* a slot keeps buffers up to this size for its next file */
#define WALK_THREADS_MAX 16
#define WALK_CHUNK       (1u << 20) /* large files are moved in pieces of this size */
#define WALK_LIST_BATCH  256u
#define WALK_SHOWN_MAX   20 /* errors shown in full */

struct walk;
struct worker;

struct job {
    struct job *parent, *next;
    atomic_uint refs; /* itself until visited, its pending files and its subdirectories */
    struct entry self;
    struct tree_dir a, b;
    bool a_open, b_open;
    char *path; /* from the top: "" or "dir/sub", for messages */
};

/* A large file under way; its pieces are in several slots of one worker. */
struct big {
    struct job *job;
    struct entry a_entry, b_entry; /* a_entry.name is owned */
    struct tree_file a, b;
    uint64_t next, size;
    uint32_t pieces; /* slots at work */
    bool failed;
};

struct slot {
    daos_event_t ev;
    struct worker *w;
    struct slot *next_free;
    void (*step)(struct slot *s, int rc); /* runs when the pending operation has ended; rc: errno */
    struct job *job;
    struct entry e, other; /* names: e.name is owned by the slot, other.name is e.name */
    d_iov_t iov;
    d_sg_list_t sgl;
    char *buf, *buf2;
    size_t cap, cap2;
    daos_size_t len, len2;
    uint64_t off;
    size_t bytes; /* of its file, counted in the worker's */
    struct big *big;
    struct slot *next;    /* of the same group */
    struct dfs_get *gets; /* of the group that this is the first of; owned */
};

/* Slots whose next step is one request for all of them. */
struct group {
    struct slot *first, **end;
    uint32_t nr;
    size_t bytes;
};

struct worker {
    struct walk *walk;
    pthread_t thread;
    bool started;
    daos_handle_t eq;
    struct slot slots[WALK_SLOTS];
    struct slot *free;
    uint32_t busy; /* slots in use */
    size_t bytes;  /* in flight */
    struct listing list, list2;
    struct group gets, puts; /* the visitor's */
};

struct visitor {
    int (*dir)(struct worker *w,
               struct job *job); /* errno; the job's a and b are closed by the walk */
    void (*leave)(struct worker *w, struct job *job);
    void (*flush)(struct worker *w); /* the worker is going to wait: start what is gathered; or NULL
                                      */
};

struct walk {
    const struct visitor *visitor;
    struct tree *a, *b;
    void *arg; /* the visitor's */
    struct tool *tool;
    struct progress *progress;
    uint32_t threads; /* 0: as suits the machine and the trees */
    bool writes;      /* b is written */

    atomic_bool stop; /* interrupted, or an error that makes going on pointless */
    atomic_ulong files, dirs, links, bytes, skipped, same, errors, hard_links;

    /* private */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *stack;
    uint64_t jobs; /* that exist */
    uint32_t shown;
    struct err first;
};

/* Walks from the top until done or stopped, showing progress and listening for Ctrl-C meanwhile
 * (see progress.h). Errors of single files are shown as they occur and counted; the first is in
 * w->first. 0 or a negative DER code when it could not even begin. */
int walk_run(struct walk *w);

/* ---- For visitors ---- */

/* A subdirectory of job, to be visited later. */
int walk_push(struct worker *w, struct job *job, const struct entry *e);
/* A free slot for a file of job (reaps until there is one), with e's name copied into it. NULL: no
 * memory. */
struct slot *walk_slot(struct worker *w, struct job *job, const struct entry *e);
/* Makes room for size bytes in slot->buf (slot->buf2). False without memory. */
bool slot_room(struct slot *s, size_t size);
bool slot_room2(struct slot *s, size_t size);
/* The slot's work is done. */
void walk_done(struct slot *s);
/* Reaps what has completed; with wait at least one, if any is pending. */
void walk_reap(struct worker *w, bool wait);
void job_ref(struct job *job);
void job_unref(struct worker *w, struct job *job);
/* Reports a failed file or directory: what, and which. name NULL: the job's directory itself. */
void walk_error(struct worker *w, const struct job *job, const char *name, int errnum,
                const char *verb);

#endif

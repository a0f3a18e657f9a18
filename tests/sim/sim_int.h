/* What the files of sim_dev share: the hardware (sim_dev.c knobs and power, sim_io.c handles). */
#ifndef TARN_SIM_INT_H
#define TARN_SIM_INT_H

#include "sim_media.h"
#include "sim_scar.h"
#include "rt/rt.h"
#include <pthread.h>

struct sim_file {
    struct list link; /* in sim_dir.files, sorted by name, the older of two of one name first */
    char *name;
    struct sim_media media;
    bool present;  /* in the directory now */
    bool synced;   /* in the directory after a power cut for sure (present && synced), or perhaps
                      (only one) */
    uint32_t refs; /* open devices */
    struct list scars; /* sim_scar.c */
};

struct sim_armed {
    char *name; /* NULL: any */
    enum io_op op;
    uint64_t left; /* matching requests to go; 0: free slot */
    enum sim_fault fault;
    uint64_t arg;
};

struct sim_dir {
    struct sim_dir_conf conf;
    pthread_mutex_t mutex;
    struct sim_rng rng;
    struct list files;
    struct list inflight; /* struct sim_io */
    struct sim_armed armed[SIM_FAULTS_MAX];
    struct sim_dir_stat stat;
    uint64_t trace;
    uint64_t seq;        /* of completed writes */
    uint64_t cut_step;   /* 0: none armed */
    uint64_t generation; /* power cycles; a handle of an earlier one is dead */
    bool powered;
    bool locked;
    uint32_t handles;
    void (*on_step)(struct sim_dir *sd, void *arg);
    void *on_step_arg;
    bool in_step; /* on_step() is running: it holds the mutex already */
};

enum sim_step {
    SIM_STEP_WRITE,
    SIM_STEP_FLUSH,
    SIM_STEP_GROW,
    SIM_STEP_CREATE,
    SIM_STEP_REMOVE,
    SIM_STEP_SYNC
};

/* All with sd->mutex held. */
struct sim_file *sim_file_find(struct sim_dir *sd, const char *name);
void sim_file_gc(struct sim_dir *sd,
                 struct sim_file *f); /* frees it once nothing can bring it back */
/* Counts a step; true: the power goes off at this very step, and the caller calls sim_cut_locked
 * when its request is in flight. */
bool sim_step(struct sim_dir *sd);
void sim_cut_locked(struct sim_dir *sd);
void sim_trace(struct sim_dir *sd, enum sim_step step, const char *name, uint64_t off,
               const struct iovec *iov, uint32_t iov_nr);
/* The fault armed for this request, or drawn: true and its kind. */
bool sim_fault_draw(struct sim_dir *sd, const char *name, enum io_op op, enum sim_fault *fault,
                    uint64_t *arg);

/* A request under way, in the device's words of io_req.priv. */
struct sim_io {
    struct list link; /* sim_dir.inflight */
    struct list wait; /* its device's lists */
    uint64_t due_ns;  /* with latency: when it completes */
    uint64_t seq;     /* flush: what it covers */
    uint64_t tag;     /* fault + 1, and its argument above 8 bits */
    uint64_t moved;   /* bytes, of a transfer that came back short */
};
/* sim_scar.c. With sd->mutex held. A write that is falsified: w says where it belongs, `to` where
 * it lands; false: it must land nowhere. */
bool sim_scar_misdirect(struct sim_file *f, const struct sim_write *w, uint64_t to);
/* A write has completed as it should, a flush has or has not, the power is on again. */
void sim_scar_written(struct sim_file *f, const struct sim_write *w, bool durable);
void sim_scar_flushed(struct sim_file *f, uint64_t seq);
void sim_scar_dropped(struct sim_file *f, uint64_t seq);
void sim_scar_power_on(struct sim_file *f, bool cache_kept);
void sim_scar_forget(struct sim_file *f);

struct sim_dir *sim_io_dir(struct io_req *req);
struct sim_file *sim_io_file(struct io_req *req);
struct io_req *sim_io_req(struct sim_io *io);

#endif

/*
 * sim_dev: SEAM 1 simulated. A directory of devices in memory that fails in every way real ones do.
 *
 *     struct sim_dir *sd;
 *     struct io_dir *dir;
 *     sim_dir_create(&(struct sim_dir_conf){.seed = 7}, &sd);
 *     sim_dir_open(sd, &dir);                   // from here on as any struct io_dir
 *     ... io_dir_create_dev(dir, xs, "shard0", size, &dev, NULL) ... super_format(dev, ...)
 *     sim_dir_power_cut_at(sd, 12);             // the 12th step from now is cut short
 *     ... work until it fails with -DER_IO, then close devices and dir ...
 *     sim_dir_power_on(sd);                     // decides what survived
 *     sim_dir_open(sd, &dir);                   // and recover
 *
 * A struct sim_dir is the hardware: it outlives the struct io_dir and struct io_dev opened on it.
 * It runs in any world: the real one, where it completes through rt_post, and a simulated one,
 * where latencies are virtual time.
 *
 * The model
 *   - A completed write sits in a volatile cache; reads see it. It reaches the medium when a flush
 * submitted after its completion completes, or at once if it carried IO_DURABLE (which flushes
 * nothing else), or when the cache is full (oldest first).
 *   - Power cut: each write in the cache or in flight is, independently and in an order drawn from
 * the seed, kept, lost or torn per 512-byte sector (a cached write older than a durable one cannot
 * undo it). Requests of handles opened before the cut complete with -DER_IO, for ever; their locks
 * are gone. Names not synced are there or not.
 *   - A failed write leaves old, new or torn content. A failed flush drops cached writes, each by a
 * coin, and what was dropped reads as the old content; the next flush succeeds and proves nothing.
 *   - Steps are what a power cut can interrupt: writes, flushes, growth, and create, remove and
 * sync of the directory; counted in the order they are submitted. The step that is cut may or may
 * not have had its effect.
 *
 * Same seed and same calls: same result, byte for byte; the generator is its own. sim_dir_trace()
 * is a hash of every step with its bytes, so two runs can be compared. Functions may be called from
 * any thread; a run whose requests come from several threads at once is safe but not repeatable.
 */
#ifndef TARN_SIM_DEV_H
#define TARN_SIM_DEV_H

#include "io/io.h"

#define SIM_SECTOR     512u
#define SIM_FAULTS_MAX 16u /* armed at a time */

struct sim_dir;

enum sim_cut {
    SIM_CUT_RANDOM,   /* each unflushed write kept, lost or torn */
    SIM_CUT_LOSE_ALL, /* the harshest cache: nothing unflushed survives */
    SIM_CUT_KEEP_ALL, /* a killed process: what completed is still there, in the cache if it was
                         there; only writes in flight are undecided, and in the cache if they are
                         kept, whatever their flags */
};

struct sim_dir_conf {
    uint64_t seed;
    uint64_t capacity_bytes; /* of all devices; beyond it create and grow are -DER_NOSPACE. 0: no
                                limit */
    uint64_t fixed_bytes;    /* devices that are made have this size for ever, as block devices do,
                                and noise where others have zeros. 0: none of that */
    bool memory; /* devices are files in memory: what is stored at io_dev_memory() is there. Their
                    power never goes but with the process: every cut is SIM_CUT_KEEP_ALL */
    uint64_t cache_max_bytes; /* of a device's volatile cache. 0: 64 MiB */
    enum sim_cut cut;
    bool tear_words; /* what is torn is torn at every 8 bytes, as persistent memory does it, not at
                        sectors only */
    bool reorder;    /* requests in flight complete in a drawn order, one a turn of the xstream */
    uint64_t latency_min_ns; /* if latency_max_ns > 0: each request takes a drawn time by the
                                xstream's timers */
    uint64_t latency_max_ns;
    uint32_t spike_ppm; /* chance of a request to take up to spike_max_ns instead */
    uint64_t spike_max_ns;
    uint32_t read_fail_ppm; /* chance of failure, in millionths of requests */
    uint32_t write_fail_ppm;
    uint32_t flush_fail_ppm;
    uint32_t short_ppm; /* chance of a transfer to come back with some of its sectors only */
    /* The power goes: what else hangs on it. Called in the moment of the cut; must not use the
     * hardware. */
    void (*on_cut)(void *arg);
    void *arg;
};

/* ---- The hardware ---- */

int sim_dir_create(const struct sim_dir_conf *conf, struct sim_dir **out);
/* All handles are closed. */
void sim_dir_destroy(struct sim_dir *sd);
/* A handle, closed with io_dir_close(). Several may be open; io_dir_lock() of the second is
 * -DER_BUSY. -DER_IO without power. */
int sim_dir_open(struct sim_dir *sd, struct io_dir **out);
/* The knobs, which may be turned between requests (capacity, latencies, chances; the seed counts
 * only at create). */
struct sim_dir_conf *sim_dir_conf(struct sim_dir *sd);

/* ---- Power ---- */

/* Cuts the power at the nth step from now (1: the next). 0 disarms. */
void sim_dir_power_cut_at(struct sim_dir *sd, uint64_t nth);
void sim_dir_power_cut(struct sim_dir *sd); /* now; without power: nothing */
bool sim_dir_powered(const struct sim_dir *sd);
/* Decides what survived, as conf.cut says, and turns the power on. Handles from before stay dead.
 */
void sim_dir_power_on(struct sim_dir *sd);

/* ---- Copies ---- */

/* A copy of the hardware as it would be if its power went now: without power, with every write in
 * the cache or in flight undecided. sd goes on as if nothing had happened. The copy draws from
 * seed; its knobs, but for the seed, are sd's. */
int sim_dir_clone(struct sim_dir *sd, uint64_t seed, struct sim_dir **out);
/* each() is called at every step (see the model) when it has been submitted and before it takes
 * effect, on the thread that submitted it; it may call sim_dir_clone(), nothing else here. NULL:
 * no more. */
void sim_dir_on_step(struct sim_dir *sd, void (*each)(struct sim_dir *sd, void *arg), void *arg);

/* ---- Faults ---- */

enum sim_fault {
    SIM_FAULT_FAIL,      /* completes with -DER_IO; see the model above */
    SIM_FAULT_LOSE,      /* write: completes well, stores nothing */
    SIM_FAULT_MISDIRECT, /* write: completes well, lands at byte offset arg of the device */
    SIM_FAULT_POWER,     /* write: takes arg nanoseconds, and then the power goes instead */
    SIM_FAULT_CORRUPT,   /* write: completes well, bit arg (modulo its bits) is flipped; read: the
                            same in the buffer */
};

/* Arms a fault for the nth request from now (1: the next) of kind op to the device name (NULL:
 * any). False: so many are armed and wait for requests that do not come; nothing was done. */
bool sim_dir_fault_at(struct sim_dir *sd, const char *name, enum io_op op, uint64_t nth,
                      enum sim_fault fault, uint64_t arg);
void sim_dir_faults_clear(struct sim_dir *sd);

/* The next three answer -DER_NONEXIST for an unknown name, -DER_INVAL beyond the end. */
/* Flips one bit on the medium and in the cache. */
int sim_dev_flip(struct sim_dir *sd, const char *name, uint64_t off, uint32_t bit);
/* Reads that touch [off, off + len) fail until the sectors are written again. */
int sim_dev_unreadable(struct sim_dir *sd, const char *name, uint64_t off, uint64_t len);
/* Overwrites bytes on the medium and in the cache, as somebody else's program would. */
int sim_dev_poke(struct sim_dir *sd, const char *name, uint64_t off, const void *buf, size_t len);
/* Cuts the device short; handles opened later see the new size. */
int sim_dev_truncate(struct sim_dir *sd, const char *name, uint64_t size);

/* ---- Looking ---- */

/* What a read would give; durable: what the medium holds for sure. */
int sim_dev_peek(struct sim_dir *sd, const char *name, uint64_t off, void *buf, size_t len,
                 bool durable);

struct sim_dir_stat {
    uint64_t reads, writes, durable_writes, flushes; /* requests; writes include the durable ones */
    uint64_t read_bytes, write_bytes;
    uint64_t grows, creates, removes, syncs;
    uint64_t steps;                        /* see the model */
    uint64_t faults;                       /* requests failed or falsified on purpose */
    uint64_t shorts;                       /* transfers that came back short */
    uint64_t cut_kept, cut_lost, cut_torn; /* writes at power cuts */
    uint64_t unflushed;                    /* writes in the caches now */
};
struct sim_dir_stat sim_dir_stat(struct sim_dir *sd);
uint64_t sim_dir_trace(struct sim_dir *sd);

#endif

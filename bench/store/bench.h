/*
 * store_bench: one shard of Tarn beside LMDB and RocksDB. Same keys, values, order, durability and
 * memory, one run, one core; medians over repetitions.
 *
 * Parts: work.c the keys and values everyone is given; tarn.c, peer_lmdb.c, peer_rocksdb.c the
 * contenders behind struct contender; rows.c the rows that all of them run, tarn_extent.c those of
 * Tarn alone, larger.c those of a store larger than memory, stall.c the one of the longest waits,
 * reopen.c the one that kills processes; clean.c removes what is left; report.c, report_json.c and
 * plot.c say what came out. Nothing is judged that was not measured in the run.
 *
 * What is timed is the contender's own call with its own loop, on one CPU for all its threads: the
 * process is pinned before any of them starts. In rows where nobody waits for a device, time is the
 * CPU time of all threads of the process: on an idle machine that is what a clock on the wall
 * shows, on a busy one it still is what the work costs; the wall's is in the JSON beside it.
 * Elsewhere it is the wall's. Errors end the program.
 */
#ifndef STORE_BENCH_H
#define STORE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define KEY_BYTES   16u
#define VALUE_BYTES 100u
#define BATCH       64u /* puts of one batch, and durable puts in flight */
#define SAMPLES_MAX 32u

/* ---- Work (work.c) ---- */

/* Pairs in the order in which they are put or got. Keys lie side by side, so that who reads them
 * waits for none. */
struct keys {
    uint64_t nr;
    uint8_t (*key)[KEY_BYTES];
    uint32_t *id;
    uint64_t sum; /* of the values' checksums */
};

struct work {
    uint64_t pairs;
    struct keys load;    /* every pair once, in random order */
    struct keys gets;    /* draws with repetition */
    struct keys durable; /* pairs that are not in load */
};

void work_make(struct work *w, uint64_t pairs, uint64_t gets, uint64_t durable);
void work_free(struct work *w);
void value_make(uint32_t id, uint8_t value[VALUE_BYTES]);
/* Every byte counts; cheap enough to be taken of everything that is read. */
uint64_t value_sum(const void *value);
uint64_t key_sum(const void *key);

double now_s(void); /* by the wall */
double cpu_s(void); /* of the process, all threads */
/* What failed on which object, why, what to do next. */
void die(const char *what, const char *why, const char *next) __attribute__((noreturn));

/* ---- Contenders ---- */

enum who { TARN, LMDB, ROCKSDB, WHO_NR };

struct store; /* an open store of a contender */

struct durable_result {
    double seconds;   /* by the wall */
    uint64_t flushes; /* device flushes that made them durable; 0: not known */
    const char *form; /* how they were put */
};

/* Each call does all of its work on its own and returns the CPU seconds it took, nothing else in
 * them. A store made with waits = false does not wait for durability. */
struct contender {
    const char *name;
    struct store *(*open)(const char *dir, uint64_t pairs, bool waits);
    void (*close)(struct store *s);
    /* Puts keys[from, to), batch at a time, each batch atomic. */
    double (*put)(struct store *s, const struct keys *k, uint64_t from, uint64_t to,
                  uint32_t batch);
    /* Brings background work that puts left behind to its end; not timed. */
    void (*settle)(struct store *s);
    /* Gets them one by one; *sum: of the values. */
    double (*get)(struct store *s, const struct keys *k, uint64_t from, uint64_t to, uint64_t *sum);
    /* All pairs by rising key; values: their bytes are read too. Dies if the order is another. */
    double (*scan)(struct store *s, bool values, uint64_t *nr, uint64_t *keysum, uint64_t *sum);
    /* Puts with BATCH of them on their way at a time, each acknowledged when it is durable. form:
     * which of the contender's ways, from 0; false: there is none of that number. */
    bool (*put_durable)(struct store *s, const struct keys *k, uint64_t from, uint64_t to,
                        uint32_t form, struct durable_result *out);
    /* Bytes of everything but the values, now. */
    uint64_t (*overhead)(struct store *s, uint64_t pairs);
};

/* NULL: the program was built without it. */
const struct contender *contender_get(enum who who);
/* How a contender that is missing is had. */
const char *contender_missing(enum who who);
extern const struct contender tarn_contender, lmdb_contender, rocksdb_contender;

/* ---- Results (report.c) ---- */

struct samples {
    uint32_t nr;
    double v[SAMPLES_MAX];
};
void sample(struct samples *s, double v);
double samples_median(const struct samples *s);
double samples_min(const struct samples *s);
double samples_max(const struct samples *s);

enum goal_kind {
    GOAL_NONE,
    GOAL_LMDB,    /* at least so many times as fast as LMDB */
    GOAL_ROCKSDB, /* ... as RocksDB */
    GOAL_MOST,    /* the figure at most this; only with `only_pairs` pairs, if not 0 */
    GOAL_EXTRA,   /* the row's second figure at least this */
};
struct goal {
    enum goal_kind kind;
    double bound;
    uint64_t only_pairs;
};

/* A line of the result. */
struct row {
    const char *id, *work, *unit;
    bool rate; /* more is better; otherwise less */
    struct samples who[WHO_NR];
    struct samples beside[WHO_NR]; /* the same by the other clock: wall for CPU, CPU for wall */
    const char *extra_name, *note;
    const char *form[WHO_NR]; /* in which of its ways a contender did it */
    struct samples extra;     /* Tarn's second figure */
    struct goal goals[3];
};

enum row_id {
    ROW_GET,
    ROW_PUT,
    ROW_BATCH,
    ROW_DURABLE,
    ROW_SCAN,
    ROW_SCAN_KEYS,
    ROW_EXTENT_4K,
    ROW_EXTENT_1M,
    ROW_EXTENT_4K_SUM,
    ROW_EXTENT_1M_SUM,
    ROW_OVERWRITE,
    ROW_SPACE,
    ROW_REOPEN,
    ROW_OVERHEAD,
    ROW_LARGER,
    ROW_READS,
    ROW_STALL,
    ROW_NR
};

struct conf {
    uint64_t pairs, durable;
    uint32_t reps;
    double overwrite_s;
    const char *dir, *disk, *json, *plot, *only;
};

struct bench {
    struct conf conf;
    struct row rows[ROW_NR];
    struct work work;
};

void rows_init(struct row *rows);
/* How many times as fast as the contender, by medians; 0: not known. */
double row_ratio(const struct row *r, enum who peer);
enum verdict { NOT_MEASURED, REACHED, MISSED };
enum verdict goal_verdict(const struct bench *b, const struct row *r, const struct goal *g,
                          double *figure);
void goal_text(const struct goal *g, const struct row *r, char *buf, size_t len);
void report_table(const struct bench *b, FILE *out);
void report_json(const struct bench *b, const char *path);
void plot(const struct bench *b, const char *path);

/* ---- Rows ---- */

bool wanted(const struct bench *b, enum row_id row);
void rows_shared(struct bench *b);  /* puts, gets, scans, overhead */
void rows_durable(struct bench *b); /* on the disk */
void rows_extent(struct bench *b);
void rows_overwrite(struct bench *b);
void rows_reopen(struct bench *b);
void rows_larger(struct bench *b); /* on the disk */
void rows_stall(struct bench *b);
/* The process that is killed: opens, says how long that took, puts until it is killed. */
int reopen_child(int argc, char **argv);

/* ---- Nothing stays behind (clean.c) ---- */

/* Returns in a child that does the work; the caller itself waits for it, removes what it left, and
 * ends. */
void supervise(const struct conf *c);
/* For a child, first of all. */
void die_with_parent(pid_t parent);
/* Directories for stores; made new, and removed with what is in them. */
void dir_make(char path[4200], const char *parent, const char *name);
void dir_remove(const char *path);

#endif

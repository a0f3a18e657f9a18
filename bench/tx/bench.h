/*
 * tx_bench: transactions over shards of one engine, beside plain updates of the same data in the
 * same run. Medians over repetitions; pools lie in memory (/dev/shm), the engine is in this process
 * (inproc:), one thread is the client and keeps several operations under way by an event queue.
 *
 * Parts: world.c pools, containers, objects with a shard each; work.c the loop that keeps lanes of
 * operations going; rates.c rows of rates, contention.c Zipf, reads.c what reads pay, snapshot.c
 * snapshots, recover.c what a crash leaves, raw.c the engine by its messages, for transactions that
 * stay in doubt; report.c what came out.
 *
 * A rate is by the clock on the wall; beside it is the CPU time of all threads of the process for
 * one of them, which says what it costs on a machine that others use too.
 */
#ifndef TX_BENCH_H
#define TX_BENCH_H

#include <daos.h>
#include <stdbool.h>
#include <stdint.h>

#define REPS_MAX    32u
#define SHARDS_MAX  16u
#define WRITES_MAX  16u
#define LANES_MAX   64u
#define VALUE_BYTES 64u
#define KEYS        10000u /* of an object, and so of a shard */

struct conf {
    uint32_t reps, lanes;
    uint32_t nr;    /* transactions of a sample; updates and fetches are four times as many */
    uint32_t doubt; /* transactions that recovery meets */
    const char *dir, *json, *only, *bare;
};

/* ---- Results (report.c) ---- */

struct samples {
    uint32_t nr;
    double v[REPS_MAX];
};
void sample(struct samples *s, double v);
double median(const struct samples *s);

#define ROWS_MAX 48u
struct row {
    const char *id, *unit;
    char what[80];
    bool rate; /* more is better */
    struct samples figure;
    struct samples cpu_us; /* for one of them; nr 0: not measured */
    struct samples beside; /* another figure, */
    const char *beside_what;
    struct samples ratio; /* to the peer of the same repetition, */
    const char *peer;
    double goal; /* 0: none */
};
struct bench {
    struct conf conf;
    struct row row[ROWS_MAX];
    uint32_t rows;
};
struct row *row_new(struct bench *b, const char *id, const char *unit, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool wanted(const struct bench *b, const char *id);
void report(const struct bench *b);
void report_json(const struct bench *b, const char *path);
void die(const char *what, int rc) __attribute__((noreturn));

/* ---- World (world.c) ---- */

struct world {
    char dir[160];
    uint32_t targets;
    daos_handle_t poh, coh, eq;
    daos_handle_t obj[SHARDS_MAX]; /* OC_S1, [target] */
    daos_obj_id_t oid[SHARDS_MAX];
};
/* Makes a pool and opens it. It is removed at the end of the program, whatever ends that. */
void world_make(struct world *w, const struct conf *c, const char *name, uint32_t targets);
void world_open(struct world *w);
void world_close(struct world *w);
void world_fill(struct world *w);
/* Requests that the engine has had. */
double world_requests(struct world *w);
void worlds_remove(void);

double wall_s(void);
double cpu_s(void); /* of the process, all threads */
uint64_t draw(uint64_t *state);

/* ---- Work (work.c) ---- */

enum what { UPDATE, FETCH, TRANSACT, CHANGE }; /* CHANGE: a transaction that reads what it writes */

struct work {
    enum what what;
    uint32_t shards; /* of a transaction; an update or fetch: of all of them */
    uint32_t writes; /* of a transaction */
    uint32_t nr, lanes;
    uint32_t readers;     /* of the lanes: fetch the same keys all the time, and are not counted */
    const uint32_t *keys; /* drawn, LANES_MAX * WRITES_MAX beyond what is needed */
    bool in_turn;         /* shards of updates: one after the other, instead of drawn */
    uint64_t seed;
};
struct done {
    double wall_us, cpu_us; /* for one */
    double aborts, reads;   /* for one that committed; of readers */
};
void work_run(struct world *w, const struct work *k, struct done *d);
/* Keys of a Zipf distribution, theta 0: all alike. */
uint32_t *keys_draw(double theta, uint32_t nr);

/* ---- The engine by its messages (raw.c) ---- */

struct raw;
struct raw *raw_open(const char *dir);
void raw_close(struct raw *r);
/* The object that a world has on a target. */
daos_obj_id_t raw_object(struct raw *r, uint32_t target);
enum doubt {
    PREPARED, /* its leader does not know it */
    DECIDED,  /* its leader has decided, and nobody else is told: after raw_hold() */
    LOST,     /* there is no such leader: it stays as it is */
};
/* Transaction n, of a write on two shards, and leaves it so. */
#define DOUBT_PARTS 2u
void raw_doubt(struct raw *r, const struct world *w, uint32_t n, enum doubt how);
/* From now on nobody is told, and nobody asks. */
void raw_hold(struct raw *r);
/* Until nothing is in doubt any more, and everybody has been told; s since `from`. */
double raw_settled(struct raw *r, double from);

/* ---- Rows ---- */

void rows_rates(struct bench *b);
void rows_contention(struct bench *b);
void rows_reads(struct bench *b);
void rows_snapshot(struct bench *b);
void rows_recover(struct bench *b);
/* --one: the plain update alone, a line for the program that compares; see rates.c. */
void one_update(const struct conf *c);
/* --leave-doubt: makes them in the pool and is killed. */
void doubt_child(const struct conf *c, const char *dir, enum doubt how);
/* This program. */
void self_path(char path[4096]);

#endif

/*
 * What the processes of tx_kill share: a piece of memory that survives whoever is killed, with a
 * record of every attempt that was ever begun and what is known of it.
 *
 *   worker    begins an attempt (MADE), and notes when it was acknowledged (ACKED) or when nothing
 *             was to be done (REFUSED). Killed in between, the record tells what may be.
 *   auditor   lives through everything, and looks at all of it at one epoch, again and again
 *   driver    kills workers and the engine
 */
#ifndef TESTS_TX_KILL_H
#define TESTS_TX_KILL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <daos.h>
#include <tarn.h>

#define ATTEMPTS_MAX (1u << 22)
#define WORKERS      3u /* processes; the auditor is one more */
#define THREADS      2u /* of each */
#define OBJECTS      6u
#define KEY_TEXT     32u

enum state { NOTHING, MADE, ACKED, REFUSED };

struct attempt {
    _Atomic uint8_t state;
    uint8_t kind, from, to;
    int32_t amount;
    _Atomic uint32_t number; /* that it got, or tried to get last */
};

struct shared {
    char pool[256];
    _Atomic bool stop;
    _Atomic uint32_t errors, deaths;
    _Atomic uint64_t attempts, acked, refused, audits, uncertain, again, late;
    _Atomic uint32_t top, hint; /* greatest number that was acknowledged, and one more */
    struct attempt at[ATTEMPTS_MAX];
};

/* A thread of a worker or of the auditor. Handles are its process's. */
struct user {
    struct shared *s;
    uint64_t seed;
    daos_handle_t poh, coh;
    daos_handle_t oh[OBJECTS]; /* the workload's */
};

/* All that is read at one epoch. acked and made: counted before and after it. */
struct view {
    struct user *u;
    uint64_t acked, made;
    uint32_t top;
    union {
        struct {
            int64_t sum;
            uint64_t changes;
        } bank;
        struct {
            uint32_t next, holes, beyond, free, taken;
        } unique;
    };
};

struct workload {
    const char *name;
    void (*open)(struct user *u);
    void (*close)(struct user *u);
    void (*make)(struct user *u);              /* what is there at first */
    void (*work)(struct user *u);              /* one attempt */
    int (*read)(daos_handle_t th, void *view); /* all of it, for judge */
    void (*judge)(struct user *u, struct view *v);
    void (*check)(struct user *u); /* while nobody works: every attempt */
};

extern const struct workload bank_workload, unique_workload;

#define MUST(u, expr)                                                                              \
    do {                                                                                           \
        int rc__ = (expr);                                                                         \
        if (rc__ != 0)                                                                             \
            wrong(u, #expr, rc__);                                                                 \
    } while (0)

void __attribute__((noreturn)) wrong(struct user *u, const char *what, int64_t rc);
uint64_t mix(uint64_t x);
uint32_t rnd(struct user *u, uint32_t below);
/* Not answered in time, and nothing was changed: an engine that stands still. To be done again. */
bool is_late(struct user *u, int rc);
uint32_t attempt_new(struct user *u, uint8_t kind);
void attempt_acked(struct user *u, uint32_t id);
void attempt_refused(struct user *u, uint32_t id);
daos_handle_t kv_open(struct user *u, uint64_t lo);
/* 0: there; false: it is not. */
bool kv_there(struct user *u, daos_handle_t oh, const char *key, void *value, size_t size);
/* Calls each key that begins with prefix, at an epoch or (DAOS_TX_NONE) now. */
int kv_each(daos_handle_t oh, daos_handle_t th, int (*each)(const char *key, void *arg), void *arg);

/* All end with exit() of their process: 0 when they were told to stop and all was as it should be.
 */
void worker_run(struct shared *s, const struct workload *w, uint64_t seed);
void auditor_run(struct shared *s, const struct workload *w, uint64_t seed);
void make_run(struct shared *s, const struct workload *w);
void check_run(struct shared *s, const struct workload *w);

#endif

/*
 * What the processes of engine_kill share: a piece of memory that survives whoever is killed, with
 * a record of every change that was ever begun and what is known of it.
 *
 *   writer    begins a change (MADE), and notes when it was acknowledged (ACKED); of a key that it
 *             removes again GOING, then GONE. Killed in between, the record tells what may be.
 *   checker   lives through everything, and reads what was acknowledged, again and again
 *   driver    kills writers and the engine, and sees to it that nobody waits too long
 */
#ifndef TESTS_ENGINE_KILL_H
#define TESTS_ENGINE_KILL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECS_MAX  (1u << 22)
#define LIVES_MAX 8192u
#define WRITERS   6u
#define CELL      512u /* bytes of the array that one record owns */
#define VALUE_MAX 50000u
#define SEATS     (WRITERS + 1) /* and the checker */

enum kind { KIND_KEY = 1, KIND_CELL };
enum state { NOTHING, MADE, ACKED, GOING, GONE };

struct rec {
    uint32_t life;
    _Atomic uint8_t kind, state;
};

/* A process from its start to its end. Its pair is changed by transactions, both keys in one; its
 * hot key is overwritten, one after the other. */
struct life {
    _Atomic uint64_t pair_made, pair_acked, hot_made, hot_acked;
};

/* Where the driver looks. */
struct seat {
    _Atomic uint64_t since_ns; /* a call is under way; 0: none */
    _Atomic uint64_t longest_ns;
    _Atomic uint32_t what; /* line of it */
};

struct shared {
    char pool[256];
    _Atomic uint64_t recs, acked, checked, errors;
    _Atomic uint32_t deaths; /* of the engine */
    _Atomic uint32_t passed; /* deaths that the checker's last pass began after */
    _Atomic bool stop;
    struct seat seat[SEATS];
    struct life life[LIVES_MAX];
    struct rec rec[RECS_MAX];
};

uint64_t clock_ns(void);
/* Both end with exit(): 0 when they were told to stop, and everything was as it should be. */
void writer_run(struct shared *s, uint32_t seat, uint32_t life, uint64_t seed);
void checker_run(struct shared *s);
/* What was acknowledged is there, what was never begun is not. 0, or 1 and it was said. In a
 * process of its own. */
int check_all(struct shared *s);

#endif

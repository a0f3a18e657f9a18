/*
 * An exhaustive checker for lock-free structures.
 *
 * The structure's own source file and the test's scene are compiled with -fsanitize=thread, but
 * linked to this library instead of TSan's: so every atomic operation arrives here with its memory
 * order, and every plain access with its address, and the code under test is the product's,
 * unchanged.
 *
 * A scene is a few actors (threads). Each is a fiber that stops before every atomic operation. The
 * checker enumerates, depth first, who goes next and, for every load, which of the values it may
 * see:
 *
 *   order of threads   all of them; states already seen (what each thread observed so far, and what
 *                      every location holds) are not entered twice
 *   weak memory        each location keeps all its values; each thread a view of how much of them
 * it must have noticed. A load may see any value that is not older. Views travel as C11 says:
 * release to acquire, release sequences through read-modify-writes, fences, and the total order of
 * seq_cst. This contains x86's store buffers and more. Not covered: loads that see a store which
 * their own thread's later operations bring about (load buffering), and stores that enter a
 * location's order before one that was carried out earlier. plain accesses     two of them that
 * conflict must be ordered by happens-before (vector clocks), or it is a race memory that went
 * il_dead() and the stack below a function that returned: any access is an error waiting futexes,
 * parked fibers and pauses in spin loops sleep until something changes; if nobody is left who could
 * change it, a wake-up was lost
 *
 * Does it bite? il_bites() repeats the scenes with one operation spoilt at a time: every memory
 * order weakened, every read-modify-write torn in two, every fence and every futex wake-up left
 * out. What nobody notices must be on the test's list, with the reason.
 *
 * Rules for scenes: what actors share is in memory they access normally (it is watched); no libc
 * function that reads or writes it; no memset; static memory, so that addresses repeat; setup()
 * puts it into the first state. Actors must not have an effect that depends on anything but what
 * they read. Checks are IL_CHECK, not cmocka's.
 */
#ifndef TARN_TEST_INTERLEAVE_H
#define TARN_TEST_INTERLEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IL_ACTORS_MAX 5

struct il_scene {
    const char *name;
    void (*setup)(void); /* before the actors; they see all of it */
    void (*actor[IL_ACTORS_MAX])(void);
    const char *actor_name[IL_ACTORS_MAX];
    bool fiber[IL_ACTORS_MAX];      /* a fiber on an xstream of its own, not a thread */
    bool may_remain[IL_ACTORS_MAX]; /* may sleep for ever: no error if the others have ended */
    void (*check)(void);            /* after the last actor; sees all they did */
    unsigned sleepers_max;          /* how many actors may remain, of those that may; 0: any */
};

struct il_result {
    uint64_t paths, states;
    bool whole; /* every interleaving was seen; false: the bound was reached */
    bool found; /* a violation, described in text */
    char text[256];
};

/* Enumerates the scene; stops at the first violation. limit: states, 0:
 * none. */
struct il_result il_explore(const struct il_scene *s, uint64_t limit);
/* cmocka: fails, and prints the interleaving step by step, if there is a violation or the limit is
 * reached. Prints how many interleavings there were. */
void il_holds(const struct il_scene *s);
/* cmocka: fails if there is no violation, or another than one whose text contains part. */
void il_breaks(const struct il_scene *s, const char *part);

/* What a spoilt operation may go unnoticed for. */
struct il_excuse {
    const char *mutant; /* as printed: "function: operation #n: what was done" */
    const char *why;
};
/* cmocka: each mutant of the operations in these functions (NULL at the end) must break
 * one of the scenes, or be excused. An excuse without
 * a survivor fails too. */
void il_bites(const struct il_scene *const *scenes, size_t n, const char *const *functions,
              const struct il_excuse *excuses, size_t n_excuses);

/* ---- In scenes ---- */

#define IL_CHECK(cond) ((cond) ? (void)0 : il_violation("check failed: " #cond))
_Noreturn void il_violation(const char *text);
/* 0 to n - 1: each is tried. */
unsigned il_choose(unsigned n);
/* Nobody may touch it from now on, until the next interleaving. */
void il_dead(const void *p, size_t size);
/* For traces. */
void il_name(const void *p, const char *name);
/* The actor's number. */
unsigned il_self(void);
/* Inside a loop that looks again and again: continues when what it looked at last has changed. */
void il_pause(void);

#endif

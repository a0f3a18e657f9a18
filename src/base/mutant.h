/*
 * Mutants: planted defects. Does the simulation bite?
 *
 * A test that has never failed has shown nothing. So each room carries defects of the kind one
 * really writes (a flush forgotten, an off-by-one, a check left out), none of them there unless a
 * build asks for it, and `make sim-mutants` shows that the simulated world finds each one and how
 * many seeds that took. A site reads as the code around it does:
 *
 *     if (!MUTANT(WAL_SKIP_FLUSH))
 *         rc = io_flush_wait(dev);
 *
 * In a normal build MUTANT(x) is the constant false: no code, no symbol. With the meson option
 * -Dmutants=true it compares with the one mutant that is active, if any: the environment variable
 * TARN_MUTANT names it when the program starts, or mutant_set().
 *
 * The table is base/mutants.def. What belongs in it: a defect that loses data, answers wrongly,
 * hangs or leaks now and then; not one that crashes or fails at once, nor one that would make two
 * runs of one seed differ. A site is a line or two and never shapes the design.
 */
#ifndef TARN_BASE_MUTANT_H
#define TARN_BASE_MUTANT_H

#include <stdbool.h>
#include <stddef.h>

enum mutant {
    MUTANT_NONE,
#define M(name, room, by, text) MUTANT_##name,
#include "base/mutants.def"
#undef M
    MUTANT_NR
};

#ifdef TARN_MUTANTS

#define MUTANTS_BUILT 1
extern int mutant_active; /* enum mutant; set while one thread runs */
#define MUTANT(name) (__builtin_expect(mutant_active == MUTANT_##name, 0))

/* Activates the mutant of that name; NULL: none. False: there is no such mutant, nothing changed.
 * Before threads are started. */
bool mutant_set(const char *name);
/* Its number, 1 .. MUTANT_NR - 1; 0: there is none of that name. */
int mutant_find(const char *name);
/* Of number i; NULL beyond the table. by: the unit test that finds it, "" the simulation. */
const char *mutant_name(int i);
const char *mutant_room(int i);
const char *mutant_by(int i);
const char *mutant_text(int i);

#else

#define MUTANTS_BUILT 0
/* Constant false, and still only for names that exist. */
#define MUTANT(name)  (MUTANT_##name == MUTANT_NONE)

static inline bool mutant_set(const char *name)
{
    return name == NULL;
}

static inline int mutant_find(const char *name)
{
    return 0;
}

static inline const char *mutant_name(int i)
{
    return NULL;
}

static inline const char *mutant_room(int i)
{
    return NULL;
}

static inline const char *mutant_by(int i)
{
    return NULL;
}

static inline const char *mutant_text(int i)
{
    return NULL;
}

#endif
#endif

/*
 * dfs_cont_check(): objects that no name leads to.
 *
 *   check.c      which there are: all objects of the container, less what the root leads to
 *   check_do.c   what is done with them
 *
 * In memory are 17 bytes for each object of the container. Nobody else has the container open
 * meanwhile, so that what has no name is not being given one.
 *
 * Only what may be of a file system counts: directories (DAOS_OT_MULTI_HASHED) and files
 * (DAOS_OT_ARRAY_BYTE). What else a program keeps in the container is left alone. A directory that
 * cannot be read ends it, because everything in it would seem lost.
 */
#ifndef TARN_DFS_CHECK_H
#define TARN_DFS_CHECK_H

#include "dfs/dfs_int.h"

/* What was found and done, however far it came. */
struct check_found {
    uint64_t objects;
    uint64_t files, dirs; /* that no name leads to */
    uint64_t read, damaged, removed, linked;
};
/* Who hears of it, on the thread that does it. */
struct check_watch {
    void (*line)(void *arg, const char *text); /* what it finds; NULL: nobody */
    /* Now and then: steps, each about an object (listed, looked at, read, removed or linked); total
     * is 0 as long as it is not known. False ends it with ECANCELED: what was removed or linked by
     * then stays so. NULL: nobody */
    bool (*step)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};
/* As dfs_cont_check(). */
int dfs_check(daos_handle_t poh, const char *cont, uint64_t flags, const char *name,
              const struct check_watch *watch, struct check_found *found);

enum check_state {
    CHECK_LOST,
    CHECK_NAMED, /* a way of names leads there from the root, or from where it is linked now */
    CHECK_BELOW, /* lost, and a lost directory has it: it comes with that */
};

struct check {
    struct dfs *dfs;
    const struct check_watch *watch;
    struct check_found *found;
    daos_obj_id_t *oids; /* sorted */
    uint8_t *state;      /* enum check_state of each */
    uint64_t nr;
    uint64_t *todo; /* directories that are still to be read, by number */
    uint64_t todo_nr, todo_room;
    uint64_t done, total; /* steps */
};

static inline bool check_is_dir(daos_obj_id_t oid)
{
    return daos_obj_id2type(oid) == DAOS_OT_MULTI_HASHED;
}

static inline bool check_is_file(daos_obj_id_t oid)
{
    return daos_obj_id2type(oid) == DAOS_OT_ARRAY_BYTE;
}

static inline bool check_is_lost(const struct check *k, uint64_t i)
{
    return k->state[i] != CHECK_NAMED && (check_is_dir(k->oids[i]) || check_is_file(k->oids[i]));
}

/* What object i leads to is named, and so is it. */
int check_walk(struct check *k, uint64_t i);
/* What lost directory i has is below it. */
int check_below(struct check *k, uint64_t i);

/* Tells of every lost object. */
void check_print(const struct check *k);
int check_remove(struct check *k);
/* In /lost+found/name (NULL: the time), each as its id. */
int check_relink(struct check *k, const char *name);
/* Reads every file, named or lost, and tells of each that is damaged. */
int check_verify(struct check *k);
/* So many more steps are done. ECANCELED: it is to end. */
int check_step(struct check *k, uint64_t nr);
/* One line. */
void check_say(const struct check *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

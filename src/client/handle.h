/*
 * Handles: the cookies programs hold, and what they name.
 *
 * A cookie is type (4 bits, one of DAOS_HTYPE_*), slot (24 bits) and the slot's generation (32
 * bits), so a stale, foreign or made-up cookie is recognised. Looking one up is lock-free and takes
 * a reference: what it names stays until that reference is given back, also when another thread
 * closes the handle meanwhile. The name itself is the first reference.
 *
 * Any thread or fiber. Nothing here waits longer than for a short critical section.
 */
#ifndef TARN_CLIENT_HANDLE_H
#define TARN_CLIENT_HANDLE_H

#include <daos_types.h>
#include "rt/rt.h"

#define HANDLE_MAX (1u << 22)

struct handle_table;

/* First member of everything a handle names. */
struct hobj {
    struct handle_table *table;
    uint64_t cookie;
    /* Called with the last reference gone; frees the object. May be called from done() of a
     * message: must not wait. */
    void (*free)(struct hobj *o);
};

int handle_table_create(struct handle_table **t); /* -DER_NOMEM */
/* Frees what is still open, newest first, then the table. No reference may be out. */
void handle_table_destroy(struct handle_table *t);

/* Names o; *h gets the cookie, o->table and o->cookie are set. -DER_NOMEM (memory, or HANDLE_MAX
 * handles open). */
int handle_open(struct handle_table *t, struct hobj *o, uint32_t type, daos_handle_t *h);
/* Calls fn for everything of a type that is open, newest first. Nobody opens or closes meanwhile.
 */
void handle_each(struct handle_table *t, uint32_t type, void (*fn)(struct hobj *o));
/* What h names, with a reference for the caller; NULL if it names nothing of this type. */
struct hobj *handle_get(struct handle_table *t, daos_handle_t h, uint32_t type);
void handle_ref(struct hobj *o);
void handle_put(struct hobj *o);
/* Takes the name away: later lookups find nothing. False if somebody else did before. */
bool handle_close(struct hobj *o);

/* Locks m from any context: on a scheduler, which must not park, it spins (critical sections are
 * short). */
void lock_short(struct rt_mutex *m);

#endif

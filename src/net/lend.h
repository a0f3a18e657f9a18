/*
 * lend: places in a room (net/wire.h) for the bulk data of calls, on the dialing side. Its notes
 * are in private memory: the room itself belongs to both sides.
 *
 * Places are powers of two, from LEND_LEAST; what was given back last is lent next, so a client
 * that works at a steady depth touches few pages, and those are warm. When nothing is lent all is
 * one again: a place as large as the room is had by waiting until then.
 */
#ifndef TARN_NET_LEND_H
#define TARN_NET_LEND_H

#include <stdbool.h>
#include <stdint.h>

#define LEND_LEAST   4096u
#define LEND_CLASSES 24u

struct lender {
    uint8_t *base;
    uint64_t len;   /* of the room */
    uint64_t used;  /* never lent beyond */
    uint32_t lent;  /* places */
    uint32_t *next; /* per LEND_LEAST bytes: the place behind it in its class's list, + 1 */
    uint32_t free[LEND_CLASSES]; /* place + 1, 0: none */
};

/* The room stays the caller's. -DER_NOMEM. */
int lender_init(struct lender *l, uint8_t *base, uint64_t len);
void lender_fini(struct lender *l);
/* -DER_OVERFLOW: larger than the room will ever have; -DER_AGAIN: not now. */
int lender_take(struct lender *l, uint64_t len, uint64_t *off);
void lender_give(struct lender *l, uint64_t off, uint64_t len);

#endif

/*
 * ring: records from one address space to another through shared memory. One writer, one reader,
 * neither of which trusts the other.
 *
 * The ring is size bytes (a power of two) of cells of RING_CELL. A record begins at a cell with a
 * word: 0, nothing is there yet; else its length (and RING_MORE if the frame goes on in the next
 * record); RING_WRAP, the next record is at the beginning. Its bytes follow. The word is what
 * publishes a record, so a message costs the cache lines it fills and no others: the writer zeroes
 * the word behind before it publishes. How far the reader has come he says now and then (freed).
 *
 * Sleep: a reader sets asleep, looks once more, and sleeps; a writer that finds it set after
 * publishing takes it away and wakes him. A writer that finds no room sets starved, looks once
 * more, and waits; a reader that finds it set after freeing takes it away and wakes him.
 *
 * What the other side wrote is only ever used after it was checked against size; a reader copies
 * what he uses. Exhaustively checked: tests/model/ring_model.c.
 */
#ifndef TARN_NET_RING_H
#define TARN_NET_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef RING_CELL
#define RING_CELL 64u
#endif
#define RING_WORD 4u
#define RING_MORE 0x80000000u
#define RING_WRAP 0x7fffffffu

/* In shared memory, zero at first. */
struct ring_ctl {
    uint32_t freed __attribute__((aligned(64))); /* the reader's: bytes, modulo 2^32 */
    uint32_t asleep __attribute__((aligned(64)));
    uint32_t starved;
};

struct ring_tx {
    struct ring_ctl *ctl;
    uint8_t *data; /* in shared memory */
    uint32_t size;
    uint32_t tail, freed; /* bytes written; freed as it was last seen */
};

struct ring_rx {
    struct ring_ctl *ctl;
    const uint8_t *data;
    uint32_t size;
    uint32_t head, told; /* bytes read; what freed says */
};

/* Longest record: the ring always takes it in the end. */
static inline uint32_t ring_record_max(uint32_t size)
{
    return size / 4 - RING_WORD;
}

void ring_tx_init(struct ring_tx *t, struct ring_ctl *ctl, void *data, uint32_t size);
void ring_rx_init(struct ring_rx *r, struct ring_ctl *ctl, const void *data, uint32_t size);

enum ring_put { RING_FULL, RING_DONE, RING_WAKE }; /* WAKE: done, and the reader is to be woken */
/* A record of 1 to ring_record_max() bytes. -DER_PROTO: the reader says what cannot be. */
int ring_put(struct ring_tx *t, const void *p, uint32_t len, bool more);
/* After RING_FULL: 0, the reader will wake us; 1, he has freed something meanwhile: try again;
 * -DER_PROTO. Each 1 is room that he gives once, so trying again comes to an end. */
int ring_starve(struct ring_tx *t);

/* The next record, in place: 1, 0 there is none, -DER_PROTO. */
int ring_peek(struct ring_rx *r, const void **p, uint32_t *len, bool *more);
/* Goes past it. True: the writer waits for room and is to be woken. */
bool ring_next(struct ring_rx *r, uint32_t len);
/* Before sleeping. True: there is something, the reader stays awake. */
bool ring_doze(struct ring_rx *r);
void ring_awake(struct ring_rx *r);

#endif

/*
 * Values that say who wrote them: every byte depends on the value's id, its length and its place,
 * so that what is read is recognised whole, and a torn, mixed, shifted or stale value never passes.
 * Ids below VALUE_LONG make values of 1 byte, which cannot say more than the id.
 */
#ifndef TARN_SIM_VALUE_H
#define TARN_SIM_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim_media.h"

#define VALUE_LONG 256u    /* ids from here on make values of 4 bytes and more */
#define VALUE_HEAP 4096u   /* longer ones lie in data extents */
#define VALUE_TORN 0xffffu /* the id of bytes nobody wrote like this */

/* Draws ids: in a row, and again from the beginning after 65,000 of them. */
struct value_ids {
    uint16_t last_short, last_long;
    uint8_t large_pct; /* of so many in a hundred the single value is too large for the heap; set
                          before the first is drawn */
};
/* Of a value of 1 byte now and then. */
uint16_t value_id(struct value_ids *v, struct sim_rng *rng);
/* How long the single value of an id is: 1 byte to 70 KiB, mostly small, often at a border. */
uint32_t value_len(uint16_t id);
/* place: of a record in its array, 0 for single values. */
void value_fill(void *buf, size_t len, uint16_t id, uint32_t place);
/* The id, or VALUE_TORN. */
uint16_t value_read(const void *buf, size_t len, uint32_t place);
/* The id of the record at `place` that an update of `id` with this record size writes: its own,
 * unless records of that size cannot hold it. */
uint16_t value_record(uint16_t id, size_t len, uint32_t place);
/* Are all bytes this one (a hole in a buffer filled before)? */
bool value_is(const void *buf, size_t len, uint8_t byte);

#endif

/*
 * The model of arrays (daos_array.h): cells of a few arrays, each the id of what was written
 * (value.h), AR_ZERO where set_size made the array longer, or nothing.
 *
 * Only what lies in one chunk happens at one instant, so a call that spans several is several
 * operations of the model that begin and end together; under a transaction it is one. A size is the
 * number of the last cell there is plus one. Changing it is, chunk by chunk, removing what lies
 * behind it, and writing a zero into its last cell if that is not there.
 */
#ifndef TARN_SIM_SPEC_ARRAY_H
#define TARN_SIM_SPEC_ARRAY_H

#include "hist.h"

#define AR_ARRAYS 4u /* 0: everybody's; the others one client's each */
#define AR_CHUNKS 5u
#define AR_CHUNK  5u /* cells */
#define AR_CELLS  (AR_CHUNKS * AR_CHUNK)
#define AR_ALL    ((1u << AR_CELLS) - 1)
#define AR_ZERO   0xfffeu

struct ar_state {
    uint16_t cell[AR_ARRAYS][AR_CELLS];
    uint8_t made[AR_ARRAYS]; /* there is metadata */
};

enum ar_what {
    AR_WRITE,
    AR_PUNCH,
    AR_GROW, /* the one cell of bits, if it is not there */
    AR_DESTROY,
    AR_CREATE,
    AR_READS, /* from here on */
    AR_READ,
    AR_SIZE,     /* exactly size */
    AR_SIZE_MAX, /* size at most */
    AR_OPEN,
};

struct ar_op {
    uint8_t what, arr;
    uint16_t id;   /* AR_WRITE */
    uint32_t bits; /* cells */
    uint32_t size; /* observed */
    int32_t rc;
    uint16_t got[AR_CELLS]; /* AR_READ: ids, AR_ZERO for zeros, 0 where the buffer is as it was */
    uint8_t zero[2];
};

extern const struct hist_spec ar_spec;

extern const uint32_t ar_cell_bytes[AR_ARRAYS];
uint32_t ar_size(const struct ar_state *st, uint32_t arr);

#endif

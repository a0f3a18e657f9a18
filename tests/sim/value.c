/* See value.h. A value: id, its complement, then a stream that id, length and place begin. */
#include <string.h>
#include "base/assert.h"
#include "base/hash.h"
#include "value.h"

#define IDS_SHORT 250u

static uint16_t next_long(struct value_ids *v)
{
    if (v->last_long < VALUE_LONG || ++v->last_long == VALUE_TORN)
        v->last_long = VALUE_LONG;
    return v->last_long;
}

uint16_t value_id(struct value_ids *v, struct sim_rng *rng)
{
    uint16_t id;

    if (v->large_pct > 0 && sim_rng_below(rng, 100) < v->large_pct) {
        do
            id = next_long(v);
        while (value_len(id) <= VALUE_HEAP);
        return id;
    }
    if (sim_rng_below(rng, 12) == 0) {
        v->last_short = (uint16_t)(v->last_short % IDS_SHORT + 1);
        return v->last_short;
    }
    return next_long(v);
}

uint32_t value_len(uint16_t id)
{
    /* the borders of the heap's slots, of heap and data extents, of a checksum's chunk */
    static const uint32_t borders[] = {4,    7,    8,    64,   511,  512,   513,   2047,
                                       2048, 4095, 4096, 4097, 8192, 16384, 32768, 32769};
    uint64_t r = mix64(id);

    if (id < VALUE_LONG)
        return 1;
    switch (r % 16) {
    case 0:
        return borders[(r >> 8) % ARRAY_LEN(borders)];
    case 1:
        return 4097 + (uint32_t)(r >> 8) % 8000;
    case 2:
        return r >> 60 ? 4 + (uint32_t)(r >> 8) % 4096 : 32768 + (uint32_t)(r >> 8) % 40000;
    case 3:
    case 4:
    case 5:
        return 4 + (uint32_t)(r >> 8) % 2000;
    default:
        return 4 + (uint32_t)(r >> 8) % 60;
    }
}

static uint64_t word(uint64_t seed, uint64_t i)
{
    return mix64(seed + i * UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t seed_of(size_t len, uint16_t id, uint32_t place)
{
    return mix64((uint64_t)id << 48 | (uint64_t)(place & 0xffff) << 32 | (uint32_t)len);
}

void value_fill(void *buf, size_t len, uint16_t id, uint32_t place)
{
    uint64_t seed = seed_of(len, id, place), w;
    uint16_t head[2] = {id, (uint16_t)~id};
    uint8_t *p = buf;
    size_t at = sizeof(head);

    if (len < sizeof(head)) {
        memset(p, id, len);
        return;
    }
    memcpy(p, head, sizeof(head));
    for (; at + 8 <= len; at += 8) {
        w = word(seed, at);
        memcpy(p + at, &w, 8);
    }
    w = word(seed, at);
    memcpy(p + at, &w, len - at);
}

uint16_t value_read(const void *buf, size_t len, uint32_t place)
{
    const uint8_t *p = buf;
    uint16_t head[2];
    uint64_t seed, w;
    size_t at = sizeof(head);

    if (len < sizeof(head))
        return len > 0 && p[0] > 0 && p[0] <= IDS_SHORT && value_is(p, len, p[0]) ? p[0]
                                                                                  : VALUE_TORN;
    memcpy(head, p, sizeof(head));
    if ((head[0] ^ head[1]) != 0xffff || head[0] < VALUE_LONG)
        return VALUE_TORN;
    seed = seed_of(len, head[0], place);
    for (; at + 8 <= len; at += 8) {
        w = word(seed, at);
        if (memcmp(p + at, &w, 8) != 0)
            return VALUE_TORN;
    }
    w = word(seed, at);
    return memcmp(p + at, &w, len - at) == 0 ? head[0] : VALUE_TORN;
}

uint16_t value_record(uint16_t id, size_t len, uint32_t place)
{
    if (len >= 4)
        return id < VALUE_LONG ? (uint16_t)(id + VALUE_LONG) : id;
    return (uint16_t)(1 + (id * 31u + place * 7u) % IDS_SHORT);
}

bool value_is(const void *buf, size_t len, uint8_t byte)
{
    const uint8_t *p = buf;

    return len == 0 || (p[0] == byte && memcmp(p, p + 1, len - 1) == 0);
}

/*
 * Hashing of keys. The values are part of the format (trees of hashed keys store them), so they are
 * the same on every machine and in every version: XXH3 64 bit for bytes, the finaliser of
 * MurmurHash3 for integers.
 */
#ifndef TARN_BASE_HASH_H
#define TARN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *buf, size_t len);
uint64_t hash_bytes_seed(const void *buf, size_t len, uint64_t seed);

/* A bijection that spreads every input bit over all output bits; mix64(0) is 0. */
static inline uint64_t mix64(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    x ^= x >> 33;
    return x;
}

/* Hash of a pair such as a 128-bit object id. */
static inline uint64_t mix128(uint64_t hi, uint64_t lo)
{
    return mix64(mix64(hi ^ UINT64_C(0x9e3779b97f4a7c15)) + lo);
}

#endif

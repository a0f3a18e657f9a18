#include "base/hash.h"
#include "base/xxh.h"

uint64_t hash_bytes(const void *buf, size_t len)
{
    return XXH3_64bits(buf, len);
}

uint64_t hash_bytes_seed(const void *buf, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(buf, len, seed);
}

#include "base/hash.h"

#ifdef TARN_XXH_DISPATCH
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

uint64_t hash_bytes(const void *buf, size_t len)
{
    return XXH3_64bits(buf, len);
}

uint64_t hash_bytes_seed(const void *buf, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(buf, len, seed);
}

/* Hash functions that programs link. Their values are part of the API: see gurt/common.h. */
#include <gurt/common.h>

uint32_t d_hash_string_u32(const char *string, unsigned int len)
{
    uint32_t hash = 5381;

    for (unsigned int i = 0; i < len; i++)
        hash = hash * 33 + (unsigned char)string[i];
    return hash;
}

/* MurmurHash64A, Austin Appleby, public domain. */
uint64_t d_hash_murmur64(const unsigned char *key, unsigned int key_len, unsigned int seed)
{
    const uint64_t mul = UINT64_C(0xc6a4a7935bd1e995);
    uint64_t hash = seed ^ (key_len * mul), tail = 0;
    unsigned int words = key_len / 8, left = key_len % 8;

    for (unsigned int i = 0; i < words; i++) {
        uint64_t k;

        memcpy(&k, key + 8 * i, sizeof(k));
        k *= mul;
        k ^= k >> 47;
        k *= mul;
        hash ^= k;
        hash *= mul;
    }
    if (left > 0) {
        memcpy(&tail, key + 8 * words, left);
        hash ^= tail;
        hash *= mul;
    }
    hash ^= hash >> 47;
    hash *= mul;
    hash ^= hash >> 47;
    return hash;
}

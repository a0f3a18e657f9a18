#include "base/copy.h"

#include <stdint.h>
#include <string.h>

#define LINE 64u
#define FEW  1024u /* bytes from which on it pays */

#ifdef __SSE2__
#include <emmintrin.h>

/* Stores that pass the caches are not ordered with others: hence the fence. */
static void lines_past(uint8_t *to, const uint8_t *from, size_t lines)
{
    for (; lines > 0; lines--, to += LINE, from += LINE) {
        __m128i w[4];

        for (uint32_t i = 0; i < 4; i++)
            w[i] = _mm_loadu_si128((const __m128i *)(const void *)(from + 16 * i));
        for (uint32_t i = 0; i < 4; i++)
            _mm_stream_si128((__m128i *)(void *)(to + 16 * i), w[i]);
    }
    _mm_sfence();
}
#else
static void lines_past(uint8_t *to, const uint8_t *from, size_t lines)
{
    memcpy(to, from, lines * LINE);
}
#endif

void copy_past(void *dst, const void *src, size_t len)
{
    size_t head = -(uintptr_t)dst % LINE, lines;
    const uint8_t *from = src;
    uint8_t *to = dst;

    if (len < FEW) {
        memcpy(dst, src, len);
        return;
    }
    memcpy(to, from, head);
    lines = (len - head) / LINE;
    lines_past(to + head, from + head, lines);
    head += lines * LINE;
    memcpy(to + head, from + head, len - head);
}

/*
 * Bump allocator for the memory of one request: allocate in pieces, free all at once. Chunks come
 * from base_alloc(); arena_reset() keeps the first one, so that a reused arena allocates nothing
 * after warm-up. Not thread-safe.
 */
#ifndef TARN_BASE_ARENA_H
#define TARN_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_ALIGN 16u

struct arena_chunk;

struct arena {
    struct arena_chunk *newest;
    char *at, *end;     /* free room of the newest chunk */
    size_t chunk_bytes; /* size of a chunk; a larger request gets one of its own */
    size_t used_bytes;
};

void arena_init(struct arena *a, size_t chunk_bytes); /* 0: 4 KiB; allocates nothing yet */
void arena_reset(struct arena *a);
void arena_fini(struct arena *a);

/* 16-byte aligned, not zeroed; NULL when out of memory. A size of 0 gives a valid pointer. */
static inline void *arena_alloc(struct arena *a, size_t size);
void *arena_calloc(struct arena *a, size_t n,
                   size_t size); /* zeroed; NULL on overflow of n * size too */
void *arena_memdup(struct arena *a, const void *buf, size_t len);
char *arena_strdup(struct arena *a, const char *s);

/* A new chunk is needed, or the size is 0 or cannot be. */
void *arena_alloc_slow(struct arena *a, size_t size);

static inline void *arena_alloc(struct arena *a, size_t size)
{
    size_t n = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    void *p = a->at;

    if (size - 1 >= (size_t)(a->end - a->at) || n > (size_t)(a->end - a->at))
        return arena_alloc_slow(a, size);
    a->at += n;
    a->used_bytes += n;
    return p;
}

#endif

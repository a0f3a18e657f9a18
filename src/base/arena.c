#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/fail.h"

#define ALIGN         ARENA_ALIGN
#define CHUNK_DEFAULT 4096

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* bytes of data */
    _Alignas(ALIGN) char data[];
};

void arena_init(struct arena *a, size_t chunk_bytes)
{
    *a = (struct arena){.chunk_bytes = chunk_bytes ? chunk_bytes : CHUNK_DEFAULT};
}

static void drop_until(struct arena *a, struct arena_chunk *keep)
{
    while (a->newest != keep) {
        struct arena_chunk *c = a->newest;

        a->newest = c->older;
        base_free(c);
    }
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *first = a->newest;

    while (first && first->older)
        first = first->older;
    drop_until(a, first);
    a->at = first ? first->data : NULL;
    a->end = first ? first->data + first->size : NULL;
    a->used_bytes = 0;
}

void arena_fini(struct arena *a)
{
    drop_until(a, NULL);
    arena_init(a, a->chunk_bytes);
}

static int add_chunk(struct arena *a, size_t need)
{
    size_t size = MAX(need, a->chunk_bytes);
    struct arena_chunk *c;

    if (size > SIZE_MAX - sizeof(*c))
        return -1;
    c = base_aligned(ALIGN, ROUND_UP(sizeof(*c) + size, (size_t)ALIGN));
    if (!c)
        return -1;
    c->older = a->newest;
    c->size = size;
    a->newest = c;
    a->at = c->data;
    a->end = c->data + size;
    return 0;
}

void *arena_alloc_slow(struct arena *a, size_t size)
{
    void *p;

    if (size > SIZE_MAX - ALIGN)
        return NULL;
    size = size ? ROUND_UP(size, (size_t)ALIGN) : ALIGN;
    if ((size_t)(a->end - a->at) < size && add_chunk(a, size) != 0)
        return NULL;
    p = a->at;
    a->at += size;
    a->used_bytes += size;
    return p;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    void *p;

    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    p = arena_alloc(a, bytes);
    if (p)
        memset(p, 0, bytes);
    return p;
}

void *arena_memdup(struct arena *a, const void *buf, size_t len)
{
    void *p = arena_alloc(a, len);

    if (p && len)
        memcpy(p, buf, len);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_memdup(a, s, strlen(s) + 1);
}

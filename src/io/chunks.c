#include "io/chunks.h"
#include "base/assert.h"
#include "base/fail.h"
#include "daos_errno.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK 65536u

/* Written to only by the one who holds its only reference. */
struct chunk {
    uint32_t refs; /* atomic */
    uint8_t data[CHUNK];
};

int chunks_flat(struct chunks *c, size_t max)
{
    void *p =
        mmap(NULL, max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    ASSERT(c->nr == 0);
    if (p == MAP_FAILED)
        return -DER_NOMEM;
    c->flat = p;
    c->flat_max = max;
    return 0;
}

int chunks_resize(struct chunks *c, uint64_t size)
{
    uint64_t nr = DIV_UP(size, (uint64_t)CHUNK);
    struct chunk **at;

    if (nr <= c->nr)
        return 0;
    if (c->flat) {
        if (size > c->flat_max)
            return -DER_NOMEM;
        c->nr = nr;
        return 0;
    }
    at = c->plain ? realloc(c->at, (size_t)nr * sizeof(*at))
                  : base_realloc(c->at, (size_t)nr * sizeof(*at));
    if (!at)
        return -DER_NOMEM;
    memset(at + c->nr, 0, (size_t)(nr - c->nr) * sizeof(*at));
    c->at = at;
    c->nr = nr;
    return 0;
}

void chunks_read(const struct chunks *c, uint64_t off, void *buf, size_t len)
{
    uint8_t *out = buf;

    if (c->flat) {
        ASSERT(off + len <= c->nr * CHUNK);
        memcpy(buf, c->flat + off, len);
        return;
    }
    while (len > 0) {
        size_t in = (size_t)(off % CHUNK), n = MIN(len, CHUNK - in);
        const struct chunk *chunk;

        ASSERT(off / CHUNK < c->nr);
        chunk = c->at[off / CHUNK];
        if (chunk)
            memcpy(out, chunk->data + in, n);
        else
            memset(out, 0, n);
        out += n;
        off += n;
        len -= n;
    }
}

static void chunk_put(struct chunk *chunk)
{
    if (chunk && __atomic_sub_fetch(&chunk->refs, 1, __ATOMIC_ACQ_REL) == 0)
        base_free(chunk);
}

/* The chunk for writing: a new one, or one of our own. NULL: no memory. */
static struct chunk *chunk_own(struct chunks *c, uint64_t i)
{
    struct chunk *old = c->at[i], *chunk;

    if (old && __atomic_load_n(&old->refs, __ATOMIC_ACQUIRE) == 1)
        return old;
    chunk = c->plain ? calloc(1, sizeof(*chunk)) : base_calloc(1, sizeof(*chunk));
    if (!chunk)
        return NULL;
    chunk->refs = 1;
    if (old)
        memcpy(chunk->data, old->data, CHUNK);
    chunk_put(old);
    c->at[i] = chunk;
    return chunk;
}

int chunks_write(struct chunks *c, uint64_t off, const void *buf, size_t len)
{
    const uint8_t *from = buf;

    if (c->flat) {
        ASSERT(off + len <= c->nr * CHUNK);
        memcpy(c->flat + off, buf, len);
        return 0;
    }
    while (len > 0) {
        size_t in = (size_t)(off % CHUNK), n = MIN(len, CHUNK - in);
        struct chunk *chunk;

        ASSERT(off / CHUNK < c->nr);
        chunk = chunk_own(c, off / CHUNK);
        if (!chunk)
            return -DER_NOMEM;
        memcpy(chunk->data + in, from, n);
        from += n;
        off += n;
        len -= n;
    }
    return 0;
}

int chunks_copy(struct chunks *to, const struct chunks *from)
{
    int rc;

    *to = (struct chunks){.plain = from->plain};
    rc = chunks_resize(to, from->nr * CHUNK);
    if (from->flat && rc == 0)
        return chunks_write(to, 0, from->flat, from->nr * CHUNK);
    for (uint64_t i = 0; rc == 0 && i < from->nr; i++) {
        to->at[i] = from->at[i];
        if (to->at[i])
            __atomic_add_fetch(&to->at[i]->refs, 1, __ATOMIC_RELAXED);
    }
    return rc;
}

void chunks_fini(struct chunks *c)
{
    if (c->flat)
        munmap(c->flat, c->flat_max);
    for (uint64_t i = 0; i < c->nr && !c->flat; i++)
        chunk_put(c->at[i]);
    base_free(c->at);
    *c = (struct chunks){0};
}

#include "io/chunks.h"
#include "base/assert.h"
#include "base/fail.h"
#include "daos_errno.h"
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536u

int chunks_resize(struct chunks *c, uint64_t size)
{
    uint64_t nr = DIV_UP(size, (uint64_t)CHUNK);
    uint8_t **at;

    if (nr <= c->nr)
        return 0;
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

    while (len > 0) {
        size_t in = (size_t)(off % CHUNK), n = MIN(len, CHUNK - in);
        const uint8_t *chunk;

        ASSERT(off / CHUNK < c->nr);
        chunk = c->at[off / CHUNK];
        if (chunk)
            memcpy(out, chunk + in, n);
        else
            memset(out, 0, n);
        out += n;
        off += n;
        len -= n;
    }
}

int chunks_write(struct chunks *c, uint64_t off, const void *buf, size_t len)
{
    const uint8_t *from = buf;

    while (len > 0) {
        size_t in = (size_t)(off % CHUNK), n = MIN(len, CHUNK - in);
        uint8_t **chunk;

        ASSERT(off / CHUNK < c->nr);
        chunk = &c->at[off / CHUNK];
        if (!*chunk)
            *chunk = c->plain ? calloc(1, CHUNK) : base_calloc(1, CHUNK);
        if (!*chunk)
            return -DER_NOMEM;
        memcpy(*chunk + in, from, n);
        from += n;
        off += n;
        len -= n;
    }
    return 0;
}

void chunks_fini(struct chunks *c)
{
    for (uint64_t i = 0; i < c->nr; i++)
        base_free(c->at[i]);
    base_free(c->at);
    *c = (struct chunks){0};
}

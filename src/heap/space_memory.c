/*
 * Data space that lies in memory: where each extent is. The device knows only on its xstream, while
 * operations of other threads ask under the heap's lock; so what it says is kept here.
 */
#include "heap/space_int.h"

#include "io/super.h"

void space_memory_learn(struct heap *h, struct space *s)
{
    struct super_memory *m = base_alloc(SUPER_EXTENTS_MAX * sizeof(*m));
    uint32_t nr = m == NULL ? 0 : super_memory(h->conf.dev[SUPER_DATA], SUPER_DATA, m);

    base_free(s->memory);
    s->memory = NULL;
    s->memory_nr = nr;
    if (nr > 0)
        s->memory = base_realloc(m, nr * sizeof(*m));
    if (s->memory != NULL)
        return;
    base_free(m); /* requests do as well */
    s->memory_nr = 0;
}

void *heap_space_memory(struct heap *h, const struct space_extent *ext)
{
    const struct space *s = h->space;
    uint64_t at = ext->block * SPACE_BLOCK, len = (uint64_t)ext->nr * SPACE_BLOCK;

    for (uint32_t i = 0; s != NULL && i < s->memory_nr; i++) {
        const struct super_memory *m = &s->memory[i];

        if (at < m->len)
            return len <= m->len - at ? m->at + at : NULL;
        at -= m->len;
    }
    return NULL;
}

bool heap_space_in_memory(const struct heap *h)
{
    const struct space *s = h->space;

    return s != NULL && s->memory_nr > 0;
}

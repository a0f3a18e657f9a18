/* The shard checker: heap, then store, then (when asked) every byte in data extents against its
 * checksum. Nothing else runs meanwhile. */
#include <stdio.h>
#include "engine/engine_int.h"

struct check {
    struct engine *eng;
    bool verify_data;
    void (*report)(void *arg, const char *text);
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void *arg;
    uint64_t problems;
    int rc;
    struct rt_event done;
    /* one step of the store's walk */
    struct vos_anchor where, next;
    bool more;
    struct vos_piece *pieces;
    uint32_t nr, max;
    uint64_t step_problems;
    char *texts; /* problems of a step, shown when the step is through: a step may be repeated */
    size_t texts_len;
};

static void keep_text(void *arg, const char *text)
{
    struct check *k = arg;
    size_t len = strlen(text) + 1;
    char *t = base_realloc(k->texts, k->texts_len + len);

    if (t == NULL)
        return; /* the count still tells */
    memcpy(t + k->texts_len, text, len);
    k->texts = t;
    k->texts_len += len;
}

/* Remembers a piece to be read after the step; its checksums are copied behind it. */
static int keep_piece(void *arg, const struct vos_piece *p)
{
    struct check *k = arg;
    uint64_t chunks =
        p->chunk_bytes > 0 ? DIV_UP(p->len + p->ext_off % p->chunk_bytes, p->chunk_bytes) : 0;
    uint8_t *csums;

    if (k->nr == k->max) {
        uint32_t max = k->max ? k->max * 2 : 64;
        struct vos_piece *n = base_realloc(k->pieces, max * sizeof(*n));

        if (n == NULL)
            return -DER_NOMEM;
        k->pieces = n;
        k->max = max;
    }
    csums = base_alloc(chunks * p->csum_len + 1);
    if (csums == NULL)
        return -DER_NOMEM;
    if (p->csum_type != 0)
        memcpy(csums, p->csums, chunks * p->csum_len);
    k->pieces[k->nr] = *p;
    k->pieces[k->nr++].csums = csums;
    return 0;
}

static void step_reset(struct check *k)
{
    for (uint32_t i = 0; i < k->nr; i++)
        base_free((void *)k->pieces[i].csums);
    k->nr = 0;
    k->texts_len = 0;
    k->step_problems = 0;
}

static int step(struct shard *s, void *arg)
{
    struct check *k = arg;

    step_reset(k);
    k->next = k->where;
    return vos_check(s->vos, &k->next, keep_text, k->verify_data ? keep_piece : NULL, k,
                     &k->step_problems, &k->more);
}

static void verify_pieces(struct shard *s, struct check *k)
{
    char text[160];

    for (uint32_t i = 0; i < k->nr; i++) {
        int rc = data_verify(s, &k->pieces[i]);

        if (rc == 0)
            continue;
        k->problems++;
        snprintf(text, sizeof(text), "data block %llu: %s; the value it belongs to cannot be read",
                 (unsigned long long)k->pieces[i].ext.block,
                 rc == -DER_CSUM ? "its bytes do not match their checksum"
                                 : "the device cannot read it");
        k->report(k->arg, text);
    }
}

static int walk_store(struct shard *s, struct check *k)
{
    uint64_t steps = 0;
    int rc = 0;

    k->more = true;
    while (rc == 0 && k->more) {
        rc = shard_run(s, step, k);
        if (rc != 0)
            break;
        k->where = k->next;
        k->problems += k->step_problems;
        for (size_t off = 0; off < k->texts_len; off += strlen(k->texts + off) + 1)
            k->report(k->arg, k->texts + off);
        verify_pieces(s, k);
        if (k->progress != NULL)
            k->progress(k->arg, ++steps, 0);
        rt_yield();
    }
    return rc;
}

static void check_fiber(void *arg)
{
    struct check *k = arg;
    struct shard *s = &k->eng->shard;
    int rc;

    reclaim_hold(s);
    rc = heap_check(s->heap, k->report, k->arg, &k->problems);
    if (rc == 0)
        rc = walk_store(s, k);
    reclaim_release(s);
    step_reset(k);
    base_free(k->pieces);
    base_free(k->texts);
    k->rc = rc;
    rt_event_set(&k->done);
}

int engine_check(struct engine *eng, bool verify_data, void (*report)(void *arg, const char *text),
                 void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
                 uint64_t *problems)
{
    struct check k = {
        .eng = eng, .verify_data = verify_data, .report = report, .progress = progress, .arg = arg};
    int rc;

    rt_event_init(&k.done);
    rc = rt_spawn_on(eng->shard.xs, check_fiber, &k);
    if (rc != 0)
        return rc;
    rt_event_wait(&k.done);
    *problems = k.problems;
    return k.rc;
}

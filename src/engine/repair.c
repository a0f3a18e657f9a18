/*
 * Repair of a pool: what cannot be read is given up, so that all else is consistent again.
 *
 *   1  the heap is marked (heap/mend.h): from here on the pool opens for nothing else
 *   2  handles and sessions of the past go; containers whose records are lost go from the service
 *   3  the store, then the service's tables: what cannot be read is taken out (vos/repair.c)
 *      objects that lost their place in a container's tree get it back, if it is certain whose they
 * are 4  values in data space are read; those that are not what was written are marked so 5  what
 * the store has and the service does not is put there 6  everything is walked: counters are set,
 * what is met is noted 7  what is in use of data space becomes what was met; so does metadata;
 * totals 8  a checkpoint, and the mark goes
 *
 * Each is many small transactions that leave less to do for whoever begins again after a crash.
 */
#include "engine/repair.h"

static int advance(void *arg, uint64_t nr)
{
    struct mend *k = arg;

    k->done_nr += nr;
    k->total = MAX(k->total, k->done_nr);
    return k->progress != NULL ? k->progress(k->arg, k->done_nr, k->total) : 0;
}

void repair_line(void *arg, const char *text)
{
    struct mend *k = arg;

    k->out->given_up++;
    if (k->dry && k->report != NULL)
        k->report(k->arg, text);
}

/* ---- The store ---- */

static void said(void *arg, const struct vos_found *f)
{
    struct mend *k = arg;

    k->out->given_up++;
    check_lines_add(k->lines, f);
}

static void lost_conts(void *arg, uint64_t lo, uint64_t hi)
{
    struct mend *k = arg;

    for (uint32_t i = 0; i < k->lost_nr; i++)
        if (k->lost[i].lo <= lo && hi <= k->lost[i].hi)
            return;
    if (k->lost_nr == RANGES_MAX) { /* then all of them are looked at */
        k->lost[0].lo = 0;
        k->lost[0].hi = UINT64_MAX;
        return;
    }
    k->lost[k->lost_nr].lo = lo;
    k->lost[k->lost_nr++].hi = hi;
}

static int store_step(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return vos_repair(s->vos, &k->ops, &k->more);
}

static int store(struct shard *s, struct mend *k, bool dry)
{
    int rc = 0;

    k->ops.dry = dry;
    k->more = true;
    while (rc == 0 && k->more) {
        rc = shard_run(s, store_step, k);
        if (rc == 0)
            rc = advance(k, 1);
        rt_yield();
    }
    return rc;
}

/* ---- Values in data space ---- */

static size_t text_len(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static const char *copy(uint8_t **to, const char *text)
{
    char *at = (char *)*to;

    if (text == NULL)
        return NULL;
    *to += text_len(text);
    return strcpy(at, text);
}

static int keep_piece(void *arg, const struct vos_found *at, const struct vos_piece *p)
{
    struct mend *k = arg;
    uint64_t chunks =
        p->chunk_bytes > 0 ? DIV_UP(p->len + p->ext_off % p->chunk_bytes, p->chunk_bytes) : 0;
    struct piece *n;
    uint8_t *csums;

    if (k->piece_nr == k->piece_max) {
        uint32_t max = k->piece_max ? k->piece_max * 2 : 64;

        n = base_realloc(k->piece, max * sizeof(*n));
        if (n == NULL)
            return -DER_NOMEM;
        k->piece = n;
        k->piece_max = max;
    }
    csums = base_alloc(chunks * p->csum_len + 1 + text_len(at->dkey) + text_len(at->akey));
    if (csums == NULL)
        return -DER_NOMEM;
    if (p->csum_type != 0)
        memcpy(csums, p->csums, chunks * p->csum_len);
    n = &k->piece[k->piece_nr++];
    *n = (struct piece){.p = *p, .at = *at, .text = (char *)csums};
    n->p.csums = csums;
    csums += chunks * p->csum_len; /* what the step says of itself does not outlive it */
    n->at.dkey = copy(&csums, at->dkey);
    n->at.akey = copy(&csums, at->akey);
    return 0;
}

static void pieces_drop(struct mend *k)
{
    for (uint32_t i = 0; i < k->piece_nr; i++)
        base_free(k->piece[i].text);
    k->piece_nr = 0;
}

static void ignore(void *arg, const struct vos_found *f)
{
    (void)arg, (void)f;
}

static int walk_step(struct shard *s, void *arg)
{
    struct mend *k = arg;
    uint64_t problems = 0;

    pieces_drop(k);
    k->next = k->where;
    return vos_check(s->vos, &k->next, &k->walk, &problems, &k->more);
}

static int lose(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return vos_lose_bytes(s->vos, k->bad->p.ver, k->bad->p.pack);
}

/* Reads what the step named; whatever is not what was written loses its bytes. */
static int verify(struct shard *s, struct mend *k)
{
    int rc = 0;

    for (uint32_t i = 0; i < k->piece_nr && rc == 0; i++) {
        struct piece *n = &k->piece[i];

        if (n->p.ver == k->bad_ver || data_verify(s, &n->p) == 0)
            continue;
        k->bad = n;
        k->bad_ver = n->p.ver;
        n->at.text = "the bytes of a version in data space are lost; reading it is an error";
        said(k, &n->at);
        if (!k->dry)
            rc = shard_run(s, lose, k);
    }
    return rc;
}

/* Walks the store: values are verified (data), or counters set and all that is met noted. */
static int walk(struct shard *s, struct mend *k, bool data, bool recount)
{
    int rc = 0;

    k->walk = (struct vos_check_ops){.report = ignore, .arg = k};
    k->walk.data = data ? keep_piece : NULL;
    k->walk.refs = data ? NULL : &k->refs;
    k->walk.recount = recount && !k->dry;
    k->where = (struct vos_anchor){.eof = 0};
    k->walk.damaged = &k->damaged;
    k->damaged = false;
    k->more = true;
    k->bad_ver = 0;
    while (rc == 0 && k->more) {
        rc = shard_run(s, walk_step, k);
        if (rc != 0)
            break;
        k->where = k->next;
        rc = data ? verify(s, k) : 0;
        if (rc == 0)
            rc = advance(k, 1);
        rt_yield();
    }
    pieces_drop(k);
    return rc;
}

/* ---- Objects that lost their place ---- */

static int missing_step(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return vos_objects_missing(s->vos, &k->orphans_of, &k->missing);
}

static int refs_open(struct shard *s, void *arg)
{
    return heap_refs_open(s->heap, &((struct mend *)arg)->refs);
}

static int leaks_step(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return heap_refs_leaks(s->heap, &k->refs, k->page, &k->leaks);
}

static int adopt_obj(struct shard *s, void *arg)
{
    struct mend *k = arg;

    (void)s;
    return vos_object_adopt(k->orphans_of, k->orphan[k->orphan_at]);
}

static int all_found(struct shard *s, void *arg)
{
    (void)s;
    return vos_objects_found(((struct mend *)arg)->orphans_of);
}

/* The object records that nothing refers to: as many as are missing, or *enough is false. */
static int orphans(struct shard *s, struct mend *k, bool *enough)
{
    int rc = 0;

    k->orphan_nr = 0;
    for (k->page = 0; k->page < k->refs.pages && rc == 0; k->page++) {
        rc = shard_run(s, leaks_step, k);
        if (repair_is_damage(rc)) {
            rc = 0;
            continue;
        }
        for (uint32_t i = 0; rc == 0 && i < k->leaks.nr; i++) {
            if (k->leaks.kind[i] != 'O')
                continue;
            if (k->orphan_nr == k->missing)
                return 0;
            k->orphan[k->orphan_nr++] = k->leaks.off[i];
        }
    }
    *enough = k->orphan_nr == k->missing;
    return rc;
}

static int salvage(struct shard *s, struct mend *k)
{
    bool enough = false;
    int rc = shard_run(s, missing_step, k);

    if (rc != 0 || k->missing == 0 || k->orphans_of == NULL)
        return rc;
    k->orphan = base_alloc(k->missing * sizeof(*k->orphan));
    rc = k->orphan != NULL ? shard_run(s, refs_open, k) : -DER_NOMEM;
    if (rc == 0)
        rc = walk(s, k, false, false);
    if (rc == 0)
        rc = orphans(s, k, &enough);
    heap_refs_close(&k->refs);
    for (k->orphan_at = 0; rc == 0 && enough && k->orphan_at < k->orphan_nr; k->orphan_at++)
        rc = shard_run(s, adopt_obj, k);
    if (rc == 0 && enough)
        rc = shard_run(s, all_found, k);
    k->out->found += rc == 0 && enough ? k->orphan_nr : 0;
    base_free(k->orphan);
    return rc == 0 && enough ? store(s, k, false) : rc;
}

/* ---- What is left over ---- */

static int group_step(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return heap_mend_group(s->heap, &k->refs, k->page, k->dry, &k->mended);
}

static int page_step(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return heap_mend_page(s->heap, &k->refs, k->page, k->dry, &k->mended);
}

static int totals_step(struct shard *s, void *arg)
{
    return heap_mend_totals(s->heap, &((struct mend *)arg)->mended);
}

static int pages_of(struct shard *s, void *arg)
{
    struct heap_stat st;

    heap_stat(s->heap, &st);
    *(uint64_t *)arg = st.pages;
    return 0;
}

static int sweep(struct shard *s, struct mend *k)
{
    uint64_t problems = 0, pages = 0;
    struct check_left left = {.refs = &k->refs, .arg = k, .problems = &problems};
    int rc = shard_run(s, refs_open, k);

    if (rc == 0)
        rc = walk(s, k, false, true);
    if (rc == 0 && k->damaged && !k->dry) /* what lies behind it would be given back */
        rc = -DER_CSUM;
    for (k->page = 0; rc == 0 && k->page * SPACE_GROUP_BLOCKS < k->refs.blocks; k->page++)
        rc = shard_run(s, group_step, k);
    if (rc == 0)
        rc = check_refs_meet(s, &left);
    if (rc == 0 && problems > 0 && !k->dry)
        rc = -DER_CSUM;
    if (rc == 0)
        rc = shard_run(s, pages_of, &pages);
    for (k->page = 0; rc == 0 && k->page < pages; k->page++) {
        rc = shard_run(s, page_step, k);
        if (rc == 0)
            rc = advance(k, 1);
        if (k->page % 64 == 0)
            rt_yield();
    }
    if (rc == 0 && !k->dry)
        rc = shard_run(s, totals_step, k);
    k->out->freed = k->mended.freed;
    k->out->freed_bytes = k->mended.freed_bytes;
    k->out->pages = k->mended.pages;
    k->out->groups = k->mended.groups;
    return rc;
}

/* ---- The whole ---- */

static int mark_step(struct shard *s, void *arg)
{
    return heap_mend_mark(s->heap, *(bool *)arg);
}

static int begin(struct shard *s, void *arg)
{
    struct mend *k = arg;
    struct heap_stat hs;
    struct vos_stat vs;

    heap_stat(s->heap, &hs);
    vos_stat(s->vos, &vs);
    k->total = hs.pages + 4 * (vs.objects + vs.dkeys);
    return 0;
}

/* Dry: finds what is lost, and which containers with it. */
static int plan(struct shard *s, struct mend *k)
{
    bool dry = k->dry;
    int rc;

    k->dry = true;
    rc = store(s, k, true);
    if (rc == 0)
        rc = dry ? repair_conts(s, k) : 0;
    if (rc == 0)
        rc = repair_tables(s, k);
    k->dry = dry;
    return rc;
}

static int dry_run(struct shard *s, struct mend *k)
{
    int rc = plan(s, k);

    if (rc == 0)
        rc = walk(s, k, true, false);
    if (rc == 0)
        rc = check_lines_tell(s, k->lines);
    return rc == 0 ? sweep(s, k) : rc;
}

static int repair(struct shard *s, struct mend *k)
{
    bool on = true, off = false;
    uint64_t before;
    int rc = plan(s, k); /* before anything is changed: is it possible at all? */

    k->out->given_up = 0;
    if (rc == 0)
        rc = shard_run(s, mark_step, &on);
    if (rc == 0)
        rc = repair_conts(s, k);
    if (rc == 0)
        rc = store(s, k, false);
    if (rc == 0)
        rc = salvage(s, k);
    if (rc == 0)
        rc = repair_tables(s, k);
    if (rc == 0)
        rc = repair_conts(s, k); /* those that could not be read before */
    if (rc == 0)
        rc = walk(s, k, true, false);
    if (rc == 0)
        rc = repair_adopt(s, k);
    before = k->out->given_up;
    if (rc == 0)
        rc = sweep(s, k);
    k->out->given_up = before;
    if (rc == 0)
        rc = heap_checkpoint(s->heap);
    if (rc == 0)
        rc = shard_run(s, mark_step, &off);
    if (rc == 0)
        rc = heap_checkpoint(s->heap);
    if (rc == 0 && k->out->given_up > 0)
        rc = repair_nameless(s, k);
    return rc;
}

static void repair_fiber(void *arg)
{
    struct mend *k = arg;
    struct shard *s = k->eng->shard;
    int rc;

    reclaim_hold(s);
    rc = shard_run(s, begin, k);
    if (rc == 0)
        rc = k->dry ? dry_run(s, k) : repair(s, k);
    heap_refs_close(&k->refs);
    reclaim_release(s);
    k->rc = rc;
    rt_event_set(&k->ended);
}

int engine_repair(struct engine *eng, bool dry, void (*report)(void *arg, const char *text),
                  int (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
                  struct engine_repaired *done)
{
    struct mend *k = base_calloc(1, sizeof(*k));
    int rc;

    *done = (struct engine_repaired){0};
    if (k == NULL)
        return -DER_NOMEM;
    k->eng = eng;
    k->dry = dry;
    k->report = report;
    k->progress = progress;
    k->arg = arg;
    k->out = done;
    k->ops = (struct vos_repair_ops){.say = said, .lost_conts = lost_conts, .arg = k};
    k->lines = check_lines_open(eng, report, arg);
    rt_event_init(&k->ended);
    rc = k->lines != NULL ? rt_spawn_on(eng->shard->xs, repair_fiber, k) : -DER_NOMEM;
    if (rc == 0) {
        rt_event_wait(&k->ended);
        rc = k->rc;
    }
    check_lines_close(k->lines);
    base_free(k->uuid);
    base_free(k->piece);
    base_free(k);
    return rc;
}

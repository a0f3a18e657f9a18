/*
 * The shard checker: heap, then store (when asked, with every byte in data extents against its
 * checksum), then the service, then what is left over: allocations and blocks that nobody refers to
 * (check_refs.c). Nothing else runs meanwhile.
 *
 * What is found in the store is kept until all of it has been seen: then a second walk learns the
 * names of files (check_path.c), if there is anything to name, and each problem is told with its
 * container's label, its path or object id, its keys.
 */
#include <stdio.h>
#include "base/label.h"
#include "engine/engine_int.h"
#include "heap/mend.h"

#define KEPT_MAX 10000u /* problems told one by one; all are counted */
#define LINE_MAX 4096u

struct kept {
    struct kept *next;
    uint8_t cont[16];
    daos_obj_id_t oid;
    bool has_oid;
    char text[]; /* what is wrong where below the object */
};

struct piece {
    struct vos_piece p;
    struct vos_found at;
    char *below;
};

struct check {
    struct engine *eng;
    bool verify_data;
    void (*report)(void *arg, const char *text);
    int (*progress)(void *arg, uint64_t done, uint64_t total);
    void *arg;
    uint64_t problems;
    int rc;
    uint64_t done_nr, total; /* pages and keys */
    struct heap_refs refs;
    bool half_repaired;
    struct rt_event ended;
    /* one step of the store's walk */
    struct vos_check_ops ops;
    struct vos_anchor where, next;
    bool more;
    struct piece *pieces;
    uint32_t nr, max;
    uint64_t step_problems;
    struct kept *kept, **kept_end;
    uint64_t kept_nr;
    struct check_paths own_paths, *paths;
    uint8_t label_of[16];
    char label[DAOS_PROP_MAX_LABEL_BUF_LEN];
};

/* ---- What is found ---- */

/* Where below its object. */
static void below_text(const struct vos_found *f, char *buf, size_t len)
{
    size_t n = 0;

    buf[0] = '\0';
    if (f->dkey != NULL)
        n = (size_t)snprintf(buf, len, ", dkey %s", f->dkey);
    if (f->akey != NULL && n < len)
        snprintf(buf + n, len - n, ", akey %s", f->akey);
}

static void keep(struct check *k, const struct vos_found *f, const char *below, const char *text)
{
    size_t size = strlen(below) + strlen(text) + 3;
    struct kept *n = k->kept_nr < KEPT_MAX ? base_alloc(sizeof(*n) + size) : NULL;

    k->kept_nr++;
    if (n == NULL)
        return; /* the count still tells */
    n->next = NULL;
    memcpy(n->cont, f->cont, 16);
    n->oid = f->oid;
    n->has_oid = f->has_oid;
    snprintf(n->text, size, "%s: %s", below, text);
    *k->kept_end = n;
    k->kept_end = &n->next;
}

static void found(void *arg, const struct vos_found *f)
{
    char below[LINE_MAX / 2];

    below_text(f, below, sizeof(below));
    keep(arg, f, below, f->text);
}

/* Remembers a piece to be read after the step; its checksums are copied behind it. */
static int keep_piece(void *arg, const struct vos_found *at, const struct vos_piece *p)
{
    struct check *k = arg;
    uint64_t chunks =
        p->chunk_bytes > 0 ? DIV_UP(p->len + p->ext_off % p->chunk_bytes, p->chunk_bytes) : 0;
    char below[LINE_MAX / 2];
    struct piece *n;
    uint8_t *csums;

    if (k->nr == k->max) {
        uint32_t max = k->max ? k->max * 2 : 64;

        n = base_realloc(k->pieces, max * sizeof(*n));
        if (n == NULL)
            return -DER_NOMEM;
        k->pieces = n;
        k->max = max;
    }
    below_text(at, below, sizeof(below));
    csums = base_alloc(chunks * p->csum_len + 1 + strlen(below) + 1);
    if (csums == NULL)
        return -DER_NOMEM;
    if (p->csum_type != 0)
        memcpy(csums, p->csums, chunks * p->csum_len);
    n = &k->pieces[k->nr++];
    *n = (struct piece){.p = *p, .at = *at};
    n->p.csums = csums;
    n->below = strcpy((char *)csums + chunks * p->csum_len + 1, below);
    return 0;
}

static void step_reset(struct check *k)
{
    for (uint32_t i = 0; i < k->nr; i++)
        base_free((void *)k->pieces[i].p.csums);
    k->nr = 0;
    k->step_problems = 0;
}

static void verify_pieces(struct shard *s, struct check *k)
{
    char text[240], what[80] = "its value";

    for (uint32_t i = 0; i < k->nr; i++) {
        const struct piece *n = &k->pieces[i];
        int rc = data_verify(s, &n->p);

        if (rc == 0)
            continue;
        k->problems++;
        if (n->at.nr > 0)
            snprintf(what, sizeof(what), "its %s %llu to %llu",
                     n->at.rec_size == 1 ? "bytes" : "records", (unsigned long long)n->at.start,
                     (unsigned long long)(n->at.start + n->at.nr - 1));
        snprintf(text, sizeof(text), "data block %llu: %s; %s cannot be read",
                 (unsigned long long)n->p.ext.block,
                 rc == -DER_CSUM ? "its bytes do not match their checksum"
                                 : "the device cannot read it",
                 what);
        keep(k, &n->at, n->below, text);
    }
}

/* ---- Walking ---- */

static int step(struct shard *s, void *arg)
{
    struct check *k = arg;

    step_reset(k);
    k->next = k->where;
    return vos_check(s->vos, &k->next, &k->ops, &k->step_problems, &k->more);
}

/* So many more pages or keys are done. */
static int advance(void *arg, uint64_t nr)
{
    struct check *k = arg;

    k->done_nr += nr;
    k->total = MAX(k->total, k->done_nr);
    return k->progress != NULL ? k->progress(k->arg, k->done_nr, k->total) : 0;
}

static int walk_store(struct shard *s, struct check *k)
{
    int rc = 0;

    k->where = (struct vos_anchor){.eof = 0};
    k->more = true;
    while (rc == 0 && k->more) {
        rc = shard_run(s, step, k);
        if (rc != 0)
            break;
        k->where = k->next;
        if (k->ops.value == NULL)
            k->problems += k->step_problems;
        verify_pieces(s, k);
        rc = advance(k, 1);
        rt_yield();
    }
    return rc;
}

static void found_before(void *arg, const struct vos_found *f)
{
    (void)arg, (void)f;
}

static int learn(void *arg, const struct vos_found *at, uint64_t epoch, const void *bytes,
                 uint64_t len)
{
    return check_paths_learn(((struct check *)arg)->paths, at, epoch, bytes, len);
}

/* ---- Telling ---- */

static int label(struct shard *s, void *arg)
{
    struct check *k = arg;

    return svc_cont_label(s->svc, k->label_of, k->label, sizeof(k->label));
}

static void label_find(struct shard *s, struct check *k, const uint8_t cont[16])
{
    if (k->label[0] != '\0' && memcmp(k->label_of, cont, 16) == 0)
        return;
    memcpy(k->label_of, cont, 16);
    k->label[0] = '\0';
    if (shard_run(s, label, k) != 0 || k->label[0] == '\0')
        uuid_text_print(cont, k->label);
}

static void tell(struct shard *s, struct check *k)
{
    static const uint8_t nowhere[16];
    char *line = base_alloc(2 * LINE_MAX), *path = base_alloc(LINE_MAX);

    for (const struct kept *n = k->kept; n != NULL && line != NULL && path != NULL; n = n->next) {
        label_find(s, k, n->cont);
        if (memcmp(n->cont, nowhere, 16) == 0)
            snprintf(line, 2 * LINE_MAX, "store%s", n->text);
        else if (!n->has_oid)
            snprintf(line, 2 * LINE_MAX, "container %s%s", k->label, n->text);
        else if (check_paths_find(k->paths, n->cont, n->oid, path, LINE_MAX))
            snprintf(line, 2 * LINE_MAX, "container %s, %s (object %llu.%llu)%s", k->label, path,
                     (unsigned long long)n->oid.hi, (unsigned long long)n->oid.lo, n->text);
        else
            snprintf(line, 2 * LINE_MAX, "container %s, object %llu.%llu%s", k->label,
                     (unsigned long long)n->oid.hi, (unsigned long long)n->oid.lo, n->text);
        k->report(k->arg, line);
    }
    if (k->kept_nr > KEPT_MAX)
        k->report(k->arg, "there are more problems than can be told one by one");
    base_free(line);
    base_free(path);
}

int check_names(struct shard *s, struct check_paths *p)
{
    struct check *k = base_calloc(1, sizeof(*k));
    int rc;

    if (k == NULL)
        return -DER_NOMEM;
    k->eng = s->eng;
    k->ops = (struct vos_check_ops){.report = found_before, .value = learn, .arg = k};
    k->paths = p;
    rc = walk_store(s, k);
    base_free(k->pieces);
    base_free(k);
    return rc;
}

static void kept_free(struct check *k)
{
    while (k->kept != NULL) {
        struct kept *n = k->kept;

        k->kept = n->next;
        base_free(n);
    }
}

/* The problems of the store with their names. */
static int name_and_tell(struct shard *s, struct check *k)
{
    int rc;

    if (k->kept_nr == 0)
        return 0;
    k->paths = &k->own_paths;
    check_paths_init(k->paths);
    k->ops.report = found_before;
    k->ops.refs = NULL;
    k->ops.data = NULL;
    k->ops.value = learn;
    rc = walk_store(s, k);
    if (rc == 0 || rc == -DER_NOMEM) /* then with ids instead of names */
        tell(s, k);
    check_paths_fini(k->paths);
    return rc == -DER_NOMEM ? 0 : rc;
}

static void report_page(void *arg, const char *text)
{
    struct check *k = arg;

    if (k->report != NULL)
        k->report(k->arg, text);
}

/* How much there is to do. */
static int begin(struct shard *s, void *arg)
{
    struct check *k = arg;
    struct heap_stat hs;
    struct vos_stat vs;

    heap_stat(s->heap, &hs);
    vos_stat(s->vos, &vs);
    k->total = 2 * hs.pages + vs.objects + vs.dkeys;
    k->half_repaired = heap_mend_under_way(s->heap);
    k->ops.refs = &k->refs;
    heap_refs_watch(s->heap, &k->refs);
    return heap_refs_open(s->heap, &k->refs);
}

/* ---- Lines of others ---- */

struct check_lines {
    struct check k;
};

struct check_lines *check_lines_open(struct engine *eng,
                                     void (*report)(void *arg, const char *text), void *arg)
{
    struct check_lines *l = base_calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->k = (struct check){.eng = eng, .report = report, .arg = arg};
    l->k.ops.arg = &l->k;
    l->k.kept_end = &l->k.kept;
    return l;
}

void check_lines_add(struct check_lines *l, const struct vos_found *f)
{
    found(&l->k, f);
}

int check_lines_tell(struct shard *s, struct check_lines *l)
{
    return name_and_tell(s, &l->k);
}

void check_lines_close(struct check_lines *l)
{
    if (l == NULL)
        return;
    step_reset(&l->k);
    kept_free(&l->k);
    base_free(l->k.pieces);
    base_free(l);
}

static void check_fiber(void *arg)
{
    struct check *k = arg;
    struct shard *s = k->eng->shard;
    int rc;

    reclaim_hold(s);
    rc = shard_run(s, begin, k);
    if (rc == 0)
        rc = heap_check_tick(s->heap, report_page, advance, k, &k->problems);
    if (rc == 0 && k->half_repaired) {
        k->problems++;
        report_page(k, "a repair was cut short: the pool opens for reading only until 'tarn check "
                       "--repair' has come to its end");
    }
    if (rc == 0)
        rc = walk_store(s, k);
    if (rc == 0)
        rc = check_refs(s, &(struct check_left){.refs = &k->refs,
                                                .report = k->report,
                                                .arg = k->arg,
                                                .problems = &k->problems,
                                                .advance = advance,
                                                .advance_arg = k});
    if (rc == 0 && k->report != NULL)
        rc = name_and_tell(s, k);
    heap_refs_close(&k->refs);
    reclaim_release(s);
    step_reset(k);
    kept_free(k);
    base_free(k->pieces);
    k->rc = rc;
    rt_event_set(&k->ended);
}

int engine_check(struct engine *eng, bool verify_data, void (*report)(void *arg, const char *text),
                 int (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
                 uint64_t *problems)
{
    struct check *k = base_calloc(1, sizeof(*k));
    int rc;

    if (k == NULL)
        return -DER_NOMEM;
    *k = (struct check){
        .eng = eng, .verify_data = verify_data, .report = report, .progress = progress, .arg = arg};
    k->ops =
        (struct vos_check_ops){.report = found, .data = verify_data ? keep_piece : NULL, .arg = k};
    k->kept_end = &k->kept;
    rt_event_init(&k->ended);
    rc = rt_spawn_on(eng->shard->xs, check_fiber, k);
    if (rc == 0) {
        rt_event_wait(&k->ended);
        *problems = k->problems;
        rc = k->rc;
    }
    base_free(k);
    return rc;
}

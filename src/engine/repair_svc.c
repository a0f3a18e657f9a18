/* What a repair does with the pool service: its tables, the containers it knows; and objects that
 * no name leads to any more. */
#include <stdio.h>
#include "engine/repair.h"

#define NAMELESS_MAX 1000u /* told one by one; all are counted */

/* ---- The service ---- */

/* On the first shard. */
static int ask(struct mend *k, int (*op)(struct shard *s, void *arg))
{
    return shard_run(k->eng->shard, op, k);
}

static int svc_step(struct shard *s, void *arg)
{
    struct mend *k = arg;
    bool done;
    int rc = svc_mend_step(s->svc, &k->svc, k->dry, repair_line, k, &done);

    k->more = !done;
    return rc;
}

int repair_tables(struct mend *k)
{
    int rc = 0;

    k->svc = (struct svc_mender){.table = 0};
    k->more = true;
    while (rc == 0 && k->more)
        rc = ask(k, svc_step);
    k->out->impossible |= k->svc.fatal;
    return rc == 0 && k->svc.fatal ? -DER_NOTSUPPORTED : rc;
}

static int drop_handles(struct shard *s, void *arg)
{
    (void)arg;
    return svc_drop_handles(s->svc);
}

static int next_cont(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return svc_next_cont(s->svc, k->cur, &k->started);
}

static int unused(struct shard *s, void *arg)
{
    return svc_cont_unused(s->svc, ((struct mend *)arg)->cur);
}

static int forget(struct shard *s, void *arg)
{
    return svc_forget_cont(s->svc, ((struct mend *)arg)->cur);
}

/* Calls fn(k) for every container of the service, as cur. Whatever cannot be read of it is no error
 * here: its table is mended. */
static int each_known(struct mend *k, int (*fn)(struct mend *k))
{
    int rc = 0;

    k->started = false;
    memset(k->cur, 0, sizeof(k->cur));
    while (rc == 0 && (rc = ask(k, next_cont)) == 0) {
        rc = fn(k);
        rc = repair_is_damage(rc) ? 0 : rc;
    }
    return rc == -DER_NONEXIST || repair_is_damage(rc) ? 0 : rc;
}

/* ---- Containers that stores have lost ---- */

static int list_conts(struct shard *s, void *arg)
{
    return store_conts(s, &((struct mend *)arg)->conts[s->target]);
}

static int list_all(struct mend *k)
{
    return shards_each_in_turn(k->eng, list_conts, k);
}

/* Had this store the container, which it has not now? */
static bool maybe_lost(const struct mend *k, uint32_t target)
{
    const struct lost_conts *l = &k->lost[target];
    uint64_t h = hash_bytes(k->cur, 16);

    if (store_conts_has(&k->conts[target], k->cur))
        return false;
    for (uint32_t i = 0; i < l->nr; i++)
        if (l->range[i].lo <= h && h <= l->range[i].hi)
            return true;
    return false;
}

/* No store has it, and one may have lost it. */
static bool is_lost(const struct mend *k)
{
    bool lost = false;

    for (uint32_t i = 0; i < k->eng->shard_nr; i++) {
        if (!shard_serves(&k->eng->shard[i]) || store_conts_has(&k->conts[i], k->cur))
            return false;
        lost = lost || maybe_lost(k, i);
    }
    return lost;
}

static int one_known(struct mend *k)
{
    char text[120], uuid[UUID_STR_LEN];

    if (!is_lost(k))
        return k->dry ? 0 : ask(k, unused);
    uuid_unparse(k->cur, uuid);
    snprintf(text, sizeof(text), "container %s is lost: its name is forgotten", uuid);
    repair_line(k, text);
    return k->dry ? 0 : ask(k, forget);
}

/* Containers of the service: nobody has them open; those that no store has, and one has lost, go.
 */
int repair_conts(struct mend *k)
{
    int rc = k->dry ? 0 : ask(k, drop_handles);

    if (rc == 0)
        rc = list_all(k);
    return rc == 0 ? each_known(k, one_known) : rc;
}

static int doubt(struct shard *s, void *arg)
{
    struct vos_cont *c;
    int rc = vos_cont_open(s->vos, ((struct mend *)arg)->cur, true, &c);

    return rc == 0 ? vos_cont_doubt(c) : rc;
}

static int run_doubt(struct shard *s, void *arg)
{
    return shard_run(s, doubt, arg);
}

static int one_doubt(struct mend *k)
{
    char text[240], uuid[UUID_STR_LEN];
    int rc = 0;

    if (is_lost(k)) /* dry: it is told of */
        return 0;
    uuid_unparse(k->cur, uuid);
    for (uint32_t i = 0; i < k->eng->shard_nr && rc == 0; i++) {
        struct shard *s = &k->eng->shard[i];

        if (!shard_serves(s) || store_conts_has(&k->conts[i], k->cur) ||
            !(k->lost[i].any || maybe_lost(k, i)))
            continue;
        snprintf(text, sizeof(text),
                 "target %u: container %s may have lost what it had there: whatever is not found "
                 "there is an error from now on",
                 i, uuid);
        repair_line(k, text);
        rc = k->dry ? 0 : shards_one(s, run_doubt, k);
    }
    return rc;
}

/* A pool of one has given up what its store has lost. */
int repair_doubt(struct mend *k)
{
    int rc = k->eng->shard_nr > 1 ? list_all(k) : 0;

    return rc == 0 && k->eng->shard_nr > 1 ? each_known(k, one_doubt) : rc;
}

/* ---- What one has and the other has lost ---- */

static int known(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return svc_has_cont(s->svc, k->cur, &k->alive, &k->gone);
}

static int adopt_cont(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return svc_adopt_cont(s->svc, k->cur, hlc_get(s->clock, engine_wall_ns(s->eng)), &k->made);
}

static int adopt_snap(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return svc_adopt_snap(s->svc, k->cur, k->epoch, &k->made);
}

static int next_snap(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return svc_next_snap(s->svc, k->cur, &k->epoch, &k->started);
}

/* A snapshot that the service knows; mostly the store does too. */
static int add_snap(struct shard *s, void *arg)
{
    struct mend *k = arg;
    struct vos_cont *c;
    int rc = vos_cont_open(s->vos, k->cur, false, &c);

    return rc == 0 ? vos_snap_add(c, k->epoch) : rc;
}

static int run_add(struct shard *s, void *arg)
{
    return shard_run(s, add_snap, arg);
}

/* Of the container: what this store has goes to the service. */
static int to_service(struct mend *k, struct shard *of)
{
    int rc = ask(k, known);

    if (rc != 0 || k->gone) /* the store follows at the next opening */
        return rc;
    rc = ask(k, adopt_cont);
    k->out->adopted += rc == 0 && k->made;
    if (rc == 0)
        rc = store_snaps(of, k->cur, &k->snaps);
    for (uint32_t i = 0; rc == 0 && i < k->snaps.nr; i++) {
        k->epoch = k->snaps.epoch[i];
        rc = ask(k, adopt_snap);
        k->out->adopted += rc == 0 && k->made;
    }
    return rc;
}

static int to_store(struct mend *k, struct shard *of)
{
    int rc;

    k->started = false;
    while ((rc = ask(k, next_snap)) == 0) {
        rc = shards_one(of, run_add, k);
        if (rc != 0)
            return rc;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int each_stored(struct mend *k, int (*fn)(struct mend *k, struct shard *of))
{
    int rc = list_all(k);

    for (uint32_t t = 0; t < k->eng->shard_nr && rc == 0; t++)
        for (uint32_t i = 0; shard_serves(&k->eng->shard[t]) && i < k->conts[t].nr && rc == 0;
             i++) {
            memcpy(k->cur, k->conts[t].uuid[i], 16);
            rc = fn(k, &k->eng->shard[t]);
        }
    return rc;
}

/* One that no store has may have lost its properties. */
static int whole(struct mend *k)
{
    int rc = ask(k, adopt_cont);

    k->out->adopted += rc == 0 && k->made;
    return rc;
}

int repair_adopt(struct mend *k)
{
    int rc = each_stored(k, to_service);

    if (rc == 0)
        rc = each_known(k, whole);
    return rc == 0 ? each_stored(k, to_store) : rc;
}

/* ---- Names ---- */

struct nameless {
    struct mend *k;
    struct check_paths *paths;
    struct vos_anchor at;
    uint64_t nr;
};

static int one_object(void *arg, const struct vos_entry *e)
{
    struct nameless *n = arg;
    char path[16], text[512];

    if (e->oid.lo == 0 || check_paths_find(n->paths, n->k->cur, e->oid, path, sizeof(path)))
        return 0; /* the superblock and the root have no name */
    if (n->nr++ >= NAMELESS_MAX || n->k->report == NULL)
        return 0;
    snprintf(text, sizeof(text),
             "no name leads to object %llu.%llu of container %s; 'tarn inspect POOL --object "
             "%s/%llu.%llu' shows it",
             (unsigned long long)e->oid.hi, (unsigned long long)e->oid.lo, n->k->label, n->k->label,
             (unsigned long long)e->oid.hi, (unsigned long long)e->oid.lo);
    n->k->report(n->k->arg, text);
    return 0;
}

static int list_objects(struct shard *s, void *arg)
{
    struct nameless *n = arg;
    struct vos_anchor at = n->at; /* a step that is repeated starts where it started */
    uint64_t lsn;
    struct vos_cont *c;
    int rc = vos_cont_open(s->vos, n->k->cur, false, &c);

    if (rc == 0)
        rc = vos_list(c, DAOS_EPOCH_MAX, VOS_OBJ, (daos_obj_id_t){0}, NULL, NULL, false, &at,
                      one_object, n, &lsn);
    if (rc == 0)
        n->at = at;
    return rc;
}

static int label(struct shard *s, void *arg)
{
    struct mend *k = arg;

    return svc_cont_label(s->svc, k->cur, k->label, sizeof(k->label));
}

static int run_label(struct shard *s, void *arg)
{
    return shard_run(s, label, arg);
}

static int nameless_of(struct shard *s, void *arg)
{
    struct nameless *n = arg;
    struct mend *k = n->k;
    const struct cont_list *l = &k->conts[s->target];
    daos_obj_id_t root;
    int rc = 0;

    for (uint32_t i = 0; i < l->nr && rc == 0; i++) {
        memcpy(k->cur, l->uuid[i], 16);
        if (!check_paths_lookup(n->paths, k->cur, "", &root)) /* no file system */
            continue;
        if (shards_one(k->eng->shard, run_label, k) != 0 || k->label[0] == '\0')
            uuid_unparse(k->cur, k->label);
        n->at = (struct vos_anchor){.eof = 0};
        while (rc == 0 && !n->at.eof)
            rc = shard_run(s, list_objects, n);
    }
    return rc;
}

int repair_nameless(struct mend *k)
{
    struct check_paths paths;
    struct nameless n = {.k = k, .paths = &paths};
    int rc;

    check_paths_init(&paths);
    rc = check_names(k->eng, &paths);
    if (rc == 0)
        rc = list_all(k);
    if (rc == 0)
        rc = shards_each_in_turn(k->eng, nameless_of, &n);
    k->out->nameless += n.nr;
    check_paths_fini(&paths);
    return rc == -DER_NOMEM || repair_is_damage(rc) ? 0
                                                    : rc; /* the pool is repaired all the same */
}

/* What a repair does with the pool service: its tables, the containers it knows; and objects that
 * no name leads to any more. */
#include <stdio.h>
#include "engine/repair.h"

#define NAMELESS_MAX 1000u /* told one by one; all are counted */

/* ---- The service ---- */

static int svc_step(struct shard *s, void *arg)
{
    struct mend *k = arg;
    bool done;
    int rc = svc_mend_step(s->svc, &k->svc, k->dry, repair_line, k, &done);

    k->more = !done;
    return rc;
}

int repair_tables(struct shard *s, struct mend *k)
{
    int rc = 0;

    k->svc = (struct svc_mender){.table = 0};
    k->more = true;
    while (rc == 0 && k->more)
        rc = shard_run(s, svc_step, k);
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

static void note_uuid(void *arg, const uuid_t uuid)
{
    struct mend *k = arg;

    if (k->uuid_nr < k->uuid_max)
        memcpy(k->uuid[k->uuid_nr++], uuid, 16);
}

static int list_conts(struct shard *s, void *arg)
{
    struct mend *k = arg;
    struct vos_stat st;

    vos_stat(s->vos, &st);
    k->uuid_nr = 0;
    k->uuid_max = (uint32_t)st.conts + 64;
    base_free(k->uuid);
    k->uuid = base_alloc(k->uuid_max * sizeof(*k->uuid));
    if (k->uuid == NULL)
        return -DER_NOMEM;
    vos_each_cont(s->vos, note_uuid, k);
    return 0;
}

static bool in_store(const struct mend *k, const uint8_t cont[16])
{
    for (uint32_t i = 0; i < k->uuid_nr; i++)
        if (memcmp(k->uuid[i], cont, 16) == 0)
            return true;
    return false;
}

static bool maybe_lost(const struct mend *k, const uint8_t cont[16])
{
    uint64_t h = hash_bytes(cont, 16);

    for (uint32_t i = 0; i < k->lost_nr; i++)
        if (k->lost[i].lo <= h && h <= k->lost[i].hi)
            return true;
    return false;
}

static int forget(struct shard *s, void *arg)
{
    return svc_forget_cont(s->svc, ((struct mend *)arg)->cur);
}

/* Containers of the service: nobody has them open; those whose record in the store is lost go. */
int repair_conts(struct shard *s, struct mend *k)
{
    int rc = k->dry ? 0 : shard_run(s, drop_handles, NULL);

    if (rc == 0)
        rc = shard_run(s, list_conts, k);
    k->started = false;
    memset(k->cur, 0, sizeof(k->cur));
    while (rc == 0 && (rc = shard_run(s, next_cont, k)) == 0) {
        char text[120], uuid[UUID_STR_LEN];

        if (!in_store(k, k->cur) && maybe_lost(k, k->cur)) {
            uuid_unparse(k->cur, uuid);
            snprintf(text, sizeof(text), "container %s is lost: its name is forgotten", uuid);
            repair_line(k, text);
            rc = k->dry ? 0 : shard_run(s, forget, k);
        } else if (!k->dry) {
            rc = shard_run(s, unused, k);
        }
        rc = repair_is_damage(rc) ? 0 : rc; /* its table is mended below */
    }
    return rc == -DER_NONEXIST || repair_is_damage(rc) ? 0 : rc;
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

static int list_snaps(struct shard *s, void *arg)
{
    struct mend *k = arg;
    struct vos_cont *c;
    int rc = vos_cont_open(s->vos, k->cur, false, &c);

    if (rc == 0)
        rc = vos_snap_list(c, k->snaps, ARRAY_LEN(k->snaps), &k->snap_nr);
    return rc;
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

/* What the store has and the service has lost, and the other way round. */
int repair_adopt(struct shard *s, struct mend *k)
{
    int rc = shard_run(s, list_conts, k);

    for (uint32_t i = 0; i < k->uuid_nr && rc == 0; i++) {
        memcpy(k->cur, k->uuid[i], 16);
        rc = shard_run(s, adopt_cont, k);
        k->out->adopted += rc == 0 && k->made;
        k->started = false;
        while (rc == 0 && (rc = shard_run(s, next_snap, k)) == 0)
            rc = shard_run(s, add_snap, k);
        rc = rc == -DER_NONEXIST ? 0 : rc;
        if (rc == 0)
            rc = shard_run(s, list_snaps, k);
        for (uint32_t n = 0; rc == 0 && n < MIN(k->snap_nr, (uint32_t)ARRAY_LEN(k->snaps)); n++) {
            k->epoch = k->snaps[n];
            rc = shard_run(s, adopt_snap, k);
            k->out->adopted += rc == 0 && k->made;
        }
    }
    return rc;
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

int repair_nameless(struct shard *s, struct mend *k)
{
    struct check_paths paths;
    daos_obj_id_t root;
    int rc;

    check_paths_init(&paths);
    rc = check_names(s, &paths);
    if (rc == 0)
        rc = shard_run(s, list_conts, k);
    for (uint32_t i = 0; i < k->uuid_nr && rc == 0; i++) {
        struct nameless n = {.k = k, .paths = &paths};

        memcpy(k->cur, k->uuid[i], 16);
        if (!check_paths_lookup(&paths, k->cur, "", &root)) /* no file system */
            continue;
        if (shard_run(s, label, k) != 0 || k->label[0] == '\0')
            uuid_unparse(k->cur, k->label);
        while (rc == 0 && !n.at.eof)
            rc = shard_run(s, list_objects, &n);
        k->out->nameless += n.nr;
    }
    check_paths_fini(&paths);
    return rc == -DER_NOMEM || repair_is_damage(rc) ? 0
                                                    : rc; /* the pool is repaired all the same */
}

/* What the store of a shard has: its containers, the snapshots that it keeps of one. */
#include "engine/engine_int.h"

static void note(void *arg, const uuid_t uuid)
{
    struct cont_list *l = arg;

    if (l->nr < l->max)
        memcpy(l->uuid[l->nr++], uuid, 16);
}

static int list_conts(struct shard *s, void *arg)
{
    struct cont_list *l = arg;
    struct vos_stat st;

    vos_stat(s->vos, &st);
    base_free(l->uuid);
    l->nr = 0;
    l->max = (uint32_t)st.conts + 64;
    l->uuid = base_alloc(l->max * sizeof(*l->uuid));
    if (l->uuid == NULL)
        return -DER_NOMEM;
    vos_each_cont(s->vos, note, l);
    return 0;
}

static int run_conts(struct shard *s, void *arg)
{
    return shard_run(s, list_conts, arg);
}

int store_conts(struct shard *s, struct cont_list *l)
{
    return shards_one(s, run_conts, l);
}

bool store_conts_has(const struct cont_list *l, const uint8_t cont[16])
{
    for (uint32_t i = 0; i < l->nr; i++)
        if (memcmp(l->uuid[i], cont, 16) == 0)
            return true;
    return false;
}

static int list_snaps(struct shard *s, void *arg)
{
    struct snap_list *l = arg;
    struct vos_cont *c;
    int rc = vos_cont_open(s->vos, l->cont, false, &c);

    return rc == 0 ? vos_snap_list(c, l->epoch, l->max, &l->nr) : rc;
}

static int run_snaps(struct shard *s, void *arg)
{
    return shard_run(s, list_snaps, arg);
}

int store_snaps(struct shard *s, const uint8_t cont[16], struct snap_list *l)
{
    int rc;

    memcpy(l->cont, cont, sizeof(l->cont));
    for (;;) {
        l->nr = 0;
        rc = shards_one(s, run_snaps, l);
        if (rc != 0)
            l->nr = 0;
        if (rc != 0 || l->nr <= l->max)
            return rc;
        base_free(l->epoch);
        l->max = l->nr;
        l->epoch = base_alloc(l->max * sizeof(*l->epoch));
        if (l->epoch == NULL) {
            l->max = l->nr = 0;
            return -DER_NOMEM;
        }
    }
}

bool store_snaps_has(const struct snap_list *l, uint64_t epoch)
{
    for (uint32_t i = 0; i < l->nr; i++)
        if (l->epoch[i] == epoch)
            return true;
    return false;
}

/* The pool service's answers about space, and about targets as they are now. */
#include "engine/engine_int.h"

static void fill_space(struct shard *s, struct msg_space *sp)
{
    uint64_t room = s->eng->conf.readonly ? 0 : super_room(s->devs.role[SUPER_DATA]);
    struct heap_stat hs;

    heap_lock(s->heap);
    heap_stat(s->heap, &hs);
    heap_unlock(s->heap);
    /* Metadata and data mostly grow into the same file system; its room is shown with the data. */
    sp->scm_total = hs.pages * HEAP_PAGE_SIZE;
    sp->scm_free = hs.pages_free * HEAP_PAGE_SIZE;
    sp->nvme_total = hs.data_total + room;
    sp->nvme_free = hs.data_total - hs.data_used + room;
}

/* The room that targets may grow into is mostly one file system's: each has an equal part. */
static void share_room(struct engine *eng, struct msg_space *sp)
{
    uint32_t serving = 0;

    for (uint32_t i = 0; i < eng->shard_nr; i++)
        serving += shard_serves(&eng->shard[i]);
    if (serving > 1 && eng->shard->devs.role[SUPER_DATA] != NULL && !eng->conf.readonly &&
        super_id(eng->shard->devs.role[SUPER_DATA])->limit_bytes == 0) {
        uint64_t room = super_room(eng->shard->devs.role[SUPER_DATA]);
        uint64_t less = room - room / serving;

        sp->nvme_total -= MIN(less, sp->nvme_free);
        sp->nvme_free -= MIN(less, sp->nvme_free);
    }
}

static int each_space(struct shard *s, void *arg)
{
    struct msg_space *sp = (struct msg_space *)arg + s->target;

    fill_space(s, sp);
    share_room(s->eng, sp);
    return 0;
}

static void space_add(struct msg_pool_info *info, const struct msg_space *sp, bool first)
{
#define ADD(f)                                                                                     \
    info->space.f += sp->f;                                                                        \
    info->space_min.f = first ? sp->f : MIN(info->space_min.f, sp->f);                             \
    info->space_max.f = MAX(info->space_max.f, sp->f)
    ADD(scm_total);
    ADD(scm_free);
    ADD(nvme_total);
    ADD(nvme_free);
#undef ADD
}

static void space_mean(struct msg_pool_info *info, uint32_t nr)
{
    info->space_mean = (struct msg_space){.scm_total = info->space.scm_total / nr,
                                          .scm_free = info->space.scm_free / nr,
                                          .nvme_total = info->space.nvme_total / nr,
                                          .nvme_free = info->space.nvme_free / nr};
}

int svc_space_pool(struct shard *s, struct arena *mem, uint64_t bits, struct msg_pool_info *info)
{
    struct engine *eng = s->eng;
    struct msg_space *sp = arena_calloc(mem, eng->shard_nr, sizeof(*sp));
    uint32_t nr = 0;

    info->bits = bits & ~(uint64_t)DPI_ENGINES_DEAD;
    for (uint32_t i = 0; i < eng->shard_nr; i++)
        info->ndisabled += !shard_serves(&eng->shard[i]);
    if (!(bits & DPI_SPACE))
        return 0;
    if (sp == NULL || shards_each(eng, each_space, sp) != 0)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < eng->shard_nr; i++)
        if (shard_serves(&eng->shard[i]))
            space_add(info, &sp[i], nr++ == 0);
    if (nr > 0)
        space_mean(info, nr);
    return 0;
}

static int one_space(struct shard *s, void *arg)
{
    fill_space(s, arg);
    share_room(s->eng, arg);
    return 0;
}

int svc_space_target(struct shard *of, struct msg_space *sp)
{
    return shards_one(of, one_space, sp);
}

int svc_map_down(struct shard *s, struct arena *mem, struct msg_buf *buf)
{
    const struct place_target *t;
    struct place_target *now;
    struct place_map *map, *told;
    size_t len = buf->len;
    uint8_t *bytes;
    uint32_t nr;
    int rc;

    if (shards_all_serve(s->eng))
        return 0;
    rc = place_map_decode(buf->buf, buf->len, &map);
    if (rc != 0)
        return rc;
    t = place_map_targets(map, &nr);
    now = arena_memdup(mem, t, nr * sizeof(*t));
    bytes = arena_alloc(mem, len);
    rc = now != NULL && bytes != NULL ? 0 : -DER_NOMEM;
    for (uint32_t i = 0; rc == 0 && i < nr; i++)
        if (now[i].id < s->eng->shard_nr && !shard_serves(&s->eng->shard[now[i].id]))
            now[i].state = DAOS_TS_DOWN;
    if (rc == 0)
        rc = place_map_create(place_map_version(map), now, nr, &told);
    place_map_free(map);
    if (rc != 0)
        return rc;
    rc = place_map_encode(told, bytes, &len);
    place_map_free(told);
    if (rc == 0)
        *buf = (struct msg_buf){bytes, (uint32_t)len};
    return rc;
}

/* The pool that targets damage or ask hostile questions. Smaller than engine_pool_format() makes
 * them, because every input opens it anew. */
#include "fuzz_image.h"
#include "../unit/engine/engine_rig.h"
#include "heap/heap.h"
#include "heap/wal.h"
#include "place/place.h"
#include "svc/svc.h"
#include "vos/vos.h"

#define WAL_BYTES  (8u << 20) /* the least an engine works with */
#define META_BYTES (2u << 20)
#define DATA_BYTES (512u << 10)

static char bytes[40000];

static void put_array(struct rig *r, uint64_t obj, uint64_t idx, uint64_t nr, uint64_t epoch_no)
{
    daos_recx_t recx = {idx, nr};
    struct msg_iod iod = {.akey = rig_key("array"),
                          .type = DAOS_IOD_ARRAY,
                          .rec_size = 1,
                          .recxs = &recx,
                          .recxs_nr = 1};
    struct msg_op op = {.kind = MSG_OP_UPDATE,
                        .oid = rig_oid(obj),
                        .dkey = rig_key("dkey"),
                        .iods = &iod,
                        .iods_nr = 1};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep rep;
    struct iovec iov = {bytes + epoch_no, nr};
    struct net_call call;

    memcpy(q.hdl, r->coh, 16);
    net_call_init(&call, MSG_OBJ_UPDATE);
    call.req = &q;
    call.rep = &rep;
    call.bulk[0] = (struct net_bulk){&iov, 1, false};
    call.bulk_nr = 1;
    FUZZ_CHECK(net_call_wait(r->peer, &call) == 0);
    net_call_fini(&call);
}

static void punch_object(struct rig *r, uint64_t obj)
{
    struct msg_op op = {.kind = MSG_OP_PUNCH, .level = MSG_OBJ, .oid = rig_oid(obj)};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep rep;

    memcpy(q.hdl, r->coh, 16);
    FUZZ_CHECK(rig_ask(r, MSG_OBJ_UPDATE, &q, &rep) == 0);
}

static void put_attrs(struct rig *r, uint8_t scope)
{
    const char *names[] = {"colour", "size"};
    struct msg_buf values[] = {{"green", 5}, {bytes, 1000}};
    struct msg_attr_set_rep rep;
    struct msg_attr_set_req q = {
        .scope = scope, .names = names, .names_nr = 2, .values = values, .values_nr = 2};

    memcpy(q.hdl, scope == MSG_SCOPE_POOL ? r->poh : r->coh, 16);
    FUZZ_CHECK(rig_ask(r, MSG_ATTR_SET, &q, &rep) == 0);
}

static void snapshot(struct rig *r)
{
    struct msg_snap_create_req q = {.opts = DAOS_SNAP_OPT_CR};
    struct msg_snap_create_rep rep;

    memcpy(q.hdl, r->coh, 16);
    FUZZ_CHECK(rig_ask(r, MSG_SNAP_CREATE, &q, &rep) == 0);
}

static void fill(struct rig *r)
{
    static const uint32_t sizes[] = {1, 40, 700, 3000, 4096, 9000, 40000};
    char key[32];

    for (uint32_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)mix64(i / 3);
    /* 1: a tree with inner nodes; 2: every way to keep a value; 3, 4: extents over each other */
    for (uint32_t i = 0; i < 150; i++) {
        snprintf(key, sizeof(key), "dkey-%u", i);
        FUZZ_CHECK(rig_put(r, 1, key, "a", bytes + i, 8) == 0);
    }
    for (uint32_t i = 0; i < ARRAY_LEN(sizes); i++) {
        snprintf(key, sizeof(key), "akey-%u", i);
        FUZZ_CHECK(rig_put(r, 2, "dkey", key, bytes, sizes[i]) == 0);
    }
    put_array(r, 3, 0, 100, 0);
    put_array(r, 3, 50, 2000, 7);
    snapshot(r);
    put_array(r, 3, 60, 10, 3);
    put_array(r, 4, 1u << 20, 40000, 0);
    put_array(r, 4, (1u << 20) + 33000, 100, 1);
    /* 5: old versions under a snapshot; 6: gone */
    for (uint32_t i = 0; i < 6; i++)
        FUZZ_CHECK(rig_put(r, 5, "dkey", "a", bytes + i, 100) == 0);
    FUZZ_CHECK(rig_put(r, 6, "dkey", "a", bytes, 5000) == 0);
    punch_object(r, 6);
    put_attrs(r, MSG_SCOPE_POOL);
    put_attrs(r, MSG_SCOPE_CONT);
}

/* ---- Making and closing ---- */

struct store {
    struct io_dev *dev;
    struct super *super;
    struct heap *h;
};

static void store_open(struct store *s)
{
    struct heap_conf conf = {.xs = fuzz_xs()};

    for (int r = 0; r < SUPER_ROLE_NR; r++)
        conf.dev[r] = s->super;
    FUZZ_CHECK(heap_open(&conf, &s->h, NULL) == 0);
}

static void store_close(struct store *s)
{
    FUZZ_CHECK(heap_checkpoint(s->h) == 0 && heap_close(s->h, true) == 0);
    super_close(s->super);
    io_dev_close(s->dev);
}

static int stores_fill(struct heap *h, bool *vos_done, const struct svc_format *sf)
{
    uint32_t bad;
    int rc = *vos_done ? 0 : vos_format(h);

    *vos_done = rc == 0;
    return rc != 0 ? rc : svc_format(h, sf, &bad);
}

static void stores_format(struct heap *h)
{
    struct place_target t = {
        .id = 0, .weight = 1, .state = DAOS_TS_UP_IN, .joined = 1, .changed = 1};
    struct svc_format sf = {.pool = {9, 8, 7}, .owner = "ann@", .group = "lab@", .domains = 1};
    struct heap_pins pins = HEAP_PINS_INIT;
    struct place_map *map;
    uint8_t map_bytes[256];
    size_t map_len = sizeof(map_bytes);
    bool vos_done = false;
    int rc;

    FUZZ_CHECK(place_map_create(1, &t, 1, &map) == 0);
    FUZZ_CHECK(place_map_encode(map, map_bytes, &map_len) == 0);
    place_map_free(map);
    sf.map = map_bytes;
    sf.map_len = (uint32_t)map_len;
    do {
        heap_lock(h);
        rc = stores_fill(h, &vos_done, &sf);
        heap_pins_take(h, &pins);
        heap_unlock(h);
    } while (heap_retry(h, &pins, &rc));
    heap_pins_drop(h, &pins);
    FUZZ_CHECK(rc == 0);
}

static void format(void *arg)
{
    struct super_id id = {.page_size = HEAP_PAGE_SIZE, .roles = 7, .pool = {9, 8, 7}};
    uint64_t size[SUPER_ROLE_NR] = {WAL_BYTES, META_BYTES, DATA_BYTES};
    struct heap_conf conf = {.xs = fuzz_xs()};
    struct store s;

    FUZZ_CHECK(
        io_dir_create_dev(fuzz_image_dir(), fuzz_xs(), "target0", SUPER_AREA, &s.dev, NULL) == 0);
    FUZZ_CHECK(super_format(s.dev, &id, size, 0, 0, 0, false, &s.super, NULL) == 0);
    for (int r = 0; r < SUPER_ROLE_NR; r++)
        conf.dev[r] = s.super;
    FUZZ_CHECK(heap_format(&conf, NULL) == 0);
    store_open(&s);
    stores_format(s.h);
    store_close(&s);
}

static void checkpoint(void *arg)
{
    struct store s;

    FUZZ_CHECK(io_dir_open_dev(fuzz_image_dir(), fuzz_xs(), "target0", false, &s.dev, NULL) == 0);
    FUZZ_CHECK(super_open(s.dev, &s.super, NULL) == 0);
    store_open(&s);
    store_close(&s);
}

/* Moves the checkpoint record to the end of the log: what a checkpoint logged about the pages it
 * wrote would tell that they are not those any more. */
static void log_empty(void)
{
    uint64_t size, wal = fuzz_image_role(SUPER_WAL, &size);
    const uint8_t *log = fuzz_image_bytes() + wal;
    struct wal_mark m[2], *last;
    struct wal_group_hdr g;

    memcpy(&m[0], log, sizeof(m[0]));
    memcpy(&m[1], log + WAL_BLOCK, sizeof(m[1]));
    last = m[1].magic == WAL_MARK_MAGIC && m[1].seq > m[0].seq ? &m[1] : &m[0];
    for (;;) {
        memcpy(&g, log + WAL_RING_OFF + last->replay_lsn % (size - WAL_RING_OFF), sizeof(g));
        if (g.magic != WAL_GROUP_MAGIC || g.seq != last->replay_group)
            break;
        last->replay_lsn += ROUND_UP((uint64_t)g.len, WAL_BLOCK);
        last->replay_group++;
    }
    FUZZ_CHECK(last->flags & WAL_MARK_CLEAN && last->durable_lsn == last->replay_lsn);
    last->complete_lsn = last->replay_lsn;
    wal_mark_fill(last);
    fuzz_image_poke(wal + last->seq % 2 * WAL_BLOCK, last, sizeof(*last));
}

void fuzz_pool_make(void)
{
    struct rig r = {.dir = fuzz_image_dir()};

    fuzz_on_fiber(format, NULL);
    rig_open(&r);
    rig_connect(&r);
    FUZZ_CHECK(rig_cont_create(&r, "data", 1) == 0);
    FUZZ_CHECK(rig_cont_open(&r, "data", DAOS_COO_RW) == 0);
    fill(&r);
    rig_close(&r, true);
    fuzz_on_fiber(checkpoint, NULL);
    log_empty();
    fuzz_image_seal();
}

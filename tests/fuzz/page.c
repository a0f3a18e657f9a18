/*
 * Pages of a filled pool with bytes nobody wrote, but right checksums: what a bug or a forger would
 * leave. Input: mode, then changes of the metadata's pages, then the pool is opened, listed, read
 * and checked, and (unless read-only) written to.
 *
 * A change: what (1), page among those in use (1), offset (2), then by `what % 4`
 *   0  length (1), bytes     set these
 *   1  number (1)            add it, signed, to the 64-bit word there
 *   2  page (1), offset (2), length (1)    copy from there (references in wrong places)
 *   3  bit (1)               flip it
 *
 * Whatever is asked of such a pool ends with an answer.
 */
#include "fuzz_image.h"
#include "../unit/engine/engine_rig.h"
#include "heap/heap_int.h"
#include "heap/layout.h"

enum { M_READONLY = 1, M_DEEP = 2, M_CHANGE = 4, M_DESTROY = 8, M_CLEAN = 0x10 };

#define PAGES_MAX 256u
#define LISTS_MAX 40u

static uint64_t meta;                  /* where the META role begins on the device */
static uint32_t in_use[PAGES_MAX], nr; /* page numbers, the heap's own two first */

/* ---- Pages ---- */

static uint64_t page_at(uint32_t page)
{
    return meta + (uint64_t)page * HEAP_PAGE_SIZE;
}

static struct page_desc desc_of(uint32_t page)
{
    struct page_desc d;

    memcpy(&d, fuzz_image_bytes() + page_at(1) + PAGE_HDR_SIZE + page * sizeof(d), sizeof(d));
    return d;
}

static void find_pages(void)
{
    uint64_t size;

    meta = fuzz_image_role(SUPER_META, &size);
    in_use[nr++] = 0;
    in_use[nr++] = 1;
    for (uint32_t page = 2; page < size / HEAP_PAGE_SIZE && nr < PAGES_MAX; page++)
        if (desc_of(page).kind != PAGE_FREE)
            in_use[nr++] = page;
    FUZZ_CHECK(nr > 8);
}

/* Gives a page's image the checksum that belongs to it, in its header and its descriptor. */
static void seal(uint32_t page)
{
    struct page_desc d = desc_of(page);
    bool core = page < 2, value = !core && d.kind == PAGE_VALUE;
    uint8_t buf[HEAP_PAGE_SIZE];
    struct page_hdr hdr;
    uint64_t lsn, csum;

    memcpy(buf, fuzz_image_bytes() + page_at(page), sizeof(buf));
    memcpy(&hdr, buf, sizeof(hdr));
    lsn = value ? d.lsn : hdr.lsn;
    if (!value) {
        hdr.lsn = hdr.csum = 0;
        memcpy(buf, &hdr, sizeof(hdr));
    }
    csum = page_disk_csum(page_sum(buf), lsn);
    if (!value)
        fuzz_image_poke(page_at(page) + offsetof(struct page_hdr, csum), &csum, 8);
    if (!core) {
        d.csum = csum;
        fuzz_image_poke(page_at(1) + PAGE_HDR_SIZE + page * sizeof(d), &d, sizeof(d));
    }
}

static void change_one(struct feed *f, uint8_t what, uint64_t at, size_t room)
{
    const uint8_t *mem = fuzz_image_bytes();
    uint64_t word = 0, from;
    size_t got;
    const uint8_t *p;
    uint8_t n;

    switch (what % 4) {
    case 0:
        p = feed_bytes(f, feed_u8(f), &got);
        if (got > 0)
            fuzz_image_poke(at, p, MIN(got, room));
        break;
    case 1:
        memcpy(&word, mem + at, MIN(room, 8));
        word += (uint64_t)(int8_t)feed_u8(f);
        fuzz_image_poke(at, &word, MIN(room, 8));
        break;
    case 2:
        from = page_at(in_use[feed_u8(f) % nr]);
        from += feed_u16(f) % HEAP_PAGE_SIZE;
        fuzz_image_poke(at, mem + from, MIN((size_t)feed_u8(f) + 1, room));
        break;
    default:
        n = mem[at] ^ (uint8_t)(1u << feed_u8(f) % 8);
        fuzz_image_poke(at, &n, 1);
    }
}

static void damage(struct feed *f)
{
    bool touched[PAGES_MAX] = {false};

    while (f->left > 0) {
        uint8_t what = feed_u8(f), which = (uint8_t)(feed_u8(f) % nr);
        uint16_t off = feed_u16(f) % HEAP_PAGE_SIZE;

        change_one(f, what, page_at(in_use[which]) + off, HEAP_PAGE_SIZE - off);
        touched[which] = true;
    }
    /* descriptors last: sealing the others changes them */
    for (uint32_t i = nr; i-- > 0;)
        if (touched[i] && in_use[i] != 1)
            seal(in_use[i]);
    seal(1);
}

/* ---- Questions ---- */

static struct rig rig;
static char room[70000];

static int ask(uint16_t op, const void *req, void *rep, struct net_call *call)
{
    struct iovec iov = {room, sizeof(room)};

    net_call_init(call, op);
    call->req = req;
    call->rep = rep;
    call->bulk[0] = (struct net_bulk){&iov, 1, true};
    call->bulk_nr = 1;
    return net_call_wait(rig.peer, call);
}

static int ask_svc(uint16_t op, const void *req)
{
    uint64_t rep[128];
    struct net_call call;
    int rc = ask(op, req, rep, &call);

    net_call_fini(&call);
    FUZZ_CHECK(rc <= 0);
    return rc;
}

static void service(void)
{
    struct msg_pool_query_req pq = {.bits = UINT64_MAX, .all_props = 1};
    struct msg_pool_list_cont_req lc = {.want_info = 1};
    struct msg_cont_query_req cq = {.all_props = 1};
    struct msg_snap_list_req sl;
    struct msg_attr_list_req al = {.scope = MSG_SCOPE_CONT};
    const char *names[] = {"size"};
    struct msg_attr_get_req ag = {.scope = MSG_SCOPE_CONT, .names = names, .names_nr = 1};

    memcpy(pq.hdl, rig.poh, 16);
    memcpy(lc.hdl, rig.poh, 16);
    memcpy(cq.hdl, rig.coh, 16);
    memcpy(sl.hdl, rig.coh, 16);
    memcpy(al.hdl, rig.coh, 16);
    memcpy(ag.hdl, rig.coh, 16);
    ask_svc(MSG_POOL_QUERY, &pq);
    ask_svc(MSG_POOL_LIST_CONT, &lc);
    ask_svc(MSG_CONT_QUERY, &cq);
    ask_svc(MSG_SNAP_LIST, &sl);
    ask_svc(MSG_ATTR_LIST, &al);
    ask_svc(MSG_ATTR_GET, &ag);
}

static void list(uint8_t level, uint64_t obj, const char *dkey, const char *akey, bool down)
{
    struct msg_obj_list_req q = {.epoch = DAOS_EPOCH_MAX,
                                 .level = level,
                                 .oid = rig_oid(obj),
                                 .dkey = rig_key(dkey),
                                 .akey = rig_key(akey),
                                 .down = down,
                                 .max_entries = 100,
                                 .max_bytes = 4096};
    uint8_t anchor[128];

    memcpy(q.hdl, rig.coh, 16);
    for (uint32_t i = 0; i < LISTS_MAX; i++) {
        struct msg_obj_list_rep rep;
        struct net_call call;
        int rc = ask(MSG_OBJ_LIST, &q, &rep, &call);
        bool more = rc == 0 && !rep.eof && rep.anchor.len <= sizeof(anchor);

        FUZZ_CHECK(rc <= 0);
        if (more && rep.anchor.len > 0)
            memcpy(anchor, rep.anchor.buf, rep.anchor.len);
        q.anchor = (struct msg_buf){anchor, more ? rep.anchor.len : 0};
        net_call_fini(&call);
        if (!more)
            break;
    }
}

static void fetch_array(uint64_t obj, uint64_t idx, uint64_t count)
{
    daos_recx_t recx = {idx, count};
    struct msg_fiod iod = {.akey = rig_key("array"),
                           .type = DAOS_IOD_ARRAY,
                           .rec_size = DAOS_REC_ANY,
                           .recxs = &recx,
                           .recxs_nr = 1,
                           .map_max = 10};
    struct msg_obj_fetch_req q = {.epoch = DAOS_EPOCH_MAX,
                                  .oid = rig_oid(obj),
                                  .dkey = rig_key("dkey"),
                                  .iods = &iod,
                                  .iods_nr = 1};
    struct msg_obj_fetch_rep rep;
    struct net_call call;

    memcpy(q.hdl, rig.coh, 16);
    FUZZ_CHECK(ask(MSG_OBJ_FETCH, &q, &rep, &call) <= 0);
    net_call_fini(&call);
}

static void objects(void)
{
    char key[16];
    uint64_t len;

    list(MSG_OBJ, 0, "", "", false);
    for (uint64_t obj = 1; obj <= 6; obj++)
        list(MSG_DKEY, obj, "", "", false);
    list(MSG_AKEY, 2, "dkey", "", false);
    for (uint64_t obj = 3; obj <= 4; obj++) {
        list(MSG_RECX, obj, "dkey", "array", obj == 4);
        fetch_array(obj, 0, 3000);
        fetch_array(obj, 1u << 20, 50000);
    }
    for (uint32_t i = 0; i < 7; i++) {
        snprintf(key, sizeof(key), "akey-%u", i);
        FUZZ_CHECK(rig_get(&rig, 2, "dkey", key, room, sizeof(room), &len) <= 0);
    }
    rig_get(&rig, 1, "dkey-77", "a", room, 100, &len);
    rig_get_at(&rig, 5, "dkey", "a", room, 200, 1, DAOS_COND_DKEY_FETCH, &len);
    rig_get(&rig, 6, "dkey", "a", room, sizeof(room), &len);
}

static void query(uint64_t obj)
{
    struct msg_obj_query_key_req q = {.epoch = DAOS_EPOCH_MAX,
                                      .oid = rig_oid(obj),
                                      .dkey = rig_key("dkey"),
                                      .akey = rig_key("array"),
                                      .flags = DAOS_GET_RECX | DAOS_GET_MAX};
    struct msg_obj_probe_req p = {.epoch = DAOS_EPOCH_MAX,
                                  .level = MSG_AKEY,
                                  .oid = rig_oid(obj),
                                  .dkey = rig_key("dkey"),
                                  .akey = rig_key("array")};

    memcpy(q.hdl, rig.coh, 16);
    memcpy(p.hdl, rig.coh, 16);
    ask_svc(MSG_OBJ_QUERY_KEY, &q);
    q.flags = 0;
    ask_svc(MSG_OBJ_QUERY_KEY, &q);
    ask_svc(MSG_OBJ_PROBE, &p);
}

/* ---- Changes ---- */

static void punch(uint64_t obj, uint8_t level, const char *dkey)
{
    struct msg_buf akey = rig_key("a");
    struct msg_op op = {.kind = MSG_OP_PUNCH,
                        .level = level,
                        .oid = rig_oid(obj),
                        .dkey = rig_key(dkey),
                        .akeys = &akey,
                        .akeys_nr = level == MSG_AKEY};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};

    memcpy(q.hdl, rig.coh, 16);
    ask_svc(MSG_OBJ_UPDATE, &q);
}

static void change(bool destroy)
{
    struct msg_cont_aggregate_req aggregate = {.epoch = 0};
    struct msg_cont_destroy_req d = {.cont = "data", .force = 1};
    struct msg_oid_alloc_req oa = {.count = 5};

    memcpy(aggregate.hdl, rig.coh, 16);
    memcpy(oa.hdl, rig.coh, 16);
    rig_put(&rig, 1, "dkey-50", "a", room, 10);
    rig_put(&rig, 1, "fresh", "a", room, 3000);
    rig_put(&rig, 2, "dkey", "akey-5", room, 9000);
    rig_put(&rig, 3, "dkey", "array", room, 10);
    punch(1, MSG_DKEY, "dkey-3");
    punch(5, MSG_AKEY, "dkey");
    punch(4, MSG_OBJ, "");
    ask_svc(MSG_OID_ALLOC, &oa);
    ask_svc(MSG_CONT_AGGREGATE, &aggregate);
    if (!destroy)
        return;
    memcpy(d.hdl, rig.poh, 16);
    ask_svc(MSG_CONT_DESTROY, &d);
}

static void no_report(void *arg, const char *text)
{
}

static void use(uint8_t mode)
{
    struct engine_conf conf = rig_conf(&rig);
    struct msg_pool_connect_req c = {.flags = DAOS_PC_RW, .user = "ann@", .group = "lab@"};
    struct msg_pool_connect_rep rep = {{0}};
    uint64_t problems = 0;
    struct net_call call;

    conf.readonly = rig.readonly = mode & M_READONLY;
    if (engine_open(&conf, &rig.eng, NULL) != 0)
        return;
    FUZZ_CHECK(net_inproc_connect(engine_service(rig.eng), &rig.peer) == 0);
    if (rig.readonly)
        c.flags = DAOS_PC_RO;
    if (ask(MSG_POOL_CONNECT, &c, &rep, &call) == 0)
        memcpy(rig.poh, rep.hdl, 16);
    net_call_fini(&call);
    rig_cont_open(&rig, "data", rig.readonly ? DAOS_COO_RO : DAOS_COO_RW);
    service();
    objects();
    if (mode & M_DEEP)
        query(3);
    if (!rig.readonly && mode & M_CHANGE) {
        change(mode & M_DESTROY);
        objects();
    }
    engine_check(rig.eng, mode & M_DEEP, no_report, NULL, NULL, &problems);
    rig_close(&rig, mode & M_CLEAN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {data, size};
    uint8_t mode = feed_u8(&f);

    fuzz_quiet();
    if (rig.dir == NULL) {
        fuzz_pool_make();
        rig.dir = fuzz_image_dir();
        find_pages();
    }
    fuzz_image_reset();
    damage(&f);
    use(mode);
    return 0;
}

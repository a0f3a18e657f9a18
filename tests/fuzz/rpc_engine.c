/*
 * Messages of a hostile client to an engine with a filled pool: each a byte opcode, a byte of
 * switches, a 16 bit length and the body, sent one after the other. A handle in a body that starts
 * with byte 1 or 2 becomes the handle of the pool or of the container.
 *
 * The engine answers each with a DER code, and what it holds afterwards is whole.
 */
#include "fuzz_image.h"
#include "../unit/engine/engine_rig.h"
#include "base/arena.h"

#define BULK_ROOM 70000u

enum { /* switches */
       M_BULKS = 7,
       M_READ_ONLY = 8,
       M_SMALL = 0x10,
       M_SESSION = 0x20,
       M_HEADER = 0x40,
       M_SPLIT = 0x80,
};

static struct rig rig;

static void handle_set(uint8_t hdl[16])
{
    if (hdl[0] == 1)
        memcpy(hdl, rig.poh, 16);
    else if (hdl[0] == 2)
        memcpy(hdl, rig.coh, 16);
}

/* Only fields of kind uuid that are called hdl. */
#define SET_num(n)
#define SET_str(n)
#define SET_buf(n)
#define SET_oid(n)
#define SET_sub(n)
#define SET_arr(n)
#define SET_strs(n)
#define SET_bufs(n)
#define SET_u32s(n)
#define SET_u64s(n)
#define SET_oids(n)
#define SET_recxs(n)
#define SET_uuid(n)                                                                                \
    if (strcmp(#n, "hdl") == 0)                                                                    \
        handle_set(q->n);
#define SET_F_(kind, t, n, doc) SET_##kind(n)
#define SET_CASE_(id, name, NAME, Q, R, flags, doc)                                                \
    case id: {                                                                                     \
        struct msg_##name##_req *q = req;                                                          \
        (void)q;                                                                                   \
        Q(SET_F_)                                                                                  \
        break;                                                                                     \
    }
static void handles_set(uint16_t opcode, void *req)
{
    switch (opcode) {
        MSG_TABLE(SET_CASE_)
    }
}

static void header_set(struct net_hdr *h, struct feed *f, uint8_t mode)
{
    if (mode & M_SESSION) {
        h->session_hlc = feed_u8(f);
        h->session_rand = feed_u8(f);
        h->seq = feed_u8(f);
        h->acked = feed_u8(f);
    }
    if (mode & M_HEADER) {
        h->target = feed_u32(f);
        h->flags = feed_u8(f);
        h->map_version = feed_u8(f);
        h->subop = feed_u8(f);
        h->hlc = feed_u64(f);
    }
}

/* Bulk vectors over one room, so that they may overlap like a careless client's. */
static void bulk_set(struct net_call *call, struct iovec iov[][2], uint8_t mode)
{
    static char room[7][BULK_ROOM];

    call->bulk_nr = mode & M_BULKS;
    for (uint32_t i = 0; i < call->bulk_nr; i++) {
        size_t len = mode & M_SMALL ? 10 * i : BULK_ROOM;

        iov[i][0] = (struct iovec){room[i], mode & M_SPLIT ? len / 3 : len};
        iov[i][1] = (struct iovec){room[i] + len / 3, len - len / 3};
        call->bulk[i] =
            (struct net_bulk){iov[i], mode & M_SPLIT ? 2 : 1, (mode & M_READ_ONLY) == 0};
    }
}

static void send_one(struct feed *f)
{
    uint64_t req[128] = {0}, rep[128] = {0};
    uint16_t opcode = feed_u8(f);
    uint8_t mode = feed_u8(f);
    struct iovec iov[7][2];
    struct net_call call;
    struct arena mem;
    size_t len, got;
    const uint8_t *body;
    uint8_t *tight;

    net_call_init(&call, opcode);
    header_set(&call.hdr, f, mode);
    len = feed_u16(f);
    body = feed_bytes(f, len, &got);
    if (msg_info(opcode) == NULL)
        return;
    tight = fuzz_tight(body, got);
    arena_init(&mem, 0);
    if (msg_decode_req(opcode, tight, got, &mem, req) == 0) {
        handles_set(opcode, req);
        bulk_set(&call, iov, mode);
        call.req = req;
        call.rep = rep;
        FUZZ_CHECK(net_call_wait(rig.peer, &call) <= 0);
        net_call_fini(&call);
    }
    arena_fini(&mem);
    free(tight);
}

static void say(void *arg, const char *text)
{
    fprintf(stderr, "check: %s\n", text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {data, size};
    uint64_t problems = 0;

    fuzz_quiet();
    if (rig.dir == NULL) {
        fuzz_pool_make();
        rig.dir = fuzz_image_dir();
    }
    fuzz_image_reset();
    rig_open(&rig);
    rig_connect(&rig);
    FUZZ_CHECK(rig_cont_open(&rig, "data", DAOS_COO_RW) == 0);
    for (int i = 0; i < 16 && f.left > 0; i++)
        send_one(&f);
    FUZZ_CHECK(engine_check(rig.eng, true, say, NULL, NULL, &problems) == 0);
    FUZZ_CHECK(problems == 0);
    rig_close(&rig, false);
    return 0;
}

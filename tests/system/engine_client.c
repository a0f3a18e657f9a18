/*
 * A client of an engine in another process, as low as it can be: messages over shared memory, one
 * at a time, txids as the library gives them. It goes on by itself when the engine ends and another
 * one is there.
 *
 * usage: engine_client SOCKET echo [MS]       one ECHO, within MS; prints the engine's incarnation
 *        engine_client SOCKET hold STOP       says "here", stays until there is a file STOP
 *        engine_client SOCKET load STOP NAME  puts values into container NAME until then, then
 * reads back every one that was acknowledged
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <daos.h>
#include "base/assert.h"
#include "base/hash.h"
#include "base/hlc.h"
#include "net/msg.h"
#include "net/remote.h"
#include "net/shm.h"
#include "rt/rt.h"

#define KEYS_MAX  (1u << 20)
#define VALUE_MAX 6000u

struct client {
    struct rt_xs *xs;
    struct net_dialer *dialer;
    struct net_peer *peer;
    uint64_t session_hlc, session_rand, seq;
    uint8_t poh[16], coh[16];
    daos_obj_id_t oid;
};

static void die(const char *what, int rc)
{
    printf("%s: %d\n", what, rc);
    exit(1);
}

static void client_open(struct client *c, const char *socket)
{
    struct rt_xs_conf xc = {.cpu = -1, .name = "client", .driven = true};
    struct net_remote_conf rc = {.driven = true, .suspect_ms = 500};

    if (rt_xs_create(&xc, &c->xs) != 0 ||
        net_shm_dialer(c->xs, socket, UINT32_MAX, &c->dialer) != 0)
        die("cannot begin", -1);
    rc.dialer = c->dialer;
    rc.xs = c->xs;
    if (net_remote_connect(&rc, &c->peer) != 0)
        die("cannot connect", -1);
    c->session_hlc = hlc_from_unix_ns(rt_wall_ns());
    c->session_rand = rt_random();
}

static void client_close(struct client *c)
{
    net_peer_close(c->peer);
    if (rt_drive_enter(c->xs)) {
        net_shm_dialer_free(c->dialer);
        rt_drive_leave(c->xs);
    }
    rt_xs_destroy(c->xs);
}

static int ask(struct client *c, struct net_call *call)
{
    if (msg_info(call->hdr.opcode)->flags & MSG_CHANGES) {
        call->hdr.session_hlc = c->session_hlc;
        call->hdr.session_rand = c->session_rand;
        call->hdr.seq = ++c->seq;
        call->hdr.acked = c->seq - 1;
    }
    return net_call_wait(c->peer, call);
}

static int simple(struct client *c, uint16_t opcode, const void *req, void *rep)
{
    struct net_call call;
    int rc;

    net_call_init(&call, opcode);
    call.req = req;
    call.rep = rep;
    rc = ask(c, &call);
    net_call_fini(&call);
    return rc;
}

/* ---- echo, hold ---- */

static int echo(struct client *c, uint32_t ms)
{
    struct msg_echo_req q = {.data = {"over there", 10}};
    struct msg_echo_rep r;
    struct net_call call;
    int rc;

    net_call_init(&call, MSG_ECHO);
    call.hdr.deadline_ms = ms;
    call.req = &q;
    call.rep = &r;
    rc = net_call_wait(c->peer, &call);
    if (rc == 0 && (r.data.len != 10 || memcmp(r.data.buf, "over there", 10) != 0))
        rc = -DER_MISMATCH;
    net_call_fini(&call);
    return rc;
}

/* ---- load ---- */

static void pool_open(struct client *c, const char *name)
{
    struct passwd *pw = getpwuid(getuid());
    struct group *gr = getgrgid(getgid());
    char user[128], group[128];
    const char *groups[] = {group};
    struct msg_pool_connect_req q = {
        .flags = DAOS_PC_RW, .user = user, .group = group, .groups = groups, .groups_nr = 1};
    struct msg_pool_connect_rep r;
    struct msg_prop prop = {.type = DAOS_PROP_CO_LABEL, .text = name};
    struct msg_cont_create_req cq = {.props = &prop, .props_nr = 1};
    struct msg_cont_create_rep cr;
    struct msg_cont_open_req oq = {.cont = name, .flags = DAOS_COO_RW};
    struct msg_cont_open_rep or ;
    int rc;

    snprintf(user, sizeof(user), "%s@", pw != NULL ? pw->pw_name : "nobody");
    snprintf(group, sizeof(group), "%s@", gr != NULL ? gr->gr_name : "nogroup");
    rc = simple(c, MSG_POOL_CONNECT, &q, &r);
    if (rc != 0)
        die("pool connect", rc);
    memcpy(c->poh, r.hdl, 16);
    memcpy(cq.hdl, c->poh, 16);
    rt_random_bytes(cq.uuid, 16);
    rc = simple(c, MSG_CONT_CREATE, &cq, &cr);
    if (rc != 0)
        die("container create", rc);
    memcpy(oq.hdl, c->poh, 16);
    rc = simple(c, MSG_CONT_OPEN, &oq, & or);
    if (rc != 0)
        die("container open", rc);
    memcpy(c->coh, or.hdl, 16);
    c->oid = (daos_obj_id_t){7, (uint64_t)DAOS_OT_MULTI_HASHED << OID_FMT_TYPE_SHIFT |
                                    (uint64_t)OR_RP_1 << OID_FMT_CLASS_SHIFT |
                                    UINT64_C(1) << OID_FMT_META_SHIFT};
}

/* Every byte follows from the key: a reader can tell wrong from right. Some lie in the data space.
 */
static uint64_t value_of(uint64_t key, uint8_t *buf)
{
    uint64_t len = key % 8 == 0 ? 4096 + key % 1900 : 1 + mix64(key) % 300;

    for (uint64_t i = 0; i < len; i++)
        buf[i] = (uint8_t)(mix64(key * 1000 + i / 8) >> i % 8 * 8);
    return len;
}

static int put(struct client *c, uint64_t key)
{
    uint8_t val[VALUE_MAX];
    uint64_t len = value_of(key, val);
    struct msg_iod iod = {.akey = {"a", 1}, .type = DAOS_IOD_SINGLE, .rec_size = len};
    struct msg_op op = {.kind = MSG_OP_UPDATE,
                        .oid = c->oid,
                        .dkey = {&key, sizeof(key)},
                        .iods = &iod,
                        .iods_nr = 1};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep r;
    struct iovec iov = {val, len};
    struct net_call call;
    int rc;

    memcpy(q.hdl, c->coh, 16);
    net_call_init(&call, MSG_OBJ_UPDATE);
    call.req = &q;
    call.rep = &r;
    call.bulk[0] = (struct net_bulk){&iov, 1, false};
    call.bulk_nr = 1;
    rc = ask(c, &call);
    net_call_fini(&call);
    return rc;
}

/* 0: it is there, byte for byte. */
static int get(struct client *c, uint64_t key)
{
    uint8_t want[VALUE_MAX], got[VALUE_MAX];
    uint64_t len = value_of(key, want);
    struct msg_fiod iod = {.akey = {"a", 1}, .type = DAOS_IOD_SINGLE, .rec_size = DAOS_REC_ANY};
    struct msg_obj_fetch_req q = {.epoch = DAOS_EPOCH_MAX,
                                  .oid = c->oid,
                                  .dkey = {&key, sizeof(key)},
                                  .iods = &iod,
                                  .iods_nr = 1};
    struct msg_obj_fetch_rep r;
    struct iovec iov = {got, sizeof(got)};
    struct net_call call;
    int rc;

    memcpy(q.hdl, c->coh, 16);
    net_call_init(&call, MSG_OBJ_FETCH);
    call.req = &q;
    call.rep = &r;
    call.bulk[0] = (struct net_bulk){&iov, 1, true};
    call.bulk_nr = 1;
    rc = net_call_wait(c->peer, &call);
    if (rc == 0 &&
        (r.res_nr != 1 || r.res[0].rec_size != len || memcmp(want, got, (size_t)len) != 0))
        rc = -DER_MISMATCH;
    net_call_fini(&call);
    return rc;
}

static int load(struct client *c, const char *stop, const char *name)
{
    uint64_t keys = 0, lost = 0, uncertain = 0;
    uint8_t *acked = calloc(1, KEYS_MAX);
    struct net_remote_stat st;

    pool_open(c, name);
    while (keys < KEYS_MAX && access(stop, F_OK) != 0) {
        int rc = put(c, keys);

        if (rc == 0)
            acked[keys] = 1;
        else if (rc == -DER_TX_UNCERTAIN)
            uncertain++;
        else
            die("put", rc);
        if (++keys == 1) {
            printf("here\n");
            fflush(stdout);
        }
    }
    for (uint64_t k = 0; k < keys; k++)
        if (acked[k] && get(c, k) != 0)
            lost++;
    net_remote_stat(c->peer, &st);
    printf("puts %llu uncertain %llu lost %llu dials %llu\n", (unsigned long long)keys,
           (unsigned long long)uncertain, (unsigned long long)lost, (unsigned long long)st.dials);
    free(acked);
    return lost > 0;
}

int main(int argc, char **argv)
{
    struct net_remote_stat st;
    struct client c = {0};
    int rc = 2;

    if (argc < 3)
        return 2;
    client_open(&c, argv[1]);
    if (strcmp(argv[2], "load") == 0 && argc > 4) {
        rc = load(&c, argv[3], argv[4]);
    } else {
        bool hold = strcmp(argv[2], "hold") == 0 && argc > 3;

        rc = echo(&c, argc > 3 && !hold ? (uint32_t)atoi(argv[3]) : 20000);
        net_remote_stat(c.peer, &st);
        if (rc != 0)
            printf("echo: %d\n", rc);
        else if (hold)
            printf("here\n");
        else
            printf("%016llx\n", (unsigned long long)st.incarnation);
        fflush(stdout);
        while (rc == 0 && hold && access(argv[3], F_OK) != 0)
            usleep(20000);
    }
    client_close(&c);
    return rc == 0 ? 0 : 1;
}

/* Ways to the engine of a pool directory that runs in a process of its own, on this host. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <daos_errno.h>
#include "base/fail.h"
#include "client/client.h"
#include "embed/embed_int.h"
#include "net/link.h"
#include "net/msg.h"
#include "net/shm.h"
#include "rt/rt.h"

#define ASK_MS 10000u /* until it has said who it is */

/* The socket and who may listen on it: a connection is made anew as often as it breaks. */
struct shared {
    char socket[PATH_MAX];
    uint32_t uid;
    struct net_peer *peer;
};

static int make_dialer(void *arg, struct rt_xs *xs, struct net_dialer **d)
{
    struct shared *s = arg;

    return net_shm_dialer(xs, s->socket, s->uid, d);
}

static void free_dialer(void *arg, struct net_dialer *d)
{
    (void)arg;
    net_shm_dialer_free(d);
}

static int ask(struct net_peer *peer, uuid_t pool)
{
    static const struct msg_engine_info_req q;
    struct msg_engine_info_rep r = {0};
    struct net_call call;
    int rc;

    net_call_init(&call, MSG_ENGINE_INFO);
    call.hdr.deadline_ms = ASK_MS;
    call.req = &q;
    call.rep = &r;
    rc = net_call_wait(peer, &call);
    if (rc == 0)
        memcpy(pool, r.pool, sizeof(r.pool));
    net_call_fini(&call);
    return rc;
}

int shared_path(const char *real, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/" EMBED_SOCKET, real);

    return n > 0 && n < PATH_MAX ? 0 : -DER_OVERFLOW;
}

bool shared_is_there(const char *real, struct err *e, int *rc)
{
    char path[PATH_MAX];

    *rc = shared_path(real, path) == 0 ? net_shm_answers(path) : -DER_UNREACH;
    if (*rc == -DER_NO_PERM)
        err_setf(e, *rc, "ask its owner for access to " EMBED_SOCKET " there",
                 "you may not connect to the engine that serves it", "cannot open pool %s", real);
    return *rc != -DER_UNREACH;
}

int shared_open(struct client *c, const char *real, struct shared **out, struct net_peer **peer,
                uuid_t pool, struct err *e)
{
    struct shared *s = base_calloc(1, sizeof(*s));
    struct net_link_conf conf = {.dialer = make_dialer,
                                 .dialer_free = free_dialer,
                                 .dialer_forked = net_shm_dialer_forked,
                                 .arg = s};
    struct net_links *ls;
    struct stat st;
    int rc;

    if (s == NULL)
        return -DER_NOMEM;
    rc = shared_path(real, s->socket);
    if (rc == 0 && stat(real, &st) != 0)
        rc = -DER_NONEXIST;
    if (rc == 0) {
        s->uid = st.st_uid; /* or root: nobody else's program stands in for the engine */
        rc = client_links(c, &ls);
    }
    if (rc == 0)
        rc = net_link_connect(ls, &conf, &s->peer);
    if (rc == 0) {
        rc = ask(s->peer, pool);
        if (rc != 0)
            net_peer_close(s->peer);
    }
    if (rc != 0) {
        base_free(s);
        return err_setf(e, rc == -DER_TIMEDOUT ? -DER_UNREACH : rc,
                        "see in the engine's log what it does, or end it",
                        "its engine listens but does not answer", "cannot open pool %s", real);
    }
    *peer = s->peer;
    *out = s;
    return 0;
}

void shared_close(struct shared *s)
{
    base_free(s);
}

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
#include "net/tcp.h"
#include "rt/rt.h"

#define ASK_MS  10000u /* until it has said who it is */
#define OLD_MAX 128u

/* The socket and who may listen on it, or addresses: a connection is made anew as often as it
 * breaks. */
struct shared {
    char place[PATH_MAX];
    bool tcp;
    uint32_t uid;
    struct net_peer *peer;
    struct net_dialer *old[OLD_MAX]; /* of the process that we were forked from */
    uint32_t old_nr;
    struct err *e; /* while it is opened */
};

static int make_dialer(void *arg, struct rt_xs *xs, bool driven, struct net_dialer **d)
{
    struct shared *s = arg;
    struct net_tcp_dial_conf tc = {.addrs = s->place, .driven = driven};
    struct err e = {0};

    if (s->tcp)
        return net_tcp_dialer(xs, &tc, d, s->e != NULL ? s->e : &e);
    return net_shm_dialer(xs, s->place, s->uid, d);
}

static void free_dialer(void *arg, struct net_dialer *d)
{
    const struct shared *s = arg;

    if (s->tcp)
        net_tcp_dialer_free(d);
    else
        net_shm_dialer_free(d);
}

static void forked_dialer(void *arg, struct net_dialer *d)
{
    struct shared *s = arg;

    if (s->tcp)
        return;
    if (s->old_nr < OLD_MAX)
        s->old[s->old_nr++] = d;
    else
        net_shm_dialer_forget(d);
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
    struct stat st;
    uint32_t uid;

    *rc = shared_path(real, path) == 0 ? net_shm_answers(path, &uid) : -DER_UNREACH;
    if (*rc == -DER_NO_PERM)
        err_setf(e, *rc, "ask its owner for access to " EMBED_SOCKET " there",
                 "you may not connect to the engine that serves it", "cannot open pool %s", real);
    if (*rc == 0 && uid != UINT32_MAX && uid != 0 && stat(real, &st) == 0 && uid != st.st_uid)
        *rc = err_setf(e, -DER_NO_PERM,
                       "let the owner of the directory, or root, run its engine, or give it to the "
                       "user who does",
                       "whoever listens there is neither the directory's owner nor root",
                       "cannot open pool %s", real);
    return *rc != -DER_UNREACH;
}

static int way(struct client *c, struct shared *s, uuid_t pool)
{
    struct net_link_conf conf = {.dialer = make_dialer,
                                 .dialer_free = free_dialer,
                                 .dialer_forked = forked_dialer,
                                 .arg = s};
    struct net_links *ls;
    int rc = client_links(c, &ls);

    if (rc == 0)
        rc = net_link_connect(ls, &conf, &s->peer);
    if (rc != 0)
        return rc;
    rc = ask(s->peer, pool);
    if (rc != 0)
        net_peer_close(s->peer);
    return rc;
}

int shared_open(struct client *c, const char *place, bool tcp, struct shared **out,
                struct net_peer **peer, uuid_t pool, struct err *e)
{
    struct shared *s = base_calloc(1, sizeof(*s));
    struct stat st;
    int rc = 0;

    if (s == NULL)
        return -DER_NOMEM;
    s->tcp = tcp;
    s->e = e;
    if (tcp) {
        snprintf(s->place, sizeof(s->place), "%s", place);
    } else {
        rc = shared_path(place, s->place);
        if (rc == 0 && stat(place, &st) != 0)
            rc = -DER_NONEXIST;
        s->uid = st.st_uid; /* or root: nobody else's program stands in for the engine */
    }
    if (rc == 0)
        rc = way(c, s, pool);
    s->e = NULL;
    if (rc != 0) {
        base_free(s);
        return err_setf(e, rc == -DER_TIMEDOUT ? -DER_UNREACH : rc,
                        rc == -DER_BUSY ? "end some programs that use it, or raise clients.max and "
                                          "clients.user_max of the engine"
                        : tcp
                            ? "see that it runs and listens there, and that no firewall is between"
                            : "see in the engine's log what it does, or end it",
                        rc == -DER_BUSY ? "its engine has as many connections, of all or of this "
                                          "user, as it takes"
                        : tcp           ? "no engine answers there"
                                        : "its engine listens but does not answer",
                        "cannot open pool %s", place);
    }
    *peer = s->peer;
    *out = s;
    return 0;
}

void shared_close(struct shared *s)
{
    for (uint32_t i = 0; i < s->old_nr; i++)
        net_shm_dialer_forget(s->old[i]);
    base_free(s);
}

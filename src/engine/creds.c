/*
 * Who connects, says who he is: user, group and groups, by name. Where the transport knows it, from
 * the kernel (shared memory) or by a key (TCP, net/keys.h), what is said must be true. Where it
 * does not, a listener is for networks whose hosts are trusted.
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "engine/engine_int.h"

#define NSS_BUF 16384u

/* "name@" without the '@', or the number that stands for one without a name. False: too long. */
static bool local_name(const char *principal, char *name, size_t len, bool *number)
{
    size_t n = strcspn(principal, "@");

    if (n == 0 || n >= len || (principal[n] == '@' && principal[n + 1] != '\0'))
        return false;
    memcpy(name, principal, n);
    name[n] = '\0';
    *number = strspn(name, "0123456789") == n;
    return true;
}

/* The lookups may block; they are made once a connect. */
static bool user_is(const char *principal, uint32_t uid, char *buf)
{
    struct passwd pw, *found = NULL;
    char name[256];
    bool number;

    if (principal == NULL || !local_name(principal, name, sizeof(name), &number))
        return false;
    if (number && strtoul(name, NULL, 10) == uid)
        return true;
    return getpwnam_r(name, &pw, buf, NSS_BUF, &found) == 0 && found != NULL &&
           found->pw_uid == uid;
}

static bool in_groups(const struct net_req *req, uint32_t gid)
{
    if (gid == req->gid)
        return true;
    for (uint32_t i = 0; i < req->groups_nr; i++)
        if (req->groups[i] == gid)
            return true;
    return false;
}

static bool has_group(const char *principal, const struct net_req *req, char *buf)
{
    struct group gr, *found = NULL;
    char name[256];
    bool number;

    if (principal == NULL || !local_name(principal, name, sizeof(name), &number))
        return false;
    if (number && in_groups(req, (uint32_t)strtoul(name, NULL, 10)))
        return true;
    return getgrnam_r(name, &gr, buf, NSS_BUF, &found) == 0 && found != NULL &&
           in_groups(req, found->gr_gid);
}

/* Who tries again and again is told of once. */
static void tell(struct told *told, const struct net_req *req, const char *user)
{
    uint8_t who[TOLD_WHO] = {0};
    char text[64];

    memcpy(who, &req->uid, sizeof(req->uid));
    if (!told_is_news(told, who, 0, rt_now_ns()))
        return;
    if (req->pid != UINT32_MAX)
        snprintf(text, sizeof(text), "process %u of user %u", req->pid, req->uid);
    else
        snprintf(text, sizeof(text), "who has a key of user %u", req->uid);
    LOG_WARN("%s asks for a pool as '%.64s' and is refused: it is not, or not in all the groups it "
             "names (told once)",
             text, user != NULL ? user : "");
}

int creds_check(struct told *told, const struct net_req *req, const struct msg_pool_connect_req *q)
{
    char *buf;
    bool good;

    if (req->uid == UINT32_MAX || req->pid == (uint32_t)getpid())
        return 0;
    buf = base_alloc(NSS_BUF);
    if (buf == NULL)
        return -DER_NOMEM;
    good = user_is(q->user, req->uid, buf) && has_group(q->group, req, buf);
    for (uint32_t i = 0; i < q->groups_nr && good; i++)
        good = has_group(q->groups[i], req, buf);
    base_free(buf);
    if (good)
        return 0;
    tell(told, req, q->user);
    return -DER_NO_PERM;
}

/* What the log is told of clients that send what nobody should: see base/told.h. */
#include "base/log.h"
#include "net/accept_int.h"

static const char *text(enum accept_why why)
{
    switch (why) {
    case ACCEPT_FRAME:
        return "sends what is no frame of Tarn, or was damaged on its way; see what connects from "
               "there";
    case ACCEPT_ORDER:
        return "sends frames that have no place where they come; see what connects from there";
    case ACCEPT_CALLS:
        return "has more requests under way than it was told that it may (clients.calls); see what "
               "connects from there";
    case ACCEPT_BODY:
        return "sends messages that this version does not know, or that are not whole; use "
               "programs of one version on both sides";
    case ACCEPT_NO_KEY:
        return "has no key, and is turned away; give it one (tarn key), and its file in TARN_KEY";
    case ACCEPT_KEY:
        return "names a key that is not in the engine's file, and is turned away; add it there, "
               "and start the engine again";
    case ACCEPT_OTHER:
        return "comes as a client that has another key, and was disconnected; see what connects "
               "from there";
    case ACCEPT_PROOF:
        return "has another secret for its key than the engine's file, and is turned away; compare "
               "the two";
    case ACCEPT_SILENT:
        return "does not show that it has the key it names, and was disconnected; see what "
               "connects from there, or whether the way is that slow";
    default:
        return NULL;
    }
}

void accept_tell(struct net_acceptor *a, const struct net_wire *w, enum accept_why why)
{
    struct net_name n;

    if (text(why) == NULL || w->ops->name == NULL)
        return;
    w->ops->name(w, &n);
    if (told_is_news(&a->told, n.who, why, rt_now_ns()))
        LOG_WARN("a client, %s, %s (told once)", n.text, text(why));
}

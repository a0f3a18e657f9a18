/* What an xstream knows of its watched descriptors (rt_fd_arm); private to rt/. */
#ifndef TARN_RT_FD_H
#define TARN_RT_FD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "rt/rt.h"

struct fds {
    struct list watches, spare;
    struct list dead; /* disarmed, but the batch under way may name them */
    int epoll;        /* of an xstream without a ring, made when first needed; else -1 */
    int efd;          /* wakes who sleeps in epoll_wait() */
    uint32_t nr;      /* armed */
    uint32_t turn;
    bool woken; /* the eventfd was written to, and read */
};

void fds_init(struct fds *fs);
void fds_fini(struct fds *fs);
/* Makes the epoll set. On the xstream, or before it runs. -DER_NOMEM. */
int fds_open(struct rt_xs *xs);
static inline bool fds_in_use(const struct fds *fs)
{
    return fs->epoll >= 0;
}
/* Tells what is ready, without waiting; whether anything was. */
bool fds_poll(struct rt_xs *xs);
/* Sleeps until something is ready (and tells it), somebody wakes, or the time is over. */
void fds_sleep(struct rt_xs *xs, uint64_t timeout_ns);
void fds_wake(struct rt_xs *xs); /* any thread that owes a wake-up */
/* Waits for a wake-up that was sent or is about to be. */
void fds_wake_owed(struct rt_xs *xs);

#endif

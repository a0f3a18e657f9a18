/* The peer of benchmarks through shared memory: a bare ring (net/ring.h) between two processes on
 * two CPUs, without calls and codec. */
#ifndef TARN_BENCH_BARE_RING_H
#define TARN_BENCH_BARE_RING_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>
#include "base/assert.h"
#include "net/ring.h"
#include "timing.h"

#define BARE_ASKED    200u /* bytes of a request, and of its answer */
#define BARE_ANSWERED 100u
#define BARE_RING     65536u

struct bare {
    struct ring_ctl there, back;
    uint8_t data[2][BARE_RING];
};

static inline uint32_t bare_take(struct ring_rx *r, uint8_t *to)
{
    const void *p;
    uint32_t len;
    bool more;

    while (ring_peek(r, &p, &len, &more) == 0)
        ;
    memcpy(to, p, len);
    ring_next(r, len);
    return len;
}

static inline void bare_give(struct ring_tx *t, const uint8_t *from, uint32_t len)
{
    while (ring_put(t, from, len, false) == RING_FULL)
        ;
}

static inline void bare_server(struct bare *b)
{
    struct ring_rx rx;
    struct ring_tx tx;
    uint8_t buf[BARE_ASKED];

    ring_rx_init(&rx, &b->there, b->data[0], BARE_RING);
    ring_tx_init(&tx, &b->back, b->data[1], BARE_RING);
    for (;;) {
        bare_take(&rx, buf);
        bare_give(&tx, buf, BARE_ANSWERED);
        if (buf[0] == 1)
            exit(0);
    }
}

struct bare_client {
    struct bare *b;
    struct ring_tx tx;
    struct ring_rx rx;
    pid_t pid;
};

static inline void bare_open(struct bare_client *c, int cpu)
{
    c->b = mmap(NULL, sizeof(*c->b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT(c->b != MAP_FAILED);
    c->pid = fork();
    if (c->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(cpu);
        bare_server(c->b);
    }
    ring_tx_init(&c->tx, &c->b->there, c->b->data[0], BARE_RING);
    ring_rx_init(&c->rx, &c->b->back, c->b->data[1], BARE_RING);
}

static inline void bare_close(struct bare_client *c)
{
    uint8_t buf[BARE_ASKED] = {1};

    bare_give(&c->tx, buf, BARE_ASKED);
    bare_take(&c->rx, buf);
    waitpid(c->pid, NULL, 0);
    munmap(c->b, sizeof(*c->b));
}

/* us a round trip with depth requests under way */
static inline double bare_round(struct bare_client *c, int depth, int n)
{
    uint8_t buf[BARE_ASKED] = {0};
    int sent = 0, got = 0;
    double t0 = now_us();

    while (got < n) {
        while (sent < n && sent - got < depth) {
            bare_give(&c->tx, buf, BARE_ASKED);
            sent++;
        }
        bare_take(&c->rx, buf);
        got++;
    }
    return (now_us() - t0) / n;
}

#endif

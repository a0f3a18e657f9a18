/* What the files of wires through shared memory share: shm.c (the wires), shm_dial.c and
 * shm_listen.c (their ends). */
#ifndef TARN_NET_SHM_INT_H
#define TARN_NET_SHM_INT_H

#include "base/list.h"
#include "base/told.h"
#include "net/ring.h"
#include "net/shm.h"
#include "rt/rt.h"

#define SHM_MAGIC      UINT64_C(0x304d48534e524154) /* "TARNSHM0" */
#define SHM_ROOM_OFF   (256u << 10)
#define SHM_RING_BYTES 65536u

struct sockaddr_un;
struct net_shm_listener;
struct shm_user;

/* What the engine sends first, with the memfd. rc: why there is none, and then bytes is an enum
 * net_refusal. */
struct shm_setup {
    uint64_t magic;
    uint32_t proto;
    int32_t rc;
    uint64_t bytes, room_off;
};

/* Wires of one listener or dialer on one xstream. */
struct shm_hub {
    struct rt_xs *xs;
    struct rt_poller poller;
    bool polling;       /* the poller is there */
    bool running;       /* in its walk: what is closed meanwhile is freed behind it */
    struct list active; /* polled each turn */
    struct list dozing;
    uint32_t nr, closed;               /* wires; those that a walk has still to free */
    struct told told;                  /* what the log was */
    uint8_t frame[SHM_RING_BYTES / 4]; /* one that is being received */
};

struct shm {
    struct net_wire wire;
    struct shm_hub *hub;
    struct list link;
    struct rt_fd fd;
    struct net_room *region;
    struct net_room room; /* the part for bulk */
    struct ring_tx tx;
    struct ring_rx rx;
    bool engine; /* the answering side */
    bool awake;  /* among the active */
    bool up;     /* the region is there */
    bool closed; /* the owner is done with it */
    bool hung;   /* the other side is gone; what it sent still counts */
    bool failed; /* broken() is due, or was */
    uint32_t idle;
    struct list queue;
    uint64_t queued; /* bytes in it */
    uint8_t *part;   /* of a frame in several records */
    uint32_t part_len, part_cap;
    bool heard;                         /* a frame has come */
    void (*first_frame)(struct shm *m); /* when it does; NULL: nobody cares */
    void (*ended)(struct shm *m);       /* when it is closed: the end's part of it; NULL: none */
    /* answering */
    struct net_shm_listener *listener;
    struct shm_user *user;
    struct list fresh; /* has not sent HELLO */
    uint64_t fresh_ns; /* until then it must */
};

void shm_hub_init(struct shm_hub *h, struct rt_xs *xs);
void shm_hub_fini(struct shm_hub *h); /* every wire is closed */

/* A wire that dozes and has no region yet. fd: its socket, which it owns from now on. NULL: no
 * memory, fd stays the caller's. */
struct shm *shm_new(struct shm_hub *h, int fd);
void shm_close(struct net_wire *w);
/* broken() comes with the next turn. */
void shm_fail(struct shm *m);
/* Asked in each turn from now on. */
void shm_wake(struct shm *m);
/* The socket has something to say: a bell, or the end. What rt_fd calls of a wire that is up. */
void shm_ready(struct rt_fd *f, uint32_t events);

/* Maps what a memfd holds. -DER_NOMEM. */
int shm_region_map(int fd, uint64_t bytes, struct net_room **out);
/* The wire works: its rings are in region, whose reference is the wire's now. engine: this side
 * answers. */
void shm_attach(struct shm *m, struct net_room *region, bool engine);

/* A name for a path of any length: sun_path takes 107 bytes. *dir: to be closed afterwards; -1:
 * none. A negative errno. */
int shm_address(const char *path, struct sockaddr_un *sa, int *dir);

#endif

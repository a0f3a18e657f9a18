/*
 * serve: the engine of a pool, for other processes. What `tarn engine` is around; tests run it in
 * theirs.
 *
 * The pool of one directory is opened (or made, if the directory is empty or missing) and served
 * through shared memory at a Unix socket. Who may connect is a matter of the socket's permissions
 * and of those of the directories that lead to it; what he may do there is the pool's.
 *
 * The directory's lock is held from serve_start() to the end of serve_stop(): one engine a pool.
 * The socket is taken away before the lock is given back, so whoever finds the lock free finds no
 * socket of an engine that lives.
 *
 * Clients outlive the engine: their handles and the outcomes of their requests stay over a restart,
 * orderly or not, and what they have under way is sent again to the next one (net/remote.h).
 */
#ifndef TARN_EMBED_SERVE_H
#define TARN_EMBED_SERVE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "embed/embed.h"

#define SERVE_ANY_GROUP ((gid_t)-1)

struct serve_conf {
    const char *path;                     /* the pool's directory */
    const struct embed_pool_conf *create; /* the pool that an empty directory, or a missing one,
                                             gets, without a number of targets that of
                                             embed_pool_targets(); NULL: none, -DER_DF_INVAL */
    const char *socket;                   /* NULL: EMBED_SOCKET in the directory */
    mode_t socket_mode;                   /* 0: 0600 */
    gid_t socket_group;                   /* SERVE_ANY_GROUP: as the file system has it */
    const char *const *listen;            /* addresses of the network */
    uint32_t listen_nr;
    const char *keys; /* file of them (net/keys.h): who comes over the network has to have one;
                         NULL: he is believed to be who he says */
    int cpu;          /* this and the next three: as engine_conf has them */
    const uint64_t *cpus;
    uint32_t cpus_nr;
    uint32_t xstreams;
    uint32_t spin_us;        /* see rt_xs_conf */
    uint32_t checkpoint_pct; /* see heap_conf; 0 default */
    uint64_t mem_limit;      /* bytes of metadata in memory; 0: TARN_MEM_LIMIT, or half of what the
                                machine has */
    uint32_t clients;        /* connected at once; 0: 4,096 */
    uint32_t user_clients;   /* of one user, through shared memory; 0: 2,048 */
    uint32_t calls;          /* of one client under way at once; 0: 512 */
    uint64_t call_bytes;     /* of memory they may hold, beside the room; 0: 64 MiB */
    uint64_t all_bytes;      /* of requests and answers of all clients; 0: 1 GiB */
    uint64_t room_bytes; /* shared with each client for bulk data; 0: 256 MiB. Memory only as far as
                            he uses it. */
};

struct serve;

/* Clients may connect when it returns. -DER_BUSY: an engine runs there, in e its pid;
 * -DER_DF_INVAL: the directory holds something else; what embed_pool_create(), engine_open(),
 * net_shm_listen() and net_tcp_listen() say.
 * e in three parts. Blocking, as all here; from outside of any xstream. */
int serve_start(const struct serve_conf *conf, struct serve **s, struct err *e);
/* Takes no more connections, refuses new requests (-DER_SHUTDOWN: their clients ask the next
 * engine), waits for those under way and answers them, closes the pool: cleanly, or as a crash
 * would. */
void serve_stop(struct serve *s, bool clean);
/* To be asked now and then. True: nobody has been connected for ns, seen over that time, and from
 * now on nobody can connect: serve_stop() is next. Looking and ceasing to listen are one step: who
 * comes before is seen, who comes after finds no socket and looks for the next engine. */
bool serve_is_idle(struct serve *s, uint64_t ns);

/* Its directory was removed, or another stands at its path, or its socket was taken away: no new
 * client finds it. Clients that are connected go on. */
bool serve_is_lost(const struct serve *s);

const char *serve_path(const struct serve *s);   /* of the directory, absolute, without links */
const char *serve_socket(const struct serve *s); /* absolute if conf's was */
bool serve_made_pool(const struct serve *s);     /* serve_start() did */
void serve_pool_uuid(const struct serve *s, uuid_t pool);

struct serve_stat {
    uint32_t connections, serving;    /* now: clients connected, requests under way */
    uint64_t accepted, requests, bad; /* since the start; bad: frames that were refused */
};
void serve_stat(struct serve *s, struct serve_stat *st);

#endif

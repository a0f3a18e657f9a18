/*
 * The engine from the inside. One struct shard holds a pool's part on one target: device, heap,
 * store, and (first target) the pool service. Shards share nothing but the engine's clock; an
 * xstream has one or several. Files:
 *
 * - engine.c opens and closes; format.c makes a pool, devices.c knows its devices, destroy.c is its
 *   end
 * - shard.c: the retry loop, answers that wait for durability; shards.c: all of them at once;
 *   handles.c: what shards know of the service's container handles
 * - service.c: which file serves which message; decode.c: messages to vos structures; svc_host.c:
 *   messages of the pool service, svc_space.c: what they tell of targets and room
 * - update.c, fetch.c, gather.c, list.c, query.c: one kind of request each, inline form and fiber
 *   form
 * - tx.h: transactions over several shards
 * - data_io.c: values in data extents, by aligned transfers, with checksums and shared flushes;
 *   data_mem.c: the same where they lie in memory
 * - reclaim.c: giving room back in the background; holders.c: handles of clients that are gone
 * - check*.c, repair*.c, inspect.c, stat.c: looking, and mending
 *
 * A request runs either inline (caller's thread, heap lock taken by trylock, everything in memory)
 * or in a fiber of the shard's xstream. The two share the operation itself, a function that is
 * called with the lock held and may answer HEAP_FAULT and so on; only who handles that answer
 * differs: the fiber loads and retries, the inline form gives up without a trace and the request
 * goes to the fiber.
 */
#ifndef TARN_ENGINE_INT_H
#define TARN_ENGINE_INT_H

#include <daos_types.h>
#include <daos_errno.h>
#include <daos_security.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/gate.h"
#include "base/hash.h"
#include "base/hlc.h"
#include "base/htable.h"
#include "base/mutant.h"
#include "base/told.h"
#include "engine/engine.h"
#include "engine/tx.h"
#include "heap/heap.h"
#include "net/msg.h"
#include "place/place.h"
#include "rt/rt.h"
#include "svc/svc.h"
#include "vos/vos.h"

#define ENGINE_EPSILON_NS 1000000000ull /* clocks of clients and engines differ by less */

struct flusher {
    uint64_t asked, done; /* flush generations: asked for, completed */
    bool running;
    struct rt_event *turn; /* set when the running flush ends */
    int rc;                /* of a flush that failed, for good */
};

#define DEVICE_NAME_MAX 24u

/* The devices of a shard; any of them may hold several roles. */
struct devices {
    uint32_t nr;
    struct device {
        char name[DEVICE_NAME_MAX]; /* in the pool's directory */
        struct io_dev *dev;
        struct super *super;
    } d[SUPER_ROLE_NR];
    struct super *role[SUPER_ROLE_NR]; /* the one that holds it */
};

/* handles.c; under the shard's heap lock. */
struct handles {
    struct htable known;
    uint64_t closed; /* how often some were taken away */
    uint8_t missed[16];
};

/* holders.c; on the xstream alone. */
struct holders {
    uint64_t boot, space; /* base/proc.h; 0: nobody is judged */
    struct htable procs;  /* that are connected */
    uint32_t noting;      /* uses that are being noted */
    uint32_t looks;       /* at all who hold something, still to be taken */
    bool afresh, running; /* somebody went since the last look; the fiber is there */
    uint64_t looked_ns;
};

struct shard {
    struct engine *eng;
    uint32_t target; /* id in the pool map, and index here */
    struct rt_xs *xs;
    struct devices devs;
    struct heap *heap;
    struct vos *vos;
    struct svc *svc;   /* of the first shard; NULL elsewhere */
    struct err down;   /* rc != 0: it could not be opened, and why; it serves nothing */
    struct hlc *clock; /* the engine's, or in simulations its own */
    struct hlc own_clock;
    struct handles handles;
    struct txs txs;
    struct flusher flusher;
    uint32_t data_writers; /* updates writing data extents now (xstream only) */
    void *bounce[32];      /* data_io.c: buffers kept for the next transfer (xstream only) */
    uint32_t bounce_nr;
    bool reclaim_running, reclaim_again, reclaim_held;
    uint64_t reclaim_rounds, reclaim_steps;
    uint64_t sessions_seen_ns;   /* when reclaiming looked at the service's sessions last */
    struct rt_call reclaim_call; /* from any thread: a change left something to give back */
    bool reclaim_called;         /* it is on its way; atomic */
    struct holders holders;
};

struct engine {
    struct engine_conf conf;
    struct rt_world *world;
    struct net_service service;
    struct shard *shard; /* [target]; the first one has the pool service */
    uint32_t shard_nr;
    struct rt_xs *xs[ENGINE_TARGETS_MAX];
    uint32_t xs_nr; /* shard i lives on xs[i % xs_nr] */
    struct hlc clock;
    struct net_peer *self;    /* messages from shard to shard */
    struct rt_mutex svc_lock; /* fibers apply commands of the service one at a time */
    struct told creds_told;   /* the first shard's xstream's */
    struct place_map *map;
    uuid_t pool;
    struct err not_open;                /* lenient: what could not be opened */
    struct gate gate;                   /* for requests; closed: new ones are refused */
    uint64_t requests, inline_requests; /* atomic */
    uint64_t data_writes, data_reads;   /* atomic */
    uint64_t flushes;                   /* atomic */
};

uint64_t engine_wall_ns(const struct engine *eng);
/* An xstream of an engine, or the one that a format runs on. */
int engine_xs_create(const struct engine_conf *conf, uint32_t index, struct rt_xs **xs);

/* The map is known: the other xstreams and shards come to be. */
int engine_others_begin(struct engine *eng);

/* service.c: fills in eng->service. */
void service_init(struct engine *eng);

/* ---- devices.c [F] ---- */

/* Opens what is in the directory and checks that it is a whole pool: each role once, all devices of
 * one pool. Nothing is written before that is sure. */
int devices_open(const struct engine_conf *conf, struct rt_xs *xs, uint32_t target,
                 struct devices *ds, struct err *e);
/* Makes and formats those of target id->target; id: what their superblocks have in common. On
 * failure nothing of them stays. */
int devices_format(const struct engine_conf *conf, struct rt_xs *xs,
                   const struct engine_format *fmt, const struct super_id *id,
                   const uint64_t size[SUPER_ROLE_NR], struct devices *ds, struct err *e);
void devices_close(struct devices *ds);
/* After devices_format(): they are closed and taken away again. */
void devices_undo(const struct engine_conf *conf, struct devices *ds);

/* ---- shards.c ---- */

/* Runs fn(s, arg) for every shard that serves, each in a fiber of its xstream, and waits for all.
 * [F], or a foreign thread. The first error by target; the others have run to their end. */
int shards_each(struct engine *eng, int (*fn)(struct shard *s, void *arg), void *arg);
/* One after the other, until the first error. */
int shards_each_in_turn(struct engine *eng, int (*fn)(struct shard *s, void *arg), void *arg);
/* Of one. */
int shards_one(struct shard *s, int (*fn)(struct shard *s, void *arg), void *arg);
/* Does it serve? Else why not: -DER_IO. */
static inline bool shard_serves(const struct shard *s)
{
    return s->heap != NULL && s->vos != NULL && !heap_failed(s->heap);
}

bool shards_all_serve(const struct engine *eng);

/* ---- handles.c ---- */

void handles_init(struct shard *s);
void handles_fini(struct shard *s);
/* The handle as this shard knows it; NULL: it has to ask (SHARD_ASK). Any but the first shard. [L]
 */
struct svc_chdl *handles_find(struct shard *s, const uint8_t hdl[16]);
/* Asks the service for it; durable when answered. -DER_NO_HDL, -DER_IO. [F], any xstream. */
int handles_learn(struct shard *s, const uint8_t hdl[16]);
/* After a command of the service: handles that it closed are forgotten by all shards. [F] */
void handles_spread(struct engine *eng);
/* The container's store is gone: what was cached of it too. [L] */
void handles_forget_cont(struct shard *s, const uint8_t cont[16]);

/* ---- store_list.c [F], any xstream ---- */

/* Zero at first; base_free() what is in it at the end. */
struct cont_list {
    uint8_t (*uuid)[16];
    uint32_t nr, max;
};
struct snap_list {
    uint8_t cont[16];
    uint64_t *epoch;
    uint32_t nr, max;
};
/* The containers of a store that are not destroyed. */
int store_conts(struct shard *s, struct cont_list *l);
bool store_conts_has(const struct cont_list *l, const uint8_t cont[16]);
/* The snapshots that the store keeps of a container. -DER_NONEXIST: it does not have that. */
int store_snaps(struct shard *s, const uint8_t cont[16], struct snap_list *l);
bool store_snaps_has(const struct snap_list *l, uint64_t epoch);

/* ---- shard.c ---- */

/* Of shard_cont(): the service has to be asked first. shard_run() does that. */
#define SHARD_ASK 100
/* Of an operation that cannot just be run again: a prepared transaction is in the way. */
#define SHARD_DOUBT 101

/* Runs op under the heap's lock, again and again while it asks for pages, log space or growth. [F]
 */
int shard_run(struct shard *s, int (*op)(struct shard *s, void *arg), void *arg);
/* The same for an op that does its work in parts, each once: *done says how many. What a part that
 * is done had pinned is given back when it becomes much. [F] */
int shard_run_parts(struct shard *s, int (*op)(struct shard *s, void *arg), void *arg,
                    const uint32_t *done);
/* Everything that was committed until now is durable: 0. [F] */
int shard_settle(struct shard *s);
/* Ends the request with rc once lsn is durable (then the heap failed: -DER_IO). Any thread, lock
 * not held. */
void shard_reply(struct shard *s, struct net_req *req, int rc, uint64_t lsn);
/* Ends a request that no shard took. */
void shard_refuse(struct engine *eng, struct net_req *req, int rc);
/* As shard_reply, called with the lock held; gives it back. */
void shard_reply_unlock(struct shard *s, struct net_req *req, int rc, uint64_t lsn);
/* Is rc one of those that mean "not now"? Whoever runs in a fiber lets shard_run() wait. */
static inline bool shard_again(int rc)
{
    return rc > 0 || rc == -DER_INPROGRESS;
}
/* The container behind an open handle, with its rights checked against need (DAOS_ACL_PERM_*). [L]
 * -DER_NO_HDL, -DER_NO_PERM, HEAP_*. */
int shard_cont(struct shard *s, const uint8_t hdl[16], uint64_t need, struct vos_cont **c);
/* The same for reading at an epoch. One that lies further ahead than clocks may differ is
 * -DER_HLC_SYNC: reads leave marks that every later write must pass. Of an error *lsn becomes what
 * its answer waits for: that a handle is gone may not be durable yet. [L] */
int shard_cont_read(struct shard *s, const uint8_t hdl[16], daos_epoch_t epoch, struct vos_cont **c,
                    uint64_t *lsn);
/* The epoch that a request reads at: as asked, or for 0 the clock, which is above all that was ever
 * acknowledged: also above what is prepared here ahead of it, which may be committed elsewhere.
 * What is read at it stays so: later writes come above. [L] */
static inline daos_epoch_t shard_read_at(struct shard *s, daos_epoch_t asked)
{
    if (asked != 0)
        return asked;
    hlc_raise(s->clock, vos_prepared_newest(s->vos));
    return hlc_get(s->clock, engine_wall_ns(s->eng));
}
/* The store of a container that the service has destroyed goes, and what handles cached of it.
 * -DER_NONEXIST: there is none. [L] */
int shard_cont_destroy(struct shard *s, const uint8_t cont[16]);

/* ---- decode.c ---- */

struct vos_key decode_key(const struct msg_buf *b);
int decode_ops(struct net_req *req, const struct msg_obj_update_req *m, struct vos_op **ops);
int decode_fetch(struct net_req *req, const struct msg_obj_fetch_req *m, struct vos_key *dkey,
                 struct vos_fetch_iod **iods);
/* The iods of a read; -DER_PROTO unless 1 to NET_BULK_MAX. */
int decode_fiods(struct net_req *req, const struct msg_fiod *m, uint32_t nr,
                 struct vos_fetch_iod **iods);
/* len bytes from off of a bulk vector as an iovec list in the request's memory. -DER_PROTO beyond
 * its end. */
int decode_bulk(struct net_req *req, uint32_t bulk, uint64_t off, uint64_t len, bool writable,
                struct iovec **iov, uint32_t *nr);

/* ---- Requests ---- */

/* The inline forms: true if the request is taken care of. */
bool update_inline(struct shard *s, struct net_req *req);
bool fetch_inline(struct shard *s, struct net_req *req);
bool gather_inline(struct shard *s, struct net_req *req);
bool follow_inline(struct shard *s, struct net_req *req);
bool list_inline(struct shard *s, struct net_req *req);
bool query_inline(struct shard *s, struct net_req *req);
/* The fiber forms: end with the reply. */
void update_fiber(struct shard *s, struct net_req *req);
void fetch_fiber(struct shard *s, struct net_req *req);
void gather_fiber(struct shard *s, struct net_req *req);
void follow_fiber(struct shard *s, struct net_req *req);
void list_fiber(struct shard *s, struct net_req *req);
void query_fiber(struct shard *s, struct net_req *req);
void aggregate_fiber(struct shard *s, struct net_req *req);
void rollback_fiber(struct shard *s, struct net_req *req);
void stat_fiber(struct shard *s, struct net_req *req);
/* Is who asks who he says? -DER_NO_PERM, and the log is told. creds.c */
int creds_check(struct told *told, const struct net_req *req, const struct msg_pool_connect_req *q);
/* Messages with MSG_SVC. svc_host.c */
void svc_host_fiber(struct shard *s, struct net_req *req);
/* Brings vos and svc to agree after opening: snapshots and containers that svc does not know go,
 * handles of the past are evicted. [F] */
int svc_host_reconcile(struct shard *s);
/* svc_space.c: what a query tells of the pool's targets and, with DPI_SPACE, of their room.
 * -DER_NOMEM. */
int svc_space_pool(struct shard *s, struct arena *mem, uint64_t bits, struct msg_pool_info *info);
/* Of one that serves. */
int svc_space_target(struct shard *of, struct msg_space *sp);
/* The encoded map of an answer, with targets as they are now: who asks for ranks wants to know
 * which have one that is down. The pool's own map does not change, nor where anything lies. */
int svc_map_down(struct shard *s, struct arena *mem, struct msg_buf *buf);

/* ---- data_mem.c: values in data extents that lie in memory ---- */

/* Copies len bytes between a flat buffer and a stream from off; true: into the stream. */
void data_copy(const struct iovec *iov, uint32_t nr, uint64_t off, uint8_t *flat, uint64_t len,
               bool into);
/* What is read for a piece: bytes [from, to) of the extent; chunks of checksums begin at from if
 * there are any. */
void data_widen(const struct vos_piece *p, uint64_t *from, uint64_t *to);
/* Are the piece's widened bytes what was written? -DER_CSUM. */
int data_sound(const struct vos_piece *p, const uint8_t *bytes, uint64_t len);

#define DATA_AT_ONCE (64u << 10) /* bytes that are copied while everybody else waits */

/* Do they lie in memory, with at most max bytes? Then they are moved at once; yields: on a fiber,
 * which lets others have their turn. [L], or on a fiber of the shard. */
bool data_mem_places(struct shard *s, const struct vos_place *places, uint32_t nr, uint64_t max);
void data_mem_write(struct shard *s, const struct vos_op *ops, const struct vos_place *places,
                    uint32_t nr, bool yields);
/* *max: less by what they have. */
bool data_mem_pieces(struct shard *s, const struct vos_piece *pieces, uint32_t nr, uint64_t *max);
/* -DER_CSUM */
int data_mem_read(struct shard *s, const struct vos_fetch_iod *iods, const struct vos_piece *pieces,
                  uint32_t nr, bool yields);

/* ---- data_io.c [F] ---- */

/* Writes an update's large values to their extents; durable when it returns 0. */
int data_write(struct shard *s, const struct vos_op *ops, const struct vos_place *places,
               uint32_t nr);
/* A piece of a fetch, wanted in its iod's destination. */
struct data_want {
    const struct vos_fetch_iod *iod;
    const struct vos_piece *piece;
    uint64_t from, to; /* data_read()'s own */
};
/* Reads pieces, verified, into their destinations; sorts the array. Small ones that lie near each
 * other come with one read. -DER_CSUM, -DER_IO. */
int data_read(struct shard *s, struct data_want *want, uint32_t nr);
/* Reads one piece's checksummed chunks and throws them away: the checker. */
int data_verify(struct shard *s, const struct vos_piece *p);
/* Gives back what the shard keeps for them. Nothing is under way. */
void data_io_fini(struct shard *s);

/* ---- check.c ---- */

/* Lines about the store, told with names when all are known. */
struct check_lines;
struct check_lines *check_lines_open(struct engine *eng,
                                     void (*report)(void *arg, const char *text), void *arg);
/* One about the shard's store. */
void check_lines_add(struct check_lines *l, const struct shard *s, const struct vos_found *f);
int check_lines_tell(struct check_lines *l);
void check_lines_close(struct check_lines *l);

/* What a line begins with: "target 2: ", or nothing in a pool of one. */
#define CHECK_TARGET_MAX 24u
void check_target_text(const struct engine *eng, uint32_t target, char buf[CHECK_TARGET_MAX]);
/* What an error of opening says next, and a check need not repeat. */
#define CHECK_NEXT "run `tarn check` on the pool"

/* ---- check_agree.c ---- */

/* Containers and snapshots that stores have and the service does not, or the other way round. say:
 * a problem. [F] */
int check_agree(struct engine *eng, void (*say)(void *arg, const char *text), void *arg);

/* ---- check_refs.c ---- */

/* The end of a check: the service's tables and data space's own records are met as well; whatever
 * was not met by then is left over. */
struct check_left {
    struct heap_refs *refs; /* what the store's walk has met */
    void (*report)(void *arg, const char *text);
    void *arg;
    uint64_t *problems;
    int (*advance)(void *arg, uint64_t nr); /* so many more pages are done; not 0: the end */
    void *advance_arg;
};
int check_refs(struct shard *s, struct check_left *l);
/* The first part alone. */
int check_refs_meet(struct shard *s, struct check_left *l);

/* ---- check_path.c ---- */

/* Names of the objects of POSIX containers. */
struct check_paths {
    struct htable names;
    uint32_t nr;
};
void check_paths_init(struct check_paths *p);
void check_paths_fini(struct check_paths *p);
/* vos_check()'s value: notes it if it is a directory entry. */
int check_paths_learn(struct check_paths *p, const struct vos_found *at, uint64_t epoch,
                      const void *bytes, uint64_t len);
/* The object at a path; false: unknown. */
bool check_paths_lookup(const struct check_paths *p, const uint8_t cont[16], const char *path,
                        daos_obj_id_t *oid);
/* Learns all names there are, in all shards that serve: check.c. [F] */
int check_names(struct engine *eng, struct check_paths *p);
/* False: it has no name that is known. "..." is in front when the way to the root is not. */
bool check_paths_find(const struct check_paths *p, const uint8_t cont[16], daos_obj_id_t oid,
                      char *buf, size_t len);

/* ---- holders.c ---- */

void holders_init(struct shard *s);
void holders_fini(struct shard *s);
/* Those that went while there was no engine. On the xstream. */
void holders_start(struct shard *s);
/* Waits until the fiber has ended; the gate is closed. [F] */
void holders_stop(struct shard *s);
/* Who asks, if his end would be noticed. */
bool holders_who(struct shard *s, const struct net_req *req, struct svc_holder *who);
/* net_service's. */
void holders_came(struct shard *s, uint32_t pid, uint64_t born);
void holders_left(struct shard *s, uint32_t pid, uint64_t born);
/* Is it noted that who asks uses this handle, or is there nothing to note? Else holders_note()
 * comes before the request is served. [F] */
bool holders_knows(const struct net_req *req);
void holders_note(struct shard *s, const struct net_req *req);

/* ---- reclaim.c ---- */

/* There is room to give back: starts the background fiber if none runs. On the xstream. */
void reclaim_kick(struct shard *s);
/* The same from any thread, while a request is under way. */
void reclaim_ask(struct shard *s);
/* Waits until it has stopped. [F] */
void reclaim_stop(struct shard *s);
/* Waits until it has stopped and keeps it from starting until release: the checker wants to be
 * alone. [F] */
void reclaim_hold(struct shard *s);
void reclaim_release(struct shard *s);
/* The same of all shards that serve; and of those whose device failed since. [F] */
void reclaim_hold_all(struct engine *eng);
void reclaim_release_all(struct engine *eng);

#endif

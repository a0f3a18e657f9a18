/*
 * Compound requests: several checks, updates and punches of one container as one atomic step (one
 * epoch, one transaction of the shard). libdfs builds move, exchange, remove, and create-with-data
 * on it; daos_tx will be put on it when there are several shards.
 *
 * Build (nothing is sent, memory given must stay until completion), then run. Operations see
 * earlier operations of the same compound; checks and conditions see what was before it, and fail
 * the whole compound without any change. At most COMPOUND_OPS_MAX operations.
 */
#ifndef TARN_CLIENT_COMPOUND_H
#define TARN_CLIENT_COMPOUND_H

#include <stdbool.h>
#include <daos.h>

#define COMPOUND_OPS_MAX 64u

struct compound;

int compound_begin(daos_handle_t coh, struct compound **c);
void compound_free(struct compound *c); /* any state but running */

/* As daos_obj_update/punch/punch_dkeys/punch_akeys of an open object handle; flags DAOS_COND_*. The
 * sgls, iods, keys are the caller's and stay. */
int compound_update(struct compound *c, daos_handle_t oh, uint64_t flags, daos_key_t *dkey,
                    unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls);
int compound_punch_obj(struct compound *c, daos_handle_t oh, uint64_t flags);
int compound_punch_dkey(struct compound *c, daos_handle_t oh, uint64_t flags, daos_key_t *dkey);
int compound_punch_akeys(struct compound *c, daos_handle_t oh, uint64_t flags, daos_key_t *dkey,
                         unsigned int nr, daos_key_t *akeys);
/* The same without a handle, by object id (libdfs creating thousands of small files opens no handle
 * for each). */
int compound_update_oid(struct compound *c, daos_obj_id_t oid, uint64_t flags, daos_key_t *dkey,
                        unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls);
int compound_punch_oid(struct compound *c, daos_obj_id_t oid, uint64_t flags);
/* Punches akeys (nr of them), the dkey (nr 0), or the object (dkey NULL too). */
int compound_punch_keys_oid(struct compound *c, daos_obj_id_t oid, uint64_t flags,
                            const daos_key_t *dkey, unsigned int nr, const daos_key_t *akeys);
int compound_punch_dkey_oid(struct compound *c, daos_obj_id_t oid, uint64_t flags,
                            daos_key_t *dkey);

/* Checks. dkey exists (-DER_NONEXIST), is absent (-DER_EXIST), object has no dkeys
 * (COMPOUND_NOTEMPTY), nothing at or below the dkey (NULL: the object) changed after `seen`
 * (-DER_TX_RESTART). */
#define COMPOUND_NOTEMPTY (-2100)
int compound_check_exists(struct compound *c, daos_obj_id_t oid, daos_key_t *dkey);
int compound_check_absent(struct compound *c, daos_obj_id_t oid, daos_key_t *dkey);
int compound_check_empty(struct compound *c, daos_obj_id_t oid);
/* The object has no dkey but this one, which may be missing too: COMPOUND_NOTEMPTY. */
int compound_check_only(struct compound *c, daos_obj_id_t oid, daos_key_t *dkey);
int compound_check_unchanged(struct compound *c, daos_obj_id_t oid, daos_key_t *dkey,
                             daos_epoch_t seen);

/* Runs it; blocking when ev is NULL. *epoch (may be NULL) is the epoch it happened at. */
int compound_run(struct compound *c, daos_epoch_t *epoch, daos_event_t *ev);
/* The same with an event, whose end somebody else wants to know of before it comes: ended(arg, rc),
 * once, on whatever thread; must not wait. held: the op's from here on, also if rc is an error;
 * then nothing was sent, the event is as before, and ended is not called. */
struct hobj;
struct compound_end {
    void (*ended)(void *arg, int rc);
    void *arg;
    struct hobj *held;
};
int compound_launch(struct compound *c, const struct compound_end *end, daos_event_t *ev);

/* A fetch that also tells the newest epoch it met (what compound_check_unchanged wants). As
 * daos_obj_fetch otherwise, by object id. */
int client_fetch_oid(daos_handle_t coh, daos_handle_t th, daos_obj_id_t oid, uint64_t flags,
                     daos_key_t *dkey, unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls,
                     daos_epoch_t *epoch, daos_event_t *ev);

/* Many such fetches with one request, one akey of one dkey each. sgl: where the bytes go; holes
 * come as zeros. at: DAOS_EPOCH_MAX (each as it is when its turn comes) or the epoch of a snapshot.
 * An error of one (-DER_CSUM, ...) is the error of all. dkeys, iods, sgls and gets stay until
 * completion. */
#define CLIENT_GATHER_MAX 64u
struct client_get {
    daos_obj_id_t oid;
    const daos_key_t *dkey;
    daos_iod_t *iod;
    d_sg_list_t *sgl;
    /* out: */
    bool found;         /* there is something */
    uint64_t bytes;     /* end of the last byte that exists */
    daos_epoch_t epoch; /* of the newest version met */
};
int client_gather(daos_handle_t coh, daos_epoch_t at, uint32_t nr, struct client_get *gets,
                  daos_event_t *ev);

/* All objects of a container as it is now, some at a time as daos_oit_list(). Waits. */
int client_list_oids(daos_handle_t coh, daos_obj_id_t *oids, uint32_t *nr, daos_anchor_t *anchor);

/* A look at one object by way of another: what there is to know without reading it. */
struct client_seen {
    bool known; /* else nothing of the rest counts, and the object itself is to be asked */
    daos_obj_id_t oid;
    uint64_t chunk;       /* array: the number of its last chunk (client/array.h); 0: it is empty */
    daos_recx_t last;     /* ... and the last extent in there */
    daos_epoch_t changed; /* as daos_obj_query_max_epoch() */
};

/* With one request, and at one moment: the first value->iov_buf_len bytes of an array of bytes
 * (*iov_len: end of the last one that exists; *epoch: of the newest version met), and a look at the
 * object whose id lies id_at bytes into them. at: DAOS_EPOCH_MAX or a snapshot's. Whether the look
 * tells anything depends on where that object lies: seen->known. Blocking. -DER_NOSYS: the engine
 * is too old for it; -DER_NOTSUPPORTED: the value is large; both: client_fetch_oid() does. */
int client_follow(daos_handle_t coh, daos_epoch_t at, daos_obj_id_t oid, const daos_key_t *dkey,
                  const daos_key_t *akey, uint32_t id_at, d_iov_t *value, daos_epoch_t *epoch,
                  struct client_seen *seen);
/* As daos_array_get_size() of an array with chunks of that many cells. */
uint64_t client_seen_size(const struct client_seen *seen, daos_size_t chunk_cells);

#endif

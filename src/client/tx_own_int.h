/* What the files behind tx_own.h share: a view, questions to the engine, extents over extents. */
#ifndef TARN_CLIENT_TX_OWN_INT_H
#define TARN_CLIENT_TX_OWN_INT_H

#include "client/tx_int.h"
#include "client/tx_own.h"

/* ---- A view: the kept operations on one object, as they were when it was made ---- */

struct own {
    struct own_read r;
    uint32_t life; /* of the transaction */
    uint32_t seq;  /* of the newest operation in it */
    uint32_t nr;
    const struct tx_op *ops[COMPOUND_OPS_MAX];
    struct arena mem; /* of what is made for this read */
};

/* until: operations up to this seq; UINT32_MAX: all. -DER_NO_PERM: the transaction is not open. */
int own_begin(struct own *o, const struct own_read *r, uint32_t until);
void own_end(struct own *o);

bool own_same(const daos_key_t *a, const daos_key_t *b);
/* Did an operation change something at or below the dkey (NULL: anywhere in the object)? */
bool own_touches(const struct own *o, const daos_key_t *dkey);
/* Is what the engine has of the object (dkey NULL), of the dkey, punched? */
bool own_hides(const struct own *o, const daos_key_t *dkey);
/* The dkeys (dkey NULL), or akeys of a dkey, that operations name, by first use, each once. Those
 * of punched parents too. */
struct own_keys {
    const daos_key_t **key;
    uint32_t nr;
};
int own_touched(struct own *o, const daos_key_t *dkey, struct own_keys *keys);
bool own_in(const struct own_keys *keys, const void *key, size_t len);

/* ---- An akey ---- */

/* Extents by index, disjoint. iod_size 0: a hole. */
struct own_ext {
    uint64_t start, end;
    const daos_iod_t *iod;
    const d_sg_list_t *sgl;
    uint64_t off; /* of the first record in the sgl, in bytes */
};

struct own_exts {
    struct own_ext *e;
    uint32_t nr;
};

/* Lays the extents of an update over x. tx_own_exts.c */
int own_exts_put(struct arena *mem, struct own_exts *x, const daos_iod_t *iod,
                 const d_sg_list_t *sgl);
/* The first extent that ends behind idx; x->nr: none. */
uint32_t own_exts_at(const struct own_exts *x, uint64_t idx);

struct own_akey {
    bool touched;
    bool hidden;              /* what the engine has is punched */
    bool single_gone;         /* ... its single value at least */
    const daos_iod_t *single; /* the transaction's own value; NULL: none */
    const d_sg_list_t *single_sgl;
    struct own_exts exts;
};

int own_akey(struct own *o, const daos_key_t *dkey, const daos_key_t *akey, struct own_akey *a);
bool own_akey_has(const struct own_akey *a); /* something of the transaction's own */

/* ---- Questions to the engine, blocking ---- */

int own_base_exists(struct own *o, const daos_key_t *dkey, const daos_key_t *akey);
int own_base_fetch(struct own *o, uint64_t flags, const daos_key_t *dkey, unsigned int nr,
                   daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms);
int own_base_keys(struct own *o, const daos_key_t *dkey, uint32_t *nr, daos_key_desc_t *kds,
                  d_sg_list_t *sgl, daos_anchor_t *anchor);
int own_base_recxs(struct own *o, const daos_key_t *dkey, const daos_key_t *akey, daos_size_t *size,
                   uint32_t *nr, daos_recx_t *recxs, daos_epoch_range_t *eprs,
                   daos_anchor_t *anchor, bool incr_order);
/* -DER_NONEXIST: nothing found. */
int own_base_query(struct own *o, uint64_t flags, const daos_key_t *dkey, const daos_key_t *akey,
                   struct msg_obj_query_key_rep *rep);
/* Calls each() for every key the engine has of the object (dkey NULL) or the dkey, until it returns
 * not 0, which is returned. */
int own_base_each(struct own *o, const daos_key_t *dkey,
                  int (*each)(void *arg, const daos_key_t *key), void *arg);

/* ---- Both together ---- */

int own_akey_exists(struct own *o, const daos_key_t *dkey, const daos_key_t *akey);
int own_dkey_exists(struct own *o, const daos_key_t *dkey);
int own_obj_exists(struct own *o);

/* A walk over the extents of an akey, up or down. tx_own_recx.c */
struct own_walk {
    const daos_key_t *dkey, *akey;
    struct own_akey a;
    bool down;
    uint64_t pos;       /* next index; down: behind the next */
    daos_anchor_t base; /* the engine's place */
    bool base_done;
    bool done;
};

/* dkey and akey stay as long as the walk. */
int own_walk_begin(struct own *o, struct own_walk *w, const daos_key_t *dkey,
                   const daos_key_t *akey, bool down);
/* The next extents, at most *nr; *nr 0 at the end only. eprs may be NULL. */
int own_walk_next(struct own *o, struct own_walk *w, uint32_t *nr, daos_recx_t *recxs,
                  daos_epoch_range_t *eprs, uint64_t *rec_size);

#endif

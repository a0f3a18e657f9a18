/*
 * The service's state in the heap: one record in HEAP_ROOT_SVC with the applied index and one map
 * (heap/kv.h) a table. Private to svc/.
 *
 *   table       key                        value
 *   META        "map", "props"             encoded pool map; pool properties (prop.h)
 *               "sessions"                 u64 newest start of a forgotten session, 16 cursor
 *   POOL_ATTR   name                       bytes
 *   POOL_HDL    handle uuid                struct phdl, encoded
 *   CONT        container uuid             struct cont_rec
 *   CONT_LABEL  label                      container uuid
 *   CONT_PROP   container uuid             properties (prop.h)
 *   CONT_ATTR   container uuid, name       bytes
 *   CONT_HDL    handle uuid                struct chdl_rec and the user's principal
 *   SNAP        container uuid, epoch BE   nothing
 *   GONE        container uuid             nothing: destroyed, its data not yet reclaimed
 *   OPS         session (16), sequence BE  encoded reply; sequence 0: u64 acknowledged mark
 *   SESSION     session (16)               u64 HLC: about when it gave its last command
 *   HOLDER      pool handle, u64 boot, u64 space, u64 born, u32 pid     nothing: that process has
 * it
 *
 * Numbers in records are little endian; big endian in keys so that order of bytes is order of
 * numbers.
 */
#ifndef TARN_SVC_STATE_H
#define TARN_SVC_STATE_H

#include "base/arena.h"
#include "base/htable.h"
#include "base/mutant.h"
#include "heap/kv.h"
#include "svc/acl.h"
#include "svc/prop.h"
#include "svc/svc.h"

#define SVC_TABLES(T)                                                                              \
    T(META)                                                                                        \
    T(POOL_ATTR)                                                                                   \
    T(POOL_HDL)                                                                                    \
    T(CONT)                                                                                        \
    T(CONT_LABEL) T(CONT_PROP) T(CONT_ATTR) T(CONT_HDL) T(SNAP) T(GONE) T(OPS) T(SESSION) T(HOLDER)
#define TABLE_ENUM_(t) T_##t,
enum svc_table { SVC_TABLES(TABLE_ENUM_) T_NR };

#define SVC_MAGIC       0x3143565354u /* "TSVC1" */
#define SVC_FORMAT      1u
#define SVC_TABLES_ROOM 24u /* tables that a record has room for */

struct svc_root { /* persistent */
    uint64_t magic;
    uint32_t format;
    uint32_t pad;
    uint64_t applied;
    uint8_t pool[16];
    struct tree_root table[SVC_TABLES_ROOM];
};

struct cont_rec {                       /* persistent */
    uint64_t created, opened, modified; /* HLC */
    uint64_t oid_next;
    uint64_t latest_snap;
    uint32_t handles, snaps;
};

struct chdl_rec { /* persistent; the user's principal follows, with its NUL */
    uint8_t cont[16], pool_hdl[16];
    uint64_t caps; /* DAOS_ACL_PERM_* */
    uint32_t flags;
    uint32_t pad;
};

/* An open pool handle, decoded. */
struct phdl {
    uint64_t caps; /* enum msg_pool_caps */
    uint32_t flags;
    struct acl_user who;
};

struct mirror { /* the volatile twin of a CONT_HDL record */
    struct hlink link;
    struct svc_chdl h;
};

struct svc {
    struct heap *h;
    uint64_t root;
    uint64_t applied;
    uint8_t pool[16];
    struct htable handles; /* struct mirror by handle */
    bool unread;           /* some could not be read when they were loaded */
    struct arena scratch;  /* of the operation under way */
    /* What a command did to handles; takes effect in the mirror when it is committed. */
    struct mirror *opened;
    uint8_t (*closed)[16];
    uint32_t closed_nr, closed_room;
    /* svc_take_closed() */
    uint8_t (*told)[16];
    uint32_t told_nr, told_room;
    bool told_wanted, told_all;
    struct overlay *overlay; /* read-only: handles live here; NULL otherwise */
};

/* ---- Overlay of a read-only service (overlay.c): handles and containers' counters in memory,
 * everything else as stored ---- */

struct overlay;
/* Does the overlay answer for this table? (T_CONT: only for keys that were put.) */
bool overlay_owns(enum svc_table t);
struct overlay *overlay_empty(void);
void overlay_free(struct overlay *o);
int overlay_get(const struct overlay *o, enum svc_table t, const void *key, size_t key_len,
                void *buf, size_t buf_len, size_t *len);
int overlay_put(struct overlay **o, enum svc_table t, const void *key, size_t key_len,
                const void *val, size_t len);
int overlay_del(struct overlay **o, enum svc_table t, const void *key, size_t key_len);
int overlay_next(const struct overlay *o, enum svc_table t, const void *key, size_t key_len,
                 bool after, void *key_out, size_t *key_out_len, size_t *val_len);

/* ---- Tables ---- */

uint64_t st_root(const struct svc *s, enum svc_table t);
/* The value, in mem. -DER_NONEXIST. */
int st_get(struct svc *s, enum svc_table t, const void *key, size_t key_len, struct arena *mem,
           void **val, size_t *len);
/* A record of a known size: exactly that, or -DER_DF_INVAL. */
int st_get_rec(struct svc *s, enum svc_table t, const void *key, size_t key_len, void *rec,
               size_t len);
int st_has(struct svc *s, enum svc_table t, const void *key, size_t key_len, bool *yes);
int st_put(struct svc *s, enum svc_table t, const void *key, size_t key_len, const void *val,
           size_t len);
int st_del(struct svc *s, enum svc_table t, const void *key, size_t key_len);

/* A walk over keys with a prefix: st_scan_next until -DER_NONEXIST. The entry found may be deleted.
 */
struct scan {
    enum svc_table t;
    uint8_t key[KV_KEY_MAX];
    size_t key_len, prefix_len, val_len;
    bool started;
};
void st_scan(struct scan *sc, enum svc_table t, const void *prefix, size_t prefix_len);
int st_scan_next(struct svc *s, struct scan *sc);

void put_be64(uint8_t out[8], uint64_t v);
uint64_t get_be64(const uint8_t in[8]);

/* ---- Records ---- */

int st_pool_props(struct svc *s, struct arena *mem, struct svc_props *l);
int st_pool_props_put(struct svc *s, const struct svc_props *l);
int st_cont_props(struct svc *s, const uint8_t cont[16], struct arena *mem, struct svc_props *l);
int st_cont_props_put(struct svc *s, const uint8_t cont[16], const struct svc_props *l);
/* Pool handle by uuid. -DER_NO_HDL. */
int st_pool_hdl(struct svc *s, const uint8_t hdl[16], struct arena *mem, struct phdl *out);
int st_pool_hdl_put(struct svc *s, const uint8_t hdl[16], const struct phdl *p);
/* Container handle by uuid. -DER_NO_HDL. user may be NULL. */
int st_cont_hdl(struct svc *s, const uint8_t hdl[16], struct arena *mem, struct chdl_rec *rec,
                const char **user);
int st_cont_hdl_put(struct svc *s, const uint8_t hdl[16], const struct chdl_rec *rec,
                    const char *user);
/* Container by label or uuid text, with its record. -DER_NONEXIST. */
int st_cont_find(struct svc *s, const char *name, uint8_t uuid[16], struct cont_rec *rec);
int st_cont_put(struct svc *s, const uint8_t uuid[16], const struct cont_rec *rec);

/* ---- The mirror of container handles ---- */

int mirror_load(struct svc *s);
void mirror_free(struct svc *s);
int mirror_note_opened(struct svc *s, const uint8_t hdl[16], const struct chdl_rec *rec);
int mirror_note_closed(struct svc *s, const uint8_t hdl[16]);
/* The command is committed, or not. */
void mirror_commit(struct svc *s);
void mirror_abort(struct svc *s);

#endif

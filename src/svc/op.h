/* A command under way, and what the command files offer each other. Private to svc/. */
#ifndef TARN_SVC_OP_H
#define TARN_SVC_OP_H

#include "svc/state.h"

struct op {
    struct svc *s;
    const struct svc_cmd *cmd;
    struct arena *mem; /* of the reply */
};

/* C(OPCODE constant, function): commands and where they are done. Each gets the request and reply
 * structs of its opcode; runs inside a transaction; an error undoes everything. */
#define SVC_COMMANDS(C)                                                                            \
    C(MSG_POOL_CONNECT, pool_connect)                                                              \
    C(MSG_POOL_DISCONNECT, pool_disconnect)                                                        \
    C(MSG_POOL_SET_PROP, pool_set_prop)                                                            \
    C(MSG_POOL_EVICT, pool_evict)                                                                  \
    C(MSG_CONT_CREATE, cont_create)                                                                \
    C(MSG_CONT_DESTROY, cont_destroy)                                                              \
    C(MSG_CONT_OPEN, cont_open)                                                                    \
    C(MSG_CONT_CLOSE, cont_close)                                                                  \
    C(MSG_CONT_SET_PROP, cont_set_prop)                                                            \
    C(MSG_ACL_UPDATE, acl_cmd_update)                                                              \
    C(MSG_ACL_OVERWRITE, acl_cmd_overwrite)                                                        \
    C(MSG_ACL_DELETE, acl_cmd_delete)                                                              \
    C(MSG_SET_OWNER, acl_cmd_set_owner)                                                            \
    C(MSG_ATTR_SET, attr_set)                                                                      \
    C(MSG_ATTR_DEL, attr_del)                                                                      \
    C(MSG_SNAP_CREATE, snap_create)                                                                \
    C(MSG_SNAP_DESTROY, snap_destroy)                                                              \
    C(MSG_OID_ALLOC, oid_alloc)                                                                    \
    C(SVC_EVICT_ALL, evict_all)                                                                    \
    C(SVC_CONT_GONE, cont_gone)                                                                    \
    C(SVC_SESSION_GONE, session_gone)                                                              \
    C(SVC_HOLD, hold)                                                                              \
    C(SVC_HOLDER_GONE, holder_gone)

/* R(OPCODE constant, function): queries. */
#define SVC_READS(R)                                                                               \
    R(MSG_POOL_QUERY, pool_query)                                                                  \
    R(MSG_POOL_LIST_CONT, pool_list_cont)                                                          \
    R(MSG_CONT_QUERY, cont_query)                                                                  \
    R(MSG_ATTR_GET, attr_get)                                                                      \
    R(MSG_ATTR_LIST, attr_list)                                                                    \
    R(MSG_SNAP_LIST, snap_list)

#define OP_DECL_(code, fn) int fn(struct op *o, const void *req, void *rep);
SVC_COMMANDS(OP_DECL_)
SVC_READS(OP_DECL_)

/* ---- outcome.c ---- */

#define OUTCOME_CHANGES                                                                            \
    12u /* records that outcome_remember() changes, beside the outcomes that were                  \
           acknowledged */

/* Was it applied before? Then *found, and rep is filled. -DER_TX_ID_REUSED, -DER_STALE. */
int outcome_recall(struct op *o, void *rep, bool *found);
/* It is applied now: keeps the reply, forgets what was acknowledged and sessions that are gone. */
int outcome_remember(struct op *o, const void *rep);
/* Has the session given no command for so long that it is forgotten? -DER_NONEXIST. */
int outcome_is_idle(struct svc *s, const uint8_t session[16], uint64_t now, bool *idle);

/* ---- hold.c ---- */

/* The pool handle is the process's. */
int hold_put(struct svc *s, const uint8_t hdl[16], const struct svc_holder *who);
/* The pool handle is closed: nobody's. Of very many holders some stay, until they end. */
int hold_drop(struct svc *s, const uint8_t hdl[16]);
/* Closes container handles that were opened through the pool handle (only; NULL: whichever) and not
 * through keep (NULL: whichever), at most *max; *max counts down. pool.c */
int op_evict_conts(struct op *o, const uint8_t *only, const uint8_t *keep, uint32_t *max);

/* Pool handle of a request, in the reply's memory. */
int op_pool(struct op *o, const uint8_t hdl[16], struct phdl *p);
/* Container handle that has at least one of the permissions: -DER_NO_HDL, -DER_NO_PERM. */
int op_cont(struct op *o, const uint8_t hdl[16], uint64_t any_of, struct chdl_rec *rec);
/* What a container has that was made with no properties. owner NULL: the pool's, and its group.
 * acl: room that l refers to. */
int svc_cont_default_props(struct svc *s, const char *owner, const char *group, uint8_t acl[128],
                           struct svc_props *l);
/* Deletes a container handle and counts it. rec of its container is changed, not stored. */
int op_close_handle(struct op *o, const uint8_t hdl[16], const struct chdl_rec *h,
                    struct cont_rec *rec);
/* What a handle's owner, or the object's ACL, allows. */
uint64_t op_pool_perms(const struct svc_props *l, const struct acl_user *u);
uint64_t op_cont_perms(const struct svc_props *l, const struct acl_user *u, bool *owner);
/* Fills the info of a container. */
void op_cont_info(const uint8_t uuid[16], const struct cont_rec *rec, const struct svc_props *l,
                  struct msg_cont_info *info);
int op_pool_info(struct op *o, struct msg_pool_info *info, struct msg_buf *map);
/* The properties a query asks for (all: every one but those of skip_acl), effective values, strings
 * in the reply's memory. */
int op_props_out(struct op *o, const struct svc_props *l, bool pool, const uint32_t *types,
                 uint32_t nr, bool all, bool skip_acl, const struct cont_rec *rec,
                 const struct msg_prop **out, uint32_t *out_nr);

#endif

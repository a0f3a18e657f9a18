/*
 * The properties of pools and containers: one table of number, kind, default, limits and what may
 * change when, and lists of values as they are stored.
 */
#ifndef TARN_SVC_PROP_H
#define TARN_SVC_PROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <daos_prop.h>
#include "net/msg.h"
#include "svc/svc.h"

enum svc_prop_kind { SVC_NUM, SVC_TEXT, SVC_ACL, SVC_BLOB };

/* When a client may give it. */
enum svc_prop_set {
    SVC_SET_NEVER,
    SVC_SET_CREATE,
    SVC_SET_LATER, /* at create and later */
};

/* Rules beside min and max. */
enum svc_prop_rule {
    RULE_NONE,
    RULE_CELL,
    RULE_LABEL,
    RULE_PRINCIPAL,
    RULE_ROOTS,
    RULE_DOMAIN,
    RULE_STATUS
};

/* P(id, kind, default, min, max, when, rule). Defaults of ACL, owner and label are made where pools
 * and containers are. */
#define SVC_PROPS(P)                                                                               \
    P(DAOS_PROP_PO_LABEL, SVC_TEXT, 0, 0, 0, SVC_SET_LATER, RULE_LABEL)                            \
    P(DAOS_PROP_PO_ACL, SVC_ACL, 0, 0, DAOS_ACL_PERM_POOL_ALL, SVC_SET_LATER, RULE_NONE)           \
    P(DAOS_PROP_PO_SPACE_RB, SVC_NUM, 5, 0, 100, SVC_SET_LATER, RULE_NONE)                         \
    P(DAOS_PROP_PO_SELF_HEAL, SVC_NUM, 3, 0, 7, SVC_SET_LATER, RULE_NONE)                          \
    P(DAOS_PROP_PO_RECLAIM, SVC_NUM, DAOS_RECLAIM_LAZY, 0, DAOS_RECLAIM_TIME, SVC_SET_LATER,       \
      RULE_NONE)                                                                                   \
    P(DAOS_PROP_PO_OWNER, SVC_TEXT, 0, 0, 0, SVC_SET_LATER, RULE_PRINCIPAL)                        \
    P(DAOS_PROP_PO_OWNER_GROUP, SVC_TEXT, 0, 0, 0, SVC_SET_LATER, RULE_PRINCIPAL)                  \
    P(DAOS_PROP_PO_SVC_LIST, SVC_BLOB, 0, 0, 0, SVC_SET_NEVER, RULE_NONE)                          \
    P(DAOS_PROP_PO_EC_CELL_SZ, SVC_NUM, 131072, 4096, 1048576, SVC_SET_CREATE, RULE_CELL)          \
    P(DAOS_PROP_PO_DATA_THRESH, SVC_NUM, DAOS_PROP_PO_DATA_THRESH_DEFAULT, 0, UINT32_MAX,          \
      SVC_SET_LATER, RULE_NONE)                                                                    \
    P(DAOS_PROP_PO_REDUN_FAC, SVC_NUM, DAOS_PROP_PO_REDUN_FAC_DEFAULT, 0,                          \
      DAOS_PROP_PO_REDUN_FAC_MAX, SVC_SET_LATER, RULE_NONE)                                        \
    P(DAOS_PROP_PO_EC_PDA, SVC_NUM, DAOS_PROP_PO_EC_PDA_DEFAULT, 1, UINT32_MAX, SVC_SET_CREATE,    \
      RULE_NONE)                                                                                   \
    P(DAOS_PROP_PO_RP_PDA, SVC_NUM, DAOS_PROP_PO_RP_PDA_DEFAULT, 1, UINT32_MAX, SVC_SET_CREATE,    \
      RULE_NONE)                                                                                   \
    P(DAOS_PROP_PO_GLOBAL_VERSION, SVC_NUM, 1, 0, UINT32_MAX, SVC_SET_NEVER, RULE_NONE)            \
    P(DAOS_PROP_PO_UPGRADE_STATUS, SVC_NUM, 0, 0, 3, SVC_SET_NEVER, RULE_NONE)                     \
    P(DAOS_PROP_PO_SCRUB_MODE, SVC_NUM, 0, 0, DAOS_SCRUB_MODE_TIMED, SVC_SET_LATER, RULE_NONE)     \
    P(DAOS_PROP_PO_SCRUB_FREQ, SVC_NUM, DAOS_PROP_PO_SCRUB_FREQ_DEFAULT, 1, UINT32_MAX,            \
      SVC_SET_LATER, RULE_NONE)                                                                    \
    P(DAOS_PROP_PO_SCRUB_THRESH, SVC_NUM, 0, 0, UINT32_MAX, SVC_SET_LATER, RULE_NONE)              \
    P(DAOS_PROP_PO_SVC_REDUN_FAC, SVC_NUM, 2, 0, DAOS_PROP_PO_SVC_REDUN_FAC_MAX, SVC_SET_CREATE,   \
      RULE_NONE)                                                                                   \
    P(DAOS_PROP_PO_OBJ_VERSION, SVC_NUM, 1, 0, UINT32_MAX, SVC_SET_NEVER, RULE_NONE)               \
    P(DAOS_PROP_PO_PERF_DOMAIN, SVC_NUM, DAOS_PROP_PERF_DOMAIN_ROOT, 0, 255, SVC_SET_CREATE,       \
      RULE_DOMAIN)                                                                                 \
    P(DAOS_PROP_PO_CHECKPOINT_MODE, SVC_NUM, 1, 0, 2, SVC_SET_LATER, RULE_NONE)                    \
    P(DAOS_PROP_PO_CHECKPOINT_FREQ, SVC_NUM, 5, 1, DAOS_PROP_PO_CHECKPOINT_FREQ_MAX,               \
      SVC_SET_LATER, RULE_NONE)                                                                    \
    P(DAOS_PROP_PO_CHECKPOINT_THRESH, SVC_NUM, 50, 10, 75, SVC_SET_LATER, RULE_NONE)               \
    P(DAOS_PROP_PO_REINT_MODE, SVC_NUM, 0, 0, 2, SVC_SET_LATER, RULE_NONE)                         \
    P(DAOS_PROP_PO_SVC_OPS_ENABLED, SVC_NUM, 1, 0, 1, SVC_SET_CREATE, RULE_NONE)                   \
    P(DAOS_PROP_PO_SVC_OPS_ENTRY_AGE, SVC_NUM, 300, 60, 600, SVC_SET_CREATE, RULE_NONE)            \
    P(DAOS_PROP_CO_LABEL, SVC_TEXT, 0, 0, 0, SVC_SET_LATER, RULE_LABEL)                            \
    P(DAOS_PROP_CO_LAYOUT_TYPE, SVC_NUM, 0, 0, DAOS_PROP_CO_LAYOUT_MAX - 1, SVC_SET_LATER,         \
      RULE_NONE)                                                                                   \
    P(DAOS_PROP_CO_LAYOUT_VER, SVC_NUM, 1, 0, UINT16_MAX, SVC_SET_LATER, RULE_NONE)                \
    P(DAOS_PROP_CO_CSUM, SVC_NUM, 0, 0, DAOS_PROP_CO_CSUM_ADLER32, SVC_SET_LATER, RULE_NONE)       \
    P(DAOS_PROP_CO_CSUM_CHUNK_SIZE, SVC_NUM, 32768, 1, UINT32_MAX, SVC_SET_LATER, RULE_NONE)       \
    P(DAOS_PROP_CO_CSUM_SERVER_VERIFY, SVC_NUM, 0, 0, 1, SVC_SET_LATER, RULE_NONE)                 \
    P(DAOS_PROP_CO_REDUN_FAC, SVC_NUM, 0, 0, DAOS_RF_MAX, SVC_SET_LATER, RULE_NONE)                \
    P(DAOS_PROP_CO_REDUN_LVL, SVC_NUM, 2, DAOS_PROP_CO_REDUN_RANK, DAOS_PROP_CO_REDUN_NODE,        \
      SVC_SET_LATER, RULE_NONE)                                                                    \
    P(DAOS_PROP_CO_SNAPSHOT_MAX, SVC_NUM, 0, 0, UINT32_MAX, SVC_SET_LATER, RULE_NONE)              \
    P(DAOS_PROP_CO_ACL, SVC_ACL, 0, 0, DAOS_ACL_PERM_CONT_ALL, SVC_SET_LATER, RULE_NONE)           \
    P(DAOS_PROP_CO_COMPRESS, SVC_NUM, 0, 0, DAOS_PROP_CO_COMPRESS_DEFLATE4, SVC_SET_LATER,         \
      RULE_NONE)                                                                                   \
    P(DAOS_PROP_CO_ENCRYPT, SVC_NUM, 0, 0, DAOS_PROP_CO_ENCRYPT_AES_GCM256, SVC_SET_LATER,         \
      RULE_NONE)                                                                                   \
    P(DAOS_PROP_CO_OWNER, SVC_TEXT, 0, 0, 0, SVC_SET_LATER, RULE_PRINCIPAL)                        \
    P(DAOS_PROP_CO_OWNER_GROUP, SVC_TEXT, 0, 0, 0, SVC_SET_LATER, RULE_PRINCIPAL)                  \
    P(DAOS_PROP_CO_DEDUP, SVC_NUM, 0, 0, DAOS_PROP_CO_DEDUP_HASH, SVC_SET_LATER, RULE_NONE)        \
    P(DAOS_PROP_CO_DEDUP_THRESHOLD, SVC_NUM, 4096, 4096, UINT32_MAX, SVC_SET_LATER, RULE_NONE)     \
    P(DAOS_PROP_CO_ROOTS, SVC_BLOB, 0, 0, 0, SVC_SET_LATER, RULE_ROOTS)                            \
    P(DAOS_PROP_CO_STATUS, SVC_NUM, 0, 0, UINT64_MAX, SVC_SET_LATER, RULE_STATUS)                  \
    P(DAOS_PROP_CO_ALLOCED_OID, SVC_NUM, 0, 0, UINT64_MAX, SVC_SET_NEVER, RULE_NONE)               \
    P(DAOS_PROP_CO_EC_CELL_SZ, SVC_NUM, 131072, 4096, 1048576, SVC_SET_LATER, RULE_CELL)           \
    P(DAOS_PROP_CO_EC_PDA, SVC_NUM, 1, 1, UINT32_MAX, SVC_SET_LATER, RULE_NONE)                    \
    P(DAOS_PROP_CO_RP_PDA, SVC_NUM, DAOS_PROP_PO_RP_PDA_DEFAULT, 1, UINT32_MAX, SVC_SET_LATER,     \
      RULE_NONE)                                                                                   \
    P(DAOS_PROP_CO_GLOBAL_VERSION, SVC_NUM, 1, 0, UINT32_MAX, SVC_SET_NEVER, RULE_NONE)            \
    P(DAOS_PROP_CO_SCRUBBER_DISABLED, SVC_NUM, 0, 0, 1, SVC_SET_LATER, RULE_NONE)                  \
    P(DAOS_PROP_CO_OBJ_VERSION, SVC_NUM, 1, 0, UINT32_MAX, SVC_SET_CREATE, RULE_NONE)              \
    P(DAOS_PROP_CO_PERF_DOMAIN, SVC_NUM, DAOS_PROP_PERF_DOMAIN_ROOT, 0, 255, SVC_SET_LATER,        \
      RULE_DOMAIN)

struct svc_prop {
    uint32_t id;
    enum svc_prop_kind kind;
    uint64_t dflt, min, max;
    enum svc_prop_set when;
    enum svc_prop_rule rule;
};

const struct svc_prop *svc_prop_of(uint32_t id); /* NULL: unknown */
static inline bool svc_prop_is_pool(uint32_t id)
{
    return id < DAOS_PROP_CO_MIN;
}
/* The n-th property of the pool (or container) table, NULL past the end. */
const struct svc_prop *svc_prop_nth(bool pool, uint32_t n);
/* May a client give this value now? -DER_INVAL, -DER_NO_PERM (reported only). */
int svc_prop_check(const struct msg_prop *p, bool pool, bool create);

/* ---- Lists: values beside the defaults, sorted by type ---- */

#define SVC_PROPS_MAX 32u

struct svc_props {
    struct msg_prop prop[SVC_PROPS_MAX];
    uint32_t nr;
};
const struct msg_prop *svc_props_find(const struct svc_props *l, uint32_t type);
/* Numeric value, stored or default. */
uint64_t svc_props_num(const struct svc_props *l, uint32_t type);
/* Text, stored or dflt. */
const char *svc_props_text(const struct svc_props *l, uint32_t type, const char *dflt);
/* Inserts or replaces; what p points to is not copied. */
void svc_props_put(struct svc_props *l, const struct msg_prop *p);
void svc_props_put_num(struct svc_props *l, uint32_t type, uint64_t val);
void svc_props_put_text(struct svc_props *l, uint32_t type, const char *text);
/* Stored form: u16 format 1, u16 count, then u32 type, u64 value, text (u32 length or UINT32_MAX,
 * bytes with NUL), blob. */
int svc_props_encode(const struct svc_props *l, void *buf, size_t cap, size_t *len);
/* Points into buf. Bytes that are no list of known properties of the pool (or a container), each
 * once, in order: -DER_DF_INVAL. */
int svc_props_decode(struct svc_props *l, bool pool, const void *buf, size_t len);

#endif

/* The table of properties; see prop_desc.h. */
#include "client/prop_desc.h"

#include <daos_errno.h>
#include <daos_security.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/size.h"

static const struct prop_word on_off[] = {{"off", 0}, {"on", 1}, {0}};
static const struct prop_word heal[] = {
    {"none", 0},
    {"exclude", 1},
    {"rebuild", 2},
    {"exclude;rebuild", 3},
    {"delay_rebuild", 4},
    {"exclude;delay_rebuild", 5},
    {0},
};
static const struct prop_word reclaim[] = {{"disabled", 0}, {"lazy", 1}, {"snapshot", 2},
                                           {"batch", 3},    {"time", 4}, {0}};
static const struct prop_word scrub[] = {{"off", 0}, {"lazy", 1}, {"timed", 2}, {0}};
static const struct prop_word checkpoint[] = {{"disabled", 0}, {"timed", 1}, {"lazy", 2}, {0}};
static const struct prop_word reint[] = {
    {"data_sync", 0}, {"no_data_sync", 1}, {"incremental", 2}, {0}};
static const struct prop_word upgrade[] = {
    {"not started", 0}, {"in progress", 1}, {"completed", 2}, {"failed", 3}, {0}};
static const struct prop_word domain[] = {{"root", 255}, {"group", 200}, {0}};
static const struct prop_word layout[] = {
    {"unknown", 0},  {"POSIX", 1}, {"HDF5", 2},    {"PYTHON", 3}, {"SPARK", 4},
    {"DATABASE", 5}, {"ROOT", 6},  {"SEISMIC", 7}, {"METEO", 8},  {0},
};
static const struct prop_word cksum[] = {
    {"off", 0},    {"crc16", 1},  {"crc32", 2},   {"crc64", 3}, {"sha1", 4},
    {"sha256", 5}, {"sha512", 6}, {"adler32", 7}, {0},
};
static const struct prop_word level[] = {{"rank", 1}, {"node", 2}, {0}};
static const struct prop_word dedup[] = {{"off", 0}, {"memcmp", 1}, {"hash", 2}, {0}};
static const struct prop_word compress[] = {
    {"off", 0},      {"lz4", 1},      {"deflate", 2},  {"deflate1", 3},
    {"deflate2", 4}, {"deflate3", 5}, {"deflate4", 6}, {0},
};
static const struct prop_word encrypt[] = {
    {"off", 0},        {"aes-xts128", 1}, {"aes-xts256", 2},
    {"aes-cbc128", 3}, {"aes-cbc192", 4}, {"aes-cbc256", 5},
    {"aes-gcm128", 6}, {"aes-gcm256", 7}, {0},
};

#define U32 UINT32_MAX
#define U64 UINT64_MAX
/* type, name, alias, about, kind, access, min, max, multiple, words */
#define P(t, n, a, about, k, acc, lo, hi, mul, w)                                                  \
    {                                                                                              \
        DAOS_PROP_##t, n, a, about, PROP_##k, PROP_##acc, lo, hi, mul, w                           \
    }
static const struct prop_desc table[] = {
    P(PO_LABEL, "label", NULL, "Pool label", LABEL, RW, 0, 0, 0, NULL),
    P(PO_ACL, "acl", NULL, "Access control list", ACL, RW, 0, 0, 0, NULL),
    P(PO_SPACE_RB, "space_rb", NULL, "Space kept for rebuild, percent", NUM, RW, 0, 100, 0, NULL),
    P(PO_SELF_HEAL, "self_heal", NULL, "Self-healing policy", NUM, RW, 0, 7, 0, heal),
    P(PO_RECLAIM, "reclaim", NULL, "Reclaim strategy", NUM, RW, 0, 4, 0, reclaim),
    P(PO_OWNER, "owner", NULL, "Owner", PRINCIPAL, CREATE, 0, 0, 0, NULL),
    P(PO_OWNER_GROUP, "group", NULL, "Owner group", PRINCIPAL, CREATE, 0, 0, 0, NULL),
    P(PO_SVC_LIST, "svc_list", NULL, "Pool service ranks", RANKS, RO, 0, 0, 0, NULL),
    P(PO_EC_CELL_SZ, "ec_cell_sz", NULL, "Erasure code cell size", NUM, CREATE, 4096, 1 << 20, 32,
      NULL),
    P(PO_DATA_THRESH, "data_thresh", NULL, "Least record size for data extents", NUM, RW, 0, U32, 0,
      NULL),
    P(PO_REDUN_FAC, "rd_fac", "rf", "Redundancy factor", NUM, RW, 0, 4, 0, NULL),
    P(PO_EC_PDA, "ec_pda", NULL, "Performance domain affinity of EC", NUM, CREATE, 1, U32, 0, NULL),
    P(PO_RP_PDA, "rp_pda", NULL, "Performance domain affinity of replicas", NUM, CREATE, 1, U32, 0,
      NULL),
    P(PO_GLOBAL_VERSION, "global_version", NULL, "Global version", NUM, RO, 0, U32, 0, NULL),
    P(PO_UPGRADE_STATUS, "upgrade_status", NULL, "Upgrade status", NUM, RO, 0, 3, 0, upgrade),
    P(PO_SCRUB_MODE, "scrub", NULL, "Checksum scrubbing mode", NUM, RW, 0, 2, 0, scrub),
    P(PO_SCRUB_FREQ, "scrub_freq", NULL, "Seconds between scrubs", NUM, RW, 0, U64, 0, NULL),
    P(PO_SCRUB_THRESH, "scrub_thresh", NULL, "Checksum errors before eviction", NUM, RW, 0, U64, 0,
      NULL),
    P(PO_SVC_REDUN_FAC, "svc_rf", NULL, "Redundancy factor of the pool service", NUM, CREATE, 0, 4,
      0, NULL),
    P(PO_OBJ_VERSION, "obj_version", NULL, "Object layout version", NUM, RO, 0, U32, 0, NULL),
    P(PO_PERF_DOMAIN, "perf_domain", NULL, "Performance domain", NUM, CREATE, 0, 255, 0, domain),
    P(PO_CHECKPOINT_MODE, "checkpoint", NULL, "Checkpoint mode", NUM, RW, 0, 2, 0, checkpoint),
    P(PO_CHECKPOINT_FREQ, "checkpoint_freq", NULL, "Seconds between checkpoints", NUM, RW, 1,
      1 << 20, 0, NULL),
    P(PO_CHECKPOINT_THRESH, "checkpoint_thresh", NULL, "Log fill that starts a checkpoint, percent",
      NUM, RW, 10, 75, 0, NULL),
    P(PO_REINT_MODE, "reintegration", NULL, "Reintegration mode", NUM, RW, 0, 2, 0, reint),
    P(PO_SVC_OPS_ENABLED, "svc_ops_enabled", NULL, "Duplicate detection of service requests", NUM,
      CREATE, 0, 1, 0, NULL),
    P(PO_SVC_OPS_ENTRY_AGE, "svc_ops_entry_age", NULL, "Seconds a service request is remembered",
      NUM, CREATE, 60, 600, 0, NULL),

    P(CO_LABEL, "label", NULL, "Label", LABEL, RW, 0, 0, 0, NULL),
    P(CO_LAYOUT_TYPE, "layout_type", NULL, "Layout type", NUM, CREATE, 0, 8, 0, layout),
    P(CO_LAYOUT_VER, "layout_version", NULL, "Layout version", NUM, CREATE, 0, UINT16_MAX, 0, NULL),
    P(CO_CSUM, "cksum", NULL, "Checksum", NUM, CREATE, 0, 7, 0, cksum),
    P(CO_CSUM_CHUNK_SIZE, "cksum_size", NULL, "Checksum chunk size", NUM, CREATE, 1, U32, 0, NULL),
    P(CO_CSUM_SERVER_VERIFY, "srv_cksum", NULL, "Server checksum verification", NUM, CREATE, 0, 1,
      0, on_off),
    P(CO_REDUN_FAC, "rd_fac", "rf", "Redundancy factor", NUM, CREATE, 0, 4, 0, NULL),
    P(CO_REDUN_LVL, "rd_lvl", NULL, "Redundancy level", NUM, CREATE, 1, 2, 0, level),
    P(CO_SNAPSHOT_MAX, "max_snapshot", NULL, "Most snapshots", NUM, RW, 0, U64, 0, NULL),
    P(CO_ACL, "acl", NULL, "Access control list", ACL, RW, 0, 0, 0, NULL),
    P(CO_COMPRESS, "compression", NULL, "Compression", NUM, CREATE, 0, 6, 0, compress),
    P(CO_ENCRYPT, "encryption", NULL, "Encryption", NUM, CREATE, 0, 7, 0, encrypt),
    P(CO_OWNER, "owner", NULL, "Owner", PRINCIPAL, CREATE, 0, 0, 0, NULL),
    P(CO_OWNER_GROUP, "group", NULL, "Owner group", PRINCIPAL, CREATE, 0, 0, 0, NULL),
    P(CO_DEDUP, "dedup", NULL, "Deduplication", NUM, CREATE, 0, 2, 0, dedup),
    P(CO_DEDUP_THRESHOLD, "dedup_threshold", NULL, "Least size for deduplication", NUM, CREATE,
      4096, U32, 0, NULL),
    P(CO_ROOTS, "root_oids", NULL, "Root objects", ROOTS, CREATE, 0, 0, 0, NULL),
    P(CO_STATUS, "status", NULL, "Health", STATUS, RW, 0, 0, 0, NULL),
    P(CO_ALLOCED_OID, "alloc_oid", NULL, "Highest allocated object id", NUM, RO, 0, U64, 0, NULL),
    P(CO_EC_CELL_SZ, "ec_cell_sz", NULL, "Erasure code cell size", NUM, CREATE, 4096, 1 << 20, 32,
      NULL),
    P(CO_EC_PDA, "ec_pda", NULL, "Performance domain affinity of EC", NUM, CREATE, 1, U32, 0, NULL),
    P(CO_RP_PDA, "rp_pda", NULL, "Performance domain affinity of replicas", NUM, CREATE, 1, U32, 0,
      NULL),
    P(CO_GLOBAL_VERSION, "global_version", NULL, "Global version", NUM, RO, 0, U32, 0, NULL),
    P(CO_SCRUBBER_DISABLED, "scrub_disabled", NULL, "Left out of scrubbing", NUM, RW, 0, 1, 0,
      NULL),
    P(CO_OBJ_VERSION, "obj_version", NULL, "Object layout version", NUM, RO, 0, U32, 0, NULL),
    P(CO_PERF_DOMAIN, "perf_domain", NULL, "Performance domain", NUM, CREATE, 0, 255, 0, domain),
};

const struct prop_desc *prop_desc_all(uint32_t *nr)
{
    *nr = ARRAY_LEN(table);
    return table;
}

const struct prop_desc *prop_desc_of(uint32_t type)
{
    uint32_t i;

    for (i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].type == type)
            return &table[i];
    return NULL;
}

static bool text_is(const char *name, const char *text, size_t len)
{
    return name != NULL && strlen(name) == len && strncasecmp(name, text, len) == 0;
}

const struct prop_desc *prop_desc_by_name(const char *name, size_t len, bool pool)
{
    uint32_t i;

    for (i = 0; i < ARRAY_LEN(table); i++)
        if ((table[i].type < DAOS_PROP_CO_MIN) == pool &&
            (text_is(table[i].name, name, len) || text_is(table[i].alias, name, len)))
            return &table[i];
    return NULL;
}

static int parse_num(const struct prop_desc *d, const char *text, size_t len, uint64_t *val)
{
    const struct prop_word *w;
    char buf[64];

    for (w = d->words; w != NULL && w->word != NULL; w++) {
        if (text_is(w->word, text, len)) {
            *val = w->value;
            return 0;
        }
    }
    if (len == 0 || len >= sizeof(buf))
        return -DER_INVAL;
    memcpy(buf, text, len);
    buf[len] = '\0';
    return size_parse(buf, val);
}

int prop_value_parse(const struct prop_desc *d, const char *text, size_t len,
                     struct daos_prop_entry *e)
{
    int rc = 0;

    e->dpe_type = d->type;
    switch (d->kind) {
    case PROP_NUM:
        rc = parse_num(d, text, len, &e->dpe_val);
        break;
    case PROP_STATUS:
        /* The only health a user may state: "all is well again". */
        if (!text_is("healthy", text, len))
            return -DER_INVAL;
        e->dpe_val = DAOS_PROP_CO_STATUS_VAL(DAOS_PROP_CO_HEALTHY, DAOS_PROP_CO_CLEAR, 0);
        break;
    case PROP_STR:
    case PROP_LABEL:
    case PROP_PRINCIPAL:
        rc = daos_prop_entry_set_str(e, text, len);
        break;
    default:
        return -DER_INVAL;
    }
    if (rc == 0 && !prop_value_valid(d, e)) {
        if (d->kind == PROP_STR || d->kind == PROP_LABEL || d->kind == PROP_PRINCIPAL) {
            base_free(e->dpe_str);
            e->dpe_str = NULL;
        }
        rc = -DER_INVAL;
    }
    return rc == -DER_OVERFLOW ? -DER_INVAL : rc;
}

bool prop_value_valid(const struct prop_desc *d, const struct daos_prop_entry *e)
{
    switch (d->kind) {
    case PROP_NUM:
        if (d->words == domain && e->dpe_val != DAOS_PROP_PERF_DOMAIN_ROOT &&
            e->dpe_val != DAOS_PROP_PERF_DOMAIN_GROUP)
            return false;
        return e->dpe_val >= d->min && e->dpe_val <= d->max &&
               (d->multiple == 0 || e->dpe_val % d->multiple == 0);
    case PROP_LABEL:
        /* The text that means "no label" is none. */
        return daos_label_is_valid(e->dpe_str) &&
               strcmp(e->dpe_str, DAOS_PROP_CO_LABEL_DEFAULT) != 0 &&
               strcmp(e->dpe_str, DAOS_PROP_PO_LABEL_DEFAULT) != 0;
    case PROP_PRINCIPAL:
        return daos_acl_principal_is_valid(e->dpe_str);
    case PROP_STR:
        return e->dpe_str != NULL;
    case PROP_ACL:
        return daos_acl_validate(e->dpe_val_ptr) == 0;
    case PROP_ROOTS:
    case PROP_RANKS:
        return e->dpe_val_ptr != NULL;
    case PROP_STATUS: {
        struct daos_co_status st;

        daos_prop_val_2_co_status(e->dpe_val, &st);
        return st.dcs_status <= DAOS_PROP_CO_UNCLEAN && (st.dcs_flags & ~DAOS_PROP_CO_CLEAR) == 0;
    }
    }
    return false;
}

char *prop_value_print(const struct prop_desc *d, const struct daos_prop_entry *e, char *buf,
                       size_t len)
{
    const struct prop_word *w;
    struct daos_co_status st;

    if (e->dpe_flags & DAOS_PROP_ENTRY_NOT_SET) {
        snprintf(buf, len, "not set");
        return buf;
    }
    switch (d->kind) {
    case PROP_NUM:
        for (w = d->words; w != NULL && w->word != NULL; w++) {
            if (w->value == e->dpe_val) {
                snprintf(buf, len, "%s", w->word);
                return buf;
            }
        }
        snprintf(buf, len, "%llu", (unsigned long long)e->dpe_val);
        break;
    case PROP_STR:
    case PROP_LABEL:
    case PROP_PRINCIPAL:
        snprintf(buf, len, "%s", e->dpe_str ? e->dpe_str : "not set");
        break;
    case PROP_STATUS:
        daos_prop_val_2_co_status(e->dpe_val, &st);
        snprintf(buf, len, "%s", st.dcs_status == DAOS_PROP_CO_HEALTHY ? "HEALTHY" : "UNCLEAN");
        break;
    case PROP_ACL: {
        struct daos_ace *ace = NULL;
        uint32_t n = 0;

        while ((ace = daos_acl_get_next_ace(e->dpe_val_ptr, ace)) != NULL)
            n++;
        snprintf(buf, len, "%u entries", n);
        break;
    }
    case PROP_ROOTS: {
        const struct daos_prop_co_roots *r = e->dpe_val_ptr;

        if (r == NULL)
            snprintf(buf, len, "not set");
        else
            snprintf(buf, len, "%llu.%llu, %llu.%llu, %llu.%llu, %llu.%llu",
                     (unsigned long long)r->cr_oids[0].hi, (unsigned long long)r->cr_oids[0].lo,
                     (unsigned long long)r->cr_oids[1].hi, (unsigned long long)r->cr_oids[1].lo,
                     (unsigned long long)r->cr_oids[2].hi, (unsigned long long)r->cr_oids[2].lo,
                     (unsigned long long)r->cr_oids[3].hi, (unsigned long long)r->cr_oids[3].lo);
        break;
    }
    case PROP_RANKS: {
        const d_rank_list_t *l = e->dpe_val_ptr;
        size_t at = 0;
        uint32_t i;

        buf[0] = '\0';
        for (i = 0; l != NULL && i < l->rl_nr && at < len; i++)
            at += (size_t)snprintf(buf + at, len - at, "%s%u", i ? "," : "", l->rl_ranks[i]);
        break;
    }
    }
    return buf;
}

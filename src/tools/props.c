#include "tools/props.h"

#include <string.h>
#include <strings.h>

#include "base/fail.h"
#include "base/size.h"
#include "tools/conn.h"

enum kind { K_TEXT, K_NUMBER, K_SIZE, K_CHOICE, K_BITS, K_LAYOUT, K_STATUS, K_ROOTS, K_RANKS };

/* When a property can be set: never, at creation, at creation and later. */
enum when { NEVER, CREATE, ALWAYS };

struct choice {
    const char *name;
    uint64_t value;
};

struct prop_def {
    uint32_t id;
    const char *name, *alias;
    enum kind kind;
    enum when when;
    const char *description;
    const struct choice *choices; /* ended by a NULL name */
    bool number;                  /* a number in JSON too */
};

#define CHOICES(...) ((const struct choice[]){__VA_ARGS__, {NULL, 0}})

#define ON_OFF CHOICES({"off", 0}, {"on", 1})
#define DOMAINS                                                                                    \
    CHOICES({"root", DAOS_PROP_PERF_DOMAIN_ROOT}, {"group", DAOS_PROP_PERF_DOMAIN_GROUP})

static const struct prop_def pool_props[] = {
    {DAOS_PROP_PO_LABEL, "label", NULL, K_TEXT, ALWAYS, "Label", NULL, false},
    {DAOS_PROP_PO_SPACE_RB, "space_rb", NULL, K_NUMBER, ALWAYS, "Space kept for rebuild, percent",
     NULL, true},
    {DAOS_PROP_PO_SELF_HEAL, "self_heal", NULL, K_BITS, ALWAYS, "Self-healing policy",
     CHOICES({"exclude", 1}, {"rebuild", 2}, {"delay_rebuild", 4}), false},
    {DAOS_PROP_PO_RECLAIM, "reclaim", NULL, K_CHOICE, ALWAYS,
     "When space of old versions is taken back",
     CHOICES({"disabled", 0}, {"lazy", 1}, {"snapshot", 2}, {"batch", 3}, {"time", 4}), false},
    {DAOS_PROP_PO_OWNER, "owner", NULL, K_TEXT, NEVER, "Owner", NULL, false},
    {DAOS_PROP_PO_OWNER_GROUP, "group", NULL, K_TEXT, NEVER, "Owner group", NULL, false},
    {DAOS_PROP_PO_SVC_LIST, "svc_list", NULL, K_RANKS, NEVER, "Ranks of the pool service", NULL,
     false},
    {DAOS_PROP_PO_EC_CELL_SZ, "ec_cell_sz", NULL, K_SIZE, CREATE, "Cell size of erasure code", NULL,
     true},
    {DAOS_PROP_PO_DATA_THRESH, "data_thresh", NULL, K_SIZE, ALWAYS,
     "Least size of values on the data device", NULL, true},
    {DAOS_PROP_PO_REDUN_FAC, "rd_fac", "rf", K_NUMBER, ALWAYS,
     "Redundancy factor of new containers", NULL, true},
    {DAOS_PROP_PO_EC_PDA, "ec_pda", NULL, K_NUMBER, CREATE,
     "Performance domain affinity of erasure code", NULL, true},
    {DAOS_PROP_PO_RP_PDA, "rp_pda", NULL, K_NUMBER, CREATE,
     "Performance domain affinity of replicas", NULL, true},
    {DAOS_PROP_PO_GLOBAL_VERSION, "global_version", NULL, K_NUMBER, NEVER, "Format version", NULL,
     true},
    {DAOS_PROP_PO_UPGRADE_STATUS, "upgrade_status", NULL, K_CHOICE, NEVER, "Upgrade status",
     CHOICES({"not started", 0}, {"in progress", 1}, {"completed", 2}, {"failed", 3}), false},
    {DAOS_PROP_PO_SCRUB_MODE, "scrub", NULL, K_CHOICE, ALWAYS, "Verification in the background",
     CHOICES({"off", 0}, {"lazy", 1}, {"timed", 2}), false},
    {DAOS_PROP_PO_SCRUB_FREQ, "scrub_freq", NULL, K_NUMBER, ALWAYS,
     "Seconds in which all is verified once", NULL, true},
    {DAOS_PROP_PO_SCRUB_THRESH, "scrub_thresh", NULL, K_NUMBER, ALWAYS,
     "Bad checksums before a target is evicted", NULL, true},
    {DAOS_PROP_PO_SVC_REDUN_FAC, "svc_rf", NULL, K_NUMBER, CREATE,
     "Redundancy factor of the pool service", NULL, true},
    {DAOS_PROP_PO_PERF_DOMAIN, "perf_domain", NULL, K_CHOICE, CREATE, "Performance domain", DOMAINS,
     false},
    {DAOS_PROP_PO_CHECKPOINT_MODE, "checkpoint", NULL, K_CHOICE, ALWAYS, "Checkpoints",
     CHOICES({"disabled", 0}, {"timed", 1}, {"lazy", 2}), false},
    {DAOS_PROP_PO_CHECKPOINT_FREQ, "checkpoint_freq", NULL, K_NUMBER, ALWAYS,
     "Seconds between checkpoints", NULL, true},
    {DAOS_PROP_PO_CHECKPOINT_THRESH, "checkpoint_thresh", NULL, K_NUMBER, ALWAYS,
     "Percent of the log that starts a checkpoint", NULL, true},
    {DAOS_PROP_PO_REINT_MODE, "reintegration", NULL, K_CHOICE, ALWAYS,
     "What a returning target copies",
     CHOICES({"data_sync", 0}, {"no_data_sync", 1}, {"incremental", 2}), false},
    {DAOS_PROP_PO_SVC_OPS_ENABLED, "svc_ops_enabled", NULL, K_NUMBER, CREATE,
     "Pool service knows repeated requests", NULL, true},
    {DAOS_PROP_PO_SVC_OPS_ENTRY_AGE, "svc_ops_entry_age", NULL, K_NUMBER, CREATE,
     "Seconds it remembers them", NULL, true},
};

static const struct prop_def cont_props[] = {
    {DAOS_PROP_CO_LABEL, "label", NULL, K_TEXT, ALWAYS, "Label", NULL, false},
    {DAOS_PROP_CO_LAYOUT_TYPE, "layout_type", NULL, K_LAYOUT, CREATE, "Type of layout", NULL,
     false},
    {DAOS_PROP_CO_LAYOUT_VER, "layout_version", NULL, K_NUMBER, CREATE, "Version of the layout",
     NULL, true},
    {DAOS_PROP_CO_CSUM, "cksum", NULL, K_CHOICE, CREATE, "Checksum",
     CHOICES({"off", 0}, {"crc16", 1}, {"crc32", 2}, {"crc64", 3}, {"sha1", 4}, {"sha256", 5},
             {"sha512", 6}, {"adler32", 7}),
     false},
    {DAOS_PROP_CO_CSUM_CHUNK_SIZE, "cksum_size", NULL, K_SIZE, CREATE, "Bytes one checksum covers",
     NULL, true},
    {DAOS_PROP_CO_CSUM_SERVER_VERIFY, "srv_cksum", NULL, K_CHOICE, CREATE,
     "Verification before storing", ON_OFF, false},
    {DAOS_PROP_CO_REDUN_FAC, "rd_fac", "rf", K_NUMBER, CREATE, "Redundancy factor", NULL, true},
    {DAOS_PROP_CO_REDUN_LVL, "rd_lvl", NULL, K_CHOICE, CREATE, "Redundancy level",
     CHOICES({"rank", DAOS_PROP_CO_REDUN_RANK}, {"node", DAOS_PROP_CO_REDUN_NODE}), false},
    {DAOS_PROP_CO_SNAPSHOT_MAX, "max_snapshot", NULL, K_NUMBER, NEVER,
     "Most snapshots (0: any number)", NULL, true},
    {DAOS_PROP_CO_COMPRESS, "compression", NULL, K_CHOICE, CREATE, "Compression",
     CHOICES({"off", 0}, {"lz4", 1}, {"deflate", 2}, {"deflate1", 3}, {"deflate2", 4},
             {"deflate3", 5}, {"deflate4", 6}),
     false},
    {DAOS_PROP_CO_ENCRYPT, "encryption", NULL, K_CHOICE, CREATE, "Encryption",
     CHOICES({"off", 0}, {"aes-xts128", 1}, {"aes-xts256", 2}, {"aes-cbc128", 3}, {"aes-cbc192", 4},
             {"aes-cbc256", 5}, {"aes-gcm128", 6}, {"aes-gcm256", 7}),
     false},
    {DAOS_PROP_CO_OWNER, "owner", NULL, K_TEXT, NEVER, "Owner", NULL, false},
    {DAOS_PROP_CO_OWNER_GROUP, "group", NULL, K_TEXT, NEVER, "Owner group", NULL, false},
    {DAOS_PROP_CO_DEDUP, "dedup", NULL, K_CHOICE, CREATE, "Deduplication",
     CHOICES({"off", 0}, {"memcmp", 1}, {"hash", 2}), false},
    {DAOS_PROP_CO_DEDUP_THRESHOLD, "dedup_threshold", NULL, K_SIZE, CREATE,
     "Least size that is deduplicated", NULL, true},
    {DAOS_PROP_CO_ROOTS, "root_oids", NULL, K_ROOTS, NEVER, "Root objects", NULL, false},
    {DAOS_PROP_CO_STATUS, "status", NULL, K_STATUS, ALWAYS, "Health", NULL, false},
    {DAOS_PROP_CO_ALLOCED_OID, "alloc_oid", NULL, K_NUMBER, NEVER,
     "Next number of the object id allocator", NULL, true},
    {DAOS_PROP_CO_EC_CELL_SZ, "ec_cell_sz", NULL, K_SIZE, CREATE, "Cell size of erasure code", NULL,
     true},
    {DAOS_PROP_CO_EC_PDA, "ec_pda", NULL, K_NUMBER, CREATE,
     "Performance domain affinity of erasure code", NULL, true},
    {DAOS_PROP_CO_RP_PDA, "rp_pda", NULL, K_NUMBER, CREATE,
     "Performance domain affinity of replicas", NULL, true},
    {DAOS_PROP_CO_GLOBAL_VERSION, "global_version", NULL, K_NUMBER, NEVER, "Format version", NULL,
     true},
    {DAOS_PROP_CO_OBJ_VERSION, "obj_version", NULL, K_NUMBER, NEVER, "Object layout version", NULL,
     true},
    {DAOS_PROP_CO_PERF_DOMAIN, "perf_domain", NULL, K_CHOICE, CREATE, "Performance domain", DOMAINS,
     false},
};

static const struct prop_def *table(enum prop_of of, size_t *nr)
{
    *nr = of == PROP_OF_POOL ? ARRAY_LEN(pool_props) : ARRAY_LEN(cont_props);
    return of == PROP_OF_POOL ? pool_props : cont_props;
}

static const struct prop_def *def_by_id(enum prop_of of, uint32_t id)
{
    size_t nr;
    const struct prop_def *defs = table(of, &nr);

    for (size_t i = 0; i < nr; i++)
        if (defs[i].id == id)
            return &defs[i];
    return NULL;
}

static const struct prop_def *def_by_name(struct tool *t, enum prop_of of, const char *name,
                                          size_t len)
{
    size_t nr;
    const struct prop_def *defs = table(of, &nr);
    const char *best = NULL;
    char word[64], next[ERR_PART_MAX];

    snprintf(word, sizeof(word), "%.*s", (int)MIN(len, sizeof(word) - 1), name);
    for (size_t i = 0; i < nr; i++) {
        if (strcmp(defs[i].name, word) == 0 ||
            (defs[i].alias != NULL && strcmp(defs[i].alias, word) == 0))
            return &defs[i];
        suggest_offer(word, defs[i].name, &best);
    }
    if (best != NULL)
        snprintf(next, sizeof(next), "did you mean '%s'? get-prop lists all", best);
    else
        snprintf(next, sizeof(next), "get-prop lists all of them");
    tool_fail(t, -DER_INVAL, next,
              of == PROP_OF_POOL ? "pools have no such property"
                                 : "containers have no such property",
              "unknown property '%s'", word);
    return NULL;
}

/* ---- From text ---- */

static bool choice_parse(const struct prop_def *def, const char *text, uint64_t *out)
{
    for (const struct choice *c = def->choices; c->name != NULL; c++)
        if (strcasecmp(c->name, text) == 0) {
            *out = c->value;
            return true;
        }
    return false;
}

/* "exclude;rebuild", or "none" */
static bool bits_parse(const struct prop_def *def, const char *text, uint64_t *out)
{
    char copy[128], *save = NULL;
    uint64_t bits = 0, one;

    if (strlen(text) >= sizeof(copy))
        return false;
    strcpy(copy, text);
    for (char *word = strtok_r(copy, ";|+", &save); word != NULL;
         word = strtok_r(NULL, ";|+", &save)) {
        if (strcmp(word, "none") == 0)
            continue;
        if (!choice_parse(def, word, &one))
            return false;
        bits |= one;
    }
    *out = bits;
    return true;
}

static void choices_text(const struct prop_def *def, char *buf, size_t len)
{
    size_t at = 0;

    buf[0] = '\0';
    for (const struct choice *c = def->choices; c->name != NULL && at < len; c++)
        at += (size_t)snprintf(buf + at, len - at, "%s%s", c == def->choices ? "" : ", ", c->name);
}

static int value_parse(struct tool *t, const struct prop_def *def, const char *text,
                       struct daos_prop_entry *e)
{
    char next[ERR_PART_MAX] = "write a number";
    bool good = false;

    e->dpe_type = def->id;
    switch (def->kind) {
    case K_TEXT:
        e->dpe_str = base_strdup(text);
        if (e->dpe_str == NULL)
            return tool_fail_der(t, -DER_NOMEM, "cannot set property %s", def->name);
        if (def->id == DAOS_PROP_PO_LABEL || def->id == DAOS_PROP_CO_LABEL)
            good = daos_label_is_valid(text);
        snprintf(
            next, sizeof(next),
            "a label is 1 to 127 of letters, digits and . _ : - and does not look like a UUID");
        break;
    case K_NUMBER:
        good = number_parse(text, &e->dpe_val);
        break;
    case K_SIZE:
        good = size_parse(text, &e->dpe_val) == 0;
        snprintf(next, sizeof(next), "write a size such as 4096 or 128K");
        break;
    case K_CHOICE:
        good = choice_parse(def, text, &e->dpe_val);
        choices_text(def, next, sizeof(next));
        break;
    case K_BITS:
        good = bits_parse(def, text, &e->dpe_val);
        choices_text(def, next, sizeof(next));
        break;
    case K_LAYOUT:
        good = layout_parse(text) >= 0;
        e->dpe_val = good ? (uint64_t)layout_parse(text) : 0;
        snprintf(next, sizeof(next),
                 "one of unknown, POSIX, HDF5, PYTHON, SPARK, DATABASE, ROOT, SEISMIC, METEO");
        break;
    case K_STATUS:
        good = strcasecmp(text, "healthy") == 0;
        e->dpe_val = DAOS_PROP_CO_STATUS_VAL(DAOS_PROP_CO_HEALTHY, DAOS_PROP_CO_CLEAR, 0);
        snprintf(next, sizeof(next), "only status:healthy can be set");
        break;
    case K_ROOTS:
    case K_RANKS:
        break;
    }
    if (!good)
        return tool_fail(t, -DER_INVAL, next, "the property does not take this value",
                         "property %s: '%.100s'", def->name, text);
    return 0;
}

static size_t count_items(const char *text)
{
    size_t n = 1;

    for (; *text != '\0'; text++)
        n += *text == ',';
    return n;
}

static int item_parse(struct tool *t, enum prop_of of, const char *item, bool create,
                      struct daos_prop_entry *e)
{
    size_t len = strcspn(item, ":=");
    const struct prop_def *def = def_by_name(t, of, item, len);

    if (def == NULL)
        return -DER_INVAL;
    if (item[len] == '\0')
        return tool_fail(t, -DER_INVAL, "write name:value", "the value is missing", "property '%s'",
                         item);
    if (def->when == NEVER || (def->when == CREATE && !create))
        return tool_fail(t, -DER_NO_PERM,
                         def->when == CREATE ? "give it with --properties when you create"
                                             : "it is set by the system",
                         def->when == CREATE ? "it can only be given at creation"
                                             : "it can only be read",
                         "cannot set property %s", def->name);
    return value_parse(t, def, item + len + 1, e);
}

int props_parse(struct tool *t, enum prop_of of, const char *text, bool create, daos_prop_t **prop)
{
    daos_prop_t *p =
        daos_prop_alloc((uint32_t)MIN(count_items(text), (size_t)DAOS_PROP_ENTRIES_MAX_NR));
    char *copy = base_strdup(text), *save = NULL;
    uint32_t n = 0;
    int rc = 0;

    if (p == NULL || copy == NULL)
        rc = tool_fail_der(t, -DER_NOMEM, "cannot read the properties '%.100s'", text);
    for (char *item = rc == 0 ? strtok_r(copy, ",", &save) : NULL; rc == 0 && item != NULL;
         item = strtok_r(NULL, ",", &save)) {
        if (n == p->dpp_nr) {
            rc = tool_fail(t, -DER_INVAL, "give fewer", "there are too many", "properties '%.100s'",
                           text);
            break;
        }
        rc = item_parse(t, of, item, create, &p->dpp_entries[n]);
        n++;
    }
    base_free(copy);
    if (rc == 0 && n == 0)
        rc = tool_fail(t, -DER_INVAL, "write name:value[,name:value ...]", "it is empty",
                       "the list of properties");
    if (rc != 0) {
        daos_prop_free(p);
        return rc;
    }
    p->dpp_nr = n;
    *prop = p;
    return 0;
}

int props_wanted(struct tool *t, enum prop_of of, const char *names, daos_prop_t **prop)
{
    size_t nr;
    const struct prop_def *defs = table(of, &nr);
    bool all = names == NULL || strcmp(names, "all") == 0;
    daos_prop_t *p = daos_prop_alloc((uint32_t)(all ? nr : MIN(count_items(names), nr)));
    uint32_t n = 0;

    if (p == NULL)
        return tool_fail_der(t, -DER_NOMEM, "cannot ask for properties");
    for (size_t i = 0; all && i < nr; i++)
        p->dpp_entries[n++].dpe_type = defs[i].id;
    for (const char *at = all ? "" : names; *at != '\0' && n < p->dpp_nr;) {
        size_t len = strcspn(at, ",");
        const struct prop_def *def = def_by_name(t, of, at, len);

        if (def == NULL) {
            daos_prop_free(p);
            return -DER_INVAL;
        }
        p->dpp_entries[n++].dpe_type = def->id;
        at += len + (at[len] == ',');
    }
    p->dpp_nr = n;
    *prop = p;
    return 0;
}

/* ---- To text ---- */

static void bits_text(const struct prop_def *def, uint64_t v, char *buf, size_t len)
{
    size_t at = 0;

    snprintf(buf, len, "none");
    for (const struct choice *c = def->choices; c->name != NULL && at < len; c++)
        if ((v & c->value) != 0)
            at += (size_t)snprintf(buf + at, len - at, "%s%s", at == 0 ? "" : ";", c->name);
}

static void roots_text(const struct daos_prop_entry *e, char *buf, size_t len)
{
    const struct daos_prop_co_roots *r = e->dpe_val_ptr;
    size_t at = 0;

    snprintf(buf, len, "none");
    for (size_t i = 0; r != NULL && i < ARRAY_LEN(r->cr_oids) && at < len; i++)
        if (!daos_obj_id_is_nil(r->cr_oids[i]))
            at += (size_t)snprintf(buf + at, len - at, "%s%llu.%llu", at == 0 ? "" : " ",
                                   (unsigned long long)r->cr_oids[i].hi,
                                   (unsigned long long)r->cr_oids[i].lo);
}

static void ranks_text(const struct daos_prop_entry *e, char *buf, size_t len)
{
    const d_rank_list_t *r = e->dpe_val_ptr;
    size_t at = (size_t)snprintf(buf, len, "[");

    for (uint32_t i = 0; r != NULL && i < r->rl_nr && at < len; i++)
        at += (size_t)snprintf(buf + at, len - at, "%s%u", i == 0 ? "" : ",", r->rl_ranks[i]);
    if (at < len)
        snprintf(buf + at, len - at, "]");
}

char *prop_text(enum prop_of of, const struct daos_prop_entry *e, char *buf, size_t len)
{
    const struct prop_def *def = def_by_id(of, e->dpe_type);
    struct daos_co_status st;

    snprintf(buf, len, "%llu", (unsigned long long)e->dpe_val);
    if (def == NULL)
        return buf;
    switch (def->kind) {
    case K_TEXT:
        snprintf(buf, len, "%s", e->dpe_str != NULL ? e->dpe_str : "not set");
        break;
    case K_NUMBER:
        break;
    case K_SIZE:
        size_print(e->dpe_val, buf, len);
        break;
    case K_CHOICE:
        for (const struct choice *c = def->choices; c->name != NULL; c++)
            if (c->value == e->dpe_val)
                snprintf(buf, len, "%s", c->name);
        break;
    case K_BITS:
        bits_text(def, e->dpe_val, buf, len);
        break;
    case K_LAYOUT:
        snprintf(buf, len, "%s", layout_name(e->dpe_val));
        break;
    case K_STATUS:
        daos_prop_val_2_co_status(e->dpe_val, &st);
        snprintf(buf, len, "%s", st.dcs_status == DAOS_PROP_CO_HEALTHY ? "HEALTHY" : "UNCLEAN");
        break;
    case K_ROOTS:
        roots_text(e, buf, len);
        break;
    case K_RANKS:
        ranks_text(e, buf, len);
        break;
    }
    return buf;
}

void props_print(struct tool *t, enum prop_of of, const daos_prop_t *prop)
{
    char value[512];

    for (uint32_t i = 0; i < prop->dpp_nr; i++) {
        const struct prop_def *def = def_by_id(of, prop->dpp_entries[i].dpe_type);

        if (def == NULL || (prop->dpp_entries[i].dpe_flags & DAOS_PROP_ENTRY_NOT_SET) != 0)
            continue;
        fprintf(t->out, "%-18s %-34s %s\n", def->name,
                prop_text(of, &prop->dpp_entries[i], value, sizeof(value)), def->description);
    }
}

json_t *props_json(enum prop_of of, const daos_prop_t *prop)
{
    json_t *list = json_array();
    char value[512];

    for (uint32_t i = 0; i < prop->dpp_nr; i++) {
        const struct daos_prop_entry *e = &prop->dpp_entries[i];
        const struct prop_def *def = def_by_id(of, e->dpe_type);
        json_t *v;

        if (def == NULL || (e->dpe_flags & DAOS_PROP_ENTRY_NOT_SET) != 0)
            continue;
        v = def->number ? json_integer((json_int_t)e->dpe_val)
                        : json_string(prop_text(of, e, value, sizeof(value)));
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", def->name, "description",
                                              def->description, "value", v));
    }
    return list;
}

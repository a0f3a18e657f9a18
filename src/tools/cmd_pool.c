/* pool create, list, query, destroy; properties; attributes. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/label.h"
#include "base/size.h"
#include "client/client.h"
#include "embed/embed.h"
#include "rt/rt.h"
#include "tools/attr.h"
#include "tools/cmds.h"
#include "tools/conn.h"
#include "tools/props.h"

#define TARGETS_MAX 64u /* of a pool */

/* ---- create ---- */

static int create_targets(struct tool *t, struct embed_pool_conf *conf)
{
    uint64_t nr = 0;
    int rc = opt_number(t, "targets", &nr);

    if (rc == 0 && (nr > TARGETS_MAX || (nr == 0 && opt_text(t, "targets") != NULL)))
        rc = tool_fail(t, -DER_INVAL, "write a number from 1 to 64",
                       nr == 0 ? "a pool without targets could hold nothing"
                               : "an engine serves at most 64 targets",
                       "cannot create a pool of %llu targets", (unsigned long long)nr);
    conf->targets = (uint32_t)nr;
    return rc != 0 ? rc : embed_pool_targets(conf, rt_cpus(), &conf->targets, &t->err);
}

static int create_conf(struct tool *t, struct embed_pool_conf *conf)
{
    int rc = opt_size(t, "size", &conf->limit_bytes);

    if (rc == 0)
        rc = opt_size(t, "wal-size", &conf->wal_bytes);
    if (rc != 0)
        return rc;
    conf->wal = opt_text(t, "wal");
    conf->meta = opt_text(t, "meta");
    conf->data = opt_text(t, "data");
    rc = create_targets(t, conf);
    if (rc != 0)
        return rc;
    conf->force = opt_flag(t, "force");
    conf->label = opt_text(t, "label");
    if (conf->label != NULL && !label_is_valid(conf->label))
        return tool_fail(
            t, strlen(conf->label) > LABEL_MAX_LEN ? -DER_OVERFLOW : -DER_INVAL,
            "choose another label",
            "a label is 1 to 127 of letters, digits and . _ : - and does not look like a UUID",
            "cannot use label '%.140s'", conf->label);
    if (opt_text(t, "properties") != NULL)
        rc = props_parse(t, PROP_OF_POOL, opt_text(t, "properties"), true, &conf->prop);
    return rc;
}

static int pool_create(struct tool *t)
{
    struct embed_pool_conf conf = {0};
    const char *path = embed_path_of(t->args[0]);
    char text[UUID_TEXT_LEN + 1];
    uuid_t uuid;
    int rc;

    if (path == NULL) {
        char next[ERR_PART_MAX];

        snprintf(next, sizeof(next), "name a directory, with a '/': %s pool create ./%.100s",
                 t->program, t->args[0]);
        return tool_fail(
            t, -DER_NOTSUPPORTED, next,
            "a pool without a path belongs to a system of servers, and none is running",
            "cannot create pool '%.100s'", t->args[0]);
    }
    rc = create_conf(t, &conf);
    if (rc == 0)
        rc = embed_pool_create(path, &conf, uuid, &t->err);
    daos_prop_free(conf.prop);
    if (rc != 0) {
        if (t->err.rc == 0)
            tool_fail_der(t, rc, "cannot create pool %s", path);
        return rc;
    }
    uuid_text_print(uuid, text);
    if (t->json)
        t->response =
            json_pack("{s:s, s:I, s:[I], s:[I], s:[], s:I, s:b, s:s, s:I}", "uuid", text, "svc_ldr",
                      (json_int_t)0, "svc_reps", (json_int_t)0, "tgt_ranks", (json_int_t)0,
                      "tier_bytes", "mem_file_bytes", (json_int_t)0, "md_on_ssd_active", 1, "path",
                      path, "targets", (json_int_t)conf.targets);
    else
        fprintf(t->out, "created pool %s in %s\nnext: %s cont create %s home --type POSIX\n", text,
                path, t->program, path);
    return 0;
}

/* ---- list ---- */

struct list_state {
    struct tool *t;
    json_t *pools;
    unsigned nr;
};

static json_t *usage_json(const daos_pool_info_t *info)
{
    const struct daos_space *s = &info->pi_space.ps_space;
    json_t *list = json_array();
    static const char *const tiers[] = {"SCM", "NVME"};

    for (int i = 0; i < DAOS_MEDIA_MAX; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:I, s:I}", "tier_name", tiers[i], "size",
                                        (json_int_t)s->s_total[i], "free", (json_int_t)s->s_free[i],
                                        "imbalance", (json_int_t)0));
    return list;
}

static int list_one(const uuid_t uuid, const char *label, const char *path, void *arg)
{
    struct list_state *st = arg;
    struct tool *t = st->t;
    bool query = opt_flag(t, "verbose") && !opt_flag(t, "no-query");
    bool there = location_is_pool_dir(path);
    char text[UUID_TEXT_LEN + 1], used[SIZE_TEXT_MAX] = "";
    struct conn c = {0};
    json_t *usage = NULL;
    const char *state = there ? "Ready" : "Missing";

    uuid_text_print(uuid, text);
    if (query && there) {
        struct err kept = t->err;

        if (conn_pool(t, &c, path, DAOS_PC_RO) != 0)
            state = t->err.rc == -DER_BUSY ? "InUse" : "Failed";
        else
            usage = usage_json(&c.pool_info);
        if (usage != NULL)
            size_print(c.pool_info.pi_space.ps_space.s_total[DAOS_MEDIA_NVME] -
                           c.pool_info.pi_space.ps_space.s_free[DAOS_MEDIA_NVME],
                       used, sizeof(used));
        t->err = kept;
        conn_close(&c);
    }
    if (t->json) {
        json_t *one = json_pack("{s:s, s:s, s:s, s:s}", "uuid", text, "label",
                                label != NULL ? label : "", "state", state, "path", path);

        if (usage != NULL)
            json_object_set_new(one, "usage", usage);
        json_array_append_new(st->pools, one);
    } else {
        if (st->nr == 0)
            fprintf(t->out, "%-20s %-36s %-8s %s%s\n", "Label", "UUID", "State",
                    query ? "Used       " : "", "Path");
        fprintf(t->out, "%-20s %-36s %-8s ", label != NULL && label[0] != '\0' ? label : "-", text,
                state);
        if (query)
            fprintf(t->out, "%-10s ", used);
        fprintf(t->out, "%s\n", path);
        json_decref(usage);
    }
    st->nr++;
    return 0;
}

static int pool_list(struct tool *t)
{
    struct list_state st = {.t = t, .pools = t->json ? json_array() : NULL};
    int rc = embed_pool_list(list_one, &st, &t->err);

    if (rc != 0) {
        json_decref(st.pools);
        return t->err.rc != 0 ? rc : tool_fail_der(t, rc, "cannot list the pools");
    }
    if (t->json)
        t->response = json_pack("{s:i, s:o}", "status", 0, "pools", st.pools);
    else if (st.nr == 0)
        fprintf(t->out, "no pools yet; make one: %s pool create ./tarn-pool\n", t->program);
    return 0;
}

/* ---- query ---- */

static char *pool_label(struct conn *c, char buf[LABEL_MAX_LEN + 1])
{
    daos_prop_t *prop = daos_prop_alloc(1);

    buf[0] = '\0';
    if (prop == NULL)
        return buf;
    prop->dpp_entries[0].dpe_type = DAOS_PROP_PO_LABEL;
    if (daos_pool_query(c->poh, NULL, NULL, prop, NULL) == 0 &&
        prop->dpp_entries[0].dpe_str != NULL)
        snprintf(buf, LABEL_MAX_LEN + 1, "%s", prop->dpp_entries[0].dpe_str);
    daos_prop_free(prop);
    return buf;
}

static json_t *tiers_json(const daos_pool_info_t *i)
{
    static const char *const media[] = {"scm", "nvme"};
    const struct daos_pool_space *ps = &i->pi_space;
    json_t *list = json_array();

    for (int m = 0; m < DAOS_MEDIA_MAX; m++)
        json_array_append_new(
            list, json_pack("{s:I, s:I, s:I, s:I, s:I, s:s}", "total",
                            (json_int_t)ps->ps_space.s_total[m], "free",
                            (json_int_t)ps->ps_space.s_free[m], "min",
                            (json_int_t)ps->ps_free_min[m], "max", (json_int_t)ps->ps_free_max[m],
                            "mean", (json_int_t)ps->ps_free_mean[m], "media_type", media[m]));
    return list;
}

static json_t *query_json(const daos_pool_info_t *i, const char *label)
{
    const struct daos_rebuild_status *r = &i->pi_rebuild_st;
    json_t *o = json_object();

    json_object_set_new(o, "query_mask", json_string("disabled_engines,rebuild,space"));
    json_object_set_new(o, "state", json_string(i->pi_ndisabled > 0 ? "Degraded" : "Ready"));
    json_object_set_new(o, "uuid", json_uuid(i->pi_uuid));
    json_object_set_new(o, "label", json_string(label));
    json_object_set_new(o, "total_targets", json_integer(i->pi_ntargets));
    json_object_set_new(o, "active_targets", json_integer(i->pi_ntargets - i->pi_ndisabled));
    json_object_set_new(o, "total_engines", json_integer(i->pi_nnodes));
    json_object_set_new(o, "disabled_targets", json_integer(i->pi_ndisabled));
    json_object_set_new(o, "version", json_integer(i->pi_map_ver));
    json_object_set_new(o, "svc_ldr", json_integer(i->pi_leader));
    json_object_set_new(o, "svc_reps", json_pack("[i]", (int)i->pi_leader));
    json_object_set_new(o, "rebuild",
                        json_pack("{s:i, s:s, s:s, s:I, s:I, s:I, s:b}", "status", r->rs_errno,
                                  "state", "idle", "derived_state", "idle", "objects",
                                  (json_int_t)r->rs_obj_nr, "records", (json_int_t)r->rs_rec_nr,
                                  "total_objects", (json_int_t)r->rs_toberb_obj_nr, "degraded",
                                  (r->rs_flags & DAOS_RSF_DEGRADED) != 0));
    json_object_set_new(o, "tier_stats", tiers_json(i));
    json_object_set_new(o, "enabled_ranks", json_string("[0]"));
    json_object_set_new(o, "disabled_ranks", json_string("[]"));
    json_object_set_new(o, "dead_ranks", json_string("[]"));
    json_object_set_new(o, "pool_layout_ver", json_integer(1));
    json_object_set_new(o, "upgrade_layout_ver", json_integer(1));
    json_object_set_new(o, "mem_file_bytes", json_integer(0));
    json_object_set_new(o, "md_on_ssd_active", json_true());
    json_object_set_new(o, "self_heal_policy", json_string("exclude;rebuild"));
    return o;
}

/* ---- targets ---- */

struct targets {
    daos_target_info_t *info;
    uint32_t nr;
};

static const char *state_name(daos_target_state_t state)
{
    static const char *const names[] = {
        [DAOS_TS_DOWN_OUT] = "down_out", [DAOS_TS_DOWN] = "down", [DAOS_TS_UP] = "up",
        [DAOS_TS_UP_IN] = "up_in",       [DAOS_TS_NEW] = "new",   [DAOS_TS_DRAIN] = "drain"};

    return (unsigned)state < ARRAY_LEN(names) && names[state] != NULL ? names[state] : "unknown";
}

/* Of targets [0, nr). */
static int targets_ask(struct tool *t, struct conn *c, uint32_t nr, struct targets *out)
{
    int rc = 0;

    out->info = calloc(nr + 1, sizeof(*out->info));
    out->nr = nr;
    if (out->info == NULL)
        return tool_fail_der(t, -DER_NOMEM, "cannot query pool %s", t->args[0]);
    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        rc = daos_pool_query_target(c->poh, i, 0, &out->info[i], NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot query target %u of pool %s", i, t->args[0]);
    }
    return rc;
}

static json_t *target_json(const daos_target_info_t *i)
{
    static const char *const media[] = {"scm", "nvme"};
    json_t *space = json_array();

    for (int m = 0; m < DAOS_MEDIA_MAX; m++)
        json_array_append_new(
            space, json_pack("{s:I, s:I, s:s}", "total", (json_int_t)i->ta_space.s_total[m], "free",
                             (json_int_t)i->ta_space.s_free[m], "media_type", media[m]));
    return json_pack("{s:s, s:s, s:o}", "target_type", "unknown", "target_state",
                     state_name(i->ta_state), "space", space);
}

static void space_print(struct tool *t, const struct daos_space *s)
{
    static const char *const names[] = {"metadata", "data"};
    char total[SIZE_TEXT_MAX], free_text[SIZE_TEXT_MAX];
    const char *comma = "";

    for (int m = 0; m < DAOS_MEDIA_MAX; m++) {
        if (s->s_total[m] == 0)
            continue;
        fprintf(t->out, "%s%s %s, %s free", comma, names[m],
                size_print(s->s_total[m], total, sizeof(total)),
                size_print(s->s_free[m], free_text, sizeof(free_text)));
        comma = "; ";
    }
}

static void target_print(struct tool *t, uint32_t nr, const daos_target_info_t *i)
{
    fprintf(t->out, "  target %u  %s", nr, state_name(i->ta_state));
    if (i->ta_state == DAOS_TS_UP_IN) {
        fprintf(t->out, "; ");
        space_print(t, &i->ta_space);
    }
    fputc('\n', t->out);
}

/* What those who use the pool have to know. */
static void down_print(struct tool *t, uint32_t down)
{
    if (down > 0)
        fprintf(t->out,
                "  %u target%s cannot be used: what lies there cannot be reached, all else can. "
                "When nobody uses the pool '%s check %s' says why and what to do\n",
                down, down == 1 ? "" : "s", t->program, t->args[0]);
}

static void query_print(struct tool *t, const daos_pool_info_t *i, const char *label)
{
    static const char *const names[] = {"metadata", "data"};
    char uuid[UUID_TEXT_LEN + 1], total[SIZE_TEXT_MAX], free_text[SIZE_TEXT_MAX];

    uuid_text_print(i->pi_uuid, uuid);
    fprintf(t->out, "pool %s%s%s%s\n", uuid, label[0] != '\0' ? " (" : "", label,
            label[0] != '\0' ? ")" : "");
    fprintf(t->out, "  targets   %u, %u disabled\n", i->pi_ntargets, i->pi_ndisabled);
    for (int m = 0; m < DAOS_MEDIA_MAX; m++) {
        const struct daos_space *s = &i->pi_space.ps_space;

        if (s->s_total[m] > 0)
            fprintf(t->out, "  %-9s %s, %s free\n", names[m],
                    size_print(s->s_total[m], total, sizeof(total)),
                    size_print(s->s_free[m], free_text, sizeof(free_text)));
    }
}

static void query_say(struct tool *t, const daos_pool_info_t *info, const struct targets *tg,
                      const char *label)
{
    if (t->json) {
        json_t *list = json_array();

        for (uint32_t i = 0; i < tg->nr; i++)
            json_array_append_new(list, target_json(&tg->info[i]));
        t->response = query_json(info, label);
        json_object_set_new(t->response, "targets", list);
        return;
    }
    query_print(t, info, label);
    for (uint32_t i = 0; tg->nr > 1 && i < tg->nr; i++)
        target_print(t, i, &tg->info[i]);
    down_print(t, info->pi_ndisabled);
}

static int pool_query(struct tool *t)
{
    struct conn c = {0};
    struct targets tg = {0};
    char label[LABEL_MAX_LEN + 1];
    daos_pool_info_t info = {.pi_bits = DPI_SPACE | DPI_REBUILD_STATUS};
    int rc = conn_pool(t, &c, t->args[0], DAOS_PC_RO);

    if (rc == 0) {
        rc = daos_pool_query(c.poh, NULL, &info, NULL, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot query pool %s", t->args[0]);
    }
    if (rc == 0)
        rc = targets_ask(t, &c, info.pi_ntargets, &tg);
    if (rc == 0) {
        pool_label(&c, label);
        query_say(t, &info, &tg, label);
    }
    free(tg.info);
    conn_close(&c);
    return rc;
}

/* "0,2", or all. */
static int targets_wanted(struct tool *t, uint32_t nr, bool *wanted)
{
    const char *text = opt_text(t, "target-idx");
    char *list = text != NULL ? strdup(text) : NULL, *rest = list, *one;
    uint64_t n;
    int rc = text != NULL && list == NULL ? -DER_NOMEM : 0;

    for (uint32_t i = 0; i < nr; i++)
        wanted[i] = text == NULL;
    while (rc == 0 && rest != NULL) {
        one = strsep(&rest, ",");
        if (!number_parse(one, &n))
            rc = tool_fail(t, -DER_INVAL, "write numbers, such as 0,2", "it is not a number",
                           "option --target-idx '%.100s'", one);
        else if (n >= nr)
            rc =
                tool_fail(t, -DER_NONEXIST, "they are numbered from 0; 'pool query' shows them",
                          "the pool has no target of that number",
                          "cannot query target %llu of pool %s", (unsigned long long)n, t->args[0]);
        else
            wanted[n] = true;
    }
    free(list);
    return rc;
}

static int the_rank(struct tool *t)
{
    uint64_t rank = 0;
    int rc = opt_number(t, "rank", &rank);

    if (rc == 0 && rank != 0)
        rc = tool_fail(t, -DER_NONEXIST, "leave --rank away", "the pool has one engine, rank 0",
                       "cannot query targets of rank %llu", (unsigned long long)rank);
    return rc;
}

static int pool_query_targets(struct tool *t)
{
    struct conn c = {0};
    struct targets tg = {0};
    bool wanted[TARGETS_MAX + 1];
    uint32_t down = 0;
    daos_pool_info_t info = {0};
    int rc = the_rank(t);

    if (rc == 0)
        rc = conn_pool(t, &c, t->args[0], DAOS_PC_RO);
    if (rc == 0) {
        rc = daos_pool_query(c.poh, NULL, &info, NULL, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot query pool %s", t->args[0]);
    }
    if (rc == 0)
        rc = targets_wanted(t, MIN(info.pi_ntargets, TARGETS_MAX), wanted);
    if (rc == 0)
        rc = targets_ask(t, &c, MIN(info.pi_ntargets, TARGETS_MAX), &tg);
    if (rc == 0 && t->json)
        t->response = json_pack("{s:i, s:[]}", "status", 0, "infos");
    for (uint32_t i = 0; rc == 0 && i < tg.nr; i++) {
        if (!wanted[i])
            continue;
        down += tg.info[i].ta_state != DAOS_TS_UP_IN;
        if (t->json)
            json_array_append_new(json_object_get(t->response, "infos"), target_json(&tg.info[i]));
        else
            target_print(t, i, &tg.info[i]);
    }
    if (rc == 0 && !t->json)
        down_print(t, down);
    free(tg.info);
    conn_close(&c);
    return rc;
}

/* ---- destroy ---- */

/* Refuses to destroy containers nobody mentioned. */
static int check_empty(struct tool *t, const char *path)
{
    struct conn c = {0};
    daos_size_t n = 0;
    int rc = conn_pool(t, &c, path, DAOS_PC_RO);

    if (rc == 0) {
        rc = daos_pool_list_cont(c.poh, &n, NULL, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot list the containers of pool %s", path);
    }
    conn_close(&c);
    if (rc == 0 && n > 0) {
        char why[ERR_PART_MAX];

        snprintf(why, sizeof(why), "it holds %llu container%s", (unsigned long long)n,
                 n == 1 ? "" : "s");
        return tool_fail(t, -DER_BUSY, "give --recursive to destroy them with it", why,
                         "will not destroy pool %s", t->args[0]);
    }
    if (rc == -DER_BUSY)
        err_what(&t->err, "cannot destroy pool %s", t->args[0]);
    if (rc != 0 && rc != -DER_BUSY && rc != -DER_NONEXIST && rc != -DER_DF_INVAL)
        err_next(&t->err, "give --force to destroy a pool that cannot be opened");
    return rc;
}

static int pool_destroy(struct tool *t)
{
    char path[PATH_MAX];
    int rc = pool_dir(t, t->args[0], path, sizeof(path));

    if (rc == 0 && !opt_flag(t, "recursive") && !opt_flag(t, "force")) {
        char here[PATH_MAX + 8];

        /* in this process: one that an engine serves is in use, whatever is in it */
        snprintf(here, sizeof(here), "inproc:%s", path);
        rc = check_empty(t, here);
    }
    if (rc != 0)
        return rc;
    rc = embed_pool_destroy(path, opt_flag(t, "force"), &t->err);
    if (rc != 0)
        return t->err.rc != 0 ? rc : tool_fail_der(t, rc, "cannot destroy pool %s", t->args[0]);
    if (!t->json)
        fprintf(t->out, "destroyed pool %s\n", t->args[0]);
    return 0;
}

/* ---- properties and attributes ---- */

static int pool_get_prop(struct tool *t)
{
    struct conn c = {0};
    daos_prop_t *prop = NULL;
    const char *names = opt_text(t, "properties") != NULL ? opt_text(t, "properties")
                        : t->nargs > 1                    ? t->args[1]
                                                          : NULL;
    int rc = props_wanted(t, PROP_OF_POOL, names, &prop);

    if (rc == 0)
        rc = conn_pool(t, &c, t->args[0], DAOS_PC_RO);
    if (rc == 0) {
        rc = daos_pool_query(c.poh, NULL, NULL, prop, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot read the properties of pool %s", t->args[0]);
    }
    if (rc == 0 && t->json)
        t->response = props_json(PROP_OF_POOL, prop);
    else if (rc == 0)
        props_print(t, PROP_OF_POOL, prop);
    daos_prop_free(prop);
    conn_close(&c);
    return rc;
}

static int pool_set_prop(struct tool *t)
{
    struct conn c = {0};
    daos_prop_t *prop = NULL;
    const char *text = opt_text(t, "properties") != NULL ? opt_text(t, "properties")
                       : t->nargs > 1                    ? t->args[1]
                                                         : NULL;
    int rc;

    if (text == NULL)
        return tool_fail(t, -DER_INVAL, "write name:value[,name:value]", "no property was named",
                         "'set-prop' needs properties");
    rc = props_parse(t, PROP_OF_POOL, text, false, &prop);
    if (rc == 0)
        rc = conn_pool(t, &c, t->args[0], DAOS_PC_RW);
    if (rc == 0) {
        rc = client_pool_set_prop(c.poh, prop);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot set properties of pool %s", t->args[0]);
    }
    if (rc == 0 && !t->json)
        fprintf(t->out, "set %s\n", text);
    daos_prop_free(prop);
    conn_close(&c);
    return rc;
}

static int with_attr(struct tool *t, unsigned flags, int (*run)(struct tool *t, struct conn *c))
{
    struct conn c = {0};
    int rc = conn_pool(t, &c, t->args[0], flags);

    if (rc == 0)
        rc = run(t, &c);
    conn_close(&c);
    return rc;
}

static const char *attr_names(const struct tool *t)
{
    const char *name = opt_text(t, "attr");

    return name != NULL ? name : t->nargs > 1 ? t->args[1] : NULL;
}

static int needs_attr(struct tool *t, const char *form)
{
    return tool_fail(t, -DER_INVAL, form, "no attribute was named", "'%s' needs an attribute",
                     t->cmd->name);
}

static int run_list_attr(struct tool *t, struct conn *c)
{
    return user_attr_list(t, &attr_of_pool, c->poh, opt_flag(t, "verbose"));
}

static int run_get_attr(struct tool *t, struct conn *c)
{
    return user_attr_get(t, &attr_of_pool, c->poh, attr_names(t));
}

static int run_set_attr(struct tool *t, struct conn *c)
{
    return user_attr_set(t, &attr_of_pool, c->poh, attr_names(t), opt_text(t, "value"));
}

static int run_del_attr(struct tool *t, struct conn *c)
{
    return user_attr_del(t, &attr_of_pool, c->poh, attr_names(t));
}

static int pool_list_attr(struct tool *t)
{
    return with_attr(t, DAOS_PC_RO, run_list_attr);
}

static int pool_get_attr(struct tool *t)
{
    return with_attr(t, DAOS_PC_RO, run_get_attr);
}

static int pool_set_attr(struct tool *t)
{
    return attr_names(t) == NULL ? needs_attr(t, "write name:value[,name:value]")
                                 : with_attr(t, DAOS_PC_RW, run_set_attr);
}

static int pool_del_attr(struct tool *t)
{
    return attr_names(t) == NULL ? needs_attr(t, "write name[,name]")
                                 : with_attr(t, DAOS_PC_RW, run_del_attr);
}

#define OPT_ATTR                                                                                   \
    {                                                                                              \
        'a', "attr", "NAME", "the attribute; also possible as argument"                            \
    }

static const struct command commands[] = {
    {"create",
     NULL,
     "PATH",
     1,
     1,
     pool_create,
     "make a pool in a directory",
     "The directory is made if it is missing and must be empty. The pool then lives in it: no "
     "server, no\n"
     "configuration. It is remembered under its label and UUID for this user.\n\n"
     "A pool of several targets (--targets) has a log, metadata and data for each of them, and an "
     "engine serves each with a thread:\n"
     "as many as there are CPUs to spare is enough. Unless it is said, there is one for each "
     "device that is named, else one\n"
     "for every two CPUs, at most one for each GiB of --size. Objects are spread over them by "
     "their class. Their number stays.\n\n"
     "Log, metadata and data may lie elsewhere: on a block device (which is taken whole), or in a "
     "file, which is made. Each\n"
     "target has its own: a path for each, with commas between, or a directory, in which a file "
     "for each is made.\n"
     "The same path may be given for several of these options; what has none lies in the "
     "directory. A link there leads to each\n"
     "device: "
     "change it when the device moves. A block device that holds anything is refused without "
     "--force.\n"
     "A file in persistent memory (mounted with -o dax) is written by stores, without system "
     "calls; "
     "with pmem: before\n"
     "its path it must be that.",
     "pool create ./tarn-pool\npool create ./scratch --label scratch --size 10G\npool create "
     "./wide --targets 4\npool create /data/p --properties rd_fac:0\n# a fast device for the log, "
     "a large one for the data, "
     "metadata "
     "in the directory\npool create ./big --wal /dev/nvme0n1 --data /dev/sdb\n# two targets, each "
     "with a device for its data; their logs are files in one place\npool create ./two --wal "
     "/mnt/fast --data /dev/sdb,/dev/sdc",
     {{'L', "label", "LABEL", "name of the pool (default: the directory's)"},
      {'t', "targets", "N",
       "how many targets it has, 1 to 64 (default: one for two CPUs, at most 16)"},
      {'z', "size", "SIZE",
       "most bytes of metadata and data, of all targets together (default: as the file system "
       "has)"},
      {'w', "wal-size", "SIZE",
       "size of the log of each target (default 128M, of several together; at least 8M)"},
      {'P', "properties", "K:V,..", "properties; 'pool get-prop' lists them"},
      {0, "wal", "DEVICE", "block device or new file for the log, of each target; or directory"},
      {0, "meta", "DEVICE", "the same for the metadata"},
      {0, "data", "DEVICE", "the same for the data"},
      {'f', "force", NULL, "overwrite what a block device holds, unless that is a pool"}}},
    {"list",
     "ls",
     "",
     0,
     0,
     pool_list,
     "list the pools of this user",
     NULL,
     "pool list\npool list --verbose\npool list --json",
     {{'v', "verbose", NULL, "open each pool and show what is used"},
      {'n', "no-query", NULL, "do not open the pools (default)"}}},
    {"query",
     "info",
     "POOL",
     1,
     1,
     pool_query,
     "show state and space of a pool",
     "Of a pool of several targets also that of each; space is their sum. A target that is down "
     "(its device is missing or damaged) takes\n"
     "only its own data away; 'check' says why it is.",
     "pool query ./tarn-pool\npool query tarn-pool --json",
     {{0}}},
    {"query-targets",
     "query-target",
     "POOL",
     1,
     1,
     pool_query_targets,
     "show state and space of a pool's targets",
     NULL,
     "pool query-targets ./tarn-pool\npool query-targets tarn-pool --target-idx 0,2 --json",
     {{0, "rank", "N", "of this engine: 0, there is one"},
      {0, "target-idx", "N,..", "which ones (default: all)"}}},
    {"destroy",
     "rm",
     "POOL",
     1,
     1,
     pool_destroy,
     "remove a pool and all that is in it",
     "Refused while any process has the pool open, and while it holds containers unless "
     "--recursive is given.\n"
     "Only files that belong to the pool are removed. Its block devices are wiped: they can be "
     "used "
     "again.",
     "pool destroy ./tarn-pool\npool destroy scratch --recursive",
     {{'r', "recursive", NULL, "with its containers"},
      {'f', "force", NULL, "even if the pool cannot be opened or lacks a device"}}},
    {"list-containers",
     "list-cont list-conts",
     "POOL",
     1,
     1,
     cmd_cont_list,
     "list the containers of a pool",
     NULL,
     "pool list-containers ./tarn-pool",
     {{'v', "verbose", NULL, "with their UUIDs"}}},
    {"get-prop",
     NULL,
     "POOL [NAME,..]",
     1,
     2,
     pool_get_prop,
     "show properties of a pool",
     NULL,
     "pool get-prop ./tarn-pool\npool get-prop ./tarn-pool label,rd_fac --json",
     {{0, "properties", "NAME,..", "which ones (default: all)"}}},
    {"set-prop",
     NULL,
     "POOL NAME:VALUE[,..]",
     1,
     2,
     pool_set_prop,
     "set properties of a pool",
     NULL,
     "pool set-prop ./tarn-pool label:attic\npool set-prop ./tarn-pool reclaim:lazy,space_rb:10",
     {{0, "properties", "K:V,..", "the properties; also possible as argument"}}},
    {"list-attr",
     "list-attrs lsattr",
     "POOL",
     1,
     1,
     pool_list_attr,
     "list a pool's attributes",
     NULL,
     "pool list-attr ./tarn-pool",
     {{'V', "verbose", NULL, "with their values"}}},
    {"get-attr",
     "getattr",
     "POOL [NAME,..]",
     1,
     2,
     pool_get_attr,
     "read a pool's attributes",
     NULL,
     "pool get-attr ./tarn-pool project",
     {OPT_ATTR}},
    {"set-attr",
     "setattr",
     "POOL NAME:VALUE[,..]",
     1,
     2,
     pool_set_attr,
     "set a pool's attributes",
     NULL,
     "pool set-attr ./tarn-pool project:apollo,owner:me\npool set-attr ./tarn-pool --attr note "
     "--value 'two words'",
     {OPT_ATTR, {'v', "value", "TEXT", "its value, when --attr names it"}}},
    {"del-attr",
     "delattr",
     "POOL NAME[,..]",
     1,
     2,
     pool_del_attr,
     "remove a pool's attributes",
     NULL,
     "pool del-attr ./tarn-pool project",
     {OPT_ATTR}},
};

const struct cmd_group group_pool = {"pool", NULL, "make, list, query and destroy pools", commands,
                                     ARRAY_LEN(commands)};

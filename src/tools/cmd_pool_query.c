/* pool query, query-targets */
#include <stdlib.h>
#include <string.h>

#include "base/label.h"
#include "base/size.h"
#include "tools/cmds.h"
#include "tools/conn.h"

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

int cmd_pool_query(struct tool *t)
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

int cmd_pool_query_targets(struct tool *t)
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

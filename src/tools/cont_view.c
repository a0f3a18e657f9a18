/* What a container is, as cont create and cont query show it. */
#include <string.h>

#include "base/label.h"
#include "base/size.h"
#include "tools/cmds.h"
#include "tools/conn.h"

static json_t *time_json(uint64_t hlc)
{
    char text[EPOCH_TEXT_MAX];

    return json_string(epoch_text(hlc, text));
}

static void set_time(json_t *o, const char *key, uint64_t hlc)
{
    if (hlc != 0)
        json_object_set_new(o, key, time_json(hlc));
}

static void posix_json(json_t *o, const dfs_attr_t *a)
{
    char cls[MAX_OBJ_CLASS_NAME_LEN];
    const struct {
        const char *key;
        daos_oclass_id_t cid;
    } classes[] = {{"object_class", a->da_oclass_id},
                   {"dir_object_class", a->da_dir_oclass_id},
                   {"file_object_class", a->da_file_oclass_id}};

    json_set_nonzero(o, "chunk_size", a->da_chunk_size);
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (classes[i].cid != 0 && daos_oclass_id2name(classes[i].cid, cls) == 0)
            json_object_set_new(o, classes[i].key, json_string(cls));
    json_object_set_new(o, "cons_mode",
                        json_string(a->da_mode & DFS_BALANCED ? "balanced" : "relaxed"));
    if (a->da_hints[0] != '\0')
        json_object_set_new(o, "hints", json_string(a->da_hints));
}

struct cont_view {
    daos_cont_info_t info;
    char label[LABEL_MAX_LEN + 1];
    uint64_t rf, layout, health;
    bool posix;
    dfs_attr_t attr;
};

static int view_read(struct tool *t, struct conn *c, struct cont_view *v)
{
    static const uint32_t types[] = {DAOS_PROP_CO_LABEL, DAOS_PROP_CO_REDUN_FAC,
                                     DAOS_PROP_CO_LAYOUT_TYPE, DAOS_PROP_CO_STATUS};
    daos_prop_t *prop = daos_prop_alloc(ARRAY_LEN(types));
    struct daos_co_status st;
    int rc = prop == NULL ? -DER_NOMEM : 0;

    memset(v, 0, sizeof(*v));
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(types); i++)
        prop->dpp_entries[i].dpe_type = types[i];
    if (rc == 0)
        rc = daos_cont_query(c->coh, &v->info, prop, NULL);
    if (rc != 0) {
        daos_prop_free(prop);
        return tool_fail_der(t, rc, "cannot query the container");
    }
    snprintf(v->label, sizeof(v->label), "%s",
             prop->dpp_entries[0].dpe_str != NULL ? prop->dpp_entries[0].dpe_str : "");
    v->rf = prop->dpp_entries[1].dpe_val;
    v->layout = prop->dpp_entries[2].dpe_val;
    daos_prop_val_2_co_status(prop->dpp_entries[3].dpe_val, &st);
    v->health = st.dcs_status;
    daos_prop_free(prop);
    if (v->layout == DAOS_PROP_CO_LAYOUT_POSIX &&
        dfs_mount(c->poh, c->coh, O_RDONLY | DFS_BALANCED, &c->dfs) == 0)
        v->posix = dfs_query(c->dfs, &v->attr) == 0;
    return 0;
}

static json_t *view_json(const struct cont_view *v, const daos_pool_info_t *pool)
{
    json_t *o = json_object();

    json_object_set_new(o, "pool_uuid", json_uuid(pool->pi_uuid));
    json_object_set_new(o, "container_uuid", json_uuid(v->info.ci_uuid));
    json_object_set_new(o, "container_label", json_string(v->label));
    json_object_set_new(o, "redundancy_factor", json_integer((json_int_t)v->rf));
    json_object_set_new(o, "num_handles", json_integer(v->info.ci_nhandles));
    json_object_set_new(o, "num_snapshots", json_integer(v->info.ci_nsnapshots));
    json_object_set_new(o, "container_type", json_string(layout_name(v->layout)));
    json_object_set_new(o, "health",
                        json_string(v->health == DAOS_PROP_CO_HEALTHY ? "HEALTHY" : "UNCLEAN"));
    set_time(o, "latest_snapshot", v->info.ci_lsnapshot);
    set_time(o, "open_time", v->info.ci_md_otime);
    set_time(o, "close_modify_time", v->info.ci_md_mtime);
    if (v->posix)
        posix_json(o, &v->attr);
    return o;
}

static void view_print(struct tool *t, const struct cont_view *v)
{
    char uuid[UUID_TEXT_LEN + 1], when[EPOCH_TEXT_MAX], size[SIZE_TEXT_MAX];

    uuid_text_print(v->info.ci_uuid, uuid);
    fprintf(t->out, "container %s (%s)\n", uuid, v->label);
    fprintf(t->out, "  %-20s %s\n", "type", layout_name(v->layout));
    fprintf(t->out, "  %-20s %s\n", "health",
            v->health == DAOS_PROP_CO_HEALTHY ? "healthy" : "unclean");
    fprintf(t->out, "  %-20s %llu\n", "redundancy factor", (unsigned long long)v->rf);
    fprintf(t->out, "  %-20s %u\n", "open handles", v->info.ci_nhandles);
    fprintf(t->out, "  %-20s %u, latest: %s\n", "snapshots", v->info.ci_nsnapshots,
            epoch_text(v->info.ci_lsnapshot, when));
    if (v->posix) {
        fprintf(t->out, "  %-20s %s\n", "chunk size",
                size_print(v->attr.da_chunk_size, size, sizeof(size)));
        fprintf(t->out, "  %-20s %s\n", "consistency",
                v->attr.da_mode & DFS_BALANCED ? "balanced" : "relaxed");
    }
}

int cont_view_show(struct tool *t, struct conn *c)
{
    struct cont_view v;
    int rc = view_read(t, c, &v);

    if (rc != 0)
        return rc;
    if (t->json)
        t->response = view_json(&v, &c->pool_info);
    else
        view_print(t, &v);
    return 0;
}

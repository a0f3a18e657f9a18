/* container create, list, query, destroy; properties; attributes. Snapshots and ACLs have files of
 * their own. */
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/label.h"
#include "tools/attr.h"
#include "tools/cmds.h"
#include "tools/conn.h"
#include "tools/props.h"

/* ---- create ---- */

static int oclass_opt(struct tool *t, const char *name, daos_oclass_id_t *cid)
{
    const char *text = opt_text(t, name);

    if (text == NULL)
        return 0;
    *cid = (daos_oclass_id_t)daos_oclass_name2id(text);
    if (*cid == OC_UNKNOWN)
        return tool_fail(t, -DER_INVAL, "write one such as S1, SX, RP_2G1",
                         "there is no object class of this name", "option --%s '%.100s'", name,
                         text);
    return 0;
}

static int posix_attr(struct tool *t, dfs_attr_t *a)
{
    const char *mode = opt_text(t, "mode"), *hints = opt_text(t, "hints");
    int rc = opt_size(t, "chunk-size", &a->da_chunk_size);

    if (rc == 0)
        rc = oclass_opt(t, "oclass", &a->da_oclass_id);
    if (rc == 0)
        rc = oclass_opt(t, "dir-oclass", &a->da_dir_oclass_id);
    if (rc == 0)
        rc = oclass_opt(t, "file-oclass", &a->da_file_oclass_id);
    if (rc != 0)
        return rc;
    if (mode != NULL && strcasecmp(mode, "balanced") == 0)
        a->da_mode = DFS_BALANCED;
    else if (mode != NULL && strcasecmp(mode, "relaxed") != 0)
        return tool_fail(t, -DER_INVAL, "write relaxed or balanced", "there is no such mode",
                         "option --mode '%.100s'", mode);
    if (hints != NULL && strlen(hints) >= sizeof(a->da_hints))
        return tool_fail(t, -DER_OVERFLOW, "shorten it", "it is longer than 127 bytes",
                         "option --hints");
    if (hints != NULL)
        snprintf(a->da_hints, sizeof(a->da_hints), "%s", hints);
    return 0;
}

static int posix_only(struct tool *t)
{
    static const char *const names[] = {"chunk-size",  "oclass", "dir-oclass",
                                        "file-oclass", "hints",  "mode"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (opt_flag(t, names[i]))
            return tool_fail(t, -DER_INVAL, "leave it out, or add --type POSIX",
                             "it only applies to containers of type POSIX", "option --%s",
                             names[i]);
    return 0;
}

static int check_label(struct tool *t, const char *label)
{
    if (label == NULL || label_is_valid(label))
        return 0;
    return tool_fail(
        t, strlen(label) > LABEL_MAX_LEN ? -DER_OVERFLOW : -DER_INVAL, "choose another label",
        "a label is 1 to 127 of letters, digits and . _ : - and does not look like a UUID",
        "cannot use label '%.140s'", label);
}

/* Adds the layout type to what --properties said. */
static int with_layout(struct tool *t, int layout, daos_prop_t **prop)
{
    daos_prop_t *type = daos_prop_alloc(1), *merged;
    int rc;

    if (type == NULL)
        return tool_fail_der(t, -DER_NOMEM, "cannot create the container");
    type->dpp_entries[0].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
    type->dpp_entries[0].dpe_val = (uint64_t)layout;
    if (*prop == NULL) {
        *prop = type;
        return 0;
    }
    rc = daos_prop_merge2(*prop, type, &merged);
    daos_prop_free(type);
    if (rc != 0)
        return tool_fail_der(t, rc, "cannot create the container");
    daos_prop_free(*prop);
    *prop = merged;
    return 0;
}

static int create_posix(struct tool *t, struct conn *c, const char *label, daos_prop_t *prop,
                        uuid_t *uuid)
{
    dfs_attr_t attr = {.da_props = prop};
    int rc = posix_attr(t, &attr);

    if (rc != 0)
        return rc;
    rc = label != NULL ? dfs_cont_create_with_label(c->poh, label, &attr, uuid, NULL, NULL)
                       : dfs_cont_create(c->poh, uuid, &attr, NULL, NULL);
    if (rc != 0)
        return tool_fail_errno(t, rc, "cannot create container %s in pool %s",
                               label != NULL ? label : "(without label)", t->args[0]);
    return 0;
}

static int create_other(struct tool *t, struct conn *c, const char *label, int layout,
                        daos_prop_t **prop, uuid_t *uuid)
{
    int rc = posix_only(t);

    if (rc == 0)
        rc = with_layout(t, layout, prop);
    if (rc != 0)
        return rc;
    rc = label != NULL ? daos_cont_create_with_label(c->poh, label, *prop, uuid, NULL)
                       : daos_cont_create(c->poh, uuid, *prop, NULL);
    if (rc != 0)
        return tool_fail_der(t, rc, "cannot create container %s in pool %s",
                             label != NULL ? label : "(without label)", t->args[0]);
    return 0;
}

static int set_attrs(struct tool *t, struct conn *c, const char *cont, const char *attrs)
{
    int rc = daos_cont_open(c->poh, cont, DAOS_COO_RW, &c->coh, NULL, NULL);

    if (rc != 0)
        return tool_fail_der(t, rc, "cannot open the new container");
    return user_attr_set(t, &attr_of_cont, c->coh, attrs, NULL);
}

static int cont_create(struct tool *t)
{
    const char *label = t->nargs > 1 ? t->args[1] : NULL, *type = opt_text(t, "type");
    int layout = type != NULL ? layout_parse(type) : DAOS_PROP_CO_LAYOUT_UNKNOWN;
    char text[UUID_TEXT_LEN + 1];
    daos_prop_t *prop = NULL;
    struct conn c = {0};
    uuid_t uuid;
    int rc = check_label(t, label);

    if (rc == 0 && layout < 0)
        rc = tool_fail(t, -DER_INVAL,
                       "one of POSIX, HDF5, PYTHON, SPARK, DATABASE, ROOT, SEISMIC, METEO, unknown",
                       "there is no such type", "option --type '%.100s'", type);
    if (rc == 0 && opt_text(t, "properties") != NULL)
        rc = props_parse(t, PROP_OF_CONT, opt_text(t, "properties"), true, &prop);
    if (rc == 0)
        rc = conn_pool(t, &c, t->args[0], DAOS_PC_RW);
    if (rc == 0)
        rc = layout == DAOS_PROP_CO_LAYOUT_POSIX ? create_posix(t, &c, label, prop, &uuid)
                                                 : create_other(t, &c, label, layout, &prop, &uuid);
    if (rc == 0) {
        uuid_text_print(uuid, text);
        if (opt_text(t, "attrs") != NULL)
            rc = set_attrs(t, &c, text, opt_text(t, "attrs"));
    }
    if (rc == 0 && !daos_handle_is_valid(c.coh)) {
        rc = daos_cont_open(c.poh, text, DAOS_COO_RO, &c.coh, &c.cont_info, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot open the new container");
    }
    if (rc == 0)
        rc = cont_view_show(t, &c);
    daos_prop_free(prop);
    conn_close(&c);
    return rc;
}

/* ---- list ---- */

static int list_read(struct conn *c, struct daos_pool_cont_info **list, daos_size_t *nr)
{
    int rc;

    *list = NULL;
    *nr = 0;
    rc = daos_pool_list_cont(c->poh, nr, NULL, NULL);
    while (rc == 0 && *nr > 0) {
        daos_size_t room = *nr;

        base_free(*list);
        *list = base_calloc(room, sizeof(**list));
        rc = *list == NULL ? -DER_NOMEM : daos_pool_list_cont(c->poh, nr, *list, NULL);
        if (rc != -DER_TRUNC)
            break;
        rc = 0; /* more since we counted */
    }
    return rc;
}

int cmd_cont_list(struct tool *t)
{
    struct daos_pool_cont_info *list = NULL;
    char uuid[UUID_TEXT_LEN + 1];
    struct conn c = {0};
    daos_size_t nr = 0;
    json_t *json = t->json ? json_array() : NULL;
    int rc = conn_pool(t, &c, t->args[0], DAOS_PC_RO);

    if (rc == 0) {
        rc = list_read(&c, &list, &nr);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot list the containers of pool %s", t->args[0]);
    }
    for (daos_size_t i = 0; rc == 0 && i < nr; i++) {
        uuid_text_print(list[i].pci_uuid, uuid);
        if (t->json)
            json_array_append_new(
                json, json_pack("{s:s, s:s}", "uuid", uuid, "label", list[i].pci_label));
        else if (opt_flag(t, "verbose"))
            fprintf(t->out, "%-36s %s\n", uuid, list[i].pci_label);
        else
            fprintf(t->out, "%s\n",
                    list[i].pci_label[0] != '\0' &&
                            strcmp(list[i].pci_label, DAOS_PROP_CO_LABEL_DEFAULT) != 0
                        ? list[i].pci_label
                        : uuid);
    }
    if (rc == 0 && nr == 0 && !t->json)
        fprintf(t->out, "no containers yet; make one: %s cont create %s home --type POSIX\n",
                t->program, t->args[0]);
    t->response = json;
    base_free(list);
    conn_close(&c);
    return rc;
}

static int cont_query(struct tool *t)
{
    struct conn c = {0};
    int rc = conn_cont(t, &c, t->args[0], t->args[1], false);

    if (rc == 0)
        rc = cont_view_show(t, &c);
    conn_close(&c);
    return rc;
}

static int cont_destroy(struct tool *t)
{
    struct conn c = {0};
    int rc = conn_pool(t, &c, t->args[0], DAOS_PC_RW);

    if (rc == 0) {
        rc = daos_cont_destroy(c.poh, t->args[1], opt_flag(t, "force"), NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot destroy container %s of pool %s", t->args[1], t->args[0]);
        if (rc == -DER_BUSY)
            err_next(&t->err,
                     "close it everywhere, or give --force, which makes its open handles invalid");
    }
    if (rc == 0 && !t->json)
        fprintf(t->out, "destroyed container %s\n", t->args[1]);
    conn_close(&c);
    return rc;
}

#define OPT_ATTR                                                                                   \
    {                                                                                              \
        'a', "attr", "NAME", "the attribute; also possible as argument"                            \
    }

static const struct command commands[] = {
    {"create",
     NULL,
     "POOL [LABEL]",
     1,
     2,
     cont_create,
     "make a container",
     "A container of type POSIX holds files and directories (fs commands, dfuse); one without a "
     "type holds objects as\n"
     "programs make them.",
     "cont create ./tarn-pool home --type POSIX\ncont create ./tarn-pool results --properties "
     "cksum:crc32,srv_cksum:on\n"
     "cont create ./tarn-pool big --type POSIX --chunk-size 4M --mode balanced",
     {{'t', "type", "TYPE", "POSIX, HDF5, PYTHON, ... (default: unknown)"},
      {'P', "properties", "K:V,..", "properties; 'cont get-prop' lists them"},
      {'a', "attrs", "K:V,..", "user attributes to set"},
      {'z', "chunk-size", "SIZE", "POSIX: bytes of a chunk of new files (default 1M)"},
      {'o', "oclass", "CLASS", "POSIX: object class of files and directories"},
      {'d', "dir-oclass", "CLASS", "POSIX: of directories"},
      {'f', "file-oclass", "CLASS", "POSIX: of files"},
      {'H', "hints", "TEXT", "POSIX: such as file:single,dir:max"},
      {'M', "mode", "MODE", "POSIX: relaxed or balanced consistency"}}},
    {"list",
     "ls",
     "POOL",
     1,
     1,
     cmd_cont_list,
     "list the containers of a pool",
     NULL,
     "cont list ./tarn-pool\ncont list ./tarn-pool --json",
     {{'v', "verbose", NULL, "with their UUIDs"}}},
    {"query",
     "info",
     "POOL CONT",
     2,
     2,
     cont_query,
     "show what a container is",
     NULL,
     "cont query ./tarn-pool home",
     {{0}}},
    {"destroy",
     "rm",
     "POOL CONT",
     2,
     2,
     cont_destroy,
     "remove a container and all that is in it",
     NULL,
     "cont destroy ./tarn-pool home",
     {{'f', "force", NULL, "also while it is open"}}},
    {"get-prop",
     NULL,
     "POOL CONT [NAME,..]",
     2,
     3,
     cmd_cont_get_prop,
     "show properties of a container",
     NULL,
     "cont get-prop ./tarn-pool home\ncont get-prop ./tarn-pool home --properties label,status",
     {{0, "properties", "NAME,..", "which ones (default: all)"}}},
    {"set-prop",
     NULL,
     "POOL CONT NAME:VALUE[,..]",
     2,
     3,
     cmd_cont_set_prop,
     "set properties of a container",
     NULL,
     "cont set-prop ./tarn-pool home label:attic\ncont set-prop ./tarn-pool home --properties "
     "status:healthy",
     {{0, "properties", "K:V,..", "the properties; also possible as argument"}}},
    {"list-attr",
     "list-attrs lsattr",
     "POOL CONT",
     2,
     2,
     cmd_cont_list_attr,
     "list a container's attributes",
     NULL,
     "cont list-attr ./tarn-pool home",
     {{'V', "verbose", NULL, "with their values"}}},
    {"get-attr",
     "getattr",
     "POOL CONT [NAME,..]",
     2,
     3,
     cmd_cont_get_attr,
     "read a container's attributes",
     NULL,
     "cont get-attr ./tarn-pool home owner",
     {OPT_ATTR}},
    {"set-attr",
     "setattr",
     "POOL CONT NAME:VALUE[,..]",
     2,
     3,
     cmd_cont_set_attr,
     "set a container's attributes",
     NULL,
     "cont set-attr ./tarn-pool home owner:me,project:apollo",
     {OPT_ATTR, {'v', "value", "TEXT", "its value, when --attr names it"}}},
    {"del-attr",
     "delattr",
     "POOL CONT NAME[,..]",
     2,
     3,
     cmd_cont_del_attr,
     "remove a container's attributes",
     NULL,
     "cont del-attr ./tarn-pool home owner",
     {OPT_ATTR}},
    {"create-snap",
     "snap",
     "POOL CONT",
     2,
     2,
     cmd_create_snap,
     "keep the container as it is now readable for ever",
     "A snapshot is a moment of the container: its epoch names it. Reading it costs what reading "
     "the present costs.",
     "cont create-snap ./tarn-pool home\nfs ls --snap EPOCH daos://./tarn-pool/home",
     {{0}}},
    {"list-snaps",
     "list-snap lssnap",
     "POOL CONT",
     2,
     2,
     cmd_list_snaps,
     "list the snapshots of a container",
     NULL,
     "cont list-snaps ./tarn-pool home",
     {{0}}},
    {"destroy-snap",
     "rmsnap",
     "POOL CONT",
     2,
     2,
     cmd_destroy_snap,
     "remove a snapshot",
     NULL,
     "cont destroy-snap ./tarn-pool home --epc 0x1a2b3c4d5e6f",
     {{'e', "epc", "EPOCH", "the snapshot's epoch"},
      {'r', "epcrange", "A-B", "all snapshots from A to B"}}},
    {"rollback",
     NULL,
     "POOL CONT",
     2,
     2,
     cmd_rollback,
     "take a container back to its newest snapshot",
     "Everything that was changed after the snapshot is gone for good, for everybody who has the "
     "container open. Whoever\n"
     "changes something meanwhile is refused and has to try again.",
     "cont rollback ./tarn-pool home --epc 0x1a2b3c4d5e6f",
     {{'e', "epc", "EPOCH", "the snapshot's epoch; must be the newest one"}}},
    {"list-objects",
     "list-obj",
     "POOL CONT",
     2,
     2,
     cmd_list_objects,
     "list the ids of a container's objects",
     NULL,
     "cont list-objects ./tarn-pool home",
     {{'e', "epc", "EPOCH", "as of a snapshot (default: now)"}}},
    {"get-acl",
     NULL,
     "POOL CONT",
     2,
     2,
     cmd_get_acl,
     "show who may do what",
     NULL,
     "cont get-acl ./tarn-pool home",
     {{'O', "outfile", "FILE", "write it to a file"},
      {'f', "force", NULL, "replace the file"},
      {'V', "verbose", NULL, "explain each entry"}}},
    {"overwrite-acl",
     "replace-acl",
     "POOL CONT",
     2,
     2,
     cmd_overwrite_acl,
     "put a list of rights in place of the old one",
     NULL,
     "cont overwrite-acl ./tarn-pool home --acl-file rights.txt",
     {{'f', "acl-file", "FILE", "one entry a line, as get-acl prints them"}}},
    {"update-acl",
     NULL,
     "POOL CONT",
     2,
     2,
     cmd_update_acl,
     "add or change entries of the list of rights",
     NULL,
     "cont update-acl ./tarn-pool home --entry A:G:readers@:r",
     {{'e', "entry", "ACE", "the entry"}, {'f', "acl-file", "FILE", "entries, one a line"}}},
    {"delete-acl",
     NULL,
     "POOL CONT",
     2,
     2,
     cmd_delete_acl,
     "remove an entry of the list of rights",
     NULL,
     "cont delete-acl ./tarn-pool home --principal g:readers@",
     {{'P', "principal", "WHO", "OWNER@, GROUP@, EVERYONE@, u:NAME@ or g:NAME@"}}},
    {"set-owner",
     "chown",
     "POOL CONT",
     2,
     2,
     cmd_set_owner,
     "change owner or owner group",
     NULL,
     "cont set-owner ./tarn-pool home --user me@",
     {{'u', "user", "NAME@", "the new owner"},
      {'g', "group", "NAME@", "the new owner group"},
      {0, "no-check", NULL, "also names unknown here"}}},
};

const struct cmd_group group_cont = {"container", "cont co",
                                     "make, list, query and destroy containers; snapshots, rights",
                                     commands, ARRAY_LEN(commands)};

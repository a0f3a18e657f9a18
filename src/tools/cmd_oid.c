/* Object ids: as text, and the list of a container's. */
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "tools/cmds.h"
#include "tools/conn.h"

#define OIDS_AT_ONCE 256

int oid_parse(struct tool *t, const char *text, daos_obj_id_t *oid)
{
    const char *dot = strchr(text, '.');
    char hi[32];
    bool good = dot != NULL && dot - text < (ptrdiff_t)sizeof(hi);

    if (good) {
        snprintf(hi, sizeof(hi), "%.*s", (int)(dot - text), text);
        good = number_parse(hi, &oid->hi) && number_parse(dot + 1, &oid->lo);
    }
    if (good && !daos_obj_id_is_nil(*oid))
        return 0;
    return tool_fail(t, -DER_INVAL,
                     "write HIGH.LOW, two numbers with a dot; 'cont list-objects POOL CONT' shows "
                     "the ids there are",
                     "it is not an object id", "cannot use object '%.100s'", text);
}

static const char *type_text(daos_obj_id_t oid)
{
    static const char *const names[] = {
        "multi hashed", "oid table",    "dkey uint64", "akey uint64", "uint64",
        "dkey lexical", "akey lexical", "lexical",     "kv hashed",   "kv uint64",
        "kv lexical",   "array",        "array attr",  "byte array",  "oid table v2"};
    unsigned type = daos_obj_id2type(oid);

    return type < ARRAY_LEN(names) ? names[type] : "?";
}

static void show(struct tool *t, daos_obj_id_t oid, json_t *json)
{
    char text[48], cls[MAX_OBJ_CLASS_NAME_LEN];

    snprintf(text, sizeof(text), "%llu.%llu", (unsigned long long)oid.hi,
             (unsigned long long)oid.lo);
    if (daos_oclass_id2name(daos_obj_id2class(oid), cls) != 0)
        snprintf(cls, sizeof(cls), "?");
    if (json != NULL)
        json_array_append_new(
            json, json_pack("{s:s, s:s, s:s}", "oid", text, "type", type_text(oid), "class", cls));
    else
        fprintf(t->out, "%-42s %-6s %s\n", text, cls, type_text(oid));
}

static int list_table(struct tool *t, struct conn *c, daos_epoch_t epoch, json_t *json)
{
    daos_obj_id_t *oids = base_calloc(OIDS_AT_ONCE, sizeof(*oids));
    daos_anchor_t anchor = {0};
    daos_handle_t oh;
    int rc = oids == NULL ? -DER_NOMEM : daos_oit_open(c->coh, epoch, &oh, NULL);

    if (rc == 0) {
        while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
            uint32_t nr = OIDS_AT_ONCE;

            rc = daos_oit_list(oh, oids, &nr, &anchor, NULL);
            for (uint32_t i = 0; rc == 0 && i < nr; i++)
                show(t, oids[i], json);
        }
        daos_oit_close(oh, NULL);
    }
    base_free(oids);
    return rc != 0 ? tool_fail_der(t, rc, "cannot list the objects of container %s", t->args[1])
                   : 0;
}

/* Without a snapshot given, one is taken for the listing and removed again. */
int cmd_list_objects(struct tool *t)
{
    struct conn c = {0};
    json_t *json = t->json ? json_array() : NULL;
    uint64_t epoch = 0;
    bool own = opt_text(t, "epc") == NULL;
    int rc = opt_number(t, "epc", &epoch);

    if (rc == 0)
        rc = conn_cont(t, &c, t->args[0], t->args[1], true);
    if (rc == 0 && own) {
        rc = daos_cont_create_snap_opt(c.coh, &epoch, NULL, DAOS_SNAP_OPT_CR | DAOS_SNAP_OPT_OIT,
                                       NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot make a table of the objects of container %s", t->args[1]);
        own = rc == 0;
    }
    if (rc == 0)
        rc = list_table(t, &c, epoch, json);
    if (own && epoch != 0) {
        daos_epoch_range_t epr = {epoch, epoch};

        daos_cont_destroy_snap(c.coh, epr, NULL);
    }
    t->response = json;
    conn_close(&c);
    return rc;
}

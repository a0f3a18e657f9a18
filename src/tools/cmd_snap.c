/* container create-snap, list-snaps, destroy-snap, rollback */
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "tools/cmds.h"
#include "tools/conn.h"

static json_t *snap_json(daos_epoch_t epoch)
{
    char when[EPOCH_TEXT_MAX];

    return json_pack("{s:I, s:s, s:s}", "epoch", (json_int_t)epoch, "timestamp",
                     epoch_text(epoch, when), "name", "");
}

static void snap_print(FILE *out, daos_epoch_t epoch)
{
    char when[EPOCH_TEXT_MAX];

    fprintf(out, "%#llx %s\n", (unsigned long long)epoch, epoch_text(epoch, when));
}

/* Snapshots are of all targets. */
static void say_away(struct tool *t, int rc)
{
    if (rc == -DER_IO)
        err_next(&t->err,
                 "it takes all targets of the pool: '%s pool query %s' shows whether one is away; "
                 "the engine's log and the kernel's (dmesg) say why",
                 t->program, t->args[0]);
}

int cmd_create_snap(struct tool *t)
{
    struct conn c = {0};
    daos_epoch_t epoch;
    int rc = conn_cont(t, &c, t->args[0], t->args[1], true);

    if (rc == 0) {
        rc = daos_cont_create_snap(c.coh, &epoch, NULL, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot take a snapshot of container %s", t->args[1]);
        say_away(t, rc);
    }
    if (rc == 0 && t->json)
        t->response = snap_json(epoch);
    else if (rc == 0)
        snap_print(t->out, epoch);
    conn_close(&c);
    return rc;
}

/* All epochs, oldest first; *list is the caller's to free. */
static int snaps_read(struct tool *t, struct conn *c, daos_epoch_t **list, int *nr)
{
    daos_anchor_t anchor = {0};
    int rc;

    *list = NULL;
    *nr = 0;
    rc = daos_cont_list_snap(c->coh, nr, NULL, NULL, &anchor, NULL);
    if (rc == 0 && *nr > 0) {
        int room = *nr;

        *list = base_calloc((size_t)room, sizeof(**list));
        memset(&anchor, 0, sizeof(anchor));
        rc = *list == NULL ? -DER_NOMEM
                           : daos_cont_list_snap(c->coh, nr, *list, NULL, &anchor, NULL);
        *nr = MIN(*nr, room);
    }
    return rc != 0 ? tool_fail_der(t, rc, "cannot list the snapshots of container %s", t->args[1])
                   : 0;
}

int cmd_list_snaps(struct tool *t)
{
    struct conn c = {0};
    daos_epoch_t *list = NULL;
    json_t *json = t->json ? json_array() : NULL;
    int nr = 0;
    int rc = conn_cont(t, &c, t->args[0], t->args[1], false);

    if (rc == 0)
        rc = snaps_read(t, &c, &list, &nr);
    for (int i = 0; rc == 0 && i < nr; i++) {
        if (t->json)
            json_array_append_new(json, snap_json(list[i]));
        else
            snap_print(t->out, list[i]);
    }
    if (rc == 0 && nr == 0 && !t->json)
        fprintf(t->out, "no snapshots\n");
    t->response = json;
    base_free(list);
    conn_close(&c);
    return rc;
}

static int destroy_one(struct tool *t, struct conn *c, daos_epoch_t epoch)
{
    daos_epoch_range_t epr = {epoch, epoch};
    int rc = daos_cont_destroy_snap(c->coh, epr, NULL);

    if (rc != 0) {
        tool_fail_der(t, rc, "cannot remove snapshot %#llx of container %s",
                      (unsigned long long)epoch, t->args[1]);
        if (rc == -DER_NONEXIST)
            err_next(&t->err, "'%s cont list-snaps %s %s' shows the snapshots there are",
                     t->program, t->args[0], t->args[1]);
    }
    return rc;
}

static int range_parse(struct tool *t, const char *text, daos_epoch_t *lo, daos_epoch_t *hi)
{
    char low[64];
    const char *dash = strchr(text, '-');
    uint64_t a, b;

    snprintf(low, sizeof(low), "%.*s", dash != NULL ? (int)(dash - text) : 0, text);
    if (dash == NULL || !number_parse(low, &a) || !number_parse(dash + 1, &b) || a > b)
        return tool_fail(t, -DER_INVAL, "write two epochs, A-B with A not above B",
                         "it is not a range", "option --epcrange '%.100s'", text);
    *lo = a;
    *hi = b;
    return 0;
}

static int destroy_range(struct tool *t, struct conn *c, daos_epoch_t lo, daos_epoch_t hi)
{
    daos_epoch_t *list = NULL;
    int nr = 0, removed = 0;
    int rc = snaps_read(t, c, &list, &nr);

    for (int i = 0; rc == 0 && i < nr; i++)
        if (list[i] >= lo && list[i] <= hi) {
            rc = destroy_one(t, c, list[i]);
            removed++;
        }
    base_free(list);
    if (rc == 0 && removed == 0)
        return tool_fail(t, -DER_NONEXIST, "list-snaps shows the snapshots there are",
                         "the container has none in this range",
                         "cannot remove snapshots of container %s", t->args[1]);
    return rc;
}

int cmd_destroy_snap(struct tool *t)
{
    struct conn c = {0};
    uint64_t lo = 0, hi = 0;
    const char *range = opt_text(t, "epcrange");
    int rc;

    if (range == NULL && opt_text(t, "epc") == NULL)
        return tool_fail(t, -DER_INVAL, "give --epc EPOCH; 'cont list-snaps' shows the epochs",
                         "no snapshot was named", "cannot remove a snapshot");
    rc = range != NULL ? range_parse(t, range, &lo, &hi) : opt_number(t, "epc", &lo);
    if (rc == 0)
        rc = conn_cont(t, &c, t->args[0], t->args[1], true);
    if (rc == 0)
        rc = range != NULL ? destroy_range(t, &c, lo, hi) : destroy_one(t, &c, lo);
    if (rc == 0 && !t->json)
        fprintf(t->out, "removed\n");
    conn_close(&c);
    return rc;
}

int cmd_rollback(struct tool *t)
{
    struct conn c = {0};
    uint64_t epoch = 0;
    int rc;

    if (opt_text(t, "epc") == NULL)
        return tool_fail(t, -DER_INVAL, "give --epc EPOCH; 'cont list-snaps' shows the epochs",
                         "no snapshot was named", "cannot roll back container %s", t->args[1]);
    rc = opt_number(t, "epc", &epoch);
    if (rc == 0)
        rc = conn_cont(t, &c, t->args[0], t->args[1], true);
    if (rc == 0) {
        rc = daos_cont_rollback(c.coh, epoch, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot roll back container %s to %#llx", t->args[1],
                          (unsigned long long)epoch);
        if (rc == -DER_NONEXIST)
            err_next(&t->err, "'%s cont list-snaps %s %s' shows the snapshots there are",
                     t->program, t->args[0], t->args[1]);
        if (rc == -DER_BUSY)
            err_next(&t->err,
                     "there is a newer snapshot, or somebody reads at a later moment: remove newer "
                     "snapshots ('%s cont destroy-snap'), then try again",
                     t->program);
        say_away(t, rc);
    }
    if (rc == 0 && !t->json)
        fprintf(t->out, "rolled back\n");
    conn_close(&c);
    return rc;
}

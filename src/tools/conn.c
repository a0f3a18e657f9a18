#include "tools/conn.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/label.h"
#include "client/client.h"
#include "embed/embed.h"
#include "rt/rt.h"

static const char *const layouts[] = {
    [DAOS_PROP_CO_LAYOUT_UNKNOWN] = "unknown", [DAOS_PROP_CO_LAYOUT_POSIX] = "POSIX",
    [DAOS_PROP_CO_LAYOUT_HDF5] = "HDF5",       [DAOS_PROP_CO_LAYOUT_PYTHON] = "PYTHON",
    [DAOS_PROP_CO_LAYOUT_SPARK] = "SPARK",     [DAOS_PROP_CO_LAYOUT_DATABASE] = "DATABASE",
    [DAOS_PROP_CO_LAYOUT_ROOT] = "ROOT",       [DAOS_PROP_CO_LAYOUT_SEISMIC] = "SEISMIC",
    [DAOS_PROP_CO_LAYOUT_METEO] = "METEO",
};

const char *layout_name(uint64_t type)
{
    return type < ARRAY_LEN(layouts) ? layouts[type] : "unknown";
}

int layout_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(layouts); i++)
        if (strcasecmp(layouts[i], name) == 0)
            return (int)i;
    return -1;
}

/* A bare name is a label or a UUID. Who typed the name of a pool's directory hears how to write it.
 */
static int check_pool_name(struct tool *t, const char *pool)
{
    unsigned char uuid[16];

    if (embed_path_of(pool) != NULL || uuid_text_parse(pool, uuid))
        return 0;
    if (!label_is_valid(pool))
        return tool_fail(
            t, strlen(pool) > LABEL_MAX_LEN ? -DER_OVERFLOW : -DER_INVAL,
            "give the path of the pool's directory (with a '/'), its label or its UUID",
            "it is neither a label (1 to 127 of letters, digits and . _ : -) nor a UUID nor a path",
            "cannot open pool '%.150s'", pool);
    return 0;
}

static void suggest_path(struct tool *t, const char *pool)
{
    if (t->err.rc == -DER_NONEXIST && embed_path_of(pool) == NULL && location_is_pool_dir(pool))
        err_next(&t->err, "there is a pool in the directory ./%s: name it with the './'", pool);
}

static int conn_init(struct tool *t, struct conn *c)
{
    if (c->init)
        return 0;
    int rc = daos_init();
    if (rc != 0)
        return tool_fail_der(t, rc, "cannot start the client library");
    client_shows_errors();
    c->init = true;
    return 0;
}

int conn_pool(struct tool *t, struct conn *c, const char *pool, unsigned flags)
{
    uint64_t begun = rt_now_ns();
    int rc = check_pool_name(t, pool);

    if (rc == 0)
        rc = conn_init(t, c);
    if (rc != 0)
        return rc;
    err_last_clear();
    c->pool_info.pi_bits = DPI_SPACE;
    rc = daos_pool_connect(pool, NULL, flags, &c->poh, &c->pool_info, NULL);
    while (rc == -DER_BUSY && rt_now_ns() - begun < BUSY_NS) {
        usleep(BUSY_PAUSE_US);
        err_last_clear();
        rc = daos_pool_connect(pool, NULL, flags, &c->poh, &c->pool_info, NULL);
    }
    if (rc != 0) {
        tool_fail_der(t, rc, "cannot open pool %s", pool);
        suggest_path(t, pool);
    }
    return rc;
}

int conn_cont(struct tool *t, struct conn *c, const char *pool, const char *cont, bool write)
{
    int rc = conn_pool(t, c, pool, write ? DAOS_PC_RW : DAOS_PC_RO);

    if (rc != 0)
        return rc;
    rc = daos_cont_open(c->poh, cont, write ? DAOS_COO_RW : DAOS_COO_RO, &c->coh, &c->cont_info,
                        NULL);
    if (rc != 0) {
        tool_fail_der(t, rc, "cannot open container %s of pool %s", cont, pool);
        if (rc == -DER_NONEXIST || rc == -DER_CONT_NONEXIST)
            err_next(&t->err, "'%s cont list %s' shows the containers of the pool", t->program,
                     pool);
    }
    return rc;
}

static int check_posix(struct tool *t, struct conn *c, const struct location *loc)
{
    daos_prop_t *prop = daos_prop_alloc(1);
    uint64_t type;
    int rc;

    if (prop == NULL)
        return tool_fail_der(t, -DER_NOMEM, "cannot open container %s", loc->cont);
    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
    rc = daos_cont_query(c->coh, NULL, prop, NULL);
    type = prop->dpp_entries[0].dpe_val;
    daos_prop_free(prop);
    if (rc != 0)
        return tool_fail_der(t, rc, "cannot ask for the type of container %s", loc->cont);
    if (type == DAOS_PROP_CO_LAYOUT_POSIX)
        return 0;
    char why[ERR_PART_MAX];
    snprintf(why, sizeof(why), "it is of type %s, and files live in containers of type POSIX",
             layout_name(type));
    return tool_fail(
        t, -DER_NOTAPPLICABLE,
        "name a POSIX container, or create one: tarn cont create POOL LABEL --type POSIX", why,
        "cannot use container %s of pool %s as a file system", loc->cont, loc->pool);
}

static int open_or_create(struct tool *t, struct conn *c, const struct location *loc, bool create)
{
    unsigned char uuid[16];
    int rc;

    rc = daos_cont_open(c->poh, loc->cont, DAOS_COO_RW, &c->coh, &c->cont_info, NULL);
    if (rc == 0 || !create || (rc != -DER_NONEXIST && rc != -DER_CONT_NONEXIST) ||
        uuid_text_parse(loc->cont, uuid)) {
        if (rc != 0)
            tool_fail_der(t, rc, "cannot open container %s of pool %s", loc->cont, loc->pool);
        return rc;
    }
    err_last_clear();
    rc = dfs_cont_create_with_label(c->poh, loc->cont, NULL, NULL, NULL, NULL);
    if (rc != 0)
        return tool_fail_errno(t, rc, "cannot create container %s in pool %s", loc->cont,
                               loc->pool);
    rc = daos_cont_open(c->poh, loc->cont, DAOS_COO_RW, &c->coh, &c->cont_info, NULL);
    if (rc != 0)
        tool_fail_der(t, rc, "cannot open container %s of pool %s", loc->cont, loc->pool);
    return rc;
}

int conn_mount(struct tool *t, struct conn *c, const struct location *loc, bool write,
               daos_epoch_t snap, bool create)
{
    int rc;

    if (write) {
        rc = conn_pool(t, c, loc->pool, DAOS_PC_RW);
        if (rc == 0)
            rc = open_or_create(t, c, loc, create);
    } else {
        rc = conn_cont(t, c, loc->pool, loc->cont, false);
    }
    if (rc == 0)
        rc = check_posix(t, c, loc);
    if (rc != 0)
        return rc;
    if (snap != 0)
        rc = dfs_mount_snap(c->poh, c->coh, O_RDONLY, snap, NULL, &c->dfs);
    else
        rc = dfs_mount(c->poh, c->coh, (write ? O_RDWR : O_RDONLY) | DFS_BALANCED, &c->dfs);
    if (rc == 0)
        return 0;
    c->dfs = NULL;
    if (snap != 0 && (rc == ENOENT || rc == EINVAL || rc == EBUSY))
        return tool_fail(t, -DER_NONEXIST,
                         "'tarn cont list-snaps POOL CONT' shows the snapshots and their epochs",
                         "the container has no such snapshot",
                         "cannot show container %s as of epoch %#llx", loc->cont,
                         (unsigned long long)snap);
    return tool_fail_errno(t, rc, "cannot mount container %s of pool %s", loc->cont, loc->pool);
}

void conn_close(struct conn *c)
{
    if (c->dfs != NULL)
        dfs_umount(c->dfs);
    if (daos_handle_is_valid(c->coh))
        daos_cont_close(c->coh, NULL);
    if (daos_handle_is_valid(c->poh))
        daos_pool_disconnect(c->poh, NULL);
    if (c->init)
        daos_fini();
    memset(c, 0, sizeof(*c));
}

int pool_dir(struct tool *t, const char *pool, char *path, size_t len)
{
    const char *dir = embed_path_of(pool);
    struct err e = {0};
    int rc = check_pool_name(t, pool);

    if (rc != 0)
        return rc;
    if (dir != NULL) {
        if ((size_t)snprintf(path, len, "%s", dir) >= len)
            return tool_fail(t, -DER_OVERFLOW, "shorten the path", "the path is too long",
                             "cannot use pool %.100s...", pool);
        return 0;
    }
    rc = client_embed_resolve(pool, path, len, &e);
    if (rc != 0) {
        t->err = e;
        if (e.rc == 0)
            tool_fail_der(t, rc, "cannot find pool %s", pool);
        suggest_path(t, pool);
    }
    return rc;
}

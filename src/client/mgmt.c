/* System-wide queries. Without a daemon the system is this user's embedded pools. */
#include <daos.h>
#include <daos/common.h>
#include <stdio.h>
#include <string.h>
#include "base/fail.h"
#include "base/log.h"
#include "client/impl.h"

#define SYS_NAME "daos_server"

int daos_mgmt_get_sys_info(const char *sys, struct daos_sys_info **out)
{
    struct daos_sys_info *info;

    if (out == NULL || (sys != NULL && strnlen(sys, DAOS_SYS_NAME_MAX + 1) > DAOS_SYS_NAME_MAX))
        return -DER_INVAL;
    info = base_calloc(1, sizeof(*info));
    if (info == NULL)
        return -DER_NOMEM;
    snprintf(info->dsi_system_name, sizeof(info->dsi_system_name), "%s", sys ? sys : SYS_NAME);
    snprintf(info->dsi_fabric_provider, sizeof(info->dsi_fabric_provider), "inproc");
    *out = info;
    return 0;
}

void daos_mgmt_put_sys_info(struct daos_sys_info *info)
{
    uint32_t i;

    if (info == NULL)
        return;
    for (i = 0; i < info->dsi_nr_ranks; i++)
        base_free(info->dsi_ranks[i].dru_uri);
    base_free(info->dsi_ranks);
    base_free(info->dsi_ms_ranks);
    base_free(info);
}

struct list_args {
    daos_size_t *npools;
    daos_mgmt_pool_info_t *pools;
    daos_size_t room, n;
    int rc;
};

static int each_pool(const uuid_t uuid, const char *label, const char *path, void *arg)
{
    struct list_args *a = arg;
    daos_mgmt_pool_info_t *p;

    if (a->pools != NULL && a->n < a->room) {
        p = &a->pools[a->n];
        memset(p, 0, sizeof(*p));
        memcpy(p->mgpi_uuid, uuid, sizeof(p->mgpi_uuid));
        p->mgpi_label = base_strdup(label && *label ? label : DAOS_PROP_PO_LABEL_DEFAULT);
        p->mgpi_svc = d_rank_list_alloc(1);
        if (p->mgpi_label == NULL || p->mgpi_svc == NULL)
            a->rc = -DER_NOMEM;
    }
    a->n++;
    return a->rc;
}

static int list_body(struct client *c, void *args)
{
    struct list_args *a = args;
    struct err e = {0};
    int rc;

    a->room = *a->npools;
    rc = client_embed_list(each_pool, a, &e);
    if (rc) {
        err_last_set(&e);
        return rc;
    }
    *a->npools = a->n;
    return a->pools != NULL && a->n > a->room ? -DER_TRUNC : 0;
}

int daos_mgmt_list_pools(const char *group, daos_size_t *npools, daos_mgmt_pool_info_t *pools,
                         daos_event_t *ev)
{
    struct list_args a = {.npools = npools, .pools = pools};

    return npools == NULL ? -DER_INVAL : client_run(ev, list_body, &a, sizeof(a));
}

int daos_debug_set_params(const char *grp, d_rank_t rank, unsigned int key_id, uint64_t value,
                          uint64_t value_extra, daos_event_t *ev)
{
    return key_id >= DMG_KEY_NUM ? -DER_INVAL : -DER_NOSYS;
}

int daos_debug_add_mark(const char *mark)
{
    if (mark == NULL)
        return -DER_INVAL;
    LOG_INFO("mark: %s", mark);
    return 0;
}

int daos_mgmt_get_bs_state(const char *group, unsigned char *blobstore_uuid, int *blobstore_state,
                           daos_event_t *ev)
{
    return blobstore_uuid == NULL || blobstore_state == NULL ? -DER_INVAL : -DER_NONEXIST;
}

int dc_mgmt_srv_version(uint32_t *major, uint32_t *minor, uint32_t *patch, char **tag)
{
    if (major == NULL || minor == NULL || patch == NULL || tag == NULL)
        return -DER_INVAL;
    if (client_current() == NULL)
        return -DER_UNINIT;
    *major = DAOS_VERSION_MAJOR;
    *minor = DAOS_VERSION_MINOR;
    *patch = DAOS_VERSION_FIX;
    *tag = (char *)"tarn";
    return 0;
}

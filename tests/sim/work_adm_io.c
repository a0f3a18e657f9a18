/* From operations of the model of containers to calls of the API and back. */
#include <stdlib.h>
#include <string.h>
#include "work_admin.h"

#define THRESHOLD_MIN 4096u /* of the property that stands for any number */
#define DKEY          "d"
#define AKEY          "a"

static const uint64_t perms[] = {0, DAOS_ACL_PERM_READ, DAOS_ACL_PERM_READ | DAOS_ACL_PERM_WRITE,
                                 DAOS_ACL_PERM_GET_PROP};
static char *const users[AD_USERS] = {"ada@", "bob@", "cyd@"};

/* ---- Attributes ---- */

static void set_names(struct work_client *c, struct ad_call *k)
{
    k->name_nr = 0;
    for (uint8_t i = 0; i < AD_PATTRS; i++) {
        uint32_t at = k->name_nr;

        if (!(k->op.bits >> i & 1))
            continue;
        k->name_of[at] = i;
        k->names[at] = ad_work(c)->name[i];
        k->values[at] = k->buffers[at] = k->buf[at];
        k->sizes[at] = AD_VALUE_MAX;
        k->name_nr++;
    }
}

static void fill_values(struct ad_call *k)
{
    for (uint32_t i = 0; i < k->name_nr; i++) {
        uint16_t id = k->op.id[k->name_of[i]];

        k->sizes[i] = value_len(id);
        value_fill(k->buf[i], k->sizes[i], id, k->name_of[i]);
    }
}

static void got_values(struct ad_call *k)
{
    for (uint32_t i = 0; i < k->name_nr; i++) {
        uint16_t id = VALUE_TORN;

        if (k->sizes[i] <= AD_VALUE_MAX)
            id = value_read(k->buf[i], k->sizes[i], k->name_of[i]);
        k->op.id[k->name_of[i]] =
            id != VALUE_TORN && value_len(id) != k->sizes[i] ? VALUE_TORN : id;
    }
}

/* Names that are in the list; a strange one makes it all ones. */
static void got_names(struct work_client *c, struct ad_call *k)
{
    const char *p = k->list, *end = p + MIN(k->list_size, sizeof(k->list));

    k->op.found = k->list_size > sizeof(k->list) ? UINT32_MAX : 0;
    for (; p < end; p += strlen(p) + 1) {
        uint32_t i = 0;

        while (i < AD_PATTRS && strcmp(ad_work(c)->name[i], p) != 0)
            i++;
        k->op.found |= i == AD_PATTRS || k->op.found >> i & 1 ? UINT32_MAX : 1u << i;
    }
}

static int attr(struct work_client *c, struct ad_call *k, daos_event_t *ev)
{
    const char *const *n = k->names;
    int nr;

    set_names(c, k);
    nr = (int)k->name_nr;
    k->list_size = sizeof(k->list);
    switch (k->op.what) {
    case AD_ATTR_SET:
        fill_values(k);
        return daos_cont_set_attr(k->coh, nr, n, k->values, k->sizes, ev);
    case AD_PATTR_SET:
        fill_values(k);
        return daos_pool_set_attr(c->poh, nr, n, k->values, k->sizes, ev);
    case AD_ATTR_DEL:
        return daos_cont_del_attr(k->coh, nr, n, ev);
    case AD_PATTR_DEL:
        return daos_pool_del_attr(c->poh, nr, n, ev);
    case AD_ATTR_GET:
        return daos_cont_get_attr(k->coh, nr, n, k->buffers, k->sizes, ev);
    case AD_PATTR_GET:
        return daos_pool_get_attr(c->poh, nr, n, k->buffers, k->sizes, ev);
    case AD_ATTR_LIST:
        return daos_cont_list_attr(k->coh, k->list, &k->list_size, ev);
    default:
        return daos_pool_list_attr(c->poh, k->list, &k->list_size, ev);
    }
}

/* ---- Access control ---- */

static struct daos_ace *ace(enum daos_acl_principal_type type, const char *name, uint64_t allow)
{
    struct daos_ace *a = daos_ace_create(type, name);

    if (a == NULL)
        return NULL;
    a->dae_access_types = DAOS_ACL_ACCESS_ALLOW;
    a->dae_allow_perms = allow;
    return a;
}

static struct daos_acl *make_acl(const struct ad_op *op)
{
    struct daos_ace *aces[AD_USERS + 1];
    struct daos_acl *acl = NULL;
    uint16_t nr = 0;
    bool ok = true;

    if (op->what == AD_ACL_OVERWRITE)
        aces[nr++] = ace(DAOS_ACL_OWNER, NULL, DAOS_ACL_PERM_CONT_ALL);
    for (uint32_t i = 0; i < AD_USERS; i++)
        if (op->bits >> i & 1)
            aces[nr++] = ace(DAOS_ACL_USER, users[i], perms[op->acl[i]]);
    for (uint32_t i = 0; i < nr; i++)
        ok &= aces[i] != NULL;
    if (ok)
        acl = daos_acl_create(aces, nr);
    for (uint32_t i = 0; i < nr; i++)
        daos_ace_free(aces[i]);
    return acl;
}

static void got_acl(struct ad_call *k)
{
    struct daos_prop_entry *e = daos_prop_entry_get(k->prop, DAOS_PROP_CO_ACL);

    for (uint32_t i = 0; i < AD_USERS; i++) {
        struct daos_ace *a = NULL;

        k->op.acl[i] = 0;
        if (e == NULL ||
            daos_acl_get_ace_for_principal(e->dpe_val_ptr, DAOS_ACL_USER, users[i], &a) != 0)
            continue;
        k->op.acl[i] = ARRAY_LEN(perms);
        for (uint8_t p = 1; p < ARRAY_LEN(perms); p++)
            if (a->dae_allow_perms == perms[p])
                k->op.acl[i] = p;
    }
}

static int acl(struct ad_call *k, daos_event_t *ev)
{
    if (k->op.what == AD_ACL_GET)
        return daos_cont_get_acl(k->coh, &k->prop, ev);
    if (k->op.what == AD_ACL_DELETE)
        return daos_cont_delete_acl(k->coh, DAOS_ACL_USER, users[k->op.which], ev);
    k->acl = make_acl(&k->op);
    if (k->acl == NULL)
        return -DER_NOMEM;
    return k->op.what == AD_ACL_UPDATE ? daos_cont_update_acl(k->coh, k->acl, ev)
                                       : daos_cont_overwrite_acl(k->coh, k->acl, ev);
}

/* ---- Properties ---- */

static int prop(struct ad_call *k, daos_event_t *ev)
{
    struct daos_prop_entry *e;

    k->prop = daos_prop_alloc(2);
    if (k->prop == NULL)
        return -DER_NOMEM;
    e = k->prop->dpp_entries;
    e[0].dpe_type = DAOS_PROP_CO_SNAPSHOT_MAX;
    e[1].dpe_type = DAOS_PROP_CO_DEDUP_THRESHOLD;
    if (k->op.what == AD_QUERY)
        return daos_cont_query(k->coh, &k->info, k->prop, ev);
    e[0].dpe_val = k->op.snap_max;
    e[1].dpe_val = THRESHOLD_MIN + k->op.threshold;
    return daos_cont_set_prop(k->coh, k->prop, ev);
}

static void got_info(struct ad_call *k)
{
    k->op.handles = k->info.ci_nhandles;
    k->op.snaps = k->info.ci_nsnapshots;
    if (k->op.what != AD_QUERY)
        return;
    k->op.snap_max = (uint8_t)k->prop->dpp_entries[0].dpe_val;
    k->op.threshold = (uint16_t)(k->prop->dpp_entries[1].dpe_val - THRESHOLD_MIN);
}

/* ---- Snapshots ---- */

static int list_snaps(struct work_client *c, struct ad_call *k, daos_event_t *ev)
{
    memcpy(k->before, ad_work(c)->snap[k->op.cont], sizeof(k->before));
    k->anchor = (daos_anchor_t){0};
    k->snaps_nr = AD_SNAPS_READ;
    return daos_cont_list_snap(k->coh, &k->snaps_nr, k->epochs, NULL, &k->anchor, ev);
}

/* A number that was given up and taken again meanwhile says nothing. */
static void got_snaps(struct work_client *c, struct ad_call *k)
{
    const struct ad_snap *now = ad_work(c)->snap[k->op.cont];

    k->op.snaps = (uint32_t)k->snaps_nr;
    k->op.known = k->op.found = 0;
    for (uint32_t i = 0; i < AD_SNAPS; i++) {
        if (now[i].epoch == 0 || now[i].epoch != k->before[i].epoch)
            continue;
        k->op.known |= 1u << i;
        for (int n = 0; n < k->snaps_nr && n < (int)AD_SNAPS_READ; n++)
            if (k->epochs[n] == now[i].epoch)
                k->op.found |= 1u << i;
    }
}

static int snap(struct work_client *c, struct ad_call *k, daos_event_t *ev)
{
    daos_epoch_range_t epr = {k->epoch, k->epoch};

    if (k->op.what == AD_SNAP_LIST)
        return list_snaps(c, k, ev);
    if (k->op.what == AD_SNAP_DESTROY)
        return daos_cont_destroy_snap(k->coh, epr, ev);
    k->epoch = 0;
    return daos_cont_create_snap(k->coh, &k->epoch, NULL, ev);
}

/* ---- Values ---- */

static int value(struct work_client *c, struct ad_call *k, daos_event_t *ev)
{
    bool put = k->op.what == AD_PUT;
    size_t len = put ? value_len(k->op.id[0]) : AD_VALUE_MAX;
    int rc = daos_obj_open(k->coh, ad_work(c)->oid[k->op.which], DAOS_OO_RW, &k->oh, NULL);

    if (rc != 0) {
        k->oh.cookie = 0;
        return rc;
    }
    d_iov_set(&k->dkey, DKEY, 1);
    k->iod = (daos_iod_t){.iod_nr = 1, .iod_type = DAOS_IOD_SINGLE, .iod_size = put ? len : 0};
    d_iov_set(&k->iod.iod_name, AKEY, 1);
    d_iov_set(&k->iov, k->buf[0], len);
    k->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &k->iov};
    if (!put)
        return daos_obj_fetch(k->oh, DAOS_TX_NONE, 0, &k->dkey, 1, &k->iod, &k->sgl, NULL, ev);
    value_fill(k->buf[0], len, k->op.id[0], k->op.which);
    return daos_obj_update(k->oh, DAOS_TX_NONE, 0, &k->dkey, 1, &k->iod, &k->sgl, ev);
}

static void got_value(struct ad_call *k)
{
    k->op.id[0] = 0;
    if (k->iod.iod_size > 0)
        k->op.id[0] = value_read(k->buf[0], k->iod.iod_size, k->op.which);
}

/* ---- Containers ---- */

static int cont(struct work_client *c, struct ad_call *k, daos_event_t *ev)
{
    const struct ad_op *op = &k->op;
    const char *label = ad_work(c)->label[op->cont];
    unsigned int flags = DAOS_COO_RW;

    switch (op->what) {
    case AD_CREATE:
        return daos_cont_create_with_label(c->poh, label, NULL, &k->uuid, ev);
    case AD_DESTROY:
        return daos_cont_destroy(c->poh, label, op->flags & AD_FORCE, ev);
    case AD_CLOSE:
        return daos_cont_close(k->coh, ev);
    case AD_LIST:
        k->conts_nr = ARRAY_LEN(k->conts);
        return daos_pool_list_cont(c->poh, &k->conts_nr, k->conts, ev);
    default:
        if (op->flags & AD_EX)
            flags = DAOS_COO_EX | (op->flags & AD_EVICTS ? DAOS_COO_EVICT_ALL : 0);
        else if (op->flags & AD_EVICTS)
            flags |= DAOS_COO_EVICT;
        return daos_cont_open(c->poh, label, flags, &k->coh, &k->info, ev);
    }
}

static void got_conts(struct work_client *c, struct ad_call *k)
{
    k->op.found = 0;
    for (uint32_t n = 0; n < k->conts_nr && n < ARRAY_LEN(k->conts); n++)
        for (uint32_t i = 0; i < AD_CONTS; i++)
            if (strcmp(k->conts[n].pci_label, ad_work(c)->label[i]) == 0)
                k->op.found |= k->op.found >> i & 1 ? UINT32_MAX : 1u << i;
}

/* ---- Any of them ---- */

int ad_start(struct work_client *c, struct ad_call *k, daos_event_t *ev)
{
    k->prop = NULL;
    k->acl = NULL;
    k->oh.cookie = 0;
    switch (k->op.what) {
    case AD_ATTR_SET:
    case AD_ATTR_DEL:
    case AD_ATTR_GET:
    case AD_ATTR_LIST:
    case AD_PATTR_SET:
    case AD_PATTR_DEL:
    case AD_PATTR_GET:
    case AD_PATTR_LIST:
        return attr(c, k, ev);
    case AD_ACL_UPDATE:
    case AD_ACL_DELETE:
    case AD_ACL_OVERWRITE:
    case AD_ACL_GET:
        return acl(k, ev);
    case AD_PROP_SET:
    case AD_QUERY:
        return prop(k, ev);
    case AD_SNAP_CREATE:
    case AD_SNAP_DESTROY:
    case AD_SNAP_LIST:
        return snap(c, k, ev);
    case AD_PUT:
    case AD_GET:
        return value(c, k, ev);
    case AD_OIDS:
        return daos_cont_alloc_oids(k->coh, k->oids, &k->first_oid, ev);
    default:
        return cont(c, k, ev);
    }
}

static void observe(struct work_client *c, struct ad_call *k)
{
    switch (k->op.what) {
    case AD_ATTR_GET:
    case AD_PATTR_GET:
        got_values(k);
        break;
    case AD_ATTR_LIST:
    case AD_PATTR_LIST:
        got_names(c, k);
        break;
    case AD_ACL_GET:
        got_acl(k);
        break;
    case AD_OPEN:
    case AD_QUERY:
        got_info(k);
        break;
    case AD_SNAP_LIST:
        got_snaps(c, k);
        break;
    case AD_GET:
        got_value(k);
        break;
    case AD_LIST:
        got_conts(c, k);
        break;
    default:
        break;
    }
}

void ad_finish(struct work_client *c, struct ad_call *k, int rc)
{
    k->op.rc = rc;
    if (rc == 0)
        observe(c, k);
    daos_prop_free(k->prop);
    daos_acl_free(k->acl);
    if (k->oh.cookie != 0)
        daos_obj_close(k->oh, NULL);
}

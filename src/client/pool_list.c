/* The containers of a pool: all of them, or those a filter takes. */
#include <daos.h>
#include <stdio.h>
#include <string.h>
#include "base/fail.h"
#include "client/op.h"
#include "client/pool.h"

struct list_cont {
    daos_handle_t poh;
    daos_size_t *ncont;
    struct daos_pool_cont_info *cbuf;   /* list */
    struct daos_pool_cont_info2 *cbuf2; /* filter */
    daos_pool_cont_filter_t *filter;
};

static uint64_t filter_key(const struct msg_cont_info *m, uint32_t key)
{
    switch (key) {
    case PCF_KEY_MD_OTIME:
        return m->open_time;
    case PCF_KEY_MD_MTIME:
        return m->modify_time;
    case PCF_KEY_NUM_SNAPSHOTS:
        return m->snapshots;
    default:
        return m->handles;
    }
}

static bool part_takes(const daos_pool_cont_filter_part_t *part, uint64_t v)
{
    switch (part->pcfp_func) {
    case PCF_FUNC_EQ:
        return v == part->pcfp_val64;
    case PCF_FUNC_NE:
        return v != part->pcfp_val64;
    case PCF_FUNC_LT:
        return v < part->pcfp_val64;
    case PCF_FUNC_LE:
        return v <= part->pcfp_val64;
    case PCF_FUNC_GT:
        return v > part->pcfp_val64;
    default:
        return v >= part->pcfp_val64;
    }
}

static bool filter_takes(const daos_pool_cont_filter_t *f, const struct msg_cont_info *m)
{
    bool any = f->pcf_combine_func == PCF_COMBINE_LOGICAL_OR;
    uint32_t i;

    if (f->pcf_nparts == 0)
        return true;
    for (i = 0; i < f->pcf_nparts; i++)
        if (part_takes(f->pcf_parts[i], filter_key(m, f->pcf_parts[i]->pcfp_key)) == any)
            return any;
    return !any;
}

static void id_out(const struct msg_cont_entry *m, struct daos_pool_cont_info *out)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->pci_uuid, m->uuid, sizeof(out->pci_uuid));
    snprintf(out->pci_label, sizeof(out->pci_label), "%s",
             m->label && *m->label ? m->label : DAOS_PROP_CO_LABEL_DEFAULT);
}

static int list_out(const struct msg_pool_list_cont_rep *r, struct list_cont *a)
{
    bool count_only = a->cbuf == NULL && a->cbuf2 == NULL;
    daos_size_t room = *a->ncont, n = 0;
    uint32_t i;

    for (i = 0; i < r->conts_nr; i++) {
        if (a->filter != NULL && !filter_takes(a->filter, &r->conts[i].info))
            continue;
        if (n < room && a->cbuf != NULL)
            id_out(&r->conts[i], &a->cbuf[n]);
        if (n < room && a->cbuf2 != NULL) {
            memset(&a->cbuf2[n], 0, sizeof(a->cbuf2[n]));
            id_out(&r->conts[i], &a->cbuf2[n].pci_id);
            cont_info_out(&r->conts[i].info, &a->cbuf2[n].pci_cinfo);
        }
        n++;
    }
    *a->ncont = n;
    return !count_only && n > room ? -DER_TRUNC : 0;
}

static int list_body(struct client *c, void *args)
{
    struct list_cont *a = args;
    struct msg_pool_list_cont_req q = {.want_info = a->filter != NULL};
    struct msg_pool_list_cont_rep r = {0};
    struct net_call call;
    struct pool *p = pool_get(c, a->poh);
    int rc;

    if (p == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, p->hdl, sizeof(q.hdl));
    rc = call_wait(c, p->conn->peer, &call, MSG_POOL_LIST_CONT, &q, &r);
    if (rc == 0)
        rc = list_out(&r, a);
    net_call_fini(&call);
    handle_put(&p->h);
    return rc;
}

int daos_pool_list_cont(daos_handle_t poh, daos_size_t *ncont, struct daos_pool_cont_info *cbuf,
                        daos_event_t *ev)
{
    struct list_cont a = {.poh = poh, .ncont = ncont, .cbuf = cbuf};

    return ncont == NULL ? -DER_INVAL : client_run(ev, list_body, &a, sizeof(a));
}

/* Filters need not come from daos_pool_cont_filter_add(). */
static bool filter_is_valid(const daos_pool_cont_filter_t *f)
{
    if (f->pcf_combine_func > PCF_COMBINE_LOGICAL_OR ||
        f->pcf_nparts > DAOS_POOL_CONT_FILTER_MAX_NPARTS ||
        (f->pcf_nparts > 0 && f->pcf_parts == NULL))
        return false;
    for (uint32_t i = 0; i < f->pcf_nparts; i++)
        if (f->pcf_parts[i] == NULL || f->pcf_parts[i]->pcfp_func >= PCF_FUNC_MAX ||
            f->pcf_parts[i]->pcfp_key >= PCF_KEY_MAX)
            return false;
    return true;
}

int daos_pool_filter_cont(daos_handle_t poh, daos_pool_cont_filter_t *filter, daos_size_t *ncont,
                          struct daos_pool_cont_info2 *cbuf, daos_event_t *ev)
{
    struct list_cont a = {.poh = poh, .ncont = ncont, .cbuf2 = cbuf, .filter = filter};

    if (ncont == NULL || filter == NULL || !filter_is_valid(filter))
        return -DER_INVAL;
    return client_run(ev, list_body, &a, sizeof(a));
}

int daos_pool_cont_filter_init(daos_pool_cont_filter_t *filt, uint32_t combine_func)
{
    if (filt == NULL || combine_func > PCF_COMBINE_LOGICAL_OR)
        return -DER_INVAL;
    memset(filt, 0, sizeof(*filt));
    filt->pcf_combine_func = combine_func;
    return 0;
}

int daos_pool_cont_filter_add(daos_pool_cont_filter_t *filt, daos_pool_cont_filter_part_t *part)
{
    if (filt == NULL || part == NULL || part->pcfp_func >= PCF_FUNC_MAX ||
        part->pcfp_key >= PCF_KEY_MAX)
        return -DER_INVAL;
    if (filt->pcf_nparts >= DAOS_POOL_CONT_FILTER_MAX_NPARTS)
        return -DER_INVAL;
    if (filt->pcf_parts == NULL) {
        filt->pcf_parts = base_calloc(DAOS_POOL_CONT_FILTER_MAX_NPARTS, sizeof(*filt->pcf_parts));
        if (filt->pcf_parts == NULL)
            return -DER_NOMEM;
    }
    filt->pcf_parts[filt->pcf_nparts++] = part;
    return 0;
}

void daos_pool_cont_filter_fini(daos_pool_cont_filter_t *filt)
{
    uint32_t i;

    if (filt == NULL)
        return;
    for (i = 0; i < filt->pcf_nparts; i++)
        base_free(filt->pcf_parts[i]);
    base_free(filt->pcf_parts);
    memset(filt, 0, sizeof(*filt));
}

/* Access control of containers. */
#include <daos.h>
#include <string.h>
#include "base/fail.h"
#include "client/acl_impl.h"
#include "client/op.h"

struct get_acl {
    daos_handle_t coh;
    daos_prop_t **out;
};

static int get_acl_body(struct client *c, void *args)
{
    struct get_acl *a = args;
    daos_prop_t *prop = daos_prop_alloc(3);
    int rc;

    if (prop == NULL)
        return -DER_NOMEM;
    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_ACL;
    prop->dpp_entries[1].dpe_type = DAOS_PROP_CO_OWNER;
    prop->dpp_entries[2].dpe_type = DAOS_PROP_CO_OWNER_GROUP;
    rc = daos_cont_query(a->coh, NULL, prop, NULL);
    if (rc)
        daos_prop_free(prop);
    else
        *a->out = prop;
    return rc;
}

int daos_cont_get_acl(daos_handle_t coh, daos_prop_t **acl_prop, daos_event_t *ev)
{
    struct get_acl a = {coh, acl_prop};

    return acl_prop == NULL ? -DER_INVAL : client_run(ev, get_acl_body, &a, sizeof(a));
}

struct put_acl {
    daos_handle_t coh;
    struct daos_acl *acl;
    uint16_t opcode;
};

static int put_acl_body(struct client *c, void *args)
{
    struct put_acl *a = args;
    union {
        struct msg_acl_update_req update;
        struct msg_acl_overwrite_req overwrite;
    } q = {.update = {.scope = MSG_SCOPE_CONT}};
    struct net_call call;
    struct cont *co = cont_get(c, a->coh);
    int rc;

    _Static_assert(sizeof(q.update) == sizeof(q.overwrite), "both messages are the same struct");
    if (co == NULL)
        return -DER_NO_HDL;
    memcpy(q.update.hdl, co->hdl, sizeof(q.update.hdl));
    q.update.acl = (struct msg_buf){.buf = a->acl, .len = (uint32_t)daos_acl_get_size(a->acl)};
    rc = call_wait(c, cont_peer(co), &call, a->opcode, &q, NULL);
    net_call_fini(&call);
    handle_put(&co->h);
    return rc;
}

int daos_cont_overwrite_acl(daos_handle_t coh, struct daos_acl *acl, daos_event_t *ev)
{
    struct put_acl a = {coh, acl, MSG_ACL_OVERWRITE};

    return daos_acl_validate(acl) ? -DER_INVAL : client_run(ev, put_acl_body, &a, sizeof(a));
}

int daos_cont_update_acl(daos_handle_t coh, struct daos_acl *acl, daos_event_t *ev)
{
    struct put_acl a = {coh, acl, MSG_ACL_UPDATE};

    return daos_acl_validate(acl) ? -DER_INVAL : client_run(ev, put_acl_body, &a, sizeof(a));
}

struct delete_acl {
    daos_handle_t coh;
    enum daos_acl_principal_type type;
    const char *name;
};

static int delete_acl_body(struct client *c, void *args)
{
    struct delete_acl *a = args;
    struct msg_acl_delete_req q = {
        .scope = MSG_SCOPE_CONT, .principal = (uint8_t)a->type, .name = a->name};

    return cont_ask(c, a->coh, MSG_ACL_DELETE, &q, q.hdl);
}

int daos_cont_delete_acl(daos_handle_t coh, enum daos_acl_principal_type type, d_string_t name,
                         daos_event_t *ev)
{
    struct delete_acl a = {coh, type, NULL};

    if ((unsigned int)type >= NUM_DAOS_ACL_TYPES)
        return -DER_INVAL;
    if (ace_type_is_named(type)) {
        if (!daos_acl_principal_is_valid(name))
            return -DER_INVAL;
        a.name = name;
    }
    return client_run(ev, delete_acl_body, &a, sizeof(a));
}

struct set_owner {
    daos_handle_t coh;
    const char *user, *group;
};

static int set_owner_body(struct client *c, void *args)
{
    struct set_owner *a = args;
    struct msg_set_owner_req q = {.scope = MSG_SCOPE_CONT, .user = a->user, .group = a->group};
    struct net_call call;
    struct cont *co = cont_get(c, a->coh);
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, co->hdl, sizeof(q.hdl));
    rc = call_wait(c, cont_peer(co), &call, MSG_SET_OWNER, &q, NULL);
    net_call_fini(&call);
    handle_put(&co->h);
    return rc;
}

int daos_cont_set_owner_no_check(daos_handle_t coh, d_string_t user, d_string_t group,
                                 daos_event_t *ev)
{
    struct set_owner a = {coh, user, group};

    if (user == NULL && group == NULL)
        return -DER_INVAL;
    if ((user != NULL && !daos_acl_principal_is_valid(user)) ||
        (group != NULL && !daos_acl_principal_is_valid(group)))
        return -DER_INVAL;
    return client_run(ev, set_owner_body, &a, sizeof(a));
}

int daos_cont_set_owner(daos_handle_t coh, d_string_t user, d_string_t group, daos_event_t *ev)
{
    uid_t uid;
    gid_t gid;
    int rc = 0;

    if (user != NULL)
        rc = daos_acl_principal_to_uid(user, &uid);
    if (rc == 0 && group != NULL)
        rc = daos_acl_principal_to_gid(group, &gid);
    return rc ? rc : daos_cont_set_owner_no_check(coh, user, group, ev);
}

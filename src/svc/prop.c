#include "svc/prop.h"
#include <string.h>
#include <daos_errno.h>
#include <daos_security.h>
#include "base/assert.h"
#include "base/buf.h"
#include "base/label.h"
#include "svc/acl.h"

#define PROPS_FORMAT 1u

#define ROW_(id, kind, dflt, min, max, when, rule) {id, kind, dflt, min, max, when, rule},
static const struct svc_prop table[] = {SVC_PROPS(ROW_)};

const struct svc_prop *svc_prop_of(uint32_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].id == id)
            return &table[i];
    return NULL;
}

const struct svc_prop *svc_prop_nth(bool pool, uint32_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (svc_prop_is_pool(table[i].id) == pool && n-- == 0)
            return &table[i];
    return NULL;
}

static bool text_is_valid(const char *text, enum svc_prop_rule rule)
{
    const char *at;

    if (text == NULL)
        return false;
    if (rule == RULE_LABEL)
        return label_is_valid(text) && strcmp(text, DAOS_PROP_CO_LABEL_DEFAULT) != 0 &&
               strcmp(text, DAOS_PROP_PO_LABEL_DEFAULT) != 0;
    at = strchr(text, '@');
    return at != NULL && at != text && strchr(at + 1, '@') == NULL &&
           strlen(text) <= DAOS_ACL_MAX_PRINCIPAL_LEN;
}

static bool num_is_valid(const struct svc_prop *s, uint64_t val)
{
    if (val < s->min || val > s->max)
        return false;
    switch (s->rule) {
    case RULE_CELL:
        return val % 32 == 0;
    case RULE_DOMAIN:
        return val == DAOS_PROP_PERF_DOMAIN_ROOT || val == DAOS_PROP_PERF_DOMAIN_GROUP;
    case RULE_STATUS:
        return (val >> 32 & 0xffff) <= DAOS_PROP_CO_UNCLEAN && val >> 48 <= DAOS_PROP_CO_CLEAR;
    default:
        return true;
    }
}

int svc_prop_check(const struct msg_prop *p, bool pool, bool create)
{
    const struct svc_prop *s = svc_prop_of(p->type);
    bool ok = false;

    if (s == NULL || svc_prop_is_pool(p->type) != pool)
        return -DER_INVAL;
    if (s->when == SVC_SET_NEVER)
        return p->type == DAOS_PROP_CO_GLOBAL_VERSION ? -DER_INVAL : -DER_NO_PERM;
    if (s->when == SVC_SET_CREATE && !create)
        return p->type == DAOS_PROP_CO_OBJ_VERSION ? -DER_INVAL : -DER_NO_PERM;
    switch (s->kind) {
    case SVC_NUM:
        ok = num_is_valid(s, p->val);
        break;
    case SVC_TEXT:
        ok = text_is_valid(p->text, s->rule);
        break;
    case SVC_ACL:
        ok = acl_check(p->blob.buf, p->blob.len, s->max) == 0;
        break;
    case SVC_BLOB:
        ok = s->rule != RULE_ROOTS || p->blob.len == sizeof(struct daos_prop_co_roots);
        break;
    }
    return ok ? 0 : -DER_INVAL;
}

const struct msg_prop *svc_props_find(const struct svc_props *l, uint32_t type)
{
    for (uint32_t i = 0; i < l->nr; i++)
        if (l->prop[i].type == type)
            return &l->prop[i];
    return NULL;
}

uint64_t svc_props_num(const struct svc_props *l, uint32_t type)
{
    const struct msg_prop *p = svc_props_find(l, type);

    return p != NULL ? p->val : svc_prop_of(type)->dflt;
}

const char *svc_props_text(const struct svc_props *l, uint32_t type, const char *dflt)
{
    const struct msg_prop *p = svc_props_find(l, type);

    return p != NULL && p->text != NULL ? p->text : dflt;
}

void svc_props_put(struct svc_props *l, const struct msg_prop *p)
{
    uint32_t i = 0;

    while (i < l->nr && l->prop[i].type < p->type)
        i++;
    if (i == l->nr || l->prop[i].type != p->type) {
        ASSERT(l->nr < SVC_PROPS_MAX);
        memmove(&l->prop[i + 1], &l->prop[i], (l->nr - i) * sizeof(l->prop[0]));
        l->nr++;
    }
    l->prop[i] = *p;
    l->prop[i].flags = 0;
}

void svc_props_put_num(struct svc_props *l, uint32_t type, uint64_t val)
{
    svc_props_put(l, &(struct msg_prop){.type = type, .val = val});
}

void svc_props_put_text(struct svc_props *l, uint32_t type, const char *text)
{
    svc_props_put(l, &(struct msg_prop){.type = type, .text = text});
}

int svc_props_encode(const struct svc_props *l, void *buf, size_t cap, size_t *len)
{
    struct wbuf w;

    wbuf_init(&w, buf, cap);
    wbuf_u16(&w, PROPS_FORMAT);
    wbuf_u16(&w, (uint16_t)l->nr);
    for (uint32_t i = 0; i < l->nr; i++) {
        const struct msg_prop *p = &l->prop[i];

        wbuf_u32(&w, p->type);
        wbuf_u64(&w, p->val);
        if (p->text != NULL)
            wbuf_blob(&w, p->text, strlen(p->text) + 1);
        else
            wbuf_u32(&w, UINT32_MAX);
        wbuf_blob(&w, p->blob.buf, p->blob.len);
    }
    *len = w.len;
    return wbuf_check(&w) == 0 ? 0 : -DER_OVERFLOW;
}

int svc_props_decode(struct svc_props *l, bool pool, const void *buf, size_t len)
{
    struct rbuf r;
    uint32_t nr;

    rbuf_init(&r, buf, len);
    if (rbuf_u16(&r) != PROPS_FORMAT)
        return -DER_DF_INVAL;
    nr = rbuf_u16(&r);
    if (nr > SVC_PROPS_MAX)
        return -DER_DF_INVAL;
    for (l->nr = 0; l->nr < nr; l->nr++) {
        struct msg_prop *p = &l->prop[l->nr];
        uint32_t text_len;

        *p = (struct msg_prop){.type = rbuf_u32(&r)};
        /* known ones in order: then there is room for every other, svc_props_put() relies on it */
        if (svc_prop_of(p->type) == NULL || svc_prop_is_pool(p->type) != pool ||
            (l->nr > 0 && p->type <= p[-1].type))
            return -DER_DF_INVAL;
        p->val = rbuf_u64(&r);
        text_len = rbuf_u32(&r);
        if (text_len != UINT32_MAX) {
            p->text = rbuf_bytes(&r, text_len);
            if (p->text == NULL || text_len == 0 || p->text[text_len - 1] != '\0')
                return -DER_DF_INVAL;
        }
        p->blob.len = rbuf_u32(&r);
        p->blob.buf = rbuf_bytes(&r, p->blob.len);
    }
    return rbuf_check_end(&r) == 0 ? 0 : -DER_DF_INVAL;
}

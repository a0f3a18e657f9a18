/*
 * Object classes. A class id is a redundancy code (one byte) and a number of groups (16 bits); any
 * pair of a known code and a group count other than 0 is a class, though only the counts below have
 * names that can be typed. RP_XSF is the one survivor of the small ids of old releases; inside an
 * object id it has code 0 and its number in the group field.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/err.h"
#include "base/mutant.h"
#include "place/place.h"

/* code, text before the group count, EC?, data, parity, can the name be typed */
#define CODES(C)                                                                                   \
    C(OR_RP_1, "S", false, 1, 0, true)                                                             \
    C(OR_RP_2, "RP_2G", false, 1, 1, true)                                                         \
    C(OR_RP_3, "RP_3G", false, 1, 2, true)                                                         \
    C(OR_RP_4, "RP_4G", false, 1, 3, true)                                                         \
    C(OR_RP_5, "RP_5G", false, 1, 4, true)                                                         \
    C(OR_RP_6, "RP_6G", false, 1, 5, true)                                                         \
    C(OR_RP_8, "RP_8G", false, 1, 7, false)                                                        \
    C(OR_RP_12, "RP_12G", false, 1, 11, false)                                                     \
    C(OR_RP_16, "RP_16G", false, 1, 15, false)                                                     \
    C(OR_RP_24, "RP_24G", false, 1, 23, false)                                                     \
    C(OR_RP_32, "RP_32G", false, 1, 31, false)                                                     \
    C(OR_RP_48, "RP_48G", false, 1, 47, false)                                                     \
    C(OR_RP_64, "RP_64G", false, 1, 63, false)                                                     \
    C(OR_RP_128, "RP_128G", false, 1, 127, false)                                                  \
    C(OR_RS_2P1, "EC_2P1G", true, 2, 1, true)                                                      \
    C(OR_RS_2P2, "EC_2P2G", true, 2, 2, true)                                                      \
    C(OR_RS_4P1, "EC_4P1G", true, 4, 1, true)                                                      \
    C(OR_RS_4P2, "EC_4P2G", true, 4, 2, true)                                                      \
    C(OR_RS_4P3, "EC_4P3G", true, 4, 3, true)                                                      \
    C(OR_RS_8P1, "EC_8P1G", true, 8, 1, true)                                                      \
    C(OR_RS_8P2, "EC_8P2G", true, 8, 2, true)                                                      \
    C(OR_RS_8P3, "EC_8P3G", true, 8, 3, true)                                                      \
    C(OR_RS_16P1, "EC_16P1G", true, 16, 1, true)                                                   \
    C(OR_RS_16P2, "EC_16P2G", true, 16, 2, true)                                                   \
    C(OR_RS_16P3, "EC_16P3G", true, 16, 3, true)

struct code {
    uint32_t code;
    const char *prefix;
    bool ec;
    uint16_t data, parity;
    bool named;
};
#define CODE_ROW(code, prefix, ec, data, parity, named) {code, prefix, ec, data, parity, named},
static const struct code codes[] = {CODES(CODE_ROW)};

/* Group counts that names know; 6 is missing from the names of erasure codes. */
static const uint32_t counts[] = {1, 2, 4, 6, 8, 12, 16, 32, MAX_NUM_GROUPS};

#define XSF_NAME "RP_XSF"

static bool name_exists(const struct code *k, uint32_t count)
{
    return k->named && !(k->ec && count == 6);
}

static int print_name(const struct code *k, uint32_t count, char name[MAX_OBJ_CLASS_NAME_LEN])
{
    if (count == MAX_NUM_GROUPS)
        return snprintf(name, MAX_OBJ_CLASS_NAME_LEN, "%sX", k->prefix);
    return snprintf(name, MAX_OBJ_CLASS_NAME_LEN, "%s%u", k->prefix, count);
}

static const struct code *code_find(uint32_t code)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].code == code)
            return &codes[i];
    return NULL;
}

int place_class_of(daos_oclass_id_t id, struct place_class *c)
{
    const struct code *k = code_find(id >> OC_REDUN_SHIFT);
    uint32_t groups = id & ((1u << OC_REDUN_SHIFT) - 1);

    if (id == OC_RP_XSF) {
        *c = (struct place_class){.data = 1, .groups = 1, .everywhere = true};
        return 0;
    }
    if (k == NULL || groups == 0 || groups > MAX_NUM_GROUPS)
        return -DER_NONEXIST;
    *c = (struct place_class){
        .code = k->code, .ec = k->ec, .data = k->data, .parity = k->parity, .groups = groups};
    return 0;
}

/* Calls each for every class that has a name, in the order of the tables. True from each ends it.
 */
static bool each_named(bool (*each)(void *arg, daos_oclass_id_t id, const char *name), void *arg)
{
    char name[MAX_OBJ_CLASS_NAME_LEN];

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        for (size_t n = 0; n < ARRAY_LEN(counts); n++) {
            if (!name_exists(&codes[i], counts[n]))
                continue;
            print_name(&codes[i], counts[n], name);
            if (each(arg, OBJ_CLASS_DEF(codes[i].code, counts[n]), name))
                return true;
        }
    }
    return each(arg, OC_RP_XSF, XSF_NAME);
}

struct by_name {
    const char *name;
    daos_oclass_id_t id;
};

static bool is_name(void *arg, daos_oclass_id_t id, const char *name)
{
    struct by_name *b = arg;

    if (strcmp(b->name, name) != 0)
        return false;
    b->id = id;
    return true;
}

daos_oclass_id_t place_class_by_name(const char *name)
{
    struct by_name b = {name, OC_UNKNOWN};

    if (name != NULL)
        each_named(is_name, &b);
    return b.id;
}

int place_class_name(daos_oclass_id_t id, char name[MAX_OBJ_CLASS_NAME_LEN])
{
    struct place_class c;

    if (place_class_of(id, &c) != 0) {
        strcpy(name, "UNKNOWN");
        return -1;
    }
    if (c.everywhere)
        strcpy(name, XSF_NAME);
    else
        print_name(code_find(c.code), c.groups, name);
    return 0;
}

struct list {
    char *at;
    size_t left;
    ssize_t len; /* -DER_OVERFLOW once it does not fit */
};

static bool append(void *arg, daos_oclass_id_t id, const char *name)
{
    struct list *l = arg;
    size_t n = strlen(name) + 2;

    if (n + 1 > l->left) {
        l->len = -DER_OVERFLOW;
        return true;
    }
    snprintf(l->at, l->left, "%s, ", name);
    l->at += n;
    l->left -= n;
    l->len += (ssize_t)n;
    return false;
}

ssize_t place_class_names(size_t size, char *str)
{
    struct list l = {str, size, 0};

    if (str == NULL || size == 0)
        return -DER_INVAL;
    each_named(append, &l);
    return l.len;
}

static bool count_one(void *arg, daos_oclass_id_t id, const char *name)
{
    (*(int *)arg)++;
    return false;
}

int place_class_count(void)
{
    int n = 0;

    each_named(count_one, &n);
    return n;
}

bool place_class_tolerates(const struct place_class *c, uint32_t domains, uint32_t rd_fac)
{
    return (c->everywhere ? domains - 1 : c->parity) >= rd_fac;
}

void place_oid_encode(daos_obj_id_t *oid, enum daos_otype_t type, daos_oclass_id_t cid)
{
    uint64_t code = cid >> OC_REDUN_SHIFT;
    uint64_t groups = cid & MAX_NUM_GROUPS;

    oid->hi &= (UINT64_C(1) << (MUTANT(PLACE_OID_BITS) ? 4 : OID_FMT_INTR_BITS)) - 1;
    oid->hi |= (uint64_t)type << OID_FMT_TYPE_SHIFT | code << OID_FMT_CLASS_SHIFT |
               groups << OID_FMT_META_SHIFT;
}

int place_oid_decode(daos_obj_id_t oid, enum daos_otype_t *type, struct place_class *c)
{
    uint64_t t = oid.hi >> OID_FMT_TYPE_SHIFT;
    int rc;

    if (t > DAOS_OT_MAX)
        return -DER_INVAL;
    rc = place_class_of(daos_obj_id2class(oid), c);
    if (rc == 0)
        *type = (enum daos_otype_t)t;
    return rc;
}

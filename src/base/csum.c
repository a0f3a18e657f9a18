#include "base/csum.h"

#include <isa-l/crc.h>
#include <isa-l/crc64.h>
#include <isa-l/igzip_lib.h>
#include <stdint.h>
#include <string.h>
#define XXH_STATIC_LINKING_ONLY    /* the layout of XXH3_state_t, so that a struct csum needs no   \
                                      allocation */
#include "base/xxh.h"

#include "base/assert.h"
#include "base/mutant.h"

_Static_assert(sizeof(XXH3_state_t) <= sizeof(((struct csum *)0)->room), "room for XXH3's state");

static const struct {
    const char *name;
    enum csum_type type;
    uint32_t len;
    bool supported;
} types[] = {
    {"off", CSUM_OFF, 0, true},        {"crc16", CSUM_CRC16, 2, true},
    {"crc32", CSUM_CRC32, 4, true},    {"crc64", CSUM_CRC64, 8, true},
    {"sha1", CSUM_SHA1, 0, false},     {"sha256", CSUM_SHA256, 0, false},
    {"sha512", CSUM_SHA512, 0, false}, {"adler32", CSUM_ADLER32, 4, true},
    {"xxh3", CSUM_XXH3, 8, true},
};

static int type_find(enum csum_type type)
{
    if ((size_t)type < ARRAY_LEN(types) && types[type].type == type) /* they lie in order */
        return (int)type;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i].type == type)
            return (int)i;
    return -1;
}

bool csum_supported(enum csum_type type)
{
    int i = type_find(type);

    return i >= 0 && types[i].supported;
}

uint32_t csum_len(enum csum_type type)
{
    int i = type_find(type);

    return i >= 0 ? types[i].len : 0;
}

const char *csum_name(enum csum_type type)
{
    int i = type_find(type);

    return i >= 0 ? types[i].name : "unknown";
}

int csum_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(types[i].name, name) == 0)
            return (int)types[i].type;
    return -1;
}

void csum_begin(struct csum *c, enum csum_type type)
{
    ASSERT(csum_supported(type));
    c->type = type;
    c->value = 0;
    if (type == CSUM_CRC32)
        c->value = UINT32_MAX; /* ISA-L's crc32_iscsi leaves both inversions to the caller */
    else if (type == CSUM_ADLER32)
        c->value = 1;
    else if (type == CSUM_XXH3)
        XXH3_64bits_reset((XXH3_state_t *)c->room);
}

/* ISA-L takes lengths as int in places: feed it at most 1 GiB at a time. */
static void add_some(struct csum *c, const unsigned char *buf, size_t len)
{
    switch (c->type) {
    case CSUM_CRC16:
        c->value = crc16_t10dif((uint16_t)c->value, buf, len);
        break;
    case CSUM_CRC32:
        /* its prototype forgets const */
        c->value = crc32_iscsi((unsigned char *)(uintptr_t)buf, (int)len, (unsigned)c->value);
        break;
    case CSUM_CRC64:
        c->value = crc64_ecma_refl(c->value, buf, len);
        break;
    case CSUM_ADLER32:
        c->value = isal_adler32((uint32_t)c->value, buf, len);
        break;
    case CSUM_XXH3:
        XXH3_64bits_update((XXH3_state_t *)c->room, buf, len);
        break;
    default:
        break;
    }
}

void csum_add(struct csum *c, const void *buf, size_t len)
{
    const unsigned char *at = buf;

    if (MUTANT(CSUM_PIECES))
        csum_begin(c, c->type);
    while (len > 0) {
        size_t n = MIN(len, (size_t)1 << 30);

        add_some(c, at, n);
        at += n;
        len -= n;
    }
}

uint64_t csum_end(struct csum *c)
{
    if (c->type == CSUM_CRC32)
        return (uint32_t)~c->value;
    if (c->type == CSUM_XXH3)
        return XXH3_64bits_digest((XXH3_state_t *)c->room);
    return c->value;
}

uint64_t csum_calc(enum csum_type type, const void *buf, size_t len)
{
    struct csum c;

    if (type == CSUM_XXH3) /* the usual one: without the detour over a state */
        return XXH3_64bits(buf, len);
    if (type == CSUM_CRC32 && len <= (size_t)1 << 30) /* and the one of small values */
        return ~crc32_iscsi((unsigned char *)(uintptr_t)buf, (int)len, UINT32_MAX);
    csum_begin(&c, type);
    csum_add(&c, buf, len);
    return csum_end(&c);
}

uint64_t csum_calc_iov(enum csum_type type, const struct iovec *iov, size_t n)
{
    struct csum c;

    csum_begin(&c, type);
    for (size_t i = 0; i < n; i++)
        csum_add(&c, iov[i].iov_base, iov[i].iov_len);
    return csum_end(&c);
}

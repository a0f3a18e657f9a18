#include "fuzz_client.h"
#include "embed/embed.h"

static daos_handle_t poh;
static bool connected;

static void end(void)
{
    daos_pool_disconnect(poh, NULL);
    daos_fini();
}

daos_handle_t fuzz_client_pool(void)
{
    struct embed_pool_conf conf = {.wal_bytes = 8u << 20};
    char path[128];
    uuid_t uuid;

    if (connected)
        return poh;
    snprintf(path, sizeof(path), "%s/pool", fuzz_dir());
    setenv("XDG_STATE_HOME", fuzz_dir(), 1);
    FUZZ_CHECK(embed_pool_create(path, &conf, uuid, NULL) == 0);
    FUZZ_CHECK(daos_init() == 0);
    FUZZ_CHECK(daos_pool_connect(path, NULL, DAOS_PC_RW, &poh, NULL, NULL) == 0);
    atexit(end);
    connected = true;
    return poh;
}

daos_obj_id_t fuzz_client_oid(uint64_t n)
{
    daos_obj_id_t oid = {n, (uint64_t)DAOS_OT_MULTI_HASHED << OID_FMT_TYPE_SHIFT |
                                (uint64_t)OR_RP_1 << OID_FMT_CLASS_SHIFT |
                                UINT64_C(1) << OID_FMT_META_SHIFT};

    return oid;
}

void fuzz_client_put(daos_handle_t coh, daos_obj_id_t oid, const char *dkey, const char *akey,
                     daos_iod_type_t type, const void *val, size_t len)
{
    daos_recx_t recx = {0, len};
    daos_iod_t iod = {.iod_type = type, .iod_nr = 1, .iod_recxs = &recx};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_handle_t oh;
    daos_key_t key;

    if (len == 0 || dkey[0] == '\0' || akey[0] == '\0' ||
        daos_obj_open(coh, oid, DAOS_OO_RW, &oh, NULL) != 0)
        return;
    iod.iod_size = type == DAOS_IOD_SINGLE ? len : 1;
    d_iov_set(&iov, (void *)(uintptr_t)val, len);
    d_iov_set(&key, (void *)(uintptr_t)dkey, strlen(dkey));
    d_iov_set(&iod.iod_name, (void *)(uintptr_t)akey, strlen(akey));
    daos_obj_update(oh, DAOS_TX_NONE, 0, &key, 1, &iod, &sgl, NULL);
    daos_obj_close(oh, NULL);
}

/*
 * A key-value object: put, get, list, remove.
 *
 *   cc kv.c $(pkg-config --cflags --libs daos) -o kv
 *   tarn pool create ./my-pool
 *   ./kv ./my-pool
 */
#include <daos.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(const char *what, int rc)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, d_errdesc(rc));
    exit(1);
}

int main(int argc, char **argv)
{
    daos_handle_t pool, cont, kv;
    daos_obj_id_t oid = {.lo = 1, .hi = 0}; /* 96 bits are yours to choose */
    daos_key_desc_t kds[16];
    daos_anchor_t anchor = {0};
    char keys[256], value[64];
    daos_size_t size = sizeof(value);
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    if (argc != 2) {
        fprintf(stderr, "usage: kv POOL   (a directory, a label or a UUID)\n");
        return 2;
    }
    check("daos_init", daos_init());
    check("connect", daos_pool_connect(argv[1], NULL, DAOS_PC_RW, &pool, NULL, NULL));
    rc = daos_cont_create_with_label(pool, "kv-example", NULL, NULL, NULL);
    if (rc != -DER_EXIST)
        check("create container", rc);
    check("open container", daos_cont_open(pool, "kv-example", DAOS_COO_RW, &cont, NULL, NULL));

    /* the library adds type and class to the id */
    check("object id", daos_obj_generate_oid(cont, &oid, DAOS_OT_KV_HASHED, OC_SX, 0, 0));
    check("open object", daos_kv_open(cont, oid, DAOS_OO_RW, &kv, NULL));

    /* when put returns, the value is durable */
    check("put", daos_kv_put(kv, DAOS_TX_NONE, 0, "river", 5, "water", NULL));
    check("put", daos_kv_put(kv, DAOS_TX_NONE, 0, "tarn", 13, "mountain lake", NULL));
    check("get", daos_kv_get(kv, DAOS_TX_NONE, 0, "tarn", &size, value, NULL));
    printf("tarn is %.*s\n", (int)size, value);

    while (!daos_anchor_is_eof(&anchor)) {
        uint32_t nr = 16;
        const char *p = keys;

        d_iov_set(&iov, keys, sizeof(keys));
        check("list", daos_kv_list(kv, DAOS_TX_NONE, &nr, kds, &sgl, &anchor, NULL));
        for (uint32_t i = 0; i < nr; p += kds[i++].kd_key_len)
            printf("key: %.*s\n", (int)kds[i].kd_key_len, p);
    }
    check("remove", daos_kv_remove(kv, DAOS_TX_NONE, 0, "river", NULL));
    rc = daos_kv_get(kv, DAOS_TX_NONE, DAOS_COND_KEY_GET, "river", &size, value, NULL);
    printf("river: %s\n", rc == -DER_NONEXIST ? "removed" : "still there");

    check("close object", daos_kv_close(kv, NULL));
    check("close container", daos_cont_close(cont, NULL));
    check("disconnect", daos_pool_disconnect(pool, NULL));
    check("daos_fini", daos_fini());
    return 0;
}

/*
 * The smallest program: store a value under a key, read it back.
 *
 *   cc kv.c $(pkg-config --cflags --libs daos) -o kv
 *   dmg pool create ./my-pool && daos cont create ./my-pool results
 *   ./kv ./my-pool results
 */
#include <daos.h>
#include <stdio.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ != 0) {                                                                            \
            fprintf(stderr, #call ": " DF_RC "\n", DP_RC(rc_));                                    \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

int main(int argc, char **argv)
{
    daos_handle_t pool, cont, kv;
    daos_obj_id_t oid = {.lo = 1,
                         .hi = 0}; /* your number for the object; the rest is filled in below */
    char colour[64];
    daos_size_t size = sizeof(colour);

    if (argc != 3) {
        fprintf(stderr, "usage: %s POOL CONTAINER\n", argv[0]);
        return 2;
    }
    CHECK(daos_init());
    CHECK(daos_pool_connect(argv[1], NULL, DAOS_PC_RW, &pool, NULL, NULL));
    CHECK(daos_cont_open(pool, argv[2], DAOS_COO_RW, &cont, NULL, NULL));
    CHECK(daos_obj_generate_oid(cont, &oid, DAOS_OT_KV_HASHED, OC_UNKNOWN, 0, 0));
    CHECK(daos_kv_open(cont, oid, DAOS_OO_RW, &kv, NULL));

    CHECK(daos_kv_put(kv, DAOS_TX_NONE, 0, "colour", 4, "blue", NULL));
    CHECK(daos_kv_get(kv, DAOS_TX_NONE, 0, "colour", &size, colour, NULL));
    printf("colour is %.*s\n", (int)size, colour);

    CHECK(daos_kv_close(kv, NULL));
    CHECK(daos_cont_close(cont, NULL));
    CHECK(daos_pool_disconnect(pool, NULL));
    CHECK(daos_fini());
    return 0;
}

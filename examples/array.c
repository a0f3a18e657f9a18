/*
 * A large array, written piece by piece and read across the pieces. The library cuts it into
 * chunks.
 *
 *   ./array ./my-pool results
 */
#include <daos.h>
#include <stdint.h>
#include <stdio.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ != 0) {                                                                            \
            fprintf(stderr, #call ": " DF_RC "\n", DP_RC(rc_));                                    \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

#define CELLS 1000
#define PIECE 100

int main(int argc, char **argv)
{
    daos_handle_t pool, cont, array;
    daos_obj_id_t oid = {.lo = 3, .hi = 0};
    daos_range_t range;
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &range};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    uint32_t cells[CELLS], sum = 0;
    daos_size_t size, cell_size, chunk_size;

    if (argc != 3) {
        fprintf(stderr, "usage: %s POOL CONTAINER\n", argv[0]);
        return 2;
    }
    CHECK(daos_init());
    CHECK(daos_pool_connect(argv[1], NULL, DAOS_PC_RW, &pool, NULL, NULL));
    CHECK(daos_cont_open(pool, argv[2], DAOS_COO_RW, &cont, NULL, NULL));

    /* cells of 4 bytes, chunks of 256 cells; both are kept with the array */
    CHECK(daos_array_generate_oid(cont, &oid, true, OC_UNKNOWN, 0, 0));
    int rc = daos_array_create(cont, oid, DAOS_TX_NONE, sizeof(uint32_t), 256, &array, NULL);
    if (rc == -DER_EXIST) /* from an earlier run */
        rc = daos_array_open(cont, oid, DAOS_TX_NONE, DAOS_OO_RW, &cell_size, &chunk_size, &array,
                             NULL);
    CHECK(rc);

    for (uint32_t at = 0; at < CELLS; at += PIECE) {
        for (uint32_t i = 0; i < PIECE; i++)
            cells[i] = at + i;
        range = (daos_range_t){.rg_idx = at, .rg_len = PIECE};
        d_iov_set(&iov, cells, PIECE * sizeof(cells[0]));
        CHECK(daos_array_write(array, DAOS_TX_NONE, &iod, &sgl, NULL));
    }
    CHECK(daos_array_get_size(array, DAOS_TX_NONE, &size, NULL));

    range = (daos_range_t){.rg_idx = 0, .rg_len = CELLS};
    d_iov_set(&iov, cells, sizeof(cells));
    CHECK(daos_array_read(array, DAOS_TX_NONE, &iod, &sgl, NULL));
    for (uint32_t i = 0; i < CELLS; i++)
        sum += cells[i];
    printf("%llu cells, their sum is %u\n", (unsigned long long)size, sum);

    CHECK(daos_array_close(array, NULL));
    CHECK(daos_cont_close(cont, NULL));
    CHECK(daos_pool_disconnect(pool, NULL));
    CHECK(daos_fini());
    return 0;
}

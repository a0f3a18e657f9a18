/*
 * An object with two levels of keys: a distribution key says where data lives, the attribute keys
 * below it what it is. All attributes of one distribution key are written in one atomic step.
 *
 *   ./object ./my-pool results
 */
#include <daos.h>
#include <stdio.h>
#include <string.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ != 0) {                                                                            \
            fprintf(stderr, #call ": " DF_RC "\n", DP_RC(rc_));                                    \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

/* Two attributes of one key: a name (one value) and five readings (an array of doubles). */
struct request {
    daos_key_t dkey;
    daos_iod_t iods[2];
    d_sg_list_t sgls[2];
    d_iov_t iovs[2];
    daos_recx_t readings;
};

static void request_set(struct request *r, const char *dkey, char *name, size_t name_size,
                        double *readings, size_t nr)
{
    memset(r, 0, sizeof(*r));
    d_iov_set(&r->dkey, (void *)dkey, strlen(dkey));

    d_iov_set(&r->iods[0].iod_name, "name", 4);
    r->iods[0].iod_type = DAOS_IOD_SINGLE;
    r->iods[0].iod_size = name_size;
    r->iods[0].iod_nr = 1;

    d_iov_set(&r->iods[1].iod_name, "readings", 8);
    r->iods[1].iod_type = DAOS_IOD_ARRAY;
    r->iods[1].iod_size = sizeof(double); /* of one record */
    r->readings.rx_idx = 0;               /* from record 0 ... */
    r->readings.rx_nr = nr;               /* ... so many */
    r->iods[1].iod_nr = 1;
    r->iods[1].iod_recxs = &r->readings;

    d_iov_set(&r->iovs[0], name, name_size);
    d_iov_set(&r->iovs[1], readings, nr * sizeof(double));
    for (int i = 0; i < 2; i++) {
        r->sgls[i].sg_nr = 1;
        r->sgls[i].sg_iovs = &r->iovs[i];
    }
}

int main(int argc, char **argv)
{
    daos_handle_t pool, cont, oh;
    daos_obj_id_t oid = {.lo = 2, .hi = 0};
    struct request r;
    char name[] = "thermometer", name_back[64] = "";
    double readings[] = {20.5, 20.7, 21.0, 20.9, 20.4}, readings_back[5] = {0};

    if (argc != 3) {
        fprintf(stderr, "usage: %s POOL CONTAINER\n", argv[0]);
        return 2;
    }
    CHECK(daos_init());
    CHECK(daos_pool_connect(argv[1], NULL, DAOS_PC_RW, &pool, NULL, NULL));
    CHECK(daos_cont_open(pool, argv[2], DAOS_COO_RW, &cont, NULL, NULL));
    CHECK(daos_obj_generate_oid(cont, &oid, DAOS_OT_MULTI_HASHED, OC_UNKNOWN, 0, 0));
    CHECK(daos_obj_open(cont, oid, DAOS_OO_RW, &oh, NULL));

    request_set(&r, "sensor-7", name, sizeof(name), readings, 5);
    CHECK(daos_obj_update(oh, DAOS_TX_NONE, 0, &r.dkey, 2, r.iods, r.sgls, NULL));

    request_set(&r, "sensor-7", name_back, sizeof(name_back), readings_back, 5);
    r.iods[0].iod_size = DAOS_REC_ANY; /* "tell me how large it is" */
    CHECK(daos_obj_fetch(oh, DAOS_TX_NONE, 0, &r.dkey, 2, r.iods, r.sgls, NULL, NULL));
    printf("sensor-7 is a %s and read", name_back);
    for (int i = 0; i < 5; i++)
        printf(" %.1f", readings_back[i]);
    printf("\n");

    CHECK(daos_obj_close(oh, NULL));
    CHECK(daos_cont_close(cont, NULL));
    CHECK(daos_pool_disconnect(pool, NULL));
    CHECK(daos_fini());
    return 0;
}

/*
 * An object with two levels of keys. The dkey decides where data lives; the akeys below one dkey
 * are written together or not at all. Here: a sensor (dkey) has a name (single value) and a series
 * of samples (array of 8-byte records).
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
    daos_handle_t pool, cont, obj;
    daos_obj_id_t oid = {.lo = 2};
    double samples[4] = {20.5, 20.7, 21.0, 21.2}, got[4] = {0};
    char name[] = "attic", got_name[32] = "";
    daos_key_t dkey;
    daos_recx_t recx = {.rx_idx = 100, .rx_nr = 4};
    daos_iod_t iods[2];
    d_iov_t iovs[2];
    d_sg_list_t sgls[2];
    int rc;

    if (argc != 2) {
        fprintf(stderr, "usage: object POOL\n");
        return 2;
    }
    check("daos_init", daos_init());
    check("connect", daos_pool_connect(argv[1], NULL, DAOS_PC_RW, &pool, NULL, NULL));
    rc = daos_cont_create_with_label(pool, "object-example", NULL, NULL, NULL);
    if (rc != -DER_EXIST)
        check("create container", rc);
    check("open container", daos_cont_open(pool, "object-example", DAOS_COO_RW, &cont, NULL, NULL));
    check("object id", daos_obj_generate_oid(cont, &oid, DAOS_OT_MULTI_HASHED, OC_SX, 0, 0));
    check("open object", daos_obj_open(cont, oid, DAOS_OO_RW, &obj, NULL));

    d_iov_set(&dkey, "sensor-7", 8);
    memset(iods, 0, sizeof(iods));
    d_iov_set(&iods[0].iod_name, "name", 4);
    iods[0].iod_type = DAOS_IOD_SINGLE; /* replaced as a whole */
    iods[0].iod_nr = 1;
    iods[0].iod_size = strlen(name);
    d_iov_set(&iods[1].iod_name, "samples", 7);
    iods[1].iod_type = DAOS_IOD_ARRAY; /* records of one size, sparse */
    iods[1].iod_nr = 1;
    iods[1].iod_size = sizeof(double);
    iods[1].iod_recxs = &recx;
    d_iov_set(&iovs[0], name, strlen(name));
    d_iov_set(&iovs[1], samples, sizeof(samples));
    for (int i = 0; i < 2; i++)
        sgls[i] = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iovs[i]};
    check("update", daos_obj_update(obj, DAOS_TX_NONE, 0, &dkey, 2, iods, sgls, NULL));

    iods[0].iod_size = DAOS_REC_ANY; /* "how large is it?" is answered too */
    d_iov_set(&iovs[0], got_name, sizeof(got_name) - 1);
    d_iov_set(&iovs[1], got, sizeof(got));
    check("fetch", daos_obj_fetch(obj, DAOS_TX_NONE, 0, &dkey, 2, iods, sgls, NULL, NULL));
    printf("%s: %.1f %.1f %.1f %.1f\n", got_name, got[0], got[1], got[2], got[3]);

    check("close object", daos_obj_close(obj, NULL));
    check("close container", daos_cont_close(cont, NULL));
    check("disconnect", daos_pool_disconnect(pool, NULL));
    check("daos_fini", daos_fini());
    return strcmp(got_name, name) != 0 || memcmp(got, samples, sizeof(got)) != 0;
}

/* An array object: a sparse array of cells over many chunks, written and read by ranges, here with
 * an event queue. */
#include <daos.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS 1000000u

static void check(const char *what, int rc)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, d_errdesc(rc));
    exit(1);
}

/* Starts writing or reading cells [start, start + nr) and waits for the event. */
static void transfer(daos_handle_t eq, daos_handle_t array, uint64_t start, uint32_t *cells,
                     uint64_t nr, int write)
{
    daos_range_t range = {.rg_idx = start, .rg_len = nr};
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &range};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_event_t ev, *done;

    d_iov_set(&iov, cells, nr * sizeof(*cells));
    check("event", daos_event_init(&ev, eq, NULL));
    if (write)
        check("write", daos_array_write(array, DAOS_TX_NONE, &iod, &sgl, &ev));
    else
        check("read", daos_array_read(array, DAOS_TX_NONE, &iod, &sgl, &ev));
    /* other work could go on here */
    while (daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done) != 1)
        continue;
    check("transfer", ev.ev_error);
    daos_event_fini(&ev);
}

int main(int argc, char **argv)
{
    uint32_t *out = malloc(CELLS * sizeof(*out)), *in = calloc(CELLS, sizeof(*in));
    daos_handle_t pool, cont, array, eq;
    daos_obj_id_t oid = {.lo = 3};
    daos_size_t size;
    int rc;

    if (argc != 2 || out == NULL || in == NULL) {
        fprintf(stderr, "usage: array POOL\n");
        return 2;
    }
    for (uint32_t i = 0; i < CELLS; i++)
        out[i] = i * 2654435761u;
    check("daos_init", daos_init());
    check("event queue", daos_eq_create(&eq));
    check("connect", daos_pool_connect(argv[1], NULL, DAOS_PC_RW, &pool, NULL, NULL));
    rc = daos_cont_create_with_label(pool, "array-example", NULL, NULL, NULL);
    if (rc != -DER_EXIST)
        check("create container", rc);
    check("open container", daos_cont_open(pool, "array-example", DAOS_COO_RW, &cont, NULL, NULL));
    check("object id", daos_array_generate_oid(cont, &oid, true, OC_SX, 0, 0));
    /* cells of 4 bytes, 65,536 cells a chunk; without attributes stored in the object */
    check("open array", daos_array_open_with_attr(cont, oid, DAOS_TX_NONE, DAOS_OO_RW, sizeof(*out),
                                                  65536, &array, NULL));

    transfer(eq, array, 0, out, CELLS, 1);
    transfer(eq, array, 0, in, CELLS, 0);
    check("size", daos_array_get_size(array, DAOS_TX_NONE, &size, NULL));
    printf("array of %llu cells, %s\n", (unsigned long long)size,
           memcmp(in, out, CELLS * sizeof(*in)) == 0 ? "read as written" : "DIFFERENT");

    check("close array", daos_array_close(array, NULL));
    check("close container", daos_cont_close(cont, NULL));
    check("disconnect", daos_pool_disconnect(pool, NULL));
    check("event queue", daos_eq_destroy(eq, 0));
    check("daos_fini", daos_fini());
    rc = size != CELLS || memcmp(in, out, CELLS * sizeof(*in)) != 0;
    free(in);
    free(out);
    return rc;
}

/* array dump: the cells of an array object. */
#include <ctype.h>
#include <string.h>

#include "base/fail.h"
#include "tools/cmds.h"
#include "tools/conn.h"

#define DUMP_BYTES (1u << 20)

/* Arrays that keep their cell and chunk size tell them; for the others the caller must. */
static int array_open(struct tool *t, struct conn *c, daos_obj_id_t oid, daos_size_t *cell,
                      daos_size_t *chunk, daos_handle_t *oh)
{
    int rc = 0;

    if (!daos_is_array(oid))
        return tool_fail(t, -DER_INVAL, "use 'object dump', or 'kv list' for a key-value object",
                         "its id is not that of an array", "cannot dump object %s", t->args[2]);
    *cell = 1;
    *chunk = DFS_DEFAULT_CHUNK_SIZE;
    rc = opt_size(t, "cell-size", cell);
    if (rc == 0)
        rc = opt_size(t, "chunk-size", chunk);
    if (rc != 0)
        return rc;
    rc = daos_obj_id2type(oid) == DAOS_OT_ARRAY
             ? daos_array_open(c->coh, oid, DAOS_TX_NONE, DAOS_OO_RO, cell, chunk, oh, NULL)
             : daos_array_open_with_attr(c->coh, oid, DAOS_TX_NONE, DAOS_OO_RO, *cell, *chunk, oh,
                                         NULL);
    return rc != 0 ? tool_fail_der(t, rc, "cannot open array %s", t->args[2]) : 0;
}

static void hex_print(FILE *out, const unsigned char *p, size_t len, uint64_t at)
{
    for (size_t i = 0; i < len; i += 16) {
        fprintf(out, "%08llx ", (unsigned long long)(at + i));
        for (size_t k = 0; k < 16; k++)
            fprintf(out, i + k < len ? " %02x" : "   ", i + k < len ? p[i + k] : 0);
        fprintf(out, "  |");
        for (size_t k = 0; k < 16 && i + k < len; k++)
            fputc(isprint(p[i + k]) ? p[i + k] : '.', out);
        fprintf(out, "|\n");
    }
}

static int cells_show(struct tool *t, daos_handle_t oh, daos_size_t size, daos_size_t cell)
{
    daos_size_t step = MAX(DUMP_BYTES / cell, 1u);
    unsigned char *buf = base_alloc(step * cell);
    int rc = buf == NULL ? -DER_NOMEM : 0;

    for (daos_size_t at = 0; rc == 0 && at < size; at += step) {
        daos_range_t range = {at, MIN(step, size - at)};
        daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &range};
        d_iov_t iov;
        d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

        memset(buf, 0, range.rg_len * cell); /* holes */
        d_iov_set(&iov, buf, range.rg_len * cell);
        rc = daos_array_read(oh, DAOS_TX_NONE, &iod, &sgl, NULL);
        if (rc == 0 && opt_flag(t, "raw"))
            fwrite(buf, cell, range.rg_len, t->out);
        else if (rc == 0)
            hex_print(t->out, buf, range.rg_len * cell, at * cell);
    }
    base_free(buf);
    return rc != 0 ? tool_fail_der(t, rc, "cannot read array %s", t->args[2]) : 0;
}

static int array_dump(struct tool *t)
{
    struct conn c = {0};
    daos_obj_id_t oid;
    daos_size_t cell, chunk, size = 0;
    daos_handle_t oh = DAOS_HDL_INVAL;
    int rc = oid_parse(t, t->args[2], &oid);

    if (rc == 0)
        rc = conn_cont(t, &c, t->args[0], t->args[1], false);
    if (rc == 0)
        rc = array_open(t, &c, oid, &cell, &chunk, &oh);
    if (rc == 0) {
        rc = daos_array_get_size(oh, DAOS_TX_NONE, &size, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot ask for the size of array %s", t->args[2]);
    }
    if (rc == 0 && t->json)
        t->response =
            json_pack("{s:s, s:I, s:I, s:I}", "oid", t->args[2], "cells", (json_int_t)size,
                      "cell_size", (json_int_t)cell, "chunk_size", (json_int_t)chunk);
    else if (rc == 0)
        rc = cells_show(t, oh, size, cell);
    if (daos_handle_is_valid(oh))
        daos_array_close(oh, NULL);
    conn_close(&c);
    return rc;
}

static const struct command commands[] = {
    {"dump",
     NULL,
     "POOL CONT OID",
     3,
     3,
     array_dump,
     "show the cells of an array",
     "Files are byte arrays: 'fs stat' shows the id of one. With --json only sizes are told.",
     "array dump ./tarn-pool home 3801088.7\narray dump ./tarn-pool home 3801088.7 --raw",
     {{'r', "raw", NULL, "the bytes themselves"},
      {0, "cell-size", "SIZE", "of arrays that do not keep it (default 1)"},
      {0, "chunk-size", "CELLS", "of arrays that do not keep it (default 1M)"}}},
};

const struct cmd_group group_array = {"array", NULL, "array objects", commands,
                                      ARRAY_LEN(commands)};

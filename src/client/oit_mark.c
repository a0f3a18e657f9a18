/* Markers of object id tables: see oit.h. */
#include "client/oit.h"

#include <endian.h>
#include <string.h>
#include "base/mutant.h"
#include "client/compound.h"

#define RECORD (1 + OIT_MARKER_MAX)

static const char akey_name[] = "m";

/* One marker, on its way in or out. */
struct mark_io {
    uint64_t id[2];
    uint8_t record[RECORD];
    daos_key_t dkey;
    daos_recx_t recx;
    daos_iod_t iod;
    d_iov_t iov;
    d_sg_list_t sgl;
};

static void io_set(struct mark_io *io, daos_obj_id_t oid)
{
    memset(io, 0, sizeof(*io));
    io->id[0] = htole64(oid.lo);
    io->id[1] = htole64(oid.hi);
    d_iov_set(&io->dkey, io->id, sizeof(io->id));
    io->recx = (daos_recx_t){0, RECORD};
    d_iov_set(&io->iod.iod_name, (void *)(uintptr_t)akey_name, 1);
    io->iod.iod_type = DAOS_IOD_ARRAY;
    io->iod.iod_size = 1;
    io->iod.iod_nr = 1;
    io->iod.iod_recxs = &io->recx;
    d_iov_set(&io->iov, io->record, RECORD);
    io->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &io->iov};
}

static int object_of(daos_handle_t coh, daos_epoch_t epoch, daos_obj_id_t *oid)
{
    int rc;

    *oid = (daos_obj_id_t){.lo = MUTANT(CLIENT_OIT_SHARED) ? 1 : epoch};
    rc = daos_obj_generate_oid2(coh, oid, DAOS_OT_MULTI_HASHED, OC_UNKNOWN, 0, 0);
    oid->hi = (oid->hi & ~OID_FMT_TYPE_MASK) | (uint64_t)DAOS_OT_OIT_V2 << OID_FMT_TYPE_SHIFT;
    return rc;
}

bool oit_holds_markers(daos_obj_id_t oid)
{
    return daos_obj_id2type(oid) == DAOS_OT_OIT_V2;
}

int oit_marker_put(daos_handle_t coh, daos_epoch_t epoch, daos_obj_id_t oid, const d_iov_t *marker)
{
    struct compound *c;
    struct mark_io io;
    daos_obj_id_t in;
    int rc = object_of(coh, epoch, &in);

    if (rc == 0)
        rc = compound_begin(coh, &c);
    if (rc != 0)
        return rc;
    io_set(&io, oid);
    io.record[0] = (uint8_t)marker->iov_len;
    memcpy(io.record + 1, marker->iov_buf, marker->iov_len);
    rc = compound_update_oid(c, in, 0, &io.dkey, 1, &io.iod, &io.sgl);
    if (rc == 0)
        rc = compound_run(c, NULL, NULL);
    compound_free(c);
    return rc;
}

int oit_markers_get(daos_handle_t coh, daos_epoch_t epoch, uint32_t nr, const daos_obj_id_t *oids,
                    struct oit_marker *markers)
{
    struct client_get get[OIT_MARKERS_AT_ONCE];
    struct mark_io io[OIT_MARKERS_AT_ONCE];
    daos_obj_id_t in;
    int rc = object_of(coh, epoch, &in);

    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < nr; i++) {
        io_set(&io[i], oids[i]);
        get[i] = (struct client_get){
            .oid = in, .dkey = &io[i].dkey, .iod = &io[i].iod, .sgl = &io[i].sgl};
    }
    rc = client_gather(coh, DAOS_EPOCH_MAX, nr, get, NULL);
    for (uint32_t i = 0; rc == 0 && i < nr; i++) {
        struct oit_marker *m = &markers[i];

        *m = (struct oit_marker){.there = get[i].found && get[i].bytes > 0};
        if (!m->there)
            continue;
        if (io[i].record[0] > OIT_MARKER_MAX)
            return -DER_IO;
        m->len = io[i].record[0];
        memcpy(m->bytes, io[i].record + 1, OIT_MARKER_MAX);
    }
    return rc;
}

static int punch(daos_handle_t coh, daos_obj_id_t oid)
{
    struct compound *c;
    int rc = compound_begin(coh, &c);

    if (rc != 0)
        return rc;
    rc = compound_punch_oid(c, oid, 0);
    if (rc == 0)
        rc = compound_run(c, NULL, NULL);
    compound_free(c);
    return rc;
}

int oit_markers_drop(daos_handle_t coh, daos_epoch_t epoch)
{
    daos_handle_t oh;
    daos_epoch_t changed = 0;
    daos_obj_id_t in;
    int rc = object_of(coh, epoch, &in);

    if (rc == 0)
        rc = daos_obj_open(coh, in, DAOS_OO_RO, &oh, NULL);
    if (rc != 0)
        return rc;
    /* who may only read need not be refused where there is nothing to drop */
    rc = daos_obj_query_max_epoch(oh, DAOS_TX_NONE, &changed, NULL);
    daos_obj_close(oh, NULL);
    return rc != 0 || changed == 0 || MUTANT(CLIENT_OIT_STAYS) ? rc : punch(coh, in);
}

/*
 * Handles as bytes, for other processes of a job.
 *
 * A blob is a header (magic, which also tells the byte order; kind of handle; process) and the
 * identities that the importer needs. A pool's also says where its engine is found: another process
 * makes a connection of its own, and goes on with the handle as it was. In the exporter's process
 * its connection is shared. A pool whose engine runs in the exporter has no place that others could
 * go to.
 */
#include <daos.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "base/fail.h"
#include "client/cont.h"
#include "client/global.h"
#include "client/pool.h"

#define POOL_MAGIC 0x16da0386u
#define CONT_MAGIC 0x16ca0387u

struct pool_blob {
    uint32_t magic;
    uint32_t pid;
    uint64_t cookie; /* of the exported handle */
    uint64_t caps;
    uint32_t flags;
    uint32_t place_len; /* of the name that follows, with its NUL; 0: only the maker can use it */
    uint8_t pool[16], hdl[16];
};

struct cont_blob {
    uint32_t magic;
    uint32_t pid;
    uint64_t cookie;
    uint64_t caps;
    uint32_t flags, redun_fac, redun_lvl, ec_cell;
    uint8_t pool[16], cont[16], hdl[16];
};

int blob_out(d_iov_t *glob, const void *blob, size_t len)
{
    if (glob->iov_buf == NULL) {
        glob->iov_buf_len = len;
        return 0;
    }
    if (glob->iov_buf_len < len) {
        glob->iov_buf_len = len;
        return -DER_TRUNC;
    }
    memcpy(glob->iov_buf, blob, len);
    glob->iov_len = len;
    return 0;
}

int blob_in(const d_iov_t *glob, uint32_t magic, void *blob, size_t len)
{
    uint32_t got;

    if (glob->iov_buf == NULL || glob->iov_len < len || glob->iov_buf_len < glob->iov_len)
        return -DER_INVAL;
    memcpy(&got, glob->iov_buf, sizeof(got));
    if (got != magic)
        return -DER_INVAL;
    memcpy(blob, glob->iov_buf, len);
    return 0;
}

/* The blob was made elsewhere: say so, the code alone would mislead. */
static int foreign(const char *what)
{
    struct err e = {0};

    err_setf(&e, -DER_NOTSUPPORTED, "open it in every process that uses it",
             "it belongs to another process, and this pool is embedded in that one",
             "cannot import the %s handle", what);
    client_error(&e);
    return -DER_NOTSUPPORTED;
}

int daos_pool_local2global(daos_handle_t poh, d_iov_t *glob)
{
    struct {
        struct pool_blob b;
        char place[PATH_MAX];
    } out = {.b = {.magic = POOL_MAGIC, .pid = (uint32_t)getpid(), .cookie = poh.cookie}};
    struct client *c = client_current();
    struct pool *p;

    if (glob == NULL)
        return -DER_INVAL;
    if (c == NULL)
        return -DER_UNINIT;
    p = pool_get(c, poh);
    if (p == NULL)
        return -DER_NO_HDL;
    out.b.caps = p->caps;
    out.b.flags = p->flags;
    memcpy(out.b.pool, p->conn->pool, sizeof(out.b.pool));
    memcpy(out.b.hdl, p->hdl, sizeof(out.b.hdl));
    if (client_embed_place(p->conn->cookie, out.place, sizeof(out.place)) == 0)
        out.b.place_len = (uint32_t)strlen(out.place) + 1;
    handle_put(&p->h);
    return blob_out(glob, &out, sizeof(out.b) + out.b.place_len);
}

/* A second handle on the connection of the one that was exported, in the same process. */
static int import_here(struct client *c, const struct pool_blob *b, struct pool *p,
                       daos_handle_t *poh)
{
    int rc;

    if (memcmp(p->hdl, b->hdl, sizeof(b->hdl)) != 0)
        return -DER_INVAL;
    conn_ref(p->conn);
    rc = pool_new(c, p->conn, b->hdl, b->caps, b->flags, true, poh);
    if (rc)
        conn_put(p->conn);
    return rc;
}

/* Where the blob says that the engine is; NULL: it does not, or the blob is not whole. */
static const char *place_of(const struct pool_blob *b, const d_iov_t *glob)
{
    const char *place = (const char *)glob->iov_buf + sizeof(*b);

    if (b->place_len == 0 || b->place_len > PATH_MAX || b->place_len > glob->iov_len - sizeof(*b) ||
        place[b->place_len - 1] != '\0')
        return NULL;
    return place[0] == '/' || strncmp(place, "tcp://", 6) == 0 ? place : NULL;
}

int daos_pool_global2local(d_iov_t glob, daos_handle_t *poh)
{
    struct client *c = client_current();
    const char *place;
    bool mine;
    struct pool_blob b;
    struct pool *p;
    int rc;

    if (poh == NULL)
        return -DER_INVAL;
    rc = blob_in(&glob, POOL_MAGIC, &b, sizeof(b));
    if (rc)
        return rc;
    place = place_of(&b, &glob);
    if (b.place_len > 0 && place == NULL)
        return -DER_INVAL;
    mine = b.pid == (uint32_t)getpid();
    p = mine ? pool_get(c, (daos_handle_t){b.cookie}) : NULL;
    if (p != NULL) {
        rc = import_here(c, &b, p, poh);
        handle_put(&p->h);
        if (rc == 0 || place == NULL)
            return rc;
        /* a process of this number on another machine, or in another container, made it */
    }
    if (place != NULL)
        return c == NULL ? -DER_UNINIT : pool_import(c, place, b.pool, b.hdl, b.caps, b.flags, poh);
    return mine ? -DER_NO_HDL : foreign("pool");
}

int daos_cont_local2global(daos_handle_t coh, d_iov_t *glob)
{
    struct cont_blob b = {.magic = CONT_MAGIC, .pid = (uint32_t)getpid(), .cookie = coh.cookie};
    struct cont *co;

    if (glob == NULL)
        return -DER_INVAL;
    co = cont_get(client_current(), coh);
    if (co == NULL)
        return -DER_NO_HDL;
    b.caps = co->caps;
    b.flags = co->flags;
    b.redun_fac = co->redun_fac;
    b.redun_lvl = co->redun_lvl;
    b.ec_cell = co->ec_cell;
    memcpy(b.pool, co->pool->conn->pool, sizeof(b.pool));
    memcpy(b.cont, co->uuid, sizeof(b.cont));
    memcpy(b.hdl, co->hdl, sizeof(b.hdl));
    handle_put(&co->h);
    return blob_out(glob, &b, sizeof(b));
}

int daos_cont_global2local(daos_handle_t poh, d_iov_t glob, daos_handle_t *coh)
{
    struct client *c = client_current();
    struct cont like = {.slave = true};
    struct cont_blob b;
    struct pool *p;
    int rc;

    if (coh == NULL)
        return -DER_INVAL;
    rc = blob_in(&glob, CONT_MAGIC, &b, sizeof(b));
    if (rc)
        return rc;
    p = pool_get(c, poh);
    if (p == NULL)
        return -DER_NO_HDL;
    if (memcmp(p->conn->pool, b.pool, sizeof(b.pool)) != 0)
        rc = -DER_INVAL;
    if (rc == 0) {
        memcpy(like.uuid, b.cont, sizeof(b.cont));
        memcpy(like.hdl, b.hdl, sizeof(b.hdl));
        like.caps = b.caps;
        like.flags = b.flags;
        like.redun_fac = b.redun_fac;
        like.redun_lvl = b.redun_lvl;
        like.ec_cell = b.ec_cell;
        rc = cont_new(c, p, &like, coh);
    }
    handle_put(&p->h);
    return rc;
}

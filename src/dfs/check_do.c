/* dfs_cont_check(): what is done with objects that no name leads to. See check.h. */
#include "dfs/check.h"

#include <time.h>
#include <daos_array.h>
#include "client/array.h"
#include "dfs/dfs_fast.h"

#define LOST_FOUND  "lost+found"
#define PIECE_BYTES (1u << 20) /* read at once */
#define BATCH       64u

static const char *kind_of(daos_obj_id_t oid)
{
    return check_is_dir(oid) ? "directory" : "file";
}

void check_print(const struct check *k)
{
    for (uint64_t i = 0; i < k->nr; i++)
        if (check_is_lost(k, i))
            check_say(k, "  no name leads to %s %llu.%llu", kind_of(k->oids[i]),
                      (unsigned long long)k->oids[i].hi, (unsigned long long)k->oids[i].lo);
}

/* ---- Removing ---- */

int check_remove(struct check *k)
{
    int rc = 0;

    for (uint64_t i = 0; rc == 0 && i < k->nr; i++)
        if (check_is_lost(k, i)) {
            rc = dfs_drop(k->dfs, k->oids[i]);
            k->found->removed += rc == 0;
            if (rc == 0)
                rc = check_step(k, 1);
        }
    check_say(k, "  %llu removed", (unsigned long long)k->found->removed);
    return rc;
}

/* ---- Linking ---- */

/* Opens dir/name, and makes it if it is not there. */
static int dir_of(struct dfs *dfs, dfs_obj_t *dir, const char *name, dfs_obj_t **out)
{
    int rc = dfs_mkdir(dfs, dir, name, 0700, 0);

    return rc == 0 || rc == EEXIST ? dfs_lookup_rel(dfs, dir, name, O_RDWR, out, NULL, NULL) : rc;
}

/* Nothing but its id is known of it: it belongs to who looks, and a file has the chunk size that
 * files of this container have unless somebody says another. */
static void entry_of(const struct check *k, daos_obj_id_t oid, struct dfs_entry *e)
{
    bool dir = check_is_dir(oid);

    *e = (struct dfs_entry){.mode = dir ? S_IFDIR | 0700 : S_IFREG | 0600,
                            .oid = oid,
                            .mtime = dfs_now(),
                            .uid = k->dfs->uid,
                            .gid = k->dfs->gid,
                            .chunk_size = dir ? 0 : k->dfs->sb.chunk_size,
                            .oclass = dir ? 0 : daos_obj_id2class(oid)};
    e->ctime = e->mtime;
}

static int link_one(struct check *k, dfs_obj_t *in, uint64_t i)
{
    daos_obj_id_t oid = k->oids[i];
    struct dfs_entry e;
    char name[64];
    int rc;

    snprintf(name, sizeof(name), "%llu.%llu", (unsigned long long)oid.hi,
             (unsigned long long)oid.lo);
    entry_of(k, oid, &e);
    rc = dfs_entry_insert(k->dfs, in->oid, name, &e, NULL);
    k->found->linked += rc == 0;
    if (rc == 0)
        rc = check_step(k, 1);
    return rc == 0 ? check_walk(k, i) : rc;
}

/* First what no lost directory has, with all that is in it; what is left then are directories that
 * have each other. */
static int link_all(struct check *k, dfs_obj_t *in)
{
    int rc = 0;

    for (uint64_t i = 0; rc == 0 && i < k->nr; i++)
        if (check_is_lost(k, i))
            rc = check_below(k, i);
    for (uint64_t i = 0; rc == 0 && i < k->nr; i++)
        if (check_is_lost(k, i) && (k->state[i] != CHECK_BELOW || MUTANT(DFS_CHECK_EACH)))
            rc = link_one(k, in, i);
    for (uint64_t i = 0; rc == 0 && i < k->nr; i++)
        if (check_is_lost(k, i))
            rc = link_one(k, in, i);
    return rc;
}

static bool any_lost(const struct check *k)
{
    for (uint64_t i = 0; i < k->nr; i++)
        if (check_is_lost(k, i))
            return true;
    return false;
}

int check_relink(struct check *k, const char *name)
{
    dfs_obj_t *found, *in;
    char when[32];
    time_t now = time(NULL);
    struct tm tm;
    int rc;

    if (!any_lost(k))
        return 0;
    strftime(when, sizeof(when), "%F-%T", localtime_r(&now, &tm));
    name = name != NULL ? name : when;
    rc = dir_of(k->dfs, NULL, LOST_FOUND, &found);
    if (rc != 0)
        return rc;
    rc = dir_of(k->dfs, found, name, &in);
    if (rc == 0) {
        rc = link_all(k, in);
        dfs_release(in);
        check_say(k, "  %llu linked in /" LOST_FOUND "/%s", (unsigned long long)k->found->linked,
                  name);
    }
    dfs_release(found);
    return rc;
}

/* ---- Reading ---- */

/* A file that is read. */
struct reading {
    struct check *k;
    daos_handle_t oh;
    char *buf; /* of PIECE_BYTES */
};

/* Reads an extent, a piece at a time. */
static int read_recx(const struct reading *r, daos_key_t *dkey, daos_recx_t recx)
{
    daos_iod_t iod = {.iod_type = DAOS_IOD_ARRAY, .iod_size = 1, .iod_nr = 1};
    daos_recx_t piece;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc = 0;

    d_iov_set(&iod.iod_name, (void *)ARRAY_AKEY, 1);
    iod.iod_recxs = &piece;
    for (uint64_t at = 0; rc == 0 && at < recx.rx_nr; at += piece.rx_nr) {
        piece = (daos_recx_t){recx.rx_idx + at, MIN(recx.rx_nr - at, PIECE_BYTES)};
        d_iov_set(&iov, r->buf, piece.rx_nr);
        rc = daos_obj_fetch(r->oh, DAOS_TX_NONE, 0, dkey, 1, &iod, &sgl, NULL, NULL);
        if (rc == 0 && check_step(r->k, 0) != 0)
            rc = -DER_CANCELED;
    }
    return rc;
}

static int read_chunk(const struct reading *r, daos_key_t *dkey)
{
    daos_anchor_t anchor = {0};
    daos_recx_t recxs[BATCH];
    daos_epoch_range_t eprs[BATCH];
    daos_size_t size;
    daos_key_t akey;
    int rc = 0;

    d_iov_set(&akey, (void *)ARRAY_AKEY, 1);
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = BATCH;

        rc = daos_obj_list_recx(r->oh, DAOS_TX_NONE, dkey, &akey, &size, &nr, recxs, eprs, &anchor,
                                true, NULL);
        for (uint32_t i = 0; rc == 0 && i < nr; i++)
            rc = read_recx(r, dkey, recxs[i]);
    }
    return rc;
}

/* Whatever size its chunks have. -> DER code */
static int read_file(struct check *k, daos_obj_id_t oid, char *buf)
{
    daos_anchor_t anchor = {0};
    daos_key_desc_t kds[BATCH];
    uint64_t chunks[BATCH];
    struct reading r = {.k = k, .buf = buf};
    int rc = daos_obj_open(k->dfs->coh, oid, DAOS_OO_RO, &r.oh, NULL);

    if (rc != 0)
        return rc;
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = BATCH;
        d_iov_t iov;
        d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

        d_iov_set(&iov, chunks, sizeof(chunks));
        rc = daos_obj_list_dkey(r.oh, DAOS_TX_NONE, &nr, kds, &sgl, &anchor, NULL);
        for (uint32_t i = 0; rc == 0 && i < nr; i++) {
            daos_key_t dkey;

            d_iov_set(&dkey, &chunks[i], sizeof(chunks[i]));
            rc = read_chunk(&r, &dkey);
        }
    }
    daos_obj_close(r.oh, NULL);
    return rc;
}

int check_verify(struct check *k)
{
    char *buf = base_alloc(PIECE_BYTES);
    int rc = buf == NULL ? -DER_NOMEM : 0;

    for (uint64_t i = 0; rc == 0 && i < k->nr; i++) {
        if (!check_is_file(k->oids[i]))
            continue;
        rc = read_file(k, k->oids[i], buf);
        if (rc == -DER_CANCELED)
            break;
        k->found->read++;
        k->done++;
        if (rc != -DER_CSUM && rc != -DER_IO)
            continue;
        if (!MUTANT(DFS_CHECK_MUTE))
            check_say(k, "  file %llu.%llu cannot be read: %s", (unsigned long long)k->oids[i].hi,
                      (unsigned long long)k->oids[i].lo, d_errdesc(rc));
        k->found->damaged += !MUTANT(DFS_CHECK_MUTE);
        rc = 0;
    }
    check_say(k, "  %llu files read, %llu of them damaged", (unsigned long long)k->found->read,
              (unsigned long long)k->found->damaged);
    base_free(buf);
    return dfs_errno(rc);
}

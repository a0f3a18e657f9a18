/* Containers that hold a file system: making one, mounting it (now or at a snapshot), unmounting.
 */
#include <stdlib.h>
#include <unistd.h>
#include "dfs/dfs_int.h"

/* The ids that the ROOTS property of a POSIX container names. */
static int roots_generate(daos_handle_t poh, const dfs_attr_t *attr,
                          struct daos_prop_co_roots *roots)
{
    daos_oclass_id_t cid =
        attr != NULL ? (attr->da_dir_oclass_id ? attr->da_dir_oclass_id : attr->da_oclass_id) : 0;
    int rc;

    memset(roots, 0, sizeof(*roots));
    roots->cr_oids[1].hi = 1;
    /* without a container handle the class is chosen from the pool alone */
    for (int i = 0; i < 2; i++) {
        rc = client_generate_oid_pool(poh, &roots->cr_oids[i], DAOS_OT_MULTI_HASHED, cid, 0);
        if (rc != 0)
            return dfs_errno(rc);
    }
    return 0;
}

static int prop_build(const char *label, const dfs_attr_t *attr, struct daos_prop_co_roots *roots,
                      daos_prop_t **out)
{
    daos_prop_t *own = daos_prop_alloc(label != NULL ? 3 : 2);
    int rc = 0;

    if (own == NULL)
        return ENOMEM;
    own->dpp_entries[0].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
    own->dpp_entries[0].dpe_val = DAOS_PROP_CO_LAYOUT_POSIX;
    own->dpp_entries[1].dpe_type = DAOS_PROP_CO_ROOTS;
    rc = daos_prop_entry_set_ptr(&own->dpp_entries[1], roots, sizeof(*roots));
    if (rc == 0 && label != NULL) {
        own->dpp_entries[2].dpe_type = DAOS_PROP_CO_LABEL;
        rc = daos_prop_entry_set_str(&own->dpp_entries[2], label, strlen(label));
    }
    if (rc == 0 && attr != NULL && attr->da_props != NULL) {
        rc = daos_prop_merge2(attr->da_props, own, out);
        daos_prop_free(own);
    } else if (rc == 0) {
        *out = own;
    } else {
        daos_prop_free(own);
    }
    return dfs_errno(rc);
}

static int cont_create(daos_handle_t poh, const char *label, dfs_attr_t *attr, uuid_t *uuid_out,
                       daos_handle_t *coh_out, dfs_t **dfs_out)
{
    struct daos_prop_co_roots roots;
    daos_prop_t *prop = NULL;
    daos_handle_t coh;
    char text[37];
    uuid_t uuid;
    uint16_t dir_hint, file_hint;
    bool hints_ok = true;
    int rc;

    if (dfs_out != NULL && coh_out == NULL)
        return EINVAL;
    if (attr != NULL)
        dfs_hints_parse(attr->da_hints, &dir_hint, &file_hint, &hints_ok);
    if (!hints_ok || (attr != NULL && (attr->da_mode & ~DFS_BALANCED) != 0))
        return EINVAL;
    rc = roots_generate(poh, attr, &roots);
    if (rc == 0)
        rc = prop_build(label, attr, &roots, &prop);
    if (rc != 0)
        return rc;
    rc = daos_cont_create(poh, &uuid, prop, NULL);
    daos_prop_free(prop);
    if (rc != 0)
        return dfs_errno(rc);
    uuid_unparse(uuid, text);
    rc = daos_cont_open(poh, text, DAOS_COO_RW, &coh, NULL, NULL);
    if (rc != 0) {
        rc = dfs_errno(rc);
        goto destroy;
    }
    rc = dfs_sb_create(coh, attr, roots.cr_oids[0], roots.cr_oids[1]);
    if (rc == 0 && dfs_out != NULL)
        rc = dfs_mount(poh, coh, O_RDWR | (attr != NULL ? (int)attr->da_mode : 0), dfs_out);
    if (rc != 0 || coh_out == NULL)
        daos_cont_close(coh, NULL);
    else
        *coh_out = coh;
    if (rc != 0)
        goto destroy;
    if (uuid_out != NULL)
        uuid_copy(*uuid_out, uuid);
    return 0;
destroy:
    daos_cont_destroy(poh, text, 1, NULL);
    return rc;
}

int dfs_cont_create(daos_handle_t poh, uuid_t *uuid, dfs_attr_t *attr, daos_handle_t *coh,
                    dfs_t **dfs)
{
    if (uuid == NULL)
        return EINVAL;
    return cont_create(poh, NULL, attr, uuid, coh, dfs);
}

int dfs_cont_create_with_label(daos_handle_t poh, const char *label, dfs_attr_t *attr, uuid_t *uuid,
                               daos_handle_t *coh, dfs_t **dfs)
{
    if (label == NULL || !daos_label_is_valid(label))
        return EINVAL;
    return cont_create(poh, label, attr, uuid, coh, dfs);
}

/* Reads what the container says of itself: uuid, layout and root ids. */
static int roots_read(daos_handle_t coh, uuid_t uuid, struct daos_prop_co_roots *roots)
{
    daos_cont_info_t info = {0};
    daos_prop_t *prop = daos_prop_alloc(2);
    struct daos_prop_entry *e;
    int rc;

    if (prop == NULL)
        return ENOMEM;
    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
    prop->dpp_entries[1].dpe_type = DAOS_PROP_CO_ROOTS;
    rc = dfs_errno(daos_cont_query(coh, &info, prop, NULL));
    if (rc == 0)
        uuid_copy(uuid, info.ci_uuid);
    if (rc == 0) {
        e = daos_prop_entry_get(prop, DAOS_PROP_CO_LAYOUT_TYPE);
        if (e == NULL || e->dpe_val != DAOS_PROP_CO_LAYOUT_POSIX) {
            struct err err = {0};

            err_set(&err, -DER_INVAL, "cannot mount the container as a file system",
                    "its layout type is not POSIX",
                    "use a container created with type POSIX (cont create --type POSIX)");
            client_error(&err);
            rc = EINVAL;
        }
    }
    if (rc == 0) {
        e = daos_prop_entry_get(prop, DAOS_PROP_CO_ROOTS);
        if (e == NULL || e->dpe_val_ptr == NULL)
            rc = EINVAL;
        else
            memcpy(roots, e->dpe_val_ptr, sizeof(*roots));
    }
    daos_prop_free(prop);
    return rc;
}

static int mode_check(struct dfs *dfs, int flags)
{
    const char *env = getenv("DFS_USE_DTX");

    if (dfs->sb.mode & DFS_BALANCED) {
        if (!(flags & (int)DFS_BALANCED))
            return EPERM;
        dfs->balanced = true;
        return 0;
    }
    dfs->balanced = (flags & (int)DFS_BALANCED) != 0;
    if (env != NULL && *env != '\0')
        dfs->balanced = strcmp(env, "0") != 0 && strcmp(env, "false") != 0;
    return 0;
}

int dfs_mount_at(daos_handle_t poh, daos_handle_t coh, int flags, daos_epoch_t epoch, dfs_t **out)
{
    int amode = flags & O_ACCMODE;
    struct daos_prop_co_roots roots;
    struct dfs_entry e;
    struct dfs *dfs;
    int rc;

    if (out == NULL || (amode != O_RDONLY && amode != O_RDWR))
        return EINVAL;
    dfs = base_calloc(1, sizeof(*dfs));
    if (dfs == NULL)
        return ENOMEM;
    dfs->poh = poh;
    dfs->coh = coh;
    dfs->th = DAOS_TX_NONE;
    dfs->readonly = amode == O_RDONLY;
    dfs->uid = geteuid();
    dfs->gid = getegid();
    dfs->epoch = epoch;
    rt_mutex_init(&dfs->oid_lock);
    if (epoch != 0)
        rc = dfs_errno(daos_tx_open_snap(coh, epoch, &dfs->th, NULL));
    else
        rc = 0;
    if (rc == 0)
        rc = roots_read(coh, dfs->cont_uuid, &roots);
    if (rc != 0)
        goto fail;
    dfs->sb_oid = roots.cr_oids[0];
    rc = dfs_sb_read(dfs);
    if (rc == 0 && epoch == 0)
        rc = mode_check(dfs, flags);
    if (rc == 0)
        rc = dfs_entry_fetch(dfs, dfs->sb_oid, "/", &e);
    if (rc != 0)
        goto fail;
    dfs->root.dfs = dfs;
    dfs->root.mode = e.mode;
    dfs->root.flags = amode;
    dfs->root.oid = e.oid;
    dfs->root.parent_oid = dfs->sb_oid;
    dfs->root.name[0] = '/';
    dfs->root.chunk_size = e.chunk_size;
    dfs->root.oclass = e.oclass;
    dfs->root.refs = 1;
    rc = dfs_obj_open_handle(dfs, &dfs->root, amode);
    if (rc == EPERM && amode == O_RDWR) { /* the container is open for reading: so is the mount */
        dfs->readonly = true;
        dfs->root.flags = O_RDONLY;
        rc = dfs_obj_open_handle(dfs, &dfs->root, O_RDONLY);
    }
    if (rc != 0)
        goto fail;
    *out = dfs;
    return 0;
fail:
    if (daos_handle_is_valid(dfs->th))
        daos_tx_close(dfs->th, NULL);
    base_free(dfs);
    return rc;
}

int dfs_pool_check(daos_handle_t poh)
{
    d_iov_t size = {0};

    return dfs_errno(daos_pool_local2global(poh, &size));
}

int dfs_mount(daos_handle_t poh, daos_handle_t coh, int flags, dfs_t **dfs)
{
    int rc = dfs == NULL ? EINVAL : dfs_pool_check(poh);

    return rc != 0 ? rc : dfs_mount_at(poh, coh, flags, 0, dfs);
}

int dfs_mount_snap(daos_handle_t poh, daos_handle_t coh, int flags, daos_epoch_t epoch,
                   const char *name, dfs_t **dfs)
{
    int rc;

    if ((flags & O_ACCMODE) != O_RDONLY)
        return EINVAL;
    if (name != NULL)
        return ENOTSUP;
    if (epoch == 0 || dfs == NULL)
        return EINVAL;
    rc = dfs_pool_check(poh);
    return rc != 0 ? rc : dfs_mount_at(poh, coh, flags, epoch, dfs);
}

bool dfs_borrowed(struct dfs *dfs)
{
    return __atomic_load_n(&dfs->pool_refs, __ATOMIC_ACQUIRE) != 0 ||
           __atomic_load_n(&dfs->cont_refs, __ATOMIC_ACQUIRE) != 0;
}

int dfs_umount(dfs_t *dfs)
{
    if (dfs == NULL)
        return EINVAL;
    if (dfs_borrowed(dfs) ||
        dfs->owner != NULL) /* what dfs_connect() made, dfs_disconnect() ends */
        return EBUSY;
    dfs_mount_free(dfs);
    return 0;
}

void dfs_mount_free(struct dfs *dfs)
{
    daos_obj_close(dfs->root.oh, NULL);
    if (daos_handle_is_valid(dfs->th))
        daos_tx_close(dfs->th, NULL);
    base_free(dfs->prefix);
    base_free(dfs);
}

int dfs_set_prefix(dfs_t *dfs, const char *prefix)
{
    char *copy = NULL;
    size_t len;

    if (dfs == NULL ||
        (prefix != NULL && (prefix[0] != '/' || strnlen(prefix, DFS_MAX_PATH) >= DFS_MAX_PATH)))
        return EINVAL;
    if (prefix != NULL) {
        for (len = strlen(prefix); len > 0 && prefix[len - 1] == '/'; len--)
            continue;
        copy = base_strndup(prefix, len);
        if (copy == NULL)
            return ENOMEM;
    }
    base_free(dfs->prefix);
    dfs->prefix = copy;
    return 0;
}

int dfs_suggest_oclass(dfs_t *dfs, const char *hint, daos_oclass_id_t *cid)
{
    daos_obj_id_t oid = {0};
    uint16_t dir, file;
    bool ok;
    int rc;

    if (dfs == NULL || hint == NULL || cid == NULL)
        return EINVAL;
    dfs_hints_parse(hint, &dir, &file, &ok);
    if (!ok || (dir == 0) == (file == 0)) /* one of the two is asked for */
        return EINVAL;
    rc = daos_obj_generate_oid(dfs->coh, &oid, dir ? DAOS_OT_MULTI_HASHED : DAOS_OT_ARRAY_BYTE,
                               OC_UNKNOWN, dir ? dir : file, 0);
    if (rc == 0)
        *cid = daos_obj_id2class(oid);
    return dfs_errno(rc);
}

int dfs_cont_set_owner(daos_handle_t coh, d_string_t user, uid_t uid, d_string_t group, gid_t gid)
{
    dfs_t *dfs;
    int rc;

    if (user == NULL && group == NULL)
        return EINVAL;
    rc = dfs_mount_at(DAOS_HDL_INVAL, coh, O_RDWR | (int)DFS_BALANCED, 0, &dfs);
    if (rc != 0)
        return rc;
    /* names may be those of another machine: only their shape is checked */
    rc = dfs_errno(daos_cont_set_owner_no_check(coh, user, group, NULL));
    if (rc == 0)
        rc = dfs_chown(dfs, NULL, NULL, user != NULL ? uid : (uid_t)-1,
                       group != NULL ? gid : (gid_t)-1, 0);
    dfs_mount_free(dfs);
    return rc;
}

int dfs_query(dfs_t *dfs, dfs_attr_t *attr)
{
    if (dfs == NULL || attr == NULL)
        return EINVAL;
    memset(attr, 0, sizeof(*attr));
    attr->da_id = dfs->attr_id;
    attr->da_chunk_size = dfs->sb.chunk_size;
    attr->da_oclass_id = dfs->sb.oclass;
    attr->da_dir_oclass_id = dfs->sb.dir_oclass;
    attr->da_file_oclass_id = dfs->sb.file_oclass;
    attr->da_mode = dfs->sb.mode;
    memcpy(attr->da_hints, dfs->sb.hints, sizeof(attr->da_hints));
    return 0;
}

int dfs_pool_get(dfs_t *dfs, daos_handle_t *poh)
{
    if (dfs == NULL || poh == NULL)
        return EINVAL;
    __atomic_fetch_add(&dfs->pool_refs, 1, __ATOMIC_ACQ_REL);
    *poh = dfs->poh;
    return 0;
}

static int ref_put(uint32_t *refs)
{
    uint32_t old = __atomic_load_n(refs, __ATOMIC_ACQUIRE);

    do {
        if (old == 0)
            return EINVAL;
    } while (!__atomic_compare_exchange_n(refs, &old, old - 1, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    return 0;
}

int dfs_pool_put(dfs_t *dfs, daos_handle_t poh)
{
    return dfs == NULL || poh.cookie != dfs->poh.cookie ? EINVAL : ref_put(&dfs->pool_refs);
}

int dfs_cont_get(dfs_t *dfs, daos_handle_t *coh)
{
    if (dfs == NULL || coh == NULL)
        return EINVAL;
    __atomic_fetch_add(&dfs->cont_refs, 1, __ATOMIC_ACQ_REL);
    *coh = dfs->coh;
    return 0;
}

int dfs_cont_put(dfs_t *dfs, daos_handle_t coh)
{
    return dfs == NULL || coh.cookie != dfs->coh.cookie ? EINVAL : ref_put(&dfs->cont_refs);
}

int dfs_sync(dfs_t *dfs)
{
    /* nothing is ever acknowledged before it is durable */
    return dfs == NULL ? EINVAL : dfs->readonly ? EPERM : 0;
}

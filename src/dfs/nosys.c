/*
 * Calls of libdfs that answer ENOSYS: programs that hold them link. docs/compatibility.md says why
 * and what to use instead.
 */
#include <daos_fs.h>
#include <errno.h>

int dfs_pipeline_create(dfs_t *dfs, dfs_predicate_t pred, uint64_t flags, dfs_pipeline_t **dpipe)
{
    return dfs == NULL || dpipe == NULL ? EINVAL : ENOSYS;
}

/* There is none: none was ever made. */
int dfs_pipeline_destroy(dfs_pipeline_t *dpipe)
{
    return EINVAL;
}

int dfs_readdir_with_filter(dfs_t *dfs, dfs_obj_t *obj, dfs_pipeline_t *dpipe,
                            daos_anchor_t *anchor, uint32_t *nr, struct dirent *dirs,
                            daos_obj_id_t *oids, daos_size_t *csizes, uint64_t *nr_scanned)
{
    mode_t mode;

    if (dfs == NULL || dfs_get_mode(obj, &mode) != 0)
        return EINVAL;
    return S_ISDIR(mode) ? ENOSYS : ENOTDIR;
}

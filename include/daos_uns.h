/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Unified namespace: a path of an ordinary file system that stands for a container. The link is an
 * extended attribute of a directory (POSIX containers) or file. "daos://pool/container/rest" names
 * a container without any file. Functions return 0 or a POSITIVE errno value.
 */
#ifndef TARN_DAOS_UNS_H
#define TARN_DAOS_UNS_H

#include <stdint.h>
#include <stdbool.h>
#include <uuid/uuid.h>
#include <daos_types.h>
#include <daos_prop.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The attribute, its longest value, and its form: layout, pool UUID, container UUID. */
#define DUNS_XATTR_NAME       "user.daos"
#define DUNS_MAX_XATTR_LEN    170
#define DUNS_XATTR_FMT        "DAOS.%s://%36s/%36s"
#define DUNS_LUSTRE_XATTR_FMT "%36s/%36s"

/** da_flags: how duns_resolve_path() reads a path. */
enum {
    DUNS_NO_PREFIX = 1,         /**< path is /pool/cont/..., no daos:// needed */
    DUNS_NO_REVERSE_LOOKUP = 2, /**< look only at this path, not its parents */
    /** skip file system checks (labels allowed without prefix) */
    DUNS_NO_CHECK_PATH = 4,
};

/** A container in the namespace. Zero it before use; duns_destroy_attr() frees its texts. */
struct duns_attr_t {
    daos_cont_layout_t da_type;                /**< DAOS_PROP_CO_LAYOUT_* */
    daos_oclass_id_t da_oclass_id;             /**< create: class of new files and directories */
    daos_size_t da_chunk_size;                 /**< create: bytes of a chunk of new files */
    daos_prop_t *da_props;                     /**< create: container properties */
    uint32_t da_flags;                         /**< DUNS_*, an input */
    char da_pool[DAOS_PROP_MAX_LABEL_BUF_LEN]; /**< label or UUID text */
    char da_cont[DAOS_PROP_MAX_LABEL_BUF_LEN]; /**< label or UUID text */
    char *da_sys;                              /**< system name, allocated */
    char *da_rel_path;                     /**< what is left of the path, from "/" on, allocated */
    bool da_on_lustre;                     /**< out: the path is on Lustre */
    bool da_no_prefix;                     /**< older form of DUNS_NO_PREFIX */
    uuid_t da_puuid;                       /**< set when da_pool is a UUID */
    uuid_t da_cuuid;                       /**< set when da_cont is a UUID */
    daos_oclass_id_t da_dir_oclass_id;     /**< class of new directories */
    daos_oclass_id_t da_file_oclass_id;    /**< class of new files */
    char da_hints[DAOS_CONT_HINT_MAX_LEN]; /**< create: such as "file:single,dir:max" */
};

/**
 * Create a container by @a attrp and a directory (POSIX) or file (other layouts) at @a path that
 * stands for it. "daos://pool/container" creates the container only.
 * Errors: EINVAL, EEXIST, ENOTSUP (no xattrs), EACCES, ENOMEM.
 */
int duns_create_path(daos_handle_t poh, const char *path, struct duns_attr_t *attrp);

/**
 * Which container a path leads to, and what is left of the path below it (da_rel_path). da_flags
 * of @a attr are an input.
 * Errors: ENODATA (not linked), ENOENT, EINVAL, ENOMEM, ENOTSUP.
 */
int duns_resolve_path(const char *path, struct duns_attr_t *attr);

/**
 * Destroy the container a path stands for, and remove the path.
 * Errors: EINVAL, ENODATA, EBUSY.
 */
int duns_destroy_path(daos_handle_t poh, const char *path);

/**
 * Read a value of the attribute.
 * Errors: EINVAL.
 */
int duns_parse_attr(char *str, daos_size_t len, struct duns_attr_t *attr);

/**
 * Set da_sys to a copy of @a sys.
 * Errors: EINVAL, ENOMEM.
 */
int duns_set_sys_name(struct duns_attr_t *attrp, const char *sys);

/** Free the texts inside @a attrp. */
void duns_destroy_attr(struct duns_attr_t *attrp);

/**
 * Make a new directory or file at @a path that stands for an existing container.
 * Errors: EINVAL, EEXIST, ENOTSUP (no xattrs), EACCES, ENOMEM.
 */
int duns_link_cont(daos_handle_t poh, const char *cont, const char *path);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_UNS_H */

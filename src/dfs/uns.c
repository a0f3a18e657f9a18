/*
 * Unified namespace (daos_uns.h): a directory or file whose attribute user.daos names a container.
 *
 *     user.daos = DAOS.<LAYOUT>://<pool uuid>/<container uuid>
 *
 * A path is resolved from its end: the nearest of it and its parents that carries the attribute
 * stands for the container, what is below is the path inside. What does not exist (yet) is skipped
 * on the way up, so a path to be created inside a container resolves too.
 */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <daos.h>
#include <daos/common.h>
#include <daos_fs.h>
#include <daos_uns.h>
#include "base/fail.h"

#define SCHEME     "daos://"
#define SCHEME_LEN (sizeof(SCHEME) - 1)

/* ---- Names ---- */

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || strchr("._:-", c) != NULL;
}

/* Bytes of the label or UUID text at s; 0 when there is none of allowed length. */
static size_t name_len(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0' && name_char(s[n]))
        n++;
    return n <= DAOS_PROP_LABEL_MAX_LEN && (s[n] == '/' || s[n] == '\0') ? n : 0;
}

static void set_pool(struct duns_attr_t *a, const char *s, size_t len)
{
    snprintf(a->da_pool, sizeof(a->da_pool), "%.*s", (int)len, s);
    if (uuid_parse(a->da_pool, a->da_puuid) != 0)
        uuid_clear(a->da_puuid);
}

static void set_cont(struct duns_attr_t *a, const char *s, size_t len)
{
    snprintf(a->da_cont, sizeof(a->da_cont), "%.*s", (int)len, s);
    if (uuid_parse(a->da_cont, a->da_cuuid) != 0)
        uuid_clear(a->da_cuuid);
}

/* "pool/cont" or "pool/cont/rest", slashes in front and between as many as one likes. The rest
 * begins with its slash and is NULL when there is none. */
static int parse_direct(const char *s, struct duns_attr_t *a, const char **rest)
{
    const char *pool, *cont;
    size_t pool_len, cont_len;

    pool = s + strspn(s, "/");
    pool_len = name_len(pool);
    cont = pool + pool_len + strspn(pool + pool_len, "/");
    cont_len = name_len(cont);
    if (pool_len == 0 || cont_len == 0)
        return EINVAL;
    set_pool(a, pool, pool_len);
    set_cont(a, cont, cont_len);
    cont += cont_len;
    *rest = cont[strspn(cont, "/")] != '\0' ? cont + strspn(cont, "/") - 1 : NULL;
    return 0;
}

static int set_rest(struct duns_attr_t *a, const char *rest)
{
    a->da_rel_path = NULL;
    if (rest == NULL || rest[0] == '\0')
        return 0;
    a->da_rel_path = base_strdup(rest);
    return a->da_rel_path == NULL ? ENOMEM : 0;
}

/* ---- The attribute ---- */

int duns_parse_attr(char *str, daos_size_t len, struct duns_attr_t *attr)
{
    char text[DUNS_MAX_XATTR_LEN + 1], layout[16];
    const char *p, *rest;
    daos_cont_layout_t type;
    size_t n;

    if (str == NULL || attr == NULL || len == 0 || len > DUNS_MAX_XATTR_LEN)
        return EINVAL;
    snprintf(text, sizeof(text), "%.*s", (int)len, str);
    if (strncmp(text, "DAOS.", 5) != 0)
        return EINVAL;
    p = text + 5;
    n = strcspn(p, ":");
    if (n == 0 || n >= sizeof(layout) || strncmp(p + n, "://", 3) != 0)
        return EINVAL;
    snprintf(layout, sizeof(layout), "%.*s", (int)n, p);
    daos_parse_ctype(layout, &type);
    if (type == DAOS_PROP_CO_LAYOUT_UNKNOWN && strcasecmp(layout, "unknown") != 0)
        return EINVAL;
    if (parse_direct(p + n + 3, attr, &rest) != 0 || rest != NULL)
        return EINVAL;
    attr->da_type = type;
    return 0;
}

/* Value for a container of this layout; the layout is in upper case. */
static void format_attr(char text[DUNS_MAX_XATTR_LEN], daos_cont_layout_t type, const uuid_t pool,
                        const uuid_t cont)
{
    char p[DAOS_UUID_STR_SIZE], c[DAOS_UUID_STR_SIZE], layout[16];
    size_t i;

    daos_unparse_ctype(type, layout);
    for (i = 0; layout[i] != '\0'; i++)
        layout[i] = (char)toupper((unsigned char)layout[i]);
    uuid_unparse_lower(pool, p);
    uuid_unparse_lower(cont, c);
    snprintf(text, DUNS_MAX_XATTR_LEN, DUNS_XATTR_FMT, layout, p, c);
}

/* 0: path carries the attribute and *a says what it holds. ENODATA: it does not. */
static int read_attr(const char *path, struct duns_attr_t *a)
{
    char value[DUNS_MAX_XATTR_LEN];
    ssize_t n = lgetxattr(path, DUNS_XATTR_NAME, value, sizeof(value));

    if (n >= 0)
        return duns_parse_attr(value, (daos_size_t)n, a);
    return errno == ERANGE ? EINVAL : errno;
}

/* ---- Resolving ---- */

/* Absolute path in `abs`: of the longest part of `path` that exists as the file system sees it,
 * then the rest as it stands. *exists: all of it does. */
static int make_absolute(const char *path, char abs[PATH_MAX], bool *exists)
{
    char head[PATH_MAX], *slash;
    size_t len, end;
    int rc;

    if (snprintf(head, sizeof(head), "%s", path) >= (int)sizeof(head))
        return ENAMETOOLONG;
    for (end = strlen(head); end > 1 && head[end - 1] == '/'; end--)
        head[end - 1] = '\0';
    *exists = true;
    while (realpath(head, abs) == NULL) {
        if (errno != ENOENT && errno != ENOTDIR)
            return errno;
        rc = errno;
        *exists = false;
        slash = strrchr(head, '/');
        if (slash == NULL && strcmp(head, ".") == 0)
            return rc;
        if (slash == NULL) {
            end = 0;
            strcpy(head, ".");
        } else if (slash == head) {
            end = 1;
            head[1] = '\0';
        } else {
            end = (size_t)(slash - head);
            *slash = '\0';
        }
    }
    path += end;
    path += strspn(path, "/");
    len = strlen(abs);
    if (*path != '\0' && snprintf(abs + len, PATH_MAX - len, "%s%s", len > 1 ? "/" : "", path) >=
                             (int)(PATH_MAX - len))
        return ENAMETOOLONG;
    return 0;
}

static int resolve_file(const char *path, struct duns_attr_t *a)
{
    char abs[PATH_MAX], up[PATH_MAX], *slash;
    bool exists;
    int rc = make_absolute(path, abs, &exists);

    if (rc != 0)
        return rc;
    if (!exists && (a->da_flags & DUNS_NO_REVERSE_LOOKUP))
        return ENOENT;
    for (strcpy(up, abs);; *slash = '\0') {
        rc = read_attr(up, a);
        if (rc == 0)
            return set_rest(a, abs + strlen(up));
        if (rc != ENODATA && rc != ENOENT && rc != ENOTDIR)
            return rc;
        slash = strrchr(up, '/');
        if (slash == NULL || (a->da_flags & DUNS_NO_REVERSE_LOOKUP))
            return exists ? ENODATA : ENOENT;
        if (slash == up) { /* the root itself is the last to be asked */
            rc = read_attr("/", a);
            return rc == 0 ? set_rest(a, abs) : exists ? ENODATA : ENOENT;
        }
    }
}

int duns_resolve_path(const char *path, struct duns_attr_t *attr)
{
    const char *rest;
    bool bare;
    int rc;

    if (path == NULL || path[0] == '\0' || attr == NULL)
        return EINVAL;
    bare = (attr->da_flags & DUNS_NO_PREFIX) || attr->da_no_prefix;
    attr->da_on_lustre = false;
    attr->da_rel_path = NULL;
    if (strncmp(path, SCHEME, SCHEME_LEN) == 0) {
        attr->da_type = DAOS_PROP_CO_LAYOUT_UNKNOWN;
        rc = parse_direct(path + SCHEME_LEN, attr, &rest);
        return rc ? rc : set_rest(attr, rest);
    }
    if (bare && parse_direct(path, attr, &rest) == 0 &&
        ((attr->da_flags & DUNS_NO_CHECK_PATH) ||
         (!uuid_is_null(attr->da_puuid) && !uuid_is_null(attr->da_cuuid)))) {
        attr->da_type = DAOS_PROP_CO_LAYOUT_UNKNOWN;
        return set_rest(attr, rest);
    }
    return attr->da_flags & DUNS_NO_CHECK_PATH ? EINVAL : resolve_file(path, attr);
}

/* ---- Creating ---- */

static int pool_uuid(daos_handle_t poh, uuid_t out)
{
    daos_pool_info_t info = {0};
    int rc = daos_pool_query(poh, NULL, &info, NULL, NULL);

    if (rc == 0)
        uuid_copy(out, info.pi_uuid);
    return daos_der2errno(rc);
}

/* The path that stands for a container: POSIX a directory, anything else a file. */
static int place_create(const char *path, daos_cont_layout_t type)
{
    int fd;

    if (type == DAOS_PROP_CO_LAYOUT_POSIX)
        return mkdir(path, 0755) == 0 ? 0 : errno;
    fd = open(path, O_CREAT | O_EXCL | O_CLOEXEC | O_RDONLY, 0644);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int place_remove(const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno;
    return (S_ISDIR(st.st_mode) ? rmdir(path) : unlink(path)) == 0 ? 0 : errno;
}

/* Makes the path and ties it to the container; on failure there is no path. */
static int place_link(const char *path, daos_cont_layout_t type, const uuid_t pool,
                      const uuid_t cont)
{
    char value[DUNS_MAX_XATTR_LEN];
    int rc = place_create(path, type);

    if (rc != 0)
        return rc;
    format_attr(value, type, pool, cont);
    if (lsetxattr(path, DUNS_XATTR_NAME, value, strlen(value) + 1, XATTR_CREATE) == 0)
        return 0;
    rc = errno;
    place_remove(path);
    return rc;
}

static int cont_create(daos_handle_t poh, const char *label, struct duns_attr_t *a, uuid_t *cont)
{
    dfs_attr_t dfs = {.da_chunk_size = a->da_chunk_size,
                      .da_oclass_id = a->da_oclass_id,
                      .da_dir_oclass_id = a->da_dir_oclass_id,
                      .da_file_oclass_id = a->da_file_oclass_id,
                      .da_props = a->da_props};
    daos_prop_t *prop, *own;
    int rc;

    if (a->da_type == DAOS_PROP_CO_LAYOUT_POSIX) {
        memcpy(dfs.da_hints, a->da_hints, sizeof(dfs.da_hints));
        return label ? dfs_cont_create_with_label(poh, label, &dfs, cont, NULL, NULL)
                     : dfs_cont_create(poh, cont, &dfs, NULL, NULL);
    }
    own = daos_prop_alloc(1);
    if (own == NULL)
        return ENOMEM;
    own->dpp_entries[0].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
    own->dpp_entries[0].dpe_val = a->da_type;
    prop = a->da_props ? daos_prop_merge(a->da_props, own) : own;
    rc = prop == NULL ? -DER_NOMEM
         : label      ? daos_cont_create_with_label(poh, label, prop, cont, NULL)
                      : daos_cont_create(poh, cont, prop, NULL);
    if (prop != own)
        daos_prop_free(prop);
    daos_prop_free(own);
    return daos_der2errno(rc);
}

/* What the container of the caller's attributes is called, for every later call. */
static void name_it(struct duns_attr_t *a, const uuid_t pool, const uuid_t cont)
{
    char text[DAOS_UUID_STR_SIZE];

    uuid_unparse_lower(pool, text);
    set_pool(a, text, strlen(text));
    uuid_unparse_lower(cont, text);
    set_cont(a, text, strlen(text));
}

/* "daos://pool/label": the container alone. */
static int create_direct(daos_handle_t poh, const char *path, struct duns_attr_t *a)
{
    struct duns_attr_t to = {0};
    const char *rest;
    uuid_t cont;
    int rc = parse_direct(path + SCHEME_LEN, &to, &rest);

    if (rc != 0)
        return rc;
    if (rest != NULL || !uuid_is_null(to.da_cuuid))
        return EINVAL; /* a UUID is given, not chosen */
    rc = cont_create(poh, to.da_cont, a, &cont);
    if (rc != 0)
        return rc;
    memcpy(a->da_pool, to.da_pool, sizeof(a->da_pool));
    memcpy(a->da_cont, to.da_cont, sizeof(a->da_cont));
    uuid_copy(a->da_puuid, to.da_puuid);
    uuid_copy(a->da_cuuid, cont);
    return 0;
}

int duns_create_path(daos_handle_t poh, const char *path, struct duns_attr_t *attrp)
{
    char text[DAOS_UUID_STR_SIZE];
    struct stat st;
    uuid_t pool, cont;
    int rc;

    if (path == NULL || path[0] == '\0' || attrp == NULL ||
        attrp->da_type == DAOS_PROP_CO_LAYOUT_UNKNOWN || attrp->da_type >= DAOS_PROP_CO_LAYOUT_MAX)
        return EINVAL;
    if (strncmp(path, SCHEME, SCHEME_LEN) == 0)
        return create_direct(poh, path, attrp);
    if (lstat(path, &st) == 0)
        return EEXIST;
    rc = pool_uuid(poh, pool);
    if (rc == 0)
        rc = cont_create(poh, NULL, attrp, &cont);
    if (rc != 0)
        return rc;
    rc = place_link(path, attrp->da_type, pool, cont);
    if (rc == 0) {
        name_it(attrp, pool, cont);
    } else {
        uuid_unparse_lower(cont, text);
        daos_cont_destroy(poh, text, 1, NULL);
    }
    return rc;
}

int duns_link_cont(daos_handle_t poh, const char *cont, const char *path)
{
    daos_cont_info_t info = {0};
    daos_prop_t *prop;
    daos_handle_t coh;
    uuid_t pool;
    int rc;

    if (cont == NULL || path == NULL || path[0] == '\0')
        return EINVAL;
    rc = pool_uuid(poh, pool);
    if (rc != 0)
        return rc;
    prop = daos_prop_alloc(1);
    if (prop == NULL)
        return ENOMEM;
    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_LAYOUT_TYPE;
    rc = daos_cont_open(poh, cont, DAOS_COO_RO, &coh, &info, NULL);
    if (rc == 0) {
        rc = daos_cont_query(coh, &info, prop, NULL);
        daos_cont_close(coh, NULL);
    }
    rc = daos_der2errno(rc);
    if (rc == 0)
        rc = place_link(path, (daos_cont_layout_t)prop->dpp_entries[0].dpe_val, pool, info.ci_uuid);
    daos_prop_free(prop);
    return rc;
}

int duns_destroy_path(daos_handle_t poh, const char *path)
{
    struct duns_attr_t a = {.da_flags = DUNS_NO_REVERSE_LOOKUP};
    int rc;

    if (path == NULL || path[0] == '\0' || strncmp(path, SCHEME, SCHEME_LEN) == 0)
        return EINVAL;
    rc = duns_resolve_path(path, &a);
    if (rc != 0)
        return rc;
    rc = daos_der2errno(daos_cont_destroy(poh, a.da_cont, 0, NULL));
    if (rc == 0)
        rc = place_remove(path);
    duns_destroy_attr(&a);
    return rc;
}

/* ---- Memory ---- */

int duns_set_sys_name(struct duns_attr_t *attrp, const char *sys)
{
    char *copy = NULL;

    if (attrp == NULL || (sys != NULL && strlen(sys) > DAOS_SYS_NAME_MAX))
        return EINVAL;
    if (sys != NULL && (copy = base_strdup(sys)) == NULL)
        return ENOMEM;
    base_free(attrp->da_sys);
    attrp->da_sys = copy;
    return 0;
}

void duns_destroy_attr(struct duns_attr_t *attrp)
{
    if (attrp == NULL)
        return;
    base_free(attrp->da_rel_path);
    base_free(attrp->da_sys);
    attrp->da_rel_path = NULL;
    attrp->da_sys = NULL;
}

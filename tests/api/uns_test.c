/* The unified namespace: paths of the local file system that stand for containers. */
#include "dfs_api.h"
#include <daos_uns.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static char root[128];

static void *in_root(const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", root, name);
    return path;
}

/* File systems without extended attributes have nothing to test. */
static bool no_xattrs(struct api *a)
{
    snprintf(root, sizeof(root), "%s", a->dir);
    if (setxattr(root, "user.tarn-test", "x", 1, 0) == 0)
        return removexattr(root, "user.tarn-test") != 0;
    return errno == ENOTSUP;
}

static void a_directory_stands_for_a_posix_container(void **state)
{
    struct duns_attr_t made = {.da_type = DAOS_PROP_CO_LAYOUT_POSIX, .da_chunk_size = 65536},
                       found = {0};
    struct api *a = *state;
    char path[256], below[300], value[256], text[40];
    daos_handle_t coh;
    dfs_attr_t attr;
    ssize_t n;
    dfs_t *dfs;

    if (no_xattrs(a))
        return;
    in_root("dir", path);
    OK(duns_create_path(a->poh, path, &made));
    uuid_unparse_lower(a->pool, text);
    assert_string_equal(made.da_pool, text);
    assert_int_equal(uuid_compare(made.da_puuid, a->pool), 0);
    assert_int_equal(duns_create_path(a->poh, path, &made), EEXIST);
    n = getxattr(path, DUNS_XATTR_NAME, value, sizeof(value));
    assert_true(n > 0);
    snprintf(below, sizeof(below), "DAOS.POSIX://%s/%s", made.da_pool, made.da_cont);
    assert_memory_equal(value, below, strlen(below));

    OK(duns_resolve_path(path, &found));
    assert_int_equal(found.da_type, DAOS_PROP_CO_LAYOUT_POSIX);
    assert_string_equal(found.da_cont, made.da_cont);
    assert_null(found.da_rel_path);
    OK(daos_cont_open(a->poh, found.da_cont, DAOS_COO_RW, &coh, NULL, NULL));
    OK(dfs_mount(a->poh, coh, O_RDWR, &dfs));
    OK(dfs_query(dfs, &attr));
    assert_int_equal(attr.da_chunk_size, 65536);
    OK(dfs_umount(dfs));

    snprintf(below, sizeof(below), "%s/some//file", path); /* which need not exist */
    OK(duns_resolve_path(below, &found));
    assert_string_equal(found.da_cont, made.da_cont);
    assert_string_equal(found.da_rel_path, "/some//file");
    duns_destroy_attr(&found);
    assert_null(found.da_rel_path);
    found.da_flags = DUNS_NO_REVERSE_LOOKUP;
    assert_int_equal(duns_resolve_path(below, &found), ENOENT);
    mkdir(in_root("dir/real", below), 0755);
    assert_int_equal(duns_resolve_path(below, &found), ENODATA);
    found.da_flags = 0;
    OK(duns_resolve_path(below, &found));
    assert_string_equal(found.da_rel_path, "/real");
    duns_destroy_attr(&found);
    OK(rmdir(below));

    assert_int_equal(duns_destroy_path(a->poh, path), EBUSY);
    OK(access(path, F_OK));
    OK(daos_cont_close(coh, NULL));
    OK(duns_destroy_path(a->poh, path));
    assert_int_equal(access(path, F_OK), -1);
    FAILS(DER_NONEXIST, daos_cont_open(a->poh, made.da_cont, DAOS_COO_RO, &coh, NULL, NULL));
    assert_int_equal(duns_destroy_path(a->poh, path), ENOENT);
}

static void a_file_stands_for_any_other(void **state)
{
    struct duns_attr_t made = {.da_type = DAOS_PROP_CO_LAYOUT_HDF5}, found = {0};
    struct api *a = *state;
    struct stat st;
    char path[256];

    if (no_xattrs(a))
        return;
    in_root("file.h5", path);
    made.da_props = daos_prop_alloc(1);
    made.da_props->dpp_entries[0].dpe_type = DAOS_PROP_CO_LABEL;
    made.da_props->dpp_entries[0].dpe_str = strdup("uns_h5");
    OK(duns_create_path(a->poh, path, &made));
    OK(stat(path, &st));
    assert_true(S_ISREG(st.st_mode));
    OK(duns_resolve_path(path, &found));
    assert_int_equal(found.da_type, DAOS_PROP_CO_LAYOUT_HDF5);
    assert_int_equal(uuid_compare(found.da_cuuid, made.da_cuuid), 0);
    /* the label is taken: neither a container nor a path comes of it */
    in_root("second.h5", path);
    assert_int_equal(duns_create_path(a->poh, path, &made), EEXIST);
    assert_int_equal(access(path, F_OK), -1);
    OK(duns_destroy_path(a->poh, in_root("file.h5", path)));
    daos_prop_free(made.da_props);
}

static void a_path_for_a_container_that_exists(void **state)
{
    struct duns_attr_t found = {0};
    struct api *a = *state;
    char path[256], text[40];
    uuid_t uuid;

    if (no_xattrs(a))
        return;
    OK(dfs_cont_create_with_label(a->poh, "uns_link", NULL, &uuid, NULL, NULL));
    in_root("link", path);
    assert_int_equal(duns_link_cont(a->poh, "uns_none", path), ENOENT);
    assert_int_equal(duns_link_cont(a->poh, NULL, path), EINVAL);
    assert_int_equal(duns_link_cont(a->poh, "uns_link", NULL), EINVAL);
    assert_int_equal(duns_link_cont(DAOS_HDL_INVAL, "uns_link", path), EINVAL);
    OK(duns_link_cont(a->poh, "uns_link", path));
    assert_int_equal(duns_link_cont(a->poh, "uns_link", path), EEXIST);
    OK(duns_resolve_path(path, &found));
    uuid_unparse_lower(uuid, text);
    assert_string_equal(found.da_cont, text);
    OK(duns_destroy_path(a->poh, path));
}

static void names_without_any_file(void **state)
{
    struct duns_attr_t at = {0};

    (void)state;
    OK(duns_resolve_path("daos://pool/cont", &at));
    assert_string_equal(at.da_pool, "pool");
    assert_string_equal(at.da_cont, "cont");
    assert_null(at.da_rel_path);
    assert_true(uuid_is_null(at.da_puuid));
    OK(duns_resolve_path("daos://pool//cont/", &at));
    assert_null(at.da_rel_path);
    OK(duns_resolve_path("daos://11111111-2222-3333-4444-555555555555/a.b_c:d-e/x/y", &at));
    assert_string_equal(at.da_rel_path, "/x/y");
    assert_string_equal(at.da_cont, "a.b_c:d-e");
    assert_false(uuid_is_null(at.da_puuid));
    duns_destroy_attr(&at);
    assert_int_equal(duns_resolve_path("daos://pool", &at), EINVAL);
    assert_int_equal(duns_resolve_path("daos:///", &at), EINVAL);
    assert_int_equal(duns_resolve_path("daos://po ol/cont", &at), EINVAL);
    assert_int_equal(duns_resolve_path(NULL, &at), EINVAL);
    assert_int_equal(duns_resolve_path("", &at), EINVAL);
    assert_int_equal(duns_resolve_path("daos://pool/cont", NULL), EINVAL);
    assert_int_equal(duns_resolve_path("/no/such/path", &at), ENOENT);
    assert_int_equal(duns_resolve_path("/", &at), ENODATA);

    at.da_flags = DUNS_NO_PREFIX; /* only UUIDs are not mistaken for directories */
    assert_int_equal(duns_resolve_path("/pool/cont/x", &at), ENOENT);
    OK(duns_resolve_path("/11111111-2222-3333-4444-555555555555/"
                         "21111111-2222-3333-4444-555555555555",
                         &at));
    assert_null(at.da_rel_path);
    at.da_flags = DUNS_NO_PREFIX | DUNS_NO_CHECK_PATH;
    OK(duns_resolve_path("/pool/cont/x", &at));
    assert_string_equal(at.da_pool, "pool");
    assert_string_equal(at.da_rel_path, "/x");
    duns_destroy_attr(&at);
    assert_int_equal(duns_resolve_path("/pool", &at), EINVAL);
    OK(duns_set_sys_name(&at, "sys"));
    assert_string_equal(at.da_sys, "sys");
    assert_int_equal(duns_set_sys_name(&at, "a name of a system too long"), EINVAL);
    assert_int_equal(duns_set_sys_name(NULL, "sys"), EINVAL);
    OK(duns_set_sys_name(&at, NULL));
    assert_null(at.da_sys);
    duns_destroy_attr(&at);
    duns_destroy_attr(NULL);
}

static void values_of_the_attribute(void **state)
{
#define P "11111111-2222-3333-4444-555555555555"
#define C "21111111-2222-3333-4444-555555555555"
    static const char *const bad[] = {"",
                                      "DAOS",
                                      "DAOS.POSIX",
                                      "DAOS.POSIX://",
                                      "DAOS.POSIX://" P,
                                      "POSIX://" P,
                                      "DAOS.://x",
                                      "DAOS.NONE://" P "/" C,
                                      "DAOS.POSIX:/" P "/" C,
                                      "DAOS.POSIX://" P "/" C "/more",
                                      "DAOS.AVERYLONGNAMEOFALAYOUT://" P "/" C};
    struct duns_attr_t at = {0};
    char text[200];
    size_t i;

    (void)state;
    snprintf(text, sizeof(text), "DAOS.posix://" P "/" C);
    OK(duns_parse_attr(text, strlen(text), &at));
    assert_int_equal(at.da_type, DAOS_PROP_CO_LAYOUT_POSIX);
    assert_string_equal(at.da_pool, P);
    assert_string_equal(at.da_cont, C);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "%s", bad[i]);
        assert_int_equal(duns_parse_attr(text, strlen(text), &at), EINVAL);
    }
    assert_int_equal(duns_parse_attr(NULL, 4, &at), EINVAL);
    assert_int_equal(duns_parse_attr(text, 4, NULL), EINVAL);
    assert_int_equal(duns_parse_attr(text, 171, &at), EINVAL);
}

static void a_container_alone(void **state)
{
    struct duns_attr_t at = {.da_type = DAOS_PROP_CO_LAYOUT_POSIX};
    struct api *a = *state;
    char path[256];
    daos_handle_t coh;
    dfs_t *dfs;

    OK(duns_create_path(a->poh, "daos://apipool/uns_alone", &at));
    assert_string_equal(at.da_cont, "uns_alone");
    assert_false(uuid_is_null(at.da_cuuid));
    OK(daos_cont_open(a->poh, "uns_alone", DAOS_COO_RW, &coh, NULL, NULL));
    OK(dfs_mount(a->poh, coh, O_RDWR, &dfs));
    OK(dfs_umount(dfs));
    OK(daos_cont_close(coh, NULL));
    assert_int_equal(duns_create_path(a->poh, "daos://apipool/uns_alone", &at), EEXIST);
    assert_int_equal(duns_create_path(a->poh, "daos://apipool/uns_alone/x", &at), EINVAL);
    assert_int_equal(duns_create_path(a->poh, "daos://apipool", &at), EINVAL);
    assert_int_equal(duns_destroy_path(a->poh, "daos://apipool/uns_alone"), EINVAL);
    OK(daos_cont_destroy(a->poh, "uns_alone", 0, NULL));

    snprintf(root, sizeof(root), "%s", a->dir);
    in_root("x", path);
    at.da_type = DAOS_PROP_CO_LAYOUT_UNKNOWN;
    assert_int_equal(duns_create_path(a->poh, path, &at), EINVAL);
    at.da_type = DAOS_PROP_CO_LAYOUT_MAX;
    assert_int_equal(duns_create_path(a->poh, path, &at), EINVAL);
    at.da_type = DAOS_PROP_CO_LAYOUT_POSIX;
    assert_int_equal(duns_create_path(a->poh, NULL, &at), EINVAL);
    assert_int_equal(duns_create_path(a->poh, path, NULL), EINVAL);
    assert_int_equal(duns_create_path(DAOS_HDL_INVAL, path, &at), EINVAL);
    assert_int_equal(duns_create_path(a->poh, in_root("none/x", path), &at), ENOENT);
    assert_int_equal(duns_destroy_path(a->poh, NULL), EINVAL);
    assert_int_equal(duns_destroy_path(a->poh, root), ENODATA);
}

API_MAIN(API_TEST(a_directory_stands_for_a_posix_container), API_TEST(a_file_stands_for_any_other),
         API_TEST(a_path_for_a_container_that_exists), API_TEST(names_without_any_file),
         API_TEST(values_of_the_attribute), API_TEST(a_container_alone))

/* Contracts of names: finding, making, moving, listing. */
#include "fs_stage.h"

CONTRACT(dfs_lookup)
{
    char path[64];
    struct stat st;
    dfs_obj_t *obj = NULL;
    struct own o;
    mode_t mode;

    CHECK(own_open(r, &o));
    snprintf(path, sizeof(path), "/%s/l", r->name);
    NOW(0, dfs_lookup(r->dfs, path, O_RDONLY, &obj, &mode, &st));
    CHECK(S_ISREG(mode) && st.st_size == 4);
    NOW(0, dfs_release(obj));
    NOW(0, dfs_lookup(r->dfs, path, O_RDONLY | O_NOFOLLOW, &obj, &mode, NULL));
    CHECK(S_ISLNK(mode));
    NOW(0, dfs_release(obj));
    NOW(0, dfs_lookup(r->ro, "/", O_RDONLY, &obj, &mode, NULL));
    CHECK(S_ISDIR(mode));
    NOW(0, dfs_release(obj));
    obj = NULL;
    snprintf(path, sizeof(path), "/%s/f", r->name);
    NOW(EPERM, dfs_lookup(r->ro, path, O_RDWR, &obj, NULL, NULL));
    snprintf(path, sizeof(path), "/%s/none", r->name);
    NOW(ENOENT, dfs_lookup(r->dfs, path, O_RDONLY, &obj, NULL, NULL));
    snprintf(path, sizeof(path), "/%s/f/below", r->name);
    NOW(ENOTDIR, dfs_lookup(r->dfs, path, O_RDONLY, &obj, NULL, NULL));
    fs_link(r->dfs, o.dir, "a", "b");
    fs_link(r->dfs, o.dir, "b", "a");
    snprintf(path, sizeof(path), "/%s/a", r->name);
    NOW(ELOOP, dfs_lookup(r->dfs, path, O_RDONLY, &obj, NULL, NULL));
    NOW(EINVAL, dfs_lookup(r->dfs, "relative", O_RDONLY, &obj, NULL, NULL));
    NOW(EINVAL, dfs_lookup(r->dfs, NULL, O_RDONLY, &obj, NULL, NULL));
    NOW(EINVAL, dfs_lookup(r->dfs, path, O_RDONLY, NULL, NULL, NULL));
    NOW(EINVAL, dfs_lookup(NULL, path, O_RDONLY, &obj, NULL, NULL));
    CHECK(obj == NULL);
    return own_close(r, &o);
}

CONTRACT(dfs_lookup_rel)
{
    dfs_obj_t *obj = NULL;
    struct stat st;
    struct own o;
    mode_t mode;

    CHECK(own_open(r, &o));
    NOW(0, dfs_lookup_rel(r->dfs, o.dir, "f", O_RDONLY, &obj, &mode, &st));
    CHECK(S_ISREG(mode) && st.st_size == 4);
    NOW(0, dfs_release(obj));
    NOW(0, dfs_lookup_rel(r->dfs, NULL, "shared", O_RDONLY, &obj, NULL, NULL));
    NOW(0, dfs_release(obj));
    obj = NULL;
    NOW(ENOENT, dfs_lookup_rel(r->dfs, o.dir, "none", O_RDONLY, &obj, NULL, NULL));
    NOW(ENOTDIR, dfs_lookup_rel(r->dfs, o.file, "f", O_RDONLY, &obj, NULL, NULL));
    NOW(EINVAL, dfs_lookup_rel(r->dfs, o.dir, "a/b", O_RDONLY, &obj, NULL, NULL));
    NOW(EINVAL, dfs_lookup_rel(r->dfs, o.dir, "", O_RDONLY, &obj, NULL, NULL));
    NOW(EINVAL, dfs_lookup_rel(r->dfs, o.dir, name_too_long(), O_RDONLY, &obj, NULL, NULL));
    NOW(EINVAL, dfs_lookup_rel(r->dfs, o.dir, NULL, O_RDONLY, &obj, NULL, NULL));
    NOW(EINVAL, dfs_lookup_rel(r->dfs, o.dir, "f", O_RDONLY, NULL, NULL, NULL));
    NOW(EPERM, dfs_lookup_rel(r->ro, o.ro_dir, "f", O_RDWR, &obj, NULL, NULL));
    CHECK(obj == NULL);
    return own_close(r, &o);
}

CONTRACT(dfs_open)
{
    const int make = O_RDWR | O_CREAT;
    dfs_obj_t *obj = NULL;
    daos_size_t size;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_open(r->dfs, o.dir, "new", S_IFREG | 0640, make | O_EXCL, OC_S1, 8192, NULL, &obj));
    NOW(0, dfs_get_chunk_size(obj, &size));
    CHECK(size == 8192);
    NOW(0, dfs_release(obj));
    NOW(0, dfs_open(r->dfs, o.dir, "f", S_IFREG | 0644, make, 0, 0, NULL, &obj)); /* the old one */
    NOW(0, dfs_release(obj));
    CHECK(file_is(r->ro, o.ro_dir, "f", "text"));
    NOW(0, dfs_open(r->dfs, o.dir, "new dir", S_IFDIR | 0755, make, 0, 0, NULL, &obj));
    NOW(0, dfs_release(obj));
    obj = NULL;
    NOW(EEXIST, dfs_open(r->dfs, o.dir, "f", S_IFREG | 0644, make | O_EXCL, 0, 0, NULL, &obj));
    NOW(ENOENT, dfs_open(r->dfs, o.dir, "none", S_IFREG, O_RDWR, 0, 0, NULL, &obj));
    NOW(EINVAL, dfs_open(r->dfs, o.dir, "d", S_IFREG, O_RDWR, 0, 0, NULL, &obj)); /* a directory */
    NOW(ENOTDIR, dfs_open(r->dfs, o.dir, "f", S_IFDIR, O_RDWR, 0, 0, NULL, &obj));
    NOW(ENOTDIR, dfs_open(r->dfs, o.file, "n", S_IFREG, make, 0, 0, NULL, &obj));
    NOW(ENOTSUP, dfs_open(r->dfs, o.dir, "n", S_IFREG, make | O_APPEND, 0, 0, NULL, &obj));
    NOW(EINVAL, dfs_open(r->dfs, o.dir, "n", S_IFIFO, make, 0, 0, NULL, &obj));
    NOW(EINVAL, dfs_open(r->dfs, o.dir, "n", S_IFLNK, make, 0, 0, NULL, &obj)); /* to where? */
    NOW(EINVAL, dfs_open(r->dfs, o.dir, "a/b", S_IFREG, make, 0, 0, NULL, &obj));
    NOW(EINVAL, dfs_open(r->dfs, o.dir, name_too_long(), S_IFREG, make, 0, 0, NULL, &obj));
    NOW(EINVAL, dfs_open(r->dfs, o.dir, NULL, S_IFREG, make, 0, 0, NULL, &obj));
    NOW(EINVAL, dfs_open(r->dfs, o.dir, "n", S_IFREG, make, 0, 0, NULL, NULL));
    NOW(EINVAL, dfs_open(r->dfs, o.dir, "n", S_IFREG, make, 0x7fffffff, 0, NULL, &obj));
    NOW(EPERM, dfs_open(r->ro, o.ro_dir, "n", S_IFREG, make, 0, 0, NULL, &obj));
    NOW(EPERM, dfs_open(r->ro, o.ro_dir, "f", S_IFREG, O_RDWR, 0, 0, NULL, &obj));
    CHECK(obj == NULL && !there(r->dfs, o.dir, "n"));
    NOW(0, dfs_open(r->dfs, o.dir, "f", S_IFREG, O_RDWR | O_TRUNC, 0, 0, NULL, &obj));
    NOW(0, dfs_get_size(r->dfs, obj, &size));
    CHECK(size == 0);
    NOW(0, dfs_release(obj));
    return own_close(r, &o);
}

CONTRACT(dfs_dup)
{
    daos_obj_id_t one, two;
    dfs_obj_t *copy = NULL;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_dup(r->dfs, o.file, O_RDONLY, &copy));
    NOW(0, dfs_obj2id(o.file, &one));
    NOW(0, dfs_obj2id(copy, &two));
    CHECK(memcmp(&one, &two, sizeof(one)) == 0);
    NOW(EPERM, fs_write(r->dfs, copy, "x", 1, 0));
    NOW(0, dfs_release(copy));
    NOW(0, dfs_dup(r->dfs, o.sub, O_RDWR, &copy));
    NOW(0, dfs_release(copy));
    copy = NULL;
    NOW(EPERM, dfs_dup(r->ro, o.ro_file, O_RDWR, &copy));
    NOW(EINVAL, dfs_dup(NULL, o.file, O_RDONLY, &copy));
    NOW(EINVAL, dfs_dup(r->dfs, NULL, O_RDONLY, &copy));
    NOW(EINVAL, dfs_dup(r->dfs, o.file, O_RDONLY, NULL));
    CHECK(copy == NULL && file_is(r->dfs, o.dir, "f", "text"));
    return own_close(r, &o);
}

CONTRACT(dfs_release)
{
    dfs_obj_t *obj;

    NOW(0, dfs_lookup(r->dfs, "/shared", O_RDONLY, &obj, NULL, NULL));
    NOW(0, dfs_release(obj));
    NOW(EINVAL, dfs_release(NULL));
    return true;
}

CONTRACT(dfs_obj2id)
{
    daos_obj_id_t oid = DAOS_OBJ_NIL;

    NOW(0, dfs_obj2id(r->file, &oid));
    CHECK(daos_obj_id2type(oid) == DAOS_OT_ARRAY_BYTE);
    NOW(EINVAL, dfs_obj2id(NULL, &oid));
    NOW(EINVAL, dfs_obj2id(r->file, NULL));
    return true;
}

CONTRACT(dfs_mkdir)
{
    struct stat st;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_mkdir(r->dfs, o.dir, "new", 0750, OC_S1));
    NOW(0, dfs_stat(r->ro, o.ro_dir, "new", &st));
    CHECK(st.st_mode == (S_IFDIR | 0750));
    NOW(EEXIST, dfs_mkdir(r->dfs, o.dir, "new", 0700, 0));
    NOW(EEXIST, dfs_mkdir(r->dfs, o.dir, "f", 0700, 0));
    NOW(ENOTDIR, dfs_mkdir(r->dfs, o.file, "n", 0700, 0));
    NOW(EINVAL, dfs_mkdir(r->dfs, o.dir, "a/b", 0700, 0));
    NOW(EINVAL, dfs_mkdir(r->dfs, o.dir, NULL, 0700, 0));
    NOW(EINVAL, dfs_mkdir(r->dfs, o.dir, name_too_long(), 0700, 0));
    NOW(EINVAL, dfs_mkdir(r->dfs, o.dir, "n", 0700, 0x7fffffff));
    NOW(EINVAL, dfs_mkdir(NULL, o.dir, "n", 0700, 0));
    NOW(EPERM, dfs_mkdir(r->ro, o.ro_dir, "n", 0700, 0));
    CHECK(!there(r->dfs, o.dir, "n"));
    return own_close(r, &o);
}

CONTRACT(dfs_remove)
{
    daos_obj_id_t oid, was;
    struct own o;

    CHECK(own_open(r, &o));
    fs_text(r->dfs, o.sub, "inside", "text");
    NOW(ENOTEMPTY, dfs_remove(r->dfs, o.dir, "d", false, NULL));
    NOW(ENOENT, dfs_remove(r->dfs, o.dir, "none", true, NULL));
    NOW(ENOTDIR, dfs_remove(r->dfs, o.file, "f", false, NULL));
    NOW(EPERM, dfs_remove(r->ro, o.ro_dir, "f", false, NULL));
    NOW(EINVAL, dfs_remove(r->dfs, o.dir, "a/b", false, NULL));
    NOW(EINVAL, dfs_remove(r->dfs, o.dir, NULL, false, NULL));
    NOW(EINVAL, dfs_remove(NULL, o.dir, "f", false, NULL));
    CHECK(file_is(r->dfs, o.sub, "inside", "text") && file_is(r->dfs, o.dir, "f", "text"));
    NOW(0, dfs_remove(r->dfs, o.dir, "d", true, NULL));
    NOW(0, dfs_obj2id(o.file, &was));
    NOW(0, dfs_remove(r->dfs, o.dir, "f", false, &oid));
    CHECK(memcmp(&oid, &was, sizeof(oid)) == 0);
    NOW(0, dfs_remove(r->dfs, o.dir, "l", false, NULL));
    CHECK(!there(r->dfs, o.dir, "d") && !there(r->dfs, o.dir, "f") && !there(r->dfs, o.dir, "l"));
    return own_close(r, &o);
}

CONTRACT(dfs_move)
{
    daos_obj_id_t oid, was;
    dfs_obj_t *other;
    struct own o;

    CHECK(own_open(r, &o));
    other = fs_dir(r->dfs, o.dir, "other");
    fs_text(r->dfs, other, "old", "old text");
    NOW(ENOENT, dfs_move(r->dfs, o.dir, "none", other, "m", NULL));
    NOW(ENOTDIR, dfs_move(r->dfs, o.dir, "f", o.file, "m", NULL));
    NOW(ENOTDIR, dfs_move(r->dfs, o.dir, "d", other, "old", NULL));
    NOW(EINVAL, dfs_move(r->dfs, o.dir, "f", o.dir, "d", NULL));
    NOW(ENOTEMPTY, dfs_move(r->dfs, o.dir, "d", o.dir, "other", NULL));
    NOW(EINVAL, dfs_move(r->dfs, o.dir, "other", other, "into itself", NULL));
    NOW(EINVAL, dfs_move(r->dfs, o.dir, "f", o.dir, "a/b", NULL));
    NOW(EINVAL, dfs_move(r->dfs, o.dir, "f", o.dir, NULL, NULL));
    NOW(EINVAL, dfs_move(r->dfs, o.dir, NULL, o.dir, "m", NULL));
    NOW(EINVAL, dfs_move(NULL, o.dir, "f", o.dir, "m", NULL));
    NOW(EPERM, dfs_move(r->ro, o.ro_dir, "f", o.ro_dir, "m", NULL));
    NOW(0, dfs_move(r->dfs, o.dir, "f", o.dir, "f", NULL)); /* onto itself */
    CHECK(file_is(r->dfs, o.dir, "f", "text") && file_is(r->dfs, other, "old", "old text"));
    NOW(0, dfs_release(other));
    NOW(0, dfs_lookup_rel(r->dfs, o.dir, "other", O_RDWR, &other, NULL, NULL));
    {
        dfs_obj_t *old;

        NOW(0, dfs_lookup_rel(r->dfs, other, "old", O_RDONLY, &old, NULL, NULL));
        NOW(0, dfs_obj2id(old, &was));
        NOW(0, dfs_release(old));
    }
    NOW(0, dfs_move(r->dfs, o.dir, "f", other, "old", &oid));
    CHECK(memcmp(&oid, &was, sizeof(oid)) == 0);
    CHECK(file_is(r->dfs, other, "old", "text") && !there(r->dfs, o.dir, "f"));
    NOW(0, dfs_release(other));
    return own_close(r, &o);
}

CONTRACT(dfs_exchange)
{
    struct own o;

    CHECK(own_open(r, &o));
    fs_text(r->dfs, o.sub, "g", "other");
    NOW(ENOENT, dfs_exchange(r->dfs, o.dir, "f", o.sub, "none"));
    NOW(ENOENT, dfs_exchange(r->dfs, o.dir, "none", o.sub, "g"));
    NOW(EINVAL, dfs_exchange(r->dfs, o.dir, "f", o.sub, NULL));
    NOW(EINVAL, dfs_exchange(r->dfs, o.dir, "a/b", o.sub, "g"));
    NOW(EINVAL, dfs_exchange(NULL, o.dir, "f", o.sub, "g"));
    NOW(EPERM, dfs_exchange(r->ro, o.ro_dir, "f", o.ro_dir, "l"));
    CHECK(file_is(r->dfs, o.dir, "f", "text") && file_is(r->dfs, o.sub, "g", "other"));
    NOW(0, dfs_exchange(r->dfs, o.dir, "f", o.sub, "g"));
    CHECK(file_is(r->dfs, o.dir, "f", "other") && file_is(r->dfs, o.sub, "g", "text"));
    return own_close(r, &o);
}

/* ---- Lists ---- */

CONTRACT(dfs_readdir)
{
    daos_anchor_t anchor = {0};
    struct dirent ents[4];
    uint32_t nr, all = 0;
    struct own o;

    CHECK(own_open(r, &o));
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 2;
        NOW(0, dfs_readdir(r->ro, o.ro_dir, &anchor, &nr, ents));
        CHECK(nr <= 2);
        for (uint32_t i = 0; i < nr; i++)
            CHECK(strlen(ents[i].d_name) == 1 && strchr("fdl", ents[i].d_name[0]) != NULL);
        all += nr;
    }
    CHECK(all == 3);
    memset(&anchor, 0, sizeof(anchor));
    nr = 4;
    NOW(ENOTDIR, dfs_readdir(r->dfs, o.file, &anchor, &nr, ents));
    NOW(EINVAL, dfs_readdir(NULL, o.dir, &anchor, &nr, ents));
    NOW(EINVAL, dfs_readdir(r->dfs, NULL, &anchor, &nr, ents));
    NOW(EINVAL, dfs_readdir(r->dfs, o.dir, NULL, &nr, ents));
    NOW(EINVAL, dfs_readdir(r->dfs, o.dir, &anchor, NULL, ents));
    NOW(EINVAL, dfs_readdir(r->dfs, o.dir, &anchor, &nr, NULL));
    return own_close(r, &o);
}

CONTRACT(dfs_readdirplus)
{
    daos_anchor_t anchor = {0};
    struct dirent ents[4];
    struct stat st[4];
    uint32_t nr, files = 0, all = 0;
    struct own o;

    CHECK(own_open(r, &o));
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 4;
        NOW(0, dfs_readdirplus(r->dfs, o.dir, &anchor, &nr, ents, st));
        for (uint32_t i = 0; i < nr; i++)
            files += S_ISREG(st[i].st_mode) && st[i].st_size == 4 && ents[i].d_name[0] == 'f';
        all += nr;
    }
    CHECK(all == 3 && files == 1);
    memset(&anchor, 0, sizeof(anchor));
    nr = 4;
    NOW(ENOTDIR, dfs_readdirplus(r->dfs, o.file, &anchor, &nr, ents, st));
    NOW(EINVAL, dfs_readdirplus(r->dfs, o.dir, &anchor, &nr, NULL, st));
    NOW(EINVAL, dfs_readdirplus(NULL, o.dir, &anchor, &nr, ents, st));
    return own_close(r, &o);
}

static int count(dfs_t *dfs, dfs_obj_t *obj, const char name[], void *arg)
{
    ++*(int *)arg;
    return 0;
}

static int stop(dfs_t *dfs, dfs_obj_t *obj, const char name[], void *arg)
{
    return ECANCELED;
}

CONTRACT(dfs_iterate)
{
    daos_anchor_t anchor = {0};
    int seen = 0;
    uint32_t nr;
    struct own o;

    CHECK(own_open(r, &o));
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 2;
        NOW(0, dfs_iterate(r->dfs, o.dir, &anchor, &nr, 512, count, &seen));
    }
    CHECK(seen == 3);
    memset(&anchor, 0, sizeof(anchor));
    nr = 4;
    NOW(ECANCELED, dfs_iterate(r->dfs, o.dir, &anchor, &nr, 512, stop, NULL));
    nr = 4;
    NOW(ENOTDIR, dfs_iterate(r->dfs, o.file, &anchor, &nr, 512, count, &seen));
    NOW(EINVAL, dfs_iterate(NULL, o.dir, &anchor, &nr, 512, count, &seen));
    NOW(EINVAL, dfs_iterate(r->dfs, o.dir, NULL, &nr, 512, count, &seen));
    NOW(EINVAL, dfs_iterate(r->dfs, o.dir, &anchor, NULL, 512, count, &seen));
    CHECK(seen == 3);
    return own_close(r, &o);
}

CONTRACT(dfs_dir_anchor_set)
{
    daos_anchor_t anchor = {0};
    struct dirent ents[1];
    uint32_t nr = 1;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_dir_anchor_set(o.dir, "l", &anchor));
    NOW(0, dfs_readdir(r->dfs, o.dir, &anchor, &nr, ents));
    CHECK(nr == 1 && strcmp(ents[0].d_name, "l") == 0);
    NOW(ENOTDIR, dfs_dir_anchor_set(o.file, "l", &anchor));
    NOW(EINVAL, dfs_dir_anchor_set(NULL, "l", &anchor));
    NOW(EINVAL, dfs_dir_anchor_set(o.dir, NULL, &anchor));
    NOW(EINVAL, dfs_dir_anchor_set(o.dir, "l", NULL));
    return own_close(r, &o);
}

CONTRACT(dfs_obj_anchor_split)
{
    daos_anchor_t anchors[8];
    uint32_t nr = 0;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_obj_anchor_split(o.dir, &nr, NULL));
    CHECK(nr >= 1 && nr <= 8);
    NOW(0, dfs_obj_anchor_split(o.dir, &nr, anchors));
    NOW(ENOTDIR, dfs_obj_anchor_split(o.file, &nr, anchors));
    NOW(EINVAL, dfs_obj_anchor_split(NULL, &nr, anchors));
    NOW(EINVAL, dfs_obj_anchor_split(o.dir, NULL, anchors));
    return own_close(r, &o);
}

CONTRACT(dfs_obj_anchor_set)
{
    uint32_t parts = 0, all = 0, nr;
    struct dirent ents[4];
    daos_anchor_t anchor;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_obj_anchor_split(o.dir, &parts, NULL));
    for (uint32_t i = 0; i < parts; i++) {
        memset(&anchor, 0, sizeof(anchor));
        NOW(0, dfs_obj_anchor_set(o.dir, i, &anchor));
        while (!daos_anchor_is_eof(&anchor)) {
            nr = 4;
            NOW(0, dfs_readdir(r->dfs, o.dir, &anchor, &nr, ents));
            all += nr;
        }
    }
    CHECK(all == 3);
    NOW(ENOTDIR, dfs_obj_anchor_set(o.file, 0, &anchor));
    NOW(EINVAL, dfs_obj_anchor_set(o.dir, parts, &anchor));
    NOW(EINVAL, dfs_obj_anchor_set(NULL, 0, &anchor));
    NOW(EINVAL, dfs_obj_anchor_set(o.dir, 0, NULL));
    return own_close(r, &o);
}

/* ---- Links, and where an object is ---- */

CONTRACT(dfs_get_symlink_value)
{
    daos_size_t size = 0;
    char buf[8] = "";
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_get_symlink_value(o.link, NULL, &size));
    CHECK(size == 2);
    size = sizeof(buf);
    NOW(0, dfs_get_symlink_value(o.link, buf, &size));
    CHECK(size == 2 && strcmp(buf, "f") == 0);
    NOW(EINVAL, dfs_get_symlink_value(o.file, buf, &size));
    NOW(EINVAL, dfs_get_symlink_value(NULL, buf, &size));
    NOW(EINVAL, dfs_get_symlink_value(o.link, buf, NULL));
    return own_close(r, &o);
}

CONTRACT(dfs_update_parent)
{
    dfs_obj_t *moved, *like;
    struct stat st;
    struct own o;

    CHECK(own_open(r, &o));
    fs_text(r->dfs, o.sub, "like", "longer text");
    NOW(0, dfs_lookup_rel(r->dfs, o.dir, "f", O_RDWR, &moved, NULL, NULL));
    NOW(0, dfs_lookup_rel(r->dfs, o.sub, "like", O_RDWR, &like, NULL, NULL));
    NOW(0, dfs_move(r->dfs, o.dir, "f", o.sub, "g", NULL));
    NOW(0, dfs_update_parent(moved, like, "g"));
    NOW(0, dfs_ostat(r->dfs, moved, &st));
    CHECK(st.st_size == 4);
    NOW(EINVAL, dfs_update_parent(NULL, like, "g"));
    NOW(EINVAL, dfs_update_parent(moved, like, "a/b"));
    NOW(0, dfs_release(moved));
    NOW(0, dfs_release(like));
    return own_close(r, &o);
}

#define STORIES(X)                                                                                 \
    X(dfs_lookup)                                                                                  \
    X(dfs_lookup_rel)                                                                              \
    X(dfs_open)                                                                                    \
    X(dfs_dup)                                                                                     \
    X(dfs_release)                                                                                 \
    X(dfs_obj2id)                                                                                  \
    X(dfs_mkdir)                                                                                   \
    X(dfs_remove)                                                                                  \
    X(dfs_move)                                                                                    \
    X(dfs_exchange)                                                                                \
    X(dfs_readdir)                                                                                 \
    X(dfs_readdirplus)                                                                             \
    X(dfs_iterate)                                                                                 \
    X(dfs_dir_anchor_set)                                                                          \
    X(dfs_obj_anchor_split)                                                                        \
    X(dfs_obj_anchor_set)                                                                          \
    X(dfs_get_symlink_value)                                                                       \
    X(dfs_update_parent)

CONTRACT_MAIN(STORIES, fs_stage, fs_setup)

/* A POSIX container: make a file, list a directory with sizes. */
#include <daos.h>
#include <daos_fs.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* dfs calls answer 0 or a positive errno. */
static void check(const char *what, int err)
{
    if (err == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, err > 0 ? strerror(err) : d_errdesc(err));
    exit(1);
}

static void make_file(dfs_t *dfs, const char *name, const char *text)
{
    dfs_obj_t *file;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    check(name,
          dfs_open(dfs, NULL, name, S_IFREG | 0644, O_CREAT | O_RDWR | O_TRUNC, 0, 0, NULL, &file));
    d_iov_set(&iov, (void *)text, strlen(text));
    check("write", dfs_write(dfs, file, &sgl, 0, NULL));
    check("release", dfs_release(file));
}

int main(int argc, char **argv)
{
    daos_handle_t pool, cont;
    daos_anchor_t anchor = {0};
    dfs_obj_t *dir;
    dfs_t *dfs;
    int rc;

    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: listdir POOL [CONTAINER PATH]\n");
        return 2;
    }
    check("daos_init", daos_init());
    check("connect", daos_pool_connect(argv[1], NULL, DAOS_PC_RW, &pool, NULL, NULL));
    if (argc == 2) {
        rc = dfs_cont_create_with_label(pool, "listdir-example", NULL, NULL, NULL, NULL);
        if (rc != EEXIST)
            check("create container", rc);
    }
    check("open container", daos_cont_open(pool, argc == 4 ? argv[2] : "listdir-example",
                                           DAOS_COO_RW, &cont, NULL, NULL));
    check("mount", dfs_mount(pool, cont, O_RDWR, &dfs));
    if (argc == 2) {
        make_file(dfs, "hello.txt", "hello\n");
        make_file(dfs, "readme.txt", "a directory is an object, a name is a key\n");
    }

    check("lookup", dfs_lookup(dfs, argc == 4 ? argv[3] : "/", O_RDONLY, &dir, NULL, NULL));
    while (!daos_anchor_is_eof(&anchor)) {
        struct dirent ents[64];
        struct stat st;
        uint32_t nr = 64;

        check("readdir", dfs_readdir(dfs, dir, &anchor, &nr, ents));
        for (uint32_t i = 0; i < nr; i++) {
            check("stat", dfs_stat(dfs, dir, ents[i].d_name, &st));
            printf("%10lld  %s%s\n", (long long)st.st_size, ents[i].d_name,
                   S_ISDIR(st.st_mode) ? "/" : "");
        }
    }

    check("release", dfs_release(dir));
    check("unmount", dfs_umount(dfs));
    check("close container", daos_cont_close(cont, NULL));
    check("disconnect", daos_pool_disconnect(pool, NULL));
    check("daos_fini", daos_fini());
    return 0;
}

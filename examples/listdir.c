/*
 * Lists a directory of a POSIX container, with sizes.
 *
 *   daos fs copy --src . --dst daos://./my-pool/files
 *   ./listdir ./my-pool files /
 */
#include <daos.h>
#include <daos_fs.h>
#include <stdio.h>
#include <string.h>

#define CHECK(call)                                                                                \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ != 0) {                                                                            \
            fprintf(stderr, #call ": %s\n", rc_ > 0 ? strerror(rc_) : d_errdesc(rc_));             \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

#define AT_ONCE 32

int main(int argc, char **argv)
{
    daos_handle_t pool, cont;
    dfs_t *dfs;
    dfs_obj_t *dir;
    daos_anchor_t anchor = {0};
    struct dirent names[AT_ONCE];
    struct stat stats[AT_ONCE];

    if (argc != 4) {
        fprintf(stderr, "usage: %s POOL CONTAINER PATH\n", argv[0]);
        return 2;
    }
    CHECK(daos_init());
    CHECK(daos_pool_connect(argv[1], NULL, DAOS_PC_RO, &pool, NULL, NULL));
    CHECK(daos_cont_open(pool, argv[2], DAOS_COO_RO, &cont, NULL, NULL));
    CHECK(dfs_mount(pool, cont, O_RDONLY, &dfs)); /* dfs_* functions return errno values */
    CHECK(dfs_lookup(dfs, argv[3], O_RDONLY, &dir, NULL, NULL));

    while (!daos_anchor_is_eof(&anchor)) {
        uint32_t nr = AT_ONCE;

        CHECK(dfs_readdirplus(dfs, dir, &anchor, &nr, names, stats));
        for (uint32_t i = 0; i < nr; i++)
            printf("%10lld %s%s\n", (long long)stats[i].st_size, names[i].d_name,
                   S_ISDIR(stats[i].st_mode) ? "/" : "");
    }

    CHECK(dfs_release(dir));
    CHECK(dfs_umount(dfs));
    CHECK(daos_cont_close(cont, NULL));
    CHECK(daos_pool_disconnect(pool, NULL));
    CHECK(daos_fini());
    return 0;
}

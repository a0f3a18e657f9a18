/* Where the roles of a new pool lie: what the user said, made absolute, and which of them share a
 * device. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <daos_errno.h>
#include "base/fail.h"
#include "embed/embed_int.h"

#define PMEM "pmem:"

void places_free(struct places *p)
{
    for (uint32_t r = 0; r < SUPER_ROLE_NR; r++)
        base_free(p->path[r]);
    memset(p, 0, sizeof(*p));
}

/* The directory without links, the name as it was given: the link in /dev/disk/by-id stays right
 * when the device it leads to gets another name. */
static int absolute(const char *path, char **out, struct err *e)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    char *dir = slash == NULL   ? base_strdup(".")
                : slash == path ? base_strdup("/")
                                : base_strndup(path, (size_t)(slash - path));
    char real[PATH_MAX], whole[2 * PATH_MAX];
    int rc = 0;

    if (dir == NULL)
        return -DER_NOMEM;
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        rc = err_setf(e, -DER_INVAL, "name a block device, or a file that is to be made",
                      "it is not a file's name", "cannot use device '%s'", path);
    else if (realpath(dir, real) == NULL)
        rc = err_setf(e, errno == EACCES ? -DER_NO_PERM : -DER_NONEXIST,
                      "name a device or a file in a directory that exists", strerror(errno),
                      "cannot use device %s", path);
    base_free(dir);
    if (rc != 0)
        return rc;
    snprintf(whole, sizeof(whole), "%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
    if (strlen(whole) >= PATH_MAX)
        return err_setf(e, -DER_OVERFLOW, "give a shorter path", "its path is too long",
                        "cannot use device %s", path);
    *out = base_strdup(whole);
    return *out != NULL ? 0 : -DER_NOMEM;
}

/* Two names of one device. */
static bool same_device(const char *a, const char *b)
{
    struct stat x, y;

    if (a == NULL || b == NULL)
        return a == b;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISBLK(x.st_mode) && S_ISBLK(y.st_mode) &&
           x.st_rdev == y.st_rdev;
}

static bool is_in(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return strncmp(path, dir, n) == 0 && path[n] == '/';
}

int places_choose(const char *real, const struct embed_pool_conf *conf, struct places *p,
                  struct engine_place place[SUPER_ROLE_NR], struct err *e)
{
    const char *given[SUPER_ROLE_NR] = {
        [SUPER_WAL] = conf->wal, [SUPER_META] = conf->meta, [SUPER_DATA] = conf->data};
    int rc = 0;

    for (uint32_t r = 0; r < SUPER_ROLE_NR && rc == 0; r++) {
        bool pmem = given[r] != NULL && strncmp(given[r], PMEM, strlen(PMEM)) == 0;
        uint32_t i = 0;

        if (given[r] != NULL)
            rc = absolute(given[r] + (pmem ? strlen(PMEM) : 0), &p->path[r], e);
        if (rc == 0 && p->path[r] != NULL && is_in(p->path[r], real))
            rc = err_setf(e, -DER_INVAL, "name one elsewhere, or leave the option away",
                          "it lies in the pool's own directory", "cannot use device %s", given[r]);
        while (i < r && !same_device(p->path[i], p->path[r]))
            i++;
        place[r] = (struct engine_place){.device = (uint8_t)i, .path = p->path[i], .pmem = pmem};
        for (uint32_t k = 0; k < r; k++) /* said of one, it holds for all of the device */
            if (place[k].device == i)
                place[r].pmem = place[k].pmem = place[k].pmem || pmem;
    }
    return rc;
}

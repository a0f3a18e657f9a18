/* Where the roles of a new pool lie: what the user said, made absolute, and which of them share a
 * device. What he says of a role is a list with commas between, a path for each target. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/label.h"
#include "embed/embed_int.h"

#define PMEM "pmem:"

void places_free(struct places *p)
{
    for (uint32_t t = 0; t < ENGINE_TARGETS_MAX; t++)
        for (uint32_t r = 0; r < SUPER_ROLE_NR; r++)
            base_free(p->path[t][r]);
    memset(p, 0, sizeof(*p));
}

/* ---- What was said ---- */

static void lists_of(const struct embed_pool_conf *conf, const char *list[SUPER_ROLE_NR])
{
    list[SUPER_WAL] = conf->wal;
    list[SUPER_META] = conf->meta;
    list[SUPER_DATA] = conf->data;
}

static uint32_t list_len(const char *list)
{
    uint32_t nr = 1;

    while ((list = strchr(list, ',')) != NULL) {
        list++;
        nr++;
    }
    return nr;
}

static bool has_pmem(const char *path)
{
    return strncmp(path, PMEM, strlen(PMEM)) == 0;
}

static const char *without_pmem(const char *path)
{
    return path + (has_pmem(path) ? strlen(PMEM) : 0);
}

static bool is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

uint32_t places_targets(const struct embed_pool_conf *conf)
{
    const char *list[SUPER_ROLE_NR];
    uint32_t nr = 0;

    lists_of(conf, list);
    for (uint32_t r = 0; r < SUPER_ROLE_NR; r++)
        if (list[r] != NULL && !is_dir(without_pmem(list[r])))
            nr = MAX(nr, list_len(list[r]));
    return nr;
}

/* What the list says of a target: NULL, with *rc, if that is not possible. The caller frees it. */
static char *said_of(const char *list, uint32_t target, uint32_t targets, int *rc, struct err *e)
{
    bool dir = is_dir(without_pmem(list));
    uint32_t nr = dir ? targets : list_len(list);
    char why[ERR_PART_MAX], *one;

    if (nr != targets) {
        snprintf(why, sizeof(why), "that is %u device%s, and the pool has %u target%s", nr,
                 nr == 1 ? "" : "s", targets, targets == 1 ? "" : "s");
        *rc =
            err_setf(e, -DER_INVAL, "name one for each target, with commas between, or a directory",
                     why, "cannot use '%.200s'", list);
        return NULL;
    }
    for (uint32_t i = 0; i < target && !dir; i++)
        list = strchr(list, ',') + 1;
    one = base_strndup(list, dir ? strlen(list) : strcspn(list, ","));
    *rc = one != NULL ? 0 : -DER_NOMEM;
    return one;
}

/* ---- Paths ---- */

static int refuse_dir(const char *path, const char *dir, struct err *e)
{
    return err_setf(e, errno == EACCES ? -DER_NO_PERM : -DER_NONEXIST,
                    "name a device or a file in a directory that exists", strerror(errno),
                    "cannot use %s %s", dir, path);
}

static int join(const char *dir, const char *name, const char *path, char **out, struct err *e)
{
    char whole[2 * PATH_MAX];

    snprintf(whole, sizeof(whole), "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
    if (strlen(whole) >= PATH_MAX)
        return err_setf(e, -DER_OVERFLOW, "give a shorter path", "its path is too long",
                        "cannot use device %s", path);
    *out = base_strdup(whole);
    return *out != NULL ? 0 : -DER_NOMEM;
}

/* The directory without links, the name as it was given: the link in /dev/disk/by-id stays right
 * when the device it leads to gets another name. */
static int absolute(const char *path, char **out, struct err *e)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    char *dir = slash == NULL   ? base_strdup(".")
                : slash == path ? base_strdup("/")
                                : base_strndup(path, (size_t)(slash - path));
    char real[PATH_MAX];
    int rc = 0;

    if (dir == NULL)
        return -DER_NOMEM;
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        rc = err_setf(e, -DER_INVAL, "name a block device, or a file that is to be made",
                      "it is not a file's name", "cannot use device '%s'", path);
    else if (realpath(dir, real) == NULL)
        rc = refuse_dir(path, "device", e);
    base_free(dir);
    return rc != 0 ? rc : join(real, name, path, out, e);
}

/* A file of the target in a directory; the same for all roles that are there. */
static int file_in(const char *dir, const uuid_t pool, uint32_t target, char **out, struct err *e)
{
    char real[PATH_MAX], text[UUID_TEXT_LEN + 1], name[UUID_TEXT_LEN + 32];

    if (realpath(dir, real) == NULL)
        return refuse_dir(dir, "directory", e);
    uuid_text_print(pool, text);
    snprintf(name, sizeof(name), "tarn-%s-target%u", text, target);
    return join(real, name, dir, out, e);
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

/* ---- Choosing ---- */

static int refuse_shared(const char *path, uint32_t target, uint32_t other, struct err *e)
{
    char why[ERR_PART_MAX];

    snprintf(why, sizeof(why), "targets %u and %u would share it", other, target);
    return err_setf(e, -DER_INVAL, "name another device for one of them", why,
                    "cannot use device %s", path);
}

static int check_path(const char *real, const struct places *p, uint32_t target, const char *path,
                      struct err *e)
{
    if (is_in(path, real))
        return err_setf(e, -DER_INVAL, "name one elsewhere, or leave the option away",
                        "it lies in the pool's own directory", "cannot use device %s", path);
    for (uint32_t t = 0; t < target; t++)
        for (uint32_t r = 0; r < SUPER_ROLE_NR; r++)
            if (same_device(p->path[t][r], path))
                return refuse_shared(path, target, t, e);
    return 0;
}

/* Roles with the same path share a device; what is said of its memory then holds for all. */
static void share(struct engine_places *of, char *const path[SUPER_ROLE_NR], uint32_t r, bool pmem)
{
    struct engine_place *role = of->role;
    uint32_t i = 0;

    while (i < r && !same_device(path[i], path[r]))
        i++;
    role[r] = (struct engine_place){.device = (uint8_t)i, .path = path[i], .pmem = pmem};
    for (uint32_t k = 0; k < r; k++)
        if (role[k].device == i)
            role[r].pmem = role[k].pmem = role[k].pmem || pmem;
}

int places_choose(const char *real, const uuid_t pool, const struct embed_pool_conf *conf,
                  uint32_t targets, struct places *p, struct err *e)
{
    const char *list[SUPER_ROLE_NR];
    int rc = 0;

    if (targets > ENGINE_TARGETS_MAX)
        return err_setf(e, -DER_INVAL, "ask for fewer", "an engine serves at most 64",
                        "cannot create a pool of %u targets", targets);
    lists_of(conf, list);
    for (uint32_t i = 0; i < targets * SUPER_ROLE_NR && rc == 0; i++) {
        uint32_t t = i / SUPER_ROLE_NR, r = i % SUPER_ROLE_NR;
        char **path = &p->path[t][r], *said = NULL;

        if (list[r] != NULL)
            said = said_of(list[r], t, targets, &rc, e);
        if (said != NULL)
            rc = is_dir(without_pmem(said)) ? file_in(without_pmem(said), pool, t, path, e)
                                            : absolute(without_pmem(said), path, e);
        if (rc == 0 && *path != NULL)
            rc = check_path(real, p, t, *path, e);
        if (rc == 0)
            share(&p->of[t], p->path[t], r, said != NULL && has_pmem(said));
        base_free(said);
    }
    return rc;
}

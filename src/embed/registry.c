/*
 * The registry: a text file, one pool a line, "uuid label path"; label "-" if the pool has none.
 * Changed by writing a new file beside it and renaming, under a lock on "pools.lock", so that
 * readers never see half of it and two writers do not lose each other's line.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/label.h"
#include "embed/embed_int.h"

static int state_dir(char *buf, size_t len)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n;

    if (xdg != NULL && xdg[0] == '/')
        n = snprintf(buf, len, "%s/tarn", xdg);
    else if (home != NULL && home[0] == '/')
        n = snprintf(buf, len, "%s/.local/state/tarn", home);
    else
        return -DER_NONEXIST;
    return n < 0 || (size_t)n >= len ? -DER_OVERFLOW : 0;
}

static int make_dirs(char *path)
{
    for (char *p = path + 1;; p++) {
        char c = *p;

        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            *p = c;
            return -DER_NO_PERM;
        }
        *p = c;
        if (c == '\0')
            return 0;
    }
}

/* Splits a line in place. False: not a line of ours. */
static bool line_parse(char *line, struct registry_entry *e)
{
    char *label, *path;

    line[strcspn(line, "\n")] = '\0';
    label = strchr(line, ' ');
    path = label != NULL ? strchr(label + 1, ' ') : NULL;
    if (path == NULL)
        return false;
    *label++ = '\0';
    *path++ = '\0';
    if (!uuid_text_parse(line, e->pool) || path[0] != '/')
        return false;
    e->label = strcmp(label, "-") == 0 ? "" : label;
    e->path = path;
    return true;
}

int registry_each(int (*each)(const struct registry_entry *e, void *arg), void *arg)
{
    char dir[PATH_MAX], file[PATH_MAX + 8], *line = NULL;
    struct registry_entry e;
    size_t room = 0;
    FILE *f;
    int rc = state_dir(dir, sizeof(dir));

    if (rc != 0)
        return rc == -DER_NONEXIST ? 0 : rc;
    snprintf(file, sizeof(file), "%s/pools", dir);
    f = fopen(file, "re");
    if (f == NULL)
        return errno == ENOENT ? 0 : -DER_NO_PERM;
    while (rc == 0 && getline(&line, &room, f) > 0)
        if (line_parse(line, &e))
            rc = each(&e, arg);
    free(line);
    fclose(f);
    return rc;
}

/* Copies every line that stays. */
struct rewrite {
    FILE *out;
    const uint8_t *drop;
    const char *drop_path;
};

static int write_entry(FILE *out, const uint8_t pool[16], const char *label, const char *path)
{
    char text[UUID_TEXT_LEN + 1];

    uuid_text_print(pool, text);
    return fprintf(out, "%s %s %s\n", text, label[0] != '\0' ? label : "-", path) < 0 ? -DER_IO : 0;
}

static int keep(const struct registry_entry *e, void *arg)
{
    struct rewrite *r = arg;

    if ((r->drop != NULL && memcmp(e->pool, r->drop, 16) == 0) ||
        (r->drop_path != NULL && strcmp(e->path, r->drop_path) == 0))
        return 0;
    return write_entry(r->out, e->pool, e->label, e->path);
}

static int lock_take(const char *dir)
{
    char file[PATH_MAX + 16];
    int fd;

    snprintf(file, sizeof(file), "%s/pools.lock", dir);
    fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        flock(fd, LOCK_EX);
    return fd;
}

/* Rewrites the file without `drop` and `drop_path`, with `add` (NULL: none). */
static int rewrite(const uint8_t *drop, const char *drop_path, const struct registry_entry *add)
{
    char dir[PATH_MAX], file[PATH_MAX + 8], fresh[PATH_MAX + 16];
    struct rewrite r = {.drop = drop, .drop_path = drop_path};
    int fd, rc = state_dir(dir, sizeof(dir));

    if (rc == 0)
        rc = make_dirs(dir);
    if (rc != 0)
        return rc;
    fd = lock_take(dir);
    if (fd < 0)
        return -DER_NO_PERM;
    snprintf(file, sizeof(file), "%s/pools", dir);
    snprintf(fresh, sizeof(fresh), "%s/pools.new", dir);
    r.out = fopen(fresh, "we");
    rc = r.out == NULL ? -DER_NO_PERM : registry_each(keep, &r);
    if (rc == 0 && add != NULL)
        rc = write_entry(r.out, add->pool, add->label, add->path);
    if (r.out != NULL && (fflush(r.out) != 0 || fsync(fileno(r.out)) != 0) && rc == 0)
        rc = -DER_IO;
    if (r.out != NULL)
        fclose(r.out);
    if (rc == 0 && rename(fresh, file) != 0)
        rc = -DER_IO;
    close(fd);
    return rc;
}

int registry_add(const uint8_t pool[16], const char *label, const char *path)
{
    struct registry_entry e = {.label = label, .path = path};

    memcpy(e.pool, pool, 16);
    /* whatever was in that directory before is gone */
    return rewrite(pool, path, &e);
}

int registry_del(const char *path)
{
    return rewrite(NULL, path, NULL);
}

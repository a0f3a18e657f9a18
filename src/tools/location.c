#include "tools/location.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <daos_errno.h>
#include <daos_fs.h>

#include "base/label.h"

#define SCHEME "daos://"
/* every pool directory holds the device of its first target */
#define POOL_MARK "target0"

bool location_is_pool_dir(const char *dir)
{
    char path[PATH_MAX];
    struct stat st;

    if (!location_join(dir, POOL_MARK, path, sizeof(path)))
        return false;
    return lstat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode));
}

bool location_join(const char *dir, const char *name, char *dst, size_t len)
{
    size_t dlen = strlen(dir);
    int n = snprintf(dst, len, "%s%s%s", dir, dlen > 0 && dir[dlen - 1] == '/' ? "" : "/", name);

    return n > 0 && (size_t)n < len;
}

bool location_split(const char *path, char *dir, size_t len, const char **name)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL || slash[1] == '\0')
        return false;
    *name = slash + 1;
    snprintf(dir, len, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return true;
}

static int bad(struct err *e, int rc, const char *text, const char *why, const char *next)
{
    return err_setf(e, rc, next, why, "cannot use '%.200s'", text);
}

/* Rest of a location as a path of the container: one '/' between components, "." and ".." resolved
 * by their text. */
static int normalise(const char *text, const char *rest, char out[PATH_MAX], struct err *e)
{
    size_t len = 0;

    for (const char *at = rest; *at != '\0';) {
        size_t n = strcspn(at, "/");

        if (n > DFS_MAX_NAME)
            return bad(e, -DER_OVERFLOW, text, "a name on the path is longer than 255 bytes",
                       "shorten the name");
        if (n == 2 && memcmp(at, "..", 2) == 0) {
            while (len > 0 && out[len - 1] != '/')
                len--;
            if (len > 0)
                len--;
        } else if (n > 0 && !(n == 1 && at[0] == '.')) {
            if (len + 1 + n + 1 > PATH_MAX)
                return bad(e, -DER_OVERFLOW, text, "the path is longer than 4095 bytes",
                           "shorten the path");
            out[len++] = '/';
            memcpy(out + len, at, n);
            len += n;
        }
        at += n + (at[n] == '/');
    }
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return 0;
}

/* The pool is a directory: cuts the longest prefix that holds a pool off text. *rest: what follows
 * it. */
static int find_pool_dir(const char *text, const char *body, struct location *loc,
                         const char **rest, struct err *e)
{
    size_t skip = strncmp(body, "inproc:", 7) == 0 ? 7 : 0;

    if (strlen(body) >= sizeof(loc->pool))
        return bad(e, -DER_OVERFLOW, text, "the path is longer than 4095 bytes",
                   "shorten the path");
    for (size_t len = strlen(body); len > skip; len--) {
        if (body[len] != '/' && body[len] != '\0')
            continue;
        memcpy(loc->pool, body, len);
        loc->pool[len] = '\0';
        if (!location_is_pool_dir(loc->pool + skip))
            continue;
        *rest = body + len;
        return 0;
    }
    return bad(e, -DER_NONEXIST, text, "no directory on this path holds a pool",
               "check the path, or create a pool: tarn pool create ./DIR");
}

static int split_label(const char *text, const char *body, struct location *loc, const char **rest,
                       struct err *e)
{
    size_t len = strcspn(body, "/");
    unsigned char uuid[16];

    if (len == 0 || len >= sizeof(loc->pool))
        return bad(
            e, -DER_BADPATH, text, "the pool's name is missing or too long",
            "write daos://POOL/CONTAINER/path, POOL a label, a UUID or a path such as ./tarn-pool");
    memcpy(loc->pool, body, len);
    loc->pool[len] = '\0';
    if (!label_is_valid(loc->pool) && !uuid_text_parse(loc->pool, uuid))
        return bad(e, -DER_BADPATH, text, "the pool's name is neither a label nor a UUID",
                   "labels are 1 to 127 of letters, digits and . _ : -; a path needs a '/' "
                   "(daos://./tarn-pool/CONTAINER)");
    *rest = body + len;
    return 0;
}

static bool looks_like_path(const char *body)
{
    return body[0] == '/' || strncmp(body, "./", 2) == 0 || strncmp(body, "../", 3) == 0 ||
           strncmp(body, "inproc:", 7) == 0;
}

int location_parse(const char *text, int flags, struct location *loc, struct err *e)
{
    bool scheme = strncmp(text, SCHEME, strlen(SCHEME)) == 0;
    const char *body = scheme ? text + strlen(SCHEME) : text;
    const char *rest = "";
    unsigned char uuid[16];
    int rc;

    memset(loc, 0, sizeof(*loc));
    snprintf(loc->text, sizeof(loc->text), "%s", text);
    if (!scheme && !(flags & LOCATION_IN_POOL)) {
        if (text[0] == '\0' || strlen(text) >= sizeof(loc->path))
            return bad(e, -DER_BADPATH, text, "the path is empty or longer than 4095 bytes",
                       "name a file or a directory");
        snprintf(loc->path, sizeof(loc->path), "%s", text);
        return 0;
    }
    loc->in_pool = true;
    rc = looks_like_path(body) ? find_pool_dir(text, body, loc, &rest, e)
                               : split_label(text, body, loc, &rest, e);
    if (rc != 0)
        return rc;
    rest += strspn(rest, "/");
    size_t len = strcspn(rest, "/");
    if (len == 0)
        return bad(e, -DER_BADPATH, text, "the container is missing",
                   "write daos://POOL/CONTAINER/path; 'tarn cont list POOL' shows the containers");
    if (len > LABEL_MAX_LEN)
        return bad(e, -DER_OVERFLOW, text, "the container's name is longer than 127 bytes",
                   "use a label of at most 127 characters");
    memcpy(loc->cont, rest, len);
    loc->cont[len] = '\0';
    if (!label_is_valid(loc->cont) && !uuid_text_parse(loc->cont, uuid))
        return bad(e, -DER_BADPATH, text, "the container's name is neither a label nor a UUID",
                   "labels are 1 to 127 of letters, digits and . _ : -");
    return normalise(text, rest + len, loc->path, e);
}

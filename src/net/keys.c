/* Files of keys: see net/keys.h. */
#include "net/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <daos_errno.h>

#include "base/base.h"
#include "base/fail.h"

#define FILE_MAX   (1u << 20)
#define NSS_BUF    16384u
#define GROUPS_MAX 1024
#define KEY_NEXT   "make one with: tarn key NAME"
#define SPACE      " \t\r"

/* Where in the file an error is. */
struct place {
    const char *file;
    uint32_t line;
    struct err *e;
};

static int bad_line(const struct place *at, int rc, const char *why, const char *next)
{
    return err_setf(at->e, rc, next, why, "cannot use line %u of key file %.200s", at->line,
                    at->file);
}

/* ---- Names, secrets, users ---- */

static bool is_name(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] <= ' ' || s[i] > '~' || s[i] == '#')
            return false;
    return len > 0 && len <= NET_KEY_NAME_MAX;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool secret_parse(const char *s, uint8_t out[PROOF_KEY])
{
    if (strlen(s) != 2 * PROOF_KEY)
        return false;
    for (uint32_t i = 0; i < PROOF_KEY; i++) {
        int hi = digit(s[2 * i]), lo = digit(s[2 * i + 1]);

        if (hi < 0 || lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

/* The user, and all groups that he has here. */
static int user_find(const char *name, struct net_key *k)
{
    gid_t groups[GROUPS_MAX];
    struct passwd pw, *found = NULL;
    char *buf = base_alloc(NSS_BUF);
    int nr = GROUPS_MAX, rc = buf == NULL ? -DER_NOMEM : 0;

    if (rc == 0 && (getpwnam_r(name, &pw, buf, NSS_BUF, &found) != 0 || found == NULL))
        rc = -DER_NONEXIST;
    if (rc == 0 && getgrouplist(name, pw.pw_gid, groups, &nr) < 0)
        rc = -DER_OVERFLOW;
    if (rc == 0) {
        k->uid = pw.pw_uid;
        k->gid = pw.pw_gid;
        k->groups_nr = (uint32_t)nr;
        k->groups = base_alloc(sizeof(*k->groups) * (size_t)MAX(nr, 1));
        if (k->groups == NULL)
            rc = -DER_NOMEM;
        else
            memcpy(k->groups, groups, sizeof(*k->groups) * (size_t)nr);
    }
    base_free(buf);
    return rc;
}

/* ---- Lines ---- */

static struct net_key *key_add(struct net_keys *keys)
{
    struct net_key *k;

    if (keys->nr == keys->cap) {
        uint32_t cap = MAX(4u, keys->cap * 2);

        k = base_alloc(cap * sizeof(*k)); /* not realloc: no copy of a secret stays behind */
        if (k == NULL)
            return NULL;
        if (keys->nr > 0)
            memcpy(k, keys->key, keys->nr * sizeof(*k));
        proof_wipe(keys->key, keys->nr * sizeof(*k));
        base_free(keys->key);
        keys->key = k;
        keys->cap = cap;
    }
    k = &keys->key[keys->nr++];
    *k = (struct net_key){.uid = UINT32_MAX, .gid = UINT32_MAX};
    return k;
}

static int key_parse(struct net_keys *keys, bool users, char *line, const struct place *at)
{
    char *save = NULL, *name = strtok_r(line, SPACE, &save), *secret, *user;
    struct net_key *k;
    int rc;

    if (name == NULL || name[0] == '#')
        return 0;
    secret = strtok_r(NULL, SPACE, &save);
    user = secret != NULL ? strtok_r(NULL, SPACE, &save) : NULL;
    if (!is_name(name, strlen(name)) || secret == NULL ||
        (user != NULL && strtok_r(NULL, SPACE, &save) != NULL))
        return bad_line(at, -DER_INVAL, "it is not NAME SECRET [USER]", KEY_NEXT);
    if (net_keys_find(keys, name, strlen(name)) != NULL)
        return bad_line(at, -DER_INVAL, "there is a key of that name before it",
                        "give it another name");
    if (keys->nr == NET_KEYS_MAX)
        return bad_line(at, -DER_OVERFLOW, "there are more keys than an engine takes",
                        "remove some");
    k = key_add(keys);
    if (k == NULL)
        return bad_line(at, -DER_NOMEM, "there is no memory left", "free some");
    memcpy(k->name, name, strlen(name) + 1);
    if (!secret_parse(secret, k->secret))
        return bad_line(at, -DER_INVAL, "its secret is not 64 hexadecimal digits", KEY_NEXT);
    rc = users && user != NULL ? user_find(user, k) : 0;
    if (rc == -DER_NONEXIST)
        return bad_line(at, -DER_INVAL, "this machine has no such user",
                        "name one that it has (getent passwd)");
    if (rc != 0)
        return bad_line(at, rc, "its user cannot be looked up", "see that memory is left");
    return 0;
}

/* ---- Files ---- */

static int bad_file(const char *file, int err, struct err *e)
{
    int rc = err == ENOENT || err == ENOTDIR ? -DER_NONEXIST
             : err == EACCES || err == EPERM ? -DER_NO_PERM
             : err == ENOMEM                 ? -DER_NOMEM
                                             : -DER_IO;

    return err_setf(e, rc, KEY_NEXT ", and say where it is", strerror(err),
                    "cannot read key file %.200s", file);
}

/* A key that others can read is none. */
static int check_owner(const char *file, const struct stat *st, struct err *e)
{
    if (!S_ISREG(st->st_mode))
        return err_setf(e, -DER_INVAL, KEY_NEXT, "it is no file", "cannot use key file %.200s",
                        file);
    if (st->st_mode & 077)
        return err_setf(e, -DER_NO_PERM, "chmod 600, and make new keys if others could read it",
                        "others than its owner may read or write it", "cannot use key file %.200s",
                        file);
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return err_setf(e, -DER_NO_PERM, "use a file of your own", "it belongs to another user",
                        "cannot use key file %.200s", file);
    if (st->st_size > FILE_MAX)
        return err_setf(e, -DER_OVERFLOW, KEY_NEXT, "it is larger than any list of keys",
                        "cannot use key file %.200s", file);
    return 0;
}

/* All of it, with a NUL. */
static int slurp(const char *file, char **out, size_t *len, struct err *e)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;
    struct stat st;
    char *text = NULL;
    ssize_t n = 0;

    if (fd < 0 || fstat(fd, &st) != 0) {
        rc = bad_file(file, errno, e);
        goto out;
    }
    rc = check_owner(file, &st, e);
    if (rc != 0)
        goto out;
    text = base_calloc(1, (size_t)st.st_size + 1);
    if (text != NULL)
        n = read(fd, text, (size_t)st.st_size);
    if (text == NULL || n < 0) {
        rc = bad_file(file, text == NULL ? ENOMEM : errno, e);
        base_free(text);
        goto out;
    }
    *out = text;
    *len = (size_t)st.st_size + 1;
out:
    if (fd >= 0)
        close(fd);
    return rc;
}

static int parse(struct net_keys *keys, bool users, char *text, struct place *at)
{
    int rc = 0;

    for (char *line = text, *next; rc == 0 && line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        at->line++;
        rc = key_parse(keys, users, line, at);
    }
    if (rc == 0 && keys->nr == 0)
        rc = err_setf(at->e, -DER_INVAL, KEY_NEXT, "there is no key in it",
                      "cannot use key file %.200s", at->file);
    return rc;
}

int net_keys_read(const char *file, bool users, struct net_keys **out, struct err *e)
{
    struct place at = {.file = file, .e = e};
    struct net_keys *keys;
    char *text = NULL;
    size_t len = 0;
    int rc;

    if (!proof_works())
        return err_setf(e, -DER_NOSYS, "build it with libsodium-dev",
                        "this program was built without libsodium", "cannot use key file %.200s",
                        file);
    rc = slurp(file, &text, &len, e);
    if (rc != 0)
        return rc;
    keys = base_calloc(1, sizeof(*keys));
    rc = keys == NULL ? bad_file(file, ENOMEM, e) : parse(keys, users, text, &at);
    proof_wipe(text, len);
    base_free(text);
    if (rc != 0)
        net_keys_free(keys);
    else
        *out = keys;
    return rc;
}

void net_keys_free(struct net_keys *keys)
{
    if (keys == NULL)
        return;
    for (uint32_t i = 0; i < keys->nr; i++)
        base_free(keys->key[i].groups);
    if (keys->nr > 0)
        proof_wipe(keys->key, keys->nr * sizeof(*keys->key));
    base_free(keys->key);
    base_free(keys);
}

const struct net_key *net_keys_find(const struct net_keys *keys, const void *name, size_t len)
{
    for (uint32_t i = 0; i < keys->nr; i++)
        if (strlen(keys->key[i].name) == len && memcmp(keys->key[i].name, name, len) == 0)
            return &keys->key[i];
    return NULL;
}

int net_key_new(const char *name, const char *user, char line[NET_KEY_LINE])
{
    uint8_t secret[PROOF_KEY];
    char hex[2 * PROOF_KEY + 1];

    if (!is_name(name, strlen(name)) || (user != NULL && !is_name(user, strlen(user))))
        return -DER_INVAL;
    if (!proof_works())
        return -DER_NOSYS;
    proof_random(secret, sizeof(secret));
    for (uint32_t i = 0; i < PROOF_KEY; i++)
        snprintf(hex + 2 * i, 3, "%02x", secret[i]);
    snprintf(line, NET_KEY_LINE, "%s %s%s%s", name, hex, user != NULL ? " " : "",
             user != NULL ? user : "");
    proof_wipe(secret, sizeof(secret));
    proof_wipe(hex, sizeof(hex));
    return 0;
}

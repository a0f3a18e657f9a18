/* Making and removing embedded pools. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/label.h"
#include "client/impl.h"
#include "client/prop_desc.h"
#include "embed/embed_int.h"
#include "engine/engine.h"
#include "rt/rt.h"

/* a smaller log works, but checkpoints all the time */
#define WAL_LEAST       (UINT64_C(8) << 20)
#define TARGETS_UNASKED 16u                 /* more only if somebody says so */
#define TARGET_LEAST    (UINT64_C(1) << 30) /* of a limit, for each of those */
#define PROPS_MAX       64u

const char *embed_path_of(const char *name)
{
    if (name == NULL)
        return NULL;
    if (strncmp(name, "inproc:", 7) == 0)
        return name + 7;
    return strchr(name, '/') != NULL ? name : NULL;
}

int embed_real_path(const char *path, char out[PATH_MAX], struct err *e)
{
    int rc;

    if (realpath(path, out) != NULL)
        return 0;
    rc = errno == EACCES         ? -DER_NO_PERM
         : errno == ENOTDIR      ? -DER_NOTDIR
         : errno == ENAMETOOLONG ? -DER_OVERFLOW
                                 : -DER_NONEXIST;
    return err_setf(e, rc, "name a pool's directory, or create one: dmg pool create ./my-pool",
                    strerror(errno), "cannot open pool %s", path);
}

bool embed_has_pool(const char *path)
{
    char file[PATH_MAX + 16];
    struct stat st;

    /* a link counts even if what it leads to is missing: opening says what that is */
    snprintf(file, sizeof(file), "%s/" ENGINE_DEVICE, path);
    return lstat(file, &st) == 0 && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode));
}

int embed_content_of(const char *path, enum content *what)
{
    DIR *d = opendir(path);
    struct dirent *ent;

    if (d == NULL)
        return errno == EACCES ? -DER_NO_PERM : errno == ENOTDIR ? -DER_NOTDIR : -DER_NONEXIST;
    *what = CONTENT_EMPTY;
    while ((ent = readdir(d)) != NULL) {
        if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0 ||
            strcmp(ent->d_name, POOL_LOCK) == 0 || strcmp(ent->d_name, EMBED_SOCKET) == 0)
            continue;
        if (engine_is_device(ent->d_name))
            *what = CONTENT_POOL;
        else if (*what == CONTENT_EMPTY)
            *what = CONTENT_OTHER;
    }
    closedir(d);
    return 0;
}

struct label_search {
    const char *label, *path;
    bool taken;
};

static int label_taken(const struct registry_entry *r, void *arg)
{
    struct label_search *s = arg;

    /* a line whose pool is gone does not hold the label */
    if (strcmp(r->label, s->label) == 0 && strcmp(r->path, s->path) != 0 && embed_has_pool(r->path))
        s->taken = true;
    return 0;
}

/* The label asked for, or one from the directory's name that is still free. */
static int label_choose(const char *path, const struct embed_pool_conf *conf, const uuid_t pool,
                        char label[LABEL_MAX_LEN + 1], struct err *e)
{
    const char *base = strrchr(path, '/');
    struct label_search s = {.label = label, .path = path};
    char text[UUID_TEXT_LEN + 1];

    label[0] = '\0';
    if (conf->label != NULL) {
        if (!label_is_valid(conf->label))
            return err_setf(
                e, -DER_INVAL, "choose another label",
                "a label is 1 to 127 of letters, digits and . _ : - and does not look like a UUID",
                "cannot use label '%.100s'", conf->label);
        strcpy(label, conf->label);
        registry_each(label_taken, &s);
        if (s.taken)
            return err_setf(e, -DER_EXIST, "choose another label, or destroy that pool",
                            "another pool of yours has it (dmg pool list)", "cannot use label '%s'",
                            conf->label);
        return 0;
    }
    base = base != NULL ? base + 1 : path;
    if (!label_is_valid(base))
        return 0;
    strcpy(label, base);
    registry_each(label_taken, &s);
    if (s.taken && strlen(label) + 5 <= LABEL_MAX_LEN) {
        uuid_text_print(pool, text);
        snprintf(label + strlen(label), 6, "-%.4s", text);
    } else if (s.taken) {
        label[0] = '\0';
    }
    return 0;
}

static int dir_ready(const char *path, char real[PATH_MAX], struct err *e)
{
    enum content what;
    int rc;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        rc = errno == EACCES || errno == EROFS ? -DER_NO_PERM
             : errno == ENOSPC                 ? -DER_NOSPACE
             : errno == ENAMETOOLONG           ? -DER_OVERFLOW
                                               : -DER_NONEXIST;
        return err_setf(e, rc, "choose a directory whose parent exists and that you may write",
                        strerror(errno), "cannot create pool directory %s", path);
    }
    rc = embed_real_path(path, real, e);
    if (rc == 0)
        rc = embed_content_of(real, &what);
    if (rc != 0)
        return err_setf(e, rc, "choose a directory that you may read and write",
                        rc == -DER_NOTDIR ? "it is a file" : "it cannot be read",
                        "cannot create pool %s", path);
    if (what == CONTENT_POOL)
        return err_setf(e, -DER_EXIST,
                        "use it as it is, or destroy it first: dmg pool destroy PATH",
                        "there is a pool in this directory already", "cannot create pool %s", path);
    if (what == CONTENT_OTHER)
        return err_setf(e, -DER_EXIST, "choose an empty or new directory",
                        "the directory holds files that are not Tarn's", "cannot create pool %s",
                        path);
    return 0;
}

/* TARN_TARGETS: of pools that are made by who does not say. */
static int targets_wanted(const struct embed_pool_conf *conf, uint32_t *nr, struct err *e)
{
    const char *text = getenv("TARN_TARGETS");
    unsigned long n;
    char *end;

    *nr = conf->targets != 0 ? conf->targets : places_targets(conf);
    if (*nr != 0 || text == NULL)
        return 0;
    n = strtoul(text, &end, 10);
    if (*text < '1' || *text > '9' || *end != '\0' || n > ENGINE_TARGETS_MAX)
        return err_setf(e, -DER_INVAL, "give a number from 1 to 64, or unset the variable",
                        "TARN_TARGETS is not a number of targets",
                        "cannot create the pool with TARN_TARGETS=%s", text);
    *nr = (uint32_t)n;
    return 0;
}

int embed_pool_targets(const struct embed_pool_conf *conf, uint32_t cpus, uint32_t *nr,
                       struct err *e)
{
    int rc = targets_wanted(conf, nr, e);

    if (rc != 0 || *nr != 0)
        return rc;
    *nr = MIN(cpus / 2, TARGETS_UNASKED);
    if (conf->limit_bytes != 0)
        *nr = (uint32_t)MIN(*nr, conf->limit_bytes / TARGET_LEAST);
    *nr = MAX(*nr, 1u);
    return 0;
}

static int format(const char *real, const struct embed_pool_conf *conf, uuid_t pool,
                  const char *label, struct err *e)
{
    struct msg_prop props[PROPS_MAX + 1];
    struct engine_conf ec = {.cpu = -1};
    struct engine_format ef = {.wal_bytes = conf->wal_bytes ? MAX(conf->wal_bytes, WAL_LEAST) : 0,
                               .limit_bytes = conf->limit_bytes,
                               .force = conf->force,
                               .props = props};
    struct places places = {0};
    struct ident who;
    uint32_t n = 0;
    int rc = targets_wanted(conf, &ef.targets, e);

    if (rc != 0)
        return rc;
    if (conf->prop != NULL) {
        if (conf->prop->dpp_nr > PROPS_MAX)
            return err_set(e, -DER_INVAL, "cannot create the pool", "too many properties",
                           "give each property once");
        prop_to_msg(conf->prop, props);
        /* the label has been chosen already */
        for (uint32_t i = 0; i < conf->prop->dpp_nr; i++)
            if (props[i].type != DAOS_PROP_PO_LABEL)
                props[n++] = props[i];
    }
    if (label[0] != '\0')
        props[n++] = (struct msg_prop){.type = DAOS_PROP_PO_LABEL, .text = label};
    ef.props_nr = n;
    memcpy(ef.pool, pool, 16);
    ef.place = places.of;
    rc = places_choose(real, pool, conf, MAX(ef.targets, 1u), &places, e);
    if (rc == 0)
        rc = ident_self(&who);
    if (rc != 0)
        goto out_places;
    ef.owner = who.user;
    ef.group = who.group;
    rc = io_dir_open(real, false, &ec.dir, e);
    if (rc != 0)
        goto out;
    rc = engine_pool_format(&ec, &ef, e);
    io_dir_close(ec.dir);
out:
    ident_fini(&who);
out_places:
    places_free(&places);
    return rc;
}

int embed_pool_create(const char *path, const struct embed_pool_conf *conf, uuid_t pool,
                      struct err *e)
{
    char real[PATH_MAX], label[LABEL_MAX_LEN + 1];
    struct embed_pool_conf wanted = *conf;
    bool there = access(path, F_OK) == 0;
    int rc;

    rc = dir_ready(path, real, e);
    if (rc != 0)
        return rc;
    rt_random_bytes(pool, 16);
    pool[6] = (pool[6] & 0x0f) | 0x40; /* a random (version 4) uuid, RFC 9562 */
    pool[8] = (pool[8] & 0x3f) | 0x80;
    if (wanted.label == NULL && conf->prop != NULL) {
        struct daos_prop_entry *p = daos_prop_entry_get(conf->prop, DAOS_PROP_PO_LABEL);

        wanted.label = p != NULL ? p->dpe_str : NULL;
    }
    rc = label_choose(real, &wanted, pool, label, e);
    if (rc == 0)
        rc = format(real, conf, pool, label, e);
    if (rc != 0) {
        if (!there)
            rmdir(real); /* unless something was begun in it */
        return rc;
    }
    /* the registry is a convenience: a home that cannot be written does not spoil the pool */
    registry_add(pool, label, real);
    return 0;
}

int embed_pool_destroy(const char *path, bool force, struct err *e)
{
    char real[PATH_MAX], file[PATH_MAX + 16];
    struct engine_conf conf = {.cpu = -1, .locked = true};
    enum content what;
    int rc;

    rc = embed_real_path(path, real, e);
    if (rc == 0)
        rc = embed_content_of(real, &what);
    if (rc != 0)
        return rc;
    if (what != CONTENT_POOL)
        return err_setf(e, -DER_DF_INVAL, "check the path; list pools with: dmg pool list",
                        "there is no pool in this directory", "cannot destroy pool %s", path);
    rc = embed_end(real, false, NULL, e);
    if (rc == 0)
        rc = io_dir_open(real, false, &conf.dir, e);
    if (rc != 0)
        return rc;
    rc = io_dir_lock(conf.dir, e);
    if (rc == 0)
        rc = engine_pool_destroy(&conf, force, e);
    if (rc == 0) {
        /* The lock file is not a device, so it is removed here, while we hold it. */
        snprintf(file, sizeof(file), "%s/" POOL_LOCK, real);
        unlink(file);
        /* of an engine that was killed: nobody listens on it, or the lock would not be ours */
        snprintf(file, sizeof(file), "%s/" EMBED_SOCKET, real);
        unlink(file);
    }
    io_dir_close(conf.dir);
    if (rc != 0)
        return rc;
    rmdir(real); /* stays if the user keeps something else there */
    registry_del(real);
    return 0;
}

struct list_call {
    int (*each)(const uuid_t pool, const char *label, const char *path, void *arg);
    void *arg;
};

static int list_one(const struct registry_entry *r, void *arg)
{
    struct list_call *c = arg;

    return c->each(r->pool, r->label, r->path, c->arg);
}

int embed_pool_list(int (*each)(const uuid_t pool, const char *label, const char *path, void *arg),
                    void *arg, struct err *e)
{
    struct list_call c = {each, arg};
    int rc = registry_each(list_one, &c);

    if (rc == -DER_NO_PERM)
        return err_set(e, rc, "cannot list the pools",
                       "the registry cannot be read ($XDG_STATE_HOME/tarn/pools)",
                       "check its permissions, or name pools by path");
    return rc;
}

int client_embed_list(int (*each)(const uuid_t pool, const char *label, const char *path,
                                  void *arg),
                      void *arg, struct err *e)
{
    return embed_pool_list(each, arg, e);
}

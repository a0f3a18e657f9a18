/*
 * Directory listings. A listing in progress is an anchor and the batch of names it gave; the offset
 * the kernel sees counts entries from the start ("." and ".." first). Going on from where the last
 * reply ended, or from anywhere within it, costs nothing; any other offset starts over and skips,
 * which is exact as long as nothing was removed meanwhile. So a reply never reaches over the end of
 * a batch: the kernel drops what a caller's buffer has no room for and asks for it again, and
 * callers remove what they have read.
 */
#include "posix/dfuse.h"

#define LIST_BATCH 128u

struct listing {
    struct listing *next, **prev; /* of the mount's open ones */
    daos_anchor_t anchor;
    struct dirent ents[LIST_BATCH];
    uint32_t nr;    /* entries in ents */
    uint64_t first; /* offset of ents[0] */
    pthread_mutex_t lock;
    dfs_obj_t *dir; /* while the lock is held */
};

static void listing_free(struct listing *l)
{
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void dfuse_listings_free(struct dfuse *d)
{
    while (d->listings != NULL) {
        struct listing *l = d->listings;

        d->listings = l->next;
        listing_free(l);
    }
}

void dfuse_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct listing *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    pthread_mutex_init(&l->lock, NULL);
    l->first = 2;
    pthread_mutex_lock(&d->lock);
    l->next = d->listings;
    l->prev = &d->listings;
    if (l->next != NULL)
        l->next->prev = &l->next;
    d->listings = l;
    pthread_mutex_unlock(&d->lock);
    fi->fh = (uint64_t)(uintptr_t)l;
    fuse_reply_open(req, fi);
}

void dfuse_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct dfuse *d = DFUSE(req);
    struct listing *l = (struct listing *)(uintptr_t)fi->fh;

    pthread_mutex_lock(&d->lock);
    *l->prev = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
    pthread_mutex_unlock(&d->lock);
    listing_free(l);
    fuse_reply_err(req, 0);
}

/* The entry at offset off, NULL at the end. */
static int entry_at(struct dfuse *d, struct listing *l, uint64_t off, const struct dirent **ent)
{
    int rc;

    if (off < l->first) {
        memset(&l->anchor, 0, sizeof(l->anchor));
        l->first = 2;
        l->nr = 0;
    }
    while (off >= l->first + l->nr) {
        if (daos_anchor_is_eof(&l->anchor)) {
            *ent = NULL;
            return 0;
        }
        l->first += l->nr;
        l->nr = LIST_BATCH;
        rc = dfs_readdir(d->dfs, l->dir, &l->anchor, &l->nr, l->ents);
        if (rc != 0) {
            l->nr = 0;
            return rc;
        }
    }
    *ent = &l->ents[off - l->first];
    return 0;
}

/* What a plain listing tells of an entry: its number and its type. The kernel does not look at the
 * rest. */
static int plain(struct dfuse *d, struct listing *l, const char *name, struct stat *st)
{
    daos_obj_id_t oid;
    mode_t mode;
    int rc = dfs_peek(d->dfs, l->dir, name, &mode, &oid);

    if (rc != 0)
        return rc;
    st->st_ino = dfuse_st_ino(oid);
    st->st_mode = mode;
    return 0;
}

/* Appends one entry; answers the bytes it takes, more than room when it does not fit. A name that
 * vanished meanwhile is passed over (*gone). */
static size_t add(fuse_req_t req, struct inode *dir, struct listing *l, const char *name,
                  uint64_t off, bool plus, char *buf, size_t room, bool *gone)
{
    struct dfuse *d = DFUSE(req);
    struct fuse_entry_param e = {0};
    struct stat st = {.st_mode = S_IFDIR,
                      .st_ino = 0xffffffff}; /* of "..", which is not known here */
    size_t need;

    *gone = false;
    need = plus ? fuse_add_direntry_plus(req, NULL, 0, name, NULL, 0)
                : fuse_add_direntry(req, NULL, 0, name, NULL, 0);
    if (need > room)
        return need;
    if (off < 2) {
        if (off == 0 || dir == &d->root)
            st.st_ino = dfuse_st_ino_of(d, dir);
        e.attr = st;
    } else if (plus ? dfuse_entry_of(d, dir, name, &e) != 0 : plain(d, l, name, &st) != 0) {
        *gone = true;
        return 0;
    }
    return plus ? fuse_add_direntry_plus(req, buf, room, name, &e, (off_t)off + 1)
                : fuse_add_direntry(req, buf, room, name, &st, (off_t)off + 1);
}

/* Fills buf from offset off on, to the end of a batch at most. Errno only if there is nothing to
 * give. */
static int fill(fuse_req_t req, struct inode *dir, struct listing *l, uint64_t off, bool plus,
                char *buf, size_t size, size_t *used)
{
    for (;; off++) {
        const struct dirent *ent = NULL;
        const char *name = off == 0 ? "." : "..";
        bool gone;
        size_t n;
        int rc;

        if (off >= 2) {
            if (*used > 0 && off >= l->first + l->nr)
                return 0;
            rc = entry_at(DFUSE(req), l, off, &ent);
            if (rc != 0 || ent == NULL)
                return rc;
            name = ent->d_name;
        }
        n = add(req, dir, l, name, off, plus, buf + *used, size - *used, &gone);
        if (gone)
            continue;
        if (n > size - *used)
            return 0;
        *used += n;
    }
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t from, struct fuse_file_info *fi,
                 bool plus)
{
    struct dfuse *d = DFUSE(req);
    struct inode *dir = dfuse_inode(d, ino);
    struct listing *l = (struct listing *)(uintptr_t)fi->fh;
    struct place *at;
    size_t used = 0;
    char *buf = malloc(size);
    int rc;

    if (buf == NULL) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    at = dfuse_place_get(d, dir);
    pthread_mutex_lock(&l->lock);
    l->dir = at->obj;
    rc = fill(req, dir, l, (uint64_t)from, plus, buf, size, &used);
    l->dir = NULL;
    pthread_mutex_unlock(&l->lock);
    dfuse_place_put(d, at);
    if (rc != 0)
        fuse_reply_err(req, rc);
    else
        fuse_reply_buf(req, buf, used);
    free(buf);
}

void dfuse_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                   struct fuse_file_info *fi)
{
    list(req, ino, size, off, fi, false);
}

void dfuse_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                       struct fuse_file_info *fi)
{
    list(req, ino, size, off, fi, true);
}

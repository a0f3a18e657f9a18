/*
 * Directory listings. A listing in progress is an anchor and the batch of names it gave; the offset the kernel sees counts entries from
 * the start ("." and ".." first). Going on from where the last reply ended costs nothing; any other offset starts over and skips.
 */
#include "posix/dfuse.h"

#define LIST_BATCH 128u

struct listing {
    daos_anchor_t anchor;
    struct dirent ents[LIST_BATCH];
    uint32_t nr;       /* entries in ents */
    uint64_t first;    /* offset of ents[0] */
    pthread_mutex_t lock;
};

void dfuse_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct listing *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    pthread_mutex_init(&l->lock, NULL);
    l->first = 2;
    fi->fh = (uint64_t)(uintptr_t)l;
    fuse_reply_open(req, fi);
}

void dfuse_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct listing *l = (struct listing *)(uintptr_t)fi->fh;

    pthread_mutex_destroy(&l->lock);
    free(l);
    fuse_reply_err(req, 0);
}

/* The entry at offset off, NULL at the end. */
static int entry_at(struct dfuse *d, struct inode *dir, struct listing *l, uint64_t off, const struct dirent **ent)
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
        rc = dfs_readdir(d->dfs, dir->obj, &l->anchor, &l->nr, l->ents);
        if (rc != 0) {
            l->nr = 0;
            return rc;
        }
    }
    *ent = &l->ents[off - l->first];
    return 0;
}

/* Appends one entry; 0 bytes when it does not fit. With plus, a name that vanished meanwhile is passed over (*gone). */
static size_t add(fuse_req_t req, struct inode *dir, const char *name, uint64_t off, bool plus, char *buf, size_t room, bool *gone)
{
    struct dfuse *d = DFUSE(req);
    struct fuse_entry_param e = {0};
    size_t need;

    *gone = false;
    if (!plus || off < 2) {
        struct stat st = {.st_ino = 0xffffffff};

        if (off < 2)
            st.st_mode = S_IFDIR;
        if (!plus)
            return fuse_add_direntry(req, buf, room, name, &st, (off_t)off + 1);
        e.attr = st;
        return fuse_add_direntry_plus(req, buf, room, name, &e, (off_t)off + 1);
    }
    need = fuse_add_direntry_plus(req, NULL, 0, name, NULL, 0);
    if (need > room)
        return need;
    if (dfuse_entry_of(d, dir, name, &e) != 0) {
        *gone = true;
        return 0;
    }
    return fuse_add_direntry_plus(req, buf, room, name, &e, (off_t)off + 1);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t from, struct fuse_file_info *fi, bool plus)
{
    struct dfuse *d = DFUSE(req);
    struct inode *dir = dfuse_inode(d, ino);
    struct listing *l = (struct listing *)(uintptr_t)fi->fh;
    uint64_t off = (uint64_t)from;
    size_t used = 0;
    char *buf = malloc(size);
    int rc = 0;

    if (buf == NULL) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    pthread_mutex_lock(&l->lock);
    for (;; off++) {
        const struct dirent *ent = NULL;
        const char *name = off == 0 ? "." : "..";
        bool gone;
        size_t n;

        if (off >= 2) {
            rc = entry_at(d, dir, l, off, &ent);
            if (rc != 0 || ent == NULL)
                break;
            name = ent->d_name;
        }
        n = add(req, dir, name, off, plus, buf + used, size - used, &gone);
        if (gone)
            continue;
        if (n > size - used)
            break;
        used += n;
    }
    pthread_mutex_unlock(&l->lock);
    /* what was gathered goes out; the error comes back with the next call */
    if (rc != 0 && used == 0)
        fuse_reply_err(req, rc);
    else
        fuse_reply_buf(req, buf, used);
    free(buf);
}

void dfuse_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    list(req, ino, size, off, fi, false);
}

void dfuse_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    list(req, ino, size, off, fi, true);
}

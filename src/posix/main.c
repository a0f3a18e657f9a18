/* dfuse's life: options, background, pool and container, mount, serve, unmount. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "client/client.h"
#include "posix/dfuse.h"

const struct fuse_lowlevel_ops dfuse_ops = {
    .init = dfuse_init,
    .lookup = dfuse_lookup,
    .forget = dfuse_forget,
    .forget_multi = dfuse_forget_multi,
    .getattr = dfuse_getattr,
    .setattr = dfuse_setattr,
    .readlink = dfuse_readlink,
    .mknod = dfuse_mknod,
    .mkdir = dfuse_mkdir,
    .unlink = dfuse_unlink,
    .rmdir = dfuse_rmdir,
    .symlink = dfuse_symlink,
    .rename = dfuse_rename,
    .link = dfuse_link,
    .create = dfuse_create,
    .open = dfuse_open,
    .read = dfuse_read,
    .write = dfuse_write,
    .flush = dfuse_flush,
    .fsync = dfuse_fsync,
    .release = dfuse_release,
    .fallocate = dfuse_fallocate,
    .opendir = dfuse_opendir,
    .readdir = dfuse_readdir,
    .readdirplus = dfuse_readdirplus,
    .releasedir = dfuse_releasedir,
    .fsyncdir = dfuse_fsync,
    .flock = dfuse_flock,
    .statfs = dfuse_statfs,
    .setxattr = dfuse_setxattr,
    .getxattr = dfuse_getxattr,
    .listxattr = dfuse_listxattr,
    .removexattr = dfuse_removexattr,
};

void dfuse_init(void *arg, struct fuse_conn_info *conn)
{
    struct dfuse *d = arg;

    if (d->conf.wb_cache && !d->conf.readonly && (conn->capable & FUSE_CAP_WRITEBACK_CACHE))
        conn->want |= FUSE_CAP_WRITEBACK_CACHE;
    if (conn->capable & FUSE_CAP_PARALLEL_DIROPS)
        conn->want |= FUSE_CAP_PARALLEL_DIROPS;
    if (conn->capable & FUSE_CAP_ATOMIC_O_TRUNC)
        conn->want |= FUSE_CAP_ATOMIC_O_TRUNC;
    /* libfuse wants flock() requests because there is an operation for them; without, the kernel
     * locks on its own */
    if (d->conf.local_flock)
        conn->want &= ~(unsigned)FUSE_CAP_FLOCK_LOCKS;
    /* the kernel removes setuid bits on write itself; libfuse would promise that we do */
    conn->want &= ~(unsigned)FUSE_CAP_HANDLE_KILLPRIV;
    conn->max_write = 1u << 20;
    conn->max_readahead = 1u << 20;
}

/* Says what failed in three parts: the library's own where it left them. */
static void complain(const char *what, const char *object, int rc, const char *why,
                     const char *next)
{
    const struct err *e = err_last();
    char text[3 * ERR_PART_MAX + 16];

    if (e != NULL && e->rc != 0 && err_format(e, text, sizeof(text)) >= 0)
        fprintf(stderr, "dfuse: %s\n", text);
    else if (why != NULL)
        fprintf(stderr, "dfuse: cannot %s '%s': %s; %s\n", what, object, why, next);
    else
        fprintf(stderr, "dfuse: cannot %s '%s': %s (%d); %s\n", what, object, d_errdesc(rc), rc,
                next);
}

/* A mount whose process is gone may still be shown by stat(), from the kernel's cache; to open it
 * is not possible. */
static bool is_dead_mount(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = errno;

    if (fd >= 0)
        close(fd);
    return fd < 0 && err == ENOTCONN;
}

static int mountpoint_check(const char *path)
{
    struct stat st;

    if (is_dead_mount(path)) {
        complain("mount on", path, 0, "a mount whose process is gone is still there",
                 "remove it first: fusermount3 -u DIR");
        return 1;
    }
    if (stat(path, &st) != 0) {
        complain("mount on", path, 0, strerror(errno),
                 errno == ENOENT ? "create the directory first (mkdir -p)"
                                 : "choose another directory");
        return 1;
    }
    if (!S_ISDIR(st.st_mode)) {
        complain("mount on", path, 0, "it is not a directory", "choose a directory");
        return 1;
    }
    return 0;
}

static int open_pool(struct dfuse *d)
{
    struct dfuse_conf *c = &d->conf;
    int flags = c->readonly ? O_RDONLY : O_RDWR;
    dfs_obj_t *root;
    int rc;

    err_last_clear();
    rc = daos_init();
    if (rc != 0) {
        complain("start", "libdaos", rc, NULL, "see the log");
        return 1;
    }
    client_shows_errors();
    rc = daos_pool_connect(c->pool, NULL, c->readonly ? DAOS_PC_RO : DAOS_PC_RW, &d->poh, NULL,
                           NULL);
    if (rc != 0) {
        complain("open pool", c->pool, rc, NULL, "list the pools with: dmg pool list");
        goto fini;
    }
    err_last_clear();
    rc = daos_cont_open(d->poh, c->cont, c->readonly ? DAOS_COO_RO : DAOS_COO_RW, &d->coh, NULL,
                        NULL);
    if (rc != 0) {
        complain("open container", c->cont, rc, NULL, "list them with: daos cont list POOL");
        goto disconnect;
    }
    dfuse_cont_attrs(d);
    err_last_clear();
    if (c->snap_epoch != 0)
        rc = dfs_mount_snap(d->poh, d->coh, O_RDONLY, c->snap_epoch, NULL, &d->dfs);
    else
        rc = dfs_mount(d->poh, d->coh, flags | (int)DFS_BALANCED, &d->dfs);
    if (rc != 0) {
        complain("mount container", c->cont, 0, strerror(rc),
                 "it must be of type POSIX (daos cont create --type POSIX)");
        goto close;
    }
    rc = dfs_lookup(d->dfs, "/", flags, &root, NULL, NULL);
    if (rc == 0) {
        d->root.mode = S_IFDIR;
        dfs_obj2id(root, &d->root.oid);
        d->root.place = dfuse_place_new(root);
        if (d->root.place != NULL)
            return 0;
        rc = ENOMEM;
    }
    complain("open the root of", c->cont, 0, strerror(rc), "check the pool: tarn check POOL");
    dfs_umount(d->dfs);
close:
    daos_cont_close(d->coh, NULL);
disconnect:
    daos_pool_disconnect(d->poh, NULL);
fini:
    daos_fini();
    return 1;
}

static void close_pool(struct dfuse *d)
{
    dfuse_listings_free(d);
    dfuse_inodes_free(d);
    dfuse_place_put(d, d->root.place);
    dfs_umount(d->dfs);
    daos_cont_close(d->coh, NULL);
    daos_pool_disconnect(d->poh, NULL);
    daos_fini();
}

static int session_new(struct dfuse *d)
{
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    char *opts = NULL;
    int rc = 1;

    if (asprintf(&opts, "fsname=dfuse,subtype=daos,default_permissions%s%s%s%s",
                 d->conf.multi_user ? ",allow_other" : "", d->conf.readonly ? ",ro" : "",
                 d->conf.fuse_opts != NULL ? "," : "",
                 d->conf.fuse_opts != NULL ? d->conf.fuse_opts : "") < 0)
        return 1;
    if (fuse_opt_add_arg(&args, "dfuse") == 0 && fuse_opt_add_arg(&args, "-o") == 0 &&
        fuse_opt_add_arg(&args, opts) == 0) {
        d->se = fuse_session_new(&args, &dfuse_ops, sizeof(dfuse_ops), d);
        rc = d->se == NULL;
    }
    if (rc != 0)
        complain("mount with options", opts, 0, "libfuse refused them", "check -o");
    fuse_opt_free_args(&args);
    free(opts);
    return rc;
}

/* Tells the waiting parent (if any) that the mount is up or has failed. False: it waits no more. */
static bool report(int *ready_fd, char status)
{
    bool heard;

    if (*ready_fd < 0)
        return true;
    heard = write(*ready_fd, &status, 1) == 1;
    close(*ready_fd);
    *ready_fd = -1;
    return heard;
}

static void detach_terminal(void)
{
    int fd = open("/dev/null", O_RDWR);

    if (fd < 0)
        return;
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

static int serve(struct dfuse *d, int *ready_fd)
{
    struct fuse_loop_config *loop;
    struct stop *stop;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int rc;

    if (d->conf.threads == 0)
        d->conf.threads = cores < 2 ? 2 : cores > 16 ? 16 : (unsigned)cores;
    loop = fuse_loop_cfg_create();
    if (loop == NULL)
        return 1;
    fuse_loop_cfg_set_max_threads(loop, d->conf.threads);
    fuse_loop_cfg_set_clone_fd(loop, 0);
    rc = dfuse_stop_begin(d, &stop);
    if (rc != 0) {
        complain("start", "dfuse", 0, strerror(rc), "try again");
        fuse_loop_cfg_destroy(loop);
        return 1;
    }
    if (!d->conf.foreground) {
        detach_terminal();
        if (chdir("/") != 0) /* keep no directory busy; nothing depends on it */
            rc = 0;
    }
    /* with nobody waiting, do not linger as a mount nobody asked for */
    rc = report(ready_fd, 0) ? fuse_session_loop_mt(d->se, loop) : -1;
    dfuse_stop_end(stop);
    fuse_loop_cfg_destroy(loop);
    /* ended by a signal is ended as asked */
    return rc < 0;
}

static int run(struct dfuse *d, int ready_fd)
{
    int rc = 1;

    if (open_pool(d) != 0)
        goto out;
    if (session_new(d) != 0)
        goto close;
    if (fuse_set_signal_handlers(d->se) != 0)
        goto destroy;
    err_last_clear();
    if (fuse_session_mount(d->se, d->conf.mountpoint) != 0) {
        complain("mount on", d->conf.mountpoint, 0,
                 "the kernel or fusermount3 refused it (see above)",
                 "check that /dev/fuse exists and that you may use it");
        goto handlers;
    }
    rc = serve(d, &ready_fd);
    fuse_session_unmount(d->se);
handlers:
    fuse_remove_signal_handlers(d->se);
destroy:
    fuse_session_destroy(d->se);
close:
    close_pool(d);
out:
    report(&ready_fd, 1);
    return rc;
}

/* The parent returns when the mount can be used, or with the child's failure. */
static int background(int *ready_fd, bool *parent)
{
    int fds[2];
    char status = 1;
    ssize_t n;
    pid_t pid;

    *parent = false;
    pid = pipe(fds) != 0 ? -1 : fork();
    if (pid < 0) {
        complain("start", "the background process", 0, strerror(errno),
                 "try again, or stay in the foreground with -f");
        return 1;
    }
    if (pid == 0) {
        close(fds[0]);
        setsid();
        *ready_fd = fds[1];
        return 0;
    }
    *parent = true;
    close(fds[1]);
    do
        n = read(fds[0], &status, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1) {
        complain("start", "the background process", 0, "it ended before the mount was up",
                 "run it in the foreground with -f to see why");
        status = 1;
    }
    close(fds[0]);
    return status;
}

/* A pool given as a path must be found after we have left the directory it was given in. */
static bool pool_path(const char *name, char path[PATH_MAX])
{
    return strchr(name, '/') != NULL && strncmp(name, "inproc:", 7) != 0 &&
           realpath(name, path) != NULL;
}

int main(int argc, char **argv)
{
    struct dfuse *d = calloc(1, sizeof(*d));
    char mountpoint[PATH_MAX], pool[PATH_MAX];
    bool done, parent = false;
    int ready_fd = -1;
    int rc;

    if (d == NULL)
        return 1;
    rc = dfuse_options(argc, argv, &d->conf, &done);
    if (rc == 0 && !done)
        rc = mountpoint_check(d->conf.mountpoint);
    if (rc != 0 || done)
        goto out;
    if (realpath(d->conf.mountpoint, mountpoint) != NULL)
        d->conf.mountpoint = mountpoint;
    if (pool_path(d->conf.pool, pool))
        d->conf.pool = pool;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->settled, NULL);
    if (!d->conf.foreground)
        rc = background(&ready_fd, &parent);
    if (rc == 0 && !parent)
        rc = run(d, ready_fd);
out:
    free(d->conf.fuse_opts);
    free(d);
    return rc;
}

/*
 * How long a pool with very many files takes to open: after an orderly close, and after its process
 * was killed while it was writing. Also what each file costs in metadata. The files hold 100 bytes
 * each, in directories of 1,000.
 *
 * Every phase is a process of its own, so that nothing is warm but the kernel's idea of the file
 * (which O_DIRECT goes around).
 *
 * usage: million_bench DIRECTORY [FILES]     (default 1,000,000; goals: open <= 1 s after a close,
 * <= 3 s after SIGKILL)
 */
#include <daos.h>
#include <daos_fs.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "client/client.h"
#include "dfs/dfs_fast.h"
#include "embed/embed.h"

#define DIR_FILES 1000u
#define INFLIGHT  64u

struct fs {
    daos_handle_t poh, coh;
    dfs_t *dfs;
};

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what, int rc)
{
    char text[1024] = "";

    err_format(err_last(), text, sizeof(text));
    fprintf(stderr, "million_bench: %s: %d %s\n", what, rc, text);
    exit(1);
}

static void fs_open(struct fs *f, const char *pool, bool create)
{
    int rc = daos_init();

    if (rc == 0)
        rc = daos_pool_connect(pool, NULL, DAOS_PC_RW, &f->poh, NULL, NULL);
    if (rc != 0)
        die("connect", rc);
    if (create) {
        rc = dfs_cont_create_with_label(f->poh, "files", NULL, NULL, NULL, NULL);
        if (rc != 0)
            die("create container", rc);
    }
    rc = daos_cont_open(f->poh, "files", DAOS_COO_RW, &f->coh, NULL, NULL);
    if (rc == 0)
        rc = dfs_mount(f->poh, f->coh, O_RDWR, &f->dfs);
    if (rc != 0)
        die("mount", rc);
}

static void fs_close(struct fs *f)
{
    dfs_umount(f->dfs);
    daos_cont_close(f->coh, NULL);
    daos_pool_disconnect(f->poh, NULL);
    daos_fini();
}

/* Puts files first..first+nr-1, many at a time. */
static void fill(struct fs *f, unsigned first, unsigned nr)
{
    struct stat st = {.st_mode = 0644};
    daos_event_t ev[INFLIGHT], *done[INFLIGHT];
    char value[100];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    dfs_obj_t *dir = NULL;
    daos_handle_t eq;
    unsigned idle[INFLIGHT], idle_nr = 0;
    int rc = daos_eq_create(&eq), n;

    if (rc != 0)
        die("event queue", rc);
    memset(value, 'v', sizeof(value));
    d_iov_set(&iov, value, sizeof(value));
    for (unsigned i = 0; i < INFLIGHT; i++) {
        daos_event_init(&ev[i], eq, NULL);
        idle[idle_nr++] = i;
    }
    for (unsigned i = first; i < first + nr || idle_nr < INFLIGHT;) {
        bool new_dir = i < first + nr && i % DIR_FILES == 0 && dir == NULL;

        if (i < first + nr && idle_nr > 0 && !new_dir) {
            char name[32];

            snprintf(name, sizeof(name), "file%07u", i);
            rc = dfs_put_file(f->dfs, dir, name, &st, &sgl, false, NULL, &ev[idle[--idle_nr]]);
            if (rc != 0)
                die("put", rc);
            if (++i % DIR_FILES != 0)
                continue;
        }
        if (new_dir || (i % DIR_FILES == 0 && idle_nr == INFLIGHT && i < first + nr)) {
            char name[32];

            if (dir != NULL)
                dfs_release(dir);
            snprintf(name, sizeof(name), "dir%05u", i / DIR_FILES);
            rc = dfs_open(f->dfs, NULL, name, S_IFDIR | 0755, O_CREAT | O_RDWR, 0, 0, NULL, &dir);
            if (rc != 0)
                die("mkdir", rc);
            continue;
        }
        n = daos_eq_poll(eq, 1, DAOS_EQ_WAIT, INFLIGHT, done);
        for (int k = 0; k < n; k++) {
            if (done[k]->ev_error != 0)
                die("put", done[k]->ev_error);
            idle[idle_nr++] = (unsigned)(done[k] - ev);
        }
        if (i % DIR_FILES == 0 && idle_nr == INFLIGHT && dir != NULL && i < first + nr) {
            dfs_release(dir);
            dir = NULL;
        }
    }
    if (dir != NULL)
        dfs_release(dir);
    daos_eq_destroy(eq, DAOS_EQ_DESTROY_FORCE);
}

struct sums {
    uint64_t heap_bytes, value_bytes_heap;
};

static void figure(void *arg, const char *name, uint64_t value)
{
    struct sums *s = arg;

    if (strcmp(name, "heap_bytes") == 0)
        s->heap_bytes = value;
    if (strcmp(name, "value_bytes_heap") == 0)
        s->value_bytes_heap = value;
}

/* Opens, reads one file's attributes, and says how long that took. */
static void timed_open(const char *pool, const char *after, double goal_s, unsigned files)
{
    struct fs f;
    struct stat st;
    struct sums s = {0};
    dfs_obj_t *obj;
    double t0 = now_s(), t;
    int rc;

    fs_open(&f, pool, false);
    rc = dfs_lookup(f.dfs, "/dir00000/file0000007", O_RDONLY, &obj, NULL, &st);
    if (rc != 0 || st.st_size != 100)
        die("lookup", rc);
    t = now_s() - t0;
    dfs_release(obj);
    client_engine_stat(f.poh, figure, &s);
    printf("open after %s and first lookup: %.3f s (goal %.0f s), %u files, %.0f bytes of metadata "
           "a file\n",
           after, t, goal_s, files, (double)(s.heap_bytes - s.value_bytes_heap) / files);
    fs_close(&f);
}

static int in_child(void (*fn)(const char *pool, unsigned files), const char *pool, unsigned files)
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        fn(pool, files);
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : status;
}

static void phase_create(const char *pool, unsigned files)
{
    struct embed_pool_conf conf = {0};
    struct err e = {0};
    double t0, t1;
    struct fs f;
    uuid_t uuid;
    int rc = embed_pool_create(pool, &conf, uuid, &e);

    if (rc != 0) {
        err_last_set(&e);
        die("create pool", rc);
    }
    fs_open(&f, pool, true);
    t0 = now_s();
    fill(&f, 0, files);
    t1 = now_s();
    fs_close(&f);
    printf("created %u files in %.1f s (%.0f a second), closed in %.2f s\n", files, t1 - t0,
           files / (t1 - t0), now_s() - t1);
}

static void phase_clean(const char *pool, unsigned files)
{
    timed_open(pool, "an orderly close", 1, files);
}

/* Writes for a while and dies. */
static void phase_kill(const char *pool, unsigned files)
{
    struct fs f;

    fs_open(&f, pool, false);
    fill(&f, files, files / 10 / DIR_FILES * DIR_FILES + DIR_FILES);
    kill(getpid(), SIGKILL);
}

static void phase_dirty(const char *pool, unsigned files)
{
    timed_open(pool, "SIGKILL", 3, files + files / 10 / DIR_FILES * DIR_FILES + DIR_FILES);
}

int main(int argc, char **argv)
{
    unsigned files = argc > 2 ? (unsigned)atoi(argv[2]) : 1000000;
    char pool[4200];

    if (argc < 2 || files < DIR_FILES) {
        fprintf(stderr, "usage: million_bench DIRECTORY [FILES]\n");
        return 2;
    }
    files = files / DIR_FILES * DIR_FILES;
    setenv("TARN_BACKGROUND", "0", 1); /* the process that is killed is the engine's */
    snprintf(pool, sizeof(pool), "%s/pool", argv[1]);
    if (in_child(phase_create, pool, files) != 0 || in_child(phase_clean, pool, files) != 0 ||
        in_child(phase_kill, pool, files) != 0 || in_child(phase_dirty, pool, files) != 0)
        return 1;
    return 0;
}

#include "tools/walk.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fail.h"

#define REAP_MAX 32

static uint32_t default_threads(const struct walk *k)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    /* who creates local files never waits, and more threads than cores fight for directories */
    if (k->writes && !k->b->is_dfs)
        return (uint32_t)MAX(2, MIN(cores, WALK_THREADS_MAX));
    /* more than cores: a worker waits now and then for a directory */
    return (uint32_t)MAX(4, MIN(3 * cores, WALK_THREADS_MAX));
}

/* ---- Slots ---- */

static bool grow(char **buf, size_t *cap, size_t size)
{
    if (size <= *cap)
        return true;
    size = ROUND_UP(size, 4096u);
    base_free(*buf);
    *buf = base_aligned(4096, size);
    *cap = *buf != NULL ? size : 0;
    return *buf != NULL;
}

static void shrink(char **buf, size_t *cap)
{
    if (*cap <= WALK_BUFFER_KEPT)
        return;
    base_free(*buf);
    *buf = NULL;
    *cap = 0;
}

bool slot_room(struct slot *s, size_t size)
{
    return grow(&s->buf, &s->cap, size);
}

bool slot_room2(struct slot *s, size_t size)
{
    return grow(&s->buf2, &s->cap2, size);
}

struct slot *walk_slot(struct worker *w, struct job *job, const struct entry *e)
{
    size_t bytes = (size_t)MIN(MAX(e->st.st_size, 0), (off_t)WALK_CHUNK);

    while (w->free == NULL || (w->busy > 0 && w->bytes + bytes > WALK_BYTES_MAX))
        walk_reap(w, true);
    struct slot *s = w->free;
    char *name = base_strdup(e->name);

    if (name == NULL)
        return NULL;
    w->free = s->next_free;
    w->busy++;
    w->bytes += bytes;
    s->bytes = bytes;
    s->job = job;
    job_ref(job);
    s->e = *e;
    s->e.name = name;
    s->big = NULL;
    s->len = s->len2 = 0;
    s->sgl.sg_nr = 1;
    s->sgl.sg_iovs = &s->iov;
    return s;
}

void walk_done(struct slot *s)
{
    struct worker *w = s->w;

    base_free(s->e.name);
    s->e.name = NULL;
    shrink(&s->buf, &s->cap);
    shrink(&s->buf2, &s->cap2);
    s->next_free = w->free;
    w->free = s;
    w->busy--;
    w->bytes -= s->bytes;
    job_unref(w, s->job);
}

/* How many slots wait for an event; the others are between two operations only while their worker
 * runs them. */
void walk_reap(struct worker *w, bool wait)
{
    daos_event_t *evs[REAP_MAX];
    int n;

    if (wait && w->walk->visitor->flush != NULL)
        w->walk->visitor->flush(w);
    if (w->busy == 0)
        return;
    n = daos_eq_poll(w->eq, 1, wait ? DAOS_EQ_WAIT : DAOS_EQ_NOWAIT, REAP_MAX, evs);
    ASSERT(n >= 0);
    for (int i = 0; i < n; i++) {
        struct slot *s = CONTAINER_OF(evs[i], struct slot, ev);

        s->step(s, evs[i]->ev_error);
    }
}

/* ---- Jobs ---- */

void job_ref(struct job *job)
{
    atomic_fetch_add(&job->refs, 1);
}

static void job_free(struct walk *w, struct job *job)
{
    if (job->a_open)
        w->a->ops->dir_close(w->a, &job->a);
    if (job->b_open)
        w->b->ops->dir_close(w->b, &job->b);
    base_free(job->self.name);
    base_free(job->path);
    base_free(job);
    pthread_mutex_lock(&w->lock);
    if (--w->jobs == 0)
        pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void job_unref(struct worker *w, struct job *job)
{
    while (job != NULL && atomic_fetch_sub(&job->refs, 1) == 1) {
        struct job *parent = job->parent;

        w->walk->visitor->leave(w, job);
        job_free(w->walk, job);
        job = parent;
    }
}

static struct job *job_new(struct job *parent, const struct entry *e)
{
    struct job *job = base_calloc(1, sizeof(*job));
    const char *above = parent != NULL ? parent->path : "";
    size_t len = strlen(above) + strlen(e->name) + 2;

    if (job == NULL)
        return NULL;
    job->self = *e;
    job->self.name = base_strdup(e->name);
    job->path = base_alloc(len);
    if (job->self.name == NULL || job->path == NULL) {
        base_free(job->self.name);
        base_free(job->path);
        base_free(job);
        return NULL;
    }
    snprintf(job->path, len, "%s%s%s", above, above[0] != '\0' ? "/" : "", e->name);
    job->parent = parent;
    atomic_init(&job->refs, 1);
    return job;
}

static void stack_push(struct walk *w, struct job *job)
{
    pthread_mutex_lock(&w->lock);
    job->next = w->stack;
    w->stack = job;
    w->jobs++;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

int walk_push(struct worker *w, struct job *job, const struct entry *e)
{
    struct job *sub = job_new(job, e);

    if (sub == NULL)
        return ENOMEM;
    job_ref(job);
    stack_push(w->walk, sub);
    return 0;
}

/* The next directory; waits for one while others may still push, unless files of our own wait for
 * their events. NULL: none now. */
static struct job *stack_pop(struct worker *w)
{
    struct walk *k = w->walk;
    struct job *job;

    pthread_mutex_lock(&k->lock);
    while (k->stack == NULL && k->jobs > 0 && w->busy == 0)
        pthread_cond_wait(&k->wake, &k->lock);
    job = k->stack;
    if (job != NULL)
        k->stack = job->next;
    pthread_mutex_unlock(&k->lock);
    return job;
}

/* ---- Errors ---- */

/* Errors after which every other file would fail too. */
static bool is_fatal(int errnum)
{
    return errnum == ENOSPC || errnum == EDQUOT || errnum == EROFS || errnum == EIO ||
           errnum == ESHUTDOWN;
}

void walk_error(struct worker *w, const struct job *job, const char *name, int errnum,
                const char *verb)
{
    struct walk *k = w->walk;
    struct err e = {0};
    char shown[ERR_PART_MAX];
    const char *sep = job->path[0] != '\0' && name != NULL ? "/" : "";
    char path[2 * PATH_MAX];

    snprintf(path, sizeof(path), "%s%s%s", job->path, sep, name != NULL ? name : "");
    name_text(path, strlen(path), shown, sizeof(shown));
    fail_errno(&e, errnum, "cannot %s %s", verb, shown[0] != '\0' ? shown : "the top directory");
    atomic_fetch_add(&k->errors, 1);
    pthread_mutex_lock(&k->lock);
    if (k->first.rc == 0)
        k->first = e;
    if (k->shown < WALK_SHOWN_MAX && !k->tool->json) {
        progress_clear(k->progress);
        fprintf(k->tool->errout, "%s: %s [%s]\n", e.what, e.why, d_errstr(e.rc));
    }
    if (k->shown == WALK_SHOWN_MAX && !k->tool->json) {
        progress_clear(k->progress);
        fprintf(k->tool->errout, "... more errors, not shown; they are counted at the end\n");
    }
    k->shown++;
    pthread_mutex_unlock(&k->lock);
    if (is_fatal(errnum))
        atomic_store(&k->stop, true);
}

/* ---- Workers ---- */

static void worker_run(struct worker *w)
{
    struct walk *k = w->walk;

    for (;;) {
        struct job *job = stack_pop(w);

        if (job != NULL) {
            if (!atomic_load(&k->stop)) {
                int rc = k->visitor->dir(w, job);

                if (rc != 0)
                    walk_error(w, job, NULL, rc, "read directory");
            }
            listing_clear(&w->list);
            listing_clear(&w->list2);
            job_unref(w, job);
        } else if (w->busy > 0) {
            walk_reap(w, true);
        } else {
            progress_finish(k->progress); /* no jobs left anywhere */
            return;
        }
    }
}

static void *worker_main(void *arg)
{
    worker_run(arg);
    return NULL;
}

static int worker_init(struct walk *k, struct worker *w)
{
    int rc = daos_eq_create(&w->eq);

    if (rc != 0)
        return rc;
    w->walk = k;
    for (uint32_t i = 0; i < WALK_SLOTS; i++) {
        struct slot *s = &w->slots[i];

        rc = daos_event_init(&s->ev, w->eq, NULL);
        if (rc != 0)
            return rc;
        s->w = w;
        s->next_free = w->free;
        w->free = s;
    }
    return 0;
}

static void worker_fini(struct worker *w)
{
    if (!daos_handle_is_valid(w->eq))
        return;
    for (uint32_t i = 0; i < WALK_SLOTS; i++) {
        if (w->slots[i].w != NULL)
            daos_event_fini(&w->slots[i].ev);
        base_free(w->slots[i].buf);
        base_free(w->slots[i].buf2);
    }
    listing_fini(&w->list);
    listing_fini(&w->list2);
    daos_eq_destroy(w->eq, 0);
}

/* Each directory between the top and the one at work holds descriptors. */
static void raise_file_limit(void)
{
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
        lim.rlim_cur = lim.rlim_max;
        setrlimit(RLIMIT_NOFILE, &lim);
    }
}

int walk_run(struct walk *k)
{
    struct worker *workers = base_calloc(WALK_THREADS_MAX, sizeof(*workers));
    struct entry top = {.name = (char *)"", .st.st_mode = S_IFDIR, .xattrs = true};
    uint32_t started = 0;
    struct job *job;
    int rc = workers == NULL ? -DER_NOMEM : 0;

    raise_file_limit();
    k->threads = k->threads == 0 ? default_threads(k) : MIN(k->threads, WALK_THREADS_MAX);
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->wake, NULL);
    for (uint32_t i = 0; rc == 0 && i < k->threads; i++)
        rc = worker_init(k, &workers[i]);
    job = rc == 0 ? job_new(NULL, &top) : NULL;
    if (job != NULL)
        stack_push(k, job);
    else if (rc == 0)
        rc = -DER_NOMEM;
    for (uint32_t i = 0; rc == 0 && i < k->threads; i++) {
        workers[i].started =
            pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) == 0;
        started += workers[i].started;
    }
    if (rc == 0 && started == 0) {
        rc = -DER_NOMEM;
        job_unref(&workers[0], job);
    }
    if (rc == 0)
        progress_watch(k->progress);
    for (uint32_t i = 0; workers != NULL && i < k->threads; i++) {
        if (workers[i].started)
            pthread_join(workers[i].thread, NULL);
        worker_fini(&workers[i]);
    }
    progress_end(k->progress);
    base_free(workers);
    pthread_mutex_destroy(&k->lock);
    pthread_cond_destroy(&k->wake);
    return rc;
}

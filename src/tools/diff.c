#include "tools/diff.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/size.h"
#include "tools/scan.h"
#include "tools/walk.h"

struct diff {
    const struct diff_conf *conf;
    pthread_mutex_t lock; /* of list and the output */
    json_t *list;
    atomic_ulong differences;
    bool owners;
};

static void differs(struct walk *k, const struct job *job, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void differs(struct walk *k, const struct job *job, const char *name, const char *fmt, ...)
{
    struct diff *d = k->arg;
    char what[256], path[2 * PATH_MAX], shown[PATH_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    snprintf(path, sizeof(path), "%s%s%s", job->path,
             job->path[0] != '\0' && name != NULL ? "/" : "", name != NULL ? name : "");
    name_text(path[0] != '\0' ? path : ".", path[0] != '\0' ? strlen(path) : 1, shown,
              sizeof(shown));
    if (atomic_fetch_add(&d->differences, 1) >= DIFF_SHOWN_MAX)
        return;
    pthread_mutex_lock(&d->lock);
    if (d->list != NULL) {
        json_array_append_new(d->list, json_pack("{s:s, s:s}", "path", shown, "difference", what));
    } else {
        progress_clear(k->progress);
        fprintf(k->tool->out, "%s: %s\n", shown, what);
    }
    pthread_mutex_unlock(&d->lock);
}

/* ---- Contents ---- */

static void small_end(struct slot *s, int rc, const char *side)
{
    struct walk *k = s->w->walk;
    char verb[64];

    if (rc != 0) {
        snprintf(verb, sizeof(verb), "read, in %s,", side);
        walk_error(s->w, s->job, s->e.name, rc, verb);
    } else {
        atomic_fetch_add(&k->files, 1);
        atomic_fetch_add(&k->bytes, (unsigned long)s->len);
    }
    walk_done(s);
}

static size_t first_difference(const char *a, const char *b, size_t len)
{
    size_t i = 0;

    while (i < len && a[i] == b[i])
        i++;
    return i;
}

static void small_both(struct slot *s, int rc)
{
    struct walk *k = s->w->walk;

    if (rc == 0 && s->len != s->len2)
        differs(k, s->job, s->e.name, "content: %llu bytes could be read and %llu",
                (unsigned long long)s->len, (unsigned long long)s->len2);
    else if (rc == 0 && memcmp(s->buf, s->buf2, s->len) != 0)
        differs(k, s->job, s->e.name, "content differs from byte %zu on",
                first_difference(s->buf, s->buf2, s->len));
    small_end(s, rc, "the second");
}

static void small_first(struct slot *s, int rc)
{
    struct walk *k = s->w->walk;
    bool pending = false;

    if (rc != 0) {
        small_end(s, rc, "the first");
        return;
    }
    s->step = small_both;
    rc = k->b->ops->get(k->b, &s->job->b, &s->other, s->buf2, (size_t)s->other.st.st_size, &s->len2,
                        &s->ev, &pending);
    if (!pending)
        small_both(s, rc);
}

static int small_start(struct worker *w, struct job *job, const struct entry *a,
                       const struct entry *b)
{
    struct walk *k = w->walk;
    struct slot *s = walk_slot(w, job, a);
    size_t size = (size_t)a->st.st_size;
    bool pending = false;

    if (s == NULL)
        return ENOMEM;
    s->other = *b;
    s->other.name = s->e.name;
    if (!slot_room(s, MAX(size, 1u)) || !slot_room2(s, MAX(size, 1u))) {
        small_end(s, ENOMEM, "either place");
        return 0;
    }
    s->step = small_first;
    int rc = k->a->ops->get(k->a, &s->job->a, &s->e, s->buf, size, &s->len, &s->ev, &pending);
    if (!pending)
        small_first(s, rc);
    return 0;
}

/* A large file is compared piece by piece by the worker itself: comparisons are rarely of large
 * files, and other workers go on. */
static int big_compare(struct worker *w, struct job *job, struct entry *a, struct entry *b)
{
    struct walk *k = w->walk;
    char *buf = base_alloc(2 * WALK_CHUNK);
    struct tree_file fa, fb;
    d_iov_t ia, ib;
    d_sg_list_t sa = {.sg_nr = 1, .sg_iovs = &ia}, sb = {.sg_nr = 1, .sg_iovs = &ib};
    bool pending;
    int rc = buf == NULL ? ENOMEM : k->a->ops->file_open(k->a, &job->a, a, false, &fa);

    if (rc != 0)
        goto out;
    rc = k->b->ops->file_open(k->b, &job->b, b, false, &fb);
    if (rc != 0)
        goto out_a;
    for (uint64_t off = 0; rc == 0 && off < (uint64_t)a->st.st_size && !atomic_load(&k->stop);) {
        daos_size_t la = 0, lb = 0;

        d_iov_set(&ia, buf, WALK_CHUNK);
        d_iov_set(&ib, buf + WALK_CHUNK, WALK_CHUNK);
        rc = k->a->ops->file_read(k->a, &fa, off, &sa, &la, NULL, &pending);
        if (rc == 0)
            rc = k->b->ops->file_read(k->b, &fb, off, &sb, &lb, NULL, &pending);
        if (rc == 0 && (la != lb || memcmp(buf, buf + WALK_CHUNK, la) != 0)) {
            differs(
                k, job, a->name, "content differs from byte %llu on",
                (unsigned long long)(off + first_difference(buf, buf + WALK_CHUNK, MIN(la, lb))));
            break;
        }
        if (la == 0)
            break;
        off += la;
        atomic_fetch_add(&k->bytes, (unsigned long)la);
    }
    if (rc == 0)
        atomic_fetch_add(&k->files, 1);
    k->b->ops->file_close(k->b, &fb, NULL);
out_a:
    k->a->ops->file_close(k->a, &fa, NULL);
out:
    base_free(buf);
    return rc;
}

/* ---- Attributes ---- */

static const char *type_text(mode_t mode)
{
    return S_ISREG(mode)   ? "a file"
           : S_ISDIR(mode) ? "a directory"
           : S_ISLNK(mode) ? "a link"
                           : "a special file";
}

static void attrs_compare(struct walk *k, struct job *job, const char *name, const struct stat *a,
                          const struct stat *b)
{
    struct diff *d = k->arg;
    mode_t mode_a = tree_mode(k->a, a) & 07777, mode_b = tree_mode(k->b, b) & 07777;

    if (!S_ISLNK(a->st_mode) && mode_a != mode_b)
        differs(k, job, name, "mode: %04o and %04o", mode_a, mode_b);
    if (!d->conf->no_times &&
        (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec))
        differs(k, job, name, "modification time: %lld.%09ld and %lld.%09ld",
                (long long)a->st_mtim.tv_sec, a->st_mtim.tv_nsec, (long long)b->st_mtim.tv_sec,
                b->st_mtim.tv_nsec);
    if (d->owners && (a->st_uid != b->st_uid || a->st_gid != b->st_gid))
        differs(k, job, name, "owner: %u:%u and %u:%u", a->st_uid, a->st_gid, b->st_uid, b->st_gid);
}

static int links_compare(struct walk *k, struct job *job, const struct entry *a,
                         const struct entry *b)
{
    char ta[PATH_MAX], tb[PATH_MAX];
    int rc = k->a->ops->readlink(k->a, &job->a, a, ta);

    if (rc == 0)
        rc = k->b->ops->readlink(k->b, &job->b, b, tb);
    if (rc == 0 && strcmp(ta, tb) != 0)
        differs(k, job, a->name, "link to %.100s and to %.100s", ta, tb);
    if (rc == 0)
        atomic_fetch_add(&k->links, 1);
    return rc;
}

static void pair_compare(struct worker *w, struct job *job, struct entry *a, struct entry *b)
{
    struct walk *k = w->walk;
    struct diff *d = k->arg;
    int rc = 0;

    if ((a->st.st_mode & S_IFMT) != (b->st.st_mode & S_IFMT)) {
        differs(k, job, a->name, "%s and %s", type_text(a->st.st_mode), type_text(b->st.st_mode));
        return;
    }
    attrs_compare(k, job, a->name, &a->st, &b->st);
    if (S_ISDIR(a->st.st_mode)) {
        rc = walk_push(w, job, a);
    } else if (S_ISLNK(a->st.st_mode)) {
        rc = links_compare(k, job, a, b);
    } else if (S_ISREG(a->st.st_mode)) {
        if (a->st.st_size != b->st.st_size)
            differs(k, job, a->name, "size: %lld and %lld bytes", (long long)a->st.st_size,
                    (long long)b->st.st_size);
        else if (d->conf->no_content)
            atomic_fetch_add(&k->files, 1);
        else
            rc = a->st.st_size <= TREE_SMALL_MAX ? small_start(w, job, a, b)
                                                 : big_compare(w, job, a, b);
    }
    if (rc != 0)
        walk_error(w, job, a->name, rc, "compare");
}

static int open_both(struct walk *k, struct job *job)
{
    const char *name = job->parent != NULL ? job->self.name : NULL;
    int rc = k->a->ops->dir_open(k->a, name != NULL ? &job->parent->a : NULL, name, false, &job->a);

    if (rc != 0)
        return rc;
    job->a_open = true;
    rc = k->b->ops->dir_open(k->b, name != NULL ? &job->parent->b : NULL, name, false, &job->b);
    job->b_open = rc == 0;
    return rc;
}

static int list_all(struct tree *t, struct tree_dir *dir, struct listing *l)
{
    int rc = 0;

    while (rc == 0 && !dir->eof)
        rc = t->ops->dir_list(t, dir, WALK_LIST_BATCH, l);
    if (l->nr > 1)
        qsort(l->entries, l->nr, sizeof(l->entries[0]), listing_compare);
    return rc;
}

static void only_in(struct walk *k, struct job *job, const struct entry *e, const char *side)
{
    mode_t type = e->st.st_mode & S_IFMT;

    if (((struct diff *)k->arg)->conf->ignore_unsupported && type != S_IFREG && type != S_IFDIR &&
        type != S_IFLNK)
        return;
    differs(k, job, e->name, "only in %.100s", side);
}

static int diff_dir(struct worker *w, struct job *job)
{
    struct walk *k = w->walk;
    struct diff *d = k->arg;
    struct listing *la = &w->list, *lb = &w->list2;
    int rc = open_both(k, job);

    if (rc == 0)
        rc = list_all(k->a, &job->a, la);
    if (rc == 0)
        rc = list_all(k->b, &job->b, lb);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0, j = 0; (i < la->nr || j < lb->nr) && !atomic_load(&k->stop);) {
        int order = i == la->nr   ? 1
                    : j == lb->nr ? -1
                                  : strcmp(la->entries[i].name, lb->entries[j].name);

        if (order < 0)
            only_in(k, job, &la->entries[i++], d->conf->a);
        else if (order > 0)
            only_in(k, job, &lb->entries[j++], d->conf->b);
        else
            pair_compare(w, job, &la->entries[i++], &lb->entries[j++]);
    }
    atomic_fetch_add(&k->dirs, 1);
    return 0;
}

static void diff_leave(struct worker *w, struct job *job)
{
}

static const struct visitor diff_visitor = {.dir = diff_dir, .leave = diff_leave};

static int outcome(struct tool *t, struct walk *k, const struct diff_conf *conf,
                   const struct diff_result *r)
{
    char count[COUNT_TEXT_MAX], why[ERR_PART_MAX];

    if (r->interrupted) {
        t->status = EXIT_INTERRUPTED;
        return tool_fail(t, -DER_CANCELED, "run the command again", "it was interrupted",
                         "the comparison is not complete");
    }
    if (r->errors > 0) {
        snprintf(why, sizeof(why), "%.120s: %.100s", k->first.what, k->first.why);
        return tool_fail(
            t, k->first.rc, k->first.next, why,
            "%s files or directories of %.60s and %.60s could not be compared; the first",
            count_text(r->errors, count), conf->a, conf->b);
    }
    if (r->differences == 0)
        return 0;
    snprintf(why, sizeof(why), "%s differences were found%s", count_text(r->differences, count),
             t->json ? "" : "; they are listed above");
    return tool_fail(t, -DER_MISMATCH, "copy again what shall be alike", why,
                     "%.100s and %.100s differ", conf->a, conf->b);
}

int diff_run(struct tool *t, struct tree *a, struct tree *b, const struct diff_conf *conf,
             struct progress *p, struct diff_result *r, json_t *list)
{
    struct diff d = {.conf = conf, .list = list, .owners = a->superuser && b->superuser};
    struct walk k = {.visitor = &diff_visitor,
                     .a = a,
                     .b = b,
                     .arg = &d,
                     .tool = t,
                     .progress = p,
                     .threads = conf->threads};
    struct scan scan;
    int rc;

    pthread_mutex_init(&d.lock, NULL);
    p->done = &k.files;
    p->bytes = &k.bytes;
    p->stop = &k.stop;
    scan_start(&scan, a, p, &k.stop);
    rc = walk_run(&k);
    scan_join(&scan);
    p->done = p->bytes = NULL;
    p->stop = NULL;
    pthread_mutex_destroy(&d.lock);
    *r = (struct diff_result){.files = k.files,
                              .dirs = k.dirs,
                              .links = k.links,
                              .bytes = k.bytes,
                              .differences = d.differences,
                              .errors = k.errors,
                              .seconds = progress_seconds(p),
                              .interrupted = p->interrupted};
    if (rc != 0)
        return tool_fail_der(t, rc, "cannot start the comparison");
    return outcome(t, &k, conf, r);
}

json_t *diff_json(const struct diff_result *r, json_t *list)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:o}", "files", (json_int_t)r->files,
                     "directories", (json_int_t)r->dirs, "links", (json_int_t)r->links, "bytes",
                     (json_int_t)r->bytes, "differences", (json_int_t)r->differences, "seconds",
                     r->seconds, "list", list);
}

void diff_print(const struct diff_result *r, FILE *out)
{
    char files[COUNT_TEXT_MAX], dirs[COUNT_TEXT_MAX], links[COUNT_TEXT_MAX], bytes[SIZE_TEXT_MAX],
        rate[SIZE_TEXT_MAX];
    double s = r->seconds > 1e-6 ? r->seconds : 1e-6;

    fprintf(out, "compared %s files, %s directories, %s links (%s) in %.2f s, %s/s: %s\n",
            count_text(r->files, files), count_text(r->dirs, dirs), count_text(r->links, links),
            size_print(r->bytes, bytes, sizeof(bytes)), r->seconds,
            size_print((uint64_t)((double)r->bytes / s), rate, sizeof(rate)),
            r->differences == 0 ? "all alike" : "they differ");
}

#include "tools/copy.h"

#include <errno.h>
#include <string.h>

#include "base/fail.h"
#include "base/size.h"
#include "tools/copy_int.h"
#include "tools/scan.h"
#include "tools/walk.h"

#define PIECES_MAX 8u          /* of one large file in flight */
#define XATTR_MAX  (64u << 10) /* bytes of a list of names, and of a value */

/* ---- Extended attributes: rare, so blocking ---- */

static int copy_xattrs(struct walk *k, struct job *job, const char *from, const char *to)
{
    char *names = base_alloc(XATTR_MAX), *value = base_alloc(XATTR_MAX);
    size_t len = XATTR_MAX;
    int rc = names == NULL || value == NULL
                 ? ENOMEM
                 : k->a->ops->xattr_list(k->a, &job->a, from, names, &len);

    for (size_t at = 0; rc == 0 && at < len; at += strlen(names + at) + 1) {
        size_t vlen = XATTR_MAX;

        rc = k->a->ops->xattr_get(k->a, &job->a, from, names + at, value, &vlen);
        if (rc == 0)
            rc = k->b->ops->xattr_set(k->b, &job->b, to, names + at, value, vlen);
        else if (rc == ENODATA)
            rc = 0; /* removed meanwhile */
    }
    base_free(names);
    base_free(value);
    return rc;
}

int copy_file_xattrs(struct walk *k, struct job *job, const struct entry *e)
{
    const struct copy_conf *conf = ((struct copy *)k->arg)->conf;

    if (conf->no_xattrs || !e->xattrs)
        return 0;
    return copy_xattrs(k, job, e->name, target_name(conf, e->name));
}

/* ---- A large file: several pieces under way, each read then written ---- */

static void piece_next(struct slot *s);

static void big_end(struct worker *w, struct big *b)
{
    struct walk *k = w->walk;
    bool whole = !b->failed && b->next >= b->size;
    int rc;

    k->a->ops->file_close(k->a, &b->a, NULL);
    rc = k->b->ops->file_close(k->b, &b->b, whole ? &b->b_entry.st : NULL);
    if (rc == 0 && whole)
        rc = copy_file_xattrs(k, b->job, &b->a_entry);
    if (rc != 0)
        walk_error(w, b->job, b->a_entry.name, rc, "copy");
    if (rc == 0 && whole)
        atomic_fetch_add(&k->files, 1);
    else
        k->b->ops->remove(k->b, &b->job->b, b->b_entry.name);
    base_free(b->a_entry.name);
    base_free(b);
}

static void piece_end(struct slot *s, int rc)
{
    struct big *b = s->big;

    if (rc != 0 && !b->failed) {
        b->failed = true;
        walk_error(s->w, s->job, s->e.name, rc, "copy");
    }
    if (--b->pieces == 0)
        big_end(s->w, b);
    walk_done(s);
}

static void piece_written(struct slot *s, int rc)
{
    if (rc != 0) {
        piece_end(s, rc);
        return;
    }
    atomic_fetch_add(&s->w->walk->bytes, (unsigned long)s->len);
    piece_next(s);
}

static void piece_read(struct slot *s, int rc)
{
    struct walk *k = s->w->walk;
    bool pending = false;

    if (rc != 0 || s->len == 0) {
        piece_end(s, rc); /* 0 bytes: the source has become shorter; its size at the start stands */
        return;
    }
    d_iov_set(&s->iov, s->buf, s->len);
    s->step = piece_written;
    rc = k->b->ops->file_write(k->b, &s->big->b, s->off, &s->sgl, &s->ev, &pending);
    if (!pending)
        piece_written(s, rc);
}

static void piece_next(struct slot *s)
{
    struct walk *k = s->w->walk;
    struct big *b = s->big;
    bool pending = false;
    int rc = 0;

    if (b->next < b->size)
        rc = k->a->ops->file_next_data(k->a, &b->a, b->next, b->size, &b->next);
    if (rc != 0 || b->failed || b->next >= b->size || atomic_load(&k->stop)) {
        piece_end(s, rc);
        return;
    }
    s->off = b->next;
    d_iov_set(&s->iov, s->buf, MIN(WALK_CHUNK, b->size - s->off));
    b->next += s->iov.iov_buf_len;
    s->step = piece_read;
    rc = k->a->ops->file_read(k->a, &b->a, s->off, &s->sgl, &s->len, &s->ev, &pending);
    if (!pending)
        piece_read(s, rc);
}

static int big_open(struct walk *k, struct job *job, const struct entry *e, struct big **out)
{
    const struct copy_conf *conf = ((struct copy *)k->arg)->conf;
    struct big *b = base_calloc(1, sizeof(*b));
    int rc = ENOMEM;

    if (b == NULL)
        return ENOMEM;
    b->job = job;
    b->size = (uint64_t)e->st.st_size;
    b->pieces = 1; /* the starter's */
    b->a_entry = *e;
    b->a_entry.name = base_strdup(e->name);
    if (b->a_entry.name == NULL)
        goto fail;
    b->b_entry = b->a_entry;
    b->b_entry.name = (char *)target_name(conf, b->a_entry.name);
    rc = k->a->ops->file_open(k->a, &job->a, &b->a_entry, false, &b->a);
    if (rc != 0)
        goto fail;
    rc = k->b->ops->file_open(k->b, &job->b, &b->b_entry, true, &b->b);
    if (rc != 0) {
        k->a->ops->file_close(k->a, &b->a, NULL);
        goto fail;
    }
    *out = b;
    return 0;
fail:
    base_free(b->a_entry.name);
    base_free(b);
    return rc;
}

static int big_start(struct worker *w, struct job *job, const struct entry *e)
{
    uint64_t pieces = MIN(PIECES_MAX, DIV_UP((uint64_t)e->st.st_size, WALK_CHUNK));
    struct big *b;
    int rc = big_open(w->walk, job, e, &b);

    if (rc != 0)
        return rc;
    for (uint64_t i = 0; i < pieces && !b->failed; i++) {
        struct slot *s = walk_slot(w, job, e);

        if (s == NULL) {
            b->failed = true;
            walk_error(w, job, e->name, ENOMEM, "copy");
            break;
        }
        s->big = b;
        b->pieces++;
        if (slot_room(s, WALK_CHUNK))
            piece_next(s);
        else
            piece_end(s, ENOMEM);
    }
    if (--b->pieces == 0)
        big_end(w, b);
    return 0;
}

/* ---- Directories ---- */

static bool is_same(struct walk *k, struct job *job, const struct copy_conf *conf,
                    const struct entry *e)
{
    struct entry there = {0};

    if (!conf->update || k->b->ops->stat(k->b, &job->b, target_name(conf, e->name), &there) != 0)
        return false;
    return S_ISREG(there.st.st_mode) && there.st.st_size == e->st.st_size &&
           there.st.st_mtim.tv_sec == e->st.st_mtim.tv_sec &&
           there.st.st_mtim.tv_nsec == e->st.st_mtim.tv_nsec;
}

static int link_copy(struct walk *k, struct job *job, const struct copy_conf *conf,
                     const struct entry *e)
{
    struct entry to = *e;
    char target[PATH_MAX];
    int rc = k->a->ops->readlink(k->a, &job->a, e, target);

    to.name = (char *)target_name(conf, e->name);
    if (rc == 0)
        rc = k->b->ops->symlink(k->b, &job->b, &to, target);
    if (rc == 0)
        atomic_fetch_add(&k->links, 1);
    return rc;
}

static int file_start(struct worker *w, struct job *job, const struct copy_conf *conf,
                      const struct entry *e)
{
    struct slot *s;

    if (e->st.st_nlink > 1)
        atomic_fetch_add(&w->walk->hard_links, 1);
    if (is_same(w->walk, job, conf, e)) {
        atomic_fetch_add(&w->walk->same, 1);
        return 0;
    }
    if (e->st.st_size > TREE_SMALL_MAX)
        return big_start(w, job, e);
    s = walk_slot(w, job, e);
    if (s == NULL)
        return ENOMEM;
    copy_small_start(s);
    return 0;
}

static void entry_copy(struct worker *w, struct job *job, const struct entry *e)
{
    const struct copy_conf *conf = ((struct copy *)w->walk->arg)->conf;
    int rc = 0;

    if (S_ISREG(e->st.st_mode))
        rc = file_start(w, job, conf, e);
    else if (S_ISDIR(e->st.st_mode))
        rc = walk_push(w, job, e);
    else if (S_ISLNK(e->st.st_mode))
        rc = link_copy(w->walk, job, conf, e);
    else
        atomic_fetch_add(&w->walk->skipped, 1);
    if (rc == 0 && !S_ISREG(e->st.st_mode) && !S_ISDIR(e->st.st_mode) && !S_ISLNK(e->st.st_mode) &&
        !conf->ignore_unsupported)
        walk_error(w, job, e->name, ENOTSUP,
                   "copy (without --ignore-unsupported) the device, socket or pipe");
    if (rc != 0)
        walk_error(w, job, e->name, rc, "copy");
}

static int copy_only(struct worker *w, struct job *job, const struct copy_conf *conf)
{
    struct walk *k = w->walk;
    struct entry e = {.name = (char *)conf->only};
    int rc = k->a->ops->stat(k->a, &job->a, conf->only, &e);

    if (rc == 0)
        entry_copy(w, job, &e);
    return rc;
}

static int copy_dir(struct worker *w, struct job *job)
{
    struct walk *k = w->walk;
    const struct copy_conf *conf = ((struct copy *)k->arg)->conf;
    const char *name = job->parent != NULL ? job->self.name : NULL;
    int rc = k->a->ops->dir_open(k->a, name != NULL ? &job->parent->a : NULL, name, false, &job->a);

    if (rc != 0)
        return rc;
    job->a_open = true;
    rc = k->b->ops->dir_open(k->b, name != NULL ? &job->parent->b : NULL, name, conf->only == NULL,
                             &job->b);
    if (rc != 0) {
        walk_error(w, job, NULL, rc, name != NULL ? "create directory" : "open or create");
        return 0;
    }
    job->b_open = true;
    if (conf->only != NULL)
        return copy_only(w, job, conf);
    while (rc == 0 && !job->a.eof && !atomic_load(&k->stop)) {
        rc = k->a->ops->dir_list(k->a, &job->a, WALK_LIST_BATCH, &w->list);
        for (uint32_t i = 0; i < w->list.nr && !atomic_load(&k->stop); i++)
            entry_copy(w, job, &w->list.entries[i]);
        listing_clear(&w->list);
        walk_reap(w, false);
    }
    if (rc == 0 && !conf->no_xattrs && job->self.xattrs)
        rc = copy_xattrs(k, job, NULL, NULL);
    return rc;
}

static void copy_leave(struct worker *w, struct job *job)
{
    struct walk *k = w->walk;
    const struct copy_conf *conf = ((struct copy *)k->arg)->conf;
    int rc;

    if (!job->b_open || conf->only != NULL)
        return;
    rc = k->b->ops->dir_finish(k->b, job->parent != NULL ? &job->parent->b : NULL, job->self.name,
                               &job->b, job->parent != NULL ? &job->self.st : conf->top);
    if (rc != 0)
        walk_error(w, job, NULL, rc, "set mode and times of directory");
    else
        atomic_fetch_add(&k->dirs, 1);
}

static const struct visitor copy_visitor = {
    .dir = copy_dir, .leave = copy_leave, .flush = copy_small_flush};

/* ---- The whole ---- */

static int outcome(struct tool *t, struct walk *k, const struct copy_conf *conf,
                   const struct copy_result *r)
{
    char files[COUNT_TEXT_MAX], bytes[SIZE_TEXT_MAX], errors[COUNT_TEXT_MAX], why[ERR_PART_MAX];

    count_text(r->files, files);
    size_print(r->bytes, bytes, sizeof(bytes));
    if (r->interrupted) {
        snprintf(
            why, sizeof(why),
            "interrupted after %s files (%s); each of them is whole, and the pool is consistent",
            files, bytes);
        t->status = EXIT_INTERRUPTED;
        return tool_fail(t, -DER_CANCELED, "run the command again with --update to copy the rest",
                         why, "the copy of %.100s to %.100s is not complete", conf->src, conf->dst);
    }
    if (r->errors == 0)
        return 0;
    snprintf(why, sizeof(why), "%.120s: %.100s", k->first.what, k->first.why);
    return tool_fail(
        t, k->first.rc, k->first.next, why,
        "%s of what was to be copied from %.60s to %.60s failed (%s files are copied); the first",
        count_text(r->errors, errors), conf->src, conf->dst, files);
}

int copy_run(struct tool *t, struct tree *src, struct tree *dst, const struct copy_conf *conf,
             struct progress *p, struct copy_result *r)
{
    struct copy c = {.conf = conf};
    struct walk k = {.visitor = &copy_visitor,
                     .a = src,
                     .b = dst,
                     .arg = &c,
                     .tool = t,
                     .progress = p,
                     .threads = conf->threads,
                     .writes = true};
    struct scan scan;
    int rc;

    p->done = &k.files;
    p->bytes = &k.bytes;
    p->stop = &k.stop;
    if (conf->only == NULL)
        scan_start(&scan, src, p, &k.stop);
    rc = walk_run(&k);
    if (conf->only == NULL)
        scan_join(&scan);
    p->done = p->bytes = NULL;
    p->stop = NULL;
    *r = (struct copy_result){.files = k.files,
                              .dirs = k.dirs,
                              .links = k.links,
                              .bytes = k.bytes,
                              .skipped = k.skipped,
                              .same = k.same,
                              .errors = k.errors,
                              .hard_links = k.hard_links,
                              .seconds = progress_seconds(p),
                              .interrupted = p->interrupted};
    if (rc != 0)
        return tool_fail_der(t, rc, "cannot start the copy of %s", conf->src);
    return outcome(t, &k, conf, r);
}

json_t *copy_json(const struct copy_result *r)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b}", "files",
                     (json_int_t)r->files, "directories", (json_int_t)r->dirs, "links",
                     (json_int_t)r->links, "bytes", (json_int_t)r->bytes, "unchanged",
                     (json_int_t)r->same, "skipped", (json_int_t)r->skipped, "hard_links",
                     (json_int_t)r->hard_links, "errors", (json_int_t)r->errors, "seconds",
                     r->seconds, "interrupted", r->interrupted);
}

void copy_print(const struct copy_result *r, FILE *out)
{
    char files[COUNT_TEXT_MAX], dirs[COUNT_TEXT_MAX], links[COUNT_TEXT_MAX], rate[COUNT_TEXT_MAX],
        more[COUNT_TEXT_MAX];
    char bytes[SIZE_TEXT_MAX], byte_rate[SIZE_TEXT_MAX];
    double s = r->seconds > 1e-6 ? r->seconds : 1e-6;

    fprintf(out, "copied %s files, %s directories, %s links (%s) in %.2f s: %s files/s, %s/s\n",
            count_text(r->files, files), count_text(r->dirs, dirs), count_text(r->links, links),
            size_print(r->bytes, bytes, sizeof(bytes)), r->seconds,
            count_text((uint64_t)((double)r->files / s), rate),
            size_print((uint64_t)((double)r->bytes / s), byte_rate, sizeof(byte_rate)));
    if (r->same > 0)
        fprintf(out, "%s files were there already, unchanged\n", count_text(r->same, more));
    if (r->hard_links > 0)
        fprintf(out,
                "%s files had other names too (hard links); each name is a file of its own now\n",
                count_text(r->hard_links, more));
    if (r->skipped > 0)
        fprintf(out, "%s devices, sockets or pipes were left out\n", count_text(r->skipped, more));
}

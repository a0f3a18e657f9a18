/*
 * Small files: got whole, then put whole.
 *
 * Where a tree can (a container), several are read with one request and several are created with
 * one: a request costs more than a file. Should one file of a group be in the way of the others,
 * each goes alone and gets its own answer.
 */
#include <errno.h>
#include <string.h>

#include "base/fail.h"
#include "tools/copy_int.h"

#define GROUP_EACH  (64u << 10)  /* larger files are read and written by themselves */
#define GROUP_BYTES (256u << 10) /* of the files that are read or written together */

static void group_add(struct group *g, struct slot *s, size_t bytes)
{
    if (g->nr == 0)
        g->end = &g->first;
    s->next = NULL;
    *g->end = s;
    g->end = &s->next;
    g->nr++;
    g->bytes += bytes;
}

static void small_end(struct slot *s, int rc)
{
    struct walk *k = s->w->walk;

    if (rc == 0)
        rc = copy_file_xattrs(k, s->job, &s->e);
    if (rc == 0) {
        atomic_fetch_add(&k->files, 1);
        atomic_fetch_add(&k->bytes, (unsigned long)s->len);
    } else {
        walk_error(s->w, s->job, s->e.name, rc, "copy");
    }
    walk_done(s);
}

/* The destination's chunks are smaller than the file: written piece by piece. */
static int put_pieces(struct slot *s)
{
    struct walk *k = s->w->walk;
    struct tree_file f;
    bool pending;
    int rc = k->b->ops->file_open(k->b, &s->job->b, &s->other, true, &f);

    if (rc != 0)
        return rc;
    rc = k->b->ops->file_write(k->b, &f, 0, &s->sgl, NULL, &pending);
    int err = k->b->ops->file_close(k->b, &f, rc == 0 ? &s->other.st : NULL);
    if (rc == 0)
        rc = err;
    if (rc != 0)
        k->b->ops->remove(k->b, &s->job->b, s->other.name);
    return rc;
}

static void small_put_done(struct slot *s, int rc)
{
    struct walk *k = s->w->walk;
    bool pending;

    if (rc == EEXIST)
        rc = k->b->ops->put(k->b, &s->job->b, &s->other, &s->sgl, NULL, &pending);
    if (rc == EFBIG)
        rc = put_pieces(s);
    small_end(s, rc);
}

static void put_one(struct slot *s)
{
    struct walk *k = s->w->walk;
    bool pending = false;
    int rc;

    s->step = small_put_done;
    rc = k->b->ops->put(k->b, &s->job->b, &s->other, &s->sgl, &s->ev, &pending);
    if (!pending)
        small_put_done(s, rc);
}

/* Several new files in one request. Should one of them be in the way of the others (its name is
 * taken, it is too large), each goes alone and gets its own answer. */
static void puts_done(struct slot *s, int rc)
{
    for (struct slot *next; s != NULL; s = next) {
        next = s->next;
        if (rc == 0)
            small_end(s, 0);
        else
            put_one(s);
    }
}

static void puts_send(struct worker *w)
{
    struct walk *k = w->walk;
    struct group g = w->puts;
    struct tree_put puts[TREE_PUT_MAX];
    uint32_t n = 0;
    int rc;

    w->puts = (struct group){0};
    if (g.nr == 0)
        return;
    if (g.nr == 1) {
        put_one(g.first);
        return;
    }
    for (struct slot *s = g.first; s != NULL; s = s->next)
        puts[n++] = (struct tree_put){&s->job->b, &s->other, &s->sgl};
    g.first->step = puts_done; /* its event is that of all */
    rc = k->b->ops->put_many(k->b, n, puts, &g.first->ev);
    if (rc != 0)
        puts_done(g.first, rc);
}

static void small_got(struct slot *s, int rc)
{
    struct walk *k = s->w->walk;

    if (rc != 0) {
        small_end(s, rc);
        return;
    }
    d_iov_set(&s->iov, s->buf, s->len);
    s->sgl.sg_nr = s->len > 0;
    s->other = s->e;
    s->other.name = (char *)target_name(conf_of(s), s->e.name);
    s->other.st.st_size = (off_t)s->len;
    if (k->b->ops->put_many == NULL || s->len > GROUP_EACH) {
        put_one(s);
        return;
    }
    group_add(&s->w->puts, s, s->len);
    if (s->w->puts.nr == TREE_PUT_MAX || s->w->puts.bytes >= GROUP_BYTES)
        puts_send(s->w);
}

static void get_one(struct slot *s)
{
    struct walk *k = s->w->walk;
    bool pending = false;
    int rc;

    s->step = small_got;
    rc = k->a->ops->get(k->a, &s->job->a, &s->e, s->buf, (size_t)s->e.st.st_size, &s->len, &s->ev,
                        &pending);
    if (!pending)
        small_got(s, rc);
}

/* Several files in one request; what did not come whole is asked for again, alone. */
static void gets_done(struct slot *s, int rc)
{
    struct dfs_get *gets = s->gets;
    uint32_t i = 0;

    s->gets = NULL;
    for (struct slot *next; s != NULL; s = next, i++) {
        next = s->next;
        if (rc == 0 && gets[i].whole) {
            s->len = gets[i].len;
            small_got(s, 0);
        } else {
            get_one(s);
        }
    }
    base_free(gets);
}

static void gets_send(struct worker *w)
{
    struct walk *k = w->walk;
    struct group g = w->gets;
    struct dfs_get *gets;
    uint32_t n = 0;
    int rc = ENOMEM;

    w->gets = (struct group){0};
    if (g.nr == 0)
        return;
    gets = base_calloc(g.nr, sizeof(*gets));
    for (struct slot *s = g.first; s != NULL && gets != NULL; s = s->next)
        gets[n++] = (struct dfs_get){.oid = s->e.oid,
                                     .chunk_size = s->e.chunk,
                                     .cap = (daos_size_t)s->e.st.st_size,
                                     .buf = s->buf};
    g.first->gets = gets;
    g.first->step = gets_done; /* its event is that of all */
    if (gets != NULL)
        rc = k->a->ops->get_many(k->a, n, gets, &g.first->ev);
    if (rc != 0)
        gets_done(g.first, rc);
}

void copy_small_start(struct slot *s)
{
    struct walk *k = s->w->walk;
    size_t size = (size_t)s->e.st.st_size;

    if (!slot_room(s, MAX(size, 1u))) {
        small_end(s, ENOMEM);
        return;
    }
    if (k->a->ops->get_many == NULL || size == 0 || size > GROUP_EACH ||
        (s->e.chunk != 0 && size > s->e.chunk)) {
        get_one(s);
        return;
    }
    group_add(&s->w->gets, s, size);
    if (s->w->gets.nr == TREE_GET_MAX || s->w->gets.bytes >= GROUP_BYTES)
        gets_send(s->w);
}

void copy_small_flush(struct worker *w)
{
    gets_send(w);
    puts_send(w);
}

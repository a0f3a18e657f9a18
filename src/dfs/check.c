/* dfs_cont_check(): which objects no name leads to. See check.h. */
#include "dfs/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH    64u /* object ids, and names of a directory, asked for at once */
#define TEXT_MAX 1024u

int check_step(struct check *k, uint64_t nr)
{
    k->done += nr;
    if (k->watch->step == NULL || k->watch->step(k->watch->arg, k->done, k->total))
        return 0;
    return ECANCELED;
}

/* ---- All there are ---- */

static int by_oid(const void *a, const void *b)
{
    const daos_obj_id_t *x = a, *y = b;

    if (x->hi != y->hi)
        return x->hi < y->hi ? -1 : 1;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static int add(struct check *k, const daos_obj_id_t *oids, uint32_t nr, uint64_t *room)
{
    if (k->nr + nr > *room) {
        uint64_t more = 2 * *room + BATCH;
        daos_obj_id_t *v = base_realloc(k->oids, more * sizeof(*v));

        if (v == NULL)
            return ENOMEM;
        k->oids = v;
        *room = more;
    }
    memcpy(k->oids + k->nr, oids, nr * sizeof(*oids));
    k->nr += nr;
    return 0;
}

static int list_all(struct check *k)
{
    daos_obj_id_t some[BATCH];
    daos_anchor_t anchor = {0};
    uint64_t room = 0;
    int rc = 0;

    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = BATCH;

        rc = dfs_errno(client_list_oids(k->dfs->coh, some, &nr, &anchor));
        if (rc == 0)
            rc = add(k, some, nr, &room);
        if (rc == 0)
            rc = check_step(k, nr);
    }
    if (rc == 0 && k->nr > 0)
        qsort(k->oids, k->nr, sizeof(*k->oids), by_oid);
    if (rc == 0)
        k->state = base_calloc(k->nr + 1, sizeof(*k->state));
    return rc == 0 && k->state == NULL ? ENOMEM : rc;
}

/* Its number; k->nr: it has no data, and so is no object. */
static uint64_t number_of(const struct check *k, daos_obj_id_t oid)
{
    daos_obj_id_t *at =
        k->nr > 0 ? bsearch(&oid, k->oids, k->nr, sizeof(oid), by_oid) : (daos_obj_id_t *)NULL;

    return at != NULL ? (uint64_t)(at - k->oids) : k->nr;
}

/* ---- What names lead to ---- */

/* One batch of names of a directory: what they stand for becomes `state`; new directories are to be
 * read, if that is wanted. */
struct names {
    daos_key_desc_t kds[BATCH];
    char buf[BATCH * (DFS_MAX_NAME + 1)];
    struct dfs_entry e[BATCH];
};

static int todo_add(struct check *k, uint64_t i)
{
    if (k->todo_nr == k->todo_room) {
        uint64_t more = 2 * k->todo_room + BATCH, *v = base_realloc(k->todo, more * sizeof(*v));

        if (v == NULL)
            return ENOMEM;
        k->todo = v;
        k->todo_room = more;
    }
    k->todo[k->todo_nr++] = i;
    return 0;
}

static int entry_seen(struct check *k, const struct dfs_entry *e, enum check_state state)
{
    uint64_t i = number_of(k, e->oid);

    if (e->mode == 0 || i == k->nr || k->state[i] == state || k->state[i] == CHECK_NAMED)
        return 0;
    k->state[i] = (uint8_t)state;
    if (state == CHECK_NAMED)
        k->done++;
    if (state != CHECK_NAMED || !check_is_dir(e->oid) || MUTANT(DFS_CHECK_SHALLOW))
        return 0;
    return todo_add(k, i);
}

static int names_seen(struct check *k, daos_obj_id_t dir, struct names *n, uint32_t nr,
                      enum check_state state)
{
    daos_key_t names[BATCH];
    char *p = n->buf;
    uint32_t some = 0;
    int rc = 0;

    for (uint32_t i = 0; i < nr; p += n->kds[i++].kd_key_len)
        if (!dfs_dot_is(p, n->kds[i].kd_key_len))
            d_iov_set(&names[some++], p, n->kds[i].kd_key_len);
    if (some > 0)
        rc = dfs_entries_fetch(k->dfs, dir, some, names, n->e);
    for (uint32_t i = 0; rc == 0 && i < some; i++)
        rc = entry_seen(k, &n->e[i], state);
    return rc;
}

static int read_dir(struct check *k, daos_obj_id_t dir, enum check_state state)
{
    struct names *n = base_alloc(sizeof(*n));
    daos_anchor_t anchor = {0};
    daos_handle_t oh;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc = n == NULL ? ENOMEM : 0;

    if (rc == 0)
        rc = dfs_errno(daos_obj_open(k->dfs->coh, dir, DAOS_OO_RO, &oh, NULL));
    if (rc != 0) {
        base_free(n);
        return rc;
    }
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = BATCH;

        d_iov_set(&iov, n->buf, sizeof(n->buf));
        rc = dfs_errno(daos_obj_list_dkey(oh, DAOS_TX_NONE, &nr, n->kds, &sgl, &anchor, NULL));
        if (rc == 0)
            rc = names_seen(k, dir, n, nr, state);
        if (rc == 0)
            rc = check_step(k, 0);
    }
    daos_obj_close(oh, NULL);
    base_free(n);
    return rc;
}

int check_walk(struct check *k, uint64_t i)
{
    int rc = 0;

    k->state[i] = CHECK_NAMED;
    if (check_is_dir(k->oids[i]))
        rc = todo_add(k, i);
    while (rc == 0 && k->todo_nr > 0)
        rc = read_dir(k, k->oids[k->todo[--k->todo_nr]], CHECK_NAMED);
    return MUTANT(DFS_CHECK_UNREAD) ? 0 : rc;
}

int check_below(struct check *k, uint64_t i)
{
    return check_is_dir(k->oids[i]) ? read_dir(k, k->oids[i], CHECK_BELOW) : 0;
}

static int walk_root(struct check *k)
{
    const daos_obj_id_t from[] = {k->dfs->sb_oid, k->dfs->root.oid};
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < ARRAY_LEN(from); i++) {
        uint64_t at = number_of(k, from[i]);

        if (at == k->nr)
            continue;
        k->state[at] = CHECK_NAMED;
        if (i > 0)
            rc = check_walk(k, at);
    }
    return rc;
}

/* ---- The call ---- */

void check_say(const struct check *k, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list ap;

    if (k->watch->line == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    k->watch->line(k->watch->arg, text);
}

/* Steps to come: of those who have a name now, of reading, and then of what is lost. */
static void count_steps(struct check *k, uint64_t flags)
{
    k->total = k->done + k->nr;
    for (uint64_t i = 0; flags & DFS_CHECK_VERIFY && i < k->nr; i++)
        k->total += check_is_file(k->oids[i]);
}

static void count_lost(struct check *k)
{
    k->found->objects = k->nr;
    for (uint64_t i = 0; i < k->nr; i++)
        if (check_is_lost(k, i)) {
            k->found->files += check_is_file(k->oids[i]);
            k->found->dirs += check_is_dir(k->oids[i]);
        }
}

static int act(struct check *k, uint64_t flags, const char *name)
{
    int rc = 0;

    if (flags & DFS_CHECK_PRINT)
        check_print(k);
    if (flags & DFS_CHECK_VERIFY)
        rc = check_verify(k);
    if (rc == 0 && flags & DFS_CHECK_REMOVE)
        rc = check_remove(k);
    if (rc == 0 && flags & DFS_CHECK_RELINK)
        rc = check_relink(k, name);
    return rc == 0 && k->found->damaged > 0 ? EIO : rc;
}

static int check_cont(struct check *k, daos_handle_t poh, daos_handle_t coh, const char *cont,
                      uint64_t flags, const char *name)
{
    int rc = dfs_mount(poh, coh, O_RDWR, &k->dfs);

    if (rc != 0)
        return rc;
    rc = list_all(k);
    if (rc == 0) {
        count_steps(k, flags);
        rc = walk_root(k);
    }
    if (rc == 0) {
        count_lost(k);
        k->done = 2 * k->nr; /* also those that nothing is found out about */
        if (flags & (DFS_CHECK_REMOVE | DFS_CHECK_RELINK))
            k->total += k->found->files + k->found->dirs;
        check_say(k, "%s: %llu objects; no name leads to %llu files and %llu directories", cont,
                  (unsigned long long)k->nr, (unsigned long long)k->found->files,
                  (unsigned long long)k->found->dirs);
        rc = act(k, flags, name);
    }
    dfs_umount(k->dfs);
    base_free(k->oids);
    base_free(k->state);
    base_free(k->todo);
    return rc;
}

int dfs_check(daos_handle_t poh, const char *cont, uint64_t flags, const char *name,
              const struct check_watch *watch, struct check_found *found)
{
    const uint64_t known = DFS_CHECK_PRINT | DFS_CHECK_REMOVE | DFS_CHECK_RELINK |
                           DFS_CHECK_VERIFY | DFS_CHECK_EVICT_ALL;
    unsigned int how = DAOS_COO_EX;
    struct check k = {.watch = watch, .found = found};
    daos_handle_t coh;
    int rc = 0;

    memset(found, 0, sizeof(*found));
    if (cont == NULL || (flags & ~known) != 0 ||
        (flags & DFS_CHECK_REMOVE && flags & DFS_CHECK_RELINK))
        return EINVAL;
    if (name != NULL)
        rc = dfs_name_check(name, NULL);
    if (rc != 0)
        return rc;
    if (flags & DFS_CHECK_EVICT_ALL)
        how |= DAOS_COO_EVICT_ALL;
    rc = dfs_errno(daos_cont_open(poh, cont, how, &coh, NULL, NULL));
    if (rc != 0)
        return rc;
    rc = check_cont(&k, poh, coh, cont, flags, name);
    daos_cont_close(coh, NULL);
    return rc;
}

static void print_line(void *arg, const char *text)
{
    (void)arg;
    puts(text);
}

int dfs_cont_check(daos_handle_t poh, const char *cont, uint64_t flags, const char *name)
{
    const struct check_watch watch = {.line = print_line};
    struct check_found found;

    return dfs_check(poh, cont, flags, name, &watch, &found);
}

/*
 * dfs_cont_scan(): walks a container, or what lies below a name, and prints how much of what there
 * is. Directories still to be read are a list of paths, so depth costs no stack; what is moved or
 * removed meanwhile is counted where it is met, or not at all.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <daos.h>
#include "base/fail.h"
#include "base/list.h"
#include "dfs/dfs_int.h"

#define BATCH 64u /* names read at a time */

struct todo {
    struct list link;
    unsigned int depth;
    char path[];
};

struct scan {
    dfs_t *dfs;
    struct list todo;
    uint64_t files, dirs, links, bytes, largest, names; /* names: in the fullest directory */
    unsigned int depth;
    struct dirent ents[BATCH];
    struct stat st[BATCH];
};

static int add(struct scan *s, const char *dir, const char *name, unsigned int depth)
{
    size_t len = strlen(dir) + strlen(name) + 2;
    struct todo *t = base_alloc(sizeof(*t) + len);

    if (t == NULL)
        return ENOMEM;
    snprintf(t->path, len, "%s%s%s", dir, strcmp(dir, "/") == 0 || *dir == '\0' ? "" : "/", name);
    t->depth = depth;
    list_add_tail(&s->todo, &t->link);
    return 0;
}

static int count(struct scan *s, const struct todo *t, uint32_t i)
{
    uint64_t size = (uint64_t)s->st[i].st_size;

    if (S_ISDIR(s->st[i].st_mode)) {
        s->dirs++;
        return add(s, t->path, s->ents[i].d_name, t->depth + 1);
    }
    if (S_ISLNK(s->st[i].st_mode)) {
        s->links++;
        return 0;
    }
    s->files++;
    s->bytes += size;
    s->largest = size > s->largest ? size : s->largest;
    return 0;
}

static int read_dir(struct scan *s, const struct todo *t)
{
    daos_anchor_t anchor = {0};
    uint64_t names = 0;
    dfs_obj_t *dir;
    uint32_t nr, i;
    int rc = dfs_lookup(s->dfs, t->path, O_RDONLY | O_NOFOLLOW, &dir, NULL, NULL);

    if (rc != 0)
        return rc == ENOENT && t->depth > 0 ? 0 : rc; /* removed meanwhile */
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        nr = BATCH;
        rc = dfs_readdirplus(s->dfs, dir, &anchor, &nr, s->ents, s->st);
        for (i = 0; rc == 0 && i < nr; i++)
            rc = count(s, t, i);
        names += rc == 0 ? nr : 0;
    }
    s->names = names > s->names ? names : s->names;
    s->depth = t->depth > s->depth ? t->depth : s->depth;
    dfs_release(dir);
    return rc;
}

static int walk(struct scan *s, const char *from)
{
    int rc = add(s, "", from, 0);
    struct list *l;

    while ((l = list_pop(&s->todo)) != NULL) {
        struct todo *t = LIST_ENTRY(l, struct todo, link);

        if (rc == 0)
            rc = read_dir(s, t);
        base_free(t);
    }
    return rc;
}

static void print(const struct scan *s, const char *cont, const char *from)
{
    printf("%s%s: %llu files, %llu directories, %llu symbolic links\n", cont, from,
           (unsigned long long)s->files, (unsigned long long)s->dirs, (unsigned long long)s->links);
    printf("  %llu bytes in files, at most %llu in one\n", (unsigned long long)s->bytes,
           (unsigned long long)s->largest);
    printf("  at most %llu names in a directory, %u levels\n", (unsigned long long)s->names,
           s->depth + 1);
}

int dfs_cont_scan(daos_handle_t poh, const char *cont, uint64_t flags, const char *name)
{
    struct scan *s;
    daos_handle_t coh;
    int rc;

    if (cont == NULL || flags != 0 || (name != NULL && name[0] != '/'))
        return EINVAL;
    s = base_calloc(1, sizeof(*s));
    if (s == NULL)
        return ENOMEM;
    list_init(&s->todo);
    rc = dfs_errno(daos_cont_open(poh, cont, DAOS_COO_RO, &coh, NULL, NULL));
    if (rc == 0) {
        rc = dfs_mount(poh, coh, O_RDONLY, &s->dfs);
        if (rc == 0) {
            rc = walk(s, name ? name : "/");
            dfs_umount(s->dfs);
        }
        daos_cont_close(coh, NULL);
    }
    if (rc == 0)
        print(s, cont, name ? name : "/");
    base_free(s);
    return rc;
}

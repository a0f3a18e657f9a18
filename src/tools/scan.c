#include "tools/scan.h"

#include <string.h>

#define SCAN_BATCH 256u

/* Errors do not matter here: the walk itself meets and reports them. */
static void scan_dir(struct scan *s, struct tree_dir *parent, const char *name)
{
    struct tree *t = s->tree;
    struct listing l = {0};
    struct tree_dir dir;

    if (t->ops->dir_open(t, parent, name, false, &dir) != 0)
        return;
    while (!dir.eof && !atomic_load(s->stop) && !atomic_load(&s->progress->finished)) {
        if (t->ops->dir_list(t, &dir, SCAN_BATCH, &l) != 0)
            break;
        for (uint32_t i = 0; i < l.nr; i++) {
            const struct entry *e = &l.entries[i];

            if (S_ISREG(e->st.st_mode)) {
                atomic_fetch_add(&s->progress->total, 1);
                atomic_fetch_add(&s->progress->total_bytes, (unsigned long)e->st.st_size);
            } else if (S_ISDIR(e->st.st_mode)) {
                scan_dir(s, &dir, e->name);
            }
        }
        listing_clear(&l);
    }
    listing_fini(&l);
    t->ops->dir_close(t, &dir);
}

static void *scan_main(void *arg)
{
    struct scan *s = arg;

    scan_dir(s, NULL, NULL);
    atomic_store(&s->progress->total_known, true);
    return NULL;
}

void scan_start(struct scan *s, struct tree *tree, struct progress *p, atomic_bool *stop)
{
    memset(s, 0, sizeof(*s));
    s->tree = tree;
    s->progress = p;
    s->stop = stop;
    if (p->tty)
        s->started = pthread_create(&s->thread, NULL, scan_main, s) == 0;
}

void scan_join(struct scan *s)
{
    if (s->started)
        pthread_join(s->thread, NULL);
    s->started = false;
}

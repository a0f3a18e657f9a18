/*
 * What a pool consists of, for a person: superblocks, log, pages, trees, values. Of a pool that
 * does not open what can be had (engine_conf.lenient): superblocks need its devices alone, the log
 * that and a superblock, pages the heap, trees and values the store.
 */
#include <stdio.h>
#include "base/label.h"
#include "base/row.h"
#include "engine/engine_int.h"
#include "heap/inspect.h"

#define FIRST_BYTES 32u

struct show {
    struct engine *eng;
    const struct engine_inspect *what;
    struct err *e;
    int rc;
    struct rt_event done;
    struct row row;
    /* of the store */
    struct vos_cont *c;
    uint8_t cont[16];
    daos_obj_id_t oid;
    bool has_oid, more;
    uint64_t root;
    struct tree_show tree;
    struct row *rows;
    uint32_t rows_nr;
    struct vos_dumper dump;
    struct line *lines, **lines_end;
};

struct line {
    struct line *next;
    struct space_extent ext; /* nr 0: none */
    char text[];
};

static int refuse(struct show *w, int rc, const char *why)
{
    const struct err *e = &w->eng->not_open;

    return err_setf(w->e, rc, "look at the superblocks and the log (inspect --super, --wal)",
                    e->rc != 0 ? e->why : why, "cannot show that of pool %s",
                    w->eng->conf.dir->path);
}

/* ---- Superblocks and log ---- */

static int one_device(struct show *w, const char *name, struct io_dev *dev)
{
    row_begin(&w->row, "device", 0);
    row_text(&w->row, "name", "%s", name);
    row_text(&w->row, "path", "%s", dev->name);
    row_num(&w->row, "bytes", dev->size);
    w->rc = row_end(&w->row, w->what->out);
    return w->rc != 0 ? w->rc : super_show(dev, w->what->out);
}

static int note_name(const char *name, void *arg)
{
    char(*names)[32] = arg;

    if (!engine_is_device(name))
        return 0;
    for (uint32_t i = 0; i < SUPER_ROLE_NR; i++)
        if (names[i][0] == '\0') {
            snprintf(names[i], sizeof(names[i]), "%s", name);
            break;
        }
    return 0;
}

static int show_supers(struct show *w)
{
    struct shard *s = w->eng->shard;
    char names[SUPER_ROLE_NR][32] = {""};
    int rc = 0;

    for (uint32_t i = 0; i < s->devs.nr && rc == 0; i++)
        rc = one_device(w, s->devs.d[i].name, s->devs.d[i].dev);
    if (s->devs.nr > 0)
        return rc;
    rc = io_dir_list(w->eng->conf.dir, note_name, names);
    for (uint32_t i = 0; i < SUPER_ROLE_NR && rc == 0 && names[i][0] != '\0'; i++) {
        struct io_dev *dev;

        rc = io_dir_open_dev(w->eng->conf.dir, s->xs, names[i], true, &dev, w->e);
        if (rc == 0) {
            rc = one_device(w, names[i], dev);
            io_dev_close(dev);
        }
    }
    return rc;
}

static int show_log(struct show *w)
{
    struct super *wal = w->eng->shard->devs.role[SUPER_WAL];
    int rc;

    if (wal == NULL)
        return refuse(w, -DER_CSUM, "no superblock says where the log is");
    rc = heap_show_marks(wal, w->what->out);
    return rc != 0 ? rc : heap_show_log(wal, w->what->from, w->what->to, w->what->out);
}

/* ---- Trees and values ---- */

static int find_cont(struct shard *s, void *arg)
{
    struct show *w = arg;
    char name[DAOS_PROP_MAX_LABEL_BUF_LEN];
    const char *slash = strchr(w->what->name, '/');
    int rc = -DER_NONEXIST;

    snprintf(name, sizeof(name), "%.*s",
             (int)(slash != NULL ? slash - w->what->name : (ptrdiff_t)strlen(w->what->name)),
             w->what->name);
    if (s->svc != NULL)
        rc = svc_cont_lookup(s->svc, name, w->cont);
    if (rc < 0 && uuid_text_parse(name, w->cont))
        rc = 0;
    return rc == 0 ? vos_cont_open(s->vos, w->cont, false, &w->c) : rc;
}

/* What is behind the container's name: an object id, or a path. */
static int find_object(struct show *w)
{
    const char *slash = strchr(w->what->name, '/');
    struct check_paths paths;
    char dot, end;
    unsigned long long hi, lo;
    int rc;

    if (slash == NULL || slash[1] == '\0')
        return 0;
    w->has_oid = true;
    if (sscanf(slash + 1, "%llu%c%llu%c", &hi, &dot, &lo, &end) == 3 && dot == '.') {
        w->oid = (daos_obj_id_t){.hi = hi, .lo = lo};
        return 0;
    }
    check_paths_init(&paths);
    rc = check_names(w->eng->shard, &paths);
    if (rc == 0 && !check_paths_lookup(&paths, w->cont, slash, &w->oid))
        rc = -DER_NONEXIST;
    check_paths_fini(&paths);
    return rc;
}

static int find_root(struct shard *s, void *arg)
{
    struct show *w = arg;
    int rc;

    (void)s;
    w->rows_nr = 1;
    rc = vos_tree_root(w->c, w->has_oid ? &w->oid : NULL, &w->root);
    return rc != 0 ? rc : tree_show_begin(s->heap, &w->tree, w->root, &w->rows[0]);
}

static int label(void *arg, const struct tree_entry *e, struct row *r)
{
    struct show *w = arg;

    return vos_tree_label(w->c, w->has_oid ? &w->oid : NULL, e, r);
}

static int tree_step(struct shard *s, void *arg)
{
    struct show *w = arg;
    bool done;
    int rc = tree_show_step(s->heap, &w->tree, w->rows, &w->rows_nr, &done);

    w->more = !done;
    return rc;
}

static int rows_out(struct show *w)
{
    int rc = 0;

    for (uint32_t i = 0; i < w->rows_nr && rc == 0; i++)
        rc = row_end(&w->rows[i], w->what->out);
    return rc;
}

static int show_tree(struct show *w)
{
    struct shard *s = w->eng->shard;
    int rc;

    w->tree = (struct tree_show){.max = w->what->limit, .label = label, .arg = w};
    w->rows = base_alloc(TREE_SHOW_ROWS * sizeof(*w->rows));
    rc = w->rows != NULL ? shard_run(s, find_root, w) : -DER_NOMEM;
    if (rc == 0)
        rc = rows_out(w);
    w->more = true;
    while (rc == 0 && w->more) {
        rc = shard_run(s, tree_step, w);
        if (rc == 0)
            rc = rows_out(w);
        rt_yield();
    }
    base_free(w->rows);
    return rc;
}

static void line(void *arg, const char *text)
{
    struct show *w = arg;
    struct line *n = base_alloc(sizeof(*n) + strlen(text) + 1);

    if (n == NULL)
        return;
    n->next = NULL;
    n->ext.nr = 0;
    strcpy(n->text, text);
    *w->lines_end = n;
    w->lines_end = &n->next;
}

static void data(void *arg, const struct space_extent *ext)
{
    struct show *w = arg;

    if (w->lines != NULL)
        CONTAINER_OF(w->lines_end, struct line, next)->ext = *ext;
}

static void lines_drop(struct show *w)
{
    while (w->lines != NULL) {
        struct line *n = w->lines;

        w->lines = n->next;
        base_free(n);
    }
    w->lines_end = &w->lines;
}

static int dump_step(struct shard *s, void *arg)
{
    struct show *w = arg;
    struct vos_dumper was = w->dump;
    int rc;

    (void)s;
    lines_drop(w);
    rc = vos_dump_step(w->c, w->oid, &w->dump, &w->more);
    if (rc != 0)
        w->dump = was;
    return rc;
}

static int lines_out(struct show *w, uint8_t *buf)
{
    struct super *dev = w->eng->shard->devs.role[SUPER_DATA];
    int rc = 0;

    for (const struct line *n = w->lines; n != NULL && rc == 0; n = n->next) {
        const char *text = n->text + strspn(n->text, " ");

        row_begin(&w->row, "record", (unsigned)(text - n->text) / 2);
        row_text(&w->row, "is", "%s", text);
        if (n->ext.nr > 0 &&
            super_read_wait(dev, SUPER_DATA, n->ext.block * SPACE_BLOCK, buf, SPACE_BLOCK) == 0)
            row_bytes(&w->row, "begins", buf, FIRST_BYTES);
        else if (n->ext.nr > 0)
            row_text(&w->row, "begins", "the device cannot read it");
        rc = row_end(&w->row, w->what->out);
    }
    return rc;
}

static int show_object(struct show *w)
{
    uint8_t *buf = io_buf_alloc(SPACE_BLOCK);
    int rc = buf != NULL ? 0 : -DER_NOMEM;

    if (!w->has_oid)
        rc = err_setf(w->e, -DER_INVAL, "write CONTAINER/PATH or CONTAINER/HIGH.LOW",
                      "it names no object", "cannot show '%s'", w->what->name);
    w->dump = (struct vos_dumper){.line = line, .data = data, .arg = w};
    w->lines = NULL;
    w->lines_end = &w->lines;
    w->more = true;
    while (rc == 0 && w->more) {
        rc = shard_run(w->eng->shard, dump_step, w);
        if (rc == 0)
            rc = lines_out(w, buf);
        rt_yield();
    }
    lines_drop(w);
    io_buf_free(buf);
    return rc;
}

static int show_store(struct show *w)
{
    int rc;

    if (w->eng->shard->vos == NULL)
        return refuse(w, -DER_CSUM, "its store cannot be opened");
    rc = shard_run(w->eng->shard, find_cont, w);
    if (rc == 0)
        rc = find_object(w);
    if (rc == 0)
        rc = w->what->part == ENGINE_SHOW_TREE ? show_tree(w) : show_object(w);
    if (rc != 0)
        err_setf(w->e, rc, "`tarn cont list` shows the containers, `tarn check` what is damaged",
                 rc == -DER_NONEXIST ? "there is no such container or object"
                                     : "what leads there cannot be read",
                 "cannot show '%s'", w->what->name);
    return rc;
}

/* ---- The call ---- */

static int show_page(struct show *w)
{
    struct heap *h = w->eng->shard->heap;
    int rc;

    if (h == NULL)
        return refuse(w, -DER_CSUM, "its heap cannot be opened");
    rc = heap_show_page(h, w->what->page, w->what->out);
    if (rc == -DER_NONEXIST)
        err_setf(w->e, rc, "`tarn inspect` tells how large the metadata is; a page is 16 KiB",
                 "the metadata has no page of that number", "cannot show page %llu of pool %s",
                 (unsigned long long)w->what->page, w->eng->conf.dir->path);
    return rc;
}

static int show(struct show *w)
{

    switch (w->what->part) {
    case ENGINE_SHOW_SUPER:
        return show_supers(w);
    case ENGINE_SHOW_LOG:
        return show_log(w);
    case ENGINE_SHOW_PAGE:
        return show_page(w);
    default:
        return show_store(w);
    }
}

static void show_fiber(void *arg)
{
    struct show *w = arg;

    w->rc = show(w);
    rt_event_set(&w->done);
}

int engine_inspect(struct engine *eng, const struct engine_inspect *what, struct err *e)
{
    struct show *w = base_calloc(1, sizeof(*w));
    int rc;

    if (w == NULL)
        return -DER_NOMEM;
    w->eng = eng;
    w->what = what;
    w->e = e;
    rt_event_init(&w->done);
    rc = rt_spawn_on(eng->shard->xs, show_fiber, w);
    if (rc == 0) {
        rt_event_wait(&w->done);
        rc = w->rc;
    }
    base_free(w);
    return rc;
}

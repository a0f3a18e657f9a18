/* inspect: what a pool consists of. Without options its devices and figures; with one of them a
 * part of it, record by record, also of a pool that does not open any more. */
#include <string.h>

#include "base/label.h"
#include "base/row.h"
#include "base/size.h"
#include "tools/cmd_engine.h"
#include "tools/cmds.h"

#define ENTRIES_SHOWN 200u

/* ---- Figures ---- */

#define STAT_FIELDS(X)                                                                             \
    X(objects, "objects", COUNT)                                                                   \
    X(dkeys, "distribution keys", COUNT)                                                           \
    X(akeys, "attribute keys", COUNT)                                                              \
    X(values, "values", COUNT)                                                                     \
    X(value_bytes_heap, "bytes of values kept with the metadata", BYTES)                           \
    X(value_bytes_data, "bytes of values in data space", BYTES)                                    \
    X(prepared, "transactions prepared and not decided", COUNT)                                    \
    X(prepared_bytes, "bytes of values that they bring", BYTES)                                    \
    X(tx_memory, "bytes of memory kept of transactions", BYTES)                                    \
    X(heap_bytes, "bytes in use in the metadata heap", BYTES)                                      \
    X(meta_pages_bytes, "bytes of metadata pages", BYTES)                                          \
    X(data_total, "bytes of data space", BYTES)                                                    \
    X(data_used, "bytes of data space in use", BYTES)                                              \
    X(data_free_runs, "runs of free blocks in it", COUNT)                                          \
    X(data_longest_run, "bytes of the longest", BYTES)

static void stat_json(json_t *o, const struct engine_stat *st)
{
#define COUNT_OR_BYTES(field, text, kind)                                                          \
    json_object_set_new(o, #field, json_integer((json_int_t)st->field));
    STAT_FIELDS(COUNT_OR_BYTES)
#undef COUNT_OR_BYTES
}

static void stat_print(FILE *out, const struct engine_stat *st)
{
    char text[COUNT_TEXT_MAX];
#define PRINT_COUNT(v)           count_text((v), text)
#define PRINT_BYTES(v)           size_print((v), text, sizeof(text))
#define PRINT(field, what, kind) fprintf(out, "  %-42s %s\n", what, PRINT_##kind(st->field));
    STAT_FIELDS(PRINT)
#undef PRINT
}

static const char *const role_names[SUPER_ROLE_NR] = {"wal", "meta", "data"};

static uint64_t devices_json(const struct engine_device *d, uint32_t nr, json_t *list)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < nr; i++) {
        json_t *roles = json_array();

        for (uint32_t r = 0; r < SUPER_ROLE_NR; r++)
            if (d[i].roles & (1u << r))
                json_array_append_new(roles, json_string(role_names[r]));
        json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:o, s:I, s:b}", "name", d[i].name,
                                              "target", (json_int_t)d[i].target, "path", d[i].path,
                                              "roles", roles, "bytes", (json_int_t)d[i].bytes,
                                              "block", d[i].fixed));
        bytes += d[i].bytes;
    }
    return bytes;
}

static void devices_print(const struct engine_device *d, uint32_t nr, FILE *out)
{
    char size[SIZE_TEXT_MAX];

    for (uint32_t i = 0; i < nr; i++) {
        const char *comma = "";

        fprintf(out, "  device %s: roles ", d[i].name);
        for (uint32_t r = 0; r < SUPER_ROLE_NR; r++) {
            if (!(d[i].roles & (1u << r)))
                continue;
            fprintf(out, "%s%s", comma, role_names[r]);
            comma = ", ";
        }
        fprintf(out, "; %s; %s\n", size_print(d[i].bytes, size, sizeof(size)), d[i].path);
    }
}

/* Those that do not serve, and why. */
static json_t *down_json(struct pool_engine *p, uint64_t targets)
{
    json_t *list = json_array();
    struct err e;

    for (uint32_t i = 0; i < targets; i++)
        if (!engine_target_serves(p->eng, i, &e))
            json_array_append_new(list, json_pack("{s:I, s:s, s:s, s:s}", "target", (json_int_t)i,
                                                  "what", e.what, "why", e.why, "next", e.next));
    return list;
}

static void down_print(struct pool_engine *p, uint64_t targets, FILE *out)
{
    struct err e;

    for (uint32_t i = 0; i < targets; i++)
        if (!engine_target_serves(p->eng, i, &e))
            fprintf(out, "  target %u is down: %s; %s\n", i, e.why, e.next);
}

static int figures(struct tool *t, struct pool_engine *p)
{
    struct engine_stat st = {0};
    struct engine_device dev[ENGINE_DEVICES_MAX];
    char text[UUID_TEXT_LEN + 1], size[SIZE_TEXT_MAX];
    uint64_t meta;
    uint32_t nr;
    uuid_t uuid;

    engine_stat(p->eng, &st);
    engine_pool_uuid(p->eng, uuid);
    uuid_text_print(uuid, text);
    nr = engine_devices(p->eng, dev);
    meta = st.heap_bytes > st.value_bytes_heap ? st.heap_bytes - st.value_bytes_heap : 0;
    if (t->json) {
        json_t *list = json_array();
        uint64_t bytes = devices_json(dev, nr, list);

        t->response =
            json_pack("{s:s, s:s, s:I, s:o, s:I}", "uuid", text, "path", p->path, "device_bytes",
                      (json_int_t)bytes, "devices", list, "metadata_bytes", (json_int_t)meta);
        json_object_set_new(t->response, "targets", json_integer((json_int_t)st.targets));
        json_object_set_new(t->response, "targets_down", down_json(p, st.targets));
        stat_json(t->response, &st);
        return 0;
    }
    fprintf(t->out, "pool %s in %s\n", text, p->path);
    if (st.targets > 1)
        fprintf(t->out, "  %llu targets, %llu down\n", (unsigned long long)st.targets,
                (unsigned long long)st.targets_down);
    devices_print(dev, nr, t->out);
    down_print(p, st.targets, t->out);
    stat_print(t->out, &st);
    fprintf(t->out, "  %-42s %s\n", "bytes of metadata without values",
            size_print(meta, size, sizeof(size)));
    if (st.objects > 0)
        fprintf(t->out, "  %-42s %llu\n", "metadata bytes an object",
                (unsigned long long)(meta / st.objects));
    return 0;
}

/* ---- Parts, as rows ---- */

static int row_print(void *arg, const struct row *r)
{
    struct tool *t = arg;
    char text[4096];

    fprintf(t->out, "%*s%s", (int)(2 * r->depth), "", r->kind);
    for (uint32_t i = 0; i < r->nr; i++) {
        const struct row_field *f = &r->field[i];
        const char *comma = i == 0 ? " " : ", ";

        if (f->is_num)
            fprintf(t->out, "%s%s %llu", comma, f->name, (unsigned long long)f->num);
        else
            fprintf(t->out, "%s%s %s", comma, f->name,
                    name_text(f->text, strlen(f->text), text, sizeof(text)));
    }
    return fputc('\n', t->out) == EOF ? -DER_IO : 0;
}

static int row_json(void *arg, const struct row *r)
{
    struct tool *t = arg;
    json_t *o = json_pack("{s:s, s:I}", "kind", r->kind, "depth", (json_int_t)r->depth);

    for (uint32_t i = 0; i < r->nr; i++)
        json_object_set_new(o, r->field[i].name,
                            r->field[i].is_num
                                ? json_integer((json_int_t)r->field[i].num)
                                : json_text(r->field[i].text, strlen(r->field[i].text)));
    return json_array_append_new(t->response, o) == 0 ? 0 : -DER_NOMEM;
}

/* --target */
static int target_asked(struct tool *t, struct engine_inspect *w, bool any)
{
    uint64_t target = 0;
    int rc = opt_number(t, "target", &target);

    if (rc == 0 && target > UINT32_MAX)
        target = UINT32_MAX; /* which is not there */
    w->target = (uint32_t)target;
    w->only = opt_text(t, "target") != NULL;
    if (rc == 0 && w->only && !any)
        rc = tool_fail(t, -DER_INVAL, "add --super, --wal, --page, --tree or --object",
                       "the figures are of all targets", "cannot show target %u", w->target);
    return rc;
}

/* Which part is asked for; false: none. */
static int part_asked(struct tool *t, struct engine_inspect *w, bool *any)
{
    uint32_t nr = 0;
    int rc = 0;

    if (opt_flag(t, "super")) {
        w->part = ENGINE_SHOW_SUPER;
        nr++;
    }
    if (opt_flag(t, "wal")) {
        w->part = ENGINE_SHOW_LOG;
        nr++;
    }
    if (opt_text(t, "page") != NULL) {
        w->part = ENGINE_SHOW_PAGE;
        rc = opt_number(t, "page", &w->page);
        nr++;
    }
    if (opt_text(t, "tree") != NULL) {
        w->part = ENGINE_SHOW_TREE;
        w->name = opt_text(t, "tree");
        nr++;
    }
    if (opt_text(t, "object") != NULL) {
        w->part = ENGINE_SHOW_OBJECT;
        w->name = opt_text(t, "object");
        nr++;
    }
    *any = nr > 0;
    if (rc == 0)
        rc = opt_number(t, "from", &w->from);
    if (rc == 0)
        rc = opt_number(t, "to", &w->to);
    if (rc == 0)
        rc = opt_number(t, "limit", &w->limit);
    if (rc == 0)
        rc = target_asked(t, w, nr > 0);
    if (rc == 0 && nr > 1)
        rc = tool_fail(t, -DER_INVAL, "ask for one at a time", "they exclude each other",
                       "cannot show several parts at once");
    return rc;
}

int inspect_pool(struct tool *t)
{
    struct engine_conf conf = {.readonly = true, .lenient = true, .cpu = -1};
    struct row_sink sink = {t->json ? row_json : row_print, t};
    struct engine_inspect w = {.to = UINT64_MAX, .limit = ENTRIES_SHOWN, .out = &sink};
    struct pool_engine p = {0};
    bool any;
    int rc = part_asked(t, &w, &any);

    if (rc == 0)
        rc = engine_start(t, t->args[0], &conf, &p);
    if (rc == 0 && !any) {
        if (engine_is_whole(p.eng, &t->err))
            rc = figures(t, &p);
        else
            rc = t->err.rc;
    } else if (rc == 0) {
        if (t->json)
            t->response = json_array();
        rc = engine_inspect(p.eng, &w, &t->err);
        if (rc != 0 && t->err.rc == 0)
            tool_fail_der(t, rc, "cannot show that of pool %s", p.path);
    }
    engine_stop(&p);
    return rc;
}

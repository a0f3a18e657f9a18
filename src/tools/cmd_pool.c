/* pool create, list, destroy, and the table of what else there is for pools. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/label.h"
#include "base/size.h"
#include "embed/embed.h"
#include "rt/rt.h"
#include "tools/cmds.h"
#include "tools/conn.h"
#include "tools/props.h"

/* ---- create ---- */

static int create_targets(struct tool *t, struct embed_pool_conf *conf)
{
    uint64_t nr = 0;
    int rc = opt_number(t, "targets", &nr);

    if (rc == 0 && (nr > TARGETS_MAX || (nr == 0 && opt_text(t, "targets") != NULL)))
        rc = tool_fail(t, -DER_INVAL, "write a number from 1 to 64",
                       nr == 0 ? "a pool without targets could hold nothing"
                               : "an engine serves at most 64 targets",
                       "cannot create a pool of %llu targets", (unsigned long long)nr);
    conf->targets = (uint32_t)nr;
    return rc != 0 ? rc : embed_pool_targets(conf, rt_cpus(), &conf->targets, &t->err);
}

static int create_conf(struct tool *t, struct embed_pool_conf *conf)
{
    int rc = opt_size(t, "size", &conf->limit_bytes);

    if (rc == 0)
        rc = opt_size(t, "wal-size", &conf->wal_bytes);
    if (rc != 0)
        return rc;
    conf->wal = opt_text(t, "wal");
    conf->meta = opt_text(t, "meta");
    conf->data = opt_text(t, "data");
    rc = create_targets(t, conf);
    if (rc != 0)
        return rc;
    conf->force = opt_flag(t, "force");
    conf->label = opt_text(t, "label");
    if (conf->label != NULL && !label_is_valid(conf->label))
        return tool_fail(
            t, strlen(conf->label) > LABEL_MAX_LEN ? -DER_OVERFLOW : -DER_INVAL,
            "choose another label",
            "a label is 1 to 127 of letters, digits and . _ : - and does not look like a UUID",
            "cannot use label '%.140s'", conf->label);
    if (opt_text(t, "properties") != NULL)
        rc = props_parse(t, PROP_OF_POOL, opt_text(t, "properties"), true, &conf->prop);
    return rc;
}

static int pool_create(struct tool *t)
{
    struct embed_pool_conf conf = {0};
    const char *path = embed_path_of(t->args[0]);
    char text[UUID_TEXT_LEN + 1];
    uuid_t uuid;
    int rc;

    if (path == NULL) {
        char next[ERR_PART_MAX];

        snprintf(next, sizeof(next), "name a directory, with a '/': %s pool create ./%.100s",
                 t->program, t->args[0]);
        return tool_fail(
            t, -DER_NOTSUPPORTED, next,
            "a pool without a path belongs to a system of servers, and none is running",
            "cannot create pool '%.100s'", t->args[0]);
    }
    rc = create_conf(t, &conf);
    if (rc == 0)
        rc = embed_pool_create(path, &conf, uuid, &t->err);
    daos_prop_free(conf.prop);
    if (rc != 0) {
        if (t->err.rc == 0)
            tool_fail_der(t, rc, "cannot create pool %s", path);
        return rc;
    }
    uuid_text_print(uuid, text);
    if (t->json)
        t->response =
            json_pack("{s:s, s:I, s:[I], s:[I], s:[], s:I, s:b, s:s, s:I}", "uuid", text, "svc_ldr",
                      (json_int_t)0, "svc_reps", (json_int_t)0, "tgt_ranks", (json_int_t)0,
                      "tier_bytes", "mem_file_bytes", (json_int_t)0, "md_on_ssd_active", 1, "path",
                      path, "targets", (json_int_t)conf.targets);
    else
        fprintf(t->out, "created pool %s in %s\nnext: %s cont create %s home --type POSIX\n", text,
                path, t->program, path);
    return 0;
}

/* ---- list ---- */

struct list_state {
    struct tool *t;
    json_t *pools;
    unsigned nr;
};

static json_t *usage_json(const daos_pool_info_t *info)
{
    const struct daos_space *s = &info->pi_space.ps_space;
    json_t *list = json_array();
    static const char *const tiers[] = {"SCM", "NVME"};

    for (int i = 0; i < DAOS_MEDIA_MAX; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:I, s:I}", "tier_name", tiers[i], "size",
                                        (json_int_t)s->s_total[i], "free", (json_int_t)s->s_free[i],
                                        "imbalance", (json_int_t)0));
    return list;
}

static int list_one(const uuid_t uuid, const char *label, const char *path, void *arg)
{
    struct list_state *st = arg;
    struct tool *t = st->t;
    bool query = opt_flag(t, "verbose") && !opt_flag(t, "no-query");
    bool there = location_is_pool_dir(path);
    char text[UUID_TEXT_LEN + 1], used[SIZE_TEXT_MAX] = "";
    struct conn c = {0};
    json_t *usage = NULL;
    const char *state = there ? "Ready" : "Missing";

    uuid_text_print(uuid, text);
    if (query && there) {
        struct err kept = t->err;

        if (conn_pool(t, &c, path, DAOS_PC_RO) != 0)
            state = t->err.rc == -DER_BUSY ? "InUse" : "Failed";
        else
            usage = usage_json(&c.pool_info);
        if (usage != NULL)
            size_print(c.pool_info.pi_space.ps_space.s_total[DAOS_MEDIA_NVME] -
                           c.pool_info.pi_space.ps_space.s_free[DAOS_MEDIA_NVME],
                       used, sizeof(used));
        t->err = kept;
        conn_close(&c);
    }
    if (t->json) {
        json_t *one = json_pack("{s:s, s:s, s:s, s:s}", "uuid", text, "label",
                                label != NULL ? label : "", "state", state, "path", path);

        if (usage != NULL)
            json_object_set_new(one, "usage", usage);
        json_array_append_new(st->pools, one);
    } else {
        if (st->nr == 0)
            fprintf(t->out, "%-20s %-36s %-8s %s%s\n", "Label", "UUID", "State",
                    query ? "Used       " : "", "Path");
        fprintf(t->out, "%-20s %-36s %-8s ", label != NULL && label[0] != '\0' ? label : "-", text,
                state);
        if (query)
            fprintf(t->out, "%-10s ", used);
        fprintf(t->out, "%s\n", path);
        json_decref(usage);
    }
    st->nr++;
    return 0;
}

static int pool_list(struct tool *t)
{
    struct list_state st = {.t = t, .pools = t->json ? json_array() : NULL};
    int rc = embed_pool_list(list_one, &st, &t->err);

    if (rc != 0) {
        json_decref(st.pools);
        return t->err.rc != 0 ? rc : tool_fail_der(t, rc, "cannot list the pools");
    }
    if (t->json)
        t->response = json_pack("{s:i, s:o}", "status", 0, "pools", st.pools);
    else if (st.nr == 0)
        fprintf(t->out, "no pools yet; make one: %s pool create ./tarn-pool\n", t->program);
    return 0;
}

/* ---- destroy ---- */

/* Refuses to destroy containers nobody mentioned. */
static int check_empty(struct tool *t, const char *path)
{
    struct conn c = {0};
    daos_size_t n = 0;
    int rc = conn_pool(t, &c, path, DAOS_PC_RO);

    if (rc == 0) {
        rc = daos_pool_list_cont(c.poh, &n, NULL, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot list the containers of pool %s", path);
    }
    conn_close(&c);
    if (rc == 0 && n > 0) {
        char why[ERR_PART_MAX];

        snprintf(why, sizeof(why), "it holds %llu container%s", (unsigned long long)n,
                 n == 1 ? "" : "s");
        return tool_fail(t, -DER_BUSY, "give --recursive to destroy them with it", why,
                         "will not destroy pool %s", t->args[0]);
    }
    if (rc == -DER_BUSY)
        err_what(&t->err, "cannot destroy pool %s", t->args[0]);
    if (rc != 0 && rc != -DER_BUSY && rc != -DER_NONEXIST && rc != -DER_DF_INVAL)
        err_next(&t->err, "give --force to destroy a pool that cannot be opened");
    return rc;
}

static int pool_destroy(struct tool *t)
{
    char path[PATH_MAX];
    int rc = pool_dir(t, t->args[0], path, sizeof(path));

    if (rc == 0 && !opt_flag(t, "recursive") && !opt_flag(t, "force")) {
        char here[PATH_MAX + 8];

        /* in this process: one that an engine serves is in use, whatever is in it */
        snprintf(here, sizeof(here), "inproc:%s", path);
        rc = check_empty(t, here);
    }
    if (rc != 0)
        return rc;
    rc = embed_pool_destroy(path, opt_flag(t, "force"), &t->err);
    if (rc != 0)
        return t->err.rc != 0 ? rc : tool_fail_der(t, rc, "cannot destroy pool %s", t->args[0]);
    if (!t->json)
        fprintf(t->out, "destroyed pool %s\n", t->args[0]);
    return 0;
}

#define OPT_ATTR                                                                                   \
    {                                                                                              \
        'a', "attr", "NAME", "the attribute; also possible as argument"                            \
    }

static const struct command commands[] = {
    {"create",
     NULL,
     "PATH",
     1,
     1,
     pool_create,
     "make a pool in a directory",
     "The directory is made if it is missing and must be empty. The pool then lives in it: no "
     "server, no\n"
     "configuration. It is remembered under its label and UUID for this user.\n\n"
     "A pool of several targets (--targets) has a log, metadata and data for each of them, and an "
     "engine serves each with a thread:\n"
     "as many as there are CPUs to spare is enough. Unless it is said, there is one for each "
     "device that is named, else one\n"
     "for every two CPUs, at most one for each GiB of --size. Objects are spread over them by "
     "their class. Their number stays.\n\n"
     "Log, metadata and data may lie elsewhere: on a block device (which is taken whole), or in a "
     "file, which is made. Each\n"
     "target has its own: a path for each, with commas between, or a directory, in which a file "
     "for each is made.\n"
     "The same path may be given for several of these options; what has none lies in the "
     "directory. A link there leads to each\n"
     "device: "
     "change it when the device moves. A block device that holds anything is refused without "
     "--force.\n"
     "A file in persistent memory (mounted with -o dax) is written by stores, without system "
     "calls; "
     "with pmem: before\n"
     "its path it must be that.",
     "pool create ./tarn-pool\npool create ./scratch --label scratch --size 10G\npool create "
     "./wide --targets 4\npool create /data/p --properties rd_fac:0\n# a fast device for the log, "
     "a large one for the data, "
     "metadata "
     "in the directory\npool create ./big --wal /dev/nvme0n1 --data /dev/sdb\n# two targets, each "
     "with a device for its data; their logs are files in one place\npool create ./two --wal "
     "/mnt/fast --data /dev/sdb,/dev/sdc",
     {{'L', "label", "LABEL", "name of the pool (default: the directory's)"},
      {'t', "targets", "N",
       "how many targets it has, 1 to 64 (default: one for two CPUs, at most 16)"},
      {'z', "size", "SIZE",
       "most bytes of metadata and data, of all targets together (default: as the file system "
       "has)"},
      {'w', "wal-size", "SIZE",
       "size of the log of each target (default 128M, of several together; at least 8M)"},
      {'P', "properties", "K:V,..", "properties; 'pool get-prop' lists them"},
      {0, "wal", "DEVICE", "block device or new file for the log, of each target; or directory"},
      {0, "meta", "DEVICE", "the same for the metadata"},
      {0, "data", "DEVICE", "the same for the data"},
      {'f', "force", NULL, "overwrite what a block device holds, unless that is a pool"}}},
    {"list",
     "ls",
     "",
     0,
     0,
     pool_list,
     "list the pools of this user",
     NULL,
     "pool list\npool list --verbose\npool list --json",
     {{'v', "verbose", NULL, "open each pool and show what is used"},
      {'n', "no-query", NULL, "do not open the pools (default)"}}},
    {"query",
     "info",
     "POOL",
     1,
     1,
     cmd_pool_query,
     "show state and space of a pool",
     "Of a pool of several targets also that of each; space is their sum. A target that is down "
     "(its device is missing or damaged) takes\n"
     "only its own data away; 'check' says why it is.",
     "pool query ./tarn-pool\npool query tarn-pool --json",
     {{0}}},
    {"query-targets",
     "query-target",
     "POOL",
     1,
     1,
     cmd_pool_query_targets,
     "show state and space of a pool's targets",
     NULL,
     "pool query-targets ./tarn-pool\npool query-targets tarn-pool --target-idx 0,2 --json",
     {{0, "rank", "N", "of this engine: 0, there is one"},
      {0, "target-idx", "N,..", "which ones (default: all)"}}},
    {"destroy",
     "rm",
     "POOL",
     1,
     1,
     pool_destroy,
     "remove a pool and all that is in it",
     "Refused while any process has the pool open, and while it holds containers unless "
     "--recursive is given.\n"
     "Only files that belong to the pool are removed. Its block devices are wiped: they can be "
     "used "
     "again.",
     "pool destroy ./tarn-pool\npool destroy scratch --recursive",
     {{'r', "recursive", NULL, "with its containers"},
      {'f', "force", NULL, "even if the pool cannot be opened or lacks a device"}}},
    {"list-containers",
     "list-cont list-conts",
     "POOL",
     1,
     1,
     cmd_cont_list,
     "list the containers of a pool",
     NULL,
     "pool list-containers ./tarn-pool",
     {{'v', "verbose", NULL, "with their UUIDs"}}},
    {"get-prop",
     NULL,
     "POOL [NAME,..]",
     1,
     2,
     cmd_pool_get_prop,
     "show properties of a pool",
     NULL,
     "pool get-prop ./tarn-pool\npool get-prop ./tarn-pool label,rd_fac --json",
     {{0, "properties", "NAME,..", "which ones (default: all)"}}},
    {"set-prop",
     NULL,
     "POOL NAME:VALUE[,..]",
     1,
     2,
     cmd_pool_set_prop,
     "set properties of a pool",
     NULL,
     "pool set-prop ./tarn-pool label:attic\npool set-prop ./tarn-pool reclaim:lazy,space_rb:10",
     {{0, "properties", "K:V,..", "the properties; also possible as argument"}}},
    {"list-attr",
     "list-attrs lsattr",
     "POOL",
     1,
     1,
     cmd_pool_list_attr,
     "list a pool's attributes",
     NULL,
     "pool list-attr ./tarn-pool",
     {{'V', "verbose", NULL, "with their values"}}},
    {"get-attr",
     "getattr",
     "POOL [NAME,..]",
     1,
     2,
     cmd_pool_get_attr,
     "read a pool's attributes",
     NULL,
     "pool get-attr ./tarn-pool project",
     {OPT_ATTR}},
    {"set-attr",
     "setattr",
     "POOL NAME:VALUE[,..]",
     1,
     2,
     cmd_pool_set_attr,
     "set a pool's attributes",
     NULL,
     "pool set-attr ./tarn-pool project:apollo,owner:me\npool set-attr ./tarn-pool --attr note "
     "--value 'two words'",
     {OPT_ATTR, {'v', "value", "TEXT", "its value, when --attr names it"}}},
    {"del-attr",
     "delattr",
     "POOL NAME[,..]",
     1,
     2,
     cmd_pool_del_attr,
     "remove a pool's attributes",
     NULL,
     "pool del-attr ./tarn-pool project",
     {OPT_ATTR}},
};

const struct cmd_group group_pool = {"pool", NULL, "make, list, query and destroy pools", commands,
                                     ARRAY_LEN(commands)};

/* The command line of dfuse: DAOS's options; what Tarn does not have is refused by name. */
#include <getopt.h>
#include <stdio.h>
#include "posix/dfuse.h"

enum {
    OPT_MOUNTPOINT = 'm',
    OPT_POOL = 1000,
    OPT_CONT,
    OPT_PATH,
    OPT_SYS,
    OPT_ENABLE_CACHING,
    OPT_ENABLE_WB,
    OPT_DISABLE_CACHING,
    OPT_DISABLE_WB,
    OPT_FLOCK,
    OPT_READ_ONLY,
    OPT_DUMP,
    OPT_READ,
};

static const struct option longs[] = {
    {"mountpoint", required_argument, NULL, 'm'},
    {"pool", required_argument, NULL, OPT_POOL},
    {"container", required_argument, NULL, OPT_CONT},
    {"path", required_argument, NULL, OPT_PATH},
    {"sys-name", required_argument, NULL, OPT_SYS},
    {"thread-count", required_argument, NULL, 't'},
    {"eq-count", required_argument, NULL, 'e'},
    {"foreground", no_argument, NULL, 'f'},
    {"enable-caching", no_argument, NULL, OPT_ENABLE_CACHING},
    {"enable-wb-cache", no_argument, NULL, OPT_ENABLE_WB},
    {"disable-caching", no_argument, NULL, OPT_DISABLE_CACHING},
    {"disable-wb-cache", no_argument, NULL, OPT_DISABLE_WB},
    {"enable-local-flock", no_argument, NULL, OPT_FLOCK},
    {"multi-user", no_argument, NULL, 'M'},
    {"read-only", no_argument, NULL, OPT_READ_ONLY},
    {"dump-handles", required_argument, NULL, OPT_DUMP},
    {"read-handles", required_argument, NULL, OPT_READ},
    {"snap", required_argument, NULL, 's'},
    {"snap-epoch", required_argument, NULL, 'N'},
    {"version", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void help(void)
{
    puts("dfuse: mount a POSIX container as a directory\n"
         "\n"
         "usage: dfuse [options] MOUNTPOINT POOL CONTAINER\n"
         "       POOL is a pool directory (./tarn-pool), a label or a UUID; CONTAINER a label or a "
         "UUID\n"
         "\n"
         "  -m, --mountpoint DIR     where to mount (or the first argument)\n"
         "      --pool POOL          the pool (or the second argument)\n"
         "      --container CONT     the container (or the third)\n"
         "  -f, --foreground         stay in the foreground; Ctrl-C unmounts\n"
         "      --read-only          refuse every change\n"
         "  -N, --snap-epoch EPOCH   mount the snapshot taken at EPOCH (read-only; see: daos cont "
         "list-snaps)\n"
         "  -M, --multi-user         let other users in (permissions are checked by the kernel)\n"
         "  -t, --thread-count N     worker threads (default: one per core, at most 16)\n"
         "      --disable-caching    the kernel asks for everything every time\n"
         "      --disable-wb-cache   writes go through to the pool before they return\n"
         "      --enable-local-flock flock() works between processes of this machine\n"
         "  -o OPT[,OPT]             options for libfuse, and pool=, container=\n"
         "  -v, --version\n"
         "\n"
         "examples:\n"
         "  mkdir -p /tmp/mnt && dfuse /tmp/mnt ./tarn-pool home\n"
         "  fusermount3 -u /tmp/mnt            unmount (or: kill the dfuse process)\n"
         "  dfuse -N 1234567890123 /tmp/old ./tarn-pool home");
}

static int refuse(const char *what, const char *why, const char *next)
{
    fprintf(stderr, "dfuse: %s: %s; %s\n", what, why, next);
    return 2;
}

static int number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 0);
    return errno != 0 || *end != '\0' || end == text || *out > max || text[0] == '-' ? EINVAL : 0;
}

static int append(char **list, const char *opt)
{
    char *s;

    if (asprintf(&s, "%s%s%s", *list != NULL ? *list : "", *list != NULL ? "," : "", opt) < 0)
        return 1;
    free(*list);
    *list = s;
    return 0;
}

/* -o: pool= and container= are ours, the rest is libfuse's. */
static int mount_options(struct dfuse_conf *conf, char *opts)
{
    char *save = NULL;

    for (char *o = strtok_r(opts, ",", &save); o != NULL; o = strtok_r(NULL, ",", &save)) {
        if (strncmp(o, "pool=", 5) == 0)
            conf->pool = o + 5;
        else if (strncmp(o, "container=", 10) == 0)
            conf->cont = o + 10;
        else if (strcmp(o, "ro") == 0)
            conf->readonly = true;
        else if (strcmp(o, "rw") != 0 && append(&conf->fuse_opts, o) != 0)
            return refuse("cannot start", "out of memory", "try again");
    }
    return 0;
}

static int one(struct dfuse_conf *conf, int c, bool *done)
{
    uint64_t n;

    switch (c) {
    case 'm':
        conf->mountpoint = optarg;
        return 0;
    case OPT_POOL:
        conf->pool = optarg;
        return 0;
    case OPT_CONT:
        conf->cont = optarg;
        return 0;
    case OPT_SYS:
    case 'e': /* requests need no queue of their own */
    case OPT_ENABLE_CACHING:
    case OPT_ENABLE_WB:
        return 0;
    case 't':
        if (number(optarg, 256, &n) != 0 || n == 0)
            return refuse("bad option --thread-count", "it takes a whole number from 1 to 256",
                          "leave it out for the default");
        conf->threads = (unsigned)n;
        return 0;
    case 'f':
        conf->foreground = true;
        return 0;
    case OPT_DISABLE_CACHING:
        conf->caching = false;
        return 0;
    case OPT_DISABLE_WB:
        conf->wb_cache = false;
        return 0;
    case OPT_FLOCK:
        conf->local_flock = true;
        return 0;
    case 'M':
        conf->multi_user = true;
        return 0;
    case OPT_READ_ONLY:
        conf->readonly = true;
        return 0;
    case 'N':
        if (number(optarg, UINT64_MAX - 1, &n) != 0 || n == 0)
            return refuse("bad option --snap-epoch", "it takes the epoch of a snapshot",
                          "list them with: daos cont list-snaps POOL CONT");
        conf->snap_epoch = n;
        conf->readonly = true;
        return 0;
    case 'o':
        return mount_options(conf, optarg);
    case OPT_PATH:
        return refuse("cannot use --path", "paths that name a container are not supported yet",
                      "name the pool and the container");
    case OPT_DUMP:
    case OPT_READ:
        return refuse("cannot use --dump-handles or --read-handles",
                      "handles of one process cannot be used by another yet",
                      "leave the option out");
    case 's':
        return refuse("cannot use --snap", "snapshots have no names",
                      "use --snap-epoch; list them with: daos cont list-snaps POOL CONT");
    case 'v':
        printf("dfuse (Tarn) %s\n", TARN_VERSION);
        *done = true;
        return 0;
    case 'h':
        help();
        *done = true;
        return 0;
    default:
        fprintf(stderr, "try: dfuse --help\n");
        return 2;
    }
}

int dfuse_options(int argc, char **argv, struct dfuse_conf *conf, bool *done)
{
    const char **slots[] = {&conf->mountpoint, &conf->pool, &conf->cont};
    int c, rc;

    memset(conf, 0, sizeof(*conf));
    conf->caching = true;
    conf->wb_cache = true;
    *done = false;
    while ((c = getopt_long(argc, argv, "m:t:e:fMs:N:o:vh", longs, NULL)) != -1) {
        rc = one(conf, c, done);
        if (rc != 0 || *done)
            return rc;
    }
    for (size_t s = 0; s < 3 && optind < argc; s++)
        if (*slots[s] == NULL)
            *slots[s] = argv[optind++];
    if (optind < argc)
        return refuse("too many arguments", "dfuse takes a mount point, a pool and a container",
                      "see dfuse --help");
    if (conf->mountpoint == NULL)
        return refuse("no mount point", "dfuse needs a directory to mount on", "see dfuse --help");
    if (conf->pool == NULL || conf->cont == NULL)
        return refuse("no pool or container", "mounting without both is not supported yet",
                      "use: dfuse MOUNTPOINT POOL CONTAINER");
    if (!conf->caching)
        conf->wb_cache = false;
    conf->keep_data = conf->caching;
    conf->direct_io = !conf->caching;
    conf->attr_s = conf->caching ? 1 : 0;
    conf->dentry_s = conf->attr_s;
    conf->dentry_dir_s = conf->caching ? 5 : 0;
    conf->ndentry_s = conf->attr_s;
    return 0;
}

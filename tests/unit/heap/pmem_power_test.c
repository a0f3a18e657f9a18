/*
 * The power goes under a heap in persistent memory: the device is the real one (io/pmem.c), on a
 * libpmem of our own that knows what would have reached the memory by then.
 *
 * What is stored is on its way until the next drain. When the power goes each 8 bytes of what is on
 * its way are there or not, whatever the order in which they were stored; but of two that were
 * stored at one place it is the older only if it is not the newer. The program does not notice and
 * works on for a while; what it stores then is nowhere, and what became durable then does not
 * count. Afterwards the file is what the memory was, and the heap recovers from that.
 */
#include "heap_rig.h"

#include <fcntl.h>
#include <libpmem.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct mapping {
    char *base;
    size_t len;
};

struct on_its_way {
    uint64_t off;
    size_t len;
    char *bytes;
};

/* The memory, of one file. */
static struct {
    pthread_mutex_t mutex;
    struct mapping map[4]; /* while it grows there are two */
    char *image;           /* what stays when the power goes */
    size_t size;
    struct on_its_way *q;
    uint32_t q_nr, q_cap;
    uint64_t steps, cut_at; /* stores and drains; the power goes at that one */
    uint64_t seed;
    enum sim_cut how;
    uint64_t stored, lost; /* words on their way when the power went */
    struct rig *r;
    char root[128];
} pm = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ---- Its libpmem ---- */

static struct mapping *mapping_of(const void *at)
{
    for (uint32_t i = 0; i < ARRAY_LEN(pm.map); i++)
        if ((const char *)at >= pm.map[i].base && (const char *)at < pm.map[i].base + pm.map[i].len)
            return &pm.map[i];
    abort();
}

static void q_clear(void)
{
    for (uint32_t i = 0; i < pm.q_nr; i++)
        free(pm.q[i].bytes);
    pm.q_nr = 0;
}

static bool word_lands(void)
{
    return pm.how == SIM_CUT_KEEP_ALL || (pm.how == SIM_CUT_RANDOM && mix64(++pm.seed) % 2 == 0);
}

static void cut(void)
{
    for (uint32_t i = 0; i < pm.q_nr; i++)
        for (size_t at = 0; at < pm.q[i].len; at += 8) {
            bool lands = word_lands();

            if (lands)
                memcpy(pm.image + pm.q[i].off + at, pm.q[i].bytes + at, 8);
            *(lands ? &pm.stored : &pm.lost) += 1;
        }
    q_clear();
    pm.r->dead = true;
    pm.r->dead_lsn = pm.r->h != NULL ? heap_durable_lsn(pm.r->h) : 0;
}

static void step(void)
{
    if (!pm.r->dead && ++pm.steps == pm.cut_at)
        cut();
}

void *pmem_map_file(const char *path, size_t len, int flags, mode_t mode, size_t *mapped,
                    int *is_pmem)
{
    int fd = open(path, O_RDWR);
    struct stat st;
    struct mapping *m = pm.map;
    void *base;

    CHECK(fd >= 0 && fstat(fd, &st) == 0 && len == 0 && flags == 0 && mode == 0);
    base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(base != MAP_FAILED);
    close(fd);
    pthread_mutex_lock(&pm.mutex);
    while (m->base != NULL)
        CHECK(++m < pm.map + ARRAY_LEN(pm.map));
    *m = (struct mapping){base, (size_t)st.st_size};
    if (m->len > pm.size && !pm.r->dead) { /* it has grown, which its file system saw to */
        pm.image = realloc(pm.image, m->len);
        CHECK(pm.image != NULL);
        memset(pm.image + pm.size, 0, m->len - pm.size);
        pm.size = m->len;
    }
    pthread_mutex_unlock(&pm.mutex);
    *mapped = (size_t)st.st_size;
    *is_pmem = 1;
    return base;
}

int pmem_unmap(void *at, size_t len)
{
    struct mapping *m;

    pthread_mutex_lock(&pm.mutex);
    m = mapping_of(at);
    CHECK(m->base == at && m->len == len);
    munmap(at, len);
    *m = (struct mapping){0};
    pthread_mutex_unlock(&pm.mutex);
    return 0;
}

void *pmem_memcpy_nodrain(void *to, const void *from, size_t len)
{
    struct on_its_way *s;

    pthread_mutex_lock(&pm.mutex);
    memcpy(to, from, len);
    if (!pm.r->dead) {
        if (pm.q_nr == pm.q_cap) {
            pm.q_cap = pm.q_cap * 2 + 64;
            pm.q = realloc(pm.q, pm.q_cap * sizeof(*pm.q));
            CHECK(pm.q != NULL);
        }
        s = &pm.q[pm.q_nr++];
        *s = (struct on_its_way){
            .off = (uint64_t)((char *)to - mapping_of(to)->base), .len = len, .bytes = malloc(len)};
        CHECK(s->bytes != NULL && s->off % 8 == 0 && len % 8 == 0 && s->off + len <= pm.size);
        memcpy(s->bytes, from, len);
        step();
    }
    pthread_mutex_unlock(&pm.mutex);
    return to;
}

void pmem_drain(void)
{
    pthread_mutex_lock(&pm.mutex);
    step();
    for (uint32_t i = 0; i < pm.q_nr; i++)
        memcpy(pm.image + pm.q[i].off, pm.q[i].bytes, pm.q[i].len);
    q_clear();
    pthread_mutex_unlock(&pm.mutex);
}

/* ---- The hardware ---- */

static int dir_open(struct io_dir **dir)
{
    return io_dir_open(pm.root, false, dir, NULL);
}

/* The file becomes what the memory is. Nobody has it open. */
static void power_on(struct rig *r, uint64_t cut_at)
{
    char path[160];
    int fd;

    snprintf(path, sizeof(path), "%s/shard", pm.root);
    fd = open(path, O_RDWR);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)pm.size) == 0);
    for (size_t at = 0; at < pm.size;) {
        ssize_t n = pwrite(fd, pm.image + at, pm.size - at, (off_t)at);

        CHECK(n > 0);
        at += (size_t)n;
    }
    close(fd);
    q_clear();
    r->dead = false;
    pm.steps = 0;
    pm.cut_at = cut_at;
}

static void memory_new(struct rig *r, enum sim_cut how, uint64_t seed)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/shard", pm.root);
    unlink(path);
    q_clear();
    free(pm.image);
    pm.image = NULL;
    pm.size = 0;
    pm.steps = pm.cut_at = 0;
    pm.how = how;
    pm.seed = seed * UINT64_C(0x9e3779b97f4a7c15);
    pm.r = r;
}

/* ---- Stories ---- */

struct plan {
    uint64_t seed, cut_at;
    uint32_t txs, recuts;
    enum sim_cut how;
};

/* Opens, works until the power goes or the work is done, closes. */
static void one_life(struct rig *r, const struct plan *p, bool first)
{
    int rc = first ? 0 : rig_attach(r);
    struct heap *h;

    CHECK(rc == 0 && r->dev->pmem);
    rc = rig_open(r, NULL);
    CHECK(rc == 0);
    CHECK(rig_verify(r, true));
    if (!r->dead)
        rig_check(r);
    CHECK(rig_work(r, p->txs) == 0);
    rig_ack(r);
    CHECK(rig_verify(r, false));
    h = r->h;
    r->h = NULL;
    rc = heap_close(h, !r->dead);
    CHECK(rc == 0);
    if (!r->dead)
        r->acked = r->committed;
    rig_detach(r);
}

/* *steps: how many there were in the first life. */
static void lives(struct rt_xs *xs, const struct plan *p, uint64_t *steps)
{
    struct rig *r = rig_new(xs);

    snprintf(rig_context, sizeof(rig_context), "seed %llu, cut at %llu, how %d",
             (unsigned long long)p->seed, (unsigned long long)p->cut_at, p->how);
    r->seed = p->seed * 1000003;
    r->wal_size = 512u << 10;
    r->dir_open = dir_open;
    memory_new(r, p->how, p->seed);
    rig_format(r, NULL);
    pm.steps = 0;
    pm.cut_at = p->cut_at;
    for (uint32_t life = 0; life <= p->recuts + 1; life++) {
        one_life(r, p, life == 0);
        if (life == 0)
            *steps = pm.steps;
        power_on(r, life < p->recuts ? 1 + mix64(p->seed + life) % 60 : 0);
    }
    rig_free(r);
}

static void at_every_step(struct rig *r)
{
    struct plan p = {.seed = 5, .txs = 150};
    uint64_t total, n;

    lives(r->xs, &p, &total);
    CHECK(total > 60);
    for (p.cut_at = 1; p.cut_at <= total; p.cut_at += rig_more(2, 1))
        lives(r->xs, &p, &n);
    print_message("cut at steps of %llu\n", (unsigned long long)total);
}

static void with_random_seeds(struct rig *r)
{
    uint64_t n;

    for (uint64_t seed = 100; seed < 100 + rig_more(30, 500); seed++) {
        struct plan p = {.seed = seed,
                         .txs = 20 + (uint32_t)(mix64(seed) % 150),
                         .cut_at = 1 + mix64(seed + 1) % 400,
                         .recuts = (uint32_t)(mix64(seed + 2) % 4),
                         .how = (enum sim_cut)(mix64(seed + 3) % 3)};

        lives(r->xs, &p, &n);
    }
    CHECK(pm.stored > 0 && pm.lost > 0);
    print_message("%llu words landed, %llu did not\n", (unsigned long long)pm.stored,
                  (unsigned long long)pm.lost);
}

static void t_every_step(void **state)
{
    rig_run(at_every_step);
}

static void t_random(void **state)
{
    rig_run(with_random_seeds);
}

static int setup(void **state)
{
    const char *tmp = getenv("TMPDIR");

    setenv("PMEM_IS_PMEM_FORCE", "1", 1);
    snprintf(pm.root, sizeof(pm.root), "%.90s/tarn-pmem-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(pm.root) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[160];

    q_clear();
    free(pm.q);
    free(pm.image);
    snprintf(command, sizeof(command), "rm -rf '%s'", pm.root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_every_step),
        cmocka_unit_test(t_random),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

/*
 * Metadata ten times larger than the memory it may have: random gets, 32 of them at a time, from a
 * store on the local disk, which was filled under the same limit. The limit is what the device
 * gives: random reads of a page of the heap, as deep, from the same file, measured by fio in the
 * same run, repetition by repetition.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tarn.h"

#define TIMES   10u /* metadata, of memory */
#define DEPTH   32u
#define GETS    40000u /* of a repetition */
#define SECONDS "3"    /* of fio */

/* Reads a second; 0: there is no fio. */
static double device_reads(const char *path)
{
    char cmd[4600];
    json_t *all, *job;
    double iops = 0;
    FILE *out;

    snprintf(cmd, sizeof(cmd),
             "fio --name=device --filename='%s' --rw=randread --bs=%u --iodepth=%u --direct=1 "
             "--ioengine=io_uring --runtime=" SECONDS " --time_based --readonly "
             "--output-format=json 2>/dev/null",
             path, HEAP_PAGE_SIZE, DEPTH);
    out = popen(cmd, "r");
    all = out != NULL ? json_loadf(out, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    if (out != NULL)
        pclose(out);
    job = json_array_get(json_object_get(all, "jobs"), 0);
    iops = json_number_value(json_object_get(json_object_get(job, "read"), "iops"));
    json_decref(all);
    return iops;
}

struct getters {
    struct store *s;
    const struct work *w;
    uint64_t next, to, state;
    uint32_t left;
    struct rt_event done;
    double seconds;
    uint64_t reads; /* of pages */
};

static void getter(void *arg)
{
    struct getters *g = arg;
    uint8_t value[VALUE_BYTES], want[VALUE_BYTES];

    while (g->next < g->to) {
        uint64_t i = mix64(g->state + g->next++) % g->w->pairs;

        tarn_get_one(g->s, g->w->load.key[i], value);
        value_make(g->w->load.id[i], want);
        if (memcmp(value, want, VALUE_BYTES) != 0)
            die("tarn: get", "a value is not what was put",
                "this is a defect of Tarn's: report it");
    }
    if (--g->left == 0)
        rt_event_set(&g->done);
}

static void getters_fiber(struct store *s, void *arg)
{
    struct getters *g = arg;
    const struct io_dev *dev = s->eng.shard->devs.d[0].dev;
    uint64_t before = dev->stat.reads;
    double t0 = now_s();

    g->s = s;
    g->left = DEPTH;
    rt_event_init(&g->done);
    for (uint32_t i = 0; i < DEPTH; i++)
        tarn_check(rt_spawn(getter, g), "tarn: fiber");
    rt_event_wait(&g->done);
    g->seconds = now_s() - t0;
    g->reads = dev->stat.reads - before;
}

static void run(struct store *s, const struct work *w, uint64_t nr, struct getters *g)
{
    uint64_t state = g->state + nr;

    *g = (struct getters){.w = w, .to = nr, .state = mix64(state)};
    tarn_run(s, getters_fiber, g);
}

static void size_fiber(struct store *s, void *arg)
{
    struct vos_stat vs;

    tarn_stat(s, arg, &vs);
}

void rows_larger(struct bench *b)
{
    struct getters g = {.state = 1};
    char dir[4200], file[4400];
    struct heap_stat hs;
    struct store *s;

    if (!wanted(b, ROW_LARGER) && !wanted(b, ROW_READS))
        return;
    dir_make(dir, b->conf.disk, "larger");
    s = tarn_open_at(dir, 0);
    tarn_contender.put(s, &b->work.load, 0, b->work.pairs, BATCH);
    tarn_contender.settle(s);
    tarn_run(s, size_fiber, &hs);
    tarn_close(s);
    dir_remove(dir);
    dir_make(dir, b->conf.disk, "larger");
    snprintf(file, sizeof(file), "%s/%s", dir, ENGINE_DEVICE);
    s = tarn_open_at(dir, hs.meta_bytes / TIMES); /* filled by one who has no more memory either */
    tarn_contender.put(s, &b->work.load, 0, b->work.pairs, BATCH);
    tarn_contender.settle(s);
    run(s, &b->work, b->work.pairs / 4, &g); /* until memory holds what is worth it */
    for (uint32_t rep = 0; rep < b->conf.reps; rep++) {
        double device = device_reads(file);

        run(s, &b->work, MIN(GETS, b->work.pairs), &g);
        sample(&b->rows[ROW_LARGER].who[TARN], (double)g.to / g.seconds / 1e3);
        if (device > 0)
            sample(&b->rows[ROW_LARGER].extra, (double)g.to / g.seconds / device);
        else if (rep == 0)
            fprintf(stderr, "store_bench: fio is missing (apt-get install fio): nobody knows what "
                            "the device gives\n");
        sample(&b->rows[ROW_READS].who[TARN], (double)g.reads / (double)g.to);
    }
    tarn_close(s);
    dir_remove(dir);
}

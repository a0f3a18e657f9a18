/*
 * Does the background make the foreground wait? Every pair is put twice, one after the other,
 * while the log fills and checkpoints run; the row is what one put in a thousand takes longer than,
 * the turn of background work before it included, by the clock on the wall: on a busy machine it
 * tells of the machine.
 */
#include <stdlib.h>

#include "tarn.h"

struct stall {
    const struct keys *k;
    float *ms;
    uint64_t nr, checkpoints;
};

static uint64_t checkpoints(struct store *s)
{
    struct heap_stat hs;
    struct vos_stat vs;

    tarn_stat(s, &hs, &vs);
    return hs.checkpoints;
}

static void stall_fiber(struct store *s, void *arg)
{
    struct stall *st = arg;

    for (uint64_t i = 0; i < st->nr; i++) {
        double t0 = now_s();

        if (i % BATCH == 0)
            tarn_turn(s);
        tarn_put_one(s, st->k, i % st->k->nr);
        st->ms[i] = (float)((now_s() - t0) * 1e3);
    }
    st->checkpoints = checkpoints(s);
}

static int by_time(const void *a, const void *b)
{
    const float *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

void rows_stall(struct bench *b)
{
    struct stall st = {.k = &b->work.load, .nr = 2 * b->work.load.nr};

    if (!wanted(b, ROW_STALL))
        return;
    st.ms = malloc(st.nr * sizeof(*st.ms));
    if (st.ms == NULL)
        die("tarn: stalls", "out of memory", "ask for fewer --pairs");
    for (uint32_t rep = 0; rep < b->conf.reps; rep++) {
        char dir[4200];
        struct store *s;

        dir_make(dir, b->conf.dir, "stall");
        s = tarn_open_at(dir, 0);
        tarn_run(s, stall_fiber, &st);
        tarn_close(s);
        dir_remove(dir);
        qsort(st.ms, st.nr, sizeof(*st.ms), by_time);
        sample(&b->rows[ROW_STALL].who[TARN], st.ms[st.nr - 1 - st.nr / 1000]);
        sample(&b->rows[ROW_STALL].extra, (double)st.checkpoints);
    }
    free(st.ms);
}

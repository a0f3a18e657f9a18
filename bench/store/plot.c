/* The result as a picture: for every row a bar for each contender, as long as it is fast (or small)
 * against the best of the row. SVG, no library. */
#include <errno.h>
#include <string.h>

#include "bench.h"

#define LEFT  330
#define WIDTH 460
#define OVER  (WIDTH * 14 / 10) /* whiskers end here */
#define BAR   14
#define GAP   16

static const char *const colour[WHO_NR] = {"#1b6ca8", "#9aa5ad", "#d9a441"};

static double best(const struct row *r)
{
    double v = 0;

    for (enum who w = 0; w < WHO_NR; w++) {
        double m = samples_median(&r->who[w]), good = m > 0 ? (r->rate ? m : 1 / m) : 0;

        v = good > v ? good : v;
    }
    return v;
}

/* A bar, a whisker from the worst to the best repetition, the figure. */
static void bar(FILE *f, const struct row *r, enum who w, double scale, int y)
{
    const struct samples *s = &r->who[w];
    double m = samples_median(s), lo = samples_min(s), hi = samples_max(s);
    double len = WIDTH * (r->rate ? m : 1 / m) / scale;
    double from = WIDTH * (r->rate ? lo : 1 / hi) / scale;
    double to = WIDTH * (r->rate ? hi : 1 / lo) / scale;
    double text = to > len ? to : len;

    if (text > OVER) /* a repetition far better than the median: not off the picture */
        text = to = OVER;
    fprintf(f, "<rect x='%d' y='%d' width='%.1f' height='%d' fill='%s'/>\n", LEFT, y, len, BAR - 2,
            colour[w]);
    fprintf(f, "<path d='M%.1f %d H%.1f' stroke='#222' stroke-width='1'/>\n", LEFT + from,
            y + BAR / 2 - 1, LEFT + to);
    fprintf(f, "<text x='%.1f' y='%d' font-size='11'>%s %.3g %s</text>\n", LEFT + text + 6,
            y + BAR - 4,
            w == TARN   ? "Tarn"
            : w == LMDB ? "LMDB"
                        : "RocksDB",
            m, r->unit);
}

static int one_row(const struct bench *b, FILE *f, const struct row *r, int y)
{
    double scale = best(r), figure;
    uint32_t missed = 0, judged = 0;
    int top = y;

    for (uint32_t i = 0; i < 3; i++) {
        enum verdict v = goal_verdict(b, r, &r->goals[i], &figure);

        judged += v != NOT_MEASURED;
        missed += v == MISSED;
    }
    for (enum who w = 0; w < WHO_NR; w++)
        if (r->who[w].nr > 0 && samples_median(&r->who[w]) > 0) {
            bar(f, r, w, scale, y);
            y += BAR;
        }
    fprintf(f, "<text x='%d' y='%d' text-anchor='end'>%s</text>\n", LEFT - 10, top + BAR - 3,
            r->work);
    if (judged > 0)
        fprintf(f, "<text x='%d' y='%d' text-anchor='end' font-size='11' fill='%s'>%s</text>\n",
                LEFT - 10, top + 2 * BAR - 1, missed > 0 ? "#b3261e" : "#2e7d32",
                missed > 0 ? "goal missed" : "goal reached");
    return (y > top + BAR ? y : top + 2 * BAR) + GAP;
}

void plot(const struct bench *b, const char *path)
{
    FILE *f = fopen(path, "w");
    int y = 60;

    if (f == NULL)
        die(path, strerror(errno), "name another file with --plot");
    fprintf(f,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
            "font-family='sans-serif' font-size='13'>\n<rect width='100%%' height='100%%' "
            "fill='white'/>\n",
            LEFT + OVER + 170, 80 + (int)ROW_NR * (3 * BAR + GAP));
    fprintf(f,
            "<text x='20' y='28' font-size='16'>One shard of Tarn beside LMDB and RocksDB, %llu "
            "pairs</text>\n<text x='20' y='46' font-size='11'>longer is better; line: from the "
            "worst to the best of %u repetitions</text>\n",
            (unsigned long long)b->conf.pairs, (unsigned)b->conf.reps);
    for (uint32_t i = 0; i < ROW_NR; i++)
        if (b->rows[i].who[TARN].nr > 0)
            y = one_row(b, f, &b->rows[i], y);
    fprintf(f, "</svg>\n");
    if (fclose(f) != 0)
        die(path, strerror(errno), "name another file with --plot");
}

/* The story of a violation: the last operations as they were called and answered, and where the
 * domain could have been before the last answer. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "hist_int.h"

#define STATES_SHOWN 4u

struct text {
    char *buf;
    size_t len, max;
};

static __attribute__((format(printf, 2, 3))) void say(struct text *t, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(t->buf + t->len, t->max - t->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        t->len = MIN(t->len + (size_t)n, t->max - 1);
}

void hist_event(struct hist *h, enum ev_kind kind, uint32_t client, uint32_t id, const void *op)
{
    uint64_t nr = h->events++;

    h->ring[nr % RING] = (struct event){
        .at = h->now ? h->now(h->now_arg) : nr, .kind = kind, .client = client, .id = id};
    if (op != NULL)
        hist_op_copy(h, h->ring_ops + nr % RING * h->spec.op_bytes, op);
}

static void say_event(struct hist *h, struct text *t, uint64_t nr)
{
    static const char *const kinds[] = {"calls", "has", "never hears of", "failed at"};
    const struct event *e = &h->ring[nr % RING];
    char line[STORY_LINE] = "";

    if (h->now)
        say(t, "%6" PRIu64 ".%09" PRIu64 "  ", e->at / 1000000000, e->at % 1000000000);
    else
        say(t, "%6" PRIu64 "  ", e->at);
    if (e->kind == EV_SETTLE) {
        say(t, "settled: what is not known has happened by now or never will\n");
        return;
    }
    h->spec.print_op(h->ring_ops + nr % RING * h->spec.op_bytes, e->kind == EV_RETURN, line,
                     sizeof(line));
    say(t, "client %u %s #%u %s\n", e->client, kinds[e->kind], e->id, line);
}

static void say_conf(struct hist *h, struct text *t, const struct conf *c)
{
    char line[STORY_LINE * 8] = "";

    h->spec.print_state(c->st->bytes, line, sizeof(line));
    say(t, "  - %s\n", line);
    for (uint32_t i = 0; i < HIST_OPEN_MAX; i++) {
        if (!(h->open >> i & 1))
            continue;
        say(t, "      #%u %s%s\n", h->ids[i] / HIST_OPEN_MAX,
            c->done >> i & 1 ? "has taken effect" : "is open",
            h->unknown >> i & 1 ? ", its outcome is not known" : "");
    }
}

const char *hist_story(struct hist *h)
{
    uint64_t from = h->events > RING ? h->events - RING : 0;
    struct text t = {.max = STORY_MAX};

    if (h->story == NULL)
        h->story = hist_alloc(STORY_MAX);
    t.buf = h->story;
    say(&t, "%s: %s\n", h->spec.name, h->bad ? h->why : "no violation");
    for (uint64_t i = from; i < h->events; i++)
        say_event(h, &t, i);
    say(&t, "%s states (%u):\n", h->bad ? "possible before the last event:" : "possible",
        h->cur->nr);
    for (uint32_t i = 0; i < h->cur->nr && i < STATES_SHOWN; i++)
        say_conf(h, &t, &h->cur->c[i]);
    return h->story;
}

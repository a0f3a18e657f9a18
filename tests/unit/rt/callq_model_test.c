/*
 * Every interleaving of the call queue: two posters (two calls and one), one thread that rouses,
 * and a consumer that takes and sleeps. Each is a fiber that stops before every atomic step until
 * it is its turn, and the order of turns is enumerated depth first. In every one all calls arrive
 * in order, and a consumer that sleeps for good has taken all: no wake-up is lost, and as many are
 * sent as the consumer was told of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "help.h"

enum actor { CONSUMER, POSTER_A, POSTER_B, ROUSER, ACTORS };

#define A_POSTS_MAX 2
static int a_posts = A_POSTS_MAX;

/* Sanitizers make switching so slow that there they see a smaller scene, unless asked for all. */
static void scene_size(void)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    const char *more = getenv("TARN_CHECK_LONG");

    a_posts = more != NULL && strcmp(more, "1") == 0 ? A_POSTS_MAX : 1;
#endif
}

static struct rt_event turn[ACTORS]; /* set: may take one step */
static bool alive[ACTORS];
static bool consumer_asleep; /* may only go on when woken, or when nobody is left to wake it */

static void step(void)
{
    enum actor me = (enum actor)(uintptr_t)rt_local_get();

    rt_event_wait(&turn[me]);
    rt_event_reset(&turn[me]);
}

static bool model_cas(uintptr_t *p, uintptr_t *expected, uintptr_t want)
{
    step();
    if (*p != *expected) {
        *expected = *p;
        return false;
    }
    *p = want;
    return true;
}

static uintptr_t model_xchg(uintptr_t *p, uintptr_t want)
{
    uintptr_t was;

    step();
    was = *p;
    *p = want;
    return was;
}

static uintptr_t model_load(const uintptr_t *p)
{
    step();
    return *p;
}

#define CALLQ_LOAD(p)           model_load(p)
#define CALLQ_CAS(p, exp, want) model_cas((p), (exp), (want))
#define CALLQ_XCHG(p, want)     model_xchg((p), (want))
/* a second copy of the queue under other names: the scheduler below keeps the real one */
#define callq_push  model_push
#define callq_rouse model_rouse
#define callq_take  model_take
#define callq_empty model_empty
#define callq_sleep model_sleep
#define callq_awake model_awake
#include "rt/callq.c"

/* ---- The scene ---- */

static struct callq q;
static struct rt_call calls[3]; /* 0 and 1 by one poster, 2 by the other */
static int taken[3], n_taken;
static bool roused_work, seen_work;
static int sent, received, owed;

static bool nobody_else(void)
{
    return !alive[POSTER_A] && !alive[POSTER_B] && !alive[ROUSER];
}

static void poster_a(void)
{
    for (int i = 0; i < a_posts; i++)
        if (callq_push(&q, &calls[i]) == CALLQ_WAS_ASLEEP) {
            step(); /* the wake-up comes later than the push */
            sent++;
        }
}

static void poster_b(void)
{
    if (callq_push(&q, &calls[2]) == CALLQ_WAS_ASLEEP) {
        step();
        sent++;
    }
}

static void rouser(void)
{
    roused_work = true;
    if (callq_rouse(&q)) {
        step();
        sent++;
    }
}

static void take_all(void)
{
    for (struct rt_call *c = callq_take(&q); c; c = c->next)
        taken[n_taken++] = (int)(c - calls);
}

/* Runs until it sleeps and nobody is left who could wake it: then nothing may have been left
 * behind. */
static void consumer(void)
{
    for (;;) {
        take_all();
        if (!callq_sleep(&q))
            continue;
        seen_work |= roused_work; /* the look at the pollers under the mark */
        consumer_asleep = true;
        step(); /* the kernel's sleep; woken, or it was the end */
        consumer_asleep = false;
        if (sent == received)
            break;
        received = sent;
        if (!callq_awake(&q))
            owed++;
    }
    assert_int_equal(q.head, CALLQ_ASLEEP); /* nothing came that nobody announced */
}

static void (*const scripts[ACTORS])(void) = {consumer, poster_a, poster_b, rouser};

static void act(void *arg)
{
    enum actor me = (enum actor)(uintptr_t)arg;

    rt_local_set(arg);
    scripts[me]();
    alive[me] = false;
}

/* ---- The enumeration: choices[] is the path, extended by 0 and counted up from the end ---- */

#define DEPTH 64
static unsigned choices[DEPTH], width[DEPTH], depth;

static bool may_go(enum actor a)
{
    if (a == CONSUMER && consumer_asleep)
        return sent > received || nobody_else();
    return alive[a];
}

static enum actor choose(void)
{
    enum actor can[ACTORS];
    unsigned n = 0;

    for (enum actor a = 0; a < ACTORS; a++)
        if (may_go(a))
            can[n++] = a;
    assert_true(n > 0); /* else: a consumer that sleeps though somebody owes it a wake-up */
    assert_true(depth < DEPTH);
    width[depth] = n;
    return can[choices[depth++]];
}

static bool next_path(void)
{
    while (depth > 0) {
        depth--;
        if (++choices[depth] < width[depth]) {
            memset(choices + depth + 1, 0, sizeof(choices) - (depth + 1) * sizeof(choices[0]));
            return true;
        }
    }
    return false;
}

static void run_path(struct rt_xs *xs, const bool cast[ACTORS])
{
    memset(&q, 0, sizeof(q));
    n_taken = sent = received = owed = 0;
    roused_work = seen_work = consumer_asleep = false;
    depth = 0;
    for (enum actor a = 0; a < ACTORS; a++) {
        alive[a] = cast[a];
        if (cast[a])
            assert_int_equal(rt_spawn_on(xs, act, (void *)(uintptr_t)a), 0);
    }
    while (rt_xs_step(xs)) /* everybody comes to the first step */
        ;
    while (alive[CONSUMER] || !nobody_else()) {
        rt_event_set(&turn[choose()]);
        while (rt_xs_step(xs))
            ;
    }
}

static void check_path(const bool cast[ACTORS])
{
    int pos[3] = {-1, -1, -1};

    assert_int_equal(n_taken, a_posts + cast[POSTER_B]);
    for (int i = 0; i < n_taken; i++)
        pos[taken[i]] = i;
    assert_true(pos[0] >= 0 && (a_posts == 1 || pos[0] < pos[1]));
    assert_true(!cast[POSTER_B] || pos[2] >= 0);
    assert_int_equal(sent, owed);
    assert_true(!cast[ROUSER] || seen_work);
}

static uint32_t in_order(struct rt_world *w, struct rt_xs *xs, uint32_t n)
{
    return 0;
}

static void explore(const bool cast[ACTORS])
{
    struct rt_world_ops ops = tiny_ops;
    unsigned paths = 0;
    struct tiny t;
    struct rt_xs *xs;

    tiny_init(&t, 1);
    ops.pick = in_order;
    t.world.ops = &ops;
    xs = tiny_xs(&t, 0);
    memset(choices, 0, sizeof(choices));
    do {
        run_path(xs, cast);
        check_path(cast);
        paths++;
    } while (next_path());
    rt_xs_destroy(xs);
    print_message("%u interleavings\n", paths);
    assert_true(paths > 100);
}

static void two_posters(void **state)
{
    explore((const bool[ACTORS]){[CONSUMER] = true, [POSTER_A] = true, [POSTER_B] = true});
}

static void a_poster_and_a_rouser(void **state)
{
    explore((const bool[ACTORS]){[CONSUMER] = true, [POSTER_A] = true, [ROUSER] = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_posters),
        cmocka_unit_test(a_poster_and_a_rouser),
    };

    scene_size();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

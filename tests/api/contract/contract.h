/*
 * Contracts of the public API: for each function a story that calls it, looks at everything it
 * gives, goes to the edges, and provokes what is documented.
 *
 *     CONTRACT(daos_kv_put)
 *     {
 *         GIVES(0, daos_kv_put(r->kv, DAOS_TX_NONE, 0, r->name, 3, "abc", ev(r)));
 *         GIVES(-DER_INVAL, daos_kv_put(r->kv, DAOS_TX_NONE, 0, NULL, 3, "abc", ev(r)));
 *         return true;
 *     }
 *
 * A story does not know how it is told. Each is told blocking, with an event in a queue, with one
 * in no queue, with the child of another, with one that cannot be launched, by two threads at once
 * on the same handles and on handles of their own, and by two processes at once, the other of which
 * was given its handles (struct stage). What a story makes has names of its own (r->id, r->name);
 * what everybody sees (the pool's containers, say) it must not count.
 *
 * The list of stories is a macro X(function) X(function) ... for CONTRACT_MAIN(). It is what
 * scripts/api_table.py reads: a function that takes an event and is in no such list fails the
 * check, and docs/compatibility.md says what has been told of each.
 */
#ifndef TESTS_API_CONTRACT_H
#define TESTS_API_CONTRACT_H

#include "../api.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

/* How the event of a call is. REFUSED: it cannot be launched, as a parent whose child has not been:
 * the call says so and has done nothing, and is made again without an event. */
enum how { BLOCKING, QUEUED, ALONE, CHILD, REFUSED };
static const char *const how_names[] = {"blocking", "in a queue", "in no queue", "as a child",
                                        "refused"};

struct dfs;
struct dfs_sys;
struct dfs_obj;

struct run {
    struct api *a;
    int who; /* 1: the second thread or process */
    enum how how;
    uint64_t id;   /* of this telling: no other has it */
    char name[24]; /* the same as text */
    /* what the stage holds; several runs may share it */
    daos_handle_t poh, coh, ro_poh, ro_coh;
    daos_handle_t oh, kv, ah; /* DAOS_OT_MULTI_HASHED, KV_HASHED, ARRAY_BYTE with chunks of 64 */
    struct dfs *dfs, *ro;
    struct dfs_sys *sys;
    struct dfs_obj *file; /* "/shared" */
    /* the event of the call under way */
    daos_handle_t eq;
    daos_event_t ev, kin;
    bool asked, again;
    bool events; /* the story has calls with events */
    bool taken;  /* what it holds was given by another process */
    int called, told;
    const char *story;
};

/* What a run has in another process: blobs. */
struct given {
    char bytes[8][6000];
    d_iov_t iov[8];
};

struct stage {
    bool (*open)(struct run *r);
    bool (*close)(struct run *r);
    bool (*give)(struct run *r, struct given *g);
    bool (*take)(struct run *r, const struct given *g); /* close() closes it */
};

struct story {
    const char *name;
    bool (*tell)(struct run *r);
};

/* ---- What stories say ---- */

static inline bool wrong(struct run *r, int line, const char *what, int got, int want)
{
    print_error("%s, %s, %s: line %d: %s: %d, expected %d\n", r->story, how_names[r->how],
                r->who ? "the second" : "the first", line, what, got, want);
    return false;
}

/* Evaluates the call, which has ev(r) among its arguments. */
#define GIVES(want, call)                                                                          \
    do {                                                                                           \
        int got_;                                                                                  \
                                                                                                   \
        if (r->how == REFUSED) {                                                                   \
            r->again = false;                                                                      \
            got_ = done(r, (call));                                                                \
            if (!refusal(got_, (want)))                                                            \
                return wrong(r, __LINE__, "refused: " #call, got_, -DER_NO_PERM);                  \
            r->again = true;                                                                       \
        }                                                                                          \
        got_ = done(r, (call));                                                                    \
        if (got_ != (want))                                                                        \
            return wrong(r, __LINE__, #call, got_, (want));                                        \
    } while (0)

/* What is no part of the story's function, or takes no event. */
#define NOW(want, call)                                                                            \
    do {                                                                                           \
        int got_ = (call);                                                                         \
                                                                                                   \
        if (got_ != (want))                                                                        \
            return wrong(r, __LINE__, #call, got_, (want));                                        \
    } while (0)

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            return wrong(r, __LINE__, #cond, 0, 1);                                                \
    } while (0)

/* An argument error may be found before the event is looked at. */
static inline bool refusal(int got, int want)
{
    return got == -DER_NO_PERM || got == EPERM || (want != 0 && got == want);
}

static inline int on_end(void *arg, daos_event_t *ev, int rc)
{
    struct run *r = arg;

    r->called++;
    r->told = rc;
    return 0;
}

/* The event for the next call. */
static inline daos_event_t *ev(struct run *r)
{
    daos_handle_t eq = r->how == ALONE ? DAOS_HDL_INVAL : r->eq;
    int rc = 0;

    r->asked = r->events = true;
    if (r->how == BLOCKING || (r->how == REFUSED && r->again))
        return NULL;
    if (r->how == CHILD) {
        rc = daos_event_init(&r->kin, eq, NULL);
        if (rc == 0)
            rc = daos_event_init(&r->ev, DAOS_HDL_INVAL, &r->kin);
    } else {
        rc = daos_event_init(&r->ev, eq, NULL);
        if (rc == 0 && r->how == REFUSED)
            rc = daos_event_init(&r->kin, DAOS_HDL_INVAL, &r->ev);
    }
    r->called = r->told = 0;
    if (rc == 0 && r->how == QUEUED)
        rc = daos_event_register_comp_cb(&r->ev, on_end, r);
    if (rc != 0)
        wrong(r, __LINE__, "an event", rc, 0);
    return &r->ev;
}

/* Waits for what was launched; its result, or a number that nobody expects. */
static inline int awaited(struct run *r)
{
    daos_event_t *got = NULL, *awaited_ev = r->how == CHILD ? &r->kin : &r->ev;
    bool flag = false;
    int rc = 0;

    if (r->how == CHILD)
        rc = daos_event_parent_barrier(&r->kin);
    if (rc == 0 && r->how == ALONE)
        while (rc == 0 && !flag)
            rc = daos_event_test(&r->ev, DAOS_EQ_WAIT, &flag);
    else if (rc == 0)
        rc = daos_eq_poll(r->eq, 1, DAOS_EQ_WAIT, 1, &got) == 1 && got == awaited_ev ? 0 : -9001;
    if (rc == 0 && r->how == CHILD && r->kin.ev_error != r->ev.ev_error)
        rc = -9002;
    if (rc == 0 && r->how == QUEUED && (r->called != 1 || r->told != r->ev.ev_error))
        rc = -9003;
    return rc != 0 ? rc : r->ev.ev_error;
}

/* The result of the call that gave rc; its event is gone then. */
static inline int done(struct run *r, int rc)
{
    if (!r->asked)
        return -9004;
    r->asked = false;
    if (r->how == BLOCKING || (r->how == REFUSED && r->again))
        return rc;
    if (rc == 0 && r->how == REFUSED)
        return -9005; /* under way with an event that cannot be */
    if (rc == 0)
        rc = awaited(r);
    return daos_event_fini(r->how == CHILD ? &r->kin : &r->ev) == 0 ? rc : -9006;
}

/* ---- Telling ---- */

#define STORIES_MAX 128

/* Two that tell the same story at once: each says where it is and waits for the other. */
struct pace {
    _Atomic int at[2];
    _Atomic bool alone; /* the other is gone */
};

static inline void pace_at(struct pace *p, int who, int at, bool (*gone)(void))
{
    atomic_store(&p->at[who], at);
    while (atomic_load(&p->at[1 - who]) < at && !atomic_load(&p->alone)) {
        if (gone != NULL && gone())
            atomic_store(&p->alone, true);
        sched_yield();
    }
}

static inline void run_begin(struct run *r, const struct story *s)
{
    static _Atomic uint64_t last; /* in a child of fork() it goes on from where the parent's was */

    r->id = (atomic_fetch_add(&last, 1) + 1) * 2 + (uint64_t)r->who;
    snprintf(r->name, sizeof(r->name), "n%llu", (unsigned long long)r->id);
    r->story = s->name;
    r->events = r->asked = r->again = false;
}

/* All stories; those without events only when they are told blocking, which comes first. Returns
 * how many failed. */
static inline int tell(struct run *r, const struct story *stories, bool *events, struct pace *p,
                       bool (*gone)(void))
{
    int bad = 0, at = r->how == BLOCKING ? 1 : STORIES_MAX;

    for (int i = 0; stories[i].tell != NULL; i++) {
        if (p != NULL)
            pace_at(p, r->who, at + i, gone);
        if (r->how != BLOCKING && !events[i])
            continue;
        run_begin(r, &stories[i]);
        if (!stories[i].tell(r))
            bad++;
        if (r->how == BLOCKING)
            events[i] = r->events;
    }
    return bad;
}

static inline int tell_both_ways(struct run *r, const struct story *stories, struct pace *p,
                                 bool (*gone)(void))
{
    bool events[STORIES_MAX] = {false};
    int bad;

    r->how = BLOCKING;
    bad = tell(r, stories, events, p, gone);
    r->how = QUEUED;
    return bad + tell(r, stories, events, p, gone);
}

/* ---- The scenes ---- */

struct scene {
    const struct stage *stage;
    const struct story *stories;
    bool events[STORIES_MAX]; /* which stories have calls with events */
};

static inline void alone(struct api *a, struct scene *s, enum how how)
{
    struct run r = {.a = a, .how = how, .story = "the stage"};
    int bad;

    OK(daos_eq_create(&r.eq));
    assert_true(s->stage->open(&r));
    bad = tell(&r, s->stories, s->events, NULL, NULL);
    assert_int_equal(bad, 0); /* else what it left open is in the way */
    assert_true(s->stage->close(&r));
    OK(daos_eq_destroy(r.eq, 0));
}

struct teller {
    struct run r;
    const struct story *stories;
    struct pace *pace;
    int bad;
};

static inline void *teller(void *arg)
{
    struct teller *t = arg;

    t->bad = tell_both_ways(&t->r, t->stories, t->pace, NULL);
    return NULL;
}

static inline void two_threads(struct api *a, struct scene *s, bool shared)
{
    struct teller *t = calloc(2, sizeof(*t));
    struct pace pace = {0};
    pthread_t th;

    t[0].r = (struct run){.a = a, .story = "the stage"};
    assert_true(s->stage->open(&t[0].r));
    t[1].r = shared ? t[0].r : (struct run){.a = a, .story = "the stage"};
    t[1].r.who = 1;
    if (!shared)
        assert_true(s->stage->open(&t[1].r));
    for (int i = 0; i < 2; i++) {
        t[i].stories = s->stories;
        t[i].pace = &pace;
        OK(daos_eq_create(&t[i].r.eq));
    }
    assert_int_equal(pthread_create(&th, NULL, teller, &t[1]), 0);
    teller(&t[0]);
    pthread_join(th, NULL);
    assert_int_equal(t[0].bad + t[1].bad, 0);
    for (int i = 0; i < 2; i++)
        OK(daos_eq_destroy(t[i].r.eq, 0));
    if (!shared)
        assert_true(s->stage->close(&t[1].r));
    assert_true(s->stage->close(&t[0].r));
    free(t);
}

static pid_t other_process;

static inline bool other_is_gone(void)
{
    siginfo_t info = {0};

    return other_process != 0 &&
           waitid(P_PID, (id_t)other_process, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

/* In the other process: 0, or where it failed. */
static inline int other(struct api *a, struct scene *s, const struct given *g, struct pace *pace)
{
    struct run r = {.a = a, .who = 1, .how = BLOCKING, .story = "the stage"};
    int bad;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    other_process = 0;
    if (daos_reinit() != 0 || daos_eq_create(&r.eq) != 0 || !s->stage->take(&r, g))
        return 1;
    bad = tell_both_ways(&r, s->stories, pace, NULL);
    if (bad != 0)
        return 2;
    return !s->stage->close(&r) || daos_eq_destroy(r.eq, 0) != 0 || daos_fini() != 0 ? 3 : 0;
}

static inline void two_processes(struct api *a, struct scene *s)
{
    struct run r = {.a = a, .how = BLOCKING, .story = "the stage"};
    struct given *g = calloc(1, sizeof(*g));
    struct pace *pace =
        mmap(NULL, sizeof(*pace), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int bad, status;

    assert_ptr_not_equal(pace, MAP_FAILED);
    assert_true(s->stage->open(&r));
    assert_true(s->stage->give(&r, g));
    other_process = fork();
    if (other_process == 0)
        _exit(other(a, s, g, pace));
    OK(daos_eq_create(&r.eq));
    bad = tell_both_ways(&r, s->stories, pace, other_is_gone);
    OK(daos_eq_destroy(r.eq, 0));
    assert_int_equal(waitpid(other_process, &status, 0), other_process);
    assert_int_equal(bad, 0);
    assert_int_equal(status, 0);
    assert_true(s->stage->close(&r));
    munmap(pace, sizeof(*pace));
    free(g);
}

/* ---- main() ---- */

static struct scene scene;

static inline void told_blocking(void **state)
{
    alone(*state, &scene, BLOCKING);
}

static inline void told_with_a_queue(void **state)
{
    alone(*state, &scene, QUEUED);
}

static inline void told_without_a_queue(void **state)
{
    alone(*state, &scene, ALONE);
}

static inline void told_by_children(void **state)
{
    alone(*state, &scene, CHILD);
}

static inline void told_when_refused(void **state)
{
    alone(*state, &scene, REFUSED);
}

static inline void told_by_two_threads(void **state)
{
    two_threads(*state, &scene, true);
}

static inline void told_by_two_threads_with_their_own(void **state)
{
    two_threads(*state, &scene, false);
}

static inline void told_by_two_processes(void **state)
{
    struct api *a = *state;

#ifdef __SANITIZE_THREAD__
    skip(); /* TSan does not know threads of a child whose parent had some */
#endif
    if (a->engine == 0)
        skip(); /* what is open in this process is for nobody else */
    two_processes(a, &scene);
}

#define CONTRACT(f) static bool contract_##f(struct run *r)
#define STORY(f)    {#f, contract_##f},
/* SETUP: of a test, as api_setup. */
#define CONTRACT_MAIN(LIST, STAGE, SETUP)                                                          \
    static const struct story stories[] = {LIST(STORY){NULL, NULL}};                               \
    _Static_assert(sizeof(stories) / sizeof(stories[0]) <= STORIES_MAX, "STORIES_MAX");            \
                                                                                                   \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = {                                                        \
            cmocka_unit_test_setup_teardown(told_blocking, SETUP, api_teardown),                   \
            cmocka_unit_test_setup_teardown(told_with_a_queue, SETUP, api_teardown),               \
            cmocka_unit_test_setup_teardown(told_without_a_queue, SETUP, api_teardown),            \
            cmocka_unit_test_setup_teardown(told_by_children, SETUP, api_teardown),                \
            cmocka_unit_test_setup_teardown(told_when_refused, SETUP, api_teardown),               \
            cmocka_unit_test_setup_teardown(told_by_two_threads, SETUP, api_teardown),             \
            cmocka_unit_test_setup_teardown(told_by_two_threads_with_their_own, SETUP,             \
                                            api_teardown),                                         \
            cmocka_unit_test_setup_teardown(told_by_two_processes, SETUP, api_teardown),           \
        };                                                                                         \
                                                                                                   \
        scene.stage = &(STAGE);                                                                    \
        scene.stories = stories;                                                                   \
        return cmocka_run_group_tests(tests, api_group_setup_in_memory, api_group_teardown);       \
    }

#endif

/* Contracts of schedulers, from one thread and from several, and of lists of tasks. */
#include "tse_act.h"

static tse_task_t *task_new(struct act *a, tse_task_func_t body)
{
    tse_task_t *t = NULL;

    return tse_task_create(body, &a->sched, NULL, &t) == 0 ? t : NULL;
}

/* ---- Schedulers ---- */

static int over(void *arg, int rc)
{
    struct act *a = arg;

    a->ended++;
    a->result = rc;
    return 0;
}

static int complains(void *arg, int rc)
{
    over(arg, rc);
    return -DER_MISC;
}

CONTRACT(tse_sched_init)
{
    tse_sched_t s;
    struct act a = {0};

    memset(&s, 0xff, sizeof(s)); /* whatever the memory held */
    NOW(0, tse_sched_init(&s, over, &a));
    CHECK(s.ds_udata == &a && s.ds_result == 0 && tse_sched_check_complete(&s));
    tse_sched_progress(&s);
    CHECK(a.ended == 0);
    tse_sched_complete(&s, -DER_IO, false);
    CHECK(a.ended == 1 && a.result == -DER_IO && s.ds_result == -DER_IO);
    tse_sched_fini(&s);
    NOW(0, tse_sched_init(&s, over, &a));
    tse_sched_fini(&s); /* it was not completed: its callback is not called */
    CHECK(a.ended == 1);
    return true;
}

CONTRACT(tse_sched_register_comp_cb)
{
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(-DER_INVAL, tse_sched_register_comp_cb(&a.sched, NULL, &a));
    NOW(0, tse_sched_register_comp_cb(&a.sched, over, &a));
    NOW(0, tse_sched_register_comp_cb(&a.sched, complains, &a)); /* the last is the first */
    tse_sched_complete(&a.sched, 0, false);
    CHECK(a.ended == 2 && a.result == -DER_MISC && a.sched.ds_result == -DER_MISC);
    tse_sched_complete(&a.sched, -DER_IO, false); /* they are used up */
    CHECK(a.ended == 2 && a.sched.ds_result == -DER_MISC);
    return act_end(r, &a, 0);
}

CONTRACT(tse_sched_addref)
{
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_sched_register_comp_cb(&a.sched, over, &a));
    tse_sched_addref(&a.sched);
    tse_sched_decref(&a.sched);
    CHECK(a.ended == 0);
    tse_sched_decref(&a.sched); /* the maker's own, the last */
    CHECK(a.ended == 1 && a.result == 0);
    return act_end(r, &a, 0);
}

CONTRACT(tse_sched_decref)
{
    struct act a;
    tse_task_t *t;

    CHECK(act_begin(r, &a));
    NOW(0, tse_sched_register_comp_cb(&a.sched, over, &a));
    t = task_new(&a, waits);
    NOW(0, tse_task_schedule(t, true));
    tse_sched_decref(&a.sched);
    CHECK(a.ended == 0); /* it completes with its last task */
    tse_task_complete(t, -DER_STALE);
    tse_sched_progress(&a.sched);
    CHECK(a.ended == 1 && a.result == -DER_STALE);
    return act_end(r, &a, 1);
}

CONTRACT(tse_sched_complete)
{
    tse_task_t *running, *waiting, *after;
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_sched_register_comp_cb(&a.sched, over, &a));
    running = task_new(&a, waits);
    waiting = task_new(&a, runs);
    after = task_new(&a, runs);
    tse_task_addref(waiting);
    tse_task_addref(running);
    NOW(0, tse_task_register_deps(after, 1, &running));
    NOW(0, tse_task_schedule(running, true));
    NOW(0, tse_task_schedule(waiting, false));
    NOW(0, tse_task_schedule(after, false));
    tse_sched_complete(&a.sched, 0, true);
    CHECK(a.ran == 1 && waiting->dt_result == -DER_CANCELED); /* none begins */
    CHECK(a.ended == 0 && !tse_sched_check_complete(&a.sched));
    NOW(-DER_NO_PERM, tse_task_reinit(running)); /* nor begins again */
    tse_task_complete(running, 0);
    tse_sched_progress(&a.sched);
    CHECK(a.ended == 1 && a.result == -DER_CANCELED);
    tse_task_decref(waiting);
    tse_task_decref(running);
    return act_end(r, &a, 1);
}

CONTRACT(tse_sched_fini)
{
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_schedule(task_new(&a, runs), true));
    tse_sched_complete(&a.sched, 0, false);
    tse_sched_fini(&a.sched);
    CHECK(act_begin(r, &a)); /* the same memory again */
    NOW(0, tse_task_schedule(task_new(&a, fails), true));
    tse_sched_progress(&a.sched);
    NOW(-DER_IO, a.sched.ds_result);
    return act_end(r, &a, 1);
}

CONTRACT(tse_sched_check_complete)
{
    tse_task_t *t, *after;
    struct act a;

    CHECK(act_begin(r, &a) && tse_sched_check_complete(&a.sched));
    t = task_new(&a, waits);
    CHECK(tse_sched_check_complete(&a.sched)); /* not before it is scheduled */
    after = task_new(&a, runs);
    NOW(0, tse_task_register_deps(after, 1, &t));
    NOW(0, tse_task_schedule(after, false));
    CHECK(!tse_sched_check_complete(&a.sched)); /* waits */
    NOW(0, tse_task_schedule(t, true));
    CHECK(!tse_sched_check_complete(&a.sched)); /* runs */
    tse_task_complete(t, 0);
    CHECK(!tse_sched_check_complete(&a.sched)); /* nobody has seen to what waits for it */
    tse_sched_progress(&a.sched);
    CHECK(tse_sched_check_complete(&a.sched));
    return act_end(r, &a, 2);
}

/* ---- Threads ---- */

#define MANY 400

static void *drives(void *arg)
{
    struct act *a = arg;

    while (a->ran < MANY || !tse_sched_check_complete(&a->sched))
        tse_sched_progress(&a->sched);
    return NULL;
}

/* Makes half of the tasks, in chains of four, the last of each with an error of its own. */
static void *makes(void *arg)
{
    struct act *a = arg;

    for (int i = 0; i < MANY / 8; i++) {
        tse_task_t *t[4];

        for (int k = 0; k < 4; k++) {
            t[k] = task_new(a, runs);
            if (t[k] == NULL || (k > 0 && tse_task_register_deps(t[k], 1, &t[k - 1]) != 0) ||
                tse_task_register_comp_cb(t[k], ends, &a, sizeof(a)) != 0)
                return NULL;
        }
        for (int k = 3; k >= 0; k--)
            if (tse_task_schedule(t[k], i % 2 == 0) != 0)
                return NULL;
        tse_sched_progress(&a->sched);
    }
    return drives(a);
}

/* Two threads make tasks of one scheduler and drive it: each runs once, and its end is told once.
 */
CONTRACT(tse_sched_progress)
{
    struct act a;

    CHECK(act_begin(r, &a));
    CHECK(both(r, makes, &a, &a));
    NOW(MANY, a.ended);
    return act_end(r, &a, MANY);
}

struct pair {
    struct act *a;
    tse_task_t *t[MANY];
};

static void *completes(void *arg)
{
    struct pair *p = arg;

    for (int i = 0; i < MANY; i++)
        tse_task_complete(p->t[i], 0);
    return NULL;
}

static void *drops(void *arg)
{
    struct pair *p = arg;

    for (int i = 0; i < MANY; i++)
        tse_task_decref(p->t[i]);
    return NULL;
}

/* Both complete the same tasks, and drop references to them: one of them is the one. */
CONTRACT(tse_task_decref)
{
    struct pair p;
    struct act a, *to_a = &a;

    p.a = &a;
    CHECK(act_begin(r, &a));
    for (int i = 0; i < MANY; i++) {
        p.t[i] = task_new(&a, NULL);
        tse_task_addref(p.t[i]);
        tse_task_addref(p.t[i]);
        NOW(0, tse_task_register_comp_cb(p.t[i], ends, &to_a, sizeof(to_a)));
        NOW(0, tse_task_schedule(p.t[i], false));
    }
    CHECK(both(r, completes, &p, &p));
    NOW(MANY, a.ended);
    tse_sched_progress(&a.sched);
    CHECK(both(r, drops, &p, &p));
    return act_end(r, &a, 0);
}

CONTRACT(tse_task_addref)
{
    struct act a;
    tse_task_t *t;

    CHECK(act_begin(r, &a));
    t = task_new(&a, fails);
    tse_task_addref(t);
    NOW(0, tse_task_schedule(t, true));
    tse_sched_progress(&a.sched);
    NOW(-DER_IO, t->dt_result); /* it is over, and still there */
    CHECK(tse_task2sched(t) == &a.sched);
    tse_task_decref(t);
    return act_end(r, &a, 1);
}

/* ---- Lists ---- */

struct row {
    struct act a;
    d_list_t head;
    tse_task_t *t[3];
};

/* Three tasks, listed. */
static bool row_begin(struct run *r, struct row *w, tse_task_func_t body)
{
    CHECK(act_begin(r, &w->a));
    D_INIT_LIST_HEAD(&w->head);
    for (int i = 0; i < 3; i++) {
        w->t[i] = task_new(&w->a, body);
        tse_task_addref(w->t[i]);
        NOW(0, tse_task_list_add(w->t[i], &w->head));
    }
    return true;
}

static bool row_end(struct run *r, struct row *w, int ran)
{
    tse_sched_progress(&w->a.sched);
    for (int i = 0; i < 3; i++)
        tse_task_decref(w->t[i]);
    return act_end(r, &w->a, ran);
}

CONTRACT(tse_task_list_add)
{
    struct row w;

    CHECK(row_begin(r, &w, runs));
    CHECK(tse_task_list_first(&w.head) == w.t[0]); /* the end is where they come in */
    tse_task_list_del(w.t[0]);
    tse_task_list_del(w.t[0]); /* it is in none: nothing */
    CHECK(tse_task_list_first(&w.head) == w.t[1]);
    NOW(0, tse_task_list_add(w.t[0], &w.head));
    tse_task_list_del(w.t[1]);
    tse_task_list_del(w.t[2]);
    CHECK(tse_task_list_first(&w.head) == w.t[0]);
    tse_task_list_del(w.t[0]);
    CHECK(tse_task_list_first(&w.head) == NULL && w.a.ran == 0);
    for (int i = 0; i < 3; i++)
        NOW(0, tse_task_schedule(w.t[i], true));
    return row_end(r, &w, 3);
}

CONTRACT(tse_task_list_sched)
{
    struct row w;

    CHECK(row_begin(r, &w, runs));
    tse_task_list_sched(&w.head, false);
    CHECK(w.a.ran == 0 && tse_task_list_first(&w.head) == NULL);
    tse_sched_progress(&w.a.sched);
    CHECK(row_end(r, &w, 3) && row_begin(r, &w, runs));
    tse_task_list_sched(&w.head, true);
    CHECK(w.a.ran == 3);
    tse_task_list_sched(&w.head, true); /* of nothing */
    return row_end(r, &w, 3);
}

CONTRACT(tse_task_list_abort)
{
    struct row w;

    CHECK(row_begin(r, &w, runs));
    tse_task_list_abort(&w.head, -DER_SHUTDOWN);
    CHECK(tse_task_list_first(&w.head) == NULL);
    for (int i = 0; i < 3; i++)
        NOW(-DER_SHUTDOWN, w.t[i]->dt_result);
    return row_end(r, &w, 0);
}

CONTRACT(tse_task_list_depend)
{
    tse_task_t *first;
    struct row w;

    CHECK(row_begin(r, &w, runs));
    first = task_new(&w.a, waits);
    NOW(-DER_INVAL, tse_task_list_depend(&w.head, NULL));
    NOW(0, tse_task_list_depend(&w.head, first));
    tse_task_list_sched(&w.head, true);
    tse_sched_progress(&w.a.sched);
    CHECK(w.a.ran == 0);
    NOW(0, tse_task_schedule(first, true));
    tse_task_complete(first, 0);
    tse_sched_progress(&w.a.sched);
    CHECK(w.a.ran == 4);
    NOW(0, tse_task_list_add(w.t[0], &w.head));
    first = task_new(&w.a, runs);
    NOW(-DER_NO_PERM, tse_task_list_depend(&w.head, first)); /* that one is over */
    tse_task_list_del(w.t[0]);
    tse_task_decref(first);
    return row_end(r, &w, 4);
}

CONTRACT(tse_task_depend_list)
{
    tse_task_t *last;
    struct row w;

    CHECK(row_begin(r, &w, runs));
    last = task_new(&w.a, fails);
    NOW(0, tse_task_depend_list(last, &w.head));
    tse_task_addref(last);
    NOW(0, tse_task_schedule(last, true));
    tse_sched_progress(&w.a.sched);
    CHECK(w.a.ran == 0);
    tse_task_list_sched(&w.head, true);
    CHECK(w.a.ran == 3);
    tse_sched_progress(&w.a.sched);
    CHECK(w.a.ran == 4);
    NOW(0, tse_task_list_add(w.t[0], &w.head));
    NOW(-DER_NO_PERM, tse_task_depend_list(last, &w.head));
    tse_task_list_del(w.t[0]);
    tse_task_decref(last);
    return row_end(r, &w, 4);
}

static int counts_two(tse_task_t *task, void *n)
{
    return task == NULL || ++*(int *)n == 2 ? -DER_MISC : 0;
}

static int takes_out(tse_task_t *task, void *n)
{
    ++*(int *)n;
    tse_task_list_del(task);
    return tse_task_schedule(task, true);
}

CONTRACT(tse_task_list_traverse)
{
    struct row w;
    int n = 0;

    CHECK(row_begin(r, &w, runs));
    NOW(-DER_MISC, tse_task_list_traverse(&w.head, counts_two, &n));
    CHECK(n == 2); /* it stops there */
    NOW(0, tse_task_list_traverse(&w.head, counts_two, &n));
    CHECK(n == 5);
    tse_task_list_sched(&w.head, true);
    NOW(0, tse_task_list_traverse(&w.head, counts_two, &n));
    CHECK(n == 5);
    return row_end(r, &w, 3);
}

CONTRACT(tse_task_list_traverse_adv)
{
    struct row w;
    int n = 0;

    CHECK(row_begin(r, &w, runs));
    NOW(-DER_MISC, tse_task_list_traverse_adv(&w.head, counts_two, &n));
    NOW(0, tse_task_list_traverse_adv(&w.head, takes_out, &n));
    CHECK(n == 5 && tse_task_list_first(&w.head) == NULL);
    return row_end(r, &w, 3);
}

#define STORIES(X)                                                                                 \
    X(tse_sched_init)                                                                              \
    X(tse_sched_register_comp_cb)                                                                  \
    X(tse_sched_addref)                                                                            \
    X(tse_sched_decref)                                                                            \
    X(tse_sched_complete)                                                                          \
    X(tse_sched_fini)                                                                              \
    X(tse_sched_check_complete)                                                                    \
    X(tse_sched_progress)                                                                          \
    X(tse_task_decref)                                                                             \
    X(tse_task_addref)                                                                             \
    X(tse_task_list_add)                                                                           \
    X(tse_task_list_sched)                                                                         \
    X(tse_task_list_abort)                                                                         \
    X(tse_task_list_depend)                                                                        \
    X(tse_task_depend_list)                                                                        \
    X(tse_task_list_traverse)                                                                      \
    X(tse_task_list_traverse_adv)

CONTRACT_MAIN(STORIES, no_stage, api_setup)

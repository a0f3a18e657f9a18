/* Contracts of the task engine: tasks, what holds them back, who hears of their end. Schedulers:
 * tse_sched_test.c. */
#include "tse_act.h"

CONTRACT(tse_task_create)
{
    tse_task_t *t = NULL;
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(-DER_INVAL, tse_task_create(runs, NULL, NULL, &t));
    NOW(-DER_INVAL, tse_task_create(runs, &a.sched, NULL, NULL));
    CHECK(t == NULL && tse_sched_check_complete(&a.sched));
    NOW(0, tse_task_create(runs, &a.sched, &a, &t));
    CHECK(t->dt_result == 0 && tse_task_get_priv(t) == &a && tse_task2sched(t) == &a.sched);
    tse_task_decref(t); /* it was never scheduled: nobody else knows it */
    return act_end(r, &a, 0);
}

CONTRACT(tse_task_schedule)
{
    tse_task_t *t, *body_less;
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    tse_task_addref(t);
    NOW(0, tse_task_schedule(t, false));
    CHECK(a.ran == 0 && !tse_sched_check_complete(&a.sched)); /* nothing happens by itself */
    NOW(-DER_NO_PERM, tse_task_schedule(t, false));
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 1 && tse_sched_check_complete(&a.sched));
    tse_task_decref(t);

    NOW(0, tse_task_create(fails, &a.sched, NULL, &t));
    tse_task_addref(t);
    NOW(0, tse_task_schedule(t, true)); /* now; the result is the task's */
    CHECK(a.ran == 2 && t->dt_result == -DER_IO);
    tse_sched_progress(&a.sched);
    tse_task_decref(t);

    NOW(0, tse_task_create(NULL, &a.sched, NULL, &body_less));
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    NOW(0, tse_task_register_deps(t, 1, &body_less));
    tse_disable_propagate(t);
    NOW(0, tse_task_schedule(t, true)); /* not now: something holds it back */
    NOW(0, tse_task_schedule(body_less, true));
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 2 && !tse_sched_check_complete(&a.sched));
    tse_task_complete(body_less, -DER_BUSY);
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 3 && a.sched.ds_result == -DER_IO); /* the first error */
    return act_end(r, &a, 3);
}

CONTRACT(tse_task_schedule_with_delay)
{
    tse_task_t *t;
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    NOW(0, tse_task_schedule_with_delay(t, true, 0));
    CHECK(a.ran == 1);
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    NOW(0, tse_task_schedule_with_delay(t, true, 200));
    NOW(-DER_NO_PERM, tse_task_schedule_with_delay(t, true, 200));
    while (!tse_sched_check_complete(&a.sched))
        tse_sched_progress(&a.sched);
    CHECK(a.ran == 2);
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t)); /* in an hour: it never runs */
    NOW(0, tse_task_register_comp_cb(t, ends, &(struct act *){&a}, sizeof(&a)));
    NOW(0, tse_task_schedule_with_delay(t, false, 3600000000ull));
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 2 && !tse_sched_check_complete(&a.sched));
    tse_sched_complete(&a.sched, 0, true);
    CHECK(a.ended == 1 && a.result == -DER_CANCELED);
    return act_end(r, &a, 2);
}

CONTRACT(tse_task_register_comp_cb)
{
    struct letter x = {NULL, 'x'}, y = {NULL, 'y'};
    tse_task_t *t;
    struct act a;

    CHECK(act_begin(r, &a));
    x.a = y.a = &a;
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    tse_task_addref(t);
    NOW(-DER_INVAL, tse_task_register_comp_cb(t, NULL, NULL, 0));
    NOW(0, tse_task_register_comp_cb(t, tells, &x, sizeof(x)));
    NOW(0, tse_task_register_comp_cb(t, tells, &y, sizeof(y)));
    x.c = y.c = '?'; /* they were copied */
    NOW(0, tse_task_schedule(t, false));
    tse_sched_progress(&a.sched);
    CHECK(strcmp(a.text, "yx") == 0); /* last in, first out */
    NOW(-DER_NO_PERM, tse_task_register_comp_cb(t, tells, &x, sizeof(x)));
    NOW(0, tse_task_reinit(t)); /* they are used up, and the refused one is not there */
    tse_sched_progress(&a.sched);
    CHECK(strcmp(a.text, "yx") == 0 && a.ran == 2);
    tse_task_decref(t);
    return act_end(r, &a, 2);
}

CONTRACT(tse_task_register_cbs)
{
    struct letter p = {NULL, 'p'}, q = {NULL, 'q'}, c = {NULL, 'c'};
    struct act a, *to_a = &a;
    tse_task_t *t;

    CHECK(act_begin(r, &a));
    p.a = q.a = c.a = &a;
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    tse_task_addref(t);
    NOW(0, tse_task_register_cbs(t, NULL, NULL, 0, NULL, NULL, 0));
    NOW(0, tse_task_register_cbs(t, tells, &p, sizeof(p), tells, &c, sizeof(c)));
    NOW(0, tse_task_register_cbs(t, tells, &q, sizeof(q), NULL, NULL, 0));
    NOW(0, tse_task_schedule(t, true)); /* what is to come before the body holds it back */
    CHECK(a.ran == 0 && a.text[0] == '\0');
    tse_sched_progress(&a.sched);
    CHECK(strcmp(a.text, "pqc") == 0 && a.ran == 1);
    NOW(-DER_NO_PERM, tse_task_register_cbs(t, tells, &p, sizeof(p), tells, &c, sizeof(c)));
    tse_task_decref(t);
    /* one before the body completes the task: the body never runs */
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    NOW(0, tse_task_register_cbs(t, ends_it, NULL, 0, ends, &to_a, sizeof(to_a)));
    NOW(0, tse_task_schedule(t, false));
    tse_sched_progress(&a.sched);
    CHECK(a.ended == 1 && a.result == -DER_AGAIN && strcmp(a.text, "pqc") == 0);
    return act_end(r, &a, 1);
}

CONTRACT(tse_task_register_deps)
{
    tse_task_t *t, *dep, *done, *list[3];
    struct act a, other;

    CHECK(act_begin(r, &a) && act_begin(r, &other));
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    NOW(0, tse_task_create(NULL, &other.sched, NULL, &dep)); /* of another scheduler */
    NOW(0, tse_task_create(runs, &other.sched, NULL, &done));
    tse_task_addref(done);
    NOW(0, tse_task_schedule(done, true));
    tse_sched_progress(&other.sched);
    NOW(-DER_NO_PERM, tse_task_register_deps(done, 1, &dep));
    list[0] = dep, list[1] = NULL, list[2] = dep;
    NOW(-DER_INVAL, tse_task_register_deps(t, -1, list));
    NOW(-DER_INVAL, tse_task_register_deps(t, 1, NULL));
    NOW(-DER_INVAL, tse_task_register_deps(t, 3, list));
    list[1] = t;
    NOW(-DER_INVAL, tse_task_register_deps(t, 2, list));
    NOW(0, tse_task_register_deps(t, 0, NULL));
    NOW(0, tse_task_register_deps(t, 1, &done)); /* is over */
    NOW(0, tse_task_schedule(t, true));          /* so nothing holds it back */
    CHECK(a.ran == 1);

    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    tse_task_addref(t);
    list[1] = done; /* the same twice counts twice and ends at once */
    NOW(0, tse_task_register_deps(t, 3, list));
    NOW(0, tse_task_schedule(t, true));
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 1);
    NOW(0, tse_task_schedule(dep, false));
    tse_task_complete(dep, -DER_STALE);
    tse_sched_progress(&other.sched);
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 2 && t->dt_result == -DER_STALE); /* the body runs, the error is inherited */
    tse_task_decref(t);
    tse_task_decref(done);
    return act_end(r, &other, 1) && act_end(r, &a, 2);
}

CONTRACT(tse_task_complete)
{
    struct act a, *to_a = &a;
    tse_task_t *t;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_create(waits, &a.sched, NULL, &t));
    tse_task_addref(t);
    NOW(0, tse_task_register_comp_cb(t, ends, &to_a, sizeof(to_a)));
    NOW(0, tse_task_schedule(t, false));
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 1 && a.ended == 0 && !tse_sched_check_complete(&a.sched));
    tse_task_complete(t, -DER_NOSPACE);
    CHECK(a.ended == 1 && a.result == -DER_NOSPACE);
    tse_task_complete(t, -DER_IO); /* it is complete: nothing */
    tse_sched_progress(&a.sched);
    tse_task_complete(t, -DER_IO);
    tse_sched_progress(&a.sched);
    CHECK(a.ended == 1 && t->dt_result == -DER_NOSPACE && a.sched.ds_result == -DER_NOSPACE);
    tse_task_decref(t);
    /* one that was never scheduled */
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    NOW(0, tse_task_register_comp_cb(t, ends, &to_a, sizeof(to_a)));
    tse_task_complete(t, 0);
    tse_sched_progress(&a.sched);
    CHECK(a.ended == 2 && a.result == 0);
    return act_end(r, &a, 1);
}

CONTRACT(tse_task_reinit)
{
    tse_task_t *t, *bare;
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_create(fails, &a.sched, NULL, &t));
    tse_task_addref(t);
    NOW(-DER_NO_PERM, tse_task_reinit(t)); /* it has not run */
    NOW(0, tse_task_schedule(t, false));
    NOW(-DER_NO_PERM, tse_task_reinit(t));
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 1 && t->dt_result == -DER_IO);
    NOW(0, tse_task_reinit(t));
    CHECK(t->dt_result == 0);
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 2 && t->dt_result == -DER_IO);
    tse_task_decref(t);
    /* from its callback, three times */
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    NOW(0, tse_task_register_comp_cb(t, again, &(int){3}, sizeof(int)));
    NOW(0, tse_task_schedule(t, false));
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 6);
    NOW(0, tse_task_create(NULL, &a.sched, NULL, &bare));
    NOW(0, tse_task_schedule(bare, false));
    NOW(-DER_INVAL, tse_task_reinit(bare));
    tse_task_complete(bare, 0);
    tse_sched_progress(&a.sched);
    return act_end(r, &a, 6);
}

CONTRACT(tse_task_reinit_with_delay)
{
    tse_task_t *t, *bare;
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    NOW(-DER_NO_PERM, tse_task_reinit_with_delay(t, 1));
    tse_task_addref(t);
    NOW(0, tse_task_schedule(t, true));
    NOW(0, tse_task_reinit_with_delay(t, 100));
    while (!tse_sched_check_complete(&a.sched))
        tse_sched_progress(&a.sched);
    CHECK(a.ran == 2);
    NOW(0, tse_task_reinit_with_delay(t, 3600000000ull));
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 2);
    tse_sched_complete(&a.sched, 0, true);
    CHECK(a.ran == 2 && t->dt_result == -DER_CANCELED);
    tse_task_decref(t);
    NOW(0, tse_task_create(NULL, &a.sched, NULL, &bare));
    NOW(0, tse_task_schedule(bare, false));
    NOW(-DER_INVAL, tse_task_reinit_with_delay(bare, 1));
    tse_task_complete(bare, 0);
    tse_sched_progress(&a.sched);
    return act_end(r, &a, 2);
}

CONTRACT(tse_task_register_comp_cb_and_reinit)
{
    struct act a, *to_a = &a;
    tse_task_t *t, *bare;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_create(waits, &a.sched, NULL, &t));
    NOW(-DER_INVAL, tse_task_register_comp_cb_and_reinit(t, NULL, NULL, 0, 0));
    /* it does not run yet */
    NOW(-DER_NO_PERM, tse_task_register_comp_cb_and_reinit(t, ends, &to_a, sizeof(to_a), 0));
    tse_task_addref(t);
    NOW(0, tse_task_schedule(t, true));
    NOW(0, tse_task_register_comp_cb_and_reinit(t, ends, &to_a, sizeof(to_a), 0));
    tse_sched_progress(&a.sched);
    CHECK(a.ran == 2 && a.ended == 0);
    tse_task_complete(t, 0);
    tse_sched_progress(&a.sched);
    CHECK(a.ended == 1); /* and not also for the one that was refused */
    NOW(-DER_NO_PERM, tse_task_register_comp_cb_and_reinit(t, ends, &to_a, sizeof(to_a), 0));
    tse_task_decref(t);
    NOW(0, tse_task_create(NULL, &a.sched, NULL, &bare));
    NOW(0, tse_task_schedule(bare, false));
    NOW(-DER_INVAL, tse_task_register_comp_cb_and_reinit(bare, ends, &to_a, sizeof(to_a), 0));
    tse_task_complete(bare, 0);
    tse_sched_progress(&a.sched);
    CHECK(a.ended == 1);
    return act_end(r, &a, 2);
}

CONTRACT(tse_task_reset)
{
    tse_task_t *t;
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_create(waits, &a.sched, NULL, &t));
    tse_task_addref(t);
    NOW(0, tse_task_schedule(t, false));
    NOW(-DER_NO_PERM, tse_task_reset(t, fails, &a)); /* it is to run */
    tse_sched_progress(&a.sched);
    NOW(-DER_NO_PERM, tse_task_reset(t, fails, &a)); /* it runs */
    CHECK(tse_task_get_priv(t) == NULL);
    tse_task_complete(t, -DER_STALE);
    NOW(0, tse_task_reset(t, fails, &a));
    CHECK(t->dt_result == 0 && tse_task_get_priv(t) == &a);
    tse_task_addref(t);
    NOW(0, tse_task_schedule(t, true));
    CHECK(a.ran == 2 && t->dt_result == -DER_IO);
    tse_sched_progress(&a.sched);
    NOW(0, tse_task_reset(t, runs, NULL));
    NOW(0, tse_task_schedule(t, true));
    tse_sched_progress(&a.sched);
    return act_end(r, &a, 3);
}

CONTRACT(tse_disable_propagate)
{
    tse_task_t *bad, *t[2];
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_create(fails, &a.sched, NULL, &bad));
    for (int i = 0; i < 2; i++) {
        NOW(0, tse_task_create(runs, &a.sched, NULL, &t[i]));
        tse_task_addref(t[i]);
        NOW(0, tse_task_register_deps(t[i], 1, &bad));
        if (i == 1)
            tse_disable_propagate(t[i]);
        NOW(0, tse_task_schedule(t[i], false));
    }
    NOW(0, tse_task_schedule(bad, false));
    tse_sched_progress(&a.sched);
    CHECK(t[0]->dt_result == -DER_IO && t[1]->dt_result == 0);
    tse_task_decref(t[0]);
    tse_task_decref(t[1]);
    return act_end(r, &a, 3);
}

CONTRACT(tse_task2arg)
{
    static const char zero[TSE_TASK_ARG_LEN];
    tse_task_t *t;
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_create(runs, &a.sched, &a, &t));
    CHECK(memcmp(tse_task2arg(t), zero, sizeof(zero)) == 0);
    memset(tse_task2arg(t), 0xff, TSE_TASK_ARG_LEN); /* all of it is the program's */
    CHECK(tse_task2sched(t) == &a.sched && tse_task_get_priv(t) == &a && t->dt_result == 0);
    NOW(0, tse_task_schedule(t, true));
    tse_sched_progress(&a.sched);
    return act_end(r, &a, 1);
}

CONTRACT(tse_task_buf_embedded)
{
    char *first, *second, *big, *edge;
    tse_task_t *t;
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_create(runs, &a.sched, NULL, &t));
    CHECK(tse_task_buf_embedded(t, -1) == NULL);
    first = tse_task_buf_embedded(t, 10);
    second = tse_task_buf_embedded(t, 10);
    CHECK(first == tse_task2arg(t) && second >= first + 10 && (uintptr_t)second % 8 == 0);
    edge = tse_task_buf_embedded(t, TSE_TASK_ARG_LEN - 32); /* the rest, exactly */
    big = tse_task_buf_embedded(t, 100000);
    CHECK(edge == first + 32 && big != NULL);
    memset(first, 1, 10);
    memset(second, 2, 10);
    memset(edge, 3, TSE_TASK_ARG_LEN - 32);
    memset(big, 4, 100000);
    CHECK(first[9] == 1 && second[0] == 2 && edge[0] == 3);
    CHECK(tse_task_buf_embedded(t, 1) != NULL);
    NOW(0, tse_task_schedule(t, true));
    tse_sched_progress(&a.sched);
    return act_end(r, &a, 1);
}

CONTRACT(tse_task_set_priv)
{
    tse_task_t *t;
    struct act a;

    CHECK(act_begin(r, &a));
    NOW(0, tse_task_create(runs, &a.sched, r, &t));
    CHECK(tse_task_set_priv(t, &a) == r && tse_task_get_priv(t) == &a);
    CHECK(tse_task_set_priv(t, NULL) == &a && tse_task_get_priv(t) == NULL);
    tse_task_decref(t);
    return act_end(r, &a, 0);
}

#define STORIES(X)                                                                                 \
    X(tse_task_create)                                                                             \
    X(tse_task_schedule)                                                                           \
    X(tse_task_schedule_with_delay)                                                                \
    X(tse_task_register_comp_cb)                                                                   \
    X(tse_task_register_cbs)                                                                       \
    X(tse_task_register_deps)                                                                      \
    X(tse_task_complete)                                                                           \
    X(tse_task_reinit)                                                                             \
    X(tse_task_reinit_with_delay)                                                                  \
    X(tse_task_register_comp_cb_and_reinit)                                                        \
    X(tse_task_reset)                                                                              \
    X(tse_disable_propagate)                                                                       \
    X(tse_task2arg)                                                                                \
    X(tse_task_buf_embedded)                                                                       \
    X(tse_task_set_priv)

CONTRACT_MAIN(STORIES, no_stage, api_setup)

/* Tasks and their scheduler, without any operation: who runs when, whose error is whose. */
#include "fake_embed.h"
#include <daos/tse.h>
#include <gurt/common.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fail.h"

/* What happened, in order, as letters. */
struct story {
    tse_sched_t sched;
    char text[256];
    tse_task_t *held;
};

static void tell(struct story *s, char c)
{
    size_t n = strlen(s->text);

    assert_true(n + 1 < sizeof(s->text));
    s->text[n] = c;
    s->text[n + 1] = '\0';
}

static int setup(void **state)
{
    struct story *s = calloc(1, sizeof(*s));

    *state = s;
    return tse_sched_init(&s->sched, NULL, s);
}

static int teardown(void **state)
{
    struct story *s = *state;

    assert_true(tse_sched_check_complete(&s->sched));
    tse_sched_fini(&s->sched);
    free(s);
    return 0;
}

/* A body that tells its letter (the private pointer) and completes. */
static int letter(tse_task_t *task)
{
    struct story *s = tse_task2sched(task)->ds_udata;

    tell(s, (char)(uintptr_t)tse_task_get_priv(task));
    tse_task_complete(task, task->dt_result);
    return 0;
}

static int failing(tse_task_t *task)
{
    struct story *s = tse_task2sched(task)->ds_udata;

    tell(s, 'F');
    tse_task_complete(task, -DER_IO);
    return 0;
}

/* A body that leaves completing to others. */
static int patient(tse_task_t *task)
{
    struct story *s = tse_task2sched(task)->ds_udata;

    tell(s, 'p');
    s->held = task;
    return 0;
}

static tse_task_t *make(struct story *s, tse_task_func_t body, char name)
{
    tse_task_t *t;

    assert_int_equal(tse_task_create(body, &s->sched, (void *)(uintptr_t)name, &t), 0);
    return t;
}

static void after(tse_task_t *t, tse_task_t *dep)
{
    assert_int_equal(tse_task_register_deps(t, 1, &dep), 0);
}

static void a_task_runs_when_the_scheduler_is_driven(void **state)
{
    struct story *s = *state;
    tse_task_t *a = make(s, letter, 'a'), *b;

    assert_int_equal(tse_task_create(letter, NULL, NULL, &b), -DER_INVAL);
    assert_ptr_equal(tse_task2sched(a), &s->sched);
    assert_int_equal(tse_task_schedule(a, false), 0);
    assert_int_equal(tse_task_schedule(a, false), -DER_NO_PERM);
    assert_string_equal(s->text, "");
    assert_false(tse_sched_check_complete(&s->sched));
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "a");
    b = make(s, letter, 'b');
    assert_int_equal(tse_task_schedule(b, true), 0);
    assert_string_equal(s->text, "ab");
    tse_sched_progress(&s->sched);
}

static void dependants_wait_and_inherit_the_error(void **state)
{
    struct story *s = *state;
    tse_task_t *f = make(s, failing, 0), *b = make(s, letter, 'b'), *c = make(s, letter, 'c'),
               *alone = make(s, letter, 'n'), *late;

    tse_task_addref(b);
    tse_task_addref(c);
    tse_task_addref(alone);
    after(b, f);
    after(c, b);
    after(alone, f);
    tse_disable_propagate(alone);
    assert_int_equal(tse_task_register_deps(b, -1, NULL), -DER_INVAL);
    assert_int_equal(tse_task_register_deps(b, 1, &b), -DER_INVAL);
    assert_int_equal(tse_task_schedule(c, true), 0);
    assert_int_equal(tse_task_schedule(b, true), 0);
    assert_int_equal(tse_task_schedule(alone, false), 0);
    assert_string_equal(s->text, "");
    assert_int_equal(tse_task_schedule(f, true), 0);
    tse_sched_progress(&s->sched);
    assert_int_equal(s->text[0], 'F');
    assert_int_equal(strlen(s->text), 4);
    assert_true(strchr(s->text, 'b') < strchr(s->text, 'c'));
    assert_int_equal(b->dt_result, -DER_IO);
    assert_int_equal(c->dt_result, -DER_IO);
    assert_int_equal(alone->dt_result, 0);
    assert_int_equal(s->sched.ds_result, -DER_IO);
    assert_int_equal(tse_task_register_deps(c, 1, &b), -DER_NO_PERM); /* it is complete */
    late = make(s, letter, 'l');
    after(late, b); /* which is, and need not be waited for */
    assert_int_equal(tse_task_schedule(late, true), 0);
    assert_string_equal(s->text + 4, "l");
    tse_sched_progress(&s->sched);
    tse_task_decref(b);
    tse_task_decref(c);
    tse_task_decref(alone);
}

static int tell_data(tse_task_t *task, void *data)
{
    tell(tse_task2sched(task)->ds_udata, *(char *)data);
    return 0;
}

static int refuse(tse_task_t *task, void *data)
{
    tell(tse_task2sched(task)->ds_udata, 'r');
    return -DER_BUSY;
}

static void callbacks_surround_the_body(void **state)
{
    struct story *s = *state;
    tse_task_t *t = make(s, letter, 'x');
    char c = '1', d = '2';

    tse_task_addref(t);
    assert_int_equal(tse_task_register_cbs(t, tell_data, &c, 1, tell_data, &d, 1), 0);
    c = '3', d = '4';
    assert_int_equal(tse_task_register_cbs(t, tell_data, &c, 1, NULL, NULL, 0), 0);
    assert_int_equal(tse_task_register_comp_cb(t, tell_data, &d, 1), 0);
    assert_int_equal(tse_task_register_comp_cb(t, refuse, NULL, 0), 0);
    assert_int_equal(tse_task_register_comp_cb(t, NULL, NULL, 0), -DER_INVAL);
    c = d = '?'; /* they have copies */
    assert_int_equal(tse_task_schedule(t, true), 0);
    assert_string_equal(s->text, ""); /* not instant: there is something to be done before */
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "13xr42");
    assert_int_equal(t->dt_result, -DER_BUSY);
    assert_int_equal(tse_task_register_comp_cb(t, tell_data, &d, 1), -DER_NO_PERM);
    tse_task_decref(t);
}

static int complete_it(tse_task_t *task, void *data)
{
    tell(tse_task2sched(task)->ds_udata, 'c');
    tse_task_complete(task, -DER_CANCELED);
    return 0;
}

static void what_comes_before_may_stand_for_the_body(void **state)
{
    struct story *s = *state;
    tse_task_t *t = make(s, letter, 'x');

    tse_task_addref(t);
    assert_int_equal(tse_task_register_cbs(t, complete_it, NULL, 0, NULL, NULL, 0), 0);
    assert_int_equal(tse_task_schedule(t, false), 0);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "c");
    assert_int_equal(t->dt_result, -DER_CANCELED);
    tse_task_decref(t);
}

/* Twice more, then no more. */
static int again(tse_task_t *task, void *data)
{
    int *left = *(int **)data;

    if (--*left > 0) {
        assert_int_equal(tse_task_register_comp_cb(task, again, data, sizeof(int *)), 0);
        assert_int_equal(tse_task_reinit(task), 0);
    }
    return 0;
}

static void a_task_may_run_again(void **state)
{
    struct story *s = *state;
    tse_task_t *t = make(s, letter, 'x'), *next = make(s, letter, 'n');
    int left = 3, *p = &left;

    tse_task_addref(t);
    after(next, t);
    assert_int_equal(tse_task_reinit(t), -DER_NO_PERM); /* has not run */
    assert_int_equal(tse_task_register_comp_cb(t, again, &p, sizeof(p)), 0);
    assert_int_equal(tse_task_schedule(t, false), 0);
    assert_int_equal(tse_task_schedule(next, false), 0);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "xxxn");
    assert_int_equal(tse_task_reinit(t), 0); /* complete, and ours still */
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "xxxnx");
    assert_int_equal(tse_task_reset(t, letter, (void *)(uintptr_t)'y'), 0);
    assert_int_equal(tse_task_reinit(t), -DER_NO_PERM);
    tse_task_addref(t);
    assert_int_equal(tse_task_schedule(t, true), 0);
    assert_int_equal(tse_task_reset(t, letter, NULL), 0); /* what waited has been told */
    assert_int_equal(tse_task_set_priv(t, s) == NULL, true);
    assert_ptr_equal(tse_task_get_priv(t), s);
    assert_string_equal(s->text, "xxxnxy");
    tse_task_decref(t);
    tse_sched_progress(&s->sched);
}

static void a_running_task_is_not_reset(void **state)
{
    struct story *s = *state;
    tse_task_t *t = make(s, patient, 0);

    assert_int_equal(tse_task_schedule(t, true), 0);
    assert_int_equal(tse_task_reset(t, letter, NULL), -DER_NO_PERM);
    tse_task_complete(s->held, 0);
    tse_task_complete(s->held, -DER_IO); /* no more */
    assert_int_equal(t->dt_result, 0);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "p");
}

static int wait_for_held(tse_task_t *task, void *data)
{
    struct story *s = tse_task2sched(task)->ds_udata;

    if (s->held == NULL)
        return 0;
    after(task, s->held);
    return 0;
}

static void a_callback_may_give_it_more_to_wait_for(void **state)
{
    struct story *s = *state;
    tse_task_t *p = make(s, patient, 0), *t = make(s, letter, 't');

    assert_int_equal(tse_task_schedule(p, true), 0);
    assert_int_equal(tse_task_register_cbs(t, wait_for_held, NULL, 0, NULL, NULL, 0), 0);
    assert_int_equal(tse_task_schedule(t, false), 0);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "p");
    tse_task_complete(p, 0);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "pt");
}

static void completion_stops_for_a_new_dependency(void **state)
{
    struct story *s = *state;
    tse_task_t *p = make(s, patient, 0), *t = make(s, letter, 't');

    assert_int_equal(tse_task_schedule(p, true), 0);
    assert_int_equal(tse_task_register_comp_cb(t, wait_for_held, NULL, 0), 0);
    assert_int_equal(tse_task_schedule(t, false), 0);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "pt");
    assert_false(tse_sched_check_complete(&s->sched));
    tse_task_complete(p, 0);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "ptt");
}

static void without_a_body_it_ends_with_what_it_waits_for(void **state)
{
    struct story *s = *state;
    tse_task_t *a = make(s, letter, 'a'), *b = make(s, letter, 'b'), *all = make(s, NULL, 0);
    char c = 'e';

    after(all, a);
    after(all, b);
    assert_int_equal(tse_task_register_comp_cb(all, tell_data, &c, 1), 0);
    assert_int_equal(tse_task_schedule(all, false), 0);
    assert_int_equal(tse_task_schedule(a, false), 0);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "a");
    assert_int_equal(tse_task_schedule(b, false), 0);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "abe");
    all = make(s, NULL, 0);
    assert_int_equal(tse_task_schedule(all, false), 0);
    tse_sched_progress(&s->sched);
    assert_false(tse_sched_check_complete(&s->sched));
    assert_int_equal(tse_task_reinit(all), -DER_INVAL);
    tse_task_complete(all, 0); /* nobody else does */
    tse_sched_progress(&s->sched);
}

static void schedulers_may_wait_for_each_other(void **state)
{
    struct story *s = *state;
    tse_task_t *here = make(s, letter, 'h'), *there;
    tse_sched_t other;

    assert_int_equal(tse_sched_init(&other, NULL, s), 0);
    assert_int_equal(tse_task_create(letter, &other, (void *)(uintptr_t)'t', &there), 0);
    after(here, there);
    assert_int_equal(tse_task_schedule(here, false), 0);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "");
    assert_int_equal(tse_task_schedule(there, false), 0);
    tse_sched_progress(&other);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "th");
    tse_sched_fini(&other);
}

static void a_long_chain_needs_no_stack(void **state)
{
    enum { N = 20000 };
    struct story *s = *state;
    tse_task_t *first = make(s, patient, 0), *last = first, *t;
    int i;

    assert_int_equal(tse_task_schedule(first, true), 0);
    for (i = 0; i < N; i++) {
        t = make(s, NULL, 0);
        after(t, last);
        assert_int_equal(tse_task_schedule(t, false), 0);
        last = t;
    }
    tse_task_addref(last);
    tse_task_complete(first, -DER_IO);
    tse_sched_progress(&s->sched);
    assert_int_equal(last->dt_result, -DER_IO);
    tse_task_decref(last);
}

static void delays_hold_a_task_back(void **state)
{
    struct story *s = *state;
    tse_task_t *t = make(s, letter, 'd'), *r = make(s, letter, 'r');
    char c = 'i';

    assert_int_equal(tse_task_schedule_with_delay(t, true, 2000), 0);
    tse_sched_progress(&s->sched);
    assert_false(tse_sched_check_complete(&s->sched));
    while (!tse_sched_check_complete(&s->sched)) {
        usleep(500);
        tse_sched_progress(&s->sched);
    }
    assert_string_equal(s->text, "d");
    tse_task_addref(r);
    assert_int_equal(tse_task_schedule(r, true), 0);
    tse_sched_progress(&s->sched);
    assert_int_equal(tse_task_reinit_with_delay(r, 1000), 0);
    while (!tse_sched_check_complete(&s->sched)) {
        usleep(500);
        tse_sched_progress(&s->sched);
    }
    assert_string_equal(s->text, "drr");
    assert_int_equal(tse_task_register_comp_cb_and_reinit(r, tell_data, &c, 1, 1), -DER_NO_PERM);
    tse_task_decref(r);
}

static int ended(void *arg, int rc)
{
    struct story *s = arg;

    tell(s, rc == 0 ? 'E' : '!');
    return rc;
}

static void cancelling_ends_what_waits(void **state)
{
    struct story *s = *state;
    tse_task_t *p = make(s, patient, 0), *w = make(s, letter, 'w'), *later = make(s, letter, 'l');

    assert_int_equal(tse_sched_register_comp_cb(&s->sched, NULL, s), -DER_INVAL);
    assert_int_equal(tse_sched_register_comp_cb(&s->sched, ended, s), 0);
    tse_task_addref(w);
    tse_task_addref(later);
    assert_int_equal(tse_task_schedule(p, true), 0);
    after(w, p);
    assert_int_equal(tse_task_schedule(w, false), 0);
    assert_int_equal(tse_task_schedule_with_delay(later, false, 1000000000), 0);
    tse_sched_complete(&s->sched, -DER_SHUTDOWN, true);
    assert_int_equal(w->dt_result, -DER_CANCELED);
    assert_int_equal(later->dt_result, -DER_CANCELED);
    assert_string_equal(s->text, "p"); /* what runs is waited for */
    assert_int_equal(tse_task_reinit(w), -DER_NO_PERM);
    tse_task_complete(p, 0);
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "p!");
    assert_int_equal(s->sched.ds_result, -DER_SHUTDOWN);
    tse_task_decref(w);
    tse_task_decref(later);
}

static void the_last_reference_completes_the_scheduler(void **state)
{
    struct story *s = *state;

    assert_int_equal(tse_sched_register_comp_cb(&s->sched, ended, s), 0);
    tse_sched_addref(&s->sched);
    tse_sched_decref(&s->sched);
    assert_string_equal(s->text, "");
    tse_sched_decref(&s->sched);
    assert_string_equal(s->text, "E");
}

static void arguments_live_with_the_task(void **state)
{
    struct story *s = *state;
    tse_task_t *t = make(s, letter, 'x');
    char *a = tse_task_buf_embedded(t, 100), *b = tse_task_buf_embedded(t, 700),
         *c = tse_task_buf_embedded(t, 5000);
    int i;

    assert_ptr_equal(a, tse_task2arg(t));
    assert_null(tse_task_buf_embedded(t, -1));
    for (i = 0; i < 100; i++)
        assert_int_equal(a[i], 0);
    memset(a, 1, 100);
    memset(b, 2, 700);
    memset(c, 3, 5000);
    assert_int_equal(a[99], 1);
    assert_int_equal(b[0], 2);
    tse_task_decref(t);
}

static int tell_it(tse_task_t *task, void *arg)
{
    tell(arg, (char)(uintptr_t)tse_task_get_priv(task));
    return (uintptr_t)tse_task_get_priv(task) == 'b' ? -DER_BUSY : 0;
}

static int take_out(tse_task_t *task, void *arg)
{
    tse_task_list_del(task);
    tse_task_decref(task);
    return 0;
}

static void tasks_in_lists(void **state)
{
    struct story *s = *state;
    tse_task_t *a = make(s, letter, 'a'), *b = make(s, letter, 'b'), *c = make(s, letter, 'c'),
               *first = make(s, letter, '1'), *last = make(s, letter, '9');
    d_list_t l;

    D_INIT_LIST_HEAD(&l);
    assert_null(tse_task_list_first(&l));
    assert_int_equal(tse_task_list_add(a, &l), 0);
    assert_int_equal(tse_task_list_add(b, &l), 0);
    assert_int_equal(tse_task_list_add(c, &l), 0);
    assert_ptr_equal(tse_task_list_first(&l), a);
    assert_int_equal(tse_task_list_traverse(&l, tell_it, s), -DER_BUSY);
    assert_string_equal(s->text, "ab");
    s->text[0] = '\0';
    assert_int_equal(tse_task_list_depend(&l, first), 0);
    assert_int_equal(tse_task_depend_list(last, &l), 0);
    assert_int_equal(tse_task_schedule(last, false), 0);
    tse_task_list_sched(&l, false);
    assert_null(tse_task_list_first(&l));
    tse_sched_progress(&s->sched);
    assert_string_equal(s->text, "");
    assert_int_equal(tse_task_schedule(first, false), 0);
    tse_sched_progress(&s->sched);
    assert_int_equal(s->text[0], '1');
    assert_int_equal(s->text[4], '9');
    /* what is not to run after all */
    a = make(s, letter, 'x');
    b = make(s, letter, 'y');
    tse_task_addref(a);
    after(b, a);
    assert_int_equal(tse_task_schedule(b, false), 0);
    tse_task_list_add(a, &l);
    tse_task_list_abort(&l, -DER_CANCELED);
    tse_sched_progress(&s->sched);
    assert_int_equal(a->dt_result, -DER_CANCELED);
    assert_string_equal(s->text + 5, "y");
    tse_task_decref(a);
    tse_task_list_add(make(s, letter, 'z'), &l);
    tse_task_list_add(make(s, letter, 'z'), &l);
    assert_int_equal(tse_task_list_traverse_adv(&l, take_out, NULL), 0);
    assert_null(tse_task_list_first(&l));
}

/* ---- From several threads ---- */

struct many {
    tse_sched_t sched;
    tse_task_t *wait[200];
    _Atomic int next;
    int done;
};

static int counted(tse_task_t *task, void *data)
{
    (*(struct many **)data)->done++;
    return 0;
}

static void *completer(void *arg)
{
    struct many *m = arg;
    int i;

    while ((i = m->next++) < 200)
        tse_task_complete(m->wait[i], 0);
    return NULL;
}

static void other_threads_complete_tasks(void **state)
{
    struct many *m = calloc(1, sizeof(*m));
    tse_task_t *t;
    pthread_t th[3];
    int i;

    (void)state;
    assert_int_equal(tse_sched_init(&m->sched, NULL, NULL), 0);
    for (i = 0; i < 200; i++) {
        assert_int_equal(tse_task_create(NULL, &m->sched, NULL, &m->wait[i]), 0);
        assert_int_equal(tse_task_create(NULL, &m->sched, NULL, &t), 0);
        after(t, m->wait[i]);
        assert_int_equal(tse_task_register_comp_cb(t, counted, &m, sizeof(m)), 0);
        assert_int_equal(tse_task_schedule(m->wait[i], false), 0);
        assert_int_equal(tse_task_schedule(t, false), 0);
    }
    for (i = 0; i < 3; i++)
        pthread_create(&th[i], NULL, completer, m);
    while (!tse_sched_check_complete(&m->sched))
        tse_sched_progress(&m->sched);
    for (i = 0; i < 3; i++)
        pthread_join(th[i], NULL);
    assert_int_equal(m->done, 200);
    tse_sched_fini(&m->sched);
    free(m);
}

/* Of two tasks to wait for, there is memory for one: it waits for none. */
static void without_memory_nothing_holds_it_back(void **state)
{
    struct story *s = *state;
    tse_task_t *deps[2], *t;

    assert_int_equal(tse_task_create(letter, &s->sched, (void *)'t', &t), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(tse_task_create(NULL, &s->sched, NULL, &deps[i]), 0);
    for (uint64_t at = 1; at <= 2; at++) {
        struct base_fail fail = {.fail_at = at};

        base_fail_set(&fail);
        assert_int_equal(tse_task_register_deps(t, 2, deps), -DER_NOMEM);
        base_fail_set(NULL);
    }
    assert_int_equal(tse_task_schedule(t, true), 0);
    assert_string_equal(s->text, "t");
    tse_sched_progress(&s->sched);
    for (int i = 0; i < 2; i++)
        tse_task_decref(deps[i]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_task_runs_when_the_scheduler_is_driven),
        T(dependants_wait_and_inherit_the_error),
        T(callbacks_surround_the_body),
        T(what_comes_before_may_stand_for_the_body),
        T(a_task_may_run_again),
        T(a_running_task_is_not_reset),
        T(a_callback_may_give_it_more_to_wait_for),
        T(completion_stops_for_a_new_dependency),
        T(without_a_body_it_ends_with_what_it_waits_for),
        T(schedulers_may_wait_for_each_other),
        T(a_long_chain_needs_no_stack),
        T(delays_hold_a_task_back),
        T(cancelling_ends_what_waits),
        T(the_last_reference_completes_the_scheduler),
        T(arguments_live_with_the_task),
        T(tasks_in_lists),
        T(other_threads_complete_tasks),
        T(without_memory_nothing_holds_it_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

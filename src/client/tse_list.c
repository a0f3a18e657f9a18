/* Lists of tasks that their caller keeps (daos/tse.h). A task is in one at most. */
#include <daos/tse.h>
#include <gurt/common.h>
#include "client/tse_impl.h"

int tse_task_list_add(tse_task_t *task, d_list_t *head)
{
    d_list_t *l = tse_task_user_link(task);

    D_ASSERTF(d_list_empty(l), "a task can be in one list only\n");
    d_list_add_tail(l, head);
    return 0;
}

void tse_task_list_del(tse_task_t *task)
{
    d_list_del_init(tse_task_user_link(task));
}

tse_task_t *tse_task_list_first(d_list_t *head)
{
    return d_list_empty(head) ? NULL : tse_task_of_user_link(head->next);
}

void tse_task_list_sched(d_list_t *head, bool instant)
{
    tse_task_t *task;

    while ((task = tse_task_list_first(head)) != NULL) {
        tse_task_list_del(task);
        tse_task_schedule(task, instant);
    }
}

void tse_task_list_abort(d_list_t *head, int rc)
{
    tse_task_t *task;

    while ((task = tse_task_list_first(head)) != NULL) {
        tse_task_list_del(task);
        tse_task_complete(task, rc);
    }
}

int tse_task_list_depend(d_list_t *head, tse_task_t *task)
{
    d_list_t *l;
    int rc = 0;

    d_list_for_each(l, head)
    {
        rc = tse_task_register_deps(tse_task_of_user_link(l), 1, &task);
        if (rc != 0)
            break;
    }
    return rc;
}

int tse_task_depend_list(tse_task_t *task, d_list_t *head)
{
    tse_task_t *dep;
    d_list_t *l;
    int rc = 0;

    d_list_for_each(l, head)
    {
        dep = tse_task_of_user_link(l);
        rc = tse_task_register_deps(task, 1, &dep);
        if (rc != 0)
            break;
    }
    return rc;
}

int tse_task_list_traverse(d_list_t *head, tse_task_cb_t cb, void *arg)
{
    return tse_task_list_traverse_adv(head, cb, arg);
}

int tse_task_list_traverse_adv(d_list_t *head, tse_task_cb_t cb, void *arg)
{
    d_list_t *l, *next;
    int rc = 0;

    d_list_for_each_safe(l, next, head)
    {
        rc = cb(tse_task_of_user_link(l), arg);
        if (rc != 0)
            break;
    }
    return rc;
}

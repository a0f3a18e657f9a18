/*
 * Intrusive circular doubly linked list. The head is a struct list of its own; an element that is
 * in no list points to itself (list_init) so that list_del is harmless twice.
 */
#ifndef TARN_BASE_LIST_H
#define TARN_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include "base/assert.h"

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(head)                                                                            \
    {                                                                                              \
        &(head), &(head)                                                                           \
    }
#define LIST_ENTRY(ptr, type, member) CONTAINER_OF(ptr, type, member)
/* Walks the links; the body must not remove it. */
#define LIST_FOREACH(it, head) for ((it) = (head)->next; (it) != (head); (it) = (it)->next)
/* The body may remove it (only it). */
#define LIST_FOREACH_SAFE(it, tmp, head)                                                           \
    for ((it) = (head)->next, (tmp) = (it)->next; (it) != (head); (it) = (tmp), (tmp) = (it)->next)

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_link(struct list *prev, struct list *item, struct list *next)
{
    item->prev = prev;
    item->next = next;
    prev->next = item;
    next->prev = item;
}

static inline void list_add(struct list *head, struct list *item) /* at the front */
{
    list_link(head, item, head->next);
}

static inline void list_add_tail(struct list *head, struct list *item)
{
    list_link(head->prev, item, head);
}

static inline void list_del(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

static inline struct list *list_first(const struct list *head) /* NULL when empty */
{
    return list_empty(head) ? NULL : head->next;
}

static inline struct list *list_last(const struct list *head)
{
    return list_empty(head) ? NULL : head->prev;
}

static inline struct list *list_pop(struct list *head) /* front, NULL when empty */
{
    struct list *l = list_first(head);

    if (l)
        list_del(l);
    return l;
}

/* Moves everything of from to the tail of to; from is empty afterwards. */
static inline void list_splice_tail(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Doubly linked lists with the links inside the listed structures. A head is a link that belongs to
 * no structure; an empty list's head points at itself. Nothing here allocates or locks.
 */
#ifndef TARN_GURT_LIST_H
#define TARN_GURT_LIST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A link, and the head of a list. */
typedef struct d_list_head {
    struct d_list_head *next;
    struct d_list_head *prev;
} d_list_t;

#ifndef container_of
/** The structure of type @a type whose member @a member is at @a ptr. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#endif

#define D_LIST_HEAD_INIT(name)                                                                     \
    {                                                                                              \
        &(name), &(name)                                                                           \
    }
/** Declare a head of an empty list. */
#define D_LIST_HEAD(name) d_list_t name = D_LIST_HEAD_INIT(name)

/** Make a link a list of its own: an empty list, or an element of none. */
#define D_INIT_LIST_HEAD(ptr)                                                                      \
    do {                                                                                           \
        (ptr)->next = (ptr);                                                                       \
        (ptr)->prev = (ptr);                                                                       \
    } while (0)

/** Put @a newe between two neighbours. */
static inline void __gurt_list_add(d_list_t *newe, d_list_t *prev, d_list_t *next)
{
    next->prev = newe;
    newe->next = next;
    newe->prev = prev;
    prev->next = newe;
}

/** Make two links neighbours, dropping what is between them. */
static inline void __gurt_list_del(d_list_t *prev, d_list_t *next)
{
    next->prev = prev;
    prev->next = next;
}

/** Insert as the first element. */
static inline void d_list_add(d_list_t *newe, d_list_t *head)
{
    __gurt_list_add(newe, head, head->next);
}

/** Insert as the last element. */
static inline void d_list_add_tail(d_list_t *newe, d_list_t *head)
{
    __gurt_list_add(newe, head->prev, head);
}

/** Remove; the link's own pointers stay as they are. */
static inline void d_list_del(d_list_t *entry)
{
    __gurt_list_del(entry->prev, entry->next);
}

/** Remove, and make the link a list of its own. */
static inline void d_list_del_init(d_list_t *entry)
{
    __gurt_list_del(entry->prev, entry->next);
    D_INIT_LIST_HEAD(entry);
}

/** Move an element to the front of a list. */
static inline void d_list_move(d_list_t *list, d_list_t *head)
{
    d_list_del(list);
    d_list_add(list, head);
}

/** Move an element to the end of a list. */
static inline void d_list_move_tail(d_list_t *list, d_list_t *head)
{
    d_list_del(list);
    d_list_add_tail(list, head);
}

/** Is the list empty? */
static inline int d_list_empty(d_list_t *head)
{
    return head->next == head;
}

/** Is the list empty in both directions, so that nobody is just removing its last element? */
static inline int d_list_empty_careful(const d_list_t *head)
{
    d_list_t *next = head->next;

    return next == head && next == head->prev;
}

/** Put all elements of a list that is not empty in front of those of @a head. */
static inline void __gurt_list_splice(d_list_t *list, d_list_t *head)
{
    d_list_t *first = list->next;
    d_list_t *last = list->prev;
    d_list_t *at = head->next;

    first->prev = head;
    head->next = first;
    last->next = at;
    at->prev = last;
}

/** Put all elements of @a list in front of those of @a head; @a list is then stale. */
static inline void d_list_splice(d_list_t *list, d_list_t *head)
{
    if (!d_list_empty(list))
        __gurt_list_splice(list, head);
}

/** As d_list_splice(); @a list is then empty. */
static inline void d_list_splice_init(d_list_t *list, d_list_t *head)
{
    if (!d_list_empty(list)) {
        __gurt_list_splice(list, head);
        D_INIT_LIST_HEAD(list);
    }
}

/** The structure a link is part of. */
#define d_list_entry(ptr, type, member) container_of(ptr, type, member)

/** Remove the first element and give its structure; NULL when the list is empty. */
#define d_list_pop_entry(head, type, member)                                                       \
    __extension__({                                                                                \
        type *__popped = NULL;                                                                     \
                                                                                                   \
        if (!d_list_empty(head)) {                                                                 \
            __popped = d_list_entry((head)->next, type, member);                                   \
            d_list_del((head)->next);                                                              \
        }                                                                                          \
        __popped;                                                                                  \
    })

/** Visit links. The _safe forms allow the current element to be removed; `n` is theirs. */
#define d_list_for_each(pos, head) for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)
#define d_list_for_each_prev(pos, head)                                                            \
    for ((pos) = (head)->prev; (pos) != (head); (pos) = (pos)->prev)
#define d_list_for_each_safe(pos, n, head)                                                         \
    for ((pos) = (head)->next, (n) = (pos)->next; (pos) != (head); (pos) = (n), (n) = (pos)->next)

/** Visit structures. The _typed forms take the type instead of deriving it from `pos`. */
#define d_list_for_each_entry_typed(pos, head, type, member)                                       \
    for ((pos) = d_list_entry((head)->next, type, member); &(pos)->member != (head);               \
         (pos) = d_list_entry((pos)->member.next, type, member))
#define d_list_for_each_entry_reverse_typed(pos, head, type, member)                               \
    for ((pos) = d_list_entry((head)->prev, type, member); &(pos)->member != (head);               \
         (pos) = d_list_entry((pos)->member.prev, type, member))
#define d_list_for_each_entry_continue_typed(pos, head, type, member)                              \
    for ((pos) = d_list_entry((pos)->member.next, type, member); &(pos)->member != (head);         \
         (pos) = d_list_entry((pos)->member.next, type, member))
#define d_list_for_each_entry_safe_typed(pos, n, head, type, member)                               \
    for ((pos) = d_list_entry((head)->next, type, member),                                         \
        (n) = d_list_entry((pos)->member.next, type, member);                                      \
         &(pos)->member != (head);                                                                 \
         (pos) = (n), (n) = d_list_entry((n)->member.next, type, member))
#define d_list_for_each_entry_safe_from_typed(pos, n, head, type, member)                          \
    for ((n) = d_list_entry((pos)->member.next, type, member); &(pos)->member != (head);           \
         (pos) = (n), (n) = d_list_entry((n)->member.next, type, member))
#define d_list_for_each_entry_reverse_safe_typed(pos, n, head, type, member)                       \
    for ((pos) = d_list_entry((head)->prev, type, member),                                         \
        (n) = d_list_entry((pos)->member.prev, type, member);                                      \
         &(pos)->member != (head);                                                                 \
         (pos) = (n), (n) = d_list_entry((n)->member.prev, type, member))

#define d_list_for_each_entry(pos, head, member)                                                   \
    d_list_for_each_entry_typed(pos, head, __typeof__(*(pos)), member)
#define d_list_for_each_entry_reverse(pos, head, member)                                           \
    d_list_for_each_entry_reverse_typed(pos, head, __typeof__(*(pos)), member)
#define d_list_for_each_entry_continue(pos, head, member)                                          \
    d_list_for_each_entry_continue_typed(pos, head, __typeof__(*(pos)), member)
#define d_list_for_each_entry_safe(pos, n, head, member)                                           \
    d_list_for_each_entry_safe_typed(pos, n, head, __typeof__(*(pos)), member)
#define d_list_for_each_entry_safe_from(pos, n, head, member)                                      \
    d_list_for_each_entry_safe_from_typed(pos, n, head, __typeof__(*(pos)), member)
#define d_list_for_each_entry_reverse_safe(pos, n, head, member)                                   \
    d_list_for_each_entry_reverse_safe_typed(pos, n, head, __typeof__(*(pos)), member)

/** A list whose head is one pointer only, for the buckets of large tables. */
typedef struct d_hlist_node {
    struct d_hlist_node *next;
    struct d_hlist_node **pprev;
} d_hlist_node_t;

typedef struct d_hlist_head {
    d_hlist_node_t *first;
} d_hlist_head_t;

#define D_HLIST_HEAD_INIT                                                                          \
    {                                                                                              \
        NULL                                                                                       \
    }
#define D_HLIST_HEAD(name)               d_hlist_head_t name = {NULL}
#define D_INIT_HLIST_HEAD(ptr)           ((ptr)->first = NULL)
#define D_INIT_HLIST_NODE(ptr)           ((ptr)->next = NULL, (ptr)->pprev = NULL)
#define d_hlist_entry(ptr, type, member) container_of(ptr, type, member)

/** Is the node in no list? */
static inline int d_hlist_unhashed(const d_hlist_node_t *h)
{
    return h->pprev == NULL;
}

/** Is the list empty? */
static inline int d_hlist_empty(const d_hlist_head_t *h)
{
    return h->first == NULL;
}

/** Take a node out; its own pointers stay as they are. */
static inline void __gurt_hlist_del(d_hlist_node_t *n)
{
    *n->pprev = n->next;
    if (n->next != NULL)
        n->next->pprev = n->pprev;
}

/** Remove a node. */
static inline void d_hlist_del(d_hlist_node_t *n)
{
    __gurt_hlist_del(n);
}

/** Remove a node that may be in no list, and mark it as such. */
static inline void d_hlist_del_init(d_hlist_node_t *n)
{
    if (n->pprev != NULL) {
        __gurt_hlist_del(n);
        D_INIT_HLIST_NODE(n);
    }
}

/** Insert as the first node. */
static inline void d_hlist_add_head(d_hlist_node_t *n, d_hlist_head_t *h)
{
    n->next = h->first;
    if (n->next != NULL)
        n->next->pprev = &n->next;
    h->first = n;
    n->pprev = &h->first;
}

/** Insert before @a next. */
static inline void d_hlist_add_before(d_hlist_node_t *n, d_hlist_node_t *next)
{
    n->pprev = next->pprev;
    n->next = next;
    next->pprev = &n->next;
    *n->pprev = n;
}

/** Insert after @a prev. */
static inline void d_hlist_add_after(d_hlist_node_t *n, d_hlist_node_t *prev)
{
    n->next = prev->next;
    prev->next = n;
    n->pprev = &prev->next;
    if (n->next != NULL)
        n->next->pprev = &n->next;
}

#define d_hlist_for_each(pos, head) for ((pos) = (head)->first; (pos) != NULL; (pos) = (pos)->next)
#define d_hlist_for_each_safe(pos, n, head)                                                        \
    for ((pos) = (head)->first; (pos) != NULL && ((n) = (pos)->next, 1); (pos) = (n))

#ifdef __cplusplus
}
#endif

#endif /* TARN_GURT_LIST_H */

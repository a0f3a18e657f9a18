/* Lists of ranks, as programs use them. */
#include <gurt/common.h>
#include <daos_cont.h>
#include "base/fail.h"

static int cmp_rank(const void *a, const void *b)
{
    d_rank_t x = *(const d_rank_t *)a, y = *(const d_rank_t *)b;

    return x < y ? -1 : x > y;
}

d_rank_list_t *d_rank_list_alloc(uint32_t size)
{
    d_rank_list_t *l = base_calloc(1, sizeof(*l));
    uint32_t i;

    if (l == NULL || size == 0)
        return l;
    l->rl_ranks = base_calloc(size, sizeof(*l->rl_ranks));
    if (l->rl_ranks == NULL) {
        base_free(l);
        return NULL;
    }
    for (i = 0; i < size; i++)
        l->rl_ranks[i] = i;
    l->rl_nr = size;
    return l;
}

void d_rank_list_free(d_rank_list_t *rank_list)
{
    if (rank_list == NULL)
        return;
    base_free(rank_list->rl_ranks);
    base_free(rank_list);
}

int d_rank_list_resize(d_rank_list_t *ptr, uint32_t size)
{
    d_rank_t *ranks = NULL;

    if (size > 0) {
        ranks = base_realloc(ptr->rl_ranks, size * sizeof(*ranks));
        if (ranks == NULL)
            return -DER_NOMEM;
    } else {
        base_free(ptr->rl_ranks);
    }
    ptr->rl_ranks = ranks;
    ptr->rl_nr = size;
    return 0;
}

int d_rank_list_copy(d_rank_list_t *dst, d_rank_list_t *src)
{
    int rc = dst->rl_nr == src->rl_nr ? 0 : d_rank_list_resize(dst, src->rl_nr);

    if (rc == 0 && src->rl_nr > 0)
        memcpy(dst->rl_ranks, src->rl_ranks, src->rl_nr * sizeof(*src->rl_ranks));
    return rc;
}

int d_rank_list_dup(d_rank_list_t **dst, const d_rank_list_t *src)
{
    d_rank_list_t *l;

    if (src == NULL) {
        *dst = NULL;
        return 0;
    }
    l = d_rank_list_alloc(src->rl_nr);
    if (l == NULL)
        return -DER_NOMEM;
    if (src->rl_nr > 0)
        memcpy(l->rl_ranks, src->rl_ranks, src->rl_nr * sizeof(*src->rl_ranks));
    *dst = l;
    return 0;
}

void d_rank_list_sort(d_rank_list_t *rank_list)
{
    if (rank_list != NULL && rank_list->rl_nr > 1)
        qsort(rank_list->rl_ranks, rank_list->rl_nr, sizeof(*rank_list->rl_ranks), cmp_rank);
}

int d_rank_list_dup_sort_uniq(d_rank_list_t **dst, const d_rank_list_t *src)
{
    d_rank_list_t *l;
    uint32_t i, n = 0;
    int rc = d_rank_list_dup(dst, src);

    if (rc != 0 || *dst == NULL)
        return rc;
    l = *dst;
    d_rank_list_sort(l);
    for (i = 0; i < l->rl_nr; i++)
        if (n == 0 || l->rl_ranks[i] != l->rl_ranks[n - 1])
            l->rl_ranks[n++] = l->rl_ranks[i];
    l->rl_nr = n;
    return 0;
}

bool d_rank_list_find(d_rank_list_t *rank_list, d_rank_t rank, int *idx)
{
    uint32_t i;

    for (i = 0; rank_list != NULL && i < rank_list->rl_nr; i++) {
        if (rank_list->rl_ranks[i] == rank) {
            if (idx != NULL)
                *idx = (int)i;
            return true;
        }
    }
    return false;
}

bool d_rank_list_bsearch(d_rank_list_t *rank_list, d_rank_t rank, int *idx)
{
    return d_rank_list_find(rank_list, rank, idx);
}

bool d_rank_in_rank_list(d_rank_list_t *rank_list, d_rank_t rank)
{
    return d_rank_list_find(rank_list, rank, NULL);
}

int d_idx_in_rank_list(d_rank_list_t *rank_list, d_rank_t rank, uint32_t *idx)
{
    int at;

    if (!d_rank_list_find(rank_list, rank, &at))
        return -DER_NONEXIST;
    *idx = (uint32_t)at;
    return 0;
}

void d_rank_list_filter(d_rank_list_t *src_set, d_rank_list_t *dst_set, bool exclude)
{
    uint32_t i, n = 0;

    for (i = 0; i < dst_set->rl_nr; i++)
        if (d_rank_in_rank_list(src_set, dst_set->rl_ranks[i]) != exclude)
            dst_set->rl_ranks[n++] = dst_set->rl_ranks[i];
    dst_set->rl_nr = n;
}

int d_rank_list_append(d_rank_list_t *rank_list, d_rank_t rank)
{
    int rc = d_rank_list_resize(rank_list, rank_list->rl_nr + 1);

    if (rc == 0)
        rank_list->rl_ranks[rank_list->rl_nr - 1] = rank;
    return rc;
}

int d_rank_list_merge(d_rank_list_t *src_set, d_rank_list_t *merge_set)
{
    uint32_t i;
    int rc = 0;

    for (i = 0; rc == 0 && i < merge_set->rl_nr; i++)
        if (!d_rank_in_rank_list(src_set, merge_set->rl_ranks[i]))
            rc = d_rank_list_append(src_set, merge_set->rl_ranks[i]);
    return rc;
}

void d_rank_list_del_at(d_rank_list_t *list, int idx)
{
    if (idx < 0 || (uint32_t)idx >= list->rl_nr)
        return;
    memmove(list->rl_ranks + idx, list->rl_ranks + idx + 1,
            (list->rl_nr - (uint32_t)idx - 1) * sizeof(*list->rl_ranks));
    list->rl_nr--;
}

int d_rank_list_del(d_rank_list_t *rank_list, d_rank_t rank)
{
    int at;

    if (rank_list == NULL)
        return -DER_INVAL;
    if (d_rank_list_find(rank_list, rank, &at))
        d_rank_list_del_at(rank_list, at);
    return 0;
}

bool d_rank_list_identical(d_rank_list_t *a, d_rank_list_t *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->rl_nr == b->rl_nr && (a->rl_nr == 0 || memcmp(a->rl_ranks, b->rl_ranks,
                                                            a->rl_nr * sizeof(*a->rl_ranks)) == 0);
}

d_rank_list_t *uint32_array_to_rank_list(uint32_t *ints, size_t len)
{
    d_rank_list_t *l = len <= UINT32_MAX ? d_rank_list_alloc((uint32_t)len) : NULL;

    if (l != NULL && len > 0)
        memcpy(l->rl_ranks, ints, len * sizeof(*ints));
    return l;
}

int rank_list_to_uint32_array(d_rank_list_t *rl, uint32_t **ints, size_t *len)
{
    uint32_t *out = base_calloc(rl->rl_nr + 1, sizeof(*out));

    if (out == NULL)
        return -DER_NOMEM;
    if (rl->rl_nr > 0)
        memcpy(out, rl->rl_ranks, rl->rl_nr * sizeof(*out));
    *ints = out;
    *len = rl->rl_nr;
    return 0;
}

/* ---- Ranges ---- */

d_rank_range_list_t *d_rank_range_list_alloc(uint32_t size)
{
    d_rank_range_list_t *l = base_calloc(1, sizeof(*l));

    if (l == NULL || size == 0)
        return l;
    l->rrl_ranges = base_calloc(size, sizeof(*l->rrl_ranges));
    if (l->rrl_ranges == NULL) {
        base_free(l);
        return NULL;
    }
    l->rrl_nr = size;
    return l;
}

d_rank_range_list_t *d_rank_range_list_realloc(d_rank_range_list_t *range_list, uint32_t size)
{
    d_rank_range_t *ranges = NULL;

    if (range_list == NULL)
        return d_rank_range_list_alloc(size);
    if (size > 0) {
        ranges = base_realloc(range_list->rrl_ranges, size * sizeof(*ranges));
        if (ranges == NULL)
            return NULL;
    } else {
        base_free(range_list->rrl_ranges);
    }
    range_list->rrl_ranges = ranges;
    range_list->rrl_nr = size;
    return range_list;
}

/* Last place of the run of consecutive ranks that begins at `at`. */
static uint32_t run_end(const d_rank_list_t *l, uint32_t at)
{
    while (at + 1 < l->rl_nr && l->rl_ranks[at + 1] == l->rl_ranks[at] + 1)
        at++;
    return at;
}

d_rank_range_list_t *d_rank_range_list_create_from_ranks(d_rank_list_t *rank_list)
{
    d_rank_range_list_t *l;
    uint32_t i, j, n = 0;

    if (rank_list == NULL)
        return d_rank_range_list_alloc(0);
    for (i = 0; i < rank_list->rl_nr; i = run_end(rank_list, i) + 1)
        n++;
    l = d_rank_range_list_alloc(n);
    if (l == NULL)
        return NULL;
    for (i = n = 0; i < rank_list->rl_nr; i = j + 1, n++) {
        j = run_end(rank_list, i);
        l->rrl_ranges[n] =
            (d_rank_range_t){.lo = rank_list->rl_ranks[i], .hi = rank_list->rl_ranks[j]};
    }
    return l;
}

int d_rank_range_list_str(d_rank_range_list_t *list, char **ranks_str)
{
    struct d_string_buffer_t b = {0};
    uint32_t i;

    *ranks_str = NULL;
    d_write_string_buffer(&b, "[");
    for (i = 0; list != NULL && i < list->rrl_nr; i++) {
        d_write_string_buffer(&b, "%s%u", i ? "," : "", list->rrl_ranges[i].lo);
        if (list->rrl_ranges[i].hi > list->rrl_ranges[i].lo)
            d_write_string_buffer(&b, "-%u", list->rrl_ranges[i].hi);
    }
    d_write_string_buffer(&b, "]");
    if (b.status != 0) {
        d_free_string(&b);
        return -DER_NOMEM;
    }
    *ranks_str = b.str;
    return 0;
}

void d_rank_range_list_free(d_rank_range_list_t *range_list)
{
    if (range_list == NULL)
        return;
    base_free(range_list->rrl_ranges);
    base_free(range_list);
}

int d_rank_list_to_str(d_rank_list_t *rank_list, char **rank_str)
{
    d_rank_range_list_t *l;
    int rc;

    *rank_str = NULL;
    if (rank_list == NULL)
        return 0;
    l = d_rank_range_list_create_from_ranks(rank_list);
    if (l == NULL)
        return -DER_NOMEM;
    rc = d_rank_range_list_str(l, rank_str);
    d_rank_range_list_free(l);
    return rc;
}

int d_rank_list_dump(d_rank_list_t *rank_list, d_string_t name, int name_len)
{
    char *text;
    int rc = d_rank_list_to_str(rank_list, &text);

    if (rc != 0)
        return rc;
    D_DEBUG(DB_ANY, "%.*s: %s\n", name_len, name, text ? text : "no list");
    base_free(text);
    return 0;
}

void d_rank_list_shuffle(d_rank_list_t *rank_list)
{
    uint32_t i, j;
    d_rank_t r;

    for (i = rank_list != NULL ? rank_list->rl_nr : 0; i > 1; i--) {
        j = (uint32_t)((uint64_t)d_rand() % i);
        r = rank_list->rl_ranks[i - 1];
        rank_list->rl_ranks[i - 1] = rank_list->rl_ranks[j];
        rank_list->rl_ranks[j] = r;
    }
}

d_rank_list_t *daos_rank_list_parse(const char *str, const char *sep)
{
    d_rank_list_t *l;
    char *end;

    if (str == NULL || sep == NULL || *str == '\0')
        return NULL;
    l = d_rank_list_alloc(0);
    while (l != NULL) {
        unsigned long n;

        if (*str < '0' || *str > '9')
            break;
        errno = 0;
        n = strtoul(str, &end, 10);
        if (errno != 0 || n >= UINT32_MAX || d_rank_list_append(l, (d_rank_t)n) != 0)
            break;
        if (*end == '\0')
            return l;
        if (strchr(sep, *end) == NULL)
            break;
        str = end + 1;
    }
    d_rank_list_free(l);
    return NULL;
}

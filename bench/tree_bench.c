/*
 * What trees cost: CPU time of an operation on a tree of a million entries in a volatile heap, and
 * bytes of nodes an entry takes.
 *
 *     tree_bench [entries]
 *
 * Inserts run in transactions of one and of sixteen, since a transaction has a cost of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/hash.h"
#include "heap/tree.h"

struct bench {
    struct heap *h;
    uint64_t root;
    uint64_t nr;
};

static const struct tree_class ints = {0};

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t rising(uint64_t i)
{
    return i;
}

static uint64_t scattered(uint64_t i)
{
    return mix64(i + 1);
}

static void open_empty(struct bench *b)
{
    struct heap_conf conf = {0};
    uint64_t owner;

    ASSERT(heap_open(&conf, &b->h, NULL) == 0);
    heap_lock(b->h);
    ASSERT(heap_tx_begin(b->h, 4096) == 0);
    ASSERT(heap_tx_alloc(b->h, 64, 0, &owner, NULL) == 0);
    heap_tx_commit(b->h, NULL);
    b->root = owner;
}

static void close_all(struct bench *b)
{
    heap_unlock(b->h);
    heap_close(b->h, true);
}

static void insert(struct bench *b, const char *name, uint64_t (*order)(uint64_t i), uint32_t batch)
{
    struct heap_stat st;
    double start;

    open_empty(b);
    start = cpu_ns();
    for (uint64_t i = 0; i < b->nr; i += batch) {
        ASSERT(heap_tx_begin(b->h, batch * 512 + TREE_REDO_MAX) == 0);
        for (uint64_t j = i; j < i + batch; j++)
            ASSERT(tree_insert(b->h, &ints, b->root, &(struct tree_key){.order = order(j)}, j) ==
                   0);
        heap_tx_commit(b->h, NULL);
    }
    start = cpu_ns() - start;
    heap_stat(b->h, &st);
    printf("insert %-10s %2u a transaction  %6.0f ns  %5.1f bytes an entry\n", name, batch,
           start / (double)b->nr, (double)st.alloc_bytes / (double)b->nr);
}

static void find(struct bench *b)
{
    double start = cpu_ns();
    uint64_t value;

    for (uint64_t i = 0; i < b->nr; i++)
        ASSERT(tree_find(b->h, &ints, b->root,
                         &(struct tree_key){.order = scattered(mix64(i) % b->nr)}, &value) == 0);
    printf("find   scattered                   %6.0f ns\n", (cpu_ns() - start) / (double)b->nr);
}

static void scan(struct bench *b)
{
    struct tree_entry ent[64];
    struct tree_key key;
    uint64_t seen = 0;
    uint32_t nr;
    double start = cpu_ns();
    int rc = tree_scan(b->h, &ints, b->root, TREE_FIRST, NULL, ent, 64, &nr);

    while (rc == 0) {
        seen += nr;
        key = (struct tree_key){.order = ent[nr - 1].order};
        rc = tree_scan(b->h, &ints, b->root, TREE_GT, &key, ent, 64, &nr);
    }
    ASSERT(seen == b->nr);
    printf("scan   all                         %6.0f ns\n", (cpu_ns() - start) / (double)seen);
}

static void removal(struct bench *b)
{
    double start = cpu_ns();

    for (uint64_t i = 0; i < b->nr; i++) {
        ASSERT(heap_tx_begin(b->h, TREE_REDO_MAX) == 0);
        ASSERT(tree_remove(b->h, &ints, b->root, &(struct tree_key){.order = scattered(i)}) == 0);
        heap_tx_commit(b->h, NULL);
    }
    printf("remove scattered   1 a transaction  %6.0f ns\n", (cpu_ns() - start) / (double)b->nr);
}

int main(int argc, char **argv)
{
    struct bench b = {.nr = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000};

    b.nr = MAX(ROUND_UP(b.nr, (uint64_t)16), (uint64_t)16);
    insert(&b, "rising", rising, 1);
    close_all(&b);
    insert(&b, "rising", rising, 16);
    close_all(&b);
    insert(&b, "scattered", scattered, 16);
    close_all(&b);
    insert(&b, "scattered", scattered, 1);
    find(&b);
    scan(&b);
    removal(&b);
    close_all(&b);
    return 0;
}

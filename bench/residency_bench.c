/*
 * How pages larger than memory could be kept, two ways (docs/decisions/0006): an anonymous mapping
 * with every page at its own address, whose memory madvise() gives back; and a pool of frames with
 * a table that says where a page is. What a hit and a miss cost in each, in one run. The misses
 * read from a file in the directory given (default /dev/shm, where the device costs least and the
 * rest shows best).
 *
 *     residency_bench [DIR]
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"

#define PAGE     16384ull
#define PAGES    (uint32_t)((2ull << 30) / PAGE)   /* of the file */
#define FRAMES   (uint32_t)((256ull << 20) / PAGE) /* that may be in memory */
#define HITS     20000000u
#define MISSES   40000u
#define RESIDENT 1u
#define USED     2u

/* State of a page, as small as the heap's own. */
struct vol {
    char *mem; /* frames only */
    uint16_t flags, pins;
    uint32_t list;
};

struct way {
    const char *name;
    bool frames, huge;
    char *base; /* mapping: of page 0; frames: of frame 0 */
    size_t size;
    struct vol *vol;
    uint32_t *owner; /* page of each frame, or of each slot of the clock */
    uint32_t hand;
    int fd;
};

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static char *reserve(size_t size, bool huge)
{
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    ASSERT(p != MAP_FAILED);
    madvise(p, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return p;
}

static inline char *addr(const struct way *w, uint32_t page)
{
    return w->frames ? w->vol[page].mem : w->base + page * PAGE;
}

/* A slot of the clock whose page has left. */
static uint32_t evict(struct way *w)
{
    for (;;) {
        uint32_t slot = w->hand, page = w->owner[slot];
        struct vol *v = &w->vol[page];

        w->hand = (w->hand + 1) % FRAMES;
        if (page != UINT32_MAX && v->flags & USED) {
            v->flags &= (uint16_t)~USED;
            continue;
        }
        if (page == UINT32_MAX)
            return slot;
        v->flags = 0;
        if (!w->frames)
            madvise(w->base + page * PAGE, PAGE, MADV_DONTNEED);
        return slot;
    }
}

static void load(struct way *w, uint32_t page)
{
    uint32_t slot = evict(w);
    char *at = w->frames ? w->base + slot * PAGE : w->base + page * PAGE;

    w->owner[slot] = page;
    ASSERT(pread(w->fd, at, PAGE, (off_t)(page * PAGE)) == (ssize_t)PAGE);
    w->vol[page].mem = at;
    w->vol[page].flags = RESIDENT;
}

static uint64_t touch(struct way *w, uint64_t draw, uint32_t pages)
{
    uint32_t page = (uint32_t)(draw % pages);
    struct vol *v = &w->vol[page];

    if (!(v->flags & RESIDENT))
        load(w, page);
    if (!(v->flags & USED))
        v->flags |= USED;
    return *(uint64_t *)(addr(w, page) + (draw >> 32) % (PAGE / 64) * 64);
}

static double each(struct way *w, uint32_t n, uint32_t pages, uint64_t salt)
{
    uint64_t sum = 0;
    double from = now_ns(), ns;

    for (uint32_t i = 0; i < n; i++)
        sum += touch(w, mix64(salt + i) + (sum & 1) * 0, pages);
    ns = (now_ns() - from) / n;
    ASSERT(sum != 1); /* the reads are not left out */
    return ns;
}

static void set_up(struct way *w, int fd)
{
    w->size = w->frames ? FRAMES * PAGE : PAGES * PAGE;
    w->base = reserve(w->size, w->huge);
    w->vol = calloc(PAGES, sizeof(*w->vol));
    w->owner = malloc(FRAMES * sizeof(*w->owner));
    w->fd = fd;
    ASSERT(w->vol != NULL && w->owner != NULL);
    for (uint32_t i = 0; i < FRAMES; i++)
        w->owner[i] = UINT32_MAX;
}

static int make_file(const char *dir)
{
    char path[4096], page[PAGE];
    int fd;

    snprintf(path, sizeof(path), "%s/residency_bench.XXXXXX", dir);
    fd = mkstemp(path);
    ASSERT(fd >= 0);
    unlink(path);
    memset(page, 2, sizeof(page));
    for (uint32_t i = 0; i < PAGES; i++)
        ASSERT(write(fd, page, PAGE) == (ssize_t)PAGE);
    return fd;
}

int main(int argc, char **argv)
{
    struct way ways[] = {
        {.name = "mapping, pages of 4 KiB"},
        {.name = "mapping, large pages", .huge = true},
        {.name = "frames, pages of 4 KiB", .frames = true},
        {.name = "frames, large pages", .frames = true, .huge = true},
    };
    int fd = make_file(argc > 1 ? argv[1] : "/dev/shm");
    char page[PAGE];
    double bare;

    bare = now_ns();
    for (uint32_t i = 0; i < MISSES; i++)
        ASSERT(pread(fd, page, PAGE, (off_t)(mix64(i) % PAGES * PAGE)) == (ssize_t)PAGE);
    bare = (now_ns() - bare) / MISSES;
    printf("%u MiB in %u MiB of memory; the read of a page alone takes %.2f us\n",
           (unsigned)(PAGES * PAGE >> 20), (unsigned)(FRAMES * PAGE >> 20), bare / 1e3);
    printf("  %-26s %10s %14s\n", "", "hit, ns", "miss, us (x of the read)");
    for (uint32_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct way *w = &ways[i];
        double hit, miss;

        set_up(w, fd);
        for (uint32_t p = 0; p < FRAMES * 9 / 10; p++)
            touch(w, p, PAGES);
        hit = each(w, HITS, FRAMES * 9 / 10, 1);
        each(w, MISSES / 4, PAGES, 2);
        miss = each(w, MISSES, PAGES, 3);
        /* one access in eight is a hit */
        miss = (miss - hit / 8) * 8 / 7;
        printf("  %-26s %10.1f %10.2f (%.2f)\n", w->name, hit, miss / 1e3, miss / bare);
        fflush(stdout);
        munmap(w->base, w->size);
        free(w->vol);
        free(w->owner);
    }
    close(fd);
    return 0;
}

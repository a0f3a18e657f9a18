/*
 * What is left over when everything has been walked: allocations that nothing refers to, and blocks
 * of data space marked in use that no value refers to. They cost room and nothing else; behind a
 * damaged page that is where what hung on it has gone.
 */
#include <stdarg.h>
#include <stdio.h>
#include "engine/engine_int.h"

#define TOLD_MAX 50u /* left over allocations, and runs of blocks, told one by one */

struct left {
    struct check_left *l;
    struct svc_checker svc;
    bool done;
    uint64_t group, page, block;
    struct heap_leaks leaks;
    struct space_extent run;
    uint64_t nr, bytes, blocks;
};

static void __attribute__((format(printf, 2, 3))) say(struct left *f, const char *fmt, ...)
{
    char text[320];
    va_list ap;

    if (f->l->report == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    f->l->report(f->l->arg, text);
}

/* ---- The service and data space ---- */

static int svc_step(struct shard *s, void *arg)
{
    struct left *f = arg;

    return svc_check_step(s->svc, &f->svc, f->l->refs, f->l->report, f->l->arg, &f->done);
}

static int space_step(struct shard *s, void *arg)
{
    struct left *f = arg;
    uint64_t group = f->group;
    bool more;
    int rc = heap_refs_space(s->heap, f->l->refs, &group, &more);

    if (rc == 0) {
        f->group = group;
        f->done = !more;
    }
    return rc;
}

static int meet(struct shard *s, struct left *f)
{
    int rc = 0;

    f->done = s->svc == NULL;
    while (rc == 0 && !f->done)
        rc = shard_run(s, svc_step, f);
    *f->l->problems += f->svc.problems;
    f->done = false;
    while (rc == 0 && !f->done)
        rc = shard_run(s, space_step, f);
    return rc;
}

int check_refs_meet(struct shard *s, struct check_left *l)
{
    struct left *f = base_calloc(1, sizeof(*f));
    int rc;

    if (f == NULL)
        return -DER_NOMEM;
    f->l = l;
    rc = meet(s, f);
    base_free(f);
    return rc;
}

/* ---- What is left over ---- */

static const char *kind_name(uint8_t kind)
{
    switch (kind) {
    case 'V':
        return "a superblock of the store";
    case 'C':
        return "a container";
    case 'T':
        return "a session";
    case 'O':
        return "an object";
    case 'D':
    case 'K':
        return "a dkey";
    case 'A':
        return "an akey";
    case 'S':
        return "a single value";
    case 'E':
        return "an extent";
    case 'P':
    case 'M':
    case 'W':
        return "an entry of an existence log";
    case 0xa7:
    case 0xb8:
        return "a node of a tree";
    default:
        return "bytes of a value, or of unknown kind";
    }
}

static int page_step(struct shard *s, void *arg)
{
    struct left *f = arg;

    return heap_refs_leaks(s->heap, f->l->refs, f->page, &f->leaks);
}

static void tell_page(struct left *f)
{
    for (uint32_t i = 0; i < f->leaks.nr; i++) {
        uint64_t off = f->leaks.off[i];

        if (f->nr++ < TOLD_MAX)
            say(f,
                "page %llu: nothing refers to the allocation of %u bytes at heap offset %llu; "
                "it looks like %s",
                (unsigned long long)(off / HEAP_PAGE_SIZE), f->leaks.size, (unsigned long long)off,
                kind_name(f->leaks.kind[i]));
        f->bytes += f->leaks.size;
    }
}

static int allocations(struct shard *s, struct left *f)
{
    int rc = 0;

    for (f->page = 0; f->page < f->l->refs->pages && rc == 0; f->page++) {
        rc = shard_run(s, page_step, f);
        if (rc == -DER_CSUM || rc == -DER_IO) /* the page has been told of */
            rc = 0;
        else if (rc == 0)
            tell_page(f);
        if (rc == 0 && f->l->advance != NULL)
            rc = f->l->advance(f->l->advance_arg, 1);
        if (f->page % 64 == 0)
            rt_yield();
    }
    *f->l->problems += f->nr;
    if (f->nr > TOLD_MAX)
        say(f,
            "nothing refers to %llu allocations of %llu bytes of metadata together; %u of them "
            "are listed",
            (unsigned long long)f->nr, (unsigned long long)f->bytes, TOLD_MAX);
    return rc;
}

static int block_step(struct shard *s, void *arg)
{
    struct left *f = arg;

    return heap_refs_block_leaks(s->heap, f->l->refs, f->block, &f->run);
}

static int blocks(struct shard *s, struct left *f)
{
    uint64_t runs = 0;
    int rc = 0;

    for (f->block = 0; f->block < f->l->refs->blocks && rc == 0;) {
        rc = shard_run(s, block_step, f);
        if (rc == -DER_CSUM || rc == -DER_IO) { /* that bitmap has been told of */
            f->run.nr = 0;
            rc = 0;
        }
        if (rc != 0 || f->run.nr == 0) {
            f->block = (f->block / SPACE_GROUP_BLOCKS + 1) * SPACE_GROUP_BLOCKS;
            continue;
        }
        if (runs++ < TOLD_MAX)
            say(f, "data blocks %llu to %llu are marked in use, but no value refers to them",
                (unsigned long long)f->run.block,
                (unsigned long long)(f->run.block + f->run.nr - 1));
        f->blocks += f->run.nr;
        f->block = f->run.block + f->run.nr;
    }
    *f->l->problems += runs;
    if (runs > TOLD_MAX)
        say(f,
            "%llu data blocks in %llu places are marked in use, but no value refers to them; %u "
            "places are listed",
            (unsigned long long)f->blocks, (unsigned long long)runs, TOLD_MAX);
    return rc;
}

int check_refs(struct shard *s, struct check_left *l)
{
    struct left *f = base_calloc(1, sizeof(*f));
    int rc;

    if (f == NULL)
        return -DER_NOMEM;
    f->l = l;
    rc = meet(s, f);
    if (rc == 0)
        rc = allocations(s, f);
    if (rc == 0)
        rc = blocks(s, f);
    base_free(f);
    return rc;
}

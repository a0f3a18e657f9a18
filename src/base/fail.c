#include "base/fail.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static struct base_fail *injected; /* set by tests only */

void base_fail_set(struct base_fail *f)
{
    __atomic_store_n(&injected, f, __ATOMIC_RELEASE);
}

bool base_fail_hit(void)
{
    struct base_fail *f = __atomic_load_n(&injected, __ATOMIC_ACQUIRE);
    uint64_t n;

    if (__builtin_expect(!f, 1))
        return false;
    n = __atomic_add_fetch(&f->seen, 1, __ATOMIC_RELAXED);
    if (!f->fail_at || (f->forever ? n < f->fail_at : n != f->fail_at))
        return false;
    if (f->every != 0)
        __atomic_add_fetch(&f->fail_at, f->every, __ATOMIC_RELAXED);
    __atomic_add_fetch(&f->failed, 1, __ATOMIC_RELAXED);
    return true;
}

/* No allocation of 0 bytes (its pointer might be NULL), and none that only a wrong computation asks
 * for. */
static bool refused(size_t size)
{
    return base_fail_hit() || size > PTRDIFF_MAX;
}

void *base_alloc(size_t size)
{
    return refused(size) ? NULL : malloc(size ? size : 1);
}

void *base_calloc(size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        bytes = SIZE_MAX;
    return refused(bytes) ? NULL : calloc(1, bytes ? bytes : 1);
}

void *base_realloc(void *ptr, size_t size)
{
    return refused(size) ? NULL : realloc(ptr, size ? size : 1);
}

static bool refused_aligned(size_t size)
{
    struct base_fail *f = __atomic_load_n(&injected, __ATOMIC_ACQUIRE);

    return f != NULL && f->not_aligned ? size > PTRDIFF_MAX : refused(size);
}

void *base_aligned(size_t align, size_t size)
{
    void *p;

    if (refused_aligned(size) ||
        posix_memalign(&p, MAX(align, sizeof(void *)), size ? size : 1) != 0)
        return NULL;
    return p;
}

char *base_strdup(const char *s)
{
    return base_strndup(s, SIZE_MAX);
}

char *base_strndup(const char *s, size_t max)
{
    size_t len = strnlen(s, max);
    char *p = base_alloc(len + 1);

    if (!p)
        return NULL;
    memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

void base_free(void *ptr)
{
    free(ptr);
}

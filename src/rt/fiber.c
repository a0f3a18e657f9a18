/*
 * A fiber's memory is one mapping: a guard page that faults on overflow, the stack above it, and
 * struct rt_fiber at the top. The registers of a fiber that does not run lie on its stack; ctx.sp
 * points at them.
 *
 * Sanitizers and valgrind must be told of every switch, or they take a stack for another's.
 */
#include "rt/fiber.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fail.h"
#include "rt/priv.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define HAVE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAVE_TSAN 1
#endif
#endif

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef HAVE_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#include "rt/valgrind.h"

#if defined(HAVE_ASAN) || defined(HAVE_TSAN)
#define STACK_BYTES ((size_t)256 << 10) /* instrumented frames are several times larger */
#else
#define STACK_BYTES ((size_t)64 << 10)
#endif

void rt_fiber_swap(void **save_sp, void *load_sp);
void rt_fiber_entry(void);

/* What rt_fiber_swap pops from a stack that has never run. */
static void *first_frame(char *top, struct rt_fiber *f)
{
#if defined(__x86_64__)
    uint64_t *frame = (uint64_t *)top - 8;
    uint32_t mxcsr = 0x1f80, fpucw = 0x037f; /* the ABI's values at process start */

    frame[0] = (uint64_t)mxcsr << 32 | fpucw;
    frame[1] = frame[2] = 0;                    /* r15, r14 */
    frame[3] = (uint64_t)(uintptr_t)fiber_main; /* r13 */
    frame[4] = (uint64_t)(uintptr_t)f;          /* r12 */
    frame[5] = frame[6] = 0;                    /* rbx, rbp */
    frame[7] = (uint64_t)(uintptr_t)rt_fiber_entry;
#elif defined(__aarch64__)
    uint64_t *frame = (uint64_t *)top - 22;

    memset(frame, 0, 22 * sizeof(*frame));
    frame[0] = (uint64_t)(uintptr_t)f;          /* x19 */
    frame[1] = (uint64_t)(uintptr_t)fiber_main; /* x20 */
    frame[11] = (uint64_t)(uintptr_t)rt_fiber_entry;
#else
#error "fibers need a few lines of assembly for this processor: see fiber_x86_64.S"
#endif
    return frame;
}

static struct rt_fiber *fiber_map(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = ROUND_UP(STACK_BYTES, page) + page;
    struct rt_fiber *f;
    char *map;

    map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
               0);
    if (map == MAP_FAILED)
        return NULL;
    if (mprotect(map, page, PROT_NONE) != 0) {
        munmap(map, size);
        return NULL;
    }
    f = (struct rt_fiber *)(map + size - ROUND_UP(sizeof(*f), (size_t)64));
    f->map = map;
    f->map_size = size;
    f->ctx.stack_low = map + page;
    f->ctx.stack_size = (size_t)((char *)f - map) - page;
    f->valgrind_id = (unsigned)VALGRIND_STACK_REGISTER(map + page, f);
    return f;
}

static void fiber_unmap(struct rt_fiber *f)
{
    VALGRIND_STACK_DEREGISTER(f->valgrind_id);
    munmap(f->map, f->map_size);
}

struct rt_fiber *fiber_new(struct fiber_pool *pool)
{
    struct rt_fiber *f;

    if (base_fail_hit())
        return NULL;
    guard_lock(&pool->guard);
    f = pool->free;
    if (f) {
        pool->free = f->next;
        pool->count--;
    }
    guard_unlock(&pool->guard);
    if (!f)
        f = fiber_map();
    if (!f)
        return NULL;
#ifdef HAVE_ASAN
    __asan_unpoison_memory_region(f->ctx.stack_low, f->ctx.stack_size);
#endif
#ifdef HAVE_TSAN
    f->ctx.tsan = __tsan_create_fiber(0);
#endif
    f->ctx.fake_stack = NULL;
    f->ctx.sp = first_frame((char *)f, f);
    f->next = NULL;
    f->local = NULL;
    f->done = false;
    return f;
}

void fiber_free(struct fiber_pool *pool, struct rt_fiber *f)
{
    bool keep;

#ifdef HAVE_TSAN
    __tsan_destroy_fiber(f->ctx.tsan);
#endif
    guard_lock(&pool->guard);
    keep = pool->count < FIBER_POOL_MAX;
    if (keep) {
        f->next = pool->free;
        pool->free = f;
        pool->count++;
    }
    guard_unlock(&pool->guard);
    if (!keep)
        fiber_unmap(f);
}

void fiber_pool_fini(struct fiber_pool *pool)
{
    while (pool->free) {
        struct rt_fiber *f = pool->free;

        pool->free = f->next;
        fiber_unmap(f);
    }
    pool->count = 0;
}

void fiber_ctx_thread(struct fiber_ctx *ctx)
{
#ifdef HAVE_TSAN
    ctx->tsan = __tsan_get_current_fiber();
#else
    (void)ctx;
#endif
}

void fiber_switch(struct fiber_ctx *from, struct fiber_ctx *to, bool ending)
{
#ifdef HAVE_ASAN
    __sanitizer_start_switch_fiber(ending ? NULL : &from->fake_stack, to->stack_low,
                                   to->stack_size);
#else
    (void)ending;
#endif
#ifdef HAVE_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    rt_fiber_swap(&from->sp, to->sp);
#ifdef HAVE_ASAN
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

void fiber_arrived(struct fiber_ctx *self, struct fiber_ctx *came_from)
{
#ifdef HAVE_ASAN
    /* the first switch away from the thread's own stack tells where that stack is */
    __sanitizer_finish_switch_fiber(self->fake_stack, &came_from->stack_low,
                                    &came_from->stack_size);
#else
    (void)self;
    (void)came_from;
#endif
}

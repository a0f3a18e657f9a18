/* What the tests of io share: a story runs on a fiber of an xstream, on whose memory and disks it
 * may wait. */
#ifndef TARN_IO_TEST_H
#define TARN_IO_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "daos_errno.h"
#include "base/assert.h"
#include "base/err.h"
#include "io/io.h"
#include "rt/rt.h"

/* cmocka's assertions jump, which a fiber's stack does not survive: on fibers a failed check ends
 * the program. */
#define CHECK(cond)                                                                                \
    ((cond) ? (void)0                                                                              \
            : (fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #cond), abort()))
#define CHECK_RC(expr, want)                                                                       \
    do {                                                                                           \
        int rc_ = (expr);                                                                          \
        if (rc_ != (want)) {                                                                       \
            fprintf(stderr, "%s:%d: %s is %s (%d), not %s\n", __FILE__, __LINE__, #expr,           \
                    d_errstr(rc_), rc_, #want);                                                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct story {
    void (*fn)(struct rt_xs *xs, void *arg);
    struct rt_xs *xs;
    void *arg;
    struct rt_event done;
};

static inline void story_fiber(void *arg)
{
    struct story *st = arg;

    st->fn(st->xs, st->arg);
    rt_event_set(&st->done);
}

/* Runs fn to its end on a fiber of a fresh xstream. */
static inline void run_story_conf(const struct rt_xs_conf *conf,
                                  void (*fn)(struct rt_xs *xs, void *arg), void *arg)
{
    struct story st = {.fn = fn, .arg = arg};

    rt_event_init(&st.done);
    assert_int_equal(rt_xs_create(conf, &st.xs), 0);
    assert_int_equal(rt_spawn_on(st.xs, story_fiber, &st), 0);
    rt_event_wait(&st.done);
    rt_xs_destroy(st.xs);
}

static inline void run_story(void (*fn)(struct rt_xs *xs, void *arg), void *arg)
{
    struct rt_xs_conf conf = {.cpu = -1, .name = "io-test"};

    run_story_conf(&conf, fn, arg);
}

/* Fills buf so that each 8 bytes say where they belong and which version they are. */
static inline void fill(void *buf, size_t len, uint64_t off, uint64_t version)
{
    uint64_t *w = buf;

    for (size_t i = 0; i < len / 8; i++)
        w[i] = (off + i * 8) * UINT64_C(0x9e3779b97f4a7c15) ^ version;
}

static inline bool is_filled(const void *buf, size_t len, uint64_t off, uint64_t version)
{
    const uint64_t *w = buf;

    for (size_t i = 0; i < len / 8; i++) {
        if (w[i] != ((off + i * 8) * UINT64_C(0x9e3779b97f4a7c15) ^ version))
            return false;
    }
    return true;
}

static inline bool is_zero(const void *buf, size_t len)
{
    const uint8_t *b = buf;

    return len == 0 || (b[0] == 0 && memcmp(b, b + 1, len - 1) == 0);
}

#endif

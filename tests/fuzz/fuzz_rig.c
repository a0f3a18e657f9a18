#include "fuzz.h"
#include <ftw.h>
#include <unistd.h>
#include "base/log.h"
#include "rt/rt.h"

void fuzz_failed(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    abort();
}

/* ---- Input ---- */

static uint64_t feed_int(struct feed *f, size_t len)
{
    uint64_t v = 0;
    size_t n = MIN(len, f->left);

    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)f->at[i] << (8 * i);
    f->at += n;
    f->left -= n;
    return v;
}

uint8_t feed_u8(struct feed *f)
{
    return (uint8_t)feed_int(f, 1);
}

uint16_t feed_u16(struct feed *f)
{
    return (uint16_t)feed_int(f, 2);
}

uint32_t feed_u32(struct feed *f)
{
    return (uint32_t)feed_int(f, 4);
}

uint64_t feed_u64(struct feed *f)
{
    return feed_int(f, 8);
}

const uint8_t *feed_bytes(struct feed *f, size_t n, size_t *got)
{
    const uint8_t *p = f->at;

    *got = MIN(n, f->left);
    f->at += *got;
    f->left -= *got;
    return p;
}

const char *feed_text(struct feed *f, char *buf, size_t room)
{
    const uint8_t *p = f->at, *end;
    size_t len;

    if (f->left == 0)
        return NULL;
    end = memchr(p, 0xff, f->left);
    len = end != NULL ? (size_t)(end - p) : f->left;
    f->at += len + (end != NULL);
    f->left -= len + (end != NULL);
    len = MIN(len, room - 1);
    memcpy(buf, p, len);
    buf[len] = '\0';
    return buf;
}

void *fuzz_tight(const void *bytes, size_t len)
{
    void *copy = malloc(len + (len == 0));

    if (copy == NULL)
        abort();
    if (len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

/* ---- Surroundings ---- */

static void no_line(enum log_level level, const char *line)
{
}

void fuzz_quiet(void)
{
    log_set_sink(no_line);
}

static struct rt_xs *xs;

struct rt_xs *fuzz_xs(void)
{
    return xs;
}

struct story {
    void (*fn)(void *arg);
    void *arg;
    struct rt_event done;
};

static void story_fiber(void *arg)
{
    struct story *s = arg;

    s->fn(s->arg);
    rt_event_set(&s->done);
}

static void xs_end(void)
{
    rt_xs_destroy(xs);
}

void fuzz_on_fiber(void (*fn)(void *arg), void *arg)
{
    struct rt_xs_conf conf = {.cpu = -1, .name = "fuzz", .ring_entries = UINT32_MAX};
    struct story s = {.fn = fn, .arg = arg};

    if (xs == NULL) {
        if (rt_xs_create(&conf, &xs) != 0)
            abort();
        atexit(xs_end);
    }
    rt_event_init(&s.done);
    if (rt_spawn_on(xs, story_fiber, &s) != 0)
        abort();
    rt_event_wait(&s.done);
}

static char dir[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static void dir_end(void)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_dir(void)
{
    if (dir[0] == '\0') {
        /* in memory where there is such a place: some targets make files durable at every input */
        snprintf(dir, sizeof(dir), "%s/tarn-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (mkdtemp(dir) == NULL)
            abort();
        atexit(dir_end);
    }
    return dir;
}

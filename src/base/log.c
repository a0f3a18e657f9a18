#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

static _Atomic int log_level = LOG_LEVEL_WARN;
static _Atomic int log_fd = STDERR_FILENO;
static void (*_Atomic log_sink)(enum log_level level, const char *line);
static uint64_t (*_Atomic log_clock)(void);

static const char *const level_names[] = {"ERROR", "WARN", "INFO", "DEBUG"};

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

void log_set_level(enum log_level level)
{
    atomic_store(&log_level, (int)level);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load(&log_level);
}

void log_set_sink(void (*sink)(enum log_level level, const char *line))
{
    atomic_store(&log_sink, sink);
}

void log_set_clock(uint64_t (*wall_ns)(void))
{
    atomic_store(&log_clock, wall_ns);
}

int log_level_parse(const char *mask)
{
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {
        {"ERR", LOG_LEVEL_ERROR},   {"ERROR", LOG_LEVEL_ERROR}, {"CRIT", LOG_LEVEL_ERROR},
        {"FATAL", LOG_LEVEL_ERROR}, {"ALRT", LOG_LEVEL_ERROR},  {"EMRG", LOG_LEVEL_ERROR},
        {"EMIT", LOG_LEVEL_ERROR},  {"WARN", LOG_LEVEL_WARN},   {"NOTE", LOG_LEVEL_INFO},
        {"INFO", LOG_LEVEL_INFO},   {"DEBUG", LOG_LEVEL_DEBUG}, {"DBUG", LOG_LEVEL_DEBUG},
        {"TRACE", LOG_LEVEL_DEBUG},
    };
    const char *item = mask;

    /* "FACILITY=LEVEL" items belong to DAOS's facilities, which we do not have: skip them */
    while (item) {
        size_t len = strcspn(item, ",");

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (strlen(names[i].name) == len && strncasecmp(item, names[i].name, len) == 0)
                return (int)names[i].level;
        item = item[len] ? item + len + 1 : NULL;
    }
    return -1;
}

int log_set_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int old = atomic_load(&log_fd), rc = 0;

    if (fd < 0)
        return -errno;
    if (old == STDERR_FILENO || old == fd) { /* the same: it was closed behind our back */
        atomic_store(&log_fd, fd);
        return 0;
    }
    /* a thread may be about to write: the number stays a log file's at every moment */
    if (dup3(fd, old, O_CLOEXEC) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

static void log_open(const char *path)
{
    int rc = log_set_file(path);

    if (rc != 0)
        LOG_WARN("cannot write the log file %s (D_LOG_FILE): %s; logging to standard error", path,
                 strerror(-rc));
}

void log_init_env(void)
{
    const char *mask = getenv("D_LOG_MASK");
    const char *path = getenv("D_LOG_FILE");
    int level = mask ? log_level_parse(mask) : -1;

    if (level >= 0)
        log_set_level((enum log_level)level);
    if (path && *path)
        log_open(path);
}

static uint64_t log_now_ns(void)
{
    uint64_t (*clock)(void) = atomic_load(&log_clock);
    struct timespec ts;

    if (clock)
        return clock();
    clock_gettime(CLOCK_REALTIME, &ts); /* only ever printed: nothing depends on it */
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* "2026-11-22 20:44:08.123456 WARN  heap/wal.c:12: " */
static int log_prefix(char *buf, size_t len, enum log_level level, const char *file, int line)
{
    uint64_t now = log_now_ns();
    time_t sec = (time_t)(now / UINT64_C(1000000000));
    const char *src = strstr(file, "src/");
    struct tm tm;
    char day[32];

    gmtime_r(&sec, &tm);
    strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
    return snprintf(buf, len, "%s.%06u %-5s %s:%d: ", day,
                    (unsigned)(now % UINT64_C(1000000000) / 1000), level_names[level],
                    src ? src + 4 : file, line);
}

void log_line(enum log_level level, const char *file, int line, const char *fmt, ...)
{
    void (*sink)(enum log_level, const char *) = atomic_load(&log_sink);
    char buf[LOG_LINE_MAX];
    const size_t room = sizeof(buf) - 2; /* '\n' and NUL */
    int saved_errno = errno;
    va_list ap;
    int at, n;

    at = MIN(log_prefix(buf, room, level, file, line), (int)room - 1);
    va_start(ap, fmt);
    n = vsnprintf(buf + at, room - (size_t)at, fmt, ap);
    va_end(ap);
    if (n > 0)
        at += MIN(n, (int)room - at - 1);
    /* one event is one line, whatever a peer put into a name */
    for (int i = 0; i < at; i++)
        if (buf[i] == '\n' || buf[i] == '\r')
            buf[i] = ' ';
    buf[at] = '\n';
    buf[at + 1] = '\0';
    if (sink)
        sink(level, buf);
    else if (write(atomic_load(&log_fd), buf, (size_t)at + 1) < 0)
        errno = 0; /* nowhere left to say it */
    errno = saved_errno;
}

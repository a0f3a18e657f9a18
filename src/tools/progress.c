#include "tools/progress.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/size.h"
#include "tools/tool.h"

#define TTY_MS        200
#define PLAIN_SECONDS 5.0
#define BAR_WIDTH     20
/* timeout(1) signals its child and then its group: a second signal as soon as that is the first */
#define SAME_SECONDS 0.5

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double progress_seconds(const struct progress *p)
{
    return now() - p->started;
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

void progress_init(struct progress *p, const char *verb, const char *unit, FILE *out)
{
    sigset_t set;

    memset(p, 0, sizeof(*p));
    p->verb = verb;
    p->unit = unit;
    p->out = out;
    p->tty = out != NULL && isatty(fileno(out));
    p->started = now();
    p->last_plain = p->started;
    block_signals(&set);
    p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void progress_fini(struct progress *p)
{
    if (p->signal_fd >= 0)
        close(p->signal_fd);
    if (p->wake_fd >= 0)
        close(p->wake_fd);
}

static void bar(double part, char *buf, size_t len)
{
    unsigned full = (unsigned)(part * BAR_WIDTH + 0.5);
    size_t at = 0;

    buf[at++] = '[';
    for (unsigned i = 0; i < BAR_WIDTH && at + 2 < len; i++)
        buf[at++] = i < full ? '=' : ' ';
    buf[at++] = ']';
    buf[at] = '\0';
}

static void time_left(double seconds, char *buf, size_t len)
{
    unsigned s = (unsigned)(seconds + 0.5);

    if (s >= 3600)
        snprintf(buf, len, "%u:%02u:%02u left", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(buf, len, "%u:%02u left", s / 60, s % 60);
}

/* How much is done, 0 to 1: files cost time and bytes cost time, so the mean of the two. */
static double part_done(const struct progress_state *st)
{
    double files = st->total > 0 ? (double)st->done / (double)st->total : 1;
    double bytes = st->total_bytes > 0 ? (double)st->bytes / (double)st->total_bytes : files;
    double part = st->total > 0 ? (files + bytes) / 2 : bytes;

    return part > 1 ? 1 : part;
}

void progress_line(const char *verb, const char *unit, const struct progress_state *st,
                   unsigned width, char *buf, size_t len)
{
    char done[COUNT_TEXT_MAX], total[COUNT_TEXT_MAX], bytes[SIZE_TEXT_MAX],
        total_bytes[SIZE_TEXT_MAX], rate[SIZE_TEXT_MAX];
    char left[32] = "", bar_text[BAR_WIDTH + 3] = "", line[256];
    size_t at = 0;
    bool known = st->total_known && (st->total > 0 || st->total_bytes > 0);

    if (known) {
        double part = part_done(st);

        bar(part, bar_text, sizeof(bar_text));
        if (part > 0.005 && part < 1 && st->seconds > 0.5)
            time_left(st->seconds / part * (1 - part), left, sizeof(left));
        at += (size_t)snprintf(line + at, sizeof(line) - at, "%s ", bar_text);
    } else {
        at += (size_t)snprintf(line + at, sizeof(line) - at, "%s ", verb);
    }
    if (unit[0] != '\0')
        at += (size_t)snprintf(line + at, sizeof(line) - at, known ? "%s/%s %s, " : "%s%.0s %s, ",
                               count_text(st->done, done),
                               known ? count_text(st->total, total) : "", unit);
    if (st->no_bytes) {
        at -= 2; /* the comma */
        if (st->seconds > 0.5)
            at += (size_t)snprintf(line + at, sizeof(line) - at, ", %s/s",
                                   count_text((uint64_t)((double)st->done / st->seconds), done));
    } else {
        size_print(st->bytes, bytes, sizeof(bytes));
        size_print(st->total_bytes, total_bytes, sizeof(total_bytes));
        size_print((uint64_t)st->rate, rate, sizeof(rate));
        at += (size_t)snprintf(line + at, sizeof(line) - at, known ? "%s of %s" : "%s%.0s", bytes,
                               total_bytes);
        at += (size_t)snprintf(line + at, sizeof(line) - at, ", %s/s", rate);
    }
    line[at] = '\0';
    if (left[0] != '\0')
        snprintf(line + at, sizeof(line) - at, ", %s", left);
    snprintf(buf, MIN(len, (size_t)width + 1), "%s", line);
}

static void state_of(struct progress *p, struct progress_state *st)
{
    st->done = p->done != NULL ? atomic_load(p->done) : 0;
    st->bytes = p->bytes != NULL ? atomic_load(p->bytes) : 0;
    st->no_bytes = p->bytes == NULL;
    st->total = atomic_load(&p->total);
    st->total_bytes = atomic_load(&p->total_bytes);
    st->total_known = atomic_load(&p->total_known);
    st->seconds = progress_seconds(p);
    st->rate = st->seconds > 0.05 ? (double)st->bytes / st->seconds : 0;
}

static unsigned width_of(const struct progress *p)
{
    struct winsize ws;

    if (ioctl(fileno(p->out), TIOCGWINSZ, &ws) == 0 && ws.ws_col > 20)
        return ws.ws_col - 1u;
    return 79;
}

static void show(struct progress *p)
{
    struct progress_state st;
    char line[256];

    if (p->out == NULL)
        return;
    if (!p->tty && now() - p->last_plain < PLAIN_SECONDS)
        return;
    state_of(p, &st);
    flockfile(p->out);
    progress_line(p->verb, p->unit, &st, p->tty ? width_of(p) : 200, line, sizeof(line));
    if (p->tty) {
        fprintf(p->out, "\r%s\033[K", line);
        p->line = true;
    } else {
        fprintf(p->out, "%s\n", line);
        p->last_plain = now();
    }
    fflush(p->out);
    funlockfile(p->out);
}

void progress_clear(struct progress *p)
{
    if (p->out == NULL)
        return;
    flockfile(p->out);
    if (p->line)
        fprintf(p->out, "\r\033[K");
    p->line = false;
    fflush(p->out);
    funlockfile(p->out);
}

static void on_signal(struct progress *p)
{
    struct signalfd_siginfo info;

    if (read(p->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (p->interrupted && now() - p->interrupted_at < SAME_SECONDS)
        return;
    if (p->interrupted || p->stop == NULL) {
        progress_clear(p);
        if (p->out != NULL && p->leaves != NULL)
            fprintf(p->out, "%s\n", p->leaves);
        _exit(EXIT_INTERRUPTED);
    }
    p->interrupted = true;
    p->interrupted_at = now();
    atomic_store(p->stop, true);
    progress_clear(p);
    if (p->out != NULL)
        fprintf(p->out, "stopping; what is under way is finished first (once more: end at once)\n");
}

void progress_watch(struct progress *p)
{
    struct pollfd fds[2] = {{.fd = p->signal_fd, .events = POLLIN},
                            {.fd = p->wake_fd, .events = POLLIN}};

    while (!atomic_load(&p->finished)) {
        if (poll(fds, 2, TTY_MS) > 0 && (fds[0].revents & POLLIN) != 0)
            on_signal(p);
        if (!atomic_load(&p->finished))
            show(p);
    }
}

void progress_finish(struct progress *p)
{
    uint64_t one = 1;

    atomic_store(&p->finished, true);
    if (write(p->wake_fd, &one, sizeof(one)) < 0)
        return; /* the watcher looks again in a moment anyway */
}

void progress_end(struct progress *p)
{
    progress_clear(p);
}

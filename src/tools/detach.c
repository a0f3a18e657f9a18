/* Going into the background, and saying so. See tools/detach.h. */
#include "tools/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef TARN_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include <daos_errno.h>

#include "base/assert.h"
#include "base/log.h"
#include "tools/tool.h"

void detach_unbind(void)
{
    static const int limits[] = {RLIMIT_AS,    RLIMIT_CPU,     RLIMIT_DATA,
                                 RLIMIT_FSIZE, RLIMIT_MEMLOCK, RLIMIT_NPROC};
    struct sched_param param = {0};
    cpu_set_t cpus;
    struct rlimit r;
    sigset_t none;

    sigemptyset(&none);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        if (getrlimit(limits[i], &r) == 0 && r.rlim_cur != r.rlim_max) {
            r.rlim_cur = r.rlim_max;
            setrlimit(limits[i], &r);
        }
    memset(&cpus, 0xff,
           sizeof(cpus)); /* the kernel leaves those that there are, and that are ours */
    sched_setaffinity(0, sizeof(cpus), &cpus);
    sched_setscheduler(0, SCHED_OTHER, &param);
    umask(077);
}

/* Files that were open in whoever began us would be kept open by us: pipes that never end, file
 * systems that cannot be unmounted. */
static void close_all_but(int fd)
{
    if (fd > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
    close_range((unsigned)fd + 1, ~0u, 0);
    log_init_env(); /* its file was among them */
}

static void wait_for(int fd, pid_t middle, struct started *st)
{
    size_t len = 0;
    ssize_t n;

    while (waitpid(middle, NULL, 0) < 0 && errno == EINTR)
        ;
    while (len < sizeof(*st)) {
        n = read(fd, (char *)st + len, sizeof(*st) - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    close(fd);
    if (len == sizeof(*st))
        return;
    memset(st, 0, sizeof(*st));
    st->rc = err_set(&st->err, -DER_UNREACH, "cannot start the engine in the background",
                     "it ended before it was ready, without a word",
                     "run it in the foreground to see why");
}

int detach(int *fd, struct started *st, struct err *e)
{
    int ends[2];
    pid_t pid;

    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC) != 0)
        goto fail;
    pid = fork();
    if (pid < 0) {
        close(ends[0]);
        close(ends[1]);
        goto fail;
    }
    *fd = -1;
    if (pid > 0) {
        close(ends[1]);
        wait_for(ends[0], pid, st);
        return 0;
    }
    /* not the leader of its session, so that no terminal becomes its own */
    if (setsid() < 0 || (pid = fork()) != 0)
        _exit(pid < 0);
    close_all_but(ends[1]);
    *fd = ends[1];
    return 0;
fail:
    return err_setf(e, -DER_NOMEM, "end some processes and try again", strerror(errno),
                    "cannot start the engine in the background");
}

static void report(int fd, const struct started *st)
{
    size_t len = 0;
    ssize_t n;

    while (len < sizeof(*st)) {
        n = write(fd, (const char *)st + len, sizeof(*st) - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* he has gone; the engine is there all the same */
        len += (size_t)n;
    }
    close(fd);
}

void detach_ready(int fd, const struct started *st)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int i = STDIN_FILENO; null >= 0 && i <= STDERR_FILENO; i++)
        dup2(null, i);
    if (null > STDERR_FILENO)
        close(null);
    if (chdir("/") != 0)
        LOG_WARN("cannot leave the working directory: %s", strerror(errno));
    report(fd, st);
}

void detach_failed(int fd, const struct started *st)
{
    report(fd, st);
    _exit(err_exit_status(st->rc));
}

void tell_manager(const char *fmt, ...)
{
#ifdef TARN_SYSTEMD
    char text[2 * PATH_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    sd_notify(0, text);
#endif
}

int pidfile_write(const char *path, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), rc = 0;

    if (fd < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
        rc = err_setf(e, errno == EACCES || errno == EPERM ? -DER_NO_PERM : -DER_IO,
                      "name a file in a directory that exists and that you may write to",
                      strerror(errno), "cannot write the process id to %.200s", path);
    if (fd >= 0)
        close(fd);
    return rc;
}

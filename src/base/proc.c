#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define STAT_BYTES 1024

/* From /proc/PID/stat; fields are counted as proc(5) does. */
struct seen {
    char state;           /* 3 */
    unsigned long thread; /* 20: how many */
    uint64_t born;        /* 22 */
};

static ssize_t slurp(const char *path, char *buf, size_t len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, buf, len - 1) : -1;

    if (fd >= 0)
        close(fd);
    buf[n > 0 ? n : 0] = '\0';
    return n;
}

/* The second field is a name in brackets, which may hold anything. */
static bool look(uint32_t pid, struct seen *s)
{
    char path[64], buf[STAT_BYTES], *at;
    unsigned long long born;

    snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    if (slurp(path, buf, sizeof(buf)) <= 0 || (at = strrchr(buf, ')')) == NULL ||
        sscanf(at + 1,
               " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %*s %llu",
               &s->state, &s->thread, &born) != 3)
        return false;
    s->born = born;
    return true;
}

uint64_t proc_born(uint32_t pid)
{
    struct seen s;

    return pid != 0 && look(pid, &s) ? s.born : 0;
}

bool proc_lives(uint32_t pid, uint64_t born)
{
    struct seen s;

    if (!look(pid, &s)) /* hidden from us it may be there all the same */
        return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
    if (s.born != born)
        return false;
    /* the first thread may have ended long before the others */
    return (s.state != 'Z' && s.state != 'X') || s.thread > 1;
}

void proc_world(uint64_t *boot, uint64_t *space)
{
    char id[64];
    struct stat st;
    ssize_t n = slurp("/proc/sys/kernel/random/boot_id", id, sizeof(id));

    *boot = *space = 0;
    if (n <= 0 || stat("/proc/self/ns/pid", &st) != 0)
        return;
    *boot = hash_bytes(id, (size_t)n);
    *space = st.st_ino;
}

/* The peer of benchmarks over TCP: what a loop around send() and recv() does, in two processes on
 * two CPUs, with requests and answers of given sizes; what is ready goes out in one send. */
#ifndef TARN_BENCH_BARE_TCP_H
#define TARN_BENCH_BARE_TCP_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "timing.h"

#define BARE_DEPTH 16u /* requests under way, at most */

struct bare_tcp {
    int fd;
    size_t asked, answered; /* bytes */
    pid_t pid;
    uint8_t *out, *in;
};

static inline void bare_tcp_all(int fd, const uint8_t *buf, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, buf + at, len - at, MSG_NOSIGNAL);

        if (n <= 0)
            exit(1);
        at += (size_t)n;
    }
}

static inline int bare_tcp_socket(int fd)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

/* Answers as many as came, in one send. */
static inline void bare_tcp_serve(struct bare_tcp *b, int listener)
{
    int fd = bare_tcp_socket(accept(listener, NULL, NULL));
    size_t have = 0;

    for (;;) {
        ssize_t n = recv(fd, b->in + have, BARE_DEPTH * b->asked - have, MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN))
            exit(0);
        have += n > 0 ? (size_t)n : 0;
        if (have >= b->asked)
            bare_tcp_all(fd, b->out, have / b->asked * b->answered);
        memmove(b->in, b->in + have / b->asked * b->asked, have % b->asked);
        have %= b->asked;
    }
}

static inline void bare_tcp_open(struct bare_tcp *b, size_t asked, size_t answered, int cpu)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t most = BARE_DEPTH * (asked > answered ? asked : answered);
    int l = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof(sa);

    *b = (struct bare_tcp){
        .asked = asked, .answered = answered, .in = calloc(1, most), .out = calloc(1, most)};
    if (bind(l, (struct sockaddr *)&sa, len) != 0 || listen(l, 1) != 0 ||
        getsockname(l, (struct sockaddr *)&sa, &len) != 0)
        exit(1);
    b->pid = fork();
    if (b->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(cpu);
        bare_tcp_serve(b, l);
    }
    close(l);
    b->fd = bare_tcp_socket(socket(AF_INET, SOCK_STREAM, 0));
    if (connect(b->fd, (struct sockaddr *)&sa, len) != 0)
        exit(1);
}

/* us a round trip: depth requests in one send, and all their answers. */
static inline double bare_tcp_round(struct bare_tcp *b, int depth, int n)
{
    double t0 = now_us();

    for (int i = 0; i < n; i += depth) {
        bare_tcp_all(b->fd, b->out, (size_t)depth * b->asked);
        for (size_t have = 0; have < (size_t)depth * b->answered;) {
            ssize_t r = recv(b->fd, b->in, BARE_DEPTH * b->answered, MSG_DONTWAIT);

            if (r == 0 || (r < 0 && errno != EAGAIN))
                exit(1);
            have += r > 0 ? (size_t)r : 0;
        }
    }
    return (now_us() - t0) / n;
}

/* Its end hangs up, and goes. */
static inline void bare_tcp_close(struct bare_tcp *b)
{
    close(b->fd);
    waitpid(b->pid, NULL, 0);
    free(b->in);
    free(b->out);
}

/* It spins as long as it is there: it stops while others are measured. */
static inline void bare_tcp_pause(const struct bare_tcp *b, int on)
{
    kill(b->pid, on ? SIGCONT : SIGSTOP);
}

#endif

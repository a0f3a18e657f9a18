/*
 * How far a long command is: one moving line on a terminal (bar, files, bytes, rate, time left),
 * otherwise a plain line every few seconds; nothing with --json. Shown on standard error by the
 * thread that watches, while workers count.
 *
 * It also listens for Ctrl-C and SIGTERM, which are blocked in all threads from progress_init on:
 * the first asks to stop (the command ends what is under way and says how far it came), the second,
 * half a second later or more, ends the program at once.
 */
#ifndef TARN_TOOLS_PROGRESS_H
#define TARN_TOOLS_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    const char *verb; /* "copied" */
    const char *unit; /* "files"; "" counts bytes only */
    FILE *out;        /* NULL: silent */
    bool tty;
    /* what is counted, by the workers */
    atomic_ulong *done, *bytes; /* bytes NULL: only things are counted */
    /* how much there is, found out meanwhile; 0: not known (yet) */
    atomic_ulong total, total_bytes;
    atomic_bool total_known;
    atomic_bool *stop;  /* set on the first Ctrl-C; NULL: the program ends at once */
    const char *leaves; /* what stays behind when it ends at once, and how to remove it; or NULL */
    atomic_bool finished;
    bool interrupted;

    /* private */
    int signal_fd, wake_fd;
    bool line; /* a moving line stands on the terminal */
    double started, last_plain;
    double shown_rate;
    double interrupted_at;
};

/* Before any other thread exists (daos_init starts some). out NULL: silent. */
void progress_init(struct progress *p, const char *verb, const char *unit, FILE *out);
/* Shows progress until progress_finish() is called from another thread. */
void progress_watch(struct progress *p);
void progress_finish(struct progress *p);
/* Takes the moving line away, so that something else can be printed; it comes back at the next
 * update. */
void progress_clear(struct progress *p);
/* The last state of the line, then a new line. Seconds since init are in progress_seconds(). */
void progress_end(struct progress *p);
void progress_fini(struct progress *p);
double progress_seconds(const struct progress *p);

/* One state of the line, without control characters; at most width columns. Pure, for tests. */
struct progress_state {
    uint64_t done, total, bytes, total_bytes;
    bool total_known, no_bytes;
    double seconds, rate; /* bytes a second */
};
void progress_line(const char *verb, const char *unit, const struct progress_state *st,
                   unsigned width, char *buf, size_t len);

#endif

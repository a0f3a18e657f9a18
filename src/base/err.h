/*
 * Errors for people: what failed on which object, why, what to do next.
 *
 * Code returns a DER code; where the cause is known it also fills a struct err, which travels
 * beside the code to whoever shows it (tools, the log, the error text of a client handle). A struct
 * err is plain memory on the caller's stack; NULL is accepted everywhere and means "nobody asks".
 */
#ifndef TARN_BASE_ERR_H
#define TARN_BASE_ERR_H

#include <stddef.h>

#define ERR_PART_MAX 256

struct err {
    int rc;                  /* negative DER code, 0 = no error recorded */
    char what[ERR_PART_MAX]; /* "cannot open pool ./tarn-pool" */
    char why[ERR_PART_MAX];  /* "its superblock was written by format 3, this program reads up to 2"
                              */
    char next[ERR_PART_MAX]; /* "use the program that wrote it, or ..." */
};

/* Each formats into e and returns rc, so that `return err_set(e, -DER_NO_PERM, ...)` reads well. An
 * error that is already recorded is kept by err_set (the deepest cause knows best); err_what
 * replaces the first part only, so that an outer layer can name the object the user knows. */
int err_set(struct err *e, int rc, const char *what, const char *why, const char *next);
int err_setf(struct err *e, int rc, const char *next, const char *why, const char *what_fmt, ...)
    __attribute__((format(printf, 5, 6)));
void err_what(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_why(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_next(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The thread's last recorded error: libdaos keeps one so that a tool can show the three parts
 * behind a bare DER code. Thread-local (fiber switches keep it: it is only read right after a
 * failed call). */
void err_last_set(const struct err *e);
const struct err *err_last(void);
void err_last_clear(void);

/* "what: why; next" in at most len bytes; parts that are empty fall back to the text of the code.
 */
int err_format(const struct err *e, char *buf, size_t len);

/* A process exit status for a DER code: distinct for the classes people script against
 * (docs/errors.md), never 0. */
int err_exit_status(int rc);

#endif

/* Errors for people: three lines on standard error, or the "error" of the envelope; and the exit
 * status. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <daos/common.h>

#include "tools/tool.h"

/* What to do next where nobody closer to the cause has said it. */
static const struct {
    int code;
    const char *next;
} hints[] = {
    {DER_NONEXIST, "check the name; 'tarn pool list' and 'tarn cont list POOL' show what there is"},
    {DER_ENOENT, "check the name"},
    {DER_EXIST, "choose another name, or remove what is there"},
    {DER_NO_PERM, "use an account that may do this, or change the rights"},
    {DER_BUSY, "wait until it is no longer in use, or end what uses it, and run the command again"},
    {DER_NOSPACE, "free some space (or raise the pool's size limit) and run the command again"},
    {DER_INVAL, "see the command's --help for what it accepts"},
    {DER_CSUM, "run 'tarn check POOL' to see what is damaged, and restore that from a copy"},
    {DER_DF_INCOMPT, "use the program version that wrote it, or a newer one"},
    {DER_DF_INVAL, "check the path: it must be a directory made by 'tarn pool create'"},
    {DER_NOTDIR, "check the path: one of the names on it is not a directory"},
    {DER_IO, "check the device and the kernel's log (dmesg)"},
    {DER_NOMEM, "free some memory and run the command again"},
    {DER_NOSYS, "see docs/ for what is offered"},
    {DER_NOTSUPPORTED, "see the command's --help for what is offered"},
    {DER_TIMEDOUT, "run the command again"},
    {DER_AGAIN, "run the command again"},
};

static const char *hint(int rc)
{
    for (size_t i = 0; i < ARRAY_LEN(hints); i++)
        if (hints[i].code == -rc)
            return hints[i].next;
    return "run it again with --debug to see more";
}

int tool_fail(struct tool *t, int rc, const char *next, const char *why, const char *what_fmt, ...)
{
    char what[ERR_PART_MAX];
    va_list ap;

    va_start(ap, what_fmt);
    vsnprintf(what, sizeof(what), what_fmt, ap);
    va_end(ap);
    return err_set(&t->err, rc, what, why, next);
}

/* Takes the library's last error if it is the one at hand; our what names what the user asked for.
 */
static void take(struct err *e, int rc, const char *why, const char *what_fmt, va_list ap)
{
    const struct err *last = err_last();
    char what[ERR_PART_MAX];

    if (e->rc != 0)
        return;
    vsnprintf(what, sizeof(what), what_fmt, ap);
    if (last->rc == rc && rc != 0) {
        *e = *last;
        err_what(e, "%s", what);
        if (e->why[0] == '\0')
            err_why(e, "%s", why);
        if (e->next[0] == '\0')
            err_next(e, "%s", hint(rc));
    } else {
        err_set(e, rc, what, why, hint(rc));
    }
    err_last_clear();
}

static void lower_first(char *text)
{
    if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z')
        text[0] = (char)(text[0] - 'A' + 'a');
}

static int take_der(struct err *e, int rc, const char *what_fmt, va_list ap)
{
    char why[ERR_PART_MAX];

    snprintf(why, sizeof(why), "%s", d_errdesc(rc));
    lower_first(why);
    take(e, rc, why, what_fmt, ap);
    return rc;
}

static int take_errno(struct err *e, int errnum, const char *what_fmt, va_list ap)
{
    char why[ERR_PART_MAX], buf[ERR_PART_MAX];
    int rc = daos_errno2der(errnum);

    snprintf(why, sizeof(why), "%s", strerror_r(errnum, buf, sizeof(buf)));
    lower_first(why);
    if (e->rc == 0) {
        take(e, rc, why, what_fmt, ap);
        if (errnum == EISDIR)
            err_next(e, "name a file; 'fs ls' shows what the directory holds");
        else if (errnum == ELOOP)
            err_next(e, "name a file; these symbolic links lead nowhere but to each other");
    }
    return rc;
}

int tool_fail_der(struct tool *t, int rc, const char *what_fmt, ...)
{
    va_list ap;

    va_start(ap, what_fmt);
    take_der(&t->err, rc, what_fmt, ap);
    va_end(ap);
    return rc;
}

int tool_fail_errno(struct tool *t, int errnum, const char *what_fmt, ...)
{
    va_list ap;

    va_start(ap, what_fmt);
    int rc = take_errno(&t->err, errnum, what_fmt, ap);
    va_end(ap);
    return rc;
}

int fail_der(struct err *e, int rc, const char *what_fmt, ...)
{
    va_list ap;

    va_start(ap, what_fmt);
    take_der(e, rc, what_fmt, ap);
    va_end(ap);
    return rc;
}

int fail_errno(struct err *e, int errnum, const char *what_fmt, ...)
{
    va_list ap;

    va_start(ap, what_fmt);
    int rc = take_errno(e, errnum, what_fmt, ap);
    va_end(ap);
    return rc;
}

void err_show(const struct err *e, FILE *f)
{
    fprintf(f, "error: %s\n", e->what[0] != '\0' ? e->what : "the command failed");
    fprintf(f, "  why:  %s [%s %d]\n", e->why[0] != '\0' ? e->why : d_errdesc(e->rc),
            d_errstr(e->rc), e->rc);
    if (e->next[0] != '\0')
        fprintf(f, "  next: %s\n", e->next);
}

int tool_report(struct tool *t, int rc)
{
    if (rc != 0 && t->err.rc == 0)
        fail_der(&t->err, rc, "the command failed");
    if (t->json) {
        char text[3 * ERR_PART_MAX + 8];

        if (rc != 0)
            err_format(&t->err, text, sizeof(text));
        json_envelope(t->out, t->response, rc != 0 ? text : NULL, rc);
        t->response = NULL;
    } else if (rc != 0) {
        fflush(t->out);
        err_show(&t->err, t->errout);
    }
    if (t->status != 0)
        return t->status;
    return rc == 0 ? 0 : err_exit_status(rc);
}

/* What a step of the checker has found, kept until it has seen all its pages. */
#include <stdarg.h>
#include <stdio.h>
#include "vos/check.h"

static const char *keep(struct check *k, const char *text)
{
    return text ? arena_memdup(k->mem, text, strlen(text) + 1) : NULL;
}

static void say(struct check *k, const char *fmt, va_list ap)
{
    struct found *f = arena_alloc(k->mem, sizeof *f);

    if (f == NULL)
        return;
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    f->f = k->at;
    f->f.dkey = keep(k, k->at.dkey);
    f->f.akey = keep(k, k->at.akey);
    f->f.text = f->text;
    f->next = NULL;
    *k->tail = f;
    k->tail = &f->next;
}

void check_problem(struct check *k, const char *fmt, ...)
{
    va_list ap;

    k->problems++;
    va_start(ap, fmt);
    say(k, fmt, ap);
    va_end(ap);
}

void check_remark(struct check *k, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(k, fmt, ap);
    va_end(ap);
}

int check_pass_by(struct check *k, int rc, const char *what, uint64_t off)
{
    if (rc >= 0 || rc == -DER_NOMEM)
        return rc;
    k->damaged = true;
    check_problem(
        k, "%s at heap offset %llu cannot be read (%s): it is lost, with all that is below it",
        what, (unsigned long long)off, d_errstr(rc));
    return 0;
}

int check_soft(struct check *k, int rc, const char *what, uint64_t off)
{
    if (rc >= 0)
        return rc;
    check_problem(k, "%s at heap offset %llu cannot be read: %s", what, (unsigned long long)off,
                  d_errstr(rc));
    return 0;
}

void check_nodes_lost(struct check *k, const struct tree_walker *w, const char *what)
{
    if (w->lost == 0)
        return;
    k->damaged = true;
    check_problem(
        k,
        "%llu node%s of the tree of %s cannot be read: those below %s are lost, the others "
        "are there",
        (unsigned long long)w->lost, w->lost == 1 ? "" : "s", what, w->lost == 1 ? "it" : "them");
}

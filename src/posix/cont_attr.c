/*
 * Caching times from the container's user attributes, so that who made a container says how it is
 * to be mounted:
 *
 *   dfuse-attr-time, dfuse-dentry-time, dfuse-dentry-dir-time, dfuse-ndentry-time    how long the
 * kernel may believe: 5, 5s, 10m, 1h, 1d dfuse-data-cache          on, a time (files are looked at
 * again at each open anyway), off, or otoc (from open to close only) dfuse-direct-io-disable   on:
 * contents go through the cache even where they do not stay in it (mmap needs that)
 *
 * As soon as one is set, times that are not set are 0 (that of directories follows dentry-time) and
 * contents are not cached; otherwise the defaults of the command line hold. A value that cannot be
 * read is reported and ignored.
 */
#include <stdio.h>
#include "posix/dfuse.h"

#define VALUE_MAX 32u

/* Seconds; false if text is no time. */
static bool seconds(const char *text, double *out)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    unsigned long n;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    n = strtoul(text, &end, 10);
    for (size_t i = 0; errno == 0 && i < ARRAY_LEN(units); i++)
        if (strcasecmp(end, units[i].unit) == 0) {
            *out = (double)n * units[i].factor;
            return true;
        }
    return false;
}

/* The attribute's text; false if it is not set. */
static bool attribute(struct dfuse *d, const char *name, char text[VALUE_MAX + 1])
{
    void *buf = text;
    size_t size = VALUE_MAX;

    if (daos_cont_get_attr(d->coh, 1, &name, &buf, &size, NULL) != 0)
        return false;
    text[size < VALUE_MAX ? size : VALUE_MAX] = '\0';
    return true;
}

static void ignored(const char *name, const char *text)
{
    fprintf(stderr,
            "dfuse: ignoring attribute %s of the container: '%s' is not understood; set it with: "
            "daos cont set-attr\n",
            name, text);
}

static bool get_time(struct dfuse *d, const char *name, double *out, bool *any)
{
    char text[VALUE_MAX + 1];

    if (!attribute(d, name, text))
        return false;
    if (!seconds(text, out)) {
        ignored(name, text);
        return false;
    }
    *any = true;
    return true;
}

/* on, off, or a time where that has a meaning. */
static bool get_switch(struct dfuse *d, const char *name, bool timed, bool *on, bool *any,
                       bool *otoc)
{
    char text[VALUE_MAX + 1];
    double s = 0;

    if (!attribute(d, name, text))
        return false;
    if (strcasecmp(text, "on") == 0 || strcasecmp(text, "true") == 0 ||
        (timed && seconds(text, &s) && s > 0)) {
        *on = true;
    } else if (timed && strcasecmp(text, "otoc") == 0) {
        *on = *otoc = true;
    } else if (strcasecmp(text, "off") == 0 || strcasecmp(text, "false") == 0 ||
               (timed && strcmp(text, "0") == 0)) {
        *on = false;
    } else {
        ignored(name, text);
        return false;
    }
    *any = true;
    return true;
}

void dfuse_cont_attrs(struct dfuse *d)
{
    struct dfuse_conf *c = &d->conf;
    double attr = 0, dentry = 0, dentry_dir = 0, ndentry = 0;
    bool any = false, data = false, no_direct = false, otoc = false;

    if (!c->caching)
        return;
    get_time(d, "dfuse-attr-time", &attr, &any);
    get_time(d, "dfuse-dentry-time", &dentry, &any);
    if (!get_time(d, "dfuse-dentry-dir-time", &dentry_dir, &any))
        dentry_dir = dentry;
    get_time(d, "dfuse-ndentry-time", &ndentry, &any);
    get_switch(d, "dfuse-data-cache", true, &data, &any, &otoc);
    get_switch(d, "dfuse-direct-io-disable", false, &no_direct, &any, NULL);
    if (!any)
        return;
    c->attr_s = attr;
    c->dentry_s = dentry;
    c->dentry_dir_s = dentry_dir;
    c->ndentry_s = ndentry;
    c->keep_data = data && !otoc;
    c->direct_io = !data && !no_direct;
    if (!data)
        c->wb_cache = false;
}

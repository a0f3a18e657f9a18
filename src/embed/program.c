/*
 * Which program is started as an engine, and may one be started at all.
 *
 * A library that starts programs does so with the rights of whoever calls it, unasked. So it starts
 * only what belongs to the same installation or to the user's own search path, and only if nobody
 * but root, the user, or whoever owns the library (whose code runs here already) could have put it
 * there: neither the file nor any directory on the way to it may be written by others. What the
 * user names with TARN_ENGINE is his word, and is believed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/assert.h"
#include "embed/embed_int.h"

#define PROGRAM "tarn"

/* Nobody but those whose code runs here anyway can write to it. A directory whose entries only
 * their owners can replace (/tmp) is no way in for others. */
static bool is_ours(const struct stat *st, uid_t maker)
{
    bool sticky = S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX;
    bool known = st->st_uid == 0 || st->st_uid == geteuid() || st->st_uid == maker;
    bool group = st->st_mode & S_IWGRP && st->st_gid != 0 && st->st_gid != getegid();

    return known && (sticky || !(group || st->st_mode & S_IWOTH));
}

bool program_trusted(const char *path, uid_t maker)
{
    char real[PATH_MAX];
    struct stat st;

    if (realpath(path, real) == NULL || stat(real, &st) != 0 || !S_ISREG(st.st_mode) ||
        !is_ours(&st, maker) || access(real, X_OK) != 0)
        return false;
    for (char *slash = strrchr(real, '/'); slash != NULL; slash = strrchr(real, '/')) {
        *slash = '\0';
        if (stat(real[0] != '\0' ? real : "/", &st) != 0 || !is_ours(&st, maker))
            return false;
    }
    return true;
}

/* dir of a file, then more: "/usr/lib/libdaos.so.2" with "/../bin/tarn". */
static bool beside(const char *file, const char *more, uid_t maker, char out[PATH_MAX])
{
    const char *slash = strrchr(file, '/');
    int n = slash == NULL ? -1 : snprintf(out, PATH_MAX, "%.*s%s", (int)(slash - file), file, more);

    return n > 0 && n < PATH_MAX && program_trusted(out, maker);
}

/* In the directory of the running program, or where an installation has it relative to the library
 * that this code is part of. */
static bool of_this_installation(char out[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    struct stat st;
    Dl_info lib;

    if (n > 0) {
        self[n] = '\0';
        if (stat(self, &st) == 0 && beside(self, "/" PROGRAM, st.st_uid, out))
            return true;
    }
    if (dladdr((void *)(uintptr_t)program_find, &lib) == 0 || lib.dli_fname == NULL ||
        lib.dli_fname[0] != '/' || stat(lib.dli_fname, &st) != 0)
        return false;
    /* lib, and lib/x86_64-linux-gnu */
    return beside(lib.dli_fname, "/../bin/" PROGRAM, st.st_uid, out) ||
           beside(lib.dli_fname, "/../../bin/" PROGRAM, st.st_uid, out);
}

static bool in_search_path(char out[PATH_MAX])
{
    const char *p = getenv("PATH");

    while (p != NULL && *p != '\0') {
        size_t len = strcspn(p, ":");
        int n = p[0] == '/' ? snprintf(out, PATH_MAX, "%.*s/" PROGRAM, (int)len, p) : -1;

        if (n > 0 && n < PATH_MAX && program_trusted(out, geteuid()))
            return true;
        p += len + (p[len] == ':');
    }
    return false;
}

bool program_find(char out[PATH_MAX])
{
    const char *name = getenv("TARN_ENGINE");

    if (name != NULL && name[0] != '\0') {
        snprintf(out, PATH_MAX, "%s", name);
        return true;
    }
    if (of_this_installation(out))
        return true;
    snprintf(out, PATH_MAX, "%s", TARN_BINDIR "/" PROGRAM);
    return program_trusted(out, geteuid()) || in_search_path(out);
}

/* What bounds this process for good would bound an engine that others use too. */
static bool is_limited(void)
{
    static const int which[] = {RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE};
    struct rlimit r;

    for (size_t i = 0; i < ARRAY_LEN(which); i++)
        if (getrlimit(which[i], &r) == 0 && r.rlim_max != RLIM_INFINITY)
            return true;
    return false;
}

const char *program_unfit(const char *real)
{
    char path[PATH_MAX];
    struct stat st;

    if (getauxval(AT_SECURE) != 0)
        return "this program has rights that its user has not";
    if (stat(real, &st) != 0 || access(real, W_OK) != 0)
        return "the directory cannot be written to";
    if (st.st_uid != geteuid())
        return "the directory is another user's, who alone (or root) may serve it to others";
    if (is_limited())
        return "hard limits of this process (ulimit -H) would bound the engine";
    return program_find(path) ? NULL : "there is no program 'tarn' that can be trusted";
}

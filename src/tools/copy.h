/*
 * Copies a tree or one file, in either direction or from pool to pool (see walk.h for how). A file
 * is there whole or not at all: small ones are one request, a large one that cannot be finished is
 * removed. Existing files are replaced, other files of the destination stay. Kept: data, holes of
 * large local files, mode (set-id bits only with their owner), modification time, symbolic links,
 * owner if we are root, extended attributes (user.*, as root trusted.*). Names of one file (hard
 * links) become files of their own; the result counts them.
 */
#ifndef TARN_TOOLS_COPY_H
#define TARN_TOOLS_COPY_H

#include "tools/progress.h"
#include "tools/tool.h"
#include "tools/tree.h"

struct copy_conf {
    const char *only; /* NULL: the whole tree; else this file of the source's top directory ... */
    const char *only_as;     /* ... under this name */
    bool update;             /* leave files of the same size and modification time alone */
    bool no_xattrs;          /* do not look for extended attributes */
    bool ignore_unsupported; /* devices, sockets and pipes are left out without an error */
    uint32_t threads;        /* 0: as suits the machine */
    const struct stat *top;  /* of the source's top directory */
    const char *src, *dst;   /* as the user named them, for messages */
};

struct copy_result {
    uint64_t files, dirs, links, bytes, skipped, same, errors;
    uint64_t hard_links; /* files that have other names besides the one met */
    double seconds;
    bool interrupted;
};

/* 0, or a negative DER code with t->err set: the first file's error, -DER_CANCELED after Ctrl-C
 * (t->status is then 130). *r is filled in either way. */
int copy_run(struct tool *t, struct tree *src, struct tree *dst, const struct copy_conf *conf,
             struct progress *p, struct copy_result *r);
/* The result as an object for --json, and as a line. */
json_t *copy_json(const struct copy_result *r);
void copy_print(const struct copy_result *r, FILE *out);

#endif

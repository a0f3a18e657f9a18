/* Compares two trees: names, types, contents, modes, modification times, link targets, and owners
 * if we are root. */
#ifndef TARN_TOOLS_DIFF_H
#define TARN_TOOLS_DIFF_H

#include "tools/progress.h"
#include "tools/tool.h"
#include "tools/tree.h"

#define DIFF_SHOWN_MAX 1000u

struct diff_conf {
    bool no_content; /* names and attributes only */
    bool no_times;
    bool ignore_unsupported; /* devices, sockets and pipes that are on one side only */
    uint32_t threads;
    const char *a, *b; /* as the user named them */
};

struct diff_result {
    uint64_t files, dirs, links, bytes, differences, errors;
    double seconds;
    bool interrupted;
};

/* Prints one line a difference (or collects them in *list for --json, at most DIFF_SHOWN_MAX). 0:
 * alike; -DER_MISMATCH: they differ; -DER_CANCELED; else the first error. t->err is set. */
int diff_run(struct tool *t, struct tree *a, struct tree *b, const struct diff_conf *conf,
             struct progress *p, struct diff_result *r, json_t *list);
json_t *diff_json(const struct diff_result *r, json_t *list); /* takes list */
void diff_print(const struct diff_result *r, FILE *out);

#endif

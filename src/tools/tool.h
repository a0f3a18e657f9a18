/*
 * tools: one program, `tarn`, that is also called `daos` and `dmg`.
 *
 *   tarn GROUP COMMAND [options] [arguments]       tarn pool create ./p
 *   tarn COMMAND [options] [arguments]             tarn check ./p
 *
 * Commands are tables (struct cmd_group, struct command): the parser, the help, the suggestions for
 * misspelt words and the test of all of them are made from the tables. A command's run() gets a
 * struct tool with parsed arguments, does its work through the public API, and either prints text
 * to t->out or, with --json, leaves its answer in t->response.
 *
 * Errors: run() returns 0 or a negative DER code and has put the three parts (what, why, next) into
 * t->err with one of the tool_fail* functions; main shows them on standard error, or in the JSON
 * envelope, and exits with err_exit_status(). A usage error (unknown command or option) exits with
 * 2, an interrupted command with 130.
 *
 *   main.c, args.c, help.c, suggest.c     from argv to a command          tables.c       the groups
 *   report.c, json_out.c                  errors and the envelope         conn.c         pool,
 * container, mount location.c                            daos://POOL/CONT/path           progress.c
 * the moving line cmd_*.c                               the commands                    props.c
 * properties as text tree.h, tree_local.c, tree_dfs.c      one interface for a directory tree of
 * the file system or of a container walk.c                                many files in flight from
 * few threads; copy.c and diff.c are its visitors
 */
#ifndef TARN_TOOLS_TOOL_H
#define TARN_TOOLS_TOOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <daos.h>

#include "base/assert.h"
#include "base/err.h"

#define TOOL_OPTIONS_MAX 40
#define TOOL_ARGS_MAX    64
#define EXIT_USAGE       2
#define EXIT_INTERRUPTED 130

struct tool;

struct option_def {
    char letter;      /* 0: none */
    const char *name; /* without the dashes; NULL ends the list */
    const char *arg;  /* what its argument is called in help; NULL: a switch */
    const char *help;
};

struct command {
    const char *name;
    const char *aliases; /* separated by spaces, or NULL */
    const char *args;    /* positional arguments as help shows them: "POOL [LABEL]" */
    int min_args, max_args;
    int (*run)(struct tool *t);
    const char *summary;  /* one line */
    const char *detail;   /* what a newcomer has to know, or NULL */
    const char *examples; /* lines, without the program's name; never NULL */
    struct option_def options[TOOL_OPTIONS_MAX];
};

struct cmd_group {
    const char *name; /* NULL: commands without a group */
    const char *aliases;
    const char *summary;
    const struct command *commands;
    size_t nr;
};

struct tool {
    const char *program; /* the name it was called by: tarn, daos or dmg */
    bool json, verbose, help;
    const struct cmd_group *group;
    const struct command *cmd;
    const char *args[TOOL_ARGS_MAX];
    int nargs;
    const char *
        values[TOOL_OPTIONS_MAX]; /* of cmd->options, in their order; "" for a switch that is set */
    FILE *out, *errout;
    json_t *response; /* with json: the answer; NULL is null */
    struct err err;
    int status;       /* exit status that overrides the one of the error, 0: none */
    int errors_shown; /* lines of tool_warn so far */
};

/* Parses argv, runs the command, reports. The exit status. out and errout: where text goes. */
int tool_main(int argc, char **argv, FILE *out, FILE *errout);

/* ---- tables.c ---- */

extern const struct cmd_group *const tool_groups[];
extern const size_t tool_groups_nr;

/* ---- args.c ---- */

/* Finds group and command and parses the rest into t. 0, or -DER_INVAL with t->err set (a usage
 * error). Asks for help set t->help. */
int args_parse(struct tool *t, int argc, char **argv);
/* The value of an option of the running command, NULL when not given. name must be in its table. */
const char *opt_text(const struct tool *t, const char *name);
bool opt_flag(const struct tool *t, const char *name);
/* *out stays as it is when the option was not given. -DER_INVAL with t->err set. */
int opt_size(struct tool *t, const char *name, uint64_t *out);
int opt_number(struct tool *t, const char *name, uint64_t *out);
/* A number in decimal or, with 0x, hexadecimal, to the end of the text. */
bool number_parse(const char *text, uint64_t *out);
/* Does a word stand in a list separated by spaces? */
bool word_in(const char *list, const char *word);

/* ---- suggest.c ---- */

/* Changes (insert, delete, replace, swap) between two words. */
unsigned suggest_distance(const char *a, const char *b);
/* Whichever of *best and word is nearer to what was typed; call for each candidate with *best NULL
 * first. Words that are too far off are not taken. */
void suggest_offer(const char *typed, const char *word, const char **best);

/* ---- help.c ---- */

/* Help for what has been parsed so far: the program, a group or a command. */
void help_show(const struct tool *t, FILE *out);

/* ---- report.c ---- */

/* Record an error of the tool itself. Return rc. */
int tool_fail(struct tool *t, int rc, const char *next, const char *why, const char *what_fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Record an error of a daos_* call: the reason comes from the library's last error, else from the
 * code. */
int tool_fail_der(struct tool *t, int rc, const char *what_fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a dfs_* call or a system call, from its (positive) errno. Returns the negative DER
 * code. */
int tool_fail_errno(struct tool *t, int errnum, const char *what_fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* As the two above, into any struct err (worker threads have one each). */
int fail_der(struct err *e, int rc, const char *what_fmt, ...)
    __attribute__((format(printf, 3, 4)));
int fail_errno(struct err *e, int errnum, const char *what_fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Three lines on f. */
void err_show(const struct err *e, FILE *f);
/* Shows t->err (or the envelope with --json) and gives the exit status for rc. */
int tool_report(struct tool *t, int rc);

/* ---- json_out.c ---- */

/* {"response", "error", "status"} as daos and dmg print it. Takes response (may be NULL). */
void json_envelope(FILE *out, json_t *response, const char *error, int status);
json_t *json_uuid(const uuid_t uuid);
json_t *json_base64(const void *buf, size_t len);
/* Text that may not be UTF-8: invalid bytes become \xNN. */
json_t *json_text(const char *text, size_t len);
/* Sets key unless value is 0. */
void json_set_nonzero(json_t *obj, const char *key, uint64_t value);

/* ---- Shown text ---- */

/* Local time of an epoch, "2026-01-31 12:00:00.123456"; "never" for 0. */
#define EPOCH_TEXT_MAX 40
char *epoch_text(daos_epoch_t epoch, char buf[EPOCH_TEXT_MAX]);
/* A name on one line: control characters and bytes that are not UTF-8 as \xNN. */
char *name_text(const void *name, size_t len, char *buf, size_t cap);
/* "12,345". */
#define COUNT_TEXT_MAX 32
char *count_text(uint64_t n, char buf[COUNT_TEXT_MAX]);

#endif

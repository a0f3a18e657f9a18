/*
 * settings: what `tarn engine` can be told, by a file or on the command line.
 *
 * One table lists every setting: its key in the file, its option, how its value is written, what
 * holds without it, and what it is for. The example that the program prints, its options, their
 * help and every check are made from the table.
 *
 * The file is YAML: keys of the table, those with a dot in sections ("socket.mode" is mode in
 * socket). Every key may be left out. The command line counts more than the file. Whatever cannot
 * be meant is refused, in three parts that name the file, the line and the key (or the option).
 */
#ifndef TARN_TOOLS_SETTINGS_H
#define TARN_TOOLS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"

/* How a value is written. Lists: [a, b] in the file, a,b on the command line. */
enum setting_kind {
    KIND_TEXT,
    KIND_PATH,
    KIND_LABEL,   /* base/label.h */
    KIND_LIST,    /* of texts */
    KIND_NUMBERS, /* a list of them */
    KIND_NUMBER,
    KIND_SIZE,     /* bytes, base/size.h */
    KIND_DURATION, /* seconds, or with a unit; kept in ns */
    KIND_MODE,     /* octal */
    KIND_LEVEL,    /* of the log */
};

/* X(id, key, option, kind, argument, default (NULL: as the help says), example where there is no
 * default, least and most of a number, help) */
#define SETTINGS(X)                                                                                \
    X(PATH, "path", "path", PATH, "DIR", NULL, "/srv/tarn/pool", 0, 0,                             \
      "the pool's directory; an empty or missing one gets a pool")                                 \
    X(LISTEN, "listen", "listen", LIST, "ADDR,..", "[]", NULL, 0, 0,                               \
      "addresses for clients on other machines; none: only this machine's, by the socket")         \
    X(KEYS, "keys", "keys", PATH, "FILE", NULL, "/etc/tarn/keys", 0, 0,                            \
      "keys, one of which clients on other machines must have (default: they need none)")          \
    X(SOCKET_PATH, "socket.path", "socket-path", PATH, "FILE", NULL, "/run/tarn/pool.sock", 0, 0,  \
      "socket for clients on this machine (default: engine.sock in the pool's directory)")         \
    X(SOCKET_MODE, "socket.mode", "socket-mode", MODE, "MODE", "0600", NULL, 0, 0777,              \
      "its permissions: who may write to it may connect")                                          \
    X(SOCKET_GROUP, "socket.group", "socket-group", TEXT, "GROUP", NULL, "users", 0, 0,            \
      "its group, by name or number (default: the engine's)")                                      \
    X(CPUS, "cpus", "cpus", NUMBERS, "CPU,..", "[]", NULL, 0, 1023,                                \
      "CPUs to pin the threads that serve to, one each (default: not pinned)")                     \
    X(XSTREAMS, "xstreams", "xstreams", NUMBER, "N", "0", NULL, 0, 64,                             \
      "threads that serve targets; 0: one a target, at most one a CPU (of cpus)")                  \
    X(MEM_LIMIT, "mem_limit", "mem-limit", SIZE, "SIZE", NULL, "4G", 1 << 20, INT64_MAX,           \
      "metadata kept in memory (default: TARN_MEM_LIMIT, or half of the machine's memory)")        \
    X(SPIN_US, "spin_us", "spin-us", NUMBER, "US", NULL, "20", 0, 1000000,                         \
      "busy wait after the last work before sleeping, in us (default: 20; 0 on one or two CPUs)")  \
    X(CHECKPOINT_PCT, "checkpoint_pct", "checkpoint-pct", NUMBER, "PERCENT", "50", NULL, 5, 90,    \
      "a checkpoint begins when the log is so full")                                               \
    X(CLIENTS_MAX, "clients.max", "clients-max", NUMBER, "N", "4096", NULL, 1, 65536,              \
      "clients connected at once; more are refused")                                               \
    X(CLIENTS_USER_MAX, "clients.user_max", "clients-user-max", NUMBER, "N", "2048", NULL, 1,      \
      65536, "those of one user of this machine; more are refused")                                \
    X(CLIENTS_CALLS, "clients.calls", "clients-calls", NUMBER, "N", "512", NULL, 1, 65536,         \
      "requests that one client may have under way at once")                                       \
    X(CLIENTS_CALL_BYTES, "clients.call_bytes", "clients-call-bytes", SIZE, "SIZE", "64M", NULL,   \
      1 << 20, 1ull << 40, "memory that they may hold, beside the room; who wants more waits")     \
    X(CLIENTS_ALL_BYTES, "clients.all_bytes", "clients-all-bytes", SIZE, "SIZE", "1G", NULL,       \
      1 << 20, 1ull << 50,                                                                         \
      "memory for requests and answers of all clients; beyond it data waits, control does not")    \
    X(CLIENTS_ROOM, "clients.room", "clients-room", SIZE, "SIZE", "256M", NULL, 1 << 20,           \
      1ull << 40, "memory shared with each client for its data; used as far as it needs it")       \
    X(LOG_LEVEL, "log.level", "log-level", LEVEL, "LEVEL", NULL, "INFO", 0, 0,                     \
      "ERR, WARN, INFO or DEBUG (default: D_LOG_MASK, or INFO)")                                   \
    X(LOG_FILE, "log.file", "log-file", PATH, "FILE", NULL, "/var/log/tarn.log", 0, 0,             \
      "appended to, opened anew on SIGHUP (default: D_LOG_FILE, or standard error)")               \
    X(PIDFILE, "pidfile", "pidfile", PATH, "FILE", NULL, "/run/tarn/pool.pid", 0, 0,               \
      "gets the process id while clients can connect")                                             \
    X(IDLE_EXIT, "idle_exit", "idle-exit", DURATION, "TIME", "0", NULL, 0,                         \
      366ull * 86400 * 1000000000,                                                                 \
      "ends when nobody was connected for so long, 30s or 5m; 0: never")                           \
    X(CREATE_LABEL, "create.label", "create-label", LABEL, "LABEL", NULL, "my-pool", 0, 0,         \
      "a new pool's label (default: the directory's name)")                                        \
    X(CREATE_TARGETS, "create.targets", "create-targets", NUMBER, "N", NULL, "4", 1, 64,           \
      "a new pool's targets (default: one for every two CPUs)")                                    \
    X(CREATE_WAL_SIZE, "create.wal_size", "create-wal-size", SIZE, "SIZE", "128M", NULL, 8 << 20,  \
      1ull << 40, "the log of each of a new pool's targets (of several less by default)")          \
    X(CREATE_LIMIT, "create.limit", "create-limit", SIZE, "SIZE", NULL, "1T", 1 << 20, INT64_MAX,  \
      "a new pool grows no further (default: as far as the file system has room)")                 \
    X(CREATE_WAL, "create.wal", "create-wal", PATH, "DEVICE", NULL, "/dev/nvme0n1", 0, 0,          \
      "block device or new file for a new pool's log (default: in its directory)")                 \
    X(CREATE_META, "create.meta", "create-meta", PATH, "DEVICE", NULL, "/dev/nvme0n1", 0, 0,       \
      "block device or new file for its metadata")                                                 \
    X(CREATE_DATA, "create.data", "create-data", PATH, "DEVICE", NULL, "/dev/sdb", 0, 0,           \
      "block device or new file for its data")

#define SETTING_ENUM(id, ...) SET_##id,
enum setting_id { SETTINGS(SETTING_ENUM) SETTING_NR };

struct setting {
    bool given;    /* or else the default */
    bool known;    /* there is a value: given, or a default */
    uint32_t line; /* of the file; 0: the command line */
    const char *text;
    uint64_t number;
    const char **items; /* of lists */
    uint64_t *numbers;
    uint32_t nr;
};

struct settings {
    struct setting v[SETTING_NR];
    const char *file; /* NULL: none was read */
    struct arena mem;
};

void settings_init(struct settings *s); /* the defaults */
void settings_fini(struct settings *s);
/* Reads a file. After settings_init() and before options; once. -DER_INVAL, -DER_NONEXIST,
 * -DER_NO_PERM ...; then s is of no use any more. settings_file.c */
int settings_read(struct settings *s, const char *file, struct err *e);
/* The value of an option of the command line. -DER_INVAL. */
int settings_option(struct settings *s, enum setting_id id, const char *text, struct err *e);
/* A path that is known becomes absolute. */
int settings_absolute(struct settings *s, enum setting_id id, struct err *e);
/* A value that is well written and will not do: e names where it comes from. Returns rc. */
int settings_refuse(const struct settings *s, enum setting_id id, struct err *e, int rc,
                    const char *why, const char *next);
/* A complete file with every key, its default and what it is for. */
void settings_example(FILE *out);

const char *setting_key(enum setting_id id);
const char *setting_option(enum setting_id id);

/* ---- Between settings.c and settings_file.c ---- */

/* Takes nr words, of a list as many as there are, else one. where: what e names ("FILE, line 3: key
 * 'cpus'"). line: as in struct setting. */
int setting_take(struct settings *s, enum setting_id id, uint32_t line, const char *const *words,
                 uint32_t nr, const char *where, struct err *e);
bool setting_is_list(enum setting_id id);

#endif

/*
 * What a small POSIX name space is: the model that libdfs is compared with.
 *
 * A state is a tree of at most SPEC_NODES files, directories and symbolic links, and what it was
 * when each of SPEC_SNAPS snapshots was taken. Nodes are known by numbers of the test's choosing,
 * never used twice (SPEC_ROOT is the root): whoever makes a node says what its number is, so an
 * operation of unknown outcome still means the same node when it happens late. There are no hard
 * links, so a node holds its one name.
 *
 * A file is a row of SPEC_CELLS cells. Each holds a value's number: 0 a hole, SPEC_ZERO zeros that
 * were written. Its size is where the last cell that is no hole ends, as in the array below it.
 * SPEC_CHUNK_CELLS cells are one chunk, and only what lies in one chunk is written in one step:
 * SPEC_WRITE, SPEC_PUNCH and SPEC_GROW are such steps. What libdfs does in several steps (writes
 * over chunks, truncation, forced removal) has a kind of its own above SPEC_STEPS, which
 * spec_dfs_plan() takes apart.
 *
 * Times are not modelled. States and operations are plain bytes without padding (hist.h).
 */
#ifndef TARN_SIM_SPEC_DFS_H
#define TARN_SIM_SPEC_DFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hist.h"

#define SPEC_ROOT        1u
#define SPEC_NODES       20u
#define SPEC_NAMES       3u /* "a", "b", "c" */
#define SPEC_CELLS       8u
#define SPEC_CHUNK_CELLS 4u
#define SPEC_ZERO        0xffffu
#define SPEC_STRANGE     0xfffeu /* seen, and nothing that was ever written or made */
#define SPEC_XATTRS      2u
#define SPEC_SNAPS       2u
#define SPEC_PATH        6u /* components of a path */

enum spec_type { SPEC_NONE, SPEC_FILE, SPEC_DIR, SPEC_LINK };

struct spec_node {
    uint16_t ino; /* 0: free */
    uint16_t parent;
    uint16_t mode;
    uint16_t xattr[SPEC_XATTRS]; /* value's number, 0: none */
    uint16_t cell[SPEC_CELLS];
    uint8_t type;
    uint8_t name;
    uint8_t target; /* link: of spec_target() */
    uint8_t zero;
};

struct spec_tree {
    struct spec_node node[SPEC_NODES]; /* by number, free ones last */
};

struct spec_dfs {
    struct spec_tree now, snap[SPEC_SNAPS];
};

enum spec_kind {
    SPEC_MKDIR,    /* dir/name becomes directory ino of mode */
    SPEC_CREATE,   /* file; SPEC_EXCL. Sees ino, mode */
    SPEC_SYMLINK,  /* link to target `val` */
    SPEC_PUT,      /* file ino of nr cells of value val, at once; SPEC_REPLACE */
    SPEC_REMOVE,   /* dir/name. Sees ino of what went */
    SPEC_DROP,     /* dir/name, if it is there; part of a forced removal */
    SPEC_MOVE,     /* dir/name to dir2/name2. Sees ino of what was replaced */
    SPEC_EXCHANGE, /* dir/name with dir2/name2 */
    SPEC_CHMOD,    /* what dir/name leads to gets mode */
    SPEC_SETXATTR, /* dir/name, which still is ino: attribute `which` is val; CREATE, REPLACE */
    SPEC_RMXATTR,
    SPEC_WRITE, /* cells off .. off + nr of ino, in one chunk, become val */
    SPEC_PUNCH, /* the same become holes */
    SPEC_GROW,  /* the last of nr cells is zeros */
    SPEC_SNAP,  /* snapshot `which` is taken */
    SPEC_UNSNAP,
    SPEC_CHANGES,             /* kinds from here on change nothing */
    SPEC_STAT = SPEC_CHANGES, /* dir/name. Sees type, mode, size */
    SPEC_ENTRY,               /* dir/name, links not followed. Sees ino, type, mode, target */
    SPEC_LOOKUP,    /* path from the root, links followed (SPEC_NOFOLLOW: but the last). Sees ino,
                       type, mode */
    SPEC_ACCESS,    /* what dir/name leads to, by mask val; SPEC_AS_ROOT */
    SPEC_READ,      /* all of ino. Sees size, cell */
    SPEC_SIZE,      /* of ino */
    SPEC_READDIR,   /* of directory ino. Sees names */
    SPEC_GETXATTR,  /* dir/name. Sees val */
    SPEC_LISTXATTR, /* dir/name. Sees names: a bit for each attribute */
    SPEC_WALK,      /* all of snapshot `which` - 1, 0: of now. Sees tree */
    SPEC_STEPS,
    SPEC_WRITE_RANGE = SPEC_STEPS, /* as WRITE, over chunks */
    SPEC_PUNCH_RANGE,              /* as dfs_punch(): may cut the end off */
    SPEC_SET_SIZE,                 /* to nr cells */
    SPEC_REMOVE_FORCE,
    SPEC_KINDS
};

enum spec_flags {
    SPEC_EXCL = 1,
    SPEC_REPLACE = 2,
    SPEC_NOFOLLOW = 4,
    SPEC_AS_ROOT = 8,
    SPEC_BLIND = 16, /* what went is not looked at */
};

struct spec_seen {
    uint16_t ino, mode, val;
    uint16_t cell[SPEC_CELLS];
    uint8_t type, size, names, target;
};

struct spec_op {
    int32_t rc; /* result: 0 or errno */
    uint8_t kind, name, name2, which;
    uint16_t dir, dir2, ino, mode, val, flags;
    uint8_t off, nr, path_nr, path[SPEC_PATH + 1]; /* components: name, or SPEC_NAMES for ".." */
    struct spec_seen seen;
    struct spec_tree tree;
};

/* The steps of one call. in_order: each is sent after the one before was answered; otherwise any of
 * them may have happened when it is not known how the call ended. */
#define SPEC_PLAN 12u
struct spec_plan {
    bool in_order;
    uint32_t nr;
    struct spec_op op[SPEC_PLAN];
};

/* For hist_create(); the state is a struct spec_dfs, the first one all zeros. */
extern const struct hist_spec spec_dfs;
/* Does op (below SPEC_STEPS) to the state: errno, and what is seen. An error changes nothing. */
int spec_dfs_run(struct spec_dfs *s, const struct spec_op *op, struct spec_seen *seen);
/* False: too many steps (a forced removal of too much). */
bool spec_dfs_plan(const struct spec_tree *t, const struct spec_op *op, struct spec_plan *plan);

/* ---- Trees ---- */

struct spec_node *spec_find(struct spec_tree *t, uint16_t ino);
const struct spec_node *spec_child(const struct spec_tree *t, uint16_t dir, uint8_t name);
/* Number of a directory's entries; of all nodes. */
uint32_t spec_children(const struct spec_tree *t, uint16_t dir);
uint32_t spec_nodes(const struct spec_tree *t);
/* Is ino `dir` or below it? */
bool spec_inside(const struct spec_tree *t, uint16_t ino, uint16_t dir);
uint32_t spec_size(const struct spec_node *n); /* cells */
/* A free node with this number, in its place; NULL: the model is full. */
struct spec_node *spec_add(struct spec_tree *t, uint16_t ino);
/* Path of a node, "/a/b"; the root's is "/". */
void spec_path(const struct spec_tree *t, uint16_t ino, char *buf, size_t len);
uint32_t spec_targets(void);
const char *spec_target(uint32_t i);

/* ---- Words ---- */

void spec_print_op(const void *op, bool known, char *buf, size_t len);
void spec_print_tree(const struct spec_tree *t, char *buf, size_t len);
void spec_print_state(const void *state, char *buf, size_t len);

#endif

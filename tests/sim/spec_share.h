/*
 * What a name space is to several clients that change it at the same time: the model that libdfs is
 * judged by when they work in one tree (workload "dfs_shared").
 *
 * A state is a tree of at most SHARE_NODES files, directories and links. Nodes are known by numbers
 * of the test's choosing, never used twice (SHARE_ROOT is the root). An operation names a directory
 * by its number, not by a path: libdfs works with open directories, and whoever moves one does not
 * move it away from those who have it open.
 *
 * One operation is what libdfs promises to do in one step. What it does in several (reading a
 * directory) is several operations, each at a moment of its own within the call: SHARE_LISTED says
 * for each name whether it was shown, which asks no more than that a name that was there all the
 * time is shown, and one that never was is not.
 *
 * Names 0 and 1 may stand for anything, the others never for a directory: so an operation on those
 * can neither look into a directory nor move one, and has little to do with most others (touches).
 *
 * A file that has lost its name is gone from the model; what is read of it then is not judged.
 */
#ifndef TARN_SIM_SPEC_SHARE_H
#define TARN_SIM_SPEC_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hist.h"

#define SHARE_ROOT      1u
#define SHARE_NODES     28u
#define SHARE_NAMES     4u
#define SHARE_DIR_NAMES 2u /* names below this may be directories */
#define SHARE_CELLS     2u
#define SHARE_STRANGE   0xffffu /* seen, and nothing that was ever made or written */

enum share_type { SHARE_NONE, SHARE_FILE, SHARE_DIR, SHARE_LINK };

struct share_node {
    uint16_t ino; /* 0: free */
    uint16_t parent, mode;
    uint16_t xattr; /* value's number, 0: none */
    uint16_t cell[SHARE_CELLS];
    uint8_t type, name;
};

struct share_tree {
    struct share_node node[SHARE_NODES]; /* by number, free ones last */
};

/* K(NAME, "words", changes) */
#define SHARE_KINDS(K)                                                                             \
    K(CREATE, "create", true)     /* dir/name: file ino of mode; EXCL. Sees ino */                 \
    K(MKDIR, "mkdir", true)       /* directory ino */                                              \
    K(SYMLINK, "symlink", true)   /* link ino */                                                   \
    K(PUT, "put", true)           /* file ino whose first cell is val; REPLACE */                  \
    K(REMOVE, "remove", true)     /* dir/name. Sees ino of what went, unless BLIND */              \
    K(MOVE, "move", true)         /* to dir2/name2; NOREPLACE. Sees ino of what was replaced */    \
    K(EXCHANGE, "exchange", true) /* with dir2/name2 */                                            \
    K(CHMOD, "chmod", true)       /* what is there gets mode */                                    \
    K(SETATTR, "setattr", true)   /* the same if it still is ino */                                \
    K(SETXATTR, "setxattr", true) /* if it still is ino: val; EXCL, REPLACE */                     \
    K(RMXATTR, "rmxattr", true)                                                                    \
    K(WRITE, "write", true)        /* cell `cell` of ino becomes val */                            \
    K(PUNCH, "punch", true)        /* a hole */                                                    \
    K(LOOKUP, "lookup", false)     /* sees ino, type, mode */                                      \
    K(STAT, "stat", false)         /* the same; not a link's ino */                                \
    K(LISTED, "listed", false)     /* sees there */                                                \
    K(GETXATTR, "getxattr", false) /* sees val */                                                  \
    K(READ, "read", false)         /* cell `cell` of ino: sees val */                              \
    K(SIZE, "size", false)         /* of ino, in cells: sees val */                                \
    K(WALK, "walk", false)         /* everything: sees tree */

#define SHARE_KIND_(NAME, words, changes) SHARE_##NAME,
enum share_kind { SHARE_KINDS(SHARE_KIND_) SHARE_KIND_NR };

enum share_flags { SHARE_EXCL = 1, SHARE_REPLACE = 2, SHARE_NOREPLACE = 4, SHARE_BLIND = 8 };

struct share_seen {
    uint16_t ino, mode, val;
    uint8_t type, there;
};

struct share_op {
    int32_t rc; /* result: 0 or errno */
    uint8_t kind, name, name2, cell;
    uint16_t dir, dir2, ino, mode, val, flags;
    struct share_seen seen;
    struct share_tree tree;
};

/* For hist_create(); the state is a struct share_tree, the first one all zeros. */
extern const struct hist_spec spec_share;

/* Does op (but WALK) to the tree: errno, and what is seen. An error changes nothing. */
int share_run(struct share_tree *t, const struct share_op *op, struct share_seen *seen);
bool share_changes(uint8_t kind);
struct share_node *share_find(struct share_tree *t, uint16_t ino);
struct share_node *share_child(struct share_tree *t, uint16_t dir, uint8_t name);
uint32_t share_nodes(const struct share_tree *t);
/* A free node with this number, in its place; NULL: the model is full. */
struct share_node *share_add(struct share_tree *t, uint16_t ino);
/* One line about an operation; known: with its result. */
void share_print_op(const void *op, bool known, char *buf, size_t len);

#endif

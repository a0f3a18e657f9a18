/*
 * The model of what is administered: containers of a pool, handles, attributes, properties, access
 * control lists, snapshots; and of each container a few values, to see that it is the one.
 *
 *     AD_CONTS containers, known by their label   AD_HANDLES handles of each client, by number
 *
 *   - a container that is destroyed takes everything with it, its handles too (with force; without
 *     it is busy while there are any); one made later under its name has nothing of it
 *   - a call through a handle that is not open, or was evicted, is -DER_NO_HDL; closing it is fine.
 *     While somebody evicts, targets know of it one after the other
 *   - an exclusive handle is alone
 *   - several attributes are set, read and removed at one instant; reading a missing one is
 *     -DER_NONEXIST, removing it is fine
 *   - a snapshot is known by the number that its maker chose
 */
#ifndef TARN_SIM_SPEC_ADMIN_H
#define TARN_SIM_SPEC_ADMIN_H

#include "hist.h"

#define AD_CONTS   4u
#define AD_ATTRS   4u /* of a container */
#define AD_PATTRS  6u /* of the pool */
#define AD_USERS   3u
#define AD_SNAPS   12u
#define AD_REGS    4u /* values */
#define AD_CLIENTS 8u
#define AD_HANDLES 24u
#define AD_OWN                                                                                     \
    18u /* numbers from here on are for who verifies, who does not know what others hold */

struct ad_cont {
    uint8_t there;
    uint8_t snap_max;
    uint16_t snaps; /* bits */
    uint16_t attr[AD_ATTRS];
    uint16_t reg[AD_REGS];
    uint16_t threshold;
    uint8_t acl[AD_USERS]; /* a class of permissions; 0: no entry */
    uint8_t zero;
};

#define AD_EXCLUSIVE 0x80u /* with the container's number + 1 */

struct ad_state {
    struct ad_cont cont[AD_CONTS];
    uint16_t pattr[AD_PATTRS];
    uint8_t handle[AD_CLIENTS][AD_HANDLES];
};

enum ad_what {
    AD_CREATE,
    AD_DESTROY,
    AD_OPEN,
    AD_EVICT, /* all handles of everybody: the engine has forgotten them */
    AD_PATTR_SET,
    AD_PATTR_DEL,
    AD_CLOSE, /* from here on through a handle ... */
    AD_ATTR_SET,
    AD_ATTR_DEL,
    AD_PROP_SET,
    AD_ACL_UPDATE,
    AD_ACL_DELETE,
    AD_ACL_OVERWRITE,
    AD_SNAP_CREATE,
    AD_SNAP_DESTROY,
    AD_PUT,
    AD_CHANGES, /* below: changes */
    AD_QUERY,
    AD_ATTR_GET,
    AD_ATTR_LIST,
    AD_ACL_GET,
    AD_SNAP_LIST,
    AD_GET,
    AD_OIDS,       /* which ones is judged elsewhere */
    AD_HANDLE_END, /* ... to here */
    AD_PATTR_GET,
    AD_PATTR_LIST,
    AD_LIST,
};

enum ad_flags { AD_FORCE = 1, AD_EX = 2, AD_EVICTS = 4 };

struct ad_op {
    uint8_t what;
    uint8_t client, handle;
    uint8_t cont;
    uint8_t flags;
    uint8_t which; /* snapshot, user, value */
    uint8_t bits;  /* names, users */
    uint8_t snap_max;
    uint8_t acl[AD_USERS];
    uint8_t zero;
    uint16_t id[AD_PATTRS]; /* values by name; [0]: AD_PUT, AD_GET */
    uint16_t threshold;
    uint16_t pad;
    /* observed: the above of reads, and */
    uint32_t found;   /* lists: bits */
    uint32_t known;   /* AD_SNAP_LIST: those whose epoch we know */
    uint32_t handles; /* AD_OPEN, AD_QUERY */
    uint32_t snaps;   /* AD_OPEN, AD_QUERY, AD_SNAP_LIST: how many */
    int32_t rc;
};

extern const struct hist_spec ad_spec;

static inline bool ad_by_handle(const struct ad_op *op)
{
    return op->what >= AD_CLOSE && op->what < AD_HANDLE_END;
}

#endif

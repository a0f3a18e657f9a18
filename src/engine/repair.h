/* What the two files of a repair share: repair.c the whole of it, repair_svc.c what concerns the
 * pool service and names. Private to them. */
#ifndef TARN_ENGINE_REPAIR_H
#define TARN_ENGINE_REPAIR_H

#include "engine/engine_int.h"
#include "heap/mend.h"

#define RANGES_MAX 64u

/* Containers that a store may have lost. */
struct lost_conts {
    struct {
        uint64_t lo, hi;
    } range[RANGES_MAX]; /* of their hashes */
    uint32_t nr;
    bool any; /* a repair that was cut short knew which */
};

/* Of heap_mend_mark(). */
enum { MARK_NONE, MARK_REPAIR, MARK_CONTS /* and the store has lost containers */ };

struct mend {
    struct engine *eng;
    bool dry;
    void (*report)(void *arg, const char *text);
    int (*progress)(void *arg, uint64_t done, uint64_t total);
    void *arg;
    struct engine_repaired *out;
    struct check_lines *lines;
    int rc;
    struct rt_event ended;
    uint64_t done_nr, total;
    /* of steps */
    struct vos_repair_ops ops;
    bool more;
    struct shard *s; /* the one that is repaired */
    uint64_t mark;
    struct svc_mender svc;
    struct lost_conts *lost; /* [target] */
    struct cont_list *conts; /* [target] */
    struct snap_list snaps;
    uint8_t cur[16];
    bool started, made, alive, gone;
    uint64_t epoch;
    /* values in data space */
    struct vos_check_ops walk;
    struct vos_anchor where, next;
    struct piece {
        struct vos_piece p;
        struct vos_found at;
        char *text; /* and checksums behind it */
    } * piece;
    uint32_t piece_nr, piece_max;
    const struct piece *bad;
    uint64_t bad_ver; /* of the last one */
    bool damaged;     /* the walk met what the repair should have taken out */
    struct heap_refs refs;
    struct heap_mended mended;
    uint64_t page;
    /* objects that lost their place */
    struct vos_cont *orphans_of;
    uint64_t missing, *orphan, orphan_nr, orphan_at;
    struct heap_leaks leaks;
    char label[DAOS_PROP_MAX_LABEL_BUF_LEN];
};

/* Something is given up; told by the dry run alone. */
void repair_line(void *arg, const char *text);
static inline bool repair_is_damage(int rc)
{
    return rc == -DER_CSUM || rc == -DER_IO;
}

/* ---- repair_svc.c [F], on the first shard ---- */

/* Containers of the service: nobody has them open; those that no store has, and one has lost, go.
 */
int repair_conts(struct mend *k);
/* Those that other stores have, or may have: what this one's had of them is missing there. After
 * the stores. */
int repair_doubt(struct mend *k);
/* The service's tables. -DER_NOTSUPPORTED: what cannot be made again is lost. */
int repair_tables(struct mend *k);
/* What the stores have and the service has lost, and the other way round. */
int repair_adopt(struct mend *k);
/* Objects of POSIX containers that no name leads to. */
int repair_nameless(struct mend *k);

#endif

/*
 * Markers of an object id table: bytes that a client attaches to entries, to know later which it
 * has seen. They lie in an object of the container, one dkey for each marked entry (its id, lo and
 * hi, little endian), akey "m": the length, then OIT_MARKER_MAX bytes. The object's id is the
 * snapshot's epoch with type DAOS_OT_OIT_V2, which nobody else can make; lists of objects leave it
 * out. It goes with the table or the snapshot.
 *
 * All functions wait, and answer DER codes.
 */
#ifndef TARN_CLIENT_OIT_H
#define TARN_CLIENT_OIT_H

#include <daos.h>
#include <stdbool.h>

#define OIT_MARKER_MAX DAOS_OIT_MARKER_MAX_LEN

struct oit_marker {
    bool there;
    uint8_t len;
    uint8_t bytes[OIT_MARKER_MAX];
};

/* Of table `epoch`. Replaces what is there. */
int oit_marker_put(daos_handle_t coh, daos_epoch_t epoch, daos_obj_id_t oid, const d_iov_t *marker);
/* Of nr entries; so few at once because they lie on the stack of a fiber. */
#define OIT_MARKERS_AT_ONCE 32u
int oit_markers_get(daos_handle_t coh, daos_epoch_t epoch, uint32_t nr, const daos_obj_id_t *oids,
                    struct oit_marker *markers);
/* All of a table; none is fine. */
int oit_markers_drop(daos_handle_t coh, daos_epoch_t epoch);
/* Is it the object that markers lie in? */
bool oit_holds_markers(daos_obj_id_t oid);

#endif

/* Blobs of handles: what every local2global and global2local does. */
#ifndef TARN_CLIENT_GLOBAL_H
#define TARN_CLIENT_GLOBAL_H

#include <daos_types.h>

/* Writes the blob, or tells its size (iov_buf NULL); -DER_TRUNC with iov_buf_len = the size needed.
 */
int blob_out(d_iov_t *glob, const void *blob, size_t len);
/* Reads one that starts with magic; -DER_INVAL. */
int blob_in(const d_iov_t *glob, uint32_t magic, void *blob, size_t len);

#endif

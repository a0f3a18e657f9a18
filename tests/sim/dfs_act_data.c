/* Values and numbers: what the model calls 7 is many bytes in a file, and back. */
#include "dfs_act_int.h"
#include "base/assert.h"
#include "base/hash.h"
#include <errno.h>
#include <stdlib.h>
#include <endian.h>
#include <string.h>

static const uint16_t xattr_len[] = {2, 40, 300, DFS_XATTR_MAX};

uint8_t dfs_type_of(mode_t mode)
{
    return S_ISREG(mode) ? SPEC_FILE : S_ISDIR(mode) ? SPEC_DIR : S_ISLNK(mode) ? SPEC_LINK : 0;
}

uint8_t dfs_target_of(const char *text)
{
    for (uint32_t i = 0; i < spec_targets(); i++)
        if (strcmp(text, spec_target(i)) == 0)
            return (uint8_t)i;
    return SIZE_STRANGE;
}

const char *dfs_xattr_name(uint8_t which)
{
    return which == 0 ? "user.x0" : "user.x1";
}

static void fill(uint64_t seed, uint16_t val, uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t w = htole64(mix64(seed + i / 8)) | UINT64_C(0x0101010101010101);

        memcpy(buf + i, &w, MIN((size_t)8, len - i));
    }
    buf[0] = (uint8_t)val;
    buf[1] = (uint8_t)(val >> 8);
}

size_t dfs_xattr_value(uint16_t val, uint8_t *buf)
{
    size_t len = xattr_len[val % ARRAY_LEN(xattr_len)];

    fill(mix64(val), val, buf, len);
    return len;
}

uint16_t dfs_xattr_number(const uint8_t *buf, size_t len)
{
    uint8_t want[DFS_XATTR_MAX];
    uint16_t val = (uint16_t)(len < 2 ? 0 : buf[0] | buf[1] << 8);

    if (dfs_xattr_value(val, want) != len || memcmp(want, buf, len) != 0)
        return SPEC_STRANGE;
    return val;
}

static uint64_t cell_seed(uint16_t val, uint32_t at)
{
    return mix64((uint64_t)val << 8 | at);
}

void dfs_cell_fill(uint16_t val, uint32_t at, uint8_t *buf)
{
    fill(cell_seed(val, at), val, buf, DFS_CELL_BYTES);
}

uint16_t dfs_cell_number(uint32_t at, const uint8_t *buf)
{
    uint8_t want[DFS_CELL_BYTES] = {0};
    uint16_t val = (uint16_t)(buf[0] | buf[1] << 8);

    if (val != 0)
        dfs_cell_fill(val, at, want);
    return memcmp(want, buf, sizeof(want)) == 0 ? val : SPEC_STRANGE;
}

uint8_t dfs_cells_of(uint64_t bytes)
{
    return bytes % DFS_CELL_BYTES == 0 && bytes / DFS_CELL_BYTES <= SPEC_CELLS
               ? (uint8_t)(bytes / DFS_CELL_BYTES)
               : SIZE_STRANGE;
}

int dfs_read_cells(dfs_t *dfs, dfs_obj_t *obj, uint8_t *size, uint16_t cell[SPEC_CELLS])
{
    uint8_t buf[SPEC_CELLS * DFS_CELL_BYTES + 1];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_size_t got = 0;
    int rc;

    memset(buf, 0xee, sizeof(buf));
    d_iov_set(&iov, buf, sizeof(buf));
    rc = dfs_read(dfs, obj, &sgl, 0, &got, NULL);
    if (rc != 0)
        return rc;
    *size = dfs_cells_of(got);
    memset(cell, 0, SPEC_CELLS * sizeof(cell[0]));
    for (uint32_t i = 0; i < SPEC_CELLS && (uint64_t)(i + 1) * DFS_CELL_BYTES <= got; i++)
        cell[i] = dfs_cell_number(i, buf + (size_t)i * DFS_CELL_BYTES);
    return 0;
}

int dfs_read_names(dfs_t *dfs, dfs_obj_t *dir, uint32_t batch, uint8_t *names)
{
    struct dirent ents[8];
    daos_anchor_t anchor = {0};
    int rc = 0;

    *names = 0;
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = batch;

        rc = dfs_readdir(dfs, dir, &anchor, &nr, ents);
        for (uint32_t i = 0; rc == 0 && i < nr; i++) {
            const char *name = ents[i].d_name;
            uint8_t bit = 0x80;

            if (name[0] >= 'a' && name[0] < (char)('a' + SPEC_NAMES) && name[1] == '\0')
                bit = (uint8_t)(1 << (name[0] - 'a'));
            *names |= *names & bit ? 0x80 : bit; /* twice is strange */
        }
    }
    return rc;
}

int dfs_read_xattr(dfs_t *dfs, dfs_obj_t *obj, uint8_t which, uint16_t *val)
{
    uint8_t buf[DFS_XATTR_MAX];
    daos_size_t size = sizeof(buf);
    int rc = dfs_getxattr(dfs, obj, dfs_xattr_name(which), buf, &size);

    if (rc == 0)
        *val = dfs_xattr_number(buf, size);
    return rc;
}

int dfs_read_xattr_names(dfs_t *dfs, dfs_obj_t *obj, uint8_t *names)
{
    char list[64];
    daos_size_t size = sizeof(list);
    int rc = dfs_listxattr(dfs, obj, list, &size);

    *names = 0;
    if (rc != 0)
        return rc;
    for (size_t at = 0; at < size && at < sizeof(list); at += strlen(list + at) + 1) {
        if (strcmp(list + at, dfs_xattr_name(0)) == 0)
            *names |= 1;
        else if (strcmp(list + at, dfs_xattr_name(1)) == 0)
            *names |= 2;
        else
            *names |= 0x80;
    }
    return 0;
}

int dfs_read_target(dfs_obj_t *obj, uint8_t *target)
{
    char text[64];
    daos_size_t size = sizeof(text);
    int rc = dfs_get_symlink_value(obj, text, &size);

    if (rc == 0)
        *target = dfs_target_of(text);
    return rc;
}

/* ---- Identities ---- */

void dfs_ids_fini(struct dfs_ids *ids)
{
    free(ids->id);
    memset(ids, 0, sizeof(*ids));
}

static void remember(struct dfs_ids *ids, daos_obj_id_t oid, uint16_t ino)
{
    if (ids->nr == ids->room) {
        ids->room = ids->room == 0 ? 64 : 2 * ids->room;
        ids->id = realloc(ids->id, ids->room * sizeof(*ids->id));
        ASSERT(ids->id);
    }
    ids->id[ids->nr++] = (struct dfs_id){oid, ino};
    for (uint32_t i = 0; i < DFS_FRESH; i++)
        if (ids->fresh[i].ino == ino)
            ids->fresh[i] = (struct dfs_fresh){0};
}

uint16_t dfs_ids_of(struct dfs_ids *ids, daos_obj_id_t oid, uint8_t type, uint16_t mode,
                    uint8_t target)
{
    for (uint32_t i = ids->nr; i > 0; i--)
        if (memcmp(&ids->id[i - 1].oid, &oid, sizeof(oid)) == 0)
            return ids->id[i - 1].ino;
    for (uint32_t i = 0; type != SPEC_NONE && i < DFS_FRESH; i++) {
        const struct dfs_fresh *f = &ids->fresh[(ids->fresh_at - 1 - i) % DFS_FRESH];
        uint16_t ino = f->ino;

        if (ino == 0 || f->type != type)
            continue;
        if (type == SPEC_LINK ? f->target != target : f->mode != mode)
            continue;
        remember(ids, oid, ino);
        return ino;
    }
    return 0;
}

bool dfs_ids_link_pending(const struct dfs_ids *ids, uint8_t target)
{
    for (uint32_t i = 0; i < DFS_FRESH; i++)
        if (ids->fresh[i].type == SPEC_LINK && ids->fresh[i].target == target)
            return true;
    return false;
}

uint16_t dfs_act_mode(uint16_t ino)
{
    return (uint16_t)(0400 | (ino & 0377));
}

/*
 * The superblock object: dkey "DFS_SB_METADATA" with one single-value akey a setting, all little
 * endian: DFS_MAGIC u64, DFS_SB_VERSION u16, DFS_LAYOUT_VERSION u16, DFS_CHUNK_SIZE u64,
 * DFS_OBJ_CLASS u32, DFS_DIR_OBJ_CLASS u32, DFS_FILE_OBJ_CLASS u32, DFS_MODE u32, DFS_HINTS text.
 * Its dkey "/" is the root directory's entry, its dkey "DFS_MOVES" serializes moves of directories
 * (dot.c). All are inserted in one compound with the root's ".", so a container has a whole
 * superblock or none.
 */
#include <unistd.h>
#include "dfs/dfs_int.h"

#define SB_DKEY "DFS_SB_METADATA"
#define SB_NR   9u

static const char *const sb_key[SB_NR] = {
    "DFS_MAGIC",          "DFS_SB_VERSION", "DFS_LAYOUT_VERSION",
    "DFS_CHUNK_SIZE",     "DFS_OBJ_CLASS",  "DFS_DIR_OBJ_CLASS",
    "DFS_FILE_OBJ_CLASS", "DFS_MODE",       "DFS_HINTS"};
static const uint8_t sb_len[SB_NR] = {8, 2, 2, 8, 4, 4, 4, 4, 128};

struct sb_io {
    uint8_t buf[SB_NR][128];
    daos_key_t dkey;
    daos_iod_t iods[SB_NR];
    d_iov_t iovs[SB_NR];
    d_sg_list_t sgls[SB_NR];
};

static void sb_io_set(struct sb_io *io)
{
    memset(io, 0, sizeof(*io));
    d_iov_set(&io->dkey, (void *)SB_DKEY, sizeof(SB_DKEY) - 1);
    for (size_t i = 0; i < SB_NR; i++) {
        d_iov_set(&io->iods[i].iod_name, (void *)sb_key[i], strlen(sb_key[i]));
        io->iods[i].iod_type = DAOS_IOD_SINGLE;
        io->iods[i].iod_nr = 1;
        io->iods[i].iod_size = sb_len[i];
        d_iov_set(&io->iovs[i], io->buf[i], sb_len[i]);
        io->sgls[i].sg_nr = 1;
        io->sgls[i].sg_iovs = &io->iovs[i];
    }
}

static void put_le(uint8_t *p, uint64_t v)
{
    for (size_t i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const uint8_t *p, size_t len)
{
    uint64_t v = 0;

    for (size_t i = 0; i < len; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static bool hint_one(const char *word, size_t len, uint16_t *dir, uint16_t *file)
{
    static const struct {
        const char *text;
        bool is_dir;
        uint16_t bits;
    } words[] = {
        {"file:single", false, DAOS_OCH_SHD_TINY},     {"file:max", false, DAOS_OCH_SHD_MAX},
        {"dir:single", true, DAOS_OCH_SHD_TINY},       {"dir:max", true, DAOS_OCH_SHD_MAX},
        {"directory:single", true, DAOS_OCH_SHD_TINY}, {"directory:max", true, DAOS_OCH_SHD_MAX},
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i].text) == len && memcmp(words[i].text, word, len) == 0) {
            *(words[i].is_dir ? dir : file) = words[i].bits;
            return true;
        }
    return false;
}

void dfs_hints_parse(const char *hints, uint16_t *dir, uint16_t *file, bool *ok)
{
    *dir = 0;
    *file = 0;
    *ok = true;
    while (*hints != '\0') {
        size_t len = strcspn(hints, ",");

        if (len > 0 && !hint_one(hints, len, dir, file))
            *ok = false;
        hints += len + (hints[len] == ',');
    }
}

static void root_entry(struct dfs_entry *e, daos_obj_id_t root_oid)
{
    memset(e, 0, sizeof(*e));
    e->mode = S_IFDIR | 0755;
    e->oid = root_oid;
    e->mtime = dfs_now();
    e->ctime = e->mtime;
    e->uid = geteuid();
    e->gid = getegid();
    e->no_xattrs = true;
}

int dfs_sb_create(daos_handle_t coh, const dfs_attr_t *attr, daos_obj_id_t sb_oid,
                  daos_obj_id_t root_oid)
{
    struct sb_io io;
    struct dfs_entry_io root;
    struct dfs_dot_io dot, moves;
    struct dfs_entry e;
    struct compound *c;
    int rc;

    sb_io_set(&io);
    put_le(io.buf[0], DFS_SB_MAGIC);
    put_le(io.buf[1], DFS_SB_VERSION);
    put_le(io.buf[2], DFS_LAYOUT_VERSION);
    put_le(io.buf[3],
           attr != NULL && attr->da_chunk_size ? attr->da_chunk_size : DFS_DEFAULT_CHUNK_SIZE);
    put_le(io.buf[4], attr != NULL ? attr->da_oclass_id : 0);
    put_le(io.buf[5], attr != NULL ? attr->da_dir_oclass_id : 0);
    put_le(io.buf[6], attr != NULL ? attr->da_file_oclass_id : 0);
    put_le(io.buf[7], attr != NULL ? attr->da_mode : DFS_RELAXED);
    if (attr != NULL)
        memcpy(io.buf[8], attr->da_hints, strnlen(attr->da_hints, sizeof(attr->da_hints) - 1));
    root_entry(&e, root_oid);
    dfs_entry_io_set(&root, "/", &e, NULL);
    rc = compound_begin(coh, &c);
    if (rc != 0)
        return dfs_errno(rc);
    rc = compound_update_oid(c, sb_oid, DAOS_COND_DKEY_INSERT, &io.dkey, SB_NR, io.iods, io.sgls);
    if (rc == 0)
        rc = compound_update_oid(c, sb_oid, DAOS_COND_DKEY_INSERT, &root.dkey, root.nr, root.iods,
                                 root.sgls);
    if (rc == 0)
        rc = dfs_dot_write(c, &dot, root_oid, (daos_obj_id_t){0});
    if (rc == 0)
        rc = dfs_moves_write(c, &moves, sb_oid);
    if (rc == 0)
        rc = compound_run(c, NULL, NULL);
    compound_free(c);
    return dfs_errno(rc);
}

static int sb_decode(struct dfs *dfs, const struct sb_io *io)
{
    struct dfs_sb *sb = &dfs->sb;
    bool ok;

    if (io->iods[0].iod_size == 0)
        return ENOENT;
    if (io->iods[0].iod_size != 8 || get_le(io->buf[0], 8) != DFS_SB_MAGIC)
        return EINVAL;
    sb->version = get_le(io->buf[1], 2);
    sb->layout = get_le(io->buf[2], 2);
    if (sb->version > DFS_SB_VERSION || sb->layout > DFS_LAYOUT_VERSION)
        return EINVAL;
    sb->chunk_size = get_le(io->buf[3], 8);
    sb->oclass = (daos_oclass_id_t)get_le(io->buf[4], 4);
    sb->dir_oclass = (daos_oclass_id_t)get_le(io->buf[5], 4);
    sb->file_oclass = (daos_oclass_id_t)get_le(io->buf[6], 4);
    sb->mode = (uint32_t)get_le(io->buf[7], 4);
    memcpy(sb->hints, io->buf[8], sizeof(sb->hints));
    sb->hints[sizeof(sb->hints) - 1] = '\0';
    dfs_hints_parse(sb->hints, &sb->dir_hint, &sb->file_hint, &ok);
    return sb->chunk_size == 0 ? EINVAL : 0;
}

int dfs_sb_read(struct dfs *dfs)
{
    struct sb_io io;
    int rc;

    sb_io_set(&io);
    for (size_t i = 0; i < SB_NR; i++)
        io.iods[i].iod_size = DAOS_REC_ANY;
    rc = client_fetch_oid(dfs->coh, dfs->th, dfs->sb_oid, 0, &io.dkey, SB_NR, io.iods, io.sgls,
                          NULL, NULL);
    if (rc != 0)
        return dfs_errno(rc);
    return sb_decode(dfs, &io);
}

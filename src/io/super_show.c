/* The superblock copies of a device, as a person reads them: whatever state they are in. */
#include "base/fail.h"
#include "base/label.h"
#include "base/row.h"
#include "io/super_format.h"

#include <string.h>

#include <daos_errno.h>

static const char *const roles[SUPER_ROLE_NR] = {"wal", "meta", "data"};

static int show_extents(const struct super_block *b, struct row *r, const struct row_sink *out)
{
    int rc = 0;

    for (uint32_t i = 0; i < b->extent_nr && i < SUPER_EXTENTS_MAX && rc == 0; i++) {
        const struct super_extent *x = &b->extent[i];

        row_begin(r, "extent", 2);
        row_text(r, "role", "%s", x->role < SUPER_ROLE_NR ? roles[x->role] : "unknown");
        row_num(r, "offset", x->off);
        row_num(r, "bytes", x->len);
        rc = row_end(r, out);
    }
    return rc;
}

static void show_block(const struct super_block *b, struct row *r)
{
    char pool[UUID_TEXT_LEN + 1], dev[UUID_TEXT_LEN + 1];

    uuid_text_print(b->id.pool, pool);
    uuid_text_print(b->id.device, dev);
    row_num(r, "version", b->version);
    row_num(r, "generation", b->generation);
    row_text(r, "state", "%s",
             b->state & SUPER_STATE_CLEAN ? "closed in order" : "in use, or not closed");
    row_text(r, "pool", "%s", pool);
    row_text(r, "device", "%s", dev);
    row_num(r, "target", b->id.target);
    row_num(r, "shard", b->id.shard);
    row_num(r, "page_size", b->id.page_size);
    row_text(r, "roles", "%s%s%s", b->id.roles & 1u << SUPER_WAL ? "wal " : "",
             b->id.roles & 1u << SUPER_META ? "meta " : "",
             b->id.roles & 1u << SUPER_DATA ? "data" : "");
    row_num(r, "limit", b->id.limit_bytes);
    row_text(r, "flags", "compat %llx, ro-compat %llx, incompat %llx",
             (unsigned long long)b->compat, (unsigned long long)b->ro_compat,
             (unsigned long long)b->incompat);
}

int super_show(struct io_dev *dev, const struct row_sink *out)
{
    static const char *const words[] = {[SUPER_COPY_FOREIGN] = "not a superblock",
                                        [SUPER_COPY_DAMAGED] = "damaged",
                                        [SUPER_COPY_NEWER] = "whole, of a newer format",
                                        [SUPER_COPY_WHOLE] = "whole"};
    struct super_block *b = base_alloc(2 * sizeof(*b)), *best = b + 1;
    struct row *r = base_alloc(sizeof(*r));
    uint8_t *buf = io_buf_alloc(SUPER_COPY_STEP);
    uint64_t newest = 0;
    int rc = b != NULL && r != NULL && buf != NULL ? 0 : -DER_NOMEM;

    for (uint32_t i = 0; i < SUPER_COPIES && rc == 0; i++) {
        enum super_copy_state st = SUPER_COPY_FOREIGN;
        int one = io_read_wait(dev, i * (uint64_t)SUPER_COPY_STEP, buf, SUPER_COPY_STEP);

        if (one == 0)
            st = super_decode(buf, i, b);
        row_begin(r, "superblock", 1);
        row_num(r, "copy", i);
        row_text(r, "is", "%s", one != 0 ? "unreadable: the device reported an error" : words[st]);
        if (one == 0 && st == SUPER_COPY_WHOLE)
            show_block(b, r);
        rc = row_end(r, out);
        if (one == 0 && st == SUPER_COPY_WHOLE && b->generation > newest) {
            newest = b->generation;
            *best = *b;
        }
    }
    if (rc == 0 && newest > 0) {
        const char *wrong = super_block_check(best);

        row_begin(r, "in_force", 1);
        row_num(r, "generation", newest);
        row_text(r, "is", "%s", wrong != NULL ? wrong : "possible");
        rc = row_end(r, out);
        if (rc == 0)
            rc = show_extents(best, r, out);
    } else if (rc == 0) {
        row_begin(r, "in_force", 1);
        row_text(r, "is", "none: no copy is whole");
        rc = row_end(r, out);
    }
    io_buf_free(buf);
    base_free(r);
    base_free(b);
    return rc;
}

/*
 * The beginning and the end of a superblock: a device is formatted, and wiped.
 *
 * Formatting refuses what is in use: a device with a whole superblock always, one with any other
 * bytes where file systems, partition tables and volumes begin (and some end) unless it is forced.
 * Wiping puts zeros exactly there, so that a device that was wiped can be formatted again. The
 * superblock goes last: until then the device says whose it is.
 */
#include "io/super_int.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/label.h"
#include "daos_errno.h"
#include <stdio.h>
#include <string.h>

#define SUPER_LOOK ((uint64_t)1 << 20)

static int format_refuse(struct err *e, const struct io_dev *dev, int rc, const char *why,
                         const char *next)
{
    return err_setf(e, rc, next, why, "cannot format device %s", dev->name);
}

static bool all_zeros(const uint8_t *buf, size_t len)
{
    return len == 0 || (buf[0] == 0 && memcmp(buf, buf + 1, len - 1) == 0);
}

/* What is likely to be met, so that whoever named the wrong device sees it at once. Offsets within
 * the piece of the device that begins at `at`. */
static const char *what_it_is(uint64_t at, const uint8_t *buf, size_t len)
{
    static const struct {
        uint64_t off;
        const char *magic, *what;
    } known[] = {
        {1080, "\x53\xef", "an ext2, ext3 or ext4 file system"},
        {0, "XFSB", "an XFS file system"},
        {65600, "_BHRfS_M", "a btrfs file system"},
        {0, "LUKS\xba\xbe", "an encrypted volume (LUKS)"},
        {512, "LABELONE", "an LVM volume"},
        {4086, "SWAPSPACE2", "swap space"},
        {512, "EFI PART", "a partition table (GPT)"},
        {510, "\x55\xaa", "a partition table or boot sector"},
        {4096, "\xfc\x4e\x2b\xa9", "a member of a RAID (md)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        size_t n = strlen(known[i].magic);

        if (known[i].off >= at && known[i].off + n <= at + len &&
            memcmp(buf + (known[i].off - at), known[i].magic, n) == 0)
            return known[i].what;
    }
    return NULL;
}

static int refuse_foreign(const struct super *s, uint64_t at, size_t len, struct err *e)
{
    const char *what = what_it_is(at, s->buf, len);
    char why[128];

    snprintf(why, sizeof(why), "it holds foreign data%s%s", what ? ": " : "", what ? what : "");
    return format_refuse(e, s->dev, -DER_EXIST, why,
                         "choose another device, or force it if the data is not needed");
}

static int refuse_used(struct super *s, size_t len, struct err *e)
{
    char why[128], uuid[UUID_TEXT_LEN + 1];

    for (uint32_t i = 0; (i + 1) * (size_t)SUPER_COPY_STEP <= len; i++) {
        switch (super_decode(s->buf + i * (size_t)SUPER_COPY_STEP, i, &s->next)) {
        case SUPER_COPY_WHOLE:
            uuid_text_print(s->next.id.pool, uuid);
            snprintf(why, sizeof(why), "it belongs to pool %s", uuid);
            return format_refuse(
                e, s->dev, -DER_EXIST, why,
                "destroy that pool first; if it is gone, zero the first 64 KiB of the device");
        case SUPER_COPY_NEWER:
            return format_refuse(e, s->dev, -DER_EXIST, "it belongs to a pool of a newer format",
                                 "destroy that pool first, with the program that made it");
        default:
            break;
        }
    }
    return 0;
}

/* Calls each() for the pieces of a device where those who format one leave their marks, at most
 * SUPER_AREA bytes long: its first and its last SUPER_LOOK bytes. */
static int each_piece(struct io_dev *dev, int (*each)(void *arg, uint64_t at, size_t len),
                      void *arg)
{
    uint64_t back = dev->size > 2 * SUPER_LOOK ? dev->size - SUPER_LOOK : SUPER_LOOK;
    int rc = 0;

    for (uint64_t at = 0; at < dev->size && rc == 0; at += SUPER_AREA) {
        if (at >= SUPER_LOOK && at < back)
            at = back;
        rc = each(arg, at, (size_t)MIN(dev->size - at, (uint64_t)SUPER_AREA));
    }
    return rc;
}

struct look {
    struct super *s;
    bool force;
    struct err *e;
};

static int look_at(void *arg, uint64_t at, size_t len)
{
    struct look *l = arg;
    struct super *s = l->s;
    int rc = io_read_wait(s->dev, at, s->buf, len);

    if (rc != 0)
        return format_refuse(l->e, s->dev, rc, "its beginning or its end cannot be read",
                             "look at the system's log for errors of this device");
    if (at == 0)
        rc = refuse_used(s, len, l->e);
    if (rc == 0 && !l->force && !all_zeros(s->buf, len))
        rc = refuse_foreign(s, at, len, l->e);
    return rc;
}

/* Only what nobody uses is formatted. */
static int check_unused(struct super *s, bool force, struct err *e)
{
    return each_piece(s->dev, look_at, &(struct look){.s = s, .force = force, .e = e});
}

/* One extent a role, one behind the other. */
static void lay_out(struct super_block *b, const struct super_id *id,
                    const uint64_t role_size[SUPER_ROLE_NR])
{
    uint64_t off = SUPER_AREA;

    memset(b, 0, sizeof(*b));
    b->version = SUPER_VERSION;
    b->state = SUPER_STATE_CLEAN;
    b->id = *id;
    for (uint32_t role = 0; role < SUPER_ROLE_NR; role++) {
        if (role_size[role] == 0)
            continue;
        b->extent[b->extent_nr++] =
            (struct super_extent){.role = role, .off = off, .len = role_size[role]};
        off += role_size[role];
    }
}

static int check_wish(const struct super_id *id, const uint64_t role_size[SUPER_ROLE_NR])
{
    uint64_t total = SUPER_AREA;

    for (uint32_t role = 0; role < SUPER_ROLE_NR; role++) {
        bool wanted = id->roles & (1u << role);

        if (wanted != (role_size[role] > 0) || role_size[role] % SUPER_ALIGN != 0 ||
            role_size[role] > INT64_MAX - total)
            return -DER_INVAL;
        total += role_size[role];
    }
    return 0;
}

static int zero_wal(struct io_dev *dev, const struct super_block *b)
{
    for (uint32_t i = 0; i < b->extent_nr; i++) {
        if (b->extent[i].role == SUPER_WAL)
            return io_zero_wait(dev, b->extent[i].off, b->extent[i].len);
    }
    return 0;
}

/* Room, zeros in the WAL, then the superblock that makes both count. */
static int format_write(struct super *s, struct err *e)
{
    struct io_dev *dev = s->dev;
    int rc = io_grow_wait(dev, super_block_end(&s->next));

    if (rc == -DER_NOSPACE || rc == -DER_NOTSUPPORTED)
        return format_refuse(e, dev, -DER_NOSPACE, "there is not enough room for it",
                             "free space, or choose smaller sizes");
    if (rc == 0)
        rc = zero_wal(dev, &s->next);
    if (rc == 0)
        rc = super_put(s);
    if (rc != 0)
        format_refuse(e, dev, rc,
                      rc == -DER_NO_PERM ? "it is open for reading only" : "writing failed",
                      "look at the system's log for errors of this device");
    return rc;
}

int super_format(struct io_dev *dev, const struct super_id *id,
                 const uint64_t role_size[SUPER_ROLE_NR], uint64_t compat, uint64_t ro_compat,
                 uint64_t incompat, bool force, struct super **out, struct err *e)
{
    struct super *s = super_new(dev);
    int rc;

    if (!s)
        return super_nomem(e, dev, "format");
    rc = check_unused(s, force, e);
    if (rc != 0)
        goto out;
    lay_out(&s->next, id, role_size);
    if (check_wish(id, role_size) != 0 || super_block_check(&s->next)) {
        rc = format_refuse(e, dev, -DER_INVAL, "its sizes, roles or page size are not possible",
                           "give each role a multiple of 64 KiB and a page size of 4 to 64 KiB");
        goto out;
    }
    s->next.compat = compat;
    s->next.ro_compat = ro_compat;
    s->next.incompat = incompat;
    rc = format_write(s, e);
    if (rc == 0)
        *out = s;
out:
    if (rc != 0)
        super_close(s);
    return rc;
}

/* ---- The end ---- */

static int wipe_piece(void *arg, uint64_t at, size_t len)
{
    struct io_dev *dev = arg;

    return at == 0 ? 0 : io_zero_wait(dev, at, len);
}

int super_wipe(struct io_dev *dev)
{
    int rc = each_piece(dev, wipe_piece, dev);

    return rc != 0 ? rc : io_zero_wait(dev, 0, MIN(dev->size, (uint64_t)SUPER_AREA));
}

int super_blank(struct io_dev *dev, bool *blank)
{
    struct super *s = super_new(dev);
    struct err e = {0};
    int rc = s ? check_unused(s, false, &e) : -DER_NOMEM;

    super_close(s);
    *blank = rc == 0;
    return rc == -DER_EXIST ? 0 : rc;
}

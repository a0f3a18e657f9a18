/*
 * The superblock's life: open, change. Its beginning and its end: super_new.c.
 *
 * A change writes the next generation to two copies, flushes, writes the other two, flushes. The
 * pair written first is the one that is worth least: copies that are torn, unreadable or of an
 * older generation. So while one pair is being written the other holds a whole copy of the newest
 * generation, whatever earlier cuts and failures left behind. A generation number is never used
 * twice, even if its writes failed, so two whole copies of one generation always agree.
 *
 * Failure modes: a power cut or failed write in the first pair leaves the old state; one in the
 * second pair leaves the new; a failed change is reported and the state in memory stays the old one
 * (a role that did not grow is not used beyond its old size, so either state on the device is
 * good).
 *
 * A state is in force only where two copies or more hold it: whoever opens for writing first writes
 * the newest to the copies that are not whole. Otherwise what is stored by it would be lost with
 * the one copy that a cut change had left.
 */
#include "io/super_int.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/fail.h"
#include "base/label.h"
#include "base/log.h"
#include "base/mutant.h"
#include "base/size.h"
#include "daos_errno.h"
#include <stdio.h>
#include <string.h>

#define READ_TRIES      3
#define UNKNOWN_NEWER   (UINT64_C(1) << 20) /* generations that an unreadable copy may be ahead */
#define CROWDED_EXTENTS (SUPER_EXTENTS_MAX / 2) /* from here on growth comes in large steps */
#define CROWDED_SHARE   16                      /* ... of this share of the device */

_Static_assert(SUPER_COPIES *SUPER_COPY_STEP == SUPER_AREA, "copies fill the area");

int super_nomem(struct err *e, const struct io_dev *dev, const char *what)
{
    return err_setf(e, -DER_NOMEM, "free memory and try again", "out of memory",
                    "cannot %s device %s", what, dev->name);
}

/* ---- Writing ---- */

static int write_pair(struct super *s, const uint32_t *copies)
{
    int rc = 0;

    for (uint32_t i = 0; i < 2; i++)
        s->whole[copies[i]] = false;
    for (uint32_t i = 0; i < 2 && rc == 0; i++) {
        super_encode(&s->next, copies[i], s->buf);
        rc = io_write_wait(s->dev, copies[i] * (uint64_t)SUPER_COPY_STEP, s->buf, SUPER_BYTES, 0);
    }
    if (rc == 0 && !MUTANT(SUPER_NO_FLUSH))
        rc = io_flush_wait(s->dev);
    for (uint32_t i = 0; i < 2 && rc == 0; i++)
        s->whole[copies[i]] = true;
    return rc;
}

int super_put(struct super *s)
{
    uint32_t order[SUPER_COPIES], nr = 0;
    int rc;

    for (uint32_t i = 0; i < SUPER_COPIES; i++) {
        if (!s->whole[i])
            order[nr++] = i;
    }
    for (uint32_t i = 0; i < SUPER_COPIES; i++) {
        if (s->whole[i])
            order[nr++] = i;
    }
    s->next.generation = ++s->generation_max;
    rc = write_pair(s, order);
    if (rc == 0)
        rc = write_pair(s, order + 2);
    if (rc == 0)
        s->block = s->next;
    return rc;
}

/* ---- Reading ---- */

/* What the four copies are. */
struct survey {
    bool whole[SUPER_COPIES];
    uint32_t damaged, unreadable;
    bool newer;              /* the newest is of a newer version */
    bool found;              /* best is filled in */
    struct super_block best; /* the newest whole one */
};

static int survey(struct io_dev *dev, uint8_t *buf, struct super_block *seen, struct survey *sv)
{
    memset(sv, 0, sizeof(*sv));
    for (uint32_t i = 0; i < SUPER_COPIES; i++) {
        uint64_t off = i * (uint64_t)SUPER_COPY_STEP;
        enum super_copy_state state;
        int rc;

        if (dev->size < off + SUPER_COPY_STEP)
            break;
        for (int tries = 0; (rc = io_read_wait(dev, off, buf, SUPER_COPY_STEP)) == -DER_IO; tries++)
            if (tries + 1 == READ_TRIES)
                break;
        if (rc != 0 && rc != -DER_IO)
            return rc;
        if (rc != 0) {
            sv->unreadable++;
            continue;
        }
        state = super_decode(buf, i, seen);
        sv->damaged += state == SUPER_COPY_DAMAGED;
        if (state != SUPER_COPY_WHOLE && state != SUPER_COPY_NEWER)
            continue;
        if (!sv->found || seen->generation > sv->best.generation) {
            memset(sv->whole, 0, sizeof(sv->whole));
            sv->best = *seen;
            sv->newer = state == SUPER_COPY_NEWER;
            sv->found = true;
        }
        sv->whole[i] = seen->generation == sv->best.generation;
    }
    return 0;
}

static int refuse_nothing_found(const struct io_dev *dev, const struct survey *sv, struct err *e)
{
    char why[128], size[SIZE_TEXT_MAX];

    if (sv->damaged > 0)
        return err_setf(e, -DER_CSUM,
                        "restore it from a copy; its data may be intact, but nothing says where",
                        "superblock damaged: none of its four copies has a matching checksum",
                        "cannot open device %s", dev->name);
    if (sv->unreadable > 0)
        return err_setf(e, -DER_IO, "look at the system's log for errors of this device",
                        "its superblock cannot be read", "cannot open device %s", dev->name);
    if (dev->size < SUPER_AREA)
        snprintf(why, sizeof(why), "not a Tarn device: it is only %s long",
                 size_print(dev->size, size, sizeof(size)));
    else
        snprintf(why, sizeof(why), "not a Tarn device: it has no superblock");
    return err_setf(e, -DER_DF_INVAL, "check the path; a pool is made with \"dmg pool create\"",
                    why, "cannot open device %s", dev->name);
}

/* May this program use it, in the way the device was opened? */
static int accept(const struct io_dev *dev, const struct survey *sv, struct err *e)
{
    const struct super_block *b = &sv->best;
    const char *next = "use the program that wrote it, or a newer one", *wrong;
    char why[160];

    if (sv->newer) {
        snprintf(why, sizeof(why), "it has format version %u, this program reads up to %u",
                 b->version, SUPER_VERSION);
        return err_setf(e, -DER_DF_INCOMPT, next, why, "cannot open device %s", dev->name);
    }
    if (b->incompat & ~SUPER_INCOMPAT_KNOWN) {
        snprintf(why, sizeof(why), "it uses features this program does not know (flags %#llx)",
                 (unsigned long long)(b->incompat & ~SUPER_INCOMPAT_KNOWN));
        return err_setf(e, -DER_DF_INCOMPT, next, why, "cannot open device %s", dev->name);
    }
    if (!dev->readonly && (b->ro_compat & ~SUPER_RO_COMPAT_KNOWN)) {
        snprintf(why, sizeof(why),
                 "this program may only read it (unknown read-only-compatible flags %#llx)",
                 (unsigned long long)(b->ro_compat & ~SUPER_RO_COMPAT_KNOWN));
        return err_setf(e, -DER_DF_INCOMPT, "open it read-only, or use the program that wrote it",
                        why, "cannot open device %s for writing", dev->name);
    }
    wrong = super_block_check(b);
    if (wrong)
        return err_setf(e, -DER_DF_INVAL, "restore it from a copy", wrong,
                        "cannot open device %s: its superblock makes no sense", dev->name);
    if (super_block_end(b) > dev->size) {
        snprintf(why, sizeof(why), "truncated: it is %llu bytes long, its superblock says %llu",
                 (unsigned long long)dev->size, (unsigned long long)super_block_end(b));
        return err_setf(e, -DER_IO, "restore the whole file from a copy", why,
                        "cannot open device %s", dev->name);
    }
    return 0;
}

/* A change puts its state first into a pair of copies. Two that cannot be read may be such a pair,
 * unless the device is no longer than the others say: growth comes before its change. */
static int refuse_hidden(const struct io_dev *dev, const struct survey *sv, struct err *e)
{
    if (sv->unreadable < 2 || super_block_end(&sv->best) == dev->size)
        return 0;
    return err_setf(e, -DER_IO, "try again; if it stays so, copy the device and restore it",
                    "two copies of its superblock cannot be read, and may be newer than the others",
                    "cannot open device %s", dev->name);
}

struct super *super_new(struct io_dev *dev)
{
    struct super *s = base_calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->dev = dev;
    s->other = s;
    s->buf = io_buf_alloc(SUPER_AREA);
    rt_mutex_init(&s->mutex);
    if (!s->buf) {
        base_free(s);
        return NULL;
    }
    return s;
}

void super_close(struct super *s)
{
    if (!s)
        return;
    io_buf_free(s->buf);
    base_free(s);
}

static uint32_t whole_nr(const struct super *s)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < SUPER_COPIES; i++)
        nr += s->whole[i];
    return nr;
}

/* Writes the state in force to the copies that do not hold it. What holds it is made durable first:
 * it may be all there is. */
static int complete(struct super *s, struct err *e)
{
    bool written[SUPER_COPIES] = {false};
    int rc;

    if (whole_nr(s) == SUPER_COPIES || MUTANT(SUPER_ONE_COPY))
        return 0;
    rc = io_flush_wait(s->dev);
    for (uint32_t i = 0; i < SUPER_COPIES && rc == 0; i++) {
        if (s->whole[i])
            continue;
        super_encode(&s->block, i, s->buf);
        written[i] =
            io_write_wait(s->dev, i * (uint64_t)SUPER_COPY_STEP, s->buf, SUPER_BYTES, 0) == 0;
    }
    if (rc == 0)
        rc = io_flush_wait(s->dev);
    for (uint32_t i = 0; i < SUPER_COPIES && rc == 0; i++)
        s->whole[i] = s->whole[i] || written[i];
    if (rc == 0 && whole_nr(s) >= 2)
        return 0;
    return err_setf(e, rc != 0 ? rc : -DER_IO, "look at the system's log for errors of this device",
                    "its superblock is not safe: copies of it cannot be written",
                    "cannot open device %s", s->dev->name);
}

int super_read(struct io_dev *dev, struct super **out, struct err *e)
{
    struct super *s = super_new(dev);
    struct survey *sv = base_alloc(sizeof(*sv));
    int rc;

    if (!s || !sv) {
        rc = super_nomem(e, dev, "open");
        goto out;
    }
    rc = survey(dev, s->buf, &s->next, sv);
    if (rc != 0)
        err_setf(e, rc, "try again", "its superblock could not be read", "cannot open device %s",
                 dev->name);
    else
        rc = sv->found ? accept(dev, sv, e) : refuse_nothing_found(dev, sv, e);
    if (rc == 0)
        rc = refuse_hidden(dev, sv, e);
    if (rc != 0)
        goto out;
    s->block = sv->best;
    s->generation_max = sv->best.generation + (sv->unreadable > 0 ? UNKNOWN_NEWER : 0);
    memcpy(s->whole, sv->whole, sizeof(s->whole));
    s->harmed = sv->damaged + sv->unreadable;
    *out = s;
out:
    base_free(sv);
    if (rc != 0)
        super_close(s);
    return rc;
}

int super_settle(struct super *s, struct err *e)
{
    int rc = s->dev->readonly ? 0 : complete(s, e);

    if (rc == 0 && s->harmed > 0)
        LOG_INFO("%s: %u of its superblock copies were damaged, %u still are", s->dev->name,
                 s->harmed, SUPER_COPIES - whole_nr(s));
    return rc;
}

int super_open(struct io_dev *dev, struct super **out, struct err *e)
{
    struct super *s;
    int rc = super_read(dev, &s, e);

    if (rc != 0)
        return rc;
    rc = super_settle(s, e);
    if (rc == 0)
        *out = s;
    else
        super_close(s);
    return rc;
}

/* ---- Changing ---- */

bool super_is_clean(const struct super *s)
{
    return s->block.state & SUPER_STATE_CLEAN;
}

int super_mark(struct super *s, bool clean)
{
    int rc = 0;

    rt_mutex_lock(&s->mutex);
    if (super_is_clean(s) != clean) {
        s->next = s->block;
        s->next.state =
            clean ? s->next.state | SUPER_STATE_CLEAN : s->next.state & ~SUPER_STATE_CLEAN;
        rc = super_put(s);
    }
    rt_mutex_unlock(&s->mutex);
    return rc;
}

/* Appends [off, off + len) to the role in s->next. */
static int append(struct super *s, enum super_role role, uint64_t off, uint64_t len)
{
    struct super_block *b = &s->next;
    struct super_extent *last = NULL;

    for (uint32_t i = 0; i < b->extent_nr; i++) {
        if (b->extent[i].role == role)
            last = &b->extent[i];
    }
    if (last && last->off + last->len == off) {
        last->len += len;
        return 0;
    }
    if (b->extent_nr == SUPER_EXTENTS_MAX)
        return -DER_NOSPACE;
    b->extent[b->extent_nr++] = (struct super_extent){.role = role, .off = off, .len = len};
    return 0;
}

/* Another device of the pool may be growing at this moment. */
static uint64_t left_of_limit(const struct super *s)
{
    uint64_t limit = s->block.id.limit_bytes, used = 0;
    const struct super *d = s;

    if (limit == 0)
        return UINT64_MAX;
    do {
        used += super_block_end(&d->block) + d->growing;
        d = d->other;
    } while (d != s);
    return limit > used ? limit - used : 0;
}

static int grow_by(struct super *s, enum super_role role, uint64_t len)
{
    uint64_t off = super_block_end(&s->block);
    int rc;

    if (len > INT64_MAX - off)
        return -DER_NOSPACE;
    if (len > left_of_limit(s))
        return -DER_NOSPACE;
    s->next = s->block;
    rc = append(s, role, off, len);
    if (rc != 0)
        return rc;
    s->growing = len;
    rc = io_grow_wait(s->dev, off + len);
    if (rc == -DER_NOTSUPPORTED) /* a block device is as large as it is */
        rc = -DER_NOSPACE;
    if (rc == 0 && role == SUPER_WAL)
        rc = io_zero_wait(s->dev, off, len);
    rc = rc != 0 ? rc : super_put(s);
    s->growing = 0;
    return rc;
}

int super_grow(struct super *s, enum super_role role, uint64_t more)
{
    uint64_t large;
    int rc = -DER_NOSPACE;

    if ((uint32_t)role >= SUPER_ROLE_NR || !(s->block.id.roles & (1u << role)) ||
        more > INT64_MAX - SUPER_ALIGN)
        return -DER_INVAL;
    if (more == 0)
        return 0;
    more = ROUND_UP(more, (uint64_t)SUPER_ALIGN);
    rt_mutex_lock(&s->mutex);
    /* Small steps of alternating roles would use up the table. */
    large = ROUND_UP(super_block_end(&s->block) / CROWDED_SHARE, (uint64_t)SUPER_ALIGN);
    if (s->block.extent_nr >= CROWDED_EXTENTS && large > more)
        rc = grow_by(s, role, large);
    if (rc == -DER_NOSPACE)
        rc = grow_by(s, role, more);
    rt_mutex_unlock(&s->mutex);
    return rc;
}

/* ---- Looking ---- */

const struct super_id *super_id(const struct super *s)
{
    return &s->block.id;
}

uint64_t super_generation(const struct super *s)
{
    return s->block.generation;
}

uint64_t super_role_size(const struct super *s, enum super_role role)
{
    return super_block_role_size(&s->block, role);
}

struct io_dev *super_dev(const struct super *s)
{
    return s->dev;
}

uint64_t super_bytes(const struct super *s)
{
    return super_block_end(&s->block);
}

uint64_t super_room(const struct super *s)
{
    uint64_t end = super_block_end(&s->block);
    uint64_t room = io_dev_room(s->dev) + (s->dev->size > end ? s->dev->size - end : 0);

    return MIN(room, left_of_limit(s));
}

void super_share_limit(struct super *const *s, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++)
        s[i]->other = s[(i + 1) % nr];
}

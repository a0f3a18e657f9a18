/* Requests to roles: role offsets become device offsets, requests that cross extents are split. */
#include "io/super_int.h"
#include "io/backend.h"
#include "base/assert.h"
#include "base/fail.h"
#include "daos_errno.h"

/* A request in several parts. */
struct split {
    struct io_req *whole;
    uint32_t left; /* parts under way, and one for the submitter */
    int rc;        /* of the first part that failed */
    struct iovec *iov;
    struct io_req part[];
};

/* Where off of the role lies on the device, and how many bytes follow in that extent. off < size of
 * the role. */
static uint64_t translate(const struct super_block *b, enum super_role role, uint64_t off,
                          uint64_t *room)
{
    for (uint32_t i = 0; i < b->extent_nr; i++) {
        const struct super_extent *x = &b->extent[i];

        if (x->role != role)
            continue;
        if (off < x->len) {
            *room = x->len - off;
            return x->off + off;
        }
        off -= x->len;
    }
    ASSERT(!"offset beyond the role");
    return 0;
}

static void part_put(struct split *sp, int rc)
{
    struct io_req *whole = sp->whole;

    if (sp->rc == 0)
        sp->rc = rc;
    if (--sp->left > 0)
        return;
    whole->rc = sp->rc;
    base_free(sp);
    whole->done(whole);
}

static void part_done(struct io_req *part)
{
    part_put(part->arg, part->rc);
}

/* Takes len bytes of the whole request's iovecs from *at / *skip on into out; returns how many
 * entries. */
static uint32_t slice(const struct io_req *whole, uint32_t *at, size_t *skip, uint64_t len,
                      struct iovec *out)
{
    uint32_t nr = 0;

    while (len > 0) {
        const struct iovec *v = &whole->iov[*at];
        size_t n = (size_t)MIN((uint64_t)(v->iov_len - *skip), len);

        out[nr++] = (struct iovec){.iov_base = (char *)v->iov_base + *skip, .iov_len = n};
        *skip += n;
        len -= n;
        if (*skip == v->iov_len) {
            (*at)++;
            *skip = 0;
        }
    }
    return nr;
}

static uint32_t parts_needed(const struct super_block *b, enum super_role role, uint64_t off,
                             uint64_t len)
{
    uint32_t nr = 0;

    while (len > 0) {
        uint64_t room, n;

        translate(b, role, off, &room);
        n = MIN(room, len);
        off += n;
        len -= n;
        nr++;
    }
    return nr;
}

static void submit_split(struct super *s, enum super_role role, struct io_req *whole, uint64_t len)
{
    uint32_t nr = parts_needed(&s->block, role, whole->off, len), at = 0, used = 0;
    uint64_t off = whole->off;
    size_t skip = 0;
    struct split *sp = base_alloc(sizeof(*sp) + nr * sizeof(sp->part[0]) +
                                  (whole->iov_nr + nr) * sizeof(struct iovec));

    if (!sp) {
        io_reject(s->dev, whole, -DER_NOMEM);
        return;
    }
    *sp = (struct split){.whole = whole, .left = nr, .iov = (struct iovec *)(void *)&sp->part[nr]};
    for (uint32_t i = 0; i < nr; i++) {
        struct io_req *part = &sp->part[i];
        uint64_t room;

        *part = (struct io_req){.op = whole->op,
                                .flags = whole->flags,
                                .done = part_done,
                                .arg = sp,
                                .iov = sp->iov + used};
        part->off = translate(&s->block, role, off, &room);
        room = MIN(room, len);
        part->iov_nr = slice(whole, &at, &skip, room, part->iov);
        used += part->iov_nr;
        off += room;
        len -= room;
        io_submit(s->dev, part);
    }
}

void super_submit(struct super *s, enum super_role role, struct io_req *req)
{
    uint64_t size = super_role_size(s, role), len, room, off = req->off;

    if (req->op == IO_FLUSH) {
        io_submit(s->dev, req);
        return;
    }
    len = io_req_len(req);
    if (len == 0 || off >= size || len > size - off || off % IO_ALIGN != 0) {
        io_reject(s->dev, req, -DER_INVAL);
        return;
    }
    req->off = translate(&s->block, role, off, &room);
    if (len <= room) {
        io_submit_shown(s->dev, req, off);
        return;
    }
    req->off = off;
    submit_split(s, role, req, len);
}

static void wait_done(struct io_req *req)
{
    rt_event_set(req->arg);
}

static int transfer_wait(struct super *s, enum super_role role, struct io_req *req, void *buf,
                         size_t len)
{
    struct iovec iov = {.iov_base = buf, .iov_len = len};
    struct rt_event ev = RT_EVENT_INIT;

    req->iov = &iov;
    req->iov_nr = 1;
    req->done = wait_done;
    req->arg = &ev;
    super_submit(s, role, req);
    rt_event_wait(&ev);
    return req->rc;
}

int super_read_wait(struct super *s, enum super_role role, uint64_t off, void *buf, size_t len)
{
    struct io_req req = {.op = IO_READ, .off = off};

    return transfer_wait(s, role, &req, buf, len);
}

int super_write_wait(struct super *s, enum super_role role, uint64_t off, const void *buf,
                     size_t len, uint32_t flags)
{
    struct io_req req = {.op = IO_WRITE, .off = off, .flags = flags};

    return transfer_wait(s, role, &req, (void *)(uintptr_t)buf, len);
}

int super_flush_wait(struct super *s)
{
    return io_flush_wait(s->dev);
}

uint32_t super_memory(const struct super *s, enum super_role role,
                      struct super_memory out[SUPER_EXTENTS_MAX])
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < s->block.extent_nr; i++) {
        const struct super_extent *x = &s->block.extent[i];

        if (x->role != role)
            continue;
        out[nr] = (struct super_memory){io_dev_memory(s->dev, x->off, x->len), x->len};
        if (out[nr++].at == NULL)
            return 0;
    }
    return nr;
}

/*
 * For those who implement a device (io.h is for those who use one).
 *
 * io_submit() has checked a request (op, alignment, range, write permission) before ops->submit()
 * sees it, and counted it. The device ends each request with exactly one of the two functions
 * below; both give req->done() the xstream's scheduler. Until then words IO_PRIV_DEV and up of
 * req->priv are the device's; those below belong to io.
 */
#ifndef TARN_IO_BACKEND_H
#define TARN_IO_BACKEND_H

#include "io/io.h"
#include "rt/rt.h"

#define IO_PRIV_DEV   4u
#define IO_PRIV_WORDS 8u

struct io_req_head { /* priv[0] .. priv[IO_PRIV_DEV - 1] */
    struct rt_call call;
    struct io_dev *dev;
    uint64_t off_shown; /* what req->off is to be again when the request is done */
};

static inline struct io_req_head *io_req_head(struct io_req *req)
{
    return (struct io_req_head *)(void *)req->priv;
}

static inline void *io_req_priv(struct io_req *req)
{
    return &req->priv[IO_PRIV_DEV];
}

uint64_t io_req_len(const struct io_req *req); /* bytes of all its iovecs */

/* As io_submit, but req->off reads off_shown when done: for layers that translate offsets. */
void io_submit_shown(struct io_dev *dev, struct io_req *req, uint64_t off_shown);

/* Ends req, which was not submitted, with rc soon. */
void io_reject(struct io_dev *dev, struct io_req *req, int rc);

/* Ends req with rc, now. Only on the scheduler of dev->xs (a ring completion, a timer, a posted
 * call). */
void io_complete(struct io_req *req, int rc);
/* The same soon, from any thread or from within submit(). */
void io_complete_later(struct io_req *req, int rc);

/* ---- Devices that may move less than was asked (a signal, a limit of the device) ---- */

/* The next piece of a transfer of which `moved` bytes are through: within one iovec. */
struct iovec io_req_piece(const struct io_req *req, uint64_t moved);
/* n more bytes are through, none if there are no more to be had; *moved counts them, 0 at first.
 * True: go on with io_req_piece() at req->off + *moved. False: req has been ended, as
 * io_complete() does it. */
bool io_req_moved(struct io_req *req, uint64_t *moved, uint64_t n);

/* DER code of an errno value of the file system or a device. */
int io_errno_der(int err);
/* Can a device file have this name? Not empty, ".", "..", "lock" or hidden, no '/', at most 255
 * bytes. */
bool io_name_is_valid(const char *name);

#endif

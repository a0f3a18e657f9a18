#include "dfs/dfs_int.h"

/* What POSIX callers of libdfs expect for each DER code; anything else is EIO. */
static const struct {
    int der;
    int err;
} table[] = {
    {0, 0},
    {-DER_NO_PERM, EPERM},
    {-DER_NO_HDL, EBADF},
    {-DER_INVAL, EINVAL},
    {-DER_NOTYPE, EINVAL},
    {-DER_EXIST, EEXIST},
    {-DER_NONEXIST, ENOENT},
    {-DER_BUSY, EBUSY},
    {-DER_NOMEM, ENOMEM},
    {-DER_NOSYS, ENOSYS},
    {-DER_NOTSUPPORTED, ENOTSUP},
    {-DER_TIMEDOUT, ETIMEDOUT},
    {-DER_CANCELED, ECANCELED},
    {-DER_NOSPACE, ENOSPC},
    {-DER_OVERFLOW, EOVERFLOW},
    {-DER_NOTDIR, ENOTDIR},
    {-DER_NO_SERVICE, ECONNREFUSED},
    {-DER_UNREACH, EHOSTUNREACH},
    {-DER_AGAIN, EAGAIN},
    {-DER_KEY2BIG, ENAMETOOLONG},
    {-DER_REC2BIG, EFBIG},
    {-DER_TRUNC, ENOBUFS},
    {-DER_TX_RESTART, EBUSY},
    {-DER_SHUTDOWN, ESHUTDOWN},
    {-DER_PROTO, EPROTO},
    {-DER_RF, EIO},
    {-DER_UNINIT, EINVAL},
    {COMPOUND_NOTEMPTY, ENOTEMPTY},
};

int dfs_errno(int rc)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].der == rc)
            return table[i].err;
    return EIO;
}

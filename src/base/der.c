/* Names and descriptions of the error codes, generated from the tables of the public header. */
#include <daos_errno.h>

#include <limits.h>
#include <stddef.h>

#include "base/assert.h"

#define TABLE_NAMES(range, base)                                                                   \
    static const char *const names_##range[] = {D_FOREACH_##range##_ERR(D_DEFINE_ERRSTR)};
#define TABLE_DESCS(range, base)                                                                   \
    static const char *const descs_##range[] = {D_FOREACH_##range##_ERR(D_DEFINE_ERRDESC)};
D_FOREACH_ERR_RANGE(TABLE_NAMES)
D_FOREACH_ERR_RANGE(TABLE_DESCS)

static const char *find(int errnum, const char *const *gurt, const char *const *daos,
                        const char *zero, const char *unknown)
{
    int code = errnum == INT_MIN ? 0 : errnum < 0 ? -errnum : errnum;
    int in_gurt = code - DER_ERR_GURT_BASE - 1;
    int in_daos = code - DER_ERR_DAOS_BASE - 1;

    if (errnum == 0)
        return zero;
    if (in_gurt >= 0 && in_gurt < (int)ARRAY_LEN(names_GURT))
        return gurt[in_gurt];
    if (in_daos >= 0 && in_daos < (int)ARRAY_LEN(names_DAOS))
        return daos[in_daos];
    return unknown;
}

const char *d_errstr(int errnum)
{
    return find(errnum, names_GURT, names_DAOS, "DER_SUCCESS", "DER_UNKNOWN");
}

const char *d_errdesc(int errnum)
{
    return find(errnum, descs_GURT, descs_DAOS, "Success", "Unknown error code");
}

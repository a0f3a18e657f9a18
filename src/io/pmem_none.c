/* Persistent memory in a program that was built without libpmem: it is used as any other file,
 * which is right, and slower. */
#include "io/file.h"
#include "daos_errno.h"

bool io_has_pmem(void)
{
    return false;
}

bool pmem_suits(int fd)
{
    return false;
}

int pmem_dev_create(struct rt_xs *xs, const struct io_file *f, struct io_dev **out)
{
    return -DER_NOTSUPPORTED;
}

#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void base_assert_failed(const char *file, int line, const char *text)
{
    char msg[512];
    int n = snprintf(msg, sizeof(msg), "%s:%d: invariant violated: %s\n", file, line, text);

    /* write(2), not stdio: the heap or a lock of stdio may be what is broken */
    if (n > 0 && write(STDERR_FILENO, msg, (size_t)MIN(n, (int)sizeof(msg) - 1)) < 0)
        abort();
    abort();
}

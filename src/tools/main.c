#include <malloc.h>

#include "tools/tool.h"

int main(int argc, char **argv)
{
    /* memory that a copy has used it will use again: given back to the kernel in between, it costs
     * a page fault for every 4 KiB of it */
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
    mallopt(M_TRIM_THRESHOLD, 128 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
    return tool_main(argc, argv, stdout, stderr);
}

#include "tools/cmds.h"

const struct cmd_group *const tool_groups[] = {
    &group_pool, &group_cont, &group_fs, &group_object, &group_array, &group_kv, &group_top,
};
const size_t tool_groups_nr = ARRAY_LEN(tool_groups);

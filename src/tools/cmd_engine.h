/* Commands that open a pool's engine themselves: check and inspect. */
#ifndef TARN_TOOLS_CMD_ENGINE_H
#define TARN_TOOLS_CMD_ENGINE_H

#include <limits.h>

#include "engine/engine.h"
#include "tools/tool.h"

struct pool_engine {
    struct io_dir *dir;
    struct engine *eng;
    char path[PATH_MAX];
};
/* Opens the pool as `how` says, with the directory's lock if there is one to take. */
int engine_start(struct tool *t, const char *pool, const struct engine_conf *how,
                 struct pool_engine *p);
void engine_stop(struct pool_engine *p);

/* cmd_inspect.c */
int inspect_pool(struct tool *t);

#endif

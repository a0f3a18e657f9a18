/* One run of the program. */
#include "tools/tool.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static const char *program_name(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');
    const char *name = slash != NULL ? slash + 1 : argv0;

    return strcmp(name, "daos") == 0 || strcmp(name, "dmg") == 0 ? name : "tarn";
}

/* Called as daos_engine it has one command: `tarn engine`. NULL: not called so, or no memory. */
static char **engine_args(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";
    char **with = strcmp(name, "daos_engine") == 0 ? calloc((size_t)argc + 2, sizeof(*with)) : NULL;

    if (with == NULL)
        return NULL;
    with[0] = argv[0];
    with[1] = (char *)(uintptr_t) "engine";
    memcpy(with + 2, argv + 1, ((size_t)argc - 1) * sizeof(*with));
    return with;
}

int tool_main(int argc, char **argv, FILE *out, FILE *errout)
{
    struct tool t = {
        .program = program_name(argc > 0 ? argv[0] : ""), .out = out, .errout = errout};
    char *version[] = {argc > 0 ? argv[0] : NULL, "version", NULL};
    bool ask_version = argc == 2 && strcmp(argv[1], "--version") == 0;
    char **engine = ask_version ? NULL : engine_args(argc, argv);
    int rc = ask_version      ? args_parse(&t, 2, version)
             : engine != NULL ? args_parse(&t, argc + 1, engine)
                              : args_parse(&t, argc, argv);
    int status;

    log_init_env();
    if (rc != 0) {
        status = tool_report(&t, rc);
    } else if (t.help) {
        help_show(&t, out);
        status = 0;
    } else {
        rc = t.cmd->run(&t);
        status = tool_report(&t, rc);
    }
    json_decref(t.response);
    free(engine);
    /* a full disk or a closed pipe under our output is an error too */
    if (fflush(out) != 0 && status == 0)
        status = 1;
    return status;
}

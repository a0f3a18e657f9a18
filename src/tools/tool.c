/* One run of the program. */
#include "tools/tool.h"

#include <string.h>

#include "base/log.h"

static const char *program_name(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');
    const char *name = slash != NULL ? slash + 1 : argv0;

    return strcmp(name, "daos") == 0 || strcmp(name, "dmg") == 0 ? name : "tarn";
}

int tool_main(int argc, char **argv, FILE *out, FILE *errout)
{
    struct tool t = {
        .program = program_name(argc > 0 ? argv[0] : ""), .out = out, .errout = errout};
    char *version[] = {argc > 0 ? argv[0] : NULL, "version", NULL};
    bool ask_version = argc == 2 && strcmp(argv[1], "--version") == 0;
    int rc = ask_version ? args_parse(&t, 2, version) : args_parse(&t, argc, argv);
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
    /* a full disk or a closed pipe under our output is an error too */
    if (fflush(out) != 0 && status == 0)
        status = 1;
    return status;
}

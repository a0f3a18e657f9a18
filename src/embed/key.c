/* The key of a client that goes over the network: TARN_KEY names its file; else it is where the
 * user's configuration is, or there is none. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <daos_errno.h>
#include "embed/embed_int.h"
#include "net/keys.h"

static int default_path(char buf[PATH_MAX])
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n;

    if (xdg != NULL && xdg[0] == '/')
        n = snprintf(buf, PATH_MAX, "%s/tarn/key", xdg);
    else if (home != NULL && home[0] == '/')
        n = snprintf(buf, PATH_MAX, "%s/.config/tarn/key", home);
    else
        return -DER_NONEXIST;
    return n < 0 || n >= PATH_MAX ? -DER_NONEXIST : 0;
}

/* What is said of opening a pool is to name the file, too. */
static int read_it(const char *file, struct net_keys **out, struct err *e)
{
    struct err own = {0};
    char why[ERR_PART_MAX];
    int rc = net_keys_read(file, false, out, &own);

    if (rc == 0)
        return 0;
    snprintf(why, sizeof(why), "key file %.100s: %.120s", file, own.why);
    return err_setf(e, rc, own.next, why, "%s", own.what);
}

int embed_key(struct net_keys **out, struct err *e)
{
    const char *file = secure_getenv("TARN_KEY");
    char path[PATH_MAX];

    *out = NULL;
    if (file != NULL)
        return *file != '\0' ? read_it(file, out, e) : 0;
    /* if there is one, to go on without it would be a surprise */
    return default_path(path) == 0 && access(path, F_OK) == 0 ? read_it(path, out, e) : 0;
}

int embed_key_new(const char *name, const char *user, char line[EMBED_KEY_LINE], struct err *e)
{
    int rc;

    _Static_assert(EMBED_KEY_LINE == NET_KEY_LINE, "sizes");
    rc = net_key_new(name, user, line);
    if (rc == -DER_NOSYS)
        return err_setf(e, rc, "build it with libsodium-dev",
                        "this program was built without libsodium", "cannot make a key");
    if (rc != 0)
        return err_setf(e, rc, "take letters and digits, of the name 63 at most",
                        "a name that cannot be one word of a line", "cannot make key '%.100s'",
                        name);
    return 0;
}

/* The registry's file, as somebody's editor left it: read, added to, and read again. What was a
 * line of ours is there still, and so is what was added. */
#include "fuzz.h"
#include <sys/stat.h>
#include "embed/embed_int.h"

struct seen {
    uint32_t nr, ours;
};

static const uint8_t pool[16] = {1, 2, 3};

static int count(const struct registry_entry *e, void *arg)
{
    struct seen *s = arg;

    FUZZ_CHECK(e->path[0] == '/' && strchr(e->path, '\n') == NULL);
    FUZZ_CHECK(strchr(e->label, ' ') == NULL);
    if (memcmp(e->pool, pool, 16) == 0 && strcmp(e->path, "/there") == 0)
        s->ours++;
    else if (memcmp(e->pool, pool, 16) != 0 && strcmp(e->path, "/there") != 0)
        s->nr++;
    return 0;
}

static void file_write(const uint8_t *data, size_t size)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/tarn", fuzz_dir());
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/tarn/pools", fuzz_dir());
    f = fopen(path, "w");
    FUZZ_CHECK(f != NULL && fwrite(data, 1, size, f) == size);
    fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen before = {0}, after = {0}, gone = {0};

    fuzz_quiet();
    setenv("XDG_STATE_HOME", fuzz_dir(), 1);
    file_write(data, size);
    FUZZ_CHECK(registry_each(count, &before) == 0);
    FUZZ_CHECK(registry_add(pool, "mine", "/there") == 0);
    FUZZ_CHECK(registry_each(count, &after) == 0);
    FUZZ_CHECK(after.nr == before.nr && after.ours == 1);
    FUZZ_CHECK(registry_del("/there") == 0);
    FUZZ_CHECK(registry_each(count, &gone) == 0);
    FUZZ_CHECK(gone.nr == before.nr && gone.ours == 0);
    return 0;
}

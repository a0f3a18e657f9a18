/*
 * A corpus through a fuzz target without a fuzzer: every file, then mutations of them, the same
 * ones at every run. For `make check`, and to look at one input in a debugger.
 *
 *   replay CORPUS [MUTATIONS [SECONDS]]       CORPUS a folder or one file
 *
 * Mutations stop early after SECONDS, so that a slow machine runs fewer of them. An input that ends
 * the program, or takes longer than a minute, is written to ./crash-PROGRAM and named.
 */
#include "fuzz.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/hash.h"

#define INPUT_MAX  4096u
#define INPUTS_MAX 256u
#define HANG_S     60u

struct input {
    char name[128];
    uint8_t *bytes;
    size_t len;
};

static struct input inputs[INPUTS_MAX];
static uint32_t inputs_nr;

/* ---- The input that runs, for whoever wants to know why the program ended ---- */

static const uint8_t *running;
static size_t running_len;
static char running_name[192], crash_file[192];

static void say_input(void)
{
    int fd;

    if (running == NULL)
        return;
    fd = open(crash_file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, running, running_len) != (ssize_t)running_len)
        crash_file[0] = '\0';
    dprintf(2, "\nthe input was: %s\nwritten to: %s\n", running_name, crash_file);
    running = NULL;
}

static void on_signal(int sig)
{
    say_input();
    signal(sig, SIG_DFL);
    raise(sig);
}

void __sanitizer_set_death_callback(void (*fn)(void)) __attribute__((weak));

static void watch(const char *program)
{
    const char *base = strrchr(program, '/');

    snprintf(crash_file, sizeof(crash_file), "crash-%s", base != NULL ? base + 1 : program);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(say_input);
    else
        signal(SIGSEGV, on_signal);
    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal);
}

static void run(const char *name, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = fuzz_tight(bytes, len);

    snprintf(running_name, sizeof(running_name), "%s", name);
    running = copy;
    running_len = len;
    alarm(HANG_S);
    LLVMFuzzerTestOneInput(copy, len);
    alarm(0);
    running = NULL;
    free(copy);
}

/* ---- The corpus ---- */

static void input_read(const char *path)
{
    struct input *in = &inputs[inputs_nr];
    const char *base = strrchr(path, '/');
    FILE *f = fopen(path, "rb");

    if (f == NULL || inputs_nr == INPUTS_MAX) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    snprintf(in->name, sizeof(in->name), "%s", base != NULL ? base + 1 : path);
    in->bytes = malloc(INPUT_MAX);
    in->len = fread(in->bytes, 1, INPUT_MAX, f);
    fclose(f);
    inputs_nr++;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct input *)a)->name, ((const struct input *)b)->name);
}

static void corpus_read(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *de;

    if (d == NULL) {
        input_read(path);
        return;
    }
    while ((de = readdir(d)) != NULL) {
        char file[512];

        snprintf(file, sizeof(file), "%s/%s", path, de->d_name);
        if (de->d_name[0] != '.')
            input_read(file);
    }
    closedir(d);
    qsort(inputs, inputs_nr, sizeof(inputs[0]), by_name);
}

/* ---- Mutations ---- */

static uint64_t seed;

static uint64_t draw(uint64_t n)
{
    return mix64(++seed * UINT64_C(0x9e3779b97f4a7c15)) % n;
}

static void put_integer(uint8_t *buf, size_t len)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     0x7f,
                                     0x80,
                                     0xff,
                                     0x100,
                                     0x7fff,
                                     0x8000,
                                     0xffff,
                                     0x4000,
                                     0x10000,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     UINT64_C(1) << 62,
                                     INT64_MAX,
                                     UINT64_MAX,
                                     UINT64_MAX - 4095};
    uint64_t v = edges[draw(ARRAY_LEN(edges))] + draw(3) - 1;
    size_t width = (size_t)1 << draw(4);

    if (width <= len)
        memcpy(buf + draw(len - width + 1), &v, width);
}

/* Bytes [from, from + n) of another input over, or into, this one. */
static size_t graft(uint8_t *buf, size_t len)
{
    const struct input *o = &inputs[draw(inputs_nr)];
    size_t at = draw(len + 1), from = draw(o->len + 1);
    size_t n = draw(64) + 1;

    n = MIN(n, o->len - from);
    n = MIN(n, INPUT_MAX - at);
    if (draw(2) == 0 && len + n <= INPUT_MAX) {
        memmove(buf + at + n, buf + at, len - at);
        len += n;
    }
    memcpy(buf + at, o->bytes + from, n);
    return MAX(len, at + n);
}

static size_t cut_out(uint8_t *buf, size_t len)
{
    size_t at = draw(len), n = 1 + draw(16);

    n = MIN(n, len - at);
    memmove(buf + at, buf + at + n, len - at - n);
    return len - n;
}

static size_t mutate(uint8_t *buf, size_t len)
{
    for (uint64_t n = 1 + draw(4); n > 0; n--) {
        if (len == 0)
            return graft(buf, len);
        switch (draw(8)) {
        case 0:
        case 1:
            buf[draw(len)] ^= (uint8_t)(1u << draw(8));
            break;
        case 2:
            buf[draw(len)] = (uint8_t)draw(256);
            break;
        case 3:
        case 4:
            put_integer(buf, len);
            break;
        case 5:
            len = draw(4) == 0 ? draw(len) : len;
            break;
        case 6:
            len = cut_out(buf, len);
            break;
        default:
            len = graft(buf, len);
        }
    }
    return len;
}

static uint32_t mutations(uint32_t nr, uint32_t seconds)
{
    static uint8_t buf[INPUT_MAX];
    time_t end = time(NULL) + seconds;
    uint32_t i;

    for (i = 0; i < nr && time(NULL) < end; i++) {
        const struct input *in = &inputs[i % inputs_nr];
        char name[192];
        size_t len;

        seed = (uint64_t)i << 32;
        memcpy(buf, in->bytes, in->len);
        len = mutate(buf, in->len);
        snprintf(name, sizeof(name), "mutation %u, of %s", i, in->name);
        run(name, buf, len);
    }
    return i;
}

int main(int argc, char **argv)
{
    uint32_t done;

    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS [MUTATIONS [SECONDS]]\n", argv[0]);
        return 2;
    }
    watch(argv[0]);
    corpus_read(argv[1]);
    if (inputs_nr == 0) {
        fprintf(stderr, "%s holds no input\n", argv[1]);
        return 1;
    }
    for (uint32_t i = 0; i < inputs_nr; i++)
        run(inputs[i].name, inputs[i].bytes, inputs[i].len);
    done = mutations(argc > 2 ? (uint32_t)atoi(argv[2]) : 0,
                     argc > 3 ? (uint32_t)atoi(argv[3]) : UINT32_MAX / 4);
    printf("%u inputs, %u mutations\n", inputs_nr, done);
    for (uint32_t i = 0; i < inputs_nr; i++)
        free(inputs[i].bytes);
    return 0;
}

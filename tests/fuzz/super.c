/*
 * Superblocks: bytes over the four copies of a formatted device, sealed again with the right
 * checksum if the first byte says so. Input: mode, device size in units of 16 KiB (0: as it was),
 * then pieces: copy (1), offset (2), length (1), bytes.
 *
 * A device that opens can be read to the ends of its roles, changed, and opened again.
 */
#include "fuzz_image.h"
#include <daos_errno.h>
#include "base/csum.h"
#include "base/err.h"
#include "rt/rt.h"

enum { M_SEAL = 1, M_READONLY = 2, M_ALL_COPIES = 4 };

#define AT_SIZE 12u
#define AT_CSUM 16u

static const uint64_t role_size[SUPER_ROLE_NR] = {SUPER_ALIGN, 2 * SUPER_ALIGN, SUPER_ALIGN};

static void make(void *arg)
{
    struct super_id id = {.page_size = 16384, .roles = 7, .pool = {1}};
    struct super *s;
    struct io_dev *dev;

    FUZZ_CHECK(io_dir_create_dev(fuzz_image_dir(), fuzz_xs(), "d", SUPER_AREA, &dev, NULL) == 0);
    FUZZ_CHECK(super_format(dev, &id, role_size, 0, 0, 0, false, &s, NULL) == 0);
    FUZZ_CHECK(super_grow(s, SUPER_WAL, SUPER_ALIGN) == 0); /* a second extent */
    super_close(s);
    io_dev_close(dev);
    fuzz_image_seal();
}

static void seal(uint32_t copy)
{
    uint64_t at = (uint64_t)copy * SUPER_COPY_STEP, sum;
    uint8_t buf[SUPER_COPY_STEP];
    uint32_t size;

    memcpy(buf, fuzz_image_bytes() + at, sizeof(buf));
    memcpy(&size, buf + AT_SIZE, 4);
    if (size < AT_CSUM + 16 || size > SUPER_COPY_STEP)
        return;
    memset(buf + AT_CSUM, 0, 8);
    sum = csum_calc(CSUM_XXH3, buf, size);
    fuzz_image_poke(at + AT_CSUM, &sum, 8);
}

static void damage(struct feed *f, uint8_t mode)
{
    while (f->left > 0) {
        uint32_t copy = feed_u8(f) % SUPER_COPIES, off = feed_u16(f) % SUPER_BYTES;
        size_t got;
        const uint8_t *p = feed_bytes(f, feed_u8(f), &got);

        for (uint32_t c = 0; c < SUPER_COPIES && got > 0; c++)
            if (c == copy || mode & M_ALL_COPIES)
                fuzz_image_poke(c * SUPER_COPY_STEP + off, p, MIN(got, SUPER_BYTES - off));
    }
    for (uint32_t c = 0; c < SUPER_COPIES && mode & M_SEAL; c++)
        seal(c);
}

static void read_ends(struct super *s, uint8_t *buf)
{
    for (int r = 0; r < SUPER_ROLE_NR; r++) {
        uint64_t size = super_role_size(s, r);

        if (size == 0)
            continue;
        FUZZ_CHECK(super_read_wait(s, r, 0, buf, IO_ALIGN) == 0);
        FUZZ_CHECK(super_read_wait(s, r, size - IO_ALIGN, buf, IO_ALIGN) == 0);
        FUZZ_CHECK(super_read_wait(s, r, size, buf, IO_ALIGN) == -DER_INVAL);
        FUZZ_CHECK(super_read_wait(s, r, size & ~UINT64_C(8191), buf, SUPER_ALIGN) != 0);
    }
}

static void change(struct super *s)
{
    super_grow(s, SUPER_META, 1);
    super_grow(s, SUPER_DATA, 10 * SUPER_ALIGN);
    super_grow(s, SUPER_WAL, UINT64_MAX);
    FUZZ_CHECK(super_mark(s, !super_is_clean(s)) == 0);
}

static void use(void *arg)
{
    uint8_t mode = *(uint8_t *)arg, *buf = io_buf_alloc(SUPER_ALIGN);
    struct io_dev *dev;

    for (int turn = 0; turn < 2; turn++) {
        struct super *s = NULL;
        struct err e = {0};
        int rc;

        FUZZ_CHECK(
            io_dir_open_dev(fuzz_image_dir(), fuzz_xs(), "d", mode & M_READONLY, &dev, NULL) == 0);
        rc = super_open(dev, &s, &e);
        FUZZ_CHECK(rc == 0 ||
                   (rc < 0 && e.what[0] != '\0' && e.why[0] != '\0' && e.next[0] != '\0'));
        FUZZ_CHECK(rc == 0 || turn == 0);
        if (rc == 0) {
            read_ends(s, buf);
            if (!(mode & M_READONLY))
                change(s);
            super_close(s);
        }
        io_dev_close(dev);
        if (rc != 0)
            break;
    }
    io_buf_free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    struct feed f = {data, size};
    uint8_t mode = feed_u8(&f);
    uint64_t units = feed_u8(&f);

    fuzz_quiet();
    if (!made)
        fuzz_on_fiber(make, NULL);
    made = true;
    fuzz_image_reset();
    if (units != 0)
        fuzz_image_resize(units * SUPER_COPY_STEP);
    damage(&f, mode);
    fuzz_on_fiber(use, &mode);
    return 0;
}

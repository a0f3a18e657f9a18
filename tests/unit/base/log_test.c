/* The log: quiet by default, one line an event, whatever is in the message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

static char last[LOG_LINE_MAX + 1];
static int lines;

static void keep(enum log_level level, const char *line)
{
    snprintf(last, sizeof(last), "%s", line);
    lines++;
}

static uint64_t fixed_clock(void)
{
    return UINT64_C(1609459200123456789);
}

static int setup(void **state)
{
    log_set_sink(keep);
    log_set_clock(fixed_clock);
    log_set_level(LOG_LEVEL_WARN);
    lines = 0;
    return 0;
}

static void quiet_below_the_level(void **state)
{
    LOG_INFO("not shown");
    LOG_DEBUG("not shown");
    assert_int_equal(lines, 0);
    LOG_WARN("shown");
    LOG_ERROR("shown");
    assert_int_equal(lines, 2);
    log_set_level(LOG_LEVEL_ERROR);
    LOG_WARN("not shown");
    assert_int_equal(lines, 2);
}

/* A file of its own, and a new one under its name when the old one was moved away. */
static void a_file_and_its_successor(void **state)
{
    char path[] = "/tmp/tarn-log-XXXXXX", moved[64], text[512];
    int fd = mkstemp(path);
    ssize_t n;

    assert_true(fd >= 0);
    snprintf(moved, sizeof(moved), "%s.1", path);
    log_set_sink(NULL);
    assert_true(log_set_file("/no/such/dir/log") < 0);
    assert_int_equal(log_set_file(path), 0);
    LOG_WARN("first");
    assert_int_equal(rename(path, moved), 0);
    LOG_WARN("still there");
    assert_int_equal(log_set_file(path), 0);
    LOG_WARN("anew");
    assert_true(log_set_file("/no/such/dir/log") < 0);
    LOG_WARN("goes on");
    n = read(fd, text, sizeof(text) - 1); /* the file that was moved */
    text[n > 0 ? n : 0] = '\0';
    assert_non_null(strstr(text, "first"));
    assert_non_null(strstr(text, "still there"));
    assert_null(strstr(text, "anew"));
    close(fd);
    fd = open(path, O_RDONLY);
    n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    assert_non_null(strstr(text, "anew"));
    assert_non_null(strstr(text, "goes on"));
    close(fd);
    unlink(path);
    unlink(moved);
}

static void a_line_says_when_how_bad_where_and_what(void **state)
{
    errno = ENOSPC;
    log_line(LOG_LEVEL_WARN, "/somewhere/src/heap/wal.c", 12, "wal of %s is %d%% full", "p1", 90);
    assert_string_equal(last,
                        "2021-01-01 00:00:00.123456 WARN  heap/wal.c:12: wal of p1 is 90% full\n");
    assert_int_equal(errno, ENOSPC);
}

static void one_event_stays_one_line(void **state)
{
    char longer[3000];

    LOG_WARN("name is %s", "a\nfake line\r\nb");
    assert_ptr_equal(strchr(last, '\n'), last + strlen(last) - 1);
    assert_null(strchr(last, '\r'));
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    LOG_WARN("%s", longer);
    assert_true(strlen(last) < LOG_LINE_MAX);
    assert_int_equal(last[strlen(last) - 1], '\n');
}

static void masks_as_daos_writes_them(void **state)
{
    assert_int_equal(log_level_parse("DEBUG"), LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse("err"), LOG_LEVEL_ERROR);
    assert_int_equal(log_level_parse("WARN,NET=DEBUG"), LOG_LEVEL_WARN);
    assert_int_equal(log_level_parse("MEM=DEBUG,INFO"), LOG_LEVEL_INFO);
    assert_int_equal(log_level_parse("LOUD"), -1);
    assert_int_equal(log_level_parse(""), -1);
}

static void the_environment_names_level_and_file(void **state)
{
    char path[] = "/tmp/tarn_log_XXXXXX", text[256] = "";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    setenv("D_LOG_MASK", "INFO", 1);
    setenv("D_LOG_FILE", path, 1);
    log_set_sink(NULL);
    log_init_env();
    LOG_INFO("into the file");
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "INFO "));
    assert_non_null(strstr(text, "into the file\n"));
    close(fd);
    unlink(path);

    log_set_sink(keep);
    setenv("D_LOG_FILE", "/nonexistent/dir/log", 1);
    log_init_env();
    assert_non_null(strstr(last, "/nonexistent/dir/log"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(quiet_below_the_level, setup),
        cmocka_unit_test_setup(a_line_says_when_how_bad_where_and_what, setup),
        cmocka_unit_test_setup(one_event_stays_one_line, setup),
        cmocka_unit_test_setup(masks_as_daos_writes_them, setup),
        cmocka_unit_test_setup(the_environment_names_level_and_file, setup),
        cmocka_unit_test_setup(a_file_and_its_successor, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The log: one line per event, "time level where: message", to standard error or the file named by
 * D_LOG_FILE.
 *
 * Quiet by default (WARN). A line says what happened to which object; it is for operators, so
 * nothing that happens in the course of normal work is above INFO. Lines are written whole with one
 * write(2) and cut at LOG_LINE_MAX bytes. Callable from any thread and fiber; never waits for
 * anything but the write.
 *
 * The level and the sink are the process's, set once at start; they are the only state in base.
 */
#ifndef TARN_BASE_LOG_H
#define TARN_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LINE_MAX 1024

enum log_level {
    LOG_LEVEL_ERROR, /* something the user asked for failed, or data is at risk */
    LOG_LEVEL_WARN,  /* works, but somebody should look */
    LOG_LEVEL_INFO,  /* starts, stops, role changes */
    LOG_LEVEL_DEBUG,
};

#define LOG_AT(level, ...)                                                                         \
    (log_enabled(level) ? log_line((level), __FILE__, __LINE__, __VA_ARGS__) : (void)0)
#define LOG_ERROR(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOG_WARN(...)  LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_INFO(...)  LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)

bool log_enabled(enum log_level level);
void log_line(enum log_level level, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Reads D_LOG_MASK (ERR, WARN, INFO, DEBUG; the first item of a list such as "WARN,NET=DEBUG"
 * counts) and D_LOG_FILE (appended to; created 0644). An unknown name keeps the level; a file that
 * cannot be opened keeps standard error and says so there. Programs call it once at start; calling
 * it again reads them again. */
void log_init_env(void);
/* From now on lines are appended to path (created 0644; made absolute by whoever changes his
 * directory). Called again with the same path it opens that anew: a file that was moved away is
 * let go. 0, or a negative errno; then all stays as it is. Not from two threads at once. */
int log_set_file(const char *path);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* Level of a D_LOG_MASK text; -1 when it names none. */
int log_level_parse(const char *mask);

/* Where lines go: NULL is the file descriptor. A test or a simulation installs its own sink and
 * clock (nanoseconds since the Unix epoch; NULL: CLOCK_REALTIME). line ends in '\n' and is
 * NUL-terminated. */
void log_set_sink(void (*sink)(enum log_level level, const char *line));
void log_set_clock(uint64_t (*wall_ns)(void));

#endif

/* ASSERT(): an invariant of Tarn's own. Stays on in release builds. Never for bad input. */
#ifndef TARN_BASE_ASSERT_H
#define TARN_BASE_ASSERT_H

/* Prints "file:line: invariant violated: text" to standard error and aborts. */
_Noreturn void base_assert_failed(const char *file, int line, const char *text);

#define ASSERT(cond) ((cond) ? (void)0 : base_assert_failed(__FILE__, __LINE__, #cond))

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define DIV_UP(a, b)                    (((a) + (b)-1) / (b))
#define ROUND_UP(a, b)                  (DIV_UP(a, b) * (b))
#define ROUND_DOWN(a, b)                ((a) / (b) * (b))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))

#endif

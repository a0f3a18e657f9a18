/* What cmocka.h needs before it. */
#ifndef TARN_TESTS_TOOLS_CMOCKA_ALL_H
#define TARN_TESTS_TOOLS_CMOCKA_ALL_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#endif

/*
 * What fuzz targets share. A target is one file NAME.c with LLVMFuzzerTestOneInput(): it hands the
 * bytes to one decoder and checks what must hold whatever they are. docs/fuzzing.md says how to run
 * and add one.
 *
 * The same file is linked twice: with replay.c in every build (make check: the corpus and a fixed
 * number of mutations of it) and with libFuzzer in `make fuzz`.
 *
 * State that is expensive to make (an engine, an image of a device) is made by the first input and
 * put back, not made again, by the next ones.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"

struct rt_xs;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property of the code under test. Failing is a find, like a crash. */
#define FUZZ_CHECK(cond) ((cond) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #cond))
_Noreturn void fuzz_failed(const char *file, int line, const char *text);

/* ---- Input, taken apart from the front; past its end everything reads as zero ---- */

struct feed {
    const uint8_t *at;
    size_t left;
};
uint8_t feed_u8(struct feed *f);
uint16_t feed_u16(struct feed *f);
uint32_t feed_u32(struct feed *f);
uint64_t feed_u64(struct feed *f);
/* The next n bytes, fewer at the end; their number in *got. */
const uint8_t *feed_bytes(struct feed *f, size_t n, size_t *got);
/* Up to the next 0xff (which is skipped) or the end, as text in buf; cut to its room. NULL when
 * nothing is left. */
const char *feed_text(struct feed *f, char *buf, size_t room);

/* A copy of exactly these bytes on the heap, so that a sanitizer sees one byte too many. free(). */
void *fuzz_tight(const void *bytes, size_t len);

/* ---- Surroundings ---- */

/* The log says nothing: complaints about damaged bytes are what is expected here. */
void fuzz_quiet(void);
/* Runs fn(arg) on a fiber of the one xstream there is, and waits. */
void fuzz_on_fiber(void (*fn)(void *arg), void *arg);
/* Only on that fiber. */
struct rt_xs *fuzz_xs(void);
/* A fresh directory that is removed when the program ends. */
const char *fuzz_dir(void);

#endif

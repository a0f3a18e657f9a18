/*
 * Names of pools and containers: a label, or the text of a UUID. A text that parses as a UUID is
 * one, so no label may look like that.
 */
#ifndef TARN_BASE_LABEL_H
#define TARN_BASE_LABEL_H

#include <stdbool.h>

#define LABEL_MAX_LEN 127 /* without the NUL */
#define UUID_TEXT_LEN 36

/* 1 to 127 of letters, digits, '.', '_', ':', '-', and not a UUID. NULL is not. */
bool label_is_valid(const char *label);
/* Exactly 8-4-4-4-12 hex digits, either case; uuid is untouched if not. */
bool uuid_text_parse(const char *text, unsigned char uuid[16]);
/* Lower case with NUL. */
void uuid_text_print(const unsigned char uuid[16], char text[UUID_TEXT_LEN + 1]);

#endif

/*
 * base: what every room uses. Each part is a header of its own:
 *
 *   assert.h   invariants, small macros            err.h    three-part errors for people
 *   log.h      leveled log, one line an event      hlc.h    hybrid logical clock arithmetic
 * (epochs) hash.h     hashing of keys                     csum.h   checksums of stored bytes list.h
 * intrusive doubly linked list        htable.h intrusive hash table arena.h    bump allocator for
 * one request      buf.h    growable byte buffer, bounded reader/writer fail.h     injected
 * allocation failures        conf.h   environment settings with units label.h    labels and UUID
 * text rules          size.h   "4 MiB" parsing and printing
 *
 * mutant.h planted defects that a build of its own contains, so that tests can be tested
 *
 * Nothing here waits, reads a clock or keeps state of its own, except the log's level and sink,
 * which are set once at start.
 */
#ifndef TARN_BASE_H
#define TARN_BASE_H
#include "base/assert.h"
#endif

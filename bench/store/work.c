/* The pairs: keys of 16 random-looking bytes, values of 100 that depend on every bit of the pair's
 * number, in orders drawn from a fixed seed. All of it is made before anything is timed. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "bench.h"

#define SEED UINT64_C(0x7461726e62656e63)

double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double cpu_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void die(const char *what, const char *why, const char *next)
{
    fprintf(stderr, "store_bench: %s: %s; %s\n", what, why, next);
    exit(1);
}

static uint64_t draw(uint64_t *state)
{
    return mix64(*state += UINT64_C(0x9e3779b97f4a7c15));
}

static void key_make(uint32_t id, uint8_t key[KEY_BYTES])
{
    /* mix64 is a bijection: no two keys are the same */
    uint64_t half[2] = {mix64(id + SEED), mix64(id ^ ~SEED)};

    memcpy(key, half, sizeof(half));
}

void value_make(uint32_t id, uint8_t value[VALUE_BYTES])
{
    uint64_t x = mix64(id + 1);

    for (uint32_t at = 0; at < VALUE_BYTES; at += 8) {
        memcpy(value + at, &x, VALUE_BYTES - at < 8 ? VALUE_BYTES - at : 8);
        x = (x << 7 | x >> 57) + UINT64_C(0x9e3779b97f4a7c15);
    }
}

uint64_t value_sum(const void *value)
{
    const uint8_t *p = value;
    uint64_t sum = 0, x;
    uint32_t last;

    for (uint32_t at = 0; at + 8 <= VALUE_BYTES; at += 8) {
        memcpy(&x, p + at, 8);
        sum += x * (2 * at + 1);
    }
    memcpy(&last, p + VALUE_BYTES - 4, 4);
    return sum ^ (uint64_t)last << 17;
}

uint64_t key_sum(const void *key)
{
    uint64_t half[2];

    memcpy(half, key, sizeof(half));
    return half[0] * 3 + half[1];
}

static void keys_alloc(struct keys *k, uint64_t nr)
{
    k->nr = nr;
    k->sum = 0;
    k->key = malloc(nr * KEY_BYTES);
    k->id = malloc(nr * sizeof(*k->id));
    if (k->key == NULL || k->id == NULL)
        die("cannot make the keys", "out of memory", "ask for fewer --pairs");
}

static void keys_finish(struct keys *k)
{
    uint8_t value[VALUE_BYTES];

    for (uint64_t i = 0; i < k->nr; i++) {
        key_make(k->id[i], k->key[i]);
        value_make(k->id[i], value);
        k->sum += value_sum(value);
    }
}

void work_make(struct work *w, uint64_t pairs, uint64_t gets, uint64_t durable)
{
    uint64_t state = SEED;

    w->pairs = pairs;
    keys_alloc(&w->load, pairs);
    for (uint64_t i = 0; i < pairs; i++) {
        uint64_t j = draw(&state) % (i + 1);

        w->load.id[i] = w->load.id[j];
        w->load.id[j] = (uint32_t)i;
    }
    keys_finish(&w->load);
    keys_alloc(&w->gets, gets);
    for (uint64_t i = 0; i < gets; i++)
        w->gets.id[i] = (uint32_t)(draw(&state) % pairs);
    keys_finish(&w->gets);
    keys_alloc(&w->durable, durable);
    for (uint64_t i = 0; i < durable; i++)
        w->durable.id[i] = (uint32_t)(pairs + i);
    keys_finish(&w->durable);
}

static void keys_free(struct keys *k)
{
    free(k->key);
    free(k->id);
}

void work_free(struct work *w)
{
    keys_free(&w->load);
    keys_free(&w->gets);
    keys_free(&w->durable);
}

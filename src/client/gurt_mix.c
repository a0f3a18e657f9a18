/* Random numbers, hashes and small arithmetic that programs link. */
#include <gurt/common.h>
#include <math.h>
#include "base/fail.h"
#include "base/hash.h"

/* ---- Random numbers ---- */

/* Each thread has its own sequence, so none needs a lock; all begin alike. */
static _Thread_local unsigned short rand_state[3] = {0x330e, 0, 0};

void d_srand(long seed)
{
    rand_state[0] = 0x330e;
    rand_state[1] = (unsigned short)seed;
    rand_state[2] = (unsigned short)(seed >> 16);
}

long d_rand(void)
{
    return nrand48(rand_state);
}

double d_randd(void)
{
    return erand48(rand_state);
}

/* ---- Hashes ---- */

uint64_t d_hash_mix64(uint64_t key)
{
    return mix64(key);
}

/* Robert Jenkins' mix of three words ("Hash functions for hash table lookup", 1996). */
uint32_t d_hash_mix96(uint32_t a, uint32_t b, uint32_t c)
{
    static const uint8_t shift[3][3] = {{13, 8, 13}, {12, 16, 5}, {3, 10, 15}};
    int i;

    for (i = 0; i < 3; i++) {
        a = (a - b - c) ^ (c >> shift[i][0]);
        b = (b - c - a) ^ (a << shift[i][1]);
        c = (c - a - b) ^ (b >> shift[i][2]);
    }
    return c;
}

unsigned int d_hash_srch_u64(uint64_t *hashes, unsigned int nhashes, uint64_t value)
{
    unsigned int lo = 0, hi = nhashes, mid;

    while (lo < hi) {
        mid = lo + (hi - lo) / 2;
        if (hashes[mid] < value)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < nhashes ? lo : 0;
}

uint32_t d_hash_jump(uint64_t key, uint32_t num_buckets)
{
    int64_t b = -1, j = 0;

    while (j < (int64_t)num_buckets) {
        b = j;
        key = key * UINT64_C(2862933555777941757) + 1;
        j = (int64_t)((double)(b + 1) * ((double)(1ll << 31) / (double)((key >> 33) + 1)));
    }
    return b < 0 ? 0 : (uint32_t)b;
}

/* ---- Delays, deviation ---- */

int d_backoff_seq_init(struct d_backoff_seq *seq, uint8_t nzeros, uint16_t factor, uint32_t next,
                       uint32_t max)
{
    if (seq == NULL || factor == 0 || next == 0 || max == 0)
        return -DER_INVAL;
    *seq = (struct d_backoff_seq){.bos_nzeros = nzeros,
                                  .bos_factor = factor,
                                  .bos_max = max,
                                  .bos_next = next < max ? next : max};
    return 0;
}

void d_backoff_seq_fini(struct d_backoff_seq *seq)
{
}

uint32_t d_backoff_seq_next(struct d_backoff_seq *seq)
{
    uint64_t bound = seq->bos_next, grown = bound * seq->bos_factor;

    if (seq->bos_nzeros > 0) {
        seq->bos_nzeros--;
        return 0;
    }
    seq->bos_next = (uint32_t)(grown < seq->bos_max ? grown : seq->bos_max);
    return (uint32_t)((uint64_t)d_rand() % (bound + 1));
}

double d_stand_div(double *array, int nr)
{
    double mean = 0, sum = 0;
    int i;

    if (nr <= 0)
        return 0;
    for (i = 0; i < nr; i++)
        mean += array[i] / nr;
    for (i = 0; i < nr; i++)
        sum += (array[i] - mean) * (array[i] - mean);
    return sqrt(sum / nr);
}

/* ---- Vectors of pointers ---- */

int d_vec_pointers_init(struct d_vec_pointers *pointers, uint32_t cap)
{
    void **buf = NULL;

    if (cap > 0) {
        buf = base_calloc(cap, sizeof(*buf));
        if (buf == NULL)
            return -DER_NOMEM;
    }
    *pointers = (struct d_vec_pointers){.p_buf = buf, .p_cap = cap};
    return 0;
}

void d_vec_pointers_fini(struct d_vec_pointers *pointers)
{
    base_free(pointers->p_buf);
    memset(pointers, 0, sizeof(*pointers));
}

int d_vec_pointers_append(struct d_vec_pointers *pointers, void *pointer)
{
    uint32_t cap = pointers->p_cap > 0 ? pointers->p_cap * 2 : 1;
    void **grown;

    if (pointers->p_len == pointers->p_cap) {
        grown = base_realloc(pointers->p_buf, cap * sizeof(*grown));
        if (grown == NULL)
            return -DER_NOMEM;
        pointers->p_buf = grown;
        pointers->p_cap = cap;
    }
    pointers->p_buf[pointers->p_len++] = pointer;
    return 0;
}

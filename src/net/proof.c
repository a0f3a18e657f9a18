/* Secrets of connections and tags of frames: see net/proof.h. */
#include "net/proof.h"

#include <endian.h>
#include <string.h>

#include "base/assert.h"

#ifdef TARN_SODIUM
#include <sodium.h>

#define LABEL                                                                                      \
    "tarn connection 1" /* what is made from a key for other purposes is nothing like it */

_Static_assert(PROOF_KEY == crypto_aead_chacha20poly1305_IETF_KEYBYTES &&
                   PROOF_TAG == crypto_aead_chacha20poly1305_IETF_ABYTES,
               "sizes");

/* Everything that the secrets depend on, at fixed places. */
struct said {
    char label[24];
    uint8_t client[16];
    uint64_t generation, features;
    uint8_t hers[PROOF_NONCE], its[PROOF_NONCE];
    uint64_t way; /* 0: from the client, 1: from the engine */
} __attribute__((packed));

bool proof_works(void)
{
    return sodium_init() >= 0;
}

void proof_random(void *buf, size_t len)
{
    randombytes_buf(buf, len);
}

void proof_wipe(void *buf, size_t len)
{
    sodium_memzero(buf, len);
}

static void secret(uint8_t out[PROOF_KEY], const uint8_t key[PROOF_KEY], struct said *s,
                   uint64_t way)
{
    s->way = htole64(way);
    crypto_generichash(out, PROOF_KEY, (const uint8_t *)s, sizeof(*s), key, PROOF_KEY);
}

void proof_make(struct proof *p, const uint8_t key[PROOF_KEY], const struct proof_greeting *g,
                bool engine)
{
    struct said s = {
        .label = LABEL, .generation = htole64(g->generation), .features = htole64(g->features)};

    memcpy(s.client, g->client, sizeof(s.client));
    memcpy(s.hers, g->hers, sizeof(s.hers));
    memcpy(s.its, g->its, sizeof(s.its));
    secret(p->out, key, &s, engine);
    secret(p->in, key, &s, !engine);
    p->sent = p->taken = 0;
}

static void number(uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES], uint64_t nr)
{
    uint64_t le = htole64(nr);

    memset(nonce, 0, crypto_aead_chacha20poly1305_IETF_NPUBBYTES);
    memcpy(nonce, &le, sizeof(le));
}

/* There is no text, only what goes with it; its place must be one all the same. */
void proof_tag(struct proof *p, const void *frame, size_t len, uint8_t tag[PROOF_TAG])
{
    uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES], none[1] = {0};

    number(nonce, p->sent++);
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(none, tag, NULL, none, 0, frame, len, NULL,
                                                       nonce, p->out);
}

bool proof_holds(struct proof *p, const void *frame, size_t len, const uint8_t tag[PROOF_TAG])
{
    uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES], none[1] = {0};

    number(nonce, p->taken);
    if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(none, NULL, none, 0, tag, frame, len,
                                                           nonce, p->in) != 0)
        return false;
    p->taken++;
    return true;
}

#else

bool proof_works(void)
{
    return false;
}

/* Nobody has a key to make one of. */
void proof_random(void *buf, size_t len)
{
    ASSERT(!"proof_works()");
}

void proof_wipe(void *buf, size_t len)
{
    explicit_bzero(buf, len);
}

void proof_make(struct proof *p, const uint8_t key[PROOF_KEY], const struct proof_greeting *g,
                bool engine)
{
    ASSERT(!"proof_works()");
}

void proof_tag(struct proof *p, const void *frame, size_t len, uint8_t tag[PROOF_TAG])
{
    ASSERT(!"proof_works()");
}

bool proof_holds(struct proof *p, const void *frame, size_t len, const uint8_t tag[PROOF_TAG])
{
    ASSERT(!"proof_works()");
    return false;
}

#endif

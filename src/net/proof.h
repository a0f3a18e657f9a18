/*
 * proof: how two sides of a connection show each other that they have the same secret, without
 * saying it, and that what comes afterwards is from who showed it.
 *
 *   HELLO      of the client: its id, generation, features; 32 random bytes; the key's name
 *   CHALLENGE  of the engine: 32 random bytes
 *
 * Both make two secrets of the connection from that and the key, one for each direction. Every
 * later frame ends with a tag: ChaCha20-Poly1305 over the frame, with its direction's secret and
 * its number on the connection. So the client's next frame (PROOF) shows that he has the key, the
 * engine's (WELCOME) that it does; and nobody between them can add, change, leave out, repeat or
 * turn around a frame, or make one of the first two say something else. Nothing is hidden from who
 * listens: what is to be secret goes through a tunnel (docs/engine.md).
 *
 * Made of libsodium. Without it nothing here works, and net_keys_read() says so.
 */
#ifndef TARN_NET_PROOF_H
#define TARN_NET_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROOF_KEY   32u /* bytes of a secret */
#define PROOF_NONCE 32u
#define PROOF_TAG   16u

/* The secrets of one connection, and how many frames they have sealed. */
struct proof {
    uint8_t out[PROOF_KEY], in[PROOF_KEY];
    uint64_t sent, taken;
};

/* What HELLO and CHALLENGE said. */
struct proof_greeting {
    uint8_t client[16];
    uint64_t generation, features;
    uint8_t hers[PROOF_NONCE], its[PROOF_NONCE]; /* the client's, the engine's */
};

bool proof_works(void); /* there is a library for it */
void proof_random(void *buf, size_t len);
void proof_wipe(void *buf, size_t len);
/* engine: whose side this is. */
void proof_make(struct proof *p, const uint8_t key[PROOF_KEY], const struct proof_greeting *g,
                bool engine);
/* The tag of the next frame to be sent. */
void proof_tag(struct proof *p, const void *frame, size_t len, uint8_t tag[PROOF_TAG]);
/* Is it that of the next frame to come? If not, nothing has happened. */
bool proof_holds(struct proof *p, const void *frame, size_t len, const uint8_t tag[PROOF_TAG]);

#endif

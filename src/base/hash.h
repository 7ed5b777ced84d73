/* Digests, authentication codes and their spellings. Pure functions over memory (libcrypto). */
#ifndef SWM_BASE_HASH_H
#define SWM_BASE_HASH_H

#include "base/slice.h"

#include <stdint.h>

#define SHA256_BYTES 32

void hash_sha256(struct slice s, uint8_t out[SHA256_BYTES]);
/* HMAC-SHA256 with a 32-byte key (RFC 2104). */
void hash_hmac(const uint8_t key[SHA256_BYTES], struct slice s, uint8_t out[SHA256_BYTES]);
/* The same with a key of any length. */
void hash_hmac_long(struct slice key, struct slice s, uint8_t out[SHA256_BYTES]);
/* The first eight bytes of the SHA-256, big-endian. */
uint64_t hash_64(struct slice s);
void hash_md5(struct slice s, uint8_t out[16]); /* only where the SQS protocol asks for it */
bool hash_eq(const uint8_t *a, const uint8_t *b, size_t len); /* constant time */

struct slice hex_encode(struct arena *a, const uint8_t *bytes, size_t len);
bool hex_decode(struct slice s, uint8_t *out, size_t len);      /* exactly len bytes */
struct slice base64_encode(struct arena *a, struct slice s);    /* RFC 4648, padded */
struct slice base64url_encode(struct arena *a, struct slice s); /* unpadded */
bool base64_decode(struct arena *a, struct slice s, struct slice *out);
bool base64url_decode(struct arena *a, struct slice s, struct slice *out);
/* 20 characters of Crockford's base32 in lower case: the first 100 bits of a SHA-256. */
#define HASH_ID_CHARS 20
void hash_id(const uint8_t digest[SHA256_BYTES], char out[HASH_ID_CHARS]);

#endif

/* Digests and their spellings, over libcrypto's one-shot functions. */
#include "base/hash.h"

#include "base/arena.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#define HMAC_BLOCK_BYTES 64
#define HMAC_STACK_BYTES 512

void hash_sha256(struct slice s, uint8_t out[SHA256_BYTES])
{
    const unsigned char *done = SHA256((const unsigned char *)s.at, s.len, out);
    assert(done != NULL); /* an identity or a code made of chance must not leave here */
}

/* Tokens are short: two plain digests on the stack are several times quicker than a context. */
static void short_hmac(const uint8_t key[SHA256_BYTES], struct slice s, uint8_t out[SHA256_BYTES])
{
    unsigned char inner[HMAC_BLOCK_BYTES + HMAC_STACK_BYTES];
    unsigned char outer[HMAC_BLOCK_BYTES + SHA256_BYTES];
    memset(inner, 0x36, HMAC_BLOCK_BYTES);
    memset(outer, 0x5c, HMAC_BLOCK_BYTES);
    for (size_t k = 0; k < SHA256_BYTES; k++) {
        inner[k] ^= key[k];
        outer[k] ^= key[k];
    }
    if (s.len > 0)
        memcpy(inner + HMAC_BLOCK_BYTES, s.at, s.len);
    hash_sha256((struct slice){(const char *)inner, HMAC_BLOCK_BYTES + s.len},
                outer + HMAC_BLOCK_BYTES);
    hash_sha256((struct slice){(const char *)outer, sizeof outer}, out);
}

void hash_hmac_long(struct slice key, struct slice s, uint8_t out[SHA256_BYTES])
{
    unsigned int len = 0;
    const char *text = s.at == NULL ? "" : s.at;
    assert(key.len <= INT_MAX);
    const unsigned char *done = HMAC(EVP_sha256(), key.at == NULL ? "" : key.at, (int)key.len,
                                     (const unsigned char *)text, s.len, out, &len);
    assert(done != NULL && len == SHA256_BYTES);
}

void hash_hmac(const uint8_t key[SHA256_BYTES], struct slice s, uint8_t out[SHA256_BYTES])
{
    if (s.len <= HMAC_STACK_BYTES)
        short_hmac(key, s, out);
    else
        hash_hmac_long((struct slice){(const char *)key, SHA256_BYTES}, s, out);
}

uint64_t hash_64(struct slice s)
{
    uint8_t digest[SHA256_BYTES];
    uint64_t n = 0;
    hash_sha256(s, digest);
    for (int k = 0; k < 8; k++)
        n = n << 8 | digest[k];
    return n;
}

void hash_md5(struct slice s, uint8_t out[16])
{
    unsigned int len = 0;
    int done = EVP_Digest(s.at == NULL ? "" : s.at, s.len, out, &len, EVP_md5(), NULL);
    assert(done == 1 && len == 16);
}

bool hash_eq(const uint8_t *a, const uint8_t *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

struct slice hex_encode(struct arena *a, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(a, 2 * len + 1);
    for (size_t k = 0; k < len; k++) {
        text[2 * k] = digits[bytes[k] >> 4];
        text[2 * k + 1] = digits[bytes[k] & 15];
    }
    return (struct slice){text, 2 * len};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(struct slice s, uint8_t *out, size_t len)
{
    if (s.len != 2 * len)
        return false;
    for (size_t k = 0; k < len; k++) {
        int high = hex_digit(s.at[2 * k]), low = hex_digit(s.at[2 * k + 1]);
        if (high < 0 || low < 0)
            return false;
        out[k] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static const char base64_plain[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct slice encode_64(struct arena *a, struct slice s, const char *letters, bool is_padded)
{
    char *text = arena_alloc(a, (s.len + 2) / 3 * 4 + 1);
    const unsigned char *in = (const unsigned char *)s.at;
    size_t len = 0;
    for (size_t k = 0; k < s.len; k += 3) {
        size_t left = s.len - k;
        uint32_t three = (uint32_t)in[k] << 16;
        if (left > 1)
            three |= (uint32_t)in[k + 1] << 8;
        if (left > 2)
            three |= in[k + 2];
        text[len++] = letters[three >> 18];
        text[len++] = letters[three >> 12 & 63];
        if (left > 1)
            text[len++] = letters[three >> 6 & 63];
        if (left > 2)
            text[len++] = letters[three & 63];
    }
    while (is_padded && len % 4 != 0)
        text[len++] = '=';
    return (struct slice){text, len};
}

struct slice base64_encode(struct arena *a, struct slice s)
{
    return encode_64(a, s, base64_plain, true);
}

struct slice base64url_encode(struct arena *a, struct slice s)
{
    return encode_64(a, s, base64_url, false);
}

static int letter_value(char c, bool is_url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (is_url ? '-' : '+'))
        return 62;
    return c == (is_url ? '_' : '/') ? 63 : -1;
}

/* Strict: bits that no byte uses must be zero, so that every text has one meaning. */
static bool decode_64(struct arena *a, struct slice s, bool is_url, struct slice *out)
{
    char *bytes = arena_alloc(a, s.len / 4 * 3 + 3);
    size_t len = 0;
    uint32_t held = 0;
    int bits = 0;
    *out = SLICE_NONE;
    if (s.len % 4 == 1)
        return false;
    for (size_t k = 0; k < s.len; k++) {
        int value = letter_value(s.at[k], is_url);
        if (value < 0)
            return false;
        held = held << 6 | (uint32_t)value;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        bytes[len++] = (char)(held >> bits & 0xff);
        held &= (1u << bits) - 1;
    }
    if (held == 0)
        *out = (struct slice){bytes, len};
    return held == 0;
}

bool base64_decode(struct arena *a, struct slice s, struct slice *out)
{
    *out = SLICE_NONE;
    if (s.len % 4 != 0)
        return false;
    for (int k = 0; k < 2 && s.len > 0 && s.at[s.len - 1] == '='; k++)
        s.len--;
    return decode_64(a, s, false, out);
}

bool base64url_decode(struct arena *a, struct slice s, struct slice *out)
{
    return decode_64(a, s, true, out);
}

void hash_id(const uint8_t digest[SHA256_BYTES], char out[HASH_ID_CHARS])
{
    static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
    for (unsigned k = 0; k < HASH_ID_CHARS; k++) {
        unsigned bit = k * 5, byte = bit / 8;
        unsigned pair = (unsigned)digest[byte] << 8 | digest[byte + 1];
        out[k] = letters[pair >> (11 - bit % 8) & 31];
    }
}

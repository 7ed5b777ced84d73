/* Digests against published vectors, spellings against their rules. */
#include "harness.h"

#include "base/arena.h"
#include "base/hash.h"

#include <string.h>

static struct arena arena;

static struct slice hex_of(const uint8_t *bytes, size_t len)
{
    arena_drop(&arena);
    arena_init(&arena, 1 << 20);
    return hex_encode(&arena, bytes, len);
}

static struct slice sha256_of(struct slice s)
{
    uint8_t digest[SHA256_BYTES];
    hash_sha256(s, digest);
    return hex_of(digest, sizeof digest);
}

TEST(sha256_agrees_with_the_published_vectors)
{
    CHECK_TEXT(sha256_of(SLICE("")),
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_TEXT(sha256_of(SLICE_NONE),
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_TEXT(sha256_of(SLICE("abc")),
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_TEXT(sha256_of(SLICE("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(hash_64(SLICE("abc")) == 0xba7816bf8f01cfeaU);
    arena_drop(&arena);
}

static struct slice md5_of(struct slice s)
{
    uint8_t digest[16];
    hash_md5(s, digest);
    return hex_of(digest, sizeof digest);
}

TEST(md5_agrees_with_the_published_vectors)
{
    CHECK_TEXT(md5_of(SLICE("")), "d41d8cd98f00b204e9800998ecf8427e");
    CHECK_TEXT(md5_of(SLICE_NONE), "d41d8cd98f00b204e9800998ecf8427e");
    CHECK_TEXT(md5_of(SLICE("abc")), "900150983cd24fb0d6963f7d28e17f72");
    CHECK_TEXT(md5_of(SLICE("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
    arena_drop(&arena);
}

static struct slice hmac_of(const uint8_t key[SHA256_BYTES], struct slice s)
{
    uint8_t code[SHA256_BYTES];
    hash_hmac(key, s, code);
    return hex_of(code, sizeof code);
}

/* A key shorter than the block is the same as one with zeros behind it (RFC 2104). */
TEST(hmac_agrees_with_rfc_4231)
{
    uint8_t key[SHA256_BYTES] = {0};
    char data[50];
    memset(key, 0x0b, 20);
    CHECK_TEXT(hmac_of(key, SLICE("Hi There")),
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    memset(key, 0, sizeof key);
    memcpy(key, "Jefe", 4);
    CHECK_TEXT(hmac_of(key, SLICE("what do ya want for nothing?")),
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0, sizeof key);
    memset(key, 0xaa, 20);
    memset(data, 0xdd, sizeof data);
    CHECK_TEXT(hmac_of(key, (struct slice){data, sizeof data}),
               "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    for (uint8_t k = 0; k < 25; k++)
        key[k] = (uint8_t)(k + 1);
    memset(data, 0xcd, sizeof data);
    CHECK_TEXT(hmac_of(key, (struct slice){data, sizeof data}),
               "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    arena_drop(&arena);
}

/* The definition, with nothing shared with the code under test but the digest. */
static struct slice plain_hmac_of(const uint8_t key[SHA256_BYTES], struct slice s)
{
    static uint8_t block[64 + 4096];
    uint8_t digest[SHA256_BYTES];
    memset(block, 0x36, 64);
    for (size_t k = 0; k < SHA256_BYTES; k++)
        block[k] = key[k] ^ 0x36;
    memcpy(block + 64, s.at, s.len);
    hash_sha256((struct slice){(const char *)block, 64 + s.len}, digest);
    memset(block, 0x5c, 64);
    for (size_t k = 0; k < SHA256_BYTES; k++)
        block[k] = key[k] ^ 0x5c;
    memcpy(block + 64, digest, sizeof digest);
    hash_sha256((struct slice){(const char *)block, 64 + sizeof digest}, digest);
    return hex_encode(&arena, digest, sizeof digest);
}

TEST(hmac_of_short_and_long_texts_is_the_same_function)
{
    static char data[2000];
    static const size_t sizes[] = {1, 63, 64, 511, 512, 513, 2000};
    uint8_t key[SHA256_BYTES];
    memset(data, 'x', sizeof data);
    memset(key, 7, sizeof key);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        struct slice s = {data, sizes[k]};
        struct slice code = hmac_of(key, s);
        CHECK(slice_eq(code, plain_hmac_of(key, s)));
    }
    struct slice of_nothing = hmac_of(key, SLICE_NONE);
    CHECK(slice_eq(of_nothing, plain_hmac_of(key, SLICE(""))));
    arena_drop(&arena);
}

TEST(hash_eq_sees_every_byte)
{
    uint8_t a[32] = {0}, b[32] = {0};
    CHECK(hash_eq(a, b, 32));
    for (size_t k = 0; k < 32; k++) {
        b[k] = 1;
        CHECK(!hash_eq(a, b, 32));
        b[k] = 0;
    }
}

TEST(hex_reads_what_it_writes_and_nothing_else)
{
    uint8_t bytes[3];
    CHECK(hex_decode(SLICE("00fFa9"), bytes, 3));
    CHECK(bytes[0] == 0 && bytes[1] == 0xff && bytes[2] == 0xa9);
    CHECK_TEXT(hex_of(bytes, 3), "00ffa9");
    CHECK(!hex_decode(SLICE("00ffa"), bytes, 3));
    CHECK(!hex_decode(SLICE("00ffa900"), bytes, 3));
    CHECK(!hex_decode(SLICE("00ffg9"), bytes, 3));
    CHECK(!hex_decode(SLICE("00ff 9"), bytes, 3));
    CHECK(hex_decode(SLICE_NONE, bytes, 0));
    arena_drop(&arena);
}

TEST(base64_agrees_with_rfc_4648)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    arena_init(&arena, 1 << 20);
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        struct slice plain;
        CHECK_TEXT(base64_encode(&arena, slice_of(pairs[k][0])), pairs[k][1]);
        CHECK(base64_decode(&arena, slice_of(pairs[k][1]), &plain));
        CHECK_TEXT(plain, pairs[k][0]);
    }
    CHECK_TEXT(base64_encode(&arena, SLICE("\xfb\xff\xbf")), "+/+/");
    CHECK_TEXT(base64url_encode(&arena, SLICE("\xfb\xff\xbf")), "-_-_");
    CHECK_TEXT(base64url_encode(&arena, SLICE("f")), "Zg");
    arena_drop(&arena);
}

TEST(base64_brings_all_bytes_back)
{
    char all[256];
    arena_init(&arena, 1 << 20);
    for (size_t k = 0; k < sizeof all; k++)
        all[k] = (char)k;
    for (size_t len = 0; len <= sizeof all; len++) {
        struct slice s = {all, len}, back;
        CHECK(base64_decode(&arena, base64_encode(&arena, s), &back) && slice_eq(s, back));
        CHECK(base64url_decode(&arena, base64url_encode(&arena, s), &back) && slice_eq(s, back));
    }
    arena_drop(&arena);
}

TEST(base64_refuses_all_but_the_one_spelling)
{
    static const char *const bad[] = {"Z",    "Zg",   "Zg=",      "Zh==",  "Zm9=", "====",
                                      "Z===", "=g==", "Zg==Zg==", "Zm 9v", "-_-_", "Zm9v\n"};
    static const char *const bad_url[] = {"Z", "Zh", "Zm9", "Zg==", "+/+/", "Zm9v\n"};
    struct slice out;
    arena_init(&arena, 1 << 20);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        CHECK(!base64_decode(&arena, slice_of(bad[k]), &out));
        CHECK(out.at == NULL);
    }
    for (size_t k = 0; k < sizeof bad_url / sizeof *bad_url; k++)
        CHECK(!base64url_decode(&arena, slice_of(bad_url[k]), &out));
    arena_drop(&arena);
}

TEST(hash_id_spells_the_first_hundred_bits)
{
    uint8_t digest[SHA256_BYTES];
    char id[HASH_ID_CHARS];
    memset(digest, 0, sizeof digest);
    hash_id(digest, id);
    CHECK_TEXT(((struct slice){id, sizeof id}), "00000000000000000000");
    memset(digest, 0xff, sizeof digest);
    hash_id(digest, id);
    CHECK_TEXT(((struct slice){id, sizeof id}), "zzzzzzzzzzzzzzzzzzzz");
    static const uint8_t counted[] = {0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54,
                                      0xb6, 0x35, 0xcf, 0x84, 0x65, 0x3a};
    memset(digest, 0, sizeof digest);
    memcpy(digest, counted, sizeof counted); /* 0, 1, 2, ... in groups of five bits */
    hash_id(digest, id);
    CHECK_TEXT(((struct slice){id, sizeof id}), "0123456789abcdefghjk");
}

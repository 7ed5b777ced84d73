/* Tokens: "instance|task|item|generation|attempt" under a MAC. Made when a message is made, checked
 * when an answer arrives; nothing here stores one. */
#include "core/token.h"

#include "base/arena.h"
#include "base/text.h"

#include <string.h>

#define TOKEN_FORMAT 1
#define MAC_BYTES 16
#define FIELD_SEP '\x1f' /* names can't hold control characters */

static void put_fields(struct text *t, const struct token *k, uint32_t key_id)
{
    text_printf(t, "%d%c%u%c", TOKEN_FORMAT, FIELD_SEP, key_id, FIELD_SEP);
    text_put(t, k->instance);
    text_put_char(t, FIELD_SEP);
    text_put(t, k->task);
    text_printf(t, "%c%lld%c%lld%c%lld", FIELD_SEP, (long long)k->item, FIELD_SEP,
                (long long)k->generation, FIELD_SEP, (long long)k->attempt);
}

struct slice token_encode(struct arena *a, const struct token_keys *keys, const struct token *t)
{
    struct text body = text_new(a, 1024);
    put_fields(&body, t, keys->keys[0].id);
    uint8_t mac[SHA256_BYTES];
    hash_hmac(keys->keys[0].bytes, text_slice(&body), mac);
    text_put(&body, (struct slice){(const char *)mac, MAC_BYTES});
    return base64url_encode(a, text_slice(&body));
}

static bool take_int(struct slice *rest, int64_t *out)
{
    struct slice head;
    slice_cut(*rest, FIELD_SEP, &head, rest);
    return slice_to_int(head, out);
}

static const struct token_key *find_key(const struct token_keys *keys, int64_t id)
{
    for (uint32_t k = 0; k < keys->count; k++)
        if ((int64_t)keys->keys[k].id == id)
            return &keys->keys[k];
    return NULL;
}

bool token_decode(struct arena *a, const struct token_keys *keys, struct slice text,
                  struct token *out)
{
    struct slice bytes;
    if (text.len > 2048 || !base64url_decode(a, text, &bytes) || bytes.len <= MAC_BYTES)
        return false;
    struct slice body = {bytes.at, bytes.len - MAC_BYTES}, rest = body;
    int64_t format, key_id;
    if (!take_int(&rest, &format) || format != TOKEN_FORMAT || !take_int(&rest, &key_id))
        return false;
    const struct token_key *key = find_key(keys, key_id);
    uint8_t mac[SHA256_BYTES];
    if (key == NULL)
        return false;
    hash_hmac(key->bytes, body, mac);
    if (!hash_eq(mac, (const uint8_t *)bytes.at + body.len, MAC_BYTES))
        return false;
    slice_cut(rest, FIELD_SEP, &out->instance, &rest);
    slice_cut(rest, FIELD_SEP, &out->task, &rest);
    return take_int(&rest, &out->item) && take_int(&rest, &out->generation) &&
           take_int(&rest, &out->attempt);
}

static void share_mac(const struct token_key *key, struct slice body, uint8_t mac[SHA256_BYTES])
{
    uint8_t own[SHA256_BYTES];
    hash_hmac(key->bytes, SLICE("share link"), own);
    hash_hmac(own, body, mac);
}

struct slice share_encode(struct arena *a, const struct token_keys *keys, const struct share *s)
{
    struct text body = text_new(a, 1024), out = text_new(a, 2048);
    uint8_t mac[SHA256_BYTES];
    text_printf(&body, "%d%c%u%c", TOKEN_FORMAT, FIELD_SEP, keys->keys[0].id, FIELD_SEP);
    text_put(&body, s->instance);
    text_printf(&body, "%c%lld", FIELD_SEP, (long long)s->expires_at_ms);
    share_mac(&keys->keys[0], text_slice(&body), mac);
    text_put(&body, (struct slice){(const char *)mac, MAC_BYTES});
    text_put_c(&out, SHARE_PREFIX);
    text_put(&out, base64url_encode(a, text_slice(&body)));
    return text_slice(&out);
}

bool share_decode(struct arena *a, const struct token_keys *keys, struct slice text,
                  struct share *out)
{
    struct slice bytes, prefix = SLICE(SHARE_PREFIX);
    int64_t format, key_id;
    if (text.len > 2048 || !slice_has_prefix(text, prefix))
        return false;
    text = (struct slice){text.at + prefix.len, text.len - prefix.len};
    if (!base64url_decode(a, text, &bytes) || bytes.len <= MAC_BYTES)
        return false;
    struct slice body = {bytes.at, bytes.len - MAC_BYTES}, rest = body;
    if (!take_int(&rest, &format) || format != TOKEN_FORMAT || !take_int(&rest, &key_id))
        return false;
    const struct token_key *key = find_key(keys, key_id);
    uint8_t mac[SHA256_BYTES];
    if (key == NULL)
        return false;
    share_mac(key, body, mac);
    if (!hash_eq(mac, (const uint8_t *)bytes.at + body.len, MAC_BYTES))
        return false;
    slice_cut(rest, FIELD_SEP, &out->instance, &rest);
    return take_int(&rest, &out->expires_at_ms) && rest.at == NULL;
}

struct slice token_effect_id(struct arena *a, const struct token *t, struct slice purpose)
{
    struct text body = text_new(a, 1024);
    text_put(&body, purpose);
    text_put_char(&body, FIELD_SEP);
    put_fields(&body, t, 0);
    uint8_t digest[SHA256_BYTES];
    hash_sha256(text_slice(&body), digest);
    char *id = arena_alloc(a, HASH_ID_CHARS);
    hash_id(digest, id);
    return (struct slice){id, HASH_ID_CHARS};
}

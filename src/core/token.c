/* Tokens, "instance|task|item|generation|attempt", and links, "instance|expires": fields under a
 * MAC. Made when a message or a link is made, checked when one arrives; nothing here stores one. */
#include "core/token.h"

#include "base/arena.h"
#include "base/text.h"

#include <string.h>

#define TOKEN_FORMAT 1
#define MAC_BYTES 16
#define SEALED_BYTES_MAX 2048
#define SHARE_PURPOSE "share link"
#define FIELD_SEP '\x1f' /* names can't hold control characters */

static void put_head(struct text *t, uint32_t key_id)
{
    text_printf(t, "%d%c%u%c", TOKEN_FORMAT, FIELD_SEP, key_id, FIELD_SEP);
}

static void put_fields(struct text *t, const struct token *k, uint32_t key_id)
{
    put_head(t, key_id);
    text_put(t, k->instance);
    text_put_char(t, FIELD_SEP);
    text_put(t, k->task);
    text_printf(t, "%c%lld%c%lld%c%lld", FIELD_SEP, (long long)k->item, FIELD_SEP,
                (long long)k->generation, FIELD_SEP, (long long)k->attempt);
}

/* What is signed for a purpose of its own is signed by a key of its own: a token opens no page, a
 * link completes no task. */
static void sign(const struct token_key *key, const char *purpose, struct slice body,
                 uint8_t mac[SHA256_BYTES])
{
    uint8_t own[SHA256_BYTES];
    if (purpose != NULL)
        hash_hmac(key->bytes, slice_of(purpose), own);
    hash_hmac(purpose != NULL ? own : key->bytes, body, mac);
}

static struct slice seal(struct arena *a, const struct token_keys *keys, const char *purpose,
                         struct text *body)
{
    uint8_t mac[SHA256_BYTES];
    sign(&keys->keys[0], purpose, text_slice(body), mac);
    text_put(body, (struct slice){(const char *)mac, MAC_BYTES});
    return base64url_encode(a, text_slice(body));
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

/* The fields of a sealed text behind its format and key. False: it is none, or not one of ours. */
static bool unseal(struct arena *a, const struct token_keys *keys, const char *purpose,
                   struct slice text, struct slice *fields)
{
    struct slice bytes;
    if (!base64url_decode(a, text, &bytes) || bytes.len <= MAC_BYTES)
        return false;
    struct slice body = {bytes.at, bytes.len - MAC_BYTES};
    int64_t format, key_id;
    *fields = body;
    if (!take_int(fields, &format) || format != TOKEN_FORMAT || !take_int(fields, &key_id))
        return false;
    const struct token_key *key = find_key(keys, key_id);
    uint8_t mac[SHA256_BYTES];
    if (key == NULL)
        return false;
    sign(key, purpose, body, mac);
    return hash_eq(mac, (const uint8_t *)bytes.at + body.len, MAC_BYTES);
}

struct slice token_encode(struct arena *a, const struct token_keys *keys, const struct token *t)
{
    struct text body = text_new(a, 1024);
    put_fields(&body, t, keys->keys[0].id);
    return seal(a, keys, NULL, &body);
}

bool token_decode(struct arena *a, const struct token_keys *keys, struct slice text,
                  struct token *out)
{
    struct slice rest;
    if (text.len > SEALED_BYTES_MAX || !unseal(a, keys, NULL, text, &rest))
        return false;
    slice_cut(rest, FIELD_SEP, &out->instance, &rest);
    slice_cut(rest, FIELD_SEP, &out->task, &rest);
    return take_int(&rest, &out->item) && take_int(&rest, &out->generation) &&
           take_int(&rest, &out->attempt);
}

struct slice share_encode(struct arena *a, const struct token_keys *keys, const struct share *s)
{
    struct text body = text_new(a, 1024), out = text_new(a, SEALED_BYTES_MAX);
    put_head(&body, keys->keys[0].id);
    text_put(&body, s->instance);
    text_printf(&body, "%c%lld", FIELD_SEP, (long long)s->expires_at_ms);
    text_put_c(&out, SHARE_PREFIX);
    text_put(&out, seal(a, keys, SHARE_PURPOSE, &body));
    return text_slice(&out);
}

bool share_decode(struct arena *a, const struct token_keys *keys, struct slice text,
                  struct share *out)
{
    struct slice prefix = SLICE(SHARE_PREFIX), rest;
    if (text.len > SEALED_BYTES_MAX || !slice_has_prefix(text, prefix))
        return false;
    text = (struct slice){text.at + prefix.len, text.len - prefix.len};
    if (!unseal(a, keys, SHARE_PURPOSE, text, &rest))
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

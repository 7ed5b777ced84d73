/* Finds out who asks. Before it stands the HTTP server, after it the route table and the SQS front,
 * which say what role an address needs. It must not tell whoever fails what was nearly right, nor
 * keep or log the text of a key. */
#include "api/auth.h"

#include "core/limits.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define PREFIX "swm_"
#define BEARER "Bearer "
#define SECRET_CHARS 52 /* of base32: 256 bits, five each */

/* --- the text of a key --- */

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

/* RFC 4648 base32 in lower case, unpadded. */
static void put_base32(struct text *t, const uint8_t *bytes, size_t len)
{
    uint32_t held = 0;
    unsigned bits = 0;
    for (size_t k = 0; k < len; k++) {
        held = held << 8 | bytes[k];
        for (bits += 8; bits >= 5; bits -= 5)
            text_put_char(t, letters[held >> (bits - 5) & 31]);
        held &= (1u << bits) - 1;
    }
    if (bits > 0)
        text_put_char(t, letters[held << (5 - bits) & 31]);
}

struct slice auth_text(struct arena *a, struct slice id, const uint8_t secret[AUTH_SECRET_BYTES])
{
    struct text t = text_new(a, AUTH_TEXT_CHARS);
    text_put_c(&t, PREFIX);
    text_put(&t, id);
    text_put_char(&t, '_');
    put_base32(&t, secret, AUTH_SECRET_BYTES);
    assert(!t.is_cut && t.len == AUTH_TEXT_CHARS);
    return text_slice(&t);
}

bool auth_text_id(struct slice text, struct slice *id)
{
    size_t before = strlen(PREFIX);
    *id = SLICE_NONE;
    if (text.len != AUTH_TEXT_CHARS || !slice_has_prefix(text, SLICE(PREFIX)) ||
        text.at[before + HASH_ID_CHARS] != '_')
        return false;
    *id = (struct slice){text.at + before, HASH_ID_CHARS};
    for (size_t k = before + HASH_ID_CHARS + 1; k < text.len; k++) {
        if (text.at[k] == '\0' || strchr(letters, text.at[k]) == NULL)
            return false;
    }
    return true;
}

struct slice auth_aws_secret(struct arena *a, const struct flow *f, struct slice id)
{
    uint8_t mac[SHA256_BYTES];
    struct text t = text_new(a, 3 + HASH_ID_CHARS);
    text_put_c(&t, "aws");
    text_put(&t, id);
    hash_hmac(flow_token_keys(f)->keys[0].bytes, text_slice(&t), mac);
    return base64url_encode(a, (struct slice){(const char *)mac, sizeof mac});
}

/* --- who asks --- */

void auth_init(struct auth *a, struct slice admin)
{
    a->has_admin = admin.len > 0;
    if (a->has_admin)
        hash_sha256(admin, a->admin_hash);
}

bool auth_is_on(const struct auth *a)
{
    return a->has_admin || access_count(a->flow) > 0;
}

bool auth_is_shut(const struct auth *a)
{
    return a->must_have_keys && !auth_is_on(a);
}

static void note(struct http_request *r, enum role role, struct slice name)
{
    struct auth_caller *caller = arena_alloc(http_arena(r), sizeof *caller);
    struct text t = text_new(http_arena(r), ACTOR_BYTES_MAX);
    text_put_c(&t, "key:");
    text_put(&t, name);
    *caller = (struct auth_caller){.role = role, .actor = text_slice(&t)};
    http_set_caller(r, caller);
}

static enum err take_key(struct auth *a, struct http_request *r, const struct access_key *key,
                         const char **why)
{
    if (!access_is_valid(key, a->now_ms)) {
        *why = key->revoked_at_ms != 0 ? "the key has been revoked" : "the key has expired";
        return ERR_UNAUTHORIZED;
    }
    access_use(a->flow, key, a->now_ms);
    note(r, key->role, key->name.len > 0 ? key->name : key->id);
    return ERR_NONE;
}

enum err auth_find_by_id(struct auth *a, struct http_request *r, struct slice id, const char **why)
{
    const struct access_key *key = access_find(a->flow, id);
    if (key != NULL)
        return take_key(a, r, key, why);
    *why = "there is no such key";
    return ERR_UNAUTHORIZED;
}

static bool cut_bearer(struct slice header, struct slice *text)
{
    size_t len = strlen(BEARER);
    if (header.len <= len || strncasecmp(header.at, BEARER, len) != 0)
        return false;
    *text = slice_trim((struct slice){header.at + len, header.len - len});
    return text->len > 0 && text->len <= ACCESS_TEXT_BYTES_MAX;
}

enum err auth_find(struct auth *a, struct http_request *r, const char **why)
{
    struct slice text, id, header = http_header(r, "Authorization");
    uint8_t hash[SHA256_BYTES];
    if (http_caller(r) != NULL)
        return ERR_NONE;
    if (auth_is_shut(a)) {
        *why = "there is no access key yet, and without one nothing is told here: set "
               "SWM_ADMIN_KEY";
        return ERR_FORBIDDEN;
    }
    if (!auth_is_on(a))
        return ERR_NONE;
    *why = header.at == NULL ? "this server asks for a key: Authorization: Bearer KEY"
                             : "the key is not one of this server's";
    if (!cut_bearer(header, &text))
        return ERR_UNAUTHORIZED;
    hash_sha256(text, hash);
    if (a->has_admin && hash_eq(hash, a->admin_hash, sizeof hash)) {
        note(r, ROLE_ADMIN, SLICE(AUTH_ADMIN_NAME));
        return ERR_NONE;
    }
    const struct access_key *key = auth_text_id(text, &id) ? access_find(a->flow, id) : NULL;
    if (key == NULL || !hash_eq(hash, key->hash, sizeof hash))
        return ERR_UNAUTHORIZED;
    return take_key(a, r, key, why);
}

static struct slice share_text(struct http_request *r)
{
    struct slice text = http_query(r, "share"), bearer;
    if (text.at == NULL && cut_bearer(http_header(r, "Authorization"), &bearer) &&
        slice_has_prefix(bearer, SLICE(SHARE_PREFIX)))
        text = bearer;
    return text;
}

bool auth_has_share(struct http_request *r)
{
    return share_text(r).at != NULL;
}

enum err auth_find_share(struct auth *a, struct http_request *r, const char **why)
{
    struct share share;
    *why = "the share link is not one of this server's";
    if (!share_decode(http_arena(r), flow_token_keys(a->flow), share_text(r), &share))
        return ERR_UNAUTHORIZED;
    *why = "the share link has expired";
    if (share.expires_at_ms <= a->now_ms)
        return ERR_UNAUTHORIZED;
    struct auth_caller *caller = arena_alloc(http_arena(r), sizeof *caller);
    *caller = (struct auth_caller){ROLE_VIEWER, share.instance, SLICE("share")};
    http_set_caller(r, caller);
    return ERR_NONE;
}

enum role auth_role(const struct http_request *r)
{
    const struct auth_caller *caller = http_caller(r);
    return caller == NULL ? ROLE_ADMIN : caller->role;
}

struct slice auth_actor(const struct http_request *r)
{
    const struct auth_caller *caller = http_caller(r);
    return caller == NULL ? http_peer(r) : caller->actor;
}

const struct auth_caller auth_invoker = {.role = ROLE_OPERATOR,
                                         .actor = {"lambda", sizeof "lambda" - 1}};

bool auth_is_invoker(const struct http_request *r)
{
    return http_caller(r) == &auth_invoker;
}

void auth_refuse(struct auth *a, struct http_request *r, enum err e, const char *why)
{
    if (e == ERR_UNAUTHORIZED) {
        a->unauthorized++;
        http_add(r, "WWW-Authenticate", SLICE("Bearer realm=\"swm\""));
    } else {
        a->forbidden++;
    }
    http_reply_error(r, e, slice_of(why), SLICE_NONE);
}

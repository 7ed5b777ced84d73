/* Reads what handlers need from a request: its body as JSON, its query, who sent it. Before it
 * stands the route table, after it the handlers. What it can't read it answers itself. */
#include "api/rest_int.h"
#include "base/time.h"
#include "core/limits.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void rest_fail(struct http_request *r, enum err e, const char *format, ...)
{
    char line[REASON_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t used = len < 0 ? 0 : (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
    http_reply_error(r, e, (struct slice){line, used}, SLICE_NONE);
}

bool rest_is_listed(const char *names, struct slice name)
{
    struct slice rest = slice_of(names), head;
    while (rest.at != NULL) {
        slice_cut(rest, ' ', &head, &rest);
        if (head.len > 0 && slice_eq(head, name))
            return true;
    }
    return false;
}

bool rest_check_members(struct http_request *r, yyjson_val *body, const char *what,
                        const char *names)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(body);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&it)) != NULL;) {
        struct slice n = json_text(name);
        if (rest_is_listed(names, n))
            continue;
        rest_fail(r, ERR_INVALID, "%s has no \"%.*s\"; it takes: %s", what,
                  n.len > 64 ? 64 : (int)n.len, n.at, names);
        return false;
    }
    return true;
}

/* A length from now, or a time. */
bool rest_read_expiry(struct rest *x, yyjson_val *body, int64_t *at_ms)
{
    struct slice text = json_get_text(body, "expires");
    int64_t ms;
    *at_ms = 0;
    if (json_get(body, "expires") == NULL)
        return true;
    if (duration_parse(text, &ms))
        *at_ms = time_add(x->now_ms, ms);
    else if (!time_parse(text, at_ms))
        return false;
    return *at_ms > x->now_ms;
}

bool rest_take_object(struct http_request *r, yyjson_val **object)
{
    struct json_error why = {0, ""};
    struct slice body = http_body(r);
    if (body.len == 0)
        body = SLICE("{}");
    enum err e = json_read(http_arena(r), body, HTTP_BODY_BYTES_MAX, JSON_DEPTH_MAX, &why, object);
    if (e == ERR_NONE && yyjson_is_obj(*object))
        return true;
    if (e == ERR_NONE)
        rest_fail(r, ERR_INVALID, "the body must be a JSON object");
    else
        rest_fail(r, e, "the body is not JSON: %s at byte %zu", why.what, why.offset);
    return false;
}

bool rest_take_count(struct http_request *r, const char *name, int64_t *out)
{
    struct slice s = http_query(r, name);
    *out = 0;
    if (s.at == NULL || (slice_to_int(s, out) && *out >= 0))
        return true;
    rest_fail(r, ERR_INVALID, "%s must be a whole number", name);
    return false;
}

bool rest_take_limit(struct http_request *r, const char *name, uint32_t fallback, uint32_t *out)
{
    int64_t n = 0;
    if (!rest_take_count(r, name, &n))
        return false;
    if (http_query(r, name).at == NULL)
        n = fallback;
    if (n < 1 || n > LIST_LIMIT_MAX) {
        rest_fail(r, ERR_INVALID, "%s must be from 1 to %d", name, LIST_LIMIT_MAX);
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

bool rest_take_time(struct http_request *r, const char *name, int64_t *at_ms)
{
    struct slice s = http_query(r, name);
    *at_ms = 0;
    if (s.at == NULL || time_parse(s, at_ms))
        return true;
    rest_fail(r, ERR_INVALID, "%s must be a time like 2026-11-23T12:00:00Z", name);
    return false;
}

bool rest_next_value(struct arena *a, struct slice *rest, struct slice *out)
{
    if (rest->at == NULL)
        return false;
    char *text = arena_alloc(a, rest->len + 1);
    size_t len = 0, k = 0;
    for (; k < rest->len && rest->at[k] != ','; k++) {
        if (rest->at[k] == '\\' && k + 1 < rest->len)
            k++;
        text[len++] = rest->at[k];
    }
    *out = (struct slice){text, len};
    *rest = k < rest->len ? (struct slice){rest->at + k + 1, rest->len - k - 1} : SLICE_NONE;
    return true;
}

static bool has_value(const struct store_any *any, struct slice value)
{
    for (uint32_t k = 0; k < any->count; k++)
        if (slice_eq(any->texts[k], value))
            return true;
    return false;
}

bool rest_take_any(struct http_request *r, const char *name, struct store_any *out)
{
    struct slice rest = http_query(r, name), value;
    struct slice *texts = arena_array(http_arena(r), FILTER_VALUES_MAX, sizeof *texts);
    *out = (struct store_any){texts, 0};
    while (rest_next_value(http_arena(r), &rest, &value)) {
        if (has_value(out, value))
            continue;
        if (out->count == FILTER_VALUES_MAX) {
            rest_fail(r, ERR_INVALID, "%s takes %d values at most", name, FILTER_VALUES_MAX);
            return false;
        }
        texts[out->count++] = value;
    }
    return true;
}

/* A word that there is not would look like a filter that matches nothing. */
bool rest_take_words(struct http_request *r, const char *name, enum vocab table,
                     struct store_any *out)
{
    if (!rest_take_any(r, name, out))
        return false;
    for (uint32_t k = 0; k < out->count; k++) {
        if (vocab_find(table, out->texts[k]) >= 0 && out->texts[k].len > 0)
            continue;
        const char *near = vocab_suggest(table, out->texts[k]);
        rest_fail(r, ERR_INVALID, "there is no such %s%s%s", name, near ? "; did you mean " : "",
                  near ? near : "");
        return false;
    }
    return true;
}

bool rest_take_flag(struct http_request *r, const char *name, bool *out)
{
    struct slice s = http_query(r, name);
    *out = slice_eq_text(s, "true");
    if (s.at == NULL || *out || slice_eq_text(s, "false"))
        return true;
    rest_fail(r, ERR_INVALID, "%s must be true or false", name);
    return false;
}

struct slice rest_source(const struct http_request *r)
{
    if (auth_is_invoker(r))
        return SLICE("lambda");
    struct slice client = http_header(r, "X-SWM-Client");
    if (slice_eq_text(client, "cli"))
        return SLICE("cli");
    return slice_eq_text(client, "page") ? SLICE("page") : SLICE("http");
}

static struct slice cut_text(struct slice s, size_t bytes_max)
{
    while (s.len > bytes_max || (s.len > 0 && !slice_is_utf8(s)))
        s.len--;
    return s;
}

/* With keys the record says whose key it was; whom its holder speaks for follows after a slash,
 * which no key's name has, and is taken only from those who may act for others. */
struct slice rest_actor(struct http_request *r)
{
    const struct auth_caller *caller = http_caller(r);
    struct slice actor = http_header(r, "X-SWM-Actor");
    if (!slice_is_utf8(actor))
        actor = SLICE_NONE;
    if (caller == NULL && actor.len > 0)
        return cut_text(actor, ACTOR_BYTES_MAX);
    if (actor.len == 0 || caller->role < ROLE_OPERATOR)
        return auth_actor(r);
    struct text t = text_new(http_arena(r), ACTOR_BYTES_MAX);
    text_put(&t, caller->actor);
    text_put_char(&t, '/');
    text_put(&t, cut_text(actor, ACTOR_BYTES_MAX - t.len));
    return text_slice(&t);
}

static struct slice digest_id(struct http_request *r, struct slice bytes)
{
    uint8_t digest[SHA256_BYTES];
    hash_sha256(bytes, digest);
    char *id = arena_alloc(http_arena(r), HASH_ID_CHARS);
    hash_id(digest, id);
    return (struct slice){id, HASH_ID_CHARS};
}

/* Ids of events that come without one: nobody can guess the seed, so nobody can take them first. */
static struct slice make_id(struct rest *x, struct http_request *r)
{
    uint64_t seed[3] = {x->id_seed, ++x->ids_made, (uint64_t)x->now_ms};
    return digest_id(r, (struct slice){(const char *)seed, sizeof seed});
}

/* The sender's key, of the n-th of several events; one that can't be an id goes by its digest. */
static struct slice key_id(struct http_request *r, struct slice key, int64_t nth)
{
    if (key.len > EVENT_ID_BYTES_MAX - 8 || !slice_is_utf8(key))
        key = digest_id(r, key);
    if (nth < 0)
        return key;
    struct text t = text_new(http_arena(r), EVENT_ID_BYTES_MAX);
    text_put(&t, key);
    text_put_char(&t, '/');
    text_put_int(&t, nth);
    return text_slice(&t);
}

void rest_sign(struct rest *x, struct http_request *r, struct event *e, int64_t nth)
{
    e->source = rest_source(r);
    e->actor = rest_actor(r);
    e->is_workers = auth_role(r) < ROLE_OPERATOR;
    struct slice key = http_header(r, "Idempotency-Key");
    if (e->id.len == 0)
        e->id = key.len > 0 ? key_id(r, key, nth) : make_id(x, r);
}

/* Access keys over REST: made, listed, revoked. Before it stands the route table, after it
 * flow/access. A key's text and its secret for signing are shown once, when it is made, and kept
 * nowhere. */
#include "api/rest_int.h"

#include "base/time.h"
#include "core/limits.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct asking { /* lives in the request's arena */
    struct rest *rest;
    struct http_request *request;
    struct slice text; /* of a key that is being made; absent: none is */
};

static const char *status_of(const struct access_key *k, int64_t now_ms)
{
    if (access_is_valid(k, now_ms))
        return "valid";
    return k->revoked_at_ms != 0 ? "revoked" : "expired";
}

static void put_optional(struct json_out *o, const char *name, struct slice s)
{
    if (s.at != NULL)
        json_put_string(o, name, s);
}

static void put_moment(struct json_out *o, const char *name, int64_t at_ms)
{
    if (at_ms != 0)
        json_put_time(o, name, at_ms);
}

static void write_key(struct json_out *o, const struct access_key *k, int64_t now_ms)
{
    json_put_string(o, "id", k->id);
    put_optional(o, "name", k->name);
    json_put_text(o, "role", vocab_name(VOCAB_ROLE, (int)k->role));
    json_put_text(o, "status", status_of(k, now_ms));
    json_put_time(o, "created_at", k->created_at_ms);
    put_optional(o, "created_by", k->created_by);
    put_moment(o, "expires_at", k->expires_at_ms);
    put_moment(o, "revoked_at", k->revoked_at_ms);
    put_optional(o, "revoked_by", k->revoked_by);
    put_moment(o, "used_at", k->used_at_ms);
}

/* --- answers --- */

struct answering {
    const struct asking *asking;
    const struct access_answer *answer;
};

static void reply_key(void *context)
{
    const struct answering *w = context;
    struct http_request *r = w->asking->request;
    const struct access_key *k = w->answer->key;
    if (w->answer->err != ERR_NONE) {
        http_reply_error(r, w->answer->err, slice_of(w->answer->why), SLICE_NONE);
        return;
    }
    struct json_out o = json_out_new(http_arena(r), 8192);
    json_object(&o);
    write_key(&o, k, w->asking->rest->now_ms);
    if (w->asking->text.at != NULL) {
        json_put_string(&o, "key", w->asking->text);
        json_put_string(&o, "access_key_id", k->id);
        json_put_string(&o, "secret_access_key",
                        auth_aws_secret(http_arena(r), w->asking->rest->flow, k->id));
    }
    json_object_end(&o);
    http_reply_json(r, 200, json_out_slice(&o));
}

static void take_answer(void *context, const struct access_answer *answer)
{
    struct asking *w = context;
    struct answering p = {w, answer};
    (void)http_guard(w->request, reply_key, &p);
}

static struct asking *ask(struct rest *x, struct http_request *r)
{
    struct asking *w = arena_alloc(http_arena(r), sizeof *w);
    *w = (struct asking){.rest = x, .request = r};
    return w;
}

/* --- making --- */

/* What people and records call it: no slash, which ends it in records, and nothing unprintable. */
static bool is_name(struct slice s)
{
    for (size_t k = 0; k < s.len; k++) {
        unsigned char c = (unsigned char)s.at[k];
        if (c < ' ' || c == 0x7f || c == '/')
            return false;
    }
    return s.len > 0 && s.len <= NAME_BYTES_MAX && slice_is_utf8(s) && s.at[0] != ' ' &&
           !slice_eq_text(s, AUTH_ADMIN_NAME);
}

static bool take_name(struct http_request *r, yyjson_val *body, struct slice *name)
{
    *name = json_get_text(body, "name");
    if (json_get(body, "name") == NULL || is_name(*name))
        return true;
    rest_fail(r, ERR_INVALID, "name must have 1 to %d bytes, and no slash or control character",
              NAME_BYTES_MAX);
    return false;
}

static bool take_role(struct rest *x, struct http_request *r, yyjson_val *body, enum role *role)
{
    int word = vocab_find(VOCAB_ROLE, json_get_text(body, "role"));
    if (word <= ROLE_ANYBODY) {
        rest_fail(r, ERR_INVALID, "role must be viewer, worker, operator, author or admin");
        return false;
    }
    *role = (enum role)word;
    if (auth_is_on(&x->auth) || *role == ROLE_ADMIN)
        return true;
    rest_fail(r, ERR_REFUSED,
              "the first key must be an admin's: from then on every request needs a key, and only "
              "an admin makes the others");
    return false;
}

static bool take_end(struct rest *x, struct http_request *r, yyjson_val *body, int64_t *at_ms)
{
    if (rest_read_expiry(x, body, at_ms))
        return true;
    rest_fail(r, ERR_INVALID,
              "expires must be a length like 30d or a time like 2026-11-23T12:00:00Z to come");
    return false;
}

void rest_key_create(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    yyjson_val *body;
    uint8_t chance[AUTH_SECRET_BYTES + SHA256_BYTES];
    char id[HASH_ID_CHARS];
    struct access_order o = {.id = {id, sizeof id}};
    if (!rest_take_object(r, &body) || !rest_check_members(r, body, "a key", "role name expires") ||
        !take_role(x, r, body, &o.role) || !take_name(r, body, &o.name) ||
        !take_end(x, r, body, &o.expires_at_ms))
        return;
    if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance) {
        rest_fail(r, ERR_IO, "the system gives no random bytes");
        return;
    }
    struct asking *w = ask(x, r);
    hash_id(chance + AUTH_SECRET_BYTES, id);
    w->text = auth_text(http_arena(r), o.id, chance);
    hash_sha256(w->text, o.hash);
    o.actor = rest_actor(r);
    access_create(x->flow, &o, take_answer, w);
}

/* --- the others --- */

void rest_key_revoke(struct rest *x, struct http_request *r, const struct slice *args)
{
    access_revoke(x->flow, args[0], rest_actor(r), take_answer, ask(x, r));
}

static int compare_age(const void *a, const void *b)
{
    const struct access_key *one = *(const struct access_key *const *)a;
    const struct access_key *other = *(const struct access_key *const *)b;
    if (one->created_at_ms != other->created_at_ms)
        return one->created_at_ms < other->created_at_ms ? -1 : 1;
    return slice_compare(one->id, other->id);
}

void rest_key_list(struct rest *x, struct http_request *r, const struct slice *args)
{
    (void)args;
    size_t count = 0;
    const struct access_key *k, **keys = arena_array(http_arena(r), access_count(x->flow) + 1,
                                                     sizeof(const struct access_key *));
    for (size_t cursor = 0; (k = access_next(x->flow, &cursor)) != NULL;)
        keys[count++] = k;
    qsort(keys, count, sizeof *keys, compare_age);
    struct json_out o = json_out_new(http_arena(r), WORK_BYTES_MAX / 2);
    json_object(&o);
    json_key(&o, "keys");
    json_array(&o);
    for (size_t i = 0; i < count; i++) {
        json_object(&o);
        write_key(&o, keys[i], x->now_ms);
        json_object_end(&o);
    }
    json_array_end(&o);
    json_object_end(&o);
    http_reply_json(r, 200, json_out_slice(&o));
}

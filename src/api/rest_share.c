/* Links that show one instance. Before it stands the route table, after it flow/share, which
 * records that a link was made, and core/token, which signs it. What a link opens is rest.c's. */
#include "api/rest_int.h"

#include "base/time.h"
#include "core/limits.h"
#include "flow/share.h"

struct sharing {
    struct rest *rest;
    struct http_request *request;
    int64_t expires_at_ms;
    enum err err; /* the answer */
    struct slice instance, why;
};

static void reply_link(void *context)
{
    const struct sharing *s = context;
    struct http_request *r = s->request;
    if (s->err != ERR_NONE) {
        http_reply_error(r, s->err, s->why.len > 0 ? s->why : SLICE_NONE, SLICE_NONE);
        return;
    }
    struct share share = {s->instance, s->expires_at_ms};
    struct slice token = share_encode(http_arena(r), flow_token_keys(s->rest->flow), &share);
    struct text url = text_new(http_arena(r), 4096);
    text_put_c(&url, http_is_secure(r) ? "https://" : "http://");
    text_put(&url, http_header(r, "Host"));
    text_put_c(&url, "/#/shared/");
    text_put(&url, token);
    struct json_out o = json_out_new(http_arena(r), 16384);
    json_object(&o);
    json_put_string(&o, "instance", s->instance);
    json_put_string(&o, "token", token);
    json_put_string(&o, "url", text_slice(&url));
    json_put_time(&o, "expires_at", s->expires_at_ms);
    json_object_end(&o);
    http_reply_json(r, 200, json_out_slice(&o));
}

static void shared(void *context, enum err err, struct slice instance, struct slice why)
{
    struct sharing *s = context;
    s->err = err;
    s->instance = instance;
    s->why = why;
    (void)http_guard(s->request, reply_link, s);
}

static bool take_end(struct rest *x, struct http_request *r, yyjson_val *body, int64_t *at_ms)
{
    bool is_one = rest_read_expiry(x, body, at_ms);
    if (*at_ms == 0)
        *at_ms = time_add(x->now_ms, SHARE_MS_DEFAULT);
    if (is_one && *at_ms <= time_add(x->now_ms, SHARE_MS_MAX))
        return true;
    rest_fail(r, ERR_INVALID,
              "expires must be a length like 7d or a time like 2026-11-23T12:00:00Z, at most %lld "
              "days from now",
              SHARE_MS_MAX / (24LL * 3600 * 1000));
    return false;
}

void rest_share(struct rest *x, struct http_request *r, const struct slice *args)
{
    yyjson_val *body;
    int64_t expires_at_ms;
    if (!rest_take_object(r, &body) || !rest_check_members(r, body, "a share link", "expires") ||
        !take_end(x, r, body, &expires_at_ms))
        return;
    struct sharing *s = arena_alloc(http_arena(r), sizeof *s);
    *s = (struct sharing){.rest = x, .request = r, .expires_at_ms = expires_at_ms};
    struct share_order o = {args[0], rest_source(r), rest_actor(r), expires_at_ms};
    share_make(x->flow, &o, shared, s);
}

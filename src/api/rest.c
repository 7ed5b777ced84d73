/* Opens the REST interface and leads each request to its handler. Before it stands the HTTP server,
 * after it the table of addresses and the handlers. It must not know what a handler does. */
#include "api/rest.h"

#include "api/rest_int.h"
#include "base/time.h"
#include "core/limits.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool keep_text(struct slice s, char **out)
{
    if (s.at == NULL)
        return true;
    *out = strndup(s.at, s.len);
    return *out != NULL;
}

enum err rest_open(const struct rest_config *config, struct rest **out)
{
    struct rest *x = calloc(1, sizeof *x);
    if (x == NULL)
        return ERR_MEMORY;
    list_init(&x->waits);
    list_init(&x->streams);
    arena_init(&x->scratch, WORK_BYTES_MAX);
    x->id_seed = config->seed;
    auth_init(&x->auth, config->admin_key);
    x->auth.must_have_keys = config->must_have_keys;
    if (!keep_text(config->data_folder, &x->data_folder) || !keep_text(config->store, &x->store) ||
        !keep_text(config->node, &x->node)) {
        rest_close(x);
        return ERR_MEMORY;
    }
    *out = x;
    return ERR_NONE;
}

void rest_connect(struct rest *x, const struct rest_parts *parts)
{
    x->flow = x->auth.flow = parts->flow;
    x->queues = parts->queues;
    x->queue = parts->queue;
    x->http = parts->http;
    x->sqs = parts->sqs;
    sqs_set_auth(x->sqs, &x->auth);
}

void rest_set_time(struct rest *x, int64_t now_ms)
{
    x->now_ms = x->auth.now_ms = now_ms;
}

bool rest_asks_for_keys(const struct rest *x)
{
    return auth_is_on(&x->auth);
}

void rest_set_ready(struct rest *x)
{
    x->is_ready = true;
}

void rest_tell(void *rest, struct slice instance, const struct store_record *r)
{
    (void)r;
    struct rest *x = rest;
    wait_tell(x, instance);
    stream_tell(x);
}

void rest_round(struct rest *x, int64_t now_ms)
{
    x->now_ms = now_ms;
    if (x->began_at_ms == 0)
        x->began_at_ms = now_ms;
    wait_round(x);
    stream_round(x);
}

int64_t rest_next(const struct rest *x)
{
    return time_min(wait_next(x), stream_next(x));
}

void rest_drain(struct rest *x)
{
    x->is_draining = true;
    wait_end_all(x);
    stream_end_all(x);
}

void rest_close(struct rest *x)
{
    arena_drop(&x->scratch);
    free(x->data_folder);
    free(x->store);
    free(x->node);
    free(x);
}

static bool is_under(struct slice path, const char *top)
{
    size_t len = strlen(top);
    return path.len >= len && memcmp(path.at, top, len) == 0 &&
           (path.len == len || path.at[len] == '/');
}

/* A form or a text is what a page of another site can send without being asked; our own bodies have
 * types that it can't. */
static bool is_allowed_type(struct http_request *r)
{
    static const char *const types[] = {
        "application/json", "application/cloudevents+json", "application/cloudevents-batch+json",
        "application/yaml", "application/x-yaml",           "text/yaml",
        "text/x-yaml"};
    struct slice type = http_header(r, "Content-Type"), rest;
    if (type.at == NULL)
        return http_body(r).len == 0;
    slice_cut(type, ';', &type, &rest);
    type = slice_trim(type);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strlen(types[i]) == type.len && strncasecmp(types[i], type.at, type.len) == 0)
            return true;
    }
    return false;
}

/* A filter that is misspelt must not look like one that matches everything. */
static bool check_query(struct http_request *r, const struct route *row)
{
    struct slice name;
    for (size_t cursor = 0; http_query_next(r, &cursor, &name);) {
        if (name.len == 0 || rest_is_listed(row->query, name))
            continue;
        rest_fail(r, ERR_INVALID, "the query has no \"%.*s\" here; it takes: %s",
                  name.len > 64 ? 64 : (int)name.len, name.at,
                  row->query[0] != '\0' ? row->query : "nothing");
        return false;
    }
    return true;
}

static void refuse_address(struct http_request *r, struct slice allow)
{
    if (allow.at == NULL) {
        http_reply_error(r, ERR_NOT_FOUND, SLICE("there is no such address; GET /v1 lists them"),
                         SLICE_NONE);
        return;
    }
    http_add(r, "Allow", allow);
    http_reply_error(r, ERR_METHOD, SLICE_NONE, SLICE_NONE);
}

static bool is_read(struct http_request *r)
{
    return slice_eq_text(http_method(r), "GET") || slice_eq_text(http_method(r), "HEAD");
}

static bool is_page(struct http_request *r, struct slice allow)
{
    return allow.at == NULL && is_read(r) && !is_under(http_path(r), "/v1");
}

/* A share link opens what takes `share` in its query, of the one instance: addressed by its id, and
 * in the stream as its filter. Everything else is as if it were not there. */
static bool admit_share(struct rest *x, struct http_request *r, const struct route *row,
                        const struct slice *args)
{
    const char *why = NULL;
    enum err e = auth_find_share(&x->auth, r, &why);
    bool is_shared = row != NULL && is_read(r) && rest_is_listed(row->query, SLICE("share"));
    struct slice asked = is_shared && args[0].len > 0 ? args[0] : http_query(r, "instance");
    if (e == ERR_NONE && (!is_shared || !slice_eq(asked, http_caller(r)->only))) {
        e = ERR_FORBIDDEN;
        why = "a share link shows one instance, and nothing else";
    }
    if (e != ERR_NONE)
        auth_refuse(&x->auth, r, e, why);
    return e == ERR_NONE;
}

/* Whoever has no key is not told what there is. */
static bool admit(struct rest *x, struct http_request *r, const struct route *row,
                  const struct slice *args)
{
    const char *why = NULL;
    enum role role = row != NULL ? row->role : ROLE_VIEWER;
    if (role == ROLE_ANYBODY)
        return true;
    if (!x->is_ready) {
        http_reply_error(r, ERR_OVERLOAD, SLICE("the server is starting"), SLICE_NONE);
        return false;
    }
    if (auth_has_share(r))
        return admit_share(x, r, row, args);
    enum err e = auth_find(&x->auth, r, &why);
    if (e == ERR_NONE && auth_role(r) < role) {
        struct text t = text_new(http_arena(r), REASON_BYTES_MAX);
        text_printf(&t, "this needs the role %s; the key's is %s",
                    vocab_name(VOCAB_ROLE, (int)role), vocab_name(VOCAB_ROLE, (int)auth_role(r)));
        why = text_c(&t);
        e = ERR_FORBIDDEN;
    }
    if (e != ERR_NONE)
        auth_refuse(&x->auth, r, e, why);
    return e == ERR_NONE;
}

static void lead(struct rest *x, struct http_request *r)
{
    struct slice args[ROUTE_ARGS_MAX] = {{0}}, allow = SLICE_NONE;
    const struct route *row = route_find(r, args, &allow);
    if (row == NULL && is_page(r, allow) && !auth_is_shut(&x->auth)) {
        rest_page(x, r, args);
        return;
    }
    if (!admit(x, r, row, args))
        return;
    if (row == NULL) {
        refuse_address(r, allow);
        return;
    }
    if (!is_read(r) && !is_allowed_type(r)) {
        rest_fail(r, ERR_INVALID, "Content-Type must be application/json (or YAML for templates)");
        return;
    }
    if (check_query(r, row))
        row->handle(x, r, args);
}

void rest_handle(void *rest, struct http_request *r)
{
    struct rest *x = rest;
    if (is_under(http_path(r), "/v1") || !sqs_wants(r))
        lead(x, r);
    else if (x->is_ready)
        sqs_handle(x->sqs, r);
    else
        http_reply_error(r, ERR_OVERLOAD, SLICE("the server is starting"), SLICE_NONE);
}

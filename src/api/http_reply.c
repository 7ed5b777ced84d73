/* Makes answers and streams and hands them to the library. Before it stands whoever answers, after
 * it only the socket. It must never wait for a client: what a slow one has not read is bounded. */
#include "api/http_int.h"

#include "core/limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BYTES_FIRST 4096
#define STREAM_BYTES_KEPT (64 * 1024) /* a larger buffer is given back when it is empty */

void http_reply_wake(struct http_request *r)
{
    if (!r->is_suspended)
        return;
    r->is_suspended = false;
    MHD_resume_connection(r->connection);
}

enum MHD_Result http_reply_queue(struct http_request *r)
{
    if (r->response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(r->connection, r->status, r->response);
    MHD_destroy_response(r->response);
    r->response = NULL;
    return result;
}

void http_add(struct http_request *r, const char *name, struct slice value)
{
    struct http_added *added = arena_alloc(r->arena, sizeof *added);
    added->name = name;
    added->value = slice_text(r->arena, value);
    added->next = r->added;
    r->added = added;
}

/* What may run when a browser shows the answer as a document, unless whoever answers says it. */
static const char *policy_of(const char *type)
{
    if (strncmp(type, "text/html", strlen("text/html")) == 0)
        return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
               "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
    if (strncmp(type, "image/svg+xml", strlen("image/svg+xml")) == 0)
        return "default-src 'none'; style-src 'unsafe-inline'";
    return NULL;
}

static bool add_header(struct http_request *r, const char *name, const char *value)
{
    if (r->connection == NULL) {
        if (r->answer_count == HTTP_ANSWER_FIELDS_MAX)
            return false;
        r->answer[r->answer_count++] = (struct http_field){slice_of(name), slice_of(value)};
        return true;
    }
    return MHD_add_response_header(r->response, name, value) == MHD_YES;
}

static bool add_headers(struct http_request *r, const char *type)
{
    bool is_cacheable = false, has_policy = false, is_good = true;
    for (const struct http_added *h = r->added; h != NULL; h = h->next) {
        is_cacheable |= strcmp(h->name, "Cache-Control") == 0;
        has_policy |= strcmp(h->name, "Content-Security-Policy") == 0;
        is_good &= add_header(r, h->name, h->value);
    }
    const char *policy = policy_of(type);
    is_good &= add_header(r, "Content-Type", type);
    is_good &= add_header(r, "X-Content-Type-Options", "nosniff");
    if (!is_cacheable)
        is_good &= add_header(r, "Cache-Control", "no-store");
    if (policy != NULL && !has_policy)
        is_good &= add_header(r, "Content-Security-Policy", policy);
    if (policy != NULL) /* an address may hold what opens it */
        is_good &= add_header(r, "Referrer-Policy", "no-referrer");
    if (r->is_close)
        is_good &= add_header(r, "Connection", "close");
    return is_good;
}

/* From here on the request is the library's: nobody's wish to know of its end is left. */
static void finish_reply(struct http_request *r, int status, const char *type)
{
    r->status = (unsigned)status;
    r->stage = REQUEST_ANSWERED;
    bool is_made = r->connection == NULL || r->response != NULL;
    if (!is_made || !add_headers(r, type))
        r->is_dead = true;
    http_reply_wake(r);
}

/* The body of an answer that stays in memory. */
static void keep_body(struct http_request *r, struct slice body)
{
    bool is_head = slice_eq_text(r->method, "HEAD");
    r->out = is_head || body.len == 0 ? NULL : malloc(body.len);
    r->is_dead |= r->out == NULL && !is_head && body.len > 0;
    if (r->out != NULL)
        memcpy(r->out, body.at, body.len);
    r->out_len = r->out != NULL ? body.len : 0;
}

void http_reply(struct http_request *r, int status, const char *type, struct slice body)
{
    assert(r->stage < REQUEST_ANSWERED);
    http_on_gone(r, NULL, NULL);
    if (r->connection == NULL) {
        keep_body(r, body);
        finish_reply(r, status, type);
        return;
    }
    void *bytes = (void *)(uintptr_t)body.at;
    r->response = MHD_create_response_from_buffer(body.len, bytes, MHD_RESPMEM_MUST_COPY);
    finish_reply(r, status, type);
}

void http_reply_json(struct http_request *r, int status, struct slice json)
{
    http_reply(r, status, "application/json", json);
}

void http_reply_error(struct http_request *r, enum err e, struct slice message, struct slice where)
{
    struct json_out o = json_out_new(r->arena, REASON_BYTES_MAX * 16);
    json_object(&o);
    json_key(&o, "error");
    json_object(&o);
    json_put_text(&o, "code", err_name(e));
    json_put_string(&o, "message", message.at != NULL ? message : slice_of(err_text(e)));
    if (where.at != NULL)
        json_put_string(&o, "where", where);
    json_object_end(&o);
    json_object_end(&o);
    if (err_http(e) == 503)
        http_add(r, "Retry-After", SLICE("1"));
    http_reply_json(r, err_http(e), json_out_slice(&o));
}

static void empty_stream(struct http_request *r)
{
    r->out_len = r->out_sent = 0;
    if (r->out_cap <= STREAM_BYTES_KEPT)
        return;
    free(r->out);
    r->out = NULL;
    r->out_cap = 0;
}

static ssize_t read_stream(void *context, uint64_t pos, char *out, size_t max)
{
    (void)pos;
    struct http_request *r = context;
    size_t left = r->out_len - r->out_sent;
    if (r->is_dead)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (left == 0 && r->is_ending)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (left == 0) {
        empty_stream(r);
        r->is_suspended = true;
        MHD_suspend_connection(r->connection);
        return 0;
    }
    size_t count = left < max ? left : max;
    memcpy(out, r->out + r->out_sent, count);
    r->out_sent += count;
    return (ssize_t)count;
}

void http_stream(struct http_request *r, const char *type)
{
    assert(r->stage < REQUEST_ANSWERED);
    r->is_stream = true;
    if (r->connection != NULL)
        r->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BYTES_FIRST,
                                                        read_stream, r, NULL);
    finish_reply(r, 200, type);
}

/* Room behind what the client has not read yet, which is at most the limit and one piece more. */
static bool make_room(struct http_request *r, size_t more)
{
    if (http_stream_unread(r) > STREAM_BYTES_MAX)
        return false;
    if (r->out_sent > 0) {
        memmove(r->out, r->out + r->out_sent, r->out_len - r->out_sent);
        r->out_len -= r->out_sent;
        r->out_sent = 0;
    }
    if (r->out_len + more <= r->out_cap)
        return true;
    size_t cap = r->out_cap == 0 ? STREAM_BYTES_FIRST : r->out_cap;
    while (cap < r->out_len + more)
        cap *= 2;
    char *grown = realloc(r->out, cap);
    if (grown == NULL)
        return false;
    r->out = grown;
    r->out_cap = cap;
    return true;
}

bool http_stream_put(struct http_request *r, struct slice bytes)
{
    assert(r->is_stream);
    if (r->is_dead || r->is_ending)
        return false;
    if (!make_room(r, bytes.len)) {
        http_stream_close(r);
        return false;
    }
    memcpy(r->out + r->out_len, bytes.at, bytes.len);
    r->out_len += bytes.len;
    http_reply_wake(r);
    return true;
}

size_t http_stream_unread(const struct http_request *r)
{
    return r->out_len - r->out_sent;
}

void http_stream_close(struct http_request *r)
{
    assert(r->is_stream);
    r->is_ending = true;
    http_reply_wake(r);
}

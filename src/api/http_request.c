/* Reads requests: the address, the headers, the body, and then hands the whole to the handler. It
 * comes after http.c and before the route table; http_check.c says who is let in. It must keep no
 * byte beyond the limits, whatever a client claims. */
#include "api/http_int.h"

#include "base/time.h"
#include "core/limits.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#define SPARE_MAX 64
#define BODY_BYTES_FIRST (8 * 1024)
/* A refused body is read to its end up to this size, so that the client, which is still sending,
 * gets to see the answer; a larger one is answered at once and cut off. */
#define DISCARD_BYTES_MAX (4 * (uint64_t)HTTP_BODY_BYTES_MAX)

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes %XX, and '+' in a query. False: not an address (RFC 3986), a NUL byte, not UTF-8. */
static bool decode_percent(struct slice s, bool is_query, char *out, size_t *len)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '%') {
            int high = i + 2 < s.len ? hex_value(s.at[i + 1]) : -1;
            int low = i + 2 < s.len ? hex_value(s.at[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if ((unsigned char)c <= ' ' || c == 0x7f) {
            return false;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        out[n++] = c;
    }
    *len = n;
    return slice_is_utf8((struct slice){out, n});
}

struct slice http_decode(const struct http_request *r, struct slice raw, bool is_query)
{
    char *out = arena_alloc(r->arena, raw.len + 1);
    size_t len = 0;
    bool is_good = decode_percent(raw, is_query, out, &len);
    return is_good ? (struct slice){out, len} : (struct slice){out, 0};
}

bool http_request_take_uri(struct http_request *r, const char *uri)
{
    size_t len = strlen(uri);
    r->uri = malloc(2 * len + 2); /* as sent, then the decoded path */
    if (r->uri == NULL)
        return false;
    memcpy(r->uri, uri, len + 1);
    slice_cut((struct slice){r->uri, len}, '?', &r->raw_path, &r->raw_query);
    char *decoded = r->uri + len + 1;
    size_t n = 0;
    r->is_bad_uri = r->raw_path.len == 0 || r->raw_path.at[0] != '/' ||
                    (r->raw_query.at != NULL && !decode_percent(r->raw_query, true, decoded, &n)) ||
                    !decode_percent(r->raw_path, false, decoded, &n);
    r->path = (struct slice){decoded, r->is_bad_uri ? 0 : n};
    return true;
}

static struct http_request *take_spare(struct http_server *s)
{
    struct link *k = list_take(&s->spare);
    if (k != NULL)
        return LINK_OWNER(k, struct http_request, link);
    struct http_request *r = calloc(1, sizeof *r);
    if (r != NULL)
        arena_init(&r->memory, WORK_BYTES_MAX);
    return r;
}

struct http_request *http_request_new(struct http_server *s)
{
    struct http_request *r = take_spare(s);
    if (r == NULL)
        return NULL;
    struct arena memory = r->memory;
    memset(r, 0, sizeof *r);
    r->memory = memory;
    r->arena = &r->memory;
    r->server = s;
    list_append(&s->open, &r->link);
    return r;
}

void *http_request_begin(void *server, const char *uri, struct MHD_Connection *connection)
{
    struct http_request *r = http_request_new(server);
    if (r == NULL)
        return NULL;
    r->connection = connection;
    if (!http_request_take_uri(r, uri))
        r->is_dead = true;
    return r;
}

void http_request_free(struct http_request *r)
{
    arena_drop(&r->memory);
    free(r);
}

int http_request_fd(const struct http_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

static void unwatch(struct http_request *r)
{
    if (!r->is_watched)
        return;
    r->is_watched = false;
    r->server->watched--;
    (void)epoll_ctl(r->server->watch_fd, EPOLL_CTL_DEL, http_request_fd(r), NULL);
}

void http_request_tell_gone(struct http_request *r)
{
    void (*gone)(void *context) = r->gone;
    r->gone = NULL;
    unwatch(r);
    if (gone != NULL)
        gone(r->gone_context);
}

void http_request_end(void *server, struct MHD_Connection *connection, void **request,
                      enum MHD_RequestTerminationCode why)
{
    (void)server;
    (void)connection;
    (void)why;
    struct http_request *r = *request;
    *request = NULL;
    if (r == NULL)
        return;
    r->is_dead = true;
    http_request_tell_gone(r);
    http_request_release(r);
}

void http_request_release(struct http_request *r)
{
    struct http_server *s = r->server;
    if (r->response != NULL)
        MHD_destroy_response(r->response);
    s->body_bytes -= r->body_cap;
    free(r->body);
    free(r->uri);
    free(r->out);
    list_remove(&s->open, &r->link);
    arena_reset(&r->memory);
    if (s->spare.count < SPARE_MAX && !s->is_closing)
        list_prepend(&s->spare, &r->link);
    else
        http_request_free(r);
}

void http_request_refuse(struct http_request *r, enum err e, const char *why)
{
    r->refused = e;
    r->refused_why = why;
    r->server->body_bytes -= r->body_cap;
    free(r->body);
    r->body = NULL;
    r->body_len = r->body_cap = 0;
}

static void run_refusal(void *context)
{
    struct http_request *r = context;
    http_reply_error(r, r->refused, slice_of(r->refused_why), SLICE_NONE);
}

static void answer_refused(struct http_request *r)
{
    r->stage = REQUEST_HANDED;
    (void)http_guard(r, run_refusal, r);
}

static enum MHD_Result look_at_headers(struct http_request *r, const char *method)
{
    bool is_framing = false;
    const char *why = NULL;
    r->method = slice_of(method);
    r->stage = REQUEST_BODY;
    enum err e = http_check_headers(r, &why, &is_framing);
    int64_t declared = 0;
    struct slice length = http_header(r, "Content-Length");
    bool is_long = length.at != NULL &&
                   (!slice_to_int(length, &declared) || (uint64_t)declared > DISCARD_BYTES_MAX);
    if (e == ERR_NONE && (is_long || declared > HTTP_BODY_BYTES_MAX)) {
        e = ERR_TOO_LARGE;
        why = "the body is larger than 4 MiB";
    }
    if (e == ERR_NONE)
        return MHD_YES;
    http_request_refuse(r, e, why);
    if (!is_framing && !is_long && http_header(r, "Expect").at == NULL)
        return MHD_YES;
    r->is_close = true;
    answer_refused(r);
    return http_reply_queue(r);
}

/* Room for `more` bytes, doubled each time, so that a client pays for its claims with bytes. */
static bool grow_body(struct http_request *r, size_t more)
{
    if (r->body_len + more <= r->body_cap)
        return true;
    size_t cap = r->body_cap == 0 ? BODY_BYTES_FIRST : r->body_cap;
    while (cap < r->body_len + more)
        cap *= 2;
    struct http_server *s = r->server;
    char *grown = NULL;
    if (s->body_bytes - r->body_cap + cap <= HTTP_INFLIGHT_BYTES_MAX)
        grown = realloc(r->body, cap);
    if (grown == NULL)
        return false;
    s->body_bytes += cap - r->body_cap;
    r->body = grown;
    r->body_cap = cap;
    return true;
}

static enum MHD_Result take_body(struct http_request *r, const char *data, size_t *size)
{
    size_t more = *size;
    *size = 0;
    http_request_take_body(r, (struct slice){data, more});
    return r->body_len <= DISCARD_BYTES_MAX ? MHD_YES : MHD_NO;
}

void http_request_take_body(struct http_request *r, struct slice bytes)
{
    size_t more = bytes.len;
    if (r->refused == ERR_NONE && r->body_len + more > HTTP_BODY_BYTES_MAX)
        http_request_refuse(r, ERR_TOO_LARGE, "the body is larger than 4 MiB");
    else if (r->refused == ERR_NONE && !grow_body(r, more))
        http_request_refuse(r, ERR_OVERLOAD, "too many bodies are being read");
    if (r->refused == ERR_NONE)
        memcpy(r->body + r->body_len, bytes.at, more);
    r->body_len += more;
}

static void run_handler(void *context)
{
    struct http_request *r = context;
    r->server->handle(r->server->context, r);
}

void http_request_hand_over(struct http_request *r)
{
    if (r->refused != ERR_NONE) {
        answer_refused(r);
        return;
    }
    r->stage = REQUEST_HANDED;
    (void)http_guard(r, run_handler, r);
}

enum MHD_Result http_request_take(void *server, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request)
{
    (void)server;
    (void)connection;
    (void)url;
    (void)version;
    struct http_request *r = *request;
    if (r == NULL || r->is_dead)
        return MHD_NO;
    if (r->stage == REQUEST_HEADERS)
        return look_at_headers(r, method);
    if (*size > 0)
        return take_body(r, data, size);
    if (r->stage == REQUEST_BODY)
        http_request_hand_over(r);
    if (r->is_dead)
        return MHD_NO;
    if (r->stage == REQUEST_ANSWERED)
        return http_reply_queue(r);
    r->is_suspended = true;
    MHD_suspend_connection(r->connection);
    return MHD_YES;
}

bool http_guard(struct http_request *r, void (*work)(void *context), void *context)
{
    jmp_buf edge;
    jmp_buf *const outer = r->arena->edge;
    r->arena->edge = &edge;
    if (setjmp(edge) == 0) {
        work(context);
        r->arena->edge = outer;
        return true;
    }
    r->arena->edge = outer;
    r->added = NULL;
    if (r->stage < REQUEST_ANSWERED)
        http_reply(r, err_http(ERR_MEMORY), "application/json",
                   SLICE("{\"error\":{\"code\":\"out_of_memory\",\"message\":"
                         "\"memory is short; try again shortly\"}}\n"));
    return false;
}

struct arena *http_arena(struct http_request *r)
{
    return r->arena;
}

struct slice http_method(const struct http_request *r)
{
    return r->method;
}

struct slice http_path(const struct http_request *r)
{
    return r->path;
}

struct slice http_raw_path(const struct http_request *r)
{
    return r->raw_path;
}

struct slice http_raw_query(const struct http_request *r)
{
    return r->raw_query;
}

struct slice http_body(const struct http_request *r)
{
    return r->body == NULL ? (struct slice){"", 0} : (struct slice){r->body, r->body_len};
}

struct slice http_find_field(const struct http_field *fields, size_t count, const char *name)
{
    size_t len = strlen(name);
    for (size_t k = 0; k < count; k++)
        if (fields[k].name.len == len && strncasecmp(fields[k].name.at, name, len) == 0)
            return fields[k].value;
    return SLICE_NONE;
}

struct slice http_header(const struct http_request *r, const char *name)
{
    if (r->connection == NULL)
        return http_find_field(r->memory_of.headers, r->memory_of.header_count, name);
    const char *value = NULL;
    size_t len = 0;
    if (MHD_lookup_connection_value_n(r->connection, MHD_HEADER_KIND, name, strlen(name), &value,
                                      &len) != MHD_YES ||
        value == NULL)
        return SLICE_NONE;
    return (struct slice){value, len};
}

struct slice http_query(const struct http_request *r, const char *name)
{
    struct slice rest = r->raw_query, pair, key, value;
    while (rest.at != NULL) {
        slice_cut(rest, '&', &pair, &rest);
        slice_cut(pair, '=', &key, &value);
        if (slice_eq_text(http_decode(r, key, true), name))
            return value.at == NULL ? (struct slice){"", 0} : http_decode(r, value, true);
    }
    return SLICE_NONE;
}

bool http_query_next(const struct http_request *r, size_t *cursor, struct slice *name)
{
    if (*cursor >= r->raw_query.len)
        return false;
    struct slice rest = {r->raw_query.at + *cursor, r->raw_query.len - *cursor};
    struct slice pair, key, value;
    slice_cut(rest, '&', &pair, &rest);
    slice_cut(pair, '=', &key, &value);
    *cursor += pair.len + 1;
    *name = http_decode(r, key, true);
    return true;
}

struct slice http_peer(const struct http_request *r)
{
    if (r->connection == NULL)
        return r->memory_of.peer;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char *text = arena_alloc(r->arena, INET6_ADDRSTRLEN);
    if (info == NULL || info->client_addr == NULL)
        return SLICE_NONE;
    const struct sockaddr *a = info->client_addr;
    const void *address =
        a->sa_family == AF_INET6
            ? (const void *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr
            : (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr;
    return slice_of(inet_ntop(a->sa_family, address, text, INET6_ADDRSTRLEN));
}

bool http_is_secure(const struct http_request *r)
{
    return r->connection == NULL ? r->memory_of.is_secure : r->server->is_secure;
}

void http_set_caller(struct http_request *r, const struct auth_caller *caller)
{
    r->caller = caller;
}

const struct auth_caller *http_caller(const struct http_request *r)
{
    return r->caller;
}

int64_t http_until_ms(const struct http_request *r)
{
    return r->connection == NULL ? r->memory_of.until_ms : TIME_NEVER;
}

int64_t http_wait_ms(const struct http_request *r, int64_t now_ms, int64_t wait_s)
{
    int64_t until_ms = http_until_ms(r);
    if (until_ms == TIME_NEVER)
        return wait_s < 0 ? -1 : wait_s * 1000;
    int64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    return wait_s < 0 ? 0 : time_min(wait_s * 1000, left_ms / 1000 * 1000);
}

bool http_is_connected(const struct http_request *r)
{
    if (r->is_dead || r->connection == NULL)
        return !r->is_dead;
    struct pollfd p = {.fd = http_request_fd(r), .events = POLLRDHUP};
    return poll(&p, 1, 0) == 0;
}

void http_on_gone(struct http_request *r, void (*gone)(void *context), void *context)
{
    r->gone = gone;
    r->gone_context = context;
    if (gone == NULL || r->connection == NULL) {
        unwatch(r);
        return;
    }
    struct epoll_event e = {.events = EPOLLRDHUP, .data.ptr = r};
    if (!r->is_watched &&
        epoll_ctl(r->server->watch_fd, EPOLL_CTL_ADD, http_request_fd(r), &e) == 0) {
        r->is_watched = true;
        r->server->watched++;
    }
}

/* The HTTP server: libmicrohttpd driven from serve's own loop. Everything here runs in the loop's
 * thread. A handler gets a whole request (body read, limits and Host and Origin checked) and
 * answers with http_reply, at once or in a later round; until then the connection is suspended and
 * costs nothing. */
#ifndef SWM_API_HTTP_H
#define SWM_API_HTTP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

struct http_server;
struct http_request; /* opaque: lives until it is answered, or, for a stream, until it is closed */

struct http_config {
    struct slice address;      /* "127.0.0.1:7960", "[::1]:7960"; port 0: any free one; absent:
                                  requests come from memory only */
    const struct slice *hosts; /* further allowed Host names, without port */
    size_t host_count;
    const char *tls_cert, *tls_key; /* PEM texts, read by http_open only; NULL: plain HTTP */
    /* The one handler: the route table (api/route.h). */
    void (*handle)(void *context, struct http_request *r);
    void *context;
};

/* ERR_IO: cannot listen (errno says why); ERR_INVALID: not an address; ERR_CORRUPT: the certificate
 * and the key are none, or not of each other. */
enum err http_open(const struct http_config *config, struct http_server **out) MUST_USE;
int http_poll_fd(const struct http_server *s);     /* becomes readable when http_round has work */
void http_round(struct http_server *s);            /* reads, parses, calls handlers, writes */
int64_t http_next_ms(const struct http_server *s); /* longest sleep allowed; TIME_NEVER: any */
int http_port(const struct http_server *s);
void http_stop_listening(struct http_server *s); /* drain: no new connections */
size_t http_open_requests(const struct http_server *s);
void http_close(struct http_server *s);

/* The request; slices live until it is answered. */
struct arena *http_arena(struct http_request *r);
struct slice http_method(const struct http_request *r);
struct slice http_path(const struct http_request *r); /* decoded, "/v1/instances" */
/* The path as it was sent: an encoded slash is told from a separating one. */
struct slice http_raw_path(const struct http_request *r);
struct slice http_raw_query(const struct http_request *r); /* as it was sent; absent: none */
/* Decodes %XX of a piece of it ('+' too, in a query). */
struct slice http_decode(const struct http_request *r, struct slice raw, bool is_query);
struct slice http_body(const struct http_request *r);
struct slice http_header(const struct http_request *r, const char *name); /* absent: none */
struct slice http_query(const struct http_request *r, const char *name); /* decoded; absent: none */
/* Iterates the names in the query, decoded: start with *cursor = 0 until false. */
bool http_query_next(const struct http_request *r, size_t *cursor, struct slice *name);
struct slice http_peer(const struct http_request *r); /* the client's address, for records */
bool http_is_secure(const struct http_request *r);    /* it came over TLS */
/* Who asks, as api/auth.h found out: kept with the request for whoever handles it. NULL: not known.
 */
struct auth_caller;
void http_set_caller(struct http_request *r, const struct auth_caller *caller);
const struct auth_caller *http_caller(const struct http_request *r);
/* When the answer must be whole, because whoever asks waits no longer: a long poll ends before, a
 * stream says what there is and ends. TIME_NEVER: the client waits as long as it likes. */
int64_t http_until_ms(const struct http_request *r);
/* How long a receive may wait that asks for so many seconds; -1: the queue's own time, which is not
 * known here, so that a client that waits no longer than http_until_ms gets what is there. */
int64_t http_wait_ms(const struct http_request *r, int64_t now_ms, int64_t wait_s);
/* False once the client has gone: asked before something is handed to it. */
bool http_is_connected(const struct http_request *r);
/* Called when the client goes before the answer (or the server closes): drop what waits for it, and
 * call http_reply no more. NULL forgets it. */
void http_on_gone(struct http_request *r, void (*gone)(void *context), void *context);
/* Runs `work` with the request's arena guarded: where memory is short, ERR_MEMORY is answered and
 * false returned. The handler is called so; whoever goes on later, in a callback, calls this. */
bool http_guard(struct http_request *r, void (*work)(void *context), void *context);

/* Answers. `type` is static; the body is copied. Extra headers are added before with http_add. */
void http_add(struct http_request *r, const char *name, struct slice value);
void http_reply(struct http_request *r, int status, const char *type, struct slice body);
void http_reply_json(struct http_request *r, int status, struct slice json);
/* {"error":{"code","message","where"}} with the status of e; where may be absent. */
void http_reply_error(struct http_request *r, enum err e, struct slice message, struct slice where);

/* A stream (server-sent events): http_stream starts it, http_stream_put appends bytes (false: the
 * client is too slow or gone, and the stream is being closed), http_on_gone ends it. */
void http_stream(struct http_request *r, const char *type);
bool http_stream_put(struct http_request *r, struct slice bytes);
size_t http_stream_unread(const struct http_request *r); /* bytes that wait for the client */
void http_stream_close(struct http_request *r);

/* Requests from memory (http_memory.c), for whoever has no socket: checked, led to the one handler
 * and answered like any other. */
struct http_field {
    struct slice name, value;
};

/* Absent: there is none of this name. Letters' cases do not count. */
struct slice http_find_field(const struct http_field *fields, size_t count, const char *name);

struct http_memory {          /* copied, but for `caller` */
    struct slice method, uri; /* uri: path and query, as they were sent */
    const struct http_field *headers;
    size_t header_count;
    struct slice body, peer;
    struct slice host; /* what this server is called where the request came from; absent: its
                          configured names only */
    bool is_secure;
    int64_t until_ms;                 /* see http_until_ms */
    const struct auth_caller *caller; /* who asks is known; NULL: to be found out */
};

struct http_answer { /* texts live until http_memory_end */
    int status;
    const struct http_field *headers;
    size_t header_count;
    struct slice body;
};

/* NULL: memory is short. The answer may be there at once. */
struct http_request *http_memory_take(struct http_server *s, const struct http_memory *m);
bool http_memory_answer(struct http_request *r, struct http_answer *out); /* false: not yet */
/* Nobody wants it any more; where no answer was given, whoever works on it is told so. */
void http_memory_end(struct http_request *r);

#endif

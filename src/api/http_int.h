/* What the files of the HTTP server share: http.c (opening, the round), http_request.c (what comes
 * in), http_memory.c (the same without a socket), http_check.c (what is let in) and http_reply.c
 * (what goes out). */
#ifndef SWM_API_HTTP_INT_H
#define SWM_API_HTTP_INT_H

#include "api/http.h"
#include "base/list.h"

#include <microhttpd.h>

#define HTTP_HOSTS_MAX 32
#define HTTP_HOST_BYTES_MAX 256
#define HTTP_ANSWER_FIELDS_MAX 24 /* headers of an answer in memory */

enum request_stage {
    REQUEST_HEADERS, /* the address is known, headers not yet looked at */
    REQUEST_BODY,    /* the body comes in, to be kept or dropped */
    REQUEST_HANDED,  /* the handler has it */
    REQUEST_ANSWERED /* an answer is made; the library has it or will ask for it */
};

struct http_added {
    const char *name;
    char *value;
    struct http_added *next;
};

struct http_request {
    struct link link; /* among the server's open requests, or its spare ones */
    struct http_server *server;
    struct MHD_Connection *connection; /* NULL: it is from memory */
    struct arena memory, *arena;       /* arena: &memory, also where the request is const */
    enum request_stage stage;
    char *uri; /* as it was sent, on the heap; `raw_path` and `raw_query` point into it */
    struct slice raw_path, raw_query, path, method, peer;
    const struct auth_caller *caller;
    bool is_bad_uri;
    char *body;
    size_t body_len, body_cap;
    enum err refused; /* why the body is dropped instead of kept */
    const char *refused_why;
    bool is_suspended, is_watched, is_dead, is_close;
    struct MHD_Response *response;
    unsigned status;
    struct http_added *added;
    void (*gone)(void *context);
    void *gone_context;
    /* of a stream: bytes that wait for the client */
    bool is_stream, is_ending;
    char *out;
    size_t out_len, out_sent, out_cap;
    /* from memory; its answer's body is in `out` */
    struct http_memory memory_of;
    bool is_abandoned; /* nobody takes the answer */
    struct http_field answer[HTTP_ANSWER_FIELDS_MAX];
    size_t answer_count;
};

struct http_server {
    struct MHD_Daemon *daemon; /* NULL: requests come from memory only */
    int watch_fd; /* epoll: the library's own epoll, and connections whose end somebody awaits */
    int port;
    char hosts[HTTP_HOSTS_MAX][HTTP_HOST_BYTES_MAX];
    size_t host_count;
    void (*handle)(void *context, struct http_request *r);
    void *context;
    struct list open, spare;
    size_t body_bytes; /* of all bodies held */
    size_t watched;
    bool is_closing, is_secure;
    bool has_ended; /* a connection has, in the last round */
};

/* http_request.c: callbacks of the library. */
void *http_request_begin(void *server, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_request_take(void *server, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request);
void http_request_end(void *server, struct MHD_Connection *connection, void **request,
                      enum MHD_RequestTerminationCode why);
void http_request_free(struct http_request *r);
/* Somebody waited for the request's answer, and nobody will read it. */
void http_request_tell_gone(struct http_request *r);
int http_request_fd(const struct http_request *r);

struct http_request *http_request_new(struct http_server *s);
bool http_request_take_uri(struct http_request *r, const char *uri);
/* The body is kept if the limits allow it; else it is refused. */
void http_request_take_body(struct http_request *r, struct slice bytes);
void http_request_refuse(struct http_request *r, enum err e, const char *why);
void http_request_hand_over(
    struct http_request *r); /* to the handler, or its refusal is answered */
void http_request_release(struct http_request *r);

/* http_memory.c */
void http_memory_end_all(struct http_server *s);

/* http_check.c: Host, Origin, framing. ERR_NONE lets it in; *is_framing: where the request ends is
 * in doubt, so that the connection can't go on. */
enum err http_check_headers(const struct http_request *r, const char **why, bool *is_framing);

/* http_reply.c */
enum MHD_Result http_reply_queue(struct http_request *r);
void http_reply_wake(struct http_request *r); /* lets the library look at it again */

#endif

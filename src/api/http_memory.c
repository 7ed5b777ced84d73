/* Requests that come in a message instead of over a socket. They take the same way as the others,
 * from http_check.c to the handler; the answer stays here until whoever brought the request takes
 * it. It must not know what brings them. */
#include "api/http_int.h"

#include "core/limits.h"

#include <stdlib.h>
#include <string.h>

static void copy(struct http_request *r, const struct http_memory *m)
{
    struct http_field *headers = arena_array(r->arena, m->header_count, sizeof *headers);
    r->memory_of = *m;
    for (size_t k = 0; k < m->header_count; k++) {
        headers[k].name = slice_copy(r->arena, m->headers[k].name);
        headers[k].value = slice_copy(r->arena, m->headers[k].value);
    }
    r->memory_of.headers = headers;
    r->memory_of.peer = slice_copy(r->arena, m->peer);
    r->memory_of.host = slice_copy(r->arena, m->host);
    r->method = slice_copy(r->arena, m->method);
    r->caller = m->caller;
    if (!http_request_take_uri(r, slice_text(r->arena, m->uri)))
        r->is_dead = true;
}

static bool copy_within(struct http_request *r, const struct http_memory *m)
{
    jmp_buf edge;
    r->arena->edge = &edge;
    bool is_copied = setjmp(edge) == 0;
    if (is_copied)
        copy(r, m);
    r->arena->edge = NULL;
    return is_copied && !r->is_dead;
}

/* Those whose answers came when nobody wanted them any more. */
static void sweep(struct http_server *s)
{
    for (struct link *k = list_first(&s->open), *next; k != NULL; k = next) {
        struct http_request *r = LINK_OWNER(k, struct http_request, link);
        next = list_after(&s->open, k);
        if (r->is_abandoned && r->stage == REQUEST_ANSWERED)
            http_request_release(r);
    }
}

struct http_request *http_memory_take(struct http_server *s, const struct http_memory *m)
{
    bool is_framing = false;
    const char *why = NULL;
    sweep(s);
    struct http_request *r = http_request_new(s);
    if (r == NULL)
        return NULL;
    if (!copy_within(r, m)) {
        http_request_release(r);
        return NULL;
    }
    r->stage = REQUEST_BODY;
    enum err e = http_check_headers(r, &why, &is_framing);
    if (e != ERR_NONE)
        http_request_refuse(r, e, why);
    else if (m->body.len > 0)
        http_request_take_body(r, m->body);
    http_request_hand_over(r);
    return r;
}

bool http_memory_answer(struct http_request *r, struct http_answer *out)
{
    if (r->stage < REQUEST_ANSWERED || (r->is_stream && !r->is_ending))
        return false;
    *out = (struct http_answer){.status = (int)r->status,
                                .headers = r->answer,
                                .header_count = r->answer_count,
                                .body = {r->out_len > 0 ? r->out : "", r->out_len}};
    if (r->is_dead) /* there was no memory for the answer itself */
        *out = (struct http_answer){.status = err_http(ERR_MEMORY), .body = SLICE("")};
    return true;
}

/* Whoever asked to be told of its end gives no answer then. A handler that did not answers later,
 * into the void: until then its request lives. */
void http_memory_end(struct http_request *r)
{
    bool is_over = r->stage == REQUEST_ANSWERED || r->gone != NULL;
    r->is_abandoned = r->is_dead = true;
    http_request_tell_gone(r);
    if (is_over)
        http_request_release(r);
}

/* The engine is closed: nobody works on one any more. */
void http_memory_end_all(struct http_server *s)
{
    struct link *k;
    while ((k = list_first(&s->open)) != NULL) {
        struct http_request *r = LINK_OWNER(k, struct http_request, link);
        r->is_dead = true;
        http_request_tell_gone(r);
        http_request_release(r);
    }
}

/* Turns the engine's answers into JSON and HTTP statuses. Before it stands flow, whose callbacks
 * these are; after it only the HTTP server. It must add nothing that the engine did not say. */
#include "api/rest_int.h"

#include "core/limits.h"

struct pending { /* what a callback got, for the guarded work */
    struct http_request *request;
    const struct asked *asked;
    const struct flow_answer *answer;
    enum err err;
    struct slice body;
};

/* Which thing is unknown, for clients that tell them apart. */
static enum err error_of(enum event_kind kind, const struct flow_answer *a)
{
    switch (a->verdict) {
    case VERDICT_REFUSED:
        return ERR_REFUSED;
    case VERDICT_INVALID:
        return ERR_INVALID;
    case VERDICT_TOO_LARGE:
        return ERR_TOO_LARGE;
    case VERDICT_UNKNOWN:
        if (kind == EVENT_START)
            return ERR_UNKNOWN_TEMPLATE;
        return a->status.len == 0 ? ERR_UNKNOWN_INSTANCE : ERR_UNKNOWN_TASK;
    default:
        return ERR_NONE;
    }
}

static void put_if(struct json_out *o, const char *name, struct slice s)
{
    if (s.len > 0)
        json_put_string(o, name, s);
}

static void write_error(struct json_out *o, enum err e, struct slice message)
{
    json_key(o, "error");
    json_object(o);
    json_put_text(o, "code", err_name(e));
    json_put_string(o, "message", message.len > 0 ? message : slice_of(err_text(e)));
    json_object_end(o);
}

static void write_tasks(struct json_out *o, const struct flow_answer *a)
{
    json_key(o, "tasks");
    json_array(o);
    for (uint32_t i = 0; i < a->task_count; i++)
        json_string(o, a->tasks[i]);
    json_array_end(o);
}

void rest_write_answer(struct json_out *o, enum event_kind kind, const struct flow_answer *a)
{
    if (a->err != ERR_NONE) {
        write_error(o, a->err, a->reason);
        return;
    }
    json_put_text(o, "verdict", vocab_name(VOCAB_VERDICT, (int)a->verdict));
    put_if(o, "reason", a->reason);
    put_if(o, "instance", a->instance);
    put_if(o, "template", a->template);
    if (a->version > 0)
        json_put_number(o, "version", a->version);
    put_if(o, "key", a->key);
    put_if(o, "status", a->status);
    put_if(o, "task", a->task);
    if (kind == EVENT_REPLAY_TASK || kind == EVENT_REPLAY_STAGE)
        write_tasks(o, a);
    if (a->seq > 0)
        json_put_number(o, "seq", (int64_t)a->seq);
    enum err e = error_of(kind, a);
    if (e != ERR_NONE)
        write_error(o, e, a->reason);
}

int rest_status(const struct flow_answer *a)
{
    return err_http(a->err != ERR_NONE ? a->err : error_of(EVENT_NONE, a));
}

static void reply_arrival(void *context)
{
    const struct pending *p = context;
    struct json_out o = json_out_new(http_arena(p->request), WORK_BYTES_MAX / 2);
    json_object(&o);
    rest_write_answer(&o, p->asked->kind, p->answer);
    json_object_end(&o);
    int status = rest_status(p->answer);
    if (status == 503)
        http_add(p->request, "Retry-After", SLICE("1"));
    http_reply_json(p->request, status, json_out_slice(&o));
}

void rest_reply_arrival(void *context, const struct flow_answer *a)
{
    const struct asked *asked = context;
    if (asked->wait_ms > 0 && a->err == ERR_NONE && rest_status(a) == 200 && a->instance.len > 0) {
        wait_begin(asked, a);
        return;
    }
    struct pending p = {.request = asked->request, .asked = asked, .answer = a};
    (void)http_guard(asked->request, reply_arrival, &p);
}

static void reply_failure(void *context)
{
    const struct pending *p = context;
    http_reply_error(p->request, p->err, p->body.len > 0 ? p->body : SLICE_NONE, SLICE_NONE);
}

static void reply_read(struct http_request *r, enum err err, struct slice body, const char *type)
{
    struct pending p = {.request = r, .err = err, .body = SLICE_NONE};
    if (err == ERR_NONE)
        http_reply(r, 200, type, body);
    else
        (void)http_guard(r, reply_failure, &p);
}

void rest_reply_read(void *context, enum err err, struct slice json)
{
    reply_read(context, err, json, "application/json");
}

void rest_reply_svg(void *context, enum err err, struct slice svg)
{
    reply_read(context, err, svg, "image/svg+xml");
}

void rest_read(struct rest *x, struct http_request *r, const struct flow_query *q)
{
    flow_read(x->flow, q, q->what == FLOW_GRAPH ? rest_reply_svg : rest_reply_read, r);
}

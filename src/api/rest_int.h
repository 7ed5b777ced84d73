/* What the handlers of the REST interface share. */
#ifndef SWM_API_REST_INT_H
#define SWM_API_REST_INT_H

#include "api/auth.h"
#include "api/rest.h"
#include "api/route.h"
#include "base/list.h"

#define REST_LOOK_MS 250 /* for what other nodes append, where the store is shared */

struct rest {
    struct flow *flow;
    struct queue_front *queues;
    struct queue *queue;
    struct http_server *http;
    char *data_folder, *store, *node; /* data_folder NULL: none */
    struct sqs_front *sqs;
    struct auth auth;
    int64_t now_ms, began_at_ms;
    uint64_t id_seed, ids_made;
    bool is_ready, is_draining;
    struct list waits;    /* wait.c */
    struct list streams;  /* stream.c */
    struct arena scratch; /* of one page of the feed */
    uint32_t stream_reads;
    bool is_stream_news;
    int64_t stream_news_at_ms; /* when streams were last told */
};

/* rest_body.c: what comes in. Those that return false have answered. */
bool rest_take_object(struct http_request *r, yyjson_val **object); /* no body: an empty object */
/* A body may have these members only: names with spaces between. `what` it is, for the error. */
bool rest_check_members(struct http_request *r, yyjson_val *body, const char *what,
                        const char *names);
bool rest_is_listed(const char *names, struct slice name);
/* "expires": a length from now, or a time to come; absent: 0. False: neither, not answered yet. */
bool rest_read_expiry(struct rest *x, yyjson_val *body, int64_t *at_ms);
bool rest_take_limit(struct http_request *r, const char *name, uint32_t fallback, uint32_t *out);
bool rest_take_count(struct http_request *r, const char *name, int64_t *out);  /* absent: 0 */
bool rest_take_time(struct http_request *r, const char *name, int64_t *at_ms); /* absent: 0 */
bool rest_take_flag(struct http_request *r, const char *name, bool *out); /* true, false, absent */
/* "a,b" is either of the two; \ before a character takes it as it is. False: it is at its end. */
bool rest_next_value(struct arena *a, struct slice *rest, struct slice *out);
/* At most FILTER_VALUES_MAX values, none of them twice: a store asks for each. */
bool rest_take_any(struct http_request *r, const char *name, struct store_any *out);
/* The same of words: each must be in the table. */
bool rest_take_words(struct http_request *r, const char *name, enum vocab table,
                     struct store_any *out);
/* What of the feed is asked for, by a list or a stream. */
bool rest_take_feed(struct http_request *r, struct flow_query *q);
/* Fills in what the door knows: source, actor, and the id where the event has none. `nth`: which
 * one of several in one request, from 0; -1: the only one. */
void rest_sign(struct rest *x, struct http_request *r, struct event *e, int64_t nth);
struct slice rest_source(const struct http_request *r);
struct slice rest_actor(struct http_request *r);

/* rest_answer.c: what goes out. */
struct asked { /* the context of an arrival; lives in the request's arena */
    struct rest *rest;
    struct http_request *request;
    enum event_kind kind;
    int64_t wait_ms; /* how long the answer to a start may wait for the end */
};
/* The members of an answer; the object around them is the caller's. */
void rest_write_answer(struct json_out *o, enum event_kind kind, const struct flow_answer *a);
int rest_status(const struct flow_answer *a);
flow_reply rest_reply_arrival;   /* context: struct asked */
flow_read_reply rest_reply_read; /* context: the request; JSON */
flow_read_reply rest_reply_svg;  /* the same; a picture */
void rest_fail(struct http_request *r, enum err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void rest_read(struct rest *x, struct http_request *r, const struct flow_query *q);

/* rest_event.c: what arrived, decoded or not. */
struct decoded {
    struct event event;
    struct slice body;    /* what it was decoded from */
    enum verdict verdict; /* VERDICT_APPLIED: it is an event */
    struct slice why;
};
/* The body as JSON; NULL: *out says why there is none. */
yyjson_val *rest_parse(struct arena *a, struct slice body, size_t bytes_max, struct decoded *out);
void rest_decode(struct arena *a, yyjson_val *object, struct decoded *out);
/* Whether a role may send it. Bytes that are no event may come from any worker. */
bool rest_may_send(enum role role, const struct decoded *d);
void rest_arrive(struct rest *x, const struct decoded *d, flow_reply *reply, void *context);
/* One event of a stated kind from a request's body; instance absent: the body names it. */
void rest_arrive_as(struct rest *x, struct http_request *r, enum event_kind kind,
                    struct slice instance);

/* rest_limits.c: the limits that users meet, as a member of an object. */
void rest_put_limits(struct json_out *o);

/* wait.c: answers when the instance is finished or the time is over. */
void wait_begin(const struct asked *asked, const struct flow_answer *a);
void wait_tell(struct rest *x, struct slice instance);
void wait_round(struct rest *x);
int64_t wait_next(const struct rest *x);
void wait_end_all(struct rest *x);

/* stream.c: the event stream. */
void stream_begin(struct rest *x, struct http_request *r, const struct flow_query *q);
void stream_tell(struct rest *x);
void stream_round(struct rest *x);
int64_t stream_next(const struct rest *x);
void stream_end_all(struct rest *x);

/* Handlers, by file. */
route_handler rest_template_list, rest_template_apply, rest_template_validate, rest_template_get,
    rest_template_version, rest_template_graph, rest_template_version_graph, rest_template_diff,
    rest_template_schema;
route_handler rest_instance_count, rest_activity, rest_attention;
route_handler rest_instance_list, rest_instance_start, rest_instance_get, rest_instance_events,
    rest_instance_graph, rest_instance_explain, rest_instance_replay, rest_instance_pause,
    rest_instance_resume, rest_instance_cancel, rest_instance_records, rest_instance_import,
    rest_instance_layout, rest_instance_timeline, rest_share;
route_handler rest_event_post, rest_event_feed, rest_audit;
route_handler rest_queue_list, rest_queue_receive, rest_queue_send, rest_queue_delete,
    rest_queue_purge, rest_queue_peek, rest_queue_get;
route_handler rest_task_inbox, rest_task_complete, rest_task_fail, rest_task_heartbeat,
    rest_task_start, rest_task_pending;
route_handler rest_key_create, rest_key_list, rest_key_revoke;
route_handler rest_index, rest_openapi, rest_stats, rest_verify, rest_backup, rest_health,
    rest_ready, rest_page, metrics_show, rest_status_show;

#endif

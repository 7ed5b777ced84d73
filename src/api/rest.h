/* The REST interface under /v1, the event stream, the page's files and the metrics. It turns HTTP
 * requests into arrivals and reads of the engine, and the engine's answers into JSON. One thread;
 * driven by serve's loop. docs/api.md says what each address takes and answers. */
#ifndef SWM_API_REST_H
#define SWM_API_REST_H

#include "api/http.h"
#include "api/sqs.h"
#include "flow/flow.h"
#include "port/queue_front.h"

struct rest;

struct rest_config {
    struct slice data_folder; /* where backups go; absent: nothing is on disk */
    struct slice store, node; /* shown in the index */
    uint64_t seed;            /* random: ids of events that come without one */
    struct slice admin_key;   /* opens everything; absent: none */
    bool must_have_keys;      /* without any, only health is told: others can reach this server */
};

enum err rest_open(const struct rest_config *config, struct rest **out) MUST_USE;
/* What handlers work with; all of it before the first request. `sqs` takes what is of its protocol.
 */
struct rest_parts {
    struct flow *flow;
    struct queue_front *queues;
    struct queue *queue;
    struct http_server *http;
    struct sqs_front *sqs;
};
void rest_connect(struct rest *x, const struct rest_parts *parts);
/* The events of a message to the queue swm-events: sqs_config.events, with `rest` as its context.
 */
void rest_post(void *rest, const struct sqs_post *p, sqs_posted *reply, void *reply_context);
void rest_set_time(struct rest *x, int64_t now_ms); /* at the start of each round */
/* Whether whoever asks must show a key. Known once the engine is ready. */
bool rest_asks_for_keys(const struct rest *x);
void rest_set_ready(struct rest *x); /* until then requests are answered ERR_OVERLOAD */
void rest_handle(void *rest, struct http_request *r); /* http_config.handle */
/* flow_config.tell: a record is durable. */
void rest_tell(void *rest, struct slice instance, const struct store_record *r);
void rest_round(struct rest *x, int64_t now_ms); /* streams and waits */
int64_t rest_next(const struct rest *x);         /* when to call it again; TIME_NEVER */
/* Ends streams and waits: clients come back to the next process. */
void rest_drain(struct rest *x);
void rest_close(struct rest *x);

#endif

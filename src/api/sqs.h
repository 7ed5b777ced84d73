/* The Amazon SQS protocol (AWS JSON 1.0) in front of the built-in queues, for workers and senders
 * that use an AWS SDK. What is sent to the queue swm-events are events: they go to the engine, and
 * the sender is answered when their verdict is durable. docs/sqs.md says what is supported. */
#ifndef SWM_API_SQS_H
#define SWM_API_SQS_H

#include "api/auth.h"
#include "core/vocab.h"
#include "port/queue_front.h"

struct sqs_front;

struct sqs_post {      /* one message sent to swm-events */
    struct slice body; /* an event or an array of events, as sent */
    struct slice id;   /* the MessageId: the event_id of an event that has none of its own; of
                          the n-th of an array, from 0: "ID/n" */
    struct slice source, actor;
    enum role role; /* the sender's: which events it may send */
};
/* ERR_NONE: the verdict is durable, whatever it is. ERR_FORBIDDEN: the sender's role does not allow
 * one of the events, and none was taken. Else nothing is decided: the sender tries
 * again. */
typedef void sqs_posted(void *context, enum err err);

struct sqs_config {
    struct queue_front *queues;
    uint64_t seed; /* random: MessageIds */
    /* Takes the events of one message. What it needs of `p` after it has returned it copies; the
     * reply comes once, at once or later. */
    void (*events)(void *context, const struct sqs_post *p, sqs_posted *reply, void *reply_context);
    void *context;
};

enum err sqs_open(const struct sqs_config *config, struct sqs_front **out) MUST_USE;
/* From then on requests must be signed where `a` is on. */
void sqs_set_auth(struct sqs_front *s, struct auth *a);
void sqs_close(struct sqs_front *s);
/* Whether a request speaks to Amazon SQS, in this protocol or in the one before it. */
bool sqs_wants(const struct http_request *r);
/* Answers any request; one that sqs_wants does not want gets "not found". `front`: struct
 * sqs_front; fits rest_config.other. */
void sqs_handle(void *front, struct http_request *r);

#endif

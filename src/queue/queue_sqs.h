/* Work queues on Amazon SQS. The engine says which task messages exist (struct queue); here their
 * names are kept until Amazon SQS has them: the text is asked for, messages are gathered and sent
 * in batches, and what fails is sent again. Events are received from queues, handed to the engine
 * one by one, and deleted when their verdict is durable. One thread, never blocks, reads no clock:
 * the loop polls one descriptor and calls the round.
 *
 * A task queue is named by its name, its URL or its ARN. One named by its name is made when it does
 * not exist, unless the configuration says that queues must exist.
 *
 * What Amazon SQS has is not known here: a message sent twice carries the same token, and a message
 * of a task that has ended is answered as stale. */
#ifndef SWM_QUEUE_QUEUE_SQS_H
#define SWM_QUEUE_QUEUE_SQS_H

#include "base/arena.h"
#include "port/queue.h"
#include "port/queue_front.h"

struct queue_sqs;

typedef void queue_sqs_text(void *context, enum err err, struct slice json);
typedef void queue_sqs_verdict(void *context, enum err err);

struct queue_sqs_event {
    struct slice body; /* as sent: an event, an array of them, or anything else */
    struct slice id;   /* the MessageId */
};

/* What the driver asks of the engine. Each answers its reply exactly once, at once or later, and
 * copies what it needs of its arguments beyond its return. None of them is called from inside
 * offer, withdraw or extend. */
struct queue_sqs_engine {
    void *context;
    /* The text of a task message. ERR_NOT_FOUND: it exists no more and counts as sent; any other
     * error: asked again a little later. */
    void (*read_message)(void *context, const struct queue_message *m, queue_sqs_text *reply,
                         void *reply_context);
    /* What has arrived. ERR_NONE: its verdict is durable, so that it is deleted; else it comes
     * again. */
    void (*arrive)(void *context, const struct queue_sqs_event *e, queue_sqs_verdict *reply,
                   void *reply_context);
    /* Whether it can work on what arrives. While it cannot, events stay where others find them. */
    bool (*is_able)(void *context);
    /* The name of the task message with this text, in the arena. False: it is none. */
    bool (*read_name)(void *context, struct arena *a, struct slice json, struct queue_message *out);
    /* A sentence for the log: something went wrong or works again. */
    void (*say)(void *context, bool is_bad, struct slice sentence);
};

struct queue_sqs_config {
    struct slice region;
    struct slice endpoint; /* "http://…" or "https://…"; absent: Amazon's own of the region */
    struct slice events;   /* names with commas between; absent: swm-events, and swm-events.fifo
                              where it exists */
    struct slice timers;   /* where reminders go, a standard queue; absent: the first of events
                              that is one */
    bool must_exist;       /* queues are not made */
    struct queue_sqs_engine engine;
    uint64_t seed; /* random in production: hash tables, jitter */
    int64_t now_ms;
};

/* Reads "sqs://REGION?endpoint=URL&events=NAME&timers=NAME&create=no" over what the environment
 * says (AWS_REGION, AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL). ERR_INVALID: *why is a sentence. Texts
 * lie in the arena or the environment. */
enum err queue_sqs_read(struct arena *a, struct slice url, struct queue_sqs_config *out,
                        struct slice *why) MUST_USE;

/* Texts of the configuration are copied. */
enum err queue_sqs_open(const struct queue_sqs_config *config, struct queue_sqs **out) MUST_USE;
struct queue *queue_sqs_queue(struct queue_sqs *q);
struct queue_front *queue_sqs_front(struct queue_sqs *q);
/* A template names this queue: it is known to the doors. ERR_MEMORY. */
enum err queue_sqs_declare(struct queue_sqs *q, struct slice name) MUST_USE;

/* From now on events are received. */
void queue_sqs_start(struct queue_sqs *q);
int queue_sqs_poll_fd(const struct queue_sqs *q); /* readable: call the round */
void queue_sqs_set_time(struct queue_sqs *q, int64_t now_ms);
void queue_sqs_round(struct queue_sqs *q, int64_t now_ms);
int64_t queue_sqs_next(const struct queue_sqs *q); /* when to call it again; TIME_NEVER */

/* Nothing that was handed through or reminded of is on its way. */
bool queue_sqs_is_settled(const struct queue_sqs *q);

/* Receives nothing more and gives back what has no verdict. What is unsent is sent on. */
void queue_sqs_drain(struct queue_sqs *q);
/* Draining, and nothing is left to delete, to give back, or to send as far as that can be. */
bool queue_sqs_is_idle(const struct queue_sqs *q);
void queue_sqs_close(struct queue_sqs *q);

#endif

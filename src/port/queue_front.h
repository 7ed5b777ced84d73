/* What the doors (SQS protocol, /v1/queues) ask of built-in work queues. Answers come through
 * callbacks, in the loop's thread; what must be durable is durable before the callback. Queues made
 * here and queues named by templates are one space of names. */
#ifndef SWM_PORT_QUEUE_FRONT_H
#define SWM_PORT_QUEUE_FRONT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#define QUEUE_EVENTS                                                                               \
    "swm-events" /* events are sent here; it holds nothing and cannot be received */

struct queue_delivery { /* one received message */
    struct slice id, body, receipt;
    struct slice attributes; /* JSON {"MessageAttributes":{…}} as sent; absent: none */
    int64_t sent_at_ms, first_received_at_ms, receives;
    bool is_task; /* derived from an instance: its body is a task message */
};

struct queue_info {
    struct slice name, attributes /* JSON object of strings */;
    int64_t visible, in_flight, delayed, oldest_at_ms, created_at_ms, modified_at_ms;
    int64_t waiting_receives; /* long polls parked on it */
    bool has_more;            /* more are visible than are counted */
    struct slice problem;     /* what is wrong with it, in a sentence; absent: nothing */
};

typedef void queue_front_done(void *context, enum err err, struct slice detail);
typedef void queue_front_received(void *context, enum err err, const struct queue_delivery *d,
                                  uint32_t count);

struct queue_receive {
    struct slice queue;
    uint32_t max;                        /* 1 to QUEUE_RECEIVES_MAX */
    int64_t wait_ms;                     /* -1: the queue's attribute */
    int64_t visibility_ms;               /* -1: not stated */
    bool (*is_connected)(void *context); /* asked before a message is handed over */
    queue_front_received *reply;
    void *context;
};

struct queue_send {
    struct slice queue, body, attributes;
    int64_t delay_ms; /* -1: the queue's attribute */
    struct slice id;  /* made by the caller */
};

struct queue_front;

struct queue_front_ops {
    void (*create)(struct queue_front *q, struct slice name, struct slice attributes_json,
                   queue_front_done *done, void *context); /* ERR_EXISTS: with other attributes */
    void (*set)(struct queue_front *q, struct slice name, struct slice attributes_json,
                queue_front_done *done, void *context);
    void (*drop)(struct queue_front *q, struct slice name, queue_front_done *done, void *context);
    void (*purge)(struct queue_front *q, struct slice name, queue_front_done *done, void *context);
    /* ERR_NOT_FOUND. */
    enum err (*info)(struct queue_front *q, struct slice name, struct queue_info *out);
    /* In order of name, those with the prefix: iterate with after = the last name until false. */
    bool (*next)(struct queue_front *q, struct slice after, struct slice prefix,
                 struct queue_info *out);
    void (*send)(struct queue_front *q, const struct queue_send *m, uint32_t count,
                 queue_front_done *done, void *context); /* all of them durable, or none */
    /* Returns a handle for cancel, 0 when it was answered already. */
    uint64_t (*receive)(struct queue_front *q, const struct queue_receive *r);
    void (*cancel)(struct queue_front *q, uint64_t receive); /* its client has gone */
    /* ERR_INVALID: not a receipt of this queue. Deleting what is gone succeeds. */
    void (*remove)(struct queue_front *q, struct slice queue, struct slice receipt,
                   queue_front_done *done, void *context);
    /* ERR_INVALID: not a receipt; ERR_REFUSED: not in flight. */
    enum err (*set_visibility)(struct queue_front *q, struct slice queue, struct slice receipt,
                               int64_t visibility_ms);
    /* Looks at up to `max` messages without receiving them. NULL: that cannot be. */
    void (*peek)(struct queue_front *q, struct slice queue, uint32_t max,
                 queue_front_received *reply, void *context);
};

struct queue_front {
    const struct queue_front_ops *ops;
};

#endif

/* The queue port: where task messages go and foreign messages lie. Flow says what exists (offer)
 * and what exists no more (withdraw); the driver holds no truth of its own about tasks. Calls come
 * from the loop's thread and never block. */
#ifndef SWM_PORT_QUEUE_H
#define SWM_PORT_QUEUE_H

#include "base/err.h"
#include "base/slice.h"

/* The name of a task message: which attempt of which task. Texts are copied by the driver. */
struct queue_message {
    struct slice queue, instance, task;
    int64_t item, generation, attempt;
    int64_t visible_at_ms; /* not shown before */
    int64_t visibility_ms; /* how long a receive hides it; 0: the queue's attribute */
    uint64_t pos;          /* of the record that sent it; 0: not said */
};

/* How a queue driver fares. Texts are valid until its next round. */
struct queue_health {
    struct slice problem;        /* what is wrong now, in a sentence; absent: nothing */
    struct slice warning;        /* what will bite later */
    bool is_closed;              /* the service cannot be called at all */
    uint64_t unsent;             /* messages offered and not out */
    int64_t oldest_unsent_at_ms; /* when the first of them was offered; 0: none */
    uint64_t in_hand;            /* events received whose verdict is not durable yet */
    uint64_t requests;           /* made to the service since the start */
};

struct queue_counter {
    const char *action; /* in the service's own word */
    uint64_t count;     /* requests since the start */
};

struct queue;

struct queue_ops {
    const char *name;
    /* A message exists. Offering the same (instance, task, item, generation, attempt) again changes
     * nothing but a visibility that was not stated before. ERR_MEMORY: it is not held; the window
     * will be read again from the store. */
    enum err (*offer)(struct queue *q, const struct queue_message *m);
    /* No message of (instance, task, item) up to this generation and attempt exists any more. */
    void (*withdraw)(struct queue *q, const struct queue_message *m);
    /* A sign of life: hide it for another visibility from now on. */
    void (*extend)(struct queue *q, const struct queue_message *m, int64_t now_ms);
    /* Asks for a Wake event of the instance at about that time, from the queue that brings events.
     * A hint: it may get lost and may come twice. ERR_REFUSED: this queue can't. NULL: none can. */
    enum err (*remind)(struct queue *q, struct slice instance, int64_t at_ms);
    /* The lowest `pos` among messages that were offered and are not sent yet; UINT64_MAX: none.
     * NULL: what is offered is there. */
    uint64_t (*unsent_pos)(const struct queue *q);
    /* NULL: nothing can be wrong. */
    void (*health)(const struct queue *q, struct queue_health *out);
    /* The n-th kind of request that is made to the service, from 0; false: there are no more. NULL:
     * there is no service. */
    bool (*counter)(const struct queue *q, size_t n, struct queue_counter *out);
    /* Messages exist because instances say so: every one is offered again when its instance is
     * loaded. Else a message is offered once, and again only where nobody knows that it was sent.
     */
    bool is_derived;
};

struct queue { /* the first member of every driver's struct */
    const struct queue_ops *ops;
};

#endif

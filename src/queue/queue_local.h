/* The built-in work queues. Task messages are derived from instances: the engine says which exist
 * (struct queue), and here are only their visibility, receive counts and the receives that wait.
 * Foreign messages and the attributes of queues lie in the store. Clients come through
 * struct queue_front. One thread, never blocks, reads no clock.
 *
 * A queue comes into being when a template names it (declare), when a task message is offered to
 * it, or when a client makes it. The queue swm-events is always there; it holds nothing. */
#ifndef SWM_QUEUE_QUEUE_LOCAL_H
#define SWM_QUEUE_QUEUE_LOCAL_H

#include "port/queue.h"
#include "port/queue_front.h"
#include "port/store.h"

struct queue_local;

typedef void queue_local_text(void *context, enum err err, struct slice json);
typedef void queue_local_refilled(void *context, enum err err, bool has_more);
typedef void queue_local_deleted(void *context, enum err err);

/* What the queues ask of the engine. Each answers its reply exactly once, at once or later, and
 * copies what it needs of its arguments beyond its return. None of them is called from inside
 * offer, withdraw or extend. */
struct queue_local_engine {
    void *context;
    /* The text of a task message. ERR_NOT_FOUND: it exists no more and is dropped; any other error:
     * it is shown again a little later. */
    void (*read_message)(void *context, const struct queue_message *m, queue_local_text *reply,
                         void *reply_context);
    /* Offers more messages of `queue` than are held, before the reply. */
    void (*refill)(void *context, struct slice queue, queue_local_refilled *reply,
                   void *reply_context);
    /* A worker deleted a task message that nobody answered: durable before the reply. */
    void (*deleted)(void *context, const struct queue_message *m, queue_local_deleted *reply,
                    void *reply_context);
};

struct queue_local_config {
    struct store *store;
    struct queue_local_engine engine;
    uint64_t seed; /* random in production: hash tables, receipts of one life of the process */
    int64_t now_ms;
};

enum err queue_local_open(const struct queue_local_config *config,
                          struct queue_local **out) MUST_USE;
struct queue *queue_local_queue(struct queue_local *q);
struct queue_front *queue_local_front(struct queue_local *q);

/* Reads the queues that were made and begins to read their messages. Until is_ready clients are
 * answered ERR_OVERLOAD; offers and declares may come before. */
void queue_local_start(struct queue_local *q);
bool queue_local_is_ready(const struct queue_local *q);
enum err queue_local_start_error(const struct queue_local *q);

/* A template names this queue: workers may wait at it before its first message. ERR_MEMORY. */
enum err queue_local_declare(struct queue_local *q, struct slice name) MUST_USE;

/* A request of the store whose `owner` is this queue_local has been collected. */
void queue_local_stored(struct queue_local *q, struct store_request *r);

/* What time it is, told at the start of each round of the loop, before requests are read: from it
 * visibility and delays count. Never goes back. */
void queue_local_set_time(struct queue_local *q, int64_t now_ms);
/* Does what is due and hands what is visible to the receives that wait. */
void queue_local_round(struct queue_local *q, int64_t now_ms);
int64_t queue_local_next(const struct queue_local *q); /* when to call it again; TIME_NEVER */

/* Receives that wait are answered empty, and from now on none waits. */
void queue_local_drain(struct queue_local *q);
/* The store and the engine are closed before: whoever still waits is not answered. */
void queue_local_close(struct queue_local *q);

#endif

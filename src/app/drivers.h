/* The drivers that a configuration names, wired to the engine. drivers.c is the only file that
 * knows them. The engine and the queues share one store: what is finished is dealt out to whoever
 * asked. */
#ifndef SWM_APP_DRIVERS_H
#define SWM_APP_DRIVERS_H

#include "api/sqs.h"
#include "flow/flow.h"
#include "port/queue_front.h"
#include "port/store.h"

struct drivers;

#define DRIVERS_MESSAGE_BYTES 512

struct drivers_config {
    const char *store;     /* "sqlite", "memory", or the address of a MongoDB */
    const char *data;      /* the data folder of sqlite */
    const char *node;      /* this node's name, where others share the store */
    bool is_brief;         /* this process lives for a short time and sleeps in between */
    bool takes_unfinished; /* a store that is still being filled from another one is opened too */
};

/* In a store's meta: it is being filled from another store, as JSON; it is whole, since when. */
#define DRIVERS_MOVE_BEGUN "move.begun"
#define DRIVERS_MOVE_DONE "move.done"

/* `message` says in a sentence for the user what is wrong, where there is more to say than the
 * error does; a password is never in it. */
enum err drivers_open(const struct drivers_config *config, struct drivers **out,
                      char message[DRIVERS_MESSAGE_BYTES]) MUST_USE;
/* Walks through a collection of somebody else's database, as JSON. The caller waits. */
typedef bool drivers_document(void *context, struct slice json);
enum err drivers_read_documents(const char *address, const char *collection, drivers_document *take,
                                void *context, char message[DRIVERS_MESSAGE_BYTES]) MUST_USE;
/* To be added to the steady clock for the store's time. False: it has no time of its own. */
bool drivers_offset_ms(const struct drivers *d, int64_t *offset_ms);
struct store *drivers_store(struct drivers *d); /* the engine's view of the store */
int drivers_wake_fd(const struct drivers *d);   /* readable when requests are finished; -1 */
struct drivers_queue {
    const char *url; /* "builtin" or "sqs://…" */
    struct flow *flow;
    /* Takes the events of one message that was read from a queue: rest_post. */
    void (*events)(void *context, const struct sqs_post *p, sqs_posted *reply, void *reply_context);
    void *context;
    uint64_t seed;
};
/* The queues, connected to the engine. Ready when what is stored of them is being read. `message`
 * as above. */
enum err drivers_open_queue(struct drivers *d, const struct drivers_queue *queue, int64_t now_ms,
                            char message[DRIVERS_MESSAGE_BYTES]) MUST_USE;
int drivers_queue_fd(const struct drivers *d); /* readable when the queues have news; -1 */
void drivers_start(struct drivers *d);
void drivers_receive(struct drivers *d); /* the engine is ready: events may come */
bool drivers_is_ready(const struct drivers *d);
enum err drivers_start_error(const struct drivers *d);
struct queue *drivers_queue(struct drivers *d);
struct queue_front *drivers_front(struct drivers *d);
/* Tells the queues which ones templates name. ERR_MEMORY: call it again. */
enum err drivers_declare(struct drivers *d) MUST_USE;

/* At the start of each round, before requests are read. */
void drivers_set_time(struct drivers *d, int64_t now_ms);
/* Collects what the store has finished and lets the queues do what is due. */
void drivers_round(struct drivers *d, int64_t now_ms);
int64_t drivers_next(const struct drivers *d);
/* Nothing but messages that the engine waits for is on its way to the queues. */
bool drivers_is_settled(const struct drivers *d);
void drivers_drain(struct drivers *d);         /* receives that wait are answered empty */
bool drivers_is_idle(const struct drivers *d); /* draining: what was offered is out */
/* First the store, which finishes what it has; then, after the engine, the rest. */
void drivers_close_store(struct drivers *d); /* nothing when it is closed */
void drivers_close(struct drivers *d);

#endif

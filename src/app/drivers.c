/* Opens the drivers that the configuration names and wires them to the engine; the only file that
 * knows which there are. The engine and the queues submit to one store, each through a view of its
 * own; what is finished is dealt out by owner. It must add no rule of its own. */
#include "app/drivers.h"

#include "base/time.h"
#include "core/limits.h"
#include "queue/queue_local.h"
#include "store/store_mem.h"
#include "store/store_mongo.h"
#include "store/store_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLLECT_MAX 64

struct drivers {
    struct store view; /* must be first: what the engine sees of the store */
    struct store_ops view_ops;
    struct store *store;
    struct queue_local *queue;
    struct flow *flow;
    struct list finished; /* the engine's, until it collects them */
    bool is_submitted;    /* since the last collection */
};

/* --- the engine's view of the store ----------------------------------------------------------- */

static struct drivers *drivers_of(const struct store *view)
{
    return (struct drivers *)(uintptr_t)view;
}

static void submit(struct store *view, struct store_request *r)
{
    struct drivers *d = drivers_of(view);
    d->is_submitted = true;
    d->store->ops->submit(d->store, r);
}

/* Takes what is finished from the store itself and gives the queues theirs. */
static void collect(struct drivers *d)
{
    struct store_request *done[COLLECT_MAX];
    size_t count;
    d->is_submitted = false;
    while ((count = d->store->ops->complete(d->store, done, COLLECT_MAX)) > 0) {
        for (size_t i = 0; i < count; i++) {
            if (d->queue != NULL && done[i]->owner == d->queue)
                queue_local_stored(d->queue, done[i]);
            else
                list_append(&d->finished, &done[i]->link);
        }
    }
}

static size_t complete(struct store *view, struct store_request **done, size_t max)
{
    struct drivers *d = drivers_of(view);
    collect(d);
    size_t count = 0;
    while (count < max && list_first(&d->finished) != NULL)
        done[count++] = LINK_OWNER(list_take(&d->finished), struct store_request, link);
    return count;
}

static int wake_fd(const struct store *view)
{
    return drivers_wake_fd(drivers_of(view));
}

/* The store is closed by its own name: the view only lends it. */
static void close_view(struct store *view)
{
    (void)view;
}

static bool is_mongo(const char *store)
{
    return strncmp(store, "mongodb://", 10) == 0 || strncmp(store, "mongodb+srv://", 14) == 0;
}

static enum err open_store(struct drivers *d, const struct drivers_config *c, char *message)
{
    if (strcmp(c->store, "memory") == 0)
        return store_mem_open(&d->store);
    if (is_mongo(c->store))
        return store_mongo_open(c->store, c->node, &d->store, message);
    return store_sqlite_open(c->data, &d->store, message);
}

enum err drivers_open(const struct drivers_config *config, struct drivers **out,
                      char message[DRIVERS_MESSAGE_BYTES])
{
    struct drivers *d = calloc(1, sizeof *d);
    if (d == NULL)
        return ERR_MEMORY;
    list_init(&d->finished);
    enum err e = open_store(d, config, message);
    if (e != ERR_NONE) {
        free(d);
        return e;
    }
    d->view_ops = (struct store_ops){.name = d->store->ops->name,
                                     .submit = submit,
                                     .complete = complete,
                                     .wake_fd = wake_fd,
                                     .close = close_view,
                                     .is_shared = d->store->ops->is_shared};
    d->view.ops = &d->view_ops;
    *out = d;
    return ERR_NONE;
}

struct store *drivers_store(struct drivers *d)
{
    return &d->view;
}

int64_t drivers_offset_ms(const struct drivers *d)
{
    return d->store->ops->offset_ms == NULL ? 0 : d->store->ops->offset_ms(d->store);
}

int drivers_wake_fd(const struct drivers *d)
{
    return d->store->ops->wake_fd(d->store);
}

/* --- what the queues ask of the engine -------------------------------------------------------- */

static void read_message(void *context, const struct queue_message *m, queue_local_text *reply,
                         void *reply_context)
{
    struct drivers *d = context;
    flow_message(d->flow, m, reply, reply_context);
}

static void refill(void *context, struct slice queue, queue_local_refilled *reply,
                   void *reply_context)
{
    struct drivers *d = context;
    flow_refill(d->flow, queue, reply, reply_context);
}

struct deletion {
    queue_local_deleted *reply;
    void *context;
};

static void take_deleted(void *context, const struct flow_answer *answer)
{
    struct deletion *w = context;
    queue_local_deleted *reply = w->reply;
    void *reply_context = w->context;
    free(w);
    reply(reply_context, answer->err);
}

/* A delete without an answer is an event like any other: recorded before it is told. */
static void deleted(void *context, const struct queue_message *m, queue_local_deleted *reply,
                    void *reply_context)
{
    struct drivers *d = context;
    struct deletion *w = malloc(sizeof *w);
    if (w == NULL) {
        reply(reply_context, ERR_MEMORY);
        return;
    }
    *w = (struct deletion){reply, reply_context};
    char id[EVENT_ID_BYTES_MAX];
    int len = snprintf(id, sizeof id, "deleted/%.*s/%lld/%lld",
                       m->task.len > 200 ? 200 : (int)m->task.len, m->task.at,
                       (long long)m->generation, (long long)m->attempt);
    struct event e = {.kind = EVENT_MESSAGE_DELETED,
                      .id = {id, (size_t)len},
                      .source = SLICE("queue"),
                      .instance = m->instance,
                      .task = m->task,
                      .item = m->item,
                      .generation = m->generation,
                      .attempt = m->attempt};
    flow_arrive(d->flow, &e, take_deleted, w);
}

enum err drivers_open_queue(struct drivers *d, struct flow *f, uint64_t seed, int64_t now_ms)
{
    struct queue_local_config c = {.store = &d->view,
                                   .engine = {d, read_message, refill, deleted},
                                   .seed = seed,
                                   .now_ms = now_ms};
    d->flow = f;
    enum err e = queue_local_open(&c, &d->queue);
    if (e != ERR_NONE)
        return e;
    flow_set_queue(f, queue_local_queue(d->queue));
    return ERR_NONE;
}

void drivers_start(struct drivers *d)
{
    queue_local_start(d->queue);
}

bool drivers_is_ready(const struct drivers *d)
{
    return queue_local_is_ready(d->queue);
}

enum err drivers_start_error(const struct drivers *d)
{
    return queue_local_start_error(d->queue);
}

struct queue *drivers_queue(struct drivers *d)
{
    return queue_local_queue(d->queue);
}

struct queue_front *drivers_front(struct drivers *d)
{
    return queue_local_front(d->queue);
}

enum err drivers_declare(struct drivers *d)
{
    enum err e = ERR_NONE;
    size_t cursor = 0;
    const struct template *t;
    while ((t = flow_template_next(d->flow, &cursor)) != NULL) {
        for (uint32_t i = 0; i < t->task_count && e == ERR_NONE; i++) {
            if (t->tasks[i].queue.at != NULL)
                e = queue_local_declare(d->queue, template_queue_name(t->tasks[i].queue));
        }
    }
    return e;
}

/* --- the round -------------------------------------------------------------------------------- */

void drivers_set_time(struct drivers *d, int64_t now_ms)
{
    queue_local_set_time(d->queue, now_ms);
}

void drivers_round(struct drivers *d, int64_t now_ms)
{
    collect(d);
    queue_local_round(d->queue, now_ms);
}

/* What was submitted to a store that finishes at once is there at once. */
int64_t drivers_next(const struct drivers *d)
{
    if (list_first(&d->finished) != NULL || (d->is_submitted && drivers_wake_fd(d) < 0))
        return 0;
    return queue_local_next(d->queue);
}

void drivers_drain(struct drivers *d)
{
    queue_local_drain(d->queue);
}

void drivers_close_store(struct drivers *d)
{
    d->store->ops->close(d->store);
    d->store = NULL;
}

void drivers_close(struct drivers *d)
{
    if (d->queue != NULL)
        queue_local_close(d->queue);
    free(d);
}
